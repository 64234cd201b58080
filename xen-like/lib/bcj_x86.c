/* SPDX-License-Identifier: MIT */
/* Undoes the x86 branch filter: finds E8/E9 eight bytes at a time, converts plausible operands. */
#include <stdbool.h>
#include <stdint.h>

#include "lib/bcj.h"
#include "lib/bytes.h"

#define REPEAT8(byte) (0x0101010101010101ull * (byte))

/*
 * The encoder converts an operand only when its top byte is 00 or FF (targets within 16 MiB), and
 * looks at what the three bytes before held: `recent` has bit k set when the byte k+1 places back
 * was an opcode whose operand was left alone. Such an opcode's operand overlaps ours, so some
 * patterns are never converted, and for the others the byte that both share decides.
 */
static const bool pattern_convertible[8] = {true, true, true, false, true, false, false, false};
static const uint8_t pattern_shared_byte[8] = {0, 1, 2, 2, 3, 3, 3, 3};

static bool is_sign_byte(uint8_t b)
{
    return b == 0x00 || b == 0xff;
}

static bool is_branch(uint8_t b)
{
    return (b & 0xfe) == 0xe8;
}

/* First position from pos on that holds E8 or E9, or end. */
static size_t next_branch(const uint8_t *data, size_t pos, size_t end)
{
    while (pos + 8 <= end) {
        uint64_t diff = (load_le64(data + pos) & REPEAT8(0xfe)) ^ REPEAT8(0xe8);
        uint64_t zero = (diff - REPEAT8(0x01)) & ~diff & REPEAT8(0x80);

        /* The lowest flagged byte is exact; borrows only disturb the bytes above it. */
        if (zero)
            return pos + (size_t)__builtin_ctzll(zero) / 8;
        pos += 8;
    }
    while (pos < end && !is_branch(data[pos]))
        pos++;
    return pos;
}

/* The relative operand for an absolute one at position ip (of the next instruction). */
static uint32_t to_relative(uint32_t operand, uint32_t ip, unsigned int recent)
{
    unsigned int shared = 8 * pattern_shared_byte[recent];
    uint32_t relative = operand - ip;

    /*
     * The encoder takes a second step where its first made the shared byte a sign byte. Below that
     * byte two steps give the complement of the operand, whose shared byte was no sign byte: never
     * a third.
     */
    if (recent && is_sign_byte((uint8_t)(relative >> (24 - shared))))
        relative = (relative ^ ((1u << (32 - shared)) - 1)) - ip;
    /* Sign-extend from bit 24. */
    relative &= 0x01ffffff;
    return relative | -(relative & 0x01000000);
}

void bcj_x86_decode(uint8_t *data, size_t len, uint32_t start)
{
    size_t end = len > 4 ? len - 4 : 0, previous = SIZE_MAX, pos;
    unsigned int recent = 0;

    for (pos = next_branch(data, 0, end); pos < end; pos = next_branch(data, pos, end)) {
        size_t gap = pos - previous; /* 1 or more: the first opcode's previous is -1 */
        bool convert = is_sign_byte(data[pos + 4]);

        recent = gap <= 3 ? (recent << (gap - 1)) & 7 : 0;
        previous = pos;
        if (recent)
            convert = convert && pattern_convertible[recent] &&
                      !is_sign_byte(data[pos + 4 - pattern_shared_byte[recent]]);
        if (convert) {
            uint32_t ip = start + (uint32_t)pos + 5;

            store_le32(data + pos + 1, to_relative(load_le32(data + pos + 1), ip, recent));
            pos += 5;
        } else {
            recent = recent << 1 | 1;
            pos += 1;
        }
    }
}
