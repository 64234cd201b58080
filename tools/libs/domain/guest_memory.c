/* SPDX-License-Identifier: MIT */
/* Populates a guest and writes into it through foreign mappings. */
#include "domain/guest_memory.h"
#include "util/report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define SUPER_ORDER 9
#define SUPER_PAGES (1ul << SUPER_ORDER)
#define SUPER_BATCH 64   /* extents a call */
#define SMALL_BATCH 1024 /* pages a call */
#define MAP_PAGES   1024 /* mapped at a time while writing */

int guest_memory_open(struct guest_memory *memory, struct hv *hv, domid_t domid, uint64_t n_pages)
{
    *memory = (struct guest_memory){.hv = hv, .domid = domid, .n_pages = n_pages};
    memory->foreign = xenforeignmemory_open(NULL, 0);
    if (!memory->foreign)
        return report_errno("cannot open /dev/xen/privcmd to map the guest's memory");
    memory->p2m = calloc(n_pages, sizeof(*memory->p2m));
    if (!memory->p2m)
        return report_error("no memory in dom0 for a list of the guest's %llu pages",
                            (unsigned long long)n_pages);
    return 0;
}

void guest_memory_close(struct guest_memory *memory)
{
    if (memory->foreign)
        xenforeignmemory_close(memory->foreign);
    free(memory->p2m);
    *memory = (struct guest_memory){0};
}

/* One batch of extents from frame pfn on. Returns how many came. */
static int populate_batch(struct guest_memory *memory, uint64_t pfn, unsigned int order, size_t n)
{
    uint64_t frames[SMALL_BATCH];
    int got;

    for (size_t i = 0; i < n; i++)
        frames[i] = pfn + (i << order);
    got = hv_populate(memory->hv, memory->domid, order, frames, n);
    for (int i = 0; i < got; i++)
        for (uint64_t page = 0; page < 1ull << order; page++)
            memory->p2m[pfn + ((uint64_t)i << order) + page] = frames[i] + page;
    return got;
}

int guest_memory_populate(struct guest_memory *memory)
{
    uint64_t pfn = 0, n_small = 0;
    bool has_super = true;

    while (pfn < memory->n_pages) {
        uint64_t left = memory->n_pages - pfn;
        unsigned int order = has_super && left >= SUPER_PAGES ? SUPER_ORDER : 0;
        uint64_t n = order ? left >> SUPER_ORDER : left;
        int got;

        if (n > (order ? SUPER_BATCH : SMALL_BATCH))
            n = order ? SUPER_BATCH : SMALL_BATCH;
        got = populate_batch(memory, pfn, order, n);
        if (got < (int)n && order)
            has_super = false;
        else if (got <= 0)
            return report_errno("the hypervisor has no more memory: got %llu of %llu MiB",
                                (unsigned long long)pfn >> 8,
                                (unsigned long long)memory->n_pages >> 8);
        if (got > 0)
            pfn += (uint64_t)got << order;
        n_small += got > 0 && !order ? (uint64_t)got : 0;
    }
    report_detail("memory: %llu pages, %llu of them alone, the others 2 MiB at a time",
                  (unsigned long long)memory->n_pages, (unsigned long long)n_small);
    return 0;
}

/* Maps n frames from pfn on, writable. */
static void *map_range(struct guest_memory *memory, uint64_t pfn, size_t n)
{
    xen_pfn_t frames[MAP_PAGES];
    int errors[MAP_PAGES];
    void *mapping;

    for (size_t i = 0; i < n; i++)
        frames[i] = memory->p2m[pfn + i];
    mapping = xenforeignmemory_map(memory->foreign, memory->domid, PROT_READ | PROT_WRITE, n,
                                   frames, errors);
    for (size_t i = 0; mapping && i < n; i++) {
        if (errors[i]) {
            xenforeignmemory_unmap(memory->foreign, mapping, n);
            errno = -errors[i];
            mapping = NULL;
        }
    }
    return mapping;
}

int guest_memory_write(struct guest_memory *memory, uint64_t address, const void *source,
                       uint64_t size)
{
    const uint64_t limit = memory->n_pages << XEN_PAGE_SHIFT;

    if (address > limit || size > limit - address)
        return report_error("0x%llx bytes at 0x%llx lie outside the guest's memory",
                            (unsigned long long)size, (unsigned long long)address);
    while (size) {
        uint64_t offset = address & (XEN_PAGE_SIZE - 1);
        uint64_t chunk = MAP_PAGES * XEN_PAGE_SIZE - offset;
        size_t n;
        char *page;

        if (chunk > size)
            chunk = size;
        n = (offset + chunk + XEN_PAGE_SIZE - 1) >> XEN_PAGE_SHIFT;
        page = map_range(memory, address >> XEN_PAGE_SHIFT, n);
        if (!page)
            return report_errno("cannot map the guest's memory at 0x%llx",
                                (unsigned long long)address);
        if (source) {
            memcpy(page + offset, source, chunk);
            source = (const char *)source + chunk;
        } else {
            memset(page + offset, 0, chunk);
        }
        xenforeignmemory_unmap(memory->foreign, page, n);
        address += chunk;
        size -= chunk;
    }
    return 0;
}

void *guest_memory_map_mfn(struct guest_memory *memory, uint64_t mfn)
{
    xen_pfn_t frame = mfn;
    int error = 0;
    void *page = xenforeignmemory_map(memory->foreign, memory->domid, PROT_READ | PROT_WRITE, 1,
                                      &frame, &error);

    if (page && error) {
        xenforeignmemory_unmap(memory->foreign, page, 1);
        errno = -error;
        page = NULL;
    }
    if (!page)
        report_errno("cannot map the guest's machine frame 0x%llx", (unsigned long long)mfn);
    return page;
}

void guest_memory_unmap(struct guest_memory *memory, void *page)
{
    xenforeignmemory_unmap(memory->foreign, page, 1);
}
