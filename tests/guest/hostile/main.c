/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A hostile guest: random hypercalls, page-table updates, descriptors, handlers, stacks and instructions,
 * the same ones for the same seed. It survives its own faults, and goes on; what it must not do is
 * stop the machine. Options: seed=, count= operations, verbose=1 prints each, deadly=1 (not as dom0)
 * now and then does what ends a domain. As dom0 it leaves out what the control domain is allowed to break.
 *
 * All that it breaks is in `page` (pool pages, which serve as page tables, descriptor tables, grants, buffers);
 * its own code, stack and tables are left alone, but for what is deadly.
 */
#include "../lib/guest.h"
#include <xen/domctl.h>
#include <xen/nmi.h>
#include <xen/platform.h>
#include <xen/sysctl.h>

const char test_name[] = "hostile";

#define NR_PAGES 192u
#define NR_WORKERS 3u

static uint64_t *page[NR_PAGES];
static volatile uint64_t mfn_at[NR_PAGES];   /* what we believe */
static uint8_t *table_frames;                /* the first page of our grant table, or NULL */
static bool is_dom0, is_deadly, is_verbose, is_alone;

/* ---- randomness: one state for each vCPU ---- */

static struct worker {
    uint64_t random;
    struct recovery back;
    uint64_t buffer[3][512] page_aligned;    /* arguments; never given away */
    uint64_t op;
} workers[MAX_VCPUS] page_aligned;
#define me (&workers[vcpu_id()])

static uint64_t rnd64(void)
{
    uint64_t x = me->random;

    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    me->random = x;
    return x * 2685821657736338717ull;
}

static uint64_t rnd(uint64_t n) { return (rnd64() >> 11) % n; }
static bool one_in(uint64_t n) { return rnd(n) == 0; }
#define PICK(array) (array)[rnd(sizeof(array) / sizeof((array)[0]))]

static uint64_t pool_mfn(void) { return mfn_at[rnd(NR_PAGES)]; }
static uint64_t *pool_page(void) { return page[rnd(NR_PAGES)]; }

/* Addresses where nothing good is; none of our own code, stack or data. */
static uint64_t bad_va(void)
{
    static const uint64_t bad[] = { 0, 1, 0x1000, 0x7ffffffffff8, 0x800000000000, 0x8000000000000000, 0xffff800000000000, 0xffff800000001000,
                                    0xffff808000000000, 0xffff820000000000, 0xffff82d040000000, 0xffff830000000000, 0xffff87fffffffff8, ~0ull, ~4095ull };

    return PICK(bad) + (one_in(4) ? rnd(64) : 0);
}

static uint64_t some_va(void)
{
    if (one_in(6))
        return bad_va();
    return (uint64_t)pool_page() + (one_in(3) ? rnd(PAGE_SIZE) : rnd(512) * 8);
}

/* Frames that nobody may have, or that only some may. */
static uint64_t bad_mfn(void)
{
    static const uint64_t bad[] = { 0, 1, 0x9f, 0xa0, 0xb8, 0xff, 0x100, 0x1ffff, 0x20000, 0xfec00, 0xfee00, 0xfffff, 0x100000, 0xfffffff, 0xffffffffff, ~0ull };

    return one_in(3) ? rnd(0x20000) : PICK(bad);
}

static uint64_t some_mfn(void)
{
    if (one_in(8) && !is_dom0)
        return bad_mfn();
    /* Never our own tables, which would be written through such a mapping or grant. */
    if (one_in(12))
        return va_to_mfn(user_l1);
    return pool_mfn();
}

static uint64_t some_domid(void)
{
    static const uint64_t ids[] = { 0, 1, 2, 3, 4, 100, DOMID_SELF, DOMID_SELF, DOMID_SELF, DOMID_SELF, DOMID_IO, DOMID_XEN, DOMID_COW, DOMID_INVALID, DOMID_IDLE, 0xffff };

    return PICK(ids);
}

static uint64_t value(void)
{
    switch (rnd(16)) {
    case 0: case 1: case 2: return rnd(8);
    case 3: return rnd(64);
    case 4: return rnd(4096);
    case 5: case 6: return some_mfn();
    case 7: return pool_mfn() << 12 | rnd(512) * 8;
    case 8: case 9: return some_va();
    case 10: return some_domid();
    case 11: return 1ull << rnd(64);
    case 12: return ~0ull >> rnd(64);
    case 13: return rnd64();
    case 14: return va_to_pfn(pool_page());
    default: return 0;
    }
}

/* An argument that the hypervisor reads, and may write to: mostly there. */
static uint64_t *argument(unsigned int n, unsigned int words)
{
    uint64_t *b = me->buffer[n];

    for (unsigned int i = 0; i < words; i++)
        b[i] = one_in(3) ? value() | value() << 32 : value();
    return one_in(24) ? (uint64_t *)some_va() : b;
}

/* ---- page tables ---- */

