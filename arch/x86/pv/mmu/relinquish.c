/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The end of a PV domain's memory: base pointers, descriptor tables, pins and limbo go, then the
 * allocation references. Tables are a hierarchy without cycles (P2), so that is all: the last
 * references follow. Preemptible; every step may be repeated.
 * Locks: mmu_lock for tables, page_lock to step along the page list.
 */
#include "mmu.h"
#include <arch/pv.h>
#include <hv/errno.h>
#include <hv/percpu.h>

static int drop_vcpu(struct vcpu *v)
{
    const int rc = pv_drop_base_pointers(v);

    if (rc != 0)
        return rc;
    pv_drop_ldt(v);
    v->arch.ldt_entries = 0;
    pv_drop_gdt(v);
    return 0;
}

/* ---- stepping: the page that the cursor names is referenced, and so stays on the list ---- */

static struct frame *page_after(struct domain *d, uint32_t cursor)
{
    struct frame *f = NULL;
    uint32_t n;

    spin_lock(&d->page_lock);
    n = cursor == FRAME_NO_LINK ? d->pages : frame_of(MFN(cursor))->next;
    for (; n != FRAME_NO_LINK; n = f->next) {
        f = frame_of(MFN(n));
        if (frame_get(f, d)) /* else it is on its way out */
            break;
    }
    spin_unlock(&d->page_lock);
    return n == FRAME_NO_LINK ? NULL : f;
}

static struct frame *step(struct domain *d)
{
    const uint32_t cursor = d->arch.relinquish_list;
    struct frame *f = page_after(d, cursor);

    d->arch.relinquish_list = f ? (uint32_t)frame_mfn(f).v : FRAME_NO_LINK;
    if (cursor != FRAME_NO_LINK)
        frame_put(frame_of(MFN(cursor)));
    return f;
}

/* ---- one page ---- */

static int release_tables(struct domain *d, struct frame *f)
{
    struct pt_context c;
    int rc;

    if (!(frame_type_info(f) & (FRAME_PINNED | FRAME_PARTIAL)))
        return 0;
    pt_context_init(&c, d, d);
    c.may_stop = true;
    mmu_lock(d);
    if (frame_type_info(f) & FRAME_PINNED) {
        frame_type_flags(f, 0, FRAME_PINNED);
        pt_put(&c, f);
    }
    rc = c.unfinished ? -XEN_ERESTART : pt_undo(&c, f);
    mmu_unlock(d);
    if (c.unfinished)
        frame_put(f);
    return rc;
}

static int release_pages(struct domain *d)
{
    struct frame *f = d->arch.relinquish_list == FRAME_NO_LINK ? step(d) : frame_of(MFN(d->arch.relinquish_list));

    for (; f; f = step(d)) {
        if (release_tables(d, f) != 0)
            return -XEN_ERESTART;
        domain_frame_release(f);
        if (hypercall_preempt_check())
            return -XEN_ERESTART;
    }
    return 0;
}

int pv_mmu_relinquish(struct domain *d)
{
    struct vcpu *v;

    for_each_vcpu(d, v) {
        const int rc = drop_vcpu(v);

        if (rc != 0)
            return rc;
    }
    return release_pages(d);
}
