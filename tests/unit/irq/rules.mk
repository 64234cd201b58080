# SPDX-License-Identifier: MIT
# The interrupt rooms over a fake I/O APIC and PCI function.
IRQ_TEST_SOURCES := $(addprefix xen-like/arch/x86/,irq.c pirq.c msi.c pci.c vector.c)
$(eval $(call unit_test,irq,tests/unit/irq/test_irq.c tests/unit/irq/fakes.c $(IRQ_TEST_SOURCES),,-D__XEN_TOOLS__ -include tests/unit/irq/current.h -iquote xen-like/include -iquote xen-like))
