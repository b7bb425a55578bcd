/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Compiler vocabulary and small arithmetic helpers. */
#ifndef HV_COMPILER_H
#define HV_COMPILER_H

#include <hv/types.h>

#define must_check     __attribute__((warn_unused_result))
#define packed         __attribute__((packed))
#define aligned(n)     __attribute__((aligned(n)))
#define section(s)     __attribute__((section(s)))
#define noreturn       __attribute__((noreturn))
#define printf_like(f, a) __attribute__((format(printf, f, a)))
#define used           __attribute__((used))
#define fallthrough    __attribute__((fallthrough))
#define noinline       __attribute__((noinline))
#define always_inline  inline __attribute__((always_inline))
#define cold           __attribute__((cold))

/* Code and data that only start-up uses; the pages are given back afterwards. */
#ifdef HV_HOST_TEST
#define boot_code
#define boot_data
#else
#define boot_code __attribute__((section(".init.text"), cold))
#define boot_data __attribute__((section(".init.data")))
#endif

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define container_of(p, type, member) \
    ((type *)(void *)((char *)(uintptr_t)(p) - offsetof(type, member)))
#define array_size(a) (sizeof(a) / sizeof((a)[0]))

#define min(a, b) ({ __typeof__(a) a_ = (a); __typeof__(b) b_ = (b); a_ < b_ ? a_ : b_; })
#define max(a, b) ({ __typeof__(a) a_ = (a); __typeof__(b) b_ = (b); a_ > b_ ? a_ : b_; })
/* `a` is a power of two. */
#define round_up(x, a)   (((x) + ((__typeof__(x))(a) - 1)) & ~((__typeof__(x))(a) - 1))
#define round_down(x, a) ((x) & ~((__typeof__(x))(a) - 1))
#define div_round_up(n, d) (((n) + (d) - 1) / (d))

/* One access of the whole object, neither torn nor repeated by the compiler. */
#define read_once(x)     (*(const volatile __typeof__(x) *)&(x))
#define write_once(x, v) (*(volatile __typeof__(x) *)&(x) = (v))

/* Clamps an index below a bound also under speculation (bounds-check bypass). */
static always_inline uint64_t index_nospec(uint64_t index, uint64_t size)
{
    uint64_t mask;
    __asm__ volatile("cmp %2, %1; sbb %0, %0" : "=r"(mask) : "r"(index), "g"(size) : "cc");
    return index & mask;
}

#endif
