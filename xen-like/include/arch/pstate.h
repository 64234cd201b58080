/* SPDX-License-Identifier: MIT */
/*
 * How fast a CPU runs: the P-states that the control domain uploads from ACPI, and governors that
 * choose among them. State 0 is the fastest. CPUs that ACPI says change together (software
 * coordination of _PSD) share one policy and run in the fastest state any of them wants; others
 * have a policy each. Times in ns are by the TSC, whose rate no state changes.
 */
#ifndef CORBEL_ARCH_PSTATE_H
#define CORBEL_ARCH_PSTATE_H

#include "cpumask.h"
#include "types.h"

#define PSTATES_MAX 32

struct pstate {
    uint32_t khz;
    uint32_t control; /* what the control register is given for it */
};

struct pstate_table {
    unsigned int n;
    struct pstate state[PSTATES_MAX];
};

enum pstate_governor {
    GOVERNOR_USERSPACE,   /* the speed that was asked for */
    GOVERNOR_PERFORMANCE, /* the fastest allowed */
    GOVERNOR_POWERSAVE,   /* the slowest allowed */
    GOVERNOR_ONDEMAND,    /* by load */
    GOVERNOR_COUNT,
};

struct pstate_policy {
    enum pstate_governor governor;
    uint32_t min_khz, max_khz; /* as the user wants */
    uint32_t speed_khz;        /* of userspace */
    uint32_t platform_limit;   /* as firmware wants: no state before this one */
    bool has_no_turbo;
};

/* Of ondemand, for all CPUs. */
struct pstate_tuning {
    uint32_t sampling_us;
    uint32_t up_threshold; /* percent busy, above which the fastest state is chosen */
};
#define SAMPLING_US_MIN  10000
#define SAMPLING_US_MAX  5000000
#define UP_THRESHOLD_MIN 11
#define UP_THRESHOLD_MAX 100

struct pstate_range {
    unsigned int fastest, slowest;
};

/* --- pstate_policy.c: pure --- */
/* Appends what _PSS tells; false: no room, a frequency that is not below the last one's or 0, or a
 * control value above `control_max`. */
bool pstate_add(struct pstate_table *t, uint64_t mhz, uint64_t control, uint64_t control_max);
const char *pstate_governor_name(enum pstate_governor g);
/* By at most `len` bytes of `name`; false when there is none. */
bool pstate_governor_find(const char *name, size_t len, enum pstate_governor *g);
/* What platform and user allow; where they leave nothing, the upper limits win. */
struct pstate_range pstate_allowed(const struct pstate_table *t, const struct pstate_policy *p);
/* Which state a CPU in state `now` wants that was busy for `load` percent of the last period. */
unsigned int pstate_choose(const struct pstate_table *t, const struct pstate_policy *p,
                           uint32_t up_threshold, unsigned int now, unsigned int load);

/* --- pstate_hw.c: registers --- */
enum pstate_way {
    PSTATE_BY_PORT,
    PSTATE_BY_PERF_CTL, /* Intel SDM 3B, 15.1: IA32_PERF_CTL */
    PSTATE_BY_INDEX,    /* AMD APM 2, 17.1: P-State Control */
};
struct pstate_register {
    enum pstate_way way;
    uint16_t port;
    uint8_t width; /* of the port: 1, 2, 4 bytes */
};
/* How the CPU's own registers change states; false: they do not, or would change the TSC's rate. */
bool pstate_msr_way(enum pstate_way *way);
uint64_t pstate_control_max(const struct pstate_register *reg);
bool pstate_has_turbo(const struct pstate_register *reg);
/* On the CPU itself. -EFAULT when the CPU faults. */
int pstate_write(const struct pstate_register *reg, uint32_t control, bool has_no_turbo);
/* Percent of its highest nominal frequency at which `cpu`, which is online, ran since this was
 * asked last; 0 where it does not count that. */
unsigned int pstate_measured_percent(unsigned int cpu);

/* --- pstate.c: each CPU's state. With the control lock held, but where it says otherwise. --- */
struct pstate_upload {
    struct pstate_table table;
    struct pstate_register reg;
    uint32_t platform_limit;
    bool is_shared; /* coordinated by software with the CPUs of the same domain */
    uint64_t domain, n_in_domain;
};
/* The CPU has states from now on, for good. -EEXIST; -ENOMEM; -EINVAL: its domain's other CPUs were
 * told to be different. */
int pstate_install(unsigned int cpu, const struct pstate_upload *u);

/* NULL when nothing was uploaded for the CPU. */
const struct pstate_table *pstate_table_of(unsigned int cpu);
/* To be changed in place, then pstate_policy_changed called; NULL as above. */
struct pstate_policy *pstate_policy_of(unsigned int cpu);
void pstate_policy_changed(unsigned int cpu);
/* The online CPUs that share its policy. */
void pstate_affected(unsigned int cpu, struct cpumask *cpus);
unsigned int pstate_now(unsigned int cpu);
const struct pstate_register *pstate_register_of(unsigned int cpu);

struct pstate_stats {
    unsigned int last, now;
    uint64_t busy_ns[PSTATES_MAX]; /* not idle in this state */
    uint64_t entries[PSTATES_MAX];
    uint64_t moves[PSTATES_MAX * PSTATES_MAX]; /* from * n + to */
};
/* Up to date; it may go on changing while it is read. */
const struct pstate_stats *pstate_stats_of(unsigned int cpu);
void pstate_reset_stats(unsigned int cpu);

extern struct pstate_tuning pstate_tuning;
extern bool pstate_is_off; /* cpufreq=none */
/* cpufreq= of the command line. */
bool pstate_parse_option(const char *value);

/* Does what a policy now wants on this CPU; from its softirq, without locks. */
void pstate_softirq(void);
/* Around a sleep: a CPU that wants the slowest state is not woken to look again. */
void pstate_sleep_begins(void);
void pstate_sleep_ends(void);
/* This CPU goes off line. */
void pstate_leave(void);

#endif
