/* SPDX-License-Identifier: MIT */
/* VMX files found and understood; each disk is opened to see whether it would serve. */
#include "machines.h"

#include "boot.h"

#include "block/disk.h"
#include "block/vmdk/vmdk.h"
#include "block/vmfs/ondisk.h"
#include "import/vmx.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A whole file of at most `most` bytes, NUL after it; NULL with the reason in `problem`. */
static char *read_file(struct vmfs_volume *volume, const char *path, size_t most, size_t *length,
                       char problem[512])
{
    struct vmfs_file *file;
    char *text = NULL;
    int rc = vmfs_file_open(volume, path, VMFS_SHARE_NONE, &file);

    if (rc == 0) {
        uint64_t size = vmfs_file_length(file);

        if (size > most) {
            snprintf(problem, 512, "%s: larger than such a file can be", path);
        } else if ((text = malloc(size + 1))) {
            rc = size ? vmfs_file_read(file, 0, text, size) : 0;
            *length = size;
            text[size] = '\0';
        }
        vmfs_file_close(file);
    }
    if (rc != 0) {
        snprintf(problem, 512, "%s", vmfs_error(volume));
        free(text);
        text = NULL;
    }
    return text;
}

/* The number in the VMSD file beside the VMX, which lists snapshots in the same syntax. */
static unsigned count_snapshots(struct vmfs_volume *volume, const char *vmx_path)
{
    char path[512], ignored[512];
    struct vmx_error error;
    unsigned n = 0;
    struct vmx vmsd = {0};
    size_t length;
    char *text;

    snprintf(path, sizeof(path), "%.*s.vmsd", (int)(strlen(vmx_path) - 4), vmx_path);
    text = read_file(volume, path, VMX_SIZE_MAX, &length, ignored);
    if (text && vmx_parse(&vmsd, text, length, &error) == 0) {
        const char *value = vmx_get(&vmsd, "snapshot.numSnapshots");

        n = value ? (unsigned)strtoul(value, NULL, 10) : 0;
    }
    vmx_free(&vmsd);
    free(text);
    return n;
}

/* The one volume with this label or UUID; NULL when there is none, or more. */
static const struct found_volume *volume_named(const struct found_volumes *volumes,
                                               const char *name)
{
    const struct found_volume *found = NULL;

    for (unsigned i = 0; i < volumes->n; i++) {
        const struct found_volume *v = &volumes->volume[i];

        if (strcmp(v->label, name) != 0 && strcmp(v->uuid, name) != 0)
            continue;
        if (found)
            return NULL;
        found = v;
    }
    return found;
}

const struct found_volume *machine_disk(const struct machine_place *place, const char *vmx_path,
                                        const char *file, char path[VM_PATH_MAX],
                                        const char **problem)
{
    const struct found_volume *found = place->own;
    char volume[VM_VOLUME_MAX];

    *problem = vm_locate(vmx_path, file, volume, path);
    if (*problem)
        return NULL;
    if (volume[0])
        found = volume_named(place->volumes, volume);
    if (!found)
        *problem = "that volume is not on this machine, or two have this name";
    return found;
}

char *machine_disk_target(const struct machine_place *place, const char *vmx_path, const char *file,
                          const char **problem)
{
    char path[VM_PATH_MAX], *target = NULL;
    const struct found_volume *volume = machine_disk(place, vmx_path, file, path, problem);
    const char *name = volume ? volume->label : NULL;

    if (!volume)
        return NULL;
    if (!name[0] || strpbrk(name, "]',\"\\") || volume_named(place->volumes, name) != volume)
        name = volume->uuid;
    if (volume_named(place->volumes, name) != volume)
        *problem = "two volumes have this name";
    else if (asprintf(&target, "[%s] %s", name, path) < 0)
        *problem = "out of memory";
    return *problem ? NULL : target;
}

int machine_open_disk(const struct found_volume *volume, const char *path, struct disk **out,
                      char error[DISK_ERROR_MAX])
{
    struct datastore datastore;
    struct store *store;
    int rc = volume_open(volume, VMFS_OPEN_REMEMBER, &datastore, error);

    if (rc != 0)
        return rc;
    if (datastore_store(&datastore, &store) != 0) {
        datastore_close(&datastore);
        snprintf(error, DISK_ERROR_MAX, "out of memory");
        return -ENOMEM;
    }
    rc = vmdk_open(store, path, true, out, error);
    if (rc != 0)
        store_close(store);
    return rc;
}

/* Opens one disk; the first must also have a kernel to boot. */
static int try_disk(const struct found_volume *volume, const char *path, bool is_first,
                    char error[DISK_ERROR_MAX])
{
    struct disk *disk;
    struct boot boot;
    int rc = machine_open_disk(volume, path, &disk, error);

    if (rc != 0)
        return rc;
    if (is_first) {
        rc = boot_read(disk, false, &boot, error);
        boot_free(&boot);
    }
    disk_close(disk);
    return rc;
}

