/* SPDX-License-Identifier: MIT */
/* Multiboot 1 and 2 information into boot_info. All of it lies below 4 GiB, where the boot tables
 * map memory. */
#include "boot.h"
#include "console.h"
#include "efi.h"
#include "mm.h"
#include "lib/string.h"

#define MB1_MAGIC         0x2BADB002u
#define MB2_MAGIC         0x36d76289u
#define BOOT_MAPPED_LIMIT 0x100000000ull

struct boot_info boot_info;

/* Multiboot 1 specification, section 3.3. */
struct mb1_info {
    uint32_t flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr;
    uint32_t syms[4];
    uint32_t mmap_length, mmap_addr, drives_length, drives_addr, config_table, boot_loader_name;
};
struct mb1_module {
    uint32_t start, end, cmdline, reserved;
};
struct mb1_mmap {
    uint32_t size;
    uint64_t addr, len;
    uint32_t type;
} __attribute__((packed));

/* Multiboot 2 specification, section 3.6. */
struct mb2_tag {
    uint32_t type, size;
};
struct mb2_module {
    struct mb2_tag tag;
    uint32_t start, end;
    char cmdline[];
};
struct mb2_mmap {
    struct mb2_tag tag;
    uint32_t entry_size, entry_version;
    uint8_t entries[];
};
struct mb2_efi64 {
    struct mb2_tag tag;
    uint64_t system_table;
};
struct mb2_mmap_entry {
    uint64_t addr, len;
    uint32_t type, zero;
};
struct mb2_framebuffer {
    struct mb2_tag tag;
    uint64_t base;
    uint32_t pitch, width, height;
    uint8_t bits, type;
    uint16_t reserved;
    struct boot_colour red, green, blue; /* of type MB2_FRAME_RGB */
} __attribute__((packed));
#define MB2_FRAME_RGB  1
#define MB2_FRAME_TEXT 2
enum {
    MB2_END = 0,
    MB2_CMDLINE = 1,
    MB2_LOADER = 2,
    MB2_MODULE = 3,
    MB2_MMAP = 6,
    MB2_FRAMEBUFFER = 8,
    MB2_EFI64 = 12,
    MB2_RSDP1 = 14,
    MB2_RSDP2 = 15,
    MB2_EFI_MMAP = 17
};

static void copy_text(char *dst, size_t cap, const char *src)
{
    size_t n = strnlen(src, cap - 1);
    memcpy(dst, src, n);
    dst[n] = 0;
}

static void add_region(uint64_t addr, uint64_t len, uint32_t type)
{
    if (len == 0 || addr + len < addr || boot_info.n_regions == BOOT_MAX_REGIONS)
        return;
    boot_info.region[boot_info.n_regions++] = (struct boot_region){addr, len, type};
}

static void add_module(uint64_t start, uint64_t end, const char *cmdline)
{
    if (boot_info.n_modules == BOOT_MAX_MODULES || end < start)
        return;
    struct boot_module *m = &boot_info.module[boot_info.n_modules++];
    m->addr = start;
    m->len = end - start;
    copy_text(m->cmdline, sizeof(m->cmdline), cmdline);
}

/* Loaders put their own or the file's name first; Xen's convention is that only what follows it
 * counts. */
static const char *skip_first_word(const char *s)
{
    while (*s && *s != ' ')
        s++;
    while (*s == ' ')
        s++;
    return s;
}

static void parse_mb1(const struct mb1_info *mi)
{
    if (mi->flags & (1u << 2))
        copy_text(boot_info.cmdline, sizeof(boot_info.cmdline), paddr_to_virt(mi->cmdline));
    if (mi->flags & (1u << 9))
        copy_text(boot_info.loader, sizeof(boot_info.loader), paddr_to_virt(mi->boot_loader_name));
    if (mi->flags & (1u << 3)) {
        const struct mb1_module *m = paddr_to_virt(mi->mods_addr);
        for (uint32_t i = 0; i < mi->mods_count; i++)
            add_module(m[i].start, m[i].end, m[i].cmdline ? paddr_to_virt(m[i].cmdline) : "");
    }
    if (mi->flags & (1u << 6)) {
        uint64_t pos = mi->mmap_addr, end = pos + mi->mmap_length;
        while (pos + sizeof(struct mb1_mmap) <= end) {
            const struct mb1_mmap *e = paddr_to_virt(pos);
            add_region(e->addr, e->len, e->type);
            pos += e->size + 4;
        }
    }
    /* GRUB and QEMU pass "file args"; the first word is the file. */
    const char *args = skip_first_word(boot_info.cmdline);
    memmove(boot_info.cmdline, args, strlen(args) + 1);
    for (unsigned int i = 0; i < boot_info.n_modules; i++) {
        args = skip_first_word(boot_info.module[i].cmdline);
        memmove(boot_info.module[i].cmdline, args, strlen(args) + 1);
    }
}

