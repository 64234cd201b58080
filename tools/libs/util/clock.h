/* SPDX-License-Identifier: MIT */
/* How time passes, whatever the time of day is set to. */
#ifndef UTIL_CLOCK_H
#define UTIL_CLOCK_H

#include <time.h>

/* Seconds since an arbitrary moment; never goes back. */
time_t clock_now_s(void);

#endif
