/* SPDX-License-Identifier: MIT */
/*
 * A spoiled volume that is changed: the first byte chooses the format and whether its device has
 * room to grow into, two say which transfer fails, six what is done in which order; patches of
 * any place follow.
 */
#include "vmfs_template.h"

#define HEAD 9

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vmfs_template *made;

    if (size < HEAD)
        return 0;
    made = vmfs_template(data[0]);
    vmfs_template_grow(made, (data[0] & 2) != 0);
    vmfs_template_change(made, data + 1, data + HEAD, size - HEAD);
    vmfs_template_grow(made, false);
    return 0;
}
