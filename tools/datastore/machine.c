/* SPDX-License-Identifier: MIT */
/* corbel-datastore config and start: from a VMX file on a volume to an xl.cfg and a running guest.
 */
#include "boot.h"
#include "datastore_tool.h"
#include "machines.h"

#include "import/xlcfg.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MACHINES     "/var/lib/corbel/machines"
#define NETWORKS_MAX 10
#define WATCH_S      4

struct choices {
    const char *directory; /* for our files */
    const char *kernel, *ramdisk, *extra, *bridge;
    struct xlcfg_network networks[NETWORKS_MAX];
    size_t n_networks;
};

/* One machine, being made into a guest. */
struct making {
    struct found_volumes volumes;
    const struct found_volume *volume;
    struct datastore datastore;
    struct found_hosts hosts;
    struct machine machine;
    char label[DATASTORE_LABEL_MAX + 1];
    char source[VM_PATH_MAX + 256]; /* what the config file says it was made from */
    char directory[256], kernel[400], ramdisk[400], config[400];
    struct boot boot;
    char *targets[VM_DISKS_MAX]; /* of the machine's disks; NULL: left out */
};

static int take_options(int argc, char **argv, struct choices *out)
{
    static const struct option options[] = {{"output", required_argument, NULL, 'o'},
                                            {"kernel", required_argument, NULL, 'k'},
                                            {"ramdisk", required_argument, NULL, 'r'},
                                            {"extra", required_argument, NULL, 'e'},
                                            {"bridge", required_argument, NULL, 'b'},
                                            {"network", required_argument, NULL, 'n'},
                                            {0}};
    int letter;

    *out = (struct choices){.bridge = "nat0"};
    while ((letter = getopt_long(argc, argv, "o:k:r:e:b:n:", options, NULL)) != -1) {
        const char **text[] = {['o'] = &out->directory,
                               ['k'] = &out->kernel,
                               ['r'] = &out->ramdisk,
                               ['e'] = &out->extra,
                               ['b'] = &out->bridge};
        char *equals;

        if (letter == '?')
            return 2;
        if (letter != 'n') {
            *text[letter] = optarg;
            continue;
        }
        equals = strrchr(optarg, '=');
        if (equals == NULL || out->n_networks == NETWORKS_MAX)
            return complain("--network takes NAME=BRIDGE, at most %d times", NETWORKS_MAX);
        *equals = '\0';
        out->networks[out->n_networks++] = (struct xlcfg_network){optarg, equals + 1};
    }
    if (argc - optind != 1)
        return complain("%s: which VMX file? (such as \"[datastore1] web/web.vmx\")", argv[0]);
    return 0;
}

/* Opens the volume the VMX is on, and reads it. 0, or the exit status after a complaint. */
static int read_machine(struct making *making, const char *target)
{
    struct machine_place place = {&making->volumes, NULL, &making->datastore, &making->hosts};
    char error[STORE_ERROR_MAX];
    const char *path;

    if (datastore_split(target, making->label, &path) != 0)
        return complain("\"%s\" is not of the form \"[label] dir/x.vmx\"", target);
    volumes_find(NULL, 0, &making->volumes);
    for (unsigned i = 0; i < making->volumes.n; i++) {
        const struct found_volume *v = &making->volumes.volume[i];

        if (strcmp(v->label, making->label) != 0 && strcmp(v->uuid, making->label) != 0)
            continue;
        if (making->volume != NULL)
            return complain("two VMFS volumes are called \"%s\": use a UUID", making->label);
        making->volume = place.own = v;
    }
    if (making->volume == NULL)
        return complain("no VMFS volume \"%s\" on any disk of this machine", making->label);
    if (volume_open(making->volume, VMFS_OPEN_REMEMBER, &making->datastore, error) != 0)
        return complain("%s", error);
    if (hosts_look(&making->datastore, &making->hosts) == 0 && making->hosts.n > 0) {
        sleep(WATCH_S);
        hosts_look_again(&making->datastore, &making->hosts);
    }
    machine_read(&place, path, &making->machine);
    return 0;
}

