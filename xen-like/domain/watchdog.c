/* SPDX-License-Identifier: MIT */
/* A guest's own watchdogs (SCHEDOP_watchdog, <xen/sched.h>): one that is not poked in time shuts
 * its domain down. */
#include "console.h"
#include "domain.h"
#include "rooms.h"

static void expired(void *data)
{
    struct domain *d = data;

    if (d->is_shutting_down || d->is_dying)
        return;
    printk(LOG_WARN, "d%u: its watchdog was not poked in time\n", d->id);
    domain_shutdown(d, SHUTDOWN_watchdog);
}

int domain_watchdog(struct domain *d, uint32_t id, uint32_t seconds)
{
    struct domain_watchdogs *w = &d->watchdogs;
    int rc = 0;

    spin_lock(&w->lock);
    if (id == 0) {
        while (id < DOMAIN_WATCHDOGS && (w->in_use >> id & 1))
            id++;
        rc = id < DOMAIN_WATCHDOGS ? (int)++id : -ENOSPC;
    } else if (id > DOMAIN_WATCHDOGS || !(w->in_use >> (id - 1) & 1)) {
        rc = -EINVAL;
    } else if (seconds == 0) {
        w->in_use &= ~(1u << (id - 1));
        timer_stop(&w->timer[id - 1]);
        spin_unlock(&w->lock);
        return 0;
    }
    if (rc >= 0) {
        w->in_use |= 1u << (id - 1);
        timer_set(&w->timer[id - 1], time_now() + seconds * NSEC_PER_SEC);
    }
    spin_unlock(&w->lock);
    return rc;
}

static int create(struct domain *d)
{
    spin_lock_init(&d->watchdogs.lock, RANK_WATCHDOG);
    for (unsigned int i = 0; i < DOMAIN_WATCHDOGS; i++)
        timer_init(&d->watchdogs.timer[i], expired, d);
    return 0;
}

/* No vCPU of it runs any more that could set one again. */
static int teardown(struct domain *d)
{
    for (unsigned int i = 0; i < DOMAIN_WATCHDOGS; i++)
        timer_stop_wait(&d->watchdogs.timer[i]);
    return 0;
}

const struct domain_room watchdog_room = {
    .name = "watchdogs", .create = create, .teardown = teardown};
