/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Calls across CPUs without a lock. Every CPU owns one outgoing call; every CPU has a
 * bitmap of those who want something of it. The caller waits with interrupts enabled,
 * so two CPUs that call each other serve each other.
 */
#include <arch/cpu.h>
#include <hv/log.h>
#include <hv/percpu.h>
#include <hv/perfc.h>
#include <hv/smp.h>

struct outgoing_call {
    void (*fn)(void *arg);
    void *arg;
    cpumask_t pending;      /* CPUs that have not finished it (atomic bits) */
};
static DEFINE_PER_CPU(struct outgoing_call, outgoing);
static DEFINE_PER_CPU(cpumask_t, callers);

cpumask_t cpu_online_mask = { { 1 } }; /* the boot CPU */
unsigned int nr_cpu_ids = 1;

static void wait_until_done(const struct outgoing_call *call)
{
    while (!cpumask_empty(&call->pending))
        cpu_relax();
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
}

static void call_others(const cpumask_t *cpus, void (*fn)(void *arg), void *arg)
{
    struct outgoing_call *call = &this_cpu(outgoing);
    unsigned int cpu;

    ASSERT(irq_is_enabled());
    wait_until_done(call); /* an earlier one that nobody waited for */
    call->fn = fn;
    call->arg = arg;
    call->pending = *cpus;
    /* Order: the atomic bits publish the call before a CPU can find it. */
    cpumask_for_each(cpu, cpus)
        cpumask_atomic_set(&per_cpu(callers, cpu), this_cpu_id());
    arch_smp_send_call(cpus);
}

static void call_here(void (*fn)(void *arg), void *arg)
{
    uint64_t flags = irq_save();

    fn(arg);
    irq_restore(flags);
}

void smp_call(const cpumask_t *cpus, void (*fn)(void *arg), void *arg, bool wait)
{
    cpumask_t others = cpumask_and(cpus, &cpu_online_mask);
    bool here = cpumask_test(&others, this_cpu_id());

    cpumask_clear(&others, this_cpu_id());
    if (!cpumask_empty(&others))
        call_others(&others, fn, arg);
    else
        wait = false;
    if (here)
        call_here(fn, arg);
    if (wait)
        wait_until_done(&this_cpu(outgoing));
}

static void nothing(void *arg)
{
}

void smp_wait_for_irqs_off(void)
{
    smp_call(&cpu_online_mask, nothing, NULL, true);
}

void smp_call_interrupt(void)
{
    cpumask_t *from = &this_cpu(callers);
    unsigned int caller;

    perfc_inc(ipis);
    cpumask_for_each(caller, from) {
        struct outgoing_call *call = &per_cpu(outgoing, caller);

        /* Order: our bit in the caller's record goes last; it may reuse the record then. */
        cpumask_atomic_clear(from, caller);
        call->fn(call->arg);
        cpumask_atomic_clear(&call->pending, this_cpu_id());
    }
}

void smp_kick(unsigned int cpu)
{
    if (cpu != this_cpu_id())
        arch_smp_send_kick(cpu);
}
