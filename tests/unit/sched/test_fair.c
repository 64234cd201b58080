/* SPDX-License-Identifier: MIT */
/*
 * The scheduler on a simulated machine (machine.h): shares, caps, reservations, wake-up latency,
 * affinity, pools and core scheduling, on 1 to 128 CPUs, with the errors printed.
 */
#include "machine.h"
#include "sched/policy.h"

#include <stdio.h>
#include <stdlib.h>

#define SECONDS(n) ((s_time_t)(n)*NSEC_PER_SEC)

static int start(void **state)
{
    (void)state;
    boot_options.sched_core = false;
    return 0;
}

static int stop(void **state)
{
    (void)state;
    machine_stop();
    return 0;
}

static void wake_all(struct domain *d)
{
    struct vcpu *v;

    for_each_vcpu (d, v)
        machine_block(v, false);
}

static double error_of(const struct domain *d, uint64_t before, double fair_ns)
{
    double got = (double)(machine_ran(d) - before);

    return got > fair_ns ? got / fair_ns - 1 : 1 - got / fair_ns;
}

/* --- shares --- */

/* Eight hogs a CPU, with the weights given in turn: how far the worst is from its share. */
static double share_error(unsigned int cpus, s_time_t ns, const uint32_t *weights,
                          unsigned int n_weights)
{
    unsigned int n = cpus * 8;
    uint64_t total = 0;
    double worst = 0;

    machine_start(cpus, 1, cpus);
    for (unsigned int i = 0; i < n; i++) {
        struct domain *d = machine_domain(1);

        machine_set(d, weights[i % n_weights], 0, 0);
        total += weights[i % n_weights];
        wake_all(d);
    }
    machine_run(ns);
    for (unsigned int i = 0; i < n; i++) {
        double fair = (double)ns * cpus * machine_domains[i].sched.weight / (double)total;
        double error = error_of(&machine_domains[i], 0, fair);

        worst = error > worst ? error : worst;
    }
    printf("  %3u CPUs, %4u hogs, %u weights: worst error of a share %.2f %% in %lld ms\n", cpus, n,
           n_weights, worst * 100, (long long)(ns / 1000000));
    return worst;
}

static void hogs_share_by_weight(void **state)
{
    static const uint32_t equal[] = {256}, some[] = {256, 512, 384, 128, 1024};
    (void)state;

    for (unsigned int cpus = 1; cpus <= 16; cpus *= 2) {
        assert_true(share_error(cpus, SECONDS(10), equal, 1) < 0.01);
        assert_true(share_error(cpus, SECONDS(10), some, 5) < 0.01);
    }
    assert_true(share_error(128, MILLISECS(600), equal, 1) < 0.10);
}

static void three_hogs_share_two_cpus(void **state)
{
    (void)state;
    machine_start(2, 1, 2);
    for (unsigned int i = 0; i < 3; i++)
        wake_all(machine_domain(1));
    machine_run(SECONDS(10));
    for (unsigned int i = 0; i < 3; i++)
        assert_true(error_of(&machine_domains[i], 0, 2e10 / 3) < 0.01);
}

static void a_heavy_one_gets_no_more_than_its_cpu_and_the_rest_share(void **state)
{
    (void)state;
    machine_start(2, 1, 2);
    for (unsigned int i = 0; i < 9; i++)
        wake_all(machine_domain(1));
    machine_set(&machine_domains[0], SCHED_WEIGHT_MAX, 0, 0);
    machine_run(SECONDS(1));
    uint64_t before[9];
    for (unsigned int i = 0; i < 9; i++)
        before[i] = machine_ran(&machine_domains[i]);
    machine_run(SECONDS(10));
    assert_true(error_of(&machine_domains[0], before[0], 1e10) < 0.01);
    for (unsigned int i = 1; i < 9; i++)
        assert_true(error_of(&machine_domains[i], before[i], 1e10 / 8) < 0.02);
}

/* --- caps and reservations --- */

