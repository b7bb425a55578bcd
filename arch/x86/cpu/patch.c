/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Puts chosen code in place of NOPs, once, at boot: see arch/patch.h. Boot CPU only, no lock. */
#include <arch/cpu.h>
#include <arch/patch.h>
#include <hv/lib.h>

#define OPCODE_CALL 0xe8u
#define OPCODE_JMP  0xe9u
#define OPCODE_NOP  0x90u

/* Offsets are from the fields themselves. Layout known to arch/patch.h. */
struct patch_site {
    int32_t site, code;
    uint8_t feature, site_bytes, code_bytes, unused;
};
_Static_assert(sizeof(struct patch_site) == 12, "as the macros write it");

extern const struct patch_site patch_sites_start[], patch_sites_end[];

/* A relative branch was assembled for where it was kept. */
static boot_code void relocate(uint8_t *at, const uint8_t *kept)
{
    int32_t distance;

    memcpy(&distance, at + 1, sizeof(distance));
    distance += (int32_t)(kept - at);
    memcpy(at + 1, &distance, sizeof(distance));
}

static boot_code void replace(const struct patch_site *p)
{
    uint8_t *at = (uint8_t *)((uintptr_t)&p->site + (intptr_t)p->site);
    const uint8_t *kept = (const uint8_t *)((uintptr_t)&p->code + (intptr_t)p->code);

    memcpy(at, kept, p->code_bytes);
    memset(at + p->code_bytes, OPCODE_NOP, p->site_bytes - p->code_bytes);
    if (p->code_bytes == 5 && (*at == OPCODE_CALL || *at == OPCODE_JMP))
        relocate(at, kept);
}

boot_code void patch_apply(uint32_t features)
{
    for (const struct patch_site *p = patch_sites_start; p < patch_sites_end; p++)
        if (features >> p->feature & 1)
            replace(p);
    /* SDM3 8.1.3: a serialising instruction before the new code runs. */
    (void)cpuid(0);
}
