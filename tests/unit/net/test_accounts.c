/* SPDX-License-Identifier: MIT */
/* Accounts of CPU time: what a backend counts is what xl reads, across a backend's death too. */
#include "domain/accounting.h"
#include "lib/cpu_account.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char directory[] = "/tmp/test-accounts.XXXXXX";

static void put(struct cpu_account *account, uint64_t ns)
{
    account->ns += ns;
    cpu_account_show(account);
}

static void test_sums(void **state)
{
    struct cpu_account disk, other_disk, net, foreign;
    struct accounting sum;

    (void)state;
    cpu_account_open(&disk, directory, "vbd", 7, 51712);
    cpu_account_open(&other_disk, directory, "vbd", 7, 51728);
    cpu_account_open(&net, directory, "vif", 7, 0);
    cpu_account_open(&foreign, directory, "vif", 70, 0);
    sum = accounting_read(directory, 7);
    assert_int_equal(sum.disk_ns + sum.net_ns, 0);
    put(&disk, 5000000000);
    put(&other_disk, 1);
    put(&net, 20);
    put(&net, 3);
    put(&foreign, 999);
    sum = accounting_read(directory, 7);
    assert_int_equal(sum.disk_ns, 5000000001);
    assert_int_equal(sum.net_ns, 23);
    assert_int_equal(accounting_read(directory, 70).net_ns, 999);
    assert_int_equal(accounting_read(directory, 0).net_ns, 0);
    cpu_account_close(&disk);
    assert_int_equal(accounting_read(directory, 7).disk_ns, 1);
    cpu_account_close(&other_disk);
    cpu_account_close(&net);
    cpu_account_close(&foreign);
}

static void test_successor(void **state)
{
    struct cpu_account first, second;

    (void)state;
    cpu_account_open(&first, directory, "vbd", 3, 1);
    put(&first, 123456);
    close(first.fd); /* as SIGKILL does */
    cpu_account_open(&second, directory, "vbd", 3, 1);
    assert_int_equal(second.ns, 123456);
    put(&second, 4);
    assert_int_equal(accounting_read(directory, 3).disk_ns, 123460);
    cpu_account_close(&second);
    assert_int_equal(accounting_read(directory, 3).disk_ns, 0);
}

static void test_strangers(void **state)
{
    static const char *const names[] = {"vbd-5", "vbd-5-1.old", "xyz-5-1", "vbdx-5-1", "5"};

    (void)state;
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[128];
        FILE *file;

        snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
        file = fopen(path, "w");
        assert_non_null(file);
        fputs("77\n", file);
        fclose(file);
        assert_int_equal(accounting_read(directory, 5).disk_ns, 0);
        unlink(path);
    }
    assert_int_equal(accounting_read("/nonexistent", 5).disk_ns, 0);
}

static void test_nowhere(void **state)
{
    struct cpu_account account;

    (void)state;
    cpu_account_open(&account, "/nonexistent/corbel", "vbd", 1, 1);
    assert_int_equal(account.fd, -1);
    put(&account, 9);
    cpu_account_close(&account);
}

/* Laps add up to the thread's own time: none is lost between them. */
static void test_laps(void **state)
{
    struct cpu_meter meter = {cpu_time_of_thread()};
    uint64_t start = meter.mark, sum = 0;
    volatile unsigned work = 0;

    (void)state;
    for (unsigned i = 0; i < 50; i++) {
        for (unsigned n = 0; n < 100000; n++)
            work += n;
        sum += cpu_meter_lap(&meter);
    }
    assert_true(sum > 0);
    assert_int_equal(sum, meter.mark - start);
    assert_true(cpu_time_of_process() >= sum);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums),      cmocka_unit_test(test_successor),
        cmocka_unit_test(test_strangers), cmocka_unit_test(test_nowhere),
        cmocka_unit_test(test_laps),
    };
    int failed;

    if (!mkdtemp(directory))
        return 1;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(directory);
    return failed;
}
