/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the simulated machine does not have: interrupts of devices, FPU and segment registers, console, frames on guests' stacks. */
#include "machine_private.h"

#include <hv/boot_info.h>
#include <hv/console.h>
#include <hv/errno.h>
#include <hv/irq.h>
#include <hv/log.h>
#include <arch/emul.h>
#include <arch/paging.h>
#include <arch/platform.h>
#include <arch/spec_ctrl.h>

/* ---- log: nobody reads millions of lines ---- */

void printk(enum log_level level, const char *fmt, ...) { }
void guest_printk(enum log_level level, const char *fmt, ...) { }
void debug_key_register(unsigned char key, debug_key_fn *fn, const char *help) { }

/* ---- interrupts of devices ---- */

unsigned int nr_gsis, nr_irqs;

int pirq_bind(struct vcpu *v, unsigned int pirq, bool will_share) { return ERR(EINVAL); }
void pirq_unbind(struct domain *d, unsigned int pirq) { }
void pirq_eoi(struct domain *d, unsigned int pirq) { }
void pirq_set_affinity(struct domain *d, unsigned int pirq, const cpumask_t *mask) { }
void pirq_domain_release(struct domain *d) { }
void pirq_domain_fini(struct domain *d) { }
int pirq_domain_init(struct domain *d) { return 0; }
unsigned int pirq_limit(const struct domain *d) { return 16; }
unsigned int pirq_to_irq(struct domain *d, unsigned int pirq) { return 0; }
bool pirq_is_permitted(struct domain *d, unsigned int pirq) { return false; }

/* ---- registers that switching loads ---- */

int pv_fpu_init(struct vcpu *v)
{
    v->arch.fpu = heap_zalloc(1024, 64);
    return v->arch.fpu ? 0 : ERR(ENOMEM);
}
void pv_fpu_fini(struct vcpu *v) { heap_free(v->arch.fpu); }
void pv_fpu_save(struct vcpu *v) { }
void pv_fpu_lazy_restore(struct vcpu *v) { }
void pv_fpu_set_legacy(struct vcpu *v, const void *image) { memcpy(v->arch.fpu, image, 512); }
void pv_fpu_get_legacy(const struct vcpu *v, void *image) { memcpy(image, v->arch.fpu, 512); }
void pv_fpu_reset(struct vcpu *v) { }
bool pv_xcr0_valid(uint64_t xcr0) { return xcr0 == 3; }
void pv_set_xcr0(struct vcpu *v, uint64_t xcr0) { v->arch.xcr0 = xcr0; }
void pv_fpu_taskswitch(struct vcpu *v, bool set) { }
void pv_segments_save(struct vcpu *v) { }
bool pv_segments_restore(struct vcpu *v) { return true; }
void pv_failsafe(struct vcpu *v) { }
void cpu_swapgs(void) { }
bool spec_ctrl_msr_is_virtual(void) { return false; }
bool spec_ctrl_tsx_is_off(void) { return false; }
void spec_ctrl_switch(const struct vcpu *v) { }
uint32_t spec_ctrl_guest_bits(const struct vcpu *v) { return 0; }
int rdmsr_safe(uint32_t msr, uint64_t *v) { return ERR(EFAULT); }
int wrmsr_safe(uint32_t msr, uint64_t v) { return ERR(EFAULT); }
int guest_rdmsr(struct vcpu *v, uint32_t msr, uint64_t *value) { return ERR(EINVAL); }
int guest_wrmsr(struct vcpu *v, uint32_t msr, uint64_t value) { return ERR(EINVAL); }
void arch_vcpu_dump(struct vcpu *v) { }

/* ---- guests' exceptions: the domain has no code that could handle them ---- */

void pv_inject_exception(struct vcpu *v, unsigned int vector, uint32_t error_code) { }
void pv_inject_page_fault(struct vcpu *v, uint32_t error_code, uint64_t cr2) { }
void pv_syscall_from_user(struct trap_frame *regs) { finding("a hypercall from user mode"); }
void pv_iret(struct vcpu *v, struct trap_frame *regs) { }
unsigned int pv_code_bits(const struct vcpu *v, const struct trap_frame *regs) { return 64; }

/* ---- what dom0's machine would do ---- */

mfn_t hv_m2p_chunk(uint64_t n) { return MFN_INVALID; }
void hardware_domain_shutdown(int reason) { finding("the machine goes down, reason %d", reason); }

struct boot_info boot_info = { .nr_memory = 1, .memory[0] = { .start = 0, .size = MACHINE_FRAMES * PAGE_SIZE } };
struct acpi_info acpi_info;
struct cpu_topology cpu_topology[MAX_CPUS];
const struct { uint32_t name_bytes, desc_bytes, type; char name[4]; uint8_t desc[20]; } build_id_note[1] = { { 4, 20, 3, "GNU", { 1 } } };
void arch_idle(void) { }
void arch_cache_clean(const void *p, size_t n) { }

/* ---- hypercalls that are about the machine ---- */

#define NOT_HERE(name) long hc_##name(uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5) { return ERR(ENOSYS); }
NOT_HERE(console_io)
NOT_HERE(fpu_taskswitch)
NOT_HERE(iret)
NOT_HERE(mca)
NOT_HERE(physdev_op)
NOT_HERE(physdev_op_compat)
NOT_HERE(platform_op)
NOT_HERE(set_segment_base)
NOT_HERE(stack_switch)
NOT_HERE(sysctl)
