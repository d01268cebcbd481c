/* Software TLB mode of a space: how many entries translate, which ones, and what the rest of memory makes of
 * it. */
#include "mm/softtlb.h"
#include "mm/errno.h"
#include "tests/vtcheck.h"

#define PAGES 40u

static const struct softtlb_config plain = {
    .entries = 8, .ways = 8, .policy = ASSOC_FIFO, .form = FORM_KINDS};

static uint32_t present(const struct space *s, vaddr_t va)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < PAGES; i++) {
        const pte_t *e = pt_resident_entry(&s->pt, va + i * (vaddr_t)PAGE_SIZE);

        n += e && pte_present(*e);
    }
    return n;
}

static uint64_t misses(const struct space *s)
{
    return s->tlb->n.misses[ACCESS_READ] + s->tlb->n.misses[ACCESS_WRITE] + s->tlb->n.misses[ACCESS_EXEC];
}

/* A space with PAGES written pages, page i with i. */
static struct space *begin(struct vt *t, struct kt *kt, vaddr_t *va)
{
    struct space *s;

    if (!vt_begin(t, kt, 256, 32, 128))
        return NULL;
    s = space_create(&t->vm);
    *va = s ? map(kt, s, PAGES, RW) : 0;
    for (uint32_t i = 0; *va && i < PAGES; i++)
        WRITE(s, *va + i * PAGE_SIZE, i);
    return s;
}

TEST(softtlb, words_of_a_config)
{
    static const struct {
        const char *text;
        int err;
        uint32_t entries, ways;
    } rows[] = {
        {"off", 0, 0, 0},
        {"16", 0, 16, 16},
        {"16,fifo", 0, 16, 16},
        {"lru 64 asid 4", 0, 64, 4},
        {"12,random,3,noasid", 0, 12, 3},
        {"8,inverted", 0, 8, 8},
        {"6", 0, 6, 6},
        {"", -EINVAL, 0, 0},
        {"lru", -EINVAL, 0, 0},
        {"5", -EINVAL, 0, 0},      /* an instruction may need more */
        {"12,2", -EINVAL, 0, 0},   /* so may the pages of a set */
        {"16,5", -EINVAL, 0, 0},   /* sets of 3.2 */
        {"16,32", -EINVAL, 0, 0},  /* more ways than entries */
        {"1025", -EINVAL, 0, 0},   /* too many */
        {"16,4,4", -EINVAL, 0, 0}, /* one number too many */
        {"16,mru", -EINVAL, 0, 0},
        {"off,16", -EINVAL, 0, 0},
        {"0", -EINVAL, 0, 0},
        {"-8", -EINVAL, 0, 0},
        {"99999999999999999999", -EINVAL, 0, 0},
    };
    struct softtlb_config c;

    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        int err = softtlb_parse(rows[i].text, &c);

        EXPECT(err == rows[i].err, "%s: error %d", rows[i].text, -err);
        if (!err)
            EXPECT(c.entries == rows[i].entries && c.ways == rows[i].ways, "%s: %u entries, %u ways",
                   rows[i].text, c.entries, c.ways);
    }
    EXPECT(!softtlb_parse("8 hashed asid random 4", &c) && c.form == FORM_HASHED && c.asid &&
               c.policy == ASSOC_RANDOM,
           "all words");
}

TEST(softtlb, so_many_translate)
{
    struct vt t;
    vaddr_t va;
    struct space *s = begin(&t, kt, &va);

    if (!s)
        return;
    EXPECT(present(s, va) == PAGES, "all translate");
    EXPECT(softtlb_set(s, &plain) == 0 && present(s, va) == 0, "none does");
    EXPECT(vm_verify(&t.vm), "sound with an empty one");
    for (uint32_t i = 0; i < PAGES; i++) {
        READ(s, va + i * PAGE_SIZE, i);
        EXPECT(present(s, va) == (i < 8 ? i + 1 : 8), "%u translate after page %u", present(s, va), i);
    }
    EXPECT(misses(s) == PAGES && s->tlb->n.refills == PAGES && s->tlb->n.evictions == PAGES - 8,
           "%u misses, %u refills, %u evictions", (unsigned)misses(s), (unsigned)s->tlb->n.refills,
           (unsigned)s->tlb->n.evictions);
    FAULTS(&t.vm, 0, READ(s, va + (PAGES - 8) * PAGE_SIZE, PAGES - 8));
    FAULTS(&t.vm, 1, READ(s, va, 0));
    FAULTS(&t.vm, 1, READ(s, va + (PAGES - 8) * PAGE_SIZE, PAGES - 8)); /* it went for page 0 */
    EXPECT(vm_verify(&t.vm), "sound");
    KT_BREAK(softtlb_verify(s), "INV-TLB-1", s->tlb->slots[0].page, PAGES + 1);
    EXPECT(softtlb_set(s, &(struct softtlb_config){.form = FORM_KINDS}) == 0 && present(s, va) == PAGES,
           "all translate again");
    space_destroy(s);
    vt_end(&t);
}

