/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The hypervisor's own page tables: sixteen L4 slots that every page table shares (arch/layout.h).
 * Each of the slots gets its L3 table before the first guest L4 is made, so that no L4 entry of
 * ours ever changes afterwards. Lock: none; changed at boot, and under vmap's lock later.
 */
#include "early.h"
#include <arch/cpu.h>
#include <arch/page.h>
#include <arch/paging.h>
#include <arch/tlb.h>
#include <hv/boot_info.h>
#include <hv/errno.h>
#include <hv/lib.h>
#include <hv/log.h>

#define SIZE_4K 0x1000ULL
#define SIZE_2M 0x200000ULL
#define SIZE_1G 0x40000000ULL

uint64_t max_mfn;
uint64_t frame_table_nr;

extern const char image_start[], text_end[], rodata_end[], init_start[], init_text_end[], init_end[], image_end[];

_Static_assert(FRAMES_PER_PIECE == SIZE_2M / sizeof(struct frame), "a piece of the frame table is a 2 MiB page");
uint64_t frame_pieces_mapped[BITMAP_WORDS(MAX_FRAME_PIECES)];

/* ---- building tables ---- */

static pte_t *new_table(pte_t *entry)
{
    mfn_t mfn;

    if (early_memory_is_over()) {
        void *page = pages_alloc(0, ALLOC_ZERO);

        if (page == NULL)
            return NULL;
        mfn = va_mfn(page);
    } else {
        mfn = early_alloc(1, 1);
    }
    write_once(*entry, pte_make(mfn, PTE_P | PTE_RW | PTE_A | PTE_D));
    return mfn_va(mfn);
}

/* The table that `entry` points to, made if absent. NULL: no memory. */
static pte_t *table_at(pte_t *entry)
{
    ASSERT(!(*entry & PTE_P) || !(*entry & PTE_PS));
    return *entry & PTE_P ? mfn_va(pte_mfn(*entry)) : new_table(entry);
}

/* Guests may read through slot 256: there, the upper levels say US too. */
static void allow_user(pte_t *entry, uint64_t flags)
{
    if (flags & PTE_US)
        *entry |= PTE_US;
}

/* The entry of `level` for va, tables above it made. NULL: no memory. */
static pte_t *entry_for(uint64_t va, unsigned int level, uint64_t flags)
{
    pte_t *table = hv_l4;

    for (unsigned int l = 4; l > level; l--) {
        pte_t *entry = &table[pt_index(va, l)];

        table = table_at(entry);
        if (table == NULL)
            return NULL;
        allow_user(entry, flags);
    }
    return &table[pt_index(va, level)];
}

static unsigned int largest_level(uint64_t va, uint64_t pa, uint64_t bytes, bool small)
{
    if (small)
        return 1;
    if (cpu_features.gbpages && bytes >= SIZE_1G && !((va | pa) & (SIZE_1G - 1)))
        return 3;
    return bytes >= SIZE_2M && !((va | pa) & (SIZE_2M - 1)) ? 2 : 1;
}

int hv_map(uint64_t va, mfn_t mfn, uint64_t nr_frames, uint64_t flags, bool small)
{
    uint64_t bytes = nr_frames << PAGE_SHIFT;

    ASSERT(va >= HV_VIRT_START && va + bytes <= HV_VIRT_END && !(va & (SIZE_4K - 1)));
    while (bytes != 0) {
        const uint64_t pa = mfn.v << PAGE_SHIFT;
        const unsigned int level = largest_level(va, pa, bytes, small);
        const uint64_t size = SIZE_4K << (9 * (level - 1));
        pte_t *entry = entry_for(va, level, flags);

        if (entry == NULL)
            return ERR(ENOMEM);
        ASSERT(level == 1 || !(flags & PTE_PAT)); /* bit 7 means PS there */
        write_once(*entry, pte_make(mfn, flags | (level > 1 ? PTE_PS : 0)));
        va += size;
        bytes -= size;
        mfn = mfn_add(mfn, size >> PAGE_SHIFT);
    }
    return 0;
}

pte_t *hv_l1_entry(uint64_t va)
{
    pte_t *table = hv_l4;

    for (unsigned int l = 4; l > 1; l--) {
        const pte_t e = table[pt_index(va, l)];

        ASSERT((e & PTE_P) && !(e & PTE_PS));
        table = mfn_va(pte_mfn(e));
    }
    return &table[pt_index(va, 1)];
}

