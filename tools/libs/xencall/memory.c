/* SPDX-License-Identifier: MIT */
/* A domain's frames, page-table pins, event ports and grant table (public/memory.h, xen.h,
 * event_channel.h). */
#include "xencall/hv_private.h"

#include <errno.h>
#include <string.h>

int hv_populate(struct hv *hv, domid_t domid, unsigned int order, uint64_t *frames, size_t n)
{
    const size_t size = n * sizeof(xen_pfn_t);
    struct xen_memory_reservation reservation = {
        .nr_extents = n, .extent_order = order, .domid = domid};
    xen_pfn_t *extents = hv_buffer_alloc(hv, size);
    int ret;

    if (!extents)
        return -1;
    for (size_t i = 0; i < n; i++)
        extents[i] = frames[i];
    set_xen_guest_handle(reservation.extent_start, extents);
    ret = hv_call_with(hv, __HYPERVISOR_memory_op, XENMEM_populate_physmap, &reservation,
                       sizeof(reservation));
    for (int i = 0; i < ret && (size_t)i < n; i++)
        frames[i] = extents[i];
    hv_buffer_free(hv, extents, size);
    return ret;
}

int hv_set_memory_map(struct hv *hv, domid_t domid, uint64_t kib)
{
    /* One entry of the BIOS's format: address, size, type (1: RAM). */
    struct __attribute__((packed)) {
        uint64_t address;
        uint64_t size;
        uint32_t type;
    } *entry = hv_buffer_alloc(hv, sizeof(*entry));
    struct xen_foreign_memory_map map = {.domid = domid, .map.nr_entries = 1};
    int ret;

    if (!entry)
        return -1;
    entry->address = 0;
    entry->size = kib << 10;
    entry->type = 1;
    set_xen_guest_handle(map.map.buffer, entry);
    ret = hv_call_with(hv, __HYPERVISOR_memory_op, XENMEM_set_memory_map, &map, sizeof(map));
    hv_buffer_free(hv, entry, sizeof(*entry));
    return ret;
}

int hv_pin_l4(struct hv *hv, domid_t domid, uint64_t mfn)
{
    struct mmuext_op op = {.cmd = MMUEXT_PIN_L4_TABLE, .arg1.mfn = mfn};

    memcpy(hv->argument, &op, sizeof(op));
    return xencall4(hv->xcall, __HYPERVISOR_mmuext_op, (uintptr_t)hv->argument, 1, 0, domid);
}

int hv_evtchn_alloc_unbound(struct hv *hv, domid_t domid, domid_t remote)
{
    struct evtchn_alloc_unbound op = {.dom = domid, .remote_dom = remote};

    if (hv_call_with(hv, __HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, &op, sizeof(op)) <
        0)
        return -1;
    return (int)op.port;
}

int hv_grant_frame(struct hv *hv, domid_t domid, uint64_t *mfn)
{
    struct gnttab_setup_table op = {.dom = domid, .nr_frames = 1};
    xen_pfn_t *list = hv_buffer_alloc(hv, sizeof(*list));
    int ret;

    if (!list)
        return -1;
    set_xen_guest_handle(op.frame_list, list);
    memcpy(hv->argument, &op, sizeof(op));
    ret = xencall3(hv->xcall, __HYPERVISOR_grant_table_op, GNTTABOP_setup_table,
                   (uintptr_t)hv->argument, 1);
    memcpy(&op, hv->argument, sizeof(op));
    if (ret == 0 && op.status != GNTST_okay) {
        errno = op.status == GNTST_bad_domain ? ESRCH : EPERM;
        ret = -1;
    }
    if (ret == 0)
        *mfn = *list;
    hv_buffer_free(hv, list, sizeof(*list));
    return ret;
}