/* A page's turn comes again when it is used, under lru, but only if that is seen: by a fault. */
TEST(softtlb, lru_is_of_misses)
{
    struct softtlb_config c = plain;
    struct space *s, *child = NULL;
    struct vt t;
    vaddr_t va;

    c.policy = ASSOC_LRU;
    s = begin(&t, kt, &va);
    if (!s)
        return;
    EXPECT(softtlb_set(s, &c) == 0 && space_fork(s, &child) == 0, "a fork");
    for (uint32_t i = 0; i < 8; i++)
        READ(s, va + i * PAGE_SIZE, i);
    READ(s, va, 0);                                  /* unseen */
    FAULTS(&t.vm, 1, WRITE(s, va + PAGE_SIZE, 100)); /* seen: the page was shared */
    READ(s, va + 8 * PAGE_SIZE, 8);                  /* for page 0 */
    READ(s, va + 9 * PAGE_SIZE, 9);                  /* for page 2 */
    FAULTS(&t.vm, 0, READ(s, va + PAGE_SIZE, 100));
    FAULTS(&t.vm, 0, READ(s, va + 3 * PAGE_SIZE, 3));
    FAULTS(&t.vm, 1, READ(s, va, 0));
    EXPECT(child->tlb && child->tlb != s->tlb && child->tlb->config.entries == 8, "the child has its own");
    READ(child, va + PAGE_SIZE, 1);
    EXPECT(vm_verify(&t.vm), "sound");
    space_destroy(child);
    space_destroy(s);
    vt_end(&t);
}

TEST(softtlb, switches)
{
    struct softtlb_config c = plain;
    struct space *s, *other;
    struct vt t;
    vaddr_t va;

    s = begin(&t, kt, &va);
    if (!s)
        return;
    other = space_create(&t.vm);
    REQUIRE(other, "another space");
    EXPECT(softtlb_set(s, &c) == 0, "noasid");
    for (uint32_t i = 0; i < 4; i++)
        READ(s, va + i * PAGE_SIZE, i);
    space_activate(other);
    EXPECT(present(s, va) == 4, "they stay until its tables are loaded");
    space_activate(s);
    EXPECT(present(s, va) == 0 && s->tlb->n.flushed == 4, "%u flushed", (unsigned)s->tlb->n.flushed);
    for (uint32_t i = 2; i < 6; i++)
        READ(s, va + i * PAGE_SIZE, i);
    EXPECT(s->tlb->n.after_switch == 2, "%u misses for the switch", (unsigned)s->tlb->n.after_switch);
    c.asid = true;
    EXPECT(softtlb_set(s, &c) == 0, "asid");
    for (uint32_t i = 0; i < 4; i++)
        READ(s, va + i * PAGE_SIZE, i);
    space_activate(other);
    space_activate(s);
    EXPECT(present(s, va) == 4 && s->tlb->n.flushes == 0, "they stay");
    FAULTS(&t.vm, 0, READ(s, va + 3 * PAGE_SIZE, 3));
    vt_idle();
    space_destroy(other);
    space_destroy(s);
    vt_end(&t);
}

/* What makes entries without using the pages makes parked ones. */
TEST(softtlb, entries_for_nobody)
{
    struct space *s;
    struct vt t;
    vaddr_t va, to;

    s = begin(&t, kt, &va);
    if (!s)
        return;
    EXPECT(softtlb_set(s, &plain) == 0, "on");
    READ(s, va, 0);
    EXPECT(space_protect(s, va, PAGES * PAGE_SIZE, 0) == 0 && present(s, va) == 0, "held");
    EXPECT(space_protect(s, va, PAGES * PAGE_SIZE, RW) == 0 && present(s, va) == 0, "parked");
    EXPECT(vm_verify(&t.vm), "sound after mprotect");
    for (uint32_t i = 0; i < 8; i++)
        READ(s, va + i * PAGE_SIZE, i);
    to = va;
    EXPECT(space_remap(s, &to, 8 * PAGE_SIZE, 8 * PAGE_SIZE, REMAP_MAYMOVE | REMAP_FIXED, 0x10000000) == 0,
           "moved");
    EXPECT(to == 0x10000000 && present(s, to) == 0 && vm_verify(&t.vm), "parked where they are now");
    for (uint32_t i = 0; i < 8; i++)
        READ(s, to + i * PAGE_SIZE, i);
    space_destroy(s);
    vt_end(&t);
}
