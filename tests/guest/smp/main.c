/* SPDX-License-Identifier: GPL-2.0-or-later */
/* More vCPUs than one: their life, IPIs between them, flushes on others, per-vCPU time and areas. */
#include "../lib/guest.h"

const char test_name[] = "smp";

#define NR 4u        /* that run */
#define LIMIT 8u     /* of the domain */

static volatile unsigned int alive[MAX_VCPUS], upcalls[MAX_VCPUS];
static evtchn_port_t ipi[MAX_VCPUS];

static void yield(void) { HC2(sched_op, SCHEDOP_yield, 0); }

static void on_event(void)
{
    const unsigned int id = vcpu_id();

    my_info()->evtchn_pending_sel = 0;
    if (ipi[id] && (__atomic_fetch_and(&shared_info->evtchn_pending[0], ~(1ul << ipi[id]), __ATOMIC_SEQ_CST) >> ipi[id] & 1))
        upcalls[id]++;
}

/* ---- what other vCPUs run: one step of their job after the other ---- */

typedef void job_fn(unsigned int id);
static job_fn *volatile job[MAX_VCPUS];

static void worker(void *arg)
{
    const unsigned int id = vcpu_id();

    events_enable();
    for (;;) {
        if (job[id])
            job[id](id);
        alive[id]++;
        yield();
    }
}

static bool wait_for(volatile unsigned int *p, unsigned int value)
{
    for (unsigned int i = 0; i < 20000000 && *p < value; i++)
        yield();
    return *p >= value;
}

static void go_down(unsigned int id)
{
    job[id] = NULL;
    HC3(vcpu_op, VCPUOP_down, id, 0);
}

static bool wait_down(unsigned int id)
{
    for (unsigned int i = 0; i < 1000000; i++) {
        if (HC3(vcpu_op, VCPUOP_is_up, id, 0) == 0)
            return true;
        yield();
    }
    return false;
}

/* ---- tests ---- */

static void life(void)
{
    struct vcpu_guest_context *c;

    SHOW(HC3(vcpu_op, VCPUOP_is_up, 1, 0));
    SHOW(HC3(vcpu_op, VCPUOP_up, 1, 0));                 /* not initialised */
    SHOW(HC3(vcpu_op, VCPUOP_down, 1, 0));
    SHOW(HC3(vcpu_op, VCPUOP_initialise, LIMIT, vcpu_context(1, worker, 0)));
    SHOW(HC3(vcpu_op, VCPUOP_initialise, ~0u, vcpu_context(1, worker, 0)));
    SHOW(HC3(vcpu_op, VCPUOP_initialise, 0, vcpu_context(1, worker, 0)));
    SHOW(HC3(vcpu_op, VCPUOP_initialise, 1, 0x1000));

#define REFUSED(change) do { c = vcpu_context(1, worker, 0); change; show(#change, HC3(vcpu_op, VCPUOP_initialise, 1, c)); } while (0)
    REFUSED(c->user_regs.rip = 0x8000000000000000);
    REFUSED(c->event_callback_eip = 0x8000000000000000);
    REFUSED(c->failsafe_callback_eip = 0x8000000000000000);
    REFUSED(c->syscall_callback_eip = 0x8000000000000000);
    REFUSED(c->fs_base = 0x8000000000000000);
    REFUSED(c->gs_base_kernel = 0x8000000000000000);
    REFUSED(c->gs_base_user = 0x8000000000000000);
    REFUSED(c->trap_ctxt[3].address = 0x8000000000000000);
    REFUSED(c->ctrlreg[3] = 0);
    REFUSED(c->ctrlreg[3] = ~0ul);
    REFUSED(c->ctrlreg[3] = va_to_mfn(page_alloc()) << 12);
    REFUSED(c->ctrlreg[1] = va_to_mfn(page_alloc()) << 12 | 1);
    REFUSED(c->gdt_ents = 8000);
    REFUSED((c->gdt_ents = 512, c->gdt_frames[0] = va_to_mfn(page_alloc())));
    REFUSED(c->ldt_ents = 8193);
    REFUSED((c->ldt_base = 0x8000000000000000, c->ldt_ents = 8));
    REFUSED((c->ldt_base = 8, c->ldt_ents = 8));
    SHOW(HC3(vcpu_op, VCPUOP_is_up, 1, 0));

    /* Some that may be taken, on vCPUs that never run. */
#define MAYBE(id, change) do { c = vcpu_context(1, worker, 0); change; show(#change, HC3(vcpu_op, VCPUOP_initialise, id, c)); } while (0)
    MAYBE(4, (c->ldt_base = 8, c->ldt_ents = 0));
    MAYBE(5, c->user_regs.cs = 0xe008);
    MAYBE(6, c->ldt_base = 0xffff830000000000);
    MAYBE(7, c->gdt_frames[0] = ~0ul);
    MAYBE(7, c->flags = 0);

    SHOW(shared_info->vcpu_info[1].evtchn_upcall_mask);
    for (unsigned int id = 1; id < NR; id++) {
        SHOW(HC3(vcpu_op, VCPUOP_initialise, id, vcpu_context(id, worker, 0)));
        SHOW(HC3(vcpu_op, VCPUOP_initialise, id, vcpu_context(id, worker, 0)));
        SHOW(HC3(vcpu_op, VCPUOP_is_up, id, 0));
        SHOW(HC3(vcpu_op, VCPUOP_up, id, 0));
        SHOW(HC3(vcpu_op, VCPUOP_is_up, id, 0));
        SHOW(HC3(vcpu_op, VCPUOP_up, id, 0));
    }
    for (unsigned int id = 1; id < NR; id++)
        SHOW(wait_for(&alive[id], alive[id] + 3));

    /* Down and up again, where it was. */
    SHOW(HC3(vcpu_op, VCPUOP_down, 1, 0));
    SHOW(HC3(vcpu_op, VCPUOP_is_up, 1, 0));
    for (unsigned int i = 0; i < 100; i++)
        yield();
    const unsigned int before = alive[1];
    for (unsigned int i = 0; i < 1000; i++)
        yield();
    SHOW(alive[1] == before);
    SHOW(HC3(vcpu_op, VCPUOP_up, 1, 0));
    SHOW(wait_for(&alive[1], before + 3));
}

