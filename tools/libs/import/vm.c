/* SPDX-License-Identifier: MIT */
/* What all readers of VM descriptions share. */
#include "import/vm.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void vm_free(struct vm *vm)
{
    free(vm->name);
    free(vm->guest_os);
    for (size_t i = 0; i < vm->n_disks; i++)
        free(vm->disks[i].file);
    for (size_t i = 0; i < vm->n_nics; i++)
        free(vm->nics[i].network);
    for (size_t i = 0; i < vm->n_losses; i++)
        free(vm->losses[i]);
    *vm = (struct vm){0};
}

/* Absolute names on an ESXi host: /vmfs/volumes/LABEL-OR-UUID/folder/file. */
#define ESXI_VOLUMES "/vmfs/volumes/"

/* Appends the parts of `name`; false when ".." leads above the root or there is no room. */
static bool append(char path[VM_PATH_MAX], const char *name, size_t length)
{
    size_t used = strlen(path);

    for (const char *at = name, *end = name + length; at < end;) {
        size_t part = strcspn(at, "/");

        if (part > (size_t)(end - at))
            part = (size_t)(end - at);
        if (part == 2 && at[0] == '.' && at[1] == '.') {
            if (used == 0)
                return false;
            while (used > 0 && path[--used] != '/')
                ;
        } else if (part > 0 && !(part == 1 && at[0] == '.')) {
            if (used + part + 2 > VM_PATH_MAX)
                return false;
            if (used > 0)
                path[used++] = '/';
            memcpy(path + used, at, part);
            used += part;
        }
        at += part + (at + part < end);
    }
    path[used] = '\0';
    return true;
}

const char *vm_locate(const char *vmx_path, const char *file, char volume[VM_VOLUME_MAX],
                      char path[VM_PATH_MAX])
{
    const char *slash = strrchr(vmx_path, '/');
    size_t length = 0;

    volume[0] = path[0] = '\0';
    for (const char *c = file; *c; c++)
        if (iscntrl((unsigned char)*c))
            return "a name with control characters";
    if (*file == '/') {
        if (strncmp(file, ESXI_VOLUMES, strlen(ESXI_VOLUMES)) != 0)
            return "an absolute name that is not below /vmfs/volumes";
        file += strlen(ESXI_VOLUMES);
        length = strcspn(file, "/");
        if (length == 0 || length >= VM_VOLUME_MAX || strncmp(file, "..", length) == 0)
            return "no volume of that name";
        memcpy(volume, file, length);
        volume[length] = '\0';
        file += length;
    } else if (slash && !append(path, vmx_path, (size_t)(slash - vmx_path))) {
        return "a folder name too long";
    }
    if (!append(path, file, strlen(file)))
        return "a name that leads out of its volume, or is too long";
    length = strlen(path);
    /* The words of an xl.cfg lose the blanks around them: that would be another file. */
    if (length == 0 || isspace((unsigned char)path[0]) || isspace((unsigned char)path[length - 1]))
        return "no name of a file, or one with blanks around it";
    return NULL;
}

void vm_lose(struct vm *vm, const char *format, ...)
{
    char *sentence = NULL;
    va_list args;

    if (vm->n_losses == VM_LOSSES_MAX)
        return;
    va_start(args, format);
    if (vasprintf(&sentence, format, args) < 0)
        sentence = NULL;
    va_end(args);
    if (sentence)
        vm->losses[vm->n_losses++] = sentence;
}

bool vm_parse_mac(const char *text, uint8_t mac[6])
{
    for (unsigned int i = 0; i < 6; i++) {
        char pair[3] = {text[0], text[0] ? text[1] : '\0', '\0'};

        if (!isxdigit((unsigned char)pair[0]) || !isxdigit((unsigned char)pair[1]))
            return false;
        mac[i] = (uint8_t)strtoul(pair, NULL, 16);
        text += 2;
        if (i < 5 && *text != ':' && *text != '-')
            return false;
        text += i < 5;
    }
    return *text == '\0';
}
