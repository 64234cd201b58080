# SPDX-License-Identifier: MIT
# Fuzzers of what a guest's boot disk may hold.
BOOT_SRC := $(addprefix tools/datastore/,boot.c ext.c grub.c partitions.c) tests/unit/datastore/memory_disk.c
$(eval $(call fuzzer,datastore-grub,tests/fuzz/datastore/fuzz_grub.c tools/datastore/grub.c,-Itools))
$(eval $(call fuzzer,datastore-partitions,tests/fuzz/datastore/fuzz_partitions.c tools/datastore/partitions.c tests/unit/datastore/memory_disk.c,-Itools))
$(eval $(call fuzzer,datastore-boot,tests/fuzz/datastore/fuzz_boot.c $(BOOT_SRC),-lext2fs -Itools))
