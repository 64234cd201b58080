/* SPDX-License-Identifier: MIT */
/* Cyclic redundancy checks of compressed containers: CRC-32 (IEEE 802.3) and CRC-64 (ECMA-182). */
#ifndef LIB_CRC_H
#define LIB_CRC_H

#include <stddef.h>
#include <stdint.h>

/* Eight table slices, so that eight bytes are folded at a time. Built by the caller, in memory it
 * owns. */
struct crc32_table {
    uint32_t slice[8][256];
};

/* Four slices: CRC-64 is rare in what we unpack. */
struct crc64_table {
    uint64_t slice[4][256];
};

void crc32_table_init(struct crc32_table *table);
void crc64_table_init(struct crc64_table *table);

/*
 * Continues a check over len bytes at data. Start with crc = 0; the value returned after the last
 * piece is the one containers store (reflected, inverted).
 */
uint32_t crc32_update(const struct crc32_table *table, uint32_t crc, const void *data, size_t len);
uint64_t crc64_update(const struct crc64_table *table, uint64_t crc, const void *data, size_t len);

#endif
