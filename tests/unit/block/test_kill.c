/* SPDX-License-Identifier: MIT */
/*
 * The backend's own code on thin and sparse VMDKs on a VMFS image, in a process that is killed
 * under load. The guest's ring, pages and events are shared memory; everything else is real: ring,
 * requests, grant cache, io_uring, VMDK, VMFS. Each seed writes, reads, flushes and discards at
 * random and kills the backend three times; a new one goes on with the same ring. Nothing answered
 * may be lost, nothing asked may stay unanswered, every read must give what was last written.
 *
 * KILL_SEEDS (default 12) seeds beginning with KILL_FIRST (default 1).
 */
#include "fake_xen.h"

#include "block/datastore.h"
#include "block/vmdk/vmdk.h"
#include "block/vmfs/vmfs.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#define MIB       (1ull << 20)
#define REGIONS   24u /* of 1 MiB, one request each at a time */
#define DISK_SIZE (REGIONS * MIB)
#define PAGES_PER 11u
#define OPS       160u
#define TARGET    "[kill] x.vmdk"

static char image[] = "/dev/shm/corbel-kill-XXXXXX";
static uint8_t *model;

static void make_disk(struct datastore *datastore, const char *path, const struct vmdk_create *how)
{
    char error[DISK_ERROR_MAX];
    struct store *store;

    assert_int_equal(datastore_store(datastore, &store), 0);
    if (vmdk_create(store, path, how, error) != 0)
        fail_msg("%s", error);
    store_close(store);
}

static void remove_disk(struct datastore *datastore, const char *path)
{
    char error[DISK_ERROR_MAX];
    struct store *store;

    assert_int_equal(datastore_store(datastore, &store), 0);
    if (vmdk_remove(store, path, error) != 0)
        fail_msg("%s", error);
    store_close(store);
}

static void open_volume(struct datastore *store, unsigned flags)
{
    const char *paths[] = {image};
    char error[VMFS_ERROR_MAX];

    if (datastore_open_paths(paths, 1, flags, store, error) != 0)
        fail_msg("%s", error);
}

static int make_volume(void **state)
{
    const struct vmdk_create how = {.kind = VMDK_KIND_VMFS_THIN, .size = DISK_SIZE};
    char error[VMFS_ERROR_MAX];
    struct datastore store;
    struct bdev *dev;
    int fd = mkstemp(image);

    (void)state;
    model = calloc(1, DISK_SIZE);
    if (fd < 0 || ftruncate(fd, 330 * MIB) != 0 || bdev_file_open(image, false, &dev) != 0 ||
        vmfs_mkfs(dev, &(struct vmfs_mkfs){.label = "kill"}, error) != 0)
        return -1;
    close(fd);
    bdev_close(dev);
    open_volume(&store, VMFS_OPEN_WRITE);
    make_disk(&store, "x.vmdk", &how);
    return setenv("CORBEL_DEVICES", image, 1);
}

static int remove_volume(void **state)
{
    (void)state;
    free(model);
    return unlink(image);
}

/* ---- a guest ---- */

struct op {
    bool busy;
    uint8_t operation;
    unsigned region, pages;
    uint64_t sector, sectors;
};

struct guest {
    struct fake_backend backend;
    struct op ops[RING_SLOTS];
    bool region_busy[REGIONS];
    unsigned seed, outstanding, answered;
    bool keeps_room; /* the disk has no discard */
};

static unsigned pick(struct guest *guest, unsigned below)
{
    return (unsigned)rand_r(&guest->seed) % below;
}

static uint8_t *page_of(struct guest *guest, unsigned slot, unsigned page)
{
    return guest->backend.guest->pages[slot * PAGES_PER + page];
}

/* Fills the pages of a write, and the model with it. */
static void fill(struct guest *guest, unsigned slot)
{
    struct op *op = &guest->ops[slot];

    for (unsigned page = 0; page < op->pages; page++) {
        uint32_t *words = (uint32_t *)page_of(guest, slot, page);

        /* A page of zeros now and then: those take another path. */
        uint32_t base = pick(guest, 8) == 0 ? 0 : (uint32_t)rand_r(&guest->seed) | 1;

        for (unsigned i = 0; i < FAKE_PAGE / 4; i++)
            words[i] = base == 0 ? 0 : base + i;
        memcpy(model + op->sector * 512 + page * FAKE_PAGE, words, FAKE_PAGE);
    }
}

