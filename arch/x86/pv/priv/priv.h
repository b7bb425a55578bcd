/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to pv/priv: instructions that fault in a PV guest and are carried out for it. */
#ifndef X86_PV_PRIV_H
#define X86_PV_PRIV_H

#include <arch/emul.h>
#include <arch/pv.h>

/* ---- ports.c: v is current ---- */
/* May the guest, in its mode, use these ports at all? (virtual IOPL, I/O bitmap) */
bool pv_port_permitted(struct vcpu *v, uint16_t port, unsigned int bytes);
uint32_t pv_port_read(struct vcpu *v, uint16_t port, unsigned int bytes);
void pv_port_write(struct vcpu *v, uint16_t port, unsigned int bytes, uint32_t value);
/* DR6 bits of the I/O breakpoints that an access hits. */
uint64_t pv_port_breakpoints(const struct vcpu *v, uint16_t port, unsigned int bytes);

/* ---- segment.c ---- */
/* The descriptor that sel names in v's tables, which are in this CPU's windows. false: none. */
bool pv_descriptor_read(const struct vcpu *v, uint16_t sel, uint64_t *desc);
/* Bits of the code that regs runs: 16, 32, 64; 0 if its selector names no code segment. */
unsigned int pv_code_bits(const struct vcpu *v, const struct trap_frame *regs);
/* As struct emul_ops wants it. */
enum emul_result pv_segment_read(struct emul_context *c, enum emul_segment seg, struct emul_segment_cache *out);

#endif
