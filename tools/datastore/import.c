/* SPDX-License-Identifier: MIT */
/* corbel-datastore import: an OVA or OVF package's disks into a folder of a volume, with a VMX. */
#include "datastore_tool.h"

#include "package.h"

#include "block/datastore.h"
#include "block/vmdk/vmdk.h"
#include "import/ovf.h"
#include "util/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One package on its way into one folder. */
struct importing {
    struct store *package;
    struct store *store;
    const char *folder; /* on the volume */
    struct vm vm;
    size_t n_made; /* the first so many disks are on the volume */
};

static int read_ovf(struct importing *importing, const char *file)
{
    char ovf[PACKAGE_NAME_MAX], problem[PACKAGE_ERROR_MAX], *text;
    const char *error = NULL;
    unsigned line = 0;
    size_t length;
    int rc = 0;

    if (package_open(file, &importing->package, ovf, problem) != 0)
        return complain("%s", problem);
    if (package_verify(importing->package, ovf, problem) != 0)
        return complain("%s: %s", file, problem);
    text = package_read(importing->package, ovf, OVF_SIZE_MAX, &length, problem);
    if (text == NULL)
        return complain("%s: %s", file, problem);
    if (vm_from_ovf(&importing->vm, text, length, &error, &line) != 0)
        rc = complain("%s:%u: %s", ovf, line, error);
    free(text);
    return rc;
}

/* Copies one disk, and renames it in the description to what it is called now. */
static int import_disk(struct importing *importing, size_t number)
{
    struct vm_disk *disk = &importing->vm.disks[number];
    char target[600], name[64], error[DISK_ERROR_MAX];
    struct progress progress = {.what = name};
    struct vmdk_create how = {.kind = VMDK_KIND_VMFS_THIN,
                              .size = disk->bytes / 512 * 512,
                              .progress = progress_show,
                              .context = &progress};
    struct disk *from = NULL;
    int rc;

    snprintf(name, sizeof(name), "disk%zu.vmdk", number);
    snprintf(target, sizeof(target), "%s/%s", importing->folder, name);
    if (disk->file == NULL) {
        rc = vmdk_create(importing->store, target, &how, error);
    } else {
        rc = vmdk_open_in(importing->package, disk->file, true, &from, error);
        if (rc == 0 && how.size < from->size)
            how.size = from->size;
        if (rc == 0)
            rc = vmdk_clone(from, importing->store, target, &how, error);
        disk_close(from);
    }
    progress_end(&progress);
    if (rc != 0)
        return complain("%s: %s", disk->place, error);
    importing->n_made++;
    free(disk->file);
    disk->file = strdup(name);
    return disk->file != NULL ? 0 : complain("out of memory");
}

/* A value in a VMX: quotes and control characters as |xx. */
static void put(FILE *out, const char *key, const char *value)
{
    fprintf(out, "%s = \"", key);
    for (; *value != '\0'; value++) {
        unsigned char c = (unsigned char)*value;

        if (c < 0x20 || c == '"' || c == '|')
            fprintf(out, "|%02X", c);
        else
            fputc(c, out);
    }
    fputs("\"\n", out);
}

static void print_vmx(const struct vm *vm, FILE *out)
{
    char key[64], text[64];

    put(out, ".encoding", "UTF-8");
    put(out, "config.version", "8");
    put(out, "displayName", vm->name);
    if (vm->guest_os != NULL)
        put(out, "guestOS", vm->guest_os);
    fprintf(out, "memsize = \"%llu\"\nnumvcpus = \"%u\"\n", (unsigned long long)vm->memory_mib,
            vm->vcpus);
    put(out, "firmware", vm->is_efi ? "efi" : "bios");
    for (size_t i = 0; i < vm->n_disks; i++) {
        size_t unit = i % 15 < 7 ? i % 15 : i % 15 + 1; /* 7 is the adapter itself */

        if (i % 15 == 0)
            fprintf(out, "scsi%zu.present = \"TRUE\"\nscsi%zu.virtualDev = \"pvscsi\"\n", i / 15,
                    i / 15);
        snprintf(key, sizeof(key), "scsi%zu:%zu.present", i / 15, unit);
        put(out, key, "TRUE");
        snprintf(key, sizeof(key), "scsi%zu:%zu.fileName", i / 15, unit);
        put(out, key, vm->disks[i].file);
    }
    for (size_t i = 0; i < vm->n_nics; i++) {
        const uint8_t *mac = vm->nics[i].mac;

        snprintf(key, sizeof(key), "ethernet%zu.present", i);
        put(out, key, "TRUE");
        snprintf(key, sizeof(key), "ethernet%zu.networkName", i);
        if (vm->nics[i].network != NULL)
            put(out, key, vm->nics[i].network);
        if (!vm->nics[i].has_mac)
            continue;
        snprintf(key, sizeof(key), "ethernet%zu.addressType", i);
        put(out, key, "static");
        snprintf(key, sizeof(key), "ethernet%zu.address", i);
        snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
                 mac[3], mac[4], mac[5]);
        put(out, key, text);
    }
}

