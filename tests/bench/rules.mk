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

$(B)/bench/diskbench: tests/bench/disk/diskbench.c
	@mkdir -p $(@D)
	$(call say) LINK $@
	$(Q)$(CC) $(PROG_CFLAGS) -static -o $@ $<
$(B)/bench/disks.img: tests/bench/disk/guest.manifest tests/bench/disk/guest-init $(B)/bench/diskbench $(DEBS)/.fetched
	$(call say) PACK $@
	$(Q)dom0/image/packroot -D DEBS=$(DEBS) -D B=$(B) --modules $(DEBS)/modules --cpio $@ $<
$(DEBS)/qemu-dm/.fetched: tests/bench/disk/qemu-packages.txt dom0/stock/fetch
	$(call say) FETCH $(DEBS)/qemu-dm
	$(Q)dom0/stock/fetch $(DEBS)/qemu-dm $<
	@touch $@
.PHONY: bench-disk
## bench-disk: a guest's disk: our backend on VMFS beside Xen's blkback and QEMU's qdisk, in instructions
bench-disk: $$(ALL) dom0-image stock $(B)/bench/disks.img $(DEBS)/qemu-dm/.fetched
	@tests/bench/disk/run --build $(B)

$(B)/bench/vmfsbench: tests/bench/vmfs/vmfsbench.c $(VMFS_SRC) backends/block/bdev.c backends/block/bdev_file.c backends/block/ats.c
	@mkdir -p $(@D)
	$(call say) LINK $@
	$(Q)$(CC) $(PROG_CFLAGS) -o $@ $^ -luring
.PHONY: bench-vmfs
## bench-vmfs: the vmfs library beside the raw file and vmfs-fuse, natively
bench-vmfs: $$(ALL) $(B)/bench/vmfsbench
	@B=$(B) tests/bench/vmfs/run
.PHONY: bench-vmdk
## bench-vmdk: sparse VMDKs: our library beside `qemu-img bench`, natively
bench-vmdk: $$(ALL) $(B)/tests/vmdk/cell
	@B=$(B) tests/bench/storage/vmdk
$(B)/bench/slowdisk: tests/bench/vmfs/slowdisk.c
	@mkdir -p $(@D)
	$(call say) LINK $@
	$(Q)$(CC) $(PROG_CFLAGS) -o $@ $< -lfuse3 -lpthread
.PHONY: bench-mount
## bench-mount: vmfs-mount beside vmfs-fuse and the image itself, natively: in memory, on a disk, on a slow LUN
bench-mount: $$(ALL) $(B)/bench/slowdisk
	@B=$(B) tests/bench/vmfs/mount
