/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The neighbour of hostile domains: checks all the time that its memory, tables, registers, timers, events and
 * grants are what they should be, and offers grants and ports to those whom the mailbox names. vCPU 1 only computes.
 */
#include "hostile.h"

#define NR_DATA   64u
#define NR_BAIT   4u             /* refs 32.. for each neighbour: read-only and writable in turn */
#define NR_PORTS  4u
#define LIMIT_NS  10000000000ul  /* an emulator on a busy machine: what takes longer is lost */

static uint64_t *data[NR_DATA], *bait[NR_BAIT], *own_view;
static struct grant_entry_v1 *grants;
static uint64_t entries[4096];
static evtchn_port_t timer_port, ipi_port, offered[NR_NEIGHBOURS][NR_PORTS];
static uint16_t known[NR_NEIGHBOURS];
static volatile uint64_t nr_timers, nr_ipis, nr_pongs;
static const char *volatile computing_went_wrong;

static void bad(const char *what, uint64_t a, uint64_t b)
{
    mailbox->is_bad = 1;
    print("  guard: %lx, %lx\n", a, b);
    check(false, what, 0);
    done();
}

/* ---- memory ---- */

static void fill(uint64_t *p, unsigned int n)
{
    for (unsigned int i = 0; i < 512; i++)
        p[i] = GUARD_WORD(n, i);
}

static void check_page(const char *what, const uint64_t *p, unsigned int n)
{
    for (unsigned int i = 0; i < 512; i++)
        if (p[i] != GUARD_WORD(n, i))
            bad(what, n * 512 + i, p[i]);
}

static void check_memory(void)
{
    for (unsigned int i = 0; i < NR_DATA; i++)
        check_page("page changed", data[i], i);
    for (unsigned int i = 0; i < NR_BAIT; i += 2)
        check_page("page changed that was granted read-only", bait[i], NR_DATA + i);
}

/* Our page-table entries, and who the M2P says that our frames are. */
static void check_tables(bool take)
{
    const uint64_t *p2m = (const uint64_t *)start_info->mfn_list, *m2p = (const uint64_t *)0xffff800000000000;

    for (uint64_t pfn = 0; pfn < start_info->nr_pages; pfn++) {
        const uint64_t va = 0xffffffff80000000 + pfn * PAGE_SIZE, e = *pte_of((void *)va) & ~(PTE_A | PTE_D);

        if (take)
            entries[pfn] = e;
        else if (e != entries[pfn] && va != (uint64_t)own_view)
            bad("entry changed", pfn, e);
        if (m2p[p2m[pfn]] != pfn)
            bad("M2P changed", pfn, m2p[p2m[pfn]]);
    }
}

/* ---- events and time ---- */

static bool was_pending(evtchn_port_t port)
{
    return __atomic_fetch_and(&shared_info->evtchn_pending[port / 64], ~(1ul << port % 64), __ATOMIC_SEQ_CST) >> port % 64 & 1;
}

static void on_event(void)
{
    my_info()->evtchn_pending_sel = 0;
    nr_timers += was_pending(timer_port);
    nr_ipis += was_pending(ipi_port);
    nr_pongs += was_pending(start_info->store_evtchn);
}

static void unmask(evtchn_port_t port)
{
    struct evtchn_unmask u = { .port = port };

    CHECK_RC(HC2(event_channel_op, EVTCHNOP_unmask, &u), 0);
}

static void await(volatile uint64_t *n, uint64_t value, const char *what)
{
    const uint64_t end = system_time() + LIMIT_NS;

    while (*n != value) {
        if (system_time() > end)
            bad(what, *n, value);
        HC2(sched_op, SCHEDOP_yield, 0);
    }
}

static void check_timer(void)
{
    const uint64_t n = nr_timers, deadline = system_time() + 3000000;
    uint64_t now;

    CHECK_RC(HC1(set_timer_op, deadline), 0);
    await(&nr_timers, n + 1, "timer did not come");
    now = system_time();
    if (now < deadline)
        bad("timer came early", now, deadline);
    if (now - deadline > mailbox->late_ns)
        mailbox->late_ns = now - deadline;
}