static uint64_t entry(void)
{
    static const uint64_t extra[] = { 0, 0, 0, 0, 8, 16, 32, 64, 128, 256, 512, 1ull << 52, 1ull << 63, 1ull << 62 };
    uint64_t e = some_mfn() << 12 & 0x000ffffffffff000;

    if (one_in(30))
        return rnd64() & ~(is_dom0 ? 0x000fffffff000000ull : 0);
    if (!one_in(8))
        e |= PTE_P;
    if (one_in(2))
        e |= PTE_RW;
    if (!one_in(4))
        e |= PTE_US;
    return e | PICK(extra);
}

static uint64_t foreign(void)
{
    uint64_t who = one_in(12) ? some_domid() : DOMID_SELF;

    return one_in(30) ? who | some_domid() << 16 : who;
}

/* An array of n operations, or one that is not there of any length. */
static void hand_over(unsigned int nr, const void *array, unsigned int n)
{
    const bool is_bad = one_in(40);

    hypercall(nr, is_bad ? bad_va() : (uint64_t)array, is_bad ? rnd64() : n | (one_in(60) ? 0x80000000u : 0), one_in(3) ? some_va() : 0, foreign(), 0);
}

static void op_mmu_update(void)
{
    struct mmu_update *u = (void *)me->buffer[0];
    const unsigned int n = one_in(4) ? 1 + (unsigned int)rnd(40) : 1;

    for (unsigned int i = 0; i < n; i++) {
        u[i].ptr = (one_in(10) && !is_dom0 ? bad_mfn() : pool_mfn()) << 12 | rnd(512) * 8;
        u[i].val = entry();
        /* Our own tables: only entries that are nobody's. */
        if (one_in(20))
            u[i].ptr = va_to_mfn((void *)start_info->pt_base) << 12 | (1 + rnd(250)) * 8;
        if (one_in(8))
            u[i].ptr |= one_in(4) ? rnd(8) : 2;
        if ((u[i].ptr & 3) == MMU_MACHPHYS_UPDATE)
            u[i].ptr = pool_mfn() << 12 | MMU_MACHPHYS_UPDATE;
    }
    hand_over(__HYPERVISOR_mmu_update, u, n);
}

static void op_mmuext(void)
{
    struct mmuext_op *e = (void *)me->buffer[0];
    const unsigned int n = one_in(6) ? 1 + (unsigned int)rnd(8) : 1;

    for (unsigned int i = 0; i < n; i++) {
        e[i].cmd = (unsigned int)rnd(one_in(20) ? 64 : 21);
        if (e[i].cmd == MMUEXT_NEW_BASEPTR)
            e[i].cmd = MMUEXT_PIN_L4_TABLE;
        e[i].arg1.mfn = one_in(3) ? some_va() : some_mfn();
        if (e[i].cmd == MMUEXT_CLEAR_PAGE || e[i].cmd == MMUEXT_COPY_PAGE)
            e[i].arg1.mfn = pool_mfn();
        if (e[i].cmd == MMUEXT_SET_LDT)
            e[i].arg1.linear_addr = one_in(5) ? some_va() : (uint64_t)pool_page();
        e[i].arg2.src_mfn = one_in(2) ? some_mfn() : value();
        if (e[i].cmd == MMUEXT_SET_LDT)
            e[i].arg2.nr_ents = (unsigned int)rnd(one_in(4) ? 9000 : 600);
        if (one_in(16) && !is_dom0) {
            e[i].cmd = MMUEXT_UNPIN_TABLE;
            e[i].arg1.mfn = va_to_mfn((void *)start_info->pt_base);
        }
    }
    hand_over(__HYPERVISOR_mmuext_op, e, n);
}

static uint64_t flush_flags(void)
{
    static const uint64_t flags[] = { UVMF_INVLPG, UVMF_INVLPG, UVMF_TLB_FLUSH, 0, 3, UVMF_INVLPG | UVMF_ALL, UVMF_TLB_FLUSH | UVMF_ALL };

    if (one_in(6))
        return (uint64_t)me->buffer[2] | rnd(3);
    return one_in(20) ? rnd64() : PICK(flags);
}

static void op_update_va(void)
{
    const uint64_t va = one_in(10) ? bad_va() : (uint64_t)pool_page() + (one_in(8) ? rnd(4096) : 0);

    if (va >= 0xfffffffffffff000 && is_dom0)
        return;
    if (one_in(10))
        HC4(update_va_mapping_otherdomain, va, entry(), flush_flags(), some_domid());
    else
        HC3(update_va_mapping, va, entry(), flush_flags());
}

/* A pool page's own mapping, the frame that it should have: keeps things going. */
static void op_protect(void)
{
    const unsigned int i = (unsigned int)rnd(NR_PAGES);

    set_pte(page[i], mfn_at[i] << 12 | PTE_P | PTE_A | (one_in(2) ? PTE_US : 0) | (one_in(2) ? PTE_RW : 0), UVMF_INVLPG);
}

