/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers from the input, and the hypercalls without a family; see calls.h. */
#include "calls.h"

#include <hv/grant/table.h>
#include <xen/callback.h>
#include <xen/vcpu.h>
#include <xen/version.h>

uint64_t in_bytes(struct input *in, unsigned int n)
{
    uint64_t v = 0;

    for (unsigned int i = 0; i < n && in->left != 0; i++, in->left--)
        v |= (uint64_t)*in->p++ << (8 * i);
    return v;
}

uint32_t in_small(struct input *in, unsigned int limit)
{
    const uint8_t b = in8(in);

    if (b < 0xf0)
        return b % limit;
    return b < 0xf8 ? limit : in32(in);
}

static uint64_t shown_page(unsigned int who, unsigned int n)
{
    const struct domain *d = world_domain(who);
    const struct grant_table *t = d ? d->grants : NULL;

    if (t == NULL)
        return 0;
    if (n % 4 == 0)
        return va_mfn(d->shared_info).v;
    if (n % 4 == 1 && t->nr_status)
        return va_mfn(t->status[0]).v;
    return t->nr_frames ? va_mfn(t->frame[n % t->nr_frames]).v : 0;
}

uint64_t in_mfn(struct input *in, unsigned int self)
{
    const uint8_t b = in8(in);

    if (b < 0xc0)
        return world[self].page[b % GUEST_PAGES];
    if (b < 0xd8)
        return world[b % 3].page[in8(in) % GUEST_PAGES];
    if (b < 0xdc)
        return world[WITNESS].page[in8(in) % GUEST_PAGES];
    if (b < 0xf0)
        return shown_page(b & 4 ? self : in8(in) % NR_WORLD, b);
    return b < 0xfc ? in16(in) % (MACHINE_FRAMES + 8) : in64(in) & 0xffffffffffULL;
}

/* Trust: the control domain may map anybody's pages; it is not asked to do so with the witness's. */
uint64_t in_pte(struct input *in, unsigned int self)
{
    static const uint64_t flags[16] = {
        0x67, 0x65, 0x63, 0x61, 0x67 | PTE_NX, 0x65 | PTE_NX, 0x27, 0x25, 0x60, 0, 0x167, 0xe7, 0x77, 0x6f, 0x67 | PTE_GUEST_KERNEL, 0xe65,
    };
    const uint8_t b = in8(in);
    uint64_t mfn;

    if (b >= 0xf8)
        return self == CONTROL ? 0 : in64(in);
    if ((b & 15) == 9)
        return 0;
    mfn = in_mfn(in, self);
    if (self == CONTROL && mfn < MACHINE_FRAMES && frame_of(MFN(mfn))->owner == WITNESS)
        mfn = world[CONTROL].page[FIRST_DATA];
    return mfn * PAGE_SIZE + flags[b & 15];
}

uint64_t in_va(struct input *in)
{
    const uint8_t b = in8(in);

    if (b < 0xe0)
        return GUEST_VA + b % 40 * PAGE_SIZE;
    if (b < 0xf0)
        return GUEST_VA + in16(in) * 8ULL;
    return in64(in);
}

domid_t in_domid(struct input *in, unsigned int self)
{
    static const domid_t special[4] = { DOMID_IO, DOMID_XEN, DOMID_INVALID, DOMID_COW };
    const uint8_t b = in8(in);

    if (b < 0x80)
        return DOMID_SELF;
    if (b < 0xa0)
        return (domid_t)self;
    if (b < 0xf0)
        return (domid_t)(b % (self == CONTROL ? WITNESS : NR_WORLD));
    return b < 0xfc ? special[b % 4] : in16(in);
}

/* ---- vCPUs, scheduling, time ---- */

static void vcpu_op_argument(struct input *in, unsigned int self, uint32_t cmd, uint64_t *va)
{
    if (cmd == VCPUOP_register_vcpu_info) {
        struct vcpu_register_vcpu_info *a = args_alloc(sizeof(*a), va);

        a->mfn = in_mfn(in, self);
        a->offset = in16(in) & (in8(in) < 0xf0 ? 0xfc0 : 0xffff);
    } else if (cmd == VCPUOP_register_runstate_memory_area || cmd == VCPUOP_register_vcpu_time_memory_area) {
        uint64_t *a = args_alloc(sizeof(*a), va);

        *a = in_va(in);
    } else if (cmd == VCPUOP_initialise) {
        struct vcpu_guest_context *c = args_alloc(sizeof(*c), va);

        c->flags = VGCF_in_kernel | (in8(in) & 1 ? VGCF_online : 0);
        c->user_regs.rip = 0x1000;
        c->ctrlreg[3] = xen_pfn_to_cr3(in_mfn(in, self));
        c->gdt_ents = in8(in);
        c->gdt_frames[0] = in_mfn(in, self);
    } else {
        uint64_t *a = args_alloc(64, va);

        a[0] = in32(in) * 1000ULL;
        a[1] = in8(in);
    }
}

