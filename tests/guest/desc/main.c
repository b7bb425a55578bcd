/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Descriptor tables: GDT pages, single descriptors, LDT and its demand mapping, what is forbidden. */
#include "../lib/guest.h"

const char test_name[] = "desc";

#define DATA   0x00cff3000000ffffull      /* flat, DPL 3 */
#define DATA_0 0x00cf93000000ffffull      /* DPL 0 */
#define CODE64 0x00affb000000ffffull
#define CODE32 0x00cffb000000ffffull
#define CONFORMING 0x00afff000000ffffull
#define NOT_PRESENT 0x00cf73000000ffffull
#define EXPAND_DOWN 0x00cff7000000ffffull
#define WITH_BASE(base) (0x00cff3000000ffffull | ((base) & 0xffffffull) << 16 | ((base) >> 24 & 0xffull) << 56)
#define SYSTEM(type, p) (0x0000600000000000ull | (uint64_t)(type) << 40 | (uint64_t)(p) << 47)
#define GATE(type, sel, extra) (0x0000e00000000000ull | (uint64_t)(type) << 40 | (uint64_t)(sel) << 16 | (extra))

static uint64_t *gdt;

static long set_gdt(uint64_t mfn, unsigned int entries)
{
    uint64_t frames[14];

    for (unsigned int i = 0; i < 14; i++)
        frames[i] = mfn;
    return HC2(set_gdt, frames, entries);
}

static long update(const void *at, uint64_t desc)
{
    return HC2(update_descriptor, va_to_mfn((void *)((uint64_t)at & ~4095ul)) * PAGE_SIZE + ((uint64_t)at & 4095), desc);
}

/* What the last TRY met, but for addresses that move with our image. */
static void show_met(const char *what)
{
    if (fault.taken && fault.vector == 14 && fault.cr2 >= 0xffffffff80000000)
        fault.cr2 = fault.cr2 & 4095;
    show_fault(what);
}

static void load(const char *what, unsigned int sel)
{
    struct fault_info first;
    uint32_t ar = 0, limit = 0;
    bool ok[4] = { false, false, false, false };

    TRY("mov %k0, %%ds", : "r"(sel) : "memory");
    first = fault;
    show_met(what);
    __asm__ volatile("mov %0, %%ds" :: "r"(0));
    TRY("lar %2, %0; setz %1", "+r"(ar), "+m"(ok[0]) : "r"(sel));
    TRY("lsl %2, %0; setz %1", "+r"(limit), "+m"(ok[1]) : "r"(sel));
    TRY("verr %w1; setz %0", "+m"(ok[2]) : "r"(sel));
    TRY("verw %w1; setz %0", "+m"(ok[3]) : "r"(sel));
    print("=   lar %d %x lsl %d %x verr %d verw %d\n", ok[0], ok[0] ? ar & ~0x100 : 0, ok[1], ok[1] ? limit : 0, ok[2], ok[3]);
    fault = first;
}

static void whole_tables(void)
{
    uint64_t *bad = page_alloc(), *more = page_alloc();

    gdt = page_alloc();
    SHOW(set_gdt(va_to_mfn(gdt), 512));             /* mapped writable */
    SHOW(make_readonly(gdt));
    SHOW(set_gdt(va_to_mfn(gdt), 512));
    SHOW(set_gdt(va_to_mfn(gdt), 511));
    SHOW(set_gdt(va_to_mfn(gdt), 513));             /* the same page twice */
    SHOW(set_gdt(va_to_mfn(gdt), 7168));
    SHOW(set_gdt(va_to_mfn(gdt), 7169));
    SHOW(set_gdt(va_to_mfn(gdt), 7176));
    SHOW(set_gdt(va_to_mfn(gdt), 8192));
    SHOW(set_gdt(va_to_mfn(gdt), ~0u));
    SHOW(set_gdt(0xfffffff, 512));
    SHOW(set_gdt(~0ul, 512));
    SHOW(set_gdt(va_to_mfn(pte_of(gdt)), 512));     /* a page table */
    SHOW(HC2(set_gdt, 0xffff830000000000, 1));
    SHOW(HC2(set_gdt, 0, 0));
    SHOW(HC2(set_gdt, 0, 1));
    SHOW(HC2(set_gdt, 0xffff830000000000, 0));
    bad[5] = SYSTEM(9, 1);
    SHOW(make_readonly(bad));
    SHOW(set_gdt(va_to_mfn(bad), 512));
    SHOW(set_gdt(va_to_mfn(bad), 5));               /* whole pages are checked */
    SHOW(make_writable(bad));
    bad[5] = DATA_0;
    SHOW(make_readonly(bad));
    SHOW(set_gdt(va_to_mfn(bad), 512));
    SHOW_HEX(bad[5]);
    SHOW(make_writable(bad));                       /* in use */
    SHOW(set_gdt(va_to_mfn(gdt), 512));
    SHOW(make_writable(bad));
    SHOW(make_readonly(more));
    uint64_t frames[2] = { va_to_mfn(gdt), va_to_mfn(more) };
    SHOW(HC2(set_gdt, frames, 600));
    SHOW(update(&more[3], DATA));
    load("second page", (512 + 3) * 8 + 3);
    load("beyond what was asked for", 700 * 8 + 3);
    SHOW(set_gdt(va_to_mfn(gdt), 512));
    load("second page gone", (512 + 3) * 8 + 3);
}

