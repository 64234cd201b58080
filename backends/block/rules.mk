# SPDX-License-Identifier: MIT
# Block: the VMFS and VMDK libraries.
VMFS_SRC  := $(wildcard backends/block/vmfs/*.c)
VMDK_SRC  := $(wildcard backends/block/vmdk/*.c)
BDISK_SRC := $(addprefix backends/block/,bdev.c bdev_file.c store_host.c datastore.c disk.c) \
             $(VMFS_SRC) $(VMDK_SRC)
