# SPDX-License-Identifier: MIT
# Event and grant rooms over fakes: behaviours one by one, and long random runs against reference models.
HV_TEST_CFLAGS := -D__XEN_TOOLS__ -fno-strict-aliasing -include tests/unit/hv/current.h \
                  -iquote xen-like/include -iquote xen-like -iquote tests/unit/hv -iquote tests/unit/grant
EVENT_SOURCES  := tests/unit/hv/fakes.c $(addprefix xen-like/event/,table.c bind.c deliver.c two_level.c fifo.c)
GRANT_SOURCES  := tests/unit/hv/fakes.c $(addprefix xen-like/grant/,table.c pin.c maptrack.c map.c copy.c transfer.c)

$(eval $(call unit_test,event,tests/unit/event/test_event.c $(EVENT_SOURCES),,$(HV_TEST_CFLAGS)))
$(eval $(call unit_test,event_fifo,tests/unit/event/test_fifo.c $(EVENT_SOURCES),,$(HV_TEST_CFLAGS)))
$(eval $(call unit_test,event_model,tests/model/event_model.c $(EVENT_SOURCES),,$(HV_TEST_CFLAGS)))
$(eval $(call unit_test,grant,tests/unit/grant/test_grant.c tests/unit/grant/fake_map.c tests/unit/grant/hostile.c $(GRANT_SOURCES),-lpthread,$(HV_TEST_CFLAGS)))
$(eval $(call unit_test,grant_model,tests/model/grant_model.c tests/unit/grant/fake_map.c $(GRANT_SOURCES),,$(HV_TEST_CFLAGS)))
