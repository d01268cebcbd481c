/* The tour: a file that is mapped twice, and accesses that are refused. */
#include "kernel/lib/image.h"
#include "kernel/proc/page_fault.h"
#include "kernel/selftest/tour_parts.h"
#include "kernel/vm/memory.h"
#include "kernel/vm/vm_sys.h"

#define BASE      0x40000000u
#define FILE_WORD 0x5A5Au

static const char *const reader_name[] = {"A", "B"};

/* --- a file --- */

struct image {
    const char *name;
    const void *bytes;
    size_t size;
};

/* The first module that the kernel can reach, else what the kernel has of constants. */
static struct image choose_image(const struct bootinfo *boot)
{
    for (unsigned i = 0; i < boot->modules; i++) {
        const struct boot_module *m = &boot->module[i];

        if (m->end > m->start && PAGES_OF(m->end) <= frame_pool_sys.low_end)
            return (struct image){"a boot module", (const void *)(KERNEL_BASE + (uintptr_t)m->start),
                                  m->end - m->start};
    }
    return (struct image){"the kernel's own constants", text_end,
                          (uintptr_t)rodata_end - (uintptr_t)text_end};
}

static void read_file(struct space *const *s, uint32_t word)
{
    static const char *const title[] = {"A reads", "B reads"};
    static const char *const text[] = {"The file's page is filled once, and belongs to the file.",
                                       "The page is there: B's entry names the same frame."};
    struct tour_counts before;

    for (unsigned i = 0; i < ARRAY_LEN(title); i++) {
        tour_step(title[i]);
        tour_say("%s", text[i]);
        tour_count(&before);
        tour_read(s[i], BASE, word);
        tour_show(reader_name[i], s[i], BASE);
        tour_expect(&before, (const struct tour_change[]){{TOUR_FAULTS, 1},
                                                          {TOUR_OBJECT_IN, 1},
                                                          {TOUR_TABLE_FRAMES, 1},
                                                          {TOUR_OBJECT_FRAMES, i == 0},
                                                          {0}});
    }
    tour_check(tour_frame(s[0], BASE) == tour_frame(s[1], BASE), "A and B have different frames");
}

static void write_file(struct space *const *s, uint32_t word)
{
    struct tour_counts before;

    tour_step("B writes");
    tour_say("B's mapping is private: it gets a copy. A and the file stay as they were.");
    tour_count(&before);
    tour_write(s[1], BASE, ~word);
    tour_read(s[1], BASE, ~word);
    tour_read(s[0], BASE, word);
    for (unsigned i = 0; i < 2; i++)
        tour_show(reader_name[i], s[i], BASE);
    tour_expect(&before,
                (const struct tour_change[]){{TOUR_FAULTS, 1}, {TOUR_COPY, 1}, {TOUR_ANON_FRAMES, 1}, {0}});
}

static void evict_file(struct space *s, uint32_t word)
{
    struct tour_counts before;

    tour_step("The file's page evicted, and read again");
    tour_say("A clean page of a file is dropped: the file has it. No slot, no write.");
    tour_count(&before);
    tour_evict(s, BASE);
    tour_show("A", s, BASE);
    tour_read(s, BASE, word);
    tour_expect(&before,
                (const struct tour_change[]){
                    {TOUR_FAULTS, 1}, {TOUR_OBJECT_IN, 1}, {TOUR_EVICTED, 1}, {TOUR_EVICTED_CLEAN, 1}, {0}});
}

void tour_file_image(const struct bootinfo *boot)
{
    struct image image = choose_image(boot);
    struct space *s[2] = {NULL};
    struct tour_counts beginning;
    uint32_t word = 0;

    tour_count(&beginning);
    tour_part("A file, mapped twice");
    tour_say("The file is %s: %u bytes.", image.name, (unsigned)image.size);
    struct object *o = object_create_image(&vm_sys, image.bytes, image.size, "tour");

    if (!tour_check(o, "no memory for an object"))
        return;
    memcpy(&word, image.bytes, image.size < sizeof word ? image.size : sizeof word);
    s[0] = tour_space();
    s[1] = tour_space();
    if (s[0] && s[1]) {
        for (unsigned i = 0; i < 2; i++)
            tour_map(s[i], BASE, 1, TOUR_RW, o);
        read_file(s, word);
        write_file(s, word);
        evict_file(s[0], word);
    }
    tour_leave(s, 2);
    object_put(o);
    tour_back(&beginning);
}

/* --- what is refused --- */

#define READ_ONLY (BASE + PT_SPAN)
#define BEYOND    (BASE + 2 * PT_SPAN)

struct bad {
    const char *what;
    vaddr_t va;
    bool write;
    enum fault_verdict verdict;
    unsigned faults; /* that the processor took */
};

static const struct bad bad_accesses[] = {
    {"null pointer", 0, false, FAULT_MAPERR, 1},
    {"nothing mapped", BASE, true, FAULT_MAPERR, 1},
    {"read-only", READ_ONLY, true, FAULT_ACCERR, 1},
    {"beyond the file's end", BEYOND + (vaddr_t)PAGE_SIZE, false, FAULT_BUS, 1},
    {"the kernel's memory", KERNEL_BASE + 0x100000u, true, FAULT_MAPERR, 0},
    {"straddles into the kernel", USER_END - 2, false, FAULT_MAPERR, 0},
};

static void try_bad(struct space *s, const struct bad *b)
{
    struct tour_counts before;
    uint32_t value;

    tour_count(&before);
    enum fault_verdict v = b->write ? page_fault_write32(s, b->va, 0) : page_fault_read32(s, b->va, &value);
    unsigned faults = (unsigned)tour_change(&before, TOUR_FAULTS);

    tour_say("%-5s %08x  %-26s faults %u, verdict: %s", b->write ? "write" : "read", b->va, b->what, faults,
             fault_verdict_name(v));
    tour_check(v == b->verdict && faults == b->faults, "%s: expected %s after %u faults", b->what,
               fault_verdict_name(b->verdict), b->faults);
}

void tour_bad_access(void)
{
    static const uint32_t file = FILE_WORD;
    struct tour_counts beginning;

    tour_count(&beginning);
    struct space *s = tour_space();
    struct object *o = object_create_image(&vm_sys, &file, sizeof file, "tour");

    tour_part("Accesses that are refused");
    tour_say("The verdict goes to whoever made the access: a program would get SIGSEGV or");
    tour_say("SIGBUS. Kernel addresses are refused before the processor tries.");
    if (tour_check(s && o, "no memory")) {
        tour_map(s, READ_ONLY, 1, REGION_READ, NULL);
        tour_map(s, BEYOND, 2, TOUR_RW, o);
        tour_read(s, READ_ONLY, 0);
        tour_read(s, BEYOND, file);
        for (unsigned i = 0; i < ARRAY_LEN(bad_accesses); i++)
            try_bad(s, &bad_accesses[i]);
        tour_read(s, READ_ONLY, 0);
    }
    tour_leave(&s, 1);
    if (o)
        object_put(o);
    tour_back(&beginning);
}
