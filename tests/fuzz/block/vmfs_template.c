/* SPDX-License-Identifier: MIT */
/* Volumes for fuzzers: what they hold, how they are spoiled, and what is then done with them. */
#include "vmfs_template.h"

#include "block/vmfs/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIB   1048576ull
#define NAMES 24
#define SIZE  (280 * MIB)
#define ROOM  (400 * MIB) /* that a volume can grow into */

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

static void add(struct vmfs_template *made, uint64_t offset, uint32_t size)
{
    if (made->volume_count == VMFS_TEMPLATE_PLACES)
        abort();
    made->volume[made->volume_count++] = (struct vmfs_target){.offset = offset, .size = size};
}

/* A part of a file that lies in one block. */
static void add_part(struct vmfs_template *made, struct vmfs_volume *volume,
                     const struct vmfs_inode *inode, uint64_t offset, uint32_t size)
{
    uint64_t address, place;

    if (offset >= inode->fd.length)
        return;
    if (map_block(volume, NULL, inode, offset / inode->fd.unit_size, &address) != 0 ||
        map_place(volume, inode, address, offset, &place) != 0)
        abort();
    add(made, device_offset(place), size);
}

static void find_volume_places(struct vmfs_template *made, struct vmfs_volume *volume)
{
    const struct vmfs_resource *resources[] = {&volume->fbb, &volume->lfb, &volume->fdc,
                                               &volume->pbc, &volume->sbc, &volume->pb2};
    struct vmfs_inode root;

    add(made, LVM_HEADER_OFFSET, 0x400);
    add(made, LVM_HEADER_OFFSET + LVM_PE_MAP_OFFSET, 0x400);
    add(made, device_offset(VMFS_SUPERBLOCK_OFFSET), 0x200);
    add(made, device_offset(VMFS_SLOTS_OFFSET), 0x2000);
    for (size_t i = 0; i < sizeof(resources) / sizeof(resources[0]); i++) {
        if (resources[i]->inode.fd.length == 0)
            continue;
        /* The header; the first group's cluster headers, and what follows them. */
        add_part(made, volume, &resources[i]->inode, 0, 0x200);
        add_part(made, volume, &resources[i]->inode, VMFS6_CHILD_OFFSET, 0x200);
        add_part(made, volume, &resources[i]->inode, resources[i]->group_offset, 0x8000);
        add(made, device_offset(resources[i]->inode.offset), volume->fd_size);
    }
    if (path_resolve(volume, "", &root) != 0)
        abort();
    add_part(made, volume, &root, 0, 0x1000);
    add(made, device_offset(root.offset), volume->fd_size);
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
    made->memory = memory_bdev_new(SIZE + ROOM);
    dev = &made->memory->dev;
    dev->size = SIZE;
    if (vmfs_mkfs(dev, &options, error) != 0 ||
        vmfs_open(&dev, 1, VMFS_OPEN_WRITE, &volume, error) != 0)
        abort();
    fill(volume);
    find_targets(made, volume);
    find_volume_places(made, volume);
    vmfs_close(volume);
    return made;
}

/* Writes bytes over a place, from `at` on as far as it goes. */
static void overwrite(struct memory_bdev *memory, struct vmfs_target place, uint32_t at,
                      const uint8_t *data, size_t length)
{
    uint8_t sectors[2 * BDEV_SECTOR];
    uint64_t base;

    at %= place.size;
    base = (place.offset + at) / BDEV_SECTOR * BDEV_SECTOR;
    length = length > place.size - at ? place.size - at : length;
    memory->dev.ops->read(&memory->dev, base, sectors, sizeof(sectors));
    memcpy(sectors + (place.offset + at - base), data, length);
    memory->dev.ops->write(&memory->dev, base, sectors, sizeof(sectors));
}

