# SPDX-License-Identifier: MIT
# Fuzzers of what guests and files may bring to the net backend.
NET_FUZZ := tests/fuzz/net
$(eval $(call fuzzer,net-tx,$(NET_FUZZ)/fuzz_tx.c $(NET)/netif_tx.c $(NET)/netif_rx.c))
$(eval $(call fuzzer,net-frame,$(NET_FUZZ)/fuzz_frame.c $(NET_FRAMES)))
$(eval $(call fuzzer,net-config,$(NET_FUZZ)/fuzz_config.c $(NET)/config.c))
