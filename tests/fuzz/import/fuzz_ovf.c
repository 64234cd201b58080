/* SPDX-License-Identifier: MIT */
/* Any bytes as an OVF descriptor. */
#include <stdint.h>

#include "import/ovf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *error;
    unsigned int line;
    struct vm vm;

    vm_from_ovf(&vm, (const char *)data, size, &error, &line);
    vm_free(&vm);
    return 0;
}
