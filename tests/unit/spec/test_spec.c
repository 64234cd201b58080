/* SPDX-License-Identifier: MIT */
/* Which CPU gets which protections, and what the command line changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "arch/x86/spec_policy.h"

/* CPUs as their makers describe them. */
static const struct spec_cpu haswell_old = {.is_intel = true, .family = 6, .model = 0x3c};
static const struct spec_cpu haswell = {
    .is_intel = true, .family = 6, .model = 0x3c, .leaf7_edx = 0x9c000400};
static const struct spec_cpu skylake = {
    .is_intel = true, .family = 6, .model = 0x5e, .leaf7_edx = 0x9c000400};
static const struct spec_cpu icelake = {
    .is_intel = true, .family = 6, .model = 0x6a, .leaf7_edx = 0xbc000400, .arch_caps = 0x2b};
static const struct spec_cpu bonnell = {.is_intel = true, .family = 6, .model = 0x1c};
static const struct spec_cpu zen2 = {
    .is_amd = true, .family = 0x17, .model = 0x31, .ext8_ebx = 1u << 12 | 1u << 14 | 1u << 15};

static struct spec_choice choose(const struct spec_cpu *cpu, const char *words, const char *xpti)
{
    struct spec_options options = SPEC_OPTIONS_DEFAULT;
    struct spec_choice choice;

    if (words)
        assert_true(spec_parse(&options, words));
    if (xpti)
        assert_true(spec_parse_xpti(&options, xpti));
    spec_choose(cpu, &options, &choice);
    return choice;
}

static void intel_before_the_mends_is_isolated(void **state)
{
    struct spec_choice c = choose(&haswell, NULL, NULL);
    (void)state;

    assert_true(c.is_meltdown && c.is_l1tf && c.is_mds);
    assert_true(c.xpti_dom0 && c.xpti_domu && c.l1d_flush && c.verw && c.ibpb && c.rsb);
    assert_int_equal(c.thunk, THUNK_RETPOLINE);
    assert_false(c.ibrs || c.ibrs_always || c.ssbd || c.stibp);
}

static void what_microcode_lacks_is_not_used(void **state)
{
    struct spec_choice c = choose(&haswell_old, "ibrs,ibpb,ssbd,l1d-flush,md-clear", NULL);
    (void)state;

    assert_false(c.ibrs || c.ibrs_always || c.ibpb || c.ssbd || c.l1d_flush || c.verw);
    assert_true(c.xpti_dom0);
}

static void skylake_takes_ibrs_for_retpolines(void **state)
{
    struct spec_choice c = choose(&skylake, NULL, NULL);
    (void)state;

    assert_true(c.ibrs);
    assert_int_equal(c.thunk, THUNK_JMP);
    c = choose(&skylake, "no-ibrs", NULL);
    assert_false(c.ibrs);
    assert_int_equal(c.thunk, THUNK_RETPOLINE);
}

static void mended_intel_needs_little(void **state)
{
    struct spec_choice c = choose(&icelake, NULL, NULL);
    (void)state;

    assert_false(c.is_meltdown || c.is_mds || c.xpti_dom0 || c.xpti_domu || c.verw || c.l1d_flush);
    assert_true(c.ibrs_always && c.ibpb);
    assert_false(c.ibrs);
    assert_int_equal(c.thunk, THUNK_JMP);
}

static void in_order_atoms_need_nothing(void **state)
{
    struct spec_choice c = choose(&bonnell, NULL, NULL);
    (void)state;

    assert_false(c.is_meltdown || c.xpti_domu || c.rsb || c.ibpb);
    assert_int_equal(c.thunk, THUNK_JMP);
}

static void amd_has_no_meltdown(void **state)
{
    struct spec_choice c = choose(&zen2, NULL, NULL);
    (void)state;

    assert_false(c.is_meltdown || c.is_l1tf || c.is_mds || c.xpti_dom0);
    assert_true(c.ibpb);
    assert_int_equal(c.thunk, THUNK_RETPOLINE);
    c = choose(&zen2, NULL, "on");
    assert_true(c.xpti_dom0 && c.xpti_domu);
}

static void words_switch_each(void **state)
{
    struct spec_choice c = choose(&haswell, "no", NULL);
    (void)state;

    assert_false(c.xpti_dom0 || c.xpti_domu || c.ibpb || c.rsb || c.verw || c.l1d_flush);
    assert_int_equal(c.thunk, THUNK_JMP);
    c = choose(&haswell, "off", "domu=yes");
    assert_true(c.xpti_domu);
    c = choose(&haswell, NULL, "dom0=no");
    assert_false(c.xpti_dom0);
    assert_true(c.xpti_domu);
    c = choose(&haswell, "bti-thunk=lfence,ssbd=on,l1d-flush=off,no-md-clear", NULL);
    assert_int_equal(c.thunk, THUNK_LFENCE);
    assert_true(c.ssbd && !c.l1d_flush && !c.verw);
    c = choose(&haswell, NULL, "no");
    assert_false(c.xpti_dom0 || c.xpti_domu);
    c = choose(&icelake, NULL, "");
    assert_true(c.xpti_dom0 && c.xpti_domu);
}

static void unknown_words_are_refused(void **state)
{
    struct spec_options options = SPEC_OPTIONS_DEFAULT;
    (void)state;

    assert_false(spec_parse(&options, "bti-thunk=magic"));
    assert_false(spec_parse(&options, "ibrs=perhaps"));
    assert_false(spec_parse(&options, "ibrsx"));
    assert_false(spec_parse_xpti(&options, "dom1=yes"));
    assert_true(spec_parse(&options, ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(intel_before_the_mends_is_isolated),
        cmocka_unit_test(what_microcode_lacks_is_not_used),
        cmocka_unit_test(skylake_takes_ibrs_for_retpolines),
        cmocka_unit_test(mended_intel_needs_little),
        cmocka_unit_test(in_order_atoms_need_nothing),
        cmocka_unit_test(amd_has_no_meltdown),
        cmocka_unit_test(words_switch_each),
        cmocka_unit_test(unknown_words_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
