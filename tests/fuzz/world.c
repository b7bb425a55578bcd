/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How the domains come and go; see world.h. */
#include "witness.h"

#include <hv/grant/table.h>
#include <hv/softirq.h>
#include <xen/domctl.h>
#include <xen/memory.h>

#define MAX_KILL_CALLS 10000u

struct guest world[NR_WORLD];
static size_t args_used;
static uint64_t free_before;

static unsigned long heap_before;

/* ---- arguments ---- */

void args_reset(void)
{
    args_used = 0;
}

void *args_alloc(size_t bytes, uint64_t *va)
{
    const size_t size = round_up(bytes, (size_t)16);
    void *p;

    if (args_used + size > ARGS_BYTES)
        args_used = 0;
    p = machine_args + args_used;
    *va = ARGS_VA + args_used;
    args_used += size;
    memset(p, 0, size);
    return p;
}

/* ---- the control domain's hypercalls ---- */

long control_call(uint64_t nr, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4)
{
    const unsigned int before = host_test_cpu;
    long rc;

    machine_cpu(0);
    rc = machine_hypercall(nr, a1, a2, a3, a4, 0);
    if (rc == LEFT_THE_CPU)
        finding("the control domain does not run");
    machine_cpu(before);
    return rc;
}

long control_domctl(struct xen_domctl *op)
{
    uint64_t va;
    struct xen_domctl *p = args_alloc(sizeof(*p), &va);
    long rc;

    op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    *p = *op;
    rc = control_call(__HYPERVISOR_domctl, va, 0, 0, 0);
    *op = *p;
    return rc;
}

static void must(long rc, const char *what)
{
    if (rc != 0)
        finding("%s: %ld", what, rc);
}

struct domain *world_domain(unsigned int who)
{
    struct domain *d = domain_get_any((domid_t)who);

    if (d)
        domain_put(d);
    return d;
}

/* ---- building ---- */

/* Entries of the two trees; each as (page of the table, slot, page that it names, flags). */
struct entry { unsigned int table, slot, page; uint64_t flags; };

#define TABLE_FLAGS (PTE_P | PTE_RW | PTE_US | PTE_A)
#define NR_ENTRIES  (6u + GUEST_PAGES + GUEST_PAGES - FIRST_DATA)

static unsigned int page_tables(struct entry *e)
{
    unsigned int n = 0;

    e[n++] = (struct entry){ PAGE_L4, pt_index(GUEST_VA, 4), PAGE_L3, TABLE_FLAGS };
    e[n++] = (struct entry){ PAGE_L3, pt_index(GUEST_VA, 3), PAGE_L2, TABLE_FLAGS };
    e[n++] = (struct entry){ PAGE_L2, pt_index(GUEST_VA, 2), PAGE_L1, TABLE_FLAGS };
    e[n++] = (struct entry){ PAGE_USER_L4, pt_index(GUEST_VA, 4), PAGE_USER_L3, TABLE_FLAGS };
    e[n++] = (struct entry){ PAGE_USER_L3, pt_index(GUEST_VA, 3), PAGE_USER_L2, TABLE_FLAGS };
    e[n++] = (struct entry){ PAGE_USER_L2, pt_index(GUEST_VA, 2), PAGE_USER_L1, TABLE_FLAGS };
    for (unsigned int i = 0; i < GUEST_PAGES; i++)
        e[n++] = (struct entry){ PAGE_L1, pt_index(GUEST_VA, 1) + i, i, PTE_P | PTE_US | PTE_A | (i > PAGE_GDT ? PTE_RW : 0) };
    for (unsigned int i = FIRST_DATA; i < GUEST_PAGES; i++)
        e[n++] = (struct entry){ PAGE_USER_L1, pt_index(GUEST_VA, 1) + i, i, PTE_P | PTE_US | PTE_A | PTE_RW };
    return n;
}

static void fill_context(struct vcpu_guest_context *c, const struct guest *g)
{
    c->flags = VGCF_in_kernel | VGCF_online;
    c->user_regs.rip = 0x1000;
    c->ctrlreg[3] = xen_pfn_to_cr3(g->page[PAGE_L4]);
}

static void create_domain(unsigned int who)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_createdomain, .domain = (domid_t)who };

    op.u.createdomain.max_vcpus = who == WITNESS ? 1 : 2;
    op.u.createdomain.max_evtchn_port = 1023;
    op.u.createdomain.max_grant_frames = 3;
    op.u.createdomain.max_maptrack_frames = 2;
    op.u.createdomain.grant_opts = 2;
    must(control_domctl(&op), "createdomain");
    op = (struct xen_domctl){ .cmd = XEN_DOMCTL_max_vcpus, .domain = (domid_t)who, .u.max_vcpus.max = who == WITNESS ? 1 : 2 };
    must(control_domctl(&op), "max_vcpus");
    op = (struct xen_domctl){ .cmd = XEN_DOMCTL_max_mem, .domain = (domid_t)who, .u.max_mem.max_memkb = 4 * (GUEST_PAGES + 12) };
    must(control_domctl(&op), "max_mem");
}

