/* SPDX-License-Identifier: MIT */
/* Symbolic links, and the volume's own name. */
#include "block/vmfs/internal.h"

#include <errno.h>
#include <string.h>

/* VMFS-6 keeps the target in the descriptor, VMFS-5 in a sub-block. */
static int put_target(struct vmfs_file *link, const char *target)
{
    struct vmfs_volume *volume = link->volume;
    size_t length = strlen(target);

    link->inode.fd.length = length;
    if (volume->format != VMFS_FORMAT_6)
        return alloc_write(link, 0, target, length);
    link->inode.fd.zla = VMFS_ZLA_RESIDENT;
    memcpy(link->inode.data, target, length);
    return 0;
}

int vmfs_symlink(struct vmfs_volume *volume, const char *target, const char *path)
{
    struct vmfs_file link = {.volume = volume, .share = VMFS_SHARE_EXCLUSIVE};
    char name[VMFS_NAME_MAX + 1];
    struct vmfs_inode parent;
    bool left = false;
    int rc;

    if (target[0] == '\0' || strlen(target) >= VMFS_LINK_MAX)
        return vmfs_fail(volume, -EINVAL, "a link's target is 1 to %u bytes long",
                         VMFS_LINK_MAX - 1);
    rc = path_require_absent(volume, path, &parent, name);
    if (rc == 0)
        rc = inode_create(volume, VMFS_TYPE_SYMLINK, parent.fd.address, &link.inode);
    if (rc != 0)
        return rc;
    link.inode.fd.mode = 0777;
    rc = put_target(&link, target);
    if (rc == 0)
        rc = inode_write(volume, &link.inode);
    if (rc == 0)
        rc = vmfs_flush(volume);
    if (rc == 0)
        rc = path_add_name(volume, &parent, name, &link.inode, &left);
    if (rc == 0)
        rc = inode_unlock(volume, &link.inode);
    else
        file_abandon(&link, left);
    map_cache_free(&link.cache);
    return rc != 0 ? rc : vmfs_flush(volume);
}

int vmfs_read_link(struct vmfs_volume *volume, const char *path, char target[VMFS_LINK_MAX])
{
    struct vmfs_inode inode;
    int rc = path_resolve(volume, path, &inode);

    if (rc != 0)
        return rc;
    if (inode.fd.type != VMFS_TYPE_SYMLINK)
        return vmfs_fail(volume, -EINVAL, "\"%s\" is not a symbolic link", path);
    if (inode.fd.length >= VMFS_LINK_MAX)
        return vmfs_fail(volume, -EUCLEAN, "link 0x%08x: a target of %llu bytes", inode.fd.address,
                         (unsigned long long)inode.fd.length);
    memset(target, 0, VMFS_LINK_MAX);
    return map_read(volume, NULL, &inode, 0, target, inode.fd.length);
}

int vmfs_set_label(struct vmfs_volume *volume, const char *label)
{
    int rc = vmfs_require_ours(volume, "a new label");

    if (rc != 0)
        return rc;
    if (strlen(label) > VMFS_LABEL_MAX - 1)
        return vmfs_fail(volume, -EINVAL, "a label is at most %u bytes long", VMFS_LABEL_MAX - 1);
    rc = vmfs_begin(volume);
    if (rc != 0)
        return rc;
    /* Another opener may have changed what else the superblock says. */
    rc = volume_read(volume, VMFS_SUPERBLOCK_OFFSET, &volume->super, sizeof(volume->super));
    if (rc == 0) {
        memset(volume->super.label, 0, sizeof(volume->super.label));
        memcpy(volume->super.label, label, strlen(label));
        rc = volume_write(volume, VMFS_SUPERBLOCK_OFFSET, &volume->super, sizeof(volume->super));
    }
    if (rc == 0)
        rc = vmfs_flush(volume);
    vmfs_end(volume);
    return rc;
}