static bool put(struct guest *guest)
{
    static const uint8_t kinds[] = {BLKIF_OP_WRITE, BLKIF_OP_WRITE,           BLKIF_OP_WRITE,
                                    BLKIF_OP_READ,  BLKIF_OP_FLUSH_DISKCACHE, BLKIF_OP_DISCARD};
    struct blkif_request *request;
    unsigned slot = 0, region = pick(guest, REGIONS);
    struct op *op;

    while (slot < RING_SLOTS && guest->ops[slot].busy)
        slot++;
    if (slot == RING_SLOTS || guest->region_busy[region] || RING_FULL(&guest->backend.front))
        return false;
    op = &guest->ops[slot];
    *op = (struct op){.busy = true, .region = region};
    op->operation = kinds[pick(guest, sizeof(kinds) - guest->keeps_room)];
    op->pages = op->operation == BLKIF_OP_READ || op->operation == BLKIF_OP_WRITE
                    ? 1 + pick(guest, PAGES_PER)
                    : 0;
    op->sector = region * (MIB / 512);
    op->sectors = MIB / 512;
    if (op->pages > 0)
        op->sector += pick(guest, (unsigned)(MIB / 512 - op->pages * 8));
    request = RING_GET_REQUEST(&guest->backend.front, guest->backend.front.req_prod_pvt);
    memset(request, 0, sizeof(*request));
    request->operation = op->operation;
    request->id = slot;
    request->sector_number = op->sector;
    if (op->operation == BLKIF_OP_DISCARD) {
        ((struct blkif_request_discard *)request)->nr_sectors = op->sectors;
        memset(model + op->sector * 512, 0, MIB);
    }
    if (op->operation == BLKIF_OP_WRITE)
        fill(guest, slot);
    if (op->pages > 0)
        request->nr_segments = (uint8_t)op->pages;
    for (unsigned i = 0; i < op->pages; i++)
        request->seg[i] =
            (struct blkif_request_segment){.gref = slot * PAGES_PER + i, .last_sect = 7};
    guest->backend.front.req_prod_pvt++;
    guest->region_busy[region] = true;
    guest->outstanding++;
    return true;
}

static void take(struct guest *guest)
{
    struct blkif_front_ring *front = &guest->backend.front;
    int more;

    do {
        RING_IDX produced = front->sring->rsp_prod;

        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        for (; front->rsp_cons != produced; front->rsp_cons++) {
            struct blkif_response *response = RING_GET_RESPONSE(front, front->rsp_cons);
            unsigned slot = (unsigned)response->id;
            struct op *op;

            assert_true(slot < RING_SLOTS && guest->ops[slot].busy);
            op = &guest->ops[slot];
            assert_int_equal(response->status, BLKIF_RSP_OKAY);
            assert_int_equal(response->operation, op->operation);
            for (unsigned i = 0; op->operation == BLKIF_OP_READ && i < op->pages; i++)
                assert_memory_equal(page_of(guest, slot, i),
                                    model + op->sector * 512 + i * FAKE_PAGE, FAKE_PAGE);
            op->busy = false;
            guest->region_busy[op->region] = false;
            guest->outstanding--;
            guest->answered++;
        }
        RING_FINAL_CHECK_FOR_RESPONSES(front, more);
    } while (more);
}

static void nap_us(unsigned us)
{
    const struct timespec pause = {.tv_nsec = us * 1000};

    nanosleep(&pause, NULL);
}

/* Waits until everything asked is answered. */
static void finish(struct guest *guest)
{
    for (unsigned tries = 0; guest->outstanding > 0; tries++) {
        fake_wait(&guest->backend, 100);
        take(guest);
        assert_true(tries < 100);
    }
}

static void read_disk(const char *target, uint8_t *bytes)
{
    char error[DISK_ERROR_MAX];
    struct disk *disk;

    if (disk_open_wait("vmdk", target, true, VBD_OPEN_WAIT_MS, &disk, error) != 0)
        fail_msg("%s", error);
    for (uint64_t at = 0; at < DISK_SIZE; at += MIB)
        assert_int_equal(disk_read(disk, at, bytes + at, MIB), 0);
    disk_close(disk);
}

static void compare_disk(const char *target)
{
    uint8_t *bytes = malloc(DISK_SIZE);

    read_disk(target, bytes);
    assert_memory_equal(bytes, model, DISK_SIZE);
    free(bytes);
}

