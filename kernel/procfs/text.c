#include "kernel/procfs/text.h"
#include "kernel/lib/format.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/usercopy.h"
#include "mm/errno.h"

struct text_piece {
    struct text_piece *next;
    char data[PAGE_SIZE - sizeof(struct text_piece *)];
};
_Static_assert(sizeof(struct text_piece) == PAGE_SIZE, "a page");

#define PIECE sizeof(((struct text_piece *)0)->data)
#define SLACK 512u /* the next attempt may have a little more to say */

void text_free(struct text *t)
{
    while (t->first) {
        struct text_piece *p = t->first;

        t->first = p->next;
        kfree(p);
    }
    *t = (struct text){0};
}

void text_rewind(struct text *t)
{
    t->size = t->line = 0;
    t->end = t->at = t->first;
    t->at_pos = 0;
}

void text_cut(struct text *t, size_t size)
{
    t->size = t->line = size;
    t->end = t->at = t->first;
    t->at_pos = 0;
    for (size_t full = PIECE; full < size && t->end; full += PIECE)
        t->end = t->end->next;
}

static void append(struct text *t, struct text_piece *p)
{
    p->next = NULL;
    if (t->last)
        t->last->next = p;
    else
        t->first = t->end = t->at = p;
    t->last = p;
    t->capacity += PIECE;
}

void text_put(struct text *t, const char *s, size_t n)
{
    while (n) {
        size_t used = t->size % PIECE, take = PIECE - used < n ? PIECE - used : n;

        if (t->size == t->capacity) {
            struct text_piece *p = kmalloc(sizeof *p); /* no reclaim: text_extend() does it */

            if (p)
                append(t, p);
        }
        if (t->size < t->capacity) {
            if (used == 0 && t->size)
                t->end = t->end->next;
            memcpy(t->end->data + used, s, take);
        }
        t->size += take;
        s += take;
        n -= take;
    }
}

static void print_args(struct text *t, const char *fmt, va_list ap)
{
    char line[256];
    size_t n = format_args(line, sizeof line, fmt, ap);

    mm_assert(n < sizeof line, "\"%s\" makes %zu bytes", fmt, n);
    text_put(t, line, n);
    if (n && line[n - 1] == '\n')
        t->line = t->size;
}

void text_print(struct text *t, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    print_args(t, fmt, ap);
    va_end(ap);
}

void text_print_to(void *to, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    print_args(to, fmt, ap);
    va_end(ap);
}

/* "%-16s%8u kB\n" of "NAME:" and a number, by hand: programs read smaps of thousands of regions, two dozen
 * such lines each. */
void text_kib(struct text *t, const char *name, uint64_t kib)
{
    enum { NAME_WIDTH = 16, WIDTH = 8 };
    char line[NAME_WIDTH + WIDTH + 4] = "                        ";
    size_t n = 0, at = NAME_WIDTH + WIDTH;
    uint32_t low;

    while (n < NAME_WIDTH - 1 && name[n]) {
        line[n] = name[n];
        n++;
    }
    if (unlikely(name[n] || kib > 99999999u)) {
        text_print(t, "%s:%*s%8llu kB\n", name, name[n] ? 0 : (int)(NAME_WIDTH - 1 - n), "",
                   (unsigned long long)kib);
        return;
    }
    line[n] = ':';
    low = (uint32_t)kib;
    do
        line[--at] = (char)('0' + low % 10);
    while (low /= 10);
    memcpy(line + NAME_WIDTH + WIDTH, " kB\n", 4);
    text_put(t, line, sizeof line);
    t->line = t->size;
}

void text_pages(struct text *t, const char *name, uint32_t n)
{
    text_kib(t, name, KIB(n));
}

void text_column(struct text *t, size_t column)
{
    static const char blanks[] = "                                                                ";
    size_t have = t->size - t->line;

    if (have < column)
        text_put(t, blanks, column - have < sizeof blanks ? column - have : sizeof blanks - 1);
}

int text_extend(struct text *t)
{
    size_t want = t->size + SLACK;

    while (t->capacity < want) {
        struct text_piece *p = vm_alloc(sizeof *p);

        if (!p)
            return -ENOMEM;
        append(t, p);
    }
    return 0;
}

int text_read(struct text *t, uint64_t pos, vaddr_t buf, size_t n)
{
    size_t done = 0;

    if (pos >= t->size)
        return 0;
    if (n > t->size - pos)
        n = t->size - (size_t)pos;
    if (pos < t->at_pos) {
        t->at = t->first;
        t->at_pos = 0;
    }
    while (done < n) {
        size_t from, take;

        while ((size_t)pos + done - t->at_pos >= PIECE) {
            t->at = t->at->next;
            t->at_pos += PIECE;
        }
        from = (size_t)pos + done - t->at_pos;
        take = user_part(buf + done, PIECE - from < n - done ? PIECE - from : n - done);
        if (user_copy_out(buf + done, t->at->data + from, take))
            return done ? (int)done : -EFAULT;
        done += take;
    }
    return (int)done;
}
