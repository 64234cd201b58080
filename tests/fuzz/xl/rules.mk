# SPDX-License-Identifier: MIT
# Fuzz target of the xl.cfg reader.
$(eval $(call fuzzer,fuzz-xl-cfg,tests/fuzz/xl/fuzz_xl_cfg.c $(addprefix tools/libs/config/,cfg.c lexer.c \
    domain_config.c disk_config.c vif_config.c) tools/libs/util/cpulist.c,-luuid))
