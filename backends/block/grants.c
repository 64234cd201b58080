/* SPDX-License-Identifier: MIT */
/*
 * grants: the list of copies to be made. Nothing of the guest's is ever mapped for its data: what a
 * frontend does to a page, or to its grant, while a request is under way reaches neither the disk
 * nor us, and a backend that dies leaves no transfer running in the guest's memory.
 */
#include "block/grants.h"

#include <errno.h>
#include <stdlib.h>
#include <xen/grant_table.h>

/* Copies made by one call: a full ring of what stock frontends send, 32 requests of 32 pages. */
#define LIST_SIZE 1024u

struct grants {
    xengnttab_handle *handle;
    uint16_t domid;
    unsigned count;
    xengnttab_grant_copy_segment_t list[LIST_SIZE];
    int *results[LIST_SIZE];
};

int grants_open(xengnttab_handle *handle, uint32_t domid, struct grants **out)
{
    struct grants *grants = calloc(1, sizeof(*grants));

    if (grants == NULL)
        return -ENOMEM;
    grants->handle = handle;
    grants->domid = (uint16_t)domid;
    *out = grants;
    return 0;
}

void grants_close(struct grants *grants)
{
    free(grants);
}

void grants_add(struct grants *grants, const struct grant_bytes *bytes, int *rc)
{
    xengnttab_grant_copy_segment_t *copy;
    union xengnttab_copy_ptr remote = {
        .foreign = {.ref = bytes->ref, .offset = bytes->offset, .domid = grants->domid}};
    union xengnttab_copy_ptr local = {.virt = bytes->local};

    if (grants->count == LIST_SIZE)
        grants_copy(grants);
    copy = &grants->list[grants->count];
    grants->results[grants->count++] = rc;
    copy->len = bytes->length;
    copy->status = GNTST_okay;
    if (bytes->direction == GRANT_TO_GUEST) {
        copy->source = local;
        copy->dest = remote;
        copy->flags = GNTCOPY_dest_gref;
    } else {
        copy->source = remote;
        copy->dest = local;
        copy->flags = GNTCOPY_source_gref;
    }
}

void grants_copy(struct grants *grants)
{
    int failed;

    if (grants->count == 0)
        return;
    failed = xengnttab_grant_copy(grants->handle, grants->count, grants->list);
    for (unsigned i = 0; i < grants->count; i++) {
        if (failed)
            *grants->results[i] = -EIO;
        else if (grants->list[i].status != GNTST_okay)
            *grants->results[i] = -EINVAL;
    }
    grants->count = 0;
}