/* A small tree of tables, mostly a valid one, then pinned and worked on. */
static void op_tree(void)
{
    const unsigned int top = 1 + (unsigned int)rnd(4);
    uint64_t child = pool_mfn();

    for (unsigned int level = 1; level <= top; level++) {
        const unsigned int i = (unsigned int)rnd(NR_PAGES);

        set_pte(page[i], mfn_at[i] << 12 | PTE_P | PTE_A | PTE_RW, UVMF_INVLPG);
        for (unsigned int n = 0; n < 4; n++)
            if (!try_write(&page[i][rnd(512)], one_in(10) ? entry() : child << 12 | PTE_P | PTE_US | PTE_A | (one_in(2) ? PTE_RW : 0)))
                return;
        set_pte(page[i], mfn_at[i] << 12 | PTE_P | PTE_A, UVMF_INVLPG);
        child = mfn_at[i];
        if (level == top || one_in(3))
            mmuext(MMUEXT_PIN_L1_TABLE + level - 1, child, 0);
    }
    if (top == 4 && one_in(3))
        mmuext(MMUEXT_NEW_USER_BASEPTR, child, 0);
}

static void op_empty(void)
{
    const unsigned int i = (unsigned int)rnd(NR_PAGES);

    set_pte(page[i], mfn_at[i] << 12 | PTE_P | PTE_A | PTE_RW, UVMF_INVLPG);
    TRY("rep stosq", "=D"((uint64_t){ 0 }), "=c"((uint64_t){ 0 }) : "D"(page[i]), "c"(512), "a"(0) : "memory");
}

/* Instructions that write, most of them to tables. */
static void op_write(void)
{
    uint64_t *p = pool_page() + rnd(512);
    uint64_t v = entry(), old = 0;

    if (one_in(10))
        p = (uint64_t *)some_va();
    switch (rnd(14)) {
    case 0: case 1: case 2: case 3: try_write(p, v); break;
    case 4: TRY("movl %k1, (%0)", : "r"(p), "r"(v) : "memory"); break;
    case 5: TRY("movb %b1, (%0)", : "r"(p), "r"(v) : "memory"); break;
    case 6: TRY("xchg %1, (%0)", "+r"(p), "+r"(v) : : "memory"); break;
    case 7: TRY("lock; cmpxchg %2, (%1)", "+a"(old) : "r"(p), "r"(v) : "memory"); break;
    case 8: TRY("lock; btrq %1, (%0)", : "r"(p), "r"(v & 63) : "memory"); break;
    case 9: TRY("lock; btsq %1, (%0)", : "r"(p), "r"(v & 63) : "memory"); break;
    case 10: TRY("lock; xorq %1, (%0)", : "r"(p), "r"(v & 0xfff) : "memory"); break;
    case 11: TRY("movsq", "+D"(p), "+S"(p) : : "memory"); break;
    case 12: TRY("movq %%xmm0, (%0)", : "r"(p) : "memory"); break;
    default: try_read(p, &old); break;
    }
}

/* ---- descriptors, segments ---- */

static uint64_t descriptor(void)
{
    static const uint64_t good[] = { 0x00cff3000000ffff, 0x00affb000000ffff, 0x00cffb000000ffff, 0x0000ec0000000000 | 0xe033 << 16, 0 };

    return one_in(2) ? rnd64() : PICK(good);
}

static void op_descriptors(void)
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

/* ---- handlers ---- */

static uint64_t handler_address(void)
{
    const uint64_t addresses[] = { (uint64_t)event_entry, (uint64_t)failsafe_entry, (uint64_t)syscall_entry, (uint64_t)nmi_entry, bad_va(), rnd64() };

    return PICK(addresses);
}

static void restore_handlers(void)
{
    static const struct { uint16_t type; char *address; } own[] = {
        { CALLBACKTYPE_event, event_entry }, { CALLBACKTYPE_failsafe, failsafe_entry }, { CALLBACKTYPE_syscall, syscall_entry },
        { CALLBACKTYPE_syscall32, syscall32_entry }, { CALLBACKTYPE_sysenter, sysenter_entry },
    };

    HC1(set_trap_table, exception_table);
    for (unsigned int i = 0; i < sizeof(own) / sizeof(*own); i++) {
        struct callback_register r = { .type = own[i].type, .flags = one_in(8) ? CALLBACKF_mask_events : 0, .address = (unsigned long)own[i].address };

        HC2(callback_op, CALLBACKOP_register, &r);
    }
}

static void op_handlers(void)
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
    restore_handlers();
}

/* ---- user mode ---- */

static evtchn_port_t timer_port;
static volatile bool is_fifo;

