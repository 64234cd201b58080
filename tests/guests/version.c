/* SPDX-License-Identifier: MIT */
/*
 * Version: what the hypervisor says of itself by xen_version, and what it says to wrong questions.
 * Stock tools and kernels read 4.17 here and refuse to work with another.
 */
#include "lib/report.h"
#include "runtime/console.h"
#include "runtime/format.h"
#include "runtime/hypercall.h"
#include "runtime/paging.h"
#include "runtime/start.h"

#include <xen/features.h>
#include <xen/version.h>

static long version(unsigned int command, const void *argument)
{
    return hypercall2(__HYPERVISOR_xen_version, command, arg(argument));
}

/* True when a text of at most `size` bytes ends inside its array. */
static bool is_text(const char *text, unsigned int size)
{
    for (unsigned int i = 0; i < size; i++)
        if (!text[i])
            return true;
    return false;
}

BEHAVIOUR(number, "XENVER_version answers 4.17, argument or not")
{
    EXPECT(version(XENVER_version, 0), 4 << 16 | 17);
    EXPECT(version(XENVER_version, "ignored"), 4 << 16 | 17);
}

BEHAVIOUR(extraversion, "the extra version is a short text that continues the number")
{
    xen_extraversion_t extra;

    memset(extra, 0x55, sizeof(extra));
    EXPECT(version(XENVER_extraversion, extra), 0);
    EXPECT_TRUE(is_text(extra, sizeof(extra)) && extra[0]);
    EXPECT(version(XENVER_extraversion, 0), -XEN_EFAULT);
}

BEHAVIOUR(compile_info, "compiler, builder, domain and date are texts")
{
    static struct xen_compile_info info;

    memset(&info, 0x55, sizeof(info));
    EXPECT(version(XENVER_compile_info, &info), 0);
    EXPECT_TRUE(is_text(info.compiler, sizeof(info.compiler)));
    EXPECT_TRUE(is_text(info.compile_by, sizeof(info.compile_by)));
    EXPECT_TRUE(is_text(info.compile_date, sizeof(info.compile_date)));
    EXPECT(version(XENVER_compile_info, 0), -XEN_EFAULT);
}

BEHAVIOUR(capabilities, "64-bit PV guests are offered: xen-3.0-x86_64 is in the capabilities")
{
    static xen_capabilities_info_t text;
    bool found = false;

    EXPECT(version(XENVER_capabilities, text), 0);
    REQUIRE(is_text(text, sizeof(text)), true);
    for (const char *at = text; *at; at++)
        found |= !strncmp(at, "xen-3.0-x86_64", 14);
    EXPECT_TRUE(found);
}

BEHAVIOUR(changeset, "the change set is a text")
{
    static xen_changeset_info_t text;

    memset(text, 0x55, sizeof(text));
    EXPECT(version(XENVER_changeset, text), 0);
    EXPECT_TRUE(is_text(text, sizeof(text)));
}

BEHAVIOUR(platform_parameters, "the hypervisor's memory starts at the M2P address PV kernels know")
{
    struct xen_platform_parameters parameters = {0};

    EXPECT(version(XENVER_platform_parameters, &parameters), 0);
    EXPECT(parameters.virt_start, 0xffff800000000000);
}

BEHAVIOUR(features, "a dom0 of direct paging sees its features, and other maps are empty")
{
    struct xen_feature_info info = {.submap_idx = 0};

    EXPECT(version(XENVER_get_features, &info), 0);
    EXPECT_TRUE(info.submap & 1u << XENFEAT_memory_op_vnode_supported);
    EXPECT_TRUE(info.submap & 1u << XENFEAT_mmu_pt_update_preserve_ad);
    EXPECT_TRUE(info.submap & 1u << XENFEAT_highmem_assist);
    EXPECT_TRUE(info.submap & 1u << XENFEAT_gnttab_map_avail_bits);
    EXPECT(!!(info.submap & 1u << XENFEAT_dom0), guest_is_dom0());
    EXPECT_TRUE(!(info.submap & 1u << XENFEAT_writable_page_tables));
    EXPECT_TRUE(!(info.submap & 1u << XENFEAT_auto_translated_physmap));
    EXPECT_TRUE(!(info.submap & 1u << XENFEAT_hvm_callback_vector));
    report_answer("features", info.submap);

    info = (struct xen_feature_info){.submap_idx = 1, .submap = 0xffffffff};
    report_answer("features_1", version(XENVER_get_features, &info));
    info = (struct xen_feature_info){.submap_idx = 1000, .submap = 0xffffffff};
    report_answer("features_1000", version(XENVER_get_features, &info));
    EXPECT(version(XENVER_get_features, 0), -XEN_EFAULT);
}

