/* SPDX-License-Identifier: MIT */
/*
 * Shares, caps, reservations and wake-ups, measured: eight busy vCPUs for each CPU over ten
 * seconds, in the guests' own runstates and in what `xl list` reads. Meant for a machine whose time
 * counts instructions (run.py --count): elsewhere what the host does beside it is measured too.
 */
#include "lib/child.h"
#include "lib/measure.h"
#include "lib/report.h"
#include "lib/vcpus.h"
#include "runtime/clock.h"
#include "runtime/console.h"
#include "runtime/event.h"
#include "runtime/hypercall.h"
#include "runtime/start.h"

#include <xen/sched.h>

#define MS         1000000ul
#define WINDOW     (10000 * MS)
#define SETTLE     (1000 * MS)
#define SLICE      (5 * MS) /* as ARCHITECTURE.md promises */
#define CPUS_MAX   4
#define GUESTS_MAX (8 * CPUS_MAX)
#define TOLERANCE  100 /* the hundredth part */

/* Words of the mailbox. A hog answers each new MARK by what its vCPUs have used, then SEEN. */
enum { MARK, SEEN, USED, PORT = 64, SENT, WAKES, WORST };

/* --- what the children do --- */

static void hog(uint64_t id)
{
    for (uint64_t seen = 0;;) {
        uint64_t mark = mailbox[MARK];

        if (mark == seen)
            continue;
        seen = mark;
        mailbox[USED + id] = own_cpu_time(id);
        __atomic_add_fetch(&mailbox[SEEN], 1, __ATOMIC_SEQ_CST);
    }
}

ROLE(hogs)
{
    for (unsigned int id = 1; id < argument; id++)
        REQUIRE(vcpu_start(id, hog, id), 0);
    hog(0);
}

static void note_wake(uint64_t due)
{
    uint64_t late = clock_now() - due;

    mailbox[WAKES]++;
    if (late > mailbox[WORST])
        mailbox[WORST] = late;
}

static void on_event(uint32_t port, void *data)
{
    (void)port;
    (void)data;
}

/* Sleeps until its timer, again and again, at a pace that is no multiple of a slice. */
ROLE(sleeper)
{
    long port = event_bind_virq(VIRQ_TIMER, 0);

    (void)argument;
    event_disable();
    event_set_handler(port, on_event, 0);
    for (;;) {
        uint64_t due = clock_now() + 7 * MS + MS / 3;

        hypercall1(__HYPERVISOR_set_timer_op, due);
        event_wait();
        note_wake(due);
    }
}

/* Sleeps until its parent, as a backend would, sends an event. */
ROLE(frontend)
{
    long port = event_alloc_unbound(DOMID_SELF, 0);

    (void)argument;
    event_disable();
    event_set_handler(port, on_event, 0);
    mailbox[PORT] = port;
    for (;;) {
        event_wait();
        note_wake(mailbox[SENT]);
    }
}

/* --- what their parent does --- */

struct guest {
    struct parameters parameters;
    unsigned int n_vcpus;
};

struct usage {
    uint64_t runstate, listed; /* nanoseconds: the guest's own view, and xl list's */
};

static struct child children[GUESTS_MAX], others[2];
static struct guest guests[GUESTS_MAX];
static struct usage used[GUESTS_MAX];
static unsigned int n_guests, n_cpus;

/* Starts every one of the `n` in `wanted` as often as there are CPUs. */
static bool start_hogs(const struct guest *wanted, unsigned int n)
{
    n_cpus = machine_cpus();
    if (n_cpus > CPUS_MAX) {
        report_skip("this machine has more than %u CPUs", CPUS_MAX);
        return false;
    }
    for (n_guests = 0; n_guests < n * n_cpus; n_guests++) {
        struct guest *g = &guests[n_guests];
        struct child *child = &children[n_guests];

        *g = wanted[n_guests % n];
        if (!child_start(child, "hogs", g->n_vcpus, g->n_vcpus) ||
            !child_set_parameters(child, &g->parameters))
            return false;
    }
    child_sleep(SETTLE);
    return true;
}

static void destroy_hogs(void)
{
    for (unsigned int i = 0; i < n_guests; i++)
        child_destroy(&children[i]);
}

/* What each has used until now; its own view follows at its next turn, before it used more. */
static void sample(uint64_t mark, struct usage *sum)
{
    for (unsigned int i = 0; i < n_guests; i++) {
        sum[i].listed = child_cpu_time(&children[i]);
        children[i].mailbox[SEEN] = 0;
        children[i].mailbox[MARK] = mark;
    }
    for (unsigned int i = 0; i < n_guests; i++) {
        while (children[i].mailbox[SEEN] != guests[i].n_vcpus)
            child_sleep(2 * MS);
        sum[i].runstate = 0;
        for (unsigned int id = 0; id < guests[i].n_vcpus; id++)
            sum[i].runstate += children[i].mailbox[USED + id];
    }
}

/* Lets the hogs run and fills `used`; answers how long that was. */
static uint64_t measure(void)
{
    static struct usage before[GUESTS_MAX];
    uint64_t start = clock_now(), end;

    sample(1, before);
    child_sleep(start + WINDOW - clock_now());
    end = clock_now();
    sample(2, used);
    for (unsigned int i = 0; i < n_guests; i++) {
        used[i].runstate -= before[i].runstate;
        used[i].listed -= before[i].listed;
    }
    return end - start;
}

