/* SPDX-License-Identifier: MIT */
/* A virtual machine's description in the words of xl.cfg. */
#include "import/xlcfg.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* A string in double quotes; false when it has a character that would end or spoil it. */
static bool put_string(FILE *out, const char *text)
{
    for (const char *c = text; *c; c++)
        if (*c == '"' || *c == '\\' || iscntrl((unsigned char)*c))
            return false;
    return fprintf(out, "\"%s\"", text) >= 0;
}

/* Comments stay on their line. */
static void put_comment(FILE *out, const char *text)
{
    fputs("# ", out);
    for (; *text; text++)
        fputc(iscntrl((unsigned char)*text) ? ' ' : *text, out);
    fputc('\n', out);
}

/* Letters, digits and .-_+ stay; the rest becomes a hyphen. */
static void put_name(FILE *out, const char *name)
{
    unsigned int n = 0;

    fputs("name = \"", out);
    for (; *name && n < 60; name++, n++)
        fputc(isalnum((unsigned char)*name) || strchr("._+-", *name) ? *name : '-', out);
    fputs(n ? "\"\n" : "imported\"\n", out);
}

/* xvda .. xvdz, xvdaa ..: as disks are named in a guest. */
static void device_name(size_t i, char name[8])
{
    if (i < 26)
        snprintf(name, 8, "xvd%c", (char)('a' + i));
    else
        snprintf(name, 8, "xvd%c%c", (char)('a' + i / 26 - 1), (char)('a' + i % 26));
}

/* Disks keep their letters when one before them is left out. */
static int put_disks(const struct vm *vm, const char *const *targets, FILE *out)
{
    fputs("disk = [\n", out);
    for (size_t i = 0; i < vm->n_disks; i++) {
        char name[8];

        if (!targets[i])
            continue;
        if (strpbrk(targets[i], "',\"\\\n\r"))
            return -1;
        device_name(i, name);
        if (fprintf(out, "    '%s,vmdk,%s,%s', # %s\n", targets[i], name,
                    vm->disks[i].is_read_only ? "r" : "w", vm->disks[i].place) < 0)
            return -1;
    }
    fputs("]\n", out);
    return 0;
}

static const char *bridge_of(struct vm *vm, const struct vm_nic *nic,
                             const struct xlcfg_options *options)
{
    for (size_t i = 0; nic->network && i < options->n_networks; i++)
        if (strcmp(options->networks[i].network, nic->network) == 0)
            return options->networks[i].bridge;
    if (nic->network)
        vm_lose(vm, "network \"%s\": connected to vSwitch %s, as no other was named", nic->network,
                options->bridge);
    return options->bridge;
}

static void put_nics(struct vm *vm, const struct xlcfg_options *options, FILE *out)
{
    fputs("vif = [\n", out);
    for (size_t i = 0; i < vm->n_nics; i++) {
        const struct vm_nic *nic = &vm->nics[i];
        const char *bridge = bridge_of(vm, nic, options);

        fputs("    '", out);
        if (nic->has_mac)
            fprintf(out, "mac=%02x:%02x:%02x:%02x:%02x:%02x,", nic->mac[0], nic->mac[1],
                    nic->mac[2], nic->mac[3], nic->mac[4], nic->mac[5]);
        fprintf(out, "bridge=%s',\n", bridge);
    }
    fputs("]\n", out);
}

static int put_boot(const struct xlcfg_options *options, FILE *out)
{
    const struct {
        const char *key, *value;
    } lines[] = {{"bootloader", options->bootloader},
                 {"kernel", options->bootloader ? NULL : options->kernel},
                 {"ramdisk", options->bootloader ? NULL : options->ramdisk},
                 {"extra", options->extra}};

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        if (!lines[i].value)
            continue;
        fprintf(out, "%s = ", lines[i].key);
        if (!put_string(out, lines[i].value))
            return -1;
        fputc('\n', out);
    }
    return 0;
}

int xlcfg_write(struct vm *vm, const struct xlcfg_options *options, FILE *out)
{
    char uuid[UUID_STR_LEN];

    put_comment(out, options->source);
    put_name(out, vm->name);
    fputs("type = \"pv\"\n", out);
    if (vm->has_uuid) {
        uuid_unparse_lower(vm->uuid, uuid);
        fprintf(out, "uuid = \"%s\"\n", uuid);
    }
    fprintf(out, "memory = %llu\nvcpus = %u\n", (unsigned long long)vm->memory_mib, vm->vcpus);
    if (put_boot(options, out) || put_disks(vm, options->targets, out))
        return -1;
    put_nics(vm, options, out);
    if (vm->n_losses)
        put_comment(out, "Not carried over:");
    for (size_t i = 0; i < vm->n_losses; i++)
        put_comment(out, vm->losses[i]);
    return ferror(out) ? -1 : 0;
}
