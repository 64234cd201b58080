# SPDX-License-Identifier: MIT
# VMX, OVF and OVA files, and the xl.cfg made of them.
IMPORT_VMX_SOURCES := $(addprefix tools/libs/import/,vm.c vm_vmx.c vmx.c xlcfg.c)
IMPORT_OVF_SOURCES := $(addprefix tools/libs/import/,vm.c ovf.c)
$(eval $(call unit_test,import-vmx,tests/unit/import/test_vmx.c $(IMPORT_VMX_SOURCES) $(addprefix tools/libs/config/,cfg.c lexer.c domain_config.c disk_config.c vif_config.c) tools/libs/util/cpulist.c,-luuid))
$(eval $(call unit_test,import-ovf,tests/unit/import/test_ovf.c $(IMPORT_OVF_SOURCES),-lexpat))
$(eval $(call unit_test,import-ova,tests/unit/import/test_ova.c tools/libs/import/ova.c))