/* Patches of one of `count` places; with one place there is no byte to choose it. */
static void patch(struct memory_bdev *memory, const struct vmfs_target *places, unsigned count,
                  const uint8_t *data, size_t size)
{
    size_t head = count > 1 ? 5 : 4;

    while (size >= head) {
        const struct vmfs_target *place = &places[count > 1 ? data[0] % count : 0];
        const uint8_t *at = data + head - 4;
        size_t length = at[3] % 33;

        data += head;
        size -= head;
        length = length > size ? size : length;
        overwrite(memory, *place, at[0] | at[1] << 8 | at[2] << 16, data, length);
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
    vmfs_file_extend(file, 4000000 * MIB, VMFS_THIN, NULL, NULL);
    vmfs_file_truncate(file, 1999 * MIB + 7);
    vmfs_file_extend(file, 2002 * MIB, VMFS_THIN, NULL, NULL);
    vmfs_file_close(file);
}

static void use(struct vmfs_volume *volume)
{
    struct vmfs_check check = {.repair = vmfs_is_writable(volume)};
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
    vmfs_mkdir(volume, "e");
    vmfs_rename(volume, "d", "e/d");
    vmfs_rename(volume, "e/d", "d");
    vmfs_grow(volume);
    vmfs_remove(volume, "d/small-4");
    vmfs_check(volume, &check);
    vmfs_remove(volume, "d/thin");
}

/* ---- changes in any order ---- */

static void open_shared(struct vmfs_volume *volume)
{
    struct vmfs_file *one, *two;

    if (vmfs_file_open(volume, "d/thin", VMFS_SHARE_READ, &one) != 0)
        return;
    if (vmfs_file_open(volume, "d/thin", VMFS_SHARE_READ, &two) == 0)
        vmfs_file_close(two);
    vmfs_file_close(one);
}

static void write_file(struct vmfs_volume *volume)
{
    static uint8_t buffer[5000];
    struct vmfs_file *file;

    if (vmfs_file_open(volume, "d/thin", VMFS_SHARE_EXCLUSIVE, &file) != 0)
        return;
    for (unsigned n = 0; n < 3; n++)
        vmfs_file_write(file, n * 1025 * MIB - n, buffer, sizeof(buffer));
    vmfs_file_discard(file, MIB, 1030 * MIB);
    vmfs_file_truncate(file, 1025 * MIB + 5);
    vmfs_file_truncate(file, 0);
    vmfs_file_close(file);
}

static void enlarge_small(struct vmfs_volume *volume)
{
    struct vmfs_file *file;

    if (vmfs_file_open(volume, "d/small-1", VMFS_SHARE_EXCLUSIVE, &file) != 0)
        return;
    vmfs_file_extend(file, 3 * MIB, VMFS_ZEROEDTHICK, NULL, NULL);
    vmfs_file_extend(file, 1000 * MIB, VMFS_THIN, NULL, NULL);
    vmfs_file_write(file, 900 * MIB, "z", 1);
    vmfs_file_truncate(file, MIB - 1);
    vmfs_file_close(file);
}

static void create_files(struct vmfs_volume *volume)
{
    struct vmfs_file *file;

    if (vmfs_file_create(volume, "d/new", 5000, VMFS_ZEROEDTHICK, NULL, NULL, &file) == 0)
        vmfs_file_close(file);
    if (vmfs_file_create(volume, "large", 600 * MIB, VMFS_THIN, NULL, NULL, &file) == 0) {
        vmfs_file_write(file, 500 * MIB, "z", 1);
        vmfs_file_close(file);
    }
    vmfs_symlink(volume, "to", "d/link2");
}

static void move_names(struct vmfs_volume *volume)
{
    vmfs_mkdir(volume, "e");
    vmfs_rename(volume, "d/small-3", "e/other");
    vmfs_rename(volume, "d/small-2", "d/second");
    vmfs_rename(volume, "d", "e/d");
    vmfs_rename(volume, "e/d", "d");
}

static void remove_names(struct vmfs_volume *volume)
{
    vmfs_remove(volume, "d/small-4");
    vmfs_remove(volume, "d/link");
    vmfs_remove(volume, "d/thin");
    vmfs_remove(volume, "e");
}

static void grow(struct vmfs_volume *volume)
{
    uint64_t bytes;

    vmfs_grow(volume);
    vmfs_reclaim(volume, NULL, NULL, &bytes);
    vmfs_set_label(volume, "grown");
}

#define CHANGES 6

/* The changes named, and a repair of what they leave. */
static void change(struct vmfs_volume *volume, const uint8_t *order)
{
    static void (*const changes[])(struct vmfs_volume * volume) = {
        open_shared, write_file, enlarge_small, create_files, move_names, remove_names, grow,
    };
    struct vmfs_check check = {.repair = true};

    for (unsigned i = 0; i < CHANGES; i++)
        changes[order[i] % (sizeof(changes) / sizeof(changes[0]))](volume);
    vmfs_check(volume, &check);
}

/* Opens the spoiled volume, uses it, and brings the template back. */
static void try(struct vmfs_template *made)
{
    struct bdev *dev = &made->memory->dev;
    char error[VMFS_ERROR_MAX];
    struct vmfs_volume *volume;
    int rc = vmfs_open(&dev, 1, VMFS_OPEN_WRITE | VMFS_OPEN_NO_WAIT, &volume, error);

    if (rc == -EROFS) /* VMFS-3 */
        rc = vmfs_open(&dev, 1, 0, &volume, error);
    if (rc == 0) {
        use(volume);
        vmfs_close(volume);
    }
    memory_bdev_rollback(made->memory);
}

void vmfs_template_spoil(struct vmfs_template *made, struct vmfs_target place, const uint8_t *data,
                         size_t size)
{
    memory_bdev_mark(made->memory);
    patch(made->memory, &place, 1, data, size);
    try(made);
}

void vmfs_template_spoil_volume(struct vmfs_template *made, const uint8_t *data, size_t size)
{
    memory_bdev_mark(made->memory);
    patch(made->memory, made->volume, made->volume_count, data, size);
    try(made);
}

void vmfs_template_grow(struct vmfs_template *made, bool more)
{
    made->memory->dev.size = more ? SIZE + ROOM : SIZE;
}

void vmfs_template_change(struct vmfs_template *made, const uint8_t *head, const uint8_t *data,
                          size_t size)
{
    struct vmfs_target places[VMFS_TEMPLATE_PLACES + 3];
    struct memory_bdev *memory = made->memory;
    struct bdev *dev = &memory->dev;
    unsigned transfer = head[0] | (unsigned)head[1] << 8;
    char error[VMFS_ERROR_MAX];
    struct vmfs_volume *volume;

    memcpy(places, made->volume, sizeof(made->volume));
    places[made->volume_count] = made->inode;
    places[made->volume_count + 1] = made->directory;
    places[made->volume_count + 2] = made->pointers;
    memory_bdev_mark(memory);
    patch(memory, places, made->volume_count + 3, data, size);
    if (vmfs_open(&dev, 1, VMFS_OPEN_WRITE | VMFS_OPEN_NO_WAIT, &volume, error) == 0) {
        memory->fail_once = true;
        memory->fail_after = transfer == 0xFFFF ? -1 : (int)transfer;
        change(volume, head + 2);
        memory->fail_after = -1;
        vmfs_close(volume);
    }
    memory_bdev_rollback(memory);
}
