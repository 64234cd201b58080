/* SPDX-License-Identifier: MIT */
/* Choosing protections against speculation. */
#include "spec_policy.h"
#include "lib/string.h"

/* CPUID 7.0 EDX */
#define F7_MD_CLEAR  (1u << 10)
#define F7_IBRSB     (1u << 26)
#define F7_STIBP     (1u << 27)
#define F7_L1D_FLUSH (1u << 28)
#define F7_SSBD      (1u << 31)
/* CPUID 0x80000008 EBX */
#define F8_IBPB        (1u << 12)
#define F8_IBRS        (1u << 14)
#define F8_STIBP       (1u << 15)
#define F8_IBRS_ALWAYS (1u << 16)
#define F8_SSBD        (1u << 24)
/* ARCH_CAPABILITIES */
#define CAP_RDCL_NO  (1u << 0)
#define CAP_IBRS_ALL (1u << 1)
#define CAP_MDS_NO   (1u << 5)

/* Atoms that execute in order do not speculate. */
static bool is_in_order(const struct spec_cpu *cpu)
{
    static const uint8_t models[] = {0x1c, 0x26, 0x27, 0x35, 0x36};

    for (unsigned int i = 0; i < sizeof(models); i++)
        if (cpu->is_intel && cpu->family == 6 && cpu->model == models[i])
            return true;
    return false;
}

/* Skylake and its kin take an empty return stack's target from the branch predictor: retpolines do
 * not hold. */
static bool is_retpoline_unsafe(const struct spec_cpu *cpu)
{
    static const uint8_t models[] = {0x4e, 0x55, 0x5e, 0x66, 0x8e, 0x9e, 0xa5, 0xa6};

    for (unsigned int i = 0; i < sizeof(models); i++)
        if (cpu->is_intel && cpu->family == 6 && cpu->model == models[i])
            return true;
    return false;
}

static bool pick(int8_t asked, bool by_default)
{
    return asked < 0 ? by_default : asked;
}

static void choose_branches(const struct spec_cpu *cpu, const struct spec_options *o,
                            struct spec_choice *c)
{
    bool has_ibrs = (cpu->leaf7_edx & F7_IBRSB) || (cpu->ext8_ebx & F8_IBRS);
    bool enhanced = (has_ibrs && (cpu->arch_caps & CAP_IBRS_ALL)) ||
                    (has_ibrs && (cpu->ext8_ebx & F8_IBRS_ALWAYS));
    bool speculates = !is_in_order(cpu);

    c->ibrs_always = enhanced && pick(o->ibrs, speculates);
    c->ibrs = has_ibrs && !enhanced && pick(o->ibrs, speculates && is_retpoline_unsafe(cpu));
    c->thunk = o->thunk;
    if (c->thunk == THUNK_DEFAULT)
        c->thunk = !speculates || c->ibrs || c->ibrs_always ? THUNK_JMP : THUNK_RETPOLINE;
    c->ibpb =
        ((cpu->leaf7_edx & F7_IBRSB) || (cpu->ext8_ebx & F8_IBPB)) && pick(o->ibpb, speculates);
    c->stibp = ((cpu->leaf7_edx & F7_STIBP) || (cpu->ext8_ebx & F8_STIBP)) && pick(o->stibp, false);
    c->rsb = pick(o->rsb, speculates);
    c->ssbd = ((cpu->leaf7_edx & F7_SSBD) || (cpu->ext8_ebx & F8_SSBD)) && pick(o->ssbd, false);
}

void spec_choose(const struct spec_cpu *cpu, const struct spec_options *o, struct spec_choice *c)
{
    bool out_of_order = cpu->is_intel && cpu->family == 6 && !is_in_order(cpu);

    memset(c, 0, sizeof(*c));
    c->is_meltdown = c->is_l1tf = out_of_order && !(cpu->arch_caps & CAP_RDCL_NO);
    c->is_mds = out_of_order && !(cpu->arch_caps & CAP_MDS_NO);
    choose_branches(cpu, o, c);
    c->xpti_dom0 = pick(o->xpti_dom0, c->is_meltdown);
    c->xpti_domu = pick(o->xpti_domu, c->is_meltdown);
    c->l1d_flush = (cpu->leaf7_edx & F7_L1D_FLUSH) && pick(o->l1d_flush, c->is_l1tf);
    c->verw = (cpu->leaf7_edx & F7_MD_CLEAR) && pick(o->md_clear, c->is_mds);
}

