/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupt descriptors: what is behind each irq, where it goes, who handles it. Sources are
 * struct irq_chip (ioapic.c, platform/msi.c); guests as handlers are guest.c's.
 *
 * Lock: desc->lock (RANK_IRQ, interrupts off). Handlers run without it. Which irqs above the
 * GSIs are taken (is_msi) is guarded by pci_lock.
 */
#include <arch/cpu.h>
#include <arch/irq.h>
#include <arch/platform.h>
#include <hv/errno.h>
#include <hv/log.h>
#include <hv/mm.h>
#include <hv/param.h>
#include <hv/percpu.h>
#include <hv/perfc.h>
#include <hv/time.h>
#include <hv/trace.h>

#define NR_DYNAMIC_VECTORS (VECTOR_LAST_DYNAMIC - VECTOR_FIRST_DYNAMIC + 1)

unsigned int nr_irqs;
static struct irq_desc **descs;             /* by irq; entries appear once */

static unsigned int nr_irqs_option;
BOOT_PARAM_UINT(nr_irqs, "nr_irqs", nr_irqs_option);

struct irq_desc *irq_desc_of(unsigned int irq)
{
    return irq < nr_irqs ? __atomic_load_n(&descs[index_nospec(irq, nr_irqs)], __ATOMIC_ACQUIRE) : NULL;
}

static struct irq_desc *desc_create(unsigned int irq)
{
    struct irq_desc *desc = heap_new(struct irq_desc);

    if (!desc)
        return NULL;
    spin_init(&desc->lock, RANK_IRQ);
    desc->irq = irq;
    desc->masked = true;
    list_init(&desc->guests);
    list_init(&desc->limit_link);
    __atomic_store_n(&descs[irq], desc, __ATOMIC_RELEASE);
    return desc;
}

/* ABI: the default that stock Xen documents for nr_irqs=, which bounds the pirqs that dom0 sees. */
static unsigned int irq_limit_default(void)
{
    return max(16 + cpu_nr_present() * NR_DYNAMIC_VECTORS, 8 * nr_gsis);
}

void irq_desc_init(void)
{
    nr_irqs = nr_irqs_option ? max(nr_irqs_option, nr_gsis) : irq_limit_default();
    descs = heap_new_array(struct irq_desc *, nr_irqs);
    if (!descs)
        panic("No memory for %u interrupt descriptors\n", nr_irqs);
    for (unsigned int irq = 0; irq < nr_gsis; irq++)
        if (!desc_create(irq))
            panic("No memory for interrupt descriptors\n");
    irq_limit_init();
    log_info("IRQ limits: %u GSI, %u MSI/MSI-X\n", nr_gsis, nr_irqs - nr_gsis);
}

/* ---- masking and routing; desc->lock held; a device that was removed leaves no chip ---- */

void irq_desc_mask(struct irq_desc *desc)
{
    desc->masked = true;
    if (desc->chip)
        desc->chip->mask(desc);
}

void irq_desc_unmask(struct irq_desc *desc)
{
    desc->masked = false;
    if (desc->chip)
        desc->chip->unmask(desc);
}

static bool cpu_is_usable(unsigned int cpu)
{
    return cpu < nr_cpu_ids && cpumask_test(&cpu_online_mask, cpu) && apic_can_target(cpu);
}

/* irq, vector, and the set of CPUs, which here is one; the record has room for the first 32. */
static void trace_vector(uint32_t event, const struct irq_desc *desc)
{
    trace(event, desc->irq, desc->vector, desc->cpu < 32 ? 1u << desc->cpu : 0);
}

static int claim_vector(struct irq_desc *desc, unsigned int cpu)
{
    int vector = vector_alloc(cpu, desc->irq, 0);

    if (vector < 0)
        return vector;
    desc->cpu = cpu;
    desc->vector = (uint8_t)vector;
    trace_vector(TRC_HW_IRQ_ASSIGN_VECTOR, desc);
    return 0;
}

static int claim_vector_anywhere(struct irq_desc *desc, unsigned int preferred)
{
    unsigned int cpu;
    int ret = cpu_is_usable(preferred) ? claim_vector(desc, preferred) : ERR(ENOSPC);

    for_each_online_cpu(cpu) {
        if (ret == 0)
            break;
        if (cpu != preferred && cpu_is_usable(cpu))
            ret = claim_vector(desc, cpu);
    }
    return ret;
}

int irq_desc_route(struct irq_desc *desc, unsigned int preferred_cpu)
{
    if (desc->vector == 0) {
        int ret = claim_vector_anywhere(desc, preferred_cpu);
        if (ret)
            return ret;
    }
    desc->chip->route(desc, cpu_topology[desc->cpu].apic_id, desc->vector);
    trace_vector(TRC_HW_IRQ_BIND_VECTOR, desc);
    return 0;
}

/*
 * With the vector kept, a move is one write that the source sees whole. Another vector takes more
 * than one: only while the source holds its interrupts back.
 */
static int claim_for_move(struct irq_desc *desc, unsigned int cpu)
{
    int vector = vector_alloc(cpu, desc->irq, desc->vector);

    if (vector < 0 && desc->can_hold && (desc->masked || !desc->level))
        vector = vector_alloc(cpu, desc->irq, 0);
    return vector;
}