/* Prints one guest's line and judges it; errors in hundredths of a percent of what is due. */
static void judge(unsigned int i, uint64_t due)
{
    const struct parameters *p = &guests[i].parameters;
    long own = ((long)used[i].runstate - (long)due) * 10000 / (long)due,
         listed = ((long)used[i].listed - (long)due) * 10000 / (long)due;

    print("  guest %u: %u vCPU, weight %u, cap %u, reserved %u: due %lu us, used %lu us by its "
          "runstate (%ld/100 %%), %lu us by xl list (%ld/100 %%)\n",
          i, guests[i].n_vcpus, p->weight, p->cap, p->reservation, due / 1000,
          used[i].runstate / 1000, own, used[i].listed / 1000, listed);
    EXPECT_TRUE(own > -TOLERANCE && own < TOLERANCE);
    EXPECT_TRUE(listed > -TOLERANCE && listed < TOLERANCE);
}

/* What a guest is due of its own right, whatever others want; 0: a share of the rest. */
static uint64_t own_due(const struct guest *g, uint64_t window)
{
    return window * (g->parameters.cap + g->parameters.reservation) / 100;
}

/* Capped guests are due their caps, those with reservations these, the others what is left by
 * weight; nothing is left over. */
static void expect_shares(const struct guest *wanted, unsigned int n)
{
    uint64_t window, weights = 0, all = 0, left = 0;

    if (!start_hogs(wanted, n))
        return;
    window = measure();
    for (unsigned int i = 0; i < n_guests; i++) {
        all += used[i].runstate;
        if (!own_due(&guests[i], window)) {
            weights += guests[i].parameters.weight;
            left += used[i].runstate;
        }
    }
    for (unsigned int i = 0; i < n_guests; i++) {
        uint64_t due = own_due(&guests[i], window);

        judge(i, due ? due : left * guests[i].parameters.weight / weights);
    }
    print("  all used %lu us of %lu us\n", all / 1000, window * n_cpus / 1000);
    EXPECT_TRUE(all > window * n_cpus / 100 * 99 && all < window * n_cpus / 1000 * 1001);
    destroy_hogs();
}

#define N(guests) (sizeof(guests) / sizeof((guests)[0]))

BEHAVIOUR(weights, "eight busy guests on each CPU get it by their weights, to 1 %")
{
    static const struct guest wanted[] = {
        {{.weight = 100}, 1}, {{.weight = 128}, 1}, {{.weight = 256}, 1}, {{.weight = 256}, 1},
        {{.weight = 256}, 1}, {{.weight = 400}, 1}, {{.weight = 512}, 1}, {{.weight = 1024}, 1},
    };

    expect_shares(wanted, N(wanted));
}

BEHAVIOUR(caps, "capped guests get their caps down to 0.05 CPU, and the others the rest, to 1 %")
{
    static const struct guest wanted[] = {
        {{.weight = 256, .cap = 5}, 1},
        {{.weight = 256, .cap = 7}, 1},
        {{.weight = 512, .cap = 10}, 2},
        {{.weight = 1024, .cap = 20}, 1},
        {{.weight = 256}, 1},
        {{.weight = 256}, 1},
        {{.weight = 512}, 1},
    };

    expect_shares(wanted, N(wanted));
}

BEHAVIOUR(reservations, "a guest of the least weight gets what is reserved for it, to 1 %")
{
    static const struct guest wanted[] = {
        {{.weight = 1, .reservation = 30}, 1},
        {{.weight = 256}, 1},
        {{.weight = 256}, 1},
        {{.weight = 256}, 1},
        {{.weight = 256}, 1},
        {{.weight = 256}, 1},
        {{.weight = 256}, 1},
        {{.weight = 256}, 1},
    };

    expect_shares(wanted, N(wanted));
}

static void expect_wakes(const char *what, const struct child *child)
{
    print("  %s: %lu wakes, the latest after %lu us\n", what, child->mailbox[WAKES],
          child->mailbox[WORST] / 1000);
    EXPECT_TRUE(child->mailbox[WAKES] > 300);
    EXPECT_TRUE(child->mailbox[WORST] < SLICE);
}

BEHAVIOUR(wakes, "beside eight busy guests one that waits for events wakes within a time slice")
{
    static const struct guest wanted[8] = {[0 ... 7] = {{.weight = 256}, 1}};
    struct child *sleeper = &others[0], *frontend = &others[1];
    long port;

    if (!start_hogs(wanted, N(wanted)))
        return;
    REQUIRE(child_start(sleeper, "sleeper", 0, 1), true);
    REQUIRE(child_start(frontend, "frontend", 0, 1), true);
    while (!frontend->mailbox[PORT])
        child_sleep(MS);
    port = event_connect(frontend->id, frontend->mailbox[PORT]);
    REQUIRE(port > 0, true);
    child_sleep(SETTLE);
    sleeper->mailbox[WORST] = frontend->mailbox[WORST] = 0;
    for (unsigned int i = 0; i < 500; i++) {
        child_sleep(9 * MS + i * 10007);
        frontend->mailbox[SENT] = clock_now();
        event_send(port);
    }
    expect_wakes("by its timer", sleeper);
    expect_wakes("by dom0's event", frontend);
    event_close(port);
    child_destroy(frontend);
    child_destroy(sleeper);
    destroy_hogs();
}
