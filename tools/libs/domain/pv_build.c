/* SPDX-License-Identifier: MIT */
/* The PV domain builder: from files and a layout to a guest that can be unpaused. */
#include "domain/pv_build.h"
#include "domain/guest_memory.h"
#include "domain/kernel.h"
#include "domain/layout.h"
#include "util/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xen/features.h>

#define RAMDISK_MAX (4ul << 30)

/* Features whose demand by a kernel would mean another way of building it. */
#define FEATURES_REFUSED                                                                           \
    (1u << XENFEAT_auto_translated_physmap | 1u << XENFEAT_supervisor_mode_kernel)

#define RFLAGS_IF 0x200
#define DR6_RESET 0xffff0ff0ul
#define DR7_RESET 0x400ul

struct build {
    struct hv *hv;
    domid_t domid;
    const struct domain_config *config;
    struct kernel kernel;
    void *ramdisk;
    size_t ramdisk_size;
    struct layout layout;
    struct guest_memory memory;
    uint64_t shared_info_mfn;
    struct pv_rings *rings;
};

static uint64_t frame_address(uint64_t pfn)
{
    return pfn << XEN_PAGE_SHIFT;
}

static uint64_t frame_mfn(const struct build *build, uint64_t pfn)
{
    return build->memory.p2m[pfn];
}

static int load_files(struct build *build)
{
    const struct domain_config *config = build->config;

    if (kernel_load(&build->kernel, config->kernel) < 0)
        return -1;
    if (build->kernel.notes.features_required & FEATURES_REFUSED)
        return report_error("%s demands a feature that PV guests do not have", config->kernel);
    if (config->ramdisk)
        return file_read(config->ramdisk, RAMDISK_MAX, &build->ramdisk, &build->ramdisk_size);
    return 0;
}

static int plan(struct build *build)
{
    const struct xen_notes *notes = &build->kernel.notes;
    const struct layout_input input = {
        .virt_base = notes->virt_base,
        .kernel_start = notes->phys_start,
        .kernel_end = notes->phys_end,
        .has_init_p2m = notes->has_init_p2m,
        .init_p2m = notes->init_p2m,
        .can_leave_ramdisk_unmapped = notes->mod_start_pfn,
        .ramdisk_size = build->ramdisk_size,
        .n_pages = build->config->memory_kib >> 2,
    };
    const char *error = layout_plan(&build->layout, &input);

    if (error)
        return report_error("%s: %s (memory = %llu, kernel up to %llu MiB, ramdisk %zu MiB)",
                            build->config->name, error,
                            (unsigned long long)build->config->memory_kib >> 10,
                            (unsigned long long)notes->phys_end >> 20, build->ramdisk_size >> 20);
    return 0;
}

static int write_kernel(struct build *build)
{
    for (unsigned int i = 0; i < build->kernel.elf.n_segments; i++) {
        struct elf_segment segment;
        uint64_t at;

        elf_segment(&build->kernel.elf, i, &segment);
        if (segment.type != ELF_SEGMENT_LOAD)
            continue;
        at = segment.paddr - build->kernel.notes.paddr_offset;
        if (guest_memory_write(&build->memory, at, segment.data, segment.data_len) < 0 ||
            guest_memory_write(&build->memory, at + segment.data_len, NULL,
                               segment.mem_len - segment.data_len) < 0)
            return -1;
    }
    return 0;
}

static int write_tables(struct build *build)
{
    uint64_t entries[512];

    for (size_t i = 0; i < build->layout.n_plan; i++) {
        uint64_t pfn = layout_table_pfn(&build->layout, i);

        layout_fill_table(&build->layout, i, build->memory.p2m, entries);
        if (guest_memory_write(&build->memory, frame_address(pfn), entries, sizeof(entries)) < 0)
            return -1;
    }
    return 0;
}

