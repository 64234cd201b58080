/* SPDX-License-Identifier: MIT */
/* Interrupts from source to event: lines, messages, sharing, EOI, and what the control domain may
 * not write. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "fakes.h"
#include "arch/x86/irq_desc.h"
#include "lib/bytes.h"

#include <xen/physdev.h>

static struct domain *dom;

/* Sources live as long as the machine: each test uses lines of its own. */
static int machine_setup(void **state)
{
    (void)state;
    fake_reset();
    irq_init();
    return 0;
}

static int setup(void **state)
{
    (void)state;
    fake_reset();
    dom = fake_domain(0, true);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_domain_free(dom);
    pci_device_remove(FAKE_BDF);
    for (unsigned int v = VECTOR_FIRST_DEVICE; v <= VECTOR_LAST_DEVICE; v++) {
        struct irq_desc *desc = irq_of_vector(v);

        assert_true(!desc || desc->n_guests == 0);
    }
    return 0;
}

static int map_gsi(struct domain *d, int gsi)
{
    struct physdev_map_pirq map = {.type = MAP_PIRQ_TYPE_GSI, .index = gsi, .pirq = gsi};
    int rc = pirq_map(d, &map);

    return rc ? rc : map.pirq;
}

static int map_msi(int devfn, uint64_t table_base, int entry)
{
    struct physdev_map_pirq map = {.type = MAP_PIRQ_TYPE_MSI_SEG,
                                   .index = -1,
                                   .pirq = -1,
                                   .devfn = devfn,
                                   .entry_nr = entry,
                                   .table_base = table_base};
    int rc = pirq_map(dom, &map);

    return rc ? rc : map.pirq;
}

static void test_vectors(void **state)
{
    uint8_t seen[256] = {0}, v;
    unsigned int n = 0;

    (void)state;
    for (; (v = vector_alloc()) != 0; n++) {
        assert_in_range(v, VECTOR_FIRST_DEVICE, VECTOR_LAST_DEVICE);
        assert_int_equal(seen[v]++, 0);
    }
    assert_true(n >= 100);
    for (unsigned int i = 0; i < 256; i++)
        if (seen[i])
            vector_free((uint8_t)i);
    v = vector_alloc();
    assert_true(seen[v]);
    vector_free(v);
}

static void test_edge_line(void **state)
{
    (void)state;
    assert_int_equal(pirq_bind(dom, 5, 9, false), -EINVAL); /* not mapped */
    assert_int_equal(map_gsi(dom, 5), 5);
    assert_int_equal(map_gsi(dom, 5), 5); /* the same again is the same */
    assert_true(fake_pin[5].masked);
    assert_int_equal(pirq_bind(dom, 5, 9, false), 0);
    assert_false(fake_pin[5].masked);
    assert_false(fake_pin[5].level);
    fake_eois = 0;
    irq_dispatch(fake_pin[5].vector);
    irq_dispatch(fake_pin[5].vector);
    assert_int_equal(fake_pending[9], 2);
    assert_int_equal(fake_eois, 2);
    assert_false(fake_pin[5].masked);
    assert_int_equal(pirq_bind(dom, 5, 10, false), -EEXIST);
    pirq_unbind(dom, 5);
    assert_true(fake_pin[5].masked);
    irq_dispatch(fake_pin[5].vector); /* a straggler hurts nobody */
    assert_int_equal(fake_pending[9], 2);
    assert_int_equal(pirq_unmap(dom, 5), 0);
    assert_int_equal(pirq_unmap(dom, 5), -EINVAL);
}

static void test_io_apic_is_read_locked(void **state)
{
    uint32_t value = 0;

    (void)state;
    assert_int_equal(pirq_read_ioapic(0xfec00000, 1, &value), 0);
    assert_int_equal(value, 1);
    assert_int_equal(pirq_read_ioapic(0, 1, &value), -EINVAL);
}

