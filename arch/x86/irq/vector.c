/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which irq each CPU's interrupt vectors mean. Numbers are handed out in turn over all CPUs, so
 * that an irq can usually keep its number when it moves: then one register write moves it.
 *
 * A freed slot keeps its irq for a second: a message that was under way to the old CPU is still
 * recognised there, so a move needs no conversation between the CPUs.
 *
 * Lock: vector_lock for changes; look-ups are one atomic read.
 */
#include <arch/irq.h>
#include <arch/platform.h>
#include <hv/errno.h>
#include <hv/percpu.h>
#include <hv/time.h>

#define NR_SLOTS (VECTOR_LAST_DYNAMIC - VECTOR_FIRST_DYNAMIC + 1)
#define RETIRED_NS NS_PER_S

struct vector_table {
    int irq_plus_1[NR_SLOTS];       /* 0: nothing */
    uint64_t retired_ns[NR_SLOTS];  /* time after which the slot is free; 0: in use, or never used */
};

static DEFINE_PER_CPU(struct vector_table, vectors);
static struct spinlock vector_lock = SPINLOCK_INIT(RANK_VECTOR);
static unsigned int last_slot = NR_SLOTS - 1;

static bool slot_is_free(const struct vector_table *t, unsigned int slot, unsigned int irq)
{
    if (t->irq_plus_1[slot] == 0)
        return true;
    if (t->retired_ns[slot] == 0)
        return false;
    return t->irq_plus_1[slot] == (int)irq + 1 || now_ns() > t->retired_ns[slot];
}

static bool slot_is_reserved(unsigned int slot)
{
    unsigned int vector = VECTOR_FIRST_DYNAMIC + slot;

    return vector == VECTOR_SYSCALL_INT80 || vector == VECTOR_HYPERCALL_INT82;
}

/* A free slot in turn, NR_SLOTS if there is none. */
static unsigned int find_slot(const struct vector_table *t, unsigned int irq)
{
    for (unsigned int i = 1; i <= NR_SLOTS; i++) {
        unsigned int slot = (last_slot + i) % NR_SLOTS;

        if (!slot_is_reserved(slot) && slot_is_free(t, slot, irq)) {
            last_slot = slot;
            return slot;
        }
    }
    return NR_SLOTS;
}

static int claim(unsigned int cpu, unsigned int irq, unsigned int want)
{
    struct vector_table *t = &per_cpu(vectors, cpu);
    unsigned int slot = want ? want - VECTOR_FIRST_DYNAMIC : find_slot(t, irq);

    if (slot == NR_SLOTS)
        return ERR(ENOSPC);
    if (want && !slot_is_free(t, slot, irq))
        return ERR(EBUSY);
    t->retired_ns[slot] = 0;
    write_once(t->irq_plus_1[slot], (int)irq + 1);
    return (int)(slot + VECTOR_FIRST_DYNAMIC);
}

int vector_alloc(unsigned int cpu, unsigned int irq, unsigned int want)
{
    uint64_t flags = spin_lock_irqsave(&vector_lock);
    int result = claim(cpu, irq, want);

    spin_unlock_irqrestore(&vector_lock, flags);
    return result;
}

void vector_free(unsigned int cpu, unsigned int vector)
{
    uint64_t flags = spin_lock_irqsave(&vector_lock);

    per_cpu(vectors, cpu).retired_ns[vector - VECTOR_FIRST_DYNAMIC] = now_ns() + RETIRED_NS;
    spin_unlock_irqrestore(&vector_lock, flags);
}

int vector_to_irq(unsigned int cpu, unsigned int vector)
{
    return read_once(per_cpu(vectors, cpu).irq_plus_1[vector - VECTOR_FIRST_DYNAMIC]) - 1;
}
