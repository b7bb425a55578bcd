/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzz target: sequences of hypercalls. The input is a program of steps: on whose CPU, and what. After
 * each step the cheap checks are made, every so often and at the end all of them (model.h); then everybody dies.
 */
#include "calls.h"
#include "instructions.h"
#include "model.h"

#include <stdio.h>
#include <arch/x86/pv/mmu/mmu.h>
#include <hv/event/port.h>
#include <xen/grant_table.h>

#define FULL_CHECK_STEPS 128u
#define MAX_STEPS        4096u
#define MAX_MULTICALL    5u


static struct { bool armed; unsigned int in_copies; unsigned int self; struct input bytes; } race;

/* ---- a step of the current vCPU ---- */

static unsigned int self_of(const struct vcpu *v)
{
    return v->domain->id;
}

/* The witness's port that an event sent to `port` goes to; 0: none. */
static evtchn_port_t leads_to_witness(const struct domain *d, uint64_t va)
{
    const uint32_t port = *(const uint32_t *)(machine_args + (va - ARGS_VA));
    const struct event_port *p = event_port_find(d, port);

    return p && p->state == EVENT_INTERDOMAIN && p->remote == world_domain(WITNESS) ? p->remote_port : 0;
}

static void perform(unsigned int self, const struct call *c)
{
    const bool sends = c->nr == __HYPERVISOR_event_channel_op && c->a[0] == EVTCHNOP_send && !race.armed;
    const evtchn_port_t port = sends ? leads_to_witness(current->domain, c->a[1]) : 0;
    long rc;

    if (self == CONTROL) {
        rc = control_call(c->nr, c->a[0], c->a[1], c->a[2], c->a[3]);
    } else {
        rc = machine_hypercall(c->nr, c->a[0], c->a[1], c->a[2], c->a[3], c->a[4]);
    }
    if (port != 0 && rc == 0)
        witness_expect(port);
    if (rc == 0 && c->nr == __HYPERVISOR_grant_table_op && c->a[0] == GNTTABOP_map_grant_ref)
        note_mappings(self, c);
}

static void multicall(struct input *in, unsigned int self)
{
    const unsigned int n = in8(in) % (MAX_MULTICALL + 1);
    struct call c = { __HYPERVISOR_multicall, { 0, n } };
    struct multicall_entry *e = args_alloc(MAX_MULTICALL * sizeof(*e), &c.a[0]);

    for (unsigned int i = 0; i < n; i++) {
        struct call one;

        make_any(in, self, &one);
        e[i].op = one.nr;
        for (unsigned int a = 0; a < 5; a++)
            e[i].args[a] = one.a[a];
    }
    perform(self, &c);
}

/* ---- what guests do without hypercalls ---- */

static void touch(struct input *in, unsigned int self)
{
    const uint8_t b = in8(in);
    const uint64_t va = in_va(in);
    uint64_t value;

    if (b & 1)
        (void)!machine_load(va, &value);
    else if (self != CONTROL)
        (void)!machine_store(va + (b >> 1) * 8ULL % PAGE_SIZE, b & 0x40 ? in64(in) : in_pte(in, self));
}

/* Programs use their memory, and so fill the TLB: a few pages each step, all in turn. */
static unsigned int next_page;

static void use_memory(void)
{
    uint64_t value;

    for (unsigned int i = 0; i < 3; i++, next_page = (next_page + 1) % 40)
        if (machine_load(GUEST_VA + next_page * PAGE_SIZE, &value) && (next_page & 1) && current->domain->id != CONTROL)
            (void)!machine_store(GUEST_VA + next_page * PAGE_SIZE, value);
}

/* A plain write to a page table faults, and is executed for the guest: mov %rax, (%rdi) and such. */
static void write_table(struct input *in, unsigned int self)
{
    static const uint8_t code[8][4] = {
        { 0x48, 0x89, 0x07 }, { 0x48, 0x87, 0x07 }, { 0xf0, 0x48, 0x0f, 0xb1 }, { 0x89, 0x07 }, { 0x88, 0x07 }, { 0x48, 0xab }, { 0x48, 0x01, 0x07 }, { 0xf0, 0x48, 0x0f, 0xc1 },
    };
    struct trap_frame *regs = guest_regs();
    const struct trap_frame before = *regs;
    uint64_t rip;
    uint8_t *bytes = args_alloc(16, &rip);
    const uint8_t b = in8(in);

    memcpy(bytes, code[b & 7], 4);
    if ((b & 7) == 2 || (b & 7) == 7)
        bytes[4] = 0x07;
    if (b & 0x80)
        for (unsigned int i = 0; i < 6; i++)
            bytes[i] = in8(in);
    regs->rip = rip;
    regs->cs = 0xe033;
    regs->rdi = GUEST_VA + (b >> 3 & 7) * PAGE_SIZE + in8(in) * 8ULL;
    regs->rbx = in_pte(in, self);
    regs->rax = in_pte(in, self);
    regs->rcx = b;
    regs->error_code = PFEC_PRESENT | PFEC_WRITE | PFEC_USER;
    regs->vector = VEC_PF;
    (void)!pv_mmu_fixup_fault(current, regs, regs->rdi);
    *regs = before;
}

