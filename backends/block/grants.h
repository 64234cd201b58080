/* SPDX-License-Identifier: MIT */
/* grants: bytes to and from pages a guest granted us, copied by the hypervisor in batches. */
#ifndef BACKENDS_BLOCK_GRANTS_H
#define BACKENDS_BLOCK_GRANTS_H

#include <stdint.h>
#include <xengnttab.h>

struct grants;

enum grant_direction { GRANT_FROM_GUEST, GRANT_TO_GUEST };

/* One copy: `length` bytes at `offset` of the page granted as `ref`; they do not leave the page. */
struct grant_bytes {
    enum grant_direction direction;
    uint32_t ref;
    uint16_t offset, length;
    void *local;
};

/* The handle stays the caller's. -ENOMEM. */
int grants_open(xengnttab_handle *handle, uint32_t domid, struct grants **out);
void grants_close(struct grants *grants);

/*
 * Puts a copy on the list. `*rc` is set when it could not be made: -EINVAL for a reference that
 * does not allow it, -EIO when the kernel refuses; it is left alone otherwise, so that the copies
 * of one request may share it. Until grants_copy() nothing can be said of the bytes.
 */
void grants_add(struct grants *grants, const struct grant_bytes *bytes, int *rc);
/* Makes all the copies listed: one call to the kernel. */
void grants_copy(struct grants *grants);

#endif
