/* SPDX-License-Identifier: MIT */
/* Reading vswitch.conf(5). */
#include "net/config.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>

#define CONFIG_FILE_MAX (1 << 20)
#define LINE_MAX_LEN    512
#define MTU_DEFAULT     1500
#define MTU_MIN         576
#define MTU_MAX         9000
#define AGING_DEFAULT_S 300
#define AGING_MAX_S     86400
#define VLAN_MAX        4094

struct parser {
    const char *path;
    unsigned line;
    struct net_config *out;
    struct switch_config *sw;    /* the section we are in; NULL before the first */
    struct vswitch_group *group; /* inside a [group]; NULL in a [vswitch] */
    char *error;
    size_t error_size;
};

__attribute__((format(printf, 2, 3))) static int fail(struct parser *p, const char *format, ...)
{
    int n = snprintf(p->error, p->error_size, "%s:%u: ", p->path, p->line);
    va_list args;

    va_start(args, format);
    if (n >= 0 && (size_t)n < p->error_size)
        vsnprintf(p->error + n, p->error_size - (size_t)n, format, args);
    va_end(args);
    return -1;
}

static bool is_name(const char *text, size_t max)
{
    size_t len = strlen(text);

    if (len == 0 || len >= max)
        return false;
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)text[i]) && !strchr("-_.", text[i]))
            return false;
    return text[0] != '.';
}

static int set_number(struct parser *p, const char *key, const char *value, unsigned min,
                      unsigned max, unsigned *out)
{
    char *end;
    unsigned long number;

    errno = 0;
    number = strtoul(value, &end, 10);
    if (!isdigit((unsigned char)value[0]) || *end || errno || number < min || number > max)
        return fail(p, "%s must be a number from %u to %u, not \"%s\"", key, min, max, value);
    *out = (unsigned)number;
    return 0;
}

static int set_ifname(struct parser *p, const char *key, const char *value, char *out)
{
    if (!is_name(value, IF_NAMESIZE))
        return fail(p, "%s must be an interface name of at most %d characters, not \"%s\"", key,
                    IF_NAMESIZE - 1, value);
    snprintf(out, IF_NAMESIZE, "%s", value);
    return 0;
}

static int set_choice(struct parser *p, const char *key, const char *value, const char *yes,
                      const char *no, bool *out)
{
    if (strcmp(value, yes) != 0 && strcmp(value, no) != 0)
        return fail(p, "%s must be \"%s\" or \"%s\", not \"%s\"", key, yes, no, value);
    *out = strcmp(value, yes) == 0;
    return 0;
}

static bool parse_ipv4(const char *text, uint32_t *out)
{
    struct in_addr in;

    if (inet_pton(AF_INET, text, &in) != 1)
        return false;
    *out = ntohl(in.s_addr);
    return *out != 0;
}

static int set_address(struct parser *p, char *value)
{
    char *slash = strchr(value, '/');

    if (slash)
        *slash = '\0';
    if (!slash || !parse_ipv4(value, &p->sw->address))
        return fail(p, "address must look like 192.168.77.1/24");
    return set_number(p, "the prefix length of address", slash + 1, 8, 30, &p->sw->prefix_len);
}

static int set_dhcp(struct parser *p, char *value)
{
    char *dash = strchr(value, '-');

    if (dash)
        *dash = '\0';
    if (!dash || !parse_ipv4(value, &p->sw->dhcp_first) || !parse_ipv4(dash + 1, &p->sw->dhcp_last))
        return fail(p, "dhcp must be a range such as 192.168.77.50-192.168.77.250");
    if (p->sw->dhcp_first > p->sw->dhcp_last)
        return fail(p, "dhcp: the range's first address is above its last");
    return 0;
}

