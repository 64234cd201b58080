/* SPDX-License-Identifier: MIT */
/* Taps and packet sockets of the real kernel, in a network namespace of the test's own. */
#include "net/uplink/uplink.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <sys/socket.h>

#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include <cmocka.h>

#define LEN 100

static uint8_t frame[LEN], got[FRAME_LEN_MAX];

/* A plain packet socket: what any other program on that interface sees and sends. */
static int open_plain(const char *ifname)
{
    struct sockaddr_ll address = {.sll_family = AF_PACKET,
                                  .sll_protocol = htons(ETH_P_ALL),
                                  .sll_ifindex = (int)if_nametoindex(ifname)};
    struct timeval patience = {.tv_sec = 5};
    int fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));

    assert_true(fd >= 0 && address.sll_ifindex > 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    return fd;
}

/* Broadcast, of a protocol that no kernel speaks by itself, so that ours are easily told. */
static void build(uint8_t number)
{
    memset(frame, 0xff, 6);
    memcpy(frame + 6, "\x00\x16\x3e\x00\x00\x01", 6);
    frame_put16(frame + 12, 0x88b5);
    for (size_t i = 14; i < LEN; i++)
        frame[i] = (uint8_t)(i ^ number);
}

/* Receive until a frame with our protocol comes, `at` bytes further in if it carries a tag. */
static size_t receive_ours(struct uplink *uplink, size_t at)
{
    struct frame_offload offload;
    size_t len;

    for (int tries = 0; tries < 500; tries++) {
        if (uplink_receive(uplink, got, sizeof(got), &len, &offload) != UPLINK_OK)
            usleep(10000);
        else if (len >= 14 && frame_get16(got + 12 + at) == 0x88b5)
            return len;
    }
    return 0;
}

static ssize_t plain_receive_ours(int fd)
{
    ssize_t n;

    do
        n = recv(fd, got, sizeof(got), 0);
    while (n >= 14 && frame_get16(got + 12) != 0x88b5);
    return n;
}

static void test_tap_both_ways(void **state)
{
    static const struct frame_offload none;
    struct uplink tap;
    int plain;

    (void)state;
    assert_int_equal(uplink_open_tap(&tap, "testtap", 1500), 0);
    plain = open_plain("testtap");
    build(1);
    assert_int_equal(uplink_send(&tap, frame, LEN, &none), UPLINK_OK);
    assert_int_equal(plain_receive_ours(plain), LEN);
    assert_memory_equal(got, frame, LEN);
    build(2);
    assert_int_equal(send(plain, frame, LEN, 0), LEN);
    assert_int_equal(receive_ours(&tap, 0), LEN);
    assert_memory_equal(got, frame, LEN);
    assert_true(uplink_is_there(&tap));
    close(plain);
    uplink_close(&tap);
}

/* The interface stays when the process that made it is gone: a restart finds it. */
static void test_tap_is_found_again(void **state)
{
    struct uplink tap;
    unsigned index = if_nametoindex("testtap");

    (void)state;
    assert_int_not_equal(index, 0);
    assert_int_equal(uplink_open_tap(&tap, "testtap", 1400), 0);
    assert_int_equal(tap.ifindex, index);
    uplink_close(&tap);
}

static void test_deleted_tap_is_gone(void **state)
{
    struct frame_offload offload;
    struct uplink tap;
    size_t len;

    (void)state;
    assert_int_equal(uplink_open_tap(&tap, "testtap2", 1500), 0);
    assert_int_equal(system("ip link delete testtap2"), 0);
    assert_false(uplink_is_there(&tap));
    assert_int_equal(uplink_receive(&tap, got, sizeof(got), &len, &offload), UPLINK_GONE);
    uplink_close(&tap);
}

static void test_card_both_ways(void **state)
{
    static const struct frame_offload none;
    struct uplink card;
    int plain;

    (void)state;
    assert_int_equal(system("ip link add card0 type veth peer name far0 && ip link set far0 up"),
                     0);
    assert_int_equal(uplink_open_packet(&card, "card0"), 0);
    plain = open_plain("far0");
    build(3);
    assert_int_equal(uplink_send(&card, frame, LEN, &none), UPLINK_OK);
    assert_int_equal(plain_receive_ours(plain), LEN);
    assert_memory_equal(got, frame, LEN);
    build(4);
    assert_int_equal(send(plain, frame, LEN, 0), LEN);
    assert_int_equal(receive_ours(&card, 0), LEN);
    assert_memory_equal(got, frame, LEN);

    build(5); /* a tag, which the kernel takes out on the way and we put back */
    memmove(frame + 16, frame + 12, LEN - 16);
    memcpy(frame + 12, "\x81\x00\x20\x0a", 4);
    assert_int_equal(send(plain, frame, LEN, 0), LEN);
    assert_int_equal(receive_ours(&card, 4), LEN);
    assert_memory_equal(got, frame, LEN);
    close(plain);
    uplink_close(&card);
}

static void test_missing_card_is_said(void **state)
{
    struct uplink card;

    (void)state;
    assert_int_equal(uplink_open_packet(&card, "nosuch0"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tap_both_ways),        cmocka_unit_test(test_tap_is_found_again),
        cmocka_unit_test(test_deleted_tap_is_gone),  cmocka_unit_test(test_card_both_ways),
        cmocka_unit_test(test_missing_card_is_said),
    };

    if (unshare(CLONE_NEWNET) < 0 || access("/dev/net/tun", R_OK | W_OK) < 0) {
        puts("no network namespace of our own, or no /dev/net/tun: not root?");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
