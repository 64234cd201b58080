# SPDX-License-Identifier: MIT
# The net backend: one vSwitch process for all guests' interfaces, and its control tool.
NET := backends/net
# Pure rooms: no descriptor, no hypervisor, no clock.
NET_VSWITCH := $(NET)/vswitch/mac_table.c $(NET)/vswitch/vswitch.c
NET_FRAMES  := $(NET)/frame.c $(NET)/offload.c $(NET)/uplink/vnet_header.c
NET_RINGS   := $(NET)/ring.c $(NET)/netif_tx.c $(NET)/netif_rx.c
NET_PATH    := $(NET)/batch.c $(NET)/datapath.c $(NET)/deliver.c
NET_DAEMON  := $(NET)/main.c $(NET)/config.c $(NET)/control.c $(NET)/lifecycle.c $(NET)/log.c \
               $(NET)/nat/child_log.c $(NET)/nat/dhcp.c $(NET)/nat/nat.c $(NET)/switches.c \
               $(NET)/uplink/packet.c $(NET)/uplink/tap.c $(NET)/uplink/uplink.c \
               $(NET)/vif.c $(NET)/vifs.c backends/lib/xenbus.c backends/lib/cpu_account.c backends/lib/instance.c

$(eval $(call program,corbel-vswitchd,\
    $(NET_DAEMON) $(NET_PATH) $(NET_RINGS) $(NET_FRAMES) $(NET_VSWITCH),\
    $(XENSTORE_LIBS) -lxenevtchn -lxengnttab -lxentoollog -lnftables -ljansson))
$(eval $(call program,corbel-vswitchctl,$(NET)/vswitchctl.c,-ljansson))
