/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interrupt descriptors, vectors and guests' pirqs over a simulated interrupt source. */
// sources: arch/x86/irq/vector.c arch/x86/irq/desc.c arch/x86/irq/guest.c arch/x86/irq/pirq.c arch/x86/irq/limit.c hv/lib/rangeset.c hv/lib/parse.c hv/lib/bitmap.c
#include "host_support.h"
#include <arch/cpu.h>
#include <arch/irq.h>
#include <arch/pci.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/lib.h>

/* ---- the machine ---- */

unsigned int nr_gsis = 24;
struct cpu_topology cpu_topology[MAX_CPUS];
struct spinlock pci_lock = SPINLOCK_INIT(RANK_HOTPLUG);
unsigned int cpu_nr_present(void) { return 4; }
bool apic_can_target(unsigned int cpu) { return true; }

static unsigned int eois;
void apic_eoi(void) { eois++; }

static unsigned int msi_disabled;
void msi_disable(unsigned int irq) { msi_disabled = irq; }

static struct { bool masked; uint32_t apic_id; uint8_t vector; unsigned int routed; } source[1024];

static void chip_mask(struct irq_desc *desc) { source[desc->irq].masked = true; }
static void chip_unmask(struct irq_desc *desc) { source[desc->irq].masked = false; }
static void chip_route(struct irq_desc *desc, uint32_t apic_id, uint8_t vector)
{
    source[desc->irq].apic_id = apic_id;
    source[desc->irq].vector = vector;
    source[desc->irq].routed++;
}
static const struct irq_chip chip = { .name = "test", .mask = chip_mask, .unmask = chip_unmask, .route = chip_route };

/* The source fires: only where it points, and only unmasked. */
static bool fire(unsigned int irq)
{
    if (source[irq].masked)
        return false;
    host_test_cpu = source[irq].apic_id;
    bool known = irq_dispatch(source[irq].vector);
    host_test_cpu = 0;
    assert_int_equal(host_locks_held, 0);
    assert_true(known);
    return true;
}

static int held_frames;
int frame_get_and_take(struct frame *f, const struct domain *d, enum frame_type type)
{
    held_frames++;
    return 0;
}
void frame_drop_type(struct frame *f) { }
void frame_put(struct frame *f) { held_frames--; }

/* ---- guests ---- */

static struct domain dom[3];
static struct vcpu vcpu0[3];
static unsigned int events[3][1024];

void event_send_pirq(struct domain *d, unsigned int pirq)
{
    assert_int_equal(host_locks_held, 0);
    events[d - dom][pirq]++;
}

static struct timer *pending_timer;
void timer_init(struct timer *t, void (*fn)(void *), void *arg, unsigned int cpu) { t->fn = fn; }
void timer_set(struct timer *t, uint64_t ns) { pending_timer = t; }

static int machine_up(void **state)
{
    host_log_quiet = true;
    cpu_online_mask = (cpumask_t){ { 0xf } };
    nr_cpu_ids = 4;
    for (unsigned int i = 0; i < 4; i++)
        cpu_topology[i].apic_id = i;
    irq_desc_init();
    for (unsigned int gsi = 0; gsi < nr_gsis; gsi++) {
        struct irq_desc *desc = irq_desc_of(gsi);

        desc->chip = &chip;
        desc->level = desc->can_hold = gsi >= 16;
        source[gsi].masked = true;
    }
    return 0;
}

static int domains_up(void **state)
{
    memset(events, 0, sizeof(events));
    eois = 0;
    for (unsigned int i = 0; i < 3; i++) {
        dom[i] = (struct domain){ .id = (domid_t)i, .is_hardware = i == 0, .is_control = i == 0 };
        vcpu0[i] = (struct vcpu){ .domain = &dom[i] };
        rangeset_init(&dom[i].irqs_allowed);
        assert_int_equal(pirq_domain_init(&dom[i]), 0);
    }
    hardware_domain = &dom[0];
    return 0;
}

