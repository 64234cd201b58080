/* SPDX-License-Identifier: MIT */
/* Life of a micro-guest: what the domain builder told it, and how it ends. */
#ifndef RUNTIME_START_H
#define RUNTIME_START_H

#include <stdbool.h>
#include <stdint.h>

#include <xen/xen.h>
#include <xen/sched.h>

/* The builder's start_info page; valid from the first line of guest_main() on. */
extern struct start_info *start_info;

/* The shared info page, mapped before guest_main(). */
extern struct shared_info shared_info;

/* Each guest defines this; returning from it powers the guest off with SHUTDOWN_poweroff. */
void guest_main(void);

/* True for the control domain, which also owns the hardware. */
static inline bool guest_is_dom0(void)
{
    return start_info->flags & SIF_INITDOMAIN;
}

/* The first vCPU's information as the hypervisor shares it. */
static inline struct vcpu_info *guest_vcpu(void)
{
    return &shared_info.vcpu_info[0];
}

/* True when a blank-separated word stands on the guest's command line. */
bool guest_has_word(const char *word);

/*
 * Ends the guest with a SHUTDOWN_* reason. dom0 ends the whole machine, and always by a reboot,
 * whatever the reason: Xen's own poweroff leaves the machine halted for good, while a reboot ends
 * an emulator started with -no-reboot.
 */
void guest_end(unsigned int reason) __attribute__((noreturn));

/* Prints why and crashes the guest. */
void guest_panic(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

#endif
