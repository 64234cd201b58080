/* SPDX-License-Identifier: MIT */
/* One daemon of a kind at a time: a second would take devices from the first. */
#ifndef BACKENDS_LIB_INSTANCE_H
#define BACKENDS_LIB_INSTANCE_H

/* Where daemons keep their locks, sockets and counters. */
#define INSTANCE_RUN_DIRECTORY "/run/corbel"

/* A former one may be about to end. */
#define INSTANCE_PATIENCE_MS 1000

/*
 * Locks directory/name.lock (both are made) for as long as the process lives; children that run
 * another program do not keep it. Waits INSTANCE_PATIENCE_MS at most. Returns the lock's
 * descriptor, which may be closed to end it early, or -1 after saying on stderr that `name` runs
 * already or what failed.
 */
int instance_lock(const char *directory, const char *name);

#endif
