/* Steps of tests of whole spaces, which check what every caller expects. */
#ifndef TESTS_VTCHECK_H
#define TESTS_VTCHECK_H

#include "tests/vt.h"

#define RW (REGION_READ | REGION_WRITE)

static inline void read_ok(struct kt *kt, int line, struct space *s, vaddr_t va, uint32_t want)
{
    uint32_t got = 0xDEADBEEF;
    enum fault_verdict v = vt_read(s, va, &got);

    EXPECT(v == FAULT_RESUME, "line %d, reading %x: %s", line, va, fault_verdict_name(v));
    EXPECT(got == want, "line %d: %x holds %x, not %x", line, va, got, want);
}

static inline void write_ok(struct kt *kt, int line, struct space *s, vaddr_t va, uint32_t value)
{
    enum fault_verdict v = vt_write(s, va, value);

    EXPECT(v == FAULT_RESUME, "line %d, writing %x: %s", line, va, fault_verdict_name(v));
}

/* Read or write and expect success. */
#define READ(s, va, want)   read_ok(kt, __LINE__, s, (vaddr_t)(va), want)
#define WRITE(s, va, value) write_ok(kt, __LINE__, s, (vaddr_t)(va), value)

/* Run a statement and expect that it takes this many hardware faults. */
#define FAULTS(vm_, n, ...)                                                                                  \
    do {                                                                                                     \
        uint64_t before_ = (vm_)->stats.faults;                                                              \
        __VA_ARGS__;                                                                                         \
        EXPECT((vm_)->stats.faults - before_ == (n), "%u faults, not %u",                                    \
               (unsigned)((vm_)->stats.faults - before_), (unsigned)(n));                                    \
    } while (0)

static inline vaddr_t map(struct kt *kt, struct space *s, uint32_t pages, unsigned flags)
{
    vaddr_t va = 0;
    int err = space_map(s, &va, (size_t)pages << PAGE_SHIFT, flags, NULL, 0);

    EXPECT(err == 0, "space_map %d", err);
    return va;
}

static inline vaddr_t map_at(struct kt *kt, struct space *s, vaddr_t va, uint32_t pages, unsigned flags)
{
    int err = space_map(s, &va, (size_t)pages << PAGE_SHIFT, flags | MAP_AT, NULL, 0);

    EXPECT(err == 0, "space_map %d", err);
    return va;
}

static inline struct space *fork_of(struct kt *kt, struct space *s)
{
    struct space *child = NULL;
    int err = space_fork(s, &child);

    EXPECT(err == 0, "space_fork %d", err);
    return child;
}

/* The frame behind an address, or NULL. */
static inline struct frame *frame_at(struct space *s, vaddr_t va)
{
    pte_t *e = pt_resident_entry(&s->pt, va);

    return e && pte_has_frame(*e) ? pfn_frame(s->vm->pool, pte_pfn(*e)) : NULL;
}

static inline void evict(struct kt *kt, int line, struct space *s, vaddr_t va)
{
    struct frame *f = frame_at(s, va);

    REQUIRE(f, "line %d: nothing at %x", line, va);
    int err = reclaim_evict(s->vm, f);

    EXPECT(err == 0, "line %d: evicting %x: %d", line, va, err);
    EXPECT(!frame_at(s, va), "%x still has its frame", va);
}

#define evict_at(kt, s, va) evict(kt, __LINE__, s, (vaddr_t)(va))

/* Damage one thing, and expect the verification to name the invariant. */
#define BROKEN(vm_, id, damage, repair)                                                                      \
    do {                                                                                                     \
        damage;                                                                                              \
        kt_capture_begin();                                                                                  \
        bool ok_ = vm_verify(vm_);                                                                           \
        bool named_ = kt_captured("broken " id ":");                                                         \
        kt_capture_end();                                                                                    \
        repair;                                                                                              \
        EXPECT(!ok_ && named_, "damage to " id " was not seen");                                             \
    } while (0)

#endif
