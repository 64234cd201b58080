/* SPDX-License-Identifier: MIT */
/* A volume with a file descriptor that says anything: the first byte chooses the format, the rest
 * patches. */
#include "vmfs_template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vmfs_template *made;

    if (size == 0)
        return 0;
    made = vmfs_template(data[0]);
    vmfs_template_spoil(made, made->inode, data + 1, size - 1);
    return 0;
}
