/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Start-up, console, checks, memory of a bare-metal PV test guest. */
#include "guest.h"
#include <stdarg.h>

#define VIRT_BASE 0xffffffff80000000ul
#define M2P       ((const uint64_t *)0xffff800000000000ul)

struct start_info *start_info;
struct shared_info *shared_info;
void (*exception_handler)(struct regs *r);
void (*event_handler)(void);

static struct shared_info shared_page page_aligned;
struct vcpu_info *vcpu_info_of[MAX_VCPUS];
static unsigned int nr_checks, nr_failed;

void guest_start(struct start_info *si);
void exception_c(struct regs *r);
void user_trap(struct regs *r);

/* ---- console ---- */

static void put(const char *s, size_t n)
{
    if (start_info->flags & SIF_INITDOMAIN) {
        HC3(console_io, CONSOLEIO_write, n, s);
        return;
    }
    /* The domU console ring (xen/io/console.h): 1024 in, 2048 out, then four indices. */
    static const uint64_t out_at = 1024, out_size = 2048;
    char *ring = (char *)(VIRT_BASE + M2P[start_info->console.domU.mfn] * PAGE_SIZE);
    volatile uint32_t *index = (volatile uint32_t *)(ring + out_at + out_size);

    for (size_t i = 0; i < n; i++) {
        uint32_t prod = index[3];

        while (prod - index[2] >= out_size)
            HC2(sched_op, SCHEDOP_yield, 0);
        ring[out_at + (prod & (out_size - 1))] = s[i];
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        index[3] = prod + 1;
    }
    struct evtchn_send send = { .port = start_info->console.domU.evtchn };
    HC2(event_channel_op, EVTCHNOP_send, &send);
}

static char *number(char *p, uint64_t v, unsigned int base)
{
    char digits[24];
    unsigned int n = 0;

    do
        digits[n++] = "0123456789abcdef"[v % base];
    while ((v /= base) != 0);
    while (n != 0)
        *p++ = digits[--n];
    return p;
}

/* %s %d %ld %u %lu %x %lx */
void print(const char *fmt, ...)
{
    char line[400], *p = line;
    va_list ap;

    va_start(ap, fmt);
    for (; *fmt != '\0' && p < line + 300; fmt++) {
        if (*fmt != '%') {
            *p++ = *fmt;
            continue;
        }
        bool is_long = *++fmt == 'l';

        if (is_long)
            fmt++;
        if (*fmt == 's') {
            for (const char *s = va_arg(ap, const char *); *s != '\0' && p < line + 300;)
                *p++ = *s++;
        } else if (*fmt == 'd') {
            int64_t v = is_long ? va_arg(ap, int64_t) : va_arg(ap, int);

            if (v < 0)
                *p++ = '-';
            p = number(p, v < 0 ? -(uint64_t)v : (uint64_t)v, 10);
        } else {
            uint64_t v = is_long ? va_arg(ap, uint64_t) : va_arg(ap, unsigned int);

            p = number(p, v, *fmt == 'x' ? 16 : 10);
        }
    }
    va_end(ap);
    put(line, (size_t)(p - line));
}

/* ---- checks ---- */

void check(bool ok, const char *what, int line)
{
    nr_checks++;
    if (ok)
        return;
    nr_failed++;
    print("FAIL %s: line %d: %s\n", test_name, line, what);
}

void run_case(const char *name, void (*fn)(void))
{
    const unsigned int before = nr_failed;

    fn();
    print("CASE %s %s\n", name, nr_failed == before ? "ok" : "failed");
}

void show(const char *what, long value)
{
    nr_checks++;
    print("= %s -> %ld\n", what, value);
}

void show_hex(const char *what, uint64_t value)
{
    nr_checks++;
    print("= %s -> %lx\n", what, value);
}

uint64_t option(const char *name, uint64_t otherwise)
{
    const char *at = (const char *)start_info->cmd_line;

    while (*at != '\0') {
        const char *n = name;
        uint64_t value = 0;

        while (*n != '\0' && *n == *at)
            n++, at++;
        if (*n == '\0' && *at == '=') {
            for (at++; *at >= '0' && *at <= '9'; at++)
                value = value * 10 + (uint64_t)(*at - '0');
            return value;
        }
        while (*at != '\0' && *at++ != ' ')
            ;
    }
    return otherwise;
}

