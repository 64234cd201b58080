# SPDX-License-Identifier: MIT
# vmfstool: volumes and virtual disks from the command line.
$(eval $(call program,vmfstool,$(wildcard tools/vmfs/*.c) tools/libs/util/progress.c $(BDISK_SRC),-lblkid $(BDISK_LIBS)))
