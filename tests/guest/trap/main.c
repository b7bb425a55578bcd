/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Exceptions bounced to the guest kernel, iret, forced emulation, privileged instructions. */
#include "../lib/guest.h"

const char test_name[] = "trap";

static volatile struct regs seen;
static volatile uint64_t skip;

static void record(struct regs *r)
{
    seen = *r;
    r->rip += skip;
}

static void bounce(void)
{
    exception_handler = record;

    skip = 0;
    __asm__ volatile("int3");
    CHECK(seen.vector == 3 && !(seen.rflags & (1u << 9)));

    skip = 2;
    __asm__ volatile("ud2");
    CHECK(seen.vector == 6);

    skip = 2;
    uint64_t rax = 1, rdx = 0;
    __asm__ volatile("div %%cl" : "+a"(rax), "+d"(rdx) : "c"(0));
    CHECK(seen.vector == 0);

    skip = 2;
    __asm__ volatile("int $0x81");
    CHECK(seen.vector == 0x81 || (seen.vector == 13));
}

static void page_fault(void)
{
    uint64_t v;

    CHECK(!try_write((void *)0x1000, 1));
    CHECK(shared_info->vcpu_info[0].arch.cr2 == 0x1000);
    CHECK(!try_read((void *)0x123456789000, &v));
    CHECK(shared_info->vcpu_info[0].arch.cr2 == 0x123456789000);
    CHECK(try_read((void *)0xffff800000000000, &v));       /* the M2P table is readable */
    CHECK(!try_write((void *)0xffff800000000000, 0));
    CHECK(!try_read((void *)0xffff830000000000, &v));      /* the rest of the hypervisor is not */
    CHECK(!try_read((void *)0xffff808000000000, &v));
    CHECK(!try_read((void *)0xffff828000200000, &v));
    /* Emulated, and with the same value: an entry of 0 takes effect only when the TLB forgets start_info. */
    CHECK(try_write(pte_of(start_info), *pte_of(start_info)));
}

static void cpuid_forced(void)
{
    uint32_t a = 0x40000000, b, c = 0, d;

    __asm__ volatile("ud2; .ascii \"xen\"; cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    CHECK(b == 0x566e6558 && c == 0x65584d4d && d == 0x4d4d566e);
    CHECK(a >= 0x40000002);
}

static void privileged(void)
{
    uint64_t cr0, cr3, cr4;
    uint32_t lo = 0, hi = 0;

    __asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
    CHECK((cr0 & 0x80000001) == 0x80000001);
    __asm__ volatile("mov %%cr3, %0" : "=r"(cr3));
    CHECK(cr3 >> 12 == va_to_mfn((void *)start_info->pt_base));
    __asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
    CHECK(cr4 & (1u << 5));
    __asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(0xc0000080));
    CHECK(lo & (1u << 10));
    __asm__ volatile("clts");
    skip = 2;
    seen.vector = 0;
    __asm__ volatile("rdmsr" : "+a"(lo), "+d"(hi) : "c"(0x12345678));
    CHECK(seen.vector == 13);
}

static void segments(void)
{
    static uint64_t word = 0x1122334455667788;
    uint64_t v;

    CHECK_RC(HC2(set_segment_base, SEGBASE_FS, &word), 0);
    __asm__ volatile("mov %%fs:0, %0" : "=r"(v));
    CHECK(v == word);
    CHECK_RC(HC2(set_segment_base, SEGBASE_GS_KERNEL, &word), 0);
    __asm__ volatile("mov %%gs:0, %0" : "=r"(v));
    CHECK(v == word);
    CHECK_RC(HC2(set_segment_base, SEGBASE_FS, 0x8000000000000000), -22);
}

void test_main(void)
{
    bounce();
    page_fault();
    cpuid_forced();
    privileged();
    segments();
}
