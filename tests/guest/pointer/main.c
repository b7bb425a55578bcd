/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every hypercall and sub-operation with bad pointers: a table of errors that stock Xen decides. The
 * columns are the pointers of `pointers`; "x": not tried, since it would stop us.
 */
#include "../lib/guest.h"
#include <xen/domctl.h>
#include <xen/nmi.h>
#include <xen/platform.h>
#include <xen/sysctl.h>

const char test_name[] = "pointer";

enum { BAD, GOOD };
static struct { uint64_t va; int kind; } pointers[14];
static unsigned int nr_pointers;

static void pointer(uint64_t va, int kind)
{
    pointers[nr_pointers].va = va;
    pointers[nr_pointers++].kind = kind;
}

static uint64_t *zero;      /* a page of zeros */
static uint64_t *before;    /* a page, and nothing behind it */
static uint64_t *constant;  /* a page of zeros that cannot be written */

static void make_pointers(void)
{
    zero = page_alloc();
    before = page_alloc();
    CHECK_RC(set_pte(page_alloc(), 0, UVMF_INVLPG), 0);
    constant = page_alloc();
    CHECK_RC(make_readonly(constant), 0);
    pointer(0, BAD);
    pointer(1, BAD);
    pointer(0x1000, BAD);
    pointer(0x7ffffffffffc, BAD);                 /* the last bytes of the lower half */
    pointer(0x800000000000, BAD);
    pointer(0x8000000000000000, BAD);
    pointer(0xffff800000000000, BAD);             /* the M2P */
    pointer(0xffff830000000000, BAD);
    pointer(0xffff87fffffffffc, BAD);             /* the hypervisor's last bytes */
    pointer(~0ul, BAD);
    pointer((uint64_t)before + PAGE_SIZE - 1, BAD);
    pointer((uint64_t)constant, GOOD);
    pointer((uint64_t)zero, GOOD);
    pointer((uint64_t)zero + 1, GOOD);
}

/* What a call may have changed is put right. */
static void restore(void)
{
    struct callback_register event = { .type = CALLBACKTYPE_event, .address = (unsigned long)event_entry };
    struct callback_register failsafe = { .type = CALLBACKTYPE_failsafe, .address = (unsigned long)failsafe_entry };

    HC1(set_trap_table, exception_table);
    HC2(callback_op, CALLBACKOP_register, &event);
    HC2(callback_op, CALLBACKOP_register, &failsafe);
    memset(zero, 0, 512);
    make_writable(before);
    my_info()->evtchn_upcall_mask = 1;
}

static char line[300], *at;
static void text(const char *s)
{
    while (*s != '\0' && at < line + sizeof(line) - 1)
        *at++ = *s++;
    *at = '\0';
}

static void number(long v)
{
    char digits[24];
    unsigned int n = 0;
    uint64_t u = v < 0 ? (uint64_t)-v : (uint64_t)v;

    text(v < 0 ? " -" : " ");
    do
        digits[n++] = (char)('0' + u % 10);
    while ((u /= 10) != 0);
    while (n != 0) {
        const char one[2] = { digits[--n], 0 };
        text(one);
    }
}

/* where: which argument is the pointer. only_bad: a good one would do harm. */
static void sweep(const char *name, unsigned int nr, unsigned int where, const uint64_t args[5], bool only_bad)
{
    at = line;
    for (unsigned int i = 0; i < nr_pointers; i++) {
        uint64_t a[5] = { args[0], args[1], args[2], args[3], args[4] };

        if (only_bad && pointers[i].kind == GOOD) {
            text(" x");
            continue;
        }
        a[where] = pointers[i].va;
        number(hypercall(nr, a[0], a[1], a[2], a[3], a[4]));
        restore();
    }
    print("= %s:%s\n", name, line);
    check(true, "", 0);
}

#define SWEEP(name, where, only_bad, ...) sweep(#name, __HYPERVISOR_##name, where, (uint64_t[5]){ __VA_ARGS__ }, only_bad)

static char label[64];
static const char *labelled(const char *name, unsigned int cmd)
{
    at = label;
    text(name);
    number(cmd);
    return label;
}

static void commands(const char *name, unsigned int nr, unsigned int where, unsigned int first, unsigned int last, uint64_t second, uint64_t third, uint64_t harmful, uint64_t never)
{
    for (unsigned int cmd = first; cmd <= last; cmd++) {
        if (never >> cmd & 1)
            continue;
        char own[64];

        memcpy(own, labelled(name, cmd), sizeof(own));
        sweep(own, nr, where, (uint64_t[5]){ cmd, second, third }, harmful >> cmd & 1);
    }
}
#define COMMANDS(name, where, first, last, second, third, harmful, never) commands(#name, __HYPERVISOR_##name, where, first, last, second, third, harmful, never)

