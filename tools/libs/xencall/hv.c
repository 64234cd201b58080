/* SPDX-License-Identifier: MIT */
/* Opening the hypercall device, and the buffers hypercalls point at. */
#include "xencall/hv_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct hv *hv_open(void)
{
    struct hv *hv = calloc(1, sizeof(*hv));

    if (!hv)
        return NULL;
    hv->xcall = xencall_open(NULL, 0);
    if (hv->xcall)
        hv->argument = xencall_alloc_buffer_pages(hv->xcall, 1);
    if (!hv->argument) {
        int saved = errno;

        hv_close(hv);
        errno = saved;
        return NULL;
    }
    return hv;
}

void hv_close(struct hv *hv)
{
    if (!hv)
        return;
    if (hv->argument)
        xencall_free_buffer_pages(hv->xcall, hv->argument, 1);
    if (hv->xcall)
        xencall_close(hv->xcall);
    free(hv);
}

static size_t pages_of(size_t size)
{
    return (size + XEN_PAGE_SIZE - 1) / XEN_PAGE_SIZE;
}

void *hv_buffer_alloc(struct hv *hv, size_t size)
{
    return xencall_alloc_buffer_pages(hv->xcall, pages_of(size));
}

void hv_buffer_free(struct hv *hv, void *buffer, size_t size)
{
    if (buffer)
        xencall_free_buffer_pages(hv->xcall, buffer, pages_of(size));
}

int hv_call_with(struct hv *hv, unsigned int op, uint64_t cmd, void *argument, size_t size)
{
    int ret;

    memcpy(hv->argument, argument, size);
    ret = xencall2(hv->xcall, op, cmd, (uintptr_t)hv->argument);
    memcpy(argument, hv->argument, size);
    return ret;
}

int hv_xen_version(struct hv *hv, int what, void *data, size_t size)
{
    int ret;

    if (size > XEN_PAGE_SIZE) {
        errno = EINVAL;
        return -1;
    }
    memset(hv->argument, 0, XEN_PAGE_SIZE);
    if (data)
        memcpy(hv->argument, data, size);
    ret = xencall2(hv->xcall, __HYPERVISOR_xen_version, (unsigned int)what,
                   data ? (uintptr_t)hv->argument : 0);
    if (data)
        memcpy(data, hv->argument, size);
    return ret;
}
