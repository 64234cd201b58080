/* SPDX-License-Identifier: MIT */
/* What the boot loader told us, in our own form (filled by arch/x86/boot/multiboot.c). */
#ifndef CORBEL_BOOT_H
#define CORBEL_BOOT_H

#include "types.h"

#define BOOT_MAX_MODULES 8
#define BOOT_MAX_REGIONS 128
#define BOOT_CMDLINE_MAX 2048

/* Types of memory as the firmware's E820 numbers them. */
#define E820_RAM      1
#define E820_RESERVED 2
#define E820_ACPI     3
#define E820_NVS      4
#define E820_UNUSABLE 5

struct boot_region {
    paddr_t addr;
    uint64_t len;
    uint32_t type;
};

struct boot_module {
    paddr_t addr;
    uint64_t len;
    char cmdline[BOOT_CMDLINE_MAX];
};

/* The screen as the loader left it. */
enum boot_screen_kind { BOOT_SCREEN_NONE, BOOT_SCREEN_TEXT, BOOT_SCREEN_FRAME };
struct boot_colour {
    uint8_t position, size; /* bits */
};
struct boot_screen {
    enum boot_screen_kind kind;
    paddr_t base; /* the rest: of a framebuffer */
    uint32_t pitch, width, height, bits;
    struct boot_colour red, green, blue;
};

struct boot_info {
    char loader[64];
    char cmdline[BOOT_CMDLINE_MAX];
    unsigned int n_modules, n_regions;
    struct boot_module module[BOOT_MAX_MODULES];
    struct boot_region region[BOOT_MAX_REGIONS]; /* sorted, not overlapping */
    struct boot_screen screen;
    paddr_t rsdp; /* copy inside the loader's data, 0 = search */
};
extern struct boot_info boot_info;

/* Parses the loader's information (physical address `info`, mapped by the boot tables). Panics when
 * unusable. */
void multiboot_parse(uint32_t magic, paddr_t info);

/* Command-line settings (init/cmdline.c), read-only after boot. */
struct boot_options {
    uint64_t dom0_mem, dom0_mem_min, dom0_mem_max; /* bytes; 0 = not given */
    unsigned int dom0_max_vcpus;
    bool noreboot;
    bool watchdog;
    bool x2apic;     /* wherever the CPUs have it, not only where it is needed */
    bool sched_core; /* threads of a core never run vCPUs of two domains */
    bool com1_given;
    uint32_t com1_baud;
    bool console_com1, console_vga, vga_keep;
    unsigned int loglvl, guest_loglvl; /* enum log_level */
};
extern struct boot_options boot_options;
/* Parses boot_info.cmdline; unknown words are remembered and told once by cmdline_report(). */
void cmdline_init(void);
void cmdline_report(void);

/* Machine memory map, sorted (a copy of boot_info's regions after clipping): what dom0 is told. */
#endif
