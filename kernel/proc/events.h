/* The machine's ring of page events, and its records as text. See mm/event.h. */
#ifndef KERNEL_PROC_EVENTS_H
#define KERNEL_PROC_EVENTS_H

#include "mm/event.h"

/* Give vm_sys's ring the memory that events= says, by default a part of the RAM; after vm_sys_init(). Without
 * memory there is a line, and the ring stays the smallest. Panics show events from here on. */
void events_init(void);

#define EVENT_LINE 224u /* bytes that a line needs at most, with its end */

/* A line without its newline: number, time in us, kind, frame, whose page, details. pid_of: the process of a
 * space's number, or -1; NULL: processes are not asked about. Its length. */
size_t event_line(char *buf, size_t size, const struct event_record *e, uint64_t number,
                  int (*pid_of)(uint32_t space));
/* When it was, in ns since boot. */
uint64_t event_ns(const struct event_record *e);
/* Whether it speaks of the page at a program's address, by its place or by its range; of families and spaces
 * alike. */
bool event_is_at(const struct event_record *e, vaddr_t va);

#endif
