/* SPDX-License-Identifier: MIT */
/* The buddy allocator and small objects (mm/heap.c) against a map of who owns which frame. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch/numa.h"
#include "arch/paging.h"
#include "console.h"
#include "arch/smp.h"
#include "arch/tlb.h"
#include "mm.h"
#include "spinlock.h"

#define FIRST_FRAME 16
#define N_FRAMES    FAKE_FRAMES
#define N_BLOCKS    64
#define ROUNDS      20000

/* The machine below the allocator. */
static struct page_info frames[N_FRAMES];
struct page_info *const frame_table = frames;
uint64_t max_page = N_FRAMES;
uint64_t tlb_clock;
unsigned char fake_memory[FAKE_FRAMES * 4096ul] __attribute__((aligned(4096)));
struct vcpu *fake_current;
static unsigned int n_flushes;

struct cpumask cpu_online_map;

/* One CPU, whose last flush is the clock's last tick. */
void tlb_flush_since(const struct cpumask *cpus, uint32_t stamp)
{
    assert_ptr_equal(cpus, &cpu_online_map);
    if ((uint32_t)tlb_clock != stamp)
        return;
    tlb_clock++;
    n_flushes++;
}

void spin_lock(struct spinlock *l)
{
    assert_int_equal(l->owner, l->next);
    l->next++;
}

void spin_unlock(struct spinlock *l)
{
    l->owner++;
}

void panic(const char *fmt, ...)
{
    fail_msg("panic: %s", fmt);
    abort();
}

void printk(enum log_level level, const char *fmt, ...)
{
    (void)level, (void)fmt;
}

static s_time_t now;

/* Time goes on far enough for the next pass. */
s_time_t time_now(void)
{
    return now += MILLISECS(100);
}

static int give_all(void **state)
{
    (void)state;
    for (uint64_t mfn = FIRST_FRAME; mfn < N_FRAMES; mfn++)
        heap_free_pages(frames + mfn, 0);
    assert_int_equal(heap_free_count(), N_FRAMES - FIRST_FRAME);
    return 0;
}

/* Whatever happened before, all memory is there again, in the largest blocks that fit. */
static void assert_whole(void)
{
    assert_int_equal(heap_free_count(), N_FRAMES - FIRST_FRAME);
    struct page_info *half = heap_alloc_pages(7, 0); /* frames 128..255 */
    assert_non_null(half);
    assert_int_equal(page_to_mfn(half).n, 128);
    heap_free_pages(half, 7);
}

static void blocks_are_disjoint_and_aligned(void **state)
{
    struct {
        struct page_info *pg;
        unsigned int order;
    } block[N_BLOCKS] = {{NULL, 0}};
    bool owned[N_FRAMES] = {false};
    uint64_t n_owned = 0;
    (void)state;

    srand(4711);
    for (unsigned int round = 0; round < ROUNDS; round++) {
        unsigned int i = (unsigned int)rand() % N_BLOCKS, order = (unsigned int)rand() % 5;
        unsigned int bits = rand() % 3 ? 0 : 17 + (unsigned int)rand() % 4;
        if (block[i].pg) {
            heap_free_pages(block[i].pg, block[i].order);
            for (uint64_t k = 0; k < 1ul << block[i].order; k++)
                owned[page_to_mfn(block[i].pg).n + k] = false;
            n_owned -= 1ul << block[i].order;
            block[i].pg = NULL;
        } else if ((block[i].pg = heap_alloc_pages_bits(order, bits, 0)) != NULL) {
            uint64_t mfn = page_to_mfn(block[i].pg).n;
            block[i].order = order;
            assert_int_equal(mfn & ((1ul << order) - 1), 0);
            if (bits)
                assert_true((mfn + (1ul << order)) << PAGE_SHIFT <= 1ul << bits);
            for (uint64_t k = 0; k < 1ul << order; k++) {
                assert_false(owned[mfn + k]);
                owned[mfn + k] = true;
            }
            n_owned += 1ul << order;
        }
        assert_int_equal(heap_free_count(), N_FRAMES - FIRST_FRAME - n_owned);
    }
    for (unsigned int i = 0; i < N_BLOCKS; i++)
        if (block[i].pg)
            heap_free_pages(block[i].pg, block[i].order);
    assert_whole();
}