void make_vcpu_op(struct input *in, unsigned int self, struct call *c)
{
    static const uint8_t cmds[16] = {
        VCPUOP_initialise, VCPUOP_up, VCPUOP_down, VCPUOP_is_up, VCPUOP_get_runstate_info, VCPUOP_register_runstate_memory_area,
        VCPUOP_set_periodic_timer, VCPUOP_stop_periodic_timer, VCPUOP_set_singleshot_timer, VCPUOP_stop_singleshot_timer,
        VCPUOP_register_vcpu_info, VCPUOP_send_nmi, VCPUOP_get_physid, VCPUOP_register_vcpu_time_memory_area, VCPUOP_up, VCPUOP_register_vcpu_info,
    };
    uint32_t cmd = cmds[in8(in) & 15];

    if (cmd == VCPUOP_down && in8(in) & 3)
        cmd = VCPUOP_up;
    if (self == CONTROL)
        cmd = VCPUOP_is_up;
    *c = (struct call){ __HYPERVISOR_vcpu_op, { cmd, in_small(in, 2) } };
    vcpu_op_argument(in, self, cmd, &c->a[2]);
}

/* Domains that stop themselves all the time would test little else; the control domain never does. */
void make_sched_op(struct input *in, unsigned int self, struct call *c)
{
    const uint8_t b = in8(in);
    uint32_t *a;

    *c = (struct call){ __HYPERVISOR_sched_op, { SCHEDOP_yield } };
    a = args_alloc(64, &c->a[1]);
    if (b < 0x40 || self == CONTROL)
        return;
    if (b < 0x80) {
        uint64_t ports;
        evtchn_port_t *list = args_alloc(16, &ports);
        struct sched_poll *p = (void *)a;

        for (unsigned int i = 0; i < 4; i++)
            list[i] = in_small(in, 16);
        p->ports.p = (void *)(uintptr_t)ports;
        p->nr_ports = in8(in) & 7;
        p->timeout = host_now_ns + in16(in) * 1000ULL;
        c->a[0] = SCHEDOP_poll;
    } else if (b < 0xc0) {
        c->a[0] = SCHEDOP_watchdog;
        a[0] = in_small(in, 4);
        a[1] = in8(in);
    } else if (b < 0xf0) {
        c->a[0] = SCHEDOP_block;
    } else {
        c->a[0] = b & 15;
        a[0] = in16(in);
        a[1] = in8(in);
    }
}

void make_timer(struct input *in, unsigned int self, struct call *c)
{
    const uint8_t b = in8(in);

    *c = (struct call){ __HYPERVISOR_set_timer_op, { b < 0xf0 ? host_now_ns + b * 10000ULL : in64(in) } };
}

/* ---- the rest ---- */

static void make_version(struct input *in, struct call *c)
{
    uint64_t *a;

    *c = (struct call){ __HYPERVISOR_xen_version, { in8(in) % 14 } };
    a = args_alloc(2048, &c->a[1]);
    a[0] = in8(in);
}

static void make_trap_table(struct input *in, struct call *c)
{
    struct trap_info *t;

    *c = (struct call){ __HYPERVISOR_set_trap_table, { 0 } };
    t = args_alloc(4 * sizeof(*t), &c->a[0]);
    for (unsigned int i = 0; i < 3; i++)
        t[i] = (struct trap_info){ in8(in), in8(in), in16(in), in_va(in) };
}

static void make_callback(struct input *in, struct call *c)
{
    struct callback_register *r;

    *c = (struct call){ __HYPERVISOR_callback_op, { in8(in) & 3 } };
    r = args_alloc(sizeof(*r), &c->a[1]);
    *r = (struct callback_register){ .type = in8(in) & 7, .flags = in8(in), .address = in_va(in) };
}

