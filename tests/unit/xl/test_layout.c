/* SPDX-License-Identifier: MIT */
/* The start-of-day layout of a PV guest, walked the way the processor walks its tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "domain/layout.h"

#define LINUX_BASE  0xffffffff80000000ull
#define LINUX_P2M   0x8000000000ull
#define MIB         (1ull << 20)
#define MFN_OF(pfn) ((pfn)*3 + 0x10000) /* machine frames are scattered */
#define PTE_ADDRESS 0x000ffffffffff000ull

/* A guest whose page tables stand in memory. */
struct guest {
    struct layout layout;
    uint64_t *p2m;
    uint64_t (*tables)[512];
};

static struct layout_input linux_input(uint64_t mib, uint64_t ramdisk)
{
    return (struct layout_input){
        .virt_base = LINUX_BASE,
        .kernel_start = 16 * MIB,
        .kernel_end = 74 * MIB,
        .has_init_p2m = true,
        .init_p2m = LINUX_P2M,
        .can_leave_ramdisk_unmapped = true,
        .ramdisk_size = ramdisk,
        .n_pages = mib << 8,
    };
}

static void guest_build(struct guest *guest, const struct layout_input *input)
{
    const char *error = layout_plan(&guest->layout, input);

    if (error)
        fail_msg("not planned: %s", error);
    guest->p2m = calloc(input->n_pages, sizeof(uint64_t));
    for (uint64_t pfn = 0; pfn < input->n_pages; pfn++)
        guest->p2m[pfn] = MFN_OF(pfn);
    guest->tables = calloc(guest->layout.n_plan, sizeof(*guest->tables));
    for (size_t i = 0; i < guest->layout.n_plan; i++)
        layout_fill_table(&guest->layout, i, guest->p2m, guest->tables[i]);
}

static void guest_free(struct guest *guest)
{
    layout_free(&guest->layout);
    free(guest->p2m);
    free(guest->tables);
}

/* The entries of the table in a machine frame, by the frames the layout says it lies in. */
static const uint64_t *table_at(const struct guest *guest, uint64_t mfn)
{
    for (size_t i = 0; i < guest->layout.n_plan; i++)
        if (MFN_OF(layout_table_pfn(&guest->layout, i)) == mfn)
            return guest->tables[i];
    fail_msg("an entry points to frame %#llx, which is no table", (unsigned long long)mfn);
    return NULL;
}

/* The level 1 entry for an address, or 0. */
static uint64_t walk(const struct guest *guest, uint64_t va)
{
    uint64_t mfn = MFN_OF(guest->layout.tables.pfn);

    for (int level = 4; level >= 1; level--) {
        uint64_t entry = table_at(guest, mfn)[va >> (12 + 9 * (level - 1)) & 511];

        if (!(entry & 1) || level == 1)
            return entry;
        assert_int_equal(entry & 7, 7);
        mfn = (entry & PTE_ADDRESS) >> 12;
    }
    return 0;
}

static int in_range(const struct layout_range *range, uint64_t pfn)
{
    return pfn >= range->pfn && pfn < range->pfn + range->n;
}

/* Every frame is mapped where it belongs, writable unless it is a table; beyond the end nothing is.
 */
static void check_mapping(const struct guest *guest)
{
    const struct layout *layout = &guest->layout;
    uint64_t pfn;

    for (pfn = 0; pfn < layout->mapped_pfn_end; pfn++) {
        uint64_t entry = walk(guest, layout_virt(layout, pfn));
        int is_table = in_range(&layout->tables, pfn) || in_range(&layout->p2m_tables, pfn);

        if (pfn >= layout->n_pages) {
            assert_int_equal(entry, 0);
            continue;
        }
        assert_int_equal((entry & PTE_ADDRESS) >> 12, MFN_OF(pfn));
        assert_int_equal(entry & 2, is_table ? 0 : 2);
    }
    if (layout->is_p2m_apart) {
        for (uint64_t i = 0; i < layout->p2m.n; i++)
            assert_int_equal((walk(guest, layout->p2m_virt + i * 4096) & PTE_ADDRESS) >> 12,
                             MFN_OF(layout->p2m.pfn + i));
        assert_int_equal(walk(guest, layout->p2m_virt + layout->p2m.n * 4096), 0);
    }
    if (layout_virt(layout, pfn) > layout->virt_base)
        assert_int_equal(walk(guest, layout_virt(layout, pfn)), 0);
}