static void pin_vcpus(unsigned int who)
{
    struct domain *d = world_domain(who);
    struct vcpu *v;

    for_each_vcpu(d, v) {
        struct xen_domctl op = { .cmd = XEN_DOMCTL_setvcpuaffinity, .domain = (domid_t)who };
        uint64_t va;
        uint8_t *map = args_alloc(1, &va);

        *map = who == WITNESS ? 8 : v->id == 0 ? 1 << who : 6;
        op.u.vcpuaffinity.vcpu = v->id;
        op.u.vcpuaffinity.flags = XEN_VCPUAFFINITY_HARD;
        op.u.vcpuaffinity.cpumap_hard.bitmap.p = (void *)(uintptr_t)va;
        op.u.vcpuaffinity.cpumap_hard.nr_bits = 8;
        must(control_domctl(&op), "setvcpuaffinity");
    }
}

static void populate(unsigned int who)
{
    struct xen_memory_reservation *r;
    uint64_t va, list_va;
    xen_pfn_t *list = args_alloc(GUEST_PAGES * sizeof(*list), &list_va);

    r = args_alloc(sizeof(*r), &va);
    for (unsigned int i = 0; i < GUEST_PAGES; i++)
        list[i] = i;
    r->extent_start.p = (void *)(uintptr_t)list_va;
    r->nr_extents = GUEST_PAGES;
    r->domid = (domid_t)who;
    must(control_call(__HYPERVISOR_memory_op, XENMEM_populate_physmap, va, 0, 0) - (long)GUEST_PAGES, "populate_physmap");
    memcpy(world[who].page, list, GUEST_PAGES * sizeof(*list));
}

static void write_tables(unsigned int who)
{
    const struct guest *g = &world[who];
    struct entry e[NR_ENTRIES];
    const unsigned int n = page_tables(e);
    uint64_t va;
    struct mmu_update *u = args_alloc(n * sizeof(*u), &va);

    for (unsigned int i = 0; i < n; i++)
        u[i] = (struct mmu_update){ g->page[e[i].table] * PAGE_SIZE + e[i].slot * 8, g->page[e[i].page] * PAGE_SIZE + e[i].flags };
    must(control_call(__HYPERVISOR_mmu_update, va, n, 0, who | (who + 1) << 16), "mmu_update");
}

static void start_vcpus(unsigned int who)
{
    struct domain *d = world_domain(who);
    struct xen_domctl op;
    struct vcpu *v;

    for_each_vcpu(d, v) {
        uint64_t va;
        struct vcpu_guest_context *c = args_alloc(sizeof(*c), &va);

        fill_context(c, &world[who]);
        op = (struct xen_domctl){ .cmd = XEN_DOMCTL_setvcpucontext, .domain = (domid_t)who, .u.vcpucontext.vcpu = v->id };
        op.u.vcpucontext.ctxt.p = (void *)(uintptr_t)va;
        must(control_domctl(&op), "setvcpucontext");
    }
    op = (struct xen_domctl){ .cmd = XEN_DOMCTL_unpausedomain, .domain = (domid_t)who };
    must(control_domctl(&op), "unpausedomain");
}

static void run_all(void)
{
    for (unsigned int cpu = 0; cpu < MACHINE_CPUS; cpu++)
        machine_softirqs(cpu);
}

void world_be(unsigned int who)
{
    for (unsigned int n = 0; n < 100; n++) {
        for (unsigned int cpu = 0; cpu < MACHINE_CPUS; cpu++) {
            machine_cpu(cpu);
            if (!current->is_idle && current->domain->id == who)
                return;
        }
        machine_advance(10 * NS_PER_MS);
        run_all();
    }
    finding("domain %u does not run", who);
}

/* To each of the others a page to read and one to write. */
static void offer_grants(unsigned int who)
{
    struct grant_table *t = world_domain(who)->grants;
    grant_entry_v1_t *entry;
    uint64_t va, list_va;
    struct gnttab_setup_table *op = args_alloc(sizeof(*op), &va);

    args_alloc(sizeof(xen_pfn_t), &list_va);
    op->dom = DOMID_SELF;
    op->nr_frames = 1;
    op->frame_list.p = (void *)(uintptr_t)list_va;
    world_be(who);
    must(machine_hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_setup_table, va, 1, 0, 0), "setup_table");
    machine_cpu(0);
    entry = t->frame[0];
    for (unsigned int i = 0; i < NR_GRANTS; i++)
        entry[FIRST_GRANT + i] = (grant_entry_v1_t){ .flags = GTF_permit_access | (i < 3 ? GTF_readonly : 0), .domid = (domid_t)(i % 3),
                                                     .frame = (uint32_t)world[who].page[FIRST_DATA + i] };
}

