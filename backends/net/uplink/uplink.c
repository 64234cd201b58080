/* SPDX-License-Identifier: MIT */
/* Frames in and out of a tap or a packet socket, each behind a virtio-net header. */
#include "net/uplink/uplink.h"

#include "net/uplink/vnet_header.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <linux/if_packet.h>

#define VLAN_TAG_LEN   4
#define MAC_ADDRESSES  12 /* bytes before the place of a VLAN tag */
#define ETHERTYPE_VLAN 0x8100

bool uplink_is_there(const struct uplink *uplink)
{
    return if_nametoindex(uplink->ifname) == uplink->ifindex;
}

void uplink_close(struct uplink *uplink)
{
    if (uplink->fd >= 0)
        close(uplink->fd);
    uplink->fd = -1;
}

static enum uplink_result failure(enum uplink_result would_block)
{
    switch (errno) {
    case EAGAIN:
    case EINTR:
    case ENOBUFS:
    case ENETDOWN: /* may come up again */
        return would_block;
    case ENXIO:
    case ENODEV:
    case EBADFD: /* a tap whose interface was deleted */
        return UPLINK_GONE;
    default:
        return UPLINK_UNSUPPORTED;
    }
}

/* The VLAN tag that the kernel took out of a frame, if it did, goes back in. */
static void restore_tag(const struct msghdr *msg, uint8_t *frame, size_t *len)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR((struct msghdr *)msg, c)) {
        struct tpacket_auxdata aux;

        if (c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA ||
            c->cmsg_len < CMSG_LEN(sizeof(aux)))
            continue;
        memcpy(&aux, CMSG_DATA(c), sizeof(aux));
        if (!(aux.tp_status & TP_STATUS_VLAN_VALID) || *len < MAC_ADDRESSES)
            return;
        memmove(frame + MAC_ADDRESSES + VLAN_TAG_LEN, frame + MAC_ADDRESSES, *len - MAC_ADDRESSES);
        frame_put16(frame + MAC_ADDRESSES,
                    aux.tp_status & TP_STATUS_VLAN_TPID_VALID ? aux.tp_vlan_tpid : ETHERTYPE_VLAN);
        frame_put16(frame + MAC_ADDRESSES + 2, aux.tp_vlan_tci);
        *len += VLAN_TAG_LEN;
        return;
    }
}

enum uplink_result uplink_receive(struct uplink *uplink, uint8_t *frame, size_t cap, size_t *len,
                                  struct frame_offload *offload)
{
    char control[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
    struct virtio_net_hdr header;
    struct iovec iov[2] = {{&header, sizeof(header)}, {frame, cap}};
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};
    ssize_t n;

    if (uplink->strips_tags) {
        msg.msg_control = control;
        msg.msg_controllen = sizeof(control);
        iov[1].iov_len = cap - VLAN_TAG_LEN;
        n = recvmsg(uplink->fd, &msg, MSG_TRUNC);
    } else {
        n = readv(uplink->fd, iov, 2);
    }
    if (n < 0)
        return failure(UPLINK_EMPTY);
    if ((size_t)n < sizeof(header) || (size_t)n - sizeof(header) > iov[1].iov_len)
        return UPLINK_UNSUPPORTED;
    *len = (size_t)n - sizeof(header);
    if (uplink->strips_tags)
        restore_tag(&msg, frame, len);
    return vnet_header_to_offload(&header, offload) ? UPLINK_OK : UPLINK_UNSUPPORTED;
}

enum uplink_result uplink_send(struct uplink *uplink, uint8_t *frame, size_t len,
                               const struct frame_offload *offload)
{
    struct virtio_net_hdr header;
    struct iovec iov[2] = {{&header, sizeof(header)}, {frame, len}};

    if (!vnet_header_from_offload(frame, len, offload, &header))
        return UPLINK_UNSUPPORTED;
    return writev(uplink->fd, iov, 2) < 0 ? failure(UPLINK_FULL) : UPLINK_OK;
}
