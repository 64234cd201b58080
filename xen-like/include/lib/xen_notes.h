/* SPDX-License-Identifier: MIT */
/* What a PV kernel tells its loader in Xen's ELF notes. Source: <xen/elfnote.h>, <xen/features.h>.
 */
#ifndef LIB_XEN_NOTES_H
#define LIB_XEN_NOTES_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/elf.h"

#define XEN_NOTE_STRING_LEN 48

/* Addresses are the guest's virtual ones where not said otherwise. has_x is false when the note is
 * absent. */
struct xen_notes {
    uint64_t entry;
    uint64_t
        virt_base; /* virtual address of the guest's pseudo-physical address 0 (0 by default) */
    uint64_t paddr_offset; /* what to take off the segments' physical addresses (0 by default) */
    bool has_hypercall_page;
    uint64_t hypercall_page;
    bool has_init_p2m;
    uint64_t init_p2m; /* where the kernel wants its p2m list */
    bool has_hv_start_low;
    uint64_t hv_start_low;
    bool has_phys32_entry; /* PVH; a physical address */
    uint64_t phys32_entry;
    bool has_l1_mfn_valid;
    uint64_t l1_mfn_mask; /* an L1 entry holds a machine frame when entry & mask == value */
    uint64_t l1_mfn_value;
    bool mod_start_pfn;  /* start_info.mod_start may be a frame number: the ramdisk need not be
                            mapped */
    bool suspend_cancel; /* understands a cancelled suspend */
    uint32_t features_supported; /* bits of XENFEAT_* */
    /*
     * Those the kernel marks with '!'. Stock Linux marks writable_page_tables and yet runs without
     * it: refuse only for a feature that would change how it is built (supervisor_mode_kernel,
     * auto_translated_physmap).
     */
    uint32_t features_required;
    char guest_os[XEN_NOTE_STRING_LEN];
    char guest_version[XEN_NOTE_STRING_LEN];
    char xen_version[XEN_NOTE_STRING_LEN];
    char loader[XEN_NOTE_STRING_LEN];
    char pae_mode[XEN_NOTE_STRING_LEN];

    /* Worked out from the segments: where the image will lie. */
    uint64_t phys_start; /* pseudo-physical, i.e. paddr - paddr_offset */
    uint64_t phys_end;
    uint64_t virt_start; /* the same, virtual */
    uint64_t virt_end;
};

/*
 * Reads the notes of an open ELF file and checks that it is a 64-bit Xen PV kernel. Returns 0, or
 * -XEN_ENOEXEC with *reason naming what is missing (a literal). A feature name or note type we do
 * not know is passed over.
 */
int xen_notes_parse(struct xen_notes *notes, const struct elf *elf, const char **reason);

#endif
