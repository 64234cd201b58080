/* SPDX-License-Identifier: MIT */
/*
 * A micro-guest that connects its disk again and again and breaks the protocol each time: noise in
 * the ring, requests that half make sense, counters that run away, grants and ports that are not
 * there, states out of order. At the end it behaves, and its disk must work.
 */
#include "block/block.h"

#include "runtime/clock.h"
#include "runtime/console.h"
#include "runtime/event.h"
#include "runtime/format.h"
#include "runtime/grant.h"
#include "runtime/paging.h"
#include "runtime/start.h"
#include "runtime/xenbus.h"

#include <stdarg.h>
#include <xen/io/xenbus.h>

#define XVDA      51712u
#define DIRECTORY "device/vbd/51712"
#define RUN_NS    15000000000ull
#define WAIT_NS   3000000000ull
#define BAD_REF   0x0fffffffu

static uint64_t state = 1181783497276652981ull;
static char backend_state[96];
static struct blkif_sring *ring;
static void *pages[8];
static grant_ref_t ring_ref, refs[8];
static uint32_t port;

static uint32_t pick(uint32_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)((state >> 11) % below);
}

static void put(const char *key, const char *format, ...)
{
    char path[64], value[32];
    va_list arguments;
    size_t length = sizeof(DIRECTORY) - 1;

    memcpy(path, DIRECTORY "/", length + 1);
    memcpy(path + length + 1, key, strlen(key) + 1);
    va_start(arguments, format);
    format_text(value, sizeof(value), format, arguments);
    va_end(arguments);
    xenbus_write(path, value);
}

/* Waits some time at most: a backend that has cut us off need not answer. */
static bool wait_state(unsigned int wanted)
{
    uint64_t end = clock_now() + WAIT_NS;
    char text[8];

    while (clock_now() < end) {
        if (xenbus_read(backend_state, text, sizeof(text)) == 0 && wanted >> (text[0] - '0') & 1)
            return true;
    }
    return false;
}

/* Bytes of any kind; every other slot begins as a request that exists. */
static void scribble(void)
{
    uint64_t *words = (uint64_t *)ring;

    for (unsigned int i = 8; i < 512; i++)
        words[i] = (uint64_t)pick(UINT32_MAX) << 32 | pick(UINT32_MAX);
    for (unsigned int i = 0; i < BLOCK_MAX_REQUESTS; i += 2) {
        struct blkif_request *request = &ring->ring[i].req;

        request->operation = (uint8_t)pick(8);
        request->nr_segments = (uint8_t)pick(14);
        request->sector_number = pick(4) == 0 ? UINT64_MAX - pick(64) : pick(200000);
        for (unsigned int k = 0; k < BLKIF_MAX_SEGMENTS_PER_REQUEST; k++) {
            request->seg[k].gref = pick(3) == 0 ? pick(600) : refs[pick(8)];
            request->seg[k].first_sect = (uint8_t)pick(9);
            request->seg[k].last_sect = (uint8_t)pick(9);
        }
    }
}

/*
 * The next count of requests: mostly one that a ring can have; in manner 5 far beyond it, in manner
 * 6 also back over requests that are under way.
 */
static uint32_t next_count(unsigned int manner, unsigned int round, uint32_t count)
{
    uint32_t answered = ring->rsp_prod, next = answered + pick(BLOCK_MAX_REQUESTS + 1);

    if (manner == 5 && round == 30)
        return answered + 1000;
    return (int32_t)(next - count) > 0 || (manner == 6 && round >= 20) ? next : count;
}

/* One connection, wrong in one way or another; true when the backend took it. */
static bool misbehave(void)
{
    unsigned int manner = pick(8);
    bool connected;

    memset(ring, 0, 4096);
    ring->req_event = ring->rsp_event = 1;
    put("state", "%u", XenbusStateInitialising);
    if (!wait_state(1u << XenbusStateInitWait))
        guest_panic("the backend does not come back");
    scribble();
    ring->req_prod = manner == 0 ? pick(UINT32_MAX) : pick(BLOCK_MAX_REQUESTS + 1);
    put("ring-ref", "%u", manner == 1 ? BAD_REF : ring_ref);
    put("event-channel", "%u", manner == 2 ? 4000 : port);
    if (manner == 3)
        put("protocol", "x86_32-abi");
    else
        put("protocol", "x86_64-abi");
    put("feature-persistent", "%u", pick(2));
    put("state", "%u", manner == 4 ? XenbusStateConnected : XenbusStateInitialised);
    connected = wait_state(1u << XenbusStateConnected | 1u << XenbusStateClosed) && manner > 3;
    for (unsigned int i = 0; connected && i < 40; i++) {
        if (i % 10 == 0)
            scribble();
        ring->req_prod = next_count(manner, i, ring->req_prod);
        for (unsigned int k = 0; k < 50; k++)
            ((uint8_t *)ring)[64 + pick(4032)] = (uint8_t)pick(256);
        event_send(port);
    }
    put("state", "%u", XenbusStateClosing);
    wait_state(1u << XenbusStateClosing | 1u << XenbusStateClosed);
    put("state", "%u", XenbusStateClosed);
    wait_state(1u << XenbusStateClosed);
    return connected;
}

static void behave(void)
{
    static struct block_device disk;
    uint32_t *page = page_alloc(), *again = page_alloc();
    bool same = true;

    if (block_open(&disk, XVDA) != 0)
        guest_panic("the disk cannot be connected decently any more");
    for (unsigned int n = 0; n < 64; n++) {
        memset(page, (int)n + 1, 4096);
        memset(again, 0, 4096);
        same = same && block_transfer(&disk, true, n * 2048, page) == 0 &&
               block_transfer(&disk, false, n * 2048, again) == 0 && memcmp(page, again, 4096) == 0;
    }
    block_close(&disk);
    print("hostile: the disk %s\n", same ? "works afterwards" : "IS BROKEN afterwards");
}

void guest_main(void)
{
    uint64_t end = clock_now() + RUN_NS;
    unsigned int rounds = 0, served = 0;

    if (xenbus_read(DIRECTORY "/backend", backend_state, sizeof(backend_state) - 8) != 0)
        guest_panic("no disk");
    memcpy(backend_state + strlen(backend_state), "/state", 7);
    ring = page_alloc();
    ring_ref = grant_access(0, page_mfn(ring), false);
    for (unsigned int i = 0; i < 8; i++) {
        pages[i] = page_alloc();
        refs[i] = grant_access(0, page_mfn(pages[i]), i % 4 == 3);
    }
    port = (uint32_t)event_alloc_unbound(DOMID_SELF, 0);
    for (; clock_now() < end; rounds++)
        served += misbehave();
    print("hostile: %u connections, %u of them served nonsense\n", rounds, served);
    behave();
    print("hostile: done\n");
}
