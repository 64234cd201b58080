/* SPDX-License-Identifier: MIT */
/*
 * Which protections against speculation a CPU needs and has: pure, from CPUID, ARCH_CAPABILITIES
 * and the command line (Intel's "Affected processors" list and speculation guidance; AMD's
 * "Software techniques for managing speculation"). Words as Xen has them: spec-ctrl=, xpti=.
 */
#ifndef CORBEL_SPEC_POLICY_H
#define CORBEL_SPEC_POLICY_H

#include "types.h"

struct spec_cpu {
    bool is_intel, is_amd;
    unsigned int family, model;
    uint32_t leaf7_edx, ext8_ebx; /* CPUID 7.0 EDX, 0x80000008 EBX */
    uint64_t arch_caps;           /* 0 when there is no such MSR */
    bool smep;
};

enum spec_thunk { THUNK_DEFAULT, THUNK_JMP, THUNK_LFENCE, THUNK_RETPOLINE };

/* 1 on, 0 off, -1 left to the CPU. */
struct spec_options {
    int8_t xpti_dom0, xpti_domu, ibrs, ibpb, ssbd, stibp, l1d_flush, md_clear, rsb;
    enum spec_thunk thunk;
};
#define SPEC_OPTIONS_DEFAULT                                                                       \
    {                                                                                              \
        -1, -1, -1, -1, -1, -1, -1, -1, -1, THUNK_DEFAULT                                          \
    }

struct spec_choice {
    enum spec_thunk thunk;
    bool xpti_dom0, xpti_domu;
    bool ibrs;        /* SPEC_CTRL.IBRS while in the hypervisor only: written at entry and exit */
    bool ibrs_always; /* set once (enhanced IBRS) */
    bool stibp, ssbd; /* set once */
    bool ibpb;        /* barrier when another domain's vCPU comes */
    bool l1d_flush;   /* L1 data cache flushed at the same time */
    bool verw;        /* buffers cleared at each exit to a guest */
    bool rsb;         /* return stack filled when another domain's vCPU comes */
    bool is_meltdown, is_l1tf, is_mds; /* what the CPU suffers from */
};

/* spec-ctrl=VALUE and xpti=VALUE; false when a word is not known (what came before it holds). */
bool spec_parse(struct spec_options *o, const char *value);
bool spec_parse_xpti(struct spec_options *o, const char *value);
/* What is asked for and the CPU cannot do stays off. */
void spec_choose(const struct spec_cpu *cpu, const struct spec_options *o, struct spec_choice *c);

#endif
