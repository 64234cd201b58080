/* SPDX-License-Identifier: MIT */
/*
 * The syntax of a VMX file: KEY = "VALUE" a line. Keys are compared without regard to case, `#`
 * starts a comment, `|xx` in a value is the byte with that hexadecimal number. A later setting of a
 * key replaces the earlier. The time a text takes grows as its length times the logarithm of that.
 */
#ifndef IMPORT_VMX_H
#define IMPORT_VMX_H

#include <stdbool.h>
#include <stddef.h>

#define VMX_SIZE_MAX     (1u << 20) /* bytes of a file; real ones have a few thousand */
#define VMX_SETTINGS_MAX 8192       /* of a file, replaced ones too */

struct vmx_setting {
    char *key; /* as written */
    char *value;
    unsigned int line;
};

struct vmx {
    struct vmx_setting *settings; /* ordered by key */
    size_t n_settings;
};

struct vmx_error {
    unsigned int line; /* 0: the file as a whole */
    const char *text;
};

/*
 * Reads a text into *vmx, which the caller frees with vmx_free whatever is answered. 0, or -1 with
 * *error filled.
 */
int vmx_parse(struct vmx *vmx, const char *text, size_t length, struct vmx_error *error);
void vmx_free(struct vmx *vmx);

/* The value of a key, or NULL. The formatted variant makes the key first (at most 127 bytes). */
const char *vmx_get(const struct vmx *vmx, const char *key);
const char *vmx_getf(const struct vmx *vmx, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* TRUE, "1" or "yes" in any case; `otherwise` when the key is missing. */
bool vmx_is_true(const char *value, bool otherwise);

#endif
