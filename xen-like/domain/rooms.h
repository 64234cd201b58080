/* SPDX-License-Identifier: MIT */
/* The rooms that hang state on domains, in order of creation. */
#ifndef CORBEL_DOMAIN_ROOMS_H
#define CORBEL_DOMAIN_ROOMS_H

#include "domain.h"

extern const struct domain_room *const domain_rooms[];
extern const unsigned int n_domain_rooms;

/* Frees all of a domain (domain.c); when the last reference went it waits in domain_reap for that.
 */
void domain_free(struct domain *d);
void domain_reap(struct domain *d);

#endif