BEHAVIOUR(pagesize, "the page size is 4096")
{
    EXPECT(version(XENVER_pagesize, 0), 4096);
}

BEHAVIOUR(guest_handle, "dom0's handle is all zeroes")
{
    xen_domain_handle_t handle;
    int any = 0;

    memset(handle, 0x55, sizeof(handle));
    EXPECT(version(XENVER_guest_handle, handle), 0);
    for (unsigned int i = 0; i < sizeof(handle); i++)
        any |= handle[i];
    if (guest_is_dom0())
        EXPECT(any, 0);
}

BEHAVIOUR(commandline, "the command line of the hypervisor can be read")
{
    static xen_commandline_t text;
    bool found = false;

    memset(text, 0x55, sizeof(text));
    EXPECT(version(XENVER_commandline, text), 0);
    if (!guest_is_dom0()) {
        EXPECT(strncmp(text, "<denied>", 9), 0);
        return;
    }
    REQUIRE(is_text(text, sizeof(text)), true);
    for (const char *at = text; *at; at++)
        found |= !strncmp(at, "console=com1", 12);
    EXPECT_TRUE(found);
}

BEHAVIOUR(build_id, "a build id is a sized array, and its size can be asked first")
{
    struct {
        struct xen_build_id head;
        unsigned char room[64];
    } id = {{.len = 64}, {0}};
    long size = version(XENVER_build_id, 0);

    EXPECT_TRUE(size > 0);
    EXPECT(version(XENVER_build_id, &id), size);
    id.head.len = 0;
    EXPECT(version(XENVER_build_id, &id), -XEN_EINVAL);
    id.head.len = 1;
    EXPECT(version(XENVER_build_id, &id), -XEN_ENOBUFS);
}

BEHAVIOUR(unknown, "unknown sub-operations are not there")
{
    EXPECT(version(3000, 0), -XEN_ENOSYS);
    EXPECT(version(11, 0), -XEN_ENOSYS);
    EXPECT(version(-1, 0), -XEN_ENOSYS);
}

BEHAVIOUR(console_write, "console_io writes text, and refuses what it cannot read")
{
    if (!guest_is_dom0()) {
        report_skip("a domU writes to its ring instead");
        return;
    }
    const char *text = "written through console_io\n";

    EXPECT(hypercall3(__HYPERVISOR_console_io, CONSOLEIO_write, strlen(text), arg(text)), 0);
    EXPECT(hypercall3(__HYPERVISOR_console_io, CONSOLEIO_write, 0, 0), 0);
    EXPECT(hypercall3(__HYPERVISOR_console_io, CONSOLEIO_write, 5, 0x1000), -XEN_EFAULT);
    EXPECT(hypercall3(__HYPERVISOR_console_io, CONSOLEIO_write, 5, 0xffff82d000000000),
           -XEN_EFAULT);
    EXPECT(hypercall3(__HYPERVISOR_console_io, 77, 0, 0), -XEN_ENOSYS);
}

BEHAVIOUR(console_read, "console_io reads nothing when nothing was typed")
{
    if (!guest_is_dom0()) {
        report_skip("a domU writes to its ring instead");
        return;
    }
    char c;

    EXPECT(hypercall3(__HYPERVISOR_console_io, CONSOLEIO_read, 1, arg(&c)), 0);
    EXPECT(hypercall3(__HYPERVISOR_console_io, CONSOLEIO_read, 0, 0), 0);
}