/* The CPU reads a descriptor of the LDT. */
static void use_ldt(struct input *in)
{
    struct trap_frame *regs = guest_regs();
    const struct trap_frame before = *regs;

    regs->cs = 0xe033;
    regs->error_code = 0;
    (void)!pv_window_fault(current, regs, machine_window(host_test_cpu) + CPU_WINDOW_LDT + (in8(in) & 15) * PAGE_SIZE);
    *regs = before;
}

static void switch_mode(void)
{
    struct vcpu *v = current;

    machine_set_mode(v, !v->arch.in_kernel || mfn_is_invalid(v->arch.cr3_user));
}

/*
 * ---- another vCPU of the guest writes while the hypervisor copies, or reads what they share ----
 *
 * Of hv/event and hv/grant every load is traced (fuzz.mk): those from the guest's pages count.
 */

static void race_now(void)
{
    if (!race.armed || race.in_copies-- != 0)
        return;
    race.armed = false;
    guest_scribble(&race.bytes, race.self);
}

static void race_at(const void *p)
{
    if (race.armed && (uintptr_t)p - (uintptr_t)host_ram < MACHINE_FRAMES * PAGE_SIZE)
        race_now();
}

void __sanitizer_cov_load1(const uint8_t *p);
void __sanitizer_cov_load2(const uint16_t *p);
void __sanitizer_cov_load4(const uint32_t *p);
void __sanitizer_cov_load8(const uint64_t *p);
void __sanitizer_cov_load16(const void *p);

void __sanitizer_cov_load1(const uint8_t *p) { race_at(p); }
void __sanitizer_cov_load2(const uint16_t *p) { race_at(p); }
void __sanitizer_cov_load4(const uint32_t *p) { race_at(p); }
void __sanitizer_cov_load8(const uint64_t *p) { race_at(p); }
void __sanitizer_cov_load16(const void *p) { race_at(p); }

static void arm_race(struct input *in, unsigned int self)
{
    const size_t n = min(in->left, (size_t)16);

    race.armed = true;
    race.in_copies = in8(in) & 15;
    race.self = self;
    race.bytes = (struct input){ in->p, min(in->left, n) };
    in->p += race.bytes.left;
    in->left -= race.bytes.left;
}

/* ---- steps ---- */

static void time_passes(struct input *in)
{
    const uint8_t b = in8(in);

    machine_advance(b < 0xe0 ? b * 1000ULL : (b & 31) * 5 * NS_PER_MS);
    for (unsigned int cpu = 0; cpu < MACHINE_CPUS; cpu++)
        machine_softirqs(cpu);
}

static void hypercall_step(struct input *in, unsigned int self, unsigned int op)
{
    static call_maker *const makers[48] = {
        make_mmu_update, make_mmu_update, make_mmu_update, make_mmu_update, make_mmu_update, make_mmu_update, make_mmu_update, make_mmu_update,
        make_mmuext, make_mmuext, make_mmuext, make_mmuext, make_va_mapping, make_va_mapping, make_va_mapping, make_va_mapping_other,
        make_grant, make_grant, make_grant, make_grant, make_grant, make_grant, make_grant, make_grant,
        make_grant, make_grant, make_event, make_event, make_event, make_event, make_event, make_event,
        make_event, make_event, make_memory_op, make_memory_op, make_memory_op, make_vcpu_op, make_vcpu_op, make_sched_op,
        make_timer, make_descriptors, make_descriptors, make_descriptors, make_misc, make_raw, make_event, make_grant,
    };
    struct call c;

    makers[op](in, self, &c);
    perform(self, &c);
}

static void step(struct input *in)
{
    static const uint8_t cpus[4] = { 1, 2, 0, 1 };
    const uint8_t b = in8(in);
    const unsigned int op = b >> 2;
    unsigned int self;

    args_reset();
    machine_cpu(cpus[b & 3]);
    if (current->is_idle) {
        machine_cpu(0);
        machine_advance(NS_PER_MS);
        world_revive();
        machine_cpu(cpus[b & 3]);
        if (current->is_idle)
            machine_cpu(0);
    }
    self = self_of(current);
    use_memory();
    if (self != CONTROL && machine_resume() == LEFT_THE_CPU)
        return;
    if (op < 48)
        hypercall_step(in, self, op);
    else if (op < 52)
        guest_scribble(in, self == CONTROL ? GUEST_A : self);
    else if (op < 54)
        touch(in, self);
    else if (op < 56)
        multicall(in, self);
    else if (op == 56)
        write_table(in, self);
    else if (op == 57)
        use_ldt(in);
    else if (op == 58)
        switch_mode();
    else if (op == 59)
        arm_race(in, self == CONTROL ? GUEST_B : self);
    else if (op == 60)
        time_passes(in);
    else if (op == 61)
        host_heap_fail_at = in8(in) & 31;
    else
        control_step(in);
}

static void run(struct input *in)
{
    for (unsigned int n = 1; in->left != 0 && n <= MAX_STEPS; n++) {
        step(in);
        model_check_step();
        witness_check_events();
        if (n % FULL_CHECK_STEPS == 0)
            model_check_all();
    }
    race.armed = false;
    host_heap_fail_at = 0;
    machine_cpu(0);
    model_check_all();
    witness_check();
}

static void report(void)
{
    printf("hypercalls: %lu\n", machine_hypercalls);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    machine_init();
    machine_copy_hook = race_now;
    atexit(report);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = { data, size };

    forget_mappings();
    next_page = 0;
    world_create(in8(&in) & 1);
    run(&in);
    world_destroy();
    return 0;
}
