/* SPDX-License-Identifier: MIT */
/* Included first everywhere by the compiler's command line: nothing is outside the image, so no
 * access needs a GOT. */
#pragma GCC visibility push(hidden)
