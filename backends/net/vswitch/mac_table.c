/* SPDX-License-Identifier: MIT */
/* Which port an Ethernet address was last seen on, with aging. */
#include "net/vswitch/mac_table.h"

#include <stdlib.h>
#include <string.h>

#define NIL UINT32_MAX

struct node {
    struct mac_entry entry;
    uint32_t next; /* in its bucket's chain, or in the free list */
};

struct mac_table {
    uint64_t age_ms;
    uint64_t multiplier; /* odd, from the seed */
    uint32_t bucket_mask;
    uint32_t free_head;
    uint32_t *buckets;
    struct node *nodes;
    unsigned learnt[MAC_TABLE_PORTS];
};

static uint32_t bucket_of(const struct mac_table *table, uint16_t vlan, const uint8_t mac[6])
{
    uint64_t key = vlan;

    for (int i = 0; i < 6; i++)
        key = key << 8 | mac[i];
    key *= table->multiplier;
    key ^= key >> 29;
    key *= table->multiplier;
    return (uint32_t)(key >> 32) & table->bucket_mask;
}

struct mac_table *mac_table_new(size_t capacity, uint64_t age_ms, uint32_t seed)
{
    struct mac_table *table = calloc(1, sizeof(*table));
    size_t n_buckets = 1;

    if (!table)
        return NULL;
    while (n_buckets < capacity)
        n_buckets *= 2;
    table->buckets = malloc(n_buckets * sizeof(*table->buckets));
    table->nodes = calloc(capacity, sizeof(*table->nodes));
    if (!table->buckets || !table->nodes) {
        mac_table_free(table);
        return NULL;
    }
    table->age_ms = age_ms;
    table->multiplier = UINT64_C(0x9e3779b97f4a7c15) ^ ((uint64_t)seed << 1);
    table->bucket_mask = (uint32_t)n_buckets - 1;
    memset(table->buckets, 0xff, n_buckets * sizeof(*table->buckets));
    for (size_t i = 0; i < capacity; i++)
        table->nodes[i].next = i + 1 < capacity ? (uint32_t)i + 1 : NIL;
    table->free_head = capacity ? 0 : NIL;
    return table;
}

void mac_table_free(struct mac_table *table)
{
    if (!table)
        return;
    free(table->buckets);
    free(table->nodes);
    free(table);
}

static struct node *find(const struct mac_table *table, uint16_t vlan, const uint8_t mac[6])
{
    uint32_t i = table->buckets[bucket_of(table, vlan, mac)];

    while (i != NIL) {
        struct node *node = &table->nodes[i];

        if (node->entry.vlan == vlan && memcmp(node->entry.mac, mac, 6) == 0)
            return node;
        i = node->next;
    }
    return NULL;
}

static struct node *insert(struct mac_table *table, uint16_t vlan, const uint8_t mac[6])
{
    uint32_t i = table->free_head;
    uint32_t *bucket = &table->buckets[bucket_of(table, vlan, mac)];

    if (i == NIL)
        return NULL;
    table->free_head = table->nodes[i].next;
    table->nodes[i].next = *bucket;
    *bucket = i;
    memcpy(table->nodes[i].entry.mac, mac, 6);
    table->nodes[i].entry.vlan = vlan;
    return &table->nodes[i];
}

static bool is_old(const struct mac_table *table, const struct mac_entry *entry, uint64_t now_ms)
{
    return !entry->fixed && now_ms - entry->seen_ms > table->age_ms;
}

enum mac_learn_result mac_table_learn(struct mac_table *table, uint16_t vlan, const uint8_t mac[6],
                                      unsigned port, unsigned quota, uint64_t now_ms)
{
    struct node *node = find(table, vlan, mac);
    enum mac_learn_result result = MAC_LEARN_NEW;

    if (node && node->entry.port == port) {
        node->entry.seen_ms = now_ms;
        return MAC_LEARN_KNOWN;
    }
    if (node && node->entry.fixed)
        return MAC_LEARN_REFUSED;
    if (table->learnt[port] >= quota)
        return MAC_LEARN_REFUSED;
    if (node) {
        table->learnt[node->entry.port]--;
        result = MAC_LEARN_MOVED;
    } else {
        node = insert(table, vlan, mac);
        if (!node)
            return MAC_LEARN_REFUSED;
    }
    node->entry.port = (uint16_t)port;
    node->entry.fixed = false;
    node->entry.seen_ms = now_ms;
    table->learnt[port]++;
    return result;
}

int mac_table_find(const struct mac_table *table, uint16_t vlan, const uint8_t mac[6],
                   uint64_t now_ms)
{
    const struct node *node = find(table, vlan, mac);

    if (!node || is_old(table, &node->entry, now_ms))
        return -1;
    return node->entry.port;
}

/* Remove the entry that a bucket or its chain links to. */
static void drop(struct mac_table *table, uint32_t *link)
{
    uint32_t i = *link;
    struct node *node = &table->nodes[i];

    if (!node->entry.fixed)
        table->learnt[node->entry.port]--;
    *link = node->next;
    node->next = table->free_head;
    table->free_head = i;
}

/* Make room: what was learnt can be learnt again. */
static void drop_one_learnt(struct mac_table *table)
{
    for (uint32_t b = 0; b <= table->bucket_mask; b++)
        for (uint32_t *link = &table->buckets[b]; *link != NIL; link = &table->nodes[*link].next)
            if (!table->nodes[*link].entry.fixed) {
                drop(table, link);
                return;
            }
}

bool mac_table_fix(struct mac_table *table, uint16_t vlan, const uint8_t mac[6], unsigned port)
{
    struct node *node = find(table, vlan, mac);

    if (node && node->entry.fixed)
        return node->entry.port == port;
    if (node) {
        table->learnt[node->entry.port]--;
    } else {
        if (table->free_head == NIL)
            drop_one_learnt(table);
        node = insert(table, vlan, mac);
    }
    if (!node)
        return false;
    node->entry.port = (uint16_t)port;
    node->entry.fixed = true;
    node->entry.seen_ms = 0;
    return true;
}

/* Remove every entry for which `doomed` holds. */
static size_t remove_where(struct mac_table *table,
                           bool (*doomed)(const struct mac_table *, const struct mac_entry *,
                                          uint64_t),
                           uint64_t arg)
{
    size_t removed = 0;

    for (uint32_t b = 0; b <= table->bucket_mask; b++) {
        uint32_t *link = &table->buckets[b];

        while (*link != NIL) {
            struct node *node = &table->nodes[*link];

            if (!doomed(table, &node->entry, arg)) {
                link = &node->next;
                continue;
            }
            drop(table, link);
            removed++;
        }
    }
    return removed;
}

static bool is_on_port(const struct mac_table *table, const struct mac_entry *entry, uint64_t port)
{
    (void)table;
    return entry->port == port;
}

void mac_table_forget_port(struct mac_table *table, unsigned port)
{
    remove_where(table, is_on_port, port);
}

size_t mac_table_expire(struct mac_table *table, uint64_t now_ms)
{
    return remove_where(table, is_old, now_ms);
}

void mac_table_for_each(const struct mac_table *table,
                        void (*visit)(const struct mac_entry *entry, void *arg), void *arg)
{
    for (uint32_t b = 0; b <= table->bucket_mask; b++)
        for (uint32_t i = table->buckets[b]; i != NIL; i = table->nodes[i].next)
            visit(&table->nodes[i].entry, arg);
}
