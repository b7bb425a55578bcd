/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The nursery's domains: from the ELF image that the control domain got as its module, whole or only begun. */
#include "nursery.h"

#define NR_VCPUS 8u

void child_init(struct child *c)
{
    c->console.ring = page_alloc();
    c->mailbox = page_alloc();
    CHECK_RC(set_pte(c->console.ring, 0, UVMF_INVLPG), 0);
    CHECK_RC(set_pte(c->mailbox, 0, UVMF_INVLPG), 0);
    c->dom = (struct built){ .nr_pages = NR_PAGES, .nr_vcpus = NR_VCPUS, .max_grant_frames = 8, .max_maptrack_frames = 16, .cmd_line = c->cmd_line, .p2m = c->p2m };
}

static void write_cmd_line(struct child *c)
{
    char *p = append(c->cmd_line, "seed=");

    p = append_number(p, c->seed);
    p = append(p, " count=");
    p = append_number(p, option("count", 3000));
    *append(p, c->is_guard ? " guard=1" : "") = '\0';
}

static void start(struct child *c, uint64_t entry)
{
    static struct vcpu_guest_context context;

    built_set_context(&c->dom, entry);
    /* Back to the beginning: the page tables are let go, the vCPU is down and has no context. */
    set_xen_guest_handle(ctl.u.vcpucontext.ctxt, (vcpu_guest_context_t *)NULL);
    CHECK_RC(domctl(&c->dom, XEN_DOMCTL_setvcpucontext), 0);
    set_xen_guest_handle(ctl.u.vcpucontext.ctxt, &context);
    CHECK_RC(domctl(&c->dom, XEN_DOMCTL_getvcpucontext), -XEN_ENODATA);
    built_set_context(&c->dom, entry);
    CHECK_RC(domctl(&c->dom, XEN_DOMCTL_unpausedomain), 0);
}

bool child_create(struct child *c, unsigned int steps)
{
    c->console.n = 0;
    c->said_pass = c->is_over = false;
    if (!built_create(&c->dom))
        return false;
    if (steps == 0)
        return true;
    built_populate(&c->dom, 0);
    if (steps == 1)
        return true;
    const uint64_t entry = built_load(&c->dom, (const void *)start_info->mod_start);
    write_cmd_line(c);
    built_write_start_info(&c->dom);
    if (steps == 2)
        return true;
    built_make_tables(&c->dom);
    CHECK(show_frame(&c->dom, c->console.ring, built_console_pfn(&c->dom)));
    CHECK(show_frame(&c->dom, c->mailbox, built_store_pfn(&c->dom)));
    ((struct mailbox *)c->mailbox)->self = c->dom.id;
    if (steps == 3)
        return true;
    start(c, entry);
    return true;
}

void child_destroy(struct child *c)
{
    CHECK_RC(set_pte(c->console.ring, 0, UVMF_INVLPG), 0);
    CHECK_RC(set_pte(c->mailbox, 0, UVMF_INVLPG), 0);
    built_destroy(&c->dom);
}
