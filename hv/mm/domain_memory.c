/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory of domains: which frames a domain owns, its limit and its claim. Mappings and types
 * are the page-table code's (frame.c, arch).
 *
 * M1  A frame is on its owner's list (linked by frame numbers) iff it is an ordinary page of
 *     that domain: refs > 0, owner set, not FRAME_HYPERVISOR.
 * M2  nr_pages is the length of that list plus frames between detach and assign (ALLOC_KEEP_COUNT).
 * M3  A domain with any frame, own or shared, holds one reference to itself and is found by
 *     owner_find: so a frame's owner is always a live struct domain, dead domains included.
 *
 * Lock: the domain's page_lock guards list and counters. owner_find needs none, by M3.
 * See docs/memory.md.
 */
#include <arch/tlb.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/log.h>
#include <hv/mm.h>

/* ---- owners by domain id (M3) ---- */

#define OWNERS_PER_PAGE (PAGE_SIZE / sizeof(struct domain *))

static struct domain **owner_page[DOMID_FIRST_RESERVED / OWNERS_PER_PAGE + 1];

static struct domain **owner_slot(domid_t id)
{
    struct domain **page = __atomic_load_n(&owner_page[id / OWNERS_PER_PAGE], __ATOMIC_ACQUIRE);

    return page ? &page[id % OWNERS_PER_PAGE] : NULL;
}

static struct domain *owner_find(domid_t id)
{
    struct domain **slot = id < DOMID_FIRST_RESERVED ? owner_slot(id) : NULL;

    return slot ? read_once(*slot) : NULL;
}

