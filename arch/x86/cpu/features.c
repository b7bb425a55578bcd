/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What this machine's CPUs can do (SDM2 CPUID, APM3 appendix E). Boot CPU, once; all CPUs are taken to be alike. */
#include <arch/cpu.h>
#include <arch/platform.h>
#include <hv/errno.h>
#include <hv/lib.h>
#include <hv/param.h>
#include <xen/arch-x86/cpufeatureset.h>

struct cpu_features cpu_features;

/* States that we keep for guests: x87, SSE, AVX, AVX-512 (SDM1 13.1). */
#define XCR0_KEPT 0xe7ULL

static bool use_smep = true, use_smap = true, smap_is_chosen;

/* A boolean, or "hvm": for hardware-assisted guests only, of which there are none. */
static boot_code int parse_protection(const char *value, bool *use)
{
    const int truth = *value == '\0' ? 1 : strcmp(value, "hvm") == 0 ? 0 : param_parse_bool(value);

    if (truth >= 0)
        *use = truth != 0;
    return min(truth, 0);
}

static boot_code int parse_smep(const char *value) { return parse_protection(value, &use_smep); }
static boot_code int parse_smap(const char *value)
{
    smap_is_chosen = true;
    return parse_protection(value, &use_smap);
}
BOOT_PARAM_CUSTOM(smep, "smep", parse_smep);
BOOT_PARAM_CUSTOM(smap, "smap", parse_smap);

static bool bit(uint32_t word, unsigned int feature) { return word >> (feature & 31) & 1; }

static boot_code enum cpu_vendor vendor_of(const struct cpuid_leaf *zero)
{
    char name[13] = { 0 };

    memcpy(name, &zero->b, 4);
    memcpy(name + 4, &zero->d, 4);
    memcpy(name + 8, &zero->c, 4);
    if (strcmp(name, "GenuineIntel") == 0)
        return CPU_VENDOR_INTEL;
    if (strcmp(name, "AuthenticAMD") == 0)
        return CPU_VENDOR_AMD;
    return strcmp(name, "HygonGenuine") == 0 ? CPU_VENDOR_HYGON : CPU_VENDOR_UNKNOWN;
}

static boot_code void decode_signature(struct cpu_features *f, uint32_t eax)
{
    f->stepping = eax & 0xf;
    f->model = eax >> 4 & 0xf;
    f->family = eax >> 8 & 0xf;
    if (f->family == 0xf)
        f->family += eax >> 20 & 0xff;
    if (f->family >= 6)
        f->model |= eax >> 12 & 0xf0;
}

static boot_code void read_words(struct cpu_features *f, uint32_t max_leaf, uint32_t max_extended)
{
    const struct cpuid_leaf one = cpuid(1);

    decode_signature(f, one.a);
    f->leaf1_c = one.c;
    f->leaf1_d = one.d;
    if (max_leaf >= 7) {
        const struct cpuid_leaf seven = cpuid_count(7, 0);

        f->leaf7_b = seven.b;
        f->leaf7_c = seven.c;
        f->leaf7_d = seven.d;
    }
    if (max_leaf >= 0xd)
        f->leafd1_a = cpuid_count(0xd, 1).a;
    if (max_leaf >= 6)
        f->arat = cpuid(6).a >> 2 & 1;
    if (max_extended >= 0x80000001) {
        const struct cpuid_leaf ext = cpuid(0x80000001);

        f->ext1_c = ext.c;
        f->ext1_d = ext.d;
    }
    if (max_extended >= 0x80000007)
        f->ext7_d = cpuid(0x80000007).d;
    f->phys_bits = 36;
    f->linear_bits = 48;
    if (max_extended >= 0x80000008) {
        const struct cpuid_leaf size = cpuid(0x80000008);

        f->phys_bits = size.a & 0xff;
        f->linear_bits = size.a >> 8 & 0xff;
        f->ext8_b = size.b;
    }
}

/*
 * QEMU's own emulation (7.2) takes what a far RET or IRET of ring 3 pops for the hypervisor's access: with SMAP no PV
 * kernel gets far there.
 */
