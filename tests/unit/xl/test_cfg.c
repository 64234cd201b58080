/* SPDX-License-Identifier: MIT */
/* The syntax of xl.cfg files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "config/cfg.h"

static struct cfg cfg;
static struct cfg_error error;

static int parse(const char *text)
{
    return cfg_parse(&cfg, text, strlen(text), "t.cfg", &error);
}

static int setup(void **state)
{
    (void)state;
    cfg = (struct cfg){0};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    cfg_free(&cfg);
    return 0;
}

static const struct cfg_value *value_of(const char *key)
{
    struct cfg_setting *setting = cfg_find(&cfg, key);

    assert_non_null(setting);
    return &setting->value;
}

static void reads_strings(void **state)
{
    (void)state;
    assert_int_equal(parse("name=\"g1\"\nextra = 'a \"b\" \\x41\\n'\n"), 0);
    assert_string_equal(value_of("name")->string, "g1");
    assert_string_equal(value_of("extra")->string, "a \"b\" A\n");
}

static void reads_numbers(void **state)
{
    (void)state;
    assert_int_equal(parse("a=128;b = 0x10 ; c=010\nd=-5"), 0);
    assert_int_equal(value_of("a")->number, 128);
    assert_int_equal(value_of("b")->number, 16);
    assert_int_equal(value_of("c")->number, 8);
    assert_int_equal(value_of("d")->number, -5);
}

static void reads_lists(void **state)
{
    const struct cfg_value *list;

    (void)state;
    assert_int_equal(parse("disk = [ 'a,raw,xvda,w',\n  # two\n  \"b\", [1, 2], ]\nempty=[]\n"), 0);
    list = value_of("disk");
    assert_int_equal(list->kind, CFG_LIST);
    assert_int_equal(list->n_items, 3);
    assert_string_equal(list->items[0].string, "a,raw,xvda,w");
    assert_int_equal(list->items[1].line, 3);
    assert_int_equal(list->items[2].n_items, 2);
    assert_int_equal(list->items[2].items[1].number, 2);
    assert_int_equal(value_of("empty")->n_items, 0);
}

static void skips_comments_and_joins_lines(void **state)
{
    (void)state;
    assert_int_equal(parse("# head\n\n  a=1 # tail\nb = \\\n 2\n\tc='#3'\r\n"), 0);
    assert_int_equal(value_of("a")->number, 1);
    assert_int_equal(value_of("b")->number, 2);
    assert_string_equal(value_of("c")->string, "#3");
}

static void later_settings_replace(void **state)
{
    (void)state;
    assert_int_equal(parse("memory=128\nmemory=256\n"), 0);
    assert_int_equal(cfg.n_settings, 1);
    assert_int_equal(value_of("memory")->number, 256);
    assert_int_equal(cfg.settings[0].line, 2);
}

static void appends(void **state)
{
    (void)state;
    assert_int_equal(parse("extra='a'\nextra += ' b'\nvif=['x']\nvif+=['y','z']\nnew+='n'"), 0);
    assert_string_equal(value_of("extra")->string, "a b");
    assert_int_equal(value_of("vif")->n_items, 3);
    assert_string_equal(value_of("vif")->items[2].string, "z");
    assert_string_equal(value_of("new")->string, "n");
}

static void marks_what_was_asked_for(void **state)
{
    (void)state;
    assert_int_equal(parse("a=1\nb=2\n"), 0);
    assert_null(cfg_find(&cfg, "c"));
    cfg_find(&cfg, "b");
    assert_false(cfg.settings[0].is_used);
    assert_true(cfg.settings[1].is_used);
}

/* Each bad text with the line that must be blamed. */
static void blames_the_right_line(void **state)
{
    static const struct {
        const char *text;
        unsigned int line;
    } bad[] = {
        {"name=\"x\"\nmemory=abc\n", 2},
        {"name=\"x\"\nmemory=[1,\n", 3},
        {"a\n", 1},
        {"a=\n", 1},
        {"a=1 b=2\n", 1},
        {"\n\n'x'=1", 3},
        {"a='x\n'", 1},
        {"a=\"\\q\"", 1},
        {"a=12monkeys", 1},
        {"a=[1 2]", 1},
        {"a=1\n\x01", 2},
        {"a=99999999999999999999", 1},
        {"a='s'\na+=[1]", 2},
        {"a=[[[[[[[[[[1]]]]]]]]]]", 1},
        {"a=1\n= 2", 2},
        {"a=\"x\\x00y\"", 1},
        {"a=-", 1},
        {"a=1,2", 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        cfg = (struct cfg){0};
        assert_int_equal(parse(bad[i].text), -1);
        if (error.line != bad[i].line)
            print_error("text %zu: '%s'\n", i, bad[i].text);
        assert_int_equal(error.line, bad[i].line);
        assert_string_equal(error.file, "t.cfg");
        assert_true(strlen(error.text) > 5);
        cfg_free(&cfg);
    }
}

static void keeps_the_file_of_each_setting(void **state)
{
    (void)state;
    assert_int_equal(parse("a=1\nb=2\n"), 0);
    assert_int_equal(cfg_parse(&cfg, "b=3", 3, "command line", &error), 0);
    assert_string_equal(cfg_find(&cfg, "a")->file, "t.cfg");
    assert_string_equal(cfg_find(&cfg, "b")->file, "command line");
    assert_int_equal(cfg_find(&cfg, "b")->value.number, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reads_strings, setup, teardown),
        cmocka_unit_test_setup_teardown(reads_numbers, setup, teardown),
        cmocka_unit_test_setup_teardown(reads_lists, setup, teardown),
        cmocka_unit_test_setup_teardown(skips_comments_and_joins_lines, setup, teardown),
        cmocka_unit_test_setup_teardown(later_settings_replace, setup, teardown),
        cmocka_unit_test_setup_teardown(appends, setup, teardown),
        cmocka_unit_test_setup_teardown(marks_what_was_asked_for, setup, teardown),
        cmocka_unit_test_setup_teardown(blames_the_right_line, setup, teardown),
        cmocka_unit_test_setup_teardown(keeps_the_file_of_each_setting, setup, teardown),
    };

    return cmocka_run_group_tests_name("xl.cfg syntax", tests, NULL, NULL);
}
