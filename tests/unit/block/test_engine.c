/* SPDX-License-Identifier: MIT */
/* The engine over a thin VMDK on a VMFS image and real io_uring: batches, holes, flushes, errors.
 */
#include "block/datastore.h"
#include "block/disk.h"
#include "block/engine.h"
#include "block/vmdk/descriptor.h"
#include "block/vmdk/vmdk.h"
#include "block/vmfs/internal.h"
#include "block/vmfs/vmfs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define MIB       (1ull << 20)
#define DISK_SIZE (40 * MIB)
#define PAGES     16u
#define PAGE      4096u

static char image[] = "/tmp/corbel-engine-XXXXXX";
static uint8_t *model; /* what the disk should hold */

static int make_volume(void **state)
{
    struct vmdk_extent extent = {
        .type = VMDK_EXTENT_VMFS, .sectors = DISK_SIZE / 512, .file = "x-flat.vmdk"};
    struct vmdk_new new_disk = {.create_type = "vmfs",
                                .extents = &extent,
                                .extent_count = 1,
                                .sectors = DISK_SIZE / 512,
                                .thin = true,
                                .cid = 0xFFFFFFFE};
    char text[2048], error[VMFS_ERROR_MAX];
    const char *paths[] = {image};
    struct datastore store;
    struct vmfs_file *file;
    int fd = mkstemp(image), length;
    struct bdev *dev;

    (void)state;
    model = calloc(1, DISK_SIZE);
    if (ftruncate(fd, 290 * MIB) != 0 || bdev_file_open(image, false, &dev) != 0 ||
        vmfs_mkfs(dev, &(struct vmfs_mkfs){.label = "engine-test"}, error) != 0)
        return -1;
    close(fd);
    bdev_close(dev);
    if (datastore_open_paths(paths, 1, VMFS_OPEN_WRITE, &store, error) != 0 ||
        vmfs_file_create(store.volume, "x-flat.vmdk", DISK_SIZE, VMFS_THIN, NULL, NULL, &file) != 0)
        return -1;
    vmfs_file_close(file);
    length = vmdk_descriptor_format(&new_disk, text, sizeof(text));
    if (vmfs_file_create(store.volume, "x.vmdk", length, VMFS_THIN, NULL, NULL, &file) != 0 ||
        vmfs_file_write(file, 0, text, length) != 0)
        return -1;
    vmfs_file_close(file);
    datastore_close(&store);
    return setenv("CORBEL_DEVICES", image, 1);
}

static int remove_volume(void **state)
{
    (void)state;
    free(model);
    return unlink(image);
}

/* One io with pages of its own. */
struct job {
    struct engine_io io;
    uint8_t *memory;
    unsigned finished;
    int rc;
};

static void job_done(struct engine_io *io, int rc)
{
    struct job *job = io->context;

    job->finished++;
    job->rc = rc;
}

static void job_prepare(struct job *job, enum engine_op op, uint64_t offset, unsigned pages)
{
    job->io.op = op;
    job->io.offset = offset;
    job->io.length = pages * PAGE;
    job->io.buffer = job->memory;
    job->io.done = job_done;
    job->io.context = job;
    job->finished = 0;
}

static void wait_all(struct engine *engine)
{
    engine_kick(engine);
    while (engine_busy(engine) > 0) {
        struct pollfd fd = {.fd = engine_fd(engine), .events = POLLIN};

        assert_int_equal(poll(&fd, 1, 10000), 1);
        engine_reap(engine);
    }
}

