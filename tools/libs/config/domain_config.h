/* SPDX-License-Identifier: MIT */
/*
 * What a guest shall be: the meaning of an xl.cfg file (man 5 xl.cfg), checked.
 *
 * Keys that Corbel does not know are named in a warning; a key it knows with a value that cannot be
 * is an error.
 */
#ifndef CONFIG_DOMAIN_CONFIG_H
#define CONFIG_DOMAIN_CONFIG_H

#include "config/cfg.h"
#include "util/cpulist.h"

#include <uuid/uuid.h>

#define DOMAIN_NAME_MAX  64  /* bytes, NUL included */
#define DOMAIN_VCPUS_MAX 128 /* Xen's limit for PV guests is higher; ours is DESIGN.md's */
#define DOMAIN_DISKS_MAX 32
#define DOMAIN_VIFS_MAX  32
/* The kernel's command line, NUL included (MAX_GUEST_CMDLINE of public/xen.h). */
#define DOMAIN_CMDLINE_MAX 1024

/* What happens to a guest that stopped. */
enum domain_action {
    ACTION_DESTROY,
    ACTION_RESTART,
    ACTION_PRESERVE,
};

struct disk_config {
    char *target; /* "/dev/vdb", or "[LABEL] dir/file.vmdk" on a VMFS volume */
    char *format; /* "raw" or "vmdk" */
    char *vdev;   /* the guest's name for it: "xvda" */
    bool is_writable;
    bool pause_on_error;    /* its I/O waits while the disk fails or the volume is full */
    bool keeps_blocks;      /* what the guest trims is not given back */
    unsigned int device_id; /* the number behind vdev */
};

struct vif_config {
    uint8_t mac[6];
    char *bridge; /* name of the vSwitch */
    char *ip;     /* or NULL */
    unsigned int device_id;
};

struct domain_config {
    char *source; /* the file it came from */
    char name[DOMAIN_NAME_MAX];
    uuid_t uuid;
    unsigned int vcpus; /* online at the start */
    unsigned int max_vcpus;
    uint64_t memory_kib; /* at the start */
    uint64_t max_memory_kib;
    char *kernel;
    char *ramdisk; /* or NULL */
    char *cmdline; /* never NULL */
    enum domain_action on_poweroff;
    enum domain_action on_reboot;
    enum domain_action on_crash;
    enum domain_action on_watchdog;
    unsigned int cpu_weight; /* 1..65535, 0: the scheduler's default */
    unsigned int cap;        /* per cent of one CPU, 0: none */
    struct cpulist hard[DOMAIN_VCPUS_MAX], soft[DOMAIN_VCPUS_MAX]; /* cpus=, cpus_soft= */
    size_t n_hard, n_soft;           /* vCPUs they are given for: the first ones */
    char *pool;                      /* a CPU pool's name, or NULL */
    unsigned int max_event_channels; /* highest port number */
    int max_grant_frames;            /* -1: the hypervisor's default */
    int max_maptrack_frames;
    struct disk_config disks[DOMAIN_DISKS_MAX];
    size_t n_disks;
    struct vif_config vifs[DOMAIN_VIFS_MAX];
    size_t n_vifs;
};

/* Takes one line of complaint: file and line, and whether the domain cannot be made because of it.
 */
typedef void domain_config_report(void *context, bool is_error, const char *file, unsigned int line,
                                  const char *text);

/* What is wrong with a domain's name, or NULL. */
const char *domain_name_fault(const char *name);

/*
 * Reads the settings into *config. All complaints go to report. Returns 0, or -1 when one of them
 * was an error. Either way *config is freed by domain_config_free. source names the file for
 * messages of later stages.
 */
int domain_config_read(struct domain_config *config, struct cfg *cfg, const char *source,
                       domain_config_report *report, void *context);
void domain_config_free(struct domain_config *config);

const char *domain_action_name(enum domain_action action);

/*
 * A disk of the xl-disk-configuration(5) forms: "TARGET,FORMAT,VDEV,ACCESS" or "key=value,...".
 * Returns NULL, or what is wrong (a static text).
 */
const char *disk_config_parse(struct disk_config *disk, const char *spec);

/* Frees what disk_config_parse put there, also after it failed. */
void disk_config_free(struct disk_config *disk);

/*
 * The number xenstore knows a virtual disk by: (202 << 8 | disk << 4) for xvda to xvdp, the
 * extended form above. Returns -1 for a name that is none. Source: xen-vbd-interface(7).
 */
int disk_device_id(const char *vdev);

/* A vif of xl-network-configuration(5): "mac=..,bridge=..". Returns NULL or what is wrong. */
const char *vif_config_parse(struct vif_config *vif, const char *spec, bool *has_mac);

/* Frees what vif_config_parse put there, also after it failed. */
void vif_config_free(struct vif_config *vif);

/* A MAC of Xen's range 00:16:3e that is the same for the same UUID and index for ever. */
void vif_config_make_mac(uint8_t mac[6], const uuid_t uuid, unsigned int index);

#endif
