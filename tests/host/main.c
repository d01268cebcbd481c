/*
 * The host back end of kt.h: runs the tests that were linked in.
 *
 *     NAME [seed=N] [pattern]      pattern: part of "suite.name"
 */
#include "tests/host/host.h"
#include "tests/host/pool.h"
#include "tests/kt.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POOL_FIRST 1024u /* so that frame 0 stays the end of lists, and order-10 blocks are aligned */

void kt_fail(struct kt *kt, const char *file, int line, const char *cond, const char *fmt, ...)
{
    va_list ap;

    if (kt->failures++ >= 10)
        return;
    printf("# %s:%d: expected %s ", file, line, cond);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
}

void kt_note(struct kt *kt, const char *fmt, ...)
{
    va_list ap;

    (void)kt;
    fputs("# ", stdout);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
}

void *kt_alloc(size_t size)
{
    return malloc(size);
}

void kt_release(void *p)
{
    free(p);
}

void host_pool_begin(struct host_pool *hp, uint32_t frames, uint32_t high)
{
    uint32_t low = frames - high;

    *hp = (struct host_pool){.total = frames};
    hp->low = aligned_alloc(PAGE_SIZE, (size_t)low << PAGE_SHIFT);
    hp->high = high ? aligned_alloc(PAGE_SIZE, (size_t)high << PAGE_SHIFT) : NULL;
    hp->records = malloc(frames * sizeof *hp->records);
    if (!hp->low || !hp->records || (high && !hp->high))
        abort();
    frame_pool_init(&hp->pool, hp->records, POOL_FIRST, POOL_FIRST + frames, POOL_FIRST + low,
                    (uint8_t *)((uintptr_t)hp->low - ((size_t)POOL_FIRST << PAGE_SHIFT)));
    frame_add(&hp->pool, POOL_FIRST, POOL_FIRST + frames);
    frame_set_marks(&hp->pool);
}

void host_pool_end(struct kt *kt, struct host_pool *hp)
{
    EXPECT(frame_audit(&hp->pool), "frame audit after the test");
    EXPECT(frame_free_count(&hp->pool) == hp->total, "%u of %u frames came back", frame_free_count(&hp->pool),
           hp->total);
    free(hp->low);
    free(hp->high);
    free(hp->records);
}

struct frame_pool *kt_pool(struct kt *kt, uint32_t frames, uint32_t high)
{
    struct host_pool *hp = malloc(sizeof *hp);

    (void)kt;
    if (!hp)
        abort();
    host_pool_begin(hp, frames, high);
    return &hp->pool;
}

void kt_pool_done(struct kt *kt, struct frame_pool *p)
{
    struct host_pool *hp = container_of(p, struct host_pool, pool);

    host_pool_end(kt, hp);
    free(hp);
}

int main(int argc, char **argv)
{
    uint32_t seed = 20261120;
    const char *pattern = "";
    unsigned count = 0, passed = 0, failed = 0, skipped = 0;

    setvbuf(stdout, NULL, _IOLBF, 0);
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "seed=", 5) == 0)
            seed = (uint32_t)strtoul(argv[i] + 5, NULL, 0);
        else
            pattern = argv[i];
    }
    for (const struct kt_case *const *c = __start_ktests; c < __stop_ktests; c++) {
        char full[128];

        snprintf(full, sizeof full, "%s.%s", (*c)->suite, (*c)->name);
        if (!strstr(full, pattern))
            continue;
        struct kt kt = {.suite = (*c)->suite,
                        .name = (*c)->name,
                        .seed = seed,
                        .hosted = true,
                        .random = seed * 0x9E3779B97F4A7C15ULL + 1};
        host_idle = NULL;
        (*c)->fn(&kt);
        if (nosleep_depth() != 0)
            kt_fail(&kt, __FILE__, __LINE__, "nosleep_depth() == 0", "%u", nosleep_depth());
        count++;
        if (kt.failures) {
            failed++;
            printf("not ok %u %s # seed=%u\n", count, full, seed);
        } else if (kt.skip) {
            skipped++;
            printf("ok %u %s # SKIP %s\n", count, full, kt.skip);
        } else {
            passed++;
            printf("ok %u %s\n", count, full);
        }
    }
    printf("1..%u\n", count);
    printf("# seed %u; %u passed, %u failed, %u skipped\n", seed, passed, failed, skipped);
    return failed || count == 0;
}
