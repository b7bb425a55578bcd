/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Model-based test of validated page tables (docs/pv-mmu.md). Random operations of a guest, of
 * the control domain on it, and of grants run on the hypervisor's unchanged code over a
 * small machine. After each:
 *   - invariants are recomputed from the content of all tables: every count, every permission,
 *     and a TLB that caches whatever it may and forgets only when flushed;
 *   - in the sequential test, result, memory and counts are compared with a reference model
 *     that does everything by plain recursion, without preemption.
 * The interleaved test lets two vCPUs and the control domain stop in the middle, go on, and give up.
 */
// sources: hv/core/rwlock.c hv/mm/frame.c hv/lib/bitmap.c hv/lib/rangeset.c arch/x86/pv/mmu/entry.c arch/x86/pv/mmu/table.c arch/x86/pv/mmu/settle.c arch/x86/pv/mmu/call.c arch/x86/pv/mmu/update.c arch/x86/pv/mmu/mmuext.c arch/x86/pv/mmu/base.c arch/x86/pv/mmu/grant_map.c arch/x86/pv/mmu/relinquish.c
#include "pv_mmu_host.h"

/* ---- the reference model: the same rules by plain recursion on a copy ---- */

static struct model {
    struct { uint32_t count, refs; uint8_t type; bool pinned; } f[NR_FRAMES];
    mfn_t kernel, user; /* vcpu_a0's */
} model;
static uint64_t model_ram[NR_FRAMES][PT_ENTRIES];

static bool model_owned(uint64_t mfn, const struct domain *d)
{
    return mfn < NR_FRAMES && model.f[mfn].refs && (d ? fr(mfn)->owner == d->id : fr(mfn)->owner != DOMID_INVALID);
}

static pte_t model_adjust(pte_t e)
{
    if (!(e & PTE_US))
        return e | PTE_US | PTE_GUEST_KERNEL;
    return e & PTE_GUEST_KERNEL ? e : e | PTE_G;
}

static int model_use(uint64_t mfn, unsigned int type)
{
    if (model.f[mfn].count && model.f[mfn].type != type)
        return -1;
    model.f[mfn].type = (uint8_t)type;
    model.f[mfn].count++;
    return 0;
}

/* pages NULL: anybody's. */
static int model_l1_get(const struct domain *tables, const struct domain *pages, pte_t e)
{
    const uint64_t mfn = pte_mfn(e).v;
    const bool trusted = pages == NULL || pages->is_control;

    if (mfn >= NR_FRAMES && pages != &dom_0)
        return mfn == PTE_ADDR >> PAGE_SHIFT ? -XEN_EINVAL : -XEN_EPERM;
    if (mfn >= NR_FRAMES && tables != &dom_0)
        return -XEN_EPERM;
    if (mfn >= NR_FRAMES)
        return mfn >> 28 ? -XEN_EINVAL : 0; /* phys_bits */
    if (!model_owned(mfn, trusted ? NULL : pages))
        return -XEN_EBUSY;
    if ((e & PTE_RW) && model_use(mfn, FRAME_WRITABLE) != 0)
        return -XEN_EBUSY;
    model.f[mfn].refs++;
    return 0;
}

static void model_l1_put(pte_t e)
{
    const uint64_t mfn = pte_mfn(e).v;

    if (!(e & PTE_P) || mfn >= NR_FRAMES)
        return;
    model.f[mfn].refs--;
    if (e & PTE_RW)
        model.f[mfn].count--;
}

static int model_take(const struct domain *d, uint64_t mfn, unsigned int level);
static void model_drop(uint64_t mfn);

static uint64_t forbidden(const struct domain *d, unsigned int level)
{
    return level > 1 ? PTE_PWT | PTE_PCD | PTE_PS | PTE_G : d == &dom_0 ? 0 : PTE_PWT | PTE_PCD | PTE_PAT;
}

/* An entry of table `mfn` of d comes; on success *e is as stored. */
static int model_entry_get(const struct domain *d, const struct domain *pages, uint64_t mfn, unsigned int level, pte_t *e)
{
    int rc;

    if (*e & forbidden(d, level))
        return -XEN_EINVAL;
    if (is_self(mfn, level, *e))
        rc = *e & PTE_RW ? -XEN_EINVAL : 0;
    else
        rc = level == 1 ? model_l1_get(d, pages, *e) : model_take(d, pte_mfn(*e).v, level - 1);
    if (rc == 0)
        *e = level == 1 ? model_adjust(*e) : *e | PTE_US;
    return rc;
}

