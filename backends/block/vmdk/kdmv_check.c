/* SPDX-License-Identifier: MIT */
/* kdmv: comparing both copies of the tables with each other and with the file. */
#include "block/vmdk/kdmv.h"

#include "block/vmdk/check.h"

#include <errno.h>
#include <string.h>

struct checking {
    struct kdmv *kdmv;
    struct vmdk_check *check;
    struct check_room room;   /* by grain */
    struct check_room tables; /* by sector: where each table begins */
};

static const char *copy_name(enum kdmv_copy copy)
{
    return copy == KDMV_PRIMARY ? "grain directory" : "redundant grain directory";
}

/*
 * Gives a copy whose directory points nowhere a new table at the end of the file; check_table()
 * then fills it from the other copy.
 */
static int replace_table(struct kdmv *kdmv, enum kdmv_copy copy, uint64_t table, uint64_t *at)
{
    uint64_t directory =
        copy == KDMV_PRIMARY ? kdmv->header.directory : kdmv->header.redundant_directory;
    uint64_t bytes = (kdmv->header.table_entries * sizeof(uint32_t) + VMDK_SECTOR - 1) /
                     VMDK_SECTOR * VMDK_SECTOR;
    int rc;

    *at = (kdmv->next + VMDK_SECTOR - 1) / VMDK_SECTOR * VMDK_SECTOR;
    rc = extent_file_reach(&kdmv->extent, *at + bytes);
    if (rc == 0)
        rc = tables_clear(kdmv->tables, *at, bytes);
    if (rc == 0)
        rc = tables_put32(kdmv->tables, directory * VMDK_SECTOR + table * sizeof(uint32_t),
                          (uint32_t)(*at / VMDK_SECTOR), TABLES_LATE);
    kdmv->next = *at + bytes;
    kdmv->marked_unclean = true;
    return rc;
}

/* Where a copy's table lies; one that is lost is replaced when `other` may fill it. */
static int find_table(struct checking *c, enum kdmv_copy copy, uint64_t table, bool other,
                      uint64_t *at)
{
    int rc = kdmv_table_at(c->kdmv, copy, table, at);
    bool mend = c->check->repair && other;

    if (rc != -EINVAL)
        return rc;
    check_found(c->check, &c->kdmv->extent, mend, "the %s's entry %llu points past the file's end",
                copy_name(copy), (unsigned long long)table);
    *at = 0;
    return mend ? replace_table(c->kdmv, copy, table, at) : 0;
}

/*
 * A table that only one directory knows was lost by the other, or by a killed writer: choose() then
 * says whose entries are right.
 */
static int find_forgotten(struct checking *c, uint64_t table, uint64_t at[2])
{
    int copy = at[KDMV_PRIMARY] == 0 ? KDMV_PRIMARY : KDMV_REDUNDANT;

    if ((at[0] == 0) == (at[1] == 0))
        return 0;
    check_found(c->check, &c->kdmv->extent, c->check->repair,
                "the %s's entry %llu is empty, the other one's is not",
                copy_name((enum kdmv_copy)copy), (unsigned long long)table);
    return c->check->repair ? replace_table(c->kdmv, (enum kdmv_copy)copy, table, &at[copy]) : 0;
}

static int get_entry(struct checking *c, uint64_t table_at, unsigned index, uint32_t *out)
{
    *out = 0;
    return table_at == 0 ? 0 : tables_get32(c->kdmv->tables, table_at + index * 4ull, out);
}

/*
 * Which of two sane-or-not entries of one grain is right. After a killed writer the primary is what
 * every reader has seen since; otherwise an entry that is there is right before one that is not.
 */
static uint32_t choose(struct checking *c, uint64_t grain, uint32_t first, uint32_t second)
{
    bool second_is_sane = kdmv_entry_is_sane(c->kdmv, grain, second);

    if (!kdmv_entry_is_sane(c->kdmv, grain, first))
        return second_is_sane ? second : KDMV_ABSENT;
    return first != KDMV_ABSENT || !second_is_sane || c->kdmv->header.unclean ? first : second;
}

