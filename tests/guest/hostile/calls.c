/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vCPUs, scheduling, the control plane, multicalls, whatever is left; what ends a domain. */
#include "hostile.h"
#include <xen/domctl.h>
#include <xen/platform.h>
#include <xen/sysctl.h>

void op_vcpu(void)
{
    unsigned int cmd = (unsigned int)rnd(16), id = (unsigned int)rnd(9);
    uint64_t *a = argument(0, 16);

    if (cmd == VCPUOP_down && (id == 0 || id == PULSE || id == vcpu_id()))
        return;
    if (cmd == VCPUOP_register_vcpu_info) {
        if (id <= PULSE)
            return;
        me->buffer[0][0] = some_mfn();
        me->buffer[0][1] = rnd(512) * 8;
    }
    if (cmd == VCPUOP_initialise && id <= PULSE)
        return;
    HC3(vcpu_op, cmd, one_in(30) ? value() : id, a);
}

/* One of the vCPUs that are left, with a state in which a few things are odd. It attacks too, if it gets that far. */
void op_new_vcpu(void)
{
    const unsigned int id = PULSE + 1 + (unsigned int)rnd(MAX_VCPUS - PULSE - 1);
    struct vcpu_guest_context *c = (void *)me->buffer[0];
    static volatile bool is_busy;            /* vcpu_context() has one buffer */

    if (!one_in(4) || __atomic_exchange_n(&is_busy, true, __ATOMIC_SEQ_CST))
        return;
    memcpy(c, vcpu_context(id, worker, 0), sizeof(*c));
    is_busy = false;
    for (uint64_t n = rnd(4); n != 0; n--)
        switch (rnd(14)) {
        case 0: c->flags = rnd(64); break;
        case 1: (&c->user_regs.r15)[rnd(sizeof(c->user_regs) / 8)] = value(); break;
        case 2: c->gdt_ents = rnd(one_in(4) ? 9000 : 1024); for (unsigned int i = 0; i < 16; i++) c->gdt_frames[i] = some_mfn(); break;
        case 3: c->ldt_base = some_va(); c->ldt_ents = rnd(one_in(4) ? 9000 : 512); break;
        case 4: c->ctrlreg[rnd(8)] = one_in(2) ? value() : some_mfn() << 12; break;
        case 5: c->ctrlreg[1] = va_to_mfn(user_l4) << 12 | rnd(2); break;
        case 6: c->debugreg[rnd(8)] = one_in(2) ? some_va() : value(); break;
        case 7: c->trap_ctxt[rnd(256)] = (struct trap_info){ .vector = (uint8_t)rnd64(), .flags = (uint8_t)rnd(8), .cs = (uint16_t)rnd64(), .address = some_va() }; break;
        case 8: (&c->event_callback_eip)[rnd(3)] = some_va(); break;
        case 9: (&c->fs_base)[rnd(3)] = some_va(); break;
        case 10: c->user_regs.cs = (uint16_t)rnd64(); break;
        case 11: c->user_regs.rflags = rnd64(); break;
        case 12: for (unsigned int i = 0; i < sizeof(c->fpu_ctxt) / 8; i++) ((uint64_t *)&c->fpu_ctxt)[i] = rnd64(); break;
        default: c->vm_assist = rnd64(); break;
        }
    if (HC3(vcpu_op, VCPUOP_initialise, id, c) == 0)
        HC3(vcpu_op, VCPUOP_up, id, 0);
}

void op_sched(void)
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
void op_any(void)
{
    static const unsigned int everybody[] = { 9, 11, 15, 16, 17, 27, 31, 34, 38, 39, 40, 43, 49, 50, 55, 57, 63, 64, 1000 };
    static const unsigned int controls[] = { 7, 18, 19, 21, 33, 35, 36, 37, 41, 42, 48 };
    const unsigned int nr = is_dom0 || one_in(2) ? PICK(everybody) : PICK(controls);
    const uint64_t first = one_in(4) ? value() : rnd(16);

    hypercall(nr, one_in(2) ? first : (uint64_t)argument(0, 32), one_in(2) ? (uint64_t)argument(1, 32) : value(), value(), value(), value());
    HC1(set_timer_op, 0);
}

/* What only a control domain may do: never granted, whatever else is wrong with it. */
void op_control(void)
{
    uint64_t *a = argument(0, 40);
    uint32_t *head = (uint32_t *)me->buffer[0];
    long rc = -1;

    if (is_dom0)
        return;
    head[0] = (uint32_t)rnd(100);
    switch (rnd(5)) {
    case 0: head[1] = XEN_DOMCTL_INTERFACE_VERSION; head[2] = (uint32_t)some_domid(); rc = HC1(domctl, a); break;
    case 1: head[1] = XEN_SYSCTL_INTERFACE_VERSION; rc = HC1(sysctl, a); break;
    case 2: head[1] = XENPF_INTERFACE_VERSION; rc = HC1(platform_op, a); break;
    case 3: HC2(physdev_op, rnd(34), a); break;
    default: HC3(console_io, rnd(4), rnd(100), a); break;
    }
    if (rc >= 0)
        print("FAIL hostile: control operation %u went through\n", head[0]);
}

void op_multicall(void)
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

void op_deadly(void)
{
    const uint64_t odd = one_in(2) ? bad_va() : (uint64_t)pool_page() + rnd(4096);

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
