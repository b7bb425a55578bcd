/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The hypervisor's surroundings for host unit tests; see host_support.h. Everything is weak. */
#include "host_support.h"

#include <arch/cpu.h>
#include <arch/spec_ctrl.h>
#include <arch/xpti.h>
#include <hv/cpumask.h>
#include <hv/domain.h>
#include <hv/lock.h>
#include <hv/log.h>
#include <hv/mm.h>
#include <hv/percpu.h>
#include <hv/perfc.h>
#include <hv/smp.h>
#include <hv/softirq.h>
#include <hv/time.h>
#include <hv/trace.h>

#define weak __attribute__((weak))

/* ---- the simulated CPU and machine ---- */
weak __thread unsigned int host_test_cpu;
weak __thread bool host_test_irqs = true;
weak __thread struct vcpu *host_test_current;
weak struct trap_frame host_test_regs;
weak uint64_t host_now_ns;
weak cpumask_t cpu_online_mask = { { 1 } };
weak unsigned int nr_cpu_ids = 4;
weak struct cpu_features cpu_features;
weak struct domain *hardware_domain, *domain_xen, *domain_io;
weak struct domain *domain_get_by_id(domid_t id) { return NULL; }
weak void domain_put(struct domain *d) { }
weak unsigned int host_softirqs_raised;

weak uint32_t host_test_in(uint16_t port, unsigned int bytes) { return ~0u; }
weak void host_test_out(uint16_t port, unsigned int bytes, uint32_t v) { }
weak uint64_t now_ns(void) { return host_now_ns; }
weak void softirq_raise(enum softirq nr) { host_softirqs_raised |= 1u << nr; }
weak void softirq_raise_on(unsigned int cpu, enum softirq nr) { host_softirqs_raised |= 1u << nr; }
weak void softirq_register(enum softirq nr, softirq_fn *fn) { }
weak void smp_kick(unsigned int cpu) { }
weak void smp_call(const cpumask_t *cpus, void (*fn)(void *arg), void *arg, bool wait) { fn(arg); }
weak void smp_wait_for_irqs_off(void) { }

/* ---- neither XPTI nor a look for L1TF ---- */
weak void xpti_slot_changed(const pte_t *slot) { }
weak void xpti_forget(mfn_t l4) { }
weak void spec_ctrl_domain_init(struct domain *d) { }
weak bool spec_ctrl_refuses_absent(struct domain *d, unsigned int level, uint64_t entry) { return false; }

/* ---- log and panic ---- */
weak char host_last_log[512];
weak bool host_log_quiet;
weak jmp_buf host_panic_jump;
weak bool host_panic_expected;

static void log_line(const char *fmt, va_list ap)
{
    vsnprintf(host_last_log, sizeof(host_last_log), fmt, ap);
    if (!host_log_quiet)
        fputs(host_last_log, stderr);
}

#define LOG_FUNCTION(name, level_type)                       \
    weak void name(level_type level, const char *fmt, ...)   \
    {                                                        \
        va_list ap;                                          \
        va_start(ap, fmt);                                   \
        log_line(fmt, ap);                                   \
        va_end(ap);                                          \
    }
LOG_FUNCTION(printk, enum log_level)
LOG_FUNCTION(guest_printk, enum log_level)

weak void panic(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    log_line(fmt, ap);
    va_end(ap);
    if (host_panic_expected)
        longjmp(host_panic_jump, 1);
    abort();
}

/* ---- memory ---- */
weak unsigned long host_heap_outstanding;
weak unsigned long host_heap_fail_at;
weak struct frame *host_frame_table;
weak char *host_ram;
weak uint64_t frame_table_nr;
weak uint64_t max_mfn;
static size_t ram_frames;
static uint8_t *ram_used; /* a byte per frame */

static bool must_fail(void)
{
    return host_heap_fail_at && --host_heap_fail_at == 0;
}

static void *counted(void *p)
{
    if (p)
        host_heap_outstanding++;
    return p;
}

weak void *heap_zalloc(size_t size, size_t align)
{
    void *p = NULL;

    if (must_fail() || posix_memalign(&p, max(align, sizeof(void *)), max(size, (size_t)1)))
        return NULL;
    memset(p, 0, size);
    return counted(p);
}