void hv_unmap(uint64_t va, uint64_t nr_frames)
{
    for (uint64_t i = 0; i < nr_frames; i++)
        write_once(*hv_l1_entry(va + i * PAGE_SIZE), 0);
    tlb_flush_mask(&cpu_online_mask, TLB_FLUSH_GLOBAL, 0);
}

void hv_install_slots(pte_t *l4)
{
    for (unsigned int i = HV_FIRST_SLOT; i <= HV_LAST_SLOT; i++)
        l4[i] = hv_l4[i];
}

/* ---- the layout, at boot ---- */

static boot_code void map_or_die(uint64_t va, mfn_t mfn, uint64_t nr, uint64_t flags, bool small)
{
    if (hv_map(va, mfn, nr, flags, small) != 0)
        panic("Out of memory for page tables\n");
}

/* What firmware keeps in RAM (ACPI tables) is read through the direct map too. */
static boot_code bool in_direct_map(uint32_t kind)
{
    return kind == MEMORY_RAM || kind == MEMORY_ACPI || kind == MEMORY_NVS;
}

static boot_code void map_direct_part(uint64_t start, uint64_t end, uint64_t flags, bool small)
{
    if (start < end)
        map_or_die(DIRECT_MAP_BASE + start, MFN(start >> PAGE_SHIFT), (end - start) >> PAGE_SHIFT, flags, small);
}

/* B2: code and constants are not writable through the direct map either; around them, pages are small. */
static boot_code void map_direct_range(uint64_t start, uint64_t end)
{
    const uint64_t text = (uintptr_t)image_start - IMAGE_BASE, constants_end = (uintptr_t)rodata_end - IMAGE_BASE;
    const uint64_t before = min(max(round_down(text, SIZE_2M), start), end), behind = min(max(round_up(constants_end, SIZE_2M), start), end);

    map_direct_part(start, before, HV_PTE_RW, false);
    map_direct_part(before, behind, HV_PTE_RW, true);
    map_direct_part(behind, end, HV_PTE_RW, false);
    map_direct_part(max(text, before), min(constants_end, behind), HV_PTE_RO, true);
}

static boot_code void map_direct(void)
{
    map_or_die(DIRECT_MAP_BASE, MFN(0), 0x100, HV_PTE_RW, false); /* BIOS area */
    for (unsigned int i = 0; i < boot_info.nr_memory; i++) {
        const struct memory_range *m = &boot_info.memory[i];
        const uint64_t start = max(round_down(m->start, SIZE_4K), 0x100000ULL);
        const uint64_t end = min(round_up(m->start + m->size, SIZE_4K), DIRECT_MAP_END - DIRECT_MAP_BASE);

        if (in_direct_map(m->kind) && start < end)
            map_direct_range(start, end);
    }
}

static boot_code void map_image(void)
{
    const struct { const char *start, *end; uint64_t flags; } part[] = {
        { image_start, text_end, HV_PTE_RX },
        { text_end, rodata_end, HV_PTE_RO },
        { rodata_end, init_start, HV_PTE_RW },
        { init_start, init_text_end, HV_PTE_RX },
        { init_text_end, init_end, HV_PTE_RW },
        { init_end, image_end, HV_PTE_RW },
    };

    for (unsigned int i = 0; i < array_size(part); i++)
        map_or_die((uintptr_t)part[i].start, image_mfn(part[i].start), (uint64_t)(part[i].end - part[i].start) >> PAGE_SHIFT, part[i].flags, true);
}

/* Entries for all RAM; what no memory range calls RAM is firmware's or a device's. */
static boot_code void make_frame_table(void)
{
    for (uint64_t piece = 0; piece * FRAMES_PER_PIECE < max_mfn; piece++) {
        const uint64_t first = piece * FRAMES_PER_PIECE << PAGE_SHIFT, end = first + (FRAMES_PER_PIECE << PAGE_SHIFT);
        bool any = false;

        for (unsigned int i = 0; i < boot_info.nr_memory && !any; i++)
            any = boot_info.memory[i].kind == MEMORY_RAM && boot_info.memory[i].start < end &&
                  boot_info.memory[i].start + boot_info.memory[i].size > first;
        if (!any)
            continue;
        map_or_die(FRAME_TABLE_BASE + piece * SIZE_2M, early_alloc(512, 512), 512, HV_PTE_RW, false);
        bit_set(frame_pieces_mapped, (unsigned int)piece);
    }
    frame_table_nr = max_mfn;
}

