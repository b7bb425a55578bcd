/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Page tables, descriptor tables, memory; see calls.h. */
#include "calls.h"

#include <xen/memory.h>

/* ---- page tables ---- */

void make_mmu_update(struct input *in, unsigned int self, struct call *c)
{
    const uint8_t b = in8(in);
    const unsigned int n = 1 + (b & 3);
    struct mmu_update *u;
    uint64_t va;

    u = args_alloc(n * sizeof(*u), &va);
    for (unsigned int i = 0; i < n; i++) {
        const uint8_t how = in8(in);
        const uint64_t mfn = in_mfn(in, self);
        /* The slots that are in use, or any. */
        const unsigned int slot = how & 4 ? in16(in) % PT_ENTRIES : how & 8 ? pt_index(GUEST_VA, 2) : how & 16 ? 0 : in8(in) % 40;

        u[i].ptr = mfn * PAGE_SIZE + slot * 8 + (how >= 0xc0 ? how & 7 : 0);
        u[i].val = in_pte(in, self);
        if (self == CONTROL && mfn < MACHINE_FRAMES && frame_of(MFN(mfn))->owner == WITNESS)
            u[i].ptr = 0;
    }
    *c = (struct call){ __HYPERVISOR_mmu_update, { va, n, 0, DOMID_SELF } };
    if (b & 0x80) {
        args_alloc(4, &c->a[2]);
        c->a[3] = in_domid(in, self);
    }
    if (self == CONTROL) {
        const uint32_t whom = in8(in) % WITNESS;

        c->a[3] = whom == CONTROL ? DOMID_SELF : whom | (whom + 1) << 16;
    }
}

void make_mmuext(struct input *in, unsigned int self, struct call *c)
{
    static const uint8_t levels[4] = { MMUEXT_PIN_L1_TABLE, MMUEXT_PIN_L2_TABLE, MMUEXT_PIN_L3_TABLE, MMUEXT_PIN_L4_TABLE };
    static const uint8_t common[8] = {
        MMUEXT_UNPIN_TABLE, MMUEXT_UNPIN_TABLE, MMUEXT_NEW_BASEPTR, MMUEXT_NEW_USER_BASEPTR,
        MMUEXT_TLB_FLUSH_LOCAL, MMUEXT_INVLPG_ALL, MMUEXT_CLEAR_PAGE, MMUEXT_COPY_PAGE,
    };
    const unsigned int n = 1 + (in8(in) & 1);
    struct mmuext_op *op;
    uint64_t va;

    op = args_alloc(n * sizeof(*op), &va);
    for (unsigned int i = 0; i < n; i++) {
        const uint8_t b = in8(in);

        if (b < 0x40) { /* the page of that level that was made for it */
            op[i].cmd = levels[b & 3];
            op[i].arg1.mfn = world[self].page[(b & 4 ? PAGE_USER_L1 : PAGE_L1) - (b & 3)];
            continue;
        }
        op[i].cmd = b < 0x80 ? levels[b & 3] : b < 0xe0 ? common[b & 7] : b & 31;
        op[i].arg1.mfn = in_mfn(in, self);
        op[i].arg2.src_mfn = in_mfn(in, self);
        if (op[i].cmd == MMUEXT_INVLPG_ALL || op[i].cmd == MMUEXT_INVLPG_LOCAL || op[i].cmd == MMUEXT_SET_LDT) {
            op[i].arg1.linear_addr = in_va(in);
            op[i].arg2.nr_ents = in16(in);
        }
    }
    *c = (struct call){ __HYPERVISOR_mmuext_op, { va, n, 0, DOMID_SELF } };
    if (self == CONTROL)
        c->a[3] = in_domid(in, CONTROL);
    else if (in8(in) >= 0xf0)
        c->a[3] = in_domid(in, self);
}

static uint64_t flush_flags(struct input *in)
{
    static const uint64_t flags[8] = { 0, UVMF_TLB_FLUSH, UVMF_INVLPG, UVMF_TLB_FLUSH | UVMF_ALL, UVMF_INVLPG | UVMF_ALL, 0, 3, ARGS_VA | UVMF_INVLPG };

    return flags[in8(in) & 7];
}

/* What is mapped there now, with other rights. */
static uint64_t changed(struct input *in, uint64_t va)
{
    static const uint64_t bits[8] = { PTE_RW, PTE_RW, PTE_RW | PTE_NX, PTE_US, PTE_P, PTE_A | PTE_D, PTE_NX, PTE_G | PTE_RW };

    return pv_guest_l1e(current, va) ^ bits[in8(in) & 7];
}

void make_va_mapping(struct input *in, unsigned int self, struct call *c)
{
    const uint64_t va = in_va(in), pte = in8(in) & 3 ? in_pte(in, self) : changed(in, va);

    *c = (struct call){ __HYPERVISOR_update_va_mapping, { va, pte, flush_flags(in) } };
}

