/* SPDX-License-Identifier: MIT */
/* x86 state of domains and vCPUs (64-bit PV). */
#ifndef CORBEL_ARCH_STATE_H
#define CORBEL_ARCH_STATE_H

#include "compiler.h"

#include <xen/xen.h>

#include "types.h"
#include "arch/regs.h"

struct vcpu;
struct page_info;

/* arch_vcpu.flags */
#define VCPU_KERNEL_MODE     (1u << 0) /* guest kernel (else guest user) is running */
#define VCPU_SYSCALL_MASKS   (1u << 1) /* event delivery off on the syscall callback */
#define VCPU_FAILSAFE_MASKS  (1u << 2)
#define VCPU_TS              (1u << 3) /* guest's CR0.TS */
#define VCPU_SYSCALL32_MASKS (1u << 4)
#define VCPU_SYSENTER_MASKS  (1u << 5)

/* One bounce: registers of a trap gate as given by set_trap_table. */
struct trap_gate {
    uint64_t address;
    uint16_t cs;
    uint8_t flags; /* bits 0-1: DPL, bit 2: mask events */
};

struct arch_vcpu {
    struct regs regs;              /* while not running; on the CPU's stack otherwise */
    uint32_t flags;                /* VCPU_* */
    uint32_t iopl;                 /* virtual IOPL, 0..3 */
    uint64_t cr3_kernel, cr3_user; /* machine addresses of the L4s in use; user may be 0 */
    uint64_t kernel_sp;
    uint16_t kernel_ss;
    /* NMIs (pv/nmi.c); entry.S looks at both bytes at once. */
    _Alignas(2) uint8_t nmi_pending; /* one waits: set by any CPU, atomically */
    uint8_t nmi_masked;              /* one was delivered and the guest has not done iret since */
    uint64_t event_callback, failsafe_callback, syscall_callback;
    uint64_t syscall32_callback, sysenter_callback;
    struct trap_gate *traps; /* 256 */
    uint64_t fs_base, gs_base_kernel, gs_base_user;
    uint16_t ds, es, fs, gs;
    mfn_t gdt_frame[16];
    unsigned int gdt_entries;
    uint64_t ldt_base; /* guest virtual address */
    unsigned int ldt_entries;
    uint32_t ldt_mapped;    /* bitmap of the 16 LDT pages that are mapped */
    uint64_t *gdt_ldt_ptes; /* 32 L1 entries: 16 of the GDT, 16 of the LDT */
    uint64_t cr0, cr4;      /* guest's view */
    uint64_t dr[8];
    void *fpu; /* XSAVE area, page-aligned; xcr0 with it */
    uint64_t xcr0;
    uint64_t iobmp; /* PHYSDEVOP_set_iobitmap: guest address, 0 = none */
    uint32_t iobmp_ports;
    uint32_t cf8; /* last write to PCI config address port */
    struct page_info
        *deferred[6]; /* page tables whose entries are being dropped in steps; references held */
    unsigned int n_deferred;
};

struct arch_domain {
    uint64_t *perdomain_l3; /* L3 page of the per-domain slot */
    uint64_t *perdomain_l2;
    uint64_t pirq_eoi_mfn;       /* PHYSDEVOP_pirq_eoi_gmfn: frame, 0 = none */
    unsigned long *pirq_eoi_map; /* its mapping */
    bool pirq_auto_unmask;       /* PHYSDEVOP_eoi unmasks the event too (asked for by _v1) */
    unsigned int n_pirq;
    struct e820_list *memory_map; /* XENMEM_set_memory_map, or NULL */
    uint32_t relinquish_state;
    struct cpu_policy *policy; /* set by the toolstack, or NULL: all that PV guests may have */
};

#endif
