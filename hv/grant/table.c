/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A domain's grant table as an object: limits, frames and their growth, life. Not its entries
 * (pin.c, format_*.c). Lock: the table's. docs/grants.md
 */
#include "table.h"

#include <hv/errno.h>
#include <hv/lib.h>
#include <hv/mm.h>
#include <hv/param.h>

static unsigned int max_frames_limit = 64;
static unsigned int max_maptrack_limit = 1024;
static unsigned int max_version_limit = 2;
bool grant_transitive_allowed = true;

BOOT_PARAM_UINT(gnttab_max_frames, "gnttab_max_frames", max_frames_limit);
BOOT_PARAM_UINT(gnttab_max_maptrack_frames, "gnttab_max_maptrack_frames", max_maptrack_limit);

static bool item_is(const char *item, size_t len, const char *name)
{
    return len == strlen(name) && strncmp(item, name, len) == 0;
}

static int parse_version(const char *digit, size_t len)
{
    if (len != 1 || (*digit != '1' && *digit != '2'))
        return ERR(EINVAL);
    max_version_limit = (unsigned int)(*digit - '0');
    return 0;
}

static int parse_transitive(const char *value, size_t len)
{
    char word[8];
    int yes;

    strlcpy(word, value, min(len + 1, sizeof(word)));
    yes = param_parse_bool(word);
    if (yes >= 0)
        grant_transitive_allowed = yes;
    return yes >= 0 ? 0 : yes;
}

static int parse_item(const char *item, size_t len)
{
    static const char version[] = "max-ver:", transitive[] = "transitive=";

    if (len >= sizeof(version) - 1 && strncmp(item, version, sizeof(version) - 1) == 0)
        return parse_version(item + sizeof(version) - 1, len - (sizeof(version) - 1));
    if (len >= sizeof(transitive) - 1 && strncmp(item, transitive, sizeof(transitive) - 1) == 0)
        return parse_transitive(item + sizeof(transitive) - 1, len - (sizeof(transitive) - 1));
    if (!item_is(item, len, "transitive") && !item_is(item, len, "no-transitive"))
        return ERR(EINVAL);
    grant_transitive_allowed = item[0] == 't';
    return 0;
}

/* gnttab=max-ver:<1|2>,[no-]transitive[=<bool>] */
static int parse_gnttab(const char *s)
{
    int rc = 0;

    for (;;) {
        const char *comma = strchr(s, ',');
        const size_t len = comma != NULL ? (size_t)(comma - s) : strlen(s);
        const int one = parse_item(s, len);

        rc = one != 0 ? one : rc;
        if (comma == NULL)
            return rc;
        s = comma + 1;
    }
}
BOOT_PARAM_CUSTOM(gnttab, "gnttab", parse_gnttab);

unsigned int grant_version_limit(void)
{
    return max_version_limit;
}

/* ---- frames ---- */

static void *new_shared_page(struct domain *d)
{
    void *page = pages_alloc(0, ALLOC_ZERO);

    if (page != NULL)
        frame_share(page, d, true);
    return page;
}

int grant_status_grow(struct grant_table *t, unsigned int nr)
{
    while (t->nr_status < nr) {
        grant_status_t *page = new_shared_page(t->domain);

        if (page == NULL)
            return ERR(ENOMEM);
        t->status[t->nr_status++] = page;
    }
    return 0;
}

static int add_frame(struct grant_table *t)
{
    struct grant_active *active = heap_new_array(struct grant_active, ACTIVE_PER_BLOCK);
    void *page = active != NULL ? new_shared_page(t->domain) : NULL;

    if (page == NULL) {
        heap_free(active);
        return ERR(ENOMEM);
    }
    t->active[t->nr_frames] = active;
    t->frame[t->nr_frames] = page;
    /* Order: map.c reads active entries of its own pins without the lock. */
    __atomic_store_n(&t->nr_frames, t->nr_frames + 1, __ATOMIC_RELEASE);
    return 0;
}

int grant_table_grow(struct grant_table *t, unsigned int nr)
{
    int rc = 0;

    if (nr > t->max_frames || t->domain->dying != DOMAIN_ALIVE)
        return ERR(EINVAL);
    if (grant_is_v2(t))
        rc = grant_status_grow(t, status_frames_for(nr));
    while (rc == 0 && t->nr_frames < nr)
        rc = add_frame(t);
    return rc;
}

static int shared_frame(struct grant_table *t, unsigned int idx, void **page)
{
    if (idx >= t->nr_frames) {
        const int rc = idx < t->max_frames ? grant_table_grow(t, idx + 1) : ERR(EINVAL);

        if (rc != 0)
            return rc;
    }
    *page = t->frame[index_nospec(idx, t->nr_frames)];
    return 0;
}

