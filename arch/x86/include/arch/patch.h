/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Code that is chosen once, at boot: a site is a NOP until the property that it names is there, then
 * other bytes take its place (cpu/patch.c). Text is patched before it becomes read-only and before
 * another CPU runs; nothing is patched later.
 *
 * Replacements are at most as long as the NOP. A replacement that is one direct CALL or JMP may name any symbol.
 */
#ifndef ARCH_PATCH_H
#define ARCH_PATCH_H

#define PATCH_SMAP       0 /* CR4.SMAP is on */
/* docs/side-channels.md */
#define PATCH_SPEC_ENTRY 1 /* entry has something to do, of what follows */
#define PATCH_SPEC_EXIT  2
#define PATCH_SPEC_IST   3
#define PATCH_SPEC_MSR   4
#define PATCH_SPEC_IBPB  5
#define PATCH_SPEC_RSB   6
#define PATCH_SPEC_BHB   7
#define PATCH_SPEC_VERW  8
#define PATCH_SPEC_DIV   9
#define PATCH_THUNK_LFENCE  10
#define PATCH_THUNK_JMP     11
#define PATCH_BRANCH_HARDEN 12
#define PATCH_LOCK_HARDEN   13
#define PATCH_XPTI          14
#define PATCH_SYSCALL_BY_C  15 /* entry or exit has something to do: no short ways (trap/syscall.S) */

#define THUNK_BYTES 64 /* of a thunk for indirect branches: cpu/thunk.S */

#ifdef __ASSEMBLY__

/* What is between the labels, until `feature` is there, then the instruction. The record is struct patch_site of cpu/patch.c. */
.macro PATCH_AT feature, site, site_end, code:vararg
    .pushsection .patch_code, "ax"
.Lcode\@:
    \code
.Lcode_end\@:
    .popsection
    .pushsection .patch_sites, "a"
    .balign 4
    .long \site - ., .Lcode\@ - .
    .byte \feature, \site_end - \site, .Lcode_end\@ - .Lcode\@, 0
    .popsection
.endm

/* The bytes `nop`, until `feature` is there. */
.macro PATCH feature, nop, code:vararg
.Lsite\@:
    .byte \nop
.Lsite_end\@:
    PATCH_AT \feature, .Lsite\@, .Lsite_end\@, \code
.endm

#define NOP3 "0x0f, 0x1f, 0x00"
#define NOP5 "0x0f, 0x1f, 0x44, 0x00, 0x00"
/* As compilers are told to return: becomes a RET where that is safe (cpu/patch.c). */
#define RET jmp __x86_return_thunk
#define SET_AC   PATCH PATCH_SMAP, NOP3, stac
#define CLEAR_AC PATCH PATCH_SMAP, NOP3, clac

#else

#include <hv/compiler.h>

#define PATCH_TEXT_(x) #x
#define PATCH_TEXT(x)  PATCH_TEXT_(x)

/* Inside an asm template: `nop` until `feature` is there, then `code`. Uses labels 6 to 9. */
#define PATCH_STR(nop, feature, code)                                            \
    "6: " nop "\n7:\t.pushsection .patch_code, \"ax\"\n8: " code "\n9:\t.popsection\n\t" \
    ".pushsection .patch_sites, \"a\"\n\t.balign 4\n\t.long 6b - ., 8b - .\n\t"  \
    ".byte " PATCH_TEXT(feature) ", 7b - 6b, 9b - 8b, 0\n\t.popsection\n\t"

/* Between these the hypervisor may touch what the guest's tables map for user mode (SMAP, SDM3 4.6). A fault ends it too: extable_fixup. */
#ifdef HV_HOST_TEST
static always_inline void guest_access_begin(void) { }
static always_inline void guest_access_end(void) { }
#else
static always_inline void guest_access_begin(void) { __asm__ volatile(PATCH_STR(".byte 0x0f, 0x1f, 0x00", PATCH_SMAP, "stac") ::: "memory"); }
static always_inline void guest_access_end(void) { __asm__ volatile(PATCH_STR(".byte 0x0f, 0x1f, 0x00", PATCH_SMAP, "clac") ::: "memory"); }
#endif

/*
 * Inside an asm goto template: the conditional branch 0x0f `opcode` to `label`, where a lock that is not free is waited
 * for and what is free is left by lock_nospec(). Always taken where locks are hardened; costs nothing elsewhere.
 */
#define LOCK_BRANCH(opcode, label)                                                           \
    "6: .byte 0x0f, " opcode "\n\t.long " label " - . - 4\n7:\t.pushsection .patch_code, \"ax\"\n" \
    "8: .byte 0xe9\n\t.long " label " - . - 4\n9:\t.popsection\n\t"                              \
    ".pushsection .patch_sites, \"a\"\n\t.balign 4\n\t.long 6b - ., 8b - .\n\t"              \
    ".byte " PATCH_TEXT(PATCH_LOCK_HARDEN) ", 7b - 6b, 9b - 8b, 0\n\t.popsection\n\t"

/*
 * What a branch just taken decided is not passed over by speculation: for decisions about access (barrier_nospec),
 * and for locks (lock_nospec). LFENCE, unless spec-ctrl= has it off.
 */
#ifdef HV_HOST_TEST
static always_inline void barrier_nospec(void) { }
static always_inline void lock_nospec(void) { }
#else
static always_inline void barrier_nospec(void) { __asm__ volatile(PATCH_STR(".byte 0x0f, 0x1f, 0x00", PATCH_BRANCH_HARDEN, "lfence") ::: "memory"); }
static always_inline void lock_nospec(void) { __asm__ volatile(PATCH_STR(".byte 0x0f, 0x1f, 0x00", PATCH_LOCK_HARDEN, "lfence") ::: "memory"); }
#endif

/* Bit n of `features`: the property PATCH_x == n is there. Once, on the boot CPU, while text is writable. */
void patch_apply(uint32_t features);
/*
 * Branches that go by a thunk (cpu/thunk.S) and need none here become the branch itself, at no cost: indirect calls and
 * jumps if `indirect`, returns if `returns`. As patch_apply(), and before it.
 */
void patch_branches(bool indirect, bool returns);

#endif
#endif
