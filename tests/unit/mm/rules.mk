# SPDX-License-Identifier: MIT
# The allocator and the timer queue, alone.
MM_TEST_CFLAGS = -D__XEN_TOOLS__ -fno-strict-aliasing -include tests/unit/hv/current.h \
                 -iquote xen-like/include -iquote xen-like
$(eval $(call unit_test,heap,tests/unit/mm/test_heap.c xen-like/mm/heap.c xen-like/arch/x86/numa.c,,$(MM_TEST_CFLAGS)))
$(eval $(call unit_test,timer,tests/unit/mm/test_timer.c xen-like/time/timer.c xen-like/lib/rbtree.c,,$(MM_TEST_CFLAGS)))
$(eval $(call unit_test,types_model,tests/model/types_model.c tests/model/types_fakes.c xen-like/arch/x86/pv/types.c xen-like/arch/x86/pv/update.c,,$(MM_TEST_CFLAGS) -iquote tests/model))
