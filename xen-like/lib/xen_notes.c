/* SPDX-License-Identifier: MIT */
/* Xen's ELF notes into a struct, with a clear word about what a kernel lacks. */
#include "compiler.h"

#include <xen/elfnote.h>
#include <xen/errno.h>
#include <xen/features.h>

#include "lib/bytes.h"
#include "lib/string.h"
#include "lib/xen_notes.h"

#define NOTE_OWNER "Xen"

/* Names that the FEATURES note may use. */
static const struct {
    const char *name;
    unsigned int bit;
} features[] = {
    {"writable_page_tables", XENFEAT_writable_page_tables},
    {"writable_descriptor_tables", XENFEAT_writable_descriptor_tables},
    {"auto_translated_physmap", XENFEAT_auto_translated_physmap},
    {"supervisor_mode_kernel", XENFEAT_supervisor_mode_kernel},
    {"pae_pgdir_above_4gb", XENFEAT_pae_pgdir_above_4gb},
    {"mmu_pt_update_preserve_ad", XENFEAT_mmu_pt_update_preserve_ad},
    {"highmem_assist", XENFEAT_highmem_assist},
    {"gnttab_map_avail_bits", XENFEAT_gnttab_map_avail_bits},
    {"hvm_callback_vector", XENFEAT_hvm_callback_vector},
    {"hvm_safe_pvclock", XENFEAT_hvm_safe_pvclock},
    {"hvm_pirqs", XENFEAT_hvm_pirqs},
    {"dom0", XENFEAT_dom0},
    {"memory_op_vnode_supported", XENFEAT_memory_op_vnode_supported},
    {"linux_rsdp_unrestricted", XENFEAT_linux_rsdp_unrestricted},
};

struct parse {
    struct xen_notes *notes;
    bool has_entry;
    const char *wrong;
};

/* The value of a numeric note: 4 or 8 bytes. */
static uint64_t note_number(struct parse *parse, const struct elf_note *note)
{
    if (note->desc_len == 8)
        return load_le64(note->desc);
    if (note->desc_len == 4)
        return load_le32(note->desc);
    parse->wrong = "a numeric Xen ELF note is neither 4 nor 8 bytes long";
    return 0;
}

/* A string note, cut to its field, ended even if the note is not. */
static void note_string(char field[XEN_NOTE_STRING_LEN], const struct elf_note *note)
{
    size_t len = strnlen((const char *)note->desc, note->desc_len);

    if (len >= XEN_NOTE_STRING_LEN)
        len = XEN_NOTE_STRING_LEN - 1;
    memcpy(field, note->desc, len);
    field[len] = 0;
}

/* "a|!b|c": features separated by bars, those required marked with '!'. */
static void note_features(struct xen_notes *notes, const struct elf_note *note)
{
    const char *p = (const char *)note->desc;
    size_t left = strnlen(p, note->desc_len);

    while (left > 0) {
        const char *bar = memchr(p, '|', left);
        size_t len = bar ? (size_t)(bar - p) : left, skip = bar ? len + 1 : len;
        bool required = *p == '!';
        const char *name = p + required;
        size_t name_len = len - required;

        for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++)
            if (strlen(features[i].name) == name_len &&
                memcmp(features[i].name, name, name_len) == 0) {
                notes->features_supported |= 1u << features[i].bit;
                notes->features_required |= (uint32_t)required << features[i].bit;
            }
        p += skip;
        left -= skip;
    }
}

static void note_l1_mfn_valid(struct parse *parse, const struct elf_note *note)
{
    struct xen_notes *notes = parse->notes;

    /* Pairs of mask and value; the first one counts. */
    if (note->desc_len >= 16) {
        notes->l1_mfn_mask = load_le64(note->desc);
        notes->l1_mfn_value = load_le64(note->desc + 8);
    } else if (note->desc_len == 8) {
        notes->l1_mfn_mask = load_le32(note->desc);
        notes->l1_mfn_value = load_le32(note->desc + 4);
    } else {
        parse->wrong = "Xen ELF note L1_MFN_VALID is not a pair of numbers";
    }
    notes->has_l1_mfn_valid = true;
}

/* Notes that are one number and have a flag that they are there. */
static bool parse_address(struct parse *parse, const struct elf_note *note)
{
    struct xen_notes *notes = parse->notes;
    uint64_t *value;
    bool *has;

    switch (note->type) {
    case XEN_ELFNOTE_ENTRY:
        value = &notes->entry;
        has = &parse->has_entry;
        break;
    case XEN_ELFNOTE_HYPERCALL_PAGE:
        value = &notes->hypercall_page;
        has = &notes->has_hypercall_page;
        break;
    case XEN_ELFNOTE_INIT_P2M:
        value = &notes->init_p2m;
        has = &notes->has_init_p2m;
        break;
    case XEN_ELFNOTE_HV_START_LOW:
        value = &notes->hv_start_low;
        has = &notes->has_hv_start_low;
        break;
    case XEN_ELFNOTE_PHYS32_ENTRY:
        value = &notes->phys32_entry;
        has = &notes->has_phys32_entry;
        break;
    default:
        return false;
    }
    *value = note_number(parse, note);
    *has = true;
    return true;
}

