/* SPDX-License-Identifier: MIT */
/* bdev_file: a bdev over a disk (O_DIRECT) or a regular file (page cache). */
#include "block/ats.h"
#include "block/bdev.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* O_DIRECT wants aligned memory; callers' buffers go through a bounce buffer of this size. */
#define BOUNCE_SIZE  (1u << 20)
#define BOUNCE_ALIGN 4096u

struct bdev_file {
    struct bdev dev;
    void *bounce; /* only for disks */
    bool lost;    /* a regular file's flush has failed */
    struct ats ats;
};

static struct bdev_file *file_of(struct bdev *dev)
{
    return (struct bdev_file *)dev;
}

/* Reads or writes all of the buffer, restarting short and interrupted transfers. */
static int transfer(int fd, bool is_write, uint64_t offset, void *buffer, size_t length)
{
    size_t done = 0;

    while (done < length) {
        char *at = (char *)buffer + done;
        off_t position = (off_t)(offset + done);
        ssize_t n = is_write ? pwrite(fd, at, length - done, position)
                             : pread(fd, at, length - done, position);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            return -EIO;
        done += (size_t)n;
    }
    return 0;
}

static int file_read(struct bdev *dev, uint64_t offset, void *buffer, size_t length)
{
    struct bdev_file *file = file_of(dev);

    if (file->bounce == NULL || (uintptr_t)buffer % BOUNCE_ALIGN == 0)
        return transfer(dev->fd, false, offset, buffer, length);
    for (size_t done = 0; done < length;) {
        size_t piece = length - done < BOUNCE_SIZE ? length - done : BOUNCE_SIZE;
        int rc = transfer(dev->fd, false, offset + done, file->bounce, piece);

        if (rc != 0)
            return rc;
        memcpy((char *)buffer + done, file->bounce, piece);
        done += piece;
    }
    return 0;
}

static int file_write(struct bdev *dev, uint64_t offset, const void *buffer, size_t length)
{
    struct bdev_file *file = file_of(dev);

    if (file->bounce == NULL || (uintptr_t)buffer % BOUNCE_ALIGN == 0)
        return transfer(dev->fd, true, offset, (void *)buffer, length);
    for (size_t done = 0; done < length;) {
        size_t piece = length - done < BOUNCE_SIZE ? length - done : BOUNCE_SIZE;
        int rc;

        memcpy(file->bounce, (const char *)buffer + done, piece);
        rc = transfer(dev->fd, true, offset + done, file->bounce, piece);
        if (rc != 0)
            return rc;
        done += piece;
    }
    return 0;
}

/* The kernel's own zeroing, by hand where the device or file system has none. */
static int file_zero(struct bdev *dev, uint64_t offset, uint64_t length)
{
    void *zeros;
    int rc = 0;

    if (fallocate(dev->fd, FALLOC_FL_ZERO_RANGE, (off_t)offset, (off_t)length) == 0)
        return 0;
    if (errno != EOPNOTSUPP && errno != EINVAL && errno != ENODEV)
        return -errno;
    if (posix_memalign(&zeros, BOUNCE_ALIGN, BOUNCE_SIZE) != 0)
        return -ENOMEM;
    memset(zeros, 0, BOUNCE_SIZE);
    while (rc == 0 && length > 0) {
        size_t piece = length < BOUNCE_SIZE ? length : BOUNCE_SIZE;

        rc = transfer(dev->fd, true, offset, zeros, piece);
        offset += piece;
        length -= piece;
    }
    free(zeros);
    return rc;
}

/*
 * Of a page cache the kernel says once that writing it back failed, and forgets what it could not
 * write: a second try would find nothing to complain of. A disk's own cache is still there.
 */
static int file_flush(struct bdev *dev)
{
    struct bdev_file *file = file_of(dev);

    if (!file->lost && fdatasync(dev->fd) == 0)
        return 0;
    if (!file->lost && dev->direct)
        return -errno;
    file->lost = true;
    return -ENOTRECOVERABLE;
}

/* Open-file-description locks: they end with the process and exclude threads' other opens too. */
static int file_lock(struct bdev *dev, uint64_t offset, uint64_t length, bool take, bool wait)
{
    struct flock range = {
        .l_type = take ? F_WRLCK : F_UNLCK,
        .l_whence = SEEK_SET,
        .l_start = (off_t)offset,
        .l_len = (off_t)length,
    };
    int rc;

    do
        rc = fcntl(dev->fd, wait ? F_OFD_SETLKW : F_OFD_SETLK, &range);
    while (rc != 0 && errno == EINTR);
    if (rc != 0)
        return errno == EACCES ? -EAGAIN : -errno;
    return 0;
}

