/* SPDX-License-Identifier: MIT */
/* corbel-vswitchd's messages. */
#ifndef NET_LOG_H
#define NET_LOG_H

/* One line to standard error: what happened, to whom, and how to mend it. */
__attribute__((format(printf, 1, 2))) void net_log(const char *format, ...);

#endif
