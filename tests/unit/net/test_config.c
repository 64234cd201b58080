/* SPDX-License-Identifier: MIT */
/* vswitch.conf: what the shipped file means, and that each mistake is named with its line. */
#include "net/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static struct net_config config;
static char error[512];

static int parse(const char *text)
{
    error[0] = '\0';
    return config_parse("test.conf", text, strlen(text), &config, error, sizeof(error));
}

static void test_shipped_file(void **state)
{
    (void)state;
    assert_int_equal(config_load("backends/net/vswitch.conf", &config, error, sizeof(error)), 0);
    assert_int_equal(config.n_switches, 2);
    assert_string_equal(config.switches[0].name, "nat0");
    assert_string_equal(config.switches[0].tap, "nat0");
    assert_int_equal(config.switches[0].address, 0xc0a84d01);
    assert_int_equal(config.switches[0].prefix_len, 24);
    assert_true(config.switches[0].nat);
    assert_int_equal(config.switches[0].dhcp_first, 0xc0a84d32);
    assert_int_equal(config.switches[0].dhcp_last, 0xc0a84dfa);
    assert_string_equal(config.switches[1].name, "br0");
    assert_string_equal(config.switches[1].uplink, "eth0");
    assert_int_equal(config.switches[1].mtu, 1500);
}

static void test_groups_and_comments(void **state)
{
    (void)state;
    assert_int_equal(parse("  # nothing\r\n[ vswitch  a ]\n mtu=9000 # jumbo\naging = 60\n"
                           "forged-transmits = reject\n[group a/red]\nvlan = 10\n"
                           "forged-transmits = accept"),
                     0);
    assert_int_equal(config.switches[0].mtu, 9000);
    assert_int_equal(config.switches[0].aging_s, 60);
    assert_true(config.switches[0].groups[0].reject_forged);
    assert_int_equal(config.switches[0].n_groups, 2);
    assert_string_equal(config.switches[0].groups[1].name, "red");
    assert_int_equal(config.switches[0].groups[1].vlan, 10);
    assert_false(config.switches[0].groups[1].reject_forged);
}

static void test_mistakes_are_named_with_their_line(void **state)
{
    static const struct {
        const char *text, *begins;
    } mistakes[] = {
        {"", "test.conf:0: no [vswitch NAME]"},
        {"mtu = 1500\n", "test.conf:1: a key before"},
        {"[vswitch a]\n\nmtux = 1500\n", "test.conf:3: unknown key \"mtux\""},
        {"[vswitch a]\nmtu = big\n", "test.conf:2: mtu must be a number from 576 to 9000"},
        {"[vswitch a]\nmtu = 99999999999999999999\n", "test.conf:2: mtu must be"},
        {"[vswitch a]\nmtu = -1500\n", "test.conf:2: mtu must be"},
        {"[vswitch a]\nmtu\n", "test.conf:2: expected \"key = value\""},
        {"[vswitch a\n", "test.conf:1: a section is written"},
        {"[vswitch a] x\n", "test.conf:1: a section is written"},
        {"[vswitch ]\n", "test.conf:1: a vSwitch's name is"},
        {"[vswitch a b]\n", "test.conf:1: a vSwitch's name is"},
        {"[switch a]\n", "test.conf:1: unknown section [switch]"},
        {"[vswitch a]\n[vswitch a]\n", "test.conf:2: a second [vswitch a]"},
        {"[vswitch a]\ntap = an-interface-too-long\n", "test.conf:2: tap must be an interface"},
        {"[vswitch a]\ntap = t\naddress = 10.0.0.1\n", "test.conf:3: address must look like"},
        {"[vswitch a]\ntap = t\naddress = 10.0.0.1/31\n", "test.conf:3: the prefix length"},
        {"[vswitch a]\naddress = 10.0.0.1/24\n", "test.conf:2: [vswitch a] has an address but"},
        {"[vswitch a]\nnat = yes\n", "test.conf:2: [vswitch a]: nat and dhcp need"},
        {"[vswitch a]\nnat = maybe\n", "test.conf:2: nat must be \"yes\" or \"no\""},
        {"[vswitch a]\ntap = t\naddress = 10.0.0.1/24\ndhcp = 10.0.1.5-10.0.1.9\n",
         "test.conf:4: [vswitch a]: the dhcp range isn't inside"},
        {"[vswitch a]\ntap = t\naddress = 10.0.0.7/24\ndhcp = 10.0.0.5-10.0.0.9\n",
         "test.conf:4: [vswitch a]: the dhcp range holds"},
        {"[vswitch a]\ndhcp = 10.0.0.9-10.0.0.5\n", "test.conf:2: dhcp: the range's first"},
        {"[group a/b]\n", "test.conf:1: [group a/b]: there is no [vswitch a] above"},
        {"[vswitch a]\n[group a]\n", "test.conf:2: a group is written"},
        {"[vswitch a]\n[group a/default]\n", "test.conf:2: a second group \"default\""},
        {"[vswitch a]\n[group a/b]\nvlan = 4095\n", "test.conf:3: vlan must be a number"},
        {"[vswitch a]\n[group a/b]\nmtu = 1500\n", "test.conf:3: unknown key \"mtu\" in [group]"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
        assert_int_equal(parse(mistakes[i].text), -1);
        if (strncmp(error, mistakes[i].begins, strlen(mistakes[i].begins)) != 0)
            fail_msg("expected \"%s\", got \"%s\"", mistakes[i].begins, error);
    }
}

static void test_not_a_text_file(void **state)
{
    static const char binary[] = "[vswitch a]\n\0mtu";
    char longer[600];

    (void)state;
    assert_int_equal(config_parse("b", binary, sizeof(binary) - 1, &config, error, sizeof(error)),
                     -1);
    assert_non_null(strstr(error, "b:2: a NUL character"));
    memset(longer, 'x', sizeof(longer));
    assert_int_equal(config_parse("l", longer, sizeof(longer), &config, error, sizeof(error)), -1);
    assert_non_null(strstr(error, "l:1: a line longer"));
    assert_int_equal(config_load("/nonexistent", &config, error, sizeof(error)), -1);
    assert_string_equal(error, "/nonexistent: No such file or directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shipped_file),
        cmocka_unit_test(test_groups_and_comments),
        cmocka_unit_test(test_mistakes_are_named_with_their_line),
        cmocka_unit_test(test_not_a_text_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
