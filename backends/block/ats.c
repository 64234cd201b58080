/* SPDX-License-Identifier: MIT */
/* ats: the two SCSI commands, SBC-3 5.2 (COMPARE AND WRITE) and SPC-4 6.6 (INQUIRY). */
#include "block/ats.h"

#include <errno.h>
#include <limits.h>
#include <scsi/sg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define SECTOR           512u
#define INQUIRY          0x12u
#define VPD_BLOCK_LIMITS 0xB0u
#define CAW              0x89u
#define SENSE_MISCOMPARE 0x0Eu
/* A beat must end well inside the lease. */
#define TIMEOUT_MS 8000u

/* Runs one command. 0, -EAGAIN for a miscompare, -EIO for every other failure. */
static int command(int fd, uint8_t *cdb, uint8_t cdb_length, int direction, void *data,
                   unsigned length)
{
    uint8_t sense[64] = {0};
    struct sg_io_hdr header = {
        .interface_id = 'S',
        .cmd_len = cdb_length,
        .cmdp = cdb,
        .dxfer_direction = direction,
        .dxfer_len = length,
        .dxferp = data,
        .mx_sb_len = sizeof(sense),
        .sbp = sense,
        .timeout = TIMEOUT_MS,
    };
    uint8_t key;

    if (ioctl(fd, SG_IO, &header) != 0)
        return -errno;
    if ((header.info & SG_INFO_OK_MASK) == SG_INFO_OK)
        return 0;
    /* Fixed format (0x70, 0x71) has the key in byte 2, descriptor format (0x72, 0x73) in byte 1. */
    key = (sense[0] & 0x7F) >= 0x72 ? sense[1] & 0x0F : sense[2] & 0x0F;
    return header.sb_len_wr > 2 && key == SENSE_MISCOMPARE ? -EAGAIN : -EIO;
}

/* Whether a mapped device has its disk's own sector numbers, as the paths to one disk do. */
static bool maps_whole_disk(const char *folder)
{
    char path[PATH_MAX], uuid[8] = "";
    FILE *file;

    snprintf(path, sizeof(path), "%s/dm/uuid", folder);
    file = fopen(path, "re");
    if (file == NULL)
        return errno == ENOENT;
    if (fgets(uuid, sizeof(uuid), file) == NULL)
        uuid[0] = '\0';
    fclose(file);
    return strncmp(uuid, "mpath-", strlen("mpath-")) == 0;
}

bool ats_read_start(const char *folder, uint64_t *start)
{
    unsigned long long value;
    char path[PATH_MAX];
    FILE *file;
    bool ok;

    *start = 0;
    if (!maps_whole_disk(folder))
        return false;
    snprintf(path, sizeof(path), "%s/start", folder);
    file = fopen(path, "re");
    if (file == NULL)
        return errno == ENOENT;
    ok = fscanf(file, "%llu", &value) == 1;
    fclose(file);
    *start = ok ? value : 0;
    return ok;
}

bool ats_probe(int fd, struct ats *out)
{
    uint8_t cdb[6] = {INQUIRY, 1, VPD_BLOCK_LIMITS, 0, 64, 0};
    uint8_t page[64] = {0};
    char folder[64];
    struct stat st;

    if (fstat(fd, &st) != 0)
        return false;
    snprintf(folder, sizeof(folder), "/sys/dev/block/%u:%u", major(st.st_rdev), minor(st.st_rdev));
    if (command(fd, cdb, sizeof(cdb), SG_DXFER_FROM_DEV, page, sizeof(page)) != 0)
        return false;
    return page[1] == VPD_BLOCK_LIMITS && page[5] != 0 && ats_read_start(folder, &out->first_lba);
}

int ats_compare_and_write(int fd, const struct ats *ats, uint64_t offset, const void *expected,
                          const void *replacement)
{
    uint64_t lba = ats->first_lba + offset / SECTOR;
    uint8_t cdb[16] = {CAW};
    /* Within one page: Linux's target takes the second sector to follow the first in memory, and
     * would write what lies behind the page. */
    _Alignas(2 * SECTOR) uint8_t data[2 * SECTOR];

    for (unsigned i = 0; i < 8; i++)
        cdb[2 + i] = (uint8_t)(lba >> (56 - 8 * i));
    cdb[13] = 1; /* blocks */
    memcpy(data, expected, SECTOR);
    memcpy(data + SECTOR, replacement, SECTOR);
    return command(fd, cdb, sizeof(cdb), SG_DXFER_TO_DEV, data, sizeof(data));
}
