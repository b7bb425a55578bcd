/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bitmaps in the toolstack's form (struct xenctl_bitmap: bytes, least significant bit first) in and out. */
#include <hv/control.h>
#include <hv/errno.h>
#include <hv/guest_access.h>
#include <hv/lib.h>

static void clear_tail(uint64_t *map, unsigned int bits)
{
    if (bits % BITS_PER_WORD != 0)
        map[bits / BITS_PER_WORD] &= (1ULL << (bits % BITS_PER_WORD)) - 1;
}

int control_bitmap_read(const struct xenctl_bitmap *from, uint64_t *map, unsigned int bits)
{
    const unsigned int given = min(from->nr_bits, bits);

    memset(map, 0, BITMAP_WORDS(bits) * sizeof(*map));
    if (given != 0 && guest_read(map, handle_va(from->bitmap), div_round_up(given, 8)) != 0)
        return ERR(EFAULT);
    clear_tail(map, given);
    return 0;
}

int control_bitmap_write(struct xenctl_bitmap *to, const uint64_t *map, unsigned int bits)
{
    const uint64_t room = div_round_up((uint64_t)to->nr_bits, 8), used_bytes = div_round_up(bits, 8);
    const uint64_t bytes = min(room, used_bytes);
    uint8_t last;

    if (bytes == 0)
        return 0;
    last = ((const uint8_t *)map)[bytes - 1];
    if (bytes == used_bytes && bits % 8 != 0)
        last &= (uint8_t)((1u << (bits % 8)) - 1);
    if (guest_write(handle_va(to->bitmap), map, bytes - 1) != 0 ||
        guest_write(handle_va(to->bitmap) + bytes - 1, &last, 1) != 0 ||
        guest_zero(handle_va(to->bitmap) + bytes, room - bytes) != 0)
        return ERR(EFAULT);
    return 0;
}
