/* SPDX-License-Identifier: MIT */
/* A new guest's memory: its frames, and writing into them from dom0. */
#ifndef DOMAIN_GUEST_MEMORY_H
#define DOMAIN_GUEST_MEMORY_H

#include "xencall/hv.h"

#include <xenforeignmemory.h>

struct guest_memory {
    struct hv *hv;
    xenforeignmemory_handle *foreign;
    domid_t domid;
    uint64_t *p2m; /* machine frame of each of the guest's frames */
    uint64_t n_pages;
};

/* All of these return 0, or -1 after saying why. guest_memory_close ends an open one, whether it
 * worked or not. */
int guest_memory_open(struct guest_memory *memory, struct hv *hv, domid_t domid, uint64_t n_pages);
void guest_memory_close(struct guest_memory *memory);

/* Gets machine frames for all of the guest, 2 MiB at a time while there are such. */
int guest_memory_populate(struct guest_memory *memory);

/* Copies size bytes to the guest's pseudo-physical address; a NULL source means zeros. */
int guest_memory_write(struct guest_memory *memory, uint64_t address, const void *source,
                       uint64_t size);

/* Maps one machine frame that belongs to the guest; unmap with guest_memory_unmap. NULL after
 * saying why. */
void *guest_memory_map_mfn(struct guest_memory *memory, uint64_t mfn);
void guest_memory_unmap(struct guest_memory *memory, void *page);

#endif