static boot_code bool smap_spares_guests(void)
{
    const struct cpuid_leaf id = cpuid(0x40000000);

    return id.b != 0x54474354 || id.c != 0x43544743 || id.d != 0x47435447; /* TCGTCGTCGTCG */
}

static boot_code void read_flags(struct cpu_features *f)
{
    f->fxsr = bit(f->leaf1_d, XEN_X86_FEATURE_FXSR);
    f->pge = bit(f->leaf1_d, XEN_X86_FEATURE_PGE);
    f->sysenter = bit(f->leaf1_d, XEN_X86_FEATURE_SEP);
    f->pcid = bit(f->leaf1_c, XEN_X86_FEATURE_PCID);
    f->x2apic = bit(f->leaf1_c, XEN_X86_FEATURE_X2APIC);
    f->tsc_deadline = bit(f->leaf1_c, XEN_X86_FEATURE_TSC_DEADLINE);
    f->xsave = bit(f->leaf1_c, XEN_X86_FEATURE_XSAVE);
    f->xsaveopt = f->xsave && bit(f->leafd1_a, XEN_X86_FEATURE_XSAVEOPT);
    f->fsgsbase = bit(f->leaf7_b, XEN_X86_FEATURE_FSGSBASE);
    f->smep = use_smep && bit(f->leaf7_b, XEN_X86_FEATURE_SMEP);
    f->smap = use_smap && (smap_is_chosen || smap_spares_guests()) && bit(f->leaf7_b, XEN_X86_FEATURE_SMAP);
    f->umip = bit(f->leaf7_c, XEN_X86_FEATURE_UMIP);
    f->nx = bit(f->ext1_d, XEN_X86_FEATURE_NX);
    f->gbpages = bit(f->ext1_d, XEN_X86_FEATURE_PAGE1GB);
    f->rdtscp = bit(f->ext1_d, XEN_X86_FEATURE_RDTSCP);
    f->tsc_invariant = bit(f->ext7_d, XEN_X86_FEATURE_ITSC);
    /* SYSCALL from 32-bit code: AMD's alone (APM3 SYSCALL). */
    f->syscall32 = f->vendor != CPU_VENDOR_INTEL && bit(f->ext1_d, XEN_X86_FEATURE_SYSCALL);
}

/* Standard-format area of the states in the mask (SDM1 13.4.3). */
static boot_code unsigned int area_bytes(uint64_t mask)
{
    unsigned int end = 512 + 64;

    for (unsigned int i = 2; i < 63; i++) {
        if (!(mask >> i & 1))
            continue;
        const struct cpuid_leaf part = cpuid_count(0xd, i);

        end = max(end, part.a + part.b);
    }
    return end;
}

static boot_code void read_xsave(struct cpu_features *f)
{
    if (!f->xsave)
        return;
    const struct cpuid_leaf d = cpuid_count(0xd, 0);

    f->xcr0_mask = (d.a | (uint64_t)d.d << 32) & XCR0_KEPT;
    if ((f->xcr0_mask & 0xe0) != 0xe0 || !(f->xcr0_mask & 4))
        f->xcr0_mask &= ~0xe0ULL;
    f->xsave_bytes = area_bytes(f->xcr0_mask);
}

static boot_code void read_brand(struct cpu_features *f, uint32_t max_extended)
{
    if (max_extended < 0x80000004)
        return;
    for (unsigned int i = 0; i < 3; i++) {
        const struct cpuid_leaf part = cpuid(0x80000002 + i);

        memcpy(f->brand + 16 * i, &part, sizeof(part));
    }
}

boot_code void cpu_features_init(void)
{
    struct cpu_features *f = &cpu_features;
    const struct cpuid_leaf zero = cpuid(0);
    const uint32_t max_extended = cpuid(0x80000000).a;

    *f = (struct cpu_features){ .vendor = vendor_of(&zero) };
    read_words(f, zero.a, max_extended >> 16 == 0x8000 ? max_extended : 0);
    read_flags(f);
    read_xsave(f);
    read_brand(f, max_extended >> 16 == 0x8000 ? max_extended : 0);
}
