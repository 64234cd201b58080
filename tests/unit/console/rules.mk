# SPDX-License-Identifier: MIT
$(eval $(call unit_test,frame,tests/unit/console/test_frame.c xen-like/console/frame.c xen-like/console/font.c,,-iquote xen-like/include -iquote xen-like))
