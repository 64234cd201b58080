/* SPDX-License-Identifier: MIT */
/* How time passes, whatever the time of day is set to. */
#include "util/clock.h"

time_t clock_now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}
