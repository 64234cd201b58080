/* SPDX-License-Identifier: MIT */
/*
 * The console ring (public/io/console.h) as dom0 sees it. The guest owns the page and may write
 * anything into it at any time: indices are read once, their difference is checked, positions are
 * masked. Pure, no I/O.
 */
#ifndef CONSOLED_RING_H
#define CONSOLED_RING_H

#include <stddef.h>
#include <stdint.h>
#include <xen/io/console.h>

/*
 * Takes what the guest has written, up to size bytes, into data. Returns how many; a ring whose
 * indices make no sense counts as empty and its old content is skipped.
 */
size_t ring_take_output(volatile struct xencons_interface *ring, char *data, size_t size);

/* How many bytes of input the guest's ring has room for. */
size_t ring_input_room(const volatile struct xencons_interface *ring);

/* Puts input where the guest reads it. Returns how many bytes found room. */
size_t ring_put_input(volatile struct xencons_interface *ring, const char *data, size_t size);

#endif
