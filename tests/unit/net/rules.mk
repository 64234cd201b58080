# SPDX-License-Identifier: MIT
# Unit tests of the net backend, on its own sources.
NET_TESTS := tests/unit/net
$(eval $(call unit_test,net-vswitch,$(NET_TESTS)/test_vswitch.c $(NET_VSWITCH)))
$(eval $(call unit_test,net-frames,$(NET_TESTS)/test_frames.c $(NET_FRAMES)))
$(eval $(call unit_test,net-netif,$(NET_TESTS)/test_netif.c $(NET_RINGS)))
$(eval $(call unit_test,net-lifecycle,$(NET_TESTS)/test_lifecycle.c $(NET)/lifecycle.c))
$(eval $(call unit_test,net-config,$(NET_TESTS)/test_config.c $(NET)/config.c))
# The data path with guests and their pages in ordinary memory.
$(eval $(call unit_test,net-datapath,$(NET_TESTS)/test_datapath.c $(NET_TESTS)/fake_guest.c \
    $(NET_PATH) $(NET_RINGS) $(NET_FRAMES) $(NET_VSWITCH) $(NET)/uplink/uplink.c))
# Uplinks over the real kernel; needs root, skips without.
$(eval $(call unit_test,net-uplink,$(NET_TESTS)/test_uplink.c $(NET_FRAMES) \
    $(NET)/uplink/uplink.c $(NET)/uplink/tap.c $(NET)/uplink/packet.c))
# What backends spend, as they write it and as xl reads it.
$(eval $(call unit_test,net-accounts,$(NET_TESTS)/test_accounts.c backends/lib/cpu_account.c tools/libs/domain/accounting.c))
# Vifs over a store that a guest floods with changes.
$(eval $(call unit_test,net-vifs,$(NET_TESTS)/test_vifs.c $(NET)/vifs.c $(NET)/lifecycle.c $(NET)/log.c \
    $(NET_VSWITCH) backends/lib/xenbus.c backends/lib/cpu_account.c))
$(eval $(call unit_test,net-child-log,$(NET_TESTS)/test_child_log.c $(NET)/nat/child_log.c))
