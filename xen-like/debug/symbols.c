/* SPDX-License-Identifier: MIT */
/* Symbolised backtraces; the table is made by tools/build/symbols.sh. */
#include "arch/paging.h"
#include "console.h"
#include "debug.h"

struct symbol {
    uint32_t offset, name;
};
extern const struct symbol symtab_entries[];
extern const uint32_t symtab_count;
extern const char symtab_names[];
extern char __text_start[], __text_end[], __image_start[], __image_end[];

const char *symbol_find(uint64_t addr, uint64_t *offset)
{
    uint32_t lo = 0, hi = symtab_count;

    if (addr < (uint64_t)__text_start || addr >= (uint64_t)__text_end)
        return NULL;
    uint64_t off = addr - VIRT_BASE;
    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        if (symtab_entries[mid].offset <= off)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo == 0)
        return NULL;
    *offset = off - symtab_entries[lo - 1].offset;
    return symtab_names + symtab_entries[lo - 1].name;
}

uint32_t symbol_count(void)
{
    return symtab_count;
}

const char *symbol_get(uint32_t n, uint64_t *addr)
{
    *addr = VIRT_BASE + symtab_entries[n].offset;
    return symtab_names + symtab_entries[n].name;
}

static void print_address(uint64_t addr)
{
    uint64_t offset;
    const char *name = symbol_find(addr, &offset);
    if (name)
        printk(LOG_ERR, "   [%016lx] %s+%#lx\n", addr, name, offset);
    else
        printk(LOG_ERR, "   [%016lx]\n", addr);
}

void backtrace_print(uint64_t rip, uint64_t rbp)
{
    printk(LOG_ERR, "Backtrace:\n");
    print_address(rip);
    for (unsigned int depth = 0; depth < 16; depth++) {
        if (rbp < (uint64_t)__image_start || rbp + 16 > (uint64_t)__image_end || (rbp & 7))
            break;
        uint64_t ret = ((const uint64_t *)rbp)[1], next = ((const uint64_t *)rbp)[0];
        uint64_t offset;
        if (!symbol_find(ret, &offset))
            break;
        print_address(ret);
        if (next <= rbp)
            break;
        rbp = next;
    }
}