/* Nothing lies upon anything else, and all of it within the guest. */
static void check_places(const struct guest *guest, const struct layout_input *input)
{
    const struct layout *layout = &guest->layout;
    unsigned char *used = calloc(input->n_pages, 1);
    const struct layout_range kernel = {input->kernel_start >> 12,
                                        (input->kernel_end - input->kernel_start) >> 12};
    const struct layout_range ranges[] = {
        kernel,
        layout->ramdisk,
        layout->p2m,
        layout->p2m_tables,
        layout->tables,
        {layout->stack, 1},
        {layout->store, 1},
        {layout->console, 1},
        {layout->start_info, 1},
    };

    for (size_t r = 0; r < sizeof(ranges) / sizeof(ranges[0]); r++) {
        for (uint64_t pfn = ranges[r].pfn; pfn < ranges[r].pfn + ranges[r].n; pfn++) {
            assert_true(pfn < input->n_pages);
            assert_int_equal(used[pfn], 0);
            used[pfn] = 1;
        }
    }
    assert_int_equal(layout->n_plan, layout->tables.n + layout->p2m_tables.n);
    assert_true(layout->mapped_pfn_end % 1024 == 0);
    assert_true(layout->mapped_pfn_end - layout->stack - 1 >= 128);
    free(used);
}

static void lays_out_linux(void **state)
{
    static const uint64_t sizes[] = {96, 128, 256, 1000, 4096};

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct layout_input input = linux_input(sizes[i], 3 * MIB + 5);
        struct guest guest;

        guest_build(&guest, &input);
        check_places(&guest, &input);
        check_mapping(&guest);
        assert_false(guest.layout.is_ramdisk_mapped);
        assert_int_equal(guest.layout.ramdisk.n, 769);
        assert_int_equal(guest.layout.p2m.n, (sizes[i] << 8) / 512);
        guest_free(&guest);
    }
}

/* A kernel without notes: everything is mapped in one piece, the list and the ramdisk too. */
static void lays_out_a_plain_kernel(void **state)
{
    const struct layout_input input = {.virt_base = 0,
                                       .kernel_start = MIB,
                                       .kernel_end = 2 * MIB,
                                       .ramdisk_size = 10000,
                                       .n_pages = 8 << 8};
    struct guest guest;

    (void)state;
    guest_build(&guest, &input);
    check_places(&guest, &input);
    check_mapping(&guest);
    assert_true(guest.layout.is_ramdisk_mapped);
    assert_int_equal(guest.layout.ramdisk.pfn, 512);
    assert_int_equal(guest.layout.p2m_virt, layout_virt(&guest.layout, guest.layout.p2m.pfn));
    guest_free(&guest);
}

/* The p2m list may lie in the same level 4 slot as the kernel: tables are shared, not doubled. */
static void shares_tables(void **state)
{
    struct layout_input input = linux_input(128, 0);
    struct guest guest;

    (void)state;
    input.init_p2m = LINUX_BASE - (1ull << 30);
    guest_build(&guest, &input);
    check_places(&guest, &input);
    check_mapping(&guest);
    assert_int_equal(guest.layout.p2m_tables.n, 2); /* level 2 and 1; root and level 3 are there */
    guest_free(&guest);
}

static void refuses_what_cannot_be(void **state)
{
    struct layout_input input;
    struct layout layout;

    (void)state;
    input = linux_input(70, 0);
    assert_non_null(layout_plan(&layout, &input));
    layout_free(&layout);
    input = linux_input(96, 40 * MIB);
    assert_non_null(layout_plan(&layout, &input));
    layout_free(&layout);
    input = linux_input(128, 0);
    input.kernel_end = input.kernel_start;
    assert_non_null(layout_plan(&layout, &input));
    layout_free(&layout);
    input = linux_input(128, 0);
    input.virt_base = 0ull - MIB; /* the mapping would wrap */
    assert_non_null(layout_plan(&layout, &input));
    layout_free(&layout);
    input = linux_input(128, 0);
    input.init_p2m = 0ull - 4096;
    assert_non_null(layout_plan(&layout, &input));
    layout_free(&layout);
    input = linux_input(128, 0);
    input.init_p2m = 17;
    assert_non_null(layout_plan(&layout, &input));
    layout_free(&layout);
    input = linux_input(128, ~0ull);
    assert_non_null(layout_plan(&layout, &input));
    layout_free(&layout);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lays_out_linux),
        cmocka_unit_test(lays_out_a_plain_kernel),
        cmocka_unit_test(shares_tables),
        cmocka_unit_test(refuses_what_cannot_be),
    };

    return cmocka_run_group_tests_name("guest layout", tests, NULL, NULL);
}
