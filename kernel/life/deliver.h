/* The way back to ring 3. See deliver.c. */
#ifndef KERNEL_LIFE_DELIVER_H
#define KERNEL_LIFE_DELIVER_H

struct trap_frame;

/* Deliver: run handlers' frames, stop, or die; and turn -ERESTART* of an interrupted call into -EINTR or a
 * restart. On the way to ring 3, when TASK_WORK_SIGNAL is set. Sleeps; may not return. */
void signal_deliver(struct trap_frame *tf);

#endif
