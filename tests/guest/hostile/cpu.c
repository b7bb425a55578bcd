/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The CPU: segments, descriptors, handlers, user mode, privileged instructions, debug registers. */
#include "hostile.h"
#include <xen/nmi.h>

static uint64_t descriptor(void)
{
    static const uint64_t good[] = { 0x00cff3000000ffff, 0x00affb000000ffff, 0x00cffb000000ffff, 0x0000ec0000000000 | 0xe033ul << 16, 0x0040f20000000fff, 0 };
    const uint64_t d = PICK(good);

    return one_in(3) ? rnd64() : one_in(3) ? d ^ 1ull << rnd(64) : d;
}

void op_segments(void)
{
    uint64_t *frames = me->buffer[0];
    unsigned int sel;

    switch (rnd(4)) {
    case 0:
        for (unsigned int i = 0; i < 16; i++)
            frames[i] = some_mfn();
        HC2(set_gdt, one_in(30) ? (uint64_t *)some_va() : frames, one_in(8) ? rnd64() : rnd(2000));
        break;
    case 1:
        HC2(update_descriptor, pool_mfn() << 12 | rnd(512) * 8 | (one_in(20) ? rnd(8) : 0), descriptor());
        break;
    case 2:
        HC2(set_segment_base, rnd(5), one_in(2) ? some_va() : rnd64());
        break;
    default:
        sel = (unsigned int)(one_in(2) ? rnd(0x10000) : rnd(64) * 8 + rnd(8));
        switch (rnd(4)) {
        case 0: TRY("mov %k0, %%ds", : "r"(sel) : "memory"); break;
        case 1: TRY("mov %k0, %%es", : "r"(sel) : "memory"); break;
        case 2: TRY("mov %k0, %%fs", : "r"(sel) : "memory"); break;
        default: TRY("mov %k0, %%gs", : "r"(sel) : "memory"); break;
        }
        /* Some stay while others run. */
        if (one_in(2))
            HC2(sched_op, SCHEDOP_yield, 0);
        TRY("lar %1, %0", "+r"(sel) : "r"(sel) : "memory");
        __asm__ volatile("mov %0, %%ds; mov %0, %%es" :: "r"(0));
    }
}

/* A table of descriptors, most of them valid, as GDT or LDT; then its segments and gates are used. */
void op_descriptor_table(void)
{
    const unsigned int i = (unsigned int)rnd(NR_PAGES);
    const bool is_ldt = one_in(2);
    struct { uint64_t offset; uint16_t sel; } __attribute__((packed)) far = { .offset = one_in(2) ? (uint64_t)event_entry : bad_va() };

    set_pte(page[i], mfn_at[i] << 12 | PTE_P | PTE_A | PTE_RW, UVMF_INVLPG);
    for (unsigned int n = 0; n < 512; n++)
        if (!try_write(&page[i][n], n < 64 ? descriptor() : 0))
            return;
    set_pte(page[i], mfn_at[i] << 12 | PTE_P | PTE_A, UVMF_INVLPG);
    if (is_ldt)
        mmuext(MMUEXT_SET_LDT, (uint64_t)page[i], one_in(4) ? rnd(9000) : 512);
    else
        HC2(set_gdt, &mfn_at[i], 512);
    for (unsigned int n = 0; n < 8; n++) {
        unsigned int sel = (unsigned int)rnd(64) * 8 + (is_ldt ? 4 : 0) + 3;

        far.sel = (uint16_t)sel;
        switch (rnd(7)) {
        case 0: TRY("mov %k0, %%ds", : "r"(sel) : "memory"); break;
        case 1: TRY("mov %k0, %%es", : "r"(sel) : "memory"); break;
        case 2: TRY("mov %k0, %%fs; mov %%fs:0, %0", "+r"(sel) : : "memory"); break;
        case 3: TRY("mov %k0, %%gs", : "r"(sel) : "memory"); break;
        case 4: TRY("lsl %1, %0", "+r"(sel) : "r"(sel) : "memory"); break;
        case 5: TRY("verw %w0", : "r"(sel) : "memory"); break;
        default:
            /* A gate leads to our own code, where it faults; a far call that went through would return there. */
            if (!is_dom0)
                TRY("rex.w lcall *%0", : "m"(far) : "memory");
        }
        if (one_in(4))
            HC2(update_descriptor, mfn_at[i] << 12 | rnd(64) * 8, descriptor());
        if (one_in(6))
            HC2(sched_op, SCHEDOP_yield, 0);
    }
    __asm__ volatile("mov %0, %%ds; mov %0, %%es" :: "r"(0));
    if (one_in(2))
        is_ldt ? mmuext(MMUEXT_SET_LDT, 0, 0) : HC2(set_gdt, 0, 0);
}

