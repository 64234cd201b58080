/* SPDX-License-Identifier: MIT */
/* Which P-state: limits and governors. Pure. */
#include "arch/pstate.h"
#include "lib/string.h"

#define MARGIN 10 /* percent of load below the threshold, at which a slower state is to keep it */

static const char *const names[GOVERNOR_COUNT] = {
    [GOVERNOR_USERSPACE] = "userspace",
    [GOVERNOR_PERFORMANCE] = "performance",
    [GOVERNOR_POWERSAVE] = "powersave",
    [GOVERNOR_ONDEMAND] = "ondemand",
};

bool pstate_add(struct pstate_table *t, uint64_t mhz, uint64_t control, uint64_t control_max)
{
    uint64_t below = t->n ? t->state[t->n - 1].khz : UINT32_MAX;

    if (t->n >= PSTATES_MAX || mhz == 0 || mhz > UINT32_MAX / 1000 || mhz * 1000 >= below ||
        control > control_max)
        return false;
    t->state[t->n++] = (struct pstate){.khz = (uint32_t)mhz * 1000, .control = (uint32_t)control};
    return true;
}

const char *pstate_governor_name(enum pstate_governor g)
{
    return names[g];
}

bool pstate_governor_find(const char *name, size_t len, enum pstate_governor *g)
{
    for (unsigned int i = 0; i < GOVERNOR_COUNT; i++)
        if (strnlen(name, len) == strlen(names[i]) &&
            memcmp(name, names[i], strlen(names[i])) == 0) {
            *g = (enum pstate_governor)i;
            return true;
        }
    return false;
}

struct pstate_range pstate_allowed(const struct pstate_table *t, const struct pstate_policy *p)
{
    unsigned int last = t->n - 1;
    struct pstate_range r = {.fastest = MIN(p->platform_limit, last), .slowest = last};

    while (r.fastest < last && t->state[r.fastest].khz > p->max_khz)
        r.fastest++;
    while (r.slowest > r.fastest && t->state[r.slowest].khz < p->min_khz)
        r.slowest--;
    return r;
}

/* The slowest of the range that gives `khz`, or else its fastest. */
static unsigned int at_least(const struct pstate_table *t, struct pstate_range r, uint64_t khz)
{
    unsigned int i = r.slowest;

    while (i > r.fastest && t->state[i].khz < khz)
        i--;
    return i;
}

static unsigned int by_load(const struct pstate_table *t, struct pstate_range r, uint32_t threshold,
                            unsigned int now, unsigned int load)
{
    uint64_t khz = t->state[now].khz;

    if (load > threshold)
        return r.fastest;
    return at_least(t, r, MIN(khz * load / (threshold - MARGIN), khz));
}

unsigned int pstate_choose(const struct pstate_table *t, const struct pstate_policy *p,
                           uint32_t up_threshold, unsigned int now, unsigned int load)
{
    struct pstate_range r = pstate_allowed(t, p);

    switch (p->governor) {
    case GOVERNOR_USERSPACE:
        return at_least(t, r, p->speed_khz);
    case GOVERNOR_POWERSAVE:
        return r.slowest;
    case GOVERNOR_ONDEMAND:
        return by_load(t, r, up_threshold, now, load);
    default:
        return r.fastest;
    }
}
