/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A control domain under which everything fails once: each allocation, each copy from and to a guest, each
 * point where long work may stop, one after the other (abi/fault.h), in what it takes to build, run and destroy
 * a domain, and in what guests ask for. An operation that failed says why and keeps no memory; the same again
 * succeeds; when its domain is gone, all memory is back. Options: trace=1 (a line for each attempt).
 */
#include "../lib/guest.h"
#include "faults.h"

const char test_name[] = "faults";

static struct fault_call plan;
static bool planned;
static unsigned int nr_attempts, nr_failures[3];
static const char *const kind_name[] = { "allocation", "copy", "preemption" };
static const long kind_error[] = { -XEN_ENOMEM, -XEN_EFAULT, 0 };

/* The hypercall that a step is about: with the fault, if one is planned. */
long faulty(long nr, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4)
{
    if (!planned)
        return hypercall(nr, a1, a2, a3, a4, 0);
    planned = false;
    plan.nr = (uint64_t)nr;
    plan.args[0] = a1;
    plan.args[1] = a2;
    plan.args[2] = a3;
    plan.args[3] = a4;
    return hypercall(FAULT_HYPERCALL, (uint64_t)&plan, 0, 0, 0, 0);
}

static void complain(const struct step *s, const char *what, long value)
{
    print("  %s, %s %lu of the sweep: %s %ld\n", s->name, kind_name[plan.kind], plan.at, what, value);
    check(false, s->name, __LINE__);
}

/* What the hypervisor has taken: for itself, and of the machine's memory. */
struct use { uint64_t objects, pages; };

static struct use use_now(void)
{
    struct fault_call nothing = { .nr = __HYPERVISOR_xen_version, .args = { XENVER_version } };

    CHECK(hypercall(FAULT_HYPERCALL, (uint64_t)&nothing, 0, 0, 0, 0) > 0);
    return (struct use){ .objects = nothing.objects, .pages = free_pages() };
}

/* Is as much free as before? The last of a domain goes when all CPUs have let go of it. */
static bool came_back(struct use before)
{
    const uint64_t end = system_time() + 1000000000ul;
    struct use now;

    while ((now = use_now()).pages < before.pages || now.objects > before.objects) {
        if (system_time() > end) {
            print("  %lu pages, %lu objects are missing\n", before.pages - now.pages, now.objects - before.objects);
            return false;
        }
        HC2(sched_op, SCHEDOP_yield, 0);
    }
    return true;
}

/* One attempt with the at-th fault. False: there are no more. */
static bool attempt(const struct step *s, enum fault_kind kind, uint64_t at)
{
    const struct use at_first = use_now();

    build(s->needs);
    if (s->prepare)
        s->prepare();
    const struct use before = use_now();

    plan = (struct fault_call){ .kind = kind, .at = at };
    planned = true;
    long rc = s->run();
    const bool was_hit = plan.passed >= at;

    planned = false;
    nr_attempts++;
    nr_failures[kind] += was_hit;
    if (option("trace", 0))
        print("  %s: %s %lu: %ld\n", s->name, kind_name[kind], at, rc);
    if (rc != 0 && (!was_hit || (rc != kind_error[kind] && !(rc == PARTLY && (s->flags & KEEPS_A_PART)))))
        complain(s, "gave", rc);
    if (rc != 0 && kind == FAULT_ALLOC && !(s->flags & KEEPS_A_PART) && !came_back(before))
        complain(s, "failed and keeps memory:", rc);
    if (rc != 0 && (rc = s->run()) != 0 && !(kind == FAULT_COPY && (s->flags & ONCE)))
        complain(s, "without fault gives", rc);
    if (s->undo)
        s->undo();
    destroy_all();
    if (!(s->flags & GROWS) && !came_back(at_first))
        complain(s, "leaks:", rc);
    return was_hit;
}

static void sweep(const struct step *s)
{
    unsigned int nr[3];

    for (unsigned int kind = FAULT_ALLOC; kind <= FAULT_PREEMPT; kind++)
        for (nr[kind] = 0; attempt(s, kind, nr[kind] + 1) && nr[kind] < 1000; nr[kind]++)
            ;
    print("  %s: %u allocations, %u copies, %u preemptions\n", s->name, nr[0], nr[1], nr[2]);
    check(nr[0] + nr[1] + nr[2] != 0 && nr[0] < 1000 && nr[1] < 1000 && nr[2] < 1000, s->name, __LINE__);
}

void test_main(void)
{
    plan.nr = __HYPERVISOR_xen_version;
    if (HC1(xen_version, 0) < 0 || hypercall(FAULT_HYPERCALL, (uint64_t)&plan, 0, 0, 0, 0) == -XEN_ENOSYS) {
        print("  the hypervisor cannot inject faults: a release build, or started without fault_injection\n");
        check(false, "fault_injection", __LINE__);
        return;
    }
    events_disable();
    prepare_world();
    for (const struct step *s = steps; s->name != NULL; s++) {
        /* What the first time makes the hypervisor keep for good is not a leak. */
        build(STARTED);
        destroy_all();
        sweep(s);
    }
    print("  %u attempts; failed %u allocations, %u copies; stopped %u times\n", nr_attempts, nr_failures[0], nr_failures[1], nr_failures[2]);
    CHECK(nr_failures[0] != 0 && nr_failures[1] != 0 && nr_failures[2] != 0);
}
