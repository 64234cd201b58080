/* SPDX-License-Identifier: MIT */
/* Volumes for fuzzers: what they hold, how they are spoiled, and what is then done with them. */
#include "vmfs_template.h"

#include "block/vmfs/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIB   1048576ull
#define NAMES 24

static void fill(struct vmfs_volume *volume)
{
    struct vmfs_file *file;
    char path[32];

    if (vmfs_mkdir(volume, "d") != 0 || vmfs_symlink(volume, "d/thin", "d/link") != 0 ||
        vmfs_file_create(volume, "d/thin", 3000 * MIB, VMFS_THIN, NULL, NULL, &file) != 0 ||
        vmfs_file_write(file, 2000 * MIB, "x", 1) != 0 || vmfs_file_write(file, 0, "y", 1) != 0)
        abort();
    vmfs_file_close(file);
    for (unsigned i = 0; i < NAMES; i++) {
        snprintf(path, sizeof(path), "d/small-%u", i);
        if (vmfs_file_create(volume, path, 600, VMFS_EAGERTHICK, NULL, NULL, &file) != 0)
            abort();
        vmfs_file_close(file);
    }
}

static uint64_t device_offset(uint64_t volume_offset)
{
    return volume_offset + LVM_DATA_OFFSET;
}

static void find_targets(struct vmfs_template *made, struct vmfs_volume *volume)
{
    struct vmfs_inode thin, dir;
    uint64_t place;

    if (path_resolve(volume, "d/thin", &thin) != 0 || path_resolve(volume, "d", &dir) != 0)
        abort();
    made->inode =
        (struct vmfs_target){.offset = device_offset(thin.offset), .size = volume->fd_size};
    if (map_locate_pb(volume, thin.addresses[0], &place) != 0)
        abort();
    made->pointers = (struct vmfs_target){.offset = device_offset(place),
                                          .size = volume->pb_entry << volume->pb_shift};
    if (map_place(volume, &dir, dir.addresses[0], 0, &place) != 0)
        abort();
    /* The blocks of an empty volume follow one another. */
    made->directory =
        (struct vmfs_target){.offset = device_offset(place), .size = (uint32_t)dir.fd.length};
}

struct vmfs_template *vmfs_template(unsigned which)
{
    static struct vmfs_template both[2];
    struct vmfs_template *made = &both[which & 1];
    const struct vmfs_mkfs options = {.label = "fuzz", .version = which & 1 ? 6 : 5};
    char error[VMFS_ERROR_MAX];
    struct vmfs_volume *volume;
    struct bdev *dev;

    if (made->memory != NULL)
        return made;
    made->memory = memory_bdev_new(280 * MIB);
    dev = &made->memory->dev;
    if (vmfs_mkfs(dev, &options, error) != 0 ||
        vmfs_open(&dev, 1, VMFS_OPEN_WRITE, &volume, error) != 0)
        abort();
    fill(volume);
    find_targets(made, volume);
    vmfs_close(volume);
    return made;
}

static void patch(struct memory_bdev *memory, struct vmfs_target place, const uint8_t *data,
                  size_t size)
{
    while (size >= 4) {
        uint32_t at = (data[0] | data[1] << 8 | data[2] << 16) % place.size;
        size_t length = data[3] % 33;
        uint8_t sectors[2 * BDEV_SECTOR];
        uint64_t base = (place.offset + at) / BDEV_SECTOR * BDEV_SECTOR;

        data += 4;
        size -= 4;
        length = length > size ? size : length;
        length = length > place.size - at ? place.size - at : length;
        memory->dev.ops->read(&memory->dev, base, sectors, sizeof(sectors));
        memcpy(sectors + (place.offset + at - base), data, length);
        memory->dev.ops->write(&memory->dev, base, sectors, sizeof(sectors));
        data += length;
        size -= length;
    }
}

static int visit(void *context, const char *name, const struct vmfs_stat *stat)
{
    (void)context;
    return stat->type > 100 && name[0] == '\0' ? -1 : 0;
}

static void use_file(struct vmfs_volume *volume, const char *path)
{
    static uint8_t buffer[70000];
    struct bdev_extent extent;
    struct vmfs_file *file;

    if (vmfs_file_open(volume, path, VMFS_SHARE_EXCLUSIVE, &file) != 0)
        return;
    vmfs_file_read(file, 0, buffer, 600);
    vmfs_file_read(file, 2000 * MIB - 5, buffer, sizeof(buffer));
    vmfs_file_map(file, 1999 * MIB, 5 * MIB, &extent);
    vmfs_file_write(file, 7 * MIB, buffer, sizeof(buffer));
    vmfs_file_truncate(file, 1999 * MIB + 7);
    vmfs_file_extend(file, 2002 * MIB, VMFS_THIN, NULL, NULL);
    vmfs_file_close(file);
}

static void use(struct vmfs_volume *volume)
{
    struct vmfs_check check = {.repair = true};
    char target[VMFS_LINK_MAX];
    struct vmfs_file *file;
    struct vmfs_info info;

    vmfs_get_info(volume, &info);
    vmfs_list(volume, "d", visit, NULL);
    use_file(volume, "d/thin");
    vmfs_read_link(volume, "d/link", target);
    if (vmfs_file_create(volume, "d/new", 5000, VMFS_THIN, NULL, NULL, &file) == 0)
        vmfs_file_close(file);
    vmfs_rename(volume, "d/small-3", "d/other");
    vmfs_remove(volume, "d/small-4");
    vmfs_check(volume, &check);
    vmfs_remove(volume, "d/thin");
}

void vmfs_template_spoil(struct vmfs_template *made, struct vmfs_target place, const uint8_t *data,
                         size_t size)
{
    struct bdev *dev = &made->memory->dev;
    char error[VMFS_ERROR_MAX];
    struct vmfs_volume *volume;

    memory_bdev_mark(made->memory);
    patch(made->memory, place, data, size);
    if (vmfs_open(&dev, 1, VMFS_OPEN_WRITE | VMFS_OPEN_NO_WAIT, &volume, error) == 0) {
        use(volume);
        vmfs_close(volume);
    }
    memory_bdev_rollback(made->memory);
}
