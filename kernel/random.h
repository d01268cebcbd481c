/* Random numbers that nobody can guess, as far as the machine has any chance in it. See random.c. */
#ifndef KERNEL_RANDOM_H
#define KERNEL_RANDOM_H

#include "mm/types.h"

/* n random bytes. Task context; does not sleep. */
void random_bytes(void *buf, size_t n);

#endif
