/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Debug key 'g': grants in use, of every domain. */
#include "table.h"

#include <hv/console.h>
#include <hv/log.h>

static void dump_entry(grant_ref_t ref, const struct grant_active *a)
{
    if (a->frame != NULL)
        log_info("  ref %5u to d%u: mfn %#lx, pins r%u w%u, bytes %u+%u\n", ref, a->grantee,
                 (unsigned long)frame_mfn(a->frame).v, a->readers, a->writers, a->start, a->length);
    else
        log_info("  ref %5u to d%u: d%u ref %u, pins r%u w%u\n", ref, a->grantee, a->trans_domid, a->trans_ref,
                 a->readers, a->writers);
}

void grant_dump(struct domain *d)
{
    struct grant_table *t = d->grants;

    if (t == NULL)
        return;
    spin_lock(&t->lock);
    log_info("d%u: grant table v%u, %u frames (limit %u), maptrack %u frames (limit %u)\n", d->id, t->format->version,
             t->nr_frames, t->max_frames, t->maptrack.nr_blocks, t->maptrack.max_blocks);
    for (grant_ref_t ref = 0; ref < grant_nr_entries(t); ref++)
        if (grant_is_pinned(grant_active(t, ref)))
            dump_entry(ref, grant_active(t, ref));
    spin_unlock(&t->lock);
}

static void dump_all(unsigned char key)
{
    struct domain *d;

    for_each_domain(d)
        grant_dump(d);
}

void grant_init(void)
{
    debug_key_register('g', dump_all, "dump grant tables");
}
