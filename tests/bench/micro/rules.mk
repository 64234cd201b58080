# SPDX-License-Identifier: MIT
# The micro-guest that measures hypercalls and traps: $(B)/guests/bench_micro.elf.
$(eval $(call micro_guest,bench_micro,tests/bench/micro/micro.c))
# The one that builds domains beside itself.
$(eval $(call micro_guest,bench_domains,tests/bench/micro/domains.c $(wildcard tests/guests/lib/*.c)))
