/* SPDX-License-Identifier: MIT */
/*
 * clock serve PORT: answers each UDP datagram with it and this machine's wall clock.
 * clock probe ADDRESS PORT: asks a server and prints how far our wall clock is from its, in
 * microseconds, and how uncertain that is: `offset=N within=N lost=N`. Exit status 1: no answer.
 * clock set ADDRESS PORT: sets our wall clock to the server's.
 * clock order ROUNDS: reads the monotonic clock on one CPU after the other; exit status 1 when it
 * went back.
 *
 * The offset is NTP's (RFC 5905, section 8) of the exchange that took the least time.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define EXCHANGES 40

struct question {
    int64_t number; /* the asker's */
    int64_t now;    /* the answerer's wall clock in nanoseconds */
};

static int64_t read_clock(clockid_t which)
{
    struct timespec t;

    clock_gettime(which, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static int fail(const char *what)
{
    fprintf(stderr, "clock: %s: %s\n", what, strerror(errno));
    return 1;
}

static struct sockaddr_in address_of(const char *address, const char *port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};

    inet_pton(AF_INET, address, &a.sin_addr);
    return a;
}

static int serve(const char *port)
{
    struct sockaddr_in here = address_of("0.0.0.0", port), peer;
    int s = socket(AF_INET, SOCK_DGRAM, 0);

    if (s < 0 || bind(s, (struct sockaddr *)&here, sizeof(here)))
        return fail("cannot listen");
    for (;;) {
        struct question q;
        socklen_t length = sizeof(peer);

        if (recvfrom(s, &q, sizeof(q), 0, (struct sockaddr *)&peer, &length) != sizeof(q))
            continue;
        q.now = read_clock(CLOCK_REALTIME);
        sendto(s, &q, sizeof(q), 0, (struct sockaddr *)&peer, length);
    }
}

/* Waits for the answer to question `number`; old ones are passed over. False: it did not come. */
static int receive(int s, int64_t number, struct question *q)
{
    while (recv(s, q, sizeof(*q), 0) == sizeof(*q))
        if (q->number == number)
            return 1;
    return 0;
}

static int set_clock(int64_t offset)
{
    int64_t now = read_clock(CLOCK_REALTIME) - offset;
    struct timespec t = {now / INT64_C(1000000000), now % INT64_C(1000000000)};

    return clock_settime(CLOCK_REALTIME, &t) ? fail("cannot set the clock") : 0;
}

/* Prints the offset, or sets the clock by it. */
static int probe(const char *address, const char *port, int set)
{
    struct sockaddr_in server = address_of(address, port);
    struct timeval patience = {.tv_sec = 1};
    int64_t best = INT64_MAX, offset = 0;
    unsigned int n_lost = 0;
    int s = socket(AF_INET, SOCK_DGRAM, 0);

    if (s < 0 || connect(s, (struct sockaddr *)&server, sizeof(server)) ||
        setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)))
        return fail("cannot reach the server");
    for (int64_t i = 1; i <= EXCHANGES; i++) {
        struct question q = {.number = i};
        int64_t before = read_clock(CLOCK_REALTIME);

        if (send(s, &q, sizeof(q), 0) != sizeof(q) || !receive(s, i, &q)) {
            n_lost++;
            continue;
        }
        int64_t after = read_clock(CLOCK_REALTIME);
        if (after - before < best) {
            best = after - before;
            offset = before + best / 2 - q.now;
        }
        usleep(10000);
    }
    close(s);
    if (n_lost == EXCHANGES) {
        errno = ETIMEDOUT;
        return fail("no answer");
    }
    if (set)
        return set_clock(offset);
    printf("offset=%" PRId64 " within=%" PRId64 " lost=%u\n", offset / 1000, best / 2000, n_lost);
    return 0;
}

static int order(int rounds)
{
    long n_cpus = sysconf(_SC_NPROCESSORS_ONLN);
    int64_t last = read_clock(CLOCK_MONOTONIC);

    for (int i = 0; i < rounds; i++) {
        cpu_set_t cpus;

        CPU_ZERO(&cpus);
        CPU_SET((size_t)(i % n_cpus), &cpus);
        if (sched_setaffinity(0, sizeof(cpus), &cpus))
            return fail("cannot go to another CPU");
        int64_t now = read_clock(CLOCK_MONOTONIC);
        if (now < last) {
            printf("the clock goes back %" PRId64 " ns on CPU %ld\n", last - now, i % n_cpus);
            return 1;
        }
        last = now;
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && !strcmp(argv[1], "serve"))
        return serve(argv[2]);
    if (argc == 4 && !strcmp(argv[1], "probe"))
        return probe(argv[2], argv[3], 0);
    if (argc == 4 && !strcmp(argv[1], "set"))
        return probe(argv[2], argv[3], 1);
    if (argc == 3 && !strcmp(argv[1], "order"))
        return order(atoi(argv[2]));
    fprintf(stderr, "clock: serve PORT | probe ADDRESS PORT | set ADDRESS PORT | order ROUNDS\n");
    return 2;
}