/* ---- handlers ---- */

static uint64_t handler_address(void)
{
    const uint64_t addresses[] = { (uint64_t)event_entry, (uint64_t)failsafe_entry, (uint64_t)syscall_entry, (uint64_t)nmi_entry, bad_va(), rnd64() };

    return PICK(addresses);
}

void own_handlers(void)
{
    static const struct { uint16_t type; char *address; } own[] = {
        { CALLBACKTYPE_event, event_entry }, { CALLBACKTYPE_failsafe, failsafe_entry }, { CALLBACKTYPE_syscall, syscall_entry },
        { CALLBACKTYPE_syscall32, syscall32_entry }, { CALLBACKTYPE_sysenter, sysenter_entry },
        { CALLBACKTYPE_nmi, nmi_entry },
    };

    HC1(set_trap_table, exception_table);
    for (unsigned int i = 0; i < sizeof(own) / sizeof(*own); i++) {
        struct callback_register r = { .type = own[i].type, .flags = CALLBACKF_mask_events * one_in(8), .address = (unsigned long)own[i].address };

        HC2(callback_op, CALLBACKOP_register, &r);
    }
}

void op_handlers(void)
{
    struct trap_info *t = (void *)me->buffer[0];
    struct callback_register *r = (void *)me->buffer[0];
    struct xennmi_callback *n = (void *)me->buffer[0];

    events_disable();
    switch (rnd(5)) {
    case 0:
        for (unsigned int i = 0; i < 20; i++)
            t[i] = (struct trap_info){ .vector = (uint8_t)rnd(256), .flags = (uint8_t)rnd(8), .cs = (uint16_t)rnd(0x10000), .address = handler_address() };
        t[20].address = 0;
        HC1(set_trap_table, one_in(10) ? (void *)some_va() : t);
        break;
    case 1:
        *r = (struct callback_register){ .type = (uint16_t)rnd(10), .flags = (uint16_t)rnd(4), .address = handler_address() };
        if (r->type == CALLBACKTYPE_nmi)
            r->address = (unsigned long)nmi_entry;
        HC2(callback_op, rnd(3), r);
        break;
    case 2:
        HC3(set_callbacks, handler_address(), handler_address(), handler_address());
        break;
    case 3:
        n->handler_address = one_in(2) ? (unsigned long)nmi_entry : bad_va() | 1ul << 63;
        if (n->handler_address == (unsigned long)nmi_entry)
            HC2(nmi_op, rnd(3), n);
        break;
    default:
        HC3(vcpu_op, VCPUOP_send_nmi, rnd(5), 0);
    }
    own_handlers();
}

/* ---- user mode ---- */

static evtchn_port_t timer_port[MAX_VCPUS];
volatile bool is_fifo;

static bool bind_timer(void)
{
    struct evtchn_bind_virq b = { .virq = VIRQ_TIMER, .vcpu = vcpu_id() };

    if (HC2(event_channel_op, EVTCHNOP_bind_virq, &b) != 0)
        return false;
    timer_port[vcpu_id()] = b.port;
    return true;
}

