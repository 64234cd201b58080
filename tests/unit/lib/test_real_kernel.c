/* SPDX-License-Identifier: MIT */
/*
 * Unpacks a stock Debian kernel and reads its notes. The kernel is $CORBEL_TEST_KERNEL, or any
 * vmlinuz below the build folder or /boot; without one the test is skipped.
 */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <xen/features.h>

#include "lib/kernel_image.h"
#include "lib/xen_notes.h"

#define EXIT_SKIP    77
#define UNPACKED_MAX (512u << 20)

static const char *find_kernel(void)
{
    static const char *const patterns[] = {"%s/vmlinuz*", "%s/*/vmlinuz*", "%s/*/*/vmlinuz*",
                                           "/boot/vmlinuz*"};
    static glob_t found;
    const char *build = getenv("B");

    if (getenv("CORBEL_TEST_KERNEL"))
        return getenv("CORBEL_TEST_KERNEL");
    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        char pattern[4096];

        snprintf(pattern, sizeof(pattern), patterns[i], build ? build : "build");
        if (glob(pattern, 0, NULL, &found) == 0)
            return found.gl_pathv[0];
        globfree(&found);
    }
    return NULL;
}

static void *read_file(const char *path, size_t *len)
{
    FILE *f = fopen(path, "rb");
    void *data = NULL;

    if (f && fseek(f, 0, SEEK_END) == 0) {
        *len = (size_t)ftell(f);
        rewind(f);
        data = malloc(*len);
        if (fread(data, 1, *len, f) != *len) {
            free(data);
            data = NULL;
        }
    }
    if (f)
        fclose(f);
    return data;
}

static int fail(const char *what, const char *reason)
{
    fprintf(stderr, "%s: %s\n", what, reason);
    return EXIT_FAILURE;
}

int main(void)
{
    static uint64_t scratch[KERNEL_IMAGE_SCRATCH_SIZE / sizeof(uint64_t)];
    const char *path = find_kernel(), *reason = "cannot be read";
    struct kernel_image image;
    struct xen_notes notes;
    struct elf elf;
    size_t len, out_len;
    void *file, *out;

    if (!path) {
        puts("no vmlinuz in the build folder or /boot; set CORBEL_TEST_KERNEL");
        return EXIT_SKIP;
    }
    file = read_file(path, &len);
    if (!file || kernel_image_inspect(&image, file, len, &reason))
        return fail(path, reason);
    if (image.unpacked_len > UNPACKED_MAX)
        return fail(path, "claims to be larger than 512 MiB");
    out = malloc(image.unpacked_len);
    if (kernel_image_unpack(&image, out, image.unpacked_len, &out_len, scratch, sizeof(scratch),
                            &reason) ||
        elf_open(&elf, out, out_len, &reason) || xen_notes_parse(&notes, &elf, &reason))
        return fail(path, reason);
    if (out_len != image.unpacked_len)
        return fail(path, "unpacked to another size than the header says");
    printf("%s: %s, %zu bytes, %s %s, entry %#llx, virtual %#llx-%#llx\n", path, image.format,
           out_len, notes.guest_os, notes.guest_version, (unsigned long long)notes.entry,
           (unsigned long long)notes.virt_start, (unsigned long long)notes.virt_end);
    free(out);
    free(file);
    /* What every stock 64-bit Linux with Xen PV support says of itself. */
    if (!notes.has_init_p2m || !notes.mod_start_pfn || !notes.has_l1_mfn_valid ||
        !(notes.features_supported & 1u << XENFEAT_dom0))
        return fail(path, "lacks a note that stock Linux has");
    return EXIT_SUCCESS;
}
