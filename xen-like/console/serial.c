/* SPDX-License-Identifier: MIT */
/* A 16550 UART (National Semiconductor PC16550D data sheet). */
#include "serial.h"
#include "arch/cpu.h"
#include "console.h"
#include "console_input.h"
#include "irq.h"

enum { RBR = 0, IER = 1, FCR = 2, IIR = 2, LCR = 3, MCR = 4, LSR = 5 };
#define LSR_DATA    0x01
#define LSR_THRE    0x20
#define FIFO_SIZE   16
#define TX_PATIENCE 100000 /* polls before a silent UART is given up for this character */

void serial_init(uint32_t baud)
{
    uint16_t divisor = (uint16_t)(115200 / (baud ? baud : 115200));

    cpu_outb(SERIAL_PORT + IER, 0);
    cpu_outb(SERIAL_PORT + LCR, 0x80);
    cpu_outb(SERIAL_PORT + 0, (uint8_t)divisor);
    cpu_outb(SERIAL_PORT + 1, (uint8_t)(divisor >> 8));
    cpu_outb(SERIAL_PORT + LCR, 0x03); /* 8n1 */
    cpu_outb(SERIAL_PORT + FCR, 0x07);
    cpu_outb(SERIAL_PORT + MCR, 0x0b); /* DTR, RTS, OUT2 lets interrupts out */
}

static unsigned int tx_room;

static void put(char c)
{
    if (tx_room == 0) {
        for (unsigned int i = 0; i < TX_PATIENCE && !(cpu_inb(SERIAL_PORT + LSR) & LSR_THRE); i++)
            cpu_relax();
        tx_room = FIFO_SIZE;
    }
    cpu_outb(SERIAL_PORT, (uint8_t)c);
    tx_room--;
}

void serial_write(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '\n')
            put('\r');
        put(text[i]);
    }
}

void serial_poll(void)
{
    for (unsigned int i = 0; i < 64 && (cpu_inb(SERIAL_PORT + LSR) & LSR_DATA); i++)
        console_input_char((char)cpu_inb(SERIAL_PORT + RBR));
}

static void serial_interrupt(void *data)
{
    (void)data;
    cpu_inb(SERIAL_PORT + IIR);
    serial_poll();
}

void serial_irq_init(void)
{
    if (irq_request_isa(SERIAL_IRQ, VECTOR_SERIAL, serial_interrupt, NULL)) {
        printk(LOG_WARN, "serial: no interrupt for COM1, input is off\n");
        return;
    }
    cpu_outb(SERIAL_PORT + IER, 0x01);
}
