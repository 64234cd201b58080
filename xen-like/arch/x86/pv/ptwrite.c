/* SPDX-License-Identifier: MIT */
/*
 * Writable page tables: a guest kernel's plain store to one of its own page tables, which it sees
 * read-only, is decoded and done as a checked update. Covers the instructions compilers and kernels
 * use for that: mov, xchg, and the locked bit, logic and compare-and-exchange forms.
 */
#include "counters.h"
#include "arch/emulate.h"
#include "arch/pv_mm.h"
#include "arch/trap.h"
#include "guest.h"
#include "lib/string.h"

#define INSN_MOV  0x89
#define INSN_XCHG 0x87

enum pt_op { OP_MOV, OP_XCHG, OP_LOGIC, OP_BIT, OP_CMPXCHG, OP_XADD };

struct pt_insn {
    enum pt_op op;
    unsigned int size; /* bytes: 1, 2, 4, 8 */
    unsigned int
        logic;     /* group-1 number: 0 add 1 or 4 and 5 sub 6 xor; for OP_BIT 5 bts 6 btr 7 btc */
    uint64_t *reg; /* register operand, or NULL: imm */
    uint64_t imm;
    unsigned int length;
};

/* Length of modrm + sib + displacement for a memory operand, 0 when it is a register. */
static unsigned int modrm_length(const uint8_t *p)
{
    unsigned int mod = p[0] >> 6, rm = p[0] & 7, n = 1;
    if (mod == 3)
        return 0;
    if (rm == 4) {
        n++;
        if (mod == 0 && (p[1] & 7) == 5)
            return n + 4;
    } else if (rm == 5 && mod == 0)
        return n + 4;
    return n + (mod == 1 ? 1 : mod == 2 ? 4 : 0);
}

static uint64_t immediate(const uint8_t *p, unsigned int n)
{
    int32_t v32 = 0;
    if (n == 1)
        return (uint64_t)(int64_t)(int8_t)p[0];
    if (n == 2)
        return (uint64_t)(int64_t)(int16_t)(p[0] | p[1] << 8);
    memcpy(&v32, p, 4);
    return (uint64_t)(int64_t)v32;
}

static bool decode_0f(const uint8_t *p, unsigned int rex, struct regs *r, struct pt_insn *in)
{
    unsigned int m = modrm_length(p + 1), reg = (p[1] >> 3 & 7) | (rex & 4 ? 8 : 0);

    if (!m)
        return false;
    in->reg = reg_by_number(r, reg);
    in->length = 1 + m;
    switch (p[0]) {
    case 0xab:
    case 0xb3:
    case 0xbb: /* bts, btr, btc with a register: the operand may lie words away from the fault */
        in->op = OP_BIT;
        in->logic = (p[0] - 0xab) / 8 + 5;
        return *in->reg < in->size * 8;
    case 0xba:
        in->op = OP_BIT;
        in->logic = p[1] >> 3 & 7;
        in->imm = p[1 + m];
        in->reg = NULL;
        in->length++;
        return in->logic >= 5;
    case 0xb0:
    case 0xb1:
        in->op = OP_CMPXCHG;
        if (p[0] == 0xb0)
            in->size = 1;
        return true;
    case 0xc0:
    case 0xc1:
        in->op = OP_XADD;
        if (p[0] == 0xc0)
            in->size = 1;
        return true;
    default:
        return false;
    }
}