void done(void)
{
    struct sched_shutdown shutdown = { .reason = SHUTDOWN_poweroff };

    if (nr_failed == 0 && nr_checks != 0)
        print("PASS %s (%u checks)\n", test_name, nr_checks);
    else if (nr_checks == 0)
        print("FAIL %s: nothing was checked\n", test_name);
    print("END %s\n", test_name);
    for (;;)
        HC2(sched_op, SCHEDOP_shutdown, &shutdown);
}

/* ---- traps ---- */

static void fail_exception(struct regs *r)
{
    print("FAIL %s: exception %lu error %lx at %lx rsp %lx\n", test_name, r->vector, r->error_code, r->rip, r->rsp);
    done();
}

/* A pair for each place where a fault is expected. */
struct fixup { uint64_t from, to; };
extern const struct fixup fixups_start[], fixups_end[];
struct fault_info faults[MAX_VCPUS];

void exception_c(struct regs *r)
{
    if (r->vector == 0x100) {
        my_info()->evtchn_upcall_pending = 0;
        if (event_handler)
            event_handler();
        if (user_ends_by_event)
            user_trap(r);
        /* IRET enables events again, as the interrupted code had them. */
        r->error_code = 0;
        return;
    }
    user_trap(r);
    for (const struct fixup *f = fixups_start; f < fixups_end; f++)
        if (f->from == r->rip) {
            fault = (struct fault_info){ true, r->vector, r->error_code, my_info()->arch.cr2 };
            r->rip = f->to;
            r->error_code = 0;
            return;
        }
    exception_handler(r);
    r->error_code = 0; /* flags of IRET, from here on */
}

void show_fault(const char *what)
{
    if (!fault.taken)
        print("= %s: done\n", what);
    else if (fault.vector == 14 && fault.cr2 >= VIRT_BASE) /* where a page of ours lies changes with the image */
        print("= %s: page fault, error %lx, cr2 own page+%lx\n", what, fault.error_code, fault.cr2 % PAGE_SIZE);
    else if (fault.vector == 14)
        print("= %s: page fault, error %lx, cr2 %lx\n", what, fault.error_code, fault.cr2);
    else
        print("= %s: exception %lu, error %lx\n", what, fault.vector, fault.error_code);
}

bool try_write(volatile void *p, uint64_t v)
{
    TRY("mov %1, (%0)", : "r"(p), "r"(v) : "memory");
    return !fault.taken;
}

bool try_read(const volatile void *p, uint64_t *v)
{
    uint64_t value = 0;

    TRY("mov (%1), %0", "+r"(value) : "r"(p) : "memory");
    *v = value;
    return !fault.taken;
}

/* ---- memory ---- */

static char pool[2048][PAGE_SIZE] page_aligned;
static unsigned int pool_used;

void *page_alloc(void)
{
    void *p = pool[pool_used++];

    memset(p, 0, PAGE_SIZE);
    return p;
}

uint64_t va_to_pfn(const void *va) { return ((uint64_t)va - VIRT_BASE) >> 12; }
uint64_t va_to_mfn(const void *va) { return ((const uint64_t *)start_info->mfn_list)[va_to_pfn(va)]; }

static uint64_t *table_va(uint64_t entry)
{
    return (uint64_t *)(VIRT_BASE + M2P[(entry & 0x000ffffffffff000ull) >> 12] * PAGE_SIZE);
}

uint64_t *pte_of(const void *va)
{
    uint64_t *table = (uint64_t *)start_info->pt_base;

    for (unsigned int shift = 39; shift > 12; shift -= 9)
        table = table_va(table[((uint64_t)va >> shift) & 511]);
    return &table[((uint64_t)va >> 12) & 511];
}

uint64_t pte_maddr(const void *va)
{
    uint64_t *p = pte_of(va);

    return va_to_mfn(p) * PAGE_SIZE + ((uint64_t)p & 4095);
}

long set_pte(const void *va, uint64_t pte, uint64_t flags)
{
    return HC3(update_va_mapping, va, pte, flags);
}

long mmuext(unsigned int cmd, uint64_t arg1, uint64_t arg2)
{
    struct mmuext_op op = { .cmd = cmd, .arg1.mfn = arg1, .arg2.src_mfn = arg2 };

    return HC4(mmuext_op, &op, 1, 0, DOMID_SELF);
}

