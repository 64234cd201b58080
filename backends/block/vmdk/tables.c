/* SPDX-License-Identifier: MIT */
/* tables: a cache of metadata pages with ordered write-back. */
#include "block/vmdk/tables.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECTOR  512u
#define PAGE    4096u
#define PAGES   1024u /* at most, in memory: 4 MiB */
#define BUCKETS 1024u
#define NONE    UINT32_MAX

struct page {
    uint64_t number; /* file offset / PAGE */
    uint32_t next;   /* in its bucket */
    /* A bit a sector, by enum tables_order: changed; written, but not known to be durable. */
    uint8_t dirty[2], unsure[2];
    bool used; /* since the clock's hand passed */
    uint8_t *bytes;
};

struct tables {
    struct store_file *file;
    struct page *pages;
    uint32_t bucket[BUCKETS];
    uint32_t count, hand;
    bool dirty; /* some page is */
};

struct tables *tables_new(struct store_file *file)
{
    struct tables *tables = calloc(1, sizeof(*tables));

    if (tables == NULL)
        return NULL;
    tables->pages = calloc(PAGES, sizeof(*tables->pages));
    if (tables->pages == NULL) {
        free(tables);
        return NULL;
    }
    tables->file = file;
    memset(tables->bucket, 0xFF, sizeof(tables->bucket));
    return tables;
}

void tables_free(struct tables *tables)
{
    if (tables == NULL)
        return;
    for (uint32_t i = 0; i < tables->count; i++)
        free(tables->pages[i].bytes);
    free(tables->pages);
    free(tables);
}

static uint32_t *bucket_of(struct tables *tables, uint64_t number)
{
    return &tables->bucket[(number ^ number >> 10) % BUCKETS];
}

static struct page *find(struct tables *tables, uint64_t number)
{
    for (uint32_t i = *bucket_of(tables, number); i != NONE; i = tables->pages[i].next)
        if (tables->pages[i].number == number)
            return &tables->pages[i];
    return NULL;
}

static void unlink_page(struct tables *tables, struct page *page)
{
    uint32_t index = (uint32_t)(page - tables->pages), *at = bucket_of(tables, page->number);

    while (*at != index)
        at = &tables->pages[*at].next;
    *at = page->next;
}

/* The next page the clock gives up; dirty ones are written back, all of them, in order. */
static int evict(struct tables *tables, struct page **out)
{
    struct page *page;

    for (;;) {
        page = &tables->pages[tables->hand];
        tables->hand = (tables->hand + 1) % PAGES;
        if (!page->used)
            break;
        page->used = false;
    }
    if ((page->dirty[0] | page->dirty[1] | page->unsure[0] | page->unsure[1]) != 0) {
        int rc = tables_flush(tables);

        if (rc != 0)
            return rc;
    }
    unlink_page(tables, page);
    *out = page;
    return 0;
}

/* A page not in any bucket. */
static int take_page(struct tables *tables, struct page **out)
{
    struct page *page;

    if (tables->count == PAGES)
        return evict(tables, out);
    page = &tables->pages[tables->count];
    page->bytes = malloc(PAGE);
    if (page->bytes == NULL) {
        snprintf(tables->file->store->error, STORE_ERROR_MAX, "out of memory");
        return -ENOMEM;
    }
    tables->count++;
    *out = page;
    return 0;
}

/* Reads a page; what lies past the end of the file is zeros. */
static int fill(struct tables *tables, uint64_t number, uint8_t *bytes)
{
    uint64_t at = number * PAGE, length = tables->file->length;
    size_t have = length <= at ? 0 : length - at < PAGE ? (size_t)(length - at) : PAGE;

    memset(bytes + have, 0, PAGE - have);
    return have == 0 ? 0 : tables->file->store->ops->read(tables->file, at, bytes, have);
}

static int page_get(struct tables *tables, uint64_t offset, size_t size, struct page **out)
{
    struct page *page = find(tables, offset / PAGE);
    uint32_t *bucket;
    int rc;

    if (offset > tables->file->length || size > tables->file->length - offset) {
        snprintf(tables->file->store->error, STORE_ERROR_MAX,
                 "the file was cut short: its tables reach byte %llu, it has %llu",
                 (unsigned long long)offset + size, (unsigned long long)tables->file->length);
        return -EINVAL;
    }
    if (page == NULL) {
        rc = take_page(tables, &page);
        if (rc != 0)
            return rc;
        rc = fill(tables, offset / PAGE, page->bytes);
        page->number = rc == 0 ? offset / PAGE : UINT64_MAX;
        page->dirty[0] = page->dirty[1] = page->unsure[0] = page->unsure[1] = 0;
        bucket = bucket_of(tables, page->number);
        page->next = *bucket;
        *bucket = (uint32_t)(page - tables->pages);
        if (rc != 0)
            return rc;
    }
    page->used = true;
    *out = page;
    return 0;
}

