/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A domain's pirqs: its names for machine interrupts, and which irq each one means. Entries are
 * made on demand and live as long as the domain's map.
 *
 * P1  In one domain a pirq means at most one irq and an irq has at most one pirq.
 * P2  A bound pirq (struct pirq.bound) is on the list of the descriptor of its irq.
 *
 * Lock: pirq_domain.lock (RANK_PIRQ, interrupts off), then the descriptor's. Mapping and unmapping
 * are serialised by pci_lock besides.
 */
#include <arch/cpu.h>
#include <arch/irq.h>
#include <arch/pci.h>
#include <arch/platform.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/param.h>
#include <hv/percpu.h>
#include <hv/smp.h>

struct pirq_domain {
    struct spinlock lock;
    unsigned int limit;
    struct pirq **map;          /* NULL until first needed; limit entries */
    uint64_t *eoi_page;         /* PHYSDEVOP_pirq_eoi_gmfn: one bit a pirq, NULL none; a held frame */
    bool auto_unmask;
    bool was_bound;             /* an interrupt of it may be in progress on some CPU */
    bool closed;                /* the domain is being destroyed: nothing new */
};

/* ---- limits ---- */

static unsigned int extra_domu = 32, extra_dom0;

/* extra_guest_irqs=[domU][,dom0]: pirqs beyond the GSIs. */
static int parse_extra(const char *s)
{
    const char *end = s;

    if (*s != ',' && *s != '\0')
        extra_domu = (unsigned int)min(parse_u64(s, &end, 0), (uint64_t)PAGE_SIZE * 8);
    if (*end == ',')
        extra_dom0 = (unsigned int)min(parse_u64(end + 1, &end, 0), (uint64_t)PAGE_SIZE * 8);
    return *end == '\0' ? 0 : ERR(EINVAL);
}
BOOT_PARAM_CUSTOM(extra_guest_irqs, "extra_guest_irqs", parse_extra);

static unsigned int bits_needed(unsigned int n)
{
    return n ? 32 - (unsigned int)__builtin_clz(n) : 0;
}

/* ABI: stock Xen's default for dom0 grows with the logarithm of the CPUs, by its vectors per CPU. */
static unsigned int dom0_extra_default(const struct domain *d)
{
    unsigned int n = bits_needed(cpu_nr_present());

    if (d->max_vcpus)
        n = min(n, d->max_vcpus);
    return n * (VECTOR_LAST_DYNAMIC - VECTOR_FIRST_DYNAMIC + 1);
}

static unsigned int limit_for(const struct domain *d)
{
    unsigned int extra = extra_domu;

    if (d->is_hardware)
        extra = extra_dom0 ? extra_dom0 : dom0_extra_default(d);
    /* A bit for each in one page (PHYSDEVOP_pirq_eoi_gmfn_v2). */
    return min(min(nr_gsis + extra, nr_irqs), (unsigned int)PAGE_SIZE * 8);
}

unsigned int pirq_limit(const struct domain *d)
{
    return d->arch.pirqs ? d->arch.pirqs->limit : 0;
}

int pirq_domain_init(struct domain *d)
{
    struct pirq_domain *pd = heap_new(struct pirq_domain);

    if (!pd)
        return ERR(ENOMEM);
    spin_init(&pd->lock, RANK_PIRQ);
    pd->limit = limit_for(d);
    d->arch.pirqs = pd;
    if (d->is_hardware)
        log_info("d%u has maximum %u PIRQs\n", d->id, pd->limit);
    return 0;
}

/* ---- look-up; lock held unless said otherwise ---- */

static struct pirq *entry(const struct pirq_domain *pd, unsigned int pirq)
{
    return pd && pd->map && pirq < pd->limit ? pd->map[index_nospec(pirq, pd->limit)] : NULL;
}

static bool is_free(const struct pirq_domain *pd, unsigned int pirq)
{
    const struct pirq *p = entry(pd, pirq);

    return !p || (p->irq == 0 && !p->orphaned);
}

static int mapped_as(const struct pirq_domain *pd, unsigned int irq)
{
    for (unsigned int i = 0; pd->map && i < pd->limit; i++)
        if (pd->map[i] && pd->map[i]->irq == (int)irq)
            return (int)i;
    return -1;
}

/* The descriptor of a mapped pirq. */
static struct irq_desc *desc_of(const struct pirq *p)
{
    return p && p->irq > 0 ? irq_desc_of((unsigned int)p->irq) : NULL;
}

