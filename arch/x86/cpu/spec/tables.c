/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What becomes of PV guests' page tables on CPUs with Meltdown (xpti=) and L1TF (pv-l1tf=): by default as with stock Xen. Pure.
 *
 * L1TF (Intel, "L1 Terminal Fault"): the CPU takes the address in an entry that is not present, looks it up in its first-level
 * data cache, and goes on with what is there. So such an entry must name nothing that may be cached.
 */
#include <arch/page.h>
#include <hv/lib.h>
#include "spec.h"

static bool pick(int8_t option, bool by_default) { return option < 0 ? by_default : option != 0; }

/* Bits of an address that the cache of a model with BUG_L1TF looks at, which are more than CPUID says on most; 0: what CPUID says. */
static unsigned int l1d_bits(unsigned int model)
{
    static const uint8_t nehalem[] = { 0x1a, 0x1e, 0x1f, 0x2e, 0x25, 0x2c, 0x2f };
    static const uint8_t sandy_bridge_and_later[] = {
        0x2a, 0x2d, 0x3a, 0x3e, 0x3c, 0x3f, 0x45, 0x46, 0x3d, 0x47, 0x4f, 0x56, 0x4e, 0x5e, 0x55, 0x66, 0x67, 0x8e, 0x9e,
    };

    for (unsigned int i = 0; i < array_size(nehalem); i++)
        if (nehalem[i] == model)
            return 44;
    for (unsigned int i = 0; i < array_size(sandy_bridge_and_later); i++)
        if (sandy_bridge_and_later[i] == model)
            return 46;
    return 0;
}

/* Nothing is above what CPUID admits; where the cache sees no further, nothing is taken to be in the last quarter but RAM that is known. */
static void choose_safe_address(const struct spec_machine *m, struct spec_settings *s)
{
    const bool known = m->vendor == CPU_VENDOR_INTEL && m->family == 6;

    s->l1d_bits = max(known ? l1d_bits(m->model) : 0, m->phys_bits);
    s->l1tf_safe = max(m->memory_end, s->l1d_bits > m->phys_bits ? 1ULL << m->phys_bits : 3ULL << (m->phys_bits - 2));
}

void spec_choose_tables(const struct spec_machine *m, const struct spec_options *o, struct spec_settings *s)
{
    s->xpti_dom0 = pick(o->xpti_dom0, s->bugs & BUG_MELTDOWN);
    s->xpti_domu = pick(o->xpti_domu, s->bugs & BUG_MELTDOWN);
    /* dom0 is trusted with it. */
    s->l1tf_dom0 = pick(o->l1tf_dom0, false);
    s->l1tf_domu = pick(o->l1tf_domu, s->bugs & BUG_L1TF);
    choose_safe_address(m, s);
}

/* PS counts though the entry is not present; in an L4 too, which the CPU may take for an L3 by way of an entry that names the table itself. */
bool spec_l1tf_vulnerable(const struct spec_settings *s, unsigned int level, uint64_t entry)
{
    const uint64_t address = entry & PAGE_MASK & ((1ULL << s->l1d_bits) - 1);

    return (level > 1 && (entry & PTE_PS)) || (address != 0 && address < s->l1tf_safe);
}