/* Writes the VMX last: a folder with one is whole. */
static int write_vmx(struct importing *importing, struct vmfs_volume *volume)
{
    const char *base = strrchr(importing->folder, '/');
    char path[600], *text = NULL;
    struct vmfs_file *file;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    int rc = 0;

    if (out == NULL)
        return complain("out of memory");
    print_vmx(&importing->vm, out);
    fclose(out);
    snprintf(path, sizeof(path), "%s/%s.vmx", importing->folder,
             base != NULL ? base + 1 : importing->folder);
    if (vmfs_file_create(volume, path, length, VMFS_THIN, NULL, NULL, &file) != 0) {
        rc = complain("%s", vmfs_error(volume));
    } else {
        if (vmfs_file_write(file, 0, text, length) != 0 || vmfs_flush(volume) != 0)
            rc = complain("%s", vmfs_error(volume));
        vmfs_file_close(file);
        if (rc != 0)
            vmfs_remove(volume, path);
    }
    free(text);
    if (rc == 0)
        printf("%s\n", path);
    return rc;
}

/* After a failure: what was made goes, so that the same import can be tried again. */
static void remove_made(struct importing *importing, struct vmfs_volume *volume)
{
    char path[600], error[DISK_ERROR_MAX];
    bool is_gone = true;

    for (size_t i = 0; i < importing->n_made; i++) {
        snprintf(path, sizeof(path), "%s/disk%zu.vmdk", importing->folder, i);
        if (vmdk_remove(importing->store, path, error) != 0) {
            complain("%s", error);
            is_gone = false;
        }
    }
    if (is_gone && vmfs_remove(volume, importing->folder) != 0)
        is_gone = false;
    if (is_gone)
        complain("the folder \"%s\" and the disks made in it were removed again",
                 importing->folder);
    else
        complain("what was made in the folder \"%s\" could not be removed: see vmfstool rm",
                 importing->folder);
}

static int import_into(struct importing *importing, const char *label)
{
    char error[STORE_ERROR_MAX];
    struct datastore datastore;
    int rc = 0;

    if (datastore_find(label, VMFS_OPEN_WRITE, &datastore, error) != 0)
        return complain("%s", error);
    if (datastore_store(&datastore, &importing->store) != 0) {
        datastore_close(&datastore);
        return complain("out of memory");
    }
    if (vmfs_mkdir(datastore.volume, importing->folder) != 0) {
        rc = complain("%s", vmfs_error(datastore.volume));
        store_close(importing->store);
        return rc;
    }
    for (size_t i = 0; i < importing->vm.n_disks && rc == 0; i++)
        rc = import_disk(importing, i);
    if (rc == 0)
        rc = write_vmx(importing, datastore.volume);
    if (rc != 0)
        remove_made(importing, datastore.volume);
    store_close(importing->store);
    for (size_t i = 0; i < importing->vm.n_losses && rc == 0; i++)
        fprintf(stderr, "not carried over: %s\n", importing->vm.losses[i]);
    return rc;
}

int command_import(int argc, char **argv)
{
    struct importing importing = {0};
    char label[DATASTORE_LABEL_MAX + 1];
    int rc;

    if (argc != 3)
        return complain("import FILE.ova|FILE.ovf \"[label] folder\"");
    if (datastore_split(argv[2], label, &importing.folder) != 0 || importing.folder[0] == '\0')
        return complain("\"%s\" is not of the form \"[label] folder\"", argv[2]);
    rc = read_ovf(&importing, argv[1]);
    if (rc == 0)
        rc = import_into(&importing, label);
    vm_free(&importing.vm);
    store_close(importing.package);
    return rc;
}
