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

# string.c as the hypervisor compiles it, under other names, to be compared with libc's.
LIB_STRING_NAMES := memcpy memmove memset memcmp memchr strlen strnlen strcmp strncmp strchr strrchr strstr \
                    string_copy string_starts str_to_u64 str_to_size
$(B)/san/lib_string/freestanding.o: xen-like/lib/string.c xen-like/include/lib/string.h
	@mkdir -p $(@D)
	$(CC) $(CSTD) -O2 -g $(WARN) -ffreestanding -fno-strict-aliasing $(LIB_TEST_CFLAGS) \
	  $(foreach n,$(LIB_STRING_NAMES),-D$(n)=fs_$(n)) -c -o $@ $<
$(eval $(call unit_test,lib_string,tests/unit/lib/test_string.c xen-like/lib/string.c xen-like/lib/cmdline.c,,$(LIB_TEST_CFLAGS)))
$(B)/unit/lib_string: $(B)/san/lib_string/freestanding.o
