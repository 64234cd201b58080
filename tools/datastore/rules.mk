# SPDX-License-Identifier: MIT
# corbel-datastore: datastores found, and virtual machines taken from them.
DATASTORE_SRC := $(wildcard tools/datastore/*.c) $(addprefix tools/libs/import/,vm.c vm_vmx.c vmx.c xlcfg.c ovf.c ova.c) tools/libs/util/progress.c
$(eval $(call program,corbel-datastore,$(DATASTORE_SRC) $(BDISK_SRC),-ljansson -luuid -lexpat -lext2fs -lnettle $(BDISK_LIBS)))
