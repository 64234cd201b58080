/* SPDX-License-Identifier: MIT */
/* The 64-bit hash that places a name in a VMFS-6 directory: Jenkins' lookup8 over a padded name. */
#include "block/vmfs/internal.h"

#include <string.h>

#define KEY_WORDS 32u
#define PAD_END   127u
#define PAD       0x739A75C28E61B017ull
#define SEED      42u
#define GOLDEN    0x9E3779B97F4A7C13ull

/* One round subtracts the two others from each word and folds the next one in, shifted. */
static void mix(uint64_t word[3])
{
    static const uint8_t shifts[4][3] = {{43, 9, 8}, {38, 23, 5}, {35, 49, 11}, {12, 18, 22}};

    for (unsigned round = 0; round < 4; round++) {
        for (unsigned i = 0; i < 3; i++) {
            uint64_t next = word[(i + 1) % 3], last = word[(i + 2) % 3];
            unsigned shift = shifts[round][i];

            word[i] -= next + last;
            /* `last` is the third word for the first, the first for the second, and so on. */
            word[i] ^= i == 1 ? last << shift : last >> shift;
        }
    }
}

uint64_t dir6_hash(const char *name)
{
    uint64_t key[KEY_WORDS] = {0}, word[3] = {SEED, SEED, GOLDEN};
    size_t length = strnlen(name, sizeof(key) - 1);

    memcpy(key, name, length);
    for (size_t i = (length + 8) / 8; i * 8 < PAD_END; i++)
        key[i] = PAD;
    for (unsigned i = 0; i + 3 <= KEY_WORDS; i += 3) {
        for (unsigned k = 0; k < 3; k++)
            word[k] += key[i + k];
        mix(word);
    }
    word[2] += KEY_WORDS;
    word[0] += key[KEY_WORDS - 2];
    word[1] += key[KEY_WORDS - 1];
    mix(word);
    return word[2];
}
