/*
 * Bytes in a row.
 *
 * Data. A ring that doubles when it is full, up to its owner's limit, and is let go to its first size when it
 * becomes empty: what many of them take is what is in them, not what could be.
 *
 *     INV-FIFO-1  tail <= head <= tail + size, and the size is a power of two, FIFO_LEAST at least
 *
 * Locking: the owner's; between sleeps.
 *
 * Failure: without memory to grow it is as large as it is, until it has been empty.
 */
#include "kernel/dev/fifo.h"
#include "kernel/vm/vm_sys.h"
#include "mm/errno.h"
#include "mm/os.h"
#include "mm/slab.h"

int fifo_init(struct fifo *f)
{
    uint8_t *bytes = vm_alloc(FIFO_LEAST);

    if (!bytes)
        return -ENOMEM;
    *f = (struct fifo){.bytes = bytes, .size = FIFO_LEAST};
    return 0;
}

void fifo_free(struct fifo *f)
{
    kfree(f->bytes);
    *f = (struct fifo){0};
}

size_t fifo_room(const struct fifo *f, size_t limit)
{
    size_t most = f->stuck && f->size < limit ? f->size : limit;

    return fifo_used(f) < most ? most - fifo_used(f) : 0;
}

/* The part of [from, from + n) that lies in one piece. */
static size_t piece(const struct fifo *f, uint32_t from, size_t n)
{
    uint32_t at = from & (f->size - 1);

    return n < f->size - at ? n : f->size - at;
}

static void copy_in(struct fifo *f, const char *text, size_t n)
{
    while (n > 0) {
        size_t part = piece(f, f->head, n);

        memcpy(f->bytes + (f->head & (f->size - 1)), text, part);
        f->head += part;
        text += part;
        n -= part;
    }
}

static void copy_out(struct fifo *f, uint8_t *out, size_t n)
{
    while (n > 0) {
        size_t part = piece(f, f->tail, n);

        memcpy(out, f->bytes + (f->tail & (f->size - 1)), part);
        f->tail += part;
        out += part;
        n -= part;
    }
}

/* Have room for n bytes more, if there is memory. */
static void grow(struct fifo *f, size_t n)
{
    size_t size = f->size, used;
    uint8_t *bytes;

    while (size < fifo_used(f) + n)
        size *= 2;
    if (size == f->size)
        return;
    bytes = kmalloc(size); /* no reclaim: it stays as it is then, and what is put waits for who takes */
    if (!bytes) {
        f->stuck = fifo_used(f) > 0;
        return;
    }
    used = fifo_used(f);
    copy_out(f, bytes, used);
    kfree(f->bytes);
    f->bytes = bytes;
    f->size = (uint32_t)size;
    f->tail = 0;
    f->head = (uint32_t)used;
}

size_t fifo_put(struct fifo *f, const char *text, size_t n, size_t limit)
{
    size_t room = fifo_room(f, limit);

    if (n > room)
        n = room;
    grow(f, n);
    if (n > f->size - fifo_used(f))
        n = f->size - fifo_used(f);
    copy_in(f, text, n);
    return n;
}

/* It is empty: give back what it grew by. */
static void shrink(struct fifo *f)
{
    uint8_t *bytes;

    f->stuck = false;
    if (f->size == FIFO_LEAST)
        return;
    bytes = kmalloc(FIFO_LEAST); /* no reclaim: it stays as it is then */
    if (!bytes)
        return;
    kfree(f->bytes);
    f->bytes = bytes;
    f->size = FIFO_LEAST;
}

size_t fifo_take(struct fifo *f, char *out, size_t n)
{
    if (n > fifo_used(f))
        n = fifo_used(f);
    copy_out(f, (uint8_t *)out, n);
    if (n && !fifo_used(f))
        shrink(f);
    return n;
}

void fifo_cut(struct fifo *f, size_t n)
{
    if (fifo_used(f) <= n)
        return;
    f->head = f->tail + (uint32_t)n;
    if (!n)
        shrink(f);
}

bool fifo_verify(const struct fifo *f)
{
    bool ok = true;

    INV("INV-FIFO-1", fifo_used(f) <= f->size && f->size >= FIFO_LEAST && (f->size & (f->size - 1)) == 0,
        "tail %u, head %u, size %u", f->tail, f->head, f->size);
    return ok;
}
