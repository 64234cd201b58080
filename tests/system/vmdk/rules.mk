# SPDX-License-Identifier: MIT
# The VMDK library by hand: tests/system/vmdk/run drives it beside others' tools.
$(B)/tests/vmdk/cell: $(patsubst %.c,$(B)/obj/%.o,tests/system/vmdk/cell.c $(BDISK_SRC))
	@mkdir -p $(@D)
	$(call say) LINK $@
	$(Q)$(CC) $(PROG_CFLAGS) -o $@ $^ $(BDISK_LIBS)
TEST_PROGRAMS += $(B)/tests/vmdk/cell
