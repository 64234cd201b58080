/* SPDX-License-Identifier: MIT */
/* What the model of page types sees of its small machine. */
#ifndef TESTS_MODEL_TYPES_FAKES_H
#define TESTS_MODEL_TYPES_FAKES_H

#include "arch/pv_mm.h"

#define FAKE_DEVICE_FRAME (FAKE_FRAMES + 7) /* not RAM; the domain may map it */

/* hypercall_preempt_check says yes at the call of this number from now on; 0: never. */
extern unsigned int fake_preempt_in;
/* Flushes that changes of type asked for. */
extern unsigned int fake_flushes;
/* A page is BUSY on another CPU. */
extern bool fake_waits;

#endif
