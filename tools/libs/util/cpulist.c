/* SPDX-License-Identifier: MIT */
/* Sets of CPUs: reading and printing. */
#include "util/cpulist.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool cpulist_has(const struct cpulist *list, unsigned int cpu)
{
    return cpu < CPULIST_MAX && (list->bits[cpu / 8] >> cpu % 8 & 1);
}

void cpulist_add(struct cpulist *list, unsigned int cpu)
{
    list->bits[cpu / 8] |= (uint8_t)(1u << cpu % 8);
}

unsigned int cpulist_count(const struct cpulist *list)
{
    unsigned int n = 0;

    for (unsigned int cpu = 0; cpu < CPULIST_MAX; cpu++)
        n += cpulist_has(list, cpu);
    return n;
}

/* A CPU's number at *at, which moves on; -1 when none is there or it is too large. */
static int read_number(const char **at)
{
    int n = 0;

    if (!isdigit((unsigned char)**at))
        return -1;
    for (; isdigit((unsigned char)**at) && n < CPULIST_MAX; (*at)++)
        n = n * 10 + (**at - '0');
    return n < CPULIST_MAX ? n : -1;
}

const char *cpulist_parse(struct cpulist *list, const char *text)
{
    const char *at = text;

    memset(list, 0, sizeof(*list));
    if (strcmp(text, "none") == 0)
        return NULL;
    if (strcmp(text, "all") == 0) {
        memset(list->bits, 0xff, sizeof(list->bits));
        return NULL;
    }
    for (;;) {
        bool is_out = *at == '^';
        int first, last;

        at += is_out;
        first = last = read_number(&at);
        if (first >= 0 && *at == '-') {
            at++;
            last = read_number(&at);
        }
        if (first < 0 || last < 0)
            return "a CPU list is numbers from 0 to 127 and ranges, with commas (or all, none)";
        if (last < first)
            return "a range of CPUs ends before it begins";
        for (int cpu = first; cpu <= last; cpu++) {
            if (is_out)
                list->bits[cpu / 8] &= (uint8_t) ~(1u << cpu % 8);
            else
                cpulist_add(list, (unsigned int)cpu);
        }
        if (*at == '\0')
            return NULL;
        if (*at++ != ',')
            return "a CPU list has commas between its numbers and ranges";
    }
}

void cpulist_format(const struct cpulist *list, unsigned int n_cpus, char *text, size_t size)
{
    unsigned int first = 0, end;
    size_t used = 0;

    snprintf(text, size, "none");
    while (first < n_cpus && used < size) {
        if (!cpulist_has(list, first)) {
            first++;
            continue;
        }
        for (end = first; end < n_cpus && cpulist_has(list, end); end++)
            ;
        if (first == 0 && end == n_cpus)
            used += (size_t)snprintf(text + used, size - used, "all");
        else if (end - first == 1)
            used += (size_t)snprintf(text + used, size - used, "%s%u", used ? "," : "", first);
        else
            used += (size_t)snprintf(text + used, size - used, "%s%u-%u", used ? "," : "", first,
                                     end - 1);
        first = end;
    }
}
