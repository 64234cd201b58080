/* SPDX-License-Identifier: MIT */
/* xl mem-set, mem-max: what a domain's balloon driver aims at, and the most it may have. */
#include "command.h"
#include "domain/life.h"
#include "util/report.h"

#include <ctype.h>
#include <stdlib.h>

#define DOM0_LEAST   (128u << 10) /* KiB; below, dom0 is soon at its end */
#define MEMORY_MOST  (5ull << 30) /* KiB: what the hypervisor can manage */
#define KIB_PER_PAGE 4u

/* Reads an amount of memory with a unit's letter, MiB without one. 0 when it is none. */
static uint64_t amount_kib(const char *text)
{
    char *end;
    unsigned long long n = strtoull(text, &end, 10);
    unsigned int shift = 10;

    if (end == text || !isdigit((unsigned char)*text) || n > MEMORY_MOST << 10)
        return 0;
    switch (tolower((unsigned char)*end)) {
    case 'b':
        n >>= 10;
        shift = 0;
        break;
    case 'k':
        shift = 0;
        break;
    case 'g':
        shift = 20;
        break;
    case 't':
        shift = 30;
        break;
    case 'm':
    case '\0':
        break;
    default:
        return 0;
    }
    if ((*end && end[1]) || n > MEMORY_MOST >> shift)
        return 0;
    return n << shift;
}

/* The most a domain's kernel can manage, set when it was made; dom0's, where no tool has. */
static uint64_t static_max_kib(struct toolstack *ts, domid_t domid,
                               const struct xen_domctl_getdomaininfo *info)
{
    long kib = store_read_number(ts->xs, XBT_NULL, "/local/domain/%d/memory/static-max", domid);
    uint64_t limit = info->max_pages * KIB_PER_PAGE;

    if (kib > 0)
        return (uint64_t)kib;
    return limit < MEMORY_MOST ? limit : MEMORY_MOST;
}

static int set_target(struct toolstack *ts, domid_t domid, uint64_t kib)
{
    struct xen_domctl_getdomaininfo info;
    char root[64];
    uint64_t most;

    if (hv_domain_info(ts->hv, domid, &info) < 0)
        return report_errno("cannot ask for domain %d", domid);
    most = static_max_kib(ts, domid, &info);
    if (kib > most)
        return report_error("domain %d can have %llu MiB at most (its maxmem), not %llu", domid,
                            (unsigned long long)most >> 10, (unsigned long long)kib >> 10);
    if (domid == 0 && kib < DOM0_LEAST)
        return report_error("domain 0 needs at least %u MiB", DOM0_LEAST >> 10);
    /* Before the balloon driver hears of it: what grows must be allowed to. */
    if (domid != 0 && hv_domain_set_max_mem(ts->hv, domid, kib + DOMAIN_SLACK_KIB) < 0)
        return report_errno("cannot limit the memory of domain %d", domid);
    snprintf(root, sizeof(root), "/local/domain/%d", domid);
    if (!store_write(ts->xs, XBT_NULL, root, "memory/target", "%llu", (unsigned long long)kib))
        return report_errno("cannot write %s/memory/target", root);
    return 0;
}

static int set_max(struct toolstack *ts, domid_t domid, uint64_t kib)
{
    long target = store_read_number(ts->xs, XBT_NULL, "/local/domain/%d/memory/target", domid);

    if (target > 0 && kib < (uint64_t)target)
        return report_error("domain %d aims at %ld MiB: lower that first (xl mem-set)", domid,
                            target >> 10);
    if (hv_domain_set_max_mem(ts->hv, domid, kib + DOMAIN_SLACK_KIB) < 0)
        return report_errno("cannot limit the memory of domain %d", domid);
    return 0;
}

static int run(int argc, char **argv, int (*set)(struct toolstack *, domid_t, uint64_t))
{
    struct toolstack ts;
    domid_t domid;
    uint64_t kib;
    int ret = -1;

    if (getopt(argc, argv, "") != -1 || argc - optind != 2)
        return command_usage(argv[0]);
    kib = amount_kib(argv[optind + 1]);
    if (kib == 0) {
        report_error("'%s' is no amount of memory: a number of MiB, or one with b, k, m, g or t "
                     "behind it",
                     argv[optind + 1]);
        return XL_FAILED;
    }
    if (toolstack_open(&ts) < 0)
        return XL_FAILED;
    if (domain_find(&ts, argv[optind], &domid) == 0)
        ret = set(&ts, domid, kib);
    toolstack_close(&ts);
    return ret < 0 ? XL_FAILED : XL_OK;
}

int cmd_mem_set(int argc, char **argv)
{
    return run(argc, argv, set_target);
}

int cmd_mem_max(int argc, char **argv)
{
    return run(argc, argv, set_max);
}