static void parse_mb2_mmap(const struct mb2_mmap *map)
{
    const uint8_t *end = (const uint8_t *)map + map->tag.size;
    if (map->entry_size < sizeof(struct mb2_mmap_entry))
        return;
    for (const uint8_t *p = map->entries; p + map->entry_size <= end; p += map->entry_size) {
        const struct mb2_mmap_entry *e = (const void *)p;
        add_region(e->addr, e->len, e->type);
    }
}

static void parse_mb2_framebuffer(const struct mb2_framebuffer *f)
{
    struct boot_screen *s = &boot_info.screen;

    s->kind = f->type == MB2_FRAME_TEXT  ? BOOT_SCREEN_TEXT
              : f->type == MB2_FRAME_RGB ? BOOT_SCREEN_FRAME
                                         : BOOT_SCREEN_NONE;
    if (s->kind != BOOT_SCREEN_FRAME)
        return;
    s->base = f->base;
    s->pitch = f->pitch;
    s->width = f->width;
    s->height = f->height;
    s->bits = f->bits;
    s->red = f->red;
    s->green = f->green;
    s->blue = f->blue;
}

static void parse_mb2(const uint8_t *info)
{
    uint32_t total = *(const uint32_t *)info;
    for (uint32_t pos = 8; pos + sizeof(struct mb2_tag) <= total;) {
        const struct mb2_tag *t = (const void *)(info + pos);
        const char *text = (const char *)(t + 1);
        if (t->type == MB2_END || t->size < sizeof(*t))
            break;
        if (t->type == MB2_CMDLINE)
            copy_text(boot_info.cmdline, sizeof(boot_info.cmdline), text);
        else if (t->type == MB2_LOADER)
            copy_text(boot_info.loader, sizeof(boot_info.loader), text);
        else if (t->type == MB2_MODULE) {
            const struct mb2_module *m = (const void *)t;
            add_module(m->start, m->end, m->cmdline);
        } else if (t->type == MB2_MMAP)
            parse_mb2_mmap((const void *)t);
        else if (t->type == MB2_FRAMEBUFFER &&
                 t->size >= offsetof(struct mb2_framebuffer, reserved))
            parse_mb2_framebuffer((const void *)t);
        else if (t->type == MB2_EFI64)
            efi_parse_system_table(((const struct mb2_efi64 *)t)->system_table);
        else if (t->type == MB2_EFI_MMAP && t->size > sizeof(struct mb2_mmap)) {
            const struct mb2_mmap *map = (const void *)t; /* the same head, other entries */
            efi_parse_memory_map(map->entries, t->size - sizeof(*map), map->entry_size);
        } else if (t->type == MB2_RSDP2 || (t->type == MB2_RSDP1 && !boot_info.rsdp))
            boot_info.rsdp = virt_to_paddr(text);
        pos += ROUND_UP(t->size, 8u);
    }
}

static void sort_regions(void)
{
    struct boot_region *r = boot_info.region;
    for (unsigned int i = 1; i < boot_info.n_regions; i++)
        for (unsigned int j = i; j > 0 && r[j].addr < r[j - 1].addr; j--) {
            struct boot_region t = r[j];
            r[j] = r[j - 1];
            r[j - 1] = t;
        }
}

void multiboot_parse(uint32_t magic, paddr_t info)
{
    if (magic == MB1_MAGIC)
        parse_mb1(paddr_to_virt(info));
    else if (magic == MB2_MAGIC)
        parse_mb2(paddr_to_virt(info));
    else
        panic("not started by a multiboot loader (magic %#x)\n", magic);
    if (boot_info.n_regions == 0)
        panic("the boot loader gave no memory map\n");
    for (unsigned int i = 0; i < boot_info.n_modules; i++)
        if (boot_info.module[i].addr + boot_info.module[i].len > BOOT_MAPPED_LIMIT)
            panic("module %u lies above 4 GiB\n", i);
    sort_regions();
    if (!boot_info.rsdp)
        boot_info.rsdp = efi_info.rsdp;
    if (boot_info.screen.kind == BOOT_SCREEN_NONE && !efi_info.is_present)
        boot_info.screen.kind = BOOT_SCREEN_TEXT; /* as the BIOS leaves it */
}