static void caps_hold(void **state)
{
    static const uint32_t caps[] = {5, 6, 10, 25, 33, 50, 100};
    (void)state;

    for (unsigned int cpus = 1; cpus <= 4; cpus *= 2) {
        machine_start(cpus, 1, cpus);
        for (unsigned int i = 0; i < ARRAY_SIZE(caps); i++) {
            struct domain *d = machine_domain(i == 6 ? 4 : 1);

            machine_set(d, 256, cpus == 1 ? caps[i] / 4 + 5 : caps[i], 0);
            wake_all(d);
        }
        machine_run(SECONDS(10));
        double worst = 0;
        for (unsigned int i = 0; i < ARRAY_SIZE(caps); i++) {
            double error =
                error_of(&machine_domains[i], 0, 1e8 * (double)machine_domains[i].sched.cap);
            worst = error > worst ? error : worst;
        }
        printf("  %u CPUs: worst error of a cap %.2f %%\n", cpus, worst * 100);
        assert_true(worst < (cpus == 2 ? 2 : 0.01)); /* two CPUs cannot give what the caps allow */
    }
}

/* The policy alone: budgets when periods are noticed late. */
static void late_periods_are_owed_to_those_at_their_cap(void **state)
{
    struct sched_group g;
    uint64_t end;
    (void)state;

    policy_group_init(&g);
    policy_group_set_cap(&g, 50, 0);
    assert_true(policy_group_may_run(&g, 1));
    end = g.period_end;
    assert_true(policy_group_may_run(&g, end + 7 * SCHED_CAP_PERIOD)); /* it did not want it */
    assert_int_equal(g.budget, SCHED_CAP_PERIOD / 2);
    g.budget = -1;
    assert_false(policy_group_may_run(&g, g.period_end - 1));
    assert_true(policy_group_may_run(&g, g.period_end + 7 * SCHED_CAP_PERIOD));
    assert_int_equal(g.budget, 8 * SCHED_CAP_PERIOD / 2 - 1);
}

static void a_micro_partition_beside_hogs_gets_its_cap(void **state)
{
    (void)state;
    machine_start(1, 1, 1);
    for (unsigned int i = 0; i < 9; i++)
        wake_all(machine_domain(1));
    machine_set(&machine_domains[0], 256, 5, 0);
    machine_run(SECONDS(10));
    assert_true(error_of(&machine_domains[0], 0, 5e8) < 0.01);
}

static void a_reservation_is_kept_at_eight_times_overcommit(void **state)
{
    (void)state;
    machine_start(1, 1, 1);
    for (unsigned int i = 0; i < 8; i++)
        wake_all(machine_domain(1));
    machine_set(&machine_domains[0], 256, 0, 40);
    machine_set(&machine_domains[1], 256, 0, 20);
    machine_run(SECONDS(10));
    double first = (double)machine_ran(&machine_domains[0]) / 1e10;
    double second = (double)machine_ran(&machine_domains[1]) / 1e10;
    printf("  reserved 40 %% and 20 %%: got %.1f %% and %.1f %%\n", first * 100, second * 100);
    assert_true(first >= 0.40 && first < 0.50);
    assert_true(second >= 0.20 && second < 0.28);
    assert_true(machine_ran(&machine_domains[7]) > 4e8);
}

/* --- latency --- */

static void a_sleeper_wakes_within_a_slice_beside_hogs(void **state)
{
    s_time_t worst = 0;
    (void)state;

    for (unsigned int cpus = 1; cpus <= 4; cpus *= 2) {
        machine_start(cpus, 1, cpus);
        for (unsigned int i = 0; i < cpus * 8; i++)
            wake_all(machine_domain(1));
        struct domain *io = machine_domain(1);
        machine_alternate(io->vcpu[0], MICROSECS(200), MILLISECS(37));
        machine_run(SECONDS(10));
        worst = MAX(worst, machine_worst_wait(io->vcpu[0]));
        assert_true(machine_ran(io) > (uint64_t)MILLISECS(40));
    }
    printf("  worst wait of an I/O-bound vCPU: %lld us\n", (long long)(worst / 1000));
    assert_true(worst <= MILLISECS(5));
}