static void test_batches(void **state)
{
    static struct job jobs[ENGINE_MAX_IO];
    char error[DISK_ERROR_MAX] = "";
    struct engine *engine;
    struct disk *disk;
    unsigned seed = 7;

    (void)state;
    if (disk_open("vmdk", "[engine-test] x.vmdk", false, &disk, error) != 0)
        fail_msg("%s", error);
    assert_int_equal(engine_open(disk, &engine), 0);
    for (unsigned i = 0; i < ENGINE_MAX_IO; i++)
        jobs[i].memory = aligned_alloc(PAGE, PAGES * PAGE);
    for (unsigned round = 0; round < 6; round++) {
        /* Writes at distinct places: some in holes, some stored, some across both. */
        for (unsigned i = 0; i < ENGINE_MAX_IO; i++) {
            uint64_t slot = DISK_SIZE / ENGINE_MAX_IO;
            uint64_t offset =
                i * slot + (uint64_t)rand_r(&seed) % (slot - PAGES * PAGE) / 512 * 512;
            unsigned pages = 1 + (unsigned)rand_r(&seed) % PAGES;

            memset(jobs[i].memory, (int)(round * 32 + i + 1), PAGES * PAGE);
            memcpy(model + offset, jobs[i].memory, pages * PAGE);
            job_prepare(&jobs[i], ENGINE_WRITE, offset, pages);
            assert_int_equal(engine_submit(engine, &jobs[i].io), 0);
        }
        wait_all(engine);
        for (unsigned i = 0; i < ENGINE_MAX_IO; i++) {
            assert_int_equal(jobs[i].finished, 1);
            assert_int_equal(jobs[i].rc, 0);
        }
        job_prepare(&jobs[0], ENGINE_FLUSH, 0, 0);
        assert_int_equal(engine_submit(engine, &jobs[0].io), 0);
        assert_int_equal(jobs[0].rc, 0);
        for (uint64_t at = 0; at < DISK_SIZE; at += PAGES * PAGE) {
            job_prepare(&jobs[0], ENGINE_READ, at, PAGES);
            assert_int_equal(engine_submit(engine, &jobs[0].io), 0);
            wait_all(engine);
            assert_int_equal(jobs[0].rc, 0);
            assert_memory_equal(jobs[0].memory, model + at, PAGES * PAGE);
        }
    }
    job_prepare(&jobs[0], ENGINE_READ, DISK_SIZE - PAGE, 2);
    assert_int_equal(engine_submit(engine, &jobs[0].io), 0);
    wait_all(engine);
    assert_int_equal(jobs[0].finished, 1);
    assert_true(jobs[0].rc < 0);
    for (unsigned i = 0; i < ENGINE_MAX_IO; i++)
        free(jobs[i].memory);
    engine_close(engine);
    disk_close(disk);
}

/* The same disk again: it kept everything, has a new content id, and lets one opener in. */
static void test_reopen(void **state)
{
    static uint8_t buffer[1 << 20];
    char error[DISK_ERROR_MAX] = "";
    struct disk *disk, *second;

    (void)state;
    if (disk_open("vmdk", "[engine-test] x.vmdk", true, &disk, error) != 0)
        fail_msg("%s", error);
    for (uint64_t at = 0; at < DISK_SIZE; at += sizeof(buffer)) {
        assert_int_equal(disk_read(disk, at, buffer, sizeof(buffer)), 0);
        assert_memory_equal(buffer, model + at, sizeof(buffer));
    }
    assert_int_not_equal(disk_write(disk, 0, buffer, 512), 0);
    assert_int_not_equal(disk_open("vmdk", "[engine-test] x.vmdk", false, &second, error), 0);
    assert_non_null(strstr(error, "locked"));
    disk_close(disk);
    assert_int_not_equal(disk_open("vmdk", "[no such] x.vmdk", true, &disk, error), 0);
    assert_int_not_equal(disk_open("vmdk", "[engine-test", true, &disk, error), 0);
    assert_int_not_equal(disk_open("qcow2", image, true, &disk, error), 0);
}

/* Another host has taken the volume: what is stored is read, and written no more. */
static void test_fenced(void **state)
{
    struct job job = {.memory = aligned_alloc(PAGE, PAGE)};
    char error[DISK_ERROR_MAX] = "";
    const char *paths[] = {image};
    struct datastore datastore;
    struct engine *engine;
    struct store *store;
    struct disk *disk;

    (void)state;
    assert_int_equal(datastore_open_paths(paths, 1, VMFS_OPEN_WRITE, &datastore, error), 0);
    assert_int_equal(datastore_store(&datastore, &store), 0);
    assert_int_equal(vmdk_open(store, "x.vmdk", false, &disk, error), 0);
    assert_int_equal(engine_open(disk, &engine), 0);
    for (unsigned fenced = 0; fenced < 2; fenced++) {
        datastore.volume->fenced = fenced;
        memset(job.memory, 0x33 + (int)fenced, PAGE);
        job_prepare(&job, ENGINE_WRITE, 0, 1);
        assert_int_equal(engine_submit(engine, &job.io), 0);
        wait_all(engine);
        assert_int_equal(job.rc, fenced ? -ESTALE : 0);
        job_prepare(&job, ENGINE_READ, 0, 1);
        assert_int_equal(engine_submit(engine, &job.io), 0);
        wait_all(engine);
        assert_int_equal(job.rc, 0);
        assert_int_equal(job.memory[0], 0x33);
    }
    assert_int_equal(disk_tick(disk), -ESTALE);
    engine_close(engine);
    disk_close(disk);
    free(job.memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batches),
        cmocka_unit_test(test_reopen),
        cmocka_unit_test(test_fenced),
    };

    return cmocka_run_group_tests(tests, make_volume, remove_volume);
}
