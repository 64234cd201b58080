# SPDX-License-Identifier: MIT
# Micro-guests of the block tests: one with a real frontend, one that writes nonsense into its ring.
$(eval $(call micro_guest,block_load,tests/system/block/micro_load.c frontends/block/block.c))
$(eval $(call micro_guest,block_hostile,tests/system/block/micro_hostile.c frontends/block/block.c))

$(B)/tests/block/caw-race: $(B)/obj/tests/system/block/caw_race.o \
    $(patsubst %.c,$(B)/obj/%.o,$(addprefix backends/block/,bdev.c bdev_file.c ats.c))
	@mkdir -p $(@D)
	$(CC) $(PROG_CFLAGS) -o $@ $^
TEST_PROGRAMS += $(B)/tests/block/caw-race
