/* SPDX-License-Identifier: MIT */
/* package: an OVA's or a folder's files behind the interface of a store. */
#include "package.h"

#include "import/ova.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct package {
    struct store store;
    int fd;         /* of the OVA, or of the folder */
    struct ova ova; /* empty for a folder */
};

struct package_file {
    struct store_file file;
    struct bdev *dev;
    uint64_t start; /* in dev */
    char name[200];
};

static struct package_file *of(struct store_file *file)
{
    return (struct package_file *)file;
}

static int fail(struct store *store, int rc, const char *name, const char *what)
{
    snprintf(store->error, sizeof(store->error), "%.160s: %.80s", name,
             what != NULL ? what : strerror(-rc));
    return rc;
}

/* A descriptor of the file that `name` is in the folder; never of what it might link to. */
static int open_beside(struct package *package, const char *name)
{
    struct open_how how = {
        .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK, /* a FIFO would wait for its writer */
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    int fd = (int)syscall(SYS_openat2, package->fd, name, &how, sizeof(how));
    struct stat st;

    if (fd < 0 && (errno == ELOOP || errno == EXDEV))
        return fail(&package->store, -EPERM, name,
                    "a link, or a name that leads out of the package");
    if (fd < 0)
        return fail(&package->store, -errno, name, NULL);
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        return fd;
    close(fd);
    return fail(&package->store, -EPERM, name, "not a plain file");
}

/* Opens the same file again as a device of the block library's. */
static int open_device(struct package *package, int fd, struct package_file *file)
{
    char path[64];
    int rc;

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    rc = bdev_file_open(path, true, &file->dev);
    if (rc != 0)
        return fail(&package->store, rc, file->name, NULL);
    snprintf(file->dev->name, sizeof(file->dev->name), "%s", file->name);
    return 0;
}

static int open_member(struct package *package, const char *name, struct package_file *file)
{
    const struct ova *ova = &package->ova;
    struct stat st;
    int fd, rc;

    for (size_t i = 0; i < ova->n_members; i++) {
        if (strcmp(ova->members[i].name, name) != 0)
            continue;
        file->start = ova->members[i].offset;
        file->file.length = ova->members[i].length;
        return open_device(package, package->fd, file);
    }
    if (ova->n_members > 0)
        return fail(&package->store, -ENOENT, name, "not in the package");
    fd = open_beside(package, name);
    if (fd < 0)
        return fd;
    rc = fstat(fd, &st) == 0 ? open_device(package, fd, file) : -errno;
    file->file.length = (uint64_t)st.st_size;
    close(fd);
    return rc;
}

static int package_open_file(struct store *store, const char *name, enum store_mode mode,
                             struct store_file **out)
{
    struct package_file *file;
    int rc;

    if (mode == STORE_WRITE)
        return fail(store, -EROFS, name, NULL);
    file = calloc(1, sizeof(*file));
    if (file == NULL)
        return fail(store, -ENOMEM, name, NULL);
    file->file.store = store;
    snprintf(file->name, sizeof(file->name), "%s", name);
    rc = open_member((struct package *)store, name, file);
    if (rc != 0)
        free(file);
    else
        *out = &file->file;
    return rc;
}

static int package_read_file(struct store_file *file, uint64_t offset, void *buffer, size_t length)
{
    if (offset > file->length || length > file->length - offset)
        return fail(file->store, -EINVAL, of(file)->name, "shorter than what it says of itself");
    for (size_t done = 0; done < length;) {
        ssize_t n = pread(of(file)->dev->fd, (char *)buffer + done, length - done,
                          (off_t)(of(file)->start + offset + done));

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return fail(file->store, n == 0 ? -EIO : -errno, of(file)->name, NULL);
        done += (size_t)n;
    }
    return 0;
}

static int package_map(struct store_file *file, uint64_t offset, uint64_t most,
                       struct bdev_extent *out)
{
    *out = (struct bdev_extent){.stored = true,
                                .device = of(file)->dev,
                                .device_offset = of(file)->start + offset,
                                .length = most};
    return 0;
}

static int package_flush(struct store_file *file)
{
    (void)file;
    return 0;
}

static void package_close_file(struct store_file *file)
{
    bdev_close(of(file)->dev);
    free(file);
}

static void package_close(struct store *store)
{
    struct package *package = (struct package *)store;

    ova_free(&package->ova);
    if (package->fd >= 0)
        close(package->fd);
    free(package);
}

static const struct store_ops package_ops = {
    .open = package_open_file,
    .read = package_read_file,
    .map = package_map,
    .flush = package_flush,
    .close_file = package_close_file,
    .close = package_close,
};

static bool ends_in(const char *name, const char *ending)
{
    size_t length = strlen(name), most = strlen(ending);

    return length > most && strcasecmp(name + length - most, ending) == 0;
}

static int open_ova(struct package *package, const char *path, char ovf[PACKAGE_NAME_MAX],
                    char error[PACKAGE_ERROR_MAX])
{
    char reason[OVA_ERROR_MAX];

    package->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (package->fd < 0) {
        snprintf(error, PACKAGE_ERROR_MAX, "%.400s: %s", path, strerror(errno));
        return -1;
    }
    if (ova_read(&package->ova, package->fd, reason) != 0) {
        snprintf(error, PACKAGE_ERROR_MAX, "%.400s: %s", path, reason);
        return -1;
    }
    for (size_t i = 0; i < package->ova.n_members; i++) {
        const char *name = package->ova.members[i].name;

        if (ends_in(name, ".ovf") && strchr(name, '/') == NULL) {
            snprintf(ovf, PACKAGE_NAME_MAX, "%s", name);
            return 0;
        }
    }
    snprintf(error, PACKAGE_ERROR_MAX, "%.400s: no .ovf file in it", path);
    return -1;
}

static int open_folder(struct package *package, const char *path, char ovf[PACKAGE_NAME_MAX],
                       char error[PACKAGE_ERROR_MAX])
{
    const char *slash = strrchr(path, '/');
    char *folder = slash == NULL   ? strdup(".")
                   : slash == path ? strdup("/")
                                   : strndup(path, (size_t)(slash - path));

    snprintf(ovf, PACKAGE_NAME_MAX, "%s", slash == NULL ? path : slash + 1);
    package->fd = folder == NULL ? -1 : open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (package->fd < 0)
        snprintf(error, PACKAGE_ERROR_MAX, "%.400s: %s", path, strerror(errno));
    free(folder);
    return package->fd < 0 ? -1 : 0;
}

int package_open(const char *path, struct store **out, char ovf[PACKAGE_NAME_MAX],
                 char error[PACKAGE_ERROR_MAX])
{
    struct package *package = calloc(1, sizeof(*package));
    int rc;

    if (package == NULL) {
        snprintf(error, PACKAGE_ERROR_MAX, "out of memory");
        return -1;
    }
    package->store = (struct store){
        .ops = &package_ops, .sector = BDEV_SECTOR, .closed_root = true, .no_devices = true};
    package->fd = -1;
    rc = ends_in(path, ".ovf") ? open_folder(package, path, ovf, error)
                               : open_ova(package, path, ovf, error);
    if (rc != 0)
        package_close(&package->store);
    else
        *out = &package->store;
    return rc;
}

char *package_read(struct store *package, const char *name, size_t most, size_t *length,
                   char error[PACKAGE_ERROR_MAX])
{
    struct store_file *file;
    char *text = NULL;

    if (package_open_file(package, name, STORE_LOOK, &file) != 0) {
        snprintf(error, PACKAGE_ERROR_MAX, "%s", package->error);
        return NULL;
    }
    *length = (size_t)file->length;
    if (file->length > most)
        snprintf(error, PACKAGE_ERROR_MAX, "%.400s: larger than such a file can be", name);
    else if ((text = malloc(*length + 1)) == NULL)
        snprintf(error, PACKAGE_ERROR_MAX, "out of memory");
    if (text != NULL && package_read_file(file, 0, text, *length) != 0) {
        snprintf(error, PACKAGE_ERROR_MAX, "%s", package->error);
        free(text);
        text = NULL;
    }
    if (text != NULL)
        text[*length] = '\0';
    package_close_file(file);
    return text;
}
