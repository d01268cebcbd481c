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

/* Run a statement and expect that it takes this many misses, and no page fault. */
#define MISSES(s, n, ...)                                                                                    \
    do {                                                                                                     \
        uint64_t missed_ = misses(s);                                                                        \
        FAULTS((s)->vm, 0, __VA_ARGS__);                                                                     \
        EXPECT(misses(s) - missed_ == (n), "%u misses, not %u", (unsigned)(misses(s) - missed_),             \
               (unsigned)(n));                                                                               \
    } while (0)

/* Memory for forms. */
#define TABLES 64u
static void *table[TABLES];

static void *take(struct form_memory *m __attribute__((unused)), uint32_t bytes, uint32_t *name)
{
    for (*name = 1; *name < TABLES; ++*name)
        if (!table[*name]) {
            table[*name] = kt_alloc(bytes);
            if (table[*name])
                memset(table[*name], 0, bytes);
            return table[*name];
        }
    return NULL;
}

static void give(struct form_memory *m __attribute__((unused)), uint32_t name,
                 uint32_t bytes __attribute__((unused)))
{
    kt_release(table[name]);
    table[name] = NULL;
}

static void *table_at(const struct form_memory *m __attribute__((unused)), uint32_t name)
{
    return table[name];
}

static struct form_memory tables = {take, give, table_at, 0, 0, 0, 0};

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
        {"16,random,4,noasid", 0, 16, 4},
        {"8,inverted", 0, 8, 8},
        {"7,few", 0, 7, 7},
        {"8,2,few", 0, 8, 2},
        {"2,few", 0, 2, 2},
        {"", -EINVAL, 0, 0},
        {"lru", -EINVAL, 0, 0},
        {"7", -EINVAL, 0, 0},     /* an instruction may need more */
        {"12,3", -EINVAL, 0, 0},  /* so may the pages of a set */
        {"1,few", -EINVAL, 0, 0}, /* an access of the kernel may need two */
        {"few", -EINVAL, 0, 0},
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
        int err = softtlb_parse(rows[i].text, &c, NULL);

        EXPECT(err == rows[i].err, "%s: error %d", rows[i].text, -err);
        if (!err)
            EXPECT(c.entries == rows[i].entries && c.ways == rows[i].ways, "%s: %u entries, %u ways",
                   rows[i].text, c.entries, c.ways);
    }
    EXPECT(!softtlb_parse("8 hashed asid random 4", &c, NULL) && c.form == FORM_HASHED && c.asid &&
               c.policy == ASSOC_RANDOM,
           "all words");
}

/* Which word is wrong, and what could stand there. */
TEST(softtlb, words_that_cannot_be)
{
    static const char words[] = "entries, ways, lru, fifo, random, asid, noasid, few, own, linear, hybrid, "
                                "two-level, three-level, inverted, hashed, clustered; or off";
    static const struct {
        const char *text, *word, *possible;
    } rows[] = {
        {"16,mru,4", "mru", words},
        {"16x", "16x", words},
        {"-8", "-8", words},
        {"7 fifo", "7", "8 to 1024 entries, with few 2 to 1024"},
        {"0", "0", "8 to 1024 entries, with few 2 to 1024"},
        {"few 1", "1", "2 to 1024 entries"},
        {"99999999999999999999", "99999999999999999999", "8 to 1024 entries, with few 2 to 1024"},
        {"16 5", "5", "4, 8, 16 ways of 16 entries, with few 1, 2"},
        {"16 0", "0", "4, 8, 16 ways of 16 entries, with few 1, 2"},
        {"few 12 5", "5", "1, 2, 3, 4, 6, 12 ways of 12 entries"},
        {"16 fifo 4 4", "4", "two numbers, entries and ways"},
        {"16 off", "off", "off alone"},
        {"lru", "", "8 to 1024 entries, with few 2 to 1024"},
        {" , ", "", "8 to 1024 entries, with few 2 to 1024"},
    };
    struct softtlb_config c;
    struct softtlb_wrong wrong;
    char text[200];

    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        size_t n = strlen(rows[i].word);

        EXPECT(softtlb_parse(rows[i].text, &c, &wrong) == -EINVAL, "%s", rows[i].text);
        EXPECT(wrong.length == n && !wrong.word == !n && (!n || !memcmp(wrong.word, rows[i].word, n)),
               "%s: the wrong word", rows[i].text);
        softtlb_possible(&wrong, text, sizeof text);
        EXPECT(strlen(text) == strlen(rows[i].possible) && !memcmp(text, rows[i].possible, strlen(text)),
               "%s: possible: %s", rows[i].text, text);
    }
    EXPECT(softtlb_parse("16,mru", &c, &wrong) == -EINVAL && softtlb_possible(&wrong, text, 8) == text &&
               strlen(text) == 7,
           "text that does not fit is cut");
    EXPECT(softtlb_word("two-level", 9) == SOFTTLB_FORM && softtlb_word("two-level", 3) == SOFTTLB_UNKNOWN &&
               softtlb_word("", 0) == SOFTTLB_UNKNOWN && softtlb_word("lru", 3) == SOFTTLB_POLICY &&
               softtlb_word("64", 2) == SOFTTLB_NUMBER,
           "kinds of words");
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
    MISSES(s, 0, READ(s, va + (PAGES - 8) * PAGE_SIZE, PAGES - 8));
    MISSES(s, 1, READ(s, va, 0));
    MISSES(s, 1, READ(s, va + (PAGES - 8) * PAGE_SIZE, PAGES - 8)); /* it went for page 0 */
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
    MISSES(s, 0, READ(s, va + PAGE_SIZE, 100));
    MISSES(s, 0, READ(s, va + 3 * PAGE_SIZE, 3));
    MISSES(s, 1, READ(s, va, 0));
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
    MISSES(s, 0, READ(s, va + 3 * PAGE_SIZE, 3));
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

