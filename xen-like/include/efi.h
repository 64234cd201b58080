/* SPDX-License-Identifier: MIT */
/*
 * What UEFI firmware left behind, as GRUB tells it (multiboot 2, tags 12 and 17) after it ended
 * boot services. Runtime services are not called by us; dom0 gets the tables' address, where it
 * finds ACPI and SMBIOS.
 */
#ifndef CORBEL_EFI_H
#define CORBEL_EFI_H

#include "types.h"

#define EFI_REGIONS_MAX 256
#define EFI_VENDOR_MAX  64

/* One memory descriptor (UEFI specification, section 7.2, GetMemoryMap). */
struct efi_region {
    uint64_t start, n_pages, attributes;
    uint32_t type;
};

struct efi_info {
    bool is_present;
    uint32_t revision;        /* of the system table */
    uint32_t vendor_revision; /* of the firmware */
    uint16_t vendor[EFI_VENDOR_MAX];
    paddr_t tables; /* EFI_CONFIGURATION_TABLE array */
    uint32_t n_tables;
    paddr_t rsdp; /* found in the tables, 0 = none */
    unsigned int n_regions;
    struct efi_region region[EFI_REGIONS_MAX];
};
extern struct efi_info efi_info;

/* Reads the system table at `table`; what lies above 4 GiB is not reached and leaves EFI absent. At
 * boot only. */
void efi_parse_system_table(paddr_t table);
/* Copies GRUB's memory map: `len` bytes of descriptors of `size` bytes each. */
void efi_parse_memory_map(const uint8_t *map, size_t len, size_t size);
/* The descriptor that holds `addr`, or NULL. */
const struct efi_region *efi_find_region(uint64_t addr);

#endif