static void test_level_line_waits_for_eoi(void **state)
{
    (void)state;
    assert_int_equal(map_gsi(dom, 20), 20);
    assert_int_equal(pirq_setup_gsi(20, true, true), 0);
    assert_int_equal(pirq_setup_gsi(20, true, true), -EEXIST);
    assert_int_equal(pirq_setup_gsi(99, true, true), -EINVAL);
    assert_int_equal(pirq_bind(dom, 20, 3, true), 0);
    assert_true(fake_pin[20].level && fake_pin[20].low && !fake_pin[20].masked);
    irq_dispatch(fake_pin[20].vector);
    assert_int_equal(fake_pending[3], 1);
    assert_true(fake_pin[20].masked);
    assert_int_equal(pirq_eoi(dom, 20), 0);
    assert_false(fake_pin[20].masked);
    assert_int_equal(pirq_eoi(dom, 20), 0); /* once more changes nothing */
    assert_int_equal(pirq_eoi(dom, 100000), -EINVAL);
    assert_false(fake_pin[20].masked);
}

static void test_shared_line_waits_for_all(void **state)
{
    struct domain *other = fake_domain(1, false);

    (void)state;
    map_gsi(dom, 21);
    map_gsi(other, 21);
    assert_int_equal(pirq_bind(dom, 21, 3, true), 0);
    assert_int_equal(pirq_bind(other, 21, 4, false), -EBUSY);
    assert_int_equal(pirq_bind(other, 21, 4, true), 0);
    assert_true(pirq_is_shared(dom, 21));
    irq_dispatch(fake_pin[21].vector);
    assert_int_equal(fake_pending[3], 1);
    assert_int_equal(fake_pending[4], 1);
    pirq_eoi(dom, 21);
    assert_true(fake_pin[21].masked);
    fake_domain_free(other); /* dies owing its EOI: the line goes on */
    assert_false(fake_pin[21].masked);
    assert_false(pirq_is_shared(dom, 21));
}

static void count(void *data)
{
    ++*(unsigned int *)data;
}

static void test_own_line_is_not_given_away(void **state)
{
    unsigned int fired = 0;

    (void)state;
    assert_int_equal(irq_request_isa(4, VECTOR_SERIAL, count, &fired), 0);
    assert_int_equal(irq_request_isa(4, VECTOR_SERIAL, count, &fired), -EBUSY);
    assert_int_equal(irq_request_isa(16, VECTOR_SERIAL, count, &fired), -EINVAL);
    map_gsi(dom, 4);
    assert_int_equal(pirq_bind(dom, 4, 3, false), -EBUSY);
    irq_dispatch(VECTOR_SERIAL);
    assert_int_equal(fired, 1);
}

static void test_msi(void **state)
{
    (void)state;
    assert_int_equal(map_msi(0x20, 0, 0), -ENODEV);
    int pirq = map_msi(FAKE_BDF, 0, 0);

    assert_true(pirq >= FAKE_GSIS);
    assert_int_equal(map_msi(FAKE_BDF, 0, 0), -EEXIST);
    assert_int_equal(load_le32(fake_config + 0x54), 0xfee05000);
    assert_int_equal(load_le16(fake_config + 0x52) & 0x71, 1); /* on, one message */
    assert_int_equal(load_le32(fake_config + 0x60), 1);        /* masked until bound */
    uint8_t vector = fake_config[0x5c];

    assert_int_equal(pirq_bind(dom, (unsigned int)pirq, 7, false), 0);
    assert_int_equal(load_le32(fake_config + 0x60), 0);
    irq_dispatch(vector);
    assert_int_equal(fake_pending[7], 1);
    assert_int_equal(pirq_unmap(dom, pirq), 0);
    assert_int_equal(load_le16(fake_config + 0x52) & 1, 0);
    irq_dispatch(vector);
    assert_int_equal(fake_pending[7], 1);
    /* The number is not handed out again while the old port holds it. */
    assert_int_not_equal(map_msi(FAKE_BDF, 0, 0), pirq);
    pirq_unbind(dom, (unsigned int)pirq);
}

