/* SPDX-License-Identifier: MIT */
/*
 * The table of contents of an OVA: a tar archive (POSIX.1-1988 ustar, with the longer names and
 * sizes of pax and GNU tar). Its files are read where they lie in it: nothing is ever unpacked.
 */
#ifndef IMPORT_OVA_H
#define IMPORT_OVA_H

#include <stddef.h>
#include <stdint.h>

#define OVA_MEMBERS_MAX 1024
#define OVA_ERROR_MAX   512

struct ova_member {
    char *name;              /* relative, without "./" before it and without ".." in it */
    uint64_t offset, length; /* of its bytes in the archive */
};

struct ova {
    struct ova_member *members; /* plain files only */
    size_t n_members;
};

/*
 * Reads the headers of the archive open at `fd`. Folders are passed over. 0, or -1 with a sentence
 * that names the entry in `error`, for one that is neither folder nor plain file (a link, device or
 * FIFO), has an absolute name or one with "..", is there twice or ends behind the archive's end.
 * ova_free either way.
 */
int ova_read(struct ova *ova, int fd, char error[OVA_ERROR_MAX]);
void ova_free(struct ova *ova);

#endif
