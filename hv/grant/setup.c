/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sub-operations about a table as a whole: frames, sizes, version. Lock: the table's. */
#include "table.h"

#include <hv/access.h>
#include <hv/errno.h>
#include <hv/guest_access.h>
#include <hv/lib.h>
#include <hv/log.h>

/* The domain that a guest named, referenced, if it may manage its table. */
static int target_get(domid_t id, struct domain **out)
{
    struct domain *d = grant_domain_get(id == DOMID_SELF ? current->domain->id : id);

    if (d == NULL)
        return GNTST_bad_domain;
    if (!access_allows(ACCESS_SELF, current->domain, d)) {
        domain_put(d);
        return GNTST_permission_denied;
    }
    *out = d;
    return GNTST_okay;
}

/* ABI: frame numbers go out one by one, as many as the guest asked for; where that fails is the operation's status. */
static int16_t write_frames(uint64_t list, void *const *page, unsigned int n)
{
    for (unsigned int i = 0; i < n; i++) {
        const uint64_t mfn = va_mfn(page[i]).v;

        if (guest_write(list + i * sizeof(mfn), &mfn, sizeof(mfn)) != 0)
            return GNTST_bad_virt_addr;
    }
    return GNTST_okay;
}

static int16_t setup_table(struct grant_table *t, const struct gnttab_setup_table *op)
{
    if (op->nr_frames > t->max_frames) {
        guest_printk(LOG_INFO, "d%u is limited to %u grant table frames\n", t->domain->id, t->max_frames);
        return GNTST_general_error;
    }
    if (op->nr_frames > t->nr_frames && grant_table_grow(t, op->nr_frames) != 0)
        return GNTST_general_error;
    return GNTST_okay;
}

/* Frames that are there stay: their numbers can be written without the lock. */
static void do_setup_table(struct gnttab_setup_table *op)
{
    struct domain *d;

    op->status = (int16_t)target_get(op->dom, &d);
    if (op->status != GNTST_okay)
        return;
    spin_lock(&d->grants->lock);
    op->status = setup_table(d->grants, op);
    spin_unlock(&d->grants->lock);
    if (op->status == GNTST_okay)
        op->status = write_frames(handle_va(op->frame_list), d->grants->frame, op->nr_frames);
    domain_put(d);
}

long grant_op_setup_table(uint64_t uop, uint32_t count)
{
    struct gnttab_setup_table op;

    if (count != 1)
        return ERR(EINVAL);
    /* ABI: of the list only where it begins is looked at. */
    if (guest_read(&op, uop, sizeof(op)) != 0 || !guest_address_ok(handle_va(op.frame_list)))
        return ERR(EFAULT);
    do_setup_table(&op);
    return guest_write(uop + offsetof(struct gnttab_setup_table, status), &op.status, sizeof(op.status));
}

long grant_op_query_size(uint64_t uop, uint32_t count)
{
    struct gnttab_query_size op;
    struct domain *d;

    if (count != 1)
        return ERR(EINVAL);
    if (guest_read(&op, uop, sizeof(op)) != 0)
        return ERR(EFAULT);
    op.status = (int16_t)target_get(op.dom, &d);
    if (op.status == GNTST_okay) {
        op.nr_frames = grant_nr_frames(d);
        op.max_nr_frames = grant_max_frames(d);
        domain_put(d);
    }
    return guest_write(uop, &op, sizeof(op));
}

static void do_get_status_frames(struct gnttab_get_status_frames *op)
{
    struct domain *d;

    op->status = (int16_t)target_get(op->dom, &d);
    if (op->status != GNTST_okay)
        return;
    spin_lock(&d->grants->lock);
    if (op->nr_frames > (grant_is_v2(d->grants) ? d->grants->nr_status : 0))
        op->status = GNTST_general_error;
    spin_unlock(&d->grants->lock);
    if (op->status == GNTST_okay)
        op->status = write_frames(handle_va(op->frame_list), (void *const *)d->grants->status, op->nr_frames);
    domain_put(d);
}

long grant_op_get_status_frames(uint64_t uop, uint32_t count)
{
    struct gnttab_get_status_frames op;

    if (count != 1)
        return ERR(EINVAL);
    /* ABI: of the list only where it begins is looked at. */
    if (guest_read(&op, uop, sizeof(op)) != 0 || !guest_address_ok(handle_va(op.frame_list)))
        return ERR(EFAULT);
    do_get_status_frames(&op);
    return guest_write(uop + offsetof(struct gnttab_get_status_frames, status), &op.status, sizeof(op.status));
}

/* ---- version ---- */

static bool is_in_use(const struct grant_table *t)
{
    /* ABI: the toolstack may keep the reserved ones mapped. */
    for (grant_ref_t ref = GNTTAB_NR_RESERVED_ENTRIES; ref < grant_nr_entries(t); ref++)
        if (grant_is_pinned(grant_active(t, ref)))
            return true;
    return false;
}

static void clear_frames(struct grant_table *t)
{
    for (unsigned int i = 0; i < t->nr_frames; i++)
        memset(t->frame[i], 0, PAGE_SIZE);
    for (unsigned int i = 0; i < t->nr_status; i++)
        memset(t->status[i], 0, PAGE_SIZE);
}

/* Everything that may fail first; then the table is emptied but for the reserved entries. Table lock held. */
static int change_version(struct grant_table *t, const struct grant_format *to)
{
    struct grant_saved saved[GNTTAB_NR_RESERVED_ENTRIES];
    int rc;

    if (is_in_use(t))
        return ERR(EBUSY);
    for (grant_ref_t ref = 0; ref < GNTTAB_NR_RESERVED_ENTRIES; ref++)
        if (!t->format->save(t, ref, &saved[ref]))
            return ERR(ERANGE);
    if (to == &grant_format_v2 && (rc = grant_status_grow(t, status_frames_for(t->nr_frames))) != 0)
        return rc;
    clear_frames(t);
    t->format = to;
    for (grant_ref_t ref = 0; ref < GNTTAB_NR_RESERVED_ENTRIES; ref++)
        to->restore(t, ref, &saved[ref]);
    return 0;
}

static int set_version(struct grant_table *t, uint32_t *version)
{
    const struct grant_format *to = *version == 1 ? &grant_format_v1 : &grant_format_v2;
    int rc = 0;

    if (*version != 1 && *version != 2)
        rc = ERR(EINVAL);
    else if (*version > t->max_version)
        rc = ERR(ENOSYS); /* ABI: as if the operation did not exist yet */
    else if (t->format != to)
        rc = change_version(t, to);
    *version = t->format->version;
    return rc;
}

long grant_op_set_version(uint64_t uop, uint32_t count)
{
    struct grant_table *t = current->domain->grants;
    struct gnttab_set_version op;
    int rc;

    if (guest_read(&op, uop, sizeof(op)) != 0)
        return ERR(EFAULT);
    spin_lock(&t->lock);
    rc = set_version(t, &op.version);
    spin_unlock(&t->lock);
    if (guest_write(uop, &op, sizeof(op)) != 0)
        return ERR(EFAULT);
    return rc;
}

long grant_op_get_version(uint64_t uop, uint32_t count)
{
    struct gnttab_get_version op;
    struct domain *d;
    int rc;

    if (guest_read(&op, uop, sizeof(op)) != 0)
        return ERR(EFAULT);
    rc = target_get(op.dom, &d);
    if (rc != GNTST_okay)
        return rc == GNTST_bad_domain ? ERR(ESRCH) : ERR(EPERM);
    op.version = read_once(d->grants->format)->version;
    domain_put(d);
    return guest_write(uop, &op, sizeof(op));
}
