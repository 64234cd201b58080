/* SPDX-License-Identifier: MIT */
/*
 * The C library: Newlib over the runtime's console, heap and clock does what C promises. A guest of
 * its own main(), so it prints the lines of lib/report.h itself.
 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static bool all_good = true;

static void behaviour(const char *name, bool good, const char *promise)
{
    printf("BEGIN %s\nBEHAVIOUR %s %s: %s\n", name, name, good ? "success" : "failure", promise);
    all_good &= good;
}

static bool formats(void)
{
    char text[64];

    snprintf(text, sizeof(text), "%5d|%-5s|%08.3f|%lx|%c", -42, "ab", 3.14159, 0xdeadbeefcafeUL,
             'z');
    return !strcmp(text, "  -42|ab   |0003.142|deadbeefcafe|z");
}

static bool parses(void)
{
    int number;
    char word[16];
    double real;

    return sscanf("17 words 2.5", "%d %15s %lf", &number, word, &real) == 3 && number == 17 &&
           !strcmp(word, "words") && real == 2.5 && strtol("-0x7f", NULL, 16) == -127;
}

static int compare(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static bool sorts(void)
{
    int list[] = {5, 3, 9, 1, 7};

    qsort(list, 5, sizeof(list[0]), compare);
    return list[0] == 1 && list[2] == 5 && list[4] == 9;
}

/* Takes memory until there is none, and has it all back after. */
static bool allocates(void)
{
    void *blocks[512];
    unsigned int count = 0, again = 0;

    while (count < 512 && (blocks[count] = malloc(16384)))
        memset(blocks[count++], 0x5a, 16384);
    bool refused = count < 512 && errno == ENOMEM;

    for (unsigned int i = 0; i < count; i++)
        free(blocks[i]);
    while (again < count && (blocks[again] = malloc(16384)))
        again++;
    for (unsigned int i = 0; i < again; i++)
        free(blocks[i]);
    return refused && count > 64 && again == count;
}

static bool jumps(void)
{
    static jmp_buf place;
    volatile int times = 0;

    if (setjmp(place) < 3) {
        times++;
        longjmp(place, times + 1);
    }
    return times == 2;
}

static bool tells_time(void)
{
    time_t now = time(NULL);
    struct tm *parts = gmtime(&now);

    return parts && parts->tm_year + 1900 >= 2024;
}

static bool refuses_files(void)
{
    errno = 0;
    return !fopen("/etc/passwd", "r") && errno == ENOENT && isatty(1) && write(7, "x", 1) == -1 &&
           errno == EBADF;
}

int main(void)
{
    behaviour("formats", formats(), "printf formats integers, texts and reals");
    behaviour("parses", parses(), "scanf and strtol read them back");
    behaviour("sorts", sorts(), "qsort sorts");
    behaviour("allocates", allocates(),
              "malloc gives memory until the heap is spent, and takes it back");
    behaviour("jumps", jumps(), "longjmp comes back to setjmp");
    behaviour("computes", fabs(sqrt(2.0) * sqrt(2.0) - 2.0) < 1e-12, "the math library computes");
    behaviour("tells_time", tells_time(), "time and gmtime tell this decade or a later one");
    behaviour("refuses_files", refuses_files(),
              "there are no files, and a wrong descriptor is an error");
    printf("RESULT %s\n", all_good ? "success" : "failure");
    return 0;
}
