/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A control domain of a few hundred lines: builds PV domains from the ELF image that it got as its module, `beside=` at a
 * time, shows their consoles, and destroys them, whatever they do. After each batch the machine must have as much free
 * memory as before, to the page. Options: domains=, seed= (the next domain's is one more), count= (handed on), ms= (time for
 * each, then it is destroyed), all=1 (each must pass), guard=1 (one more domain that checks itself all the time and must
 * not notice anything), rough=1 (half-built domains, random ends, and interference while they run).
 */
#include "nursery.h"
#include <xen/sysctl.h>

const char test_name[] = "nursery";

#define NR_BESIDE 3u

static struct child guard = { .is_guard = true }, children[NR_BESIDE];
static evtchn_port_t guard_port;
static unsigned int nr_passed, nr_crashed, nr_killed, nr_off, nr_half;
static uint64_t nr_operations, random_state;

static uint64_t rnd(uint64_t n)
{
    random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
    return (random_state >> 33) % n;
}

static uint64_t free_pages(void)
{
    static struct xen_sysctl s;

    s.cmd = XEN_SYSCTL_physinfo;
    s.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    if (HC1(sysctl, &s) != 0)
        return 0;
    return s.u.physinfo.free_pages;
}

/* ---- consoles ---- */

/* What the domain has written, as whole lines of ours. */
static void drain(struct child *c)
{
    while (console_line(&c->console)) {
        print("[%u] %s\n", c->dom.id, c->console.line);
        c->said_pass |= memcmp(c->console.line, "PASS ", 5) == 0;
        CHECK(memcmp(c->console.line, "FAIL ", 5) != 0);
    }
}

/* ---- the guard ---- */

static struct mailbox *guards_mail(void) { return guard.mailbox; }

/* Answers its events, reads its page by a grant. */
static void serve_guard(void)
{
    static uint64_t copy[512] page_aligned;
    struct evtchn_send send = { .port = guard_port };
    struct gnttab_copy g = { .source = { .u.ref = GUARD_REF, .domid = guard.dom.id }, .dest = { .domid = DOMID_SELF }, .len = PAGE_SIZE, .flags = GNTCOPY_source_gref };

    if (!guard.dom.id)
        return;
    drain(&guard);
    if (guards_mail()->is_bad) {
        drain(&guard);
        CHECK(!"the guard has found something");
        done();
    }
    if (!(__atomic_fetch_and(&shared_info->evtchn_pending[guard_port / 64], ~(1ul << guard_port % 64), __ATOMIC_SEQ_CST) >> guard_port % 64 & 1))
        return;
    /* Binding raises an event by itself: it is not there yet. */
    if (guards_mail()->ping == 0)
        return;
    guards_mail()->pong = guards_mail()->ping;
    CHECK_RC(HC2(event_channel_op, EVTCHNOP_send, &send), 0);
    g.dest.u.gmfn = va_to_mfn(copy);
    CHECK_RC(HC3(grant_table_op, GNTTABOP_copy, &g, 1), 0);
    CHECK_RC(g.status, GNTST_okay);
    for (unsigned int i = 0; i < 512; i++)
        if (copy[i] != GUARD_WORD(0, i)) {
            CHECK(!"the guard's page by its grant");
            break;
        }
}

static void pause_ms(unsigned int ms)
{
    struct sched_poll poll = { .timeout = system_time() + ms * 1000000ul };

    HC2(sched_op, SCHEDOP_poll, &poll);
}

static void await_guard(uint64_t rounds)
{
    const uint64_t end = system_time() + 60000000000ul, from = guards_mail()->rounds;

    while (guards_mail()->rounds < from + rounds && system_time() < end && !guards_mail()->is_bad) {
        serve_guard();
        pause_ms(2);
    }
    CHECK(guards_mail()->rounds >= from + rounds);
}

static void start_guard(void)
{
    struct evtchn_bind_interdomain b;

    child_init(&guard);
    if (!child_create(&guard, ALL_STEPS))
        return;
    b.remote_dom = guard.dom.id;
    b.remote_port = guard.dom.store_port;
    CHECK_RC(HC2(event_channel_op, EVTCHNOP_bind_interdomain, &b), 0);
    guard_port = b.local_port;
    await_guard(3);
}

