/* SPDX-License-Identifier: MIT */
/* ACPI tables from a synthetic memory: found, checked, read; and broken ones left out without harm.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "arch/acpi.h"
#include "arch/cpu.h"
#include "arch/numa.h"
#include "console.h"
#include "lib/bytes.h"

#define MEMORY (2u << 20)
#define RSDP   0xf5000u
#define RSDT   0x100000u
#define XSDT   0x101000u
#define MADT   0x102000u
#define FADT   0x103000u
#define MCFG   0x104000u

struct numa_info numa;
static uint8_t *memory;

/* A copy of exactly what was asked for, so that the sanitizer sees a read beyond it. */
static void *copies[4096];
static unsigned int n_copies;

void *ioremap(paddr_t addr, size_t len)
{
    if (addr + len > MEMORY || addr + len < addr)
        return NULL;
    assert_true(n_copies < 4096);
    void *copy = malloc(len);

    memcpy(copy, memory + addr, len);
    copies[n_copies++] = copy;
    return copy;
}

void printk(enum log_level level, const char *fmt, ...)
{
    (void)level;
    (void)fmt;
}

static void fix_sum(uint32_t at, uint32_t len, uint32_t where)
{
    uint8_t sum = 0;

    memory[at + where] = 0;
    for (uint32_t i = 0; i < len; i++)
        sum = (uint8_t)(sum + memory[at + i]);
    memory[at + where] = (uint8_t)-sum;
}

static void finish(uint32_t at, const char *signature, uint32_t len)
{
    memcpy(memory + at, signature, 4);
    store_le32(memory + at + 4, len);
    fix_sum(at, len, 9);
}

static void make_madt(void)
{
    static const uint8_t entries[] = {
        0, 8,  0, 0, 1, 0, 0,    0,                               /* CPU 0 */
        0, 8,  1, 1, 1, 0, 0,    0,                               /* CPU 1 */
        0, 8,  2, 2, 0, 0, 0,    0,                               /* not there */
        1, 12, 0, 0, 0, 0, 0xc0, 0xfe, 0,    0, 0, 0,             /* I/O APIC */
        2, 10, 0, 0, 2, 0, 0,    0,    0,    0,                   /* IRQ 0 is GSI 2 */
        2, 10, 0, 9, 9, 0, 0,    0,    0x0d, 0,                   /* IRQ 9: level, high */
        9, 16, 0, 0, 0, 1, 0,    0,    1,    0, 0, 0, 7, 0, 0, 0, /* x2APIC id 256 */
        5, 12, 0, 0, 0, 0, 0xe1, 0xfe, 0,    0, 0, 0,             /* LAPIC elsewhere */
        0, 0,                                                     /* nonsense: length 0 ends it */
    };

    store_le32(memory + MADT + 36, 0xfee00000);
    memcpy(memory + MADT + 44, entries, sizeof(entries));
    finish(MADT, "APIC", 44 + sizeof(entries));
}

static void make_fadt(void)
{
    memory[FADT + 46] = 9;
    store_le32(memory + FADT + 64, 0x604);
    store_le32(memory + FADT + 76, 0x608);
    store_le32(memory + FADT + 112, 1u << 10);
    memory[FADT + 116] = 1;
    memory[FADT + 117] = 8;
    store_le64(memory + FADT + 120, 0xcf9);
    memory[FADT + 128] = 0x0f;
    memory[FADT + 184] = 1; /* X_PM1b_CNT: port 0x700 */
    store_le64(memory + FADT + 188, 0x700);
    finish(FADT, "FACP", 244);
}

static void make_mcfg(void)
{
    store_le64(memory + MCFG + 44, 0xb0000000);
    memory[MCFG + 55] = 255;
    memory[MCFG + 60 + 10] = 9; /* a second area that ends before it begins */
    finish(MCFG, "MCFG", 44 + 32);
}

static void make_roots(void)
{
    memcpy(memory + RSDP, "RSD PTR ", 8);
    memory[RSDP + 15] = 2;
    store_le32(memory + RSDP + 16, RSDT);
    store_le32(memory + RSDP + 20, 36);
    store_le64(memory + RSDP + 24, XSDT);
    fix_sum(RSDP, 20, 8);
    fix_sum(RSDP, 36, 32);
    store_le32(memory + RSDT + 36, MADT);
    finish(RSDT, "RSDT", 40);
    store_le64(memory + XSDT + 36, FADT);
    store_le64(memory + XSDT + 44, MADT);
    store_le64(memory + XSDT + 52, MCFG);
    store_le64(memory + XSDT + 60, 0xfffffffffffff000); /* leads nowhere */
    finish(XSDT, "XSDT", 68);
}