static void create_guest(unsigned int who)
{
    host_heap_fail_at = 0;
    args_reset();
    create_domain(who);
    pin_vcpus(who);
    populate(who);
    write_tables(who);
    start_vcpus(who);
    run_all();
    if (who != WITNESS)
        offer_grants(who);
    world[who].lives++;
}

/* The control domain is built by the hypervisor's start-up, so here by hand. */
static void create_control(void)
{
    const struct domain_config config = { .max_vcpus = 1, .max_evtchn_port = 1023, .max_grant_frames = 3, .max_maptrack_frames = 2,
                                          .grant_version = 2, .is_control = true, .is_hardware = true };
    const cpumask_t here = cpumask_of(0);
    struct guest *g = &world[CONTROL];
    static struct vcpu_guest_context context;
    struct entry e[NR_ENTRIES];
    const unsigned int n = page_tables(e);
    struct domain *d;
    struct vcpu *v;

    must(domain_create(CONTROL, &config, &d), "control domain");
    must(vcpu_create(d, 0, &v), "control domain's vCPU");
    d->max_pages = GUEST_PAGES + 12;
    for (unsigned int i = 0; i < GUEST_PAGES; i++) {
        struct frame *f = domain_frames_alloc(d, 0, ALLOC_ZERO);

        if (f == NULL)
            finding("no memory for the control domain");
        g->page[i] = frame_mfn(f).v;
    }
    for (unsigned int i = 0; i < n; i++)
        ((pte_t *)mfn_va(MFN(g->page[e[i].table])))[e[i].slot] = g->page[e[i].page] * PAGE_SIZE + e[i].flags;
    fill_context(&context, g);
    must(arch_vcpu_set_context(v, &context), "control domain's context");
    must(vcpu_set_hard_affinity(v, &here), "control domain's CPU");
    must(domain_unpause_by_control(d), "control domain's start");
    domain_put(d);
    run_all();
}

/* ---- dying ---- */

static void kill_guest(unsigned int who)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_destroydomain, .domain = (domid_t)who };
    const long rc = control_domctl(&op);

    if (rc != 0 && rc != -XEN_ESRCH)
        finding("destroydomain %u: %ld", who, rc);
    run_all();
}

static void kill_control(void)
{
    struct domain *d = world_domain(CONTROL);
    unsigned int n = 0;
    int rc;

    machine_cpu(0);
    domain_pause_nosync(d);
    machine_softirqs(0);
    while ((rc = domain_kill(d)) == -XEN_ERESTART && n++ < MAX_KILL_CALLS)
        machine_softirqs(0);
    must(rc, "end of the control domain");
    run_all();
}

static void check_nothing_left(void)
{
    struct domain *d = domain_next(NULL);

    if (d != NULL)
        finding("domain %u is left, references %u, pages %u, shown %u", d->id, d->refs - 1, d->nr_pages, d->nr_shared_pages);
    for (unsigned int i = 1; i < MACHINE_FRAMES; i++)
        if (frame_of(MFN(i))->refs != 0)
            finding("frame %x is left, references %u", i, frame_of(MFN(i))->refs);
    if (free_before != buddy_nr_free())
        finding("leak: %ld pages", (long)(free_before - buddy_nr_free()));
    if (heap_before != host_heap_outstanding)
        finding("leak: %ld heap objects", (long)(host_heap_outstanding - heap_before));
    if (buddy_nr_claimed() != 0)
        finding("leak: %lu claimed pages", buddy_nr_claimed());
}

void world_destroy(void)
{
    host_heap_fail_at = 0;
    args_reset();
    for (unsigned int who = GUEST_A; who < NR_WORLD; who++)
        kill_guest(who);
    kill_control();
    check_nothing_left();
}

void world_rebirth(unsigned int who)
{
    kill_guest(who);
    if (world_domain(who) == NULL)
        create_guest(who);
}

void world_revive(void)
{
    for (unsigned int who = GUEST_A; who < WITNESS; who++) {
        struct domain *d = world_domain(who);
        struct vcpu *v;

        if (d == NULL || d->dying != DOMAIN_ALIVE)
            continue;
        if (d->is_shut_down)
            domain_resume(d);
        while (d->control_pause_count > 0 && domain_unpause_by_control(d) == 0)
            ;
        for_each_vcpu(d, v) {
            vcpu_unblock(v);
            if (vcpu_up(v) != 0)
                continue;
        }
    }
    run_all();
}

void world_create(bool fifo)
{
    static bool warm;

    memset(world, 0, sizeof(world));
    args_reset();
    free_before = buddy_nr_free();
    heap_before = host_heap_outstanding;
    create_control();
    for (unsigned int who = GUEST_A; who < NR_WORLD; who++)
        create_guest(who);
    witness_start(fifo);
    if (warm)
        return;
    /* What is made once and kept does not count as a leak. */
    warm = true;
    for (unsigned int who = GUEST_A; who < NR_WORLD; who++)
        kill_guest(who);
    kill_control();
    world_create(fifo);
}