/* Holes in a file, TRIM or UNMAP on a disk; what cannot do it simply keeps the old bytes. */
static int file_discard(struct bdev *dev, uint64_t offset, uint64_t length)
{
    uint64_t range[2] = {offset, length};
    int rc = dev->direct ? ioctl(dev->fd, BLKDISCARD, range)
                         : fallocate(dev->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                     (off_t)offset, (off_t)length);

    return rc == 0 || errno == EOPNOTSUPP || errno == EINVAL ? 0 : -errno;
}

static int file_compare_and_write(struct bdev *dev, uint64_t offset, const void *expected,
                                  const void *replacement)
{
    return ats_compare_and_write(dev->fd, &file_of(dev)->ats, offset, expected, replacement);
}

static void file_close(struct bdev *dev)
{
    struct bdev_file *file = file_of(dev);

    close(dev->fd);
    free(file->bounce);
    free(file);
}

static const struct bdev_ops file_ops = {
    .read = file_read,
    .write = file_write,
    .zero = file_zero,
    .flush = file_flush,
    .lock = file_lock,
    .discard = file_discard,
    .close = file_close,
};

/* The same for a disk whose array has COMPARE AND WRITE. */
static const struct bdev_ops shared_disk_ops = {
    .read = file_read,
    .write = file_write,
    .zero = file_zero,
    .flush = file_flush,
    .lock = file_lock,
    .discard = file_discard,
    .compare_and_write = file_compare_and_write,
    .close = file_close,
};

/* Size and sector size of an open disk; switches it to O_DIRECT. */
static int disk_setup(struct bdev_file *file)
{
    int sector = 0;
    int flags = fcntl(file->dev.fd, F_GETFL);

    if (ioctl(file->dev.fd, BLKGETSIZE64, &file->dev.size) != 0)
        return -errno;
    if (ioctl(file->dev.fd, BLKSSZGET, &sector) != 0)
        return -errno;
    if (sector != (int)BDEV_SECTOR && sector != (int)BDEV_SECTOR_MAX)
        return -ENOTSUP;
    file->dev.sector = (uint32_t)sector;
    if (flags < 0 || fcntl(file->dev.fd, F_SETFL, flags | O_DIRECT) != 0)
        return -errno;
    file->dev.direct = true;
    if (sector == (int)BDEV_SECTOR && ats_probe(file->dev.fd, &file->ats))
        file->dev.ops = &shared_disk_ops;
    if (posix_memalign(&file->bounce, BOUNCE_ALIGN, BOUNCE_SIZE) != 0)
        return -ENOMEM;
    return 0;
}

/* `exclusive` is O_EXCL or 0. */
static int open_with(const char *path, bool read_only, int exclusive, struct bdev **out)
{
    struct bdev_file *file = calloc(1, sizeof(*file));
    struct stat st;
    int rc = 0;

    if (file == NULL)
        return -ENOMEM;
    file->dev.ops = &file_ops;
    file->dev.read_only = read_only;
    file->dev.sector = BDEV_SECTOR;
    snprintf(file->dev.name, sizeof(file->dev.name), "%s", path);
    file->dev.fd = open(path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | exclusive);
    if (file->dev.fd < 0) {
        rc = -errno;
        free(file);
        return rc;
    }
    if (fstat(file->dev.fd, &st) != 0)
        rc = -errno;
    else if (S_ISBLK(st.st_mode))
        rc = disk_setup(file);
    else if (S_ISREG(st.st_mode))
        file->dev.size = (uint64_t)st.st_size / BDEV_SECTOR * BDEV_SECTOR;
    else
        rc = -EINVAL;
    if (rc != 0) {
        file_close(&file->dev);
        return rc;
    }
    *out = &file->dev;
    return 0;
}

int bdev_file_open(const char *path, bool read_only, struct bdev **out)
{
    return open_with(path, read_only, 0, out);
}

int bdev_file_claim(const char *path, bool read_only, struct bdev **out)
{
    struct stat st;
    struct bdev *dev;
    bool is_disk = stat(path, &st) == 0 && S_ISBLK(st.st_mode);
    /* The kernel's own users claim a device as O_EXCL does; for files the flag has no meaning. */
    int rc = open_with(path, read_only, is_disk && !read_only ? O_EXCL : 0, &dev);

    if (rc != 0)
        return rc;
    if (flock(dev->fd, (read_only ? LOCK_SH : LOCK_EX) | LOCK_NB) != 0) {
        rc = errno == EWOULDBLOCK ? -EBUSY : -errno;
        bdev_close(dev);
        return rc;
    }
    *out = dev;
    return 0;
}
