/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ELF kernels and Xen notes: a good file of each class, each thing that can be wrong, and noise. */
// sources: hv/lib/elf.c hv/lib/elf_notes.c
#include "host_support.h"
#include <elf.h>
#include <hv/elf.h>
#include <xen/elfnote.h>
#include <xen/features.h>

#define NOTES_AT 0x200u

static uint8_t image[4096];
static size_t notes_end;

static void add_note(uint32_t type, const void *desc, uint32_t bytes)
{
    const uint32_t head[3] = { 4, bytes, type };

    memcpy(image + notes_end, head, sizeof(head));
    memcpy(image + notes_end + 12, "Xen", 4);
    memcpy(image + notes_end + 16, desc, bytes);
    notes_end += 16 + round_up(bytes, 4u);
}

static void add_number(uint32_t type, uint64_t v)
{
    add_note(type, &v, 8);
}

static Elf64_Ehdr *header(void) { return (Elf64_Ehdr *)(void *)image; }
static Elf64_Phdr *segment(unsigned int i) { return (Elf64_Phdr *)(void *)(image + sizeof(Elf64_Ehdr)) + i; }

static void make_kernel(void)
{
    memset(image, 0, sizeof(image));
    *header() = (Elf64_Ehdr){
        .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, 1 }, .e_type = ET_EXEC, .e_machine = EM_X86_64,
        .e_entry = 0xffffffff81000100, .e_phoff = sizeof(Elf64_Ehdr), .e_phnum = 2, .e_phentsize = sizeof(Elf64_Phdr),
    };
    *segment(0) = (Elf64_Phdr){ .p_type = PT_LOAD, .p_paddr = 0x1000000, .p_offset = 0x800, .p_filesz = 0x400, .p_memsz = 0x3000 };
    notes_end = NOTES_AT;
    add_note(XEN_ELFNOTE_GUEST_OS, "linux", 6);
    add_number(XEN_ELFNOTE_VIRT_BASE, 0xffffffff80000000);
    add_number(XEN_ELFNOTE_ENTRY, 0xffffffff81000200);
    add_number(XEN_ELFNOTE_INIT_P2M, 0x8000000000);
    add_note(XEN_ELFNOTE_FEATURES, "!writable_page_tables|pae_pgdir_above_4gb", 42);
    add_number(XEN_ELFNOTE_SUPPORTED_FEATURES, 1 << XENFEAT_dom0);
    add_number(XEN_ELFNOTE_MOD_START_PFN, 1);
    *segment(1) = (Elf64_Phdr){ .p_type = PT_NOTE, .p_offset = NOTES_AT, .p_filesz = notes_end - NOTES_AT };
}

static int parse(struct elf_kernel *k, struct xen_notes *n)
{
    const char *why = NULL;
    int rc = elf_parse(image, sizeof(image), k, &why);

    if (rc == 0)
        rc = elf_read_notes(k, n, &why);
    if (rc == 0)
        rc = elf_place(k, n, &why);
    assert_true(rc == 0 || why != NULL);
    return rc;
}

static bool is_refused(void)
{
    struct elf_kernel k;
    struct xen_notes n;

    return parse(&k, &n) < 0;
}

static void good_kernel(void **state)
{
    struct elf_kernel k;
    struct xen_notes n;

    make_kernel();
    assert_int_equal(parse(&k, &n), 0);
    assert_true(k.is_64);
    assert_int_equal(k.nr_segments, 1);
    assert_int_equal(k.paddr_start, 0x1000000);
    assert_int_equal(k.paddr_end, 0x1003000);
    assert_string_equal(n.guest_os, "linux");
    assert_int_equal(n.virt_base, 0xffffffff80000000);
    assert_int_equal(n.entry, 0xffffffff81000200);
    assert_int_equal(n.p2m_base, 0x8000000000);
    assert_int_equal(n.paddr_offset, 0);
    assert_int_equal(n.hypercall_page, XEN_NOTE_UNSET);
    assert_true(n.mod_start_pfn);
    assert_int_equal(n.required, 1 << XENFEAT_writable_page_tables);
    assert_int_equal(n.supported, 1 << XENFEAT_writable_page_tables | 1 << XENFEAT_pae_pgdir_above_4gb | 1 << XENFEAT_dom0);
}

