/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Grant tables (public header xen/grant_table.h). */
#ifndef HV_GRANT_H
#define HV_GRANT_H

#include <hv/frame.h>
#include <xen/grant_table.h>

struct domain;
struct grant_table; /* private to grant/ */

/* max_frames/max_maptrack 0 or too large: the system's default/limit (gnttab_max_frames=, gnttab_max_maptrack_frames=). */
int grant_domain_init(struct domain *d, unsigned int max_frames, unsigned int max_maptrack, unsigned int max_version) must_check;
/* Undoes every mapping that d made of others' grants. Preemptible: -ERESTART. d is dying. */
int grant_domain_release_mappings(struct domain *d) must_check;
void grant_domain_fini(struct domain *d);
/* Frame idx of d's table (status: of the v2 status array), grown on demand up to the limit. */
int grant_table_frame(struct domain *d, unsigned int idx, bool status, mfn_t *out) must_check;
/* Frames now in use, and their limit. */
unsigned int grant_nr_frames(const struct domain *d);
unsigned int grant_max_frames(const struct domain *d);
void grant_dump(struct domain *d); /* debug key 'g' */

long hc_grant_table_op(uint64_t cmd, uint64_t uop, uint64_t count, uint64_t, uint64_t);

/*
 * Arch contract (PV: arch/x86/pv/mmu/grant_map.c). flags are GNTMAP_*.
 * map: installs a mapping of mfn at host_addr (a virtual address of current, or
 * with GNTMAP_contains_pte the machine address of the PTE), in current->domain.
 * Takes no references itself: the caller has them. GNTST_okay or GNTST_*.
 * unmap: removes it if it is what flags and mfn say; with new_addr != 0, replaces it by
 * the mapping at new_addr (unmap_and_replace).
 */
int arch_grant_map(uint64_t host_addr, mfn_t mfn, unsigned int flags) must_check;
int arch_grant_unmap(uint64_t host_addr, mfn_t mfn, uint64_t new_addr, unsigned int flags) must_check;

#endif