weak void *heap_alloc(size_t size, size_t align)
{
    void *p = heap_zalloc(size, align);

    if (p)
        memset(p, 0xa5, size); /* what was not asked to be zero is not */
    return p;
}

weak void *heap_zalloc_array(size_t n, size_t size, size_t align)
{
    size_t bytes;

    return __builtin_mul_overflow(n, size, &bytes) ? NULL : heap_zalloc(bytes, align);
}

weak void heap_free(void *p)
{
    if (p)
        host_heap_outstanding--;
    free(p);
}

void host_ram_init(size_t nr_frames)
{
    host_ram = aligned_alloc(PAGE_SIZE, nr_frames * PAGE_SIZE);
    host_frame_table = calloc(nr_frames, sizeof(struct frame));
    ram_used = calloc(nr_frames, 1);
    memset(host_ram, 0, nr_frames * PAGE_SIZE);
    ram_frames = frame_table_nr = max_mfn = nr_frames;
}

void host_ram_free(void)
{
    free(host_ram);
    free(host_frame_table);
    free(ram_used);
    host_ram = NULL;
    host_frame_table = NULL;
    ram_used = NULL;
    ram_frames = 0;
}

weak bool mfn_is_valid(mfn_t mfn) { return mfn.v < ram_frames; }

static void *ram_take(size_t nr)
{
    for (size_t first = ram_frames & ~(nr - 1); first >= nr; ) {
        first -= nr;
        if (!memchr(ram_used + first, 1, nr)) {
            memset(ram_used + first, 1, nr);
            return host_ram + first * PAGE_SIZE;
        }
    }
    return NULL;
}

weak void *pages_alloc(unsigned int order, uint32_t alloc_flags)
{
    size_t bytes = PAGE_SIZE << order;
    void *p;

    if (must_fail())
        return NULL;
    p = host_ram ? ram_take((size_t)1 << order) : aligned_alloc(bytes, bytes);
    if (p)
        memset(p, alloc_flags & ALLOC_ZERO ? 0 : 0xa5, bytes);
    return counted(p);
}

weak void pages_free(void *p, unsigned int order)
{
    host_heap_outstanding--;
    if (host_ram)
        memset(ram_used + ((char *)p - host_ram) / PAGE_SIZE, 0, (size_t)1 << order);
    else
        free(p);
}

/* ---- locks: no second taker exists, so taking a held lock is a mistake ---- */
weak int host_locks_held;

weak void spin_lock(struct spinlock *l)
{
    if (l->next != l->serving)
        panic("lock of rank %u taken twice\n", l->rank);
    l->next++;
    host_locks_held++;
}

weak bool spin_trylock(struct spinlock *l)
{
    if (l->next != l->serving)
        return false;
    spin_lock(l);
    return true;
}

weak void spin_unlock(struct spinlock *l)
{
    if (l->next == l->serving)
        panic("lock of rank %u is not held\n", l->rank);
    l->serving++;
    host_locks_held--;
}

weak uint64_t spin_lock_irqsave(struct spinlock *l)
{
    uint64_t flags = irq_save();

    spin_lock(l);
    return flags;
}

weak void spin_unlock_irqrestore(struct spinlock *l, uint64_t flags)
{
    spin_unlock(l);
    irq_restore(flags);
}

weak void spin_lock_pair(struct spinlock *a, struct spinlock *b)
{
    spin_lock(a);
    if (a != b)
        spin_lock(b);
}

weak void spin_unlock_pair(struct spinlock *a, struct spinlock *b)
{
    if (a != b)
        spin_unlock(b);
    spin_unlock(a);
}

weak void lock_order_enter(enum lock_rank rank) { host_locks_held++; }
weak void lock_order_leave(enum lock_rank rank) { host_locks_held--; }
weak bool spin_is_held(const struct spinlock *l) { return l->next != l->serving; }

/* ---- tracing, performance counters ---- */

weak uint32_t trace_live;
weak void trace_record(uint32_t event, const uint32_t *words, unsigned int nr) { }
weak DEFINE_PER_CPU(struct perfc, perfc);
