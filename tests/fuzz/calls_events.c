/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Event channels and grants; see calls.h. */
#include "calls.h"

#include <xen/event_channel.h>
#include <xen/grant_table.h>

#define NR_PORTS 24u
#define NR_REFS  24u

/* ---- event channels ---- */

static void *event_argument(struct call *c, uint32_t cmd, size_t bytes)
{
    *c = (struct call){ __HYPERVISOR_event_channel_op, { cmd } };
    return args_alloc(bytes, &c->a[1]);
}

/* Another domain that answers to the name: the witness's ports are not the control domain's to close. */
static domid_t peer(struct input *in, unsigned int self)
{
    return in8(in) < 0xd0 ? (domid_t)(in8(in) % WITNESS) : in_domid(in, self);
}

static void make_fifo(struct input *in, unsigned int self, struct call *c)
{
    if (in8(in) & 1) {
        struct evtchn_expand_array *a = event_argument(c, EVTCHNOP_expand_array, sizeof(*a));

        a->array_gfn = in_mfn(in, self);
    } else {
        struct evtchn_init_control *a = event_argument(c, EVTCHNOP_init_control, sizeof(*a));

        a->control_gfn = in_mfn(in, self);
        a->offset = in16(in) & 0xff8;
        a->vcpu = in_small(in, 2);
    }
}

static void make_bind(struct input *in, unsigned int self, struct call *c)
{
    uint32_t *a;

    switch (in8(in) & 7) {
    case 0: case 1: {
        struct evtchn_alloc_unbound *u = event_argument(c, EVTCHNOP_alloc_unbound, sizeof(*u));

        u->dom = in8(in) < 0xc0 ? DOMID_SELF : in_domid(in, self);
        u->remote_dom = peer(in, self);
        if (self == CONTROL && u->dom == WITNESS)
            u->dom = DOMID_SELF;
        break;
    }
    case 2: case 3: {
        struct evtchn_bind_interdomain *b = event_argument(c, EVTCHNOP_bind_interdomain, sizeof(*b));

        b->remote_dom = peer(in, self);
        b->remote_port = in_small(in, NR_PORTS);
        break;
    }
    case 4: {
        struct evtchn_bind_virq *b = event_argument(c, EVTCHNOP_bind_virq, sizeof(*b));

        b->virq = in_small(in, NR_VIRQS);
        b->vcpu = in_small(in, 2);
        break;
    }
    case 5:
        a = event_argument(c, EVTCHNOP_bind_ipi, 16);
        a[0] = in_small(in, 2);
        break;
    default:
        a = event_argument(c, in8(in) % 16, 32);
        a[0] = in_small(in, NR_PORTS);
        a[1] = in_small(in, 4);
        if (self == CONTROL)
            c->a[0] = EVTCHNOP_status;
        break;
    }
}

void make_event(struct input *in, unsigned int self, struct call *c)
{
    static const uint8_t simple[8] = {
        EVTCHNOP_send, EVTCHNOP_send, EVTCHNOP_send, EVTCHNOP_unmask, EVTCHNOP_bind_vcpu, EVTCHNOP_set_priority, EVTCHNOP_close, EVTCHNOP_send,
    };
    const uint8_t b = in8(in);
    uint32_t *a;

    if (b < 0x60) {
        make_bind(in, self, c);
    } else if (b < 0x74) {
        make_fifo(in, self, c);
    } else if (b < 0x78) {
        struct evtchn_reset *r = event_argument(c, EVTCHNOP_reset, sizeof(*r));

        r->dom = self == CONTROL ? (domid_t)(in8(in) % WITNESS) : in_domid(in, self);
    } else {
        a = event_argument(c, simple[b & 7], 16);
        a[0] = in_small(in, NR_PORTS);
        a[1] = in_small(in, 16);
    }
}

/* ---- grants ---- */

static void *grant_array(struct call *c, uint32_t cmd, unsigned int n, size_t bytes)
{
    *c = (struct call){ __HYPERVISOR_grant_table_op, { cmd, 0, n } };
    return args_alloc(n * bytes, &c->a[1]);
}

static domid_t granter(struct input *in, unsigned int self)
{
    const uint8_t b = in8(in);

    return b < 0xf0 ? (domid_t)(b % (self == CONTROL ? WITNESS : NR_WORLD)) : in_domid(in, self);
}

static uint64_t host_address(struct input *in, unsigned int self, uint32_t flags)
{
    return flags & GNTMAP_contains_pte ? in_mfn(in, self) * PAGE_SIZE + in8(in) * 8ULL : in_va(in);
}

static uint32_t map_flags(struct input *in)
{
    const uint8_t b = in8(in);

    return b < 0xe0 ? GNTMAP_host_map | (b & 1 ? GNTMAP_readonly : 0) | (b & 2 ? GNTMAP_application_map : 0) | ((b & 12) == 12 ? GNTMAP_contains_pte : 0)
                    : in16(in) & 0x3f;
}

/* By handle. */
#define NR_REMEMBERED 8u
static struct { uint64_t host_addr; } mapping[NR_WORLD][NR_REMEMBERED];

void forget_mappings(void)
{
    memset(mapping, 0, sizeof(mapping));
}

void note_mappings(unsigned int self, const struct call *c)
{
    const struct gnttab_map_grant_ref *op = (const void *)(machine_args + (c->a[1] - ARGS_VA));

    for (unsigned int i = 0; i < c->a[2]; i++)
        if (op[i].status == GNTST_okay && op[i].handle < NR_REMEMBERED)
            mapping[self][op[i].handle].host_addr = op[i].host_addr;
}