static void one_that_ran_alone_gives_way_when_another_wakes(void **state)
{
    (void)state;
    machine_start(1, 1, 1);
    wake_all(machine_domain(1));
    machine_run(MILLISECS(500));
    wake_all(machine_domain(1));
    machine_run(SECONDS(1));
    assert_true(machine_ran(&machine_domains[1]) > (uint64_t)MILLISECS(450));
}

static void a_long_sleep_is_no_hoard(void **state)
{
    (void)state;
    machine_start(1, 1, 1);
    struct domain *sleeper = machine_domain(1), *hog = machine_domain(1);
    wake_all(hog);
    machine_run(SECONDS(5));
    wake_all(sleeper);
    uint64_t before = machine_ran(hog);
    machine_run(MILLISECS(200));
    assert_true(machine_ran(hog) - before > (uint64_t)MILLISECS(80));
}

/* --- affinity, pools, cores --- */

static struct cpumask range(unsigned int first, unsigned int last)
{
    struct cpumask m = {{0}};

    for (unsigned int cpu = first; cpu <= last; cpu++)
        cpumask_set(&m, cpu);
    return m;
}

static void those_freed_from_a_busy_cpu_share_at_once(void **state)
{
    struct cpumask one = cpumask_of(0), all = cpumask_all();
    (void)state;

    /* Eight pinned to CPU 0 and one on CPU 1 for long: the two CPUs' times drift apart. */
    machine_start(2, 1, 2);
    for (unsigned int i = 0; i < 9; i++) {
        struct domain *d = machine_domain(1);

        if (i < 8)
            assert_int_equal(sched_set_affinity(d->vcpu[0], &one, NULL), 0);
        wake_all(d);
    }
    machine_run(SECONDS(20));
    assert_true(error_of(&machine_domains[8], 0, 2e10) < 0.01);
    uint64_t before[9];
    for (unsigned int i = 0; i < 9; i++) {
        before[i] = machine_ran(&machine_domains[i]);
        sched_set_affinity(machine_domains[i].vcpu[0], &all, NULL);
    }
    machine_run(SECONDS(2));
    for (unsigned int i = 0; i < 9; i++)
        assert_true(error_of(&machine_domains[i], before[i], 4e9 / 9) < 0.10);
}

static void soft_affinity_is_kept_while_there_is_room(void **state)
{
    struct cpumask low = range(0, 1);
    (void)state;

    machine_start(4, 1, 4);
    struct domain *d = machine_domain(2);
    for (unsigned int i = 0; i < 2; i++)
        assert_int_equal(sched_set_affinity(d->vcpu[i], NULL, &low), 0);
    wake_all(d);
    machine_run(SECONDS(1));
    assert_true(d->vcpu[0]->cpu < 2 && d->vcpu[1]->cpu < 2);
    wake_all(machine_domain(4)); /* six for four: all CPUs are used */
    machine_run(SECONDS(1));
    assert_int_equal(machine_ran(d) + machine_ran(&machine_domains[1]), SECONDS(2) + SECONDS(4));
}

static void whole_cores_first(void **state)
{
    unsigned int busy = 0;
    (void)state;

    machine_start(8, 2, 8);
    wake_all(machine_domain(4));
    machine_run(MILLISECS(100));
    for (unsigned int core = 0; core < 4; core++)
        busy += !machine_running(2 * core)->is_idle + !machine_running(2 * core + 1)->is_idle == 1;
    assert_int_equal(busy, 4);
}

