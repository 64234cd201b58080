/* SPDX-License-Identifier: MIT */
/* grants: batches, and the table of persistent mappings. */
#include "block/grants.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE 4096u
/* A frontend has at most 32 requests of 256 pages and their indirect pages; stock ones use 33. */
#define TABLE_SIZE     4096u
#define MAX_PERSISTENT 2048u
#define BATCH_REFS     (32u * GRANTS_PER_WANT)

/* Neighbouring mappings made by one call. */
struct grant_chunk {
    void *address;
    unsigned count;
    unsigned users;           /* transient: requests that use it */
    struct grant_chunk *next; /* persistent: all there are */
};

struct entry {
    uint32_t ref;
    void *page; /* NULL: empty */
};

struct grants {
    xengnttab_handle *handle;
    uint32_t domid;
    bool persistent;
    struct entry table[TABLE_SIZE];
    struct entry spare[TABLE_SIZE]; /* for building the table anew */
    unsigned table_used;
    struct grant_chunk *chunks;
    uint32_t refs[BATCH_REFS];
};

int grants_open(xengnttab_handle *handle, uint32_t domid, bool persistent, struct grants **out)
{
    struct grants *grants = calloc(1, sizeof(*grants));

    if (grants == NULL)
        return -ENOMEM;
    grants->handle = handle;
    grants->domid = domid;
    grants->persistent = persistent;
    *out = grants;
    return 0;
}

static struct grant_chunk *chunk_map(struct grants *grants, uint32_t *refs, unsigned count,
                                     bool writable)
{
    struct grant_chunk *chunk = calloc(1, sizeof(*chunk));

    if (chunk == NULL)
        return NULL;
    chunk->count = count;
    chunk->address = xengnttab_map_domain_grant_refs(grants->handle, count, grants->domid, refs,
                                                     writable ? PROT_READ | PROT_WRITE : PROT_READ);
    if (chunk->address == NULL) {
        free(chunk);
        return NULL;
    }
    return chunk;
}

static void chunk_unmap(struct grants *grants, struct grant_chunk *chunk)
{
    xengnttab_unmap(grants->handle, chunk->address, chunk->count);
    free(chunk);
}

void grants_close(struct grants *grants)
{
    if (grants == NULL)
        return;
    while (grants->chunks != NULL) {
        struct grant_chunk *next = grants->chunks->next;

        chunk_unmap(grants, grants->chunks);
        grants->chunks = next;
    }
    free(grants);
}

void grants_release(struct grants *grants, struct grant_chunk *chunk)
{
    if (chunk != NULL && --chunk->users == 0)
        chunk_unmap(grants, chunk);
}

/* The table's place for a reference: its entry, or the empty one where it would go. */
static struct entry *entry_of(struct grants *grants, uint32_t ref)
{
    uint32_t at = ref * 2654435761u % TABLE_SIZE;

    while (grants->table[at].page != NULL && grants->table[at].ref != ref)
        at = (at + 1) % TABLE_SIZE;
    return &grants->table[at];
}

/* ---- mapping for one request or batch only ---- */

static void give_pages(struct grant_want *want, struct grant_chunk *chunk, unsigned first)
{
    for (unsigned i = 0; i < want->count; i++)
        want->pages[i] = (char *)chunk->address + (size_t)(first + i) * PAGE;
    want->chunk = chunk;
    want->rc = 0;
    chunk->users++;
}

static void map_alone(struct grants *grants, struct grant_want *want)
{
    struct grant_chunk *chunk = chunk_map(grants, want->refs, want->count, want->writable);

    if (chunk == NULL)
        want->rc = -EINVAL;
    else
        give_pages(want, chunk, 0);
}

/* All wants of one kind in one call; one by one if that fails, to find the culprit. */
static void map_transient(struct grants *grants, struct grant_want *const *wants, unsigned count,
                          bool writable)
{
    struct grant_chunk *chunk = NULL;
    unsigned total = 0, first = 0;

    for (unsigned i = 0; i < count; i++) {
        if (wants[i]->rc != -EINPROGRESS || wants[i]->writable != writable ||
            total + wants[i]->count > BATCH_REFS)
            continue;
        memcpy(grants->refs + total, wants[i]->refs, wants[i]->count * sizeof(uint32_t));
        total += wants[i]->count;
    }
    if (total > 0)
        chunk = chunk_map(grants, grants->refs, total, writable);
    for (unsigned i = 0; i < count; i++) {
        if (wants[i]->rc != -EINPROGRESS || wants[i]->writable != writable)
            continue;
        if (chunk == NULL || first + wants[i]->count > total) {
            map_alone(grants, wants[i]);
            continue;
        }
        give_pages(wants[i], chunk, first);
        first += wants[i]->count;
    }
}

/* ---- persistent ---- */

/* Puts the references that are not yet mapped into grants->refs, each once, and marks them. */
static unsigned collect_missing(struct grants *grants, struct grant_want *const *wants,
                                unsigned count)
{
    unsigned missing = 0;

    for (unsigned i = 0; i < count; i++) {
        for (unsigned k = 0; k < wants[i]->count; k++) {
            struct entry *entry = entry_of(grants, wants[i]->refs[k]);

            if (entry->page != NULL || grants->table_used + missing == MAX_PERSISTENT)
                continue;
            entry->ref = wants[i]->refs[k];
            entry->page = MAP_FAILED; /* being mapped */
            grants->refs[missing++] = entry->ref;
        }
    }
    return missing;
}

/* Makes the table empty of references that could not be mapped, by building it anew. */
static void forget_failed(struct grants *grants)
{
    struct entry *old = grants->spare;

    memcpy(old, grants->table, sizeof(grants->table));
    memset(grants->table, 0, sizeof(grants->table));
    for (unsigned i = 0; i < TABLE_SIZE; i++) {
        if (old[i].page != NULL && old[i].page != MAP_FAILED)
            *entry_of(grants, old[i].ref) = old[i];
    }
}

static void map_missing(struct grants *grants, unsigned missing)
{
    struct grant_chunk *chunk = chunk_map(grants, grants->refs, missing, true);

    if (chunk == NULL) {
        forget_failed(grants);
        return;
    }
    for (unsigned i = 0; i < missing; i++)
        entry_of(grants, grants->refs[i])->page = (char *)chunk->address + (size_t)i * PAGE;
    grants->table_used += missing;
    chunk->next = grants->chunks;
    grants->chunks = chunk;
}

/* Serves a want from the table; false when a page of it is not there. */
static bool from_table(struct grants *grants, struct grant_want *want)
{
    for (unsigned i = 0; i < want->count; i++) {
        want->pages[i] = entry_of(grants, want->refs[i])->page;
        if (want->pages[i] == NULL)
            return false;
    }
    want->chunk = NULL;
    want->rc = 0;
    return true;
}

void grants_map(struct grants *grants, struct grant_want *const *wants, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        wants[i]->rc = -EINPROGRESS;
        wants[i]->chunk = NULL;
    }
    if (grants->persistent) {
        unsigned missing = collect_missing(grants, wants, count);

        if (missing > 0)
            map_missing(grants, missing);
        for (unsigned i = 0; i < count; i++)
            from_table(grants, wants[i]);
    }
    map_transient(grants, wants, count, true);
    map_transient(grants, wants, count, false);
}