static bool parse_note(void *arg, const struct elf_note *note)
{
    struct parse *parse = arg;
    struct xen_notes *notes = parse->notes;

    if (parse_address(parse, note))
        return !parse->wrong;
    switch (note->type) {
    case XEN_ELFNOTE_VIRT_BASE:
        notes->virt_base = note_number(parse, note);
        break;
    case XEN_ELFNOTE_PADDR_OFFSET:
        notes->paddr_offset = note_number(parse, note);
        break;
    case XEN_ELFNOTE_MOD_START_PFN:
        notes->mod_start_pfn = note_number(parse, note) != 0;
        break;
    case XEN_ELFNOTE_SUSPEND_CANCEL:
        notes->suspend_cancel = note_number(parse, note) != 0;
        break;
    case XEN_ELFNOTE_SUPPORTED_FEATURES:
        notes->features_supported |= (uint32_t)note_number(parse, note);
        break;
    case XEN_ELFNOTE_L1_MFN_VALID:
        note_l1_mfn_valid(parse, note);
        break;
    case XEN_ELFNOTE_FEATURES:
        note_features(notes, note);
        break;
    case XEN_ELFNOTE_GUEST_OS:
        note_string(notes->guest_os, note);
        break;
    case XEN_ELFNOTE_GUEST_VERSION:
        note_string(notes->guest_version, note);
        break;
    case XEN_ELFNOTE_XEN_VERSION:
        note_string(notes->xen_version, note);
        break;
    case XEN_ELFNOTE_LOADER:
        note_string(notes->loader, note);
        break;
    case XEN_ELFNOTE_PAE_MODE:
        note_string(notes->pae_mode, note);
        break;
    }
    return !parse->wrong;
}

/* What keeps the notes from describing a PV kernel, or NULL. */
static const char *check_notes(const struct parse *parse)
{
    const struct xen_notes *notes = parse->notes;

    if (parse->wrong)
        return parse->wrong;
    if (!parse->has_entry)
        return notes->has_phys32_entry
                   ? "kernel lacks XEN_ELFNOTE_ENTRY: built for PVH only, not for Xen PV"
                   : "kernel lacks XEN_ELFNOTE_ENTRY";
    if (notes->xen_version[0] == 0)
        return "kernel lacks XEN_ELFNOTE_XEN_VERSION";
    if (strcmp(notes->xen_version, "xen-3.0"))
        return "kernel is made for another Xen interface than xen-3.0";
    if (notes->loader[0] == 0 && strcmp(notes->guest_os, "linux"))
        return "kernel lacks XEN_ELFNOTE_LOADER";
    if (notes->loader[0] && strcmp(notes->loader, "generic"))
        return "kernel wants another loader than the generic one";
    return NULL;
}

/* Works out where the image will lie; says what is wrong with that, or NULL. */
static const char *place_image(struct xen_notes *notes, const struct elf *elf)
{
    uint64_t start, end;

    if (!elf_load_span(elf, &start, &end))
        return "ELF file has nothing to load";
    if (__builtin_sub_overflow(start, notes->paddr_offset, &notes->phys_start))
        return "kernel's XEN_ELFNOTE_PADDR_OFFSET is above its first segment";
    notes->phys_end = end - notes->paddr_offset;
    if (__builtin_add_overflow(notes->virt_base, notes->phys_start, &notes->virt_start) ||
        __builtin_add_overflow(notes->virt_base, notes->phys_end, &notes->virt_end))
        return "kernel's segments wrap around the address space at its XEN_ELFNOTE_VIRT_BASE";
    if (notes->entry < notes->virt_start || notes->entry >= notes->virt_end)
        return "kernel's XEN_ELFNOTE_ENTRY lies outside its segments";
    if (notes->has_hypercall_page &&
        (notes->hypercall_page < notes->virt_start || notes->hypercall_page >= notes->virt_end ||
         notes->hypercall_page % 4096))
        return "kernel's XEN_ELFNOTE_HYPERCALL_PAGE is not a page of its segments";
    return NULL;
}

int xen_notes_parse(struct xen_notes *notes, const struct elf *elf, const char **reason)
{
    struct parse parse = {.notes = notes};

    *notes = (struct xen_notes){0};
    if (elf_visit_notes(elf, NOTE_OWNER, parse_note, &parse) == 0) {
        *reason = "no Xen ELF notes: not a Xen PV kernel";
        return -XEN_ENOEXEC;
    }
    *reason = check_notes(&parse);
    if (!*reason)
        *reason = place_image(notes, elf);
    return *reason ? -XEN_ENOEXEC : 0;
}
