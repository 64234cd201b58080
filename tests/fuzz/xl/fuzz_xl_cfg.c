/* SPDX-License-Identifier: MIT */
/* Any bytes as an xl.cfg file: parsed, given a meaning, freed. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "config/domain_config.h"

static void ignore(void *context, bool is_error, const char *file, unsigned int line,
                   const char *text)
{
    (void)context;
    (void)is_error;
    (void)file;
    (void)line;
    if (strlen(text) == 0)
        __builtin_trap(); /* a complaint that says nothing */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct domain_config config;
    struct cfg_error error;
    struct cfg cfg = {0};

    if (cfg_parse(&cfg, (const char *)data, size, "fuzz", &error) == 0) {
        if (domain_config_read(&config, &cfg, "fuzz", ignore, NULL) == 0 &&
            (!*config.name || !config.kernel || !config.vcpus || !config.memory_kib))
            __builtin_trap(); /* taken, and yet not whole */
        domain_config_free(&config);
    } else if (!*error.text) {
        __builtin_trap();
    }
    cfg_free(&cfg);
    return 0;
}