static void cpus_come_and_go(void **state)
{
    (void)state;
    machine_start(4, 1, 4);
    for (unsigned int i = 0; i < 8; i++)
        machine_block(machine_domain(1)->vcpu[0], false);
    struct cpumask last = cpumask_of(3);
    struct vcpu *pinned = machine_domains[0].vcpu[0];

    sched_set_affinity(pinned, &last, NULL);
    for (unsigned int round = 0; round < 20; round++) {
        uint64_t before[8];

        for (unsigned int cpu = 1; cpu < 4; cpu++)
            assert_true(machine_offline(cpu));
        assert_false(machine_offline(0)); /* the last of pool 0 */
        for (unsigned int i = 0; i < 8; i++)
            before[i] = machine_ran(&machine_domains[i]);
        machine_run(SECONDS(1));
        for (unsigned int i = 0; i < 8; i++) /* an eighth each, the pinned one too */
            assert_in_range(machine_ran(&machine_domains[i]) - before[i], MILLISECS(115),
                            MILLISECS(135));
        for (unsigned int cpu = 1; cpu < 4; cpu++)
            machine_online(cpu);
        machine_run(MILLISECS(100));
        assert_int_equal(pinned->cpu, 3); /* where it wants to be again */
    }
}

static void pools_keep_to_themselves(void **state)
{
    unsigned int pool = SCHED_POOL_ANY, other = SCHED_POOL_ANY;
    (void)state;

    machine_start(4, 1, 4);
    assert_int_equal(sched_pool_create(&pool), 0);
    assert_int_equal(sched_pool_create(&other), 0);
    assert_int_equal(pool, 1);
    assert_int_equal(sched_pool_add_cpu(pool, 3), -EBUSY);
    assert_int_equal(sched_pool_remove_cpu(0, 3), 0);
    assert_int_equal(sched_pool_add_cpu(pool, 3), 0);
    for (unsigned int i = 0; i < 4; i++)
        wake_all(machine_domain(2));
    assert_int_equal(sched_pool_move_domain(&machine_domains[0], other), -ENODEV);
    assert_int_equal(sched_pool_move_domain(&machine_domains[0], pool), 0);
    machine_run(SECONDS(1));
    uint64_t before = machine_ran(&machine_domains[0]);
    machine_run(SECONDS(4));
    assert_int_equal(machine_ran(&machine_domains[0]) - before, SECONDS(4));
    assert_int_equal(sched_pool_remove_cpu(pool, 3), -EBUSY); /* its last */
    assert_int_equal(sched_pool_destroy(pool), -EBUSY);
    assert_int_equal(sched_pool_move_domain(&machine_domains[0], 0), 0);
    assert_int_equal(sched_pool_remove_cpu(pool, 3), 0);
    assert_int_equal(sched_pool_destroy(pool), 0);
    assert_int_equal(sched_pool_destroy(0), -EBUSY);
    machine_run(SECONDS(1));
    assert_true(machine_running(3)->is_idle);
}

static void cores_run_one_domain_at_a_time(void **state)
{
    (void)state;
    boot_options.sched_core = true;
    machine_start(8, 2, 8);
    for (unsigned int i = 0; i < 16; i++)
        wake_all(machine_domain(2));
    for (unsigned int i = 0; i < 8; i++) {
        struct domain *d = machine_domain(1);
        machine_alternate(d->vcpu[0], MICROSECS(500), MILLISECS(10));
    }
    machine_run(SECONDS(5)); /* machine_check looks after each step */
    uint64_t least = UINT64_MAX, most = 0;
    for (unsigned int i = 0; i < 16; i++) {
        least = MIN(least, machine_ran(&machine_domains[i]));
        most = MAX(most, machine_ran(&machine_domains[i]));
    }
    printf("  core scheduling: 16 domains of 2 vCPUs on 4 cores got %.2f to %.2f s of 2.5 s each\n",
           (double)least / 1e9, (double)most / 1e9);
    assert_true(least > 16e8);
}

