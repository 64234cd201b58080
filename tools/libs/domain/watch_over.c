/* SPDX-License-Identifier: MIT */
/* What becomes of a guest that stopped: on_poweroff, on_reboot, on_crash, on_watchdog. */
#include "domain/life.h"
#include "util/clock.h"
#include "util/report.h"

#include <stdlib.h>
#include <string.h>

/* A guest that stops sooner than this is not started again: it would do the same for ever. */
#define RESTART_AFTER_S 5

static enum domain_action action_for(const struct domain_config *config, unsigned int reason)
{
    switch (reason) {
    case SHUTDOWN_poweroff:
        return config->on_poweroff;
    case SHUTDOWN_reboot:
        return config->on_reboot;
    case SHUTDOWN_crash:
        return config->on_crash;
    case SHUTDOWN_watchdog:
        return config->on_watchdog;
    default:
        return ACTION_PRESERVE; /* suspended: somebody else's business */
    }
}

static const char *reason_name(unsigned int reason)
{
    static const char *const names[] = {
        [SHUTDOWN_poweroff] = "powered off",
        [SHUTDOWN_reboot] = "asks for a reboot",
        [SHUTDOWN_suspend] = "suspended",
        [SHUTDOWN_crash] = "crashed",
        [SHUTDOWN_watchdog] = "missed its watchdog",
    };

    if (reason >= sizeof(names) / sizeof(names[0]) || !names[reason])
        return "stopped";
    return names[reason];
}

/* Is this number still our guest, and not a later one? */
static bool is_ours(struct toolstack *ts, const struct domain_config *config, domid_t domid,
                    struct xen_domctl_getdomaininfo *info)
{
    return hv_domain_info(ts->hv, domid, info) == 0 && !(info->flags & XEN_DOMINF_dying) &&
           memcmp(info->handle, config->uuid, sizeof(config->uuid)) == 0;
}

/* It may have been renamed since it was made. */
static void take_name(struct toolstack *ts, struct domain_config *config, domid_t domid)
{
    char *name = domain_name(ts, domid);

    if (name && !domain_name_fault(name))
        strcpy(config->name, name);
    free(name);
}

void domain_watch_over(struct toolstack *ts, const struct domain_config *config, domid_t domid)
{
    struct domain_config again = *config; /* all but its name stays the caller's */
    time_t started = clock_now_s();

    for (;;) {
        struct xen_domctl_getdomaininfo info;
        enum domain_action action;
        unsigned int reason;

        domain_wait_stopped(ts, domid, 0);
        if (!is_ours(ts, config, domid, &info))
            return; /* destroyed by somebody else, who cleans up */
        take_name(ts, &again, domid);
        reason = info.flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask;
        action = action_for(config, reason);
        if (action == ACTION_RESTART && clock_now_s() - started < RESTART_AFTER_S) {
            report_warning("domain %u '%s' stopped within %d s: not started again", domid,
                           again.name, RESTART_AFTER_S);
            action = ACTION_DESTROY;
        }
        report_detail("domain %u '%s' %s: %s", domid, again.name, reason_name(reason),
                      domain_action_name(action));
        if (action == ACTION_PRESERVE)
            return;
        domain_destroy(ts, domid);
        if (action == ACTION_DESTROY)
            return;
        started = clock_now_s();
        if (domain_create(ts, &again, &domid) < 0)
            return;
        report_detail("domain %u '%s' started", domid, again.name);
        hv_domain_unpause(ts->hv, domid);
    }
}
