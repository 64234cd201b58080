/* SPDX-License-Identifier: MIT */
/*
 * The power cut under sparse disks: random writes, commits and flushes, the device gone at any
 * write, and of what was not flushed any sectors kept and any lost. Afterwards every sector holds
 * what was flushed or what was written since, never anything else, and the checker leaves nothing
 * to find.
 * SEEDS (environment) is how many runs of each format; 200 is what CI has time for.
 */
#include "block/vmdk/vmdk.h"
#include "memory_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define SECTORS 4096u
#define SECTOR  512u
#define PENDING 12u
#define BURST   96u /* sectors of one write, at most */

struct model {
    struct memory_store memory;
    uint64_t random;
    uint64_t durable[SECTORS]; /* stamps; 0: as the parent, or zeros */
    uint64_t pending[SECTORS][PENDING];
    unsigned count[SECTORS];
    uint64_t stamp;
    bool has_parent;
};

static unsigned next(struct model *m, unsigned below)
{
    m->random = m->random * 6364136223846793005ull + 1442695040888963407ull;
    return (unsigned)((m->random >> 33) % below);
}

static bool keep(void *context)
{
    return next(context, 2) == 0;
}

static uint64_t parent_stamp(uint64_t sector)
{
    return 0x5000000000000000ull | sector;
}

static void put_stamp(uint8_t *at, uint64_t stamp)
{
    for (unsigned i = 0; i < SECTOR; i += 8)
        memcpy(at + i, &stamp, 8);
}

static void make(struct model *m, enum vmdk_kind kind)
{
    struct vmdk_create base = {.kind = VMDK_KIND_VMFS_THIN, .size = SECTORS * SECTOR};
    struct vmdk_create how = {.kind = kind, .size = SECTORS * SECTOR, .grain = 4096};
    char error[DISK_ERROR_MAX] = "";

    m->has_parent = kind != VMDK_KIND_MONOLITHIC_SPARSE;
    if (m->has_parent) {
        assert_int_equal(vmdk_create(&m->memory.store, "base.vmdk", &base, error), 0);
        for (uint64_t i = 0; i < SECTORS; i++)
            put_stamp(m->memory.blobs[0].bytes + i * SECTOR, parent_stamp(i));
        how.parent = "base.vmdk";
        how.grain = kind == VMDK_KIND_VMFS_SPARSE ? 2048 : 0;
    }
    if (vmdk_create(&m->memory.store, "d.vmdk", &how, error) != 0)
        fail_msg("%s", error);
}

/* Writes until the device goes, or the run is over. */
static void work(struct model *m)
{
    static uint8_t buffer[BURST * SECTOR];
    char error[DISK_ERROR_MAX];
    struct disk *disk;
    int rc = vmdk_open_in(&m->memory.store, "d.vmdk", false, &disk, error);

    if (rc != 0)
        fail_msg("%s", error);
    for (unsigned op = 0; op < 60 && rc == 0; op++) {
        uint64_t first = next(m, SECTORS);
        unsigned count = 1 + next(m, next(m, 4) == 0 ? BURST : 8);

        if (next(m, 5) == 0) {
            rc = disk_flush(disk);
            for (uint64_t i = 0; i < SECTORS && rc == 0; i++)
                if (m->count[i] > 0) {
                    m->durable[i] = m->pending[i][m->count[i] - 1];
                    m->count[i] = 0;
                }
            continue;
        }
        if (count > SECTORS - first)
            count = (unsigned)(SECTORS - first);
        m->stamp++;
        for (unsigned i = 0; i < count; i++) {
            put_stamp(buffer + i * SECTOR, m->stamp);
            if (m->count[first + i] < PENDING)
                m->pending[first + i][m->count[first + i]++] = m->stamp;
            else
                m->pending[first + i][PENDING - 1] = m->stamp;
        }
        rc = disk_write(disk, first * SECTOR, buffer, count * SECTOR);
        if (rc == 0 && next(m, 2) == 0)
            rc = disk_commit(disk);
    }
    /* What is in memory is gone: closing writes to a device that no longer answers. */
    m->memory.fail_at = 1;
    disk_close(disk);
    m->memory.fail_at = 0;
}

