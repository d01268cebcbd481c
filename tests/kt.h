/*
 * The test interface. One source, two back ends: tests/host runs it as a
 * program under ASan and UBSan, kernel/selftest/ktest.c runs it in the booted kernel.
 * Both print KTAP version 1.
 *
 *     TEST(buddy, alloc_splits) { ... EXPECT(x == 1, "x %u", x); ... }
 *
 * EXPECT records a failure and goes on, REQUIRE returns from the test.
 */
#ifndef TESTS_KT_H
#define TESTS_KT_H

#include "mm/frame.h"
#include "mm/os.h"

struct kt {
    const char *suite, *name;
    uint32_t failures;
    const char *skip; /* reason, when skipped */
    uint32_t seed;    /* printed; repeat with seed=N */
    uint64_t random;  /* state of kt_random() */
    bool hosted;
};

struct kt_case {
    const char *suite, *name;
    void (*fn)(struct kt *);
};

/* All cases that were linked in; the linker makes the two names. */
extern const struct kt_case *const __start_ktests[], *const __stop_ktests[];

#define TEST(suite_, name_)                                                                                  \
    static void suite_##_##name_(struct kt *kt);                                                             \
    static const struct kt_case kt_case_##suite_##_##name_ = {#suite_, #name_, suite_##_##name_};            \
    static const struct kt_case *const kt_ptr_##suite_##_##name_ __attribute__((section("ktests"), used)) =  \
        &kt_case_##suite_##_##name_;                                                                         \
    static void suite_##_##name_(struct kt *kt __attribute__((unused)))

#define EXPECT(cond, ...)                                                                                    \
    do {                                                                                                     \
        if (!(cond))                                                                                         \
            kt_fail(kt, __FILE__, __LINE__, #cond, "" __VA_ARGS__);                                          \
    } while (0)

#define REQUIRE(cond, ...)                                                                                   \
    do {                                                                                                     \
        if (!(cond)) {                                                                                       \
            kt_fail(kt, __FILE__, __LINE__, #cond, "" __VA_ARGS__);                                          \
            return;                                                                                          \
        }                                                                                                    \
    } while (0)

void kt_fail(struct kt *kt, const char *file, int line, const char *cond, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
/* A diagnostic line. */
void kt_note(struct kt *kt, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static inline void kt_skip(struct kt *kt, const char *why)
{
    kt->skip = why;
}

/* xorshift64*; the state is seeded anew for every test. */
static inline uint32_t kt_random(struct kt *kt)
{
    kt->random ^= kt->random >> 12;
    kt->random ^= kt->random << 25;
    kt->random ^= kt->random >> 27;
    return (uint32_t)((kt->random * 0x2545F4914F6CDD1DULL) >> 32);
}

/* A number in [0, n), n > 0. */
static inline uint32_t kt_below(struct kt *kt, uint32_t n)
{
    return (uint32_t)(((uint64_t)kt_random(kt) * n) >> 32);
}

/* How many rounds a random test does: n on the host, n / 100 in the kernel. */
static inline uint32_t kt_rounds(const struct kt *kt, uint32_t n)
{
    return kt->hosted ? n : n / 100;
}

/*
 * A private pool of about `frames` frames (at least 64, at most 1024 in the kernel), of which the last `high`
 * are high frames (the kernel back end may give none). The kernel back end borrows them from the machine's
 * pool. NULL (and the test is skipped) when they cannot be had.
 */
struct frame_pool *kt_pool(struct kt *kt, uint32_t frames, uint32_t high);
/* Checks that every frame came back (else a failure), and returns the memory. */
void kt_pool_done(struct kt *kt, struct frame_pool *p);

/* Capture os_log() lines instead of printing them; kt_captured() then says whether any of them contains text.
 * Captures do not nest. */
void kt_capture_begin(void);
bool kt_captured(const char *text);
void kt_capture_end(void);

/* Plain memory for models: malloc on the host, kmalloc in the kernel. NULL when there is none. */
void *kt_alloc(size_t size);
void kt_release(void *p);

/* A pool as kt_pool() makes it, and zeroed memory for a model over it, to be given to kt_release() before
 * kt_pool_done(). NULL, and the test is skipped, when one of them cannot be had. */
static inline void *kt_world(struct kt *kt, uint32_t frames, uint32_t high, size_t size,
                             struct frame_pool **pool)
{
    void *w;

    *pool = kt_pool(kt, frames, high);
    w = *pool ? kt_alloc(size) : NULL;
    if (w) {
        memset(w, 0, size);
    } else if (*pool) {
        kt_skip(kt, "no memory for the model");
        kt_pool_done(kt, *pool);
    }
    return w;
}

/* Change one word, expect that verify says no and names the invariant, and put the word back. */
#define KT_BREAK(verify, id, word, value)                                                                    \
    do {                                                                                                     \
        __typeof__(word) saved_ = (word);                                                                    \
        (word) = (value);                                                                                    \
        kt_capture_begin();                                                                                  \
        bool sound_ = (verify);                                                                              \
        bool named_ = kt_captured("broken " id ":");                                                         \
        kt_capture_end();                                                                                    \
        (word) = saved_;                                                                                     \
        EXPECT(!sound_ && named_, "%s not reported for %s = %s", id, #word, #value);                         \
        EXPECT((verify), "mended %s", #word);                                                                \
    } while (0)

#endif
