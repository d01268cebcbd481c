/* The two 8259A interrupt controllers, and who gets which interrupt. */
#ifndef DRIVERS_PIC_H
#define DRIVERS_PIC_H

#include "mm/types.h"

#define IRQ_COUNT  16u
#define IRQ_VECTOR 32u /* of IRQ 0 */

/* Everything masked, IRQ 0 to 15 at vectors 32 to 47. */
void pic_init(void);

/*
 * Call fn(arg), with interrupts off, for every interrupt of this line, and unmask it. Handlers of one line
 * are called in the order of registration. name is for people and stays valid. 0, -EINVAL (no such line),
 * -ENOMEM (too many handlers).
 */
int irq_register(unsigned irq, const char *name, void (*fn)(void *arg), void *arg);
/* From the trap code: run the handlers and acknowledge. A spurious interrupt is counted and dropped. */
void irq_dispatch(unsigned irq);
/* Of the controllers' own noise since boot. */
unsigned irq_spurious(void);
/* The names of the handlers of a line, one after the other; NULL: there are no more. */
const char *irq_name(unsigned irq, unsigned handler);
/* Interrupts of a line (below IRQ_COUNT) since boot, noise included. */
uint64_t irq_count(unsigned irq);

#endif
