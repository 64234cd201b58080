# SPDX-License-Identifier: MIT
# Block: the VMFS and VMDK libraries.
VMFS_SRC  := $(wildcard backends/block/vmfs/*.c)
VMDK_SRC  := $(wildcard backends/block/vmdk/*.c)
BDISK_SRC := $(addprefix backends/block/,bdev.c bdev_file.c ats.c store_host.c datastore.c volumes.c disk.c) \
             $(VMFS_SRC) $(VMDK_SRC)
BDISK_LIBS := -lz

# The backend: what serves a vbd, apart from its two main programs.
BLKBACK_SRC  := $(addprefix backends/block/,request.c ring.c grants.c engine.c vbd.c vbd_serve.c vbd_stats.c vbd_resize.c) \
                $(BDISK_SRC) backends/lib/xenbus.c backends/lib/cpu_account.c
# libxenstore ends its reading thread by pthread_cancel(), for which glibc loads libgcc_s by name:
# naming it here makes the image's packer see it.
XENSTORE_LIBS := -lxenstore -Wl,--no-as-needed -lgcc_s -Wl,--as-needed
BLKBACK_LIBS := $(BDISK_LIBS) -lxengnttab -lxenevtchn -lxentoollog -luring $(XENSTORE_LIBS)
$(eval $(call program,corbel-blkback,backends/block/blkback.c $(BLKBACK_SRC),$(BLKBACK_LIBS)))
$(eval $(call program,corbel-blockd,backends/block/blockd.c backends/lib/launcher.c backends/lib/instance.c,$(XENSTORE_LIBS)))
