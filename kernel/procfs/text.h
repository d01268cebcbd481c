/*
 * Text that grows as it is written, for files that are made up when they are read. In pieces of a page, so
 * that length costs no large block. Writing never sleeps: what finds no memory is only counted, and
 * text_extend() makes room for the next attempt.
 */
#ifndef KERNEL_PROCFS_TEXT_H
#define KERNEL_PROCFS_TEXT_H

#include <stdarg.h>

#include "mm/types.h"

struct text_piece;

struct text {
    struct text_piece *first, *last; /* all there are */
    struct text_piece *end;          /* that is written to */
    size_t size;                     /* what was written, kept or not */
    size_t capacity;
    size_t line;           /* where the line at the end begins */
    struct text_piece *at; /* where the last text_read() ended, and the position of its beginning */
    size_t at_pos;
};

/* Zero-filled is empty. */
void text_free(struct text *t);
/* Forget what is written; the memory stays. */
void text_rewind(struct text *t);
/* Take back what was written from a position on, which ends a line. */
void text_cut(struct text *t, size_t size);
void text_put(struct text *t, const char *s, size_t n);
/* At most 255 bytes. */
void text_print(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same for those who are handed a file_print_fn (kernel/fs/vfs.h): `to` is a struct text. */
void text_print_to(void *to, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Kilobytes of so many pages, and Linux's line of a name and kilobytes (meminfo, smaps). */
#define KIB(pages) ((uint64_t)(pages) << (PAGE_SHIFT - 10))
void text_kib(struct text *t, const char *name, uint64_t kib);
void text_pages(struct text *t, const char *name, uint32_t n);
/* Fill the line with blanks up to a column, counted from 0; nothing if it is longer already. */
void text_column(struct text *t, size_t column);
/* Whether all of it is kept. */
static inline bool text_complete(const struct text *t)
{
    return t->size <= t->capacity;
}
/* Have room for what was written last, and a little more. 0 or -ENOMEM. Sleeps. */
int text_extend(struct text *t);
/* Copy up to n bytes from pos to the program: how many, 0 at the end, or -EFAULT. Sleeps. */
int text_read(struct text *t, uint64_t pos, vaddr_t buf, size_t n);

#endif
