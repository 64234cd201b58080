/* SPDX-License-Identifier: MIT */
/* Vifs and xenstore: a guest that changes its state without end costs the others nothing. */
#include "net/vif.h"
#include "net/vifs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FLOODER "/local/domain/5/device/vif/0"
#define CALM    "/local/domain/6/device/vif/0"
#define BACKEND "/local/domain/0/backend/vif/"

/* Far more than any bounded handling asks; there the flood ends, so that a failure is told. */
#define READS_MAX 20000

/* The store: what it is asked, and the events that wait to be taken. */
static struct {
    unsigned reads, reads_of_calm;
    unsigned flooder_events; /* waiting */
    bool is_flooding;        /* each answer leaves time for one more write of the state node */
    const char *events[4][2];
    unsigned n_events;
} store;

static struct cpu_meter meter;
static struct vifs *vifs;

static void raise_event(const char *path, const char *token)
{
    store.events[store.n_events][0] = path;
    store.events[store.n_events++][1] = token;
}

bool xs_watch(struct xs_handle *h, const char *path, const char *token)
{
    (void)h, (void)path, (void)token;
    return true;
}

bool xs_unwatch(struct xs_handle *h, const char *path, const char *token)
{
    (void)h, (void)path, (void)token;
    return true;
}

bool xs_write(struct xs_handle *h, xs_transaction_t t, const char *path, const void *data,
              unsigned len)
{
    (void)h, (void)t, (void)path, (void)data, (void)len;
    return true;
}

bool xs_rm(struct xs_handle *h, xs_transaction_t t, const char *path)
{
    (void)h, (void)t, (void)path;
    return true;
}

char **xs_directory(struct xs_handle *h, xs_transaction_t t, const char *path, unsigned *n)
{
    (void)h, (void)t, (void)path;
    *n = 0;
    return NULL;
}

static const char *value_of(const char *path)
{
    if (strcmp(path, BACKEND "5/0/frontend") == 0)
        return FLOODER;
    if (strcmp(path, BACKEND "6/0/frontend") == 0)
        return CALM;
    if (strncmp(path, BACKEND, strlen(BACKEND)) == 0)
        return strstr(path, "/state") ? "6" : strstr(path, "/online") ? "1" : NULL;
    return "3";
}

void *xs_read(struct xs_handle *h, xs_transaction_t t, const char *path, unsigned *len)
{
    const char *value = value_of(path);

    (void)h, (void)t;
    store.reads++;
    store.reads_of_calm += strcmp(path, CALM "/state") == 0;
    if (store.is_flooding && store.reads < READS_MAX)
        store.flooder_events++;
    *len = value ? (unsigned)strlen(value) : 0;
    return value ? strdup(value) : NULL;
}

static char **make_event(const char *path, const char *token)
{
    char **event = calloc(1, 2 * sizeof(*event) + strlen(path) + strlen(token) + 2);

    event[XS_WATCH_PATH] = strcpy((char *)(event + 2), path);
    event[XS_WATCH_TOKEN] = strcpy(event[XS_WATCH_PATH] + strlen(path) + 1, token);
    return event;
}

char **xs_check_watch(struct xs_handle *h)
{
    (void)h;
    if (store.n_events > 0) {
        store.n_events--;
        return make_event(store.events[store.n_events][0], store.events[store.n_events][1]);
    }
    if (store.flooder_events == 0)
        return NULL;
    store.flooder_events--;
    return make_event(FLOODER "/state", "frontend");
}

/* Nothing connects here. */
bool vif_write_features(struct xs_handle *xs, const char *dir)
{
    (void)xs, (void)dir;
    return true;
}

const char *vif_connect(struct vif *vif, uint16_t domid, struct xs_handle *xs, const char *dir,
                        xengnttab_handle *gnttab, xenevtchn_handle *evtchn)
{
    (void)vif, (void)domid, (void)xs, (void)dir, (void)gnttab, (void)evtchn;
    return "not here";
}

void vif_disconnect(struct vif *vif, xengnttab_handle *gnttab, xenevtchn_handle *evtchn)
{
    (void)vif, (void)gnttab, (void)evtchn;
}

int xenevtchn_unmask(xenevtchn_handle *evtchn, evtchn_port_t port)
{
    (void)evtchn, (void)port;
    return 0;
}

xenevtchn_port_or_error_t xenevtchn_pending(xenevtchn_handle *evtchn)
{
    (void)evtchn;
    return -1;
}

enum datapath_result datapath_serve_vif(struct datapath *dp, struct vif *vif, uint64_t now_ms)
{
    (void)dp, (void)vif, (void)now_ms;
    return DATAPATH_IDLE;
}

static struct vswitch *find_none(const char *name, void *arg)
{
    (void)name, (void)arg;
    return NULL;
}

static int setup(void **state)
{
    (void)state;
    memset(&store, 0, sizeof(store));
    vifs = vifs_new(NULL, NULL, NULL, &meter, find_none, NULL);
    raise_event(BACKEND "5/0", "backend");
    raise_event(BACKEND "6/0", "backend");
    vifs_handle_changes(vifs);
    store.reads = store.reads_of_calm = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    vifs_free(vifs);
    return 0;
}

static void test_a_flood_ends_no_round(void **state)
{
    (void)state;
    store.is_flooding = true;
    store.flooder_events = 1;
    vifs_handle_changes(vifs);
    assert_in_range(store.reads, 1, 16);
}

static void test_many_changes_are_one_look(void **state)
{
    (void)state;
    store.flooder_events = 500;
    raise_event(CALM "/state", "frontend");
    vifs_handle_changes(vifs);
    assert_int_equal(store.flooder_events, 0);
    assert_in_range(store.reads, 2, 16);
    assert_int_equal(store.reads_of_calm, 1);
}

/* What is queued already doesn't hold up a round either; nothing of it is lost. */
static void test_a_long_queue_is_taken_in_parts(void **state)
{
    unsigned rounds = 0;

    (void)state;
    store.flooder_events = 100000;
    vifs_handle_changes(vifs);
    assert_in_range(store.flooder_events, 1, 99999);
    for (; store.flooder_events > 0; rounds++)
        vifs_handle_changes(vifs);
    assert_in_range(rounds, 1, 1000);
    raise_event(CALM "/state", "frontend");
    vifs_handle_changes(vifs);
    assert_int_equal(store.reads_of_calm, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_flood_ends_no_round, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_changes_are_one_look, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_long_queue_is_taken_in_parts, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