static void entry_from_the_header(void **state)
{
    struct elf_kernel k;
    struct xen_notes n;

    make_kernel();
    /* The third note becomes one that nobody knows. */
    for (size_t at = NOTES_AT; at < notes_end; at += 4)
        if (*(uint32_t *)(void *)(image + at) == XEN_ELFNOTE_ENTRY && *(uint32_t *)(void *)(image + at - 4) == 8)
            *(uint32_t *)(void *)(image + at) = 0x7777;
    assert_int_equal(parse(&k, &n), 0);
    assert_int_equal(n.entry, 0xffffffff81000100);
}

static void notes_in_sections(void **state)
{
    struct elf_kernel k;
    struct xen_notes n;

    make_kernel();
    header()->e_phnum = 1;
    header()->e_shoff = 0xc00;
    header()->e_shnum = 1;
    header()->e_shentsize = sizeof(Elf64_Shdr);
    *(Elf64_Shdr *)(void *)(image + 0xc00) = (Elf64_Shdr){ .sh_type = SHT_NOTE, .sh_offset = NOTES_AT, .sh_size = notes_end - NOTES_AT };
    assert_int_equal(parse(&k, &n), 0);
    assert_int_equal(n.virt_base, 0xffffffff80000000);
}

static void bad_headers(void **state)
{
    make_kernel();
    image[1] = 'e';
    assert_true(is_refused());
    make_kernel();
    header()->e_machine = EM_AARCH64;
    assert_true(is_refused());
    make_kernel();
    header()->e_ident[EI_DATA] = ELFDATA2MSB;
    assert_true(is_refused());
    make_kernel();
    header()->e_type = ET_REL;
    assert_true(is_refused());
    make_kernel();
    header()->e_phoff = ~0ULL - 8;
    assert_true(is_refused());
    make_kernel();
    header()->e_phnum = 0xffff;
    assert_true(is_refused());
    make_kernel();
    header()->e_phentsize = 8;
    assert_true(is_refused());
}

static void bad_segments(void **state)
{
    make_kernel();
    segment(0)->p_offset = sizeof(image) - 0x3ff;
    assert_true(is_refused());
    make_kernel();
    segment(0)->p_filesz = ~0ULL;
    assert_true(is_refused());
    make_kernel();
    segment(0)->p_memsz = 0x10;
    assert_true(is_refused());
    make_kernel();
    segment(0)->p_paddr = ~0ULL - 0x1000;
    assert_true(is_refused());
    make_kernel();
    segment(0)->p_type = PT_NULL;
    assert_true(is_refused());
    make_kernel();
    segment(0)->p_memsz = 2ULL << 30;
    assert_true(is_refused());
}

static void bad_notes(void **state)
{
    make_kernel();
    segment(1)->p_type = PT_NULL;
    assert_true(is_refused()); /* none */
    make_kernel();
    add_note(XEN_ELFNOTE_FEATURES, "!warp_drive", 12);
    segment(1)->p_filesz = notes_end - NOTES_AT;
    assert_true(is_refused());
    make_kernel();
    add_note(XEN_ELFNOTE_FEATURES, "warp_drive", 11);
    segment(1)->p_filesz = notes_end - NOTES_AT;
    assert_false(is_refused());
    make_kernel();
    add_number(XEN_ELFNOTE_ENTRY, 0x1000);
    segment(1)->p_filesz = notes_end - NOTES_AT;
    assert_true(is_refused());
    make_kernel();
    add_number(XEN_ELFNOTE_INIT_P2M, 0xffffffff81000000);
    segment(1)->p_filesz = notes_end - NOTES_AT;
    assert_true(is_refused());
}

/* Any bytes anywhere: an answer, and no access out of bounds (ASan). */
static void noise(void **state)
{
    uint32_t seed = 7;

    for (unsigned int round = 0; round < 20000; round++) {
        make_kernel();
        for (unsigned int i = 0; i < 1 + round % 6; i++) {
            seed = seed * 1103515245u + 12345u;
            image[(seed >> 8) % (round & 1 ? 0xb0 : (unsigned int)notes_end)] = (uint8_t)(seed >> 20);
        }
        (void)is_refused();
    }
}

static void cut_off(void **state)
{
    struct elf_kernel k;
    const char *why;

    make_kernel();
    for (size_t n = 0; n < 0xc00; n++) {
        uint8_t *copy = malloc(n + 1);

        memcpy(copy, image, n);
        assert_true(elf_parse(copy, n, &k, &why) < 0);
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_kernel), cmocka_unit_test(entry_from_the_header), cmocka_unit_test(notes_in_sections),
        cmocka_unit_test(bad_headers), cmocka_unit_test(bad_segments), cmocka_unit_test(bad_notes),
        cmocka_unit_test(noise), cmocka_unit_test(cut_off),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