static void check_disks(const struct machine_place *place, struct machine *machine)
{
    char path[VM_PATH_MAX], error[512];
    const char *problem;

    if (machine->vm.n_disks == 0)
        snprintf(machine->problem, sizeof(machine->problem), "it has no disk");
    for (size_t i = 0; i < machine->vm.n_disks && !machine->problem[0]; i++) {
        const struct vm_disk *d = &machine->vm.disks[i];
        const struct found_volume *volume =
            machine_disk(place, machine->path, d->file, path, &problem);

        if (!volume)
            snprintf(machine->problem, sizeof(machine->problem), "%s: %.200s: %s", d->place,
                     d->file, problem);
        else if (try_disk(volume, path, i == 0, error) != 0)
            snprintf(machine->problem, sizeof(machine->problem), "%s: %.400s", d->place, error);
    }
}

/* ---- files that another host has locked ---- */

static bool ends_in(const char *name, const char *ending)
{
    size_t length = strlen(name), most = strlen(ending);

    return length > most && strcasecmp(name + length - most, ending) == 0;
}

struct lock_walk {
    const struct machine_place *place;
    const char *folder;
    struct machine *machine;
};

/* Looks who holds a virtual disk's files or the VMX file of a machine's folder. */
static int look_at_lock(void *context, const char *name, const struct vmfs_stat *stat)
{
    const struct lock_walk *walk = context;
    const struct found_host *host;
    struct vmfs_file *file;
    char path[640];

    if (stat->type != VMFS_TYPE_FILE || (!ends_in(name, ".vmdk") && !ends_in(name, ".vmx")))
        return 0;
    snprintf(path, sizeof(path), "%s/%s", walk->folder, name);
    if (vmfs_file_open(walk->place->datastore->volume, path, VMFS_SHARE_NONE, &file) != 0)
        return 0;
    host = hosts_holder(walk->place->hosts, vmfs_file_holder(file));
    vmfs_file_close(file);
    if (host == NULL)
        return 0;
    snprintf(walk->machine->problem, sizeof(walk->machine->problem),
             "in use: %.127s is locked by host %s (%s)", name,
             host->slot.name[0] != '\0' ? host->slot.name : host->slot.host,
             host_state_word(host->state));
    return 1;
}

static void check_locks(const struct machine_place *place, struct machine *machine)
{
    const char *slash = strrchr(machine->path, '/');
    char folder[512];
    struct lock_walk walk = {place, folder, machine};

    snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - machine->path) : 0,
             machine->path);
    vmfs_list(place->datastore->volume, folder, look_at_lock, &walk);
}

/* ---- VMX files ---- */

void machine_read(const struct machine_place *place, const char *path, struct machine *machine)
{
    struct vmfs_volume *volume = place->datastore->volume;
    struct vmx_error vmx_error;
    const char *error = NULL;
    struct vmx vmx = {0};
    size_t length;
    char *text;

    *machine = (struct machine){0};
    snprintf(machine->path, sizeof(machine->path), "%s", path);
    text = read_file(volume, path, VMX_SIZE_MAX, &length, machine->problem);
    if (!text)
        return;
    if (vmx_parse(&vmx, text, length, &vmx_error) != 0)
        snprintf(machine->problem, sizeof(machine->problem), "line %u: %s", vmx_error.line,
                 vmx_error.text);
    else if (vm_from_vmx(&machine->vm, &vmx, &error) != 0)
        snprintf(machine->problem, sizeof(machine->problem), "%s", error);
    vmx_free(&vmx);
    free(text);
    if (machine->problem[0])
        return;
    machine->n_snapshots = count_snapshots(volume, path);
    check_locks(place, machine);
    if (!machine->problem[0])
        check_disks(place, machine);
}

struct walk {
    const struct machine_place *place;
    const char *folder;
    unsigned depth;
    int (*visit)(void *context, const struct machine *machine);
    void *context;
};

static int look_at(void *context, const char *name, const struct vmfs_stat *stat)
{
    const struct walk *walk = context;
    char path[512];
    int rc = 0;

    if ((size_t)snprintf(path, sizeof(path), "%s%s%s", walk->folder, *walk->folder ? "/" : "",
                         name) >= sizeof(path))
        return 0;
    if (stat->type == VMFS_TYPE_DIRECTORY && walk->depth < VMX_DEPTH_MAX) {
        struct walk below = *walk;

        below.folder = path;
        below.depth++;
        rc = vmfs_list(walk->place->datastore->volume, path, look_at, &below);
        return rc > 0 ? rc : 0; /* a folder that cannot be read hides only itself */
    }
    if (stat->type == VMFS_TYPE_FILE && ends_in(name, ".vmx")) {
        struct machine *machine = malloc(sizeof(*machine));

        if (!machine)
            return 0;
        machine_read(walk->place, path, machine);
        rc = walk->visit(walk->context, machine);
        vm_free(&machine->vm);
        free(machine);
    }
    return rc;
}

int machines_visit(const struct machine_place *place,
                   int (*visit)(void *context, const struct machine *machine), void *context)
{
    struct walk walk = {.place = place, .folder = "", .visit = visit, .context = context};

    return vmfs_list(place->datastore->volume, "", look_at, &walk);
}
