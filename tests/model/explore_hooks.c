/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What -fsanitize=thread makes of memory accesses. Not instrumented itself. */
#include "explore.h"

#define PC __builtin_return_address(0)
typedef unsigned __int128 u128;

#define PLAIN(n) \
    void __tsan_read##n(void *p); void __tsan_read##n(void *p) { explore_access(p, PC); }                       \
    void __tsan_write##n(void *p); void __tsan_write##n(void *p) { explore_access(p, PC); }                     \
    void __tsan_unaligned_read##n(void *p); void __tsan_unaligned_read##n(void *p) { explore_access(p, PC); }   \
    void __tsan_unaligned_write##n(void *p); void __tsan_unaligned_write##n(void *p) { explore_access(p, PC); }
void __tsan_read_range(void *p, size_t n);
void __tsan_read_range(void *p, size_t n) { explore_access(p, PC); }
void __tsan_write_range(void *p, size_t n);
void __tsan_write_range(void *p, size_t n) { explore_access(p, PC); }
PLAIN(1) PLAIN(2) PLAIN(4) PLAIN(8) PLAIN(16)

#define FETCH(bits, name) \
    uint##bits##_t __tsan_atomic##bits##_fetch_##name(volatile uint##bits##_t *p, uint##bits##_t v, int order);  \
    uint##bits##_t __tsan_atomic##bits##_fetch_##name(volatile uint##bits##_t *p, uint##bits##_t v, int order)   \
    {                                                                                                            \
        explore_access(p, PC);                                                                                   \
        return __atomic_fetch_##name(p, v, __ATOMIC_SEQ_CST);                                                    \
    }
#define EXCHANGE_IF(bits, kind) \
    int __tsan_atomic##bits##_compare_exchange_##kind(volatile uint##bits##_t *p, uint##bits##_t *e, uint##bits##_t v, int order, int failed); \
    int __tsan_atomic##bits##_compare_exchange_##kind(volatile uint##bits##_t *p, uint##bits##_t *e, uint##bits##_t v, int order, int failed)  \
    {                                                                                                            \
        explore_access(p, PC);                                                                                   \
        return __atomic_compare_exchange_n(p, e, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);                  \
    }
#define ATOMIC(bits) \
    uint##bits##_t __tsan_atomic##bits##_load(const volatile uint##bits##_t *p, int order);                      \
    uint##bits##_t __tsan_atomic##bits##_load(const volatile uint##bits##_t *p, int order)                       \
    {                                                                                                            \
        explore_access(p, PC);                                                                                   \
        return __atomic_load_n(p, __ATOMIC_SEQ_CST);                                                             \
    }                                                                                                            \
    void __tsan_atomic##bits##_store(volatile uint##bits##_t *p, uint##bits##_t v, int order);                   \
    void __tsan_atomic##bits##_store(volatile uint##bits##_t *p, uint##bits##_t v, int order)                    \
    {                                                                                                            \
        explore_access(p, PC);                                                                                   \
        __atomic_store_n(p, v, __ATOMIC_SEQ_CST);                                                                \
    }                                                                                                            \
    uint##bits##_t __tsan_atomic##bits##_exchange(volatile uint##bits##_t *p, uint##bits##_t v, int order);      \
    uint##bits##_t __tsan_atomic##bits##_exchange(volatile uint##bits##_t *p, uint##bits##_t v, int order)       \
    {                                                                                                            \
        explore_access(p, PC);                                                                                   \
        return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST);                                                      \
    }                                                                                                            \
    FETCH(bits, add) FETCH(bits, sub) FETCH(bits, and) FETCH(bits, or) FETCH(bits, xor)                          \
    EXCHANGE_IF(bits, strong) EXCHANGE_IF(bits, weak)
ATOMIC(8) ATOMIC(16) ATOMIC(32) ATOMIC(64)

void __tsan_init(void);
void __tsan_init(void) { }
void __tsan_func_entry(void *pc);
void __tsan_func_entry(void *pc) { }
void __tsan_func_exit(void);
void __tsan_func_exit(void) { }
void __tsan_atomic_thread_fence(int order);
void __tsan_atomic_thread_fence(int order) { }
/* A CPU that waits: what it waits for is read next. */
int sched_yield(void);
int sched_yield(void) { return 0; }
