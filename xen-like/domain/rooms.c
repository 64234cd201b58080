/* SPDX-License-Identifier: MIT */
/* The table of rooms; domain.c knows none of them by name. */
#include "rooms.h"

const struct domain_room *const domain_rooms[] = {&arch_room, &event_room, &grant_room, &pirq_room,
                                                  &watchdog_room};
const unsigned int n_domain_rooms = ARRAY_SIZE(domain_rooms);
