# SPDX-License-Identifier: MIT
# Unit tests of xen-like/lib. Its headers are found by -iquote only: some share a name with libc's.
LIB_TEST_CFLAGS := -iquote xen-like/include
LIB_XZ_SOURCES  := $(addprefix xen-like/lib/,xz.c lzma2.c bcj_x86.c crc.c)

$(eval $(call unit_test,lib_xz,tests/unit/lib/test_xz.c $(LIB_XZ_SOURCES),-llzma,$(LIB_TEST_CFLAGS)))
LIB_GZIP_SOURCES := $(addprefix xen-like/lib/,gzip.c inflate.c crc.c)
$(eval $(call unit_test,lib_gzip,tests/unit/lib/test_gzip.c $(LIB_GZIP_SOURCES),-lz,$(LIB_TEST_CFLAGS)))
LIB_KERNEL_SOURCES := $(LIB_XZ_SOURCES) $(addprefix xen-like/lib/,gzip.c inflate.c elf.c bzimage.c kernel_image.c xen_notes.c)
$(eval $(call unit_test,lib_kernel,tests/unit/lib/test_kernel.c $(LIB_KERNEL_SOURCES),-lz,$(LIB_TEST_CFLAGS)))
$(eval $(call unit_test,lib_real_kernel,tests/unit/lib/test_real_kernel.c $(LIB_KERNEL_SOURCES),,$(LIB_TEST_CFLAGS)))
LIB_CONTAINER_SOURCES := $(addprefix xen-like/lib/,rbtree.c rangeset.c bitmap.c)
$(eval $(call unit_test,lib_containers,tests/unit/lib/test_containers.c $(LIB_CONTAINER_SOURCES),,$(LIB_TEST_CFLAGS)))
$(eval $(call unit_test,lib_format,tests/unit/lib/test_format.c xen-like/lib/format.c,,$(LIB_TEST_CFLAGS)))