/* A name that xl and file systems take. */
static void plain_name(const char *name, char out[64])
{
    size_t n = 0;

    for (; *name != '\0' && n < 60; name++)
        out[n++] = (*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z') ||
                           (*name >= '0' && *name <= '9') || strchr("_+-", *name) != NULL
                       ? *name
                       : '-';
    out[n] = '\0';
}

static int make_directory(struct making *making, const struct choices *choices)
{
    char name[64];

    plain_name(making->machine.vm.name, name);
    if (choices->directory != NULL) {
        snprintf(making->directory, sizeof(making->directory), "%s", choices->directory);
    } else {
        mkdir("/var/lib/corbel", 0755);
        mkdir(MACHINES, 0755);
        snprintf(making->directory, sizeof(making->directory), MACHINES "/%s", name);
    }
    if (mkdir(making->directory, 0755) != 0 && errno != EEXIST)
        return complain("cannot make %s: %s", making->directory, strerror(errno));
    snprintf(making->kernel, sizeof(making->kernel), "%s/%s.kernel", making->directory, name);
    snprintf(making->ramdisk, sizeof(making->ramdisk), "%s/%s.ramdisk", making->directory, name);
    snprintf(making->config, sizeof(making->config), "%s/%s.cfg", making->directory, name);
    return 0;
}

/*
 * Another machine of the same name may have its files there, and run from them. What counts is the
 * VMX and its volume's UUID: labels change.
 */
static int check_owner(struct making *making)
{
    int label = snprintf(making->source, sizeof(making->source), "From [%s", making->volume->label);
    char line[sizeof(making->source) + 8] = "", *end;
    size_t length, own;
    FILE *file;

    snprintf(making->source + label, sizeof(making->source) - (size_t)label, "] %s (volume %s)",
             making->machine.path, making->volume->uuid);
    for (char *c = making->source; *c != '\0'; c++)
        *c = iscntrl((unsigned char)*c) ? ' ' : *c;
    file = fopen(making->config, "re");
    if (file == NULL)
        return errno == ENOENT ? 0
                               : complain("cannot read %s: %s", making->config, strerror(errno));
    end = fgets(line, sizeof(line), file);
    fclose(file);
    length = end == NULL ? 0 : strcspn(line, "\n");
    line[length] = '\0';
    own = strlen(making->source + label);
    if (length >= own && strcmp(line + length - own, making->source + label) == 0)
        return 0;
    return complain("%s is there, and not of this machine: choose another directory by --output, "
                    "or move that file away",
                    making->config);
}

static int save(const char *path, const char *data, size_t length)
{
    FILE *file = fopen(path, "we");
    bool ok;

    if (file == NULL)
        return complain("cannot write %s: %s", path, strerror(errno));
    ok = fwrite(data, 1, length, file) == length;
    return fclose(file) == 0 && ok ? 0 : complain("cannot write %s: %s", path, strerror(errno));
}

/* Takes the kernel out of the first disk. */
static int take_kernel(struct making *making)
{
    struct machine_place place = {&making->volumes, making->volume, &making->datastore,
                                  &making->hosts};
    const struct found_volume *volume;
    char path[VM_PATH_MAX], error[DISK_ERROR_MAX];
    const char *problem;
    struct disk *disk;
    int rc;

    if (making->machine.vm.n_disks == 0)
        return complain("%s has no disk to take a kernel from: use --kernel", making->machine.path);
    volume = machine_disk(&place, making->machine.path, making->machine.vm.disks[0].file, path,
                          &problem);
    if (volume == NULL)
        return complain("%s: %s", making->machine.vm.disks[0].file, problem);
    if (machine_open_disk(volume, path, &disk, error) != 0)
        return complain("%s", error);
    rc = boot_read(disk, true, &making->boot, error);
    disk_close(disk);
    if (rc != 0)
        return complain("%s: %s: use --kernel", path, error);
    rc = save(making->kernel, making->boot.kernel, making->boot.kernel_length);
    if (rc == 0 && making->boot.ramdisk != NULL)
        rc = save(making->ramdisk, making->boot.ramdisk, making->boot.ramdisk_length);
    return rc;
}

/* What xl is to open is what was checked; disks for which that cannot be said are left out. */
static void locate_disks(struct making *making)
{
    struct machine_place place = {&making->volumes, making->volume, &making->datastore,
                                  &making->hosts};
    struct vm *vm = &making->machine.vm;
    const char *problem;

    for (size_t i = 0; i < vm->n_disks; i++) {
        making->targets[i] =
            machine_disk_target(&place, making->machine.path, vm->disks[i].file, &problem);
        if (making->targets[i] == NULL)
            vm_lose(vm, "%s: %.200s: the disk is left out: %s", vm->disks[i].place,
                    vm->disks[i].file, problem);
    }
}

static int write_config(struct making *making, const struct choices *choices)
{
    bool own_kernel = choices->kernel == NULL;
    struct xlcfg_options options = {.source = making->source,
                                    .targets = (const char *const *)making->targets,
                                    .kernel = own_kernel ? making->kernel : choices->kernel,
                                    .ramdisk = choices->ramdisk != NULL ? choices->ramdisk
                                               : own_kernel && making->boot.ramdisk != NULL
                                                   ? making->ramdisk
                                                   : NULL,
                                    .extra = choices->extra != NULL ? choices->extra
                                             : own_kernel           ? making->boot.entry.args
                                                                    : NULL,
                                    .bridge = choices->bridge,
                                    .networks = choices->networks,
                                    .n_networks = choices->n_networks};
    FILE *file;
    int rc;

    locate_disks(making);
    file = fopen(making->config, "we");
    if (file == NULL)
        return complain("cannot write %s: %s", making->config, strerror(errno));
    rc = xlcfg_write(&making->machine.vm, &options, file);
    if (fclose(file) != 0 || rc != 0) {
        unlink(making->config);
        return complain("%s: a name in it cannot be written in an xl.cfg", making->config);
    }
    for (size_t i = 0; i < making->machine.vm.n_losses; i++)
        fprintf(stderr, "not carried over: %s\n", making->machine.vm.losses[i]);
    return 0;
}

static int prepare(struct making *making, const char *target, const struct choices *choices)
{
    const char *problem = making->machine.problem;
    int rc = read_machine(making, target);

    if (rc == 0 && making->machine.vm.name == NULL)
        rc = complain("%s: %s", target, problem);
    /* A kernel given by hand makes up for a disk that has none. */
    if (rc == 0 && problem[0] != '\0' && choices->kernel == NULL)
        rc = complain("%s: %s", target, problem);
    if (rc == 0)
        rc = make_directory(making, choices);
    if (rc == 0)
        rc = check_owner(making);
    if (rc == 0 && choices->kernel == NULL)
        rc = take_kernel(making);
    return rc == 0 ? write_config(making, choices) : rc;
}

/* Prepares, and tells where the config file is; the caller frees it. */
static int run(int argc, char **argv, char **config)
{
    struct making *making = calloc(1, sizeof(*making));
    struct choices choices;
    int rc = making == NULL ? complain("out of memory") : take_options(argc, argv, &choices);

    if (rc == 0)
        rc = prepare(making, argv[optind], &choices);
    if (rc == 0 && (*config = strdup(making->config)) == NULL)
        rc = complain("out of memory");
    if (making != NULL) {
        boot_free(&making->boot);
        for (size_t i = 0; i < VM_DISKS_MAX; i++)
            free(making->targets[i]);
        vm_free(&making->machine.vm);
        datastore_close(&making->datastore);
        volumes_free(&making->volumes);
        free(making);
    }
    return rc;
}

int command_config(int argc, char **argv)
{
    char *config = NULL;
    int rc = run(argc, argv, &config);

    if (rc == 0)
        puts(config);
    free(config);
    return rc;
}

int command_start(int argc, char **argv)
{
    char *config = NULL;
    int rc = run(argc, argv, &config);

    if (rc == 0) {
        execlp("xl", "xl", "create", config, NULL);
        rc = complain("cannot run xl: %s", strerror(errno));
    }
    free(config);
    return rc;
}