static int set_switch_key(struct parser *p, const char *key, char *value)
{
    struct switch_config *sw = p->sw;

    if (strcmp(key, "mtu") == 0)
        return set_number(p, key, value, MTU_MIN, MTU_MAX, &sw->mtu);
    if (strcmp(key, "aging") == 0)
        return set_number(p, key, value, 1, AGING_MAX_S, &sw->aging_s);
    if (strcmp(key, "tap") == 0)
        return set_ifname(p, key, value, sw->tap);
    if (strcmp(key, "uplink") == 0)
        return set_ifname(p, key, value, sw->uplink);
    if (strcmp(key, "address") == 0)
        return set_address(p, value);
    if (strcmp(key, "nat") == 0)
        return set_choice(p, key, value, "yes", "no", &sw->nat);
    if (strcmp(key, "dhcp") == 0)
        return set_dhcp(p, value);
    if (strcmp(key, "forged-transmits") == 0)
        return set_choice(p, key, value, "reject", "accept", &sw->groups[0].reject_forged);
    return fail(p,
                "unknown key \"%s\" in [vswitch %s]: known are mtu, aging, tap, uplink, "
                "address, nat, dhcp, forged-transmits",
                key, sw->name);
}

static int set_group_key(struct parser *p, const char *key, const char *value)
{
    unsigned vlan;

    if (strcmp(key, "vlan") == 0) {
        if (set_number(p, key, value, 1, VLAN_MAX, &vlan) < 0)
            return -1;
        p->group->vlan = (uint16_t)vlan;
        return 0;
    }
    if (strcmp(key, "forged-transmits") == 0)
        return set_choice(p, key, value, "reject", "accept", &p->group->reject_forged);
    return fail(p, "unknown key \"%s\" in [group]: known are vlan, forged-transmits", key);
}

static struct switch_config *find_switch(const struct parser *p, const char *name)
{
    for (unsigned i = 0; i < p->out->n_switches; i++)
        if (strcmp(p->out->switches[i].name, name) == 0)
            return &p->out->switches[i];
    return NULL;
}

/* What can only be judged when a [vswitch] section is complete. */
static int finish_switch(struct parser *p)
{
    const struct switch_config *sw = p->sw;
    uint32_t mask;

    if (!sw)
        return 0;
    if (sw->address && !sw->tap[0])
        return fail(p, "[vswitch %s] has an address but no tap to put it on", sw->name);
    if ((sw->nat || sw->dhcp_first) && !sw->address)
        return fail(p, "[vswitch %s]: nat and dhcp need an address", sw->name);
    mask = sw->prefix_len ? ~UINT32_C(0) << (32 - sw->prefix_len) : 0;
    if (sw->dhcp_first &&
        ((sw->dhcp_first ^ sw->address) & mask || (sw->dhcp_last ^ sw->address) & mask))
        return fail(p, "[vswitch %s]: the dhcp range isn't inside the address's network", sw->name);
    if (sw->dhcp_first && sw->dhcp_first <= sw->address && sw->address <= sw->dhcp_last)
        return fail(p, "[vswitch %s]: the dhcp range holds the vSwitch's own address", sw->name);
    return 0;
}

static int begin_switch(struct parser *p, const char *name)
{
    if (!is_name(name, VSWITCH_NAME_MAX))
        return fail(p, "a vSwitch's name is 1 to %d letters, digits, '-', '_' or '.', not \"%s\"",
                    VSWITCH_NAME_MAX - 1, name);
    if (find_switch(p, name))
        return fail(p, "a second [vswitch %s]: give it another name", name);
    if (p->out->n_switches == CONFIG_SWITCHES_MAX)
        return fail(p, "more than %d vSwitches", CONFIG_SWITCHES_MAX);
    p->group = NULL;
    p->sw = &p->out->switches[p->out->n_switches++];
    *p->sw = (struct switch_config){.mtu = MTU_DEFAULT, .aging_s = AGING_DEFAULT_S, .n_groups = 1};
    snprintf(p->sw->name, sizeof(p->sw->name), "%s", name);
    strcpy(p->sw->groups[0].name, "default");
    return 0;
}

