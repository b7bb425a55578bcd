/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The hypercall: rows of abi/grant.def, and going on after a pre-emption. */
#include "table.h"

#include <hv/errno.h>
#include <hv/guest_access.h>

struct op_row {
    long (*fn)(uint64_t uop, uint32_t count);
    size_t bytes;
};

static const struct op_row table[] = {
#define GRANT_OP(nr, name, type) [nr] = { grant_op_##name, sizeof(type) },
#include "../../abi/grant.def"
#undef GRANT_OP
};

long hc_grant_table_op(uint64_t cmd, uint64_t uop, uint64_t count, uint64_t a4, uint64_t a5)
{
    const uint32_t nr = (uint32_t)cmd, n = (uint32_t)count;
    const struct op_row *row;
    long rc;

    if (n > INT32_MAX)
        return ERR(EINVAL);
    /* ABI: the bits above the number are a continuation's; ours need none. */
    if (nr >> 12 != 0)
        return ERR(EINVAL);
    if (nr >= array_size(table) || table[index_nospec(nr, array_size(table))].fn == NULL)
        return ERR(ENOSYS);
    row = &table[index_nospec(nr, array_size(table))];
    if (!guest_range_ok(uop, n * row->bytes))
        return ERR(EFAULT);
    rc = row->fn(uop, n);
    if (rc <= 0)
        return rc;
    return hypercall_continue(__HYPERVISOR_grant_table_op, nr, uop + (uint64_t)rc * row->bytes, n - (uint64_t)rc, 0, 0);
}