/* Anything at any time; machine_check is the judge, and nobody starves. */
static void random_life(unsigned int cpus, unsigned int threads, bool core, unsigned int steps)
{
    boot_options.sched_core = core;
    machine_start(cpus, threads, cpus > 8 ? 8 : cpus);
    for (unsigned int i = 0; i < cpus * 3; i++) {
        struct domain *d = machine_domain(1 + machine_random(3));
        struct vcpu *v;

        for_each_vcpu (d, v) {
            if (machine_random(3))
                machine_alternate(v, MICROSECS(50 + machine_random(5000)),
                                  MICROSECS(50 + machine_random(20000)));
            else
                machine_block(v, false);
        }
    }
    for (unsigned int step = 0; step < steps; step++) {
        struct domain *d = &machine_domains[machine_random(machine_n_domains)];
        struct vcpu *v = d->vcpu[machine_random(d->max_vcpus)];
        unsigned int first = machine_random(cpus), pool = machine_random(3);
        struct cpumask mask = range(first, first + machine_random(cpus - first));

        switch (machine_random(10)) {
        case 0:
            sched_set_affinity(v, &mask, NULL);
            break;
        case 1:
            sched_set_affinity(v, NULL, &mask);
            break;
        case 2:
            sched_set_params(d, &(struct sched_params){1 + machine_random(2000),
                                                       machine_random(2) * machine_random(120), 0});
            break;
        case 3:
            sched_pool_create(&pool);
            break;
        case 4:
            sched_pool_remove_cpu(pool, first);
            break;
        case 5:
            sched_pool_add_cpu(pool, SCHED_POOL_ANY);
            break;
        case 6:
            sched_pool_move_domain(d, pool);
            break;
        case 7:
            machine_offline(first);
            break;
        case 8:
            machine_online(first);
            break;
        default:
            sched_pool_destroy(pool);
        }
        machine_run(MICROSECS(machine_random(4000)));
    }
    for (unsigned int cpu = 0; cpu < cpus; cpu++)
        machine_online(cpu);
    for (unsigned int i = 0; i < machine_n_domains; i++) /* back to order: all must run */
        machine_set(&machine_domains[i], 256, 0, 0);
    uint64_t before[MACHINE_DOMAINS];
    for (unsigned int i = 0; i < machine_n_domains; i++)
        before[i] = machine_ran(&machine_domains[i]);
    machine_run(SECONDS(core ? 3 : 1)); /* a core may be all that 40 domains have */
    for (unsigned int i = 0; i < machine_n_domains; i++)
        assert_true(machine_ran(&machine_domains[i]) > before[i]);
}

static void nothing_breaks_in_random_lives(void **state)
{
    (void)state;
    random_life(1, 1, false, 2000);
    random_life(3, 1, false, 2000);
    random_life(8, 2, false, 2000);
    random_life(8, 2, true, 2000);
    random_life(16, 4, true, 500);
    random_life(64, 2, false, 150);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(hogs_share_by_weight, start, stop),
        cmocka_unit_test_setup_teardown(three_hogs_share_two_cpus, start, stop),
        cmocka_unit_test_setup_teardown(a_heavy_one_gets_no_more_than_its_cpu_and_the_rest_share,
                                        start, stop),
        cmocka_unit_test_setup_teardown(caps_hold, start, stop),
        cmocka_unit_test(late_periods_are_owed_to_those_at_their_cap),
        cmocka_unit_test_setup_teardown(a_micro_partition_beside_hogs_gets_its_cap, start, stop),
        cmocka_unit_test_setup_teardown(a_reservation_is_kept_at_eight_times_overcommit, start,
                                        stop),
        cmocka_unit_test_setup_teardown(a_sleeper_wakes_within_a_slice_beside_hogs, start, stop),
        cmocka_unit_test_setup_teardown(one_that_ran_alone_gives_way_when_another_wakes, start,
                                        stop),
        cmocka_unit_test_setup_teardown(a_long_sleep_is_no_hoard, start, stop),
        cmocka_unit_test_setup_teardown(those_freed_from_a_busy_cpu_share_at_once, start, stop),
        cmocka_unit_test_setup_teardown(soft_affinity_is_kept_while_there_is_room, start, stop),
        cmocka_unit_test_setup_teardown(whole_cores_first, start, stop),
        cmocka_unit_test_setup_teardown(cpus_come_and_go, start, stop),
        cmocka_unit_test_setup_teardown(pools_keep_to_themselves, start, stop),
        cmocka_unit_test_setup_teardown(cores_run_one_domain_at_a_time, start, stop),
        cmocka_unit_test_setup_teardown(nothing_breaks_in_random_lives, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