static void model_entry_put(uint64_t mfn, unsigned int level, pte_t e)
{
    if (level == 1)
        model_l1_put(e);
    else if ((e & PTE_P) && !is_self(mfn, level, e))
        model_drop(pte_mfn(e).v);
}

/* On error counts are the caller's to restore; what was adjusted in memory stays. */
static int model_take(const struct domain *d, uint64_t mfn, unsigned int level)
{
    if (!model_owned(mfn, d))
        return -XEN_EINVAL;
    const bool first = model.f[mfn].count == 0;

    if (model_use(mfn, level) != 0)
        return -XEN_EINVAL;
    model.f[mfn].refs++;
    for (unsigned int s = 0; first && s < PT_ENTRIES; s++) {
        if (is_reserved(level, s) || !(model_ram[mfn][s] & PTE_P))
            continue;
        const int rc = model_entry_get(d, d, mfn, level, &model_ram[mfn][s]);

        if (rc != 0)
            return rc;
    }
    if (first && level == 4) {
        hv_install_slots(model_ram[mfn]);
        model_ram[mfn][HV_FIRST_SLOT] = 0; /* the M2P comes with the use as a kernel's table */
    }
    return 0;
}

static void model_drop(uint64_t mfn)
{
    model.f[mfn].refs--;
    if (--model.f[mfn].count != 0)
        return;
    for (unsigned int s = 0; s < PT_ENTRIES; s++)
        if (!is_reserved(model.f[mfn].type, s))
            model_entry_put(mfn, model.f[mfn].type, model_ram[mfn][s]);
}

#define ALL_HARMLESS (PTE_US | PTE_A | PTE_D | PTE_AVL | PTE_NX | (0x7ffULL << 52))

static int model_write(const struct domain *d, const struct domain *pages, uint64_t mfn, unsigned int slot, pte_t e, bool keep_ad)
{
    uint64_t *word = &model_ram[mfn][slot];
    const pte_t old = *word;
    const unsigned int level = model.f[mfn].count ? model.f[mfn].type : 0;
    int rc;

    if (!model_owned(mfn, d) || (level == FRAME_SEGDESC))
        return -XEN_EINVAL;
    if (level == 0 || level == FRAME_WRITABLE) {
        model.f[mfn].type = FRAME_WRITABLE;
        *word = e;
        return 0;
    }
    if (level > 1 && (pages != d || is_reserved(level, slot)))
        return -XEN_EINVAL;
    if (e & PTE_P) {
        const pte_t stored = level == 1 ? model_adjust(e) : e | PTE_US;
        const uint64_t harmless = ALL_HARMLESS | (level == 1 ? PTE_G : PTE_RW);

        if (e & forbidden(d, level))
            return -XEN_EINVAL;
        if ((old & PTE_P) && !((old ^ stored) & ~harmless) && !is_self(mfn, level, e))
            e = stored;
        else {
            rc = model_entry_get(d, pages, mfn, level, &e);
            if (rc != 0)
                return rc;
            model_entry_put(mfn, level, old);
        }
    } else {
        model_entry_put(mfn, level, old);
    }
    *word = e | (keep_ad ? old & AD : 0);
    return 0;
}

static int model_find_l1(mfn_t root, uint64_t va, uint64_t *mfn)
{
    *mfn = root.v;
    if (mfn_is_invalid(root) || !mmu_guest_va(va))
        return -XEN_EINVAL;
    for (unsigned int level = 4; level > 1; level--) {
        const pte_t e = model_ram[*mfn][pt_index(va, level)];

        if (!(e & PTE_P) || pte_mfn(e).v == *mfn)
            return -XEN_EINVAL;
        *mfn = pte_mfn(e).v;
    }
    return 0;
}

static void model_load(void)
{
    memcpy(model_ram, host_ram, sizeof(model_ram));
    for (unsigned int i = 0; i < NR_FRAMES; i++) {
        model.f[i].count = count_of(i);
        model.f[i].refs = fr(i)->refs;
        model.f[i].type = (uint8_t)type_of(i);
        model.f[i].pinned = fr(i)->type_info & FRAME_PINNED;
    }
    model.kernel = vcpu_a0.arch.cr3_kernel;
    model.user = vcpu_a0.arch.cr3_user;
}

