/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Address to function name. The table (tools/gen-symbols) is sorted by address and keeps
 * only the lower halves of addresses: the image lies within one 4 GiB block.
 */
#include <hv/lib.h>
#include <hv/symbols.h>

extern const uint32_t symbol_count;
extern const uint64_t symbol_block;       /* the addresses' common upper half */
extern const uint32_t symbol_address[];   /* lower halves, ascending */
extern const uint32_t symbol_name[];      /* offsets into symbol_text */
extern const char symbol_text[];

extern char image_start[], text_end[], init_start[], init_text_end[]; /* linker script */

static bool is_code(uint64_t address)
{
    return (address >= (uintptr_t)image_start && address < (uintptr_t)text_end) ||
           (address >= (uintptr_t)init_start && address < (uintptr_t)init_text_end);
}

/* Index of the last symbol at or below address, plus one; 0 if there is none. */
static uint32_t count_up_to(uint32_t address)
{
    uint32_t low = 0, high = symbol_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (symbol_address[middle] <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const char *symbol_find(uint64_t address, uint64_t *offset)
{
    uint32_t n = count_up_to((uint32_t)address);

    if (!is_code(address) || address >> 32 != symbol_block >> 32 || n == 0)
        return NULL;
    *offset = (uint32_t)address - symbol_address[n - 1];
    return symbol_text + symbol_name[n - 1];
}

const char *symbol_format(uint64_t address, char *buf, size_t size)
{
    uint64_t offset;
    const char *name = symbol_find(address, &offset);

    if (name)
        snprintf(buf, size, "%s+%#lx", name, (unsigned long)offset);
    else
        strlcpy(buf, "???", size);
    return buf;
}
