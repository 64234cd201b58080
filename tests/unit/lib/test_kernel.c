/* SPDX-License-Identifier: MIT */
/* ELF, bzImage, kernel_image and xen_notes on kernels built here, and damaged in every way. */
#include <elf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <cmocka.h>
#include <xen/elfnote.h>
#include <xen/features.h>

#include "lib/bzimage.h"
#include "lib/elf.h"
#include "lib/kernel_image.h"
#include "lib/xen_notes.h"
#include "random.h"

#define VIRT_BASE 0xffffffff80000000ull
#define CODE_AT   0x1000000ull
#define FILE_LEN  8192
#define CODE_POS  4096
#define CODE_LEN  1000
#define NOTES_POS 512

/* A kernel file being put together. */
struct maker {
    uint8_t file[FILE_LEN];
    size_t notes_len;
    Elf64_Ehdr *header;
    Elf64_Phdr *load;
    Elf64_Phdr *note;
};

static void add_note(struct maker *m, const char *owner, uint32_t type, const void *desc,
                     uint32_t len)
{
    uint8_t *p = m->file + NOTES_POS + m->notes_len;
    Elf64_Nhdr h = {.n_namesz = (uint32_t)strlen(owner) + 1, .n_descsz = len, .n_type = type};
    size_t name_room = (h.n_namesz + 3) & ~3u;

    memcpy(p, &h, sizeof(h));
    memcpy(p + sizeof(h), owner, h.n_namesz);
    memcpy(p + sizeof(h) + name_room, desc, len);
    m->notes_len += sizeof(h) + name_room + ((len + 3) & ~3u);
    m->note->p_filesz = m->note->p_memsz = m->notes_len;
}

static void add_number(struct maker *m, uint32_t type, uint64_t value, uint32_t len)
{
    add_note(m, "Xen", type, &value, len);
}

static void add_string(struct maker *m, uint32_t type, const char *s)
{
    add_note(m, "Xen", type, s, (uint32_t)strlen(s) + 1);
}

/* One loadable segment and an empty note segment. */
static void make_elf(struct maker *m)
{
    memset(m, 0, sizeof(*m));
    m->header = (Elf64_Ehdr *)m->file;
    m->load = (Elf64_Phdr *)(m->header + 1);
    m->note = m->load + 1;
    memcpy(m->header->e_ident, ELFMAG, SELFMAG);
    m->header->e_ident[EI_CLASS] = ELFCLASS64;
    m->header->e_ident[EI_DATA] = ELFDATA2LSB;
    m->header->e_type = ET_EXEC;
    m->header->e_machine = EM_X86_64;
    m->header->e_entry = CODE_AT;
    m->header->e_phoff = sizeof(*m->header);
    m->header->e_phentsize = sizeof(Elf64_Phdr);
    m->header->e_phnum = 2;
    *m->load = (Elf64_Phdr){.p_type = PT_LOAD,
                            .p_flags = PF_R | PF_X,
                            .p_offset = CODE_POS,
                            .p_vaddr = VIRT_BASE + CODE_AT,
                            .p_paddr = CODE_AT,
                            .p_filesz = CODE_LEN,
                            .p_memsz = 0x5000};
    *m->note = (Elf64_Phdr){.p_type = PT_NOTE, .p_offset = NOTES_POS};
    memset(m->file + CODE_POS, 0x90, CODE_LEN);
}

/* The notes every PV kernel has. */
static void add_pv_notes(struct maker *m)
{
    add_string(m, XEN_ELFNOTE_XEN_VERSION, "xen-3.0");
    add_string(m, XEN_ELFNOTE_LOADER, "generic");
    add_number(m, XEN_ELFNOTE_VIRT_BASE, VIRT_BASE, 8);
    add_number(m, XEN_ELFNOTE_ENTRY, VIRT_BASE + CODE_AT + 0x40, 8);
}

static int parse(const struct maker *m, struct xen_notes *notes, const char **reason)
{
    struct elf elf;
    int rc = elf_open(&elf, m->file, FILE_LEN, reason);

    return rc ? rc : xen_notes_parse(notes, &elf, reason);
}

static void assert_refused(const struct maker *m, const char *expected)
{
    struct xen_notes notes;
    const char *reason;

    assert_int_equal(parse(m, &notes, &reason), -ENOEXEC);
    assert_string_equal(reason, expected);
}

