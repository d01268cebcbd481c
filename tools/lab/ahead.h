/* The kernel's reading ahead, mm/ahead.c, over a reference string: what is asked, and what would be read. */
#ifndef LAB_AHEAD_H
#define LAB_AHEAD_H

#include <stdbool.h>
#include <stdint.h>

/* Where a page is, as its table would say. */
enum lab_place { LAB_NOWHERE, LAB_ON_DISK, LAB_READ_AHEAD, LAB_MAPPED };

/* A page is to be read ahead; page: its number. From now on it is LAB_READ_AHEAD. */
typedef void (*lab_read_fn)(void *arg, uint32_t page);

/* Begin, for a program with so many frames. place: says of any page number where it is. */
void lab_ahead_begin(uint32_t frames, enum lab_place (*place)(void *arg, uint32_t page), lab_read_fn read,
                     void *arg);
/* The program wants a page that is on the disk, or that was read ahead and is mapped now. */
void lab_ahead_miss(uint32_t page);
void lab_ahead_touch(uint32_t page);

#endif