static int status_frame(struct grant_table *t, unsigned int idx, void **page)
{
    if (!grant_is_v2(t) || idx >= status_frames_for(t->max_frames))
        return ERR(EINVAL);
    if (idx >= t->nr_status) {
        const unsigned int needed = min((idx + 1) * (STATUS_PER_FRAME / V2_PER_FRAME), t->max_frames);
        const int rc = grant_table_grow(t, needed);

        if (rc != 0)
            return rc;
    }
    *page = t->status[index_nospec(idx, t->nr_status)];
    return 0;
}

int grant_table_frame(struct domain *d, unsigned int idx, bool status, mfn_t *out)
{
    struct grant_table *t = d->grants;
    void *page = NULL;
    int rc;

    spin_lock(&t->lock);
    rc = status ? status_frame(t, idx, &page) : shared_frame(t, idx, &page);
    spin_unlock(&t->lock);
    if (rc == 0)
        *out = va_mfn(page);
    return rc;
}

unsigned int grant_nr_frames(const struct domain *d)
{
    return read_once(d->grants->nr_frames);
}

unsigned int grant_max_frames(const struct domain *d)
{
    return d->grants->max_frames;
}

/* ---- life ---- */

static bool limit_is_default(unsigned int limit)
{
    return (int)limit <= 0;
}

static int table_alloc(struct grant_table *t)
{
    t->frame = heap_new_array(void *, t->max_frames);
    t->active = heap_new_array(struct grant_active *, t->max_frames);
    t->status = heap_new_array(grant_status_t *, status_frames_for(t->max_frames));
    return t->frame != NULL && t->active != NULL && t->status != NULL ? 0 : ERR(ENOMEM);
}

static int table_fill(struct grant_table *t, unsigned int max_maptrack)
{
    int rc = table_alloc(t);

    if (rc == 0)
        rc = maptrack_init(&t->maptrack, max_maptrack);
    if (rc != 0)
        return rc;
    spin_lock(&t->lock);
    rc = grant_table_grow(t, 1);
    spin_unlock(&t->lock);
    return rc;
}

int grant_domain_init(struct domain *d, unsigned int max_frames, unsigned int max_maptrack, unsigned int max_version)
{
    struct grant_table *t;
    int rc;

    if (limit_is_default(max_frames))
        max_frames = max(max_frames_limit, 1u);
    if (limit_is_default(max_maptrack))
        max_maptrack = max_maptrack_limit;
    if (max_frames > max(max_frames_limit, 1u) || max_maptrack > max_maptrack_limit)
        return ERR(EINVAL);
    if (max_version == 0)
        max_version = max_version_limit;
    if (max_version > max_version_limit)
        return ERR(EINVAL);
    t = heap_new(struct grant_table);
    if (t == NULL)
        return ERR(ENOMEM);
    t->domain = d;
    t->format = &grant_format_v1;
    t->max_version = max_version;
    t->max_frames = max_frames;
    spin_init(&t->lock, RANK_GRANT);
    d->grants = t;
    rc = table_fill(t, max_maptrack);
    if (rc != 0)
        grant_domain_fini(d);
    return rc;
}

/* The domain must not hold them, or it holds itself; those who still map them may. */
static void unshare_frames(struct grant_table *t)
{
    spin_lock(&t->lock);
    for (unsigned int i = 0; i < t->nr_frames; i++)
        domain_frame_release(frame_of(va_mfn(t->frame[i])));
    for (unsigned int i = 0; i < t->nr_status; i++)
        domain_frame_release(frame_of(va_mfn(t->status[i])));
    spin_unlock(&t->lock);
}

/* Trust: at most max_maptrack_frames mappings; each is a little work. */
static void release_mapping(struct maptrack *m, uint32_t handle)
{
    struct maptrack_entry *e = maptrack_claim(m, handle);
    unsigned int pins;

    if (e == NULL)
        return;
    pins = (unsigned int)__builtin_popcount(e->flags & GNTMAP_KINDS);
    grant_unpin(e->granter->grants, e->ref, !(e->flags & GNTMAP_readonly), pins);
    domain_put(e->granter);
    maptrack_free(m, handle);
}

int grant_domain_release_mappings(struct domain *d)
{
    struct grant_table *t = d->grants;
    struct maptrack *m;

    if (t == NULL)
        return 0;
    m = &t->maptrack;
    while (m->next_release < m->nr_blocks * MAPTRACK_PER_BLOCK) {
        release_mapping(m, m->next_release++);
        if (m->next_release % 64 == 0 && hypercall_preempt_check())
            return -XEN_ERESTART;
    }
    unshare_frames(t);
    return 0;
}

void grant_domain_fini(struct domain *d)
{
    struct grant_table *t = d->grants;

    if (t == NULL)
        return;
    unshare_frames(t);
    for (unsigned int i = 0; i < t->nr_frames; i++) {
        pages_free(t->frame[i], 0);
        heap_free(t->active[i]);
    }
    for (unsigned int i = 0; i < t->nr_status; i++)
        pages_free(t->status[i], 0);
    maptrack_fini(&t->maptrack);
    heap_free(t->frame);
    heap_free(t->active);
    heap_free(t->status);
    heap_free(t);
    d->grants = NULL;
}
