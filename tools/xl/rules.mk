# SPDX-License-Identifier: MIT
# xl, the toolstack. Kernel formats are read by the hypervisor's own pure parsers, built for dom0.
XL_PARSERS := $(addprefix xen-like/lib/,bcj_x86.c bzimage.c crc.c elf.c gzip.c inflate.c kernel_image.c lzma2.c \
                xen_notes.c xz.c)
XL_SOURCES := $(wildcard tools/xl/*.c tools/libs/util/*.c tools/libs/xencall/*.c tools/libs/config/*.c \
                tools/libs/domain/*.c)
# libxenstore ends its reading thread by pthread_cancel, for which libc wants libgcc_s at run time: naming it as
# needed puts it into dom0's image.
XENSTORE_LIBS := -lxenstore -Wl,--push-state,--no-as-needed -lgcc_s -Wl,--pop-state
XL_LIBS    := -lxencall -lxenforeignmemory $(XENSTORE_LIBS) -ljansson -luuid

# The parsers' headers are found by -iquote only: some of their neighbours share a name with libc's.
$(B)/bin/xl: PROG_CFLAGS += -iquote xen-like/include
$(eval $(call program,xl,$(XL_SOURCES) $(XL_PARSERS),$(XL_LIBS)))