/* Makes sure that there is an entry, so that what follows cannot fail. Lock not held. */
static int ensure_entry(struct domain *d, unsigned int pirq)
{
    struct pirq_domain *pd = d->arch.pirqs;
    struct pirq **map = NULL, *fresh;

    if (entry(pd, pirq))
        return 0;
    fresh = heap_new(struct pirq);
    if (!pd->map)
        map = heap_new_array(struct pirq *, pd->limit);
    if (!fresh || (!map && !pd->map)) {
        heap_free(map);
        heap_free(fresh);
        return ERR(ENOMEM);
    }
    list_init(&fresh->link);
    fresh->domain = d;
    fresh->pirq = pirq;
    uint64_t flags = spin_lock_irqsave(&pd->lock);
    if (!pd->map) {
        pd->map = map;
        map = NULL;
    }
    if (!pd->map[pirq]) {
        pd->map[pirq] = fresh;
        fresh = NULL;
    }
    spin_unlock_irqrestore(&pd->lock, flags);
    heap_free(map);
    heap_free(fresh);
    return 0;
}

unsigned int pirq_to_irq(struct domain *d, unsigned int pirq)
{
    struct pirq_domain *pd = d->arch.pirqs;

    if (!pd)
        return 0;
    uint64_t flags = spin_lock_irqsave(&pd->lock);
    const struct pirq *p = entry(pd, pirq);
    unsigned int irq = p && p->irq > 0 ? (unsigned int)p->irq : 0;
    spin_unlock_irqrestore(&pd->lock, flags);
    return irq;
}

int pirq_of_irq(struct domain *d, unsigned int irq)
{
    struct pirq_domain *pd = d->arch.pirqs;
    uint64_t flags = spin_lock_irqsave(&pd->lock);
    int pirq = mapped_as(pd, irq);

    spin_unlock_irqrestore(&pd->lock, flags);
    return pirq;
}

bool pirq_is_permitted(struct domain *d, unsigned int pirq)
{
    unsigned int irq = pirq_to_irq(d, pirq);

    return irq != 0 && rangeset_contains(&d->irqs_allowed, irq, irq);
}

bool pirq_is_known(struct domain *d, unsigned int pirq)
{
    struct pirq_domain *pd = d->arch.pirqs;
    uint64_t flags = spin_lock_irqsave(&pd->lock);
    bool known = entry(pd, pirq) != NULL;

    spin_unlock_irqrestore(&pd->lock, flags);
    return known;
}

bool pirq_is_shared(struct domain *d, unsigned int pirq)
{
    struct irq_desc *desc = irq_desc_of(pirq_to_irq(d, pirq));

    return desc && read_once(desc->nr_guests) > 1;
}

/* ---- mapping; pci_lock held ---- */

/* ABI: free GSI pirqs are looked for from 16 up, others from the top down. */
static int find_free(const struct pirq_domain *pd, bool gsi)
{
    if (gsi) {
        for (unsigned int i = 16; i < nr_gsis && i < pd->limit; i++)
            if (is_free(pd, i))
                return (int)i;
    } else {
        for (unsigned int i = pd->limit; i-- > nr_gsis;)
            if (is_free(pd, i))
                return (int)i;
    }
    return ERR(ENOSPC);
}

int pirq_reserve(struct domain *d, bool gsi)
{
    struct pirq_domain *pd = d->arch.pirqs;
    uint64_t flags;

    if (!pd)
        return ERR(EINVAL);
    for (;;) {
        flags = spin_lock_irqsave(&pd->lock);
        int pirq = find_free(pd, gsi);
        struct pirq *p = pirq < 0 ? NULL : entry(pd, (unsigned int)pirq);
        if (p)
            p->irq = PIRQ_RESERVED;
        spin_unlock_irqrestore(&pd->lock, flags);
        if (pirq < 0 || p)
            return pirq;
        /* Bounded: each turn makes an entry where there was none. */
        int ret = ensure_entry(d, (unsigned int)pirq);
        if (ret)
            return ret;
    }
}

int pirq_choose(struct domain *d, int pirq, unsigned int irq, bool gsi)
{
    struct pirq_domain *pd = d->arch.pirqs;
    uint64_t flags = spin_lock_irqsave(&pd->lock);
    int now = mapped_as(pd, irq);

    if (pirq < 0)
        pirq = now >= 0 ? now : find_free(pd, gsi);
    else if (now >= 0 && now != pirq)
        pirq = ERR(EEXIST);
    spin_unlock_irqrestore(&pd->lock, flags);
    return pirq;
}

