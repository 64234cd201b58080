/* SPDX-License-Identifier: MIT */
/* Model-specific registers and CPUID bits used (Intel SDM volume 4, AMD APM volume 2). */
#ifndef CORBEL_ARCH_MSR_H
#define CORBEL_ARCH_MSR_H

#define MSR_TSC               0x10
#define MSR_APIC_BASE         0x1b
#define MSR_SPEC_CTRL         0x48
#define MSR_PRED_CMD          0x49
#define MSR_BIOS_SIGN_ID      0x8b
#define MSR_MPERF             0xe7
#define MSR_APERF             0xe8
#define MSR_MTRRCAP           0xfe
#define MSR_ARCH_CAPABILITIES 0x10a
#define MSR_FLUSH_CMD         0x10b
#define MSR_SYSENTER_CS       0x174
#define MSR_MCG_CAP           0x179
#define MSR_MCG_STATUS        0x17a
#define MSR_MCG_CTL           0x17b
#define MSR_PERF_CTL          0x199
#define MSR_MISC_ENABLE       0x1a0
#define MSR_PAT               0x277
#define MSR_MC0_CTL           0x400 /* of bank 0: control, status, address, misc; the next follow */
#define MSR_MC0_STATUS        0x401
#define MSR_MC0_ADDR          0x402
#define MSR_MC0_MISC          0x403
#define MSR_EFER              0xc0000080
#define MSR_STAR              0xc0000081
#define MSR_LSTAR             0xc0000082
#define MSR_CSTAR             0xc0000083
#define MSR_SYSCALL_MASK      0xc0000084
#define MSR_FS_BASE           0xc0000100
#define MSR_GS_BASE           0xc0000101
#define MSR_KERNEL_GS_BASE    0xc0000102
#define MSR_TSC_AUX           0xc0000103
#define MSR_HWCR              0xc0010015 /* AMD's, as the next */
#define MSR_PSTATE_CONTROL    0xc0010062

/* Entries 0-7: WB, WT, UC-, UC, WC, WP, UC, UC: the layout the PV ABI promises guests. */
#define PAT_VALUE 0x050100070406ull

#define EFER_SCE (1u << 0)
#define EFER_LME (1u << 8)
#define EFER_LMA (1u << 10)
#define EFER_NX  (1u << 11)

#endif