static bool decode(const uint8_t *p, unsigned int n, struct regs *r, struct pt_insn *in)
{
    unsigned int i = 0, rex = 0;

    *in = (struct pt_insn){.size = 4};
    for (; i < 4 && (p[i] == 0xf0 || p[i] == 0x66 || p[i] == 0x3e || p[i] == 0x2e); i++)
        if (p[i] == 0x66)
            in->size = 2;
    if ((p[i] & 0xf0) == 0x40)
        rex = p[i++];
    if (rex & 8)
        in->size = 8;
    if (i + 2 > n)
        return false;
    const uint8_t *op = p + i;
    unsigned int prefix = i + 1;
    if (*op == 0x0f) {
        if (!decode_0f(op + 1, rex, r, in))
            return false;
        in->length += prefix;
        return in->length <= n;
    }
    unsigned int m = modrm_length(op + 1), reg = (op[1] >> 3 & 7) | (rex & 4 ? 8 : 0);
    if (!m)
        return false;
    in->length = prefix + m;
    in->reg = reg_by_number(r, reg);
    if (!(*op & 1) && *op != 0x83)
        in->size = 1;
    switch (*op) {
    case 0x88:
    case 0x89:
        in->op = OP_MOV;
        break;
    case 0x86:
    case 0x87:
        in->op = OP_XCHG;
        break;
    case 0x08:
    case 0x09:
    case 0x20:
    case 0x21:
    case 0x30:
    case 0x31:
    case 0x00:
    case 0x01:
    case 0x28:
    case 0x29:
        in->op = OP_LOGIC;
        in->logic = *op >> 3;
        break;
    case 0xc6:
    case 0xc7:
    case 0x80:
    case 0x81:
    case 0x83: {
        unsigned int imm = *op == 0x83 || in->size == 1 ? 1 : in->size == 2 ? 2 : 4;
        in->op = *op >= 0xc6 ? OP_MOV : OP_LOGIC;
        in->logic = op[1] >> 3 & 7;
        in->imm = immediate(op + 1 + m, imm);
        in->reg = NULL;
        in->length += imm;
        break;
    }
    default:
        return false;
    }
    /* Byte registers 4-7 without REX are ah..bh: nobody writes page tables with those. */
    if (in->size == 1 && in->reg && !rex && reg >= 4)
        return false;
    return in->length <= n;
}

static uint64_t apply_logic(unsigned int logic, uint64_t a, uint64_t b)
{
    switch (logic) {
    case 0:
        return a + b;
    case 1:
        return a | b;
    case 4:
        return a & b;
    case 5:
        return a - b;
    default:
        return a ^ b;
    }
}

#define FLAG_CF 1ul
#define FLAG_ZF 0x40ul
#define FLAG_SF 0x80ul

/* The new value of the operand; flags and registers as the instruction leaves them are set in
 * *after. */
static bool execute(const struct pt_insn *in, uint64_t old, struct regs *r, uint64_t *val,
                    uint64_t *reg_after)
{
    uint64_t mask = in->size == 8 ? ~0ul : (1ul << in->size * 8) - 1;
    uint64_t src = in->reg ? *in->reg : in->imm;

    *reg_after = src;
    switch (in->op) {
    case OP_MOV:
        *val = src;
        return true;
    case OP_XCHG:
        *val = src;
        *reg_after = (in->size == 4 ? 0 : src & ~mask) | old;
        return true;
    case OP_LOGIC:
        if (in->logic == 2 || in->logic == 3 || in->logic == 7)
            return false;
        *val = apply_logic(in->logic, old, src) & mask;
        r->rflags = (r->rflags & ~(FLAG_CF | FLAG_ZF | FLAG_SF)) | (*val ? 0 : FLAG_ZF) |
                    (*val >> (in->size * 8 - 1) & 1 ? FLAG_SF : 0);
        return true;
    case OP_BIT: {
        uint64_t bit = 1ul << (src & (in->size * 8 - 1));
        r->rflags = (r->rflags & ~FLAG_CF) | (old & bit ? FLAG_CF : 0);
        *val = in->logic == 5 ? old | bit : in->logic == 6 ? old & ~bit : old ^ bit;
        return true;
    }
    case OP_CMPXCHG:
        if ((r->rax & mask) == old) {
            r->rflags |= FLAG_ZF;
            *val = src;
        } else {
            r->rflags &= ~FLAG_ZF;
            r->rax = (in->size == 4 ? 0 : r->rax & ~mask) | old;
            *val = old;
        }
        return true;
    case OP_XADD:
        *val = old + src;
        *reg_after = (in->size == 4 ? 0 : src & ~mask) | old;
        return true;
    }
    return false;
}

