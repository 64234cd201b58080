/* SPDX-License-Identifier: MIT */
/* The threads that serve FUSE requests. */
#ifndef TOOLS_FUSE_LOOP_H
#define TOOLS_FUSE_LOOP_H

#define FUSE_USE_VERSION 34

#include <fuse3/fuse_lowlevel.h>

/*
 * Serves the session's requests until it is unmounted or a signal ends it; signal handlers are the
 * caller's (fuse_set_signal_handlers()). 0 or a negative errno.
 */
int loop_run(struct fuse_session *session);

/*
 * Called while serving a request, before what may take long: another thread waits for requests from
 * here on.
 */
void loop_hand_on(void);

#endif
