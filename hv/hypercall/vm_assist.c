/* SPDX-License-Identifier: GPL-2.0-or-later */
/* __HYPERVISOR_vm_assist (xen/xen.h): behaviours that a domain switches on and off for itself. */
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/hypercall.h>
#include <hv/percpu.h>

uint64_t vm_assist_valid(const struct domain *d)
{
    const uint64_t any = 1ULL << VMASST_TYPE_runstate_update_flag;

    if (d->is_hvm)
        return any;
    return any | 1ULL << VMASST_TYPE_4gb_segments | 1ULL << VMASST_TYPE_4gb_segments_notify |
           1ULL << VMASST_TYPE_writable_pagetables | 1ULL << VMASST_TYPE_pae_extended_cr3 |
           1ULL << VMASST_TYPE_architectural_iopl | 1ULL << VMASST_TYPE_m2p_strict;
}

long hc_vm_assist(uint64_t cmd, uint64_t type, uint64_t a3, uint64_t a4, uint64_t a5)
{
    struct domain *d = current->domain;

    type = (uint32_t)type;
    if (type >= 64 || !(vm_assist_valid(d) >> type & 1))
        return ERR(EINVAL);
    switch ((uint32_t)cmd) {
    case VMASST_CMD_enable:
        atomic_bit_set(&d->vm_assist, (unsigned int)type);
        return 0;
    case VMASST_CMD_disable:
        atomic_bit_clear(&d->vm_assist, (unsigned int)type);
        return 0;
    default:
        return ERR(ENOSYS);
    }
}
