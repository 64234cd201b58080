/* SPDX-License-Identifier: MIT */
/* sesparse: comparing tables, free bitmap and backmap with each other. */
#include "block/vmdk/sesparse.h"

#include "block/vmdk/check.h"

#include <errno.h>

struct checking {
    struct se_extent *se;
    struct vmdk_check *check;
    struct check_room room; /* by grain of the file: which some entry points at */
    struct check_room tables;
};

/* A stored grain: nobody else has it, the bitmap says it is in use, the backmap says by whom. */
static int check_stored(struct checking *c, uint64_t grain, uint64_t number)
{
    struct se_extent *se = c->se;
    uint64_t bit_at = se_at(&se->header.bitmap) + number / 64 * 8, word, back;
    uint64_t back_at = se_at(&se->header.backmap) + number * 8, expected;
    bool repair = c->check->repair;
    int rc = tables_get64(se->tables, bit_at, &word);

    if (rc == 0)
        rc = tables_get64(se->tables, back_at, &back);
    if (rc != 0)
        return rc;
    if (!check_room_take(&c->room, number)) {
        check_found(c->check, &se->extent, false, "grain %llu shares its place with another",
                    (unsigned long long)grain);
        return 0;
    }
    expected = SE_BACKMAP | se_rotate(grain);
    if ((word >> number % 64 & 1) == 0) {
        check_found(c->check, &se->extent, repair, "grain %llu lies where the bitmap says free",
                    (unsigned long long)grain);
        if (repair)
            rc = tables_put64(se->tables, bit_at, word | 1ull << number % 64, TABLES_EARLY);
    }
    if (back != expected) {
        check_found(c->check, &se->extent, repair, "the backmap does not know grain %llu",
                    (unsigned long long)grain);
        if (repair && rc == 0)
            rc = tables_put64(se->tables, back_at, expected, TABLES_EARLY);
    }
    return rc;
}

static int check_table(struct checking *c, uint64_t table, uint64_t grains)
{
    struct se_extent *se = c->se;
    uint64_t at, entry;
    int rc = se_table_at(se, table, &at);

    if (rc == -EINVAL) {
        check_found(c->check, &se->extent, false, "%s", se->extent.file->store->error);
        return 0;
    }
    if (rc != 0 || at == 0)
        return rc;
    at = (at - se_at(&se->header.tables)) / (SE_TABLE_SECTORS * VMDK_SECTOR);
    if (at >= se->state.next_table)
        check_found(c->check, &se->extent, false, "table %llu is in use, but not counted",
                    (unsigned long long)at);
    if (!check_room_take(&c->tables, at)) {
        check_found(c->check, &se->extent, false,
                    "table %llu is used twice, or lies past the file's end",
                    (unsigned long long)at);
        return 0;
    }
    for (uint64_t i = 0; i < SE_TABLE_ENTRIES && rc == 0; i++) {
        uint64_t grain = table * SE_TABLE_ENTRIES + i;

        if (grain >= grains)
            break;
        rc = se_entry(se, grain, &entry);
        if (rc == -EINVAL) {
            check_found(c->check, &se->extent, false, "%s", se->extent.file->store->error);
            rc = 0;
        } else if (rc == 0 && (entry & SE_KIND_MASK) == SE_STORED) {
            rc = check_stored(c, grain, se_unrotate(entry));
        }
    }
    return rc;
}

/*
 * Grains in use that nothing points at: what a crash leaves. They are given back only when every
 * table could be read: what cannot be read may point at them.
 */
static int check_leaks(struct checking *c, bool repair)
{
    struct se_extent *se = c->se;
    uint64_t count = se_grain_count(se), leaks = 0;
    int rc = 0;

    for (uint64_t first = 0; first < count && rc == 0; first += 64) {
        uint64_t at = se_at(&se->header.bitmap) + first / 8, word, used, valid;

        /* Past the end of the file there are no grains; bits there would be of no use. */
        if (se_grain_at(se, first) >= se->extent.file->length)
            break;
        rc = tables_get64(se->tables, at, &word);
        used = c->room.bits[first / 64];
        valid = count - first < 64 ? (1ull << (count - first)) - 1 : UINT64_MAX;
        if (rc != 0 || (word & valid & ~used) == 0)
            continue;
        leaks += (uint64_t)__builtin_popcountll(word & valid & ~used);
        if (repair)
            rc = tables_put64(se->tables, at, word & (used | ~valid), TABLES_LATE);
    }
    if (rc == 0 && leaks > 0)
        check_found(c->check, &se->extent, repair,
                    "%llu grains are marked in use, but nothing lies there",
                    (unsigned long long)leaks);
    return rc;
}

int se_check(struct extent *extent, struct vmdk_check *check)
{
    struct checking c = {.se = se_of(extent), .check = check};
    uint64_t grains = (extent->size + SE_GRAIN - 1) / SE_GRAIN;
    uint64_t tables = (grains + SE_TABLE_ENTRIES - 1) / SE_TABLE_ENTRIES;
    unsigned left_before = check->findings - check->repaired;
    int rc = check_room_init(&c.room, extent, SE_GRAIN);

    if (rc == 0)
        rc = check_room_init(&c.tables, extent, SE_TABLE_SECTORS * VMDK_SECTOR);
    for (uint64_t table = 0; table < tables && rc == 0; table++) {
        check_reached(check, table * SE_TABLE_ENTRIES * SE_GRAIN);
        rc = check_table(&c, table, grains);
    }
    if (rc == 0)
        rc = check_leaks(&c, check->repair && check->findings - check->repaired == left_before);
    check_room_free(&c.room);
    check_room_free(&c.tables);
    return rc;
}
