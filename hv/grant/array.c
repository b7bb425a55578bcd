/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Arrays of operations in guest memory, worked through in pieces: one copy in and one out for many. */
#include "table.h"

#include <hv/errno.h>
#include <hv/guest_access.h>

union any_op {
#define GRANT_OP(nr, name, type) type name;
#include "../../abi/grant.def"
#undef GRANT_OP
};

/* How many elements could be read; one at least, or 0. ABI: those before an unmapped page are still done. */
static unsigned int read_chunk(void *ops, uint64_t va, uint32_t left, size_t bytes)
{
    const unsigned int n = min(left, GRANT_CHUNK);

    if (likely(guest_read(ops, va, n * bytes) == 0))
        return n;
    return n > 1 && guest_read(ops, va, bytes) == 0 ? 1 : 0;
}

long grant_for_each_chunk(uint64_t uop, uint32_t count, size_t bytes, void (*fn)(void *ops, unsigned int n, void *state), void *state)
{
    union any_op ops[GRANT_CHUNK];

    for (uint32_t done = 0; done < count; ) {
        const uint64_t va = uop + (uint64_t)done * bytes;

        if (done != 0 && hypercall_preempt_check())
            return done;
        const unsigned int n = read_chunk(ops, va, count - done, bytes);

        if (n == 0)
            return ERR(EFAULT);
        fn(ops, n, state);
        if (guest_write(va, ops, n * bytes) != 0)
            return ERR(EFAULT);
        done += n;
    }
    return 0;
}