static void test_msix(void **state)
{
    (void)state;
    int a = map_msi(FAKE_BDF, FAKE_TABLE_AT, 1), b = map_msi(FAKE_BDF, FAKE_TABLE_AT, 3);

    assert_true(a > 0 && b > 0 && a != b);
    assert_int_equal(map_msi(FAKE_BDF, FAKE_TABLE_AT, 1), -EEXIST);
    assert_int_equal(map_msi(FAKE_BDF, FAKE_TABLE_AT, FAKE_ENTRIES), -EINVAL);
    assert_int_equal(map_msi(FAKE_BDF, FAKE_TABLE_AT, -1), -EINVAL);
    assert_int_equal(map_msi(FAKE_BDF, 0, 0), -EEXIST); /* not both kinds at once */
    assert_int_equal(fake_table[4], 0xfee05000);
    assert_int_equal(fake_table[7], 1);
    assert_int_equal(pirq_bind(dom, (unsigned int)a, 11, false), 0);
    assert_int_equal(fake_table[7], 0);
    assert_int_equal(fake_table[15], 1);
    irq_dispatch(fake_table[6]);
    assert_int_equal(fake_pending[11], 1);
    /* The function is reset and the control domain asks for its messages again. */
    memset(fake_table, 0, sizeof(fake_table));
    assert_int_equal(pirq_restore_device(FAKE_BDF), 0);
    assert_int_equal(fake_table[4], 0xfee05000);
    assert_int_equal(fake_table[7], 0);
    assert_int_equal(fake_table[15], 1);
    assert_int_equal(pirq_prepare_msix(FAKE_BDF), -EBUSY);
    assert_int_equal(pirq_remove_device(FAKE_BDF), 0);
    pirq_unbind(dom, (unsigned int)a);
    assert_int_equal(pirq_prepare_msix(FAKE_BDF), 0);
}

static void test_cpu_leaves(void **state)
{
    (void)state;
    fake_cpu_number = 2;
    int line = map_gsi(dom, 6);

    assert_true(map_msi(FAKE_BDF, FAKE_TABLE_AT, 1) > 0);

    assert_int_equal(pirq_bind(dom, (unsigned int)line, 4, false), 0);
    fake_cpu_number = 1;
    int other = map_msi(FAKE_BDF, FAKE_TABLE_AT, 2);

    assert_int_equal(pirq_bind(dom, (unsigned int)other, 5, false), 0);
    assert_int_equal(fake_pin[6].apic_id, 7);
    assert_int_equal(fake_table[4], 0xfee07000);
    assert_int_equal(fake_table[8], 0xfee06000);
    irq_leave_cpu(2);
    assert_int_equal(fake_pin[6].apic_id, 5);
    assert_false(fake_pin[6].masked);
    assert_int_equal(fake_table[4], 0xfee05000);
    assert_int_equal(fake_table[7], 1); /* not bound: masked as before */
    assert_int_equal(fake_table[8], 0xfee06000);
    irq_leave_cpu(1);
    assert_int_equal(fake_table[8], 0xfee05000);
    assert_int_equal(fake_table[11], 0);
    fake_cpu_number = 0;
    irq_dispatch(fake_pin[6].vector);
    assert_int_equal(fake_pending[4], 1);
}

static void test_msix_unreachable(void **state)
{
    (void)state;
    fake_config[4] = 0; /* memory decoding off */
    assert_int_equal(map_msi(FAKE_BDF, FAKE_TABLE_AT, 0), -ENXIO);
    fake_config[4] = 2;
    store_le32(fake_config + 0x14, 0); /* BAR not assigned */
    assert_int_equal(map_msi(FAKE_BDF, FAKE_TABLE_AT, 0), -ENXIO);
}

