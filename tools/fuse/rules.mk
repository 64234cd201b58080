# SPDX-License-Identifier: MIT
# vmfs-mount: a VMFS volume as a directory, through libfuse3.
$(eval $(call program,vmfs-mount,$(wildcard tools/fuse/*.c) $(BDISK_SRC),$(BDISK_LIBS) -lfuse3 -lpthread $(BDISK_LIBS)))
