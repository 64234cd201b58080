# SPDX-License-Identifier: MIT
# The choice of protections against speculation, which is pure.
$(eval $(call unit_test,spec,tests/unit/spec/test_spec.c xen-like/arch/x86/spec_policy.c xen-like/lib/string.c,,-iquote xen-like/include -iquote xen-like))