static void guest_write(unsigned int reg, unsigned int size, uint32_t value)
{
    pci_guest_write(0x80000000u | FAKE_BDF << 8 | (reg & 0xfc), reg & 3, size, value);
}

static void test_guest_cannot_write_messages(void **state)
{
    (void)state;
    assert_int_equal(pirq_add_device(FAKE_BDF, false), 0);
    guest_write(0x52, 2, 0x01f1); /* enable, eight messages */
    assert_int_equal(load_le16(fake_config + 0x52) & 0x71, 0);
    guest_write(0x72, 2, 0x8000); /* MSI-X on, unmasked, nothing mapped */
    assert_int_equal(load_le16(fake_config + 0x72) & 0xc000, 0xc000);
    int pirq = map_msi(FAKE_BDF, 0, 0);
    uint8_t before[256];

    memcpy(before, fake_config, sizeof(before));
    for (unsigned int reg = 0x54; reg < 0x68; reg += 4)
        guest_write(reg, 4, 0x12345678);
    guest_write(0x5c, 1, 0x80);
    guest_write(0x5e, 2, 0x80);
    assert_memory_equal(before, fake_config, sizeof(before));
    guest_write(0x50, 4, 0x01ff7005); /* the control word through its dword */
    assert_int_equal(load_le16(fake_config + 0x52) & 0x71, 0x01);
    guest_write(0x3c, 1, 0x55);
    assert_int_equal(fake_config[0x3c], 0x55);
    assert_int_equal(pirq_unmap(dom, pirq), 0);
}

static void test_capability_list_in_a_circle(void **state)
{
    (void)state;
    fake_config[0x71] = 0x50;
    assert_int_equal(pci_find_capability(FAKE_BDF, 0x10), 0);
    fake_config[0x71] = 0x04; /* into the header */
    assert_int_equal(pci_find_capability(FAKE_BDF, 0x10), 0);
    assert_int_equal(pci_find_capability(0x28, PCI_CAP_MSI), 0);
}

static void test_map_arguments(void **state)
{
    struct physdev_map_pirq map = {.type = MAP_PIRQ_TYPE_MULTI_MSI, .pirq = -1, .devfn = FAKE_BDF};

    (void)state;
    assert_int_equal(pirq_map(dom, &map), -EDOM);
    map.entry_nr = 4;
    assert_int_equal(pirq_map(dom, &map), -EOPNOTSUPP);
    map.entry_nr = 1;
    assert_int_equal(pirq_map(dom, &map), 0);
    map.type = 77;
    assert_int_equal(pirq_map(dom, &map), -EINVAL);
    assert_int_equal(map_gsi(dom, -1), -EINVAL);
    assert_int_equal(map_gsi(dom, FAKE_GSIS), -EINVAL);
    map = (struct physdev_map_pirq){.type = MAP_PIRQ_TYPE_GSI, .index = 6, .pirq = 1 << 30};
    assert_int_equal(pirq_map(dom, &map), -EINVAL);
    int a = pirq_reserve(dom, false), b = pirq_reserve(dom, false);

    assert_true(a > 0 && b > 0 && a != b);
    assert_int_equal(pirq_unmap(dom, a), 0);
    assert_int_equal(pirq_unmap(dom, -5), -EINVAL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_vectors),
        TEST(test_edge_line),
        TEST(test_io_apic_is_read_locked),
        TEST(test_level_line_waits_for_eoi),
        TEST(test_shared_line_waits_for_all),
        TEST(test_msi),
        TEST(test_msix),
        TEST(test_cpu_leaves),
        TEST(test_msix_unreachable),
        TEST(test_guest_cannot_write_messages),
        TEST(test_capability_list_in_a_circle),
        TEST(test_map_arguments),
        TEST(test_own_line_is_not_given_away), /* last: a handler is never taken away */
    };

    return cmocka_run_group_tests(tests, machine_setup, NULL);
}
