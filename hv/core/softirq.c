/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Soft interrupts and work items. Pending soft interrupts are atomic bits that any CPU
 * may set; a queue of work belongs to its CPU and is guarded by disabling interrupts.
 */
#include <arch/cpu.h>
#include <hv/compiler.h>
#include <hv/percpu.h>
#include <hv/smp.h>
#include <hv/softirq.h>

DEFINE_PER_CPU(uint32_t, softirqs);
static DEFINE_PER_CPU(struct list, works);

static void work_run_all(void);

static softirq_fn *handlers[NR_SOFTIRQS] = { [SOFTIRQ_WORK] = work_run_all };

void softirq_register(enum softirq nr, softirq_fn *fn)
{
    handlers[nr] = fn;
}

/* Order: a full barrier, so that what the handler is to see is visible before the bit. */
static bool set_pending(unsigned int cpu, enum softirq nr)
{
    return !(__atomic_fetch_or(&per_cpu(softirqs, cpu), 1u << nr, __ATOMIC_SEQ_CST) & (1u << nr));
}

void softirq_raise(enum softirq nr)
{
    set_pending(this_cpu_id(), nr);
}

void softirq_raise_on(unsigned int cpu, enum softirq nr)
{
    if (set_pending(cpu, nr) && cpu != this_cpu_id())
        smp_kick(cpu);
}

/*
 * Each bit is cleared just before its handler runs: a handler that never returns
 * (SOFTIRQ_SCHEDULE, the last) takes no other bit with it.
 */
void softirq_run(void)
{
    uint32_t pending;

    irq_enable();
    while ((pending = read_once(this_cpu(softirqs))) != 0)
        for (unsigned int nr = 0; nr < NR_SOFTIRQS; nr++) {
            if (!(pending & (1u << nr)))
                continue;
            __atomic_fetch_and(&this_cpu(softirqs), ~(1u << nr), __ATOMIC_SEQ_CST);
            if (handlers[nr])
                handlers[nr]();
        }
}

/* This CPU's queue, made on first use. Interrupts disabled. */
static struct list *work_queue(void)
{
    struct list *queue = &this_cpu(works);

    if (!queue->next)
        list_init(queue);
    return queue;
}

void work_schedule(struct work *w)
{
    uint64_t flags;

    if (__atomic_exchange_n(&w->queued, true, __ATOMIC_ACQ_REL))
        return;
    flags = irq_save();
    list_add_tail(work_queue(), &w->link);
    irq_restore(flags);
    softirq_raise(SOFTIRQ_WORK);
}

static struct work *take_work(struct list *queue)
{
    uint64_t flags = irq_save();
    struct work *w = list_empty(queue) ? NULL : list_first(queue, struct work, link);

    if (w)
        list_remove(&w->link);
    irq_restore(flags);
    return w;
}

/* Moves the queue aside first: work that schedules itself again runs at the next softirq, not in this loop. */
static void take_queue(struct list *into)
{
    uint64_t flags = irq_save();
    struct list *queue = work_queue();

    if (!list_empty(queue)) {
        *into = *queue;
        into->next->prev = into;
        into->prev->next = into;
        list_init(queue);
    }
    irq_restore(flags);
}

static void work_run_all(void)
{
    struct list batch = LIST_INIT(batch);
    struct work *w;

    take_queue(&batch);
    while ((w = take_work(&batch)) != NULL) {
        void (*fn)(void *) = w->fn;
        void *arg = w->arg;

        /* Order: from here on the item may be scheduled again, on any CPU, or freed. */
        __atomic_store_n(&w->queued, false, __ATOMIC_RELEASE);
        fn(arg);
    }
}
