/* SPDX-License-Identifier: MIT */
/* Reads kernel files; the formats themselves are understood by xen-like/lib, as in the hypervisor.
 */
#include "domain/kernel.h"
#include "lib/kernel_image.h"
#include "util/report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define KERNEL_FILE_MAX     (256ul << 20)
#define KERNEL_UNPACKED_MAX (1ul << 30)

/* Reads until size bytes or the end. */
static ssize_t read_all(int fd, char *data, size_t size)
{
    size_t done = 0;

    while (done < size) {
        ssize_t n = read(fd, data + done, size - done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        done += (size_t)n;
    }
    return (ssize_t)done;
}

int file_read(const char *path, size_t max, void **data, size_t *size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    int ret = -1;

    *data = NULL;
    if (fd < 0)
        return report_errno("cannot open %s", path);
    if (fstat(fd, &st) < 0)
        report_errno("cannot stat %s", path);
    else if (!S_ISREG(st.st_mode) || st.st_size <= 0)
        report_error("%s is empty or not a file", path);
    else if ((uint64_t)st.st_size > max)
        report_error("%s is larger than %zu MiB", path, max >> 20);
    else if ((*data = malloc(st.st_size)) == NULL)
        report_error("no memory in dom0 to read %s", path);
    else if (read_all(fd, *data, st.st_size) != st.st_size)
        report_errno("cannot read %s", path);
    else
        ret = 0;
    close(fd);
    if (ret == 0)
        *size = st.st_size;
    return ret;
}

/* Finds the ELF image in the file, unpacking it where it is packed. */
static int unpack(struct kernel *kernel, const char *path, const void **image, size_t *size)
{
    struct kernel_image found;
    const char *reason = "unknown";
    void *scratch;
    int err = kernel_image_inspect(&found, kernel->file, kernel->file_size, &reason);

    if (err < 0)
        return report_error("%s is no kernel this can load: %s", path, reason);
    report_detail("%s: %s, %zu bytes packed", path, found.format, found.payload_len);
    if (found.packing == KERNEL_PLAIN) {
        *image = found.payload;
        *size = found.payload_len;
        return 0;
    }
    if (found.unpacked_len > KERNEL_UNPACKED_MAX)
        return report_error("%s claims to unpack to %llu bytes, which no kernel does", path,
                            (unsigned long long)found.unpacked_len);
    kernel->unpacked = malloc(found.unpacked_len);
    scratch = malloc(KERNEL_IMAGE_SCRATCH_SIZE);
    if (!kernel->unpacked || !scratch)
        err = report_error("no memory in dom0 to unpack %s", path);
    else if (kernel_image_unpack(&found, kernel->unpacked, found.unpacked_len, size, scratch,
                                 KERNEL_IMAGE_SCRATCH_SIZE, &reason) < 0)
        err = report_error("cannot unpack %s: %s", path, reason);
    free(scratch);
    *image = kernel->unpacked;
    return err;
}

int kernel_load(struct kernel *kernel, const char *path)
{
    const char *reason = "unknown";
    const void *image = NULL;
    size_t size = 0;

    *kernel = (struct kernel){0};
    if (file_read(path, KERNEL_FILE_MAX, &kernel->file, &kernel->file_size) < 0 ||
        unpack(kernel, path, &image, &size) < 0)
        return -1;
    if (elf_open(&kernel->elf, image, size, &reason) < 0)
        return report_error("%s: %s", path, reason);
    if (xen_notes_parse(&kernel->notes, &kernel->elf, &reason) < 0)
        return report_error("%s is not a 64-bit Xen PV kernel: %s", path, reason);
    return 0;
}

void kernel_free(struct kernel *kernel)
{
    free(kernel->file);
    free(kernel->unpacked);
    *kernel = (struct kernel){0};
}
