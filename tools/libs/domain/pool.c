/* SPDX-License-Identifier: MIT */
/* CPU pools by name. */
#include "domain/pool.h"
#include "util/report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void pool_name(struct toolstack *ts, uint32_t id, char name[POOL_NAME_MAX])
{
    char *stored = store_read(ts->xs, XBT_NULL, "/local/pool/%u/name", id);

    if (stored)
        snprintf(name, POOL_NAME_MAX, "%s", stored);
    else
        snprintf(name, POOL_NAME_MAX, "Pool-%u", id);
    free(stored);
}

int pool_find(struct toolstack *ts, const char *name_or_id, struct hv_pool *pool)
{
    char name[POOL_NAME_MAX], *end;
    unsigned long number = strtoul(name_or_id, &end, 10);
    bool is_number = end != name_or_id && *end == '\0';

    for (uint32_t id = 0; hv_pool_info(ts->hv, id, pool) == 0; id = pool->id + 1) {
        pool_name(ts, pool->id, name);
        if (strcmp(name, name_or_id) == 0 || (is_number && pool->id == number))
            return 0;
    }
    if (errno != ENOENT)
        return report_errno("cannot ask the hypervisor for its CPU pools");
    report_error("there is no CPU pool '%s' (xl cpupool-list lists those there are)", name_or_id);
    return -1;
}
