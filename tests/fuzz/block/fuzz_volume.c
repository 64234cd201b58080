/* SPDX-License-Identifier: MIT */
/* A volume whose own metadata says anything: the first byte chooses the format, the rest patches.
 */
#include "vmfs_template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0)
        vmfs_template_spoil_volume(vmfs_template(data[0]), data + 1, size - 1);
    return 0;
}