/* Mostly one that is there, at the page after those that a guest has from the start. */
static uint32_t some_ref(struct input *in)
{
    const uint8_t b = in8(in);

    return b < 0xc0 ? FIRST_GRANT + b % NR_GRANTS : in_small(in, NR_REFS);
}

static uint64_t remembered(unsigned int self, uint32_t handle)
{
    return handle < NR_REMEMBERED ? mapping[self][handle].host_addr : 0;
}

static void make_map(struct input *in, unsigned int self, struct call *c)
{
    const unsigned int n = 1 + (in8(in) & 1);
    struct gnttab_map_grant_ref *op = grant_array(c, GNTTABOP_map_grant_ref, n, sizeof(*op));

    for (unsigned int i = 0; i < n; i++) {
        op[i].flags = map_flags(in);
        op[i].host_addr = host_address(in, self, op[i].flags);
        op[i].ref = some_ref(in);
        op[i].dom = granter(in, self);
    }
}

static void make_unmap(struct input *in, unsigned int self, struct call *c)
{
    const unsigned int n = 1 + (in8(in) & 1);

    if (in8(in) & 3) {
        struct gnttab_unmap_grant_ref *op = grant_array(c, GNTTABOP_unmap_grant_ref, n, sizeof(*op));

        for (unsigned int i = 0; i < n; i++) {
            op[i].handle = in_small(in, 8);
            op[i].host_addr = in8(in) & 7 ? remembered(self, op[i].handle) : host_address(in, self, 0);
            op[i].dev_bus_addr = in8(in) < 0xf0 ? 0 : in_mfn(in, self) * PAGE_SIZE;
        }
    } else {
        struct gnttab_unmap_and_replace *op = grant_array(c, GNTTABOP_unmap_and_replace, 1, sizeof(*op));

        op->handle = in_small(in, 8);
        op->host_addr = in8(in) & 7 ? remembered(self, op->handle) : in_va(in);
        op->new_addr = in_va(in);
    }
}

static void copy_end(struct input *in, unsigned int self, struct gnttab_copy *op, bool source)
{
    const uint8_t b = in8(in);
    const domid_t id = granter(in, self);
    const uint16_t offset = in16(in) & 0xfff;

    op->flags |= b & 1 ? source ? GNTCOPY_source_gref : GNTCOPY_dest_gref : 0;
    if (source) {
        op->source.domid = b & 1 ? id : DOMID_SELF;
        op->source.offset = offset;
        if (b & 1)
            op->source.u.ref = some_ref(in);
        else
            op->source.u.gmfn = in_mfn(in, self);
    } else {
        op->dest.domid = b & 1 ? id : DOMID_SELF;
        op->dest.offset = offset;
        if (b & 1)
            op->dest.u.ref = some_ref(in);
        else
            op->dest.u.gmfn = in_mfn(in, self);
    }
}

static void make_copy(struct input *in, unsigned int self, struct call *c)
{
    const unsigned int n = 1 + (in8(in) & 1);
    struct gnttab_copy *op = grant_array(c, GNTTABOP_copy, n, sizeof(*op));

    for (unsigned int i = 0; i < n; i++) {
        copy_end(in, self, &op[i], true);
        copy_end(in, self, &op[i], false);
        op[i].len = in16(in) & 0x1fff;
    }
}

static void make_transfer(struct input *in, unsigned int self, struct call *c)
{
    struct gnttab_transfer *op = grant_array(c, GNTTABOP_transfer, 1, sizeof(*op));

    op->mfn = in_mfn(in, self);
    op->domid = granter(in, self);
    op->ref = in_small(in, NR_REFS);
}

static void make_table_op(struct input *in, unsigned int self, struct call *c)
{
    const uint8_t b = in8(in);
    uint32_t *a;
    uint64_t list;

    if (b < 0x80) {
        struct gnttab_setup_table *op = grant_array(c, GNTTABOP_setup_table, 1, sizeof(*op));

        args_alloc(64, &list);
        op->dom = b & 0x70 ? DOMID_SELF : in_domid(in, self);
        op->nr_frames = b & 3;
        op->frame_list.p = (void *)(uintptr_t)list;
    } else if (b < 0xa0) {
        a = grant_array(c, GNTTABOP_set_version, 1, 16);
        a[0] = 1 + (b & 1);
    } else if (b < 0xb0) {
        struct gnttab_get_status_frames *op = grant_array(c, GNTTABOP_get_status_frames, 1, sizeof(*op));

        args_alloc(64, &list);
        op->dom = b & 12 ? DOMID_SELF : in_domid(in, self);
        op->nr_frames = b & 3;
        op->frame_list.p = (void *)(uintptr_t)list;
    } else if (b < 0xd0) {
        a = grant_array(c, GNTTABOP_swap_grant_ref, 1, 16);
        a[0] = in_small(in, NR_REFS);
        a[1] = in_small(in, NR_REFS);
    } else {
        a = grant_array(c, in8(in) % 13, 1, 64);
        for (unsigned int i = 0; i < 10; i++)
            a[i] = in_small(in, 16);
        if (self == CONTROL)
            c->a[0] = GNTTABOP_query_size;
    }
}

void make_grant(struct input *in, unsigned int self, struct call *c)
{
    static call_maker *const makers[8] = { make_map, make_map, make_unmap, make_unmap, make_copy, make_copy, make_transfer, make_table_op };

    makers[in8(in) & 7](in, self, c);
}