static void check_ipi(void)
{
    struct evtchn_send send = { .port = ipi_port };
    const uint64_t n = nr_ipis;

    CHECK_RC(HC2(event_channel_op, EVTCHNOP_send, &send), 0);
    await(&nr_ipis, n + 1, "IPI did not come");
}

/* The control domain answers each of our events by one of its own. */
static void check_pong(void)
{
    static uint64_t sent_at, n;
    struct evtchn_send send = { .port = start_info->store_evtchn };

    if (mailbox->ping != 0 && (nr_pongs == n || mailbox->pong != mailbox->ping)) {
        if (system_time() - sent_at > 6 * LIMIT_NS)
            bad("no event from the control domain", mailbox->ping, mailbox->pong);
        return;
    }
    if (sent_at != 0 && system_time() - sent_at > mailbox->wait_ns)
        mailbox->wait_ns = system_time() - sent_at;
    n = nr_pongs;
    mailbox->ping++;
    sent_at = system_time();
    CHECK_RC(HC2(event_channel_op, EVTCHNOP_send, &send), 0);
}

/* ---- grants ---- */

static void grant(unsigned int ref, domid_t to, const void *p, uint16_t flags)
{
    grants[ref].domid = to;
    grants[ref].frame = (uint32_t)va_to_mfn(p);
    __atomic_store_n(&grants[ref].flags, flags, __ATOMIC_SEQ_CST);
}

/* A grant to ourselves, mapped and given back. */
static void check_own_grant(void)
{
    struct gnttab_map_grant_ref m = { .host_addr = (uint64_t)own_view, .flags = GNTMAP_host_map, .ref = GUARD_REF + 1, .dom = mailbox->self };
    struct gnttab_unmap_grant_ref u = { .host_addr = (uint64_t)own_view };

    CHECK_RC(HC3(grant_table_op, GNTTABOP_map_grant_ref, &m, 1), 0);
    if (m.status != GNTST_okay)
        bad("own grant not mapped", (uint64_t)m.status, 0);
    check_page("own grant shows something else", own_view, 1);
    u.handle = m.handle;
    CHECK_RC(HC3(grant_table_op, GNTTABOP_unmap_grant_ref, &u, 1), 0);
    if (u.status != GNTST_okay || grants[GUARD_REF + 1].flags != GTF_permit_access)
        bad("own grant not unmapped", (uint64_t)u.status, grants[GUARD_REF + 1].flags);
}

/* Nothing is left of the old neighbour: no mark in a grant, no end of a channel. */
static void withdraw(unsigned int who)
{
    for (unsigned int i = 0; i < NR_BAIT; i++) {
        const unsigned int ref = 32 + who * NR_BAIT + i;
        const uint16_t flags = grants[ref].flags;

        if (flags & (GTF_reading | GTF_writing))
            bad("grant in use by a domain that is gone", ref, flags);
        grants[ref].flags = 0;
    }
    for (unsigned int i = 0; i < NR_PORTS; i++) {
        struct evtchn_status s = { .dom = DOMID_SELF, .port = offered[who][i] };
        struct evtchn_close c = { .port = offered[who][i] };

        CHECK_RC(HC2(event_channel_op, EVTCHNOP_status, &s), 0);
        if (s.status != EVTCHNSTAT_unbound)
            bad("channel to a domain that is gone", s.port, s.status);
        CHECK_RC(HC2(event_channel_op, EVTCHNOP_close, &c), 0);
    }
}

static void offer(unsigned int who, domid_t to)
{
    for (unsigned int i = 0; i < NR_BAIT; i++)
        grant(32 + who * NR_BAIT + i, to, bait[i], GTF_permit_access | (i % 2 ? 0 : GTF_readonly));
    for (unsigned int i = 0; i < NR_PORTS; i++) {
        struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = to };

        CHECK_RC(HC2(event_channel_op, EVTCHNOP_alloc_unbound, &a), 0);
        offered[who][i] = a.port;
        unmask(a.port);
    }
}