/* Tells everybody who else is there. The guard has to have seen the change before what it kept is counted. */
static void introduce(bool to_guard_only)
{
    uint64_t sum = 0;

    for (unsigned int i = 0; i < NR_BESIDE; i++) {
        for (unsigned int j = 0; j < NR_NEIGHBOURS && !to_guard_only; j++)
            if (children[i].dom.id && !children[i].is_over)
                ((struct mailbox *)children[i].mailbox)->neighbour[j] = i == j ? guard.dom.id : children[j].dom.id;
        if (guard.dom.id)
            guards_mail()->neighbour[i] = children[i].dom.id;
        sum += children[i].dom.id;
    }
    const uint64_t end = system_time() + 60000000000ul;
    while (guard.dom.id && guards_mail()->seen != sum && system_time() < end && !guards_mail()->is_bad) {
        serve_guard();
        pause_ms(1);
    }
    CHECK(!guard.dom.id || guards_mail()->seen == sum);
}

/* ---- domains that are watched ---- */

/* What a control domain may do to a running domain, whatever that is doing. */
static void interfere(struct child *c)
{
    static struct vcpu_guest_context context;

    switch (rnd(8)) {
    case 0:
        CHECK_RC(domctl(&c->dom, XEN_DOMCTL_pausedomain), 0);
        CHECK_RC(domctl(&c->dom, XEN_DOMCTL_unpausedomain), 0);
        break;
    case 1:
        ctl.u.vcpucontext.vcpu = (uint32_t)rnd(8);
        set_xen_guest_handle(ctl.u.vcpucontext.ctxt, &context);
        domctl(&c->dom, XEN_DOMCTL_getvcpucontext);
        break;
    case 2: {
        uint8_t mask = (uint8_t)(1 + rnd(3));

        memset(&ctl.u.vcpuaffinity, 0, sizeof(ctl.u.vcpuaffinity));
        ctl.u.vcpuaffinity.vcpu = (uint32_t)rnd(8);
        ctl.u.vcpuaffinity.flags = XEN_VCPUAFFINITY_HARD;
        ctl.u.vcpuaffinity.cpumap_hard.nr_bits = 8;
        set_xen_guest_handle(ctl.u.vcpuaffinity.cpumap_hard.bitmap, &mask);
        domctl(&c->dom, XEN_DOMCTL_setvcpuaffinity);
        break;
    }
    case 3: {
        static uint64_t *at;

        if (!at)
            at = page_alloc();
        if (show_frame(&c->dom, at, rnd(NR_PAGES)))
            (void)*(volatile uint64_t *)at;
        CHECK_RC(set_pte(at, 0, UVMF_INVLPG), 0);
        break;
    }
    case 4:
        ctl.u.sendtrigger.trigger = XEN_DOMCTL_SENDTRIGGER_NMI;
        ctl.u.sendtrigger.vcpu = (uint32_t)rnd(8);
        domctl(&c->dom, XEN_DOMCTL_sendtrigger);
        break;
    case 5: {
        xen_pfn_t frames[16];

        for (unsigned int i = 0; i < 16; i++)
            frames[i] = c->p2m[rnd(NR_PAGES)];
        ctl.u.getpageframeinfo3.num = 16;
        set_xen_guest_handle(ctl.u.getpageframeinfo3.array, frames);
        domctl(&c->dom, XEN_DOMCTL_getpageframeinfo3);
        break;
    }
    case 6: {
        static uint64_t copy[512] page_aligned;
        struct gnttab_copy g = { .source = { .u.ref = (grant_ref_t)rnd(64), .domid = c->dom.id }, .dest = { .u.gmfn = va_to_mfn(copy), .domid = DOMID_SELF },
                                 .len = 8, .flags = GNTCOPY_source_gref };

        HC3(grant_table_op, GNTTABOP_copy, &g, 1);
        break;
    }
    default:
        ctl.u.getvcpuinfo.vcpu = (uint32_t)rnd(8);
        domctl(&c->dom, XEN_DOMCTL_getvcpuinfo);
    }
}

static void where_is_it(struct child *c)
{
    static struct vcpu_guest_context context;

    for (unsigned int v = 0; v < 8; v++) {
        ctl.u.vcpucontext.vcpu = v;
        set_xen_guest_handle(ctl.u.vcpucontext.ctxt, &context);
        if (domctl(&c->dom, XEN_DOMCTL_getvcpucontext) == 0)
            print("  vCPU %u: rip %lx cs %x rsp %lx rflags %lx rax %lx, flags %lx\n", v, context.user_regs.rip, context.user_regs.cs, context.user_regs.rsp,
                  context.user_regs.rflags, context.user_regs.rax, context.flags);
    }
}

