/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Grant tables (public header xen/grant_table.h). */
#ifndef HV_GRANT_H
#define HV_GRANT_H

#include <hv/frame.h>
#include <xen/grant_table.h>

struct domain;
struct grant_table; /* private to grant/ */

/* Registers the debug key. Boot. */
void grant_init(void);
/*
 * Limits 0 or negative (as int): the system's (gnttab_max_frames=, gnttab_max_maptrack_frames=);
 * max_version 0: grant_version_limit() (createdomain refuses 0 itself). -EINVAL: above those. -ENOMEM.
 */
int grant_domain_init(struct domain *d, unsigned int max_frames, unsigned int max_maptrack, unsigned int max_version) must_check;
/* Highest table version that domains may be given (gnttab=max-ver:). */
unsigned int grant_version_limit(void);
/*
 * Undoes what d's mappings of others' grants hold (not its page-table entries), and takes d's table
 * frames away from it. Preemptible: -ERESTART. d is dying and none of its vCPUs runs.
 */
int grant_domain_release_mappings(struct domain *d) must_check;
void grant_domain_fini(struct domain *d);
/*
 * Frame idx of d's table (status: of the v2 status array), grown on demand up to the limit.
 * -EINVAL: beyond the limit, d is dying, or status and the table is not v2. -ENOMEM.
 */
int grant_table_frame(struct domain *d, unsigned int idx, bool status, mfn_t *out) must_check;
/* Frames now in use, and their limit. */
unsigned int grant_nr_frames(const struct domain *d);
unsigned int grant_max_frames(const struct domain *d);
void grant_dump(struct domain *d); /* debug key 'g' */

long hc_grant_table_op(uint64_t cmd, uint64_t uop, uint64_t count, uint64_t, uint64_t);

/*
 * Arch contract (PV: arch/x86/pv/mmu/grant_map.c). flags are GNTMAP_*.
 * map: installs a mapping of mfn at host_addr (a virtual address of current, or
 * with GNTMAP_contains_pte the machine address of the PTE), in current->domain. The entry takes
 * and, when it goes, drops references of its own, as any L1 entry; the caller holds the frame and, for
 * a writable mapping, its type meanwhile. GNTST_okay or GNTST_*.
 * unmap: removes it if it is what flags and mfn say; with new_addr != 0, replaces it by
 * the mapping at new_addr (unmap_and_replace). The caller flushes current->domain's TLBs.
 */
int arch_grant_map(uint64_t host_addr, mfn_t mfn, unsigned int flags) must_check;
int arch_grant_unmap(uint64_t host_addr, mfn_t mfn, uint64_t new_addr, unsigned int flags) must_check;
/* Writes cached lines of [p, p+n) back to memory; they may be invalidated (arch/x86/mm/cache.c). */
void arch_cache_clean(const void *p, size_t n);

#endif
