/* SPDX-License-Identifier: MIT */
/* launcher: one child process for each device directory under a xenstore path. */
#ifndef BACKENDS_LIB_LAUNCHER_H
#define BACKENDS_LIB_LAUNCHER_H

/* A child's exit status for "it is of no use to start me again for this directory". */
#define LAUNCHER_GIVE_UP 3

struct launcher_options {
    const char *name; /* ours, for messages */
    const char *root; /* devices are ROOT/<domid>/<devid> */
    const char
        *program; /* run with the device's directory as its argument; beside us, or in PATH */
};

/*
 * Watches ROOT, starts a child for every device that appears, restarts one that dies (after a
 * second; after up to eight when it fails again and again) while its directory is there, and
 * forgets it with its directory. A child that exits with 0 or LAUNCHER_GIVE_UP is not restarted,
 * unless its directory went and came again while it ran: that is another device.
 * Runs until SIGTERM or SIGINT, which it hands on to the children and waits for them. Returns the
 * exit status.
 */
int launcher_run(const struct launcher_options *options);

#endif
