/* SPDX-License-Identifier: MIT */
/* create: making disks of every kind. */
#include "block/vmdk/link.h"

#include "block/vmdk/cowd.h"
#include "block/vmdk/kdmv.h"
#include "block/vmdk/rdm.h"
#include "block/vmdk/sesparse.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define PIECE_SECTORS    4192256u /* of a disk in 2 GB pieces: 2047 MiB, as VMware cuts them */
#define EMBEDDED_SECTORS 20u
#define TEXT_MAX         VMDK_DESCRIPTOR_MAX

/* What each kind is made of: createType, extent type, and what its files are called. */
static const struct {
    const char *create_type;
    enum vmdk_extent_type type;
    const char *suffix; /* %03u counts pieces; NULL: the descriptor is in the file */
    bool delta;         /* only ever a child */
} made_of[VMDK_KINDS] = {
    [VMDK_KIND_VMFS_THIN] = {"vmfs", VMDK_EXTENT_VMFS, "-flat", false},
    [VMDK_KIND_VMFS_ZEROEDTHICK] = {"vmfs", VMDK_EXTENT_VMFS, "-flat", false},
    [VMDK_KIND_VMFS_EAGERZEROEDTHICK] = {"vmfs", VMDK_EXTENT_VMFS, "-flat", false},
    [VMDK_KIND_MONOLITHIC_FLAT] = {"monolithicFlat", VMDK_EXTENT_FLAT, "-flat", false},
    [VMDK_KIND_MONOLITHIC_SPARSE] = {"monolithicSparse", VMDK_EXTENT_SPARSE, NULL, false},
    [VMDK_KIND_TWO_GB_FLAT] = {"twoGbMaxExtentFlat", VMDK_EXTENT_FLAT, "-f", false},
    [VMDK_KIND_TWO_GB_SPARSE] = {"twoGbMaxExtentSparse", VMDK_EXTENT_SPARSE, "-s", false},
    [VMDK_KIND_STREAM] = {"streamOptimized", VMDK_EXTENT_SPARSE, NULL, false},
    [VMDK_KIND_VMFS_SPARSE] = {"vmfsSparse", VMDK_EXTENT_VMFS_SPARSE, "-delta", true},
    [VMDK_KIND_SE_SPARSE] = {"seSparse", VMDK_EXTENT_SE_SPARSE, "-sesparse", true},
    [VMDK_KIND_RDM] = {"vmfsRDM", VMDK_EXTENT_RDM, "-rdm", false},
    [VMDK_KIND_RDMP] = {"vmfsRDMP", VMDK_EXTENT_RDM, "-rdmp", false},
};

struct making {
    struct store *store;
    const char *path;
    const struct vmdk_create *how;
    struct vmdk_new disk;
    struct rdm_id id;   /* RDM kinds */
    struct link parent; /* open while its child is made, so that nobody writes it */
    char parent_hint[LINK_PATH_MAX];
    struct vmdk_extent *extents;
    unsigned made; /* extent files so far */
    char *error;
};

