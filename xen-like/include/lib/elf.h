/* SPDX-License-Identifier: MIT */
/*
 * A bounded view of an ELF64 x86-64 file in memory. elf_open checks every table and every loadable
 * segment against the file's size once; afterwards elf_segment cannot fail.
 */
#ifndef LIB_ELF_H
#define LIB_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ELF_SEGMENT_LOAD = 1,
    ELF_SEGMENT_NOTE = 4,
};

enum {
    ELF_SEGMENT_EXECUTE = 1,
    ELF_SEGMENT_WRITE = 2,
    ELF_SEGMENT_READ = 4,
};

/* An open file; data still belongs to the caller and must stay while this is used. */
struct elf {
    const uint8_t *data;
    size_t len;
    uint64_t entry;
    uint64_t segments_offset;
    uint64_t sections_offset;
    unsigned int n_segments;
    unsigned int n_sections; /* 0 when there is no section table */
};

struct elf_segment {
    uint32_t type;
    uint32_t flags;
    uint64_t vaddr;
    uint64_t paddr;
    const uint8_t *data; /* data_len bytes of the file; the rest of mem_len is zeros */
    uint64_t data_len;
    uint64_t mem_len;
};

struct elf_note {
    uint32_t type;
    const uint8_t *desc; /* any alignment */
    size_t desc_len;
};

/*
 * Opens the file (data, len). Returns 0, or -XEN_ENOEXEC with *reason naming what is wrong (a
 * literal). For loadable segments it guarantees: data within the file, data_len <= mem_len, and
 * that neither vaddr + mem_len nor paddr + mem_len wraps.
 */
int elf_open(struct elf *elf, const void *data, size_t len, const char **reason);

/* Segment i of elf->n_segments, in file order. Segments other than ELF_SEGMENT_LOAD have data NULL
 * when out of bounds. */
void elf_segment(const struct elf *elf, unsigned int i, struct elf_segment *segment);

/* Called once for each note; returning false ends the walk. */
typedef bool elf_note_visit(void *arg, const struct elf_note *note);

/*
 * Visits every note whose owner is `owner`, in note segments or, when there is none in those, in
 * note sections. A note that reaches beyond its table ends that table's walk. Returns how many were
 * visited.
 */
unsigned int elf_visit_notes(const struct elf *elf, const char *owner, elf_note_visit *visit,
                             void *arg);

/*
 * The span [*start, *end) of physical addresses that the loadable segments take. False when there
 * are none.
 */
bool elf_load_span(const struct elf *elf, uint64_t *start, uint64_t *end);

#endif
