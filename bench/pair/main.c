/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The control domain of bench/pair: builds two domains from the image that it got as its module, and gives them tasks. */
#include "pair.h"
#include "../../tests/guest/nursery/builder.h"

const char test_name[] = "bench";

#define NR_PAGES 4096u
#define MEASURES 0u
#define ANSWERS  1u
#define PAUSE_NS 10000000ul

static struct partner {
    struct built dom;
    xen_pfn_t p2m[NR_PAGES];
    struct console console;
    struct mail *mail;
} partners[2];

static void *empty_page(void)
{
    void *page = page_alloc();

    MUST(set_pte(page, 0, UVMF_INVLPG));
    return page;
}

/* RDTSC is the domain's own instruction, whatever the machine's TSC is like. */
static void make_tsc_native(const struct built *d)
{
    ctl.u.tsc_info = (struct xen_domctl_tsc_info){ .tsc_mode = 2 };
    MUST(domctl(d, XEN_DOMCTL_settscinfo));
}

static void build(struct partner *p)
{
    p->dom = (struct built){ .nr_pages = NR_PAGES, .nr_vcpus = 2, .max_grant_frames = 64, .max_maptrack_frames = 1024,
                             .cmd_line = (const char *)start_info->cmd_line, .p2m = p->p2m };
    p->console.ring = empty_page();
    p->mail = empty_page();
    MUST(built_create(&p->dom) ? 0 : -1);
    make_tsc_native(&p->dom);
    built_populate(&p->dom, 0);
    const uint64_t entry = built_load(&p->dom, (const void *)start_info->mod_start);

    built_write_start_info(&p->dom);
    built_make_tables(&p->dom);
    MUST(show_frame(&p->dom, p->console.ring, built_console_pfn(&p->dom)) ? 0 : -1);
    MUST(show_frame(&p->dom, p->mail, built_store_pfn(&p->dom)) ? 0 : -1);
    built_set_context(&p->dom, entry);
}

/* A channel between the two; none of it is ours. */
static void introduce(struct partner *a, struct partner *b)
{
    struct evtchn_alloc_unbound op = { .dom = a->dom.id, .remote_dom = b->dom.id };

    MUST(HC2(event_channel_op, EVTCHNOP_alloc_unbound, &op));
    a->mail->port = b->mail->port = op.port;
    a->mail->peer = b->dom.id;
    b->mail->peer = a->dom.id;
    a->mail->measures = true;
}

static void drain_and_sleep(void)
{
    struct sched_poll poll = { .timeout = system_time() + PAUSE_NS };

    for (unsigned int i = 0; i < 2; i++)
        while (console_line(&partners[i].console))
            print("%s\n", partners[i].console.line);
    HC2(sched_op, SCHEDOP_poll, &poll);
}

static void give_task(enum task task)
{
    struct mail *a = partners[MEASURES].mail, *b = partners[ANSWERS].mail;

    b->task = task;
    while (b->ready != task)
        drain_and_sleep();
    a->task = task;
    while (a->done != task)
        drain_and_sleep();
    b->task = TASK_NONE;
    while (b->done != task)
        drain_and_sleep();
}

static void control_main(void)
{
    builder_init();
    for (unsigned int i = 0; i < 2; i++)
        build(&partners[i]);
    introduce(&partners[MEASURES], &partners[ANSWERS]);
    for (unsigned int i = 0; i < 2; i++)
        MUST(domctl(&partners[i].dom, XEN_DOMCTL_unpausedomain));
    for (enum task task = TASK_EVENTS; task < NR_TASKS; task++)
        give_task(task);
    drain_and_sleep();
    print("BENCH-END\n");
}

void test_main(void)
{
    events_disable();
    HC3(vcpu_op, VCPUOP_stop_periodic_timer, 0, 0);
    if (start_info->flags & SIF_INITDOMAIN)
        control_main();
    else
        domain_main();
}
