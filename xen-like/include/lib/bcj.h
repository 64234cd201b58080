/* SPDX-License-Identifier: MIT */
/* The x86 branch filter of .xz files, undone. */
#ifndef LIB_BCJ_H
#define LIB_BCJ_H

#include <stddef.h>
#include <stdint.h>

/*
 * Turns the absolute targets of E8/E9 (call, jmp) back into relative ones, in place, over the whole
 * output of a block. start is the position the filter's properties give to the first byte (0
 * mostly).
 */
void bcj_x86_decode(uint8_t *data, size_t len, uint32_t start);

#endif