/* It has ended, or its time has. */
static void settle(struct child *c, uint32_t flags)
{
    const char *how;
    uint64_t n = 0;

    c->is_over = true;
    drain(c);
    if (!(flags & XEN_DOMINF_shutdown))
        nr_killed++, how = "killed";
    else if ((flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask) == SHUTDOWN_crash)
        nr_crashed++, how = "crashed";
    else if (c->said_pass)
        nr_passed++, how = "passed";
    else
        nr_off++, how = "off";
    for (unsigned int i = 0; i < 8; i++)
        n += ((struct mailbox *)c->mailbox)->operations[i] & 0xffffff;
    nr_operations += n;
    print("  domain %u, seed %lu: %s, %lu operations, CPU time %lu ms\n", c->dom.id, c->seed, how, n, ctl.u.getdomaininfo.cpu_time / 1000000);
    if (!(flags & XEN_DOMINF_shutdown) && option("where", 0))
        where_is_it(c);
}

static void watch(bool is_rough)
{
    unsigned int nr;

    do {
        nr = 0;
        serve_guard();
        for (unsigned int i = 0; i < NR_BESIDE; i++) {
            struct child *c = &children[i];

            if (!c->dom.id || c->is_over)
                continue;
            drain(c);
            const uint32_t flags = built_flags(&c->dom);
            if ((flags & (XEN_DOMINF_shutdown | XEN_DOMINF_dying)) || system_time() > c->end)
                settle(c, flags);
            else if (++nr && is_rough)
                interfere(c);
        }
        pause_ms(2);
    } while (nr != 0);
}

static void settle_memory(uint64_t before)
{
    const uint64_t end = system_time() + 5000000000ul;
    uint64_t after;

    /* Domains are freed by work items. */
    while ((after = free_pages()) != before && system_time() < end)
        HC2(sched_op, SCHEDOP_yield, 0);
    if (after != before)
        print("  free pages: %lu before, %lu after\n", before, after);
    CHECK(after == before);
}

/* While some go, others still have their grants and channels. */
static void destroy_all(unsigned int nr)
{
    for (unsigned int i = 0; i < nr; i++)
        child_destroy(&children[i]);
    for (unsigned int i = 0; i < nr; i++)
        built_await_end(&children[i].dom);
    introduce(true);
}

static void batch(uint64_t seed, unsigned int nr, bool is_rough)
{
    const uint64_t ms = option("ms", 4000);

    random_state = seed;
    for (unsigned int i = 0; i < nr; i++) {
        struct child *c = &children[i];
        const unsigned int steps = is_rough && rnd(10) == 0 ? (unsigned int)rnd(ALL_STEPS) : ALL_STEPS;

        c->seed = seed + i;
        if (!child_create(c, steps))
            return;
        c->end = system_time() + (is_rough && rnd(3) == 0 ? rnd(ms * 1000000) : ms * 1000000);
        c->is_over = steps != ALL_STEPS;
        nr_half += c->is_over;
        serve_guard();
    }
    introduce(false);
    watch(is_rough);
    destroy_all(nr);
}

void test_main(void)
{
    const uint64_t seed = option("seed", 1), nr = option("domains", 4);
    const unsigned int beside = (unsigned int)option("beside", 1);
    const bool is_rough = option("rough", 0);

    if (start_info->mod_len == 0 || beside - 1 >= NR_BESIDE) {
        print("  no module: nothing to build\n");
        check(true, "", 0);
        return;
    }
    events_disable();
    builder_init();
    for (unsigned int i = 0; i < NR_BESIDE; i++)
        child_init(&children[i]);
    if (option("guard", 0))
        start_guard();
    /* What the first domains make the hypervisor keep for good is not a leak. */
    for (unsigned int i = 0; i < beside; i++)
        child_create(&children[i], 3);
    introduce(true);
    destroy_all(beside);
    const uint64_t before = free_pages();

    for (uint64_t i = 0; i < nr; i += beside) {
        batch(seed + i, beside < nr - i ? beside : (unsigned int)(nr - i), is_rough);
        settle_memory(before);
    }
    if (guard.dom.id) {
        await_guard(3);
        print("  guard: %lu rounds, latest timer %lu ms, longest answer %lu ms, %lu register loops\n", guards_mail()->rounds, guards_mail()->late_ns / 1000000,
              guards_mail()->wait_ns / 1000000, guards_mail()->preempted);
        CHECK(guards_mail()->preempted != 0);
    }
    print("  domains %lu: passed %u, off %u, crashed %u, killed %u, half-built %u; %lu operations\n", nr, nr_passed, nr_off, nr_crashed, nr_killed, nr_half, nr_operations);
    CHECK(nr_passed + nr_off + nr_crashed + nr_killed + nr_half == nr);
    CHECK(option("all", 0) == 0 || nr_passed == nr);
}
