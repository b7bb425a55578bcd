/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Trace records of PV guests; call them if trace_wants(TRC_PV_ENTRY). */
#ifndef X86_PV_TRACE_H
#define X86_PV_TRACE_H

#include <hv/compiler.h>

/* An exception that current is given, where it is. */
void pv_trace_trap(unsigned int vector, uint32_t error_code);
void pv_trace_page_fault(uint64_t cr2, uint32_t error_code);
/* TRC_PV_FORCED_INVALID_OP, TRC_PV_EMULATE_PRIVOP: the instruction at rip was done for the guest. */
void pv_trace_rip(uint32_t event, uint64_t rip);
/* TRC_PV_GDT_LDT_MAPPING_FAULT (va: offset in the table), TRC_PV_PAGING_FIXUP. */
void pv_trace_address(uint32_t event, uint64_t rip, uint64_t va);
/* An entry of a live page table that the guest wrote directly. */
void pv_trace_table_write(uint64_t e, uint64_t va, uint64_t rip);

#endif
