# SPDX-License-Identifier: MIT
# Fuzzers of xen-like/lib; tests/run gives each a short run.
LIB_FUZZ_XZ     := $(addprefix xen-like/lib/,xz.c lzma2.c bcj_x86.c crc.c)
LIB_FUZZ_GZIP   := $(addprefix xen-like/lib/,gzip.c inflate.c crc.c)
LIB_FUZZ_KERNEL := $(LIB_FUZZ_XZ) $(addprefix xen-like/lib/,gzip.c inflate.c elf.c bzimage.c kernel_image.c xen_notes.c)
LIB_FUZZ_CFLAGS := -iquote xen-like/include

$(eval $(call fuzzer,lib_xz,tests/fuzz/lib/fuzz_xz.c $(LIB_FUZZ_XZ),-llzma,$(LIB_FUZZ_CFLAGS)))
$(eval $(call fuzzer,lib_lzma2,tests/fuzz/lib/fuzz_lzma2.c $(addprefix xen-like/lib/,lzma2.c bcj_x86.c),,$(LIB_FUZZ_CFLAGS)))
$(eval $(call fuzzer,lib_gzip,tests/fuzz/lib/fuzz_gzip.c $(LIB_FUZZ_GZIP),-lz,$(LIB_FUZZ_CFLAGS)))
$(eval $(call fuzzer,lib_kernel,tests/fuzz/lib/fuzz_kernel.c $(LIB_FUZZ_KERNEL),,$(LIB_FUZZ_CFLAGS)))
$(eval $(call fuzzer,lib_cmdline,tests/fuzz/lib/fuzz_cmdline.c $(addprefix xen-like/lib/,cmdline.c string.c),,$(LIB_FUZZ_CFLAGS)))
