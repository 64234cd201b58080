/* SPDX-License-Identifier: MIT */
/*
 * XenStore from a domU, over the ring page of start_info (<xen/io/xs_wire.h>). One request at a
 * time, each answered before the call returns; watch events that come meanwhile are kept, one.
 * Paths without a leading slash are relative to /local/domain/<own id>.
 */
#ifndef RUNTIME_XENBUS_H
#define RUNTIME_XENBUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>

/* This domain's number, as grants and events between domains name it: 0, or what the store says. */
domid_t xenbus_own_domain(void);

/* True when the builder gave this guest a store ring; dom0 has none at start. */
bool xenbus_is_here(void);

/*
 * Each answers 0 or a negative errno as XenStore names it (-XEN_EIO for one it does not know).
 * xenbus_read and xenbus_list put a terminated text into buffer, cut at size; names in a list are
 * separated by blanks.
 */
int xenbus_read(const char *path, char *buffer, size_t size);
int xenbus_list(const char *path, char *buffer, size_t size);
int xenbus_write(const char *path, const char *value);
int xenbus_remove(const char *path);
int xenbus_watch(const char *path, const char *token);

/* Waits for the next watch event and copies its path. */
void xenbus_wait(char *path, size_t size);

/* Waits until a node reads one of the states whose bit (1 << state) is set; answers it. */
unsigned int xenbus_wait_state(const char *path, unsigned int wanted);

#endif
