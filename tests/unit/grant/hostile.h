/* SPDX-License-Identifier: MIT */
/* A granting guest on another CPU that rewrites its entry as fast as it can, honest and not. */
#ifndef TESTS_UNIT_GRANT_HOSTILE_H
#define TESTS_UNIT_GRANT_HOSTILE_H

#include <stdint.h>

/* Rewrites *flags and *frame from now on: any flags, and now the frame `honest`, now any. */
void hostile_start(uint16_t *flags, uint32_t *frame, uint32_t honest);
void hostile_stop(void);

#endif
