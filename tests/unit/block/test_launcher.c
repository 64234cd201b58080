/* SPDX-License-Identifier: MIT */
/* The launcher, with a store of ours and children that are shell scripts: which are started again;
 * and that there is one daemon of a kind. */
#include "lib/instance.h"
#include "lib/launcher.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xenstore.h>

#define PATIENCE_MS 5000

static char directory[] = "/tmp/launcher-XXXXXX";
static int changes[2];       /* a byte for each event that waits */
static atomic_bool is_there; /* the device's directory */
static atomic_uint n_scans;

struct xs_handle *xs_open(unsigned long flags)
{
    (void)flags;
    return (struct xs_handle *)changes;
}

void xs_close(struct xs_handle *h)
{
    (void)h;
}

static void raise_event(void)
{
    assert_int_equal(write(changes[1], "x", 1), 1);
}

bool xs_watch(struct xs_handle *h, const char *path, const char *token)
{
    (void)h, (void)path, (void)token;
    raise_event();
    return true;
}

int xs_fileno(struct xs_handle *h)
{
    (void)h;
    return changes[0];
}

char **xs_check_watch(struct xs_handle *h)
{
    char byte;

    (void)h;
    return read(changes[0], &byte, 1) == 1 ? calloc(1, sizeof(char *)) : NULL;
}

char **xs_directory(struct xs_handle *h, xs_transaction_t t, const char *path, unsigned *n)
{
    static char domain[] = "5", device[] = "51712";
    char **names = calloc(1, sizeof(*names));

    (void)h, (void)t;
    names[0] = strcmp(path, "/vbd") == 0 ? domain : device;
    *n = names[0] == domain || is_there;
    n_scans += names[0] == device;
    return names;
}

void *xs_read(struct xs_handle *h, xs_transaction_t t, const char *path, unsigned *len)
{
    (void)h, (void)t, (void)path;
    *len = 1;
    return strdup("f");
}

/* How often a child was started, by the lines it leaves. */
static unsigned count_starts(void)
{
    FILE *file = fopen("starts", "r");
    unsigned n = 0;
    int c;

    while (file && (c = getc(file)) != EOF)
        n += c == '\n';
    if (file)
        fclose(file);
    return n;
}

static bool wait_for_starts(unsigned n)
{
    for (unsigned ms = 0; count_starts() < n && ms < PATIENCE_MS; ms += 20)
        usleep(20000);
    return count_starts() == n;
}

static void change_device(bool there)
{
    unsigned before = n_scans;

    is_there = there;
    raise_event();
    for (unsigned ms = 0; n_scans == before && ms < PATIENCE_MS; ms += 5)
        usleep(5000);
    usleep(20000); /* the rest of the scan */
}

/* Lets the child exit with 0, and waits until the launcher knows. */
static void end_child(void)
{
    close(open("end", O_CREAT | O_WRONLY, 0600));
    for (unsigned ms = 0; access("end", F_OK) == 0 && ms < PATIENCE_MS; ms += 20)
        usleep(20000);
    usleep(200000);
}

/* What an operator does, beside the launcher. */
struct story {
    void (*tell)(void);
    unsigned starts; /* in all */
    bool as_expected;
};

static void *run_story(void *arg)
{
    struct story *story = arg;

    if (wait_for_starts(1)) {
        story->tell();
        story->as_expected = wait_for_starts(story->starts);
    }
    close(open("end", O_CREAT | O_WRONLY, 0600));
    kill(getpid(), SIGTERM);
    return NULL;
}

static void run(struct story *story)
{
    const struct launcher_options options = {
        .name = "launcher-test", .root = "/vbd", .program = "launcher-test-child"};
    sigset_t set, old;
    pthread_t thread;

    unlink("starts");
    unlink("end");
    is_there = true;
    assert_int_equal(pipe2(changes, O_NONBLOCK | O_CLOEXEC), 0);
    sigfillset(&set);
    pthread_sigmask(SIG_SETMASK, &set, &old);
    assert_int_equal(pthread_create(&thread, NULL, run_story, story), 0);
    assert_int_equal(launcher_run(&options), 0);
    pthread_join(thread, NULL);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    close(changes[0]);
    close(changes[1]);
    assert_true(story->as_expected);
}

static void detach_and_attach(void)
{
    change_device(false);
    end_child();
    change_device(true);
}

static void test_a_device_of_an_old_name_is_served(void **state)
{
    struct story story = {.tell = detach_and_attach, .starts = 2};

    (void)state;
    run(&story);
}

static void attach_before_the_end(void)
{
    change_device(false);
    change_device(true);
    end_child();
}

static void test_a_device_come_before_the_old_ones_end_is_served(void **state)
{
    struct story story = {.tell = attach_before_the_end, .starts = 2};

    (void)state;
    run(&story);
}

static void end_and_look_again(void)
{
    end_child();
    change_device(true);
    usleep(1500000); /* longer than the pause before a restart */
}

static void test_what_has_ended_stays_so(void **state)
{
    struct story story = {.tell = end_and_look_again, .starts = 1};

    (void)state;
    run(&story);
}

static void test_one_instance_at_a_time(void **state)
{
    int first = instance_lock(directory, "some-daemon"), second;

    (void)state;
    assert_true(first >= 0);
    assert_int_equal(instance_lock(directory, "some-daemon"), -1);
    second = instance_lock(directory, "other-daemon");
    assert_true(second >= 0);
    close(second);
    close(first);
    first = instance_lock(directory, "some-daemon");
    assert_true(first >= 0);
    close(first);
}

static int setup(void **state)
{
    static const char script[] = "#!/bin/sh\n"
                                 "trap 'exit 1' TERM\n"
                                 "echo started >>starts\n"
                                 "while [ ! -e end ]; do sleep 0.02; done\n"
                                 "rm end\n";
    char path[4096];
    int fd;

    (void)state;
    if (!mkdtemp(directory) || chdir(directory) < 0)
        return -1;
    fd = open("launcher-test-child", O_CREAT | O_WRONLY, 0700);
    if (write(fd, script, sizeof(script) - 1) != sizeof(script) - 1 || close(fd) < 0)
        return -1;
    snprintf(path, sizeof(path), "%s:%s", directory, getenv("PATH"));
    return setenv("PATH", path, 1);
}

static int teardown(void **state)
{
    static const char *const names[] = {"launcher-test-child", "starts", "end", "some-daemon.lock",
                                        "other-daemon.lock"};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        unlink(names[i]);
    return rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_device_of_an_old_name_is_served),
        cmocka_unit_test(test_a_device_come_before_the_old_ones_end_is_served),
        cmocka_unit_test(test_what_has_ended_stays_so),
        cmocka_unit_test(test_one_instance_at_a_time),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
