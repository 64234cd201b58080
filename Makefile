# SPDX-License-Identifier: MIT
# Corbel's one Makefile. Every folder adds its part in a rules.mk (see mk conventions below);
# `make help` lists the targets.
SHELL := /bin/bash
.DELETE_ON_ERROR:
.SECONDARY:

B       ?= build
# Parallel; a -j on the command line wins.
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell nproc)
endif
CC      ?= gcc
# V=1 shows whole commands; otherwise a word and the file made.
V       ?= 0
Q       := $(if $(filter 1,$(V)),,@)
say      = $(if $(filter 1,$(V)),@:,@printf '  %-5s %s\n')
DEBUG   ?= 0
WARN    := -Wall -Wextra $(if $(CI),-Werror)
CSTD    := -std=gnu17
# Programs of dom0 and host tools.
PROG_CFLAGS := $(CSTD) -O2 -g $(WARN) -D_GNU_SOURCE -I. -Itools/libs -Ibackends
# The same sources under sanitizers, for unit tests.
SAN_CFLAGS  := $(CSTD) -O1 -g $(WARN) -D_GNU_SOURCE -DCORBEL_HOST -I. -Itools/libs -Ibackends \
               -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer

ALL        :=
UNIT_TESTS :=
FUZZERS    :=

.PHONY: all
all:

# $(call program,NAME,SOURCES,LIBS): $(B)/bin/NAME from C sources, added to `all`.
define program
$(B)/bin/$(1): $(patsubst %.c,$(B)/obj/%.o,$(2))
	@mkdir -p $$(@D)
	$$(call say) LINK $$@
	$$(Q)$(CC) $(PROG_CFLAGS) -o $$@ $$^ $(3)
ALL += $(B)/bin/$(1)
endef
# $(call unit_test,NAME,SOURCES,LIBS,EXTRA_CFLAGS): $(B)/unit/NAME, cmocka under ASan and UBSan.
define unit_test
$(B)/unit/$(1): $(patsubst %.c,$(B)/san/$(1)/%.o,$(2))
	@mkdir -p $$(@D)
	$$(call say) LINK $$@
	$$(Q)$(CC) $(SAN_CFLAGS) -o $$@ $$^ -lcmocka $(3)
$(B)/san/$(1)/%.o: %.c
	@mkdir -p $$(@D)
	$$(call say) CC $$@
	$$(Q)$(CC) $(SAN_CFLAGS) $(4) -MMD -MP -c -o $$@ $$<
UNIT_TESTS += $(B)/unit/$(1)
endef
# $(call fuzzer,NAME,SOURCES,LIBS,EXTRA_CFLAGS): $(B)/fuzz/NAME, libFuzzer by clang.
define fuzzer
$(B)/fuzz/$(1): $(2)
	@mkdir -p $$(@D)
	$$(call say) FUZZ $$@
	$$(Q)clang $(CSTD) -O1 -g -Wall -Wextra -D_GNU_SOURCE -DCORBEL_HOST -I. -Itools/libs -Ibackends $(4) \
	  -fsanitize=fuzzer,address,undefined -o $$@ $(2) $(3)
FUZZERS += $(B)/fuzz/$(1)
endef

$(B)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(say) CC $@
	$(Q)$(CC) $(PROG_CFLAGS) -MMD -MP -c -o $@ $<

# Debian packages first: make builds this empty file, which installs what is missing, and then reads
# all rules anew, so that they find the compilers and headers they ask about.
ifeq ($(filter clean help deps,$(MAKECMDGOALS)),)
include $(B)/deps.mk
endif
$(B)/deps.mk: $(shell find . -name deps.txt -not -path './build*')
	@mkdir -p $(@D)
	dom0/install-deps
	@touch $@

RULES := $(sort $(wildcard */rules.mk */*/rules.mk */*/*/rules.mk))
include $(RULES)

all: $(ALL)

.PHONY: deps unit fuzzers clean help
## all: the hypervisor, the tools and daemons (the default)
## deps: install the Debian packages that are missing
deps:
	dom0/install-deps
unit: $(UNIT_TESTS)
fuzzers: $(FUZZERS)
## clean: remove the build directory
clean:
	rm -rf $(B)
help:
	@echo 'make [B=build] [DEBUG=1] [CI=1] TARGET; targets:'
	@sed -n 's/^## \([^:]*\): \(.*\)$$/  \1\t\2/p' Makefile $(RULES) | expand -t 16

-include $(shell find $(B) -name '*.d' -type f 2>/dev/null)
