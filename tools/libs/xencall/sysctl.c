/* SPDX-License-Identifier: MIT */
/* Host control operations (public/sysctl.h). */
#include "xencall/hv_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* More than a hypervisor's log ever is; reading stops here. */
#define LOG_MAX (16ul << 20)

int hv_sysctl(struct hv *hv, struct xen_sysctl *op)
{
    int ret;

    op->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    memcpy(hv->argument, op, sizeof(*op));
    ret = xencall1(hv->xcall, __HYPERVISOR_sysctl, (uintptr_t)hv->argument);
    memcpy(op, hv->argument, sizeof(*op));
    return ret;
}

int hv_physinfo(struct hv *hv, struct xen_sysctl_physinfo *info)
{
    struct xen_sysctl op = {.cmd = XEN_SYSCTL_physinfo};

    if (hv_sysctl(hv, &op) < 0)
        return -1;
    *info = op.u.physinfo;
    return 0;
}

int hv_scheduler(struct hv *hv, uint32_t *id)
{
    struct xen_sysctl op = {.cmd = XEN_SYSCTL_sched_id};

    if (hv_sysctl(hv, &op) < 0)
        return -1;
    *id = op.u.sched_id.sched_id;
    return 0;
}

int hv_console_read(struct hv *hv, bool clear, char **text)
{
    const uint32_t chunk = 64 * 1024;
    char *buffer = hv_buffer_alloc(hv, chunk);
    uint32_t index = 0;
    size_t length = 0;
    int ret = -1;

    *text = NULL;
    if (!buffer)
        return -1;
    for (;;) {
        struct xen_sysctl op = {.cmd = XEN_SYSCTL_readconsole};
        uint32_t got;
        char *larger;

        op.u.readconsole.incremental = 1;
        op.u.readconsole.index = index;
        op.u.readconsole.count = chunk;
        set_xen_guest_handle(op.u.readconsole.buffer, buffer);
        if (hv_sysctl(hv, &op) < 0)
            break;
        got = op.u.readconsole.count < chunk ? op.u.readconsole.count : chunk;
        index = op.u.readconsole.index;
        larger = realloc(*text, length + got + 1);
        if (!larger)
            break;
        *text = larger;
        memcpy(*text + length, buffer, got);
        length += got;
        (*text)[length] = '\0';
        if (got < chunk || length >= LOG_MAX) {
            ret = 0;
            break;
        }
    }
    if (ret == 0 && clear) {
        struct xen_sysctl op = {.cmd = XEN_SYSCTL_readconsole};

        op.u.readconsole.clear = 1;
        set_xen_guest_handle(op.u.readconsole.buffer, buffer);
        ret = hv_sysctl(hv, &op);
    }
    hv_buffer_free(hv, buffer, chunk);
    if (ret < 0) {
        free(*text);
        *text = NULL;
    }
    return ret;
}

int hv_debug_keys(struct hv *hv, const char *keys)
{
    struct xen_sysctl op = {.cmd = XEN_SYSCTL_debug_keys};
    size_t n = strlen(keys);
    char *copy;
    int ret;

    if (n == 0 || n > XEN_PAGE_SIZE) {
        errno = EINVAL;
        return -1;
    }
    copy = hv_buffer_alloc(hv, n);
    if (!copy)
        return -1;
    memcpy(copy, keys, n);
    set_xen_guest_handle(op.u.debug_keys.keys, copy);
    op.u.debug_keys.nr_keys = n;
    ret = hv_sysctl(hv, &op);
    hv_buffer_free(hv, copy, n);
    return ret;
}