void irq_desc_try_move(struct irq_desc *desc, unsigned int cpu)
{
    unsigned int old_cpu = desc->cpu, old_vector = desc->vector;

    if (!desc->chip || cpu == old_cpu || old_vector == 0 || !cpu_is_usable(cpu))
        return;
    int vector = claim_for_move(desc, cpu);
    if (vector < 0)
        return;
    desc->cpu = cpu;
    desc->vector = (uint8_t)vector;
    desc->chip->route(desc, cpu_topology[cpu].apic_id, desc->vector);
    trace_vector(TRC_HW_IRQ_MOVE_FINISH, desc);
    vector_free(old_cpu, old_vector);
}

int irq_desc_start(struct irq_desc *desc, unsigned int cpu)
{
    if (!desc->chip)
        return ERR(ENODEV);
    if (desc->vector != 0)
        irq_desc_try_move(desc, cpu);
    else {
        int ret = irq_desc_route(desc, cpu);
        if (ret)
            return ret;
    }
    desc->started = true;
    irq_desc_unmask(desc);
    return 0;
}

/* The vector stays: a source that cannot be masked may still use it. */
void irq_desc_stop(struct irq_desc *desc)
{
    desc->started = false;
    irq_desc_mask(desc);
}

/* ---- the hypervisor's handlers ---- */

int irq_request(unsigned int irq, void (*fn)(unsigned int irq, void *arg), void *arg, const char *name)
{
    struct irq_desc *desc = irq_desc_of(irq);

    if (!desc || !fn)
        return ERR(EINVAL);
    uint64_t flags = spin_lock_irqsave(&desc->lock);
    int ret = desc->started ? ERR(EBUSY) : 0;
    if (ret == 0) {
        desc->fn = fn;
        desc->arg = arg;
        desc->name = name;
        ret = irq_desc_start(desc, this_cpu_id());
        if (ret)
            desc->fn = NULL;
    }
    spin_unlock_irqrestore(&desc->lock, flags);
    return ret;
}

void irq_release(unsigned int irq)
{
    struct irq_desc *desc = irq_desc_of(irq);

    if (!desc)
        return;
    uint64_t flags = spin_lock_irqsave(&desc->lock);
    if (desc->fn) {
        irq_desc_stop(desc);
        desc->fn = NULL;
    }
    spin_unlock_irqrestore(&desc->lock, flags);
    while (read_once(desc->running))
        cpu_relax();
}

/* Edge: acknowledged first, so that the next edge is not lost. Level: after the handler has quietened the device. */
static void run_handler(struct irq_desc *desc, uint64_t flags)
{
    void (*fn)(unsigned int, void *) = desc->fn;
    void *arg = desc->arg;

    desc->running++;
    if (!desc->level)
        apic_eoi();
    spin_unlock_irqrestore(&desc->lock, flags);
    fn(desc->irq, arg);
    flags = spin_lock_irqsave(&desc->lock);
    desc->running--;
    if (desc->level)
        apic_eoi();
    spin_unlock_irqrestore(&desc->lock, flags);
}

bool irq_dispatch(unsigned int vector)
{
    int irq = vector_to_irq(this_cpu_id(), vector);
    struct irq_desc *desc = irq < 0 ? NULL : irq_desc_of((unsigned int)irq);
    const uint64_t began = trace_wants(TRC_HW_IRQ) ? rdtsc() : 0;

    if (!desc) {
        trace(TRC_HW_IRQ_UNMAPPED_VECTOR, vector);
        return false;
    }
    perfc_inc(irqs);
    uint64_t flags = spin_lock_irqsave(&desc->lock);
    if (desc->fn)
        run_handler(desc, flags);
    else if (desc->nr_guests)
        irq_guest_interrupt(desc, flags);
    else {
        irq_desc_mask(desc);
        apic_eoi();
        spin_unlock_irqrestore(&desc->lock, flags);
    }
    trace(TRC_HW_IRQ_HANDLED, (uint32_t)irq, TRACE_LOW(began), TRACE_LOW(rdtsc()));
    return true;
}

/* ---- MSI irqs; pci_lock held ---- */

static struct irq_desc *claim_free_msi(void)
{
    for (unsigned int irq = nr_gsis; irq < nr_irqs; irq++) {
        struct irq_desc *desc = descs[irq] ? descs[irq] : desc_create(irq);

        if (!desc || !desc->is_msi) {
            if (desc)
                desc->is_msi = true;
            return desc;
        }
    }
    return NULL;
}

int irq_alloc_msi(void)
{
    struct irq_desc *desc = claim_free_msi();

    return desc ? (int)desc->irq : ERR(ENOSPC);
}

void irq_free_msi(unsigned int irq)
{
    struct irq_desc *desc = irq_desc_of(irq);
    uint64_t flags = spin_lock_irqsave(&desc->lock);

    ASSERT(desc->is_msi && !desc->fn && desc->nr_guests == 0);
    if (desc->vector) {
        trace_vector(TRC_HW_IRQ_CLEAR_VECTOR, desc);
        vector_free(desc->cpu, desc->vector);
    }
    desc->vector = 0;
    desc->chip = NULL;
    desc->msi = NULL;
    desc->started = false;
    desc->is_msi = false;
    spin_unlock_irqrestore(&desc->lock, flags);
}