static bool is_zero(const struct page_info *pg)
{
    const uint64_t *words = page_to_virt(pg);

    for (unsigned int i = 0; i < PAGE_SIZE / 8; i++)
        if (words[i])
            return false;
    return true;
}

/* Frames are zero when that was asked for, whoever did it and whatever happened to blocks
 * meanwhile. */
static void zeroed_frames_are_zero(void **state)
{
    struct page_info *block[N_BLOCKS] = {NULL};
    unsigned int order[N_BLOCKS], n_clean = 0;
    (void)state;

    srand(815);
    for (unsigned int round = 0; round < ROUNDS; round++) {
        unsigned int i = (unsigned int)rand() % N_BLOCKS;

        for (unsigned int n = (unsigned int)rand() % 4; n > 0; n--)
            heap_scrub_step();
        if (block[i]) {
            block[i]->owner_frame = (unsigned int)rand() % 2;
            heap_free_pages(block[i], order[i]);
            block[i] = NULL;
            continue;
        }
        order[i] = (unsigned int)rand() % 4;
        bool zero = rand() % 2;
        block[i] = heap_alloc_pages(order[i], zero ? HEAP_ZERO : 0);
        for (uint64_t k = 0; block[i] && k < 1ul << order[i]; k++) {
            assert_int_equal(block[i][k].flags & PGF_CLEAN, 0);
            if (zero)
                assert_true(is_zero(block[i] + k));
            memset(page_to_virt(block[i] + k), 0x5a, PAGE_SIZE);
        }
    }
    for (unsigned int i = 0; i < N_BLOCKS; i++)
        if (block[i])
            heap_free_pages(block[i], order[i]);
    while (heap_scrub_step())
        ;
    for (uint64_t mfn = FIRST_FRAME; mfn < N_FRAMES; mfn++) {
        n_clean += (frames[mfn].flags & PGF_CLEAN) != 0;
        assert_true(is_zero(frames + mfn));
    }
    assert_int_equal(n_clean, N_FRAMES - FIRST_FRAME);
    assert_whole();
}

/* A frame that a guest's TLB may still hold is flushed before it is zeroed. */
static void scrubbing_flushes_first(void **state)
{
    struct page_info *pg = heap_alloc_pages(0, 0);
    unsigned int before = n_flushes;
    (void)state;

    pg->owner_frame = 1;
    heap_free_pages(pg, 0);
    while (heap_scrub_step())
        ;
    assert_int_equal(n_flushes, before + 1);
    assert_int_equal(pg->type, 0);
}

static void a_freed_frame_is_flushed_before_its_next_owner(void **state)
{
    (void)state;
    unsigned int before = n_flushes;
    struct page_info *pg = heap_alloc_pages(0, 0);
    heap_free_pages(pg, 0);
    pg = heap_alloc_pages(0, 0);
    assert_int_equal(n_flushes, before); /* no guest could reach it */
    pg->owner_frame = 1;
    heap_free_pages(pg, 0);
    pg = heap_alloc_pages(0, 0);
    assert_int_equal(n_flushes, before + 1);
    struct page_info *other = heap_alloc_pages(0, 0);
    assert_int_equal(n_flushes, before + 1); /* once is enough */
    heap_free_pages(pg, 0);
    heap_free_pages(other, 0);
    assert_whole();
}

