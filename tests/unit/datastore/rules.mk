# SPDX-License-Identifier: MIT
# What corbel-datastore reads of guests' boot disks.
$(eval $(call unit_test,datastore-boot,tests/unit/datastore/test_boot.c tests/unit/datastore/memory_disk.c $(addprefix tools/datastore/,boot.c ext.c grub.c partitions.c),-lext2fs,-Itools))