/* The timer's events must come, since user code may loop. */
static bool timer_works(void)
{
    struct evtchn_bind_virq b = { .virq = VIRQ_TIMER, .vcpu = 0 };
    struct evtchn_status s = { .dom = DOMID_SELF, .port = timer_port };

    if (is_fifo || HC2(event_channel_op, EVTCHNOP_status, &s) != 0 || s.status != EVTCHNSTAT_virq || s.u.virq != VIRQ_TIMER) {
        struct evtchn_reset r = { .dom = DOMID_SELF };

        HC2(event_channel_op, EVTCHNOP_reset, &r);
        is_fifo = false;
        if (HC2(event_channel_op, EVTCHNOP_bind_virq, &b) != 0)
            return false;
        timer_port = b.port;
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

static void op_user(void)
{
    static const struct { const char *from, *to; } snippets[] = {
#define S(name) { snippet_##name, snippet_##name##_end }
        S(syscall), S(int80), S(int82), S(int3), S(cpuid), S(gs), S(in), S(lret), S(iret), S(popf), S(sysenter), S(xsave), S(fault), S(stack),
    };
    static const uint64_t cs[] = { CS64, CS64, CS64, CS64, CS32, CS32, 0x33, 3, 7, 0xf, 0x13, 0x17, 0xe00b, 0xe013, 0xe02b, 0xe043, 0xffff };
    static const uint64_t ss[] = { SS64, SS64, SS64, SS64, 3, 7, 0xf, 0x13, 0x17, 0xe033, 0xe013, 0xffff };
    struct regs r;

    if (vcpu_id() != 0)
        return;
    mmuext(MMUEXT_PIN_L4_TABLE, va_to_mfn(user_l4), 0);
    if (mmuext(MMUEXT_NEW_USER_BASEPTR, va_to_mfn(user_l4), 0) != 0 || !timer_works())
        return;
    if (one_in(2)) {
        uint64_t *code = (uint64_t *)USER_CODE;

        for (unsigned int i = 0; i < 16; i++)
            code[i] = rnd64();
    } else {
        const unsigned int i = (unsigned int)rnd(sizeof(snippets) / sizeof(*snippets));

        memcpy((void *)USER_CODE, snippets[i].from, (size_t)(snippets[i].to - snippets[i].from));
    }
    r = user_regs();
    r.cs = one_in(3) ? PICK(cs) : CS64;
    r.ss = one_in(4) ? PICK(ss) : SS64;
    r.rflags = one_in(2) ? 0x202 : (rnd(0x400000) | 0x202);
    r.rip += one_in(4) ? rnd(64) : 0;
    if (one_in(8))
        r.rip = bad_va();
    if (one_in(6))
        r.rsp = bad_va();
    r.rax = value(), r.rbx = value(), r.rdx = value(), r.rsi = value(), r.rdi = value(), r.rcx = rnd64(), r.r8 = value();
    user_ends_by_event = true;
    (void)user_run(r, one_in(3) ? VGCF_in_syscall : one_in(10) ? rnd64() : 0, NULL, NULL);
    user_ends_by_event = false;
    HC1(set_timer_op, 0);
    events_disable();
}

/* ---- privileged instructions ---- */

static void op_privileged(void)
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

static void op_debug(void)
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

/* ---- events, grants, memory, vCPUs ---- */

static void op_event(void)
{
    uint32_t *a = (uint32_t *)me->buffer[0];
    unsigned int cmd = (unsigned int)rnd(15);

    for (unsigned int i = 0; i < 10; i++)
        a[i] = (uint32_t)(one_in(3) ? value() : rnd(40));
    /* Structures begin with a domain for some, a port for most. */
    if (cmd == EVTCHNOP_alloc_unbound || cmd == EVTCHNOP_status || cmd == EVTCHNOP_reset) {
        ((domid_t *)a)[0] = (domid_t)some_domid();
        ((domid_t *)a)[1] = (domid_t)some_domid();
    }
    if (cmd == EVTCHNOP_bind_interdomain && one_in(2))
        ((domid_t *)a)[0] = DOMID_SELF;
    if (cmd == EVTCHNOP_init_control || cmd == EVTCHNOP_expand_array) {
        if (!one_in(20))
            return;
        *(uint64_t *)a = some_mfn();
        a[2] = (uint32_t)rnd(512) * 8;
        a[3] = (uint32_t)rnd(5);
        is_fifo = true;
    }
    if ((cmd == EVTCHNOP_reset || cmd == 14) && !one_in(10))
        return;
    if (cmd == EVTCHNOP_bind_pirq && is_dom0)
        return;
    HC2(event_channel_op, cmd, one_in(40) ? (void *)some_va() : a);
}

static void set_up_grants(void)
{
    static uint64_t *window;
    xen_pfn_t frames[4] = { 0 };
    struct gnttab_setup_table s = { .dom = DOMID_SELF, .nr_frames = 1 };

    if (!window)
        window = page_alloc();
    set_xen_guest_handle(s.frame_list, frames);
    if (HC3(grant_table_op, GNTTABOP_setup_table, &s, 1) == 0 && s.status == GNTST_okay &&
        set_pte(window, frames[0] << 12 | PTE_P | PTE_RW | PTE_A, UVMF_INVLPG) == 0)
        table_frames = (uint8_t *)window;
}

static void write_grant(void)
{
    const unsigned int ref = (unsigned int)rnd(64);
    union grant_entry_v2 *v2 = (union grant_entry_v2 *)table_frames + ref;
    struct grant_entry_v1 *v1 = (struct grant_entry_v1 *)table_frames + ref;
    static const uint16_t flags[] = { 0, 1, 1, 1, 5, 2, 3, 9, 0x11, 0x19, 0x100 | 1, 0x101, 0x201 };
    const domid_t who = (domid_t)(one_in(2) ? 0 : some_domid());

    if (one_in(2)) {
        v1->domid = who;
        v1->frame = (uint32_t)some_mfn();
        __atomic_store_n(&v1->flags, PICK(flags), __ATOMIC_SEQ_CST);
    } else {
        v2->full_page.hdr.domid = who;
        v2->full_page.pad0 = (uint32_t)rnd64();
        v2->full_page.frame = some_mfn();
        __atomic_store_n(&v2->full_page.hdr.flags, PICK(flags), __ATOMIC_SEQ_CST);
    }
}

static void op_grant(void)
{
    unsigned int cmd = (unsigned int)rnd(14), count = one_in(4) ? (unsigned int)rnd(20) : 1;

    if (one_in(60) && cmd > GNTTABOP_copy)
        count = (unsigned int)rnd64() | 64;

    if (table_frames)
        write_grant();
    switch (cmd) {
    case GNTTABOP_map_grant_ref: {
        struct gnttab_map_grant_ref *m = (void *)me->buffer[0];

        for (unsigned int i = 0; i < count; i++)
            m[i] = (struct gnttab_map_grant_ref){ .host_addr = one_in(4) ? pte_maddr(pool_page()) : one_in(6) ? some_va() : (uint64_t)pool_page(),
                                                  .flags = one_in(4) ? (uint32_t)rnd(0x40) : GNTMAP_host_map | (uint32_t)rnd(2) * GNTMAP_readonly,
                                                  .ref = (grant_ref_t)(one_in(20) ? value() : rnd(64)), .dom = (domid_t)(one_in(3) ? some_domid() : 0) };
        HC3(grant_table_op, cmd, m, count);
        break;
    }
    case GNTTABOP_unmap_grant_ref: {
        struct gnttab_unmap_grant_ref *u = (void *)me->buffer[0];

        for (unsigned int i = 0; i < count; i++)
            u[i] = (struct gnttab_unmap_grant_ref){ .host_addr = one_in(4) ? 0 : one_in(4) ? pte_maddr(pool_page()) : (uint64_t)pool_page(),
                                                    .dev_bus_addr = one_in(3) ? pool_mfn() << 12 : 0, .handle = (grant_handle_t)(one_in(10) ? value() : rnd(40)) };
        HC3(grant_table_op, cmd, u, count);
        break;
    }
    case GNTTABOP_unmap_and_replace: {
        struct gnttab_unmap_and_replace *u = (void *)me->buffer[0];

        *u = (struct gnttab_unmap_and_replace){ .host_addr = (uint64_t)pool_page(), .new_addr = one_in(4) ? bad_va() : (uint64_t)pool_page(), .handle = (grant_handle_t)rnd(40) };
        HC3(grant_table_op, cmd, u, 1);
        break;
    }
    case GNTTABOP_copy: {
        struct gnttab_copy *c = (void *)me->buffer[0];

        for (unsigned int i = 0; i < count; i++) {
            c[i] = (struct gnttab_copy){ .source = { .domid = (domid_t)some_domid(), .offset = (uint16_t)rnd(5000) }, .dest = { .domid = (domid_t)some_domid(), .offset = (uint16_t)rnd(5000) },
                                         .len = (uint16_t)rnd(one_in(4) ? 0x10000 : 600), .flags = (uint16_t)rnd(4) };
            c[i].source.u.gmfn = c[i].flags & GNTCOPY_source_gref ? rnd(64) : some_mfn();
            c[i].dest.u.gmfn = c[i].flags & GNTCOPY_dest_gref ? rnd(64) : pool_mfn();
        }
        HC3(grant_table_op, cmd, c, count);
        break;
    }
    case GNTTABOP_set_version: {
        struct gnttab_set_version *v = (void *)me->buffer[0];

        v->version = (uint32_t)(one_in(8) ? value() : 1 + rnd(2));
        if (one_in(5))
            HC3(grant_table_op, cmd, v, 1);
        break;
    }
    case GNTTABOP_setup_table:
        if (one_in(4)) {
            set_up_grants();
            break;
        }
        /* fall through */
    default:
        if (cmd != GNTTABOP_dump_table)
            HC3(grant_table_op, cmd, count > 20 ? (uint64_t *)bad_va() : argument(0, 64), count);
    }
}

static void op_memory(void)
{
    struct xen_memory_reservation *r = (void *)me->buffer[0];
    struct xen_memory_exchange *x = (void *)me->buffer[0];
    xen_pfn_t *list = me->buffer[1], *out = me->buffer[2];
    unsigned int cmd = one_in(3) ? (unsigned int)rnd(34) : (unsigned int)rnd(3) * 3 % 7, n = 1 + (unsigned int)rnd(8);
    const unsigned int first = (unsigned int)rnd(NR_PAGES - 16);

    switch (cmd) {
    case XENMEM_increase_reservation:
    case XENMEM_decrease_reservation:
    case XENMEM_populate_physmap:
        *r = (struct xen_memory_reservation){ .nr_extents = one_in(40) ? value() : n, .extent_order = one_in(12) ? (unsigned int)rnd(30) : 0,
                                              .mem_flags = one_in(4) ? (unsigned int)value() : 0, .domid = (domid_t)(one_in(10) && !is_dom0 ? some_domid() : DOMID_SELF) };
        /* Trust yourself: an order frees neighbours, which may be our own. */
        if (cmd == XENMEM_decrease_reservation && r->extent_order)
            r->extent_order = 0;
        if (r->nr_extents > 512 && cmd != XENMEM_decrease_reservation)
            r->nr_extents = 20;
        for (unsigned int i = 0; i < 512; i++)
            list[i] = cmd == XENMEM_populate_physmap ? va_to_pfn(page[(first + i) % NR_PAGES]) : pool_mfn();
        set_xen_guest_handle(r->extent_start, one_in(40) ? (xen_pfn_t *)some_va() : list);
        const long done = HC2(memory_op, cmd, r);
        if (cmd != XENMEM_decrease_reservation)
            for (long i = 0; i < done && i < 16 && r->extent_order == 0; i++)
                if (list[i] < 0x100000)
                    mfn_at[(first + (unsigned int)i) % NR_PAGES] = list[i];
        break;
    case XENMEM_exchange:
        for (unsigned int i = 0; i < 512; i++) {
            list[i] = pool_mfn();
            out[i] = va_to_pfn(pool_page());
        }
        *x = (struct xen_memory_exchange){ .in = { .nr_extents = n, .domid = DOMID_SELF }, .out = { .nr_extents = n, .domid = (domid_t)(one_in(10) ? some_domid() : DOMID_SELF) } };
        if (one_in(6))
            x->nr_exchanged = rnd(4);
        if (one_in(6))
            x->out.extent_order = (unsigned int)rnd(12), x->out.nr_extents = 1, x->in.nr_extents = 1ul << x->out.extent_order;
        if (x->in.nr_extents > 512)
            break;
        set_xen_guest_handle(x->in.extent_start, list);
        set_xen_guest_handle(x->out.extent_start, one_in(20) ? (xen_pfn_t *)some_va() : out);
        HC2(memory_op, cmd, x);
        if (x->nr_exchanged == n && x->out.extent_order == 0)
            for (unsigned int i = 0; i < n; i++)
                mfn_at[rnd(NR_PAGES)] = out[i];
        break;
    case XENMEM_claim_pages:
        if (!is_dom0)
            HC2(memory_op, cmd, argument(0, 16));
        break;
    default:
        HC2(memory_op, cmd | (one_in(20) ? (unsigned int)rnd64() << 6 : 0), argument(0, 16));
    }
}

static void op_vcpu(void)
{
    unsigned int cmd = (unsigned int)rnd(16), id = (unsigned int)rnd(6);
    uint64_t *a = argument(0, 16);

    if (cmd == VCPUOP_down && (id == 0 || id == vcpu_id()))
        return;
    if (cmd == VCPUOP_register_vcpu_info) {
        if (id <= NR_WORKERS)
            return;
        me->buffer[0][0] = some_mfn();
        me->buffer[0][1] = rnd(512) * 8;
    }
    if (cmd == VCPUOP_initialise) {
        struct vcpu_guest_context *c = (void *)me->buffer[0];

        if (id <= NR_WORKERS)
            return;
        for (unsigned int i = 0; i < sizeof(*c) / 8; i++)
            if (one_in(100))
                ((uint64_t *)c)[i] = value();
        a = me->buffer[0];
    }
    HC3(vcpu_op, cmd, one_in(30) ? value() : id, a);
}

static void op_sched(void)
{
    struct sched_poll *p = (void *)me->buffer[0];
    struct sched_watchdog *w = (void *)me->buffer[0];
    evtchn_port_t *ports = (evtchn_port_t *)me->buffer[1];

    switch (rnd(6)) {
    case 0:
        for (unsigned int i = 0; i < 8; i++)
            ports[i] = (evtchn_port_t)(one_in(4) ? value() : rnd(40));
        *p = (struct sched_poll){ .nr_ports = (unsigned int)rnd(one_in(10) ? 200 : 4), .timeout = system_time() + rnd(300000) };
        set_xen_guest_handle(p->ports, one_in(10) ? (evtchn_port_t *)some_va() : ports);
        HC2(sched_op, SCHEDOP_poll, p);
        break;
    case 1:
        *w = (struct sched_watchdog){ .id = (uint32_t)rnd(4), .timeout = 1000 + (uint32_t)rnd(1000) };
        HC2(sched_op, SCHEDOP_watchdog, w);
        break;
    case 2:
        argument(0, 4);
        if (!is_dom0)
            HC2(sched_op, one_in(2) ? SCHEDOP_pin_override : SCHEDOP_remote_shutdown, me->buffer[0]);
        break;
    case 3:
        HC2(sched_op, 8 + rnd(1000), some_va());
        break;
    default:
        HC2(sched_op, SCHEDOP_yield, value());
    }
}

/* Anything at all, but for what has an operation of its own here because it could end us. */
static void op_any(void)
{
    static const unsigned int everybody[] = { 9, 11, 15, 16, 17, 27, 31, 34, 38, 39, 40, 43, 49, 50, 55, 57, 63, 64, 1000 };
    static const unsigned int controls[] = { 7, 18, 19, 21, 33, 35, 36, 37, 41, 42, 48 };
    const unsigned int nr = is_dom0 || one_in(2) ? PICK(everybody) : PICK(controls);
    const uint64_t first = one_in(4) ? value() : rnd(16);

    hypercall(nr, one_in(2) ? first : (uint64_t)argument(0, 32), one_in(2) ? (uint64_t)argument(1, 32) : value(), value(), value(), value());
    HC1(set_timer_op, 0);
}

static void op_control(void)
{
    uint64_t *a = argument(0, 40);
    uint32_t *head = (uint32_t *)me->buffer[0];

    if (is_dom0)
        return;
    head[0] = (uint32_t)rnd(100);
    switch (rnd(5)) {
    case 0: head[1] = XEN_DOMCTL_INTERFACE_VERSION; head[2] = (uint32_t)some_domid(); HC1(domctl, a); break;
    case 1: head[1] = XEN_SYSCTL_INTERFACE_VERSION; HC1(sysctl, a); break;
    case 2: head[1] = XENPF_INTERFACE_VERSION; HC1(platform_op, a); break;
    case 3: HC2(physdev_op, rnd(34), a); break;
    default: HC3(console_io, rnd(4), rnd(100), a); break;
    }
}

static void op_multicall(void)
{
    struct multicall_entry *c = (void *)me->buffer[0];
    static const unsigned int calls[] = { 1, 12, 13, 14, 17, 20, 22, 26, 32, 60 };
    const unsigned int n = 1 + (unsigned int)rnd(12);

    for (unsigned int i = 0; i < n; i++) {
        c[i].op = PICK(calls);
        for (unsigned int j = 0; j < 6; j++)
            c[i].args[j] = value();
        switch (c[i].op) {
        case 1: case 26: c[i].args[0] = bad_va(); c[i].args[1] = rnd(3); break;
        case 14: case 22: c[i].args[0] = (uint64_t)pool_page(); c[i].args[1] = entry(); c[i].args[2] = flush_flags(); break;
        case 12: case 20: c[i].args[1] = bad_va(); break;
        }
    }
    HC2(multicall, one_in(30) ? (void *)bad_va() : c, one_in(30) ? rnd(n + 1) : n);
}

/* ---- what ends a domain ---- */

static void op_deadly(void)
{
    const uint64_t odd = one_in(2) ? bad_va() : (uint64_t)pool_page() + rnd(4096);

    print("  deadly\n");
    switch (rnd(12)) {
    case 0: __asm__ volatile("mov %0, %%rsp; ud2" :: "r"(odd)); break;
    case 1: __asm__ volatile("mov %0, %%rsp; mov $23, %%eax; syscall" :: "r"(odd)); break;
    case 2: mmuext(MMUEXT_NEW_BASEPTR, some_mfn(), 0); break;
    case 3: HC1(set_trap_table, 0); __asm__ volatile("ud2"); break;
    case 4: HC2(stack_switch, value(), odd); op_user(); break;
    case 5: {
        struct sched_shutdown s = { .reason = (unsigned int)value() };

        HC2(sched_op, SCHEDOP_shutdown, &s);
        break;
    }
    case 6: {
        struct callback_register r = { .type = CALLBACKTYPE_event, .address = odd };

        HC2(callback_op, CALLBACKOP_register, &r);
        timer_works();
        events_enable();
        for (unsigned int i = 0; i < 1000; i++)
            HC2(sched_op, SCHEDOP_yield, 0);
        break;
    }
    case 7: mmu_update(va_to_mfn((void *)start_info->pt_base) << 12 | 511 * 8, entry()); break;
    case 8: mmu_update(pte_maddr((void *)test_main), entry()); mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0, 0); break;
    case 9: HC2(vcpu_op, VCPUOP_down, 0); break;
    case 10: HC2(sched_op, SCHEDOP_block, 0); break;
    default: {
        xen_pfn_t list[64];
        struct xen_memory_reservation r = { .nr_extents = 64, .domid = DOMID_SELF };

        /* Our own code. */
        for (unsigned int i = 0; i < 64; i++)
            list[i] = ((const uint64_t *)start_info->mfn_list)[256 + i];
        set_xen_guest_handle(r.extent_start, list);
        HC2(memory_op, XENMEM_decrease_reservation, &r);
        mmuext(MMUEXT_NEW_BASEPTR, pool_mfn(), 0);
        break;
    }
    }
}

/* ---- the loop ---- */

static void unexpected(struct regs *r)
{
    if (r->vector == 1) {
        /* A breakpoint or step of ours. */
        HC2(set_debugreg, 7, 0);
        r->rflags = (r->rflags & ~0x100ul) | 0x10000;
        return;
    }
    if (r->vector == 2)
        return;
    recovery_go(&me->back);
}

static void on_event(void)
{
    my_info()->evtchn_pending_sel = 0;
}

/* Option check=1: has anything changed our own mappings, by whatever way? */
static bool is_checking;
static uint64_t own_entries[512];
static const char *now[MAX_VCPUS];

static bool is_own(unsigned int i)
{
    const uint64_t va = 0xffffffff80000000 + i * PAGE_SIZE;

    return i >= 256 && (va < (uint64_t)page[0] || va > (uint64_t)page[NR_PAGES - 1] + 16 * PAGE_SIZE);
}

static void check_own_entries(bool take)
{
    const uint64_t *t = (const uint64_t *)((uint64_t)pte_of((void *)0xffffffff80100000) & ~4095ul);

    for (unsigned int i = 256; i < 512; i++) {
        const uint64_t e = t[i] & ~(PTE_A | PTE_D);

        if (take)
            own_entries[i] = e;
        else if (is_own(i) && e != own_entries[i]) {
            print("FAIL hostile: our entry %x was %lx, is %lx; vCPU %u, doing %s %s %s %s\n", i, own_entries[i], e, vcpu_id(), now[0], now[1], now[2], now[3]);
            done();
        }
    }
}

typedef void op_fn(void);
static const struct { op_fn *fn; unsigned int weight; const char *name; } operations[] = {
    { op_mmu_update, 12, "mmu_update" }, { op_mmuext, 10, "mmuext" }, { op_update_va, 8, "update_va" }, { op_protect, 10, "protect" },
    { op_tree, 8, "tree" }, { op_empty, 4, "empty" }, { op_write, 10, "write" }, { op_descriptors, 6, "descriptors" },
    { op_handlers, 2, "handlers" }, { op_user, 4, "user" }, { op_privileged, 4, "privileged" }, { op_debug, 2, "debug" },
    { op_event, 6, "event" }, { op_grant, 10, "grant" }, { op_memory, 5, "memory" }, { op_vcpu, 3, "vcpu" }, { op_sched, 2, "sched" },
    { op_any, 3, "any" }, { op_control, 2, "control" }, { op_multicall, 3, "multicall" },
};

static unsigned int choose(void)
{
    unsigned int total = 0, i;

    for (i = 0; i < sizeof(operations) / sizeof(*operations); i++)
        total += operations[i].weight;
    uint64_t at = rnd(total);
    for (i = 0; at >= operations[i].weight; i++)
        at -= operations[i].weight;
    return i;
}

static void run_operations(uint64_t count)
{
    for (me->op = 0; me->op < count; me->op++) {
        if (recovery_set(&me->back) != 0) {
            user_ends_by_event = false;
            continue;
        }
        events_disable();
        const unsigned int i = choose();
        if (is_verbose)
            print("  %u %lu %s\n", vcpu_id(), me->op, operations[i].name);
        now[vcpu_id()] = operations[i].name;
        operations[i].fn();
        if (is_checking)
            check_own_entries(false);
        if (is_deadly && one_in(3000))
            op_deadly();
    }
}

static void worker(void *arg)
{
    workers[vcpu_id()].random = option("seed", 1) * 7919 + vcpu_id() + 1;
    events_disable();
    run_operations(~0ull);
}

void test_main(void)
{
    const uint64_t seed = option("seed", 1), count = option("count", 5000);

    is_dom0 = start_info->flags & SIF_INITDOMAIN;
    is_verbose = option("verbose", 0);
    is_deadly = !is_dom0 && option("deadly", 1);
    is_alone = option("alone", 0);
    workers[0].random = seed * 6364136223846793005ull + 1442695040888963407ull;
    for (unsigned int i = 0; i < NR_PAGES; i++) {
        page[i] = page_alloc();
        mfn_at[i] = va_to_mfn(page[i]);
    }
    print("  seed %lu, count %lu\n", seed, count);
    user_init();
    set_up_grants();
    is_checking = option("check", 0);
    check_own_entries(true);
    now[0] = now[1] = now[2] = now[3] = "nothing";
    exception_handler = unexpected;
    event_handler = on_event;
    if (!is_alone)
        for (unsigned int id = 1; id <= NR_WORKERS; id++)
            vcpu_start(id, worker, 0);
    run_operations(count);
    for (unsigned int id = 1; id <= NR_WORKERS; id++)
        HC3(vcpu_op, VCPUOP_down, id, 0);
    check(true, "", 0);
}
