/* SPDX-License-Identifier: MIT */
/* FXSAVE/XSAVE state. */
#include "arch/fpu.h"
#include "console.h"
#include "lib/string.h"

#define XCR0_GUEST        0xe7ull /* x87 SSE AVX, AVX-512 */
#define FXSAVE_SIZE       512
#define FXSAVE_MXCSR      24      /* offset in it */
#define MXCSR_ALWAYS      0xffbfu /* without DAZ, which old CPUs refuse */
#define XSAVE_HEADER_SIZE 64

#define VENDOR_INTEL 0x756e6547 /* "Genu" */
#define FXSAVE_FSW   2          /* offset of the x87 status word */
#define FSW_ES       (1 << 7)   /* an exception is pending */

static bool has_xsave;
/* An AMD CPU without RstrFpErrPtrs: restoring leaves FIP, FDP and FOP alone unless FSW_ES is set.
 */
static bool keeps_pointers;
static uint64_t host_xcr0;
static uint32_t area_size = FXSAVE_SIZE;

static void xsetbv(uint64_t v)
{
    __asm__ volatile("xsetbv" ::"c"(0), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)));
}

void fpu_init(void)
{
    if (cpu_cpuid(1, 0).c & (1u << 26)) {
        struct cpuid_regs r = cpu_cpuid(0xd, 0);
        host_xcr0 = (r.a | (uint64_t)r.d << 32) & XCR0_GUEST;
        if ((host_xcr0 & 0xe0) != 0xe0) /* AVX-512 needs all three parts */
            host_xcr0 &= 7;
        has_xsave = true;
    }
    keeps_pointers = cpu_cpuid(0, 0).b != VENDOR_INTEL && !(cpu_cpuid(0x80000008, 0).b & (1u << 2));
    fpu_init_cpu();
    if (has_xsave)
        area_size = cpu_cpuid(0xd, 0).b;
    printk(LOG_INFO, "FPU: %s, %u bytes of state\n", has_xsave ? "XSAVE" : "FXSAVE", area_size);
}

void fpu_init_cpu(void)
{
    if (!has_xsave)
        return;
    cpu_write_cr4(cpu_read_cr4() | 1ul << 18);
    xsetbv(host_xcr0);
}

bool fpu_has_xsave(void)
{
    return has_xsave;
}

uint64_t fpu_host_xcr0(void)
{
    return host_xcr0;
}

int fpu_vcpu_init(struct vcpu *v)
{
    v->arch.fpu = mm_alloc(MAX((size_t)area_size, PAGE_SIZE)); /* whole pages: aligned for XSAVE */
    if (!v->arch.fpu)
        return -ENOMEM;
    uint16_t *fcw = v->arch.fpu;
    uint32_t *mxcsr = (uint32_t *)((char *)v->arch.fpu + FXSAVE_MXCSR);
    *fcw = 0x37f;
    *mxcsr = 0x1f80;
    v->arch.xcr0 = 1;
    return 0;
}

void fpu_vcpu_free(struct vcpu *v)
{
    mm_free(v->arch.fpu);
    v->arch.fpu = NULL;
}

void fpu_set_legacy(struct vcpu *v, const void *image)
{
    uint32_t *mxcsr = (uint32_t *)((char *)v->arch.fpu + FXSAVE_MXCSR);

    memcpy(v->arch.fpu, image, FXSAVE_SIZE);
    *mxcsr &= MXCSR_ALWAYS;
    if (has_xsave) { /* header: x87 and SSE are in the image, the rest in its reset state */
        uint64_t *header = (uint64_t *)((char *)v->arch.fpu + FXSAVE_SIZE);
        memset(header, 0, XSAVE_HEADER_SIZE);
        header[0] = 3;
    }
}

void fpu_save(struct vcpu *v)
{
    __asm__ volatile("clts");
    if (has_xsave) {
        xsetbv(host_xcr0); /* state outside the guest's XCR0 is kept too */
        __asm__ volatile("xsave64 (%0)" ::"r"(v->arch.fpu), "a"(-1), "d"(-1) : "memory");
    } else
        __asm__ volatile("fxsave64 (%0)" ::"r"(v->arch.fpu) : "memory");
}

/* Replaces where the last vCPU's x87 instruction and operand were by ours. */
static void forget_pointers(void)
{
    static const int32_t zero;

    __asm__ volatile("fnclex; ffree %%st(7); fildl %0" ::"m"(zero));
}

void fpu_load(struct vcpu *v)
{
    const uint16_t *fsw = (const uint16_t *)((const char *)v->arch.fpu + FXSAVE_FSW);

    __asm__ volatile("clts");
    if (keeps_pointers && !(*fsw & FSW_ES))
        forget_pointers();
    if (has_xsave) {
        __asm__ volatile("xrstor64 (%0)" ::"r"(v->arch.fpu), "a"(-1), "d"(-1) : "memory");
        xsetbv(v->arch.xcr0);
    } else
        __asm__ volatile("fxrstor64 (%0)" ::"r"(v->arch.fpu) : "memory");
    if (v->arch.flags & VCPU_TS)
        cpu_write_cr0(cpu_read_cr0() | 8);
}

/* What the CPU takes as XCR0. */
static bool xcr0_ok(uint64_t xcr0)
{
    return has_xsave && (xcr0 & 1) && !(xcr0 & ~host_xcr0) && (!(xcr0 & 4) || (xcr0 & 2)) &&
           (!(xcr0 & 0xe0) || ((xcr0 & 0xe0) == 0xe0 && (xcr0 & 4)));
}

uint32_t fpu_state_size(void)
{
    return area_size;
}

int fpu_set_state(struct vcpu *v, uint64_t xcr0, const void *image, uint32_t size)
{
    const uint64_t *header = (const uint64_t *)((const char *)image + FXSAVE_SIZE);

    if (!xcr0_ok(xcr0) || size < FXSAVE_SIZE + XSAVE_HEADER_SIZE || size > area_size ||
        (header[0] & ~host_xcr0))
        return -EINVAL;
    for (unsigned int i = 1; i < XSAVE_HEADER_SIZE / sizeof(*header); i++)
        if (header[i])
            return -EINVAL; /* compacted, or bits that the CPU refuses */
    memcpy(v->arch.fpu, image, size);
    *(uint32_t *)((char *)v->arch.fpu + FXSAVE_MXCSR) &= MXCSR_ALWAYS;
    v->arch.xcr0 = xcr0;
    return 0;
}

int fpu_set_xcr0(struct vcpu *v, uint64_t xcr0)
{
    if (!xcr0_ok(xcr0))
        return -EINVAL;
    v->arch.xcr0 = xcr0;
    xsetbv(xcr0);
    return 0;
}

void fpu_cpuid(uint32_t sub, struct cpuid_regs *r)
{
    if (!has_xsave || (sub > 1 && (sub >= 64 || !(host_xcr0 >> sub & 1)))) {
        *r = (struct cpuid_regs){0};
        return;
    }
    if (sub == 0) {
        r->a &= (uint32_t)host_xcr0;
        r->d &= (uint32_t)(host_xcr0 >> 32);
        r->c = area_size;
    } else if (sub == 1) {
        r->a &= 7; /* XSAVEOPT, XSAVEC, XGETBV(1); no supervisor states */
        r->c = r->d = 0;
    }
}