/* An event must come, since user code may loop. */
bool timer_works(void)
{
    struct evtchn_status s = { .dom = DOMID_SELF, .port = timer_port[vcpu_id()] };

    if (is_fifo || HC2(event_channel_op, EVTCHNOP_status, &s) != 0 || s.status != EVTCHNSTAT_virq || s.u.virq != VIRQ_TIMER || s.vcpu != vcpu_id()) {
        struct evtchn_reset r = { .dom = DOMID_SELF };

        if (is_fifo || !bind_timer()) {
            HC2(event_channel_op, EVTCHNOP_reset, &r);
            is_fifo = false;
            if (!bind_timer())
                return false;
        }
    }
    for (unsigned int i = 0; i < 64; i++)
        shared_info->evtchn_pending[i] = 0, shared_info->evtchn_mask[i] = 0;
    my_info()->evtchn_pending_sel = 0;
    my_info()->evtchn_upcall_pending = 0;
    return HC1(set_timer_op, system_time() + 300000) == 0;
}

CODE(snippet_syscall, "syscall");
CODE(snippet_int80, "int $0x80");
CODE(snippet_int82, "int $0x82");
CODE(snippet_int3, "int3");
CODE(snippet_cpuid, "ud2; .ascii \"xen\"; cpuid; cpuid; hlt");
CODE(snippet_gs, "mov %gs:0, %rax; mov %fs:0, %rcx; hlt");
CODE(snippet_in, "in %dx, %al; out %eax, %dx");
CODE(snippet_lret, "lretq");
CODE(snippet_iret, "iretq");
CODE(snippet_popf, "popfq; pushfq; ud2");
CODE(snippet_sysenter, "sysenter");
CODE(snippet_xsave, "fninit; fld1; xorps %xmm0, %xmm0; ldmxcsr (%rsp); ud2");
CODE(snippet_fault, "mov (%rax), %rbx; ud2");
CODE(snippet_stack, "push %rax; call *%rbx");

void op_user(void)
{
    static const struct { const char *from, *to; } snippets[] = {
#define S(name) { snippet_##name, snippet_##name##_end }
        S(syscall), S(syscall), S(syscall), S(int80), S(int82), S(int3), S(cpuid), S(gs), S(in), S(lret), S(iret), S(popf), S(sysenter), S(xsave), S(fault), S(stack),
    };
    static const uint64_t cs[] = { CS64, CS64, CS64, CS64, CS32, CS32, 0x33, 3, 7, 0xf, 0x13, 0x17, 0xe00b, 0xe013, 0xe02b, 0xe043, 0xffff };
    static const uint64_t ss[] = { SS64, SS64, SS64, SS64, 3, 7, 0xf, 0x13, 0x17, 0xe033, 0xe013, 0xffff };
    struct regs r;

    mmuext(MMUEXT_PIN_L4_TABLE, va_to_mfn(user_l4), 0);
    if (mmuext(MMUEXT_NEW_USER_BASEPTR, va_to_mfn(user_l4), 0) != 0 || !timer_works())
        return;
    r = user_regs();
    if (one_in(3)) {
        const unsigned int i = (unsigned int)rnd(sizeof(snippets) / sizeof(*snippets));

        memcpy((void *)r.rip, snippets[i].from, (size_t)(snippets[i].to - snippets[i].from));
    } else {
        /* Now and then up to the end of the page, behind which is the data. */
        r.rip += one_in(4) ? 4096 - 120 : 0;
        write_code((uint8_t *)r.rip, 128);
    }
    r.cs = one_in(3) ? PICK(cs) : CS64;
    r.ss = one_in(4) ? PICK(ss) : SS64;
    r.rflags = one_in(2) ? 0x202 : (rnd(0x400000) | 0x202);
    r.rip += one_in(4) ? rnd(64) : 0;
    if (one_in(8))
        r.rip = bad_va();
    if (one_in(6))
        r.rsp = bad_va();
    for (uint64_t *v = &r.r15; v <= &r.rdi; v++)
        *v = one_in(3) ? user_regs().rip + rnd(3 * PAGE_SIZE) : value();
    r.rcx = one_in(2) ? rnd(64) : rnd64();
    (void)user_run(r, one_in(3) ? VGCF_in_syscall : one_in(10) ? rnd64() : 0, NULL, NULL);
    HC1(set_timer_op, 0);
    events_disable();
}