static void meet_neighbours(void)
{
    for (unsigned int i = 0; i < NR_NEIGHBOURS; i++) {
        const uint16_t now = __atomic_load_n(&mailbox->neighbour[i], __ATOMIC_SEQ_CST);

        if (now == known[i])
            continue;
        if (known[i] != 0)
            withdraw(i);
        if (now != 0)
            offer(i, now);
        mailbox->seen += (uint64_t)now - known[i];
        known[i] = now;
    }
}

/* ---- registers: vCPU 1 computes, is preempted, and must not notice ---- */

static struct { uint64_t gpr[16], xmm[16][2], fs, gs, selectors, x87; } want page_aligned, got;

/* All registers hold something for a few million instructions, then go to memory. */
__attribute__((naked)) static void compute(void *to, const void *from)
{
    __asm__("push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15; push %rdi\n"
            "movups 128(%rsi), %xmm0; movups 144(%rsi), %xmm1; movups 160(%rsi), %xmm2; movups 176(%rsi), %xmm3; movups 192(%rsi), %xmm4; movups 208(%rsi), %xmm5\n"
            "movups 224(%rsi), %xmm6; movups 240(%rsi), %xmm7; movups 256(%rsi), %xmm8; movups 272(%rsi), %xmm9; movups 288(%rsi), %xmm10; movups 304(%rsi), %xmm11\n"
            "movups 320(%rsi), %xmm12; movups 336(%rsi), %xmm13; movups 352(%rsi), %xmm14; movups 368(%rsi), %xmm15\n"
            "fninit; fildll 8(%rsi)\n"
            "mov 0(%rsi), %rax; mov 8(%rsi), %rbx; mov 24(%rsi), %rdx; mov 32(%rsi), %rdi; mov 40(%rsi), %rbp; mov 48(%rsi), %r8; mov 56(%rsi), %r9\n"
            "mov 64(%rsi), %r10; mov 72(%rsi), %r11; mov 80(%rsi), %r12; mov 88(%rsi), %r13; mov 96(%rsi), %r14; mov 104(%rsi), %r15; mov 112(%rsi), %rsi\n"
            "mov $3000000, %ecx\n"
            "1: dec %ecx; jnz 1b\n"
            "mov (%rsp), %rcx\n"
            "mov %rax, 0(%rcx); mov %rbx, 8(%rcx); mov %rdx, 24(%rcx); mov %rdi, 32(%rcx); mov %rbp, 40(%rcx); mov %r8, 48(%rcx); mov %r9, 56(%rcx)\n"
            "mov %r10, 64(%rcx); mov %r11, 72(%rcx); mov %r12, 80(%rcx); mov %r13, 88(%rcx); mov %r14, 96(%rcx); mov %r15, 104(%rcx); mov %rsi, 112(%rcx)\n"
            "movups %xmm0, 128(%rcx); movups %xmm1, 144(%rcx); movups %xmm2, 160(%rcx); movups %xmm3, 176(%rcx); movups %xmm4, 192(%rcx); movups %xmm5, 208(%rcx)\n"
            "movups %xmm6, 224(%rcx); movups %xmm7, 240(%rcx); movups %xmm8, 256(%rcx); movups %xmm9, 272(%rcx); movups %xmm10, 288(%rcx); movups %xmm11, 304(%rcx)\n"
            "movups %xmm12, 320(%rcx); movups %xmm13, 336(%rcx); movups %xmm14, 352(%rcx); movups %xmm15, 368(%rcx)\n"
            "mov %fs:0, %rax; mov %rax, 384(%rcx); mov %gs:0, %rax; mov %rax, 392(%rcx)\n"
            "xor %eax, %eax; mov %ds, %ax; shl $16, %rax; mov %es, %ax; mov %rax, 400(%rcx)\n"
            "fistpll 408(%rcx)\n"
            "pop %rdi; pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx; ret");
}

