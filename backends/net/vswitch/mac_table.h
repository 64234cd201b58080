/* SPDX-License-Identifier: MIT */
/* Which port an Ethernet address was last seen on, with aging. */
#ifndef NET_VSWITCH_MAC_TABLE_H
#define NET_VSWITCH_MAC_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A bounded hash table keyed on (VLAN, address). Two kinds of entry:
 *  - fixed: a vif's own address, put there by its configuration; it never ages, and no other port
 *    can learn it, so a guest cannot steal another guest's frames;
 *  - learnt: from the source address of a frame; forgotten `age` milliseconds after the last one.
 * Each port may hold only so many learnt entries (its quota): a guest that sends from a million
 * addresses fills its own quota and nobody else's. An address that isn't learnt is flooded, which
 * is slower but right. The hash is seeded, so that collisions cannot be chosen from outside.
 * The table reads no clock: callers pass the time. Not thread-safe; one vSwitch owns one table.
 */
struct mac_table;

struct mac_entry {
    uint8_t mac[6];
    uint16_t vlan;
    uint16_t port;
    bool fixed;
    uint64_t seen_ms;
};

enum mac_learn_result {
    MAC_LEARN_KNOWN,   /* was there, on this port; refreshed */
    MAC_LEARN_NEW,     /* learnt now */
    MAC_LEARN_MOVED,   /* was learnt on another port before */
    MAC_LEARN_REFUSED, /* quota or table full, or the address is fixed on another port */
};

#define MAC_TABLE_PORTS 256

/* A new empty table of `capacity` entries; NULL without memory. Free with mac_table_free(). */
struct mac_table *mac_table_new(size_t capacity, uint64_t age_ms, uint32_t seed);
void mac_table_free(struct mac_table *table);

/* Note that (vlan, mac) was seen on `port`, which may hold `quota` learnt entries. */
enum mac_learn_result mac_table_learn(struct mac_table *table, uint16_t vlan, const uint8_t mac[6],
                                      unsigned port, unsigned quota, uint64_t now_ms);

/*
 * Fix (vlan, mac) to `port`, replacing what was learnt; in a full table, of any address. False if
 * it is fixed elsewhere, or nothing but fixed entries fill the table.
 */
bool mac_table_fix(struct mac_table *table, uint16_t vlan, const uint8_t mac[6], unsigned port);

/* The port of (vlan, mac), or -1 if unknown or too old. */
int mac_table_find(const struct mac_table *table, uint16_t vlan, const uint8_t mac[6],
                   uint64_t now_ms);

/* Forget every entry of a port that goes away. */
void mac_table_forget_port(struct mac_table *table, unsigned port);

/* Drop the entries that are too old; to be called every few seconds. Returns how many. */
size_t mac_table_expire(struct mac_table *table, uint64_t now_ms);

/* Call `visit` for each entry, in no order. */
void mac_table_for_each(const struct mac_table *table,
                        void (*visit)(const struct mac_entry *entry, void *arg), void *arg);

#endif
