/* SPDX-License-Identifier: MIT */
/* corbel-blockd: starts a corbel-blkback for every virtual block device. */
#include "lib/instance.h"
#include "lib/launcher.h"

int main(void)
{
    const struct launcher_options options = {
        .name = "corbel-blockd",
        .root = "/local/domain/0/backend/vbd",
        .program = "corbel-blkback",
    };

    if (instance_lock(INSTANCE_RUN_DIRECTORY, options.name) < 0)
        return 1;
    return launcher_run(&options);
}
