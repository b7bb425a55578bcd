/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The checking model; see model.h. Numbers are those of the invariants in docs/. */
#include "model.h"
#include "machine.h"
#include "instructions.h"

#include <hv/bitmap.h>
#include <hv/event/port.h>
#include <hv/grant/table.h>

static uint32_t want_refs[MACHINE_FRAMES], want_types[MACHINE_FRAMES];
static uint8_t want_type[MACHINE_FRAMES]; /* enum frame_type of whom want_types counts */

static struct frame *fr(uint64_t mfn) { return frame_of(MFN(mfn)); }
static unsigned int type_of(const struct frame *f) { return frame_type_of(f->type_info); }
static uint32_t count_of(const struct frame *f) { return frame_type_count(f->type_info); }
static bool is_page_table(const struct frame *f) { return count_of(f) && type_of(f) >= FRAME_L1 && type_of(f) <= FRAME_L4; }

static void expect(uint64_t mfn, unsigned int type, uint32_t refs)
{
    want_refs[mfn] += refs;
    if (type == FRAME_NONE)
        return;
    if (want_types[mfn] && want_type[mfn] != type)
        finding("F3: frame %lx is in use as type %u and as %u", mfn, want_type[mfn], type);
    want_type[mfn] = (uint8_t)type;
    want_types[mfn]++;
}

static void expect_page(const void *p)
{
    expect(va_mfn(p).v, FRAME_WRITABLE, 1);
}

/* ---- grants ---- */

/* Pins of `owner`'s frame for `by`: 0 none, 1 reading, 3 writing too. */
static unsigned int pins_for(const struct domain *owner, const struct domain *by, uint64_t mfn)
{
    const struct grant_table *t = owner->grants;
    unsigned int found = 0;

    for (unsigned int ref = 0; t && ref < t->nr_frames * V1_PER_FRAME; ref++) {
        const struct grant_active *a = grant_active(t, ref);

        if (grant_is_pinned(a) && a->frame == fr(mfn) && a->grantee == by->id)
            found |= a->writers ? 3 : 1;
    }
    return found;
}

static void expect_grants(const struct domain *d)
{
    const struct grant_table *t = d->grants;

    for (unsigned int ref = 0; t && ref < t->nr_frames * V1_PER_FRAME; ref++) {
        const struct grant_active *a = grant_active(t, ref);

        if (grant_is_pinned(a) && a->frame) /* G1 */
            expect(frame_mfn(a->frame).v, a->writers ? FRAME_WRITABLE : FRAME_NONE, 1);
    }
}

/* ---- page tables ---- */

static struct domain *domain_of(const struct frame *f)
{
    struct domain *d = f->owner < DOMID_FIRST_RESERVED ? domain_get_any(f->owner) : NULL;

    if (d)
        domain_put(d);
    return d;
}

void model_check_granted(const struct domain *by, mfn_t mfn, bool writes)
{
    const struct domain *owner = domain_of(frame_of(mfn));
    const unsigned int pins = owner ? pins_for(owner, by, mfn.v) : 0;

    if (pins == 0 || (writes && pins != 3))
        finding("domain %u reaches frame %lx of domain %u%s, pins %u", by->id, mfn.v, frame_of(mfn)->owner, writes ? " to write" : "", pins);
}

static void expect_l1(const struct domain *d, pte_t e)
{
    const uint64_t mfn = pte_mfn(e).v;

    if (mfn >= MACHINE_FRAMES) {
        if (!d->is_control && d->iomem_allowed.nr_ranges == 0)
            finding("domain %u maps I/O memory by entry %lx", d->id, e);
        return;
    }
    if (fr(mfn)->refs == 0 || fr(mfn)->owner == DOMID_INVALID)
        finding("domain %u maps frame %lx, which is nobody's, by entry %lx", d->id, mfn, e);
    if (fr(mfn)->owner != d->id && !d->is_control && d->dying == DOMAIN_ALIVE)
        model_check_granted(d, MFN(mfn), (e & PTE_RW) != 0);
    expect(mfn, e & PTE_RW ? FRAME_WRITABLE : FRAME_NONE, 1);
}

static void expect_entry(const struct domain *d, unsigned int level, pte_t e)
{
    const uint64_t mfn = pte_mfn(e).v;

    if (!(e & PTE_P))
        return;
    if (!(e & PTE_US))
        finding("P4: entry %lx of level %u", e, level);
    if (level == 1) {
        expect_l1(d, e);
        return;
    }
    if ((e & (PTE_PS | PTE_PWT | PTE_PCD)) || mfn >= MACHINE_FRAMES || fr(mfn)->owner != d->id) /* P2, P4 */
        finding("P2: domain %u has entry %lx of level %u, owner %u", d->id, e, level, mfn < MACHINE_FRAMES ? fr(mfn)->owner : 0);
    expect(mfn, level - 1, 1);
}

