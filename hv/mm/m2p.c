/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Machine-to-physical table: one word per machine frame, written here through its writable
 * mapping, read by PV guests through slot 256. Mapped by arch/x86/mm. No lock: a word is the
 * business of the frame's owner.
 */
#include <hv/mm.h>

#ifdef HV_HOST_TEST
extern uint64_t *host_m2p;
#define M2P_TABLE host_m2p
#else
#define M2P_TABLE ((uint64_t *)M2P_RW_BASE)
#endif

void m2p_set(mfn_t mfn, uint64_t pfn)
{
    if (mfn.v < max_mfn)
        write_once(M2P_TABLE[index_nospec(mfn.v, max_mfn)], pfn);
}

uint64_t m2p_get(mfn_t mfn)
{
    return mfn.v < max_mfn ? read_once(M2P_TABLE[index_nospec(mfn.v, max_mfn)]) : M2P_INVALID;
}
