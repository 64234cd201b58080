/* SPDX-License-Identifier: MIT */
/* The neighbours of the interrupt rooms, small and visible. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "arch/smp.h"
#include "fakes.h"
#include "arch/acpi.h"
#include "arch/apic.h"
#include "arch/cpu.h"
#include "arch/time.h"
#include "console.h"
#include "counters.h"
#include "event.h"
#include "arch/x86/irq_desc.h"
#include "lib/bytes.h"

static struct counters counters;
unsigned int fake_cpu_number;
struct cpu_info fake_cpu = {.counters = &counters};
struct acpi_info acpi;
struct fake_pin fake_pin[FAKE_GSIS];
uint8_t fake_config[256];
uint32_t fake_table[FAKE_ENTRIES * 4];
unsigned int fake_pending[64], fake_eois;
struct page_info *const frame_table = NULL;
uint64_t max_page = 0;

void fake_reset(void)
{
    memset(&acpi, 0, sizeof(acpi));
    memset(fake_config, 0, sizeof(fake_config));
    memset(fake_table, 0, sizeof(fake_table));
    memset(fake_pending, 0, sizeof(fake_pending));
    for (unsigned int i = 0; i < 16; i++)
        acpi.isa[i].gsi = i == 0 ? 2 : i;
    acpi.isa[9].level = true;
    fake_config[0] = 0x86;                      /* a vendor */
    fake_config[4] = 2;                         /* memory decoding on */
    fake_config[6] = 0x10;                      /* has capabilities */
    store_le32(fake_config + 0x14, 0xfe000000); /* BAR 1 */
    fake_config[0x34] = 0x50;
    fake_config[0x50] = PCI_CAP_MSI;
    fake_config[0x51] = 0x70;
    fake_config[0x52] = 0x86; /* 64-bit, can send 8 messages */
    fake_config[0x53] = 0x01; /* maskable */
    fake_config[0x70] = PCI_CAP_MSIX;
    fake_config[0x72] = FAKE_ENTRIES - 1;
    store_le32(fake_config + 0x74, 0x1000 | 1); /* BAR 1 + 0x1000 */
}

uint32_t pci_read(uint16_t bdf, unsigned int reg, unsigned int size)
{
    uint32_t v = 0;

    assert(reg % size == 0 && reg + size <= 256);
    if (bdf != FAKE_BDF)
        return size == 4 ? ~0u : (1u << 8 * size) - 1;
    memcpy(&v, fake_config + reg, size);
    return v;
}

void pci_write(uint16_t bdf, unsigned int reg, unsigned int size, uint32_t value)
{
    assert(reg % size == 0 && reg + size <= 256);
    if (bdf == FAKE_BDF)
        memcpy(fake_config + reg, &value, size);
}

void *ioremap(paddr_t addr, size_t len)
{
    return addr == FAKE_TABLE_AT && len <= sizeof(fake_table) ? fake_table : NULL;
}

void ioapic_init(void)
{
    for (unsigned int i = 0; i < FAKE_GSIS; i++)
        fake_pin[i].masked = true;
}

unsigned int ioapic_gsi_limit(void)
{
    return FAKE_GSIS;
}

bool ioapic_has_gsi(unsigned int gsi)
{
    return gsi < FAKE_GSIS;
}

void ioapic_route(unsigned int gsi, uint8_t vector, bool level, bool active_low, bool masked)
{
    assert(gsi < FAKE_GSIS);
    fake_pin[gsi] = (struct fake_pin){vector, level, active_low, masked, apic_id()};
}

void ioapic_set_destination(unsigned int gsi, uint32_t apic_id)
{
    assert(gsi < FAKE_GSIS);
    fake_pin[gsi].apic_id = apic_id;
}

void ioapic_set_mask(unsigned int gsi, bool masked)
{
    assert(gsi < FAKE_GSIS);
    fake_pin[gsi].masked = masked;
}

int ioapic_read_register(paddr_t base, uint32_t reg, uint32_t *value)
{
    assert(irq_lock.owner != irq_lock.next); /* two steps, which nobody may come between */
    *value = reg;
    return base ? 0 : -EINVAL;
}

void apic_init(void)
{
}

uint32_t smp_apic_id(unsigned int cpu)
{
    return cpu + 5;
}

uint32_t apic_id(void)
{
    return smp_apic_id(fake_cpu_number);
}

void apic_eoi(void)
{
    fake_eois++;
}

uint32_t apic_take_errors(void)
{
    return 0;
}

void time_interrupt(void)
{
}

void evtchn_set_pending(struct domain *d, evtchn_port_t port)
{
    (void)d;
    fake_pending[port]++;
}

void spin_lock(struct spinlock *l)
{
    assert(l->owner == l->next); /* taken twice is a deadlock */
    l->next++;
}

void spin_unlock(struct spinlock *l)
{
    assert(l->owner != l->next);
    l->owner++;
}

void *mm_alloc(size_t size)
{
    return calloc(1, size);
}

void mm_free(void *p)
{
    free(p);
}

int page_get_from_gfn(struct domain *d, gfn_t gfn, bool writable, struct page_info **out)
{
    (void)d;
    (void)gfn;
    (void)writable;
    (void)out;
    return -EINVAL;
}

void page_put_writable(struct page_info *pg)
{
    (void)pg;
    abort();
}

void printk(enum log_level level, const char *fmt, ...)
{
    (void)level;
    (void)fmt;
}

void guest_printk(const struct domain *d, enum log_level level, const char *fmt, ...)
{
    (void)d;
    (void)level;
    (void)fmt;
}

void panic(const char *fmt, ...)
{
    (void)fmt;
    abort();
}

struct domain *fake_domain(domid_t id, bool is_control)
{
    struct domain *d = calloc(1, sizeof(*d));

    d->id = id;
    d->is_control = is_control;
    int rc = pirq_room.create(d);

    assert(rc == 0);
    (void)rc;
    return d;
}

void fake_domain_free(struct domain *d)
{
    int rc = pirq_room.teardown(d);

    assert(rc == 0);
    (void)rc;
    pirq_room.free(d);
    free(d);
}

/* One CPU: nobody asks anything of it. */
void cpu_serve_requests(void)
{
}
