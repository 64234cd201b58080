# SPDX-License-Identifier: MIT
# Fuzzers of what guests, descriptors and volumes may bring to the block backend.
BLOCK_FUZZ := tests/fuzz/block
$(eval $(call fuzzer,vmdk-descriptor,$(BLOCK_FUZZ)/fuzz_descriptor.c backends/block/vmdk/descriptor.c backends/block/vmdk/encoding.c,))
$(eval $(call fuzzer,block-request,$(BLOCK_FUZZ)/fuzz_request.c backends/block/request.c backends/block/ring.c,))
VMFS_FUZZ := $(BLOCK_FUZZ)/vmfs_template.c $(VMFS_SRC) backends/block/bdev.c tests/unit/block/memory_bdev.c
$(eval $(call fuzzer,vmfs-volume,$(BLOCK_FUZZ)/fuzz_volume.c $(VMFS_FUZZ),))
$(eval $(call fuzzer,vmfs-inode,$(BLOCK_FUZZ)/fuzz_inode.c $(VMFS_FUZZ),))
$(eval $(call fuzzer,vmfs-directory,$(BLOCK_FUZZ)/fuzz_directory.c $(VMFS_FUZZ),))
$(eval $(call fuzzer,vmfs-walk,$(BLOCK_FUZZ)/fuzz_walk.c $(VMFS_FUZZ),))
$(eval $(call fuzzer,vmfs-write,$(BLOCK_FUZZ)/fuzz_write.c $(VMFS_FUZZ),))
VMDK_FUZZ_SRC := $(BLOCK_FUZZ)/fuzz_extent.c tests/unit/block/memory_store.c $(BDISK_SRC)
$(eval $(call fuzzer,vmdk-kdmv,$(VMDK_FUZZ_SRC),$(BDISK_LIBS),-DEXTENT_TYPE='"SPARSE"'))
$(eval $(call fuzzer,vmdk-stream,$(VMDK_FUZZ_SRC),$(BDISK_LIBS),-DEXTENT_TYPE='"SPARSE"'))
$(eval $(call fuzzer,vmdk-cowd,$(VMDK_FUZZ_SRC),$(BDISK_LIBS),-DEXTENT_TYPE='"VMFSSPARSE"'))
$(eval $(call fuzzer,vmdk-sesparse,$(VMDK_FUZZ_SRC),$(BDISK_LIBS),-DEXTENT_TYPE='"SESPARSE"'))
