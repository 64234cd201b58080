# SPDX-License-Identifier: MIT
# vmfs-mount: a VMFS volume as a directory, through libfuse3.
$(eval $(call program,vmfs-mount,$(wildcard tools/fuse/*.c) $(BDISK_SRC),-lfuse3 -lpthread))
