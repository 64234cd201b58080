/* SPDX-License-Identifier: MIT */
/* Any bytes as an OVA; the checksums of what looks like a header are made right. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "import/ova.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BLOCK       512u
#define CHECKSUM_AT 148u
#define MAGIC_AT    257u

static void seal(uint8_t *header)
{
    unsigned int sum = 0;

    memset(header + CHECKSUM_AT, ' ', 8);
    for (size_t i = 0; i < BLOCK; i++)
        sum += header[i];
    snprintf((char *)header + CHECKSUM_AT, 8, "%06o", sum);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size + 1);
    int fd = memfd_create("ova", MFD_CLOEXEC);
    char error[OVA_ERROR_MAX];
    struct ova ova;

    if (fd >= 0 && copy) {
        memcpy(copy, data, size);
        for (size_t at = 0; size - at >= BLOCK; at += BLOCK)
            if (memcmp(copy + at + MAGIC_AT, "ustar", 5) == 0)
                seal(copy + at);
        if (write(fd, copy, size) == (ssize_t)size) {
            ova_read(&ova, fd, error);
            for (size_t i = 0; i < ova.n_members; i++)
                if (ova.members[i].offset > size ||
                    ova.members[i].length > size - ova.members[i].offset)
                    abort();
            ova_free(&ova);
        }
        close(fd);
    }
    free(copy);
    return 0;
}