static void ipis(void)
{
    struct evtchn_bind_ipi bind;

    event_handler = on_event;
    events_enable();
    for (unsigned int id = 0; id < NR; id++) {
        bind.vcpu = id;
        SHOW(HC2(event_channel_op, EVTCHNOP_bind_ipi, &bind));
        ipi[id] = bind.port;
        struct evtchn_unmask u = { .port = bind.port };
        SHOW(HC2(event_channel_op, EVTCHNOP_unmask, &u));
    }
    bind.vcpu = LIMIT;
    SHOW(HC2(event_channel_op, EVTCHNOP_bind_ipi, &bind));
    for (unsigned int n = 1; n < 50; n++)
        for (unsigned int id = 0; id < NR; id++) {
            struct evtchn_send send = { .port = ipi[id] };

            CHECK_RC(HC2(event_channel_op, EVTCHNOP_send, &send), 0);
            CHECK(wait_for(&upcalls[id], n));
        }
    SHOW(upcalls[3]);
    /* Moving a port that may not move, and one that may. */
    struct evtchn_bind_vcpu move = { .port = ipi[1], .vcpu = 2 };
    SHOW(HC2(event_channel_op, EVTCHNOP_bind_vcpu, &move));
    struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = DOMID_SELF };
    SHOW(HC2(event_channel_op, EVTCHNOP_alloc_unbound, &a));
    move.port = a.port;
    SHOW(HC2(event_channel_op, EVTCHNOP_bind_vcpu, &move));
    move.vcpu = LIMIT;
    SHOW(HC2(event_channel_op, EVTCHNOP_bind_vcpu, &move));
    struct evtchn_status st = { .dom = DOMID_SELF, .port = a.port };
    SHOW(HC2(event_channel_op, EVTCHNOP_status, &st));
    SHOW(st.vcpu);
    /* A timer's virq is per vCPU: bound on another. */
    struct evtchn_bind_virq virq = { .virq = VIRQ_TIMER, .vcpu = 2 };
    SHOW(HC2(event_channel_op, EVTCHNOP_bind_virq, &virq));
    move.port = virq.port;
    move.vcpu = 0;
    SHOW(HC2(event_channel_op, EVTCHNOP_bind_vcpu, &move));
    virq.virq = VIRQ_CONSOLE;
    SHOW(HC2(event_channel_op, EVTCHNOP_bind_virq, &virq));
    virq.virq = VIRQ_DOM_EXC;
    virq.vcpu = LIMIT;
    SHOW(HC2(event_channel_op, EVTCHNOP_bind_virq, &virq));
    const struct evtchn_close close = { .port = a.port };
    SHOW(HC2(event_channel_op, EVTCHNOP_close, &close));
}

/* A vCPU that blocks and is woken by an IPI. */
static volatile unsigned int blocks;
static void block(unsigned int id)
{
    blocks++;
    HC2(sched_op, SCHEDOP_block, 0);
}

