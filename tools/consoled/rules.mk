# SPDX-License-Identifier: MIT
# corbel-consoled, the guests' console daemon.
CONSOLED_SOURCES := $(wildcard tools/consoled/*.c) $(addprefix tools/libs/util/,clock.c report.c)
# libgcc_s: see tools/xl/rules.mk.
CONSOLED_LIBS    := -lxengnttab -lxenevtchn -lutil -lxenstore -Wl,--push-state,--no-as-needed -lgcc_s -Wl,--pop-state
$(eval $(call program,corbel-consoled,$(CONSOLED_SOURCES),$(CONSOLED_LIBS)))
