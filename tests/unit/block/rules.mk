# SPDX-License-Identifier: MIT
# Unit tests of the block backend and its libraries.
BLOCK_TEST_VMFS := $(VMFS_SRC) backends/block/bdev.c $(addprefix tests/unit/block/,memory_bdev.c volume_fixture.c)
$(eval $(call unit_test,vmfs_power_cut,tests/unit/block/test_power_cut.c tests/unit/block/power_cut.c $(BLOCK_TEST_VMFS),))
$(eval $(call unit_test,vmfs_size,tests/unit/block/test_vmfs_size.c $(BLOCK_TEST_VMFS),))
$(eval $(call unit_test,vmfs,tests/unit/block/test_vmfs.c $(BLOCK_TEST_VMFS),))
$(eval $(call unit_test,vmfs_damage,tests/unit/block/test_vmfs_damage.c $(BLOCK_TEST_VMFS),))
$(eval $(call unit_test,vmfs_errors,tests/unit/block/test_vmfs_errors.c $(BLOCK_TEST_VMFS),))
$(eval $(call unit_test,vmfs_races,tests/unit/block/test_vmfs_races.c $(BLOCK_TEST_VMFS),))
$(eval $(call unit_test,vmfs_nodes,tests/unit/block/test_vmfs_nodes.c $(BLOCK_TEST_VMFS),))
$(eval $(call unit_test,vmfs_names,tests/unit/block/test_vmfs_names.c $(BLOCK_TEST_VMFS),))
$(eval $(call unit_test,vmfs_repair,tests/unit/block/test_vmfs_repair.c $(BLOCK_TEST_VMFS),))
$(eval $(call unit_test,vmfs_hostile,tests/unit/block/test_vmfs_hostile.c $(BLOCK_TEST_VMFS),))
$(eval $(call unit_test,ats,tests/unit/block/test_ats.c backends/block/ats.c,))
$(eval $(call unit_test,vmfs_remember,tests/unit/block/test_remember.c $(BLOCK_TEST_VMFS),))
$(eval $(call unit_test,bdev,tests/unit/block/test_bdev.c $(BLOCK_TEST_VMFS),))
$(eval $(call unit_test,vmdk,tests/unit/block/test_vmdk.c $(BDISK_SRC),$(BDISK_LIBS)))
$(eval $(call unit_test,vmdk_repair,tests/unit/block/test_vmdk_repair.c tests/unit/block/disk_folder.c $(BDISK_SRC),$(BDISK_LIBS)))
$(eval $(call unit_test,vmdk_use,tests/unit/block/test_vmdk_use.c tests/unit/block/disk_folder.c backends/block/engine.c $(BDISK_SRC),-luring $(BDISK_LIBS)))
$(eval $(call unit_test,block_request,tests/unit/block/test_request.c backends/block/request.c backends/block/ring.c,))
$(eval $(call unit_test,block_engine,tests/unit/block/test_engine.c backends/block/engine.c $(BDISK_SRC),-luring $(BDISK_LIBS)))
$(eval $(call unit_test,vmfs_hosts,tests/unit/block/test_hosts.c tests/unit/block/hosts_array.c $(VMFS_SRC) backends/block/bdev.c,))
$(eval $(call unit_test,block_kill,tests/unit/block/test_kill.c tests/unit/block/fake_xen.c backends/lib/cpu_account.c \
  $(addprefix backends/block/,ring.c request.c grants.c engine.c vbd_serve.c vbd_stats.c) $(BDISK_SRC),-luring $(BDISK_LIBS) -Xlinker --wrap=fdatasync))
$(eval $(call unit_test,vmdk_power_cut,tests/unit/block/test_vmdk_cut.c tests/unit/block/memory_store.c $(BDISK_SRC),$(BDISK_LIBS)))

.PHONY: seeds
## seeds: power cuts, 32 hosts on one volume and killed backends, SEEDS=1000 seeds of each (about two hours)
seeds: $(B)/unit/vmfs_power_cut $(B)/unit/vmdk_power_cut $(B)/unit/vmfs_hosts $(B)/unit/block_kill
	SEEDS=$(or $(SEEDS),1000) $(B)/unit/vmfs_power_cut
	SEEDS=$(or $(SEEDS),1000) $(B)/unit/vmdk_power_cut
	HOSTS_SEEDS=$(or $(SEEDS),1000) HOSTS_ROUNDS=100 $(B)/unit/vmfs_hosts
	KILL_SEEDS=$(or $(SEEDS),1000) $(B)/unit/block_kill
# Which children the launcher starts again, and one daemon of a kind.
$(eval $(call unit_test,launcher,tests/unit/block/test_launcher.c backends/lib/launcher.c backends/lib/instance.c,-lpthread))
