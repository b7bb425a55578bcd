/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What Zendo uses of the Xen (or Zendo) that it runs on as a PVH guest, where a machine of its own would
 * have devices: the paravirtual console (xen/io/console.h; console=xen), the rate of the TSC, the
 * calendar, shutdown. Hypercalls go by the instruction that a hypercall page would hold.
 * Lock: the console lock guards the console ring's producer side, its timer the consumer side.
 * See docs/boot.md.
 */
#include <arch/cpu.h>
#include <arch/page.h>
#include <arch/platform.h>
#include <hv/boot_info.h>
#include <hv/console.h>
#include <hv/log.h>
#include <hv/mm.h>
#include <hv/time.h>
#include <xen/xen.h>
#include <xen/arch-x86/cpuid.h>
#include <xen/event_channel.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
#include <xen/io/console.h>
#include <xen/memory.h>
#include <xen/sched.h>

#define MAX_LEAF_BASE  0x40010000u
#define LEAF_BASE_STEP 0x100u
#define INPUT_POLL_NS  (50 * NS_PER_MS)
#define FULL_TRIES     2000u    /* yields until somebody reads; then output is lost */

static volatile struct xencons_interface *ring;
static evtchn_port_t ring_port;
static struct timer input_timer;

/* Leaves of "XenVMMXenVMM" may stand above another interface's (xen/arch-x86/cpuid.h). 0: not on Xen. */
static uint32_t leaf_base(void)
{
    if (!(cpuid(1).c & (1u << 31)))
        return 0;
    for (uint32_t base = XEN_CPUID_FIRST_LEAF; base < MAX_LEAF_BASE; base += LEAF_BASE_STEP) {
        const struct cpuid_leaf l = cpuid(base);

        if (l.b == XEN_CPUID_SIGNATURE_EBX && l.c == XEN_CPUID_SIGNATURE_ECX && l.d == XEN_CPUID_SIGNATURE_EDX)
            return base;
    }
    return 0;
}

/* HVM guests' 64-bit convention (xen/arch-x86/xen-x86_64.h). */
static long hypercall(unsigned int number, uint64_t a1, const volatile void *a2)
{
    const bool is_intel = cpu_features.vendor == CPU_VENDOR_INTEL;
    long rax = number;
    uint64_t rdi = a1, rsi = (uintptr_t)a2;

    if (is_intel)
        __asm__ volatile("vmcall" : "+a"(rax), "+D"(rdi), "+S"(rsi) :: "memory", "rdx", "r10", "r8");
    else
        __asm__ volatile("vmmcall" : "+a"(rax), "+D"(rdi), "+S"(rsi) :: "memory", "rdx", "r10", "r8");
    return rax;
}

/* ---- clocks ---- */

boot_code uint64_t xen_guest_tsc_hz(void)
{
    const uint32_t base = leaf_base();

    return base != 0 && cpuid(base).a >= base + 3 ? cpuid_count(base + 3, 0).c * 1000ULL : 0;
}

/* The shared info page takes the place of one of ours for as long as it is read. */
boot_code bool xen_guest_calendar(uint64_t *unix_seconds)
{
    static uint8_t place[4096] aligned(4096);
    const volatile struct shared_info *s = (const void *)place;
    struct xen_add_to_physmap add = { .domid = DOMID_SELF, .space = XENMAPSPACE_shared_info, .gpfn = image_mfn(place).v };

    if (leaf_base() == 0 || hypercall(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, &add) != 0)
        return false;
    const uint64_t start = ((uint64_t)s->wc_sec_hi << 32) | s->wc_sec;

    *unix_seconds = start + (s->vcpu_info[0].time.system_time + s->wc_nsec) / NS_PER_S;
    return start != 0;
}

/* ---- console ---- */

static void notify(void)
{
    struct evtchn_send send = { .port = ring_port };

    (void)hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_send, &send);
}

static bool wait_for_room(void)
{
    for (unsigned int i = 0; i < FULL_TRIES; i++) {
        if (ring->out_prod - ring->out_cons < sizeof(ring->out))
            return true;
        notify();
        (void)hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, NULL);
    }
    return false;
}

/* Order: the bytes are there before out_prod says so; x86 keeps stores in order. */
static bool put(char c)
{
    if (ring->out_prod - ring->out_cons >= sizeof(ring->out) && !wait_for_room())
        return false;
    ring->out[MASK_XENCONS_IDX(ring->out_prod, ring->out)] = c;
    ring->out_prod++;
    return true;
}

static void ring_write(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((s[i] == '\n' && !put('\r')) || !put(s[i]))
            break;
    if (n != 0)
        notify();
}

static struct console_sink sink = { .name = "xen", .write = ring_write };

static void read_input(void *arg)
{
    const uint32_t limit = ring->in_prod;

    while (ring->in_cons != limit) {
        const char c = ring->in[MASK_XENCONS_IDX(ring->in_cons, ring->in)];

        ring->in_cons++;
        console_input(c);
    }
    timer_set(&input_timer, now_ns() + INPUT_POLL_NS);
}

static boot_code bool get_param(uint32_t index, uint64_t *value)
{
    struct xen_hvm_param p = { .domid = DOMID_SELF, .index = index };

    if (hypercall(__HYPERVISOR_hvm_op, HVMOP_get_param, &p) != 0)
        return false;
    *value = p.value;
    return true;
}

boot_code void xen_guest_console_init(void)
{
    uint64_t pfn, port;

    if (leaf_base() == 0 || !get_param(HVM_PARAM_CONSOLE_PFN, &pfn) || !get_param(HVM_PARAM_CONSOLE_EVTCHN, &port) || pfn == 0)
        return;
    ring = vmap_io(MADDR(pfn << PAGE_SHIFT), PAGE_SIZE, MAP_WB);
    if (ring == NULL)
        return;
    ring_port = (evtchn_port_t)port;
    console_sink_register(&sink);
}

boot_code void xen_guest_console_input(void)
{
    if (!sink.enabled)
        return;
    timer_init(&input_timer, read_input, NULL, 0);
    timer_set(&input_timer, now_ns() + INPUT_POLL_NS);
}

/* ---- the end ---- */

void xen_guest_shutdown(bool restart)
{
    struct sched_shutdown how = { .reason = restart ? SHUTDOWN_reboot : SHUTDOWN_poweroff };

    if (leaf_base() != 0)
        (void)hypercall(__HYPERVISOR_sched_op, SCHEDOP_shutdown, &how);
}
