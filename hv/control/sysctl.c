/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sysctl (xen/sysctl.h): what the toolstack asks of the machine. Dispatch from the rows of
 * abi/sysctl.def; the operations are in sysctl_*.c and arch/<arch>/control. Lock: sysctl_lock, one
 * operation at a time.
 */
#include <hv/control.h>
#include <hv/errno.h>
#include <hv/guest_access.h>
#include <hv/percpu.h>

struct sysctl_row {
    sysctl_fn *fn;  /* NULL: always answers `refusal` */
    uint8_t who;    /* enum access_class */
    uint8_t back;   /* enum control_back */
    int16_t refusal;
};

static const struct sysctl_row table[] = {
#define SYSCTL(number, name, who, back)     [number] = { sysctl_##name, ACCESS_##who, BACK_##back, 0 },
#define SYSCTL_REFUSED(number, name, error) [number] = { NULL, ACCESS_CONTROL, BACK_IN, XEN_##error },
#include "../../abi/sysctl.def"
};

static const struct sysctl_row unknown = { NULL, ACCESS_CONTROL, BACK_IN, XEN_ENOSYS };

static struct spinlock sysctl_lock = SPINLOCK_INIT(RANK_CONTROL);

static const struct sysctl_row *find_row(uint32_t cmd)
{
    const struct sysctl_row *row;

    if (cmd >= array_size(table))
        return &unknown;
    row = &table[index_nospec(cmd, array_size(table))];
    return row->fn || row->refusal ? row : &unknown;
}

static long run(const struct sysctl_row *row, struct xen_sysctl *op, uint64_t at)
{
    long rc;

    if (!spin_trylock(&sysctl_lock))
        return hypercall_continue(__HYPERVISOR_sysctl, at, 0, 0, 0, 0);
    rc = row->fn(op);
    spin_unlock(&sysctl_lock);

    if ((row->back == BACK_ALWAYS || (row->back == BACK_OUT && rc >= 0)) && guest_write(at, op, sizeof(*op)) != 0)
        return ERR(EFAULT);
    return rc;
}

long hc_sysctl(uint64_t at, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
    struct xen_sysctl op;
    const struct sysctl_row *row;
    int rc;

    if (guest_read(&op, at, sizeof(op)) != 0)
        return ERR(EFAULT);
    if (op.interface_version != XEN_SYSCTL_INTERFACE_VERSION)
        return ERR(EACCES);
    row = find_row(op.cmd);
    rc = access_check(row->who, current->domain, NULL);
    if (rc != 0)
        return rc;
    return row->fn ? run(row, &op, at) : -row->refusal;
}
