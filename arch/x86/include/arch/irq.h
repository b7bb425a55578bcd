/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupt descriptors and what stands behind them: contracts among irq/, platform/msi.c and
 * control/physdev.c. The rest of the hypervisor uses hv/irq.h and arch/platform.h.
 *
 * I1  A descriptor has a hypervisor handler, or guests, or neither; never both.
 * I2  desc->cpu and desc->vector name a slot of that CPU's vector table that holds the irq.
 * I3  A level-triggered line with guests is masked from its interrupt until each guest that
 *     was told has answered (struct pirq.eoi_due).
 */
#ifndef ARCH_IRQ_H
#define ARCH_IRQ_H

#include <hv/irq.h>
#include <hv/list.h>
#include <hv/types.h>

struct irq_desc;
struct msi_entry;

/* One kind of interrupt source. All are called with desc->lock held, interrupts disabled. */
struct irq_chip {
    const char *name;
    void (*mask)(struct irq_desc *desc);
    void (*unmask)(struct irq_desc *desc);
    /* Sends it to (apic_id, vector) from now on. */
    void (*route)(struct irq_desc *desc, uint32_t apic_id, uint8_t vector);
};

struct irq_desc {
    struct spinlock lock;            /* RANK_IRQ */
    unsigned int irq;
    const struct irq_chip *chip;     /* NULL: nothing is connected */
    bool level, active_low;
    bool masked;                     /* as the chip was last told */
    bool can_hold;                   /* masking loses no interrupt (level, MSI-X, MSI with mask bits) */
    bool started;                    /* has a handler or guests */
    bool set_up;                     /* trigger mode was given by PHYSDEVOP_setup_gsi */
    bool is_msi;                     /* allocated by irq_alloc_msi */
    uint8_t vector;                  /* 0: none yet */
    unsigned int cpu;                /* that it is sent to, if there is a vector */

    /* the hypervisor's handler */
    void (*fn)(unsigned int irq, void *arg);
    void *arg;
    const char *name;
    unsigned int running;            /* CPUs inside fn */

    /* guests: struct pirq.link */
    struct list guests;
    unsigned int nr_guests;
    unsigned int nr_due;             /* guests with eoi_due */
    bool may_share;                  /* every guest agreed to share */

    /* storm limit */
    uint64_t window_start_ns;
    unsigned int window_count;
    bool limited;                    /* masked until the timer says otherwise */
    struct list limit_link;          /* under the limiter's lock */

    struct msi_entry *msi;           /* is_msi, once programmed */
};

/* NULL if there is no such irq. */
struct irq_desc *irq_desc_of(unsigned int irq);

/* desc.c */
void irq_desc_init(void);
/* Gives the descriptor a vector on some CPU if it has none, and tells the chip. -ENOSPC: no vector left. desc->lock held. */
int irq_desc_route(struct irq_desc *desc, unsigned int preferred_cpu) must_check;
/* Moves it to cpu if that can be done without losing an interrupt. desc->lock held. */
void irq_desc_try_move(struct irq_desc *desc, unsigned int cpu);
void irq_desc_mask(struct irq_desc *desc);
void irq_desc_unmask(struct irq_desc *desc);
/* First handler or guest: routes and unmasks. Last one gone: masks. desc->lock held. */
int irq_desc_start(struct irq_desc *desc, unsigned int cpu) must_check;
void irq_desc_stop(struct irq_desc *desc);
/* A free irq above the GSIs, for MSI. Negative: -ENOSPC. Both: pci_lock held. */
int irq_alloc_msi(void) must_check;
void irq_free_msi(unsigned int irq);
/* A device interrupt arrived on `vector` (irq_interrupt calls it). false: no irq has it. */
bool irq_dispatch(unsigned int vector);
/* Counts an interrupt against the storm limit. true: too many, it was masked for a while. desc->lock held. */
bool irq_limit(struct irq_desc *desc);
void irq_limit_init(void);

