/* SPDX-License-Identifier: MIT */
/* The hostile guest's thread; apart from the tests because libc's names and the hypervisor's
 * collide. */
#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "hostile.h"

static pthread_t thread;
static bool stop;
static uint16_t *entry_flags;
static uint32_t *entry_frame, honest_frame;

static void *rewrite(void *unused)
{
    uint32_t n = 1;

    (void)unused;
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
        n = n * 1664525 + 1013904223;
        __atomic_store_n(entry_flags, (uint16_t)(n >> 16 & 0x1ff), __ATOMIC_RELAXED);
        __atomic_store_n(entry_frame, n >> 8 & 1 ? honest_frame : n, __ATOMIC_RELAXED);
    }
    return NULL;
}

void hostile_start(uint16_t *flags, uint32_t *frame, uint32_t honest)
{
    entry_flags = flags;
    entry_frame = frame;
    honest_frame = honest;
    __atomic_store_n(&stop, false, __ATOMIC_RELAXED);
    assert(pthread_create(&thread, NULL, rewrite, NULL) == 0);
}

void hostile_stop(void)
{
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
}