static int domains_down(void **state)
{
    for (unsigned int i = 0; i < 3; i++) {
        pirq_domain_release(&dom[i]);
        pirq_domain_release(&dom[i]);
        pirq_domain_fini(&dom[i]);
        rangeset_fini(&dom[i].irqs_allowed);
    }
    for (unsigned int gsi = 0; gsi < nr_gsis; gsi++)
        assert_true(source[gsi].masked && irq_desc_of(gsi)->nr_guests == 0 && irq_desc_of(gsi)->nr_due == 0);
    return 0;
}

/* ---- vectors ---- */

static void test_vectors_are_distinct(void **state)
{
    bool seen[256] = { false };
    unsigned int n = 0;

    for (int v; (v = vector_alloc(3, 500, 0)) >= 0; n++) {
        assert_in_range(v, VECTOR_FIRST_DYNAMIC, VECTOR_LAST_DYNAMIC);
        assert_true(v != VECTOR_SYSCALL_INT80 && v != VECTOR_HYPERCALL_INT82);
        assert_false(seen[v]);
        seen[v] = true;
        assert_int_equal(vector_to_irq(3, (unsigned int)v), 500);
    }
    assert_int_equal(n, VECTOR_LAST_DYNAMIC - VECTOR_FIRST_DYNAMIC + 1 - 2);
    assert_int_equal(vector_alloc(3, 501, 0x40), -XEN_EBUSY);
    for (unsigned int v = VECTOR_FIRST_DYNAMIC; v <= VECTOR_LAST_DYNAMIC; v++)
        if (seen[v])
            vector_free(3, v);
    /* A late message still finds its irq; another irq waits, the same one need not. */
    assert_int_equal(vector_to_irq(3, 0x40), 500);
    assert_int_equal(vector_alloc(3, 501, 0x40), -XEN_EBUSY);
    assert_int_equal(vector_alloc(3, 500, 0x40), 0x40);
    vector_free(3, 0x40);
    host_now_ns += 2000000000;
    assert_int_equal(vector_alloc(3, 501, 0x40), 0x40);
    vector_free(3, 0x40);
    host_now_ns += 2000000000;
}

/* ---- the hypervisor's own handlers ---- */

static unsigned int handled, eois_seen;
static void handler(unsigned int irq, void *arg)
{
    assert_int_equal(host_locks_held, 0);
    handled++;
    eois_seen = eois;
}

static void test_own_handler(void **state)
{
    handled = 0;
    assert_int_equal(irq_request(9999, handler, NULL, "x"), -XEN_EINVAL);
    assert_int_equal(irq_request(4, handler, NULL, "serial"), 0);
    assert_int_equal(irq_request(4, handler, NULL, "serial"), -XEN_EBUSY);
    assert_true(fire(4));
    assert_int_equal(handled, 1);
    assert_int_equal(eois_seen, 1); /* an edge is acknowledged before its handler */
    assert_int_equal(irq_request(17, handler, NULL, "level"), 0);
    assert_true(fire(17));
    assert_int_equal(eois_seen, 1); /* a level after it */
    assert_int_equal(eois, 2);
    assert_int_equal(pirq_map(&dom[0], 4, 4), 0);
    assert_int_equal(pirq_bind(&vcpu0[0], 4, true), -XEN_EBUSY);
    irq_release(4);
    irq_release(17);
    assert_false(fire(4));
}

/* ---- guests ---- */

static void test_level_waits_for_eoi(void **state)
{
    assert_int_equal(pirq_bind(&vcpu0[0], 20, true), -XEN_EPERM);
    assert_int_equal(pirq_map(&dom[0], 20, 20), 0);
    assert_int_equal(pirq_bind(&vcpu0[0], 20, true), 0);
    assert_int_equal(pirq_bind(&vcpu0[0], 20, true), -XEN_EEXIST);
    pirq_eoi(&dom[0], 20); /* nothing to answer: no effect */
    assert_true(fire(20));
    assert_int_equal(events[0][20], 1);
    assert_int_equal(eois, 1);
    assert_false(fire(20));
    pirq_eoi(&dom[0], 20);
    assert_true(fire(20));
    pirq_unbind(&dom[0], 20);
    assert_true(source[20].masked);
}

static void test_edge_needs_none(void **state)
{
    assert_int_equal(pirq_map(&dom[0], 5, 5), 0);
    assert_int_equal(pirq_bind(&vcpu0[0], 5, false), 0);
    for (unsigned int i = 0; i < 5; i++)
        assert_true(fire(5));
    assert_int_equal(events[0][5], 5);
}