/* Makes room for id; the pages stay for good, at most 64 of them. False: no memory. */
static bool owner_prepare(domid_t id)
{
    struct domain **none = NULL;

    if (id >= DOMID_FIRST_RESERVED)
        return false;
    if (owner_slot(id) != NULL)
        return true;
    struct domain **page = pages_alloc(0, ALLOC_ZERO);

    if (page == NULL)
        return false;
    if (!__atomic_compare_exchange_n(&owner_page[id / OWNERS_PER_PAGE], &none, page, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
        pages_free(page, 0);
    return true;
}

static bool has_frames(const struct domain *d)
{
    return d->nr_pages != 0 || d->nr_shared_pages != 0;
}

/* Before the first frame. page_lock held, owner_prepare done. */
static bool owner_enter(struct domain *d)
{
    struct domain **slot = owner_slot(d->id);

    if (has_frames(d))
        return true;
    /* A zombie of the same id would mix its frames up with d's. */
    if (*slot != NULL || !domain_get(d))
        return false;
    write_once(*slot, d);
    return true;
}

/* After the last frame, page_lock held; true: domain_put is due once the lock is released. */
static bool owner_leave(struct domain *d)
{
    if (has_frames(d))
        return false;
    write_once(*owner_slot(d->id), NULL);
    return true;
}

/* ---- the list; page_lock held ---- */

static void list_insert(struct domain *d, struct frame *f)
{
    const uint32_t mfn = (uint32_t)frame_mfn(f).v;

    f->prev = FRAME_NO_LINK;
    f->next = d->pages;
    if (f->next != FRAME_NO_LINK)
        frame_of(MFN(f->next))->prev = mfn;
    d->pages = mfn;
}

static void list_unlink(struct domain *d, struct frame *f)
{
    if (f->next != FRAME_NO_LINK)
        frame_of(MFN(f->next))->prev = f->prev;
    if (f->prev != FRAME_NO_LINK)
        frame_of(MFN(f->prev))->next = f->next;
    else
        d->pages = f->next;
    f->next = f->prev = FRAME_NO_LINK;
}

/* ---- claims ---- */

/* Frames that arrive fulfil a claim. page_lock held. */
static void claim_use(struct domain *d, uint64_t n)
{
    const uint32_t used_up = (uint32_t)min((uint64_t)d->nr_outstanding, n);

    if (used_up == 0)
        return;
    d->nr_outstanding -= used_up;
    buddy_unclaim(used_up);
}

static int claim_start(struct domain *d, uint64_t pages)
{
    int rc;

    if (d->nr_outstanding != 0 || pages <= d->nr_pages || pages > d->max_pages || d->dying != DOMAIN_ALIVE)
        return ERR(EINVAL);
    rc = buddy_claim(pages - d->nr_pages);
    if (rc == 0)
        d->nr_outstanding = (uint32_t)(pages - d->nr_pages);
    return rc;
}

int domain_claim_pages(struct domain *d, uint64_t pages)
{
    int rc = 0;

    spin_lock(&d->page_lock);
    if (pages == 0)
        claim_use(d, d->nr_outstanding);
    else
        rc = claim_start(d, pages);
    spin_unlock(&d->page_lock);
    return rc;
}

/* ---- frames come ---- */

static void frame_become(struct domain *d, struct frame *f, uint64_t type_info, uint16_t flags)
{
    f->type_info = type_info;
    f->owner = d->id;
    f->flags = flags | FRAME_ALLOCATED;
    /* Order: whoever sees the reference count sees owner and type too. */
    __atomic_store_n(&f->refs, 1, __ATOMIC_RELEASE);
}

/* Counts n more. page_lock held. */
static int count_in(struct domain *d, uint64_t n, uint32_t alloc_flags)
{
    if (d->dying != DOMAIN_ALIVE)
        return ERR(EINVAL);
    if (alloc_flags & ALLOC_KEEP_COUNT)
        return 0;
    if (n > UINT32_MAX - d->nr_pages || (!(alloc_flags & ALLOC_NO_LIMIT) && d->nr_pages + n > d->max_pages))
        return ERR(E2BIG);
    if (!owner_enter(d))
        return ERR(EINVAL);
    d->nr_pages += (uint32_t)n;
    claim_use(d, n);
    return 0;
}

/* No TLB knows the frames. */
static int assign(struct domain *d, struct frame *f, unsigned int order, uint32_t alloc_flags)
{
    const uint64_t n = 1ULL << order;
    int rc;

    if (!owner_prepare(d->id))
        return ERR(EINVAL);
    spin_lock(&d->page_lock);
    rc = count_in(d, n, alloc_flags);
    for (uint64_t i = 0; i < n && rc == 0; i++) {
        list_insert(d, f + i);
        frame_become(d, f + i, 0, 0);
    }
    spin_unlock(&d->page_lock);
    return rc;
}

int domain_frames_assign(struct domain *d, struct frame *f, unsigned int order, uint32_t alloc_flags)
{
    frames_flush_stale(f, 1ULL << order); /* a former owner's translations */
    return assign(d, f, order, alloc_flags);
}

static uint32_t with_domain_width(const struct domain *d, uint32_t alloc_flags)
{
    const unsigned int asked = ALLOC_BITS_OF(alloc_flags), allowed = d->page_bits;

    if (allowed == 0 || (asked != 0 && asked <= allowed))
        return alloc_flags;
    return (alloc_flags & ~ALLOC_BITS(0xff)) | ALLOC_BITS(allowed);
}

/* A look without the lock saves the work of clearing pages that could not be kept. */
static bool is_full(const struct domain *d, uint64_t n, uint32_t alloc_flags)
{
    return !(alloc_flags & (ALLOC_NO_LIMIT | ALLOC_KEEP_COUNT)) && read_once(d->nr_pages) + n > read_once(d->max_pages);
}

struct frame *domain_frames_alloc(struct domain *d, unsigned int order, uint32_t alloc_flags)
{
    if (order > MAX_ORDER || is_full(d, 1ULL << order, alloc_flags))
        return NULL;
    struct frame *f = buddy_alloc_claimed(order, with_domain_width(d, alloc_flags), read_once(d->nr_outstanding));

    if (f == NULL)
        return NULL;
    if (assign(d, f, order, alloc_flags) != 0) {
        buddy_free(f, order);
        return NULL;
    }
    return f;
}

/* ---- frames go ---- */

static bool try_clear_allocated(struct frame *f)
{
    return __atomic_fetch_and(&f->flags, (uint16_t)~FRAME_ALLOCATED, __ATOMIC_ACQ_REL) & FRAME_ALLOCATED;
}

void domain_frame_release(struct frame *f)
{
    const bool is_shared = f->flags & FRAME_HYPERVISOR;

    if (!try_clear_allocated(f))
        return;
    if (is_shared)
        frame_drop_type(f); /* frame_share's, which kept the type as it was */
    frame_put(f);
}

/* Both the caller's reference and the allocation's, if there is no other: then nobody can get one any more. */
static bool try_take_last(struct frame *f)
{
    uint32_t two = 2;

    if (!try_clear_allocated(f))
        return false;
    if (__atomic_compare_exchange_n(&f->refs, &two, 0, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        return true;
    __atomic_fetch_or(&f->flags, FRAME_ALLOCATED, __ATOMIC_RELEASE);
    return false;
}

/* From here on the content is a guest's and TLBs may know the frame. */
static void mark_used(struct frame *f)
{
    f->tlb_stamp = tlb_clock_now();
    f->flags |= FRAME_NEED_SCRUB | FRAME_STALE_TLB;
}

int domain_frame_detach(struct domain *d, struct frame *f, uint32_t alloc_flags)
{
    bool last = false;

    if (!frame_get(f, d))
        return ERR(EINVAL);
    if ((f->flags & FRAME_HYPERVISOR) || !try_take_last(f)) {
        frame_put(f);
        return ERR(EINVAL);
    }
    spin_lock(&d->page_lock);
    list_unlink(d, f);
    if (!(alloc_flags & ALLOC_KEEP_COUNT)) {
        d->nr_pages--;
        last = owner_leave(d);
    }
    spin_unlock(&d->page_lock);
    f->owner = DOMID_INVALID;
    f->type_info = 0;
    mark_used(f);
    if (last)
        domain_put(d);
    return 0;
}

int domain_frame_steal(struct domain *d, struct frame *f)
{
    return domain_frame_detach(d, f, 0);
}

void domain_pages_uncount(struct domain *d, uint64_t n)
{
    bool last;

    if (n == 0)
        return;
    spin_lock(&d->page_lock);
    d->nr_pages -= (uint32_t)n;
    last = owner_leave(d);
    spin_unlock(&d->page_lock);
    if (last)
        domain_put(d);
}

/* An ordinary page of d: to the heap. */
static void page_freed(struct domain *d, struct frame *f)
{
    bool last;

    spin_lock(&d->page_lock);
    list_unlink(d, f);
    d->nr_pages--;
    last = owner_leave(d);
    spin_unlock(&d->page_lock);
    m2p_set(frame_mfn(f), M2P_INVALID);
    mark_used(f);
    buddy_free(f, 0);
    if (last)
        domain_put(d);
}

/* A hypervisor page that d saw: no longer; whoever allocated it frees it. */
static void shared_freed(struct domain *d, struct frame *f)
{
    bool last;

    f->type_info = 0;
    f->owner = DOMID_INVALID;
    mark_used(f);
    spin_lock(&d->page_lock);
    d->nr_shared_pages--;
    last = owner_leave(d);
    spin_unlock(&d->page_lock);
    if (last)
        domain_put(d);
}

void domain_frame_freed(struct frame *f)
{
    struct domain *d = owner_find(f->owner);

    ASSERT(d != NULL);
    if (f->flags & FRAME_HYPERVISOR)
        shared_freed(d, f);
    else
        page_freed(d, f);
}

/* ---- hypervisor pages shown to guests ---- */

static uint64_t sole_type(enum frame_type type)
{
    return ((uint64_t)type << FRAME_TYPE_SHIFT) | FRAME_VALIDATED | 1;
}

void frame_share(void *page, struct domain *d, bool writable)
{
    struct frame *f = frame_of(va_mfn(page));
    const bool known = owner_prepare(d->id);

    ASSERT(f->flags & FRAME_HYPERVISOR && f->refs == 0);
    spin_lock(&d->page_lock);
    if (!known || !owner_enter(d)) {
        /* Left unshared: d cannot map it, which a guest sees as a refused mapping. */
        spin_unlock(&d->page_lock);
        return;
    }
    d->nr_shared_pages++;
    /* A type reference of ours makes the type final until domain_frame_release. */
    frame_become(d, f, sole_type(writable ? FRAME_WRITABLE : FRAME_SHARED), FRAME_HYPERVISOR);
    spin_unlock(&d->page_lock);
    m2p_set(frame_mfn(f), M2P_INVALID);
}

void frame_share_privileged(struct frame *f, bool writable)
{
    f->type_info = sole_type(writable ? FRAME_WRITABLE : FRAME_SHARED);
    f->owner = DOMID_XEN;
    f->flags = FRAME_HYPERVISOR | FRAME_ALLOCATED;
    __atomic_store_n(&f->refs, 1, __ATOMIC_RELEASE);
}
