/* SPDX-License-Identifier: MIT */
/* The registers that change a CPU's P-state, and those that tell how fast it ran. */
#include "arch/cpu.h"
#include "arch/msr.h"
#include "arch/pstate.h"
#include "arch/smp.h"
#include "errno.h"

#define CPUID1_ECX_EST           (1u << 7)
#define CPUID6_EAX_TURBO         (1u << 1)
#define CPUID6_ECX_APERF         (1u << 0)
#define CPUID_POWER              0x80000007
#define POWER_EDX_PSTATES        (1u << 7)
#define POWER_EDX_INVARIANT_TSC  (1u << 8)
#define POWER_EDX_BOOST          (1u << 9)
#define PERF_CTL_STATE           0xffffull
#define PERF_CTL_TURBO_DISENGAGE (1ull << 32)
#define INDEX_MAX                7
#define HWCR_BOOST_DISABLE       (1ull << 25)

static uint32_t power_bits(void)
{
    return cpu_cpuid(0x80000000, 0).a >= CPUID_POWER ? cpu_cpuid(CPUID_POWER, 0).d : 0;
}

static struct cpuid_regs thermal_bits(void)
{
    return cpu_cpuid(0, 0).a >= 6 ? cpu_cpuid(6, 0) : (struct cpuid_regs){0};
}

bool pstate_msr_way(enum pstate_way *way)
{
    uint32_t power = power_bits();
    bool has_est = cpu_cpuid(1, 0).c & CPUID1_ECX_EST;

    *way = has_est ? PSTATE_BY_PERF_CTL : PSTATE_BY_INDEX;
    return (power & POWER_EDX_INVARIANT_TSC) && (has_est || (power & POWER_EDX_PSTATES));
}

uint64_t pstate_control_max(const struct pstate_register *reg)
{
    switch (reg->way) {
    case PSTATE_BY_PERF_CTL:
        return PERF_CTL_STATE;
    case PSTATE_BY_INDEX:
        return INDEX_MAX;
    default:
        return (1ull << reg->width * 8) - 1;
    }
}

bool pstate_has_turbo(const struct pstate_register *reg)
{
    switch (reg->way) {
    case PSTATE_BY_PERF_CTL:
        return thermal_bits().a & CPUID6_EAX_TURBO;
    case PSTATE_BY_INDEX:
        return power_bits() & POWER_EDX_BOOST;
    default:
        return false;
    }
}

static int change_msr(uint32_t msr, uint64_t mask, uint64_t bits)
{
    uint64_t old;

    if (cpu_rdmsr_safe(msr, &old))
        return -EFAULT;
    return cpu_wrmsr_safe(msr, (old & ~mask) | bits);
}

static void write_port(const struct pstate_register *reg, uint32_t control)
{
    if (reg->width == 1)
        cpu_outb(reg->port, (uint8_t)control);
    else if (reg->width == 2)
        cpu_outw(reg->port, (uint16_t)control);
    else
        cpu_outl(reg->port, control);
}

int pstate_write(const struct pstate_register *reg, uint32_t control, bool has_no_turbo)
{
    int rc = 0;

    switch (reg->way) {
    case PSTATE_BY_PERF_CTL:
        return change_msr(MSR_PERF_CTL, PERF_CTL_STATE | PERF_CTL_TURBO_DISENGAGE,
                          control | (has_no_turbo ? PERF_CTL_TURBO_DISENGAGE : 0));
    case PSTATE_BY_INDEX:
        if (pstate_has_turbo(reg))
            rc = change_msr(MSR_HWCR, HWCR_BOOST_DISABLE, has_no_turbo ? HWCR_BOOST_DISABLE : 0);
        return rc ? rc : cpu_wrmsr_safe(MSR_PSTATE_CONTROL, control);
    default:
        write_port(reg, control);
        return 0;
    }
}

struct cycles {
    uint64_t actual, nominal;
};

/* Called on the CPU that is asked about. */
static void read_cycles(void *data)
{
    struct cycles *c = data;

    if (cpu_rdmsr_safe(MSR_APERF, &c->actual) || cpu_rdmsr_safe(MSR_MPERF, &c->nominal))
        *c = (struct cycles){0};
}

unsigned int pstate_measured_percent(unsigned int cpu)
{
    static struct cycles then[CPU_MAX]; /* by the control lock */
    struct cycles now = {0}, ran;
    struct cpumask only = {0};

    if (!(thermal_bits().c & CPUID6_ECX_APERF))
        return 0;
    cpumask_set(&only, cpu);
    smp_call(&only, read_cycles, &now);
    ran = (struct cycles){now.actual - then[cpu].actual, now.nominal - then[cpu].nominal};
    then[cpu] = now;
    /* Counters that the firmware set back make nonsense once. */
    if (ran.nominal == 0 || ran.actual >> 56 || ran.nominal >> 56)
        return 0;
    return (unsigned int)MIN(ran.actual * 100 / ran.nominal, 1000ull);
}