static void one_seed(unsigned seed, const char *target, bool keeps_room)
{
    struct guest guest = {.seed = seed, .keeps_room = keeps_room};
    unsigned asked = 0, kills = 0;

    fake_new(&guest.backend);
    fake_start(&guest.backend, target);
    while (asked < OPS) {
        unsigned burst = 1 + pick(&guest, 24);

        while (burst-- > 0 && asked < OPS)
            asked += put(&guest);
        fake_kick(&guest.backend);
        if (kills < 3 && asked > (kills + 1) * OPS / 4) {
            nap_us(pick(&guest, 6000));
            fake_kill(&guest.backend);
            kills++;
            fake_start(&guest.backend, target);
        }
        fake_wait(&guest.backend, 2);
        take(&guest);
    }
    finish(&guest);
    assert_int_equal(fake_stop(&guest.backend), 0);
    assert_int_equal(guest.answered, OPS);
    fake_free(&guest.backend);
    compare_disk(target);
}

static unsigned variable(const char *name, unsigned usual)
{
    const char *text = getenv(name);

    return text == NULL ? usual : (unsigned)strtoul(text, NULL, 10);
}

static void check_volume(void)
{
    struct vmfs_check check = {.repair = true};
    struct datastore store;

    open_volume(&store, VMFS_OPEN_WRITE);
    assert_int_equal(vmfs_check(store.volume, &check), 0);
    printf("killing left %u findings (lost room), %u mended\n", check.findings, check.repaired);
    assert_int_equal(check.findings, check.repaired);
    datastore_close(&store);
}

static void test_kill_loses_nothing(void **state)
{
    unsigned seeds = variable("KILL_SEEDS", 12), first = variable("KILL_FIRST", 1);

    (void)state;
    for (unsigned seed = first; seed < first + seeds; seed++) {
        one_seed(seed, TARGET, false);
        if (seed % 50 == 0)
            check_volume();
    }
    check_volume();
    printf("%u seeds, %u kills\n", seeds, 3 * seeds);
}

/* Sparse disks keep what is discarded or half done: the volume has room for so many runs on one. */
#define SEEDS_A_DISK 25u

/* The formats that keep tables: what they took for an answered write must be in them. */
static void test_kill_sparse(void **state)
{
    static const struct {
        const char *path, *target;
        enum vmdk_kind kind;
        const char *parent;
    } disks[] = {
        {"mono.vmdk", "[kill] mono.vmdk", VMDK_KIND_MONOLITHIC_SPARSE, NULL},
        {"cowd.vmdk", "[kill] cowd.vmdk", VMDK_KIND_VMFS_SPARSE, "x.vmdk"},
        {"se.vmdk", "[kill] se.vmdk", VMDK_KIND_SE_SPARSE, "x.vmdk"},
    };
    unsigned seeds = (variable("KILL_SEEDS", 12) + 3) / 4, first = variable("KILL_FIRST", 1);

    (void)state;
    for (unsigned i = 0; i < sizeof(disks) / sizeof(disks[0]); i++) {
        const struct vmdk_create how = {.kind = disks[i].kind,
                                        .size = disks[i].parent == NULL ? DISK_SIZE : 0,
                                        .parent = disks[i].parent};
        struct datastore store;

        for (unsigned n = 0; n < seeds; n++) {
            if (n % SEEDS_A_DISK == 0) {
                if (n > 0) {
                    open_volume(&store, VMFS_OPEN_WRITE);
                    remove_disk(&store, disks[i].path);
                }
                open_volume(&store, VMFS_OPEN_WRITE);
                make_disk(&store, disks[i].path, &how);
                read_disk(disks[i].target, model);
            }
            one_seed(first + n, disks[i].target, true);
        }
    }
    read_disk(TARGET, model);
    check_volume();
}

/* ---- a full volume ---- */

static void ask(struct guest *guest, uint8_t operation, uint64_t sector)
{
    struct blkif_request *request =
        RING_GET_REQUEST(&guest->backend.front, guest->backend.front.req_prod_pvt++);

    memset(request, 0, sizeof(*request));
    request->operation = operation;
    request->sector_number = sector;
    request->nr_segments = operation == BLKIF_OP_READ || operation == BLKIF_OP_WRITE;
    request->seg[0] = (struct blkif_request_segment){.last_sect = 7};
    if (operation == BLKIF_OP_DISCARD)
        ((struct blkif_request_discard *)request)->nr_sectors = MIB / 512;
    fake_kick(&guest->backend);
}

