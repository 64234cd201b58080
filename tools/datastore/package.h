/* SPDX-License-Identifier: MIT */
/*
 * package: the files of an OVF package as a store that is only read: those that an OVA holds, where
 * they lie in it, or those beside an .ovf file. No name, link or mapping leads out of it.
 */
#ifndef DATASTORE_PACKAGE_H
#define DATASTORE_PACKAGE_H

#include "block/store.h"

#define PACKAGE_NAME_MAX  1024
#define PACKAGE_ERROR_MAX 1024

/*
 * Opens a package by its .ova or .ovf file. `ovf` becomes the descriptor's name in the store, which
 * the caller closes. 0, or -1 with a sentence in `error`.
 */
int package_open(const char *path, struct store **out, char ovf[PACKAGE_NAME_MAX],
                 char error[PACKAGE_ERROR_MAX]);

/*
 * The whole of one file of at most `most` bytes, a NUL after it; the caller frees it. NULL with a
 * sentence in `error`.
 */
char *package_read(struct store *package, const char *name, size_t most, size_t *length,
                   char error[PACKAGE_ERROR_MAX]);

/*
 * Compares the SHA-1, SHA-256 and SHA-512 digests of the manifest, which is named as `ovf` is but
 * for its ending .mf, with the files it lists. 0 when they agree or there is no manifest, else -1
 * with a sentence in `error` that names the file.
 */
int package_verify(struct store *package, const char *ovf, char error[PACKAGE_ERROR_MAX]);

#endif