/* ---- privileged instructions ---- */

void op_privileged(void)
{
    uint64_t v = one_in(2) ? value() : rnd64(), cr = rnd(100);
    uint32_t a = (uint32_t)rnd64(), d = (uint32_t)rnd64();
    static const uint32_t msrs[] = { 0x10, 0x1b, 0x174, 0x1a0, 0x277, 0x400, 0xc0000080, 0xc0000081, 0xc0000100, 0xc0000101, 0xc0000102, 0xc0000103, 0xc0010015, 0x40000000 };
    const uint32_t msr = one_in(2) ? PICK(msrs) : (uint32_t)rnd64();

    switch (rnd(16)) {
    case 0: TRY("mov %%cr0, %0", "=r"(v) : : "memory"); break;
    case 1: __asm__ volatile("mov %%cr0, %0" : "=r"(cr)); TRY("mov %0, %%cr0", : "r"(one_in(2) ? v : cr ^ 1ul << rnd(64)) : "memory"); break;
    case 2: TRY("mov %0, %%cr2", : "r"(v) : "memory"); break;
    case 3: __asm__ volatile("mov %%cr4, %0" : "=r"(cr)); TRY("mov %0, %%cr4", : "r"(one_in(2) ? v : cr ^ 1ul << rnd(64)) : "memory"); break;
    case 4: TRY("mov %0, %%cr3", : "r"(va_to_mfn(pte_of(pool_page())) << 12 | rnd(4096)) : "memory"); break;
    case 5: TRY("rdmsr", "=a"(a), "=d"(d) : "c"(msr) : "memory"); break;
    case 6: case 7:
        if (!(msr == 0x40000000 && !one_in(4)))
            TRY("wrmsr", : "a"(a), "d"(d), "c"(msr == 0x40000000 ? 0x40000001 : msr) : "memory");
        break;
    case 8: TRY("ud2; .ascii \"xen\"; cpuid", "+a"(a), "+c"(d) : : "rbx", "rdx", "memory"); break;
    case 9: TRY("xsetbv", : "a"(a & 0xff), "d"(d & 1), "c"(0) : "memory"); break;
    case 10: TRY("mov %0, %%dr7", : "r"(v) : "memory"); HC2(set_debugreg, 7, 0); break;
    case 11:
        if (!is_dom0)
            TRY("inl %%dx, %%eax", "=a"(a) : "d"(d) : "memory");
        break;
    case 12:
        if (!is_dom0)
            TRY("rep outsb", "+S"(v), "+c"(cr) : "d"(d) : "memory");
        break;
    case 13: TRY("invlpg (%0)", : "r"(v) : "memory"); break;
    case 14: TRY("wbinvd", : : "memory"); break;
    default: TRY("clts", : : "memory"); break;
    }
    HC1(fpu_taskswitch, one_in(4));
    HC1(fpu_taskswitch, 0);
}

void op_debug(void)
{
    HC2(set_debugreg, rnd(9), one_in(2) ? some_va() : value());
    HC1(get_debugreg, rnd(9));
    if (one_in(4)) {
        HC2(set_debugreg, 0, page[rnd(NR_PAGES)]);
        HC2(set_debugreg, 7, 0x00030001 | rnd(4) << 18);
        op_write();
        argument(0, 8);
        HC2(xen_version, XENVER_get_features, some_va());
    }
    HC2(set_debugreg, 7, 0);
}
