/* SPDX-License-Identifier: MIT */
/* CRC-32 eight bytes and CRC-64 four bytes at a time; slice[k][b] is the effect of byte b seen k
 * bytes ago. */
#include "lib/bytes.h"
#include "lib/crc.h"

#define CRC32_POLYNOMIAL 0xEDB88320u
#define CRC64_POLYNOMIAL 0xC96C5795D7870F42ull

void crc32_table_init(struct crc32_table *table)
{
    for (unsigned int b = 0; b < 256; b++) {
        uint32_t crc = b;

        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (CRC32_POLYNOMIAL & -(crc & 1));
        table->slice[0][b] = crc;
    }
    for (unsigned int b = 0; b < 256; b++)
        for (int k = 1; k < 8; k++) {
            uint32_t crc = table->slice[k - 1][b];

            table->slice[k][b] = (crc >> 8) ^ table->slice[0][crc & 0xff];
        }
}

void crc64_table_init(struct crc64_table *table)
{
    for (unsigned int b = 0; b < 256; b++) {
        uint64_t crc = b;

        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (CRC64_POLYNOMIAL & -(crc & 1));
        table->slice[0][b] = crc;
    }
    for (unsigned int b = 0; b < 256; b++)
        for (int k = 1; k < 4; k++) {
            uint64_t crc = table->slice[k - 1][b];

            table->slice[k][b] = (crc >> 8) ^ table->slice[0][crc & 0xff];
        }
}

uint32_t crc32_update(const struct crc32_table *table, uint32_t crc, const void *data, size_t len)
{
    const uint32_t(*slice)[256] = table->slice;
    const uint8_t *p = data;

    crc = ~crc;
    for (; len >= 8; len -= 8, p += 8) {
        uint64_t v = load_le64(p) ^ crc;

        crc = slice[7][v & 0xff] ^ slice[6][(v >> 8) & 0xff] ^ slice[5][(v >> 16) & 0xff] ^
              slice[4][(v >> 24) & 0xff] ^ slice[3][(v >> 32) & 0xff] ^ slice[2][(v >> 40) & 0xff] ^
              slice[1][(v >> 48) & 0xff] ^ slice[0][v >> 56];
    }
    while (len--)
        crc = (crc >> 8) ^ slice[0][(crc ^ *p++) & 0xff];
    return ~crc;
}

uint64_t crc64_update(const struct crc64_table *table, uint64_t crc, const void *data, size_t len)
{
    const uint64_t(*slice)[256] = table->slice;
    const uint8_t *p = data;

    crc = ~crc;
    for (; len >= 4; len -= 4, p += 4) {
        uint32_t v = load_le32(p) ^ (uint32_t)crc;

        crc = (crc >> 32) ^ slice[3][v & 0xff] ^ slice[2][(v >> 8) & 0xff] ^
              slice[1][(v >> 16) & 0xff] ^ slice[0][v >> 24];
    }
    while (len--)
        crc = (crc >> 8) ^ slice[0][(crc ^ *p++) & 0xff];
    return ~crc;
}