/* What a fault maps around its page is in no TLB before it is used. */
TEST(softtlb, pages_around_a_fault)
{
    struct space *s, *other;
    struct vt t;
    vaddr_t va, to = 0, from = 0;

    s = begin(&t, kt, &va);
    if (!s)
        return;
    struct object *o = object_create(&t.vm, &pager_zero, 16, "shared");

    other = space_create(&t.vm);
    EXPECT(space_map(other, &from, 16 * PAGE_SIZE, RW | REGION_SHARED, o, 0) == 0, "map");
    for (uint32_t i = 0; i < 16; i++)
        WRITE(other, from + i * PAGE_SIZE, i);
    EXPECT(softtlb_set(s, &plain) == 0, "on");
    EXPECT(space_map(s, &to, 16 * PAGE_SIZE, RW | REGION_SHARED, o, 0) == 0, "map");
    FAULTS(&t.vm, 1, READ(s, to + 2 * PAGE_SIZE, 2));
    EXPECT(t.vm.stats.mapped_ahead == 15 && pte_parked(*pt_resident_entry(&s->pt, to)), "%u were mapped",
           (unsigned)t.vm.stats.mapped_ahead);
    EXPECT(present(s, va) == 0 && pte_present(*pt_resident_entry(&s->pt, to + 2 * PAGE_SIZE)),
           "one is in it");
    MISSES(s, 0, READ(s, to + 2 * PAGE_SIZE, 2));
    MISSES(s, 1, READ(s, to + 3 * PAGE_SIZE, 3));
    EXPECT(vm_verify(&t.vm), "verification");
    space_destroy(s);
    space_destroy(other);
    object_put(o);
    vt_end(&t);
}

/* Each table of the space is its own; each broken word is told by number. */
TEST(softtlb, tables_are_not_shared)
{
    struct space *s, *child = NULL;
    struct frame *own;
    struct vt t;
    vaddr_t va;

    s = begin(&t, kt, &va);
    if (!s)
        return;
    EXPECT(softtlb_set(s, &plain) == 0 && space_fork(s, &child) == 0, "a fork");
    own = (struct frame *)(uintptr_t)pt_resident_table(&s->pt, va);
    REQUIRE(own, "a table");
    EXPECT(own->maps == 1 && own != pt_resident_table(&child->pt, va), "each has its own");
    READ(s, va, 0);
    KT_BREAK(softtlb_verify(s), "INV-TLB-2", own->maps, 2);
    KT_BREAK(softtlb_verify(s), "INV-TLB-1", s->plain_below, USER_END);
    KT_BREAK(softtlb_verify(s), "INV-TLB-3", s->tlb->assoc.ways, 4);
    EXPECT(vm_verify(&t.vm), "sound");
    space_destroy(child);
    space_destroy(s);
    vt_end(&t);
}

/* Whether verification fails and says this. */
static bool is_named(struct vm *vm, const char *what)
{
    bool sound, named;

    kt_capture_begin();
    sound = vm_verify(vm);
    named = kt_captured(what);
    kt_capture_end();
    return !sound && named;
}

/* What a form says is what the entry says, and nothing is said of what is gone: broken in each way for a
 * form of one space and for those that spaces share. */
