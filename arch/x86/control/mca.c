/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * __HYPERVISOR_mca (xen/arch-x86/xen-mca.h): machine checks, for the control domain. The CPUs are
 * described; no error report is ever waiting, since a machine check stops the machine.
 */
#include <arch/cpu.h>
#include <hv/control.h>
#include <hv/errno.h>
#include <hv/guest_access.h>
#include <hv/lib.h>
#include <hv/percpu.h>
#include <xen/arch-x86/xen-mca.h>

/* ---- fetch ---- */

/* ABI: to acknowledge a report needs no room for one. */
static int fetch(struct xen_mc_fetch *a)
{
    switch (a->flags & (XEN_MC_NONURGENT | XEN_MC_URGENT | XEN_MC_ACK)) {
    case XEN_MC_NONURGENT:
    case XEN_MC_URGENT:
        if (handle_is_null(a->data))
            return ERR(EINVAL);
        a->flags = XEN_MC_NODATA;
        a->fetch_id = 0;
        return 0;
    case XEN_MC_NONURGENT | XEN_MC_ACK:
    case XEN_MC_URGENT | XEN_MC_ACK:
        a->flags = XEN_MC_OK;
        return 0;
    default:
        return ERR(EINVAL);
    }
}

/* ---- physcpuinfo ---- */

static uint32_t nr_in_socket(unsigned int cpu, bool same_core)
{
    const struct cpu_topology *t = &cpu_topology[cpu];
    unsigned int other;
    uint32_t nr = 0;

    for_each_online_cpu(other)
        nr += cpu_topology[other].socket == t->socket && (!same_core || cpu_topology[other].core == t->core);
    return nr;
}

static void fill_place(unsigned int cpu, xen_mc_logical_cpu_t *c)
{
    const struct cpu_topology *t = &cpu_topology[cpu];

    c->mc_cpunr = cpu;
    c->mc_chipid = t->socket;
    c->mc_coreid = (uint16_t)t->core;
    c->mc_threadid = (uint16_t)t->thread;
    c->mc_apicid = t->apic_id;
    c->mc_nthreads = nr_in_socket(cpu, true);
    c->mc_ncores = c->mc_ncores_active = nr_in_socket(cpu, false) / c->mc_nthreads;
}

/* All CPUs are alike: this one speaks for each of them. */
static void fill_kind(xen_mc_logical_cpu_t *c)
{
    const struct cpuid_leaf zero = cpuid(0);
    const uint32_t name[3] = { zero.b, zero.d, zero.c };

    c->mc_cpuid_level = (int32_t)zero.a;
    c->mc_family = cpu_features.family;
    c->mc_model = cpu_features.model;
    c->mc_step = cpu_features.stepping;
    memcpy(c->mc_vendorid, name, sizeof(name));
    strlcpy(c->mc_brandid, cpu_features.brand, sizeof(c->mc_brandid));
    c->mc_cpu_caps[MC_CAPS_STD_EDX] = cpu_features.leaf1_d;
    c->mc_cpu_caps[MC_CAPS_AMD_EDX] = cpu_features.ext1_d;
    c->mc_cpu_caps[MC_CAPS_STD_ECX] = cpu_features.leaf1_c;
    c->mc_cpu_caps[MC_CAPS_AMD_ECX] = cpu_features.ext1_c;
    c->mc_nmsrvals = 1;
    c->mc_msrvalues[0].reg = MSR_MCG_CAP;
    if (rdmsr_safe(MSR_MCG_CAP, &c->mc_msrvalues[0].value) != 0)
        c->mc_nmsrvals = 0;
}

static int write_cpus(const struct xen_mc_physcpuinfo *a, uint32_t nr)
{
    uint32_t done = 0;
    unsigned int cpu;

    for_each_online_cpu(cpu) {
        xen_mc_logical_cpu_t c = { 0 };

        if (done == nr)
            break;
        fill_place(cpu, &c);
        fill_kind(&c);
        if (copy_to_guest_at(a->info, done, &c, 1))
            return ERR(EFAULT);
        done++;
    }
    return 0;
}

/* ABI: without a buffer the number of CPUs is asked for. */
static int physcpuinfo(struct xen_mc_physcpuinfo *a)
{
    const uint32_t online = cpumask_weight(&cpu_online_mask);

    if (handle_is_null(a->info)) {
        a->ncpus = online;
        return 0;
    }
    if (a->ncpus == 0 || a->ncpus > INT32_MAX)
        return ERR(EINVAL);
    a->ncpus = min(a->ncpus, online);
    return write_cpus(a, a->ncpus);
}

/* Errors for tests are not injected: -ENOSYS. */
static int run(struct xen_mc *op)
{
    switch (op->cmd) {
    case XEN_MC_fetch: return fetch(&op->u.mc_fetch);
    case XEN_MC_notifydomain: return ERR(EINVAL);
    case XEN_MC_physcpuinfo: return physcpuinfo(&op->u.mc_physcpuinfo);
    case XEN_MC_msrinject:
    case XEN_MC_mceinject:
    case XEN_MC_inject_v2: return ERR(ENOSYS);
    default: return ERR(EINVAL);
    }
}

long hc_mca(uint64_t at, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
    struct xen_mc op;
    int rc = access_check(ACCESS_CONTROL, current->domain, NULL);

    if (rc != 0)
        return rc;
    if (guest_read(&op, at, sizeof(op)) != 0)
        return ERR(EFAULT);
    if (op.interface_version != XEN_MCA_INTERFACE_VERSION)
        return ERR(EACCES);
    rc = run(&op);
    return rc == 0 && guest_write(at, &op, sizeof(op)) != 0 ? ERR(EFAULT) : rc;
}