static void computer(void *arg)
{
    events_disable();
    for (unsigned int i = 0; i < sizeof(want) / 8; i++)
        ((uint64_t *)&want)[i] = GUARD_WORD(99, i);
    want.gpr[2] = 0;                       /* rcx counts */
    want.gpr[15] = 0;
    want.x87 = want.gpr[1];
    HC2(set_segment_base, SEGBASE_FS, &want.fs);
    HC2(set_segment_base, SEGBASE_GS_KERNEL, &want.gs);
    want.selectors = (uint64_t)SS64 << 16 | SS64;
    HC2(set_debugreg, 1, data[5]);
    for (;;) {
        __asm__ volatile("mov %0, %%ds; mov %0, %%es" :: "r"(SS64));
        compute(&got, &want);
        for (unsigned int i = 0; i < sizeof(want) / 8; i++)
            if (((uint64_t *)&got)[i] != ((uint64_t *)&want)[i])
                computing_went_wrong = i < 16 ? "general register changed" : i < 48 ? "SSE register changed" : i == 51 ? "x87 register changed" : "segment changed";
        if (HC1(get_debugreg, 1) != (long)data[5])
            computing_went_wrong = "debug register changed";
        mailbox->preempted++;
    }
}

/* ---- all of it, for ever ---- */

static void prepare(void)
{
    struct gnttab_setup_table s = { .dom = DOMID_SELF, .nr_frames = 1 };
    struct evtchn_bind_virq virq = { .virq = VIRQ_TIMER };
    struct evtchn_bind_ipi ipi = { 0 };
    xen_pfn_t frame;

    grants = page_alloc();
    own_view = page_alloc();
    for (unsigned int i = 0; i < NR_DATA; i++)
        fill(data[i] = page_alloc(), i);
    for (unsigned int i = 0; i < NR_BAIT; i++)
        fill(bait[i] = page_alloc(), NR_DATA + i);
    set_xen_guest_handle(s.frame_list, &frame);
    CHECK_RC(HC3(grant_table_op, GNTTABOP_setup_table, &s, 1), 0);
    CHECK_RC(set_pte(grants, frame << 12 | PTE_P | PTE_RW | PTE_A, UVMF_INVLPG), 0);
    CHECK_RC(set_pte(own_view, 0, UVMF_INVLPG), 0);
    grant(GUARD_REF, 0, data[0], GTF_permit_access | GTF_readonly);
    struct evtchn_status self = { .dom = DOMID_SELF, .port = start_info->store_evtchn };
    CHECK_RC(HC2(event_channel_op, EVTCHNOP_status, &self), 0);
    CHECK_RC(HC3(vcpu_op, VCPUOP_stop_periodic_timer, 0, 0), 0);
    CHECK_RC(HC2(event_channel_op, EVTCHNOP_bind_virq, &virq), 0);
    CHECK_RC(HC2(event_channel_op, EVTCHNOP_bind_ipi, &ipi), 0);
    timer_port = virq.port;
    ipi_port = ipi.port;
    event_handler = on_event;
    events_enable();
    unmask(timer_port);
    unmask(ipi_port);
    unmask(start_info->store_evtchn);
    grant(GUARD_REF + 1, mailbox->self, data[1], GTF_permit_access);
    CHECK_RC(vcpu_start(1, computer, 0), 0);
}

void guard_main(void)
{
    uint64_t before = 0;

    prepare();
    check_tables(true);
    for (;;) {
        const uint64_t now = system_time();

        if (now < before)
            bad("time went back", before, now);
        before = now;
        check_memory();
        if (mailbox->rounds % 16 == 0)
            check_tables(false);
        check_timer();
        check_ipi();
        check_pong();
        check_own_grant();
        meet_neighbours();
        if (computing_went_wrong)
            bad(computing_went_wrong, 0, 0);
        mailbox->rounds++;
    }
}
