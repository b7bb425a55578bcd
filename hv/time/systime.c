/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * System time as guests compute it: struct vcpu_time_info in the shared vcpu_info, and its
 * copy in the guest's own memory (VCPUOP_register_vcpu_time_memory_area). With one stable
 * clock on every CPU the figures never change, and nothing is written at a switch.
 * Lock: none; written by the CPU that the vCPU is current on (or for a vCPU that is down).
 */
#include <hv/domain.h>
#include <hv/guest_access.h>
#include <hv/percpu.h>

static struct vcpu_time_info describe(const struct guest_clock *c)
{
    return (struct vcpu_time_info){
        .tsc_timestamp = c->tsc,
        .system_time = c->system_ns,
        .tsc_to_system_mul = c->mul,
        .tsc_shift = c->shift,
        .flags = c->flags,
    };
}

/*
 * ABI (xen.h, vcpu_time_info): the version is odd while the rest changes. Trust: the guest may have
 * written anything to the version; only its parity is made use of, by the guest.
 */
static void write_shared(struct vcpu_time_info *to, const struct vcpu_time_info *from)
{
    const uint32_t version = read_once(to->version) | 1;

    write_once(to->version, version);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    write_once(to->tsc_timestamp, from->tsc_timestamp);
    write_once(to->system_time, from->system_time);
    write_once(to->tsc_to_system_mul, from->tsc_to_system_mul);
    write_once(to->tsc_shift, from->tsc_shift);
    write_once(to->flags, from->flags);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    write_once(to->version, version + 1);
}

/* The same protocol through guest_write. false: the area cannot be reached in this address space. */
static bool write_area(uint64_t va, const struct vcpu_time_info *from, uint32_t version)
{
    struct vcpu_time_info copy = *from;
    const uint64_t version_va = va + offsetof(struct vcpu_time_info, version);

    copy.version = version - 1;
    if (guest_write(version_va, &copy.version, sizeof(copy.version)) != 0)
        return false;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (guest_write(va, &copy, sizeof(copy)) != 0)
        return false;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return guest_write(version_va, &version, sizeof(version)) == 0;
}

static void update(struct vcpu *v, uint32_t epoch)
{
    struct vcpu_time_info *shared = &v->vcpu_info->time;
    struct guest_clock clock;
    struct vcpu_time_info info;
    bool written = true;

    arch_guest_clock(v, &clock);
    info = describe(&clock);
    write_shared(shared, &info);
    if (v->time_va != 0 && v == current)
        written = write_area(v->time_va, &info, read_once(shared->version) & ~1u);
    /* An area that user page tables do not show is written at the next occasion. */
    v->sched.time_epoch = written ? epoch : 0;
}

void time_update_vcpu(struct vcpu *v)
{
    const uint32_t epoch = arch_guest_clock_epoch(v);

    if (unlikely(v->sched.time_epoch != epoch))
        update(v, epoch);
}

void time_force_update_vcpu(struct vcpu *v)
{
    update(v, arch_guest_clock_epoch(v));
}
