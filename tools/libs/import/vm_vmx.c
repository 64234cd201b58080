/* SPDX-License-Identifier: MIT */
/* The meaning of a VMX file's settings. */
#include "import/vm.h"
#include "import/vmx.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MEMORY_MIB_MAX (24u << 20) /* what VMware's largest virtual machine has: 24 TiB */
#define VCPUS_MAX      768

/* A whole number in [least, most], or -1. */
static int64_t number(const char *text, int64_t least, int64_t most)
{
    char *end;
    long long n = strtoll(text, &end, 10);

    return end != text && *end == '\0' && n >= least && n <= most ? n : -1;
}

/* "56 4d 6c 9e 24 aa 1c 3d-5d a4 12 ff 90 33 40 c1": sixteen pairs, whatever stands between. */
static bool parse_uuid(const char *text, uuid_t uuid)
{
    unsigned int n = 0;

    while (*text) {
        char pair[3] = {text[0], text[1], '\0'};

        if (*text == ' ' || *text == '-') {
            text++;
            continue;
        }
        if (n == 16 || !isxdigit((unsigned char)pair[0]) || !isxdigit((unsigned char)pair[1]))
            return false;
        uuid[n++] = (unsigned char)strtoul(pair, NULL, 16);
        text += 2;
    }
    return n == 16;
}

static int read_basics(struct vm *vm, const struct vmx *vmx, const char **error)
{
    const char *name = vmx_get(vmx, "displayName"), *memory = vmx_get(vmx, "memSize");
    const char *vcpus = vmx_get(vmx, "numvcpus"), *uuid = vmx_get(vmx, "uuid.bios");
    const char *firmware = vmx_get(vmx, "firmware"), *guest_os = vmx_get(vmx, "guestOS");
    int64_t n;

    if (!vmx_get(vmx, "config.version") && !vmx_get(vmx, "virtualHW.version") && !name) {
        *error = "neither config.version, virtualHW.version nor displayName: not a VMX file";
        return -1;
    }
    vm->name = strdup(name && *name ? name : "imported");
    vm->guest_os = guest_os ? strdup(guest_os) : NULL;
    n = memory ? number(memory, 4, MEMORY_MIB_MAX) : 32; /* VMware's own default */
    if (n < 0) {
        *error = "memSize is not a number of MiB";
        return -1;
    }
    vm->memory_mib = (uint64_t)n;
    n = vcpus ? number(vcpus, 1, VCPUS_MAX) : 1;
    if (n < 0) {
        *error = "numvcpus is not a number of CPUs";
        return -1;
    }
    vm->vcpus = (unsigned int)n;
    vm->is_efi = firmware && strcasecmp(firmware, "efi") == 0;
    vm->has_uuid = uuid && parse_uuid(uuid, vm->uuid);
    return 0;
}

static bool is_disk_type(const char *type)
{
    return !type || strcasecmp(type, "disk") == 0 || strcasecmp(type, "scsi-hardDisk") == 0 ||
           strcasecmp(type, "ata-hardDisk") == 0;
}

static void add_disk(struct vm *vm, const struct vmx *vmx, const char *place)
{
    const char *file = vmx_getf(vmx, "%s.fileName", place), *type, *mode;
    struct vm_disk *disk;

    if (!vmx_is_true(vmx_getf(vmx, "%s.present", place), file != NULL))
        return;
    type = vmx_getf(vmx, "%s.deviceType", place);
    mode = vmx_getf(vmx, "%s.mode", place);
    if (!is_disk_type(type)) {
        vm_lose(vm, "%s: the %s is left out", place,
                strncasecmp(type, "cdrom", 5) == 0 || strncasecmp(type, "atapi", 5) == 0
                    ? "CD-ROM drive"
                    : "device that is not a disk");
        return;
    }
    if (!file || !*file) {
        vm_lose(vm, "%s: a disk without a file is left out", place);
        return;
    }
    if (vm->n_disks == VM_DISKS_MAX) {
        vm_lose(vm, "%s: more than %d disks, this one is left out", place, VM_DISKS_MAX);
        return;
    }
    disk = &vm->disks[vm->n_disks];
    disk->file = strdup(file);
    if (!disk->file)
        return;
    snprintf(disk->place, sizeof(disk->place), "%s", place);
    disk->is_read_only = mode && strcasecmp(mode, "independent-nonpersistent") == 0;
    if (disk->is_read_only)
        vm_lose(vm,
                "%s: independent-nonpersistent: changes that end with power off are not offered, "
                "the disk "
                "is given read-only",
                place);
    vm->n_disks++;
}

