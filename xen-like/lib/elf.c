/* SPDX-License-Identifier: MIT */
/* ELF64 headers, segments and notes, bounds first. Source: System V ABI, chapters 4 and 5. */
#include "compiler.h"

#include <xen/errno.h>

#include "lib/bytes.h"
#include "lib/elf.h"
#include "lib/string.h"

#define CLASS_64        2
#define LITTLE_ENDIAN   1
#define TYPE_EXEC       2
#define TYPE_DYN        3
#define MACHINE_X86_64  62
#define SECTION_NOTE    7
#define EXTENDED_COUNT  0xffff
#define NOTE_HEADER_LEN 12

struct file_header {
    uint8_t ident[16];
    uint16_t type;
    uint16_t machine;
    uint32_t version;
    uint64_t entry;
    uint64_t segments_offset;
    uint64_t sections_offset;
    uint32_t flags;
    uint16_t header_len;
    uint16_t segment_len;
    uint16_t n_segments;
    uint16_t section_len;
    uint16_t n_sections;
    uint16_t names_section;
};
_Static_assert(sizeof(struct file_header) == 64, "as in the file");

struct program_header {
    uint32_t type;
    uint32_t flags;
    uint64_t offset;
    uint64_t vaddr;
    uint64_t paddr;
    uint64_t data_len;
    uint64_t mem_len;
    uint64_t align;
};
_Static_assert(sizeof(struct program_header) == 56, "as in the file");

struct section_header {
    uint32_t name;
    uint32_t type;
    uint64_t flags;
    uint64_t addr;
    uint64_t offset;
    uint64_t len;
    uint32_t link;
    uint32_t info;
    uint64_t align;
    uint64_t entry_len;
};
_Static_assert(sizeof(struct section_header) == 64, "as in the file");

static bool is_inside(const struct elf *elf, uint64_t offset, uint64_t len)
{
    return offset <= elf->len && len <= elf->len - offset;
}

static void read_program_header(const struct elf *elf, unsigned int i, struct program_header *h)
{
    memcpy(h, elf->data + elf->segments_offset + (uint64_t)i * sizeof(*h), sizeof(*h));
}

static void read_section_header(const struct elf *elf, unsigned int i, struct section_header *h)
{
    memcpy(h, elf->data + elf->sections_offset + (uint64_t)i * sizeof(*h), sizeof(*h));
}

/* What is wrong with the file header, or NULL. */
static const char *check_header(const struct file_header *h)
{
    static const uint8_t magic[4] = {0x7f, 'E', 'L', 'F'};

    if (memcmp(h->ident, magic, sizeof(magic)))
        return "not an ELF file";
    if (h->ident[4] != CLASS_64 || h->machine != MACHINE_X86_64)
        return "not a 64-bit x86 ELF file";
    if (h->ident[5] != LITTLE_ENDIAN)
        return "not a little-endian ELF file";
    if (h->type != TYPE_EXEC && h->type != TYPE_DYN)
        return "ELF file is not an executable";
    if (h->n_segments == 0 || h->n_segments == EXTENDED_COUNT)
        return "ELF file has no program headers";
    if (h->segment_len != sizeof(struct program_header))
        return "ELF program headers have an unknown size";
    if (h->n_sections != 0 && h->section_len != sizeof(struct section_header))
        return "ELF section headers have an unknown size";
    return NULL;
}

/* What is wrong with a loadable segment, or NULL. */
static const char *check_segment(const struct elf *elf, const struct program_header *h)
{
    uint64_t end;

    if (!is_inside(elf, h->offset, h->data_len))
        return "ELF segment reaches beyond the end of the file";
    if (h->data_len > h->mem_len)
        return "ELF segment is larger in the file than in memory";
    if (__builtin_add_overflow(h->vaddr, h->mem_len, &end) ||
        __builtin_add_overflow(h->paddr, h->mem_len, &end))
        return "ELF segment wraps around the address space";
    return NULL;
}

