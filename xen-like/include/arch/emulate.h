/* SPDX-License-Identifier: MIT */
/* Parts of the PV instruction emulation shared by its files. */
#ifndef CORBEL_ARCH_EMULATE_H
#define CORBEL_ARCH_EMULATE_H

#include "domain.h"

#define INSN_MAX    15
#define INSN_BUFFER 16 /* what insn_fetch may write */

uint64_t *reg_by_number(struct regs *r, unsigned int n);
/* Copies up to INSN_MAX bytes at `rip`; returns how many could be read. */
unsigned int insn_fetch(uint64_t rip, uint8_t *buf);

/* in, out, ins, outs. */
struct port_insn {
    uint16_t port;
    uint8_t size; /* bytes: 1, 2, 4 */
    bool is_out, is_string, repeat;
    unsigned int length;
};
/* Fills `p` (size preset by prefixes) when the opcode is a port instruction. */
bool port_insn_decode(const uint8_t *opcode, const struct regs *r, struct port_insn *p);
/* Does it if the vCPU may; false = the guest gets its #GP. */
bool pv_emulate_port(struct vcpu *v, struct regs *r, const struct port_insn *p);

/* MSRs as the guest sees them; false = #GP. */
bool pv_read_msr(struct vcpu *v, uint32_t msr, uint64_t *val);
bool pv_write_msr(struct vcpu *v, uint32_t msr, uint64_t val);

#endif
