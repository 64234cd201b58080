/* SPDX-License-Identifier: MIT */
/* A guest's virtual devices in xenstore, where toolstack, backend and guest meet. */
#ifndef DOMAIN_DEVICES_H
#define DOMAIN_DEVICES_H

#include "config/domain_config.h"
#include "domain/toolstack.h"

/* Writes frontend and backend directories of all disks and vifs within a transaction. False with
 * errno set. */
bool devices_write(struct xs_handle *xs, xs_transaction_t t, domid_t domid,
                   const struct domain_config *config);

/*
 * Gives a running guest one more device and waits until its backend has taken it up. Returns 0, or
 * -1 after saying why not; the device's directories are gone again then.
 */
int devices_add_disk(struct toolstack *ts, domid_t domid, const struct disk_config *disk);
int devices_add_vif(struct toolstack *ts, domid_t domid, const struct vif_config *vif);

/*
 * Waits until each backend of the guest has taken its device up (state InitWait or further).
 * Returns 0, or -1 after saying which did not, and why if the backend left a word about it.
 */
int devices_wait_ready(struct toolstack *ts, domid_t domid);

/*
 * Asks each backend to close, waits for it (not for ever), and removes the backends' directories.
 * Returns 0, or -1 after a warning that names those which did not close in time; their directories
 * are gone all the same.
 */
int devices_remove(struct toolstack *ts, domid_t domid);

struct device;

/*
 * Takes one device from a running guest, which must let go of it. Returns 0, or -1 after saying
 * that it does not; with `force` the device goes all the same.
 */
int devices_remove_one(struct toolstack *ts, domid_t domid, const struct device *device,
                       bool force);

/* One device, as its backend's directory tells. */
struct device {
    char kind[8]; /* "vbd", "vif" */
    unsigned int id;
    unsigned int backend_domid;
    char backend[128]; /* path */
    char frontend[128];
};

/* All devices of a kind that dom0 serves to a guest, in *list (free() it). Returns how many, or -1.
 */
int devices_list(struct toolstack *ts, domid_t domid, const char *kind, struct device **list);

#endif