static boot_code void mark_frames(void)
{
    for (uint64_t m = 0; m < round_up(max_mfn, FRAMES_PER_PIECE); m++) {
        if (!bit_test(frame_pieces_mapped, (unsigned int)(m / FRAMES_PER_PIECE))) {
            m += FRAMES_PER_PIECE - 1;
            continue;
        }
        struct frame *f = frame_of(MFN(m));

        f->flags = FRAME_FOREIGN_IO;
        f->owner = DOMID_IO;
        f->next = f->prev = FRAME_NO_LINK;
    }
    for (unsigned int i = 0; i < boot_info.nr_memory; i++) {
        const struct memory_range *r = &boot_info.memory[i];
        const uint64_t end = min((r->start + r->size) >> PAGE_SHIFT, max_mfn);

        if (r->kind != MEMORY_RAM)
            continue;
        for (uint64_t m = max(div_round_up(r->start, SIZE_4K), 0x100ULL); m < end; m++) {
            frame_of(MFN(m))->flags = FRAME_RESERVED;
            frame_of(MFN(m))->owner = DOMID_INVALID;
        }
    }
}

/* One 2 MiB page shows the M2P entries of 1 GiB. */
static boot_code void make_m2p(void)
{
    for (uint64_t va = 0; va < max_mfn * sizeof(uint64_t); va += SIZE_2M) {
        const mfn_t chunk = early_alloc(512, 512);

        memset(mfn_va(chunk), 0xff, SIZE_2M);
        map_or_die(M2P_RW_BASE + va, chunk, 512, HV_PTE_RW, false);
        map_or_die(M2P_RO_BASE + va, chunk, 512, HV_PTE_RO | PTE_US, false);
    }
}

boot_code void m2p_share(void)
{
    for (uint64_t va = 0; va < max_mfn * sizeof(uint64_t); va += SIZE_2M) {
        const mfn_t chunk = hv_m2p_chunk(va / SIZE_2M);

        for (unsigned int i = 0; i < 512; i++)
            frame_share_privileged(frame_of(mfn_add(chunk, i)), false);
    }
}

mfn_t hv_m2p_chunk(uint64_t n)
{
    const pte_t *l3 = mfn_va(pte_mfn(hv_l4[pt_index(M2P_RW_BASE, 4)]));
    const uint64_t va = M2P_RW_BASE + n * SIZE_2M;

    if (n * SIZE_2M >= max_mfn * sizeof(uint64_t))
        return MFN_INVALID;
    const pte_t *l2 = mfn_va(pte_mfn(l3[pt_index(va, 3)]));

    return pte_mfn(l2[pt_index(va, 2)]);
}

static boot_code void make_slot_tables(void)
{
    for (unsigned int i = HV_FIRST_SLOT; i <= HV_LAST_SLOT; i++)
        if (!(hv_l4[i] & PTE_P))
            (void)new_table(&hv_l4[i]);
}

boot_code void paging_init(void)
{
    for (unsigned int i = 0; i < boot_info.nr_memory; i++)
        if (boot_info.memory[i].kind == MEMORY_RAM)
            max_mfn = max(max_mfn, min(boot_info.memory[i].start + boot_info.memory[i].size, DIRECT_MAP_END - DIRECT_MAP_BASE) >> PAGE_SHIFT);
    early_memory_init();
    make_slot_tables();
    map_direct();
    map_image();
    make_frame_table();
    make_m2p();
    write_cr3(image_mfn(hv_l4).v << PAGE_SHIFT);
    mark_frames();
    early_memory_release();
}

void init_memory_free(void)
{
    const uint64_t nr = (uint64_t)(init_end - init_start) >> PAGE_SHIFT;
    const mfn_t first = image_mfn(init_start);

    hv_unmap((uintptr_t)init_start, nr);
    buddy_add(first, mfn_add(first, nr));
    log_info("Freed %lu kB init memory\n", nr * 4);
}
