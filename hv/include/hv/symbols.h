/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of the hypervisor's functions, for crash reports. The table is made at link time by tools/gen-symbols. */
#ifndef HV_SYMBOLS_H
#define HV_SYMBOLS_H

#include <hv/compiler.h>

/* The function that address lies in, and how far in; NULL if it is not code of ours. Any context. */
const char *symbol_find(uint64_t address, uint64_t *offset);
/* "name+0x12" (or "???") into buf. Returns buf. Any context. */
const char *symbol_format(uint64_t address, char *buf, size_t size);

#endif