static int set_irq(struct pirq_domain *pd, unsigned int pirq, unsigned int irq)
{
    struct pirq *p = entry(pd, pirq);
    int now = mapped_as(pd, irq);

    if (pd->closed)
        return ERR(EINVAL);
    if (p->orphaned)
        return ERR(EBUSY);
    if ((p->irq > 0 && p->irq != (int)irq) || (now >= 0 && now != (int)pirq))
        return ERR(EEXIST);
    p->irq = (int)irq;
    return 0;
}

int pirq_map(struct domain *d, unsigned int pirq, unsigned int irq)
{
    struct pirq_domain *pd = d->arch.pirqs;

    if (pirq >= pd->limit || irq == 0 || irq >= nr_irqs)
        return ERR(EINVAL);
    int ret = ensure_entry(d, pirq);
    if (ret == 0)
        ret = rangeset_add(&d->irqs_allowed, irq, irq);
    if (ret)
        return ret;
    uint64_t flags = spin_lock_irqsave(&pd->lock);
    ret = set_irq(pd, pirq, irq);
    spin_unlock_irqrestore(&pd->lock, flags);
    return ret;
}

static void note_eoi_needed(const struct pirq_domain *pd, unsigned int pirq, bool needed)
{
    if (!pd->eoi_page)
        return;
    if (needed)
        atomic_bit_set(pd->eoi_page, pirq);
    else
        atomic_bit_clear(pd->eoi_page, pirq);
}

static void unbind_locked(struct pirq_domain *pd, struct pirq *p)
{
    struct irq_desc *desc = desc_of(p);

    spin_lock(&desc->lock);
    irq_guest_remove(desc, p);
    spin_unlock(&desc->lock);
    note_eoi_needed(pd, p->pirq, false);
}

/* The irq that was mapped, 0 if none. */
static unsigned int forget_irq(struct pirq_domain *pd, unsigned int pirq)
{
    uint64_t flags = spin_lock_irqsave(&pd->lock);
    struct pirq *p = entry(pd, pirq);
    unsigned int irq = p && p->irq > 0 ? (unsigned int)p->irq : 0;

    if (irq && p->bound) {
        unbind_locked(pd, p);
        p->orphaned = true;
    }
    if (irq)
        p->irq = 0;
    spin_unlock_irqrestore(&pd->lock, flags);
    return irq;
}

static void withdraw(struct domain *d, unsigned int irq)
{
    if (d && rangeset_remove(&d->irqs_allowed, irq, irq))
        guest_printk(LOG_WARN, "d%u: no memory to withdraw irq %u\n", d->id, irq);
}

int pirq_unmap(struct domain *d, unsigned int pirq)
{
    unsigned int irq = forget_irq(d->arch.pirqs, pirq);

    if (irq == 0)
        return ERR(EINVAL);
    /* The hardware domain keeps the right to its GSIs: it may map them again. */
    if (irq >= nr_gsis || !d->is_hardware)
        withdraw(d, irq);
    if (irq >= nr_gsis) {
        withdraw(hardware_domain, irq);
        msi_disable(irq);
        irq_free_msi(irq);
    }
    return 0;
}

/* ---- binding (event channels) ---- */

static int bind_locked(struct pirq_domain *pd, struct pirq *p, struct vcpu *v, bool will_share)
{
    struct irq_desc *desc = desc_of(p);

    if (!desc || pd->closed)
        return ERR(EPERM);
    spin_lock(&desc->lock);
    int ret = p->bound ? ERR(EEXIST) : irq_guest_add(desc, p, will_share, read_once(v->sched.cpu));
    bool level = desc->level;
    spin_unlock(&desc->lock);
    if (ret == 0) {
        pd->was_bound = true;
        note_eoi_needed(pd, p->pirq, level);
    }
    return ret;
}

int pirq_bind(struct vcpu *v, unsigned int pirq, bool will_share)
{
    struct pirq_domain *pd = v->domain->arch.pirqs;

    if (!pd || pirq >= pd->limit)
        return ERR(EINVAL);
    if (!pirq_is_permitted(v->domain, pirq))
        return ERR(EPERM);
    uint64_t flags = spin_lock_irqsave(&pd->lock);
    int ret = bind_locked(pd, entry(pd, pirq), v, will_share);
    spin_unlock_irqrestore(&pd->lock, flags);
    return ret;
}

