# SPDX-License-Identifier: MIT
# The hypervisor: $(B)/corbel, one ELF32 container that multiboot 1 and 2 loaders take (GRUB, qemu -kernel).
HV_VERSION := 0.1
HV_CC     ?= gcc
HV_OPT    := -O2
HV_INC    := -nostdinc -isystem $(shell $(HV_CC) -print-file-name=include) -I $(B)/hv/inc -Ixen-like/include -Ixen-like
HV_CFLAGS := $(CSTD) $(HV_OPT) -g $(WARN) -ffreestanding -fPIE -mcmodel=small -fvisibility=hidden \
             -fno-stack-protector -fno-strict-aliasing -fno-asynchronous-unwind-tables -fno-omit-frame-pointer \
             -mno-red-zone -mgeneral-regs-only -mpreferred-stack-boundary=3 -fcf-protection=none -mindirect-branch=thunk-extern -mindirect-branch-register \
             -include xen-like/include/hidden.h -D__XEN_TOOLS__ -DCORBEL_VERSION='"$(HV_VERSION)"' $(HV_INC) $(if $(filter 1,$(DEBUG)),,-DNDEBUG)
# UBSAN=1: undefined behaviour is reported on the console (debug/ubsan.c).
UBSAN  ?= 0
HV_UBSAN := -fsanitize=undefined -fno-sanitize=return
HV_C := $(shell find xen-like -name '*.c' ! -name 'offsets.c' ! -name '*_host.c' $(if $(filter 1,$(UBSAN)),,! -name 'ubsan.c') | sort)
HV_S := $(shell find xen-like -name '*.S' | sort)
HV_OBJ := $(HV_C:%.c=$(B)/hv/%.o) $(HV_S:%.S=$(B)/hv/%.o)
HV_LDS := xen-like/arch/x86/link.lds

$(B)/hv/inc/.stamp:
	@mkdir -p $(@D) && ln -sfn /usr/include/xen $(B)/hv/inc/xen && touch $@

$(B)/hv/inc/offsets.h: xen-like/arch/x86/offsets.c $(wildcard xen-like/include/*.h xen-like/include/*/*.h) $(B)/hv/inc/.stamp
	@mkdir -p $(@D)
	$(Q)$(HV_CC) $(HV_CFLAGS) -S -o $(@D)/offsets.s $<
	$(Q)sed -n 's/^.*->\([A-Z_a-z0-9]*\) \$$\?\(-\?[0-9]*\).*$$/#define \1 \2/p' $(@D)/offsets.s > $@

$(B)/hv/%.o: %.c $(B)/hv/inc/.stamp
	@mkdir -p $(@D)
	$(say) CC $@
	$(Q)$(HV_CC) $(HV_CFLAGS) $(if $(filter 1,$(UBSAN)),$(if $(filter %/ubsan.c,$<),,$(HV_UBSAN))) -MMD -MP -c -o $@ $<
$(B)/hv/%.o: %.S $(B)/hv/inc/offsets.h
	@mkdir -p $(@D)
	$(say) AS $@
	$(Q)$(HV_CC) $(filter-out -include xen-like/include/hidden.h,$(HV_CFLAGS)) -D__ASSEMBLY__ -MMD -MP -c -o $@ $<

HV_LINK = $(HV_CC) -nostdlib -static -no-pie -Wl,-T,$(HV_LDS) -Wl,-z,max-page-size=4096 -Wl,--build-id=sha1 -Wl,-z,noexecstack -Wl,--no-warn-rwx-segments
# Two links: the first gives the addresses, from which the symbol table of the second is made.
$(B)/hv/symbols.o: $(HV_OBJ) $(HV_LDS) tools/build/symbols.sh
	$(Q)sh tools/build/symbols.sh /dev/null > $(B)/hv/symbols0.S
	$(Q)$(HV_CC) -c -o $(B)/hv/symbols0.o $(B)/hv/symbols0.S
	$(Q)$(HV_LINK) -o $(B)/hv/pass1.elf $(HV_OBJ) $(B)/hv/symbols0.o
	$(Q)nm -n $(B)/hv/pass1.elf | sh tools/build/symbols.sh /dev/stdin > $(B)/hv/symbols.S
	$(Q)$(HV_CC) -c -o $@ $(B)/hv/symbols.S
$(B)/corbel.elf64: $(HV_OBJ) $(B)/hv/symbols.o $(HV_LDS)
	$(Q)$(HV_LINK) -o $@ $(HV_OBJ) $(B)/hv/symbols.o
$(B)/corbel: $(B)/corbel.elf64 xen-like/arch/x86/boot/wrap.s
	$(say) LINK $@
	$(Q)objcopy -O binary $< $(B)/hv/corbel.bin
	$(Q)as --32 -I $(B)/hv --defsym BSS_END=0x$$(nm $< | sed -n 's/^ffff82d0\(8[0-9a-f]*\) . __image_end$$/\1/p') -o $(B)/hv/wrap.o xen-like/arch/x86/boot/wrap.s
	$(Q)ld -m elf_i386 -n -Ttext=0x200000 -e 0x$$(nm $< | sed -n 's/^ffff82d08\([0-9a-f]*\) . _start$$/\1/p') --no-warn-rwx-segments -o $@ $(B)/hv/wrap.o
ALL += $(B)/corbel