static void model_compare(void)
{
    for (unsigned int i = 0; i < NR_FRAMES; i++) {
        assert_int_equal(model.f[i].count, count_of(i));
        assert_int_equal(model.f[i].refs, fr(i)->refs);
        if (count_of(i))
            assert_int_equal(model.f[i].type, type_of(i));
        assert_int_equal(model.f[i].pinned, !!(fr(i)->type_info & FRAME_PINNED));
        for (unsigned int s = 0; s < PT_ENTRIES; s++)
            if (model_ram[i][s] != page(i)[s])
                fail_msg("frame %u slot %u: %lx, model %lx", i, s, page(i)[s], model_ram[i][s]);
    }
    assert_int_equal(model.kernel.v, vcpu_a0.arch.cr3_kernel.v);
    assert_int_equal(model.user.v, vcpu_a0.arch.cr3_user.v);
}
static int model_base(mfn_t *base, uint64_t mfn)
{
    const mfn_t old = *base;
    const int rc = mfn_eq(old, MFN(mfn)) ? 0 : model_take(&dom_a, mfn, 4);

    if (rc != 0 || mfn_eq(old, MFN(mfn)))
        return rc;
    *base = MFN(mfn);
    if (base == &model.kernel)
        model_ram[mfn][HV_FIRST_SLOT] = hv_l4[HV_FIRST_SLOT];
    if (!mfn_is_invalid(old))
        model_drop(old.v);
    return 0;
}

static int model_pin(const struct op *op)
{
    const int rc = model_take(&dom_a, op->mfn, op->level);

    if (rc != 0)
        return rc;
    if (model.f[op->mfn].pinned)
        return -XEN_EINVAL;
    model.f[op->mfn].pinned = true;
    return 0;
}

static int model_unpin(const struct op *op)
{
    if (!model_owned(op->mfn, &dom_a) || !model.f[op->mfn].pinned)
        return -XEN_EINVAL;
    model.f[op->mfn].pinned = false;
    model_drop(op->mfn);
    return 0;
}

static int model_grant(const struct op *op)
{
    uint64_t *word = &model_ram[op->mfn][op->slot];
    pte_t e = pte_make(MFN(op->value), PTE_P | PTE_RW | PTE_NX | AD); /* a grant is never executable */

    if (model.f[op->mfn].count == 0 || model.f[op->mfn].type != FRAME_L1)
        return -1;
    if (op->kind == OP_GRANT_MAP)
        return model_write(&dom_a, NULL, op->mfn, op->slot, e, false) == 0 ? 0 : -1;
    if (!(*word & PTE_P) || !(*word & PTE_RW) || pte_mfn(*word).v != op->value)
        return -1;
    model_l1_put(*word);
    *word = 0;
    return 0;
}

static int model_move(const struct op *op)
{
    uint64_t to, from;

    if (model_find_l1(model.kernel, op->va + PAGE_SIZE, &to) != 0)
        return -1;
    uint64_t *word = &model_ram[to][pt_index(op->va + PAGE_SIZE, 1)];

    if (!(*word & PTE_P) || !(*word & PTE_RW))
        return -1;
    if (op->va == 0) { /* means that nothing replaces it */
        model_l1_put(*word);
        *word = 0;
        return 0;
    }
    if (model_find_l1(model.kernel, op->va, &from) != 0)
        return -1;
    uint64_t *source = &model_ram[from][pt_index(op->va, 1)];

    if (source == word)
        return -1;
    model_l1_put(*word);
    *word = *source;
    *source = 0;
    return 0;
}

