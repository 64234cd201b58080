/* SPDX-License-Identifier: MIT */
/* The two handles every command works with, and finding domains by name. */
#ifndef DOMAIN_TOOLSTACK_H
#define DOMAIN_TOOLSTACK_H

#include "domain/store.h"
#include "xencall/hv.h"

struct toolstack {
    struct hv *hv;
    struct xs_handle *xs;
};

/* Opens both. Returns 0, or -1 after saying what is not running. */
int toolstack_open(struct toolstack *ts);
void toolstack_close(struct toolstack *ts);

/* The domain's name (free() it), or NULL when it has none. */
char *domain_name(struct toolstack *ts, domid_t domid);

/*
 * The domain that an operator names: by name, or by number when there is such a domain. Returns 0,
 * or -1 after saying that there is none.
 */
int domain_find(struct toolstack *ts, const char *name_or_id, domid_t *domid);

/* True when a domain of this name exists. */
bool domain_name_is_taken(struct toolstack *ts, const char *name);

#endif
