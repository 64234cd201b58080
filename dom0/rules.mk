# SPDX-License-Identifier: MIT
# dom0: the stock kernel, its initramfs, the boot ISO.

# Debian's packages unpacked for the emulated machine; several build directories may share one.
DEBS        ?= $(B)/debs
DOM0_KERNEL := $(DEBS)/vmlinuz
DOM0_INITRD := $(B)/dom0/initrd.img

$(DEBS)/.fetched: dom0/kernel/fetch-debs
	$(call say) FETCH $(DEBS)
	$(Q)dom0/kernel/fetch-debs $(DEBS)
	@touch $@
$(DOM0_KERNEL): $(DEBS)/.fetched ;

# The guests: their initrd, and a root file system as an ext4 image, made without mounting.
GUEST_INITRD := $(B)/guest/initrd.img
GUEST_ROOT   := $(B)/guest/root.ext4
GUEST_PARTS  := dom0/image/packroot $(wildcard dom0/guest/* dom0/guest/*/*) $(DEBS)/.fetched
PACKROOT     := dom0/image/packroot -D DEBS=$(DEBS) -D B=$(B) -D SERVICES=dom0/services \
                -D GUEST=dom0/guest -L $(DEBS)/root/usr/lib/x86_64-linux-gnu --modules $(DEBS)/modules
$(GUEST_INITRD): dom0/image/guest-initrd.manifest $(GUEST_PARTS)
	@mkdir -p $(@D)
	$(call say) PACK $@
	$(Q)$(PACKROOT) --cpio $@ $<
$(GUEST_ROOT): dom0/image/guest-root.manifest $(GUEST_PARTS) dom0/services/corbel-lease dom0/services/functions.sh
	@mkdir -p $(@D)
	$(call say) EXT4 $@
	$(Q)$(PACKROOT) --tree $@.tree $<
	@rm -f $@
	$(Q)mke2fs -q -t ext4 -d $@.tree -E root_owner=0:0 -O ^metadata_csum_seed $@ $(GUEST_ROOT_SIZE)
	@rm -rf $@.tree
GUEST_ROOT_SIZE := 64M

# The demonstration's disk: a VMFS-5 volume made by our tool, with each guest's root on a VMDK.
DEMO_VOLUME := $(B)/demo/volume.img
$(DEMO_VOLUME): $(GUEST_ROOT) $(B)/bin/vmfstool
	@mkdir -p $(@D)
	$(call say) VMFS $@
	@rm -f $@ && truncate -s 600M $@
	$(Q)$(B)/bin/vmfstool -C vmfs5 -S demo-ds $@
	$(Q)$(B)/bin/vmfstool --device $@ mkdir demo
	$(Q)$(B)/bin/vmfstool --device $@ -i $(GUEST_ROOT) -d thin demo/demo.vmdk
	$(Q)$(B)/bin/vmfstool --device $@ -i $(GUEST_ROOT) -d zeroedthick demo/demo2.vmdk
	$(Q)$(B)/bin/vmfstool --device $@ check /

DOM0_MANIFESTS := dom0/image/dom0.manifest dom0/image/modules.manifest
DOM0_SERVICES  := $(wildcard dom0/services/* dom0/services/*/*)
# Every program of ours goes in; rules.mk files read after this one add to ALL.
.SECONDEXPANSION:
$(DOM0_INITRD): dom0/image/packroot $(DOM0_MANIFESTS) $(DOM0_SERVICES) $(GUEST_INITRD) \
                backends/net/vswitch.conf \
                $$(filter $$(B)/bin/%,$$(ALL))
	@mkdir -p $(@D)
	$(call say) PACK $@
	$(Q)$(PACKROOT) --cpio $@ $(DOM0_MANIFESTS)

.PHONY: dom0-image
dom0-image: $(DOM0_INITRD) $(DOM0_KERNEL)

# ISO_HV=FILE puts another hypervisor on the ISO, for comparison.
ISO_HV ?= $(B)/corbel
ISO    := $(B)/corbel.iso
$(ISO): $(ISO_HV) $(DOM0_INITRD) $(DOM0_KERNEL) dom0/image/mkiso dom0/image/grub.cfg.in
	$(call say) ISO $@
	$(Q)dom0/image/mkiso $@ $(HV_VERSION) $(ISO_HV) $(DOM0_KERNEL) $$(cat $(DEBS)/kernel-version) \
	  $(DOM0_INITRD)
.PHONY: iso
## iso: build/corbel.iso, which boots by GRUB on BIOS and UEFI firmware
iso: $(ISO)

.PHONY: run demo-volume
demo-volume: $(DEMO_VOLUME)
## run: boot the ISO in QEMU: a shell in dom0, or without a terminal the whole demonstration
run: $$(ALL) $(ISO) $(DEMO_VOLUME)
	@dom0/run --build $(B)
