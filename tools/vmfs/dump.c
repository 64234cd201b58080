/* SPDX-License-Identifier: MIT */
/* What a virtual disk is made of. */
#include "vmfstool.h"

#include <stdio.h>

struct files {
    bool json;
    unsigned count;
};

static int print_file(void *context, const char *file)
{
    struct files *files = context;

    if (files->json) {
        printf("%s", files->count > 0 ? ", " : "");
        json_string(file);
    } else {
        printf("file: %s\n", file);
    }
    files->count++;
    return 0;
}

static void print_field(bool json, const char *name, const char *value)
{
    if (json) {
        printf("\"%s\": ", name);
        json_string(value);
        fputs(", ", stdout);
    } else if (value[0] != '\0') {
        printf("%s: %s\n", name, value);
    }
}

static void print_info(const struct vmdk_info *info, bool json)
{
    char cid[12], parent_cid[12];

    snprintf(cid, sizeof(cid), "%08x", info->cid);
    snprintf(parent_cid, sizeof(parent_cid), "%08x", info->parent_cid);
    if (json)
        printf("{\"size\": %llu, \"extents\": %u, ", (unsigned long long)info->size, info->extents);
    else
        printf("size: %llu\nextents: %u\n", (unsigned long long)info->size, info->extents);
    print_field(json, "format", vmdk_kind_name(info->kind));
    print_field(json, "create_type", info->create_type);
    print_field(json, "cid", cid);
    print_field(json, "parent_cid", parent_cid);
    print_field(json, "parent", info->parent_path);
    print_field(json, "adapter", info->adapter);
    print_field(json, "hardware_version", info->hw_version);
    print_field(json, "encoding", info->encoding);
    print_field(json, "change_tracking", info->change_track);
}

int command_dump(const struct options *options, const char *target)
{
    struct files files = {.json = options->json};
    char error[DISK_ERROR_MAX];
    struct vmdk_info info;
    struct store *store;
    const char *path;
    int rc;

    if (target_store(options, target, false, &store, &path) != 0)
        return 1;
    rc = vmdk_get_info(store, path, &info, error);
    if (rc == 0) {
        print_info(&info, options->json);
        if (options->json)
            fputs("\"files\": [", stdout);
        rc = vmdk_list_files(store, path, print_file, &files, error);
        if (options->json)
            puts("]}");
    }
    store_close(store);
    return rc == 0 ? 0 : complain("%s", error);
}
