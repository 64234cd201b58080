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
