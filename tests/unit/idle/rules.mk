# SPDX-License-Identifier: MIT
$(eval $(call unit_test,idle,tests/unit/idle/test_idle.c xen-like/arch/x86/idle_policy.c,,-iquote xen-like/include))