static void one(const char *what, uint64_t desc)
{
    print("= descriptor %s %lx\n", what, desc);
    SHOW(update(&gdt[4], desc));
    print("=   is %lx\n", gdt[4] & ~(desc & 0x0000100000000000ul ? 0x0000010000000000ul : 0ul));
    load(what, 4 * 8 + 3);
}

static void descriptors(void)
{
    one("null", 0);
    one("data", DATA);
    one("data DPL 0", DATA_0);
    one("code64", CODE64);
    one("code32", CODE32);
    one("conforming", CONFORMING);
    one("not present", NOT_PRESENT);
    one("not present system", SYSTEM(9, 0));
    one("expand down", EXPAND_DOWN);
    one("L and D", 0x00effb000000ffffull);
    one("data with L", 0x00eff3000000ffffull);
    for (unsigned int type = 0; type < 16; type++)
        one("system", SYSTEM(type, 1));
    for (unsigned int type = 4; type < 8; type++)
        one("gate", GATE(type, 0xe033, 0));
    static const uint64_t selectors[] = { 0, 1, 3, 4, 8, 0x20, 0x23, 0xe000, 0xe008, 0xe010, 0xe019, 0xe021, 0xe023, 0xe02b, 0xe030, 0xe033, 0xe038, 0xe044, 0xe040, 0xe108, 0xfff8 };
    for (unsigned int i = 0; i < sizeof(selectors) / sizeof(*selectors); i++)
        one("call gate", GATE(12, selectors[i], 0));
    one("call gate with parameters", GATE(12, 0xe033, 0x0000001f00000000ull));
    one("call gate with reserved bits", GATE(12, 0xe033, 0x000000e000000000ull));
    one("call gate with offset", GATE(12, 0xe033, 0x800000000000fff0ull | 0xffffull << 48));
    one("null", 0);
}

static void places(void)
{
    uint64_t *page = page_alloc();

    SHOW(update(page, SYSTEM(9, 1)));                /* a page of ours that is no table */
    SHOW(update(page, DATA_0));
    SHOW_HEX(page[0]);
    SHOW(update((char *)page + 4, DATA));
    SHOW(update((char *)page + 1, DATA));
    SHOW(HC2(update_descriptor, 0xfffffff000000, DATA));
    SHOW(HC2(update_descriptor, ~0ul, DATA));
    SHOW(HC2(update_descriptor, va_to_mfn(pte_of(page)) * PAGE_SIZE, DATA));
    SHOW(make_readonly(page));
    SHOW(update(page, DATA));
    SHOW_HEX(page[0]);
    SHOW(update(&gdt[7], DATA));
    SHOW(try_write(&gdt[7], 0));
    SHOW(make_writable(gdt));
}

static void bases(void)
{
    static uint64_t word = 0x1234;
    uint64_t *low = (uint64_t *)USER_DATA, v = 0;

    *low = 0x5678;
    SHOW(update(&gdt[6], WITH_BASE(USER_DATA)));
    TRY("mov %k0, %%fs", : "r"(6 * 8 + 3) : "memory");
    show_fault("fs");
    TRY("mov %%fs:0, %0", "+r"(v) : : "memory");
    SHOW(v == 0x5678);
    SHOW(HC2(set_segment_base, SEGBASE_FS, &word));
    TRY("mov %%fs:0, %0", "+r"(v) : : "memory");
    SHOW(v == 0x1234);
    /* A switch to another and back keeps selector and base. */
    for (unsigned int i = 0; i < 100; i++)
        HC2(sched_op, SCHEDOP_yield, 0);
    uint32_t sel;
    __asm__ volatile("mov %%fs, %0" : "=r"(sel));
    SHOW(sel & 0xffff);
    TRY("mov %k0, %%gs", : "r"(6 * 8 + 3) : "memory");
    show_fault("gs");
    TRY("mov %%gs:0, %0", "+r"(v) : : "memory");
    SHOW(v == 0x5678);
    __asm__ volatile("mov %0, %%fs; mov %0, %%gs" :: "r"(0));
}

static long set_ldt(uint64_t va, uint64_t entries) { return mmuext(MMUEXT_SET_LDT, va, entries); }
#define LDT(n) ((n) * 8u + 7u)

CODE(user_code, "mov %cs, %eax; syscall");