/* Waits for one answer; false when none comes. */
static bool answer(struct guest *guest, int ms, int16_t *status)
{
    struct blkif_front_ring *front = &guest->backend.front;

    for (int waited = 0; front->sring->rsp_prod == front->rsp_cons; waited += 20) {
        if (waited >= ms)
            return false;
        fake_wait(&guest->backend, 20);
    }
    *status = RING_GET_RESPONSE(front, front->rsp_cons)->status;
    front->rsp_cons++;
    front->sring->rsp_event = front->rsp_cons + 1;
    return true;
}

/* Takes every free block, so that the thin disk cannot grow. */
static void fill_volume(void)
{
    struct datastore store;
    struct vmfs_file *file;
    struct vmfs_info info;
    unsigned number = 0;
    char name[24];

    open_volume(&store, VMFS_OPEN_WRITE);
    assert_int_equal(vmfs_get_info(store.volume, &info), 0);
    while (info.blocks_free > 0) {
        uint64_t blocks = info.blocks_free > 200 ? 200 : info.blocks_free;

        snprintf(name, sizeof(name), "filler%u", number++);
        assert_int_equal(
            vmfs_file_create(store.volume, name, blocks * MIB, VMFS_ZEROEDTHICK, NULL, NULL, &file),
            0);
        vmfs_file_close(file);
        assert_int_equal(vmfs_get_info(store.volume, &info), 0);
    }
    datastore_close(&store);
}

static void empty_volume(void)
{
    struct datastore store;
    char name[24];

    open_volume(&store, VMFS_OPEN_WRITE);
    for (unsigned number = 0;; number++) {
        snprintf(name, sizeof(name), "filler%u", number);
        if (vmfs_remove(store.volume, name) != 0)
            break;
        assert_true(number < 100);
    }
    datastore_close(&store);
}

static void test_full_volume(void **state)
{
    static const enum vbd_on_error policies[] = {VBD_REPORT, VBD_PAUSE};
    int16_t status;

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct guest guest = {.seed = 1};
        uint64_t sector = i * (MIB / 512);

        fake_new(&guest.backend);
        guest.backend.on_error = policies[i];
        fake_start(&guest.backend, TARGET);
        ask(&guest, BLKIF_OP_DISCARD, sector);
        assert_true(answer(&guest, 5000, &status));
        assert_int_equal(status, BLKIF_RSP_OKAY);
        fill_volume();
        memset(guest.backend.guest->pages[0], 0x5A, FAKE_PAGE);
        ask(&guest, BLKIF_OP_WRITE, sector);
        if (policies[i] == VBD_REPORT) {
            assert_true(answer(&guest, 5000, &status));
            assert_int_equal(status, BLKIF_RSP_ERROR);
            memset(model + sector * 512, 0, MIB);
        } else {
            assert_false(answer(&guest, 600, &status));
        }
        empty_volume();
        if (policies[i] == VBD_PAUSE) {
            assert_true(answer(&guest, 5000, &status));
            assert_int_equal(status, BLKIF_RSP_OKAY);
            memset(model + sector * 512, 0, MIB);
            memset(model + sector * 512, 0x5A, FAKE_PAGE);
        }
        assert_int_equal(fake_stop(&guest.backend), 0);
        fake_free(&guest.backend);
        compare_disk(TARGET);
    }
}

/* ---- a flush that fails ---- */

static unsigned *flushes_to_fail; /* shared with the backend */

int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd)
{
    if (flushes_to_fail != NULL && *flushes_to_fail > 0) {
        --*flushes_to_fail;
        errno = EIO;
        return -1;
    }
    return __real_fdatasync(fd);
}