static void store_done(struct regs *regs)
{
    COUNT(page_table_stores_emulated);
    regs->vector = 0; /* leave by iret */
}

/*
 * The two that kernels mostly use, mov and xchg of a 64-bit register and a whole entry. False when
 * it is another; otherwise *rc is pt_update_if's.
 */
static bool emulate_whole_entry(const uint8_t *insn, struct page_info *pt, uint64_t *slot,
                                struct regs *regs, int *rc)
{
    unsigned int m;

    if ((insn[0] & 0xf8) != 0x48 || (insn[1] != INSN_MOV && insn[1] != INSN_XCHG) ||
        !(m = modrm_length(insn + 2)))
        return false;
    uint64_t *reg = reg_by_number(regs, (insn[2] >> 3 & 7) | (insn[0] & 4) << 1);
    uint64_t old = READ_ONCE(*slot);

    *rc = pt_update_if(pt, slot, old, *reg);
    if (*rc)
        return true;
    if (insn[1] == INSN_XCHG)
        *reg = old;
    regs->rip += 2 + m;
    return true;
}

/* Does the store at `va` to the L1 table `pt`, of which a type use is held. */
static bool emulate_store(uint64_t va, struct page_info *pt, struct regs *regs)
{
    const uint64_t rax = regs->rax, rflags = regs->rflags; /* what execute may change */
    struct pt_insn in;
    uint8_t insn[INSN_BUFFER + 4] = {0}; /* an immediate may be looked for past the end */
    unsigned int n = insn_fetch(regs->rip, insn), shift = (va & 7) * 8;
    uint64_t *slot = (uint64_t *)((char *)page_to_virt(pt) + (va & (PAGE_SIZE - 1) & ~7ul));
    int rc;
    if (likely(n == INSN_MAX && shift == 0) && emulate_whole_entry(insn, pt, slot, regs, &rc)) {
        if (rc == 0)
            store_done(regs);
        return rc == 0 || rc == -EAGAIN;
    }
    if (!decode(insn, n, regs, &in) || (va & 7) + in.size > 8)
        return false;

    uint64_t mask = in.size == 8 ? ~0ul : (1ul << in.size * 8) - 1;
    uint64_t old = READ_ONCE(*slot), val, reg_after;
    if (!execute(&in, old >> shift & mask, regs, &val, &reg_after))
        return false;
    uint64_t whole = (old & ~(mask << shift)) | (val & mask) << shift;
    rc = pt_update_if(pt, slot, old, whole);
    if (rc) {
        regs->rax = rax;
        regs->rflags = rflags;
        return rc == -EAGAIN; /* another vCPU's change came between: the instruction runs again */
    }
    if (in.reg && (in.op == OP_XCHG || in.op == OP_XADD))
        *in.reg = reg_after;
    regs->rip += in.length;
    store_done(regs);
    return true;
}

bool pv_emulate_pt_write(struct vcpu *v, uint64_t va, struct regs *regs)
{
    struct page_info *map_pt;
    const uint64_t *map = pv_walk_l1(v, va, &map_pt);
    uint64_t entry = map ? READ_ONCE(*map) : 0;

    if ((entry & (PTE_P | PTE_W | PTE_GRANT)) != PTE_P ||
        !mfn_valid(paddr_to_mfn(entry & PTE_ADDR)))
        return false;
    struct page_info *pt = mfn_to_page(paddr_to_mfn(entry & PTE_ADDR));

    if (!page_get_l1(pt, v->domain))
        return false;
    bool done = emulate_store(va, pt, regs);

    page_put_l1(pt);
    return done;
}
