/* SPDX-License-Identifier: MIT */
/* The UEFI system table and memory map, copied before their memory is used for anything else. */
#include "efi.h"
#include "mm.h"
#include "lib/string.h"

#define MAPPED_LIMIT     0x100000000ull        /* what the boot tables map */
#define SYSTEM_SIGNATURE 0x5453595320494249ull /* "IBI SYST" */

/* UEFI specification, section 4.3: EFI_SYSTEM_TABLE. */
struct system_table {
    uint64_t signature;
    uint32_t revision, header_size, crc32, reserved;
    uint64_t vendor;
    uint32_t vendor_revision, pad;
    uint64_t console[6];
    uint64_t runtime, boot;
    uint64_t n_tables;
    uint64_t tables;
};
/* Section 4.6: EFI_CONFIGURATION_TABLE. */
struct configuration_table {
    uint8_t guid[16];
    uint64_t address;
};
/* Section 7.2: EFI_MEMORY_DESCRIPTOR. */
struct memory_descriptor {
    uint32_t type, pad;
    uint64_t start, virtual_start, n_pages, attributes;
};

/* EFI_ACPI_20_TABLE_GUID, 8868e871-e4f1-11d3-bc22-0080c73c8881 */
static const uint8_t acpi20_guid[16] = {0x71, 0xe8, 0x68, 0x88, 0xf1, 0xe4, 0xd3, 0x11,
                                        0xbc, 0x22, 0x00, 0x80, 0xc7, 0x3c, 0x88, 0x81};

struct efi_info efi_info;

static bool reachable(uint64_t addr, uint64_t len)
{
    return addr && len <= MAPPED_LIMIT && addr <= MAPPED_LIMIT - len;
}

static void copy_vendor(uint64_t addr)
{
    if (!reachable(addr, sizeof(efi_info.vendor)))
        return;
    const uint16_t *text = paddr_to_virt(addr);
    for (unsigned int i = 0; i < EFI_VENDOR_MAX - 1 && text[i]; i++)
        efi_info.vendor[i] = text[i];
}

static void find_rsdp(void)
{
    const struct configuration_table *t = paddr_to_virt(efi_info.tables);

    for (uint32_t i = 0; i < efi_info.n_tables; i++)
        if (!memcmp(t[i].guid, acpi20_guid, sizeof(acpi20_guid)) && reachable(t[i].address, 36))
            efi_info.rsdp = t[i].address;
}

void efi_parse_system_table(paddr_t at)
{
    const struct system_table *table = paddr_to_virt(at);

    if (!reachable(at, sizeof(*table)) || table->signature != SYSTEM_SIGNATURE ||
        table->n_tables > 256 ||
        !reachable(table->tables, table->n_tables * sizeof(struct configuration_table)))
        return;
    efi_info.is_present = true;
    efi_info.revision = table->revision;
    efi_info.vendor_revision = table->vendor_revision;
    efi_info.tables = table->tables;
    efi_info.n_tables = (uint32_t)table->n_tables;
    copy_vendor(table->vendor);
    find_rsdp();
}

void efi_parse_memory_map(const uint8_t *map, size_t len, size_t size)
{
    if (size < sizeof(struct memory_descriptor))
        return;
    for (size_t pos = 0; pos + size <= len && efi_info.n_regions < EFI_REGIONS_MAX; pos += size) {
        const struct memory_descriptor *d = (const void *)(map + pos);
        efi_info.region[efi_info.n_regions++] =
            (struct efi_region){d->start, d->n_pages, d->attributes, d->type};
    }
}

const struct efi_region *efi_find_region(uint64_t addr)
{
    for (unsigned int i = 0; i < efi_info.n_regions; i++) {
        const struct efi_region *r = &efi_info.region[i];
        if (addr >= r->start && (addr - r->start) >> PAGE_SHIFT < r->n_pages)
            return r;
    }
    return NULL;
}
