/* SPDX-License-Identifier: MIT */
/* A micro-guest written against the C library: Newlib's stdio, heap, time and sorting. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int main(int argc, char **argv)
{
    time_t now = time(NULL);
    char **words = malloc((size_t)argc * sizeof(*words));

    if (!words)
        return 1;
    memcpy(words, argv, (size_t)argc * sizeof(*words));
    qsort(words, (size_t)argc, sizeof(*words), compare);
    printf("Hello from Newlib; pi is about %.4f; seconds since 1970: %ld\n", 355.0 / 113,
           (long)now);
    for (int i = 0; i < argc; i++)
        printf("word %d: %s\n", i, words[i]);
    free(words);
    return 0;
}