static int model_run(const struct op *op)
{
    const struct domain *pages = op->pages == DOMID_SELF ? op->v->domain : domain_get_any(op->pages);
    uint64_t mfn;
    int rc;

    switch (op->kind) {
    case OP_WRITE_VA:
        rc = model_find_l1(model.kernel, op->va, &mfn);
        return rc ? rc : model_write(&dom_a, pages, mfn, pt_index(op->va, 1), op->value, false);
    case OP_GRANT_MAP:
    case OP_GRANT_UNMAP:
        return model_grant(op);
    case OP_GRANT_MOVE:
        return op->v == &vcpu_a0 ? model_move(op) : -1;
    case OP_EMULATED:
        if (model.f[op->mfn].count == 0 || model.f[op->mfn].type != FRAME_L1)
            return -XEN_EAGAIN;
        return model_write(&dom_a, &dom_a, op->mfn, op->slot, op->value, false);
    case OP_M2P:
        return op->tables != op->v->domain ? -XEN_EPERM : model_owned(op->mfn, pages) ? 0 : -XEN_EINVAL;
    case OP_PIN:
        return model_pin(op);
    case OP_UNPIN:
        return model_unpin(op);
    case OP_KERNEL_BASE:
        return model_base(&model.kernel, op->mfn);
    case OP_USER_BASE:
        return model_base(&model.user, op->mfn);
    default:
        return model_write(op->tables, pages, op->mfn, op->slot, op->value, op->kind == OP_WRITE_AD);
    }
}
/* ---- tests ---- */

/* To its end, looking at what is left in between. */
static long run(const struct op *op)
{
    long rc = begin(op);

    while (continued) {
        check_invariants();
        rc = dispatch();
    }
    check_invariants();
    return rc;
}

static bool model_succeeded;

static void run_with_model(const struct op *op)
{
    static struct model before;

    model_load();
    before = model;
    const int expected = model_run(op);
    const long rc = run(op);

    if (rc != expected)
        fail_msg("kind %d level %u mfn %lx slot %u value %lx: %ld, model says %d", op->kind, op->level, op->mfn, op->slot, op->value, rc, expected);
    model_succeeded = expected == 0;
    if (expected != 0)
        model = before;
    model_compare();
}

static bool tree_has_all_levels(void)
{
    mfn_t table;

    for (unsigned int i = 0; i < 16; i++)
        if (pt_find_l1(vcpu_a0.arch.cr3_kernel, (uint64_t)slots[i & 1] << 39 | (uint64_t)slots[i >> 1 & 1] << 30 | (uint64_t)slots[i >> 2 & 1] << 21, &table))
            return true;
    return false;
}

static void sequential(void **state)
{
    unsigned int done[NR_KINDS] = { 0 }, deep = 0;

    random_state = 42;
    for (unsigned int i = 0; i < 40000; i++) {
        const struct op op = pick_op(rnd(4) ? &vcpu_a0 : &vcpu_0);

        preempt_percent = rnd(3) ? 0 : 70;
        run_with_model(&op);
        done[op.kind] += model_succeeded;
        deep += tree_has_all_levels();
    }
    /* The mixture is worth something: everything has succeeded often, and trees had all their levels. */
    for (unsigned int k = 0; k < NR_KINDS; k++)
        assert_true(done[k] > 20);
    assert_true(deep > 1000);
}

static void end_of_domain(void)
{
    host_test_current = &vcpu_0;
    dom_a.dying = DOMAIN_DYING;
    preempt_percent = 50;
    while (pv_mmu_relinquish(&dom_a) == -XEN_ERESTART) {
        const struct op late = { .kind = OP_PIN, .v = &vcpu_0, .tables = &dom_a, .pages = 1, .mfn = FIRST_A + rnd(13), .level = 1 + rnd(4) };

        check_invariants();
        (void)begin(&late);
        check_invariants();
    }
    check_invariants();
    preempt_percent = 0;
    assert_int_equal(pv_mmu_settle(&vcpu_0), 0);
    for (unsigned int s = 0; s < PT_ENTRIES; s++) {
        const struct op unmap = { .kind = OP_MAP, .v = &vcpu_0, .tables = &dom_0, .pages = DOMID_SELF, .mfn = FIRST_0, .slot = s };

        assert_int_equal(begin(&unmap), 0);
    }
    check_invariants();
    assert_int_equal(dom_a.nr_pages, 0);
    for (unsigned int i = FIRST_A; i < FIRST_0; i++)
        assert_int_equal(fr(i)->refs, 0);
}

