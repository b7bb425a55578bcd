/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hypercalls that touch little: entry, dispatch, small copies, multicall. */
#include "bench.h"

static struct multicall_entry batch[32];

static void versions(void)
{
    static char extra[16];
    static struct xen_feature_info features;
    static struct vcpu_runstate_info runstate;
    static domid_t self = DOMID_SELF;

    MEASURE("xen_version(XENVER_version)", HC2(xen_version, XENVER_version, 0));
    MEASURE("xen_version(extraversion, 16-byte copy)", HC2(xen_version, XENVER_extraversion, extra));
    MEASURE("xen_version(get_features)", HC2(xen_version, XENVER_get_features, &features));
    MEASURE("invalid hypercall 60", hypercall(60, 0, 0, 0, 0, 0));
    MEASURE("invalid hypercall 100", hypercall(100, 0, 0, 0, 0, 0));
    MEASURE("vcpu_op is_up", HC3(vcpu_op, VCPUOP_is_up, 0, 0));
    MEASURE("vcpu_op get_runstate_info", HC3(vcpu_op, VCPUOP_get_runstate_info, 0, &runstate));
    MEASURE("sched_op yield (alone)", HC2(sched_op, SCHEDOP_yield, 0));
    MEASURE("memory_op current_reservation", HC2(memory_op, XENMEM_current_reservation, &self));
}

static void multicalls(void)
{
    for (unsigned int i = 0; i < 32; i++)
        batch[i] = (struct multicall_entry){ .op = __HYPERVISOR_xen_version, .args = { XENVER_version, 0 } };
    MEASURE("multicall 1 x xen_version", HC2(multicall, batch, 1));
    MEASURE("multicall 32 x xen_version", HC2(multicall, batch, 32));
}

static void console(void)
{
    static char byte = '.';

    MEASURE("console_io write of 1 byte", HC3(console_io, CONSOLEIO_write, 1, &byte));
    print("\n");
}

static void descriptors(void)
{
    static struct trap_info traps[21];
    uint64_t *gdt = page_alloc();
    unsigned long frame = va_to_mfn(gdt);

    memcpy(traps, exception_table, sizeof(traps));
    MEASURE("set_trap_table 20 entries", HC1(set_trap_table, traps));
    memset(&traps[1], 0, sizeof(traps[1]));
    MEASURE("set_trap_table 1 entry", HC1(set_trap_table, traps));
    HC1(set_trap_table, exception_table);

    MUST(set_pte(gdt, used_pte(gdt, 0), UVMF_INVLPG));
    MUST(HC2(set_gdt, &frame, 512));
    const uint64_t slot = va_to_mfn(gdt) * PAGE_SIZE + 64;
    MUST(HC2(update_descriptor, slot, 0x00cff2000000ffff));
    MEASURE("update_descriptor (GDT)", HC2(update_descriptor, slot, 0x00cff2000000ffff));
}

static void vcpu_state(void)
{
    static struct callback_register callback = { .type = CALLBACKTYPE_failsafe };
    static struct physdev_set_iopl iopl = { .iopl = 1 };
    static char stack[64] __attribute__((aligned(16)));
    static uint64_t word;

    callback.address = (unsigned long)failsafe_entry;
    MEASURE("stack_switch", HC2(stack_switch, 0xe02b, stack + 64));
    MEASURE("fpu_taskswitch set", HC1(fpu_taskswitch, 1));
    MEASURE("fpu_taskswitch clear", HC1(fpu_taskswitch, 0));
    MEASURE("set_segment_base FS", HC2(set_segment_base, SEGBASE_FS, &word));
    MEASURE("set_segment_base GS_USER", HC2(set_segment_base, SEGBASE_GS_USER, &word));
    MEASURE("set_segment_base GS_USER_SEL", HC2(set_segment_base, SEGBASE_GS_USER_SEL, 0));
    MEASURE("set_debugreg dr0", HC2(set_debugreg, 0, 0));
    MEASURE("get_debugreg dr7", HC1(get_debugreg, 7));
    MEASURE("vm_assist enable", HC2(vm_assist, VMASST_CMD_enable, VMASST_TYPE_writable_pagetables));
    MEASURE("mmuext SET_LDT 0", mmuext(MMUEXT_SET_LDT, 0, 0));
    MEASURE("callback_op register", HC2(callback_op, CALLBACKOP_register, &callback));
    MEASURE("physdev_op set_iopl", HC2(physdev_op, PHYSDEVOP_set_iopl, &iopl));
}

void bench_calls(void)
{
    versions();
    multicalls();
    console();
    descriptors();
    vcpu_state();
}
