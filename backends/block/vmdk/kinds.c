/* SPDX-License-Identifier: MIT */
/* kinds: the words for kinds of disks. */
#include "block/vmdk/vmdk.h"

#include <errno.h>
#include <strings.h>

/* vmkfstools' word first; then createType's words, those of today and of before. */
static const struct {
    const char *words[5];
} kinds[VMDK_KINDS] = {
    [VMDK_KIND_VMFS_THIN] = {{"thin", "vmfsThin"}},
    [VMDK_KIND_VMFS_ZEROEDTHICK] = {{"zeroedthick", "vmfs", "vmfsThick", "vmfsPreallocated"}},
    [VMDK_KIND_VMFS_EAGERZEROEDTHICK] = {{"eagerzeroedthick", "vmfsEagerZeroedThick"}},
    [VMDK_KIND_MONOLITHIC_FLAT] = {{"monoflat", "monolithicFlat"}},
    [VMDK_KIND_MONOLITHIC_SPARSE] = {{"monosparse", "monolithicSparse"}},
    [VMDK_KIND_TWO_GB_FLAT] = {{"2gbflat", "twoGbMaxExtentFlat", "2GbMaxExtentFlat"}},
    [VMDK_KIND_TWO_GB_SPARSE] = {{"2gbsparse", "twoGbMaxExtentSparse", "2GbMaxExtentSparse"}},
    [VMDK_KIND_STREAM] = {{"streamoptimized"}},
    [VMDK_KIND_VMFS_SPARSE] = {{"vmfssparse"}},
    [VMDK_KIND_SE_SPARSE] = {{"sesparse", "vmfsSeSparse"}},
    [VMDK_KIND_RDM] = {{"rdm", "vmfsRDM", "vmfsRawDeviceMap"}},
    [VMDK_KIND_RDMP] = {{"rdmp", "vmfsRDMP", "vmfsPassthroughRawDeviceMap"}},
};

int vmdk_kind_parse(const char *word, enum vmdk_kind *out)
{
    for (unsigned kind = 0; kind < VMDK_KINDS; kind++) {
        for (unsigned i = 0; i < 5 && kinds[kind].words[i] != NULL; i++) {
            if (strcasecmp(word, kinds[kind].words[i]) == 0) {
                *out = (enum vmdk_kind)kind;
                return 0;
            }
        }
    }
    return -ENOENT;
}

const char *vmdk_kind_name(enum vmdk_kind kind)
{
    return kinds[kind].words[0];
}
