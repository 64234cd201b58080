/* SPDX-License-Identifier: MIT */
/* Our grant table, version 1: which of our pages other domains may use (<xen/grant_table.h>). */
#ifndef RUNTIME_GRANT_H
#define RUNTIME_GRANT_H

#include <stdbool.h>
#include <stdint.h>

#include <xen/xen.h>
#include <xen/grant_table.h>

/* Lets a domain map or copy a frame; answers the reference. Panics when the table is full. */
grant_ref_t grant_access(domid_t domain, uint64_t mfn, bool read_only);

/* Takes the grant back; false while the other domain still has it mapped. */
bool grant_end(grant_ref_t ref);

#endif
