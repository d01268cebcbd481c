/* The first serial port, 115200 8N1. Output is polled, input comes by interrupt. See serial.c. */
#ifndef DRIVERS_SERIAL_H
#define DRIVERS_SERIAL_H

#include "mm/types.h"

/* False when there is no port; writes are then ignored. */
bool serial_init(void);
bool serial_is_there(void);
/* Write all of it. A port that is stuck loses characters, after a while: better than a hang. Any context. */
void serial_write(const char *text, size_t n);
/* Write as much as the port takes now, without waiting: 0 to SERIAL_BURST bytes. */
size_t serial_write_some(const char *text, size_t n);
#define SERIAL_BURST 16u
/*
 * Receive from now on. fn runs in the interrupt after characters have come. 0 or irq_register()'s -errno;
 * nothing happens without a port.
 */
int serial_listen(void (*fn)(void));
/* Take at most n received characters. Any context. */
size_t serial_read(uint8_t *out, size_t n);
/* Whether serial_read() has something to give. */
bool serial_readable(void);

#endif
