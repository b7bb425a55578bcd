/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where each CPU sits: socket, core, thread, cut out of its APIC id by the widths that CPUID gives
 * (leaf 0xb: SDM3 8.9.1; leaves 1 and 4, or 0x80000008 and 0x8000001e on AMD, where that is absent).
 * Each CPU fills its own row.
 */
#include <arch/cpu.h>
#include <arch/platform.h>
#include <hv/percpu.h>

struct cpu_topology cpu_topology[MAX_CPUS];

/* Low bits of the APIC id: thread, then core; the rest is the socket. */
struct id_widths { unsigned int thread, core; };

static unsigned int bits_for(unsigned int n)
{
    return n > 1 ? 32 - (unsigned int)__builtin_clz(n - 1) : 0;
}

static bool widths_from_leaf_b(struct id_widths *w)
{
    struct cpuid_leaf smt = cpuid_count(0xb, 0), core = cpuid_count(0xb, 1);

    if (((smt.c >> 8) & 0xff) != 1 || smt.b == 0)
        return false;
    w->thread = smt.a & 0x1f;
    w->core = ((core.c >> 8) & 0xff) == 2 ? (core.a & 0x1f) - w->thread : 0;
    return true;
}

static void widths_amd(uint32_t max_extended, struct id_widths *w)
{
    struct cpuid_leaf size = cpuid(0x80000008);
    unsigned int threads = 1;

    if (max_extended >= 0x8000001e && (cpu_features.ext1_c & (1u << 22)))
        threads = ((cpuid(0x8000001e).b >> 8) & 0xff) + 1;
    unsigned int all = (size.c >> 12) & 0xf ? (size.c >> 12) & 0xf : bits_for((size.c & 0xff) + 1);
    w->thread = bits_for(threads);
    w->core = all > w->thread ? all - w->thread : 0;
}

static void widths_intel(uint32_t max_leaf, struct id_widths *w)
{
    struct cpuid_leaf one = cpuid(1);
    unsigned int logical = one.d & (1u << 28) ? (one.b >> 16) & 0xff : 1;
    unsigned int cores = max_leaf >= 4 ? (cpuid_count(4, 0).a >> 26) + 1 : 1;

    w->core = bits_for(cores);
    w->thread = bits_for(logical) > w->core ? bits_for(logical) - w->core : 0;
}

static struct id_widths id_widths(void)
{
    struct id_widths w = { 0, 0 };
    uint32_t max_leaf = cpuid(0).a, max_extended = cpuid(0x80000000).a;

    if (max_leaf >= 0xb && widths_from_leaf_b(&w))
        return w;
    if (cpu_features.vendor == CPU_VENDOR_INTEL)
        widths_intel(max_leaf, &w);
    else if (max_extended >= 0x80000008)
        widths_amd(max_extended, &w);
    return w;
}

static uint32_t low_bits(uint32_t v, unsigned int n)
{
    return v & ((1u << n) - 1);
}

void cpu_topology_detect(void)
{
    struct cpu_topology *t = &cpu_topology[this_cpu_id()];
    struct id_widths w = id_widths();

    t->thread = low_bits(t->apic_id, w.thread);
    t->core = low_bits(t->apic_id >> w.thread, w.core);
    t->socket = t->apic_id >> (w.thread + w.core);
}
