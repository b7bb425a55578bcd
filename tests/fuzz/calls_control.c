/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the control domain does to guests: their life, and domctl operations with arguments from the input. */
#include "calls.h"

#include <xen/domctl.h>

#define MAX_LIVES 6u /* building a domain takes as long as a hundred hypercalls */

static bool changes_the_machine(uint32_t cmd)
{
    switch (cmd) {
    case XEN_DOMCTL_createdomain: case XEN_DOMCTL_destroydomain: case XEN_DOMCTL_setvcpuaffinity:
    case XEN_DOMCTL_set_virq_handler: case XEN_DOMCTL_iomem_permission: case XEN_DOMCTL_memory_mapping:
        return true;
    default:
        return false;
    }
}

static void lay_out(struct input *in, unsigned int who, struct xen_domctl *op)
{
    uint64_t va;
    uint64_t *buffer = args_alloc(512, &va);
    uint8_t *u = (uint8_t *)&op->u;

    buffer[0] = in64(in);
    for (unsigned int i = 0; i < 16; i++)
        u[i] = in8(in) & 7;
    if (op->cmd == XEN_DOMCTL_setvcpucontext) {
        struct vcpu_guest_context *c = args_alloc(sizeof(*c), &va);

        c->flags = VGCF_in_kernel | VGCF_online;
        c->user_regs.rip = 0x1000;
        c->ctrlreg[3] = xen_pfn_to_cr3(in_mfn(in, who));
        c->ctrlreg[1] = in8(in) & 1 ? xen_pfn_to_cr3(in_mfn(in, who)) : 0;
        c->gdt_ents = in8(in) & 1 ? in16(in) : 0;
        c->gdt_frames[0] = in_mfn(in, who);
        op->u.vcpucontext.vcpu = in_small(in, 2);
        op->u.vcpucontext.ctxt.p = in8(in) < 0x40 ? NULL : (void *)(uintptr_t)va;
    } else if (op->cmd == XEN_DOMCTL_hypercall_init) {
        op->u.hypercall_init.gmfn = in_mfn(in, who);
    } else if (op->cmd == XEN_DOMCTL_getpageframeinfo3) {
        op->u.getpageframeinfo3.num = in8(in) & 31;
        op->u.getpageframeinfo3.array.p = (void *)(uintptr_t)va;
    } else if (op->cmd == XEN_DOMCTL_max_mem) {
        op->u.max_mem.max_memkb = in8(in) * 2;
    } else if (in8(in) & 1) {
        memcpy(u + 8, &va, sizeof(va));
    }
}

static void domctl(struct input *in, unsigned int who)
{
    struct xen_domctl op = { .cmd = in8(in) % 90, .domain = (domid_t)who };

    if (changes_the_machine(op.cmd))
        op.cmd = XEN_DOMCTL_getdomaininfo;
    lay_out(in, who, &op);
    control_domctl(&op);
}

static void simple(unsigned int who, uint32_t cmd)
{
    struct xen_domctl op = { .cmd = cmd, .domain = (domid_t)who };

    control_domctl(&op);
}

void control_step(struct input *in)
{
    const uint8_t b = in8(in);
    const unsigned int who = b & 1 ? GUEST_A : GUEST_B;

    if (b < 0x08 && world[who].lives < MAX_LIVES)
        world_rebirth(who);
    else if (b < 0x20)
        simple(who, XEN_DOMCTL_pausedomain);
    else if (b < 0x40)
        simple(who, XEN_DOMCTL_unpausedomain);
    else if (b < 0x50)
        simple(who, XEN_DOMCTL_resumedomain);
    else if (b < 0x54)
        simple(who, XEN_DOMCTL_destroydomain);
    else
        domctl(in, who);
}