/* P2: an L4 may name itself, to be read. */
static void check_self_entry(pte_t e)
{
    if (e & PTE_RW)
        finding("P2: an L4 has itself writable, entry %lx", e);
}

static void expect_table(const struct frame *f)
{
    const bool limbo = f->type_info & FRAME_PARTIAL;
    const unsigned int level = type_of(f), held = limbo ? f->nr_validated : PT_ENTRIES;
    const struct domain *d = domain_of(f);
    const pte_t *e = frame_va(f);

    if (d == NULL || !limbo == !(f->type_info & FRAME_VALIDATED))
        finding("F4: table %lx of domain %u, type word %lx", frame_mfn(f).v, f->owner, f->type_info);
    if (limbo) { /* P5 */
        if (count_of(f) != 1)
            finding("P5: table %lx in limbo, count %u", frame_mfn(f).v, count_of(f));
        expect(frame_mfn(f).v, level, 1);
    }
    for (unsigned int i = 0; i < held; i++) {
        const bool reserved = level == 4 && i >= HV_FIRST_SLOT && i <= HV_LAST_SLOT;

        if (!reserved && level == 4 && (e[i] & PTE_P) && mfn_eq(pte_mfn(e[i]), frame_mfn(f)))
            check_self_entry(e[i]);
        else if (!reserved)
            expect_entry(d, level, e[i]);
        else if (!limbo && e[i] != hv_l4[i] && (i != HV_FIRST_SLOT || e[i] != 0)) /* P3 */
            finding("P3: slot %u of table %lx is %lx", i, frame_mfn(f).v, e[i]);
    }
}

static void expect_frame(struct frame *f)
{
    const uint64_t mfn = frame_mfn(f).v;

    if (f->flags & FRAME_ALLOCATED) /* F6; a page that we show has a type of ours */
        expect(mfn, f->flags & FRAME_HYPERVISOR ? type_of(f) : FRAME_NONE, 1);
    if (f->type_info & FRAME_PINNED)
        expect(mfn, type_of(f), 1);
    if (is_page_table(f) && (f->flags & FRAME_HYPERVISOR))
        finding("F3: table %lx is a page of the hypervisor's", mfn);
    if (is_page_table(f))
        expect_table(f);
}

/* ---- vCPUs ---- */

static void expect_mfn(mfn_t mfn, unsigned int type)
{
    if (!mfn_is_invalid(mfn))
        expect(mfn.v, type, 1);
}

static void expect_vcpu(const struct vcpu *v)
{
    expect_mfn(v->arch.cr3_kernel, FRAME_L4); /* P7 */
    expect_mfn(v->arch.cr3_user, FRAME_L4);
    if (v->arch.mmu_unfinished) /* P6 */
        expect(frame_mfn(v->arch.mmu_unfinished).v, FRAME_NONE, 1);
    for (unsigned int i = 0; i < array_size(v->arch.gdt_frames); i++) /* P8 */
        expect_mfn(v->arch.gdt_frames[i], FRAME_SEGDESC);
    for (unsigned int i = 0; i < array_size(v->arch.ldt_frames); i++) /* P9 */
        if (v->arch.ldt_mapped >> i & 1)
            expect_mfn(v->arch.ldt_frames[i], FRAME_SEGDESC);
    if (v->vcpu_info_frame)
        expect(frame_mfn(v->vcpu_info_frame).v, FRAME_WRITABLE, 1);
    if (v->events.fifo)
        expect_page((const void *)((uintptr_t)v->events.fifo->control & PAGE_MASK));
}

/* P8: what a CPU's window shows is held by the vCPU that runs there. */
static void check_windows(void)
{
    for (unsigned int cpu = 0; cpu < MACHINE_CPUS; cpu++) {
        machine_cpu(cpu);
        const bool runs_guest = !current->is_idle;

        for (unsigned int i = 0; runs_guest && i < WINDOW_SLOTS; i++) {
            const pte_t e = machine_window_slots[cpu][i];
            const struct frame *f = frame_of(pte_mfn(e));

            if ((e & PTE_P) && pte_mfn(e).v != 0 && (type_of(f) != FRAME_SEGDESC || !count_of(f) || f->owner != current->domain->id))
                finding("P8: CPU %u shows frame %lx of domain %u, type %u, slot %u", cpu, pte_mfn(e).v, f->owner, type_of(f), i);
        }
    }
    machine_cpu(0);
}

