/* SPDX-License-Identifier: MIT */
/* Network interface specifications, as xl-network-configuration(5) describes them, and their
 * addresses. */
#include "config/domain_config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VIF_BRIDGE_DEFAULT "nat0"

void vif_config_make_mac(uint8_t mac[6], const uuid_t uuid, unsigned int index)
{
    char name[32];
    uuid_t hash;

    snprintf(name, sizeof(name), "corbel-vif-%u", index);
    uuid_generate_sha1(hash, uuid, name, strlen(name));
    /* Xen's own range; the fourth byte below 0x80 by its owner's convention. */
    mac[0] = 0x00;
    mac[1] = 0x16;
    mac[2] = 0x3e;
    mac[3] = hash[0] & 0x7f;
    mac[4] = hash[1];
    mac[5] = hash[2];
}

static const char *parse_mac(uint8_t mac[6], const char *text)
{
    int used = 0;

    if (sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &mac[0], &mac[1], &mac[2], &mac[3],
               &mac[4], &mac[5], &used) != 6 ||
        used != 17 || text[17])
        return "mac is not six bytes such as 00:16:3e:12:34:56";
    if (mac[0] & 1)
        return "mac is a multicast address: its first byte must be even";
    return NULL;
}

/* A vSwitch of vswitch.conf(5), or one and a group of it: SWITCH/GROUP. */
static const char *check_bridge(const char *value)
{
    const char *slash = strchr(value, '/');

    if (slash && (slash == value || !slash[1] || strchr(slash + 1, '/')))
        return "bridge is SWITCH or SWITCH/GROUP";
    return NULL;
}

/* One key=value part; ends in a NUL. */
static const char *set_part(struct vif_config *vif, char *part, bool *has_mac)
{
    char *value = strchr(part, '=');
    char **field = NULL;

    if (!value)
        return "a part is not key=value (known: mac= bridge= ip=)";
    *value++ = '\0';
    if (strcmp(part, "mac") == 0) {
        *has_mac = true;
        return parse_mac(vif->mac, value);
    }
    if (strcmp(part, "bridge") == 0)
        field = &vif->bridge;
    else if (strcmp(part, "ip") == 0)
        field = &vif->ip;
    else if (strcmp(part, "type") == 0)
        return strcmp(value, "vif") == 0 ? NULL : "type is vif for a PV guest";
    else
        return "unknown part (known: mac= bridge= ip= type=)";
    if (*field)
        return "a part is given twice";
    if (!*value)
        return "an empty value";
    if (field == &vif->bridge && check_bridge(value))
        return check_bridge(value);
    if (field == &vif->ip && strchr(value, '/'))
        return "ip is an address without a mask";
    *field = strdup(value);
    return *field ? NULL : "out of memory";
}

const char *vif_config_parse(struct vif_config *vif, const char *spec, bool *has_mac)
{
    char *copy = strdup(spec), *rest = copy, *part;
    const char *error = NULL;

    *vif = (struct vif_config){0};
    *has_mac = false;
    if (!copy)
        return "out of memory";
    while (!error && (part = strsep(&rest, ",")) != NULL) {
        part += strspn(part, " \t");
        if (*part)
            error = set_part(vif, part, has_mac);
    }
    free(copy);
    if (!error && !vif->bridge && !(vif->bridge = strdup(VIF_BRIDGE_DEFAULT)))
        error = "out of memory";
    return error;
}

void vif_config_free(struct vif_config *vif)
{
    free(vif->bridge);
    free(vif->ip);
    *vif = (struct vif_config){0};
}
