/* SPDX-License-Identifier: MIT */
/* xen_version: what the guest runs on (<xen/version.h>, <xen/features.h>). */
#include "compiler.h"

#include <xen/features.h>
#include <xen/version.h>

#include "boot.h"
#include "domain.h"
#include "guest.h"
#include "hypercall.h"
#include "lib/string.h"

#define VERSION_MAJOR 4
#define VERSION_MINOR 17

static int64_t write_text(uint64_t dst, const char *text, size_t size)
{
    char buf[1024] = {0};
    string_copy(buf, text, size);
    return guest_write(dst, buf, size);
}

static int64_t get_features(uint64_t arg)
{
    xen_feature_info_t fi;
    const struct domain *d = current->domain;

    if (guest_read(&fi, arg, sizeof(fi)))
        return -EFAULT;
    fi.submap = 0;
    if (fi.submap_idx == 0) {
        fi.submap = 1u << XENFEAT_memory_op_vnode_supported |
                    1u << XENFEAT_mmu_pt_update_preserve_ad | 1u << XENFEAT_highmem_assist |
                    1u << XENFEAT_gnttab_map_avail_bits | 1u << XENFEAT_direct_mapped;
        if (d->vm_assist & (1ul << VMASST_TYPE_pae_extended_cr3))
            fi.submap |= 1u << XENFEAT_pae_pgdir_above_4gb;
        if (d->is_control)
            fi.submap |= 1u << XENFEAT_dom0;
    } else if (fi.submap_idx >= XENFEAT_NR_SUBMAPS)
        return -EINVAL;
    return guest_write(arg, &fi, sizeof(fi));
}

/* The linker's note: name size, descriptor size, type, "GNU", then the id. */
struct build_note {
    uint32_t name_size, size, type;
    char name[4];
    uint8_t id[];
};
extern const struct build_note __build_id_start;

static int64_t build_id(uint64_t arg)
{
    const struct build_note *note = &__build_id_start;
    xen_build_id_t head;

    if (!arg)
        return note->size;
    if (guest_read(&head, arg, sizeof(head)))
        return -EFAULT;
    if (head.len == 0)
        return -EINVAL;
    if (head.len < note->size)
        return -ENOBUFS;
    if (guest_write(arg + offsetof(xen_build_id_t, buf), note->id, note->size))
        return -EFAULT;
    return note->size;
}

static int64_t compile_info(uint64_t arg)
{
    struct xen_compile_info info = {.compiler = "gcc " __VERSION__,
                                    .compile_by = "corbel",
                                    .compile_domain = "",
                                    .compile_date = __DATE__ " " __TIME__};
    return guest_write(arg, &info, sizeof(info));
}

int64_t hc_xen_version(HC_ARGS)
{
    (void)a3, (void)a4, (void)a5;
    switch (a1) {
    case XENVER_version:
        return VERSION_MAJOR << 16 | VERSION_MINOR;
    case XENVER_extraversion:
        return write_text(a2, ".corbel-" CORBEL_VERSION, sizeof(xen_extraversion_t));
    case XENVER_compile_info:
        return compile_info(a2);
    case XENVER_capabilities:
        return write_text(a2, "xen-3.0-x86_64 ", sizeof(xen_capabilities_info_t));
    case XENVER_changeset:
        return write_text(a2, "unavailable", sizeof(xen_changeset_info_t));
    case XENVER_platform_parameters: {
        xen_platform_parameters_t p = {.virt_start = HYPERVISOR_VIRT_START};
        return guest_write(a2, &p, sizeof(p));
    }
    case XENVER_get_features:
        return get_features(a2);
    case XENVER_pagesize:
        return a2 ? -EINVAL : (int64_t)PAGE_SIZE;
    case XENVER_guest_handle:
        return guest_write(a2, current->domain->handle, sizeof(xen_domain_handle_t));
    case XENVER_commandline:
        return current->domain->is_control
                   ? write_text(a2, boot_info.cmdline, sizeof(xen_commandline_t))
                   : write_text(a2, "<denied>", sizeof(xen_commandline_t));
    case XENVER_build_id:
        return build_id(a2);
    default:
        return -ENOSYS;
    }
}
