/* What the simulator's core needs of a C library, in WebAssembly; see libc.c. */
#ifndef PLAYER_STDLIB_H
#define PLAYER_STDLIB_H

#include <stddef.h>

/* Memory of zeroes. NULL: the browser gives no more. */
void *malloc(size_t size);
void *calloc(size_t n, size_t size);
void *realloc(void *p, size_t size);
void *aligned_alloc(size_t align, size_t size);
void free(void *p);
_Noreturn void abort(void);

/* Where the next allocation lies at the earliest. */
size_t heap_end(void);

#endif
