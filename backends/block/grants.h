/* SPDX-License-Identifier: MIT */
/* grants: a guest's pages mapped for a while, or for as long as the connection lives. */
#ifndef BACKENDS_BLOCK_GRANTS_H
#define BACKENDS_BLOCK_GRANTS_H

#include <stdbool.h>
#include <stdint.h>
#include <xengnttab.h>

#define GRANTS_PER_WANT 256u

struct grants;
struct grant_chunk;

/* The pages one request wants. */
struct grant_want {
    unsigned count;
    uint32_t refs[GRANTS_PER_WANT];
    bool writable;                /* we write into them (the guest reads from the disk) */
    void *pages[GRANTS_PER_WANT]; /* filled in */
    struct grant_chunk *chunk;    /* filled in: to be given to grants_release() */
    int rc;                       /* filled in */
};

/*
 * With `persistent` a page, once mapped, stays so until grants_close(): the frontend has promised
 * to reuse it. -ENOMEM.
 */
int grants_open(xengnttab_handle *handle, uint32_t domid, bool persistent, struct grants **out);
/* Unmaps everything; no page may be in use. */
void grants_close(struct grants *grants);

/*
 * Maps the pages of a batch of requests in one call to the hypervisor (two when both kinds are
 * there). A request whose references are wrong gets rc -EINVAL and no pages; the others are served.
 */
void grants_map(struct grants *grants, struct grant_want *const *wants, unsigned count);
void grants_release(struct grants *grants, struct grant_chunk *chunk);

#endif