static int write_start_info(struct build *build)
{
    const struct layout *layout = &build->layout;
    char page[XEN_PAGE_SIZE] __attribute__((aligned(16))) = {0};
    struct start_info *info = (struct start_info *)page;

    snprintf(info->magic, sizeof(info->magic), "xen-3.0-x86_64");
    info->nr_pages = layout->n_pages;
    info->shared_info = build->shared_info_mfn << XEN_PAGE_SHIFT;
    info->flags = SIF_VIRT_P2M_4TOOLS;
    info->store_mfn = build->rings->store_mfn;
    info->store_evtchn = build->rings->store_port;
    info->console.domU.mfn = build->rings->console_mfn;
    info->console.domU.evtchn = build->rings->console_port;
    info->pt_base = layout_virt(layout, layout->tables.pfn);
    info->nr_pt_frames = layout->tables.n;
    info->mfn_list = layout->p2m_virt;
    if (layout->is_p2m_apart) {
        info->first_p2m_pfn = layout->p2m.pfn;
        info->nr_p2m_frames = layout->p2m.n + layout->p2m_tables.n;
    }
    if (build->ramdisk_size) {
        info->mod_len = build->ramdisk_size;
        info->mod_start = layout->is_ramdisk_mapped ? layout_virt(layout, layout->ramdisk.pfn)
                                                    : layout->ramdisk.pfn;
        info->flags |= layout->is_ramdisk_mapped ? 0 : SIF_MOD_START_PFN;
    }
    memcpy(info->cmd_line, build->config->cmdline, strlen(build->config->cmdline));
    return guest_memory_write(&build->memory, frame_address(layout->start_info), page,
                              sizeof(page));
}

/* Everything the guest finds in its own memory. */
static int write_memory(struct build *build)
{
    const struct layout *layout = &build->layout;

    if (write_kernel(build) < 0 ||
        guest_memory_write(&build->memory, frame_address(layout->ramdisk.pfn), build->ramdisk,
                           build->ramdisk_size) < 0 ||
        guest_memory_write(&build->memory, frame_address(layout->p2m.pfn), build->memory.p2m,
                           layout->n_pages * sizeof(uint64_t)) < 0 ||
        guest_memory_write(&build->memory, frame_address(layout->store), NULL, XEN_PAGE_SIZE) < 0 ||
        guest_memory_write(&build->memory, frame_address(layout->console), NULL, XEN_PAGE_SIZE) <
            0 ||
        guest_memory_write(&build->memory, frame_address(layout->stack), NULL, XEN_PAGE_SIZE) < 0)
        return -1;
    return write_start_info(build) < 0 ? -1 : write_tables(build);
}

/* The page that hypervisor and guest share: all zero, no vCPU taking events yet. */
static int init_shared_info(struct build *build)
{
    struct shared_info *shared = guest_memory_map_mfn(&build->memory, build->shared_info_mfn);

    if (!shared)
        return -1;
    memset(shared, 0, XEN_PAGE_SIZE);
    for (unsigned int i = 0; i < XEN_LEGACY_MAX_VCPUS; i++)
        shared->vcpu_info[i].evtchn_upcall_mask = 1;
    guest_memory_unmap(&build->memory, shared);
    return 0;
}

/* The grants that dom0's daemons open the rings by (GNTTAB_RESERVED_*). */
static int seed_grants(struct build *build)
{
    struct grant_entry_v1 *entries;
    uint64_t mfn;

    if (hv_grant_frame(build->hv, build->domid, &mfn) < 0)
        return report_errno("cannot set up the guest's grant table");
    entries = guest_memory_map_mfn(&build->memory, mfn);
    if (!entries)
        return -1;
    entries[GNTTAB_RESERVED_CONSOLE] = (struct grant_entry_v1){
        .flags = GTF_permit_access, .domid = 0, .frame = build->rings->console_mfn};
    entries[GNTTAB_RESERVED_XENSTORE] = (struct grant_entry_v1){
        .flags = GTF_permit_access, .domid = 0, .frame = build->rings->store_mfn};
    guest_memory_unmap(&build->memory, entries);
    return 0;
}

