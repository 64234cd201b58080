# SPDX-License-Identifier: MIT
# dom0: the stock kernel, its initramfs, the boot ISO.

# Debian's packages unpacked for the emulated machine; several build directories may share one.
DEBS        ?= $(B)/debs
DOM0_KERNEL := $(DEBS)/vmlinuz
DOM0_INITRD := $(B)/dom0/initrd.img

$(DEBS)/.fetched: dom0/kernel/fetch-debs
	dom0/kernel/fetch-debs $(DEBS)
	touch $@
$(DOM0_KERNEL): $(DEBS)/.fetched ;

DOM0_MANIFESTS := dom0/image/dom0.manifest dom0/image/modules.manifest
DOM0_SERVICES  := $(wildcard dom0/services/* dom0/services/*/*)
# Every program of ours goes in; rules.mk files read after this one add to ALL.
.SECONDEXPANSION:
$(DOM0_INITRD): dom0/image/packroot $(DOM0_MANIFESTS) $(DOM0_SERVICES) $(DEBS)/.fetched \
                $$(filter $$(B)/bin/%,$$(ALL))
	@mkdir -p $(@D)
	dom0/image/packroot -D DEBS=$(DEBS) -D B=$(B) -D SERVICES=dom0/services \
	  -L $(DEBS)/root/usr/lib/x86_64-linux-gnu --modules $(DEBS)/modules \
	  --cpio $@ $(DOM0_MANIFESTS)

.PHONY: dom0-image
dom0-image: $(DOM0_INITRD) $(DOM0_KERNEL)

# ISO_HV=FILE puts another hypervisor on the ISO, for comparison.
ISO_HV ?= $(B)/corbel
ISO    := $(B)/corbel.iso
$(ISO): $(ISO_HV) $(DOM0_INITRD) $(DOM0_KERNEL) dom0/image/mkiso dom0/image/grub.cfg.in
	dom0/image/mkiso $@ $(HV_VERSION) $(ISO_HV) $(DOM0_KERNEL) $$(cat $(DEBS)/kernel-version) \
	  $(DOM0_INITRD)
.PHONY: iso
## iso: build/corbel.iso, which boots by GRUB on BIOS firmware
iso: $(ISO)
