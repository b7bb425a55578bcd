/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Cache lines back to memory (SDM2 "CLFLUSH"). Every CPU with long mode has the instruction. */
#include <arch/cpu.h>
#include <hv/grant.h>

void arch_cache_clean(const void *p, size_t n)
{
    const size_t line = ((cpuid(1).b >> 8) & 0xff) * 8;
    const uintptr_t end = (uintptr_t)p + n;

    /* Order: earlier writes are flushed too, and the flushes are done before what follows. */
    __asm__ volatile("mfence" ::: "memory");
    for (uintptr_t at = round_down((uintptr_t)p, line); at < end; at += line)
        __asm__ volatile("clflush %0" : "+m"(*(volatile char *)at));
    __asm__ volatile("mfence" ::: "memory");
}
