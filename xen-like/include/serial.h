/* SPDX-License-Identifier: MIT */
/* The 16550 at COM1, polled out, interrupt-driven in. */
#ifndef CORBEL_SERIAL_H
#define CORBEL_SERIAL_H

#include "types.h"

#define SERIAL_PORT 0x3f8
#define SERIAL_IRQ  4

void serial_init(uint32_t baud);
void serial_write(const char *text, size_t n); /* LF becomes CR LF */
void serial_irq_init(void);
void serial_poll(void);

#endif