static void test_sharing(void **state)
{
    for (unsigned int i = 0; i < 3; i++)
        assert_int_equal(pirq_map(&dom[i], 21, 21), 0);
    assert_int_equal(pirq_bind(&vcpu0[0], 21, true), 0);
    assert_int_equal(pirq_bind(&vcpu0[1], 21, false), -XEN_EBUSY);
    assert_int_equal(pirq_bind(&vcpu0[1], 21, true), 0);
    assert_int_equal(pirq_bind(&vcpu0[2], 21, true), 0);
    assert_true(pirq_is_shared(&dom[0], 21));
    assert_true(fire(21));
    assert_int_equal(events[0][21] + events[1][21] + events[2][21], 3);
    pirq_eoi(&dom[0], 21);
    pirq_eoi(&dom[0], 21); /* one voice each */
    assert_false(fire(21));
    pirq_eoi(&dom[1], 21);
    assert_false(fire(21));
    pirq_unbind(&dom[2], 21); /* leaving answers too */
    assert_true(fire(21));
}

static void test_unmap_while_bound(void **state)
{
    assert_int_equal(pirq_map(&dom[1], 22, 22), 0);
    assert_int_equal(pirq_bind(&vcpu0[1], 22, true), 0);
    assert_int_equal(pirq_unmap(&dom[1], 22), 0);
    assert_true(source[22].masked);
    assert_int_equal(pirq_unmap(&dom[1], 22), -XEN_EINVAL);
    assert_int_equal(pirq_map(&dom[1], 22, 23), -XEN_EBUSY); /* its event channel is still there */
    assert_false(pirq_is_permitted(&dom[1], 22));
    pirq_unbind(&dom[1], 22);
    assert_int_equal(pirq_map(&dom[1], 22, 23), 0);
    assert_int_equal(pirq_map(&dom[1], 22, 22), -XEN_EEXIST);
    assert_int_equal(pirq_map(&dom[1], 20, 23), -XEN_EEXIST);
    assert_int_equal(pirq_of_irq(&dom[1], 23), 22);
}

static void test_choosing_pirqs(void **state)
{
    unsigned int limit = pirq_limit(&dom[0]);

    assert_int_equal(limit, 24 + 3 * 208);
    assert_int_equal(pirq_limit(&dom[1]), 24 + 32);
    assert_int_equal(pirq_choose(&dom[0], -1, 20, true), 16);
    assert_int_equal(pirq_choose(&dom[0], -1, 100, false), limit - 1);
    assert_int_equal(pirq_reserve(&dom[0], false), limit - 1);
    assert_int_equal(pirq_reserve(&dom[0], false), limit - 2);
    assert_true(pirq_is_known(&dom[0], limit - 1));
    int irq = irq_alloc_msi();
    assert_int_equal(pirq_map(&dom[0], limit - 1, irq), 0); /* a reservation is made use of */
    assert_int_equal(pirq_choose(&dom[0], -1, irq, false), limit - 1);
    assert_int_equal(pirq_choose(&dom[0], 50, irq, false), -XEN_EEXIST);
    assert_int_equal(pirq_map(&dom[0], limit, 31), -XEN_EINVAL);
    assert_int_equal(pirq_map(&dom[0], 16, 0), -XEN_EINVAL);
    for (unsigned int i = 0; i < 32; i++)
        assert_true(pirq_reserve(&dom[1], false) >= 24);
    assert_int_equal(pirq_reserve(&dom[1], false), -XEN_ENOSPC);
}

static void test_no_memory(void **state)
{
    for (unsigned int n = 1; n <= 3; n++) {
        host_heap_fail_at = n;
        assert_int_equal(pirq_map(&dom[2], 18, 18), -XEN_ENOMEM);
    }
    host_heap_fail_at = 0;
    assert_int_equal(pirq_map(&dom[2], 18, 18), 0);
}

