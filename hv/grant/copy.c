/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * GNTTABOP_copy: the hypervisor copies between pages of the caller and granted ones. Both ends stay
 * claimed from one operation to the next while these name the same page. docs/grants.md
 */
#include "table.h"

#include <arch/patch.h>
#include <hv/errno.h>
#include <hv/frame_refs.h>
#include <hv/lib.h>
#include <hv/perfc.h>

/* A grant that is pinned for the copy. */
struct pinned { struct domain *domain; /* referenced, NULL: none */ grant_ref_t ref; };

struct copy_end {
    char *page;               /* NULL: nothing is claimed */
    bool writable;
    bool by_ref;
    domid_t domid;            /* as the guest named them */
    uint64_t name;            /* grant reference or gfn */
    unsigned int start, length;
    struct pinned grant;
    struct pinned inner;      /* what a transitive grant leads to */
    struct frame *own;        /* by gfn: referenced, and of type FRAME_WRITABLE if writable */
};

struct copy_state { struct copy_end source, dest; };

static void unpin(const struct copy_end *e, struct pinned *p)
{
    if (p->domain == NULL)
        return;
    grant_unpin(p->domain->grants, p->ref, e->writable, 1);
    domain_put(p->domain);
    p->domain = NULL;
}

static void release(struct copy_end *e)
{
    unpin(e, &e->inner);
    unpin(e, &e->grant);
    if (e->own != NULL) {
        if (e->writable)
            frame_drop_type_fast(e->own);
        frame_put_fast(e->own);
        e->own = NULL;
    }
    e->page = NULL;
}

/* Takes over the reference to d. */
static int pin(const struct copy_end *e, struct domain *d, grant_ref_t ref, domid_t grantee, bool may_be_transitive,
               struct pinned *p, const struct grant_active **a)
{
    const struct grant_pin_request request = {
        .grantee = grantee, .writable = e->writable, .may_be_transitive = may_be_transitive, .count = 1,
    };
    const int rc = grant_pin(d->grants, ref, &request, a);

    if (rc == GNTST_okay)
        *p = (struct pinned){ .domain = d, .ref = ref };
    else
        domain_put(d);
    return rc;
}

static int claim_grant(struct copy_end *e)
{
    struct domain *d = grant_domain_get(e->domid == DOMID_SELF ? current->domain->id : e->domid);
    const struct grant_active *a;
    int rc;

    if (d == NULL)
        return GNTST_bad_domain;
    rc = pin(e, d, (grant_ref_t)e->name, current->domain->id, true, &e->grant, &a);
    if (rc == GNTST_okay && a->kind == GRANT_TRANSITIVE) {
        struct domain *td = grant_domain_get(a->trans_domid);

        /* The second domain grants to the first; it cannot pass on in turn. */
        rc = td != NULL ? pin(e, td, a->trans_ref, d->id, false, &e->inner, &a) : GNTST_general_error;
    }
    if (rc != GNTST_okay)
        return rc;
    e->page = frame_va(a->frame);
    e->start = a->start;
    e->length = a->length;
    return GNTST_okay;
}

static int claim_own(struct copy_end *e)
{
    struct frame *f = frame_get_mfn_of(MFN(e->name), current->domain);

    if (f == NULL)
        return GNTST_bad_page;
    if (e->writable && frame_take_type_fast(f, FRAME_WRITABLE) != 0) {
        frame_put_fast(f);
        return GNTST_general_error;
    }
    e->own = f;
    e->page = frame_va(f);
    e->start = 0;
    e->length = PAGE_SIZE;
    return GNTST_okay;
}

/* Makes e the page that p names. */
static int claim(struct copy_end *e, const struct gnttab_copy_ptr *p, bool by_ref)
{
    const uint64_t name = by_ref ? p->u.ref : p->u.gmfn;
    int rc;

    if (likely(e->page != NULL && e->name == name && e->domid == p->domid && e->by_ref == by_ref))
        return GNTST_okay;
    release(e);
    e->by_ref = by_ref;
    e->domid = p->domid;
    e->name = name;
    rc = by_ref ? claim_grant(e) : claim_own(e);
    if (rc != GNTST_okay)
        release(e);
    return rc;
}

static bool is_inside(const struct copy_end *e, unsigned int offset, unsigned int len)
{
    return offset >= e->start && offset + len <= e->start + e->length;
}

/* ABI: the order of the checks decides the status of an operation that is wrong in two ways. */
static int check(const struct gnttab_copy *op)
{
    const bool source_by_ref = op->flags & GNTCOPY_source_gref, dest_by_ref = op->flags & GNTCOPY_dest_gref;

    if ((uint32_t)op->source.offset + op->len > PAGE_SIZE || (uint32_t)op->dest.offset + op->len > PAGE_SIZE)
        return GNTST_bad_copy_arg;
    if ((!source_by_ref && op->source.domid != DOMID_SELF) || (!dest_by_ref && op->dest.domid != DOMID_SELF))
        return GNTST_permission_denied;
    return GNTST_okay;
}

static int copy_one(struct copy_state *s, const struct gnttab_copy *op)
{
    int rc = check(op);

    if (rc == GNTST_okay)
        rc = claim(&s->source, &op->source, op->flags & GNTCOPY_source_gref);
    if (rc == GNTST_okay)
        rc = claim(&s->dest, &op->dest, op->flags & GNTCOPY_dest_gref);
    if (rc != GNTST_okay)
        return rc;
    if (!is_inside(&s->source, op->source.offset, op->len) || !is_inside(&s->dest, op->dest.offset, op->len))
        return GNTST_general_error;
    barrier_nospec();
    /* Trust: the pages are guests'; they may change meanwhile, and may be one and the same. */
    memmove(s->dest.page + op->dest.offset, s->source.page + op->source.offset, op->len);
    return GNTST_okay;
}

static void copy_chunk(void *ops, unsigned int n, void *state)
{
    struct gnttab_copy *op = ops;

    perfc_add(grant_copies, n);
    for (unsigned int i = 0; i < n; i++)
        op[i].status = (int16_t)copy_one(state, &op[i]);
}

long grant_op_copy(uint64_t uop, uint32_t count)
{
    struct copy_state s = { .dest.writable = true };
    const long rc = grant_for_each_chunk(uop, count, sizeof(struct gnttab_copy), copy_chunk, &s);

    release(&s.source);
    release(&s.dest);
    return rc;
}
