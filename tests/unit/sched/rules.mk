# SPDX-License-Identifier: MIT
# The scheduler's policy on a simulated clock.
$(eval $(call unit_test,fair,tests/unit/sched/test_fair.c xen-like/sched/sched.c xen-like/sched/fair.c xen-like/lib/rbtree.c,,\
  -D__XEN_TOOLS__ -fno-strict-aliasing -DDIRECTMAP_BASE=0x1000000000ul -include tests/unit/sched/current.h \
  -iquote xen-like/include -iquote xen-like))