/* Controllers in the order in which a PC's firmware and Linux meet them. */
static void read_disks(struct vm *vm, const struct vmx *vmx)
{
    static const struct {
        const char *bus;
        unsigned int n_controllers, n_units;
    } kinds[] = {{"scsi", 4, 256}, {"sata", 4, 30}, {"nvme", 4, 256}, {"ide", 2, 2}};

    for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
        for (unsigned int c = 0; c < kinds[k].n_controllers; c++)
            for (unsigned int u = 0; u < kinds[k].n_units; u++) {
                char place[24];

                snprintf(place, sizeof(place), "%s%u:%u", kinds[k].bus, c, u);
                add_disk(vm, vmx, place);
            }
}

static void add_nic(struct vm *vm, const struct vmx *vmx, unsigned int i)
{
    const char *type = vmx_getf(vmx, "ethernet%u.addressType", i);
    const char *network = vmx_getf(vmx, "ethernet%u.networkName", i), *mac;
    struct vm_nic *nic;

    if (!vmx_is_true(vmx_getf(vmx, "ethernet%u.present", i), false))
        return;
    nic = &vm->nics[vm->n_nics++];
    mac = vmx_getf(vmx,
                   type && strcasecmp(type, "static") == 0 ? "ethernet%u.address"
                                                           : "ethernet%u.generatedAddress",
                   i);
    nic->has_mac = mac && vm_parse_mac(mac, nic->mac);
    if (mac && !nic->has_mac)
        vm_lose(vm, "ethernet%u: `%s` is not a MAC address, another is made", i, mac);
    if (!network)
        network = vmx_getf(vmx, "ethernet%u.connectionType", i);
    if (!network && vmx_getf(vmx, "ethernet%u.dvs.portgroupId", i))
        vm_lose(vm, "ethernet%u: its distributed port group has no name here", i);
    nic->network = network ? strdup(network) : NULL;
    if (!vmx_is_true(vmx_getf(vmx, "ethernet%u.startConnected", i), true))
        vm_lose(vm, "ethernet%u: was not connected at power on, is connected here", i);
}

/* Devices and settings that a paravirtual guest does not have. */
static void read_losses(struct vm *vm, const struct vmx *vmx)
{
    static const struct {
        const char *key, *what;
    } devices[] = {
        {"floppy0.present", "the floppy drive is left out"},
        {"serial0.present", "the serial port is left out; the guest has a Xen console"},
        {"parallel0.present", "the parallel port is left out"},
        {"sound.present", "the sound card is left out"},
        {"usb.present", "the USB controller is left out"},
        {"usb_xhci.present", "the USB 3 controller is left out"},
        {"pciPassthru0.present", "PCI passthrough is left out"},
        {"vtpm.present", "the virtual TPM and what it holds are left out"},
        {"uefi.secureBoot.enabled", "secure boot is left out"},
        {"vcpu.hotadd", "CPUs are added up to maxvcpus only"},
        {"mem.hotadd", "memory is added up to maxmem only"},
        {"vhv.enable", "nested virtualization is left out"},
        {"disk.EnableUUID", "disks have no serial numbers"},
        {"mks.enable3d", "3D graphics are left out"},
    };
    static const char *const shares[] = {"sched.cpu.shares", "sched.mem.shares", "sched.cpu.min",
                                         "sched.cpu.max",    "sched.mem.min",    "sched.mem.max"};

    for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++)
        if (vmx_is_true(vmx_get(vmx, devices[i].key), false))
            vm_lose(vm, "%s: %s", devices[i].key, devices[i].what);
    for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
        const char *value = vmx_get(vmx, shares[i]);

        if (value && strcasecmp(value, "normal") && strcmp(value, "0") && strcmp(value, "-1") &&
            strcasecmp(value, "unlimited"))
            vm_lose(vm, "%s = %s: set cpu_weight, cap or memory by hand", shares[i], value);
    }
    if (vm->is_efi)
        vm_lose(
            vm,
            "firmware = efi: a paravirtual guest has no firmware; its kernel is loaded directly");
    if (vmx_is_true(vmx_get(vmx, "templateVM"), false))
        vm_lose(vm, "it is a template: its disks are written to when it starts");
}

int vm_from_vmx(struct vm *vm, const struct vmx *vmx, const char **error)
{
    *vm = (struct vm){0};
    if (read_basics(vm, vmx, error))
        return -1;
    if (!vm->name) {
        *error = "no memory";
        return -1;
    }
    read_disks(vm, vmx);
    for (unsigned int i = 0; i < VM_NICS_MAX; i++)
        add_nic(vm, vmx, i);
    read_losses(vm, vmx);
    return 0;
}
