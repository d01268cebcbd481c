/* What the parts of the tour (tour_*.c) share: telling, looking, counting, checking. */
#ifndef USER_TOUR_H
#define USER_TOUR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PAGE 4096u
#define SPAN (4u << 20) /* what one page table maps */
#define MIB  (1u << 20)
#define RW   (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
/* An address whose span of 4 MiB no other memory of the program has. */
#define ALONE ((uint8_t *)0x40000000)

/* --- the parts, in tour_page.c, tour_space.c, tour_machine.c, tour_policy.c, tour_large.c,
 * tour_forms.c, tour_heap.c, tour_segment.c, tour_tlb.c --- */

void tour_life(void);
void tour_fork(void);
void tour_sharers(void);
void tour_file(void);
void tour_refused(void);
void tour_space(void);
void tour_sizes(void);
void tour_memory(void);
void tour_allocators(void);
void tour_large_set(void);
void tour_policies(void);
void tour_belady(void);
void tour_midpoint(void);
void tour_vms(void);
void tour_table_out(void);
void tour_working_set(void);
void tour_thrashing(void);
void tour_oom(void);
void tour_why(void);
void tour_forms(void);
void tour_free_space(void);
void tour_segments(void);
void tour_tlb(void);
/* Print the reference string of tour_policies(). */
int tour_references(void);

/* --- telling (tour.c) --- */

/* Of a line, after two blanks. */
#define COLUMNS 76u

/* A heading inside a part. Waits for Enter before it, if somebody reads. */
void step(const char *title);
/* A sentence or two, which is broken into lines; and a line as it is. */
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void show(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Count a claim, and say if it does not hold. Returns whether it does. */
bool claim(bool holds, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The part, or what is left of it, needs what is not there: what, and how to boot it. */
void lacks(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Whether there is swap; says what is lacking if there is none. */
bool needs_swap(void);
/* Whether this is Quire, and says so if it is not. */
bool needs_quire(void);
/* A child is a child of the tour's: what it claims, it claims by its status. */
void in_child(void);
/* Claims of this process that did not hold. */
unsigned claims_failed(void);

/* --- somebody who reads over a pipe (tour_reader.c) --- */

/* From now on, if there is one, what is said is held back while a part runs; a part has ended; a signal ends
 * the tour. */
void reader_begin(void);
void reader_take(void);
void reader_interrupted(void);
/* After munlockall(): what is held back stays in memory. */
void reader_lock(void);

/* --- looking (tour_look.c) --- */

enum { PAGE_NOTHING, PAGE_PRESENT, PAGE_SWAPPED };
struct page {
    int state;
    bool sole, file;
    uint32_t number; /* of the frame, if we may know it; of the slot in its area */
    unsigned area;   /* of swap */
};
struct page page_of(const volatile void *p);
struct page page_of_pid(pid_t pid, const volatile void *p);
/* n pages from an address on, as they are at one moment, to out. */
void pages_of_pid(pid_t pid, const volatile void *p, size_t n, struct page *out);
/* In words; valid until the next call. */
const char *describe(const volatile void *p);
/* Where a swapped page is: "slot 7 of /dev/hda, byte 28672". Valid until the next call. */
const char *place_of(struct page g);
/* Read a page of a swap area as it is on the disk. */
bool read_slot(struct page g, void *buf);
/* Whether a page is in memory, mapped or in the swap cache. */
bool in_core(const volatile void *p);
/* Put the pages out and wait until they are written. False: they stayed. */
bool page_out(const volatile void *p, size_t size);

/* The number behind a name in a file of lines "name number" or "name: number". -1: none. */
long number_in(const char *file, const char *name);
long number_of_pid(pid_t pid, const char *file, const char *name);
/* The first line of a file that begins so, without its end; "" if there is none. Valid until the next call.
 */
const char *line_in(const char *file, const char *begins);
double microseconds(void);
/* Print a file's lines as they are, but for those that are too long. */
void show_file(const char *file);
/* So much memory programs could still have without swapping, and free swap: bytes. */
uint64_t available(void);
uint64_t free_swap(void);

/* /proc/sys/vm/NAME: what it is set to comes back as it was at the end of the part. */
bool set_vm(const char *name, const char *value);
bool set_vm_number(const char *name, unsigned value);
void restore_vm(void);

/* --- doing --- */

/* Fresh zeroes; ends the tour if there is no address space. */
uint8_t *map(size_t size);
/* A page table's span of zeroes at ALONE. */
uint8_t *map_alone(size_t size);
uint32_t mixed(uint32_t n);
int wait_for(pid_t pid); /* the status, or -1 */
/* Fork, with what was said written. In the child in_child() was called. */
pid_t split(void);
/* Touch so many fresh pages and give them back: whatever has to go for them, goes. */
void squeeze(unsigned pages);

/* Another program that does as it is told: reads and writes words of the memory that it has by fork. */
struct actor {
    pid_t pid;
    int to, from;
};
struct answer {
    uint32_t value;
    long minor, major; /* faults that the access took */
    struct page page;  /* afterwards */
};
bool actor_start(struct actor *a);
void actor_end(struct actor *a);
struct answer actor_read(struct actor *a, const volatile uint32_t *at);
struct answer actor_write(struct actor *a, volatile uint32_t *at, uint32_t value);
/* The same by the tour itself. */
struct answer self_read(const volatile uint32_t *at);
struct answer self_write(volatile uint32_t *at, uint32_t value);

/* --- counting: /proc/quire/counters --- */

#define COUNTERS 32
struct counts {
    int64_t value[COUNTERS];
};
/* A list of them ends with a name of NULL. */
struct change {
    const char *name;
    int by;
};
/* Needs quiet(): nothing of the tour's own faults any more. */
void count(struct counts *c);
int64_t changed(const struct counts *since, const char *name);
int64_t between(const struct counts *since, const struct counts *until, const char *name);
/* Show every counter that changed, and claim that these did, by so much, and no others. */
void expect(const struct counts *since, const struct change *want);
/* Have all that the tour itself needs in memory and mapped, and locked there, so that what is counted is
 * what is looked at. What is to be looked at is mapped later, or unlocked. And end that. */
void quiet(void);
/* After a fork: have one's own copy of it. */
void settle(void);
void quiet_end(void);

#endif
