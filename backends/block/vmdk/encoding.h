/* SPDX-License-Identifier: MIT */
/* encoding: names in a descriptor's encoding, to UTF-8 and back. */
#ifndef BACKENDS_BLOCK_VMDK_ENCODING_H
#define BACKENDS_BLOCK_VMDK_ENCODING_H

#include <stddef.h>

/*
 * Both convert one NUL-terminated name. UTF-8, windows-1252 and ISO-8859-1 are known here, others
 * (GBK, Big5, Shift_JIS, ...) where the C library has them. ASCII names need no encoding at all.
 * -EILSEQ: not a name of that encoding; -EINVAL: nobody knows the encoding; -ENOSPC.
 */
int encoding_to_utf8(const char *encoding, const char *name, char *out, size_t size);
int encoding_from_utf8(const char *encoding, const char *name, char *out, size_t size);

#endif
