/* SPDX-License-Identifier: MIT */
/* A guest that only runs. */
#include "runtime/start.h"

void guest_main(void)
{
    for (;;)
        __asm__ volatile("");
}
