/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What libz, libzstd and liblz4 need of a C library (nm tells: malloc, calloc, free, __stack_chk_fail
 * beside what hv/lib has), and the CPU state that user-space code expects. Boot CPU, at boot, one
 * decoder at a time.
 *
 * The decoders were compiled for user space: SSE2; a stack protector that compares with
 * %fs:0x28; and a red zone below the stack pointer, which an interrupt would overwrite. NMI and #MC
 * have stacks of their own.
 */
#include "decompress.h"
#include <arch/cpu.h>
#include <hv/errno.h>
#include <hv/log.h>
#include <hv/mm.h>

#define ARENA_ORDER 9u /* 2 MiB: zstd takes 160 KiB, zlib 40 KiB */
#define ARENA_BYTES (PAGE_SIZE << ARENA_ORDER)
#define CANARY_OFFSET 0x28u

static struct {
    char *start;
    size_t taken;
    uint64_t cr0, cr4, fs_base, rflags;
} arena;

void *malloc(size_t n);
void *calloc(size_t n, size_t size);
void free(void *p);
void __stack_chk_fail(void) noreturn;
unsigned long long ZSTD_trace_decompress_begin(const void *context);
void ZSTD_trace_decompress_end(unsigned long long trace, const void *data);

/* Nothing is given back before the end. */
void *malloc(size_t n)
{
    const size_t bytes = round_up(n, 64);

    if (bytes < n || bytes > ARENA_BYTES - arena.taken)
        return NULL;
    arena.taken += bytes;
    return arena.start + arena.taken - bytes;
}

/* The arena starts as zeros and is used once. */
void *calloc(size_t n, size_t size)
{
    size_t bytes;

    return __builtin_mul_overflow(n, size, &bytes) ? NULL : malloc(bytes);
}

void free(void *p)
{
}

void __stack_chk_fail(void)
{
    panic("The decoder of the dom0 kernel overran its stack.\n");
}

/* Hooks of libzstd for tracing, optional for it, but a call to nothing is out of the linker's reach here. 0: no trace. */
unsigned long long ZSTD_trace_decompress_begin(const void *context)
{
    return 0;
}

void ZSTD_trace_decompress_end(unsigned long long trace, const void *data)
{
}

int decoder_begin(void)
{
    static const uint32_t mxcsr_default = 0x1f80; /* SDM1 10.2.3.1 */

    arena.start = pages_alloc(ARENA_ORDER, ALLOC_ZERO);
    if (arena.start == NULL)
        return ERR(ENOMEM);
    arena.taken = 64; /* in front: what FS points at */
    *(uint64_t *)(void *)(arena.start + CANARY_OFFSET) = rdtsc();
    arena.rflags = irq_save();
    arena.cr0 = read_cr0();
    arena.cr4 = read_cr4();
    arena.fs_base = rdmsr(MSR_FS_BASE);
    write_cr4(arena.cr4 | CR4_OSFXSR | CR4_OSXMMEXCPT);
    write_cr0((arena.cr0 & ~(uint64_t)(CR0_EM | CR0_TS)) | CR0_MP);
    wrmsr(MSR_FS_BASE, (uintptr_t)arena.start);
    __asm__ volatile("fninit; ldmxcsr %0" :: "m"(mxcsr_default));
    return 0;
}

void decoder_end(void)
{
    wrmsr(MSR_FS_BASE, arena.fs_base);
    write_cr0(arena.cr0);
    write_cr4(arena.cr4);
    irq_restore(arena.rflags);
    pages_free(arena.start, ARENA_ORDER);
    arena.start = NULL;
}
