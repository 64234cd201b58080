# SPDX-License-Identifier: MIT
# Micro-guests of the block tests: one with a real frontend, one that writes nonsense into its ring.
$(eval $(call micro_guest,block_load,tests/system/block/micro_load.c frontends/block/block.c))
$(eval $(call micro_guest,block_hostile,tests/system/block/micro_hostile.c frontends/block/block.c))