/* vector.c: which irq each (cpu, vector) means. Internally locked (RANK_VECTOR). */
/* Claims vector `want` on cpu for irq; want 0: any free one, -ENOSPC if none. want != 0: -EBUSY if it is taken. Returns the vector. */
int vector_alloc(unsigned int cpu, unsigned int irq, unsigned int want) must_check;
/* The slot is reused only after a while: until then a late interrupt still finds its irq. */
void vector_free(unsigned int cpu, unsigned int vector);
/* -1: no irq there. Interrupt context. */
int vector_to_irq(unsigned int cpu, unsigned int vector);

/* guest.c: struct pirq lives in its domain's map */
struct pirq {
    struct list link;                /* desc->guests while bound */
    struct domain *domain;
    unsigned int pirq;
    int irq;                         /* 0 none, PIRQ_RESERVED by get_free_pirq, else the irq it is mapped to */
    bool bound;                      /* desc->lock */
    bool eoi_due;                    /* desc->lock */
    bool orphaned;                   /* unmapped while its event channel stayed bound: not free until that goes */
};
#define PIRQ_RESERVED (-1)

/* The guests are told of the interrupt. irq_dispatch calls it with desc->lock held; releases it, acknowledges. */
void irq_guest_interrupt(struct irq_desc *desc, uint64_t flags);
/* The guest's end of a binding. All with desc->lock held. */
int irq_guest_add(struct irq_desc *desc, struct pirq *p, bool will_share, unsigned int cpu) must_check; /* -EBUSY -ENOSPC -ENODEV */
void irq_guest_remove(struct irq_desc *desc, struct pirq *p);
void irq_guest_eoi(struct irq_desc *desc, struct pirq *p);

/* pirq.c, for physdev. All for the domain d; context: RANK_HOTPLUG lock held where it says "map". */
/* A pirq for PHYSDEVOP_get_free_pirq: reserved. -ENOSPC -ENOMEM. */
int pirq_reserve(struct domain *d, bool gsi) must_check;
/* Checks what map would do: *pirq < 0 picks one. -EINVAL -EEXIST -EBUSY -ENOSPC -EPERM. */
int pirq_choose(struct domain *d, int pirq, unsigned int irq, bool gsi) must_check;
int pirq_map(struct domain *d, unsigned int pirq, unsigned int irq) must_check;
/* Ends the mapping; forces an unbind; an MSI irq is given back (pci_lock held). 0, or -EINVAL: not mapped. */
int pirq_unmap(struct domain *d, unsigned int pirq) must_check;
/* The pirq that irq is mapped to in d, -1 none. */
int pirq_of_irq(struct domain *d, unsigned int irq);
/* Does d know this pirq number (mapped or reserved)? */
bool pirq_is_known(struct domain *d, unsigned int pirq);
bool pirq_is_shared(struct domain *d, unsigned int pirq);
/* PHYSDEVOP_pirq_eoi_gmfn: page of bits "EOI needed". -EINVAL -EBUSY -ENOSPC. */
int pirq_set_eoi_page(struct domain *d, mfn_t mfn, bool auto_unmask) must_check;
bool pirq_auto_unmask(const struct domain *d);

/* ioapic.c */
void ioapic_init(void);              /* finds nr_gsis */
void ioapic_connect(void);           /* gives the GSIs' descriptors their chip and trigger mode */
/* PHYSDEVOP_apic_read, apic_write. -EINVAL. */
int ioapic_guest_read(uint64_t address, uint32_t reg, uint32_t *value) must_check;
int ioapic_guest_write(uint64_t address, uint32_t reg, uint32_t value) must_check;
/* PHYSDEVOP_setup_gsi. -EINVAL: no such pin. -EEXIST: done before, or in use. */
int ioapic_setup_gsi(unsigned int gsi, bool level, bool active_low) must_check;

/* apic.c */
/* Can an I/O APIC or a device reach this CPU with an 8-bit destination? */
bool apic_can_target(unsigned int cpu);

#endif
