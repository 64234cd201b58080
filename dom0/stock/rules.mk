# SPDX-License-Identifier: MIT
# The stock dom0: Debian's own Xen and libvirt packages, unmodified, on a disk. Nothing else needs it.

STOCK        := $(DEBS)/stock
STOCK_ROOT   := $(B)/stock/root.img
STOCK_INITRD := $(B)/stock/initrd.img
STOCK_SIZE   := 400M

$(STOCK)/.fetched: dom0/stock/fetch dom0/stock/packages.txt
	$(call say) FETCH $(STOCK)
	$(Q)dom0/stock/fetch $(STOCK)
	@touch $@
$(STOCK_ROOT): dom0/stock/root.manifest dom0/stock/init $(STOCK)/.fetched $(DEBS)/.fetched dom0/image/packroot
	@mkdir -p $(@D)
	$(call say) EXT4 $@
	@rm -rf $@ $@.tree && cp -a $(STOCK)/root $@.tree
	$(Q)$(PACKROOT) --tree $@.added $<
	$(Q)tar c -C $@.added . | tar x -C $@.tree --keep-directory-symlink
	$(Q)depmod -b $@.tree "$$(cat $(DEBS)/kernel-version)"
	$(Q)mke2fs -q -t ext4 -d $@.tree -E root_owner=0:0 -O ^metadata_csum_seed $@ $(STOCK_SIZE)
	@rm -rf $@.tree $@.added
$(STOCK_INITRD): dom0/stock/initrd.manifest dom0/stock/initrd-init $(DEBS)/.fetched dom0/image/packroot
	@mkdir -p $(@D)
	$(call say) PACK $@
	$(Q)$(PACKROOT) --cpio $@ $<

.PHONY: stock
## stock: the stock dom0, made of Debian's own Xen packages, for tests/system/stock
stock: $(STOCK_ROOT) $(STOCK_INITRD)
TEST_PROGRAMS += $(STOCK_ROOT) $(STOCK_INITRD)
