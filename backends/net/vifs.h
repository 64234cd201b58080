/* SPDX-License-Identifier: MIT */
/* All vifs of the machine: found in xenstore, connected, plugged into their vSwitches, served. */
#ifndef NET_VIFS_H
#define NET_VIFS_H

#include "lib/cpu_account.h"
#include "net/datapath.h"

#include <xenevtchn.h>
#include <xengnttab.h>
#include <xenstore.h>

struct vifs;

/* The vSwitch called `name`, or NULL; `arg` as given to vifs_new(). */
typedef struct vswitch *(*vifs_find_switch)(const char *name, void *arg);

/*
 * Watch the backend directory of vifs; what is there already is reported as the first change. The
 * handles and the meter, by whose laps CPU time is charged to vifs, stay the caller's. NULL with
 * errno.
 */
struct vifs *vifs_new(struct xs_handle *xs, xengnttab_handle *gnttab, xenevtchn_handle *evtchn,
                      struct cpu_meter *meter, vifs_find_switch find, void *arg);

/*
 * Take waiting changes of the store, at most so many that guests who cause them do not hold up the
 * others; to be called whenever xs_fileno() is readable, which it stays while some are left.
 */
void vifs_handle_changes(struct vifs *vifs);

/* Take one event; to be called when xenevtchn_fd() is readable. */
void vifs_handle_event(struct vifs *vifs);

/* Whether a vif waits to be served. */
bool vifs_have_work(const struct vifs *vifs);

/* Serve each waiting vif one batch; disconnect those whose rings turn out broken. */
void vifs_serve(struct vifs *vifs, struct datapath *dp, uint64_t now_ms);

/* Brings the accounts of all vifs up to date for those who read them. */
void vifs_show_accounts(struct vifs *vifs);

/* Disconnect the vifs that were found broken while others were served. */
void vifs_close_broken(struct vifs *vifs);

/* Unmap all rings and free all memory; the store is left as it is, for the next process. */
void vifs_free(struct vifs *vifs);

#endif