/* Two vCPUs of the guest and the control domain, each somewhere in the middle of something. */
static void interleaved_round(unsigned int steps)
{
    static struct mmu_update updates[3];
    static struct mmuext_op exts[3];
    static uint64_t calls[3][6];
    struct vcpu *const who[] = { &vcpu_a0, &vcpu_a1, &vcpu_0 };
    bool pending[3] = { false, false, false };

    for (unsigned int i = 0; i < steps; i++) {
        const unsigned int n = rnd(3);

        preempt_percent = 60;
        host_test_current = who[n];
        if (pending[n] && rnd(8)) { /* else it gives up */
            update = updates[n];
            ext = exts[n];
            memcpy(next_call, calls[n], sizeof(next_call));
            (void)dispatch();
        } else {
            const struct op op = pick_op(who[n]);

            (void)begin(&op);
        }
        pending[n] = continued;
        updates[n] = update;
        exts[n] = ext;
        memcpy(calls[n], next_call, sizeof(next_call));
        check_invariants();
    }
}

static void interleaved(void **state)
{
    for (unsigned int round = 0; round < 60; round++) {
        teardown(NULL);
        setup(NULL);
        random_state = 1000 + round;
        interleaved_round(500);
        end_of_domain();
    }
}

/* ---- rules that randomness may miss ---- */

static long write_entry(struct vcpu *v, uint64_t mfn, unsigned int slot, pte_t e)
{
    const struct op op = { .kind = OP_WRITE, .v = v, .tables = v->domain, .pages = DOMID_SELF, .mfn = mfn, .slot = slot, .value = e };

    return run(&op);
}

static long pin(uint64_t mfn, unsigned int level)
{
    const struct op op = { .kind = OP_PIN, .v = &vcpu_a0, .tables = &dom_a, .pages = DOMID_SELF, .mfn = mfn, .level = level };

    return run(&op);
}

static void a_table_cannot_map_itself_writable(void **state)
{
    assert_int_equal(write_entry(&vcpu_a0, 8, 0, pte_make(MFN(8), PTE_P | PTE_RW)), 0);
    assert_int_equal(pin(8, 1), -XEN_EBUSY);
    assert_int_equal(write_entry(&vcpu_a0, 8, 0, pte_make(MFN(8), PTE_P)), 0);
    assert_int_equal(pin(8, 1), 0);
    assert_int_equal(write_entry(&vcpu_a0, 8, 0, pte_make(MFN(8), PTE_P | PTE_RW)), -XEN_EBUSY);
}

static void only_an_l4_names_itself_and_only_to_read(void **state)
{
    const pte_t self = pte_make(MFN(1), PTE_P);

    assert_int_equal(write_entry(&vcpu_a0, 1, 7, self | PTE_RW), 0);
    assert_int_equal(pin(1, 4), -XEN_EINVAL);
    assert_int_equal(write_entry(&vcpu_a0, 1, 7, self), 0);
    assert_int_equal(pin(1, 3), -XEN_EINVAL);
    assert_int_equal(pin(1, 4), 0);
    check_invariants();
    assert_int_equal(write_entry(&vcpu_a0, 1, 7, self | PTE_RW), -XEN_EINVAL);
    assert_int_equal(write_entry(&vcpu_a0, 1, 7, 0), 0);
    assert_int_equal(write_entry(&vcpu_a0, 1, 8, self), 0);
    check_invariants();
    assert_int_equal(count_of(1), 1);
}

/* From there the hypervisor's tables and tables of tables could be taken for L1 tables. */
static void nothing_is_changed_by_way_of_a_self_map(void **state)
{
    const uint64_t in_hv = 7ull << 39 | (uint64_t)HV_FIRST_SLOT << 30, in_own = 7ull << 39;
    struct op op = { .kind = OP_KERNEL_BASE, .v = &vcpu_a0, .tables = &dom_a, .pages = DOMID_SELF, .mfn = 1 };
    mfn_t table;

    assert_int_equal(write_entry(&vcpu_a0, 1, 7, pte_make(MFN(1), PTE_P)), 0);
    assert_int_equal(run(&op), 0);
    assert_null(pt_find_l1(MFN(1), in_own, &table));
    assert_null(pt_find_l1(MFN(1), in_hv, &table));
    assert_int_equal(pv_guest_l1e(&vcpu_a0, in_hv), 0);
    /* Three times round: the L4 is its own leaf, as such guests read it. */
    assert_int_equal(pte_mfn(pv_guest_l1e(&vcpu_a0, 7ull << 39 | 7ull << 30 | 7ull << 21 | 7ull << 12)).v, 1);
}

