/* The first serial port, 115200 8N1, polled. */
#ifndef DRIVERS_SERIAL_H
#define DRIVERS_SERIAL_H

#include "mm/types.h"

/* False when there is no port; writes are then ignored. */
bool serial_init(void);
void serial_putc(char c);

#endif