static int begin_group(struct parser *p, char *name)
{
    char *slash = strchr(name, '/');

    if (!slash)
        return fail(p, "a group is written [group VSWITCH/NAME]");
    *slash++ = '\0';
    p->sw = find_switch(p, name);
    if (!p->sw)
        return fail(p, "[group %s/%s]: there is no [vswitch %s] above", name, slash, name);
    if (!is_name(slash, VSWITCH_NAME_MAX))
        return fail(p, "\"%s\" cannot be a group's name", slash);
    for (unsigned i = 0; i < p->sw->n_groups; i++)
        if (strcmp(p->sw->groups[i].name, slash) == 0)
            return fail(p, "a second group \"%s\" of vSwitch %s", slash, name);
    if (p->sw->n_groups == VSWITCH_GROUPS_MAX)
        return fail(p, "more than %d groups on vSwitch %s", VSWITCH_GROUPS_MAX, name);
    p->group = &p->sw->groups[p->sw->n_groups++];
    *p->group = (struct vswitch_group){0};
    snprintf(p->group->name, sizeof(p->group->name), "%s", slash);
    return 0;
}

static char *trim(char *text)
{
    char *end;

    while (isspace((unsigned char)*text))
        text++;
    end = text + strlen(text);
    while (end > text && isspace((unsigned char)end[-1]))
        *--end = '\0';
    return text;
}

static int parse_section(struct parser *p, char *line)
{
    char *end = strchr(line, ']'), *name;

    if (!end || end[1])
        return fail(p, "a section is written [vswitch NAME] or [group VSWITCH/NAME]");
    *end = '\0';
    line = trim(line + 1);
    name = line + strcspn(line, " \t");
    if (*name)
        *name++ = '\0';
    name = trim(name);
    if (finish_switch(p) < 0)
        return -1;
    if (strcmp(line, "vswitch") == 0)
        return begin_switch(p, name);
    if (strcmp(line, "group") == 0)
        return begin_group(p, name);
    return fail(p, "unknown section [%s]: known are [vswitch NAME] and [group VSWITCH/NAME]", line);
}

static int parse_line(struct parser *p, char *line)
{
    char *equals, *key, *value;

    line[strcspn(line, "#")] = '\0';
    line = trim(line);
    if (!*line)
        return 0;
    if (*line == '[')
        return parse_section(p, line);
    equals = strchr(line, '=');
    if (!equals)
        return fail(p, "expected \"key = value\" or a [section], found \"%s\"", line);
    if (!p->sw)
        return fail(p, "a key before the first [vswitch NAME]");
    *equals = '\0';
    key = trim(line);
    value = trim(equals + 1);
    return p->group ? set_group_key(p, key, value) : set_switch_key(p, key, value);
}

int config_parse(const char *path, const char *text, size_t len, struct net_config *out,
                 char *error, size_t error_size)
{
    struct parser p = {.path = path, .out = out, .error = error, .error_size = error_size};
    const char *end = text + len;

    memset(out, 0, sizeof(*out));
    while (text < end) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        size_t n = (size_t)((newline ? newline : end) - text);
        char line[LINE_MAX_LEN];

        p.line++;
        if (n >= sizeof(line))
            return fail(&p, "a line longer than %d characters", LINE_MAX_LEN - 1);
        if (memchr(text, '\0', n))
            return fail(&p, "a NUL character: this isn't a text file");
        memcpy(line, text, n);
        line[n] = '\0';
        if (parse_line(&p, line) < 0)
            return -1;
        text += n + 1;
    }
    if (finish_switch(&p) < 0)
        return -1;
    if (out->n_switches == 0)
        return fail(&p, "no [vswitch NAME] in it");
    return 0;
}

int config_load(const char *path, struct net_config *out, char *error, size_t error_size)
{
    FILE *file = fopen(path, "re");
    char *text = malloc(CONFIG_FILE_MAX);
    int result = -1;

    if (!file || !text) {
        snprintf(error, error_size, "%s: %s", path, strerror(errno));
    } else {
        size_t len = fread(text, 1, CONFIG_FILE_MAX, file);

        if (ferror(file) || len == CONFIG_FILE_MAX)
            snprintf(error, error_size, "%s: cannot be read, or is larger than a megabyte", path);
        else
            result = config_parse(path, text, len, out, error, error_size);
    }
    if (file)
        fclose(file);
    free(text);
    return result;
}
