/* SPDX-License-Identifier: MIT */
/* Any bytes as a vswitch.conf. */
#include "net/config.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct net_config config;
    char error[200] = "";

    if (config_parse("f", (const char *)data, size, &config, error, sizeof(error)) < 0) {
        if (strncmp(error, "f:", 2) != 0)
            abort();
    } else if (config.n_switches == 0 || config.n_switches > CONFIG_SWITCHES_MAX) {
        abort();
    }
    return 0;
}