void make_misc(struct input *in, unsigned int self, struct call *c)
{
    const uint8_t b = in8(in);

    switch (b % 6) {
    case 0: make_version(in, c); break;
    case 1: make_trap_table(in, c); break;
    case 2: make_callback(in, c); break;
    case 3: *c = (struct call){ __HYPERVISOR_vm_assist, { in8(in) & 1, in_small(in, 40) } }; break;
    case 4: *c = (struct call){ __HYPERVISOR_set_debugreg, { in_small(in, 8), in64(in) } }; break;
    default: *c = (struct call){ __HYPERVISOR_set_callbacks, { in_va(in), in_va(in), in_va(in) } }; break;
    }
}

/* Anything; but the control domain is trusted, and the end of a guest has steps of its own. */
void make_raw(struct input *in, unsigned int self, struct call *c)
{
    uint64_t va, *words = args_alloc(128, &va);
    const uint8_t which = in8(in);

    for (unsigned int i = 0; i < 8; i++)
        words[i] = in_bytes(in, 1 + (which >> 6));
    *c = (struct call){ in8(in) & 63, { in16(in), in32(in), in16(in), in16(in), in16(in) } };
    for (unsigned int i = 0; i < 5; i++)
        if (which >> i & 1)
            c->a[i] = va + 8 * i;
    if (self == CONTROL || c->nr == __HYPERVISOR_sched_op || c->nr == __HYPERVISOR_sched_op_compat)
        c->nr = __HYPERVISOR_xen_version;
}

void make_any(struct input *in, unsigned int self, struct call *c)
{
    static call_maker *const makers[] = {
        make_mmu_update, make_mmuext, make_va_mapping, make_memory_op, make_event, make_grant, make_descriptors, make_misc,
        make_timer, make_vcpu_op, make_event, make_grant,
    };

    makers[in8(in) % array_size(makers)](in, self, c);
}

/* ---- writes without a hypercall ---- */

static uint64_t *word_of_page(uint64_t mfn, unsigned int word)
{
    return (uint64_t *)mfn_va(MFN(mfn)) + word % PT_ENTRIES;
}

/* Its own page, if it has it writable (or could have). */
static uint64_t *own_word(struct input *in, unsigned int self)
{
    const uint64_t mfn = in_mfn(in, self);
    const struct frame *f = frame_of(MFN(mfn));

    if (mfn >= MACHINE_FRAMES || f->owner != self || f->refs == 0)
        return NULL;
    if (frame_type_count(f->type_info) != 0 && frame_type_of(f->type_info) != FRAME_WRITABLE)
        return NULL;
    return word_of_page(mfn, in16(in));
}

/* An entry of the grant table that says something. */
static void write_grant(struct input *in, unsigned int self)
{
    const struct domain *d = world_domain(self);
    const struct grant_table *t = d->grants;
    const unsigned int ref = in8(in) % 24;
    const uint16_t flags = in8(in) & 0xf3;
    const domid_t to = (domid_t)(in8(in) % NR_WORLD);

    if (t->nr_frames == 0)
        return;
    if (grant_is_v2(t)) {
        grant_entry_v2_t *e = (grant_entry_v2_t *)t->frame[0] + ref;

        e->full_page.hdr = (grant_entry_header_t){ flags, to };
        if ((flags & GTF_type_mask) == GTF_transitive) {
            e->transitive.trans_domid = (domid_t)(in8(in) % NR_WORLD);
            e->transitive.gref = in8(in) % 24;
        } else {
            e->full_page.frame = in_mfn(in, self);
            e->sub_page.page_off = in16(in);
            e->sub_page.length = in16(in);
        }
    } else {
        grant_entry_v1_t *e = (grant_entry_v1_t *)t->frame[0] + ref;

        *e = (grant_entry_v1_t){ flags & 0x1f, to, (uint32_t)in_mfn(in, self) };
    }
}

void guest_scribble(struct input *in, unsigned int self)
{
    const struct domain *d = world_domain(self);
    const uint8_t b = in8(in);
    uint64_t *word = NULL;

    if (d == NULL || self == WITNESS)
        return;
    switch (b & 7) {
    case 0: case 1: case 2: write_grant(in, self); return;
    case 3: word = (uint64_t *)d->shared_info + in8(in) % 64; break; /* vcpu_info, pending */
    case 4: word = (uint64_t *)d->shared_info + in16(in) % PT_ENTRIES; break;
    case 5: word = (uint64_t *)machine_args + in16(in) % (ARGS_BYTES / 8); break;
    default: word = own_word(in, self); break;
    }
    if (word != NULL)
        *word = b & 0x80 ? in64(in) : b & 0x40 ? in_pte(in, self) : in_small(in, 32);
}
