/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dom0's first page tables. They are written into its memory like any guest builder's, then pinned:
 * the page-table code checks them and takes all references, so nothing here knows its rules beyond
 * the ABI's: no writable mapping of a table.
 */
#include "dom0.h"
#include "mmu/mmu.h"
#include <arch/page.h>
#include <hv/errno.h>
