# SPDX-License-Identifier: MIT
# Unit tests of the toolstack's pure parts.
T := tests/unit/xl
XL_CFG_SOURCES := tools/libs/config/cfg.c tools/libs/config/lexer.c
XL_CONFIG_SOURCES := $(XL_CFG_SOURCES) $(addprefix tools/libs/config/,domain_config.c disk_config.c vif_config.c) tools/libs/util/cpulist.c
$(eval $(call unit_test,xl-cfg,$(T)/test_cfg.c $(XL_CFG_SOURCES)))
$(eval $(call unit_test,xl-domain-config,$(T)/test_domain_config.c $(XL_CONFIG_SOURCES),-luuid))
$(eval $(call unit_test,xl-layout,$(T)/test_layout.c tools/libs/domain/layout.c))
$(eval $(call unit_test,xl-console,$(T)/test_console.c tools/consoled/ring.c tools/consoled/backlog.c))
$(eval $(call unit_test,xl-cpulist,$(T)/test_cpulist.c tools/libs/util/cpulist.c))
$(eval $(call unit_test,xl-watch-over,$(T)/test_watch_over.c tools/libs/domain/watch_over.c tools/libs/util/report.c))
$(eval $(call unit_test,xl-console-log,$(T)/test_console_log.c tools/consoled/log.c tools/libs/util/report.c))
$(eval $(call unit_test,xl-report,$(T)/test_report.c tools/libs/util/report.c))
