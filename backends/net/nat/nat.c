/* SPDX-License-Identifier: MIT */
/* The IP side of a vSwitch that ends in dom0 (nftables through libnftables(3)). */
#include "net/nat/nat.h"

#include "net/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <nftables/libnftables.h>

#define IP_FORWARD "/proc/sys/net/ipv4/ip_forward"

static uint32_t netmask(unsigned prefix_len)
{
    return ~UINT32_C(0) << (32 - prefix_len);
}

static int set_one(int fd, const char *ifname, unsigned long request, uint32_t address)
{
    struct ifreq ifr = {0};
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(address)};

    snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", ifname);
    memcpy(&ifr.ifr_addr, &in, sizeof(in));
    return ioctl(fd, request, &ifr);
}

int nat_set_address(const struct switch_config *config)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), result = -1;

    if (fd >= 0) {
        result = set_one(fd, config->tap, SIOCSIFADDR, config->address);
        if (result == 0)
            result = set_one(fd, config->tap, SIOCSIFNETMASK, netmask(config->prefix_len));
    }
    if (result < 0)
        net_log("%s: cannot set the address of %s: %s", config->name, config->tap, strerror(errno));
    if (fd >= 0)
        close(fd);
    return result;
}

static int enable_forwarding(void)
{
    int fd = open(IP_FORWARD, O_WRONLY | O_CLOEXEC), result;

    if (fd < 0)
        return -1;
    result = write(fd, "1\n", 2) == 2 ? 0 : -1;
    close(fd);
    return result;
}

/* `table` is declared before it is deleted so that there is one to delete; all in one commit. */
static void write_rules(const struct switch_config *config, char *out, size_t size)
{
    struct in_addr network = {htonl(config->address & netmask(config->prefix_len))};
    char text[INET_ADDRSTRLEN];

    inet_ntop(AF_INET, &network, text, sizeof(text));
    snprintf(out, size,
             "table ip corbel-%1$s\n"
             "delete table ip corbel-%1$s\n"
             "table ip corbel-%1$s {\n"
             " chain postrouting {\n"
             "  type nat hook postrouting priority 100;\n"
             "  ip saddr %2$s/%3$u oifname != \"%4$s\" masquerade\n"
             " }\n"
             " chain forward {\n"
             "  type filter hook forward priority 0;\n"
             "  oifname \"%4$s\" iifname != \"%4$s\" ct state new drop\n"
             " }\n"
             "}\n",
             config->name, text, config->prefix_len, config->tap);
}

int nat_masquerade(const struct switch_config *config)
{
    struct nft_ctx *nft;
    char rules[1024];
    int result;

    if (enable_forwarding() < 0) {
        net_log("%s: cannot write %s: %s", config->name, IP_FORWARD, strerror(errno));
        return -1;
    }
    nft = nft_ctx_new(NFT_CTX_DEFAULT);
    if (!nft) {
        net_log("%s: libnftables cannot start", config->name);
        return -1;
    }
    nft_ctx_buffer_error(nft);
    write_rules(config, rules, sizeof(rules));
    result = nft_run_cmd_from_buffer(nft, rules);
    if (result != 0)
        net_log("%s: nftables refused the masquerading rules (are the modules nft_chain_nat, "
                "nft_masq and nft_ct there?): %.200s",
                config->name, nft_ctx_get_error_buffer(nft));
    nft_ctx_free(nft);
    return result == 0 ? 0 : -1;
}
