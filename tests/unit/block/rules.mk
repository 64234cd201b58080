# SPDX-License-Identifier: MIT
# Unit tests of the block backend and its libraries.
BLOCK_TEST_VMFS := $(VMFS_SRC) backends/block/bdev.c tests/unit/block/memory_bdev.c
$(eval $(call unit_test,vmfs_power_cut,tests/unit/block/test_power_cut.c $(BLOCK_TEST_VMFS),))
