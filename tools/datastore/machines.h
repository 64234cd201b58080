/* SPDX-License-Identifier: MIT */
/* The virtual machines on a volume: every VMX file, what it says, and whether it can be started. */
#ifndef DATASTORE_MACHINES_H
#define DATASTORE_MACHINES_H

#include "hosts.h"

#include "block/disk.h"
#include "block/volumes.h"
#include "import/vm.h"

#define VMX_DEPTH_MAX 4 /* folders below the root that are looked into */

struct machine {
    char path[512]; /* of the VMX file, from the volume's root */
    struct vm vm;
    unsigned n_snapshots;
    char problem[512]; /* why it cannot be started; empty when it can */
};

/* Where a volume lies open, and what is known around it. */
struct machine_place {
    const struct found_volumes *volumes; /* disks may lie on any of these */
    const struct found_volume *own;      /* the one that is open */
    const struct datastore *datastore;
    const struct found_hosts *hosts;
};

/*
 * Calls visit for each VMX file of the volume; *machine is freed after. A non-zero return ends the
 * walk and is returned. A VMX that cannot be read comes with nothing but path and problem.
 */
int machines_visit(const struct machine_place *place,
                   int (*visit)(void *context, const struct machine *machine), void *context);

/* Reads one VMX file of the volume; the problem is told when it cannot be read. Free vm after. */
void machine_read(const struct machine_place *place, const char *path, struct machine *machine);

/*
 * The volume a disk's file is on and its path there, by what the VMX says (vm_locate()). NULL, with
 * a sentence why: the name is none that a VMX may give, or no volume here has that label or UUID,
 * or more than one. What is checked and what is given to xl is this file alone.
 */
const struct found_volume *machine_disk(const struct machine_place *place, const char *vmx_path,
                                        const char *file, char path[VM_PATH_MAX],
                                        const char **problem);

/*
 * The same as an xl.cfg names it, "[LABEL] path", or by UUID where the label would not lead to that
 * very volume; the caller frees it. NULL: as above, or without memory.
 */
char *machine_disk_target(const struct machine_place *place, const char *vmx_path, const char *file,
                          const char **problem);

/* Opens a disk for reading, on a view of its volume of its own, without locks. */
int machine_open_disk(const struct found_volume *volume, const char *path, struct disk **out,
                      char error[DISK_ERROR_MAX]);

#endif
