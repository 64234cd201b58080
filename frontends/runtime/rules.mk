# SPDX-License-Identifier: MIT
# The micro-guests' runtime: $(B)/guests/runtime.a, and the macro that links a guest.
RT_CFLAGS := $(CSTD) -O2 -g $(WARN) -ffreestanding -fno-pic -fno-stack-protector -mno-red-zone \
             -mcmodel=kernel -mgeneral-regs-only -fcf-protection=none \
             -fno-asynchronous-unwind-tables -fno-strict-aliasing -fno-toplevel-reorder \
             -Ifrontends -Itests/guests \
             -D__XEN_INTERFACE_VERSION__=__XEN_LATEST_INTERFACE_VERSION__
RT_LDFLAGS := -nostdlib -static -no-pie -Wl,-T,frontends/runtime/runtime.ld \
              -Wl,-z,max-page-size=4096 -Wl,--build-id=none -Wl,--no-warn-rwx-segments

$(B)/rt/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(RT_CFLAGS) -MMD -MP -c -o $@ $<
$(B)/rt/%.o: %.S
	@mkdir -p $(@D)
	$(CC) -g -fcf-protection=none -MMD -MP -c -o $@ $<

RUNTIME_OBJECTS := $(patsubst frontends/runtime/%,$(B)/rt/frontends/runtime/%.o,\
    $(basename $(filter-out %/libc.c,$(wildcard frontends/runtime/*.c frontends/runtime/*.S))))
$(B)/guests/runtime.a: $(RUNTIME_OBJECTS)
	@mkdir -p $(@D)
	rm -f $@ && ar rcs $@ $^

# $(call micro_guest,NAME,SOURCES): $(B)/guests/NAME.elf, a PV kernel that needs no C library.
define micro_guest
$(B)/guests/$(1).elf: $(patsubst %,$(B)/rt/%.o,$(basename $(2))) $(B)/guests/runtime.a \
                      frontends/runtime/runtime.ld
	$(CC) $(RT_LDFLAGS) -o $$@ $$(filter %.o,$$^) -Wl,--whole-archive $(B)/guests/runtime.a
MICRO_GUESTS += $(B)/guests/$(1).elf
ALL += $(B)/guests/$(1).elf
endef

$(eval $(call micro_guest,hello,frontends/examples/hello.c))
