/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A small world of domains for tests of event/ and grant/: domain 0 (control), 1 and 2, each
 * with two vCPUs and 16 pages; guest memory is host memory. Included once, by the test itself.
 */
#ifndef DOMAINS_HOST_H
#define DOMAINS_HOST_H

#include "host_support.h"

#include <pthread.h>
#include <arch/tlb.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/guest_access.h>
#include <hv/irq.h>
#include <hv/console.h>

#define NR_DOMAINS       3
#define NR_VCPUS         2
#define PAGES_PER_DOMAIN 16u
#ifndef RAM_FRAMES
#define RAM_FRAMES       512u
#endif

static struct domain world[NR_DOMAINS];
static struct vcpu world_vcpu[NR_DOMAINS][NR_VCPUS];
static struct vcpu *world_vcpus[NR_DOMAINS][NR_VCPUS];
static struct shared_info *world_info[NR_DOMAINS];
static int preempt_after = -1;          /* hypercall_preempt_check says yes on that call, once */
static unsigned int preempt_calls, lookups, notified, unblocked, flushed;
static struct { bool valid; uint64_t nr, a1, a2, a3; } continuation;
static int (*before_guest_read)(uint64_t va); /* a test's hook */

static mfn_t page_of(unsigned int dom, unsigned int i) { return MFN(16 + dom * PAGES_PER_DOMAIN + i); }

/* ---- collaborators ---- */
struct domain *domain_get_by_id(domid_t id)
{
    struct domain *d = id == DOMID_SELF ? current->domain : id < NR_DOMAINS ? &world[id] : NULL;

    lookups++;
    return d != NULL && d->dying != DOMAIN_DEAD && domain_get(d) ? d : NULL;
}
bool domain_get(struct domain *d)
{
    uint32_t refs = read_once(d->refs);

    while (refs != 0)
        if (__atomic_compare_exchange_n(&d->refs, &refs, refs + 1, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
            return true;
    return false;
}
void domain_put(struct domain *d) { assert_true(__atomic_fetch_sub(&d->refs, 1, __ATOMIC_SEQ_CST) > 0); }
struct vcpu *domain_vcpu(struct domain *d, uint64_t id) { return id < d->max_vcpus ? d->vcpu[id] : NULL; }
struct domain *domain_next(struct domain *prev) { return NULL; }
void vcpu_unblock(struct vcpu *v)
{
    unblocked++;
    v->pause_flags &= ~(VPF_BLOCKED | VPF_POLLING);
}
void arch_event_notify(struct vcpu *v) { notified++; }
bool hypercall_preempt_check(void)
{
    preempt_calls++;
    return preempt_after >= 0 && preempt_after-- == 0;
}
long hypercall_continue(uint64_t nr, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
    continuation.valid = true;
    continuation.nr = nr;
    continuation.a1 = a1;
    continuation.a2 = a2;
    continuation.a3 = a3;
    return 0;
}
bool guest_range_ok(uint64_t va, size_t n) { return va + n >= va && va + n < HV_VIRT_START; }
static bool guest_mapped(uint64_t va, size_t n) { return va >= PAGE_SIZE && guest_range_ok(va, n); }
int guest_read(void *dst, uint64_t va, size_t n)
{
    if (!guest_mapped(va, n) || (before_guest_read && before_guest_read(va + n) != 0))
        return ERR(EFAULT);
    memcpy(dst, (const void *)(uintptr_t)va, n);
    return 0;
}
int guest_write(uint64_t va, const void *src, size_t n)
{
    if (!guest_mapped(va, n))
        return ERR(EFAULT);
    memcpy((void *)(uintptr_t)va, src, n);
    return 0;
}
void debug_key_register(unsigned char key, debug_key_fn *fn, const char *help) { }
uint32_t tlb_clock_now(void) { return 1; }
void tlb_filter(cpumask_t *cpus, uint32_t stamp) { }
void tlb_flush_mask(const cpumask_t *cpus, unsigned int flags, uint64_t va) { flushed++; }
void domain_frame_freed(struct frame *f) { f->owner = DOMID_INVALID; }
void domain_frame_release(struct frame *f)
{
    if (!(f->flags & FRAME_ALLOCATED))
        return;
    f->flags &= (uint16_t)~FRAME_ALLOCATED;
    f->type_info = 0;
    frame_put(f);
}

/* ---- set-up ---- */
static void give_page(unsigned int dom, unsigned int i)
{
    struct frame *f = frame_of(page_of(dom, i));

    *f = (struct frame){ .refs = 1, .owner = (domid_t)dom, .flags = FRAME_ALLOCATED };
}

static void world_add(unsigned int id)
{
    struct domain *d = &world[id];

    *d = (struct domain){ .id = (domid_t)id, .refs = 1, .is_control = id == 0, .max_vcpus = NR_VCPUS, .vcpu = world_vcpus[id], .max_pages = 1000 };
    world_info[id] = aligned_alloc(PAGE_SIZE, PAGE_SIZE);
    memset(world_info[id], 0, PAGE_SIZE);
    d->shared_info = world_info[id];
    for (unsigned int i = 0; i < NR_VCPUS; i++) {
        struct vcpu *v = &world_vcpu[id][i];

        *v = (struct vcpu){ .id = i, .domain = d, .vcpu_info = &world_info[id]->vcpu_info[i] };
        world_vcpus[id][i] = v;
    }
    for (unsigned int i = 0; i < PAGES_PER_DOMAIN; i++)
        give_page(id, i);
}

static void world_create(void)
{
    host_ram_init(RAM_FRAMES);
    host_heap_outstanding = 0;
    preempt_after = -1;
    preempt_calls = lookups = notified = unblocked = flushed = 0;
    continuation.valid = false;
    before_guest_read = NULL;
    for (unsigned int i = 0; i < NR_DOMAINS; i++)
        world_add(i);
    hardware_domain = &world[0];
    host_test_current = &world_vcpu[1][0];
}

/* Nothing may be held any more: references, types, locks, memory. */
static inline void world_destroy(void)
{
    for (unsigned int d = 0; d < NR_DOMAINS; d++) {
        for (unsigned int i = 0; i < PAGES_PER_DOMAIN; i++) {
            const struct frame *f = frame_of(page_of(d, i));

            assert_int_equal(f->refs, 1);
            assert_int_equal(frame_type_count(f->type_info), 0);
        }
        assert_int_equal(world[d].refs, 1);
        free(world_info[d]);
    }
    assert_int_equal(host_locks_held, 0);
    assert_int_equal(host_heap_outstanding, 0);
    host_ram_free();
}

static inline void be(unsigned int dom, unsigned int vcpu) { host_test_current = &world_vcpu[dom][vcpu]; }

#endif