static int setup(void **state)
{
    (void)state;
    memory = calloc(1, MEMORY);
    make_madt();
    make_fadt();
    make_mcfg();
    make_roots();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    while (n_copies)
        free(copies[--n_copies]);
    free(memory);
    return 0;
}

static void check_cpus(void)
{
    assert_int_equal(acpi.n_cpus, 3);
    assert_int_equal(acpi.cpu[1].apic_id, 1);
    assert_int_equal(acpi.cpu[2].apic_id, 256);
    assert_int_equal(acpi.cpu[2].acpi_id, 7);
}

static void test_found_in_bios_area(void **state)
{
    (void)state;
    acpi_init(0);
    assert_int_equal(acpi.rsdp, RSDP);
    check_cpus();
    assert_int_equal(acpi.lapic_base, 0xfee10000);
    assert_int_equal(acpi.n_ioapics, 1);
    assert_int_equal(acpi.ioapic[0].base, 0xfec00000);
    assert_int_equal(acpi.isa[0].gsi, 2);
    assert_false(acpi.isa[0].level);
    assert_true(acpi.isa[9].level);
    assert_false(acpi.isa[9].low);
    assert_int_equal(acpi.isa[4].gsi, 4);
    assert_int_equal(acpi.pm1a_cnt, 0x604);
    assert_int_equal(acpi.pm1b_cnt, 0x700);
    assert_int_equal(acpi.pm_timer_port, 0x608);
    assert_true(acpi.reset.valid);
    assert_int_equal(acpi.reset.addr, 0xcf9);
    assert_int_equal(acpi.reset.value, 0x0f);
    assert_int_equal(acpi.n_mcfg, 1);
    assert_int_equal(acpi.mcfg[0].base, 0xb0000000);
    assert_int_equal(acpi.mcfg[0].bus_end, 255);
}

static void test_found_in_ebda(void **state)
{
    (void)state;
    memcpy(memory + 0x9fc20, memory + RSDP, 36);
    memset(memory + RSDP, 0, 36);
    memory[0x40e] = 0xc0;
    memory[0x40f] = 0x9f;
    acpi_init(0);
    assert_int_equal(acpi.rsdp, 0x9fc20);
    check_cpus();
}

static void test_hint(void **state)
{
    (void)state;
    memcpy(memory + 0x180000, memory + RSDP, 36);
    memset(memory + RSDP, 0, 36);
    acpi_init(0x180000);
    check_cpus();
}

static void test_bad_xsdt_falls_back(void **state)
{
    (void)state;
    memory[XSDT + 40] ^= 1;
    acpi_init(0);
    check_cpus();
    assert_int_equal(acpi.pm1a_cnt, 0); /* the RSDT names the MADT alone */
}

static void test_bad_checksum(void **state)
{
    (void)state;
    memory[MADT + 50] ^= 4;
    acpi_init(0);
    assert_int_equal(acpi.n_cpus, 0);
    assert_int_equal(acpi.pm1a_cnt, 0x604);
}

static void test_bad_lengths(void **state)
{
    static const uint32_t lengths[] = {0, 4, 35, 36, 43, 45, 0x7fffffff, 0xffffffff};

    (void)state;
    for (unsigned int i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        store_le32(memory + MADT + 4, lengths[i]);
        if (lengths[i] >= 36 && lengths[i] < 4096)
            fix_sum(MADT, lengths[i], 9);
        acpi_init(0);
        assert_int_equal(acpi.n_cpus, 0);
    }
}

static void test_entry_past_end(void **state)
{
    (void)state;
    finish(MADT, "APIC", 44 + 8 + 7); /* the second CPU's entry is cut by a byte */
    acpi_init(0);
    assert_int_equal(acpi.n_cpus, 1);
}

static void test_nothing(void **state)
{
    (void)state;
    memset(memory, 0, MEMORY);
    acpi_init(0);
    assert_int_equal(acpi.rsdp, 0);
    assert_int_equal(acpi.n_cpus, 0);
    assert_int_equal(acpi.isa[7].gsi, 7);
    acpi_init(0xfffffffffffffff0);
    assert_int_equal(acpi.rsdp, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_found_in_bios_area, setup, teardown),
        cmocka_unit_test_setup_teardown(test_found_in_ebda, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hint, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_xsdt_falls_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_checksum, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_lengths, setup, teardown),
        cmocka_unit_test_setup_teardown(test_entry_past_end, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nothing, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
