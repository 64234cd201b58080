/* SPDX-License-Identifier: MIT */
/* xl sched-credit2: weights, caps and reservations of domains. */
#include "command.h"
#include "domain/pool.h"
#include "util/report.h"

#include <stdio.h>
#include <stdlib.h>

struct request {
    long weight, cap, reservation; /* -1: stays */
    const char *domain, *pool;     /* NULL: all */
};

static int show_domain(struct toolstack *ts, domid_t domid)
{
    uint16_t weight, cap, reservation;
    char *name;

    if (hv_domain_get_credit(ts->hv, domid, &weight, &cap) < 0)
        return report_errno("cannot ask for the scheduling of domain %d", domid);
    name = domain_name(ts, domid);
    printf("%-33s %4d %6d %4d",
           name         ? name
           : domid == 0 ? "Domain-0"
                        : "(null)",
           domid, weight, cap);
    if (hv_domain_reservation(ts->hv, domid, false, &reservation) == 0 && reservation)
        printf("  reserved %d", reservation);
    putchar('\n');
    free(name);
    return 0;
}

static void show_heading(void)
{
    printf("%-33s %4s %6s %4s\n", "Name", "ID", "Weight", "Cap");
}

static int show_pools(struct toolstack *ts, const char *only)
{
    struct xen_domctl_getdomaininfo *list = NULL;
    struct hv_pool pool, wanted;
    char name[POOL_NAME_MAX];
    int n;

    if (only && pool_find(ts, only, &wanted) < 0)
        return -1;
    n = hv_domain_list(ts->hv, &list);
    if (n < 0)
        return report_errno("cannot list domains");
    for (uint32_t id = 0; hv_pool_info(ts->hv, id, &pool) == 0; id = pool.id + 1) {
        if (only && pool.id != wanted.id)
            continue;
        pool_name(ts, pool.id, name);
        printf("Cpupool %s:\n", name);
        show_heading();
        for (int i = 0; i < n; i++)
            if (list[i].cpupool == pool.id && !(list[i].flags & XEN_DOMINF_dying))
                show_domain(ts, list[i].domain);
    }
    free(list);
    return 0;
}

static int reserve(struct toolstack *ts, const struct request *request, domid_t domid)
{
    uint16_t reservation = (uint16_t)request->reservation;

    if (hv_domain_reservation(ts->hv, domid, true, &reservation) < 0)
        return report_errno("the scheduler does not reserve %d for '%s' (at most 100 for each "
                            "vCPU, and no more than the cap)",
                            reservation, request->domain);
    return 0;
}

/* Sets what was given; with nothing given, shows. */
static int change_domain(struct toolstack *ts, const struct request *request)
{
    uint16_t weight, old_cap, cap;
    long reservation = request->reservation;
    domid_t domid;

    if (domain_find(ts, request->domain, &domid) < 0)
        return -1;
    if (request->weight < 0 && request->cap < 0 && request->reservation < 0) {
        show_heading();
        return show_domain(ts, domid);
    }
    if (hv_domain_get_credit(ts->hv, domid, &weight, &old_cap) < 0)
        return report_errno("cannot ask for the scheduling of '%s'", request->domain);
    weight = request->weight < 0 ? weight : (uint16_t)request->weight;
    cap = request->cap < 0 ? old_cap : (uint16_t)request->cap;
    /* The reservation is never above the cap, on the way neither. */
    bool is_first = request->reservation >= 0 && (old_cap == 0 || reservation <= old_cap);

    if (is_first && reserve(ts, request, domid) < 0)
        return -1;
    if ((request->weight >= 0 || request->cap >= 0) &&
        hv_domain_set_credit(ts->hv, domid, weight, cap) < 0)
        return report_errno("the scheduler does not take weight %d and cap %d for '%s' (a cap is "
                            "at most 100 for each vCPU, and no less than the reservation)",
                            weight, cap, request->domain);
    return request->reservation < 0 || is_first ? 0 : reserve(ts, request, domid);
}

static bool parse_number(const char *text, long least, long most, long *number)
{
    char *end;

    *number = strtol(text, &end, 10);
    if (end != text && *end == '\0' && *number >= least && *number <= most)
        return true;
    report_error("'%s' is no number from %ld to %ld", text, least, most);
    return false;
}

int cmd_sched_credit2(int argc, char **argv)
{
    static const struct option known[] = {
        {"domain", required_argument, NULL, 'd'},      {"weight", required_argument, NULL, 'w'},
        {"cap", required_argument, NULL, 'c'},         {"cpupool", required_argument, NULL, 'p'},
        {"reservation", required_argument, NULL, 'R'}, {0}};
    struct request request = {.weight = -1, .cap = -1, .reservation = -1};
    struct toolstack ts;
    int c, ret;

    while ((c = getopt_long(argc, argv, "d:w:c:p:", known, NULL)) != -1) {
        if (c == 'd')
            request.domain = optarg;
        else if (c == 'p')
            request.pool = optarg;
        else if (c == '?')
            return command_usage(argv[0]);
        else if (!parse_number(optarg, c == 'w', 65535,
                               c == 'w'   ? &request.weight
                               : c == 'c' ? &request.cap
                                          : &request.reservation))
            return XL_USAGE;
    }
    if (!request.domain && (request.weight >= 0 || request.cap >= 0 || request.reservation >= 0)) {
        report_error("Must specify a domain.");
        return XL_USAGE;
    }
    if (toolstack_open(&ts) < 0)
        return XL_FAILED;
    ret = request.domain ? change_domain(&ts, &request) : show_pools(&ts, request.pool);
    toolstack_close(&ts);
    return ret < 0 ? XL_FAILED : XL_OK;
}
