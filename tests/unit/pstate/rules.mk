# SPDX-License-Identifier: MIT
$(eval $(call unit_test,pstate,tests/unit/pstate/test_pstate.c xen-like/arch/x86/pstate_policy.c,,-iquote xen-like/include))
