# SPDX-License-Identifier: MIT
# Micro-guest tests: every tests/guests/NAME.c is one boot, $(B)/guests/NAME.elf.
GUEST_TESTS := $(patsubst tests/guests/%.c,%,$(wildcard tests/guests/*.c))
GUEST_TEST_LIB := $(wildcard tests/guests/lib/*.c)
$(foreach name,$(GUEST_TESTS),\
  $(eval $(call micro_guest,$(name),tests/guests/$(name).c $(GUEST_TEST_LIB))))

# Tests that build unprivileged children of their own file.
HOSTILE_TESTS := $(patsubst tests/guests/hostile/%.c,%,$(wildcard tests/guests/hostile/*.c))
$(foreach name,$(HOSTILE_TESTS),\
  $(eval $(call micro_guest,$(name),tests/guests/hostile/$(name).c $(GUEST_TEST_LIB))))

# The same, of what guests get: shares of CPUs, memory of nodes.
RESOURCE_TESTS := $(patsubst tests/guests/resources/%.c,%,$(wildcard tests/guests/resources/*.c))
$(foreach name,$(RESOURCE_TESTS),\
  $(eval $(call micro_guest,$(name),tests/guests/resources/$(name).c $(GUEST_TEST_LIB))))

# Tests of the C library: main() with Newlib below it.
LIBC_GUEST_TESTS := $(patsubst tests/guests/libc/%.c,%,$(wildcard tests/guests/libc/*.c))
$(foreach name,$(LIBC_GUEST_TESTS),\
  $(eval $(call libc_guest,$(name),tests/guests/libc/$(name).c)))

# The same binaries on Debian's Xen and on Corbel: every difference, explained or not.
.PHONY: test-peer guest-tests
guest-tests: $(GUEST_TESTS:%=$(B)/guests/%.elf) $(HOSTILE_TESTS:%=$(B)/guests/%.elf) \
             $(RESOURCE_TESTS:%=$(B)/guests/%.elf) $(LIBC_GUEST_TESTS:%=$(B)/guests/%.elf)
## test-peer: the micro-guest tests on Debian's Xen too, with every difference and why
test-peer: guest-tests $(B)/corbel
	B=$(B) tests/guests/run.py --peer

# Seconds of `make soak`, and where its random numbers begin.
SOAK ?= 600
SEED ?= 1
.PHONY: soak
## soak: random hypercalls by unprivileged guests for SOAK=600 seconds from SEED=1
soak: guest-tests $(B)/corbel
	B=$(B) tests/guests/run.py --timeout $$(($(SOAK) + 120)) \
	  --words "seed=$(SEED) calls=0 milliseconds=$$(($(SOAK) * 1000))" fuzz
