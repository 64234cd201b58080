# SPDX-License-Identifier: MIT
# The micro-guests' runtime: $(B)/guests/runtime.a, and the macro that links a guest.
RT_CFLAGS := $(CSTD) -O2 -g $(WARN) -ffreestanding -fno-pic -fno-stack-protector -mno-red-zone \
             -mcmodel=kernel -mgeneral-regs-only -fcf-protection=none \
             -fno-asynchronous-unwind-tables -fno-strict-aliasing -fno-toplevel-reorder \
             -I. -Ifrontends -Itests/guests \
             -D__XEN_INTERFACE_VERSION__=__XEN_LATEST_INTERFACE_VERSION__
RT_LDFLAGS := -nostdlib -static -no-pie -Wl,-T,frontends/runtime/runtime.ld \
              -Wl,-z,max-page-size=4096 -Wl,--build-id=none -Wl,--no-warn-rwx-segments \
              -Wl,-z,noexecstack

$(B)/rt/%.o: %.c
	@mkdir -p $(@D)
	$(say) CC $@
	$(Q)$(CC) $(RT_CFLAGS) -MMD -MP -c -o $@ $<
$(B)/rt/%.o: %.S
	@mkdir -p $(@D)
	$(say) AS $@
	$(Q)$(CC) -g -fcf-protection=none -MMD -MP -c -o $@ $<

RUNTIME_OBJECTS := $(patsubst frontends/runtime/%,$(B)/rt/frontends/runtime/%.o,\
    $(basename $(filter-out %/libc.c,$(wildcard frontends/runtime/*.c frontends/runtime/*.S))))
$(B)/guests/runtime.a: $(RUNTIME_OBJECTS)
	@mkdir -p $(@D)
	$(say) AR $@
	$(Q)rm -f $@ && ar rcs $@ $^

# $(call micro_guest,NAME,SOURCES): $(B)/guests/NAME.elf, a PV kernel that needs no C library.
define micro_guest
$(B)/guests/$(1).elf: $(patsubst %,$(B)/rt/%.o,$(basename $(2))) $(B)/guests/runtime.a \
                      frontends/runtime/runtime.ld
	$$(call say) LINK $$@
	$$(Q)$(CC) $(RT_LDFLAGS) -o $$@ $$(filter %.o,$$^) -Wl,--whole-archive $(B)/guests/runtime.a
MICRO_GUESTS += $(B)/guests/$(1).elf
ALL += $(B)/guests/$(1).elf
endef

$(eval $(call micro_guest,hello,frontends/examples/hello.c))
$(eval $(call micro_guest,spin,frontends/examples/spin.c))

# Newlib from Debian's newlib-source, built once per build directory with the host's compiler.
NEWLIB := $(B)/newlib/x86_64-elf
$(NEWLIB)/newlib/libc.a:
	@test -d /usr/src/newlib || { echo "newlib-source is not installed: make deps" >&2; exit 1; }
	$(say) LIBC $@
	$(Q)rm -rf $(B)/newlib && mkdir -p $(B)/newlib/source
	$(Q)tar -xf /usr/src/newlib/newlib-*.tar.* -C $(B)/newlib/source --strip-components=1
	$(Q)cd $(B)/newlib && ./source/configure --target=x86_64-elf --disable-multilib --disable-libgloss \
	  --disable-newlib-supplied-syscalls CC_FOR_TARGET=gcc AR_FOR_TARGET=ar \
	  RANLIB_FOR_TARGET=ranlib AS_FOR_TARGET=as LD_FOR_TARGET=ld MAKEINFO=true \
	  CFLAGS_FOR_TARGET='-O2 -mno-red-zone -fno-pic -ffreestanding -mcmodel=kernel -w' >configure.log 2>&1
	$(Q)$(MAKE) -C $(B)/newlib all-target-newlib MAKEINFO=true >$(B)/newlib/build.log 2>&1 || \
	  { tail -20 $(B)/newlib/build.log >&2; exit 1; }

# $(call libc_guest,NAME,SOURCES): $(B)/guests/NAME.elf, a PV kernel whose main() has Newlib below it.
# Compiled with SSE, which Newlib's printf needs; the runtime itself keeps to general registers, so
# that its trap entries need not save more.
LIBC_CFLAGS := $(filter-out -mgeneral-regs-only,$(RT_CFLAGS)) -isystem $(NEWLIB)/newlib/targ-include \
               -isystem $(B)/newlib/source/newlib/libc/include
$(B)/rtc/%.o: %.c $(NEWLIB)/newlib/libc.a
	@mkdir -p $(@D)
	$(say) CC $@
	$(Q)$(CC) $(LIBC_CFLAGS) -MMD -MP -c -o $@ $<
define libc_guest
$(B)/guests/$(1).elf: $(patsubst %,$(B)/rtc/%.o,$(basename $(2) frontends/runtime/libc.c)) \
                      $(filter-out %/string.o,$(RUNTIME_OBJECTS)) frontends/runtime/runtime.ld
	$$(call say) LINK $$@
	$$(Q)$(CC) $(RT_LDFLAGS) -o $$@ $$(filter %.o,$$^) $(NEWLIB)/newlib/libm.a \
	  $(NEWLIB)/newlib/libc.a -lgcc
MICRO_GUESTS += $(B)/guests/$(1).elf
ALL += $(B)/guests/$(1).elf
endef

$(eval $(call libc_guest,hello_libc,frontends/examples/hello_libc.c))
