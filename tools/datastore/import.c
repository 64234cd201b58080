/* SPDX-License-Identifier: MIT */
/* corbel-datastore import: an OVA or OVF package's disks into a folder of a volume, with a VMX. */
#include "datastore_tool.h"

#include "block/datastore.h"
#include "block/vmdk/vmdk.h"
#include "import/ovf.h"

#include <errno.h>
#include <ftw.h>
#include <glob.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* One package on its way into one folder. */
struct importing {
    char package[4096]; /* the folder of the .ovf and its disks, on this host */
    char unpacked[64];  /* made for an OVA, removed at the end; "" for an OVF */
    struct store *store;
    const char *folder; /* on the volume */
    struct vm vm;
};

static int run_tar(const char *ova, const char *directory)
{
    char *arguments[] = {"tar", "-xf", (char *)ova, "-C", (char *)directory, NULL};
    int status;
    pid_t pid;

    if (posix_spawnp(&pid, "tar", NULL, NULL, arguments, environ) != 0)
        return complain("cannot run tar");
    if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return complain("%s: tar cannot unpack it", ova);
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    (void)st;
    (void)kind;
    (void)where;
    return remove(path);
}

/* Unpacks an OVA, and finds the .ovf; the path of that is left in `ovf`. */
static int find_ovf(struct importing *importing, const char *file, char ovf[4200])
{
    size_t length = strlen(file);
    char pattern[128];
    glob_t found;
    const char *slash = strrchr(file, '/');

    if (length > 4 && strcasecmp(file + length - 4, ".ovf") == 0) {
        snprintf(importing->package, sizeof(importing->package), "%.*s",
                 slash != NULL ? (int)(slash - file) : 1, slash != NULL ? file : ".");
        snprintf(ovf, 4200, "%s", file);
        return 0;
    }
    snprintf(importing->unpacked, sizeof(importing->unpacked), "/var/tmp/corbel-import-XXXXXX");
    if (mkdtemp(importing->unpacked) == NULL) {
        importing->unpacked[0] = '\0';
        return complain("cannot make a folder in /var/tmp: %s", strerror(errno));
    }
    snprintf(importing->package, sizeof(importing->package), "%s", importing->unpacked);
    if (run_tar(file, importing->unpacked) != 0)
        return 1;
    snprintf(pattern, sizeof(pattern), "%s/*.ovf", importing->unpacked);
    if (glob(pattern, 0, NULL, &found) != 0)
        return complain("%s: no .ovf file in it", file);
    snprintf(ovf, 4200, "%s", found.gl_pathv[0]);
    globfree(&found);
    return 0;
}

static int read_ovf(struct importing *importing, const char *path)
{
    FILE *file = fopen(path, "re");
    char *text = malloc(OVF_SIZE_MAX);
    const char *error = NULL;
    unsigned line = 0;
    size_t length;
    int rc = 0;

    if (file == NULL || text == NULL) {
        rc = complain("cannot read %s: %s", path, strerror(errno));
    } else {
        length = fread(text, 1, OVF_SIZE_MAX, file);
        if (vm_from_ovf(&importing->vm, text, length, &error, &line) != 0)
            rc = complain("%s:%u: %s", path, line, error);
    }
    if (file != NULL)
        fclose(file);
    free(text);
    return rc;
}

/* Copies one disk, and renames it in the description to what it is called now. */
static int import_disk(struct importing *importing, size_t number)
{
    struct vm_disk *disk = &importing->vm.disks[number];
    struct vmdk_create how = {.kind = VMDK_KIND_VMFS_THIN, .size = disk->bytes / 512 * 512};
    char source[4600], target[600], name[64], error[DISK_ERROR_MAX];
    struct disk *from = NULL;
    int rc;

    snprintf(name, sizeof(name), "disk%zu.vmdk", number);
    snprintf(target, sizeof(target), "%s/%s", importing->folder, name);
    if (disk->file == NULL) {
        rc = vmdk_create(importing->store, target, &how, error);
    } else {
        if (disk->file[0] == '/' || strstr(disk->file, "..") != NULL)
            return complain("\"%s\" leads out of the package", disk->file);
        snprintf(source, sizeof(source), "%s/%s", importing->package, disk->file);
        rc = disk_open("vmdk", source, true, &from, error);
        if (rc == 0 && how.size < from->size)
            how.size = from->size;
        if (rc == 0)
            rc = vmdk_clone(from, importing->store, target, &how, error);
        disk_close(from);
    }
    if (rc != 0)
        return complain("%s: %s", disk->place, error);
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
    }
    free(text);
    if (rc == 0)
        printf("%s\n", path);
    return rc;
}

static int import_into(struct importing *importing, const char *label)
{
    char error[STORE_ERROR_MAX];
    struct datastore datastore;
    int rc;

    if (datastore_find(label, VMFS_OPEN_WRITE, &datastore, error) != 0)
        return complain("%s", error);
    if (datastore_store(&datastore, &importing->store) != 0) {
        datastore_close(&datastore);
        return complain("out of memory");
    }
    rc = vmfs_mkdir(datastore.volume, importing->folder);
    if (rc != 0)
        rc = complain("%s", vmfs_error(datastore.volume));
    for (size_t i = 0; i < importing->vm.n_disks && rc == 0; i++)
        rc = import_disk(importing, i);
    if (rc == 0)
        rc = write_vmx(importing, datastore.volume);
    store_close(importing->store);
    for (size_t i = 0; i < importing->vm.n_losses && rc == 0; i++)
        fprintf(stderr, "not carried over: %s\n", importing->vm.losses[i]);
    return rc;
}

int command_import(int argc, char **argv)
{
    struct importing importing = {0};
    char label[DATASTORE_LABEL_MAX + 1], ovf[4200];
    int rc;

    if (argc != 3)
        return complain("import FILE.ova|FILE.ovf \"[label] folder\"");
    if (datastore_split(argv[2], label, &importing.folder) != 0 || importing.folder[0] == '\0')
        return complain("\"%s\" is not of the form \"[label] folder\"", argv[2]);
    rc = find_ovf(&importing, argv[1], ovf);
    if (rc == 0)
        rc = read_ovf(&importing, ovf);
    if (rc == 0)
        rc = import_into(&importing, label);
    vm_free(&importing.vm);
    if (importing.unpacked[0] != '\0')
        nftw(importing.unpacked, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    return rc;
}
