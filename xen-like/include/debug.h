/* SPDX-License-Identifier: MIT */
/* Symbols and backtraces. */
#ifndef CORBEL_DEBUG_H
#define CORBEL_DEBUG_H

#include "types.h"

/* The function that holds `addr` in the image and the offset in it, or NULL. */
const char *symbol_find(uint64_t addr, uint64_t *offset);
/* The functions of the image in the order of their addresses: the name of number `n`, below
 * symbol_count. */
uint32_t symbol_count(void);
const char *symbol_get(uint32_t n, uint64_t *addr);
/* Prints `rip` and the return addresses found through the frame pointers from `rbp`. */
void backtrace_print(uint64_t rip, uint64_t rbp);

/* Debug console: one key, its handler, one line of help. */
struct console_key {
    char key;
    void (*fn)(void);
    const char *help;
};
/* Runs the handler of `key`; says so when there is none. */
void console_key_press(char key);

#endif
