/* SPDX-License-Identifier: GPL-2.0-or-later */
/* MSR accesses that the CPU may refuse. */
#include <arch/cpu.h>
#include <arch/extable.h>
#include <hv/errno.h>

int rdmsr_safe(uint32_t msr, uint64_t *v)
{
    uint32_t lo, hi, failed = 0;

    __asm__ volatile("1: rdmsr\n2:\n\t"
                     ".pushsection .text.fixup, \"ax\"\n3: movl $1, %2; xorl %%eax, %%eax; xorl %%edx, %%edx; jmp 2b\n\t.popsection\n\t"
                     EXTABLE_STR("1b", "3b")
                     : "=a"(lo), "=d"(hi), "+r"(failed) : "c"(msr));
    *v = ((uint64_t)hi << 32) | lo;
    return failed ? ERR(EFAULT) : 0;
}

int wrmsr_safe(uint32_t msr, uint64_t v)
{
    uint32_t failed = 0;

    __asm__ volatile("1: wrmsr\n2:\n\t"
                     ".pushsection .text.fixup, \"ax\"\n3: movl $1, %0; jmp 2b\n\t.popsection\n\t"
                     EXTABLE_STR("1b", "3b")
                     : "+r"(failed) : "c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)) : "memory");
    return failed ? ERR(EFAULT) : 0;
}