static int fail(struct making *m, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int fail(struct making *m, int code, const char *format, ...)
{
    char what[DISK_ERROR_MAX - 90];
    va_list args;

    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    snprintf(m->error, DISK_ERROR_MAX, "%.85s: %s", m->path, what);
    return code;
}

static int from_store(struct making *m, int rc)
{
    return rc == 0 ? 0 : fail(m, rc, "%s", m->store->error);
}

static bool in_pieces(enum vmdk_kind kind)
{
    return kind == VMDK_KIND_TWO_GB_FLAT || kind == VMDK_KIND_TWO_GB_SPARSE;
}

/* What the child calls its parent: a bare name beside it, else the way there from its folder. */
static int parent_hint(struct making *m, const char *parent)
{
    const char *name = m->path;
    size_t common = 0, n = 0;

    for (size_t i = 0; name[i] != '\0' && name[i] == parent[i]; i++)
        if (name[i] == '/')
            common = i + 1;
    for (const char *slash = strchr(name + common, '/'); slash != NULL;
         slash = strchr(slash + 1, '/'))
        n += (size_t)snprintf(m->parent_hint + n, sizeof(m->parent_hint) - n, "../");
    n += (size_t)snprintf(m->parent_hint + n, sizeof(m->parent_hint) - n, "%s", parent + common);
    if (n > VMDK_NAME_MAX)
        return fail(m, -ENAMETOOLONG, "the parent's path is too long");
    if (!m->store->closed_root && strncmp(m->parent_hint, "../", 3) == 0)
        return fail(m, -EPERM, "a snapshot lies beside its parent, or in a folder above it");
    m->disk.parent_hint = m->parent_hint;
    return 0;
}

/* Opens the parent for reading, which a writer of it keeps out, and takes its content id. */
static int open_parent(struct making *m)
{
    struct link now;
    int rc = link_read(m->store, m->how->parent, &m->parent);

    if (rc == 0)
        rc = link_open(&m->parent, true);
    if (rc != 0) {
        snprintf(m->error, DISK_ERROR_MAX, "%s", m->parent.error);
        return rc;
    }
    /* A writer may have been there until just now. */
    rc = link_read(m->store, m->how->parent, &now);
    if (rc != 0)
        snprintf(m->error, DISK_ERROR_MAX, "%s", now.error);
    m->disk.parent_cid = now.descriptor.cid;
    link_close(&now);
    return rc;
}

static int take_parent(struct making *m)
{
    int rc = open_parent(m);

    if (rc != 0)
        return rc;
    if (m->disk.sectors == 0)
        m->disk.sectors = m->parent.descriptor.sectors;
    if (m->disk.sectors < m->parent.descriptor.sectors)
        return fail(m, -EINVAL, "a snapshot cannot be smaller than its parent");
    return parent_hint(m, m->how->parent);
}

static int check_options(struct making *m)
{
    size_t length = strlen(m->path);

    if (length < 6 || length >= LINK_PATH_MAX - 16 || strcmp(m->path + length - 5, ".vmdk") != 0)
        return fail(m, -EINVAL, "a virtual disk's name ends in .vmdk");
    if (m->how->size % VMDK_SECTOR != 0)
        return fail(m, -EINVAL, "the size is not a multiple of 512 bytes");
    if (made_of[m->how->kind].delta && m->how->parent == NULL)
        return fail(m, -EINVAL, "a %s disk is a snapshot: name its parent",
                    vmdk_kind_name(m->how->kind));
    if (m->how->parent != NULL && !made_of[m->how->kind].delta &&
        m->how->kind != VMDK_KIND_MONOLITHIC_SPARSE && m->how->kind != VMDK_KIND_TWO_GB_SPARSE)
        return fail(m, -EINVAL, "a %s disk has no parent", vmdk_kind_name(m->how->kind));
    if (made_of[m->how->kind].type == VMDK_EXTENT_RDM && m->how->device == NULL)
        return fail(m, -EINVAL, "a raw device mapping needs a device");
    return 0;
}

/* Cuts the disk into extents and names their files. */
static int plan_extents(struct making *m)
{
    const char *slash = strrchr(m->path, '/'), *name = slash == NULL ? m->path : slash + 1;
    const char *suffix = made_of[m->how->kind].suffix;
    int stem = (int)strlen(name) - 5;
    uint64_t piece = in_pieces(m->how->kind) ? PIECE_SECTORS : m->disk.sectors;
    uint64_t count = (m->disk.sectors + piece - 1) / piece;

    if (stem > 200)
        return fail(m, -ENAMETOOLONG, "the name is too long");
    if (count > VMDK_MAX_EXTENTS)
        return fail(m, -EFBIG, "too large for pieces of 2 GB: 8 TiB at most");
    m->extents = calloc(count, sizeof(*m->extents));
    if (m->extents == NULL)
        return fail(m, -ENOMEM, "out of memory");
    for (uint64_t i = 0; i < count; i++) {
        struct vmdk_extent *extent = &m->extents[i];
        uint64_t left = m->disk.sectors - i * piece;

        extent->type = made_of[m->how->kind].type;
        extent->sectors = left < piece ? left : piece;
        if (suffix == NULL)
            snprintf(extent->file, sizeof(extent->file), "%s", name);
        else if (in_pieces(m->how->kind))
            snprintf(extent->file, sizeof(extent->file), "%.*s%s%03u.vmdk", stem, name, suffix,
                     (unsigned)i + 1);
        else
            snprintf(extent->file, sizeof(extent->file), "%.*s%s.vmdk", stem, name, suffix);
    }
    m->disk.extents = m->extents;
    m->disk.extent_count = (unsigned)count;
    return 0;
}

/* Fills one new, empty file in its format. */
static int format_extent(struct making *m, struct store_file *file,
                         const struct vmdk_extent *extent)
{
    struct kdmv_make sparse = {.size = extent->sectors * VMDK_SECTOR,
                               .grain = m->how->grain,
                               .descriptor_sectors =
                                   made_of[m->how->kind].suffix == NULL ? EMBEDDED_SECTORS : 0,
                               .zero_grains = m->how->zero_grains};

    switch (m->how->kind) {
    case VMDK_KIND_MONOLITHIC_SPARSE:
    case VMDK_KIND_TWO_GB_SPARSE:
        return kdmv_make(file, &sparse);
    case VMDK_KIND_STREAM:
        return kdmv_stream_make(file, &sparse);
    case VMDK_KIND_VMFS_SPARSE:
        return cowd_make(file, sparse.size, m->how->grain, m->parent_hint);
    case VMDK_KIND_SE_SPARSE:
        return se_make(file, sparse.size);
    case VMDK_KIND_RDM:
    case VMDK_KIND_RDMP:
        return file->store->ops->write(file, 0, &m->id, sizeof(m->id));
    default:
        return 0; /* flat: the file as it is */
    }
}

static struct store_create file_options(const struct making *m, const struct vmdk_extent *extent)
{
    struct store_create options = {.progress = m->how->progress, .context = m->how->context};

    if (extent->type == VMDK_EXTENT_FLAT || extent->type == VMDK_EXTENT_VMFS)
        options.length = extent->sectors * VMDK_SECTOR;
    else if (extent->type == VMDK_EXTENT_RDM)
        options.length = VMDK_SECTOR;
    options.allocation = m->how->kind == VMDK_KIND_VMFS_ZEROEDTHICK        ? STORE_ZEROEDTHICK
                         : m->how->kind == VMDK_KIND_VMFS_EAGERZEROEDTHICK ? STORE_EAGERTHICK
                                                                           : STORE_THIN;
    return options;
}

/* Writes the descriptor: into the sparse file's room, or as a file of its own. */
static int write_descriptor(struct making *m, struct store_file *embedded)
{
    struct store_create options = {0};
    struct store_file *file = embedded;
    char *text = malloc(TEXT_MAX);
    uint64_t at = 0;
    int rc, length;

    if (text == NULL)
        return fail(m, -ENOMEM, "out of memory");
    length = vmdk_descriptor_format(&m->disk, text, TEXT_MAX);
    if (length < 0)
        rc = fail(m, length,
                  length == -EILSEQ ? "the name does not exist in that encoding"
                                    : "the descriptor cannot be made");
    else if (embedded != NULL && (uint32_t)length > EMBEDDED_SECTORS * VMDK_SECTOR)
        rc = fail(m, -ENOSPC, "the descriptor is too long to lie in the disk's file");
    else
        rc = 0;
    if (rc == 0 && embedded == NULL) {
        options.length = (uint64_t)length;
        rc = from_store(m, m->store->ops->create(m->store, m->path, &options, &file));
    } else {
        at = VMDK_SECTOR;
    }
    if (rc == 0) {
        rc = from_store(m, file->store->ops->write(file, at, text, (size_t)length));
        if (rc == 0)
            rc = from_store(m, file->store->ops->flush(file));
        if (embedded == NULL)
            file->store->ops->close_file(file);
        if (rc != 0 && embedded == NULL)
            m->store->ops->remove(m->store, m->path);
    }
    free(text);
    return rc;
}

static int make_extent(struct making *m, const struct vmdk_extent *extent)
{
    struct store_create options = file_options(m, extent);
    bool embedded = made_of[m->how->kind].suffix == NULL;
    struct store_file *file;
    char path[LINK_PATH_MAX];
    int rc = link_file_path(m->path, extent->file, path);

    if (rc != 0)
        return fail(m, rc, "the name is too long");
    rc = from_store(m, m->store->ops->create(m->store, path, &options, &file));
    if (rc != 0)
        return rc;
    m->made++;
    rc = from_store(m, format_extent(m, file, extent));
    if (rc == 0 && embedded)
        rc = write_descriptor(m, file);
    else if (rc == 0)
        rc = from_store(m, file->store->ops->flush(file));
    file->store->ops->close_file(file);
    return rc;
}

/* What was made so far, when the whole cannot be. */
static void unmake(struct making *m)
{
    char path[LINK_PATH_MAX];

    for (unsigned i = 0; i < m->made; i++)
        if (link_file_path(m->path, m->extents[i].file, path) == 0)
            m->store->ops->remove(m->store, path);
}

/* Who the disk is: VMware's company number and the two fixed bytes before it begin every id. */
static int take_identity(struct making *m)
{
    const uint8_t company[4] = {0x60, 0x00, 0xC2, 0x90};

    memcpy(m->disk.uuid, company, sizeof(company));
    m->disk.cid = VMDK_CID_UNWRITTEN;
    if (getrandom(m->disk.uuid + 4, 12, 0) != 12)
        return fail(m, -EIO, "no random numbers: %s", strerror(errno));
    return 0;
}

int vmdk_create(struct store *store, const char *path, const struct vmdk_create *how,
                char error[DISK_ERROR_MAX])
{
    struct making m = {.store = store, .path = path, .how = how, .error = error};
    uint64_t device_size;
    int rc = check_options(&m);

    m.disk = (struct vmdk_new){.create_type = made_of[how->kind].create_type,
                               .encoding = how->encoding,
                               .sectors = how->size / VMDK_SECTOR,
                               .adapter = how->adapter,
                               .hw_version = how->hw_version,
                               .thin = how->kind == VMDK_KIND_VMFS_THIN};
    if (rc == 0 && how->parent != NULL)
        rc = take_parent(&m);
    if (rc == 0 && made_of[how->kind].type == VMDK_EXTENT_RDM) {
        rc = from_store(&m, rdm_identify(store, how->device, &m.id, &device_size));
        if (rc == 0)
            m.disk.sectors = device_size / VMDK_SECTOR;
    }
    if (rc == 0 && (m.disk.sectors == 0 || m.disk.sectors > VMDK_MAX_SECTORS))
        rc = fail(&m, -EINVAL, "a disk has one sector to 64 TiB");
    if (rc == 0)
        rc = take_identity(&m);
    if (rc == 0)
        rc = plan_extents(&m);
    for (unsigned i = 0; rc == 0 && i < m.disk.extent_count; i++)
        rc = make_extent(&m, &m.extents[i]);
    if (rc == 0 && made_of[how->kind].suffix != NULL)
        rc = write_descriptor(&m, NULL);
    if (rc != 0)
        unmake(&m);
    link_close(&m.parent);
    free(m.extents);
    return rc;
}

int vmdk_snapshot(struct store *store, const char *parent, const char *path,
                  char error[DISK_ERROR_MAX])
{
    struct vmdk_create how = {.parent = parent};
    struct vmdk_info info;
    int rc = vmdk_get_info(store, parent, &info, error);

    if (rc != 0)
        return rc;
    if (info.kind == VMDK_KIND_TWO_GB_SPARSE || info.kind == VMDK_KIND_TWO_GB_FLAT)
        how.kind = VMDK_KIND_TWO_GB_SPARSE;
    else if (info.kind == VMDK_KIND_MONOLITHIC_SPARSE || info.kind == VMDK_KIND_MONOLITHIC_FLAT)
        how.kind = VMDK_KIND_MONOLITHIC_SPARSE;
    else if (info.kind == VMDK_KIND_SE_SPARSE || info.size >= 2ull << 40)
        how.kind = VMDK_KIND_SE_SPARSE;
    else
        how.kind = VMDK_KIND_VMFS_SPARSE;
    return vmdk_create(store, path, &how, error);
}