/* --- words --- */

/* Compares a word of `len` characters. */
static bool is_word(const char *text, size_t len, const char *word)
{
    return strlen(word) == len && strncmp(text, word, len) == 0;
}

static int8_t truth(const char *text, size_t len)
{
    static const char *const yes[] = {"1", "yes", "on", "true", "enable"};
    static const char *const no[] = {"0", "no", "off", "false", "disable"};

    for (unsigned int i = 0; i < 5; i++) {
        if (is_word(text, len, yes[i]))
            return 1;
        if (is_word(text, len, no[i]))
            return 0;
    }
    return -1;
}

/* `name=bool`, `name` or `no-name`; -1: it is something else. */
static int8_t named(const char *text, size_t len, const char *name)
{
    size_t n = strlen(name);

    if (is_word(text, len, name))
        return 1;
    if (len == n + 3 && strncmp(text, "no-", 3) == 0 && strncmp(text + 3, name, n) == 0)
        return 0;
    if (len > n + 1 && text[n] == '=' && strncmp(text, name, n) == 0)
        return truth(text + n + 1, len - n - 1);
    return -1;
}

static size_t word_length(const char *text)
{
    size_t n = 0;

    while (text[n] && text[n] != ',')
        n++;
    return n;
}

static void set_all(struct spec_options *o, int8_t value)
{
    o->ibrs = o->ibpb = o->ssbd = o->stibp = o->l1d_flush = o->md_clear = o->rsb = value;
    o->thunk = value ? THUNK_DEFAULT : THUNK_JMP;
}

static bool parse_word(struct spec_options *o, const char *text, size_t len)
{
    static const struct {
        const char *name;
        size_t at;
    } switches[] = {
        {"ibrs", offsetof(struct spec_options, ibrs)},
        {"ibpb", offsetof(struct spec_options, ibpb)},
        {"ssbd", offsetof(struct spec_options, ssbd)},
        {"stibp", offsetof(struct spec_options, stibp)},
        {"l1d-flush", offsetof(struct spec_options, l1d_flush)},
        {"md-clear", offsetof(struct spec_options, md_clear)},
        {"rsb", offsetof(struct spec_options, rsb)},
    };

    if (len > 10 && strncmp(text, "bti-thunk=", 10) == 0) {
        enum spec_thunk t = is_word(text + 10, len - 10, "retpoline") ? THUNK_RETPOLINE
                            : is_word(text + 10, len - 10, "lfence")  ? THUNK_LFENCE
                            : is_word(text + 10, len - 10, "jmp")     ? THUNK_JMP
                                                                      : THUNK_DEFAULT;
        o->thunk = t;
        return t != THUNK_DEFAULT;
    }
    for (unsigned int i = 0; i < sizeof(switches) / sizeof(*switches); i++) {
        int8_t value = named(text, len, switches[i].name);
        if (value >= 0) {
            *((int8_t *)o + switches[i].at) = value;
            return true;
        }
    }
    if (truth(text, len) == 0) {
        set_all(o, 0);
        o->xpti_dom0 = o->xpti_domu = 0; /* page tables too, as under Xen */
    }
    return truth(text, len) == 0 || truth(text, len) == 1;
}

bool spec_parse(struct spec_options *o, const char *value)
{
    if (strcmp(value, "no") ==
        0) /* no-spec-ctrl, and spec-ctrl=no: page tables too, as under Xen */
        o->xpti_dom0 = o->xpti_domu = 0;
    for (size_t len; *value; value += len + (value[len] == ',')) {
        len = word_length(value);
        if (!parse_word(o, value, len))
            return false;
    }
    return true;
}

bool spec_parse_xpti(struct spec_options *o, const char *value)
{
    if (!*value)
        o->xpti_dom0 = o->xpti_domu = 1;
    for (size_t len; *value; value += len + (value[len] == ',')) {
        int8_t both, dom0, domu;

        len = word_length(value);
        both = truth(value, len);
        dom0 = named(value, len, "dom0");
        domu = named(value, len, "domu");
        if (is_word(value, len, "default"))
            o->xpti_dom0 = o->xpti_domu = -1;
        else if (both >= 0)
            o->xpti_dom0 = o->xpti_domu = both;
        else if (dom0 >= 0)
            o->xpti_dom0 = dom0;
        else if (domu >= 0)
            o->xpti_domu = domu;
        else
            return false;
    }
    return true;
}
