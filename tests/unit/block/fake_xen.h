/* SPDX-License-Identifier: MIT */
/* A backend process and its guest without a hypervisor: granted pages are shared memory. */
#ifndef TESTS_UNIT_BLOCK_FAKE_XEN_H
#define TESTS_UNIT_BLOCK_FAKE_XEN_H

/* The ring macros of Xen's header want barriers by these names. */
#define mb()  __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define rmb() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define wmb() __atomic_thread_fence(__ATOMIC_RELEASE)

#include "block/vbd_private.h"

#include <sys/types.h>

#define FAKE_PAGES 512u /* grant references 0 .. FAKE_PAGES - 1 are good */
#define FAKE_PAGE  4096u

/* Exit status of a backend that found a ring whose counters make no sense. */
#define FAKE_REFUSED 4

/*
 * What guest and backend share. The test is linked with this instead of libxengnttab, libxenevtchn
 * and xenbus.c; the backend runs in a child process, which may be killed, as it is in dom0.
 */
struct fake_guest {
    uint8_t ring[FAKE_PAGE];
    uint8_t pages[FAKE_PAGES][FAKE_PAGE];
};

struct fake_backend {
    struct fake_guest *guest;
    struct blkif_front_ring front;
    int to_backend, to_guest; /* eventfds */
    pid_t pid;
    enum vbd_on_error on_error;
};

/* Makes shared memory and an empty ring. */
void fake_new(struct fake_backend *backend);
void fake_free(struct fake_backend *backend);

/* Starts a process that serves the ring with the disk `target` (as in an xl disk line, vmdk). */
void fake_start(struct fake_backend *backend, const char *target);
/* Ends it with SIGKILL, or kindly; its wait status. */
int fake_kill(struct fake_backend *backend);
int fake_stop(struct fake_backend *backend);

/* Makes queued requests visible and sends the event; waits up to `ms` for one in return. */
void fake_kick(struct fake_backend *backend);
bool fake_wait(struct fake_backend *backend, int ms);

#endif
