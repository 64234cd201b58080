/* SPDX-License-Identifier: MIT */
/* Port instructions of guests: allowed by virtual IOPL or bitmap, and by the domain's port ranges.
 */
#include "arch/cpu.h"
#include "arch/emulate.h"
#include "arch/pci.h"
#include "arch/trap.h"
#include "guest.h"
#include "hypercall.h"

#define PCI_ADDRESS 0xcf8
#define PCI_DATA    0xcfc

bool port_insn_decode(const uint8_t *op, const struct regs *r, struct port_insn *p)
{
    if ((op[0] & 0xfc) == 0xe4) { /* e4..e7: immediate port */
        p->port = op[1];
        p->length = 2;
    } else if ((op[0] & 0xfc) == 0xec) { /* ec..ef: port in dx */
        p->port = (uint16_t)r->rdx;
        p->length = 1;
    } else if ((op[0] & 0xfc) == 0x6c) { /* 6c..6f: ins, outs */
        p->port = (uint16_t)r->rdx;
        p->length = 1;
        p->is_string = true;
    } else
        return false;
    p->is_out = op[0] & 2;
    if (!(op[0] & 1))
        p->size = 1;
    return true;
}

/* Reads the I/O bitmap, which is in the kernel's memory: user space's tables may not have it. */
static int read_bitmap(struct vcpu *v, void *bits, unsigned int offset, unsigned int len)
{
    bool from_user = !(v->arch.flags & VCPU_KERNEL_MODE);

    if (from_user)
        pv_toggle_mode(v);
    int rc = guest_read(bits, v->arch.iobmp + offset, len);
    if (from_user)
        pv_toggle_mode(v);
    return rc;
}

/* The guest's own word: its IOPL, or its I/O bitmap for user space. */
static bool guest_allows(struct vcpu *v, const struct port_insn *p)
{
    unsigned int ring = v->arch.flags & VCPU_KERNEL_MODE ? 1 : 3;
    uint8_t bits[2];

    if (v->arch.iopl >= ring)
        return true;
    if (!v->arch.iobmp || p->port + p->size > v->arch.iobmp_ports ||
        read_bitmap(v, bits, p->port / 8, (p->port + p->size - 1) / 8 - p->port / 8 + 1))
        return false;
    for (unsigned int i = 0; i < p->size; i++) {
        unsigned int bit = p->port % 8 + i;
        if (bits[bit / 8] >> bit % 8 & 1)
            return false;
    }
    return true;
}

static uint32_t raw_in(uint16_t port, unsigned int size)
{
    return size == 1 ? cpu_inb(port) : size == 2 ? cpu_inw(port) : cpu_inl(port);
}

static void raw_out(uint16_t port, unsigned int size, uint32_t val)
{
    if (size == 1)
        cpu_outb(port, (uint8_t)val);
    else if (size == 2)
        cpu_outw(port, (uint16_t)val);
    else
        cpu_outl(port, val);
}

/* The domain may touch all of the ports: the hardware's answer; otherwise all ones, and writes are
 * dropped. */
static uint32_t port_read(struct vcpu *v, uint16_t port, unsigned int size)
{
    struct domain *d = v->domain;

    if (d->is_control && port == PCI_ADDRESS && size == 4)
        return v->arch.cf8;
    if (d->is_control && (port & ~3u) == PCI_DATA && (v->arch.cf8 >> 31))
        return pci_guest_read(v->arch.cf8, port & 3, size);
    if (domain_may_access(d, d->ioports, port, port + size - 1u))
        return raw_in(port, size);
    return size == 4 ? ~0u : (1u << size * 8) - 1;
}

static void port_write(struct vcpu *v, uint16_t port, unsigned int size, uint32_t val)
{
    struct domain *d = v->domain;

    if (d->is_control && port == PCI_ADDRESS && size == 4)
        v->arch.cf8 = val;
    else if (d->is_control && (port & ~3u) == PCI_DATA && (v->arch.cf8 >> 31))
        pci_guest_write(v->arch.cf8, port & 3, size, val);
    else if (domain_may_access(d, d->ioports, port, port + size - 1u))
        raw_out(port, size, val);
}

/* Where an access that fails is a page fault, which leaves its address in cr2; elsewhere it is #GP.
 */
static bool may_fault(uint64_t va, unsigned int size)
{
    return guest_range_ok(va, size) && pv_canonical(va) && pv_canonical(va + size - 1);
}

static bool string_op(struct vcpu *v, struct regs *r, const struct port_insn *p)
{
    uint64_t *ptr = p->is_out ? &r->rsi : &r->rdi;
    int64_t step = r->rflags & 0x400 ? -(int64_t)p->size : p->size;
    unsigned int burst = 64; /* then back to the guest, which comes again */

    while ((!p->repeat || r->rcx) && burst-- > 0) {
        uint32_t val = 0;
        if (!may_fault(*ptr, p->size))
            return false;
        if (p->is_out) {
            if (guest_read(&val, *ptr, p->size)) {
                pv_inject_page_fault(r, cpu_read_cr2(), 0);
                return true;
            }
            port_write(v, p->port, p->size, val);
        } else {
            val = port_read(v, p->port, p->size);
            if (guest_write(*ptr, &val, p->size)) {
                pv_inject_page_fault(r, cpu_read_cr2(), PF_WRITE);
                return true;
            }
        }
        *ptr += (uint64_t)step;
        if (!p->repeat) {
            r->rip += p->length;
            return true;
        }
        r->rcx--;
    }
    if (r->rcx == 0)
        r->rip += p->length;
    return true;
}

bool pv_emulate_port(struct vcpu *v, struct regs *r, const struct port_insn *p)
{
    if (p->port + p->size > 0x10000 || !guest_allows(v, p))
        return false;
    if (p->is_string)
        return string_op(v, r, p);
    if (p->is_out)
        port_write(v, p->port, p->size, (uint32_t)r->rax);
    else {
        uint32_t val = port_read(v, p->port, p->size);
        if (p->size == 4)
            r->rax = val;
        else {
            uint64_t mask = (1ul << p->size * 8) - 1;
            r->rax = (r->rax & ~mask) | (val & mask);
        }
    }
    r->rip += p->length;
    return true;
}
