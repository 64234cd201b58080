# SPDX-License-Identifier: MIT
# The scheduler on a simulated machine of 1 to 128 CPUs.
$(eval $(call unit_test,fair,tests/unit/sched/test_fair.c tests/unit/sched/machine.c $(wildcard xen-like/sched/[!s]*.c) \
  xen-like/sched/sched.c xen-like/lib/rbtree.c,,\
  -D__XEN_TOOLS__ -fno-strict-aliasing -DDIRECTMAP_BASE=0x1000000000ul -include tests/unit/sched/current.h \
  -iquote tests/unit/sched -iquote xen-like/include -iquote xen-like))
