# SPDX-License-Identifier: MIT
# corbel-consoled, the guests' console daemon.
CONSOLED_SOURCES := $(wildcard tools/consoled/*.c) tools/libs/util/report.c
$(eval $(call program,corbel-consoled,$(CONSOLED_SOURCES),-lxenstore -lxengnttab -lxenevtchn -lutil))
