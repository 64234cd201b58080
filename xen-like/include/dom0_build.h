/* SPDX-License-Identifier: MIT */
/* Building dom0 from the boot modules. */
#ifndef CORBEL_DOM0_BUILD_H
#define CORBEL_DOM0_BUILD_H

/* Kernel from module 0, ramdisk from module 1. Panics, naming what is missing, when it cannot. */
void dom0_build(void);
/* What dom0 may touch: ports, MMIO, IRQs (arch/x86/pv/dom0_rights.c). */
struct domain;
void dom0_grant_rights(struct domain *d);

/* Tells the kernel of the screen, in its start information page (arch/x86/pv/dom0_console.c). */
struct start_info;
void dom0_console_fill(struct start_info *si);

#endif
