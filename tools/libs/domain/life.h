/* SPDX-License-Identifier: MIT */
/* The life of a guest: made, watched, ended. */
#ifndef DOMAIN_LIFE_H
#define DOMAIN_LIFE_H

#include "config/domain_config.h"
#include "domain/toolstack.h"

/* What a domain's limit is above its memory, as Xen's own toolstack has it: room to balloon a
 * little. */
#define DOMAIN_SLACK_KIB 1024

/*
 * Makes the guest: domain, memory, xenstore nodes, devices; it is left paused. Only one process
 * makes guests at a time. Returns 0 with *domid set, or -1 after saying why, with nothing left
 * behind.
 */
int domain_create(struct toolstack *ts, const struct domain_config *config, domid_t *domid);

/*
 * Gives a domain another name, which it keeps over its reboots. Returns 0, or -1 after saying that
 * it is no name, that another has it, or what failed.
 */
int domain_rename(struct toolstack *ts, domid_t domid, const char *name);

/*
 * Ends a domain whatever it does: devices closed, memory freed, nodes removed. Returns 0, or -1
 * after saying what could not be done.
 */
int domain_destroy(struct toolstack *ts, domid_t domid);

/*
 * Stays with a running guest and does what its config says when it stops (destroys it, makes it
 * anew, or leaves it). Returns when there is nothing left to do for it.
 */
void domain_watch_over(struct toolstack *ts, const struct domain_config *config, domid_t domid);

/* Waits until the domain is gone or has stopped; timeout in seconds, 0 for ever. 0, or -1 when time
 * is up. */
int domain_wait_stopped(struct toolstack *ts, domid_t domid, unsigned int timeout_s);

#endif