static void guest_calls(void)
{
    SWEEP(set_trap_table, 0, false, 0);
    SWEEP(mmu_update, 0, false, 0, 1, 0, DOMID_SELF);
    SWEEP(mmu_update, 2, false, (uint64_t)zero, 0, 0, DOMID_SELF);
    SWEEP(set_gdt, 0, false, 0, 1);
    SWEEP(set_gdt, 0, false, 0, 0);
    SWEEP(stack_switch, 1, false, SS64, 0);
    SWEEP(set_callbacks, 0, false, 0, (uint64_t)failsafe_entry, (uint64_t)syscall_entry);
    SWEEP(update_descriptor, 0, false, 0, 0);
    SWEEP(update_va_mapping, 0, true, 0, 0, 0);
    SWEEP(update_va_mapping, 2, false, (uint64_t)0x1000, 0, 0);
    SWEEP(update_va_mapping_otherdomain, 0, true, 0, 0, 0, DOMID_SELF);
    SWEEP(multicall, 0, false, 0, 1);
    SWEEP(multicall, 0, false, 0, 0);
    SWEEP(multicall, 0, true, 0, ~0u);
    SWEEP(event_channel_op_compat, 0, false, 0);
    SWEEP(physdev_op_compat, 0, false, 0);
    SWEEP(set_segment_base, 1, false, SEGBASE_FS, 0);
    SWEEP(set_segment_base, 1, false, SEGBASE_GS_USER, 0);
    SWEEP(set_segment_base, 1, false, SEGBASE_GS_KERNEL, 0);
    HC2(set_segment_base, SEGBASE_FS, 0);
    HC2(set_segment_base, SEGBASE_GS_USER, 0);
    HC2(set_segment_base, SEGBASE_GS_KERNEL, 0);
    SWEEP(mmuext_op, 0, false, 0, 1, 0, DOMID_SELF);
    SWEEP(mmuext_op, 2, false, (uint64_t)zero, 0, 0, DOMID_SELF);
    SWEEP(set_timer_op, 0, false, 0);
    SWEEP(sched_op_compat, 1, true, SCHEDOP_yield, 0);
    COMMANDS(xen_version, 1, 0, 12, 0, 0, 0, 0);
    COMMANDS(console_io, 2, 0, 3, 4, 0, 0, 0);
    COMMANDS(console_io, 2, 0, 1, 0, 0, 0, 0);
    COMMANDS(memory_op, 1, 0, 31, 0, 0, 0, 0);
    COMMANDS(grant_table_op, 1, 0, 13, 0, 1, 0, 1u << GNTTABOP_dump_table);
    COMMANDS(vcpu_op, 2, 0, 14, 0, 0, 0, 1u << VCPUOP_down);
    COMMANDS(nmi_op, 1, 0, 2, 0, 0, 0, 0);
    COMMANDS(callback_op, 1, 0, 2, 0, 0, 0, 0);
    /* Shutdown, remote shutdown of domain 0, polls and watchdogs without a timeout. */
    COMMANDS(sched_op, 1, 0, 8, 0, 0, 1u << SCHEDOP_shutdown | 1u << SCHEDOP_poll | 1u << SCHEDOP_remote_shutdown | 1u << SCHEDOP_watchdog, 1u << SCHEDOP_block);
    COMMANDS(event_channel_op, 1, 0, 15, 0, 0, 0, 0);
    /* What stock Xen knows of the machine's PCI devices and windows comes from dom0: 19, 21, 27; 4 is of another age. */
    COMMANDS(physdev_op, 1, 0, 32, 0, 0, 0, 1u << 4 | 1u << 19 | 1u << 21 | 1u << 27);
}

static void control_calls(void)
{
    SWEEP(platform_op, 0, false, 0);
    SWEEP(sysctl, 0, false, 0);
    SWEEP(domctl, 0, false, 0);

    /* Domain control of one that is not there: which numbers are known at all. */
    static struct xen_domctl d;
    for (uint32_t cmd = 0; cmd < 96; cmd++) {
        memset(&d, 0, sizeof(d));
        d.cmd = cmd;
        d.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
        d.domain = 77;
        if (cmd != XEN_DOMCTL_createdomain)
            print("= domctl %u: %ld\n", cmd, HC1(domctl, &d));
    }
}

static void unknown_calls(void)
{
    static const unsigned int nr[] = { 11, 27, 30, 38, 39, 43, 47, 48, 50, 55, 56, 63, 64 };

    for (unsigned int i = 0; i < sizeof(nr) / sizeof(*nr); i++)
        sweep(labelled("hypercall", nr[i]), nr[i], 0, (uint64_t[5]){ 0 }, false);
}

void test_main(void)
{
    make_pointers();
    restore();
    guest_calls();
    control_calls();
    unknown_calls();
}