static void ldt(void)
{
    static uint64_t tables[3][512] page_aligned;
    uint64_t *t = tables[0];

    memset(tables, 0, sizeof(tables));
    t[1] = DATA;
    t[2] = DATA_0;
    t[3] = CODE64;
    t[4] = CODE32;
    tables[1][1] = DATA;
    tables[2][1] = DATA;
    tables[2][2] = SYSTEM(2, 1);
    load("LDT selector without LDT", LDT(1));
    SHOW(set_ldt((uint64_t)t, 1536));
    load("LDT page mapped writable", LDT(1));
    for (unsigned int i = 0; i < 3; i++)
        SHOW(make_readonly(tables[i]));
    load("LDT data", LDT(1));
    load("LDT data DPL 0", LDT(2));
    SHOW_HEX(t[2] & ~(1ull << 40));
    load("LDT code64", LDT(3));
    load("LDT null", LDT(9));
    load("LDT second page", LDT(513));
    load("LDT third page with a system descriptor", LDT(1025));
    SHOW(fault.taken);
    TRY("mov %k0, %%fs", : "r"(LDT(1025)) : "memory");
    SHOW(fault.taken && fault.vector == 14 && fault.cr2 == (uint64_t)&tables[2][1]);
    load("LDT beyond", LDT(1537));
    SHOW(make_writable(tables[2]));
    tables[2][2] = 0;
    SHOW(make_readonly(tables[2]));
    load("LDT third page repaired", LDT(1025));
    SHOW(make_writable(t));                          /* in use */
    SHOW(update(&t[5], DATA));
    SHOW(update(&t[6], SYSTEM(2, 1)));
    load("LDT updated", LDT(5));
    SHOW(set_pte(tables[1], 0, UVMF_INVLPG));
    SHOW(make_writable(tables[1]));                  /* not in use any more */
    SHOW(set_pte(tables[1], 0, UVMF_INVLPG));
    load("LDT page unmapped", LDT(513));
    SHOW(fault.taken);
    SHOW(make_readonly(tables[1]));
    load("LDT page back", LDT(513));
    SHOW(set_ldt((uint64_t)t, 4));
    load("LDT shorter", LDT(1));
    load("LDT shorter, beyond", LDT(4));
    struct regs in = user_regs(), out;
    in.cs = LDT(3);
    out = USER_RUN(in, 0, user_code);
    user_show("cs in LDT", &out);
    in.cs = LDT(1);
    out = USER_RUN(in, 0, user_code);
    user_show("data as cs in LDT", &out);
    in.cs = CS64;
    in.ss = LDT(2);
    out = USER_RUN(in, 0, user_code);
    user_show("ss in LDT", &out);
    in.ss = LDT(600);
    out = USER_RUN(in, 0, user_code);
    user_show("ss beyond LDT", &out);
    SHOW(set_ldt((uint64_t)t, 1536));
    SHOW(update(&t[7], NOT_PRESENT));
    in.ss = LDT(7);
    out = USER_RUN(in, 0, user_code);
    user_show("ss in LDT not present", &out);
    in.ss = SS64;
    in.cs = LDT(7);
    out = USER_RUN(in, 0, user_code);
    user_show("cs in LDT not present", &out);
    SHOW(set_pte(tables[1], 0, UVMF_INVLPG));
    in.cs = LDT(513);
    out = USER_RUN(in, 0, user_code);
    out.rip = 0;
    user_show("cs in an LDT page that is not there", &out);
    SHOW(my_info()->arch.cr2 == (uint64_t)&tables[1][1]);
    SHOW(make_readonly(tables[1]));

    SHOW(set_ldt(0, 0));
    load("LDT gone", LDT(1));
    SHOW(set_ldt((uint64_t)t + 8, 4));
    SHOW(set_ldt((uint64_t)t, 8192));
    SHOW(set_ldt((uint64_t)t, 8193));
    SHOW(set_ldt((uint64_t)t, ~0ul));
    SHOW(set_ldt(0xffff830000000000, 4));
    SHOW(set_ldt(0xffff800000000000, 4));
    SHOW(set_ldt(0x8000000000000000, 4));
    SHOW(set_ldt(0x8000000000000000, 0));
    SHOW(set_ldt(0x8000000000000008, 0));
    SHOW(set_ldt(0xffff800000000000, 0));
    SHOW(set_ldt(0x7ffffffff000, 8192));
    SHOW(set_ldt(0x1000, 512));
    load("LDT at nothing", LDT(1));
    SHOW(set_ldt(0xffff7ffffffff000, 4));
    load("LDT not canonical", LDT(1));
    SHOW(set_ldt((uint64_t)pte_of(t) & ~4095ul, 512));
    load("LDT is a page table", LDT(1));
    SHOW(set_ldt(0, 0));
    SHOW(make_writable(t));
}

static void flat(void)
{
    static const unsigned int selectors[] = { 0xe019, 0xe01b, 0xe021, 0xe023, 0xe029, 0xe02b, 0xe031, 0xe033 };

    for (unsigned int i = 0; i < sizeof(selectors) / sizeof(*selectors); i++)
        load("flat", selectors[i]);
}

void test_main(void)
{
    user_init();
    flat();
    whole_tables();
    descriptors();
    places();
    bases();
    ldt();
}
