/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Compiler vocabulary and small arithmetic helpers. */
#ifndef HV_COMPILER_H
#define HV_COMPILER_H

#include <hv/types.h>

#define must_check     __attribute__((__warn_unused_result__))
#define packed         __attribute__((__packed__))
#define aligned(n)     __attribute__((__aligned__(n)))
#define section(s)     __attribute__((__section__(s)))
#define noreturn       __attribute__((__noreturn__))
#define printf_like(f, a) __attribute__((__format__(__printf__, f, a)))
#define used           __attribute__((__used__))
#define fallthrough    __attribute__((__fallthrough__))
#define noinline       __attribute__((__noinline__))
#define always_inline  inline __attribute__((__always_inline__))
#define cold           __attribute__((__cold__))

/* Code and data that only start-up uses; the pages are given back afterwards. */
#ifdef HV_HOST_TEST
#define boot_code
#define boot_data
#else
#define boot_code __attribute__((__section__(".init.text"), __cold__))
#define boot_data __attribute__((__section__(".init.data")))
#endif

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define container_of(p, type, member) \
    ((type *)(void *)((char *)(uintptr_t)(p) - offsetof(type, member)))
#define array_size(a) (sizeof(a) / sizeof((a)[0]))

/* Each use has names of its own, so that they nest without shadowing. */
#define PICK__(a, b, op, x, y) ({ __typeof__(a) x = (a); __typeof__(b) y = (b); x op y ? x : y; })
#define PICK_(a, b, op, n)     PICK__(a, b, op, a_##n, b_##n)
#define PICK(a, b, op, n)      PICK_(a, b, op, n)
#define min(a, b) PICK(a, b, <, __COUNTER__)
#define max(a, b) PICK(a, b, >, __COUNTER__)
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
