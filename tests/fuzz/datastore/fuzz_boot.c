/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a guest's boot disk, of at most 256 KiB, through partitions, ext2/3/4 and grub.cfg
 * to a kernel and a ramdisk: found or refused with a sentence.
 */
#include "../../unit/datastore/memory_disk.h"
#include "datastore/boot.h"

#include <stdlib.h>
#include <string.h>

#define DISK_SIZE (256u << 10)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char error[BOOT_ERROR_MAX];
    struct memory_disk memory;
    struct boot boot;
    int rc;

    memory_disk_init(&memory, data, size < DISK_SIZE ? size : DISK_SIZE, DISK_SIZE);
    rc = boot_read(&memory.disk, true, &boot, error);
    if (rc == 0 ? boot.kernel == NULL || boot.entry.kernel[0] == '\0' ||
                      strlen(boot.entry.args) >= GRUB_ARGS_MAX
                : error[0] == '\0' || strlen(error) >= BOOT_ERROR_MAX)
        abort();
    boot_free(&boot);
    return 0;
}