static void all_notes_are_read(void **state)
{
    static const uint64_t l1[4] = {1, 1, 7, 7};
    struct xen_notes n;
    const char *reason;
    struct maker m;

    (void)state;
    make_elf(&m);
    add_note(&m, "GNU", XEN_ELFNOTE_ENTRY, "\1\2\3\4", 4);
    add_pv_notes(&m);
    add_string(&m, XEN_ELFNOTE_GUEST_OS, "test");
    add_note(&m, "Xen", XEN_ELFNOTE_GUEST_VERSION, "1.0 not ended", 3);
    add_string(&m, XEN_ELFNOTE_PAE_MODE, "yes");
    add_string(&m, XEN_ELFNOTE_FEATURES, "!writable_page_tables|pae_pgdir_above_4gb|no_such|!|");
    add_number(&m, XEN_ELFNOTE_SUPPORTED_FEATURES, 1u << XENFEAT_dom0, 4);
    add_number(&m, XEN_ELFNOTE_HYPERCALL_PAGE, VIRT_BASE + CODE_AT + 0x1000, 8);
    add_number(&m, XEN_ELFNOTE_INIT_P2M, 0x8000000000, 8);
    add_number(&m, XEN_ELFNOTE_HV_START_LOW, 0xffff800000000000, 8);
    add_number(&m, XEN_ELFNOTE_PHYS32_ENTRY, CODE_AT, 4);
    add_number(&m, XEN_ELFNOTE_MOD_START_PFN, 1, 4);
    add_number(&m, XEN_ELFNOTE_SUSPEND_CANCEL, 1, 4);
    add_note(&m, "Xen", XEN_ELFNOTE_L1_MFN_VALID, l1, sizeof(l1));
    add_number(&m, 0x7777, 0, 8);
    assert_int_equal(parse(&m, &n, &reason), 0);
    assert_true(n.entry == VIRT_BASE + CODE_AT + 0x40 && n.virt_base == VIRT_BASE &&
                n.paddr_offset == 0);
    assert_true(n.has_hypercall_page && n.hypercall_page == VIRT_BASE + CODE_AT + 0x1000);
    assert_true(n.has_init_p2m && n.init_p2m == 0x8000000000);
    assert_true(n.has_hv_start_low && n.hv_start_low == 0xffff800000000000);
    assert_true(n.has_phys32_entry && n.phys32_entry == CODE_AT);
    assert_true(n.mod_start_pfn && n.suspend_cancel);
    assert_true(n.has_l1_mfn_valid && n.l1_mfn_mask == 1 && n.l1_mfn_value == 1);
    assert_int_equal(n.features_required, 1u << XENFEAT_writable_page_tables);
    assert_int_equal(n.features_supported, 1u << XENFEAT_writable_page_tables |
                                               1u << XENFEAT_pae_pgdir_above_4gb |
                                               1u << XENFEAT_dom0);
    assert_string_equal(n.guest_os, "test");
    assert_string_equal(n.guest_version, "1.0");
    assert_string_equal(n.pae_mode, "yes");
    assert_true(n.phys_start == CODE_AT && n.phys_end == CODE_AT + 0x5000);
    assert_true(n.virt_start == VIRT_BASE + CODE_AT && n.virt_end == n.virt_start + 0x5000);
}

static void notes_in_sections_and_of_four_bytes(void **state)
{
    struct xen_notes n;
    const char *reason;
    struct maker m;
    Elf64_Shdr *sections;

    (void)state;
    make_elf(&m);
    add_string(&m, XEN_ELFNOTE_XEN_VERSION, "xen-3.0");
    add_string(&m, XEN_ELFNOTE_GUEST_OS, "linux");
    add_number(&m, XEN_ELFNOTE_VIRT_BASE, 0x40000000, 4);
    add_number(&m, XEN_ELFNOTE_PADDR_OFFSET, CODE_AT, 4);
    add_number(&m, XEN_ELFNOTE_ENTRY, 0x40000000, 4);
    m.note->p_type = PT_NULL;
    m.header->e_shoff = 2048;
    m.header->e_shnum = 2;
    m.header->e_shentsize = sizeof(Elf64_Shdr);
    sections = (Elf64_Shdr *)(m.file + 2048);
    sections[1] = (Elf64_Shdr){.sh_type = SHT_NOTE, .sh_offset = NOTES_POS, .sh_size = m.notes_len};
    assert_int_equal(parse(&m, &n, &reason), 0);
    assert_true(n.entry == 0x40000000 && n.virt_start == 0x40000000 && n.phys_start == 0);
    sections[1].sh_size = FILE_LEN;
    assert_refused(&m, "no Xen ELF notes: not a Xen PV kernel");
}

