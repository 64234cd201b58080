# SPDX-License-Identifier: MIT
$(eval $(call unit_test,acpi,tests/unit/acpi/test_acpi.c xen-like/arch/x86/acpi.c xen-like/arch/x86/acpi_tables.c \
  xen-like/arch/x86/numa_tables.c,,-iquote xen-like/include))
