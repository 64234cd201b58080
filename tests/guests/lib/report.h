/* SPDX-License-Identifier: MIT */
/*
 * How a micro-guest test tells what it found.
 *
 * A test is one boot; it holds behaviours, each of which ends in exactly one of:
 *   success   everything checked held
 *   skip      this machine or this kind of domain cannot show it; the reason is printed
 *   error     the behaviour could not be set up, so nothing is known
 *   failure   the hypervisor answered something else than it should
 * The worst of them is the test's own RESULT line. run.py reads these lines.
 */
#ifndef GUESTS_REPORT_H
#define GUESTS_REPORT_H

#include <stdbool.h>

#include <xen/errno.h>

struct behaviour {
    const char *name, *promise;
    void (*run)(void);
};

/* Defines and registers a behaviour: a name and the sentence it proves, then its body. */
#define BEHAVIOUR(id, sentence)                                                                    \
    static void test_##id(void);                                                                   \
    static const struct behaviour behaviour_##id                                                   \
        __attribute__((used, section("behaviours"), aligned(8))) = {#id, sentence, test_##id};     \
    static void test_##id(void)

/* An integer answer must equal the expected one; a difference is a failure, and the rest goes on.
 */
#define EXPECT(actual, expected)                                                                   \
    report_compare(__FILE__, __LINE__, #actual, (long)(actual), (long)(expected))

/* A condition must hold. */
#define EXPECT_TRUE(condition) report_compare(__FILE__, __LINE__, #condition, !!(condition), 1)

/* Same, and leaves the behaviour when it does not: for what everything after depends on. */
#define REQUIRE(actual, expected)                                                                  \
    do {                                                                                           \
        if (!EXPECT(actual, expected))                                                             \
            return;                                                                                \
    } while (0)

bool report_compare(const char *file, int line, const char *what, long actual, long expected);

/* Ends the behaviour's result as skip or error, with a reason; the caller returns after it. */
void report_skip(const char *format, ...) __attribute__((format(printf, 1, 2)));
void report_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* True while nothing in this behaviour, or in this child's role, went wrong. */
bool report_is_good(void);

/*
 * Prints an answer for which no value is demanded here, but which `make test-peer` compares with
 * Xen's.
 */
void report_answer(const char *what, long value);

/* Same for an answer that is a word, of any length, without blanks. */
void report_answer_text(const char *what, const char *word);

#endif