static bool may_hold(const struct model *m, uint64_t sector, uint64_t stamp)
{
    uint64_t old = m->durable[sector];

    if (old == 0 && m->has_parent)
        old = parent_stamp(sector);
    for (unsigned i = 0; i < m->count[sector]; i++)
        if (m->pending[sector][i] == stamp)
            return true;
    return stamp == old;
}

static void verify(struct model *m, unsigned seed)
{
    static uint8_t buffer[SECTORS * SECTOR];
    char error[DISK_ERROR_MAX];
    struct disk *disk;

    if (vmdk_open_in(&m->memory.store, "d.vmdk", true, &disk, error) != 0)
        fail_msg("seed %u: it does not open: %s", seed, error);
    if (disk_read(disk, 0, buffer, sizeof(buffer)) != 0)
        fail_msg("seed %u: %s", seed, disk->error);
    for (uint64_t i = 0; i < SECTORS; i++) {
        uint64_t stamp;

        memcpy(&stamp, buffer + i * SECTOR, 8);
        if (!may_hold(m, i, stamp) ||
            memcmp(buffer + i * SECTOR, buffer + i * SECTOR + 8, SECTOR - 8) != 0)
            fail_msg("seed %u: sector %llu holds %llx; flushed was %llx", seed,
                     (unsigned long long)i, (unsigned long long)stamp,
                     (unsigned long long)m->durable[i]);
        /* What survived is there for good. */
        m->durable[i] = stamp;
        m->count[i] = 0;
    }
    disk_close(disk);
}

static void print_finding(void *context, const char *finding)
{
    print_message("%u: %s\n", *(unsigned *)context, finding);
}

static void check(struct model *m, unsigned seed)
{
    struct vmdk_check check = {.repair = true};
    char error[DISK_ERROR_MAX] = "";

    if (vmdk_check(&m->memory.store, "d.vmdk", &check, error) != 0 ||
        check.repaired != check.findings)
        fail_msg("seed %u: %u of %u findings repaired %s", seed, check.repaired, check.findings,
                 error);
    check = (struct vmdk_check){.report = print_finding, .context = &seed};
    if (vmdk_check(&m->memory.store, "d.vmdk", &check, error) != 0 || check.findings != 0)
        fail_msg("seed %u: %u findings after the repair %s", seed, check.findings, error);
}

static void run(enum vmdk_kind kind, unsigned seed)
{
    struct model *m = calloc(1, sizeof(*m));

    m->random = seed * 2654435761u + kind;
    memory_store_init(&m->memory);
    make(m, kind);
    /* Two lives: the second begins on what the first left. */
    for (unsigned life = 0; life < 2; life++) {
        m->memory.record = true;
        m->memory.fail_at = m->memory.calls + 2 + next(m, 150);
        work(m);
        memory_store_cut(&m->memory, keep, m);
        verify(m, seed);
    }
    check(m, seed);
    verify(m, seed);
    memory_store_free(&m->memory);
    free(m);
}

static void run_seeds(enum vmdk_kind kind)
{
    const char *seeds = getenv("SEEDS");
    unsigned count = seeds == NULL ? 200 : (unsigned)atoi(seeds);

    for (unsigned seed = 1; seed <= count; seed++)
        run(kind, seed);
}

static void test_hosted(void **state)
{
    (void)state;
    run_seeds(VMDK_KIND_MONOLITHIC_SPARSE);
}

static void test_cowd(void **state)
{
    (void)state;
    run_seeds(VMDK_KIND_VMFS_SPARSE);
}

static void test_sesparse(void **state)
{
    (void)state;
    run_seeds(VMDK_KIND_SE_SPARSE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hosted),
        cmocka_unit_test(test_cowd),
        cmocka_unit_test(test_sesparse),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