static void poll_port(unsigned int id)
{
    evtchn_port_t port = ipi[id];
    struct sched_poll poll = { .nr_ports = 1 };

    events_disable();
    set_xen_guest_handle(poll.ports, &port);
    blocks++;
    HC2(sched_op, SCHEDOP_poll, &poll);
    __atomic_fetch_and(&shared_info->evtchn_pending[0], ~(1ul << port), __ATOMIC_SEQ_CST);
}

static void waiting(const char *what, job_fn *how)
{
    struct evtchn_send send = { .port = ipi[3] };

    print("= waiting by %s\n", what);
    blocks = 0;
    job[3] = how;
    SHOW(wait_for(&blocks, 1));
    for (unsigned int i = 0; i < 1000; i++)
        yield();
    SHOW(blocks);
    for (unsigned int n = 2; n < 20; n++) {
        CHECK_RC(HC2(event_channel_op, EVTCHNOP_send, &send), 0);
        CHECK(wait_for(&blocks, n));
    }
    job[3] = NULL;
    SHOW(HC2(event_channel_op, EVTCHNOP_send, &send));
    SHOW(wait_for(&alive[3], alive[3] + 2));
}

static void blocking(void)
{
    job[3] = go_down;
    SHOW(wait_down(3));
    SHOW(HC3(vcpu_op, VCPUOP_initialise, 3, vcpu_context(3, worker, 0)));
    SHOW(HC3(vcpu_op, VCPUOP_up, 3, 0));
    SHOW(wait_for(&alive[3], alive[3] + 2));
    waiting("block", block);
    waiting("poll", poll_port);
}

static void await_alive(unsigned int id) { SHOW(wait_for(&alive[id], alive[id] + 3)); }

/* Pages that another vCPU reads all the time are unmapped here: after the flush it must not see them. */
static uint64_t *page;
static volatile unsigned int reader_round, reader_reads;
static void reader(unsigned int id)
{
    uint64_t v;

    for (unsigned int i = 0; i < 16; i++) {
        if (try_read(page, &v))
            reader_reads++;
        reader_round++;
    }
}

static void await_reader(void)
{
    const unsigned int r = reader_round;

    wait_for(&reader_round, r + 100);
}

static void one_flush(const char *what, long (*unmap)(void))
{
    unsigned int before;

    SHOW(make_writable(page));
    await_reader();
    print("= flush %s: %ld\n", what, unmap());
    await_reader();                              /* rounds that had begun */
    before = reader_reads;
    await_reader();
    SHOW(reader_reads == before);
}

static uint64_t mask = ~0ul;
static long unmap_all(void) { return set_pte(page, 0, UVMF_INVLPG | UVMF_ALL); }
static long unmap_multi(void) { return set_pte(page, 0, UVMF_INVLPG | (uint64_t)&mask); }
static long unmap_tlb_all(void) { return set_pte(page, 0, UVMF_TLB_FLUSH | UVMF_ALL); }
static long unmap_tlb_multi(void) { return set_pte(page, 0, UVMF_TLB_FLUSH | (uint64_t)&mask); }
static long ext(unsigned int cmd, uint64_t a1, uint64_t a2)
{
    const long rc = set_pte(page, 0, 0);

    return rc ? rc : mmuext(cmd, a1, a2);
}
static long ext_tlb_all(void) { return ext(MMUEXT_TLB_FLUSH_ALL, 0, 0); }
static long ext_invlpg_all(void) { return ext(MMUEXT_INVLPG_ALL, (uint64_t)page, 0); }
static long ext_tlb_multi(void) { return ext(MMUEXT_TLB_FLUSH_MULTI, 0, (uint64_t)&mask); }
static long ext_invlpg_multi(void) { return ext(MMUEXT_INVLPG_MULTI, (uint64_t)page, (uint64_t)&mask); }

static void flushes(void)
{
    page = page_alloc();
    job[1] = reader;
    one_flush("INVLPG ALL", unmap_all);
    one_flush("INVLPG mask", unmap_multi);
    one_flush("TLB ALL", unmap_tlb_all);
    one_flush("TLB mask", unmap_tlb_multi);
    one_flush("ext TLB ALL", ext_tlb_all);
    one_flush("ext INVLPG ALL", ext_invlpg_all);
    one_flush("ext TLB mask", ext_tlb_multi);
    one_flush("ext INVLPG mask", ext_invlpg_multi);
    SHOW(make_writable(page));
    SHOW(mmuext(MMUEXT_TLB_FLUSH_MULTI, 0, 0x1000));
    SHOW(mmuext(MMUEXT_INVLPG_MULTI, (uint64_t)page, 0x1000));
    SHOW(mmuext(MMUEXT_INVLPG_MULTI, 0xffff830000000000, (uint64_t)&mask));
    SHOW(mmuext(MMUEXT_INVLPG_ALL, 0x8000000000000000, 0));
    SHOW(mmuext(MMUEXT_TLB_FLUSH_MULTI, 0, 0xffff830000000000));
    SHOW(set_pte(page, pte(page, PTE_RW), UVMF_INVLPG | 0x1000));
    job[1] = NULL;
    await_alive(1);
}

