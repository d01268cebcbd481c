/* The end. */
#ifndef DRIVERS_POWER_H
#define DRIVERS_POWER_H

#include "mm/types.h"

/* End the machine: QEMU exits with 33 (ok) or 35 through isa-debug-exit; without that device it powers off;
 * elsewhere the processor stops. */
_Noreturn void power_exit(bool ok);
/* The first of these only: returns without the device. */
void power_debug_exit(bool ok);

/* Reset the machine: through the chipset, then through the keyboard controller. */
_Noreturn void power_restart(void);

#endif
