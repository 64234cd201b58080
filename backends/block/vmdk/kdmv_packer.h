/* SPDX-License-Identifier: MIT */
/* kdmv_packer: one grain of a stream, unpacked or being gathered; for kdmv_stream*.c only. */
#ifndef BACKENDS_BLOCK_VMDK_KDMV_PACKER_H
#define BACKENDS_BLOCK_VMDK_KDMV_PACKER_H

#include "block/vmdk/kdmv.h"

struct kdmv_packer {
    uint64_t held;  /* grain in `grain`; UINT64_MAX: none */
    uint8_t *grain; /* its bytes */
    uint8_t *packed;
    size_t packed_size;
    /* Writing: sectors of the grains written so far, in the current table and of all tables. */
    uint32_t table[KDMV_TABLE_ENTRIES];
    uint64_t table_number;
    bool table_used;
    uint32_t *tables; /* the directory to be */
};

int kdmv_packer_make(struct kdmv *kdmv);

#endif
