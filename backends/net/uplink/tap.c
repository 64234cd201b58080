/* SPDX-License-Identifier: MIT */
/* A tap interface into dom0's network stack (linux/if_tun.h). */
#include "net/uplink/uplink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <linux/if_tun.h>

#define TUN_PATH  "/dev/net/tun"
#define TUN_MAJOR 10 /* Documentation/admin-guide/devices.txt */
#define TUN_MINOR 200

/* Set MTU and bring the interface up; `socket_fd` is any inet socket. */
static int configure(int socket_fd, const char *ifname, unsigned mtu)
{
    struct ifreq ifr = {0};

    snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", ifname);
    ifr.ifr_mtu = (int)mtu;
    if (ioctl(socket_fd, SIOCSIFMTU, &ifr) < 0)
        return -1;
    if (ioctl(socket_fd, SIOCGIFFLAGS, &ifr) < 0)
        return -1;
    ifr.ifr_flags |= IFF_UP;
    return ioctl(socket_fd, SIOCSIFFLAGS, &ifr);
}

static int create(int fd, const char *ifname)
{
    struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};

    snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", ifname);
    if (ioctl(fd, TUNSETIFF, &ifr) < 0)
        return -1;
    /* What the kernel may leave undone in frames it gives us: checksums and TCPv4 segmentation. */
    if (ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO_ECN) < 0)
        return -1;
    return ioctl(fd, TUNSETPERSIST, 1);
}

/*
 * Open the tun driver. Without udev its node isn't there before the module is; made by hand, the
 * first open has the kernel load the module.
 */
static int open_driver(void)
{
    int fd = open(TUN_PATH, O_RDWR | O_NONBLOCK | O_CLOEXEC);

    if (fd >= 0 || errno != ENOENT)
        return fd;
    mkdir("/dev/net", 0755);
    if (mknod(TUN_PATH, S_IFCHR | 0600, makedev(TUN_MAJOR, TUN_MINOR)) < 0)
        return -1;
    return open(TUN_PATH, O_RDWR | O_NONBLOCK | O_CLOEXEC);
}

int uplink_open_tap(struct uplink *uplink, const char *ifname, unsigned mtu)
{
    int fd = open_driver(), socket_fd, result, saved;

    if (fd < 0)
        return -1;
    socket_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    result = socket_fd < 0 ? -1 : create(fd, ifname);
    if (result == 0)
        result = configure(socket_fd, ifname, mtu);
    saved = errno;
    if (socket_fd >= 0)
        close(socket_fd);
    if (result < 0) {
        close(fd);
        errno = saved;
        return -1;
    }
    *uplink = (struct uplink){.fd = fd, .ifindex = if_nametoindex(ifname)};
    snprintf(uplink->ifname, sizeof(uplink->ifname), "%s", ifname);
    return 0;
}