void make_va_mapping_other(struct input *in, unsigned int self, struct call *c)
{
    make_va_mapping(in, self, c);
    c->nr = __HYPERVISOR_update_va_mapping_otherdomain;
    c->a[3] = in_domid(in, self);
}

/* ---- memory_op ---- */

static void reservation(struct input *in, unsigned int self, struct xen_memory_reservation *r)
{
    const unsigned int n = in8(in) & 7;
    uint64_t va;
    xen_pfn_t *list = args_alloc(8 * sizeof(*list), &va);
    const uint8_t b = in8(in);

    for (unsigned int i = 0; i < n; i++)
        list[i] = in_mfn(in, self);
    r->extent_start.p = (void *)(uintptr_t)(b >= 0xf0 ? in_va(in) : va);
    r->nr_extents = n;
    r->extent_order = b & 0x80 ? in_small(in, 4) : 0;
    r->mem_flags = b & 0x40 ? in32(in) : 0;
    r->domid = b & 0x20 ? in_domid(in, self) : DOMID_SELF;
}

/* Trust: the control domain does not take the witness's memory. */
static domid_t not_the_witness(domid_t id, unsigned int self)
{
    return self == CONTROL && id == WITNESS ? DOMID_SELF : id;
}

static void make_reservation(struct input *in, unsigned int self, struct call *c, uint32_t cmd)
{
    struct xen_memory_reservation *r;

    *c = (struct call){ __HYPERVISOR_memory_op, { cmd } };
    r = args_alloc(sizeof(*r), &c->a[1]);
    reservation(in, self, r);
    r->domid = not_the_witness(r->domid, self);
}

static void make_exchange(struct input *in, unsigned int self, struct call *c)
{
    struct xen_memory_exchange *x;

    *c = (struct call){ __HYPERVISOR_memory_op, { XENMEM_exchange } };
    x = args_alloc(sizeof(*x), &c->a[1]);
    reservation(in, self, &x->in);
    reservation(in, self, &x->out);
    if (in8(in) < 0xc0) {
        x->out.nr_extents = x->in.nr_extents;
        x->out.extent_order = x->in.extent_order;
        x->out.domid = x->in.domid;
    }
    x->in.domid = not_the_witness(x->in.domid, self);
    x->out.domid = not_the_witness(x->out.domid, self);
    x->nr_exchanged = in_small(in, 2);
}

static void make_other_memory(struct input *in, unsigned int self, struct call *c)
{
    uint64_t *words;

    *c = (struct call){ __HYPERVISOR_memory_op, { in8(in) % 30 | (uint64_t)in_small(in, 1) << 6 } };
    words = args_alloc(128, &c->a[1]);
    words[0] = in_domid(in, self);
    for (unsigned int i = 1; i < 6; i++)
        words[i] = in_small(in, 8);
    if (c->a[0] == XENMEM_decrease_reservation || c->a[0] == XENMEM_exchange)
        c->a[0] = XENMEM_current_reservation;
}

void make_memory_op(struct input *in, unsigned int self, struct call *c)
{
    const uint8_t b = in8(in);

    if (b < 0xa0)
        make_reservation(in, self, c, b % 3 == 0 ? XENMEM_increase_reservation : b % 3 == 1 ? XENMEM_decrease_reservation : XENMEM_populate_physmap);
    else if (b < 0xd0)
        make_exchange(in, self, c);
    else
        make_other_memory(in, self, c);
}

/* ---- descriptor tables ---- */

void make_descriptors(struct input *in, unsigned int self, struct call *c)
{
    const uint8_t b = in8(in);

    if (b < 0x80) {
        uint64_t va, *frames = args_alloc(14 * 8, &va);

        frames[0] = world[self].page[PAGE_GDT];
        if (b & 1)
            frames[0] = in_mfn(in, self);
        frames[1] = b & 2 ? in_mfn(in, self) : frames[0];
        *c = (struct call){ __HYPERVISOR_set_gdt, { va, b & 4 ? in16(in) : b & 8 ? 0 : 512 + (b & 1) } };
    } else if (b < 0xc0) {
        *c = (struct call){ __HYPERVISOR_update_descriptor, { in_mfn(in, self) * PAGE_SIZE + in16(in) % PT_ENTRIES * 8, in64(in) } };
        if (self == CONTROL)
            c->a[0] = world[CONTROL].page[PAGE_GDT] * PAGE_SIZE;
    } else {
        struct mmuext_op *op;
        uint64_t va;

        op = args_alloc(sizeof(*op), &va);
        op->cmd = MMUEXT_SET_LDT;
        op->arg1.linear_addr = in_va(in) & PAGE_MASK;
        op->arg2.nr_ents = in16(in) % 1200;
        *c = (struct call){ __HYPERVISOR_mmuext_op, { va, 1, 0, DOMID_SELF } };
    }
}
