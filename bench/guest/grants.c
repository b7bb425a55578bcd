/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Grants of our own pages to ourselves: map, unmap, copy. */
#include "bench.h"

#define BATCH 32u
#define FIRST 8u

static struct grant_entry_v1 *table;
static char *pages[BATCH];

static bool setup(void)
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
        table[FIRST + i].domid = 0;                /* the benchmark runs as dom0 */
        table[FIRST + i].frame = (uint32_t)va_to_mfn(pages[i]);
        __atomic_store_n(&table[FIRST + i].flags, GTF_permit_access, __ATOMIC_SEQ_CST);
    }
    return op.status == 0;
}

static void copy(const char *name, unsigned int nr, unsigned int bytes, bool by_ref)
{
    static struct gnttab_copy ops[BATCH];
    char *to = page_alloc();

    for (unsigned int i = 0; i < nr; i++) {
        ops[i] = (struct gnttab_copy){ .dest = { .u.gmfn = va_to_mfn(to), .domid = DOMID_SELF }, .len = (uint16_t)bytes };
        ops[i].source.domid = DOMID_SELF;
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

static void map(const char *map_name, const char *unmap_name, unsigned int nr)
{
    static struct gnttab_map_grant_ref m[BATCH];
    static struct gnttab_unmap_grant_ref u[BATCH];
    static uint64_t unmap_ticks[SAMPLES];
    static char *at[BATCH];

    for (unsigned int i = 0; i < nr; i++) {
        if (at[i] == NULL) {
            at[i] = page_alloc();
            MUST(set_pte(at[i], 0, UVMF_INVLPG));
        }
        m[i] = (struct gnttab_map_grant_ref){ .host_addr = (uint64_t)at[i], .flags = GNTMAP_host_map, .ref = FIRST + i, .dom = 0 };
    }
    for (unsigned int n = 0; n < SAMPLES; n++) {
        uint32_t from = stamp();
        HC3(grant_table_op, GNTTABOP_map_grant_ref, m, nr);
        samples[n] = stamp() - from;
        for (unsigned int i = 0; i < nr; i++)
            u[i] = (struct gnttab_unmap_grant_ref){ .host_addr = (uint64_t)at[i], .handle = m[i].handle };
        from = stamp();
        HC3(grant_table_op, GNTTABOP_unmap_grant_ref, u, nr);
        unmap_ticks[n] = stamp() - from;
    }
    MUST(m[nr - 1].status);
    MUST(u[nr - 1].status);
    report(map_name, SAMPLES);
    memcpy(samples, unmap_ticks, sizeof(samples));
    report(unmap_name, SAMPLES);
}

void bench_grants(void)
{
    if (!setup())
        return;
    copy("grant copy gmfn->gmfn 1 op 4096 B", 1, 4096, false);
    copy("grant copy gmfn->gmfn 32 ops 4096 B", 32, 4096, false);
    copy("grant copy gmfn->gmfn 1 op 64 B", 1, 64, false);
    copy("grant copy gmfn->gmfn 32 ops 64 B", 32, 64, false);
    copy("grant copy ref->gmfn 1 op 4096 B", 1, 4096, true);
    copy("grant copy ref->gmfn 32 ops 4096 B", 32, 4096, true);
    copy("grant copy ref->gmfn 1 op 64 B", 1, 64, true);
    copy("grant copy ref->gmfn 32 ops 64 B", 32, 64, true);
    map("grant map 1 (own domain)", "grant unmap 1", 1);
    map("grant map 32 (own domain)", "grant unmap 32", 32);
}