TEST(softtlb, forms_say_what_entries_say)
{
    static const enum form_kind kinds[] = {FORM_TWO_LEVEL, FORM_THREE_LEVEL, FORM_INVERTED, FORM_HASHED,
                                           FORM_CLUSTERED};

    for (unsigned k = 0; k < ARRAY_LEN(kinds); k++) {
        struct softtlb_config c = plain;
        uint32_t page, other, value, count;
        struct space *s;
        struct form *f;
        struct vt t;
        vaddr_t va;

        c.form = kinds[k];
        s = begin(&t, kt, &va);
        if (!s)
            return;
        EXPECT(softtlb_set(s, &c) == -EINVAL, "no memory for forms, so no form");
        t.vm.softtlb.memory = &tables;
        EXPECT(softtlb_set(s, &c) == 0, "%s", form_kind_name(c.form));
        f = s->tlb->form;
        page = va >> PAGE_SHIFT;
        other = page > 2 * PT_TABLE_ENTRIES ? page - 2 * PT_TABLE_ENTRIES : page + 2 * PT_TABLE_ENTRIES;
        for (uint32_t i = 0; i < 12; i++)
            READ(s, va + i * PAGE_SIZE, i);
        EXPECT(f->count == 12 && vm_verify(&t.vm), "%s has %u translations", form_kind_name(c.form),
               f->count);
        count = f->count;
        value = form_lookup(f, s->id, page, NULL) & ~FORM_VALID;

        /* another frame */
        form_insert(f, s->id, page, form_lookup(f, s->id, page + 1, NULL) & ~FORM_VALID, NULL);
        EXPECT(is_named(&t.vm, "broken INV-TLB-4:"), "%s: another frame is not seen", form_kind_name(c.form));
        form_insert(f, s->id, page, value, NULL);
        EXPECT(f->count == count && vm_verify(&t.vm), "mended");

        /* a page without a table */
        form_insert(f, s->id, other, value, NULL);
        EXPECT(is_named(&t.vm, "broken INV-TLB-4:"), "%s: a page that is not there is not seen",
               form_kind_name(c.form));
        form_remove(f, s->id, other, NULL);
        EXPECT(f->count == count && vm_verify(&t.vm), "mended");
        if (form_is_shared(c.form))
            KT_BREAK(softtlb_verify_shared(&t.vm), "INV-TLB-5", t.vm.softtlb.users[c.form], 0);

        EXPECT(space_unmap(s, va, 4 * PAGE_SIZE) == 0 && f->count == count - 4 && vm_verify(&t.vm),
               "what is unmapped has left: %u", f->count);
        space_destroy(s);
        t.vm.softtlb.memory = NULL;
        vt_end(&t);
    }
}

/* The record says which pages were used between two misses, and the policy still knows of these uses. */
TEST(softtlb, record_of_uses)
{
    static struct vm_miss line[256];
    static const struct {
        uint32_t page, kind;
    } want[] = {{0, ACCESS_READ}, {0, VM_MISS_USE}, {1, ACCESS_WRITE}, {0, VM_MISS_USE},
                {1, VM_MISS_USE}, {2, ACCESS_READ}, {2, VM_MISS_USE},  {3, ACCESS_READ},
                {1, VM_MISS_USE}, {3, VM_MISS_USE}, {4, VM_MISS_TOUCH}};
    uint32_t read_now = 0;
    struct space *s;
    struct vt t;
    vaddr_t va;

    s = begin(&t, kt, &va);
    if (!s)
        return;
    EXPECT(softtlb_set(s, &plain) == 0, "on");
    EXPECT(softtlb_record(&t.vm, line, ARRAY_LEN(line), true) == NULL, "record");
    READ(s, va, 0);
    WRITE(s, va + PAGE_SIZE, 1);
    READ(s, va, 0);
    READ(s, va + 2 * PAGE_SIZE, 2);
    READ(s, va + 3 * PAGE_SIZE, 3);
    READ(s, va + PAGE_SIZE, 1);
    EXPECT(space_read(s, va + 4 * PAGE_SIZE, &read_now, sizeof read_now) == sizeof read_now && read_now == 4,
           "the kernel reads");
    EXPECT(t.vm.softtlb.misses == ARRAY_LEN(want) && !t.vm.softtlb.lost, "%u lines", t.vm.softtlb.misses);
    for (unsigned i = 0; i < ARRAY_LEN(want) && i < t.vm.softtlb.misses; i++)
        EXPECT(line[i].space == s->id && line[i].page == (va >> PAGE_SHIFT) + want[i].page &&
                   line[i].kind == want[i].kind,
               "line %u: page %x, kind %u", i, line[i].page - (va >> PAGE_SHIFT), line[i].kind);
    for (uint32_t i = 0; i < 4; i++)
        EXPECT(pte_accessed(*pt_resident_entry(&s->pt, va + i * PAGE_SIZE)), "page %u was used", i);
    EXPECT(softtlb_record(&t.vm, NULL, 0, false) == line, "the buffer comes back");
    EXPECT(vm_verify(&t.vm), "sound");
    space_destroy(s);
    vt_end(&t);
}
