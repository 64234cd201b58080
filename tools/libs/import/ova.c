/* SPDX-License-Identifier: MIT */
/* The headers of a tar archive, one after the other. */
#include "import/ova.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK    512u
#define NAME_LEN 1024u  /* the longest name taken, with its NUL */
#define MORE_MAX 65536u /* bytes of a pax header */

/* POSIX.1-1988, "ustar interchange format". */
struct header {
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type;
    char link_name[100], magic[6], version[2], user[32], group[32], major[8], minor[8];
    char prefix[155], unused[12];
};
_Static_assert(sizeof(struct header) == BLOCK, "a header is one block");

struct reading {
    struct ova *ova;
    int fd;
    uint64_t size, at; /* of the archive; of the next block */
    struct header header;
    char name[NAME_LEN];
    /* From a header before the entry's own; "" and false: none. */
    char long_name[NAME_LEN];
    bool has_size;
    uint64_t long_size;
    char *error;
};

#define complain(reading, ...) (snprintf((reading)->error, OVA_ERROR_MAX, __VA_ARGS__), -1)

static bool read_at(const struct reading *r, uint64_t offset, void *buffer, size_t length)
{
    for (size_t done = 0; done < length;) {
        ssize_t n = pread(r->fd, (char *)buffer + done, length - done, (off_t)(offset + done));

        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

/* Octal digits, or the base 256 that GNU tar marks by the first byte's top bit. */
static bool number(const char *field, size_t length, uint64_t *out)
{
    size_t i = 0;

    *out = 0;
    if (((unsigned char)field[0] & 0x80) != 0) {
        for (; i < length; i++) {
            unsigned char byte = (unsigned char)field[i] & (i == 0 ? 0x7f : 0xff);

            if (*out >> 55 != 0)
                return false;
            *out = *out << 8 | byte;
        }
        return true;
    }
    while (i < length && field[i] == ' ')
        i++;
    for (; i < length && field[i] >= '0' && field[i] <= '7'; i++)
        *out = *out << 3 | (uint64_t)(field[i] - '0');
    return i == length || field[i] == '\0' || field[i] == ' ';
}

static bool checksum_is_right(const struct header *header)
{
    const unsigned char *bytes = (const unsigned char *)header;
    uint64_t sum = 0, noted;

    for (size_t i = 0; i < BLOCK; i++)
        sum += i - offsetof(struct header, checksum) < sizeof(header->checksum) ? ' ' : bytes[i];
    return number(header->checksum, sizeof(header->checksum), &noted) && noted == sum;
}

static void take_name(struct reading *r)
{
    const struct header *h = &r->header;
    bool has_prefix = memcmp(h->magic, "ustar", 6) == 0 && h->prefix[0] != '\0';

    if (r->long_name[0] != '\0')
        snprintf(r->name, sizeof(r->name), "%s", r->long_name);
    else
        snprintf(r->name, sizeof(r->name), "%.*s%s%.*s", has_prefix ? (int)sizeof(h->prefix) : 0,
                 h->prefix, has_prefix ? "/" : "", (int)sizeof(h->name), h->name);
}

/* Takes "./" and doubled slashes out; -1 for a name that leads out of the archive. */
static int clean_name(struct reading *r)
{
    char clean[NAME_LEN] = "";
    size_t used = 0;

    if (r->name[0] == '/')
        return complain(r, "\"%.200s\" has an absolute name", r->name);
    for (const char *in = r->name; *in != '\0';) {
        size_t length = strcspn(in, "/");

        if (length == 2 && in[0] == '.' && in[1] == '.')
            return complain(r, "\"%.200s\" leads out of the package", r->name);
        if (length > 0 && !(length == 1 && in[0] == '.')) {
            if (used > 0)
                clean[used++] = '/';
            memcpy(clean + used, in, length);
            used += length;
        }
        in += length + (in[length] == '/');
    }
    memcpy(r->name, clean, used);
    r->name[used] = '\0';
    return 0;
}

/* One "LENGTH KEY=VALUE\n" of a pax header; NULL when it is none, else where the next begins. */
static char *take_pax_record(struct reading *r, char *at, char *end)
{
    char *rest, *value;
    unsigned long length = strtoul(at, &rest, 10);

    if (rest == at || *rest != ' ' || length > (size_t)(end - at) ||
        length <= (size_t)(rest - at) + 1 || at[length - 1] != '\n')
        return NULL;
    at[length - 1] = '\0';
    rest++;
    value = strchr(rest, '=');
    if (value == NULL)
        return NULL;
    *value++ = '\0';
    if (strcmp(rest, "path") == 0) {
        if (strlen(value) >= sizeof(r->long_name))
            return NULL;
        snprintf(r->long_name, sizeof(r->long_name), "%s", value);
    } else if (strcmp(rest, "size") == 0) {
        r->long_size = strtoull(value, &rest, 10);
        r->has_size = true;
        if (rest == value || *rest != '\0')
            return NULL;
    }
    return at + length;
}

/* What a header of type x (pax) or L (GNU) says of the entry after it. */
static int take_more(struct reading *r, uint64_t length)
{
    char *text, *at;
    int rc = 0;

    if (length == 0 || length > MORE_MAX || (text = malloc((size_t)length + 1)) == NULL)
        return complain(r, "a header of %llu bytes in front of an entry",
                        (unsigned long long)length);
    text[length] = '\0';
    if (!read_at(r, r->at, text, (size_t)length))
        rc = complain(r, "a header of it cannot be read");
    at = text;
    if (rc == 0 && r->header.type == 'L') {
        if (strlen(text) >= sizeof(r->long_name))
            rc = complain(r, "a name of %zu bytes", strlen(text));
        else
            snprintf(r->long_name, sizeof(r->long_name), "%s", text);
    }
    while (rc == 0 && r->header.type == 'x' && at < text + length)
        if ((at = take_pax_record(r, at, text + length)) == NULL)
            rc = complain(r, "a pax header that is damaged");
    free(text);
    return rc;
}

static const char *kind_of(char type)
{
    switch (type) {
    case '1':
        return "a hard link";
    case '2':
        return "a symbolic link";
    case '3':
    case '4':
        return "a device node";
    case '6':
        return "a FIFO";
    default:
        return "of a kind that an OVA does not have";
    }
}

static int add_member(struct reading *r, uint64_t length)
{
    struct ova *ova = r->ova;

    if (ova->members == NULL)
        ova->members = calloc(OVA_MEMBERS_MAX, sizeof(ova->members[0]));
    if (ova->members == NULL)
        return complain(r, "out of memory");
    if (ova->n_members == OVA_MEMBERS_MAX)
        return complain(r, "more than %d files in it", OVA_MEMBERS_MAX);
    for (size_t i = 0; i < ova->n_members; i++)
        if (strcmp(ova->members[i].name, r->name) == 0)
            return complain(r, "\"%.200s\" is in it twice", r->name);
    ova->members[ova->n_members].name = strdup(r->name);
    if (ova->members[ova->n_members].name == NULL)
        return complain(r, "out of memory");
    ova->members[ova->n_members].offset = r->at;
    ova->members[ova->n_members++].length = length;
    return 0;
}

/* The entry whose header was just read; r->at is where its bytes begin. */
static int take_entry(struct reading *r)
{
    char type = r->header.type;
    uint64_t length;
    int rc = 0;

    if (!number(r->header.size, sizeof(r->header.size), &length))
        return complain(r, "a header of it is damaged: its length is no number");
    if (type != 'x' && type != 'L' && type != 'g') {
        take_name(r);
        if (r->has_size)
            length = r->long_size;
        if (clean_name(r) != 0)
            return -1;
        if (type != '0' && type != '\0' && type != '5')
            return complain(r, "\"%.200s\" is %s: only plain files are taken", r->name,
                            kind_of(type));
        if (r->name[0] == '\0' && type != '5')
            return complain(r, "a file without a name");
    }
    if (length > r->size - r->at)
        return complain(r, "it ends in the middle of \"%.200s\"",
                        type == 'x' || type == 'L' || type == 'g' ? "a header" : r->name);
    if (type == 'x' || type == 'L') {
        rc = take_more(r, length);
    } else if (type != 'g') {
        if (type != '5')
            rc = add_member(r, length);
        r->long_name[0] = '\0';
        r->has_size = false;
    }
    length = (length + BLOCK - 1) / BLOCK * BLOCK;
    r->at = length > r->size - r->at ? r->size : r->at + length;
    return rc;
}

int ova_read(struct ova *ova, int fd, char error[OVA_ERROR_MAX])
{
    struct reading *r = calloc(1, sizeof(*r));
    struct stat st;
    int rc = 0;

    *ova = (struct ova){0};
    if (r == NULL || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        free(r);
        snprintf(error, OVA_ERROR_MAX, "not a plain file, or no memory");
        return -1;
    }
    *r = (struct reading){.ova = ova, .fd = fd, .size = (uint64_t)st.st_size, .error = error};
    while (rc == 0 && r->size - r->at >= BLOCK) {
        if (!read_at(r, r->at, &r->header, BLOCK)) {
            rc = complain(r, "it cannot be read");
        } else if (r->header.name[0] == '\0' && r->header.checksum[0] == '\0') {
            break; /* a block of zeros ends it */
        } else if (!checksum_is_right(&r->header)) {
            rc = complain(r, "not a tar archive, or damaged at byte %llu",
                          (unsigned long long)r->at);
        } else {
            r->at += BLOCK;
            rc = take_entry(r);
        }
    }
    if (rc == 0 && ova->n_members == 0)
        rc = complain(r, "no file in it");
    free(r);
    return rc;
}

void ova_free(struct ova *ova)
{
    for (size_t i = 0; i < ova->n_members; i++)
        free(ova->members[i].name);
    free(ova->members);
    *ova = (struct ova){0};
}
