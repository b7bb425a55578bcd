/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Puts chosen code in place of NOPs and of branches by thunks, once, at boot: see arch/patch.h. Boot CPU only, no lock. */
#include <arch/cpu.h>
#include <arch/layout.h>
#include <arch/patch.h>
#include <hv/lib.h>

#define OPCODE_CALL 0xe8u
#define OPCODE_JMP  0xe9u
#define OPCODE_NOP  0x90u
#define OPCODE_RET  0xc3u
#define OPCODE_INT3 0xccu
#define PREFIX_CS   0x2eu /* means nothing before a branch by a register */
#define PREFIX_REX_B 0x41u
#define BRANCH_BYTES 5u

/* Offsets are from the fields themselves. Layout known to arch/patch.h. */
struct patch_site {
    int32_t site, code;
    uint8_t feature, site_bytes, code_bytes, unused;
};
_Static_assert(sizeof(struct patch_site) == 12, "as the macros write it");

extern const struct patch_site patch_sites_start[], patch_sites_end[];

/* Lower halves of the addresses of all CALL and JMP to a thunk: tools/gen-branches. */
extern const uint32_t branch_sites_start[], branch_sites_end[];
extern const char __x86_return_thunk[], indirect_thunks[];
_Static_assert(IMAGE_BASE % (1UL << 32) == 0, "lower halves tell");

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

static boot_code uint8_t *branch_target(uint8_t *at)
{
    int32_t distance;

    memcpy(&distance, at + 1, sizeof(distance));
    return at + BRANCH_BYTES + distance;
}

/* CALL *reg or JMP *reg in as many bytes, prefixes in front (SDM2 CALL, JMP: FF /2, FF /4). */
static boot_code void make_indirect(uint8_t *at, unsigned int reg)
{
    const bool is_call = *at == OPCODE_CALL;

    memset(at, PREFIX_CS, BRANCH_BYTES);
    if (reg >= 8)
        at[2] = PREFIX_REX_B;
    at[3] = 0xff;
    at[4] = (uint8_t)((is_call ? 0xd0 : 0xe0) | (reg & 7));
}

boot_code void patch_branches(bool indirect, bool returns)
{
    for (const uint32_t *site = branch_sites_start; site < branch_sites_end; site++) {
        uint8_t *at = (uint8_t *)(IMAGE_BASE | *site);
        const uint8_t *thunk = branch_target(at);

        if (thunk != (const uint8_t *)__x86_return_thunk) {
            if (indirect)
                make_indirect(at, (unsigned int)((uintptr_t)(thunk - (const uint8_t *)indirect_thunks) / THUNK_BYTES));
        } else if (returns) {
            memset(at, OPCODE_INT3, BRANCH_BYTES);
            *at = OPCODE_RET;
        }
    }
}

boot_code void patch_apply(uint32_t features)
{
    for (const struct patch_site *p = patch_sites_start; p < patch_sites_end; p++)
        if (features >> p->feature & 1)
            replace(p);
    /* SDM3 8.1.3: a serialising instruction before the new code runs. */
    (void)cpuid(0);
}
