/* SPDX-License-Identifier: MIT */
/*
 * A good volume with some of its metadata overwritten. The input is a list of patches: a place (24
 * bits, taken into the metadata by PLACES), a length and bytes. Opening, listing, reading, checking
 * and mending must end, and never touch memory that is not theirs.
 */
#include "../../unit/block/memory_bdev.h"

#include "block/vmfs/vmfs.h"

#include <stdlib.h>
#include <string.h>

#define MIB 1048576ull

/* Where damage is worth doing: device offset and length. */
static const struct {
    uint64_t offset;
    uint32_t length;
} places[] = {
    {0x100000, 0x400},               /* LVM header and volume */
    {0x180600, 0x80},                /* PE table */
    {0x1100000 + 0x200000, 0x200},   /* superblock */
    {0x1100000 + 0x300000, 0x400},   /* heartbeats */
    {0x1100000 + 0x400000, 0x20},    /* .fdc.sf: header */
    {0x1100000 + 0x410000, 0x400},   /* first cluster */
    {0x1100000 + 0x420000, 0x6000},  /* descriptors */
    {0x1100000 + 0x900000, 0x800},   /* root directory */
    {0x1100000 + 0xA00000, 0x12000}, /* .fbb.sf */
    {0x1100000 + 0xB00000, 0x22000}, /* .pbc.sf and the first pointer block */
    {0x1100000 + 0xD00000, 0x24000}, /* .sbc.sf and the first sub-blocks */
};

static struct memory_bdev *template(void)
{
    static struct memory_bdev *memory;
    struct vmfs_volume *volume;
    struct vmfs_file *file;
    char error[VMFS_ERROR_MAX];
    struct bdev *dev;

    if (memory != NULL)
        return memory;
    memory = memory_bdev_new(280 * MIB);
    dev = &memory->dev;
    if (vmfs_mkfs(dev, &(struct vmfs_mkfs){.label = "fuzz"}, error) != 0 ||
        vmfs_open(&dev, 1, VMFS_OPEN_WRITE, &volume, error) != 0 || vmfs_mkdir(volume, "d") != 0 ||
        vmfs_file_create(volume, "d/thin", 3000 * MIB, VMFS_THIN, NULL, NULL, &file) != 0 ||
        vmfs_file_write(file, 2000 * MIB, "x", 1) != 0)
        abort();
    vmfs_file_close(file);
    if (vmfs_file_create(volume, "d/small", 600, VMFS_EAGERTHICK, NULL, NULL, &file) != 0)
        abort();
    vmfs_file_close(file);
    vmfs_close(volume);
    return memory;
}

static void patch(struct memory_bdev *memory, const uint8_t *data, size_t size)
{
    const uint32_t count = sizeof(places) / sizeof(places[0]);

    while (size >= 5) {
        uint32_t which = data[0] % count;
        uint32_t at = (data[1] | data[2] << 8 | data[3] << 16) % places[which].length;
        size_t length = data[4] % 17;
        uint8_t sector[1024];
        uint64_t base;

        data += 5;
        size -= 5;
        length = length > size ? size : length;
        base = (places[which].offset + at) / 512 * 512;
        memory->dev.ops->read(&memory->dev, base, sector, sizeof(sector));
        memcpy(sector + (places[which].offset + at - base), data, length);
        memory->dev.ops->write(&memory->dev, base, sector, sizeof(sector));
        data += length;
        size -= length;
    }
}

static int visit(void *context, const char *name, const struct vmfs_stat *stat)
{
    (void)context;
    return stat->type > 100 && name[0] == '\0' ? -1 : 0;
}

static void use(struct vmfs_volume *volume)
{
    struct vmfs_check check = {.repair = true};
    struct vmfs_file *file;
    uint8_t buffer[1500];

    vmfs_list(volume, "d", visit, NULL);
    if (vmfs_file_open(volume, "d/thin", VMFS_SHARE_EXCLUSIVE, &file) == 0) {
        struct bdev_extent extent;

        vmfs_file_read(file, 2000 * MIB, buffer, sizeof(buffer));
        vmfs_file_map(file, 1999 * MIB, 5 * MIB, &extent);
        vmfs_file_write(file, 7 * MIB, buffer, sizeof(buffer));
        vmfs_file_close(file);
    }
    if (vmfs_file_open(volume, "d/small", VMFS_SHARE_NONE, &file) == 0) {
        vmfs_file_read(file, 0, buffer, 600);
        vmfs_file_close(file);
    }
    vmfs_check(volume, &check);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct memory_bdev *memory = template();
    struct bdev *dev = &memory->dev;
    char error[VMFS_ERROR_MAX];
    struct vmfs_volume *volume;

    memory_bdev_mark(memory);
    patch(memory, data, size);
    if (vmfs_open(&dev, 1, VMFS_OPEN_WRITE | VMFS_OPEN_NO_WAIT, &volume, error) == 0) {
        use(volume);
        vmfs_close(volume);
    }
    memory_bdev_rollback(memory);
    return 0;
}
