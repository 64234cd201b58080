/* SPDX-License-Identifier: MIT */
/* The rooms that hang state on domains, in order of creation. */
#ifndef CORBEL_DOMAIN_ROOMS_H
#define CORBEL_DOMAIN_ROOMS_H

#include "domain.h"

extern const struct domain_room *const domain_rooms[];
extern const unsigned int n_domain_rooms;

#endif
