/* SPDX-License-Identifier: MIT */
/*
 * A virtual machine as VMware's files describe it, read from a VMX or an OVF, and what of it an
 * xl.cfg cannot say.
 */
#ifndef IMPORT_VM_H
#define IMPORT_VM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uuid/uuid.h>

#define VM_DISKS_MAX  64
#define VM_NICS_MAX   10
#define VM_LOSSES_MAX 64

#define VM_PATH_MAX   1024
#define VM_VOLUME_MAX 129

struct vmx;

struct vm_disk {
    char *file;        /* as the file says; see vm_locate() */
    char place[24];    /* "scsi0:1" */
    uint64_t bytes;    /* capacity when the description says it, else 0 */
    bool is_read_only; /* changes are thrown away at power off */
};

struct vm_nic {
    uint8_t mac[6];
    bool has_mac;
    char *network; /* port group, or NULL */
};

struct vm {
    char *name;
    uuid_t uuid;
    bool has_uuid;
    unsigned int vcpus;
    uint64_t memory_mib;
    bool is_efi;
    char *guest_os; /* VMware's name for it, or NULL */
    struct vm_disk disks[VM_DISKS_MAX];
    size_t n_disks; /* in the order a PC would number them */
    struct vm_nic nics[VM_NICS_MAX];
    size_t n_nics;
    char *losses[VM_LOSSES_MAX]; /* what cannot be carried over: one sentence each */
    size_t n_losses;
};

/* Reads *vm from a VMX. 0, or -1 with one sentence in `error` (static). vm_free either way. */
int vm_from_vmx(struct vm *vm, const struct vmx *vmx, const char **error);
void vm_free(struct vm *vm);

/*
 * Where a disk's file lies that the VMX at `vmx_path`, on its volume, calls `file`: relative to the
 * VMX, or "/vmfs/volumes/NAME/...". `volume` becomes the NAME (a label or UUID), or "" for the
 * VMX's own, `path` the path there from its root, without "." and "..". NULL, or a sentence why it
 * is no name that a VMX may give: VMX files come with volumes from anywhere.
 */
const char *vm_locate(const char *vmx_path, const char *file, char volume[VM_VOLUME_MAX],
                      char path[VM_PATH_MAX]);

/* For readers of other formats. vm_lose notes a sentence; both drop what is beyond the limits. */
void vm_lose(struct vm *vm, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Six pairs of digits with `:` or `-` between. */
bool vm_parse_mac(const char *text, uint8_t mac[6]);

#endif
