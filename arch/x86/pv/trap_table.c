/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A PV guest's virtual interrupt descriptor table: the hypercall that fills it. */
#include <arch/pv.h>
#include <hv/errno.h>
#include <hv/guest_access.h>
#include <hv/lib.h>
#include <hv/percpu.h>

#define NR_TRAPS 256u

static struct pv_trap_entry trap_entry_of(const struct trap_info *t)
{
    return (struct pv_trap_entry){
        .rip = t->address,
        .cs = pv_fix_selector(t->cs),
        .dpl = TI_GET_DPL(t),
        .disables_events = TI_GET_IF(t) != 0,
    };
}

/* ABI: no table clears all entries; else entries up to the one with address 0 replace those of their vectors. */
long hc_set_trap_table(uint64_t table, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
    struct vcpu *v = current;

    if (table == 0) {
        memset(v->arch.trap_table, 0, NR_TRAPS * sizeof(*v->arch.trap_table));
        return 0;
    }
    for (;;) {
        struct trap_info t;

        if (guest_read(&t, table, sizeof(t)) != 0)
            return ERR(EFAULT);
        if (t.address == 0)
            return 0;
        if (!va_is_canonical(t.address))
            return ERR(EINVAL);
        v->arch.trap_table[t.vector] = trap_entry_of(&t);
        table += sizeof(t);
        /* Trust: the guest's table may have no end; it is stopped for anything that waits. */
        if (hypercall_preempt_check())
            return hypercall_continue(__HYPERVISOR_set_trap_table, table, 0, 0, 0, 0);
    }
}