static void what_is_missing_is_named(void **state)
{
    struct maker m;

    (void)state;
    make_elf(&m);
    assert_refused(&m, "no Xen ELF notes: not a Xen PV kernel");
    add_string(&m, XEN_ELFNOTE_GUEST_OS, "test");
    assert_refused(&m, "kernel lacks XEN_ELFNOTE_ENTRY");
    add_number(&m, XEN_ELFNOTE_PHYS32_ENTRY, CODE_AT, 4);
    assert_refused(&m, "kernel lacks XEN_ELFNOTE_ENTRY: built for PVH only, not for Xen PV");
    add_number(&m, XEN_ELFNOTE_ENTRY, 0x40, 8);
    assert_refused(&m, "kernel lacks XEN_ELFNOTE_XEN_VERSION");
    add_string(&m, XEN_ELFNOTE_XEN_VERSION, "xen-3.0");
    assert_refused(&m, "kernel lacks XEN_ELFNOTE_LOADER");
    add_string(&m, XEN_ELFNOTE_LOADER, "generic");
    assert_refused(&m, "kernel's XEN_ELFNOTE_ENTRY lies outside its segments");
    add_number(&m, XEN_ELFNOTE_VIRT_BASE, -CODE_AT, 8);
    assert_refused(&m,
                   "kernel's segments wrap around the address space at its XEN_ELFNOTE_VIRT_BASE");
    add_number(&m, XEN_ELFNOTE_PADDR_OFFSET, CODE_AT + 1, 8);
    assert_refused(&m, "kernel's XEN_ELFNOTE_PADDR_OFFSET is above its first segment");
    add_string(&m, XEN_ELFNOTE_LOADER, "special");
    assert_refused(&m, "kernel wants another loader than the generic one");
    add_string(&m, XEN_ELFNOTE_XEN_VERSION, "xen-2.0");
    assert_refused(&m, "kernel is made for another Xen interface than xen-3.0");
    add_number(&m, XEN_ELFNOTE_VIRT_BASE, 0, 2);
    assert_refused(&m, "a numeric Xen ELF note is neither 4 nor 8 bytes long");
}

static void bad_elf_is_refused(void **state)
{
    struct maker m;

    (void)state;
    make_elf(&m);
    m.header->e_machine = EM_386;
    assert_refused(&m, "not a 64-bit x86 ELF file");
    make_elf(&m);
    m.header->e_type = ET_REL;
    assert_refused(&m, "ELF file is not an executable");
    make_elf(&m);
    m.header->e_phoff = UINT64_MAX - 8;
    assert_refused(&m, "ELF program headers reach beyond the end of the file");
    make_elf(&m);
    m.header->e_phnum = 0;
    assert_refused(&m, "ELF file has no program headers");
    make_elf(&m);
    m.header->e_shoff = FILE_LEN;
    m.header->e_shnum = 1;
    m.header->e_shentsize = sizeof(Elf64_Shdr);
    assert_refused(&m, "ELF section headers reach beyond the end of the file");
    make_elf(&m);
    m.load->p_offset = UINT64_MAX;
    assert_refused(&m, "ELF segment reaches beyond the end of the file");
    make_elf(&m);
    m.load->p_memsz = CODE_LEN - 1;
    assert_refused(&m, "ELF segment is larger in the file than in memory");
    make_elf(&m);
    m.load->p_paddr = UINT64_MAX - CODE_LEN;
    assert_refused(&m, "ELF segment wraps around the address space");
}

/* Copies a file into a buffer of its exact size, damages some bytes, and looks at all of it. */
static void damage_is_survived(void **state)
{
    uint64_t seed = 11;
    struct maker m;

    (void)state;
    make_elf(&m);
    add_pv_notes(&m);
    for (int i = 0; i < 20000; i++) {
        size_t len = i % 4 ? FILE_LEN : random_below(&seed, FILE_LEN);
        uint8_t *file = malloc(len ? len : 1);
        struct xen_notes notes;
        const char *reason;
        struct elf elf;

        memcpy(file, m.file, len);
        for (uint64_t n = random_below(&seed, 5); len > 0 && n > 0; n--)
            file[random_below(&seed, len < 900 ? len : 900)] = (uint8_t)random_next(&seed);
        if (elf_open(&elf, file, len, &reason) == 0) {
            for (unsigned int s = 0; s < elf.n_segments; s++) {
                struct elf_segment segment;

                elf_segment(&elf, s, &segment);
                if (segment.type == ELF_SEGMENT_LOAD)
                    assert_true(segment.data >= file &&
                                segment.data + segment.data_len <= file + len);
            }
            if (xen_notes_parse(&notes, &elf, &reason))
                assert_non_null(reason);
        } else {
            assert_non_null(reason);
        }
        free(file);
    }
}

