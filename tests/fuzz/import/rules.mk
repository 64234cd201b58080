# SPDX-License-Identifier: MIT
# Fuzzers of VMX and OVF files.
$(eval $(call fuzzer,import-vmx,tests/fuzz/import/fuzz_vmx.c $(addprefix tools/libs/import/,vm.c vm_vmx.c vmx.c xlcfg.c),-luuid))
$(eval $(call fuzzer,import-ovf,tests/fuzz/import/fuzz_ovf.c $(addprefix tools/libs/import/,vm.c ovf.c),-lexpat))
