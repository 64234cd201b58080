/* SPDX-License-Identifier: MIT */
/* In software, what a network card's offloads do: checksums and TCP segmentation. */
#ifndef NET_OFFLOAD_H
#define NET_OFFLOAD_H

#include "net/frame.h"

/*
 * For receivers that cannot take a blank checksum or a frame to be segmented. All work on a whole
 * frame in private memory; nothing here trusts a length found in it (see frame_find_layers()).
 */

/* Frames with smaller payloads per segment are refused: each would become a flood. */
#define OFFLOAD_MSS_MIN 88

/* Fill in a TCP or UDP checksum. False, with the frame untouched, if it has neither. */
bool offload_fill_checksum(uint8_t *frame, size_t len);

/*
 * Put the pseudo-header's sum into the checksum field, as whoever completes the checksum later
 * expects it, and tell where to begin summing (`start`) and where, from there, the field is
 * (`offset`). False, with the frame untouched, if it has neither TCP nor UDP.
 */
bool offload_seed_checksum(uint8_t *frame, size_t len, uint16_t *start, uint16_t *offset);

/* Bytes of Ethernet, IPv4 and TCP headers of a frame to be segmented; 0 if it cannot be. */
size_t offload_tcp4_headers(const uint8_t *frame, size_t have, size_t len);

/*
 * Build segment `index` (from 0) of a TCP/IPv4 frame into `out`, which has room for the headers
 * and `mss` bytes. Complete with checksums. Returns its length; 0 past the last segment or if the
 * frame cannot be segmented.
 */
size_t offload_segment(const uint8_t *frame, size_t len, unsigned mss, unsigned index,
                       uint8_t *out);

#endif
