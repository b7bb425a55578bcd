/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Guest user mode: a page table of its own, entering it, coming back by whatever trap; each vCPU for itself. */
#include "guest.h"

uint64_t *user_l4, *user_l1;
bool user_ends_by_event;

static struct user {
    uint64_t room[16];     /* return_common pushes below the frame */
    struct regs frame;
    struct regs result;
    uint64_t kernel_rsp;
    volatile bool is_active;
} users[MAX_VCPUS];
#define user (&users[vcpu_id()])
static uint64_t handler_rflags;

void user_enter(struct regs *frame, uint64_t *kernel_rsp);
void user_leave(uint64_t kernel_rsp) __attribute__((noreturn));
void user_trap(struct regs *r);

static uint64_t *new_table(uint64_t first_index, uint64_t first_entry)
{
    uint64_t *table = page_alloc();

    table[first_index] = first_entry;
    CHECK_RC(make_readonly(table), 0);
    return table;
}

/* Slot 0 of both L4 tables leads to the user's pages. */
void user_init(void)
{
    uint64_t *l2, *l3;

    user_l1 = page_alloc();
    for (unsigned int i = 0; i < MAX_VCPUS * USER_PAGES; i++)
        user_l1[i] = pte(page_alloc(), PTE_RW);
    CHECK_RC(make_readonly(user_l1), 0);
    l2 = new_table(USER_CODE >> 21 & 511, pte(user_l1, PTE_RW));
    l3 = new_table(0, pte(l2, PTE_RW));
    user_l4 = new_table(0, pte(l3, PTE_RW));
    CHECK_RC(mmu_update(va_to_mfn((void *)start_info->pt_base) << 12, pte(l3, PTE_RW)), 0);
    CHECK_RC(mmuext(MMUEXT_PIN_L4_TABLE, va_to_mfn(user_l4), 0), 0);
    user_init_vcpu();
}

/* Traps come in at the lower end of the vCPU's own stack, by which vcpu_id() knows it. */
void user_init_vcpu(void)
{
    CHECK_RC(mmuext(MMUEXT_NEW_USER_BASEPTR, va_to_mfn(user_l4), 0), 0);
    CHECK_RC(HC2(stack_switch, SS64, vcpu_stacks[vcpu_id()] + 16384), 0);
}

struct regs user_regs(void)
{
    const uint64_t base = vcpu_id() * USER_PAGES * PAGE_SIZE;

    return (struct regs){ .rip = USER_CODE + base, .cs = CS64, .ss = SS64, .rsp = USER_STACK + base - 64, .rflags = 0x202 };
}

struct regs user_run(struct regs in, uint64_t flags, const char *code, const char *end)
{
    if (code)
        memcpy((void *)user_regs().rip, code, (size_t)(end - code));
    user->frame = in;
    user->frame.error_code = flags;
    user->is_active = true;
    user_enter(&user->frame, &user->kernel_rsp);
    return user->result;
}

void kernel_run(struct regs in)
{
    user->frame = in;
    user->frame.error_code = 0;
    user_enter(&user->frame, &user->kernel_rsp);
}

/* Called first for every exception. */
void user_trap(struct regs *r)
{
    if (!user->is_active || (r->vector != VECTOR_FAILSAFE && (r->cs & 3) != 3))
        return;
    user->is_active = false;
    user->result = *r;
    handler_rflags = entry_rflags;
    user_leave(user->kernel_rsp);
}

void user_show(const char *name, const struct regs *r)
{
    const bool in_image = r->rip >= 0xffffffff80000000 && r->rip < 0xffffffff90000000;

    /* Where our own code lies changes with it. */
    print("= user %s: vector %lx error %lx rip %lx cs %lx ss %lx\n", name, r->vector, r->error_code, in_image ? 0x11 : r->rip, r->cs, r->ss);
    print("= user %s: rflags %lx rsp %lx rax %lx rcx %lx r11 %lx; handler's rflags %lx\n", name, r->rflags, r->rsp, r->rax, r->rcx, r->r11,
          handler_rflags & ~0xd5ul);
}
