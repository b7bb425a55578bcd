/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Xen notes of a kernel (xen/elfnote.h): what they say, and where they put it. Trust: as in elf.c. */
#include <hv/elf.h>
#include <hv/errno.h>
#include <hv/lib.h>
#include <xen/elfnote.h>
#include <xen/features.h>

struct note {
    uint32_t type;
    const uint8_t *desc;
    uint32_t bytes;
};

static int bad(const char **why, const char *text)
{
    *why = text;
    return ERR(EINVAL);
}

/* ---- features by name: "!writable_page_tables|pae_pgdir_above_4gb" ---- */

static const struct { const char *name; uint8_t bit; } feature[] = {
    { "writable_page_tables", XENFEAT_writable_page_tables },
    { "writable_descriptor_tables", XENFEAT_writable_descriptor_tables },
    { "auto_translated_physmap", XENFEAT_auto_translated_physmap },
    { "supervisor_mode_kernel", XENFEAT_supervisor_mode_kernel },
    { "pae_pgdir_above_4gb", XENFEAT_pae_pgdir_above_4gb },
    { "hvm_callback_vector", XENFEAT_hvm_callback_vector },
    { "dom0", XENFEAT_dom0 },
};

static int find_feature(const char *name, size_t n)
{
    for (unsigned int i = 0; i < array_size(feature); i++)
        if (strlen(feature[i].name) == n && memcmp(feature[i].name, name, n) == 0)
            return feature[i].bit;
    return -1;
}

/* One name without separators. Unknown ones matter only if they are required. */
static bool note_feature(struct xen_notes *out, const char *name, size_t n)
{
    const bool required = n > 0 && *name == '!';
    const int bit = find_feature(name + required, n - required);

    if (bit < 0)
        return !required;
    out->supported |= 1ULL << bit;
    if (required)
        out->required |= 1ULL << bit;
    return true;
}

static bool note_features(struct xen_notes *out, const struct note *n)
{
    const char *s = (const char *)n->desc;
    const size_t length = strnlen(s, n->bytes);

    for (size_t from = 0; from < length;) {
        size_t to = from;

        while (to < length && s[to] != '|' && s[to] != ' ')
            to++;
        if (to > from && !note_feature(out, s + from, to - from))
            return false;
        from = to + 1;
    }
    return true;
}

/* ---- values ---- */

static uint64_t number(const struct note *n)
{
    uint64_t v = 0;

    memcpy(&v, n->desc, min(n->bytes, 8u));
    return v;
}

static void text(char out[16], const struct note *n)
{
    const size_t length = min(strnlen((const char *)n->desc, n->bytes), (size_t)15);

    memcpy(out, n->desc, length);
    out[length] = '\0';
}

static bool says_yes(const struct note *n)
{
    return n->bytes >= 3 && memcmp(n->desc, "yes", 3) == 0;
}

/* False: it asks for a feature that nobody knows. */
static bool take_note(struct xen_notes *out, const struct note *n)
{
    switch (n->type) {
    case XEN_ELFNOTE_ENTRY: out->entry = number(n); break;
    case XEN_ELFNOTE_HYPERCALL_PAGE: out->hypercall_page = number(n); break;
    case XEN_ELFNOTE_VIRT_BASE: out->virt_base = number(n); break;
    case XEN_ELFNOTE_PADDR_OFFSET: out->paddr_offset = number(n); break;
    case XEN_ELFNOTE_XEN_VERSION: text(out->xen_version, n); break;
    case XEN_ELFNOTE_GUEST_OS: text(out->guest_os, n); break;
    case XEN_ELFNOTE_GUEST_VERSION: text(out->guest_version, n); break;
    case XEN_ELFNOTE_LOADER: text(out->loader, n); break;
    case XEN_ELFNOTE_PAE_MODE: text(out->pae_mode, n); break;
    case XEN_ELFNOTE_FEATURES: return note_features(out, n);
    case XEN_ELFNOTE_HV_START_LOW: out->hv_start_low = number(n); break;
    case XEN_ELFNOTE_L1_MFN_VALID: out->l1_mfn_valid = true; break;
    case XEN_ELFNOTE_SUSPEND_CANCEL: out->suspend_cancel = says_yes(n) || (n->bytes >= 4 && number(n) != 0); break;
    case XEN_ELFNOTE_INIT_P2M: out->p2m_base = number(n); break;
    case XEN_ELFNOTE_MOD_START_PFN: out->mod_start_pfn = number(n) != 0; break;
    case XEN_ELFNOTE_SUPPORTED_FEATURES:
        out->supported |= number(n);
        out->has_features = true;
        break;
    case XEN_ELFNOTE_PHYS32_ENTRY: out->phys32_entry = number(n); break;
    default: break;
    }
    return true;
}

/* ---- walking an area of notes: name size, description size, type, then both padded to 4 bytes ---- */

static uint32_t word_at(const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof(v));
    return v;
}

static bool take_area(struct xen_notes *out, const uint8_t *p, uint64_t left)
{
    while (left >= 12) {
        const uint32_t name_bytes = word_at(p);
        struct note n = { .type = word_at(p + 8), .bytes = word_at(p + 4) };
        const uint64_t desc_at = 12 + round_up((uint64_t)name_bytes, 4), next = desc_at + round_up((uint64_t)n.bytes, 4);

        if (desc_at > left || n.bytes > left - desc_at)
            break;
        n.desc = p + desc_at;
        if (name_bytes == 4 && memcmp(p + 12, "Xen", 4) == 0) {
            out->present = true;
            if (!take_note(out, &n))
                return false;
        }
        if (next > left)
            break;
        p += next;
        left -= next;
    }
    return true;
}

int elf_read_notes(const struct elf_kernel *k, struct xen_notes *out, const char **why)
{
    *out = (struct xen_notes){
        .virt_base = XEN_NOTE_UNSET, .paddr_offset = XEN_NOTE_UNSET, .entry = XEN_NOTE_UNSET, .hypercall_page = XEN_NOTE_UNSET,
        .hv_start_low = XEN_NOTE_UNSET, .p2m_base = XEN_NOTE_UNSET, .phys32_entry = XEN_NOTE_UNSET,
    };
    for (unsigned int i = 0; i < k->nr_notes; i++)
        if (!take_area(out, k->data + k->notes_offset[i], k->notes_bytes[i]))
            return bad(why, "requires a feature that is unknown here");
    if (!out->present)
        return bad(why, "no Xen notes: it is not built for paravirtualised Xen");
    return 0;
}

int elf_place(const struct elf_kernel *k, struct xen_notes *n, const char **why)
{
    uint64_t first, end, offset;

    if (n->paddr_offset != XEN_NOTE_UNSET && n->virt_base == XEN_NOTE_UNSET)
        return bad(why, "Xen note PADDR_OFFSET without VIRT_BASE");
    if (n->virt_base == XEN_NOTE_UNSET)
        n->virt_base = 0;
    if (n->paddr_offset == XEN_NOTE_UNSET)
        n->paddr_offset = 0;
    if (n->entry == XEN_NOTE_UNSET)
        n->entry = k->entry;
    offset = n->virt_base - n->paddr_offset;
    first = k->paddr_start + offset;
    end = k->paddr_end + offset;
    if (first > end || n->virt_base > first || n->entry < first || n->entry >= end)
        return bad(why, "entry or addresses in its Xen notes lie outside of the kernel");
    if (n->p2m_base != XEN_NOTE_UNSET && n->p2m_base >= n->virt_base && n->p2m_base < end)
        return bad(why, "Xen note INIT_P2M lies inside of the kernel");
    return 0;
}
