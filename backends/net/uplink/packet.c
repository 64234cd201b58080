/* SPDX-License-Identifier: MIT */
/* A packet socket on one of dom0's network cards (packet(7)). */
#include "net/uplink/uplink.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/ethtool.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>

/*
 * Frames that the kernel glued together on receive (GRO, LRO) come with segmentation requests of
 * kinds a netif ring cannot carry, so the card is asked not to. A card that doesn't know the
 * request doesn't glue either.
 */
static void stop_receive_merging(int fd, const char *ifname)
{
    struct ethtool_value gro = {.cmd = ETHTOOL_SGRO}, flags = {.cmd = ETHTOOL_GFLAGS};
    struct ifreq ifr = {0};

    snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", ifname);
    ifr.ifr_data = (void *)&gro;
    ioctl(fd, SIOCETHTOOL, &ifr);
    ifr.ifr_data = (void *)&flags;
    if (ioctl(fd, SIOCETHTOOL, &ifr) < 0 || !(flags.data & ETH_FLAG_LRO))
        return;
    flags.cmd = ETHTOOL_SFLAGS;
    flags.data &= ~(uint32_t)ETH_FLAG_LRO;
    ioctl(fd, SIOCETHTOOL, &ifr);
}

static int bring_up(int fd, const char *ifname)
{
    struct ifreq ifr = {0};

    snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", ifname);
    if (ioctl(fd, SIOCGIFFLAGS, &ifr) < 0)
        return -1;
    ifr.ifr_flags |= IFF_UP;
    return ioctl(fd, SIOCSIFFLAGS, &ifr);
}

static int set_option(int fd, int option)
{
    int on = 1;

    return setsockopt(fd, SOL_PACKET, option, &on, sizeof(on));
}

static int attach(int fd, const char *ifname)
{
    int index = (int)if_nametoindex(ifname);
    struct sockaddr_ll address = {
        .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = index};
    struct packet_mreq promiscuous = {.mr_ifindex = index, .mr_type = PACKET_MR_PROMISC};

    if (index == 0) {
        errno = ENODEV;
        return -1;
    }
    /* What dom0 itself sends on this card isn't for the guests: the wire would not return it. */
    if (set_option(fd, PACKET_VNET_HDR) < 0 || set_option(fd, PACKET_AUXDATA) < 0 ||
        set_option(fd, PACKET_IGNORE_OUTGOING) < 0)
        return -1;
    if (bring_up(fd, ifname) < 0)
        return -1;
    stop_receive_merging(fd, ifname);
    if (setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous, sizeof(promiscuous)) < 0)
        return -1;
    return bind(fd, (struct sockaddr *)&address, sizeof(address));
}

int uplink_open_packet(struct uplink *uplink, const char *ifname)
{
    /* Protocol 0: nothing is received before bind() names the card. */
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), saved;

    if (fd < 0)
        return -1;
    if (attach(fd, ifname) < 0) {
        saved = errno;
        close(fd);
        errno = saved;
        return -1;
    }
    *uplink = (struct uplink){.fd = fd, .ifindex = if_nametoindex(ifname), .strips_tags = true};
    snprintf(uplink->ifname, sizeof(uplink->ifname), "%s", ifname);
    return 0;
}