/* Wraps a payload as a bzImage. */
static uint8_t *make_bzimage(const void *payload, uint32_t payload_len, size_t *len)
{
    uint8_t *image = calloc(1, *len = 1024 + 16 + payload_len);

    image[0x1f1] = 1;
    memcpy(image + 0x1fe, "\x55\xaa", 2);
    memcpy(image + 0x202, "HdrS\x0f\x02", 6);
    memcpy(image + 0x248, &(uint32_t){16}, 4);
    memcpy(image + 0x24c, &payload_len, 4);
    memcpy(image + 1024 + 16, payload, payload_len);
    return image;
}

static void packed_kernels_are_unpacked(void **state)
{
    uint8_t packed[FILE_LEN + 100], *image, out[FILE_LEN], scratch[KERNEL_IMAGE_SCRATCH_SIZE];
    z_stream z = {0};
    struct kernel_image k;
    const char *reason;
    size_t len, out_len;
    uint32_t packed_len;
    struct maker m;

    (void)state;
    make_elf(&m);
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 31, 9, 0), Z_OK);
    z.next_in = m.file;
    z.avail_in = FILE_LEN;
    z.next_out = packed;
    z.avail_out = sizeof(packed);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    packed_len = (uint32_t)(sizeof(packed) - z.avail_out);
    deflateEnd(&z);

    assert_int_equal(kernel_image_inspect(&k, packed, packed_len, &reason), 0);
    assert_string_equal(k.format, "ELF (gzip)");
    assert_int_equal(k.unpacked_len, FILE_LEN);
    assert_int_equal(
        kernel_image_unpack(&k, out, sizeof(out), &out_len, scratch, sizeof(scratch), &reason), 0);
    assert_int_equal(out_len, FILE_LEN);
    assert_memory_equal(out, m.file, FILE_LEN);

    image = make_bzimage(packed, packed_len, &len);
    assert_int_equal(kernel_image_inspect(&k, image, len, &reason), 0);
    assert_string_equal(k.format, "bzImage (gzip)");
    memset(out, 0, sizeof(out));
    assert_int_equal(
        kernel_image_unpack(&k, out, sizeof(out), &out_len, scratch, sizeof(scratch), &reason), 0);
    assert_memory_equal(out, m.file, FILE_LEN);
    image[len - 8] ^= 1; /* in the check */
    assert_int_not_equal(
        kernel_image_unpack(&k, out, sizeof(out), &out_len, scratch, sizeof(scratch), &reason), 0);
    assert_string_equal(reason, "packed kernel is damaged");
    assert_int_equal(kernel_image_inspect(&k, image, len - 1, &reason), -ENOEXEC);
    assert_string_equal(reason, "bzImage payload reaches beyond the end of the file");
    image[0x206] = 7;
    assert_int_equal(kernel_image_inspect(&k, image, len, &reason), -ENOEXEC);
    free(image);

    image = make_bzimage(m.file, FILE_LEN, &len);
    assert_int_equal(kernel_image_inspect(&k, image, len, &reason), 0);
    assert_int_equal(k.packing, KERNEL_PLAIN);
    assert_memory_equal(k.payload, m.file, FILE_LEN);
    memcpy(image + 1024 + 16, "\x28\xb5\x2f\xfd", 4);
    assert_int_equal(kernel_image_inspect(&k, image, len, &reason), -EOPNOTSUPP);
    assert_string_equal(reason, "kernel is packed by zstd: only xz, gzip and plain are known");
    free(image);

    assert_int_equal(kernel_image_inspect(&k, "#!/bin/sh", 9, &reason), -ENOEXEC);
    assert_string_equal(reason, "not a kernel: neither bzImage nor ELF nor gzip");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_notes_are_read),
        cmocka_unit_test(notes_in_sections_and_of_four_bytes),
        cmocka_unit_test(what_is_missing_is_named),
        cmocka_unit_test(bad_elf_is_refused),
        cmocka_unit_test(damage_is_survived),
        cmocka_unit_test(packed_kernels_are_unpacked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
