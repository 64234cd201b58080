/* SPDX-License-Identifier: MIT */
/* Exceptions, system calls and events as a PV guest receives them, and code run to provoke them. */
#ifndef RUNTIME_TRAP_H
#define RUNTIME_TRAP_H

#include <stdbool.h>
#include <stdint.h>

#define VECTOR_DE  0
#define VECTOR_DB  1
#define VECTOR_NMI 2
#define VECTOR_BP  3
#define VECTOR_OF  4
#define VECTOR_BR  5
#define VECTOR_UD  6
#define VECTOR_NM  7
#define VECTOR_DF  8
#define VECTOR_TS  10
#define VECTOR_NP  11
#define VECTOR_SS  12
#define VECTOR_GP  13
#define VECTOR_PF  14
#define VECTOR_MF  16
#define VECTOR_AC  17
#define VECTOR_XM  19
/* Not hardware vectors: the other ways into the kernel. */
#define VECTOR_SYSCALL  256
#define VECTOR_EVENT    257
#define VECTOR_FAILSAFE 258

/*
 * Registers at entry. The last five are what the hypervisor pushed; bits 32.. of `cs` hold the
 * event mask of the interrupted code (<xen/arch-x86/xen.h>).
 */
struct trap_frame {
    uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
    uint64_t vector, error;
    uint64_t rip, cs, rflags, rsp, ss;
};

/* Registers the frames, and the callbacks for events, failsafe and syscall; called at start. */
void trap_init(void);

/*
 * First look at every entry but events. A hook that answers true has dealt with it, by changing
 * the frame as it likes; NULL removes it.
 */
typedef bool (*trap_hook)(struct trap_frame *frame);
void trap_set_hook(trap_hook hook);

/* What an event upcall does once the pending flag is cleared; see event.h. */
void trap_set_event_handler(void (*handler)(struct trap_frame *frame));

/* Selectors saved by the hypervisor in the last failsafe frame: ds, es, fs, gs. */
extern uint64_t trap_failsafe_selectors[4];

/* What ended a probe. */
struct trap_record {
    bool trapped;            /* false: the function returned */
    uint64_t cr2;            /* as in vcpu_info, meaningful for #PF */
    struct trap_frame frame; /* registers at the trap */
};

/*
 * Calls code(data) in the kernel; the first trap ends it and is recorded. Answers true when it
 * trapped. Nothing is unwound but the stack and the callee-saved registers.
 */
bool trap_probe(void (*code)(void *data), void *data, struct trap_record *record);

/*
 * Runs code in user mode with rdi = data on a user stack, under the current tables, with events
 * open, until it traps or makes a system call, which is recorded. `user_flags` are VGCF_* of the
 * return frame.
 */
void trap_run_user(void (*code)(void *), void *data, uint64_t user_flags,
                   struct trap_record *record);

/* Same with every register of the return frame chosen by the caller. */
void trap_run_frame(const struct trap_frame *start, uint64_t user_flags,
                    struct trap_record *record);

#endif