static int get(struct tables *tables, uint64_t offset, void *out, size_t size)
{
    struct page *page;
    int rc = page_get(tables, offset, size, &page);

    if (rc == 0)
        memcpy(out, page->bytes + offset % PAGE, size);
    return rc;
}

static int put(struct tables *tables, uint64_t offset, const void *value, size_t size,
               enum tables_order order)
{
    struct page *page;
    int rc = page_get(tables, offset, size, &page);

    if (rc != 0)
        return rc;
    memcpy(page->bytes + offset % PAGE, value, size);
    tables->dirty = true;
    page->dirty[order] |= (uint8_t)(1u << (offset % PAGE / SECTOR));
    return 0;
}

int tables_get32(struct tables *tables, uint64_t offset, uint32_t *out)
{
    return get(tables, offset, out, sizeof(*out));
}

int tables_get64(struct tables *tables, uint64_t offset, uint64_t *out)
{
    return get(tables, offset, out, sizeof(*out));
}

int tables_put32(struct tables *tables, uint64_t offset, uint32_t value, enum tables_order order)
{
    return put(tables, offset, &value, sizeof(value), order);
}

int tables_put64(struct tables *tables, uint64_t offset, uint64_t value, enum tables_order order)
{
    return put(tables, offset, &value, sizeof(value), order);
}

void tables_forget(struct tables *tables, uint64_t offset, uint64_t length)
{
    for (uint64_t number = offset / PAGE; number * PAGE < offset + length; number++) {
        struct page *page = find(tables, number);
        uint64_t at = number * PAGE;

        if (page == NULL)
            continue;
        /* Read again what the range covers; other sectors of the page may be dirty. */
        for (unsigned sector = 0; sector < PAGE / SECTOR; sector++) {
            uint64_t here = at + sector * SECTOR;

            if (here >= offset && here < offset + length &&
                (here + SECTOR > tables->file->length ||
                 tables->file->store->ops->read(tables->file, here, page->bytes + sector * SECTOR,
                                                SECTOR) != 0))
                memset(page->bytes + sector * SECTOR, 0, SECTOR);
        }
    }
}

int tables_clear(struct tables *tables, uint64_t offset, uint64_t length)
{
    static const uint8_t zeros[PAGE];

    for (uint64_t done = 0; done < length;) {
        size_t piece = length - done < PAGE ? (size_t)(length - done) : PAGE;
        int rc = tables->file->store->ops->write(tables->file, offset + done, zeros, piece);

        if (rc != 0)
            return rc;
        done += piece;
    }
    tables_forget(tables, offset, length);
    return 0;
}

/* Writes the runs of dirty sectors of one page. */
static int write_page(struct tables *tables, struct page *page, enum tables_order order)
{
    unsigned sector = 0;

    while (sector < PAGE / SECTOR) {
        unsigned end = sector;
        int rc;

        while (end < PAGE / SECTOR && (page->dirty[order] & 1u << end) != 0)
            end++;
        if (end == sector) {
            sector++;
            continue;
        }
        rc =
            tables->file->store->ops->write(tables->file, page->number * PAGE + sector * SECTOR,
                                            page->bytes + sector * SECTOR, (end - sector) * SECTOR);
        if (rc != 0)
            return rc;
        sector = end;
    }
    return 0;
}

/* Writes all sectors of one order. A sector marked twice stays for the later one. */
static int write_order(struct tables *tables, enum tables_order order)
{
    for (uint32_t i = 0; i < tables->count; i++) {
        struct page *page = &tables->pages[i];
        int rc;

        if (order == TABLES_EARLY)
            page->dirty[TABLES_EARLY] &= (uint8_t)~page->dirty[TABLES_LATE];
        if (page->dirty[order] == 0)
            continue;
        rc = write_page(tables, page, order);
        if (rc != 0)
            return rc;
        page->unsure[order] |= page->dirty[order];
        page->dirty[order] = 0;
    }
    return 0;
}

/* What was written becomes durable; if that fails, all of it is to be written again. */
static int make_durable(struct tables *tables)
{
    int rc = tables->file->store->ops->flush(tables->file);

    for (uint32_t i = 0; i < tables->count; i++) {
        struct page *page = &tables->pages[i];

        for (unsigned order = 0; order < 2; order++) {
            if (rc != 0)
                page->dirty[order] |= page->unsure[order];
            page->unsure[order] = 0;
        }
    }
    tables->dirty = tables->dirty || rc != 0;
    return rc;
}

int tables_commit(struct tables *tables)
{
    int rc;

    if (!tables->dirty)
        return 0;
    rc = write_order(tables, TABLES_EARLY);
    if (rc == 0)
        rc = make_durable(tables);
    if (rc == 0)
        rc = write_order(tables, TABLES_LATE);
    if (rc == 0)
        tables->dirty = false;
    return rc;
}

int tables_flush(struct tables *tables)
{
    int rc = tables_commit(tables);

    return rc == 0 ? make_durable(tables) : rc;
}