static const char *check_file(struct elf *elf)
{
    struct file_header h;
    const char *wrong;

    if (elf->len < sizeof(h))
        return "too short for an ELF file";
    memcpy(&h, elf->data, sizeof(h));
    wrong = check_header(&h);
    if (wrong)
        return wrong;
    elf->entry = h.entry;
    elf->segments_offset = h.segments_offset;
    elf->n_segments = h.n_segments;
    elf->sections_offset = h.sections_offset;
    elf->n_sections = h.sections_offset ? h.n_sections : 0;
    if (!is_inside(elf, h.segments_offset, (uint64_t)h.n_segments * h.segment_len))
        return "ELF program headers reach beyond the end of the file";
    if (!is_inside(elf, elf->sections_offset,
                   (uint64_t)elf->n_sections * sizeof(struct section_header)))
        return "ELF section headers reach beyond the end of the file";
    for (unsigned int i = 0; i < elf->n_segments && !wrong; i++) {
        struct program_header segment;

        read_program_header(elf, i, &segment);
        if (segment.type == ELF_SEGMENT_LOAD)
            wrong = check_segment(elf, &segment);
    }
    return wrong;
}

int elf_open(struct elf *elf, const void *data, size_t len, const char **reason)
{
    *elf = (struct elf){.data = data, .len = len};
    *reason = check_file(elf);
    return *reason ? -XEN_ENOEXEC : 0;
}

void elf_segment(const struct elf *elf, unsigned int i, struct elf_segment *segment)
{
    struct program_header h;

    read_program_header(elf, i, &h);
    *segment = (struct elf_segment){
        .type = h.type,
        .flags = h.flags,
        .vaddr = h.vaddr,
        .paddr = h.paddr,
        .data = is_inside(elf, h.offset, h.data_len) ? elf->data + h.offset : NULL,
        .data_len = h.data_len,
        .mem_len = h.mem_len,
    };
}

bool elf_load_span(const struct elf *elf, uint64_t *start, uint64_t *end)
{
    *start = UINT64_MAX;
    *end = 0;
    for (unsigned int i = 0; i < elf->n_segments; i++) {
        struct elf_segment s;

        elf_segment(elf, i, &s);
        if (s.type != ELF_SEGMENT_LOAD || s.mem_len == 0)
            continue;
        if (s.paddr < *start)
            *start = s.paddr;
        if (s.paddr + s.mem_len > *end)
            *end = s.paddr + s.mem_len;
    }
    return *end != 0;
}

struct note_walk {
    const char *owner;
    elf_note_visit *visit;
    void *arg;
    unsigned int n_visited;
    bool stopped;
};

/* Walks one table of notes: name and descriptor are each padded to four bytes. */
static void walk_notes(struct note_walk *walk, const uint8_t *p, uint64_t left)
{
    size_t owner_len = strlen(walk->owner) + 1;

    while (left >= NOTE_HEADER_LEN && !walk->stopped) {
        uint64_t name_len = load_le32(p), desc_len = load_le32(p + 4);
        uint64_t name_room = (name_len + 3) & ~3ull, desc_room = (desc_len + 3) & ~3ull;
        struct elf_note note = {.type = load_le32(p + 8), .desc_len = desc_len};

        p += NOTE_HEADER_LEN;
        left -= NOTE_HEADER_LEN;
        /* The last note's padding may be missing. */
        if (name_room > left || desc_len > left - name_room)
            return;
        note.desc = p + name_room;
        if (name_len == owner_len && memcmp(p, walk->owner, owner_len) == 0) {
            walk->n_visited++;
            walk->stopped = !walk->visit(walk->arg, &note);
        }
        if (desc_room > left - name_room)
            return;
        p += name_room + desc_room;
        left -= name_room + desc_room;
    }
}

unsigned int elf_visit_notes(const struct elf *elf, const char *owner, elf_note_visit *visit,
                             void *arg)
{
    struct note_walk walk = {.owner = owner, .visit = visit, .arg = arg};

    for (unsigned int i = 0; i < elf->n_segments; i++) {
        struct elf_segment s;

        elf_segment(elf, i, &s);
        if (s.type == ELF_SEGMENT_NOTE && s.data)
            walk_notes(&walk, s.data, s.data_len);
    }
    if (walk.n_visited > 0)
        return walk.n_visited;
    for (unsigned int i = 0; i < elf->n_sections; i++) {
        struct section_header h;

        read_section_header(elf, i, &h);
        if (h.type == SECTION_NOTE && is_inside(elf, h.offset, h.len))
            walk_notes(&walk, elf->data + h.offset, h.len);
    }
    return walk.n_visited;
}
