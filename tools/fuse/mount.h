/* SPDX-License-Identifier: MIT */
/* What the files of vmfs-mount share: one volume, one lock around it, and its open files. */
#ifndef TOOLS_FUSE_MOUNT_H
#define TOOLS_FUSE_MOUNT_H

#define FUSE_USE_VERSION 34

#include "block/datastore.h"

#include <fuse3/fuse.h>
#include <pthread.h>

struct open_file;

struct mount {
    struct datastore datastore;
    pthread_mutex_t lock;    /* guards the volume, which knows no threads, and `files` */
    pthread_rwlock_t places; /* held to read data, and by who moves blocks; taken before `lock` */
    struct open_file *files;
    const char *directory; /* where it is mounted */
    bool is_writable;
    bool can_splice; /* file contents go from device to kernel without being copied here */
    bool direct;     /* the kernel keeps no file contents */
    bool is_ending;
    int ready;          /* told when the directory shows the volume; -1: nobody waits for that */
    pthread_cond_t end; /* signalled when is_ending is set */
};

/* The mount that the calling FUSE operation is for. */
struct mount *mount_current(void);

/*
 * Notes why a call failed on standard error, where someone watches, and gives the errno back for
 * FUSE. Called with the lock held.
 */
int mount_failed(struct mount *mount, const char *path, int rc);

/*
 * Taken where files may lose blocks or change what stands for them: waits for the reads under way,
 * which hold no lock of the volume, and lets another thread take requests.
 */
void mount_lock_all(struct mount *mount);
void mount_unlock_all(struct mount *mount);

/* The operations on names (names.c) and on file contents (files.c), put into one table. */
void mount_name_operations(struct fuse_operations *operations);
void mount_file_operations(struct fuse_operations *operations);

/* The length of a file that is open here and may have grown; false when none is. Lock held. */
bool mount_open_length(const struct mount *mount, uint64_t address, uint64_t *length);

/* Whether somebody has the file open through this mount. Lock held. */
bool mount_is_open(const struct mount *mount, uint64_t address);

#endif
