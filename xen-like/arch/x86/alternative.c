/* SPDX-License-Identifier: MIT */
/* Replacing instructions at boot. */
#include "arch/alternative.h"
#include "arch/cpu.h"
#include "arch/paging.h"
#include "mm.h"
#include "lib/string.h"

extern const struct altinsn __altinsn_start[], __altinsn_end[];

void alternatives_apply(uint32_t features)
{
    for (const struct altinsn *a = __altinsn_start; a < __altinsn_end; a++)
        if (features >> a->feature & 1) /* text is read-only at its own address */
            memcpy(paddr_to_virt(image_to_paddr((const void *)a->at)), a->bytes, a->len);
    cpu_cpuid(0, 0); /* serialises: what was fetched before is fetched anew */
}