static int open_ports(struct build *build)
{
    int store = hv_evtchn_alloc_unbound(build->hv, build->domid, 0);
    int console = store < 0 ? -1 : hv_evtchn_alloc_unbound(build->hv, build->domid, 0);

    if (console < 0)
        return report_errno("cannot make the guest's event channels for store and console");
    build->rings->store_port = (uint32_t)store;
    build->rings->console_port = (uint32_t)console;
    return 0;
}

static int init_hypercall_page(struct build *build)
{
    const struct xen_notes *notes = &build->kernel.notes;
    uint64_t pfn = (notes->hypercall_page - notes->virt_base) >> XEN_PAGE_SHIFT;

    if (!notes->has_hypercall_page)
        return 0; /* newer Linux makes its hypercalls without one */
    if (notes->hypercall_page < notes->virt_base || pfn >= build->memory.n_pages)
        return report_error("%s names a hypercall page outside the guest's memory",
                            build->config->kernel);
    if (hv_domain_init_hypercall_page(build->hv, build->domid, frame_mfn(build, pfn)) < 0)
        return report_errno("cannot fill the guest's hypercall page");
    return 0;
}

static int set_first_vcpu(struct build *build)
{
    const struct layout *layout = &build->layout;
    struct vcpu_guest_context *context = calloc(1, sizeof(*context));
    uint64_t root = frame_mfn(build, layout->tables.pfn);
    int ret = 0;

    if (!context)
        return report_error("no memory in dom0");
    context->flags = VGCF_in_kernel | VGCF_online;
    context->user_regs.rip = build->kernel.notes.entry;
    context->user_regs.rsp = layout_virt(layout, layout->stack + 1);
    context->user_regs.rsi = layout_virt(layout, layout->start_info);
    context->user_regs.rflags = RFLAGS_IF;
    context->user_regs.cs = FLAT_KERNEL_CS;
    context->user_regs.ss = FLAT_KERNEL_SS;
    context->user_regs.ds = context->user_regs.es = FLAT_KERNEL_DS;
    context->user_regs.fs = context->user_regs.gs = FLAT_KERNEL_DS;
    context->kernel_ss = context->user_regs.ss;
    context->kernel_sp = context->user_regs.rsp;
    context->debugreg[6] = DR6_RESET;
    context->debugreg[7] = DR7_RESET;
    context->ctrlreg[3] = root << XEN_PAGE_SHIFT;
    if (hv_pin_l4(build->hv, build->domid, root) < 0)
        ret = report_errno("the hypervisor refuses the guest's page tables");
    else if (hv_domain_set_vcpu(build->hv, build->domid, 0, context) < 0)
        ret = report_errno("the hypervisor refuses the guest's first registers");
    free(context);
    return ret;
}

static int find_shared_info(struct build *build)
{
    struct xen_domctl_getdomaininfo info;

    if (hv_domain_info(build->hv, build->domid, &info) < 0)
        return report_errno("cannot ask the hypervisor for domain %u", build->domid);
    build->shared_info_mfn = info.shared_info_frame;
    return 0;
}

static int populate(struct build *build)
{
    if (guest_memory_open(&build->memory, build->hv, build->domid, build->layout.n_pages) < 0 ||
        guest_memory_populate(&build->memory) < 0)
        return -1;
    build->rings->store_mfn = frame_mfn(build, build->layout.store);
    build->rings->console_mfn = frame_mfn(build, build->layout.console);
    return 0;
}

int pv_build(struct hv *hv, domid_t domid, const struct domain_config *config,
             struct pv_rings *rings)
{
    static int (*const steps[])(struct build *) = {
        load_files,  plan,           find_shared_info, open_ports,
        populate,    write_memory,   init_shared_info, init_hypercall_page,
        seed_grants, set_first_vcpu,
    };
    struct build build = {.hv = hv, .domid = domid, .config = config, .rings = rings};
    int ret = 0;

    for (size_t i = 0; ret == 0 && i < sizeof(steps) / sizeof(steps[0]); i++)
        ret = steps[i](&build);
    guest_memory_close(&build.memory);
    layout_free(&build.layout);
    kernel_free(&build.kernel);
    free(build.ramdisk);
    return ret;
}
