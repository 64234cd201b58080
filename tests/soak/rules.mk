# SPDX-License-Identifier: MIT
# The soak of an SMP dom0 with two SMP guests, on the hypervisor with assertions and lock ranks.
$(B)/tests/soak/clock: $(B)/obj/tests/soak/clock.o
	@mkdir -p $(@D)
	$(CC) $(PROG_CFLAGS) -o $@ $^
TEST_PROGRAMS += $(B)/tests/soak/clock

# Minutes of `make soak-smp`, and the machine's CPUs.
MINUTES ?= 30
CPUS ?= 2
.PHONY: soak-smp
## soak-smp: an SMP dom0 and two SMP guests under load for MINUTES=30 on CPUS=2
soak-smp: all $(B)/tests/soak/clock
	B=$(B) tests/soak/run $(MINUTES) $(CPUS)
