/*
 * The allocators where every frame's address is its number: what a kernel has that maps all of RAM at 0. It
 * runs on the host, in memory at a fixed address, with the files that docs/lifting.md names and nothing
 * else of Quire.
 */
#include "mm/slab.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define START 0x20000000u
#define PAGES 256u

void os_log(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
}

void os_panic(const char *file, int line, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    printf("%s:%d: ", file, line);
    vprintf(fmt, ap);
    va_end(ap);
    abort();
}

static struct frame records[PAGES];

int main(void)
{
    pfn_t start = START >> PAGE_SHIFT, end = start + PAGES;
    static struct frame_pool pool;
    void *ram = mmap((void *)(uintptr_t)START, PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    void *p[1000];
    bool ok = true;

    if (ram != (void *)(uintptr_t)START)
        return 2;
    frame_pool_init(&pool, records, start, end, end, NULL); /* frame 0 is, or would be, at address 0 */
    frame_add(&pool, start, end);
    frame_set_marks(&pool);
    kmalloc_init(&kmalloc_sys, &pool);

    struct frame *f = frame_alloc(&pool, FRAME_KERNEL, FRAME_LOW_ONLY);

    ok &=
        f && frame_ptr(&pool, frame_pfn(&pool, f)) == (void *)((uintptr_t)frame_pfn(&pool, f) << PAGE_SHIFT);
    if (f)
        frame_free(&pool, f);
    for (unsigned i = 0; i < ARRAY_LEN(p); i++) {
        p[i] = kmalloc(1 + i % 300);
        ok &= (uintptr_t)p[i] >= START && (uintptr_t)p[i] < START + PAGES * PAGE_SIZE;
        if (p[i])
            memset(p[i], 0xA5, 1 + i % 300);
    }
    for (unsigned i = 0; i < ARRAY_LEN(p); i++)
        kfree(p[i]);
    ok &= kmalloc_fini(&kmalloc_sys) == 0 && frame_audit(&pool) && frame_free_count(&pool) == PAGES;
    puts(ok ? "all of it came back" : "something is wrong");
    return !ok;
}
