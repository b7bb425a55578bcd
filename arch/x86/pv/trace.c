/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Trace records of what PV guests run into, with 64-bit addresses (TRC_64_FLAG, xen/trace.h). */
#include "trace.h"

#include <arch/pv.h>
#include <hv/trace.h>

/* ABI: vector in 15 bits, whether there is an error code, the error code: as xenalyze reads it. */
#define TRAP_WITH_ERROR_CODE (1u << 15)
#define TRAP_ERROR_SHIFT     16
#define VECTORS_WITH_ERROR   0x00227d00u

void pv_trace_trap(unsigned int vector, uint32_t error_code)
{
    const uint64_t rip = guest_regs()->rip;
    uint32_t what = vector;

    if (vector == VEC_PF)
        return; /* has a record of its own */
    if (vector < 32 && (VECTORS_WITH_ERROR >> vector) & 1)
        what |= TRAP_WITH_ERROR_CODE | error_code << TRAP_ERROR_SHIFT;
    trace(TRC_PV_TRAP | TRC_64_FLAG, TRACE_LOW(rip), TRACE_HIGH(rip), what);
}

void pv_trace_page_fault(uint64_t cr2, uint32_t error_code)
{
    const uint64_t rip = guest_regs()->rip;

    trace(TRC_PV_PAGE_FAULT | TRC_64_FLAG, TRACE_LOW(rip), TRACE_HIGH(rip), TRACE_LOW(cr2), TRACE_HIGH(cr2), error_code);
}

void pv_trace_rip(uint32_t event, uint64_t rip)
{
    trace(event | TRC_64_FLAG, TRACE_LOW(rip), TRACE_HIGH(rip));
}

void pv_trace_address(uint32_t event, uint64_t rip, uint64_t va)
{
    trace(event | TRC_64_FLAG, TRACE_LOW(rip), TRACE_HIGH(rip), TRACE_LOW(va), TRACE_HIGH(va));
}

void pv_trace_table_write(uint64_t e, uint64_t va, uint64_t rip)
{
    trace(TRC_PV_PTWR_EMULATION | TRC_64_FLAG, TRACE_LOW(e), TRACE_HIGH(e), TRACE_LOW(va), TRACE_HIGH(va), TRACE_LOW(rip), TRACE_HIGH(rip));
}