/* The page cache tells of lost data once: the guest must hear of it, whatever the policy. */
static void test_failed_flush(void **state)
{
    struct guest guest = {.seed = 1};
    int16_t status;

    (void)state;
    flushes_to_fail =
        mmap(NULL, FAKE_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(flushes_to_fail, MAP_FAILED);
    fake_new(&guest.backend);
    guest.backend.on_error = VBD_PAUSE;
    fake_start(&guest.backend, TARGET);
    for (unsigned i = 0; i < 3; i++) {
        *flushes_to_fail = i == 1;
        ask(&guest, BLKIF_OP_FLUSH_DISKCACHE, 0);
        assert_true(answer(&guest, 5000, &status));
        assert_int_equal(status, i == 0 ? BLKIF_RSP_OKAY : BLKIF_RSP_ERROR);
    }
    fake_kill(&guest.backend);
    fake_free(&guest.backend);
    munmap(flushes_to_fail, FAKE_PAGE);
    flushes_to_fail = NULL;
}

/* ---- a lease that is lost ---- */

static void was_sent(struct engine_io *io, int rc)
{
    (void)io;
    fail_msg("a held write was sent to a disk that is another host's: %d", rc);
}

/* Writes held for a disk to recover are not for the one who has it by then. */
static void test_fenced_while_held(void **state)
{
    struct vbd *vbd = calloc(1, sizeof(*vbd));
    struct blkif_sring *page = aligned_alloc(FAKE_PAGE, FAKE_PAGE);
    struct vbd_slot *slot = &vbd->slots[0];
    char error[DISK_ERROR_MAX];

    (void)state;
    memset(page, 0, FAKE_PAGE);
    page->req_prod = 1;
    vbd->stats_fd = -1;
    vbd->on_error = VBD_PAUSE;
    vbd->page = page;
    if (disk_open("vmdk", TARGET, false, &vbd->disk, error) != 0)
        fail_msg("%s", error);
    assert_int_equal(engine_open(vbd->disk, &vbd->engine), 0);
    assert_int_equal(ring_attach(&vbd->ring, page), 0);
    assert_int_equal(vbd_get_buffers(vbd, 1), 0);
    vbd->ring.consumed = 1;
    vbd->stats.held = 1;
    *slot = (struct vbd_slot){.vbd = vbd, .buffer = slot->buffer, .held = true};
    slot->request.kind = REQUEST_WRITE;
    slot->io = (struct engine_io){
        .op = ENGINE_WRITE, .length = FAKE_PAGE, .buffer = slot->buffer, .done = was_sent};
    vbd->failed = true;
    vbd_retry(vbd);
    assert_int_equal(page->rsp_prod, 1);
    assert_int_equal(page->ring[0].rsp.status, BLKIF_RSP_ERROR);
    vbd_put_buffers(vbd);
    engine_close(vbd->engine);
    disk_close(vbd->disk);
    free(page);
    free(vbd);
}

/* ---- nonsense in the ring ---- */

static void test_nonsense(void **state)
{
    unsigned rounds = variable("NONSENSE_ROUNDS", 200);

    (void)state;
    for (unsigned round = 0; round < rounds; round++) {
        struct guest guest = {.seed = round + 1};
        uint8_t *ring;
        int status;

        fake_new(&guest.backend);
        ring = guest.backend.guest->ring;
        /* Slots of noise behind operations that exist, so that some of them get far. */
        for (unsigned i = sizeof(struct blkif_sring) / 2; i < FAKE_PAGE; i++)
            ring[i] = (uint8_t)rand_r(&guest.seed);
        for (unsigned i = 0; i < RING_SLOTS; i++) {
            struct blkif_request *slot = RING_GET_REQUEST(&guest.backend.front, i);

            slot->operation = (uint8_t)pick(&guest, 8);
            slot->sector_number %= 2 * DISK_SIZE / 512;
            if (slot->operation != BLKIF_OP_INDIRECT)
                slot->nr_segments %= 13;
            for (unsigned k = 0; k < 11; k++)
                slot->seg[k].gref %= FAKE_PAGES + 2;
        }
        guest.backend.front.req_prod_pvt = pick(&guest, 40);
        fake_start(&guest.backend, TARGET);
        fake_kick(&guest.backend);
        /* And it goes on writing while the backend reads. */
        for (unsigned i = 0; i < 2000; i++)
            ring[64 + pick(&guest, FAKE_PAGE - 64)] = (uint8_t)rand_r(&guest.seed);
        status = fake_stop(&guest.backend);
        if (guest.backend.front.req_prod_pvt <= RING_SLOTS || status != FAKE_REFUSED << 8)
            assert_int_equal(status, 0);
        fake_free(&guest.backend);
    }
    check_volume();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kill_loses_nothing), cmocka_unit_test(test_kill_sparse),
        cmocka_unit_test(test_full_volume),        cmocka_unit_test(test_failed_flush),
        cmocka_unit_test(test_fenced_while_held),  cmocka_unit_test(test_nonsense),
    };

    return cmocka_run_group_tests(tests, make_volume, remove_volume);
}
