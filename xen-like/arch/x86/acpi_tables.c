/* SPDX-License-Identifier: MIT */
/* MADT, FADT and MCFG, by the ACPI specification 6.4, sections 5.2.9 and 5.2.12, and PCI
 * Firmware 3.2, 4.1.2. */
#include "acpi_tables.h"
#include "lib/bytes.h"
#include "lib/string.h"

/* MADT */
#define MADT_LAPIC_ADDRESS 36
#define MADT_ENTRIES       44
#define MADT_LAPIC         0
#define MADT_IOAPIC        1
#define MADT_OVERRIDE      2
#define MADT_LAPIC_ADDR64  5
#define MADT_X2APIC        9
#define MADT_CPU_ENABLED   (1u << 0)
#define MADT_CPU_HOTPLUG   (1u << 1)
#define MPS_POLARITY(f)    ((f)&3)
#define MPS_TRIGGER(f)     (((f) >> 2) & 3)
#define MPS_ACTIVE_LOW     3
#define MPS_LEVEL          3

/* FADT */
#define FADT_SCI_INT     46
#define FADT_PM1A_CNT    64
#define FADT_PM1B_CNT    68
#define FADT_PM_TMR      76
#define FADT_FLAGS       112
#define FADT_RESET_REG   116
#define FADT_RESET_VALUE 128
#define FADT_X_PM1A_CNT  172
#define FADT_X_PM1B_CNT  184
#define FADT_X_PM_TMR    208
#define FADT_HAS_RESET   (1u << 10)
#define FADT_MIN_SIZE    116 /* ACPI 1.0 */
#define GAS_SIZE         12
#define GAS_SPACE_IO     1

#define MCFG_ENTRIES    44
#define MCFG_ENTRY_SIZE 16

bool acpi_checksum_ok(const void *table, size_t len)
{
    const uint8_t *p = table;
    uint8_t sum = 0;

    for (size_t i = 0; i < len; i++)
        sum = (uint8_t)(sum + p[i]);
    return sum == 0;
}

void acpi_set_defaults(struct acpi_info *info)
{
    memset(info, 0, sizeof(*info));
    info->sci_gsi = 9;
    for (unsigned int i = 0; i < 16; i++)
        info->isa[i].gsi = i;
}

static void add_cpu(struct acpi_info *info, uint32_t apic_id, uint32_t acpi_id, uint32_t flags)
{
    if (!(flags & (MADT_CPU_ENABLED | MADT_CPU_HOTPLUG)) || info->n_cpus == ACPI_MAX_CPUS)
        return;
    info->cpu[info->n_cpus].apic_id = apic_id;
    info->cpu[info->n_cpus].acpi_id = acpi_id;
    info->cpu[info->n_cpus].enabled = flags & MADT_CPU_ENABLED;
    info->n_cpus++;
}

static void add_ioapic(struct acpi_info *info, const uint8_t *e)
{
    if (info->n_ioapics == ACPI_MAX_IOAPICS)
        return;
    info->ioapic[info->n_ioapics].id = e[2];
    info->ioapic[info->n_ioapics].base = load_le32(e + 4);
    info->ioapic[info->n_ioapics].gsi_base = load_le32(e + 8);
    info->n_ioapics++;
}

static void add_override(struct acpi_info *info, const uint8_t *e)
{
    unsigned int isa = e[3];
    uint16_t flags = load_le16(e + 8);

    if (e[2] != 0 || isa >= 16)
        return; /* only bus 0, ISA, is defined */
    info->isa[isa].gsi = load_le32(e + 4);
    /* "Conforms to the bus" is edge, active high on ISA. */
    info->isa[isa].level = MPS_TRIGGER(flags) == MPS_LEVEL;
    info->isa[isa].low = MPS_POLARITY(flags) == MPS_ACTIVE_LOW;
}

static void parse_madt_entry(const uint8_t *e, size_t len, struct acpi_info *info)
{
    if (e[0] == MADT_LAPIC && len >= 8)
        add_cpu(info, e[3], e[2], load_le32(e + 4));
    else if (e[0] == MADT_X2APIC && len >= 16)
        add_cpu(info, load_le32(e + 4), load_le32(e + 12), load_le32(e + 8));
    else if (e[0] == MADT_IOAPIC && len >= 12)
        add_ioapic(info, e);
    else if (e[0] == MADT_OVERRIDE && len >= 10)
        add_override(info, e);
    else if (e[0] == MADT_LAPIC_ADDR64 && len >= 12)
        info->lapic_base = load_le64(e + 4);
}

int acpi_parse_madt(const void *table, size_t len, struct acpi_info *info)
{
    const uint8_t *t = table;

    if (len < MADT_ENTRIES)
        return -EINVAL;
    info->lapic_base = load_le32(t + MADT_LAPIC_ADDRESS);
    for (size_t at = MADT_ENTRIES; len - at >= 2 && t[at + 1] >= 2 && t[at + 1] <= len - at;
         at += t[at + 1])
        parse_madt_entry(t + at, t[at + 1], info);
    return 0;
}

/* An I/O port given in the old 32-bit field, or in the newer generic address `x_at` when that field
 * is 0. */
static uint32_t fadt_port(const uint8_t *t, size_t len, size_t at, size_t x_at)
{
    uint32_t port = load_le32(t + at);

    if (port == 0 && len >= x_at + GAS_SIZE && t[x_at] == GAS_SPACE_IO) {
        uint64_t address = load_le64(t + x_at + 4);

        port = address <= 0xffff ? (uint32_t)address : 0;
    }
    return port <= 0xffff ? port : 0;
}

int acpi_parse_fadt(const void *table, size_t len, struct acpi_info *info)
{
    const uint8_t *t = table;

    if (len < FADT_MIN_SIZE)
        return -EINVAL;
    info->sci_gsi = load_le16(t + FADT_SCI_INT);
    info->pm1a_cnt = fadt_port(t, len, FADT_PM1A_CNT, FADT_X_PM1A_CNT);
    info->pm1b_cnt = fadt_port(t, len, FADT_PM1B_CNT, FADT_X_PM1B_CNT);
    info->pm_timer_port = fadt_port(t, len, FADT_PM_TMR, FADT_X_PM_TMR);
    if (len > FADT_RESET_VALUE && (load_le32(t + FADT_FLAGS) & FADT_HAS_RESET)) {
        info->reset.space = t[FADT_RESET_REG];
        info->reset.width = t[FADT_RESET_REG + 1];
        info->reset.addr = load_le64(t + FADT_RESET_REG + 4);
        info->reset.value = t[FADT_RESET_VALUE];
        info->reset.valid = true;
    }
    return 0;
}

int acpi_parse_mcfg(const void *table, size_t len, struct acpi_info *info)
{
    const uint8_t *t = table;

    if (len < MCFG_ENTRIES)
        return -EINVAL;
    for (size_t at = MCFG_ENTRIES; len - at >= MCFG_ENTRY_SIZE; at += MCFG_ENTRY_SIZE) {
        if (info->n_mcfg == sizeof(info->mcfg) / sizeof(info->mcfg[0]))
            break;
        if (t[at + 10] > t[at + 11])
            continue;
        info->mcfg[info->n_mcfg].base = load_le64(t + at);
        info->mcfg[info->n_mcfg].segment = load_le16(t + at + 8);
        info->mcfg[info->n_mcfg].bus_start = t[at + 10];
        info->mcfg[info->n_mcfg].bus_end = t[at + 11];
        info->n_mcfg++;
    }
    return 0;
}
