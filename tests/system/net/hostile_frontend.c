/* SPDX-License-Identifier: MIT */
/* A network frontend in a guest's user space that breaks the protocol in several ways. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xenevtchn.h>
#include <xengnttab.h>
#include <xenstore.h>

#include <xen/io/ring.h>
#include <xen/io/netif.h>

/*
 * Runs in a stock Linux guest without its own netfront, over the same libraries as dom0's daemons:
 * pages granted by gntalloc, events, xenstore. For each attack it connects, attacks, and says on
 * standard output `NAME ok` if the backend did what it should: close the vif, or answer with an
 * error and go on.
 */
#define DEVICE   "device/vif/0"
#define BACKEND  0
#define PAGE     4096
#define TRIES    100 /* of 100 ms */
#define CLOSED   6
#define BAD_GREF 0x0fffffff

struct frontend {
    struct xs_handle *xs;
    xengntshr_handle *gntshr;
    xenevtchn_handle *evtchn;
    evtchn_port_t port;
    struct netif_tx_sring *tx;
    struct netif_rx_sring *rx;
    uint32_t refs[2];
    char *backend_state; /* path */
};

static void write_number(struct frontend *f, const char *key, unsigned value)
{
    char path[64], text[16];

    snprintf(path, sizeof(path), DEVICE "/%s", key);
    snprintf(text, sizeof(text), "%u", value);
    if (!xs_write(f->xs, XBT_NULL, path, text, (unsigned)strlen(text))) {
        perror(path);
        exit(1);
    }
}

static int backend_state(struct frontend *f)
{
    char *text = xs_read(f->xs, XBT_NULL, f->backend_state, NULL);
    int state = text ? atoi(text) : -1;

    free(text);
    return state;
}

static bool wait_state(struct frontend *f, int state)
{
    for (int i = 0; i < TRIES; i++) {
        if (backend_state(f) == state)
            return true;
        usleep(100000);
    }
    return false;
}

/* Rings as a decent frontend has them, but for the reference of the transmit ring if `bad`. */
static bool connect_rings(struct frontend *f, bool bad)
{
    write_number(f, "state", 1);
    if (!wait_state(f, 2))
        return false;
    memset(f->tx, 0, PAGE);
    memset(f->rx, 0, PAGE);
    f->tx->req_event = f->tx->rsp_event = f->rx->req_event = f->rx->rsp_event = 1;
    write_number(f, "tx-ring-ref", bad ? BAD_GREF : f->refs[0]);
    write_number(f, "rx-ring-ref", f->refs[1]);
    write_number(f, "event-channel", f->port);
    write_number(f, "request-rx-copy", 1);
    write_number(f, "state", 4);
    return bad || wait_state(f, 4);
}

static void put(struct frontend *f, unsigned slot, uint32_t gref, uint16_t offset, uint16_t size,
                uint16_t flags)
{
    volatile struct netif_tx_request *req = &f->tx->ring[slot].req;

    req->gref = gref;
    req->offset = offset;
    req->size = size;
    req->flags = flags;
    req->id = (uint16_t)slot;
}

static void show(struct frontend *f, RING_IDX req_prod)
{
    __atomic_store_n(&f->tx->req_prod, req_prod, __ATOMIC_SEQ_CST);
    xenevtchn_notify(f->evtchn, f->port);
}

static void attack_indices(struct frontend *f)
{
    show(f, 100000);
}

static void attack_page_end(struct frontend *f)
{
    put(f, 0, f->refs[1], 4000, 1000, 0);
    show(f, 1);
}

static void attack_endless_chain(struct frontend *f)
{
    for (unsigned i = 0; i < 200; i++)
        put(f, i, f->refs[1], 0, i ? 1 : 1000, NETTXF_more_data);
    show(f, 200);
}

static void attack_unknown_extra(struct frontend *f)
{
    put(f, 0, f->refs[1], 0, 100, NETTXF_extra_info);
    memset(&f->tx->ring[1], 0xff, sizeof(f->tx->ring[1]));
    show(f, 2);
}

/* A reference that was never granted is the sender's loss alone: an error, and life goes on. */
static bool survives_bad_reference(struct frontend *f)
{
    put(f, 0, BAD_GREF, 0, 100, 0);
    show(f, 1);
    for (int i = 0; i < TRIES; i++) {
        if (__atomic_load_n(&f->tx->rsp_prod, __ATOMIC_SEQ_CST) == 1)
            return f->tx->ring[0].rsp.status == NETIF_RSP_ERROR && backend_state(f) == 4;
        usleep(100000);
    }
    return false;
}

static bool open_all(struct frontend *f)
{
    char *backend;
    void *pages;

    f->xs = xs_open(0);
    f->gntshr = xengntshr_open(NULL, 0);
    f->evtchn = xenevtchn_open(NULL, 0);
    if (!f->xs || !f->gntshr || !f->evtchn)
        return false;
    pages = xengntshr_share_pages(f->gntshr, BACKEND, 2, f->refs, 1);
    f->port = (evtchn_port_t)xenevtchn_bind_unbound_port(f->evtchn, BACKEND);
    backend = xs_read(f->xs, XBT_NULL, DEVICE "/backend", NULL);
    if (!pages || !backend || asprintf(&f->backend_state, "%s/state", backend) < 0)
        return false;
    free(backend);
    f->tx = pages;
    f->rx = (void *)((char *)pages + PAGE);
    return true;
}

static void say(const char *name, bool ok)
{
    printf("%s %s\n", name, ok ? "ok" : "WRONG");
    fflush(stdout);
}

int main(void)
{
    static const struct {
        const char *name;
        void (*attack)(struct frontend *f);
    } attacks[] = {
        {"indices", attack_indices},
        {"page-end", attack_page_end},
        {"endless-chain", attack_endless_chain},
        {"unknown-extra", attack_unknown_extra},
    };
    struct frontend f = {0};

    if (!open_all(&f)) {
        perror("hostile-frontend: cannot begin");
        return 1;
    }
    say("bad-reference", connect_rings(&f, false) && survives_bad_reference(&f));
    for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++) {
        bool connected = connect_rings(&f, false);

        attacks[i].attack(&f);
        say(attacks[i].name, connected && wait_state(&f, CLOSED));
    }
    connect_rings(&f, true);
    say("bad-ring", wait_state(&f, CLOSED));
    return 0;
}
