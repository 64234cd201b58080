/* SPDX-License-Identifier: MIT */
/* A reading I/O manager for libext2fs over a window of a disk. */
#include "ext.h"

#include <errno.h>
#include <ext2fs/ext2fs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECTOR 512u

struct ext {
    struct disk *disk;
    struct partition window;
    ext2_filsys fs;
};

static struct ext *ext_of(io_channel channel)
{
    return channel->private_data;
}

static errcode_t on_close(io_channel channel)
{
    if (--channel->refcount == 0)
        free(channel);
    return 0;
}

static errcode_t on_set_blksize(io_channel channel, int blksize)
{
    channel->block_size = blksize;
    return 0;
}

/* libext2fs asks for count blocks, or, when count is negative, for so many bytes. */
static errcode_t on_read64(io_channel channel, unsigned long long block, int count, void *data)
{
    struct ext *ext = ext_of(channel);
    uint64_t length =
        count < 0 ? (uint64_t) - (int64_t)count : (uint64_t)count * (unsigned)channel->block_size;
    uint64_t whole = (length + SECTOR - 1) / SECTOR * SECTOR, at;
    char *bounce;

    if (__builtin_mul_overflow(block, (unsigned)channel->block_size, &at) ||
        at > ext->window.length || whole > ext->window.length - at || at % SECTOR != 0)
        return EXT2_ET_SHORT_READ;
    if (whole == length)
        return disk_read(ext->disk, ext->window.offset + at, data, length) == 0
                   ? 0
                   : EXT2_ET_SHORT_READ;
    bounce = malloc(whole);
    if (bounce == NULL)
        return EXT2_ET_NO_MEMORY;
    if (disk_read(ext->disk, ext->window.offset + at, bounce, whole) != 0) {
        free(bounce);
        return EXT2_ET_SHORT_READ;
    }
    memcpy(data, bounce, length);
    free(bounce);
    return 0;
}

static errcode_t on_read(io_channel channel, unsigned long block, int count, void *data)
{
    return on_read64(channel, block, count, data);
}

static errcode_t on_write(io_channel channel, unsigned long block, int count, const void *data)
{
    (void)channel;
    (void)block;
    (void)count;
    (void)data;
    return EXT2_ET_RO_FILSYS;
}

static errcode_t on_flush(io_channel channel)
{
    (void)channel;
    return 0;
}

/* The one thing libext2fs hands on is a name: it is the address of our struct. */
static errcode_t on_open(const char *name, int flags, io_channel *out);

static struct struct_io_manager manager = {
    .magic = EXT2_ET_MAGIC_IO_MANAGER,
    .name = "virtual disk",
    .open = on_open,
    .close = on_close,
    .set_blksize = on_set_blksize,
    .read_blk = on_read,
    .write_blk = on_write,
    .flush = on_flush,
    .read_blk64 = on_read64,
};

static errcode_t on_open(const char *name, int flags, io_channel *out)
{
    io_channel channel = calloc(1, sizeof(*channel));

    (void)flags;
    if (channel == NULL)
        return EXT2_ET_NO_MEMORY;
    channel->magic = EXT2_ET_MAGIC_IO_CHANNEL;
    channel->manager = &manager;
    channel->name = "virtual disk";
    channel->block_size = 1024;
    channel->refcount = 1;
    channel->private_data = (void *)(uintptr_t)strtoull(name, NULL, 16);
    *out = channel;
    return 0;
}

struct ext *ext_open(struct disk *disk, const struct partition *partition)
{
    struct ext *ext = calloc(1, sizeof(*ext));
    char name[32];

    if (ext == NULL)
        return NULL;
    ext->disk = disk;
    ext->window = *partition;
    snprintf(name, sizeof(name), "%llx", (unsigned long long)(uintptr_t)ext);
    if (ext2fs_open(name, EXT2_FLAG_64BITS, 0, 0, &manager, &ext->fs) != 0) {
        free(ext);
        return NULL;
    }
    return ext;
}

void ext_close(struct ext *ext)
{
    if (ext == NULL)
        return;
    ext2fs_close_free(&ext->fs);
    free(ext);
}

static bool find(struct ext *ext, const char *path, ext2_ino_t *out)
{
    return ext2fs_namei_follow(ext->fs, EXT2_ROOT_INO, EXT2_ROOT_INO, path, out) == 0;
}

bool ext_exists(struct ext *ext, const char *path)
{
    ext2_ino_t inode;

    return find(ext, path, &inode);
}

char *ext_read(struct ext *ext, const char *path, size_t most, size_t *length)
{
    ext2_file_t file;
    ext2_ino_t inode;
    __u64 size;
    char *data = NULL;

    if (!find(ext, path, &inode) || ext2fs_file_open(ext->fs, inode, 0, &file) != 0)
        return NULL;
    if (ext2fs_file_get_lsize(file, &size) == 0 && size <= most &&
        (data = malloc(size + 1)) != NULL) {
        size_t done = 0;

        while (done < size) {
            unsigned piece = size - done < (1u << 20) ? (unsigned)(size - done) : 1u << 20, got = 0;

            if (ext2fs_file_read(file, data + done, piece, &got) != 0 || got == 0)
                break;
            done += got;
        }
        if (done < size) {
            free(data);
            data = NULL;
        } else {
            data[size] = '\0';
            *length = size;
        }
    }
    ext2fs_file_close(file);
    return data;
}

struct listing {
    void (*visit)(void *context, const char *name);
    void *context;
};

static int on_entry(struct ext2_dir_entry *entry, int offset, int blocksize, char *buffer,
                    void *context)
{
    const struct listing *listing = context;
    char name[EXT2_NAME_LEN + 1];
    int length = ext2fs_dirent_name_len(entry);

    (void)offset;
    (void)blocksize;
    (void)buffer;
    memcpy(name, entry->name, (size_t)length);
    name[length] = '\0';
    listing->visit(listing->context, name);
    return 0;
}

void ext_list(struct ext *ext, const char *path, void (*visit)(void *context, const char *name),
              void *context)
{
    struct listing listing = {visit, context};
    ext2_ino_t inode;

    if (find(ext, path, &inode))
        ext2fs_dir_iterate(ext->fs, inode, 0, NULL, on_entry, &listing);
}
