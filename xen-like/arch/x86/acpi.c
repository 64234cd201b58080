/* SPDX-License-Identifier: MIT */
/* Finds the static ACPI tables in the machine's memory and has them parsed (ACPI 6.4, section 5.2).
 */
#include "acpi_tables.h"
#include "arch/cpu.h"
#include "arch/numa.h"
#include "console.h"
#include "lib/bytes.h"
#include "lib/string.h"

#define EBDA_POINTER   0x40eul /* real-mode segment of the extended BIOS data area */
#define EBDA_SIZE      1024
#define BIOS_ROM_START 0xe0000ul
#define BIOS_ROM_SIZE  0x20000ul
#define RSDP_ALIGN     16
#define RSDP_V1_SIZE   20
#define RSDP_V2_SIZE   36
#define TABLE_SIZE_MAX (1u << 18)
#define TABLES_MAX     256 /* more in an RSDT is nonsense */

struct acpi_info acpi;

static bool rsdp_ok(const uint8_t *p)
{
    return memcmp(p, "RSD PTR ", 8) == 0 && acpi_checksum_ok(p, RSDP_V1_SIZE);
}

/* The address of an RSDP in [base, base + len), or 0. */
static paddr_t rsdp_search(paddr_t base, size_t len)
{
    const uint8_t *p = ioremap(base, len);

    for (size_t at = 0; p && at + RSDP_V1_SIZE <= len; at += RSDP_ALIGN)
        if (rsdp_ok(p + at))
            return base + at;
    return 0;
}

static paddr_t rsdp_find(void)
{
    const uint8_t *pointer = ioremap(EBDA_POINTER, 2);
    paddr_t ebda = pointer ? (paddr_t)load_le16(pointer) << 4 : 0;
    paddr_t found = 0;

    if (ebda >= 0x400 && ebda <= 0xa0000 - EBDA_SIZE)
        found = rsdp_search(ebda, EBDA_SIZE);
    return found ? found : rsdp_search(BIOS_ROM_START, BIOS_ROM_SIZE);
}

/* A whole table with a good checksum, or NULL; *len is its length. */
static const uint8_t *table_map(paddr_t addr, size_t *len)
{
    const uint8_t *header = addr ? ioremap(addr, ACPI_HEADER_SIZE) : NULL;

    if (!header)
        return NULL;
    uint32_t size = load_le32(header + 4);

    if (size < ACPI_HEADER_SIZE || size > TABLE_SIZE_MAX) {
        printk(LOG_WARN, "ACPI: table at %#lx left out: its length %u is not believable\n", addr,
               size);
        return NULL;
    }
    const uint8_t *table = ioremap(addr, size);

    if (table && !acpi_checksum_ok(table, size)) {
        printk(LOG_WARN, "ACPI: table %.4s at %#lx left out: bad checksum\n", (const char *)table,
               addr);
        return NULL;
    }
    *len = size;
    return table;
}

static int parse_srat(const void *table, size_t len, struct acpi_info *info)
{
    int rc = numa_parse_srat(table, len, &numa);

    (void)info;
    if (rc)
        numa = (struct numa_info){0};
    return rc;
}

static int parse_slit(const void *table, size_t len, struct acpi_info *info)
{
    (void)info;
    return numa_parse_slit(table, len, &numa);
}

static void table_use(paddr_t addr)
{
    static const struct {
        char signature[5];
        int (*parse)(const void *table, size_t len, struct acpi_info *info);
    } parsers[] = {
        {"APIC", acpi_parse_madt}, {"FACP", acpi_parse_fadt}, {"MCFG", acpi_parse_mcfg},
        {"SRAT", parse_srat},      {"SLIT", parse_slit},
    };
    const uint8_t *header = addr ? ioremap(addr, ACPI_HEADER_SIZE) : NULL;

    for (unsigned int i = 0; header && i < ARRAY_SIZE(parsers); i++) {
        size_t len;

        if (memcmp(header, parsers[i].signature, 4) != 0)
            continue;
        const uint8_t *table = table_map(addr, &len);
        if (table && parsers[i].parse(table, len, &acpi) != 0)
            printk(LOG_WARN, "ACPI: table %s left out: too short (%zu bytes) or not consistent\n",
                   parsers[i].signature, len);
    }
}

/* Walks the RSDT (4-byte pointers) or XSDT (8-byte). */
static bool root_walk(paddr_t root, const char *signature, size_t pointer_size)
{
    size_t len;
    const uint8_t *table = table_map(root, &len);

    if (!table || memcmp(table, signature, 4) != 0)
        return false;
    size_t n = MIN((len - ACPI_HEADER_SIZE) / pointer_size, (size_t)TABLES_MAX);

    for (size_t i = 0; i < n; i++) {
        const uint8_t *p = table + ACPI_HEADER_SIZE + i * pointer_size;

        table_use(pointer_size == 8 ? load_le64(p) : load_le32(p));
    }
    return true;
}

void acpi_init(paddr_t rsdp_hint)
{
    acpi_set_defaults(&acpi);
    acpi.rsdp = rsdp_hint ? rsdp_hint : rsdp_find();
    const uint8_t *rsdp = acpi.rsdp ? ioremap(acpi.rsdp, RSDP_V2_SIZE) : NULL;

    if (!rsdp || !rsdp_ok(rsdp)) {
        acpi.rsdp = 0;
        printk(LOG_ERR, "ACPI: no tables found; interrupts of devices will not work\n");
        return;
    }
    bool has_xsdt = rsdp[15] >= 2 && load_le32(rsdp + 20) >= RSDP_V2_SIZE &&
                    acpi_checksum_ok(rsdp, RSDP_V2_SIZE);

    if (!(has_xsdt && root_walk(load_le64(rsdp + 24), "XSDT", 8)) &&
        !root_walk(load_le32(rsdp + 16), "RSDT", 4))
        printk(LOG_ERR, "ACPI: RSDP at %#lx leads to no RSDT or XSDT\n", acpi.rsdp);
    printk(LOG_INFO, "ACPI: RSDP %#lx, %u CPUs, %u IOAPICs, PM timer %#x, %u MMCONFIG areas\n",
           acpi.rsdp, acpi.n_cpus, acpi.n_ioapics, acpi.pm_timer_port, acpi.n_mcfg);
}

uint32_t acpi_id_of(uint32_t apic_id)
{
    for (unsigned int i = 0; i < acpi.n_cpus; i++)
        if (acpi.cpu[i].enabled && acpi.cpu[i].apic_id == apic_id)
            return acpi.cpu[i].acpi_id;
    return 0;
}
