/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Grants: map, unmap, copy; of our own pages to ourselves, or of another domain's (bench/pair). */
#include "bench.h"

#define BATCH 32u
#define FIRST 8u

static struct grant_entry_v1 *table;
static char *pages[BATCH];

bool grants_offer(domid_t to)
{
    xen_pfn_t frame = 0;
    struct gnttab_setup_table op = { .dom = DOMID_SELF, .nr_frames = 1 };

    set_xen_guest_handle(op.frame_list, &frame);
    MUST(HC3(grant_table_op, GNTTABOP_setup_table, &op, 1));
    MUST(op.status);
    table = page_alloc();
    MUST(set_pte(table, frame << 12 | PTE_P | PTE_RW | PTE_A | PTE_D | PTE_US, UVMF_INVLPG));
    for (unsigned int i = 0; i < BATCH; i++) {
        pages[i] = page_alloc();
        table[FIRST + i].domid = to;
        table[FIRST + i].frame = (uint32_t)va_to_mfn(pages[i]);
        __atomic_store_n(&table[FIRST + i].flags, GTF_permit_access, __ATOMIC_SEQ_CST);
    }
    return op.status == 0;
}

/* Without a reference the source is our own frame. */
void grants_copy(const char *name, unsigned int nr, unsigned int bytes, domid_t from, bool by_ref)
{
    static struct gnttab_copy ops[BATCH];
    char *to = page_alloc();

    for (unsigned int i = 0; i < nr; i++) {
        ops[i] = (struct gnttab_copy){ .dest = { .u.gmfn = va_to_mfn(to), .domid = DOMID_SELF }, .len = (uint16_t)bytes };
        ops[i].source.domid = from;
        if (by_ref) {
            ops[i].source.u.ref = FIRST + i;
            ops[i].flags = GNTCOPY_source_gref;
        } else {
            ops[i].source.u.gmfn = va_to_mfn(pages[i]);
        }
    }
    MEASURE(name, HC3(grant_table_op, GNTTABOP_copy, ops, nr));
    MUST(ops[nr - 1].status);
}

static void take_handles(struct gnttab_unmap_grant_ref *u, const struct gnttab_map_grant_ref *m, unsigned int nr)
{
    for (unsigned int i = 0; i < nr; i++)
        u[i] = (struct gnttab_unmap_grant_ref){ .host_addr = m[i].host_addr, .handle = m[i].handle };
}

static void unmap(struct gnttab_unmap_grant_ref *u, const struct gnttab_map_grant_ref *m, unsigned int nr)
{
    take_handles(u, m, nr);
    MUST(HC3(grant_table_op, GNTTABOP_unmap_grant_ref, u, nr));
}

void grants_map(const char *map_name, const char *unmap_name, unsigned int nr, domid_t from)
{
    static struct gnttab_map_grant_ref m[BATCH];
    static struct gnttab_unmap_grant_ref u[BATCH];
    static char *at[BATCH];

    for (unsigned int i = 0; i < nr; i++) {
        if (at[i] == NULL) {
            at[i] = page_alloc();
            MUST(set_pte(at[i], 0, UVMF_INVLPG));
        }
        m[i] = (struct gnttab_map_grant_ref){ .host_addr = (uint64_t)at[i], .flags = GNTMAP_host_map, .ref = FIRST + i, .dom = from };
    }
    MEASURE_AFTER(map_name, if (i_) unmap(u, m, nr), HC3(grant_table_op, GNTTABOP_map_grant_ref, m, nr));
    MUST(m[nr - 1].status);
    MEASURE_AFTER(unmap_name, if (i_) HC3(grant_table_op, GNTTABOP_map_grant_ref, m, nr); take_handles(u, m, nr),
                  HC3(grant_table_op, GNTTABOP_unmap_grant_ref, u, nr));
    MUST(u[nr - 1].status);
}

void bench_grants(void)
{
    if (!grants_offer(0)) /* the benchmark runs as dom0 */
        return;
    grants_copy("grant copy gmfn->gmfn 1 op 4096 B", 1, 4096, DOMID_SELF, false);
    grants_copy("grant copy gmfn->gmfn 32 ops 4096 B", 32, 4096, DOMID_SELF, false);
    grants_copy("grant copy gmfn->gmfn 1 op 64 B", 1, 64, DOMID_SELF, false);
    grants_copy("grant copy gmfn->gmfn 32 ops 64 B", 32, 64, DOMID_SELF, false);
    grants_copy("grant copy ref->gmfn 1 op 4096 B", 1, 4096, DOMID_SELF, true);
    grants_copy("grant copy ref->gmfn 32 ops 4096 B", 32, 4096, DOMID_SELF, true);
    grants_copy("grant copy ref->gmfn 1 op 64 B", 1, 64, DOMID_SELF, true);
    grants_copy("grant copy ref->gmfn 32 ops 64 B", 32, 64, DOMID_SELF, true);
    grants_map("grant map 1 (own domain)", "grant unmap 1", 1, 0);
    grants_map("grant map 32 (own domain)", "grant unmap 32", 32, 0);
}
