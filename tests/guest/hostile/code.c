/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Random instructions: prefixes, opcodes that matter to a hypervisor, any operands; and strings across boundaries. */
#include "hostile.h"

static const uint8_t prefixes[] = { 0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x2e, 0x36, 0x3e, 0x26, 0x64, 0x65, 0x40, 0x41, 0x44, 0x48, 0x49, 0x4c, 0x4f };

/* Strings, ports, far transfers, interrupts, flags, segments, stack, VEX and EVEX. */
static const uint8_t opcodes[] = { 0x6c, 0x6d, 0x6e, 0x6f, 0xa4, 0xa5, 0xa6, 0xa7, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf, 0xe4, 0xe5, 0xe6, 0xe7, 0xec, 0xed, 0xee, 0xef,
                                   0x8c, 0x8e, 0x8f, 0xff, 0xca, 0xcb, 0xcf, 0xc2, 0xc3, 0xcc, 0xcd, 0xce, 0xf1, 0xf4, 0xfa, 0xfb, 0x9c, 0x9d, 0xc8, 0xc9, 0x9a, 0xea,
                                   0x62, 0xc4, 0xc5, 0x9b, 0xd9, 0xdb, 0xdd, 0xd7, 0x63, 0x87, 0x89, 0x8b, 0xc7, 0xf7, 0x80, 0xe2, 0xe3, 0xeb, 0xa0, 0xa2 };
/* The same behind 0f: system calls, control and debug registers, MSRs, tables, segments, state. */
static const uint8_t opcodes_0f[] = { 0x00, 0x01, 0x01, 0x01, 0x02, 0x03, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0b, 0x0d, 0x18, 0x1e, 0x20, 0x20, 0x21, 0x22, 0x22, 0x23, 0x30,
                                      0x31, 0x32, 0x33, 0x34, 0x35, 0x37, 0x38, 0x3a, 0x78, 0x79, 0xa0, 0xa1, 0xa2, 0xa8, 0xa9, 0xaa, 0xab, 0xae, 0xae, 0xb0, 0xb1, 0xb2,
                                      0xb3, 0xb4, 0xb5, 0xb9, 0xba, 0xbb, 0xc0, 0xc1, 0xc3, 0xc7, 0xc7, 0xff, 0x28, 0x29, 0x10, 0x11, 0xe7, 0x77 };

static uint8_t *instruction(uint8_t *p)
{
    for (uint64_t n = one_in(20) ? rnd(16) : rnd(4); n != 0; n--)
        *p++ = PICK(prefixes);
    if (one_in(2)) {
        *p++ = 0x0f;
        *p++ = PICK(opcodes_0f);
    } else {
        *p++ = one_in(4) ? (uint8_t)rnd64() : PICK(opcodes);
    }
    /* ModRM, SIB, displacement, immediate: more than it may need, the rest is the next one. */
    for (uint64_t n = 1 + rnd(5); n != 0; n--)
        *p++ = (uint8_t)(one_in(4) ? rnd(8) : rnd64());
    return p;
}

static bool is_bit_instruction(uint8_t opcode) { return opcode == 0xab || opcode == 0xb3 || opcode == 0xba || opcode == 0xbb; }
static bool is_rex_w(uint8_t prefix) { return (prefix & 0xf8) == 0x48; }

/*
 * What QEMU 7.2 gets wrong is left out: it aborts on a bit instruction with LOCK and a register operand, which is #UD; and by IRET
 * with operands of 32 bits it goes from ring 3 to virtual-8086 mode, which long mode does not have. (A far return instead.)
 */
static void spare_emulator(uint8_t *p, unsigned int n)
{
    for (bool after_rex_w = false; n > 2; after_rex_w = is_rex_w(*p), p++, n--) {
        if (p[0] == 0x0f && is_bit_instruction(p[1]) && p[2] >= 0xc0)
            p[2] &= 0x3f;
        if (p[0] == 0xcf && !after_rex_w)
            p[0] = 0xcb;
    }
}

void write_code(uint8_t *to, unsigned int n)
{
    uint8_t code[512], *p = code;

    if (one_in(6))
        for (unsigned int i = 0; i < n; i++)
            code[i] = (uint8_t)rnd64();
    else
        while (p < code + n)
            p = instruction(p);
    memcpy(to, code, n);
    spare_emulator(to, n + 2);
}

/*
 * In kernel mode, where a SYSCALL is a hypercall and ports, control registers and MSRs are emulated. It may damage
 * ourselves: not as dom0. An exception is the usual end.
 */
void op_kernel_code(void)
{
    struct regs r = user_regs();

    if (is_dom0)
        return;
    write_code((uint8_t *)r.rip, 128);
    for (uint64_t *v = &r.r15; v <= &r.rdi; v++)
        *v = one_in(2) ? (uint64_t)pool_page() + rnd(PAGE_SIZE) : value();
    r.rcx = one_in(2) ? rnd(64) : value();
    r.cs &= ~3ull;
    r.ss &= ~3ull;
    r.rsp = (uint64_t)vcpu_stacks[vcpu_id()] + 32768;
    r.rflags = one_in(2) ? 0x202 : (rnd(0x400000) | 0x202) & ~0x400ull;
    HC1(set_timer_op, system_time() + 300000);
    events_disable();
    my_info()->evtchn_upcall_mask = 0;
    me->in_code = true;
    kernel_run(r);
}

/* Strings, ascending and descending, over page boundaries, holes and the ends of the address space. */
void op_string(void)
{
    uint64_t from = some_va(), to = some_va(), n = one_in(8) ? rnd64() : rnd(6000);

    if (one_in(2))
        to = (to & ~4095ull) + 4096 - rnd(40);
    if (one_in(2))
        from = (from & ~4095ull) + 4096 - rnd(40);
    /* The pool ends somewhere, and behind it are our own pages. */
    if (to >= (uint64_t)page[0] && n > 64)
        n = rnd(64);
    if (to + 64 * 8 > (uint64_t)page[NR_PAGES - 1])
        to = bad_va();
    switch (rnd(7)) {
    case 0: TRY("rep movsb", "+S"(from), "+D"(to), "+c"(n) : : "memory"); break;
    case 1: TRY("rep movsq", "+S"(from), "+D"(to), "+c"(n) : : "memory"); break;
    case 2: TRY("rep stosq", "+D"(to), "+c"(n) : "a"(entry()) : "memory"); break;
    case 3: TRY("repe cmpsb", "+S"(from), "+D"(to), "+c"(n) : : "memory"); break;
    case 4: TRY("std; rep movsb", "+S"(from), "+D"(to), "+c"(n) : : "memory"); break;
    case 5: if (!is_dom0) TRY("rep insb", "+D"(to), "+c"(n) : "d"(rnd(0x10000)) : "memory"); break;
    default: if (!is_dom0) TRY("rep outsl", "+S"(from), "+c"(n) : "d"(rnd(0x10000)) : "memory"); break;
    }
    __asm__ volatile("cld" ::: "memory");
}
