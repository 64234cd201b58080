/* SPDX-License-Identifier: MIT */
/*
 * The freestanding string functions against libc's, the number parsers, and the command line.
 * rules.mk compiles string.c once more as the hypervisor does, with its libc-like names prefixed by
 * fs_.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lib/cmdline.h"
#include "lib/string.h"
#include "random.h"

void *fs_memcpy(void *dst, const void *src, size_t len);
void *fs_memmove(void *dst, const void *src, size_t len);
void *fs_memset(void *dst, int byte, size_t len);
int fs_memcmp(const void *a, const void *b, size_t len);
void *fs_memchr(const void *mem, int byte, size_t len);
size_t fs_strlen(const char *s);
size_t fs_strnlen(const char *s, size_t max);
int fs_strcmp(const char *a, const char *b);
int fs_strncmp(const char *a, const char *b, size_t len);
char *fs_strchr(const char *s, int c);
char *fs_strrchr(const char *s, int c);
char *fs_strstr(const char *s, const char *part);

#define ROOM 300

static int sign(int x)
{
    return (x > 0) - (x < 0);
}

static void memory_functions_match_libc(void **state)
{
    uint8_t ours[ROOM], theirs[ROOM];
    uint64_t seed = 1;

    (void)state;
    random_fill(&seed, ours, ROOM, 1);
    for (int i = 0; i < 20000; i++) {
        size_t a = random_below(&seed, ROOM), b = random_below(&seed, ROOM);
        size_t len = random_below(&seed, ROOM - (a > b ? a : b) + 1);
        int byte = (int)random_below(&seed, 256);

        memcpy(theirs, ours, ROOM);
        switch (random_below(&seed, 3)) {
        case 0:
            assert_ptr_equal(fs_memmove(ours + a, ours + b, len), ours + a);
            memmove(theirs + a, theirs + b, len);
            break;
        case 1:
            len = len < ROOM / 2 ? len : ROOM / 2;
            a %= ROOM / 2 - len + 1;
            b = ROOM / 2 + b % (ROOM / 2 - len + 1);
            assert_ptr_equal(fs_memcpy(ours + a, ours + b, len), ours + a);
            memcpy(theirs + a, theirs + b, len);
            break;
        default:
            len %= 40;
            assert_ptr_equal(fs_memset(ours + a, byte, len), ours + a);
            memset(theirs + a, byte, len);
            break;
        }
        assert_memory_equal(ours, theirs, ROOM);
        assert_int_equal(sign(fs_memcmp(ours + a, ours + b, len)),
                         sign(memcmp(ours + a, ours + b, len)));
        assert_ptr_equal(fs_memchr(ours + a, byte, len), memchr(ours + a, byte, len));
        random_fill(&seed, ours + random_below(&seed, ROOM - 4), 4, 1);
    }
}

static void string_functions_match_libc(void **state)
{
    uint64_t seed = 2;

    (void)state;
    for (int i = 0; i < 50000; i++) {
        char a[12] = "", b[12] = "";
        size_t n = random_below(&seed, 14);

        for (uint64_t len = random_below(&seed, 11), k = 0; k < len; k++)
            a[k] = "ab\xff"[random_below(&seed, 3)];
        for (uint64_t len = random_below(&seed, random_below(&seed, 2) ? 4 : 11), k = 0; k < len;
             k++)
            b[k] = "ab\xff"[random_below(&seed, 3)];
        assert_int_equal(fs_strlen(a), strlen(a));
        assert_int_equal(fs_strnlen(a, n), strnlen(a, n));
        assert_int_equal(sign(fs_strcmp(a, b)), sign(strcmp(a, b)));
        assert_int_equal(sign(fs_strncmp(a, b, n)), sign(strncmp(a, b, n)));
        assert_ptr_equal(fs_strchr(a, b[0]), strchr(a, b[0]));
        assert_ptr_equal(fs_strrchr(a, b[0]), strrchr(a, b[0]));
        assert_ptr_equal(fs_strstr(a, b), strstr(a, b));
    }
}

static void numbers_are_read(void **state)
{
    const char *end;
    uint64_t v;
    char buf[4];

    (void)state;
    assert_true(str_to_u64("18446744073709551615x", &end, 10, &v) && v == UINT64_MAX &&
                *end == 'x');
    assert_false(str_to_u64("18446744073709551616", NULL, 10, &v));
    assert_true(str_to_u64("0xfFg", &end, 0, &v) && v == 255 && *end == 'g');
    assert_true(str_to_u64("017", NULL, 0, &v) && v == 15);
    assert_true(str_to_u64("0x", &end, 0, &v) && v == 0 && *end == 'x');
    assert_false(str_to_u64("", NULL, 0, &v) || str_to_u64("-1", NULL, 0, &v) ||
                 str_to_u64("g", NULL, 16, &v));
    assert_true(str_to_size("3M,", &end, 1, &v) && v == 3 << 20 && *end == ',');
    assert_true(str_to_size("512", NULL, 1024, &v) && v == 512 << 10);
    assert_true(str_to_size("512b", NULL, 1024, &v) && v == 512);
    assert_true(str_to_size("2T", NULL, 1, &v) && v == 2ull << 40);
    assert_false(str_to_size("17179869184G", NULL, 1, &v));
    assert_int_equal(string_copy(buf, "abcdef", sizeof(buf)), 6);
    assert_string_equal(buf, "abc");
    assert_true(string_starts("abc", "ab") && string_starts("abc", "") &&
                !string_starts("ab", "abc"));
}

struct options {
    bool flag, other;
    unsigned int number;
    uint64_t size;
    char text[8];
};

static char called_with[64];

static bool note_call(const char *value)
{
    string_copy(called_with, value, sizeof(called_with));
    return strcmp(value, "bad") != 0;
}

static void add_report(void *arg, const char *word, bool known)
{
    char *all = arg;

    strcat(all, known ? "!" : "?");
    strcat(all, word);
}

static unsigned int parse(struct options *o, const char *line, char *reports)
{
    const struct cmdline_option table[] = {
        {"flag", CMDLINE_BOOL, &o->flag, 0, NULL},
        {"other-flag", CMDLINE_BOOL, &o->other, 0, NULL},
        {"number", CMDLINE_UINT, &o->number, 0, NULL},
        {"size", CMDLINE_SIZE, &o->size, 0, NULL},
        {"text", CMDLINE_STRING, o->text, 8, NULL},
        {"call", CMDLINE_CALL, NULL, 0, note_call},
    };

    reports[0] = 0;
    return cmdline_parse(line, table, sizeof(table) / sizeof(table[0]), add_report, reports);
}

static void command_lines_are_parsed(void **state)
{
    struct options o = {.other = true};
    char reports[256];

    (void)state;
    assert_int_equal(
        parse(&o, "  flag no-other_flag number=0x10 size=4G\ttext=\"a b\"c call=x ", reports), 0);
    assert_true(o.flag && !o.other && o.number == 16 && o.size == 4ull << 30);
    assert_string_equal(o.text, "a bc");
    assert_string_equal(called_with, "x");
    assert_int_equal(parse(&o, "flag=off 'other-flag=yes' no-call -- number=1", reports), 0);
    assert_true(!o.flag && o.other && o.number == 16);
    assert_string_equal(called_with, "no");
    assert_int_equal(parse(&o, "", reports), 0);
    assert_int_equal(parse(&o, "what no-flags flagg=1", reports), 3);
    assert_string_equal(reports, "?what?no-flags?flagg=1");
    assert_int_equal(
        parse(&o, "flag=maybe number=1x number=4294967296 no-number size= text=12345678 call=bad",
              reports),
        7);
    assert_string_equal(
        reports, "!flag=maybe!number=1x!number=4294967296!no-number!size=!text=12345678!call=bad");
    assert_true(o.number == 16);
}

static void words_are_cut_and_quoted(void **state)
{
    const char *line = "one 'two words' \"\" thr'e e'more unended\" quote";
    char word[8];

    (void)state;
    assert_true(cmdline_next_word(&line, word, sizeof(word)));
    assert_string_equal(word, "one");
    assert_true(cmdline_next_word(&line, word, sizeof(word)));
    assert_string_equal(word, "two wor");
    assert_true(cmdline_next_word(&line, word, sizeof(word)));
    assert_string_equal(word, "");
    assert_true(cmdline_next_word(&line, word, sizeof(word)));
    assert_string_equal(word, "thre em");
    assert_true(cmdline_next_word(&line, word, sizeof(word)));
    assert_string_equal(word, "unended");
    assert_false(cmdline_next_word(&line, word, sizeof(word)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_functions_match_libc),
        cmocka_unit_test(string_functions_match_libc),
        cmocka_unit_test(numbers_are_read),
        cmocka_unit_test(command_lines_are_parsed),
        cmocka_unit_test(words_are_cut_and_quoted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
