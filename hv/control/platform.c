/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * platform_op (xen/platform.h): what the kernel that drives the machine asks and tells. Dispatch from
 * the rows of abi/platform.def, and the operations about time; the others are in
 * arch/<arch>/control. Lock: platform_lock, one operation at a time.
 */
#include <hv/control.h>
#include <hv/errno.h>
#include <hv/guest_access.h>
#include <hv/percpu.h>

struct platform_row {
    platform_fn *fn; /* NULL: always answers `refusal` */
    uint8_t back;    /* enum control_back */
    int16_t refusal;
};

static const struct platform_row table[] = {
#define PLATFORM_OP(number, name, back)       [number] = { platform_##name, BACK_##back, 0 },
#define PLATFORM_REFUSED(number, name, error) [number] = { NULL, BACK_IN, XEN_##error },
#include "../../abi/platform.def"
};

static const struct platform_row unknown = { NULL, BACK_IN, XEN_ENOSYS };

static struct spinlock platform_lock = SPINLOCK_INIT(RANK_CONTROL);

static const struct platform_row *find_row(uint32_t cmd)
{
    const struct platform_row *row;

    if (cmd >= array_size(table))
        return &unknown;
    row = &table[index_nospec(cmd, array_size(table))];
    return row->fn || row->refusal ? row : &unknown;
}

static long run(const struct platform_row *row, struct xen_platform_op *op, uint64_t at)
{
    long rc;

    if (!spin_trylock(&platform_lock))
        return hypercall_continue(__HYPERVISOR_platform_op, at, 0, 0, 0, 0);
    rc = row->fn(op);
    spin_unlock(&platform_lock);

    if ((row->back == BACK_ALWAYS || (row->back == BACK_OUT && rc >= 0)) && guest_write(at, op, sizeof(*op)) != 0)
        return ERR(EFAULT);
    return rc;
}

long hc_platform_op(uint64_t at, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
    struct xen_platform_op op;
    const struct platform_row *row;
    int rc;

    if (guest_read(&op, at, sizeof(op)) != 0)
        return ERR(EFAULT);
    if (op.interface_version != XENPF_INTERFACE_VERSION)
        return ERR(EACCES);
    rc = access_check(ACCESS_CONTROL, current->domain, NULL);
    if (rc != 0)
        return rc;
    row = find_row(op.cmd);
    return row->fn ? run(row, &op, at) : -row->refusal;
}

/* ---- time ---- */

long platform_settime32(struct xen_platform_op *op)
{
    const struct xenpf_settime32 *t = &op->u.settime32;

    time_set_wallclock(t->secs, t->nsecs, t->system_time);
    return 0;
}

long platform_settime64(struct xen_platform_op *op)
{
    const struct xenpf_settime64 *t = &op->u.settime64;

    if (t->mbz != 0)
        return ERR(EINVAL);
    time_set_wallclock(t->secs, t->nsecs, t->system_time);
    return 0;
}

/* A CPU that is not there loses its bit and has been idle for no time. */
static int write_idle_times(const struct xenpf_getidletime *a, uint64_t *asked, unsigned int bits)
{
    unsigned int cpu;

    bitmap_for_each(cpu, asked, bits) {
        const bool there = cpumask_test(&cpu_online_mask, cpu);
        const uint64_t idle_ns = there ? sched_idle_ns(cpu) : 0;

        if (!there)
            bit_clear(asked, cpu);
        if (copy_to_guest_at(a->idletime, cpu, &idle_ns, 1))
            return ERR(EFAULT);
    }
    return 0;
}

/* Trust: no more bits are looked at than there can be CPUs, however long the caller's bitmap. */
long platform_getidletime(struct xen_platform_op *op)
{
    struct xenpf_getidletime *a = &op->u.getidletime;
    const unsigned int bits = min(a->cpumap_nr_cpus, nr_cpu_ids);
    struct xenctl_bitmap map = { .nr_bits = a->cpumap_nr_cpus };
    uint64_t asked[BITMAP_WORDS(MAX_CPUS)];
    int rc;

    map.bitmap.p = a->cpumap_bitmap.p;
    rc = control_bitmap_read(&map, asked, bits);
    if (rc == 0) {
        a->now = now_ns();
        rc = write_idle_times(a, asked, bits);
    }
    return rc ? rc : control_bitmap_write(&map, asked, bits);
}