static int check_grain(struct checking *c, uint64_t grain, const uint64_t at[2], bool both)
{
    unsigned index = (unsigned)(grain % c->kdmv->header.table_entries);
    struct extent *extent = &c->kdmv->extent;
    uint32_t entry[2], right;
    bool lost;
    int rc = get_entry(c, at[KDMV_PRIMARY], index, &entry[0]);

    if (rc == 0 && both)
        rc = get_entry(c, at[KDMV_REDUNDANT], index, &entry[1]);
    if (rc != 0)
        return rc;
    if (!both)
        entry[1] = entry[0];
    right = choose(c, grain, entry[0], entry[1]);
    lost = !kdmv_entry_is_sane(c->kdmv, grain, entry[0]) &&
           !kdmv_entry_is_sane(c->kdmv, grain, entry[1]);
    if (lost)
        check_found(c->check, extent, false, "grain %llu points to sector %u, where it cannot lie",
                    (unsigned long long)grain, entry[0]);
    else if (entry[0] != entry[1])
        check_found(c->check, extent, c->check->repair,
                    "grain %llu: sector %u, but %u in the redundant table",
                    (unsigned long long)grain, entry[0], entry[1]);
    for (int copy = 0; copy < 2 && rc == 0; copy++)
        if (c->check->repair && entry[copy] != right && !lost && at[copy] != 0)
            rc = tables_put32(c->kdmv->tables, at[copy] + index * 4ull, right, TABLES_LATE);
    if (right > KDMV_ZERO && (c->kdmv->header.flags & KDMV_FLAG_COMPRESSED) == 0 &&
        !check_room_take(&c->room, (uint64_t)right * VMDK_SECTOR / extent->grain))
        check_found(c->check, extent, false, "grain %llu shares sector %u with another",
                    (unsigned long long)grain, right);
    return rc;
}

static int check_table(struct checking *c, uint64_t table, uint64_t grains)
{
    struct kdmv *kdmv = c->kdmv;
    bool both = kdmv_has_redundant(kdmv), whole[2] = {true, true};
    uint64_t at[2] = {0, 0}, entries = kdmv->header.table_entries, grain = table * entries;
    int rc = 0;

    for (int copy = 0; copy <= (int)both; copy++)
        whole[copy] = kdmv_table_at(kdmv, (enum kdmv_copy)copy, table, &at[copy]) == 0;
    for (int copy = 0; copy <= (int)both && rc == 0; copy++)
        rc = find_table(c, (enum kdmv_copy)copy, table, both && whole[1 - copy], &at[copy]);
    if (rc == 0 && both && whole[0] && whole[1])
        rc = find_forgotten(c, table, at);
    if (at[0] == 0 && at[1] == 0)
        return rc;
    for (int copy = 0; copy <= (int)both && rc == 0; copy++) {
        if (at[copy] == 0 || check_room_take(&c->tables, at[copy] / VMDK_SECTOR))
            continue;
        check_found(c->check, &kdmv->extent, false, "the %s's table %llu is another's too",
                    copy_name((enum kdmv_copy)copy), (unsigned long long)table);
        return 0;
    }
    /* A copy that is lost and stays so says nothing about grains. */
    if (both && (at[0] == 0 || at[1] == 0)) {
        at[0] = at[0] == 0 ? at[1] : at[0];
        both = false;
    }
    for (uint64_t i = 0; i < entries && grain + i < grains && rc == 0; i++)
        rc = check_grain(c, grain + i, at, both);
    return rc;
}

int kdmv_check(struct extent *extent, struct vmdk_check *check)
{
    struct checking c = {.kdmv = kdmv_of(extent), .check = check};
    uint64_t grains =
        (c.kdmv->header.capacity + c.kdmv->header.grain_size - 1) / c.kdmv->header.grain_size;
    int rc = check_room_init(&c.room, extent, extent->grain);

    if (rc == 0)
        rc = check_room_init(&c.tables, extent, VMDK_SECTOR);
    if (c.kdmv->header.unclean) {
        check_found(check, extent, check->repair,
                    "its last writer was killed; what it had flushed is here");
        c.kdmv->marked_unclean = check->repair;
    }
    for (uint64_t table = 0; table < kdmv_table_count(c.kdmv) && rc == 0; table++) {
        check_reached(check, table * c.kdmv->header.table_entries * extent->grain);
        rc = check_table(&c, table, grains);
    }
    /* From here on both copies of the tables agree. */
    if (rc == 0 && check->repair)
        c.kdmv->stays_unclean = false;
    check_room_free(&c.room);
    check_room_free(&c.tables);
    return rc;
}
