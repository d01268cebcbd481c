/* Random numbers that nobody can guess, as far as the machine has any chance in it. See random.c. */
#ifndef KERNEL_DEV_RANDOM_H
#define KERNEL_DEV_RANDOM_H

#include "mm/types.h"

/* Gather a seed. After time_init(). */
void random_init(void);
/* n random bytes. Task context; does not sleep. */
void random_bytes(void *buf, size_t n);
/* Stir in something that may be unknown to others. It cannot make the numbers worse. */
void random_mix(const void *data, size_t n);

/* For the test: the ChaCha20 block function (RFC 8439, 2.3) of a state of 16 words. */
void random_chacha20(uint32_t out[16], const uint32_t state[16]);

#endif
