/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Storm limit: an interrupt that comes more often than irq_ratelimit= times in 10 ms is masked for
 * 10 ms, so that a broken device or its guest cannot hold a CPU. Level-triggered lines need none:
 * they stay masked until their guests answer.
 *
 * Lock: the list of limited irqs has limit_lock (RANK_LEAF); a descriptor's own fields desc->lock.
 */
#include <arch/irq.h>
#include <hv/log.h>
#include <hv/param.h>
#include <hv/time.h>

#define WINDOW_NS (10 * NS_PER_MS)

static unsigned int irq_ratelimit = 10000;
BOOT_PARAM_UINT(irq_ratelimit, "irq_ratelimit", irq_ratelimit);

static struct list limited = LIST_INIT(limited);
static struct spinlock limit_lock = SPINLOCK_INIT(RANK_LEAF);
static struct timer limit_timer;

static struct irq_desc *next_limited(void)
{
    uint64_t flags = spin_lock_irqsave(&limit_lock);
    struct irq_desc *desc = NULL;

    if (!list_empty(&limited)) {
        desc = list_first(&limited, struct irq_desc, limit_link);
        list_remove(&desc->limit_link);
    }
    spin_unlock_irqrestore(&limit_lock, flags);
    return desc;
}

static void end_limit(struct irq_desc *desc)
{
    uint64_t flags = spin_lock_irqsave(&desc->lock);

    desc->limited = false;
    desc->window_count = 0;
    if (desc->started && desc->nr_due == 0)
        irq_desc_unmask(desc);
    spin_unlock_irqrestore(&desc->lock, flags);
}

static void limit_timer_fn(void *arg)
{
    struct irq_desc *desc;

    while ((desc = next_limited()) != NULL)
        end_limit(desc);
}

static void start_limit(struct irq_desc *desc, uint64_t now)
{
    static bool reported;

    desc->limited = true;
    irq_desc_mask(desc);
    spin_lock(&limit_lock);
    list_add_tail(&limited, &desc->limit_link);
    spin_unlock(&limit_lock);
    timer_set(&limit_timer, now + WINDOW_NS);
    if (!reported) {
        reported = true;
        log_warn("irq %u: more than %u interrupts in 10 ms, held back\n", desc->irq, irq_ratelimit);
    }
}

void irq_limit_init(void)
{
    timer_init(&limit_timer, limit_timer_fn, NULL, 0);
}

bool irq_limit(struct irq_desc *desc)
{
    uint64_t now = now_ns();

    if (irq_ratelimit == 0 || desc->limited)
        return desc->limited;
    if (now - desc->window_start_ns > WINDOW_NS) {
        desc->window_start_ns = now;
        desc->window_count = 0;
    }
    if (++desc->window_count <= irq_ratelimit)
        return false;
    start_limit(desc, now);
    return true;
}
