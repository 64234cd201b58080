/* SPDX-License-Identifier: MIT */
/* Any bytes as a VMDK descriptor; what is accepted must be within bounds. */
#include "block/vmdk/descriptor.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct vmdk_descriptor descriptor;
    char error[VMDK_ERROR_MAX];
    uint64_t sectors = 0;

    if (vmdk_descriptor_parse((const char *)data, size, &descriptor, error) != 0)
        return 0;
    if (descriptor.extent_count == 0 || descriptor.extent_count > VMDK_MAX_EXTENTS ||
        descriptor.sectors > VMDK_MAX_SECTORS)
        abort();
    for (unsigned i = 0; i < descriptor.extent_count; i++) {
        if (strlen(descriptor.extents[i].file) > VMDK_NAME_MAX)
            abort();
        sectors += descriptor.extents[i].sectors;
    }
    if (sectors != descriptor.sectors)
        abort();
    vmdk_descriptor_free(&descriptor);
    return 0;
}