static void a_granted_page_cannot_be_made_writable_directly(void **state)
{
    assert_int_equal(pin(8, 1), 0);
    host_test_current = &vcpu_a0;
    assert_int_equal(arch_grant_map(8 << PAGE_SHIFT, MFN(FIRST_0 + 2), GNTMAP_host_map | GNTMAP_contains_pte | GNTMAP_readonly), GNTST_okay);
    assert_int_equal(write_entry(&vcpu_a0, 8, 0, page(8)[0] | PTE_RW), -XEN_EBUSY);
    assert_int_equal(write_entry(&vcpu_a0, 8, 0, 0), 0); /* the guest takes the mapping away itself */
    assert_int_equal(arch_grant_unmap(8 << PAGE_SHIFT, MFN(FIRST_0 + 2), 0, GNTMAP_host_map | GNTMAP_contains_pte), GNTST_general_error);
    check_invariants();
}

/* The same page granted twice: a handle is given up only for an entry that allows what it does. */
static void a_writable_grant_goes_with_a_writable_entry(void **state)
{
    const unsigned int flags = GNTMAP_host_map | GNTMAP_contains_pte;
    const uint64_t writable = 8 << PAGE_SHIFT, readonly = writable + sizeof(pte_t);

    assert_int_equal(pin(8, 1), 0);
    host_test_current = &vcpu_a0;
    assert_int_equal(arch_grant_map(writable, MFN(FIRST_0 + 2), flags), GNTST_okay);
    assert_int_equal(arch_grant_map(readonly, MFN(FIRST_0 + 2), flags | GNTMAP_readonly), GNTST_okay);
    assert_int_equal(arch_grant_unmap(readonly, MFN(FIRST_0 + 2), 0, flags), GNTST_general_error);
    assert_int_equal(arch_grant_unmap(writable, MFN(FIRST_0 + 2), 0, flags | GNTMAP_readonly), GNTST_general_error);
    assert_int_equal(arch_grant_unmap(readonly, MFN(FIRST_0 + 2), 0, flags | GNTMAP_readonly), GNTST_okay);
    assert_int_equal(arch_grant_unmap(writable, MFN(FIRST_0 + 2), 0, flags), GNTST_okay);
    check_invariants();
}

static void a_guest_cannot_name_others(void **state)
{
    const struct op foreign = { .kind = OP_WRITE, .v = &vcpu_a0, .tables = &dom_0, .pages = DOMID_SELF, .mfn = FIRST_0 };
    struct op op = foreign;

    assert_int_equal(run(&op), -XEN_EPERM);
    op = (struct op){ .kind = OP_WRITE, .v = &vcpu_a0, .tables = &dom_a, .pages = 0, .mfn = 8, .value = 0 };
    assert_int_equal(run(&op), -XEN_EPERM);
    op.pages = 1;
    assert_int_equal(run(&op), -XEN_ESRCH);
    op.pages = 77;
    assert_int_equal(run(&op), -XEN_ESRCH);
    op.pages = DOMID_IO;
    assert_int_equal(run(&op), 0);
}

static void an_invalid_base_pointer_is_refused(void **state)
{
    struct op op = { .kind = OP_KERNEL_BASE, .v = &vcpu_a0, .tables = &dom_a, .pages = DOMID_SELF, .mfn = ~0ULL };

    assert_int_equal(run(&op), -XEN_EINVAL);
    op.kind = OP_USER_BASE;
    assert_int_equal(run(&op), -XEN_EINVAL);
    op.mfn = 0;
    assert_int_equal(run(&op), 0);
}

int main(void)
{
#define RULE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        RULE(a_table_cannot_map_itself_writable),
        RULE(only_an_l4_names_itself_and_only_to_read),
        RULE(nothing_is_changed_by_way_of_a_self_map),
        RULE(a_granted_page_cannot_be_made_writable_directly),
        RULE(a_writable_grant_goes_with_a_writable_entry),
        RULE(a_guest_cannot_name_others),
        RULE(an_invalid_base_pointer_is_refused),
        RULE(sequential),
        RULE(interleaved),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
