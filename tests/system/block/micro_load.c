/* SPDX-License-Identifier: MIT */
/*
 * A micro-guest that writes, reads, flushes and discards a disk at random, with the ring as full as
 * it gets, and knows what every page must hold. Its backend may be killed at any moment.
 */
#include "block/block.h"

#include "runtime/clock.h"
#include "runtime/console.h"
#include "runtime/paging.h"
#include "runtime/start.h"
#include "runtime/xenbus.h"

#define XVDA      51712u
#define UNIT      2048u /* sectors of 1 MiB: what one request keeps to itself, and a discard's size */
#define MAX_UNITS 64u
#define PER_UNIT  (UNIT / BLOCK_SECTORS_PER_PAGE)
#define RUN_NS    20000000000ull
#define REPORT_NS 2000000000ull

static struct block_device disk;
static uint32_t model[MAX_UNITS][PER_UNIT]; /* first word of each page; 0: zeros */
static struct {
    struct block_request request;
    unsigned int unit, page;
    bool busy;
} slots[BLOCK_MAX_REQUESTS];
static bool unit_busy[MAX_UNITS];
static unsigned int units;
static uint32_t serial;
static uint64_t state = 88172645463325252ull, answered, wrong;

static unsigned int pick(unsigned int below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (unsigned int)(state % below);
}

static void fill(uint32_t *page, uint32_t value)
{
    for (unsigned int i = 0; i < 1024; i++)
        page[i] = value == 0 ? 0 : value + i;
}

static bool holds(const uint32_t *page, uint32_t value)
{
    for (unsigned int i = 0; i < 1024; i++) {
        if (page[i] != (value == 0 ? 0 : value + i))
            return false;
    }
    return true;
}

static void put(unsigned int n)
{
    struct block_request *request = &slots[n].request;
    unsigned int unit = pick(units), what = pick(8);

    if (unit_busy[unit])
        return;
    slots[n].unit = unit;
    slots[n].page = pick(PER_UNIT - BLOCK_MAX_PAGES);
    request->page_count = 1 + pick(BLOCK_MAX_PAGES);
    request->sector = (uint64_t)unit * UNIT + slots[n].page * BLOCK_SECTORS_PER_PAGE;
    request->operation = what < 4 ? BLKIF_OP_WRITE : BLKIF_OP_READ;
    if (what == 6)
        request->operation = BLKIF_OP_FLUSH_DISKCACHE;
    if (what == 7 && disk.can_discard) {
        request->operation = BLKIF_OP_DISCARD;
        request->sector = (uint64_t)unit * UNIT;
        request->sectors = UNIT;
        for (unsigned int i = 0; i < PER_UNIT; i++)
            model[unit][i] = 0;
    }
    if (what >= 6)
        request->page_count = 0;
    for (unsigned int i = 0; request->operation == BLKIF_OP_WRITE && i < request->page_count; i++) {
        serial += 4096;
        model[unit][slots[n].page + i] = pick(8) == 0 ? 0 : serial;
        fill(request->pages[i], model[unit][slots[n].page + i]);
    }
    if (block_submit(&disk, request) == 0)
        slots[n].busy = unit_busy[unit] = true;
    else
        guest_panic("a ring with free slots is full");
}

static void take(unsigned int n)
{
    struct block_request *request = &slots[n].request;

    slots[n].busy = unit_busy[slots[n].unit] = false;
    answered++;
    if (request->status != BLKIF_RSP_OKAY)
        guest_panic("operation %u at sector %lu failed: %d", request->operation, request->sector,
                    request->status);
    for (unsigned int i = 0; request->operation == BLKIF_OP_READ && i < request->page_count; i++) {
        if (!holds(request->pages[i], model[slots[n].unit][slots[n].page + i]))
            wrong++;
    }
}

static void take_all(void)
{
    for (unsigned int n = 0; n < BLOCK_MAX_REQUESTS; n++) {
        if (slots[n].busy && slots[n].request.done)
            take(n);
    }
}

static void run(void)
{
    uint64_t end = clock_now() + RUN_NS, report = clock_now() + REPORT_NS;

    while (clock_now() < end) {
        for (unsigned int n = 0; n < BLOCK_MAX_REQUESTS; n++) {
            if (!slots[n].busy)
                put(n);
        }
        block_kick(&disk);
        if (!block_poll(&disk))
            block_sleep(&disk);
        take_all();
        if (clock_now() > report) {
            print("load: %lu answered\n", answered);
            report += REPORT_NS;
        }
    }
    for (unsigned int n = 0; n < BLOCK_MAX_REQUESTS; n++) {
        if (slots[n].busy)
            block_wait(&disk, &slots[n].request);
    }
    take_all();
}

/* All of the disk against what must be there. */
static void compare(void)
{
    uint32_t *page = page_alloc();
    unsigned int same = 0;

    for (unsigned int unit = 0; unit < units; unit++) {
        for (unsigned int i = 0; i < PER_UNIT; i++) {
            uint64_t sector = (uint64_t)unit * UNIT + i * BLOCK_SECTORS_PER_PAGE;

            if (block_transfer(&disk, false, sector, page) == 0 && holds(page, model[unit][i]))
                same++;
        }
    }
    print("load: %u of %u pages hold what was written\n", same, units * PER_UNIT);
}

void guest_main(void)
{
    int rc = block_open(&disk, XVDA);

    if (rc != 0)
        guest_panic("no disk: %d", rc);
    units = (unsigned int)(disk.sectors / UNIT);
    if (units > MAX_UNITS)
        units = MAX_UNITS;
    print("load: %lu sectors, flush %u, discard %u\n", disk.sectors, disk.can_flush,
          disk.can_discard);
    for (unsigned int n = 0; n < BLOCK_MAX_REQUESTS; n++) {
        for (unsigned int i = 0; i < BLOCK_MAX_PAGES; i++)
            slots[n].request.pages[i] = page_alloc();
    }
    run();
    print("load: %lu answered, %lu wrong\n", answered, wrong);
    compare();
    block_close(&disk);
    print("load: done\n");
}
