# SPDX-License-Identifier: MIT
$(eval $(call unit_test,time,tests/unit/time/test_time.c xen-like/arch/x86/time_scale.c xen-like/arch/x86/rtc.c,,-iquote xen-like/include))
