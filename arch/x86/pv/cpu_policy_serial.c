/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CPU policies as the toolstack reads and writes them: arrays of leaves and MSRs. Pure. */
#include <hv/errno.h>
#include <hv/lib.h>
#include "cpu_policy.h"

#define EXTENDED_BASE     0x80000000u
#define HYPERVISOR_LEAF   0x40000000u
#define HYPERVISOR_LEAF2  0x40000100u
#define MSR_PLATFORM_INFO 0xceu
#define MSR_ARCH_CAPS     0x10au

/* ---- out ---- */

struct writer {
    xen_cpuid_leaf_t *out;
    uint32_t room, n;
};

static void put(struct writer *w, uint32_t leaf, uint32_t subleaf, const struct cpuid_leaf *v)
{
    if (w->n < w->room)
        w->out[w->n] = (xen_cpuid_leaf_t){ leaf, subleaf, v->a, v->b, v->c, v->d };
    w->n++;
}

static void put_all(struct writer *w, uint32_t leaf, const struct cpuid_leaf *v, unsigned int nr)
{
    for (unsigned int i = 0; i < nr; i++)
        put(w, leaf, i, &v[i]);
}

/* States that exist, the first two always. */
static void put_xstate(struct writer *w, const struct cpu_policy *p)
{
    const uint64_t states = cpu_policy_xstates(p) | 3;

    for (unsigned int i = 0; i < CPU_POLICY_XSTATE && states >> i != 0; i++)
        put(w, 0xd, i, &p->xstate[i]);
}

static void put_basic(struct writer *w, const struct cpu_policy *p, unsigned int leaf)
{
    switch (leaf) {
    case 4:
        put_all(w, leaf, p->cache, CPU_POLICY_CACHE);
        break;
    case 7:
        put_all(w, leaf, p->feat, min(p->feat[0].a, CPU_POLICY_FEAT - 1) + 1);
        break;
    case 0xb:
        put_all(w, leaf, p->topo, CPU_POLICY_TOPO);
        break;
    case 0xd:
        put_xstate(w, p);
        break;
    default:
        put(w, leaf, XEN_CPUID_NO_SUBLEAF, &p->basic[leaf]);
        break;
    }
}

int cpu_policy_copy_to_leaves(const struct cpu_policy *p, xen_cpuid_leaf_t *leaves, uint32_t *nr)
{
    struct writer w = { .out = leaves, .room = *nr };
    const struct cpuid_leaf limit = { .a = p->hv_limit }, limit2 = { .a = p->hv2_limit };

    for (unsigned int i = 0; i <= min(BASIC_MAX(p), CPU_POLICY_BASIC - 1); i++)
        put_basic(&w, p, i);
    put(&w, HYPERVISOR_LEAF, XEN_CPUID_NO_SUBLEAF, &limit);
    put(&w, HYPERVISOR_LEAF2, XEN_CPUID_NO_SUBLEAF, &limit2);
    for (unsigned int i = 0; i <= min(EXTENDED_MAX(p) & 0xffff, CPU_POLICY_EXTENDED - 1); i++)
        put(&w, EXTENDED_BASE + i, XEN_CPUID_NO_SUBLEAF, &p->extended[i]);
    if (w.n > w.room)
        return ERR(ENOBUFS);
    *nr = w.n;
    return 0;
}

int cpu_policy_copy_to_msrs(const struct cpu_policy *p, xen_msr_entry_t *msrs, uint32_t *nr)
{
    if (*nr < CPU_POLICY_MAX_MSRS)
        return ERR(ENOBUFS);
    msrs[0] = (xen_msr_entry_t){ .idx = MSR_PLATFORM_INFO, .val = p->platform_info };
    msrs[1] = (xen_msr_entry_t){ .idx = MSR_ARCH_CAPS, .val = p->arch_caps };
    *nr = CPU_POLICY_MAX_MSRS;
    return 0;
}

/* ---- in ---- */

static struct cpuid_leaf *in_array(struct cpuid_leaf *array, uint32_t nr, uint32_t index)
{
    return index < nr ? &array[index] : NULL;
}

/* Where the entry belongs; NULL: nowhere. */
static struct cpuid_leaf *place_of(struct cpu_policy *p, uint32_t leaf, uint32_t subleaf)
{
    switch (leaf) {
    case 4:
        return in_array(p->cache, CPU_POLICY_CACHE, subleaf);
    case 7:
        return in_array(p->feat, CPU_POLICY_FEAT, subleaf);
    case 0xb:
        return in_array(p->topo, CPU_POLICY_TOPO, subleaf);
    case 0xd:
        return in_array(p->xstate, CPU_POLICY_XSTATE, subleaf);
    }
    if (subleaf != XEN_CPUID_NO_SUBLEAF)
        return NULL;
    if (leaf < CPU_POLICY_BASIC)
        return &p->basic[leaf];
    return leaf >= EXTENDED_BASE ? in_array(p->extended, CPU_POLICY_EXTENDED, leaf - EXTENDED_BASE) : NULL;
}

/* The two leaves that only carry a limit. */
static uint32_t *limit_of(struct cpu_policy *p, const xen_cpuid_leaf_t *l)
{
    if (l->subleaf != XEN_CPUID_NO_SUBLEAF || l->a > 0xff)
        return NULL;
    return l->leaf == HYPERVISOR_LEAF ? &p->hv_limit : l->leaf == HYPERVISOR_LEAF2 ? &p->hv2_limit : NULL;
}

int cpu_policy_from_leaves(struct cpu_policy *p, const xen_cpuid_leaf_t *leaves, uint32_t nr, struct cpu_policy_error *err)
{
    *err = (struct cpu_policy_error){ ~0u, ~0u, ~0u };
    for (uint32_t i = 0; i < nr; i++) {
        const xen_cpuid_leaf_t *l = &leaves[i];
        struct cpuid_leaf *place = place_of(p, l->leaf, l->subleaf);
        uint32_t *limit = limit_of(p, l);

        if (place != NULL) {
            *place = (struct cpuid_leaf){ l->a, l->b, l->c, l->d };
        } else if (limit != NULL) {
            *limit = l->a;
        } else {
            err->leaf = l->leaf;
            err->subleaf = l->subleaf;
            return ERR(ERANGE);
        }
    }
    return 0;
}

static int set_msr(struct cpu_policy *p, const xen_msr_entry_t *m)
{
    if (m->flags)
        return ERR(EINVAL);
    switch (m->idx) {
    case MSR_PLATFORM_INFO:
        if (m->val >> 32)
            return ERR(EOVERFLOW);
        p->platform_info = m->val;
        return 0;
    case MSR_ARCH_CAPS:
        p->arch_caps = m->val;
        return 0;
    default:
        return ERR(ERANGE);
    }
}

int cpu_policy_from_msrs(struct cpu_policy *p, const xen_msr_entry_t *msrs, uint32_t nr, struct cpu_policy_error *err)
{
    *err = (struct cpu_policy_error){ ~0u, ~0u, ~0u };
    for (uint32_t i = 0; i < nr; i++) {
        int rc = set_msr(p, &msrs[i]);

        if (rc) {
            err->msr = msrs[i].idx;
            return rc;
        }
    }
    return 0;
}
