# SPDX-License-Identifier: MIT
# Fuzzers of VMX, OVF and OVA files.
$(eval $(call fuzzer,import-vmx,tests/fuzz/import/fuzz_vmx.c $(addprefix tools/libs/import/,vm.c vm_vmx.c vmx.c xlcfg.c),-luuid))
$(eval $(call fuzzer,import-ovf,tests/fuzz/import/fuzz_ovf.c $(addprefix tools/libs/import/,vm.c ovf.c),-lexpat))
$(eval $(call fuzzer,import-ova,tests/fuzz/import/fuzz_ova.c tools/libs/import/ova.c))
