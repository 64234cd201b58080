# SPDX-License-Identifier: MIT
# The net test's hostile frontend, which runs in a guest.
$(B)/tests/net/hostile-frontend: $(B)/obj/tests/system/net/hostile_frontend.o
	@mkdir -p $(@D)
	$(CC) $(PROG_CFLAGS) -o $@ $^ $(XENSTORE_LIBS) -lxengnttab -lxenevtchn
TEST_PROGRAMS += $(B)/tests/net/hostile-frontend
