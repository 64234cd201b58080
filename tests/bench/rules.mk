# SPDX-License-Identifier: MIT
# The bench: Corbel and Debian's Xen side by side. On demand, not a test.
$(B)/bench/%: tests/bench/%.c
	@mkdir -p $(@D)
	$(call say) LINK $@
	$(Q)$(CC) $(PROG_CFLAGS) -static -o $@ $<
$(B)/bench/guest.img: tests/bench/guest.manifest tests/bench/guest-init $(B)/bench/pvbench $(DEBS)/.fetched
	$(call say) PACK $@
	$(Q)dom0/image/packroot -D DEBS=$(DEBS) -D B=$(B) --cpio $@ $<
.PHONY: bench bench-files
bench-files: $(B)/bench/pvbench $(B)/bench/balloon $(B)/bench/guest.img
## bench: Corbel beside Debian's Xen and the bare kernel: boot time, instructions of each operation
bench: $$(ALL) dom0-image stock bench-files $(B)/guests/bench_micro.elf $(B)/guests/bench_domains.elf
	@tests/bench/run --build $(B)