long mmu_update(uint64_t maddr_and_command, uint64_t value)
{
    struct mmu_update update = { .ptr = maddr_and_command, .val = value };

    return HC4(mmu_update, &update, 1, 0, DOMID_SELF);
}

void *memset(void *p, int c, size_t n)
{
    void *to = p;

    __asm__ volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(c) : "memory");
    return p;
}

void *memcpy(void *d, const void *s, size_t n)
{
    void *to = d;

    __asm__ volatile("rep movsb" : "+D"(to), "+S"(s), "+c"(n) :: "memory");
    return d;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const unsigned char *x = a, *y = b;

    for (; n != 0; n--, x++, y++)
        if (*x != *y)
            return *x - *y;
    return 0;
}

/* ---- vCPUs, time ---- */

void vcpu_entry(void);

struct vcpu_guest_context *vcpu_context(unsigned int id, void (*fn)(void *), void *arg)
{
    static struct vcpu_guest_context c;

    memset(&c, 0, sizeof(c));
    c.flags = VGCF_in_kernel;
    c.user_regs.rip = (uint64_t)vcpu_entry;
    c.user_regs.cs = CS64;
    c.user_regs.ss = SS64;
    c.user_regs.rsp = (uint64_t)vcpu_stacks[id + 1] - 64;
    c.user_regs.rdi = (uint64_t)arg;
    c.user_regs.rsi = (uint64_t)fn;
    c.kernel_ss = SS64;
    c.kernel_sp = (uint64_t)vcpu_stacks[id + 1];
    c.ctrlreg[3] = va_to_mfn((void *)start_info->pt_base) << 12;
    for (const struct trap_info *t = exception_table; t->address != 0; t++)
        c.trap_ctxt[t->vector] = *t;
    c.event_callback_eip = (uint64_t)event_entry;
    c.failsafe_callback_eip = (uint64_t)failsafe_entry;
    c.syscall_callback_eip = (uint64_t)syscall_entry;
    return &c;
}

long vcpu_start(unsigned int id, void (*fn)(void *), void *arg)
{
    long rc = HC3(vcpu_op, VCPUOP_initialise, id, vcpu_context(id, fn, arg));

    return rc ? rc : HC3(vcpu_op, VCPUOP_up, id, 0);
}

uint64_t system_time(void)
{
    const volatile struct vcpu_time_info *t = &my_info()->time;
    uint64_t stamp, base, delta;
    uint32_t version, lo, hi, mul;
    int8_t shift;

    do {
        version = t->version;
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        stamp = t->tsc_timestamp;
        base = t->system_time;
        mul = t->tsc_to_system_mul;
        shift = t->tsc_shift;
        __asm__ volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi));
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
    } while ((version & 1) || version != t->version);
    delta = ((uint64_t)hi << 32 | lo) - stamp;
    delta = shift < 0 ? delta >> -shift : delta << shift;
    return base + (uint64_t)((unsigned __int128)delta * mul >> 32);
}

/* ---- start ---- */

void guest_start(struct start_info *si)
{
    struct callback_register event = { .type = CALLBACKTYPE_event, .address = (unsigned long)event_entry };
    struct callback_register failsafe = { .type = CALLBACKTYPE_failsafe, .address = (unsigned long)failsafe_entry };
    struct callback_register syscall = { .type = CALLBACKTYPE_syscall, .address = (unsigned long)syscall_entry };

    start_info = si;
    exception_handler = fail_exception;
    HC1(set_trap_table, exception_table);
    HC2(callback_op, CALLBACKOP_register, &event);
    HC2(callback_op, CALLBACKOP_register, &failsafe);
    HC2(callback_op, CALLBACKOP_register, &syscall);
    if (set_pte(&shared_page, si->shared_info | PTE_P | PTE_RW | PTE_A | PTE_D, UVMF_INVLPG) != 0)
        print("FAIL %s: cannot map shared info\n", test_name);
    shared_info = &shared_page;
    for (unsigned int i = 0; i < MAX_VCPUS; i++)
        vcpu_info_of[i] = &shared_page.vcpu_info[i];
    print("START %s\n", test_name);
    test_main();
    done();
}