static void impossible_requests_get_nothing(void **state)
{
    (void)state;
    assert_null(heap_alloc_pages(HEAP_MAX_ORDER + 1, 0));
    assert_null(heap_alloc_pages(8, 0)); /* 256 frames: there are 240 */
    assert_null(heap_alloc_pages_bits(0, PAGE_SHIFT, 0));
    assert_null(heap_alloc_pages_bits(0, 16, 0)); /* below frame 16 nothing is ours */
    assert_whole();
}

static void small_objects_are_disjoint_zeroed_and_go_back(void **state)
{
    unsigned char *object[256] = {NULL};
    size_t size[256] = {0};
    (void)state;

    srand(815);
    for (unsigned int round = 0; round < ROUNDS; round++) {
        unsigned int i = (unsigned int)rand() % 256;
        if (object[i]) {
            for (size_t k = 0; k < size[i]; k++)
                assert_int_equal(object[i][k], i);
            mm_free(object[i]);
            object[i] = NULL;
            continue;
        }
        size[i] = 1 + (size_t)rand() % (rand() % 8 ? 300 : 5000);
        object[i] = mm_alloc(size[i]);
        if (!object[i])
            continue;
        assert_int_equal((uintptr_t)object[i] % 16, 0);
        for (size_t k = 0; k < size[i]; k++)
            assert_int_equal(object[i][k], 0);
        memset(object[i], (int)i, size[i]);
    }
    for (unsigned int i = 0; i < 256; i++)
        mm_free(object[i]);
    assert_whole();
}

/* Frames 16..99 are node 0's, 100..255 node 1's: an end in the middle of a block. Runs last. */
static void nodes_give_their_own_first(void **state)
{
    struct page_info *pg[N_FRAMES];
    unsigned int n = 0;
    (void)state;

    numa = (struct numa_info){
        .n_nodes = 2,
        .n_ranges = 2,
        .range = {{0, 100ul << PAGE_SHIFT, 0}, {100ul << PAGE_SHIFT, 156ul << PAGE_SHIFT, 1}}};
    numa_init();
    assert_int_equal(numa_node_count(), 2);
    assert_int_equal(heap_node_free(0), 84);
    assert_int_equal(heap_node_free(1), 156);
    /* Node 1 alone, to its last frame; then what is wished for gives way, what is demanded not. */
    while ((pg[n] = heap_alloc_pages_node(0, 0, 1 << 1, HEAP_EXACT_NODE)) != NULL)
        assert_true(page_to_mfn(pg[n++]).n >= 100);
    assert_int_equal(n, 156);
    assert_int_equal(heap_node_free(1), 0);
    pg[n] = heap_alloc_pages_node(0, 0, 1 << 1, 0);
    assert_non_null(pg[n]);
    assert_true(page_to_mfn(pg[n++]).n < 100);
    /* No block comes from two nodes, in whichever order they go back. */
    srand(31);
    while (n) {
        unsigned int i = (unsigned int)rand() % n;

        heap_free_pages(pg[i], 0);
        pg[i] = pg[--n];
    }
    assert_int_equal(heap_node_free(0), 84);
    assert_int_equal(heap_node_free(1), 156);
    while ((pg[n] = heap_alloc_pages(2, 0)) != NULL) {
        uint64_t mfn = page_to_mfn(pg[n++]).n;

        assert_true(mfn + 4 <= 100 || mfn >= 100);
    }
    assert_int_equal(n, 21 + 39);
    while (n)
        heap_free_pages(pg[--n], 2);
    assert_int_equal(heap_free_count(), N_FRAMES - FIRST_FRAME);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_disjoint_and_aligned),
        cmocka_unit_test(a_freed_frame_is_flushed_before_its_next_owner),
        cmocka_unit_test(zeroed_frames_are_zero),
        cmocka_unit_test(scrubbing_flushes_first),
        cmocka_unit_test(impossible_requests_get_nothing),
        cmocka_unit_test(small_objects_are_disjoint_zeroed_and_go_back),
        cmocka_unit_test(nodes_give_their_own_first),
    };
    return cmocka_run_group_tests(tests, give_all, NULL);
}