static void test_moves_keep_the_vector(void **state)
{
    cpumask_t two = cpumask_of(2), nowhere = cpumask_of(77);

    assert_int_equal(pirq_map(&dom[0], 6, 6), 0);
    assert_int_equal(pirq_bind(&vcpu0[0], 6, false), 0);
    uint8_t vector = source[6].vector;
    unsigned int from = source[6].apic_id;
    pirq_set_affinity(&dom[0], 6, &nowhere);
    assert_int_equal(source[6].apic_id, from);
    pirq_set_affinity(&dom[0], 6, &two);
    assert_int_equal(source[6].apic_id, 2);
    assert_int_equal(source[6].vector, vector);
    assert_true(fire(6));
    /* One that was on its way to the old CPU is not lost. */
    host_test_cpu = from;
    assert_true(irq_dispatch(vector));
    host_test_cpu = 0;
    assert_int_equal(events[0][6], 2);
}

static void test_storm_is_held_back(void **state)
{
    unsigned int got = 0;

    assert_int_equal(pirq_map(&dom[0], 7, 7), 0);
    assert_int_equal(pirq_bind(&vcpu0[0], 7, false), 0);
    while (got < 100000 && fire(7))
        got++;
    assert_int_equal(got, 10001);
    assert_non_null(pending_timer);
    pending_timer->fn(pending_timer->arg);
    assert_true(fire(7));
}

static void test_eoi_page(void **state)
{
    host_ram_init(8);
    uint64_t *page = mfn_va(MFN(5));
    assert_int_equal(pirq_set_eoi_page(&dom[1], MFN(99), false), -XEN_EINVAL);
    assert_int_equal(pirq_set_eoi_page(&dom[1], MFN(5), true), 0);
    assert_int_equal(pirq_set_eoi_page(&dom[1], MFN(6), false), -XEN_EBUSY);
    assert_true(pirq_auto_unmask(&dom[1]));
    assert_int_equal(pirq_map(&dom[1], 19, 19), 0);
    assert_int_equal(pirq_bind(&vcpu0[1], 19, true), 0);
    assert_int_equal(page[0], 1u << 19);
    assert_int_equal(pirq_map(&dom[1], 3, 3), 0);
    assert_int_equal(pirq_bind(&vcpu0[1], 3, true), 0);
    assert_int_equal(page[0], 1u << 19); /* an edge needs no answer */
    pirq_unbind(&dom[1], 19);
    assert_int_equal(page[0], 0);
    assert_int_equal(held_frames, 1);
    pirq_domain_release(&dom[1]);
    assert_int_equal(held_frames, 0);
    assert_int_equal(pirq_set_eoi_page(&dom[1], MFN(5), false), -XEN_EBUSY); /* it is going away */
    assert_int_equal(held_frames, 0);
    host_ram_free();
}

static void test_msi_irqs(void **state)
{
    int irq = irq_alloc_msi();

    assert_int_equal(irq, 24);
    assert_int_equal(irq_alloc_msi(), 25);
    struct irq_desc *desc = irq_desc_of(24);
    desc->chip = &chip;
    desc->can_hold = true;
    source[24].masked = true;
    assert_int_equal(pirq_map(&dom[1], 40, 24), 0);
    assert_int_equal(pirq_bind(&vcpu0[1], 40, true), 0);
    assert_true(fire(24));
    assert_int_equal(events[1][40], 1);
    assert_int_equal(pirq_unmap(&dom[1], 40), 0);
    assert_int_equal(msi_disabled, 24);
    assert_int_equal(irq_alloc_msi(), 24);
    irq_free_msi(24);
    irq_free_msi(25);
}

#define WITH_DOMAINS(f) cmocka_unit_test_setup_teardown(f, domains_up, domains_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors_are_distinct), WITH_DOMAINS(test_own_handler),
        WITH_DOMAINS(test_level_waits_for_eoi), WITH_DOMAINS(test_edge_needs_none), WITH_DOMAINS(test_sharing),
        WITH_DOMAINS(test_unmap_while_bound), WITH_DOMAINS(test_choosing_pirqs), WITH_DOMAINS(test_no_memory),
        WITH_DOMAINS(test_moves_keep_the_vector), WITH_DOMAINS(test_storm_is_held_back), WITH_DOMAINS(test_eoi_page),
        WITH_DOMAINS(test_msi_irqs),
    };
    return cmocka_run_group_tests(tests, machine_up, NULL);
}
