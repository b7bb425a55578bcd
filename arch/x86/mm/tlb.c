/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TLB flushes and the flush clock (invariants F5, F7; docs/pv-mmu.md).
 *
 * The clock counts full flushes of any CPU. A CPU draws a tick before it flushes and notes it
 * afterwards, so a stamp read from the clock is older than a CPU's note only if that CPU's whole
 * flush came after the stamp. Stamps are the low 32 bits; a stamp that is more than 2^32 ticks
 * old looks younger than it is, which costs a flush and never saves one. Lock: none.
 */
#include <arch/cpu.h>
#include <arch/tlb.h>
#include <hv/percpu.h>
#include <hv/perfc.h>
#include <hv/smp.h>

static uint64_t flush_clock = 1;
static DEFINE_PER_CPU(uint64_t, flushed_at);

uint32_t tlb_clock_now(void)
{
    return (uint32_t)__atomic_load_n(&flush_clock, __ATOMIC_SEQ_CST);
}

static inline uint64_t flush_begin(void)
{
    return __atomic_add_fetch(&flush_clock, 1, __ATOMIC_SEQ_CST);
}

static inline void flush_end(uint64_t tick)
{
    write_once(this_cpu(flushed_at), tick);
}

static inline void flush_everything(void)
{
    const uint64_t tick = flush_begin();
    const uint64_t cr4 = read_cr4();

    if (likely(cr4 & CR4_PGE)) {
        /* SDM3 4.10.4.1: changing CR4.PGE drops all entries, global ones too. */
        write_cr4(cr4 & ~(uint64_t)CR4_PGE);
        write_cr4(cr4);
    } else {
        write_cr3(read_cr3());
    }
    flush_end(tick);
}

void tlb_flush_local(unsigned int flags)
{
    if (flags & TLB_FLUSH_GLOBAL)
        flush_everything();
    else if (flags & TLB_FLUSH_NONGLOBAL)
        write_cr3(read_cr3());
    if (flags & TLB_FLUSH_CACHE)
        cpu_wbinvd();
}

void tlb_flush_local_page(uint64_t va)
{
    cpu_invlpg(va);
}

struct flush_request {
    unsigned int flags;
    uint64_t va;
};

static void flush_here(void *arg)
{
    const struct flush_request *r = arg;

    if (r->flags != 0)
        tlb_flush_local(r->flags);
    else
        tlb_flush_local_page(r->va);
}

void tlb_flush_mask(const cpumask_t *cpus, unsigned int flags, uint64_t va)
{
    struct flush_request r = { flags, va };
    const unsigned int self = this_cpu_id();

    if (likely(cpumask_test(cpus, self)))
        flush_here(&r);
    if (nr_cpu_ids == 1)
        return;
    cpumask_t others = cpumask_and(cpus, &cpu_online_mask);

    cpumask_clear(&others, self);
    if (unlikely(!cpumask_empty(&others))) {
        perfc_inc(tlb_flushes);
        smp_call(&others, flush_here, &r, true);
    }
}

void tlb_filter(cpumask_t *cpus, uint32_t stamp)
{
    const uint64_t now = __atomic_load_n(&flush_clock, __ATOMIC_SEQ_CST);
    const uint64_t then = now - (uint32_t)((uint32_t)now - stamp);

    for (unsigned int word = 0; word < array_size(cpus->bits); word++) {
        uint64_t keep = cpus->bits[word] & read_once(cpu_online_mask.bits[word]);

        for (uint64_t left = keep; left != 0; left &= left - 1)
            if (read_once(per_cpu(flushed_at, word * BITS_PER_WORD + (unsigned int)__builtin_ctzll(left))) > then)
                keep &= ~(left & -left);
        cpus->bits[word] = keep;
    }
}

void tlb_load_cr3(uint64_t cr3, bool global)
{
    const uint64_t cr4 = read_cr4();
    uint64_t tick;

    if (!global) {
        write_cr3(cr3); /* global entries stay: this is no flush in the clock's sense */
        return;
    }
    tick = flush_begin();
    if (likely(cr4 & CR4_PGE)) {
        write_cr4(cr4 & ~(uint64_t)CR4_PGE);
        write_cr3(cr3);
        write_cr4(cr4);
    } else {
        write_cr3(cr3);
    }
    flush_end(tick);
}