/* ---- domains ---- */

static void check_pages(const struct domain *d)
{
    uint32_t n = 0, shared = 0, mfn;

    for (mfn = d->pages; mfn != FRAME_NO_LINK && n <= MACHINE_FRAMES; mfn = fr(mfn)->next, n++)
        if (fr(mfn)->owner != d->id || fr(mfn)->refs == 0 || (fr(mfn)->flags & FRAME_HYPERVISOR)) /* M1 */
            finding("M1: frame %x on the list of domain %u, owner %u, refs %u", mfn, d->id, fr(mfn)->owner, fr(mfn)->refs);
    for (unsigned int i = 0; i < MACHINE_FRAMES; i++)
        shared += fr(i)->owner == d->id && (fr(i)->flags & FRAME_HYPERVISOR);
    if (n != d->nr_pages || shared != d->nr_shared_pages) /* M2 */
        finding("M2: domain %u has %u pages and %u shown ones, counted %u and %u", d->id, d->nr_pages, d->nr_shared_pages, n, shared);
}

/* Mappings that others made of d's grants: each holds a reference (G4). */
static uint32_t nr_mappings_of(const struct domain *d)
{
    struct domain *by;
    uint32_t n = 0;

    for_each_domain(by) {
        const struct maptrack *m = by->grants ? &by->grants->maptrack : NULL;

        for (uint32_t h = 0; m && h < m->nr_blocks * MAPTRACK_PER_BLOCK; h++) {
            const struct maptrack_entry *e = &m->block[h / MAPTRACK_PER_BLOCK][h % MAPTRACK_PER_BLOCK];

            n += (e->flags & GNTMAP_KINDS) != 0 && e->granter == d;
        }
    }
    return n;
}

/* The walk over all domains holds one reference. */
static void check_references(const struct domain *d)
{
    const uint32_t expected = 1 + (d->dying != DOMAIN_DEAD) + (d->nr_pages + d->nr_shared_pages != 0) + nr_mappings_of(d) + d->shutdown_notify;

    if (d->refs != expected)
        finding("D1: domain %u has %u references, %u by content", d->id, d->refs, expected);
}

static void expect_domain(struct domain *d)
{
    struct vcpu *v;

    for_each_vcpu(d, v)
        expect_vcpu(v);
    if (d->arch.relinquish_list != FRAME_NO_LINK)
        expect(d->arch.relinquish_list, FRAME_NONE, 1);
    for (uint32_t i = 0; d->events.fifo && i < d->events.fifo->nr_words / FIFO_WORDS_PER_PAGE; i++)
        expect_page(d->events.fifo->page[i]);
    expect_grants(d);
    check_pages(d);
    check_references(d);
}

/* E1: both ends of a channel say the same. */
static void check_ports(struct domain *d)
{
    for (evtchn_port_t n = 1; n < d->events.nr_valid; n++) {
        const struct event_port *p = event_port_find(d, n), *q;

        if (p->state != EVENT_INTERDOMAIN)
            continue;
        q = event_port_find(p->remote, p->remote_port);
        if (q == NULL || q->state != EVENT_INTERDOMAIN || q->remote != d || q->remote_port != n)
            finding("E1: port %u of domain %u and its peer %u disagree", n, d->id, p->remote_port);
    }
}

static void compare(const struct frame *f)
{
    const uint64_t mfn = frame_mfn(f).v;

    if (f->refs != want_refs[mfn] || count_of(f) != want_types[mfn] || (count_of(f) && type_of(f) != want_type[mfn]))
        finding("F2: frame %lx of domain %u: refs %u, by content %u; type %u count %u, by content type %u count %u; flags %x, word %lx",
                mfn, f->owner, f->refs, want_refs[mfn], type_of(f), count_of(f), want_type[mfn], want_types[mfn], f->flags, f->type_info);
    if (f->refs != 0 && (f->flags & FRAME_FREE))
        finding("F1: free frame %lx has references", mfn);
}

void model_check_all(void)
{
    struct domain *d;

    memset(want_refs, 0, sizeof(want_refs));
    memset(want_types, 0, sizeof(want_types));
    for (unsigned int i = 1; i < MACHINE_FRAMES; i++)
        expect_frame(fr(i));
    for_each_domain(d)
        expect_domain(d);
    for_each_domain(d)
        check_ports(d);
    for (unsigned int i = 1; i < MACHINE_FRAMES; i++)
        compare(fr(i));
    check_windows();
    machine_check_tlbs();
}


void model_check_step(void)
{
    if (!host_test_irqs)
        finding("interrupts are off");
    machine_check_tlbs();
}