void pirq_unbind(struct domain *d, unsigned int pirq)
{
    struct pirq_domain *pd = d->arch.pirqs;

    if (!pd)
        return;
    uint64_t flags = spin_lock_irqsave(&pd->lock);
    struct pirq *p = entry(pd, pirq);
    if (p && p->bound)
        unbind_locked(pd, p);
    if (p)
        p->orphaned = false;
    spin_unlock_irqrestore(&pd->lock, flags);
}

void pirq_eoi(struct domain *d, unsigned int pirq)
{
    struct pirq_domain *pd = d->arch.pirqs;

    if (!pd)
        return;
    uint64_t flags = spin_lock_irqsave(&pd->lock);
    struct pirq *p = entry(pd, pirq);
    if (p && p->bound) {
        struct irq_desc *desc = desc_of(p);

        spin_lock(&desc->lock);
        irq_guest_eoi(desc, p);
        spin_unlock(&desc->lock);
    }
    spin_unlock_irqrestore(&pd->lock, flags);
}

void pirq_set_affinity(struct domain *d, unsigned int pirq, const cpumask_t *mask)
{
    struct pirq_domain *pd = d->arch.pirqs;
    cpumask_t usable = cpumask_and(mask, &cpu_online_mask);

    if (!pd || cpumask_empty(&usable))
        return;
    uint64_t flags = spin_lock_irqsave(&pd->lock);
    struct pirq *p = entry(pd, pirq);
    if (p && p->bound) {
        struct irq_desc *desc = desc_of(p);

        spin_lock(&desc->lock);
        if (!cpumask_test(&usable, desc->cpu))
            irq_desc_try_move(desc, cpumask_first(&usable));
        spin_unlock(&desc->lock);
    }
    spin_unlock_irqrestore(&pd->lock, flags);
}

/* ---- the page that says which pirqs need an EOI ---- */

int pirq_set_eoi_page(struct domain *d, mfn_t mfn, bool auto_unmask)
{
    struct pirq_domain *pd = d->arch.pirqs;

    if (!pd || !mfn_is_valid(mfn) || frame_get_and_take(frame_of(mfn), d, FRAME_WRITABLE))
        return ERR(EINVAL);
    uint64_t flags = spin_lock_irqsave(&pd->lock);
    bool taken = pd->eoi_page != NULL || pd->closed;
    if (!taken) {
        pd->eoi_page = mfn_va(mfn);
        pd->auto_unmask = auto_unmask;
    }
    spin_unlock_irqrestore(&pd->lock, flags);
    if (taken) {
        frame_put_and_drop(frame_of(mfn));
        return ERR(EBUSY);
    }
    return 0;
}

bool pirq_auto_unmask(const struct domain *d)
{
    return read_once(d->arch.pirqs->auto_unmask);
}

/* ---- destruction ---- */

/* Nothing new from here on. The page, which is the caller's to give up; NULL if there is none. */
static uint64_t *close_map(struct pirq_domain *pd)
{
    uint64_t flags = spin_lock_irqsave(&pd->lock);
    uint64_t *page = pd->eoi_page;

    pd->closed = true;
    pd->eoi_page = NULL;
    spin_unlock_irqrestore(&pd->lock, flags);
    return page;
}

static void unmap_all(struct domain *d, struct pirq_domain *pd)
{
    spin_lock(&pci_lock);
    for (unsigned int i = 0; pd->map && i < pd->limit; i++)
        if (pd->map[i] && pd->map[i]->irq > 0 && pirq_unmap(d, i))
            BUG();
    spin_unlock(&pci_lock);
}

void pirq_domain_release(struct domain *d)
{
    struct pirq_domain *pd = d->arch.pirqs;

    if (!pd || pd->closed)
        return;
    uint64_t *page = close_map(pd);
    if (page)
        frame_put_and_drop(frame_of(va_mfn(page)));
    unmap_all(d, pd);
    if (pd->was_bound)
        smp_wait_for_irqs_off(); /* handlers that are running */
}

void pirq_domain_fini(struct domain *d)
{
    struct pirq_domain *pd = d->arch.pirqs;

    if (!pd)
        return;
    pirq_domain_release(d);
    d->arch.pirqs = NULL;
    for (unsigned int i = 0; pd->map && i < pd->limit; i++)
        heap_free(pd->map[i]);
    heap_free(pd->map);
    heap_free(pd);
}