static struct vcpu_runstate_info areas[NR];

static void runstates(void)
{
    for (unsigned int id = 0; id < NR; id++) {
        struct vcpu_register_runstate_memory_area r = { 0 };
        struct vcpu_runstate_info now;

        r.addr.h.p = &areas[id];
        SHOW(HC3(vcpu_op, VCPUOP_register_runstate_memory_area, id, &r));
        SHOW(HC3(vcpu_op, VCPUOP_get_runstate_info, id, &now));
        SHOW(now.state == RUNSTATE_running || now.state == RUNSTATE_runnable || now.state == RUNSTATE_blocked || now.state == RUNSTATE_offline);
        SHOW(now.time[0] + now.time[1] + now.time[2] + now.time[3] != 0);
    }
    SHOW(areas[0].state);
    for (unsigned int i = 0; i < 1000; i++)
        yield();
    SHOW(areas[1].state_entry_time != 0);
}

/* A page of its own: it is made read-only while other vCPUs run. */
static struct vcpu_info own_info[4096 / sizeof(struct vcpu_info)] __attribute__((aligned(4096)));

static void infos(void)
{
    const uint64_t page_mfn = va_to_mfn((void *)((uint64_t)own_info & ~4095ul)), offset = (uint64_t)own_info & 4095;
    struct vcpu_register_vcpu_info r = { .mfn = page_mfn, .offset = (uint32_t)offset };

    SHOW(HC3(vcpu_op, VCPUOP_register_vcpu_info, LIMIT, &r));
    r.offset = 4096 - 32;
    SHOW(HC3(vcpu_op, VCPUOP_register_vcpu_info, 0, &r));
    r.offset = ~0u;
    SHOW(HC3(vcpu_op, VCPUOP_register_vcpu_info, 0, &r));
    r.offset = (uint32_t)offset;
    r.mfn = ~0ul;
    SHOW(HC3(vcpu_op, VCPUOP_register_vcpu_info, 0, &r));
    r.mfn = va_to_mfn(pte_of(own_info));
    SHOW(HC3(vcpu_op, VCPUOP_register_vcpu_info, 0, &r));
    SHOW(HC3(vcpu_op, VCPUOP_register_vcpu_info, 0, 0x1000));
    r.mfn = page_mfn;
    SHOW(HC3(vcpu_op, VCPUOP_register_vcpu_info, 2, &r));   /* it runs: refused */
    job[2] = go_down;
    SHOW(wait_down(2));
    r.offset = (uint32_t)offset + 2 * sizeof(*own_info) + 1;
    SHOW(HC3(vcpu_op, VCPUOP_register_vcpu_info, 2, &r));
    r.offset--;
    SHOW(HC3(vcpu_op, VCPUOP_register_vcpu_info, 2, &r));
    SHOW(HC3(vcpu_op, VCPUOP_register_vcpu_info, 2, &r));
    SHOW(make_readonly((void *)((uint64_t)own_info & ~4095ul)));
    SHOW(make_writable((void *)((uint64_t)own_info & ~4095ul)));
    vcpu_info_of[2] = &own_info[2];
    SHOW(own_info[2].time.version != 0 && own_info[2].time.tsc_to_system_mul != 0);
    SHOW(own_info[2].evtchn_upcall_pending);
    own_info[2].evtchn_upcall_mask = 0;
    SHOW(HC3(vcpu_op, VCPUOP_up, 2, 0));
    await_alive(2);
    const unsigned int before = upcalls[2];
    struct evtchn_send send = { .port = ipi[2] };
    SHOW(HC2(event_channel_op, EVTCHNOP_send, &send));
    SHOW(wait_for(&upcalls[2], before + 1));
    r.offset = (uint32_t)offset;
    events_disable();
    SHOW(HC3(vcpu_op, VCPUOP_register_vcpu_info, 0, &r));
    vcpu_info_of[0] = &own_info[0];
    SHOW(own_info[0].evtchn_upcall_pending);
    events_enable();
    send.port = ipi[0];
    const unsigned int before0 = upcalls[0];
    SHOW(HC2(event_channel_op, EVTCHNOP_send, &send));
    SHOW(wait_for(&upcalls[0], before0 + 1));
}

void test_main(void)
{
    life();
    ipis();
    blocking();
    flushes();
    runstates();
    infos();
}
