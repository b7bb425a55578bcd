/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A hostile guest: random hypercalls, page-table updates, descriptors, handlers, stacks and instructions. Each
 * operation's choices depend only on seed, vCPU and number, so one seed means the same operations. It survives its own faults,
 * and goes on; what it must not do is stop the machine, or disturb its neighbours. Options: seed=, count= operations of
 * vCPU 0, first= where to begin, verbose=1 prints each, deadly=0 leaves out what ends a domain, alone=1 one vCPU,
 * guard=1 plays the neighbour instead (guard.c). Rights of a control domain are never needed: as dom0 it only
 * leaves out what dom0 may break.
 */
#include "hostile.h"

const char test_name[] = "hostile";

uint64_t *page[NR_PAGES];
volatile uint64_t mfn_at[NR_PAGES];
bool is_dom0;
struct mailbox *mailbox;
struct worker workers[MAX_VCPUS] page_aligned;

static uint64_t seed;
static bool is_deadly, is_verbose;

typedef void op_fn(void);
static const struct { op_fn *fn; unsigned int weight; const char *name; } operations[] = {
    { op_mmu_update, 12, "mmu_update" }, { op_mmuext, 10, "mmuext" }, { op_update_va, 8, "update_va" }, { op_protect, 10, "protect" },
    { op_tree, 8, "tree" }, { op_empty, 4, "empty" }, { op_write, 10, "write" }, { op_segments, 6, "segments" },
    { op_descriptor_table, 2, "descriptor table" }, { op_handlers, 2, "handlers" }, { op_user, 6, "user" }, { op_kernel_code, 1, "kernel code" },
    { op_string, 3, "string" }, { op_privileged, 4, "privileged" }, { op_debug, 2, "debug" }, { op_event, 6, "event" }, { op_fifo, 1, "fifo" },
    { op_grant, 12, "grant" }, { op_memory, 5, "memory" }, { op_exchange, 3, "exchange" }, { op_vcpu, 3, "vcpu" }, { op_new_vcpu, 1, "new vcpu" },
    { op_sched, 2, "sched" }, { op_any, 3, "any" }, { op_control, 2, "control" }, { op_multicall, 3, "multicall" },
};

static unsigned int choose(void)
{
    unsigned int total = 0, i;

    for (i = 0; i < sizeof(operations) / sizeof(*operations); i++)
        total += operations[i].weight;
    uint64_t at = rnd(total);
    for (i = 0; at >= operations[i].weight; i++)
        at -= operations[i].weight;
    return i;
}

/* Where an operation's randomness begins: anew for each, so it does not depend on how the last one went. */
static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return (x ^ x >> 31) | 1;
}

static void run_operations(uint64_t count)
{
    for (me->op = option("first", 0); me->op < count; me->op++) {
        me->random = mix(mix(seed) + vcpu_id() * 0x9e3779b97f4a7c15 + mix(me->op));
        if (mailbox)
            mailbox->operations[vcpu_id()] = me->op;
        if (recovery_set(&me->back) != 0) {
            me->in_code = false;
            continue;
        }
        events_disable();
        /* Half of the time no upcall waits: then IRET has its short way. */
        if (me->op % 2 == 0)
            my_info()->evtchn_upcall_pending = 0;
        const unsigned int i = choose();
        if (is_verbose)
            print("  %u %lu %s\n", vcpu_id(), me->op, operations[i].name);
        operations[i].fn();
        if (is_deadly && one_in(8000))
            op_deadly();
    }
}

static void unexpected(struct regs *r)
{
    if (me->in_code)
        recovery_go(&me->back);
    if (r->vector == 1) {
        /* A breakpoint or step of ours. */
        HC2(set_debugreg, 7, 0);
        r->rflags = (r->rflags & ~0x100ul) | 0x10000;
        return;
    }
    if (r->vector == 2)
        return;
    recovery_go(&me->back);
}

static void on_event(void)
{
    my_info()->evtchn_pending_sel = 0;
    if (me->in_code)
        recovery_go(&me->back);
}

static void prepare_vcpu(void)
{
    events_disable();
    own_handlers();
    mmuext(MMUEXT_NEW_USER_BASEPTR, va_to_mfn(user_l4), 0);
    HC2(stack_switch, SS64, vcpu_stacks[vcpu_id()] + 16384);
}

void worker(void *arg)
{
    prepare_vcpu();
    run_operations(~0ull);
}

/* NMIs for all others: user code may loop where no event comes, since others have broken events. */
static void pulse(void *arg)
{
    prepare_vcpu();
    for (;;) {
        struct sched_poll poll = { .timeout = system_time() + 5000000 };

        HC2(sched_op, SCHEDOP_poll, &poll);
        for (unsigned int id = 0; id < MAX_VCPUS; id++)
            if (id != PULSE)
                HC3(vcpu_op, VCPUOP_send_nmi, id, 0);
    }
}

static struct mailbox *find_mailbox(void)
{
    const uint64_t *m2p = (const uint64_t *)0xffff800000000000;

    return is_dom0 ? NULL : (void *)(0xffffffff80000000 + m2p[start_info->store_mfn] * PAGE_SIZE);
}

void test_main(void)
{
    const uint64_t count = option("count", 5000);

    seed = option("seed", 1);
    is_dom0 = start_info->flags & SIF_INITDOMAIN;
    mailbox = find_mailbox();
    if (option("guard", 0) && mailbox)
        guard_main();
    is_verbose = option("verbose", 0);
    is_deadly = !is_dom0 && option("deadly", 1);
    workers[0].random = mix(seed);
    for (unsigned int i = 0; i < NR_PAGES; i++) {
        page[i] = page_alloc();
        mfn_at[i] = va_to_mfn(page[i]);
    }
    print("  seed %lu, count %lu\n", seed, count);
    user_init();
    set_up_grants();
    exception_handler = unexpected;
    event_handler = on_event;
    user_ends_by_event = true;
    prepare_vcpu();
    if (!option("alone", 0)) {
        for (unsigned int id = 1; id <= NR_WORKERS; id++)
            vcpu_start(id, worker, 0);
        vcpu_start(PULSE, pulse, 0);
    }
    run_operations(count);
    for (unsigned int id = 1; id < MAX_VCPUS; id++)
        HC3(vcpu_op, VCPUOP_down, id, 0);
    check(true, "", 0);
}
