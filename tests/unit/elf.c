/* ELF headers: what is accepted, and that nothing hostile gets through. */
#include "kernel/life/elf.h"
#include "mm/errno.h"
#include "mm/space.h"
#include "tests/kt.h"

/* A file's header and program headers, word by word. */
struct file {
    uint32_t header[ELF_HEADER / 4];
    uint32_t phdr[8][ELF_PHDR / 4];
};

enum { ENTRY = 6, PHOFF = 7, SIZES = 10, COUNTS = 11 };           /* words of the header */
enum { TYPE, OFFSET, VADDR, PADDR, FILESZ, MEMSZ, FLAGS, ALIGN }; /* and of a program header */
#define FILE_SIZE 0x3000u

/* Text and data in three pages of file, a stack that is not executable, an interpreter. */
static void make(struct file *f, uint32_t type)
{
    *f = (struct file){
        .header = {0x464C457F, 0x00010101, 0, 0, 3u << 16 | type, 1, 0x08048100, ELF_HEADER, 0, 0,
                   ELF_PHDR << 16 | ELF_HEADER, 5, 0},
        .phdr = {{6, ELF_HEADER, 0x08048034, 0, 160, 160, 4, 4},
                 {3, 0x0F4, 0x080480F4, 0, 5, 5, 4, 1},
                 {1, 0, 0x08048000, 0, 0x1200, 0x1200, 5, 0x1000},
                 {1, 0x1F00, 0x0804AF00, 0, 0x100, 0x2345, 6, 0x1000},
                 {0x6474E551, 0, 0, 0, 0, 0, 6, 16}},
    };
}

/* Room for the segments of one that has many, as exec has it. */
static struct elf_segment many[ELF_PHDRS];

static int parse(struct file *f, struct elf_image *e)
{
    int err = elf_header(e, f->header, FILE_SIZE);
    uint8_t phdrs[ELF_PHDRS * ELF_PHDR] = {0};

    if (err)
        return err;
    memcpy(phdrs, f->phdr, sizeof f->phdr);
    if (elf_count_segments(e, phdrs) > ELF_SEGMENTS)
        e->segment = many;
    err = elf_segments(e, phdrs);
    return err ? err : elf_interp(e, FILE_SIZE);
}

TEST(elf, ordinary)
{
    struct file f;
    struct elf_image e;

    make(&f, 2);
    REQUIRE(parse(&f, &e) == 0, "an ordinary file");
    EXPECT(e.fixed && !e.exec_stack && e.entry == 0x08048100 && e.phdr == 0x08048034 && e.phnum == 5,
           "header");
    EXPECT(e.interp_offset == 0xF4 && e.interp_size == 5, "interpreter at %x, %u bytes", e.interp_offset,
           e.interp_size);
    EXPECT(e.segments == 2 && e.lo == 0x08048000 && e.hi == 0x0804E000, "%u segments in [%x, %x)", e.segments,
           e.lo, e.hi);
    const struct elf_segment *s = e.segment;

    EXPECT(s[0].start == 0x08048000 && s[0].file_end == 0x08049200 && s[0].end == 0x0804A000 &&
               s[0].offset == 0 && s[0].prot == (REGION_READ | REGION_EXEC),
           "text [%x, %x, %x)", s[0].start, s[0].file_end, s[0].end);
    EXPECT(s[1].start == 0x0804A000 && s[1].file_end == 0x0804B000 && s[1].end == 0x0804E000 &&
               s[1].offset == 1 && s[1].prot == (REGION_READ | REGION_WRITE),
           "data [%x, %x, %x)", s[1].start, s[1].file_end, s[1].end);
    make(&f, 3);
    EXPECT(parse(&f, &e) == 0 && !e.fixed, "one that may lie anywhere");
}

/* Each line breaks one thing. */
TEST(elf, refused)
{
    static const struct {
        uint32_t at, value;
        const char *what;
    } broken[] = {
        {0, 0x464C457E, "magic"},
        {4, 3u << 16 | 1, "an object file"},
        {4, 62u << 16 | 2, "another machine"},
        {PHOFF, FILE_SIZE - 159, "program headers beyond the end"},
        {PHOFF, 0xFFFFFFF0, "program headers that wrap"},
        {SIZES, 56u << 16 | ELF_HEADER, "size of program headers"},
        {COUNTS, 0, "no program headers"},
        {COUNTS, ELF_PHDRS + 1, "too many"},
        {13 + 8 * 1 + FILESZ, ELF_INTERP + 1, "interpreter too long"},
        {13 + 8 * 1 + FILESZ, 1, "interpreter too short"},
        {13 + 8 * 2 + OFFSET, 0x10, "offset and address do not fit"},
        {13 + 8 * 2 + FILESZ, 0x1201, "file larger than memory"},
        {13 + 8 * 2 + VADDR, 0xC0000000, "the kernel's address"},
        {13 + 8 * 2 + VADDR, 0xBFFFF000, "into the kernel"},
        {13 + 8 * 2 + VADDR, 0x0000F000, "too low"},
        {13 + 8 * 3 + MEMSZ, 0xFFFFFFFF, "memory that wraps"},
        {13 + 8 * 3 + MEMSZ, 0xB7FB6000, "memory into the kernel"},
        {13 + 8 * 3 + OFFSET, 0x2F01, "beyond the end"},
        {13 + 8 * 3 + OFFSET, 0xFFFFFF00, "offset that wraps"},
    };
    struct file f;
    struct elf_image e;

    for (unsigned i = 0; i < ARRAY_LEN(broken); i++) {
        make(&f, 2);
        ((uint32_t *)&f)[broken[i].at] = broken[i].value;
        EXPECT(parse(&f, &e) == -ENOEXEC, "%s", broken[i].what);
    }
    make(&f, 2);
    f.header[1] = 0x77020202;
    f.header[4] = 6u << 16 | 2;
    f.header[5] = 0x12345678;
    EXPECT(parse(&f, &e) == 0, "class, byte order and versions, which nobody reads, and a 486");
    make(&f, 2);
    f.phdr[3][FILESZ] = 0;
    f.phdr[3][OFFSET] = 0x12345;
    EXPECT(parse(&f, &e) == 0 && e.segment[1].file_end == e.segment[1].start,
           "no bytes of the file, from anywhere");
    make(&f, 2);
    f.phdr[2][FILESZ] = f.phdr[2][MEMSZ] = 0x9000;
    f.phdr[3][VADDR] += 0x10000;
    EXPECT(parse(&f, &e) == 0 && !e.segment[0].clears_tail && e.segment[1].clears_tail,
           "more than the file has");
    make(&f, 2);
    f.phdr[1][OFFSET] = FILE_SIZE - 4;
    EXPECT(parse(&f, &e) == -EIO, "interpreter beyond the end");
    f.phdr[1][OFFSET] = 0xFFFFFFFC;
    EXPECT(parse(&f, &e) == -EIO, "interpreter that wraps");
    make(&f, 2);
    memcpy(f.phdr[4], f.phdr[1], ELF_PHDR);
    f.phdr[4][FILESZ] = 0;
    EXPECT(parse(&f, &e) == 0 && e.interp_size == 5, "a second interpreter does not count");
    make(&f, 2);
    f.phdr[2][TYPE] = f.phdr[3][TYPE] = 0;
    EXPECT(parse(&f, &e) == -ENOEXEC, "nothing to load");
    EXPECT(elf_header(&e, f.header, ELF_HEADER - 1) == -ENOEXEC, "a short file");
}

/* Whatever is accepted keeps what exec.c relies on. */
TEST(elf, mutations)
{
    static const uint32_t edges[] = {0,          1,          0xFFF,      0x1000,     0x7FFFFFFF,
                                     0x80000000, 0xBFFFFFFF, 0xC0000000, 0xFFFFF000, 0xFFFFFFFF};
    uint32_t rounds = kt_rounds(kt, 2000000), accepted = 0;
    struct file f;
    struct elf_image e;

    for (uint32_t i = 0; i < rounds; i++) {
        make(&f, kt_below(kt, 2) ? 2 : 3);
        for (unsigned n = 1 + kt_below(kt, 3); n > 0; n--) {
            uint32_t *word = (uint32_t *)&f + 4 + kt_below(kt, sizeof f / 4 - 4);

            switch (kt_below(kt, 4)) {
            case 0:
                *word = kt_random(kt);
                break;
            case 1:
                *word = edges[kt_below(kt, ARRAY_LEN(edges))];
                break;
            case 2:
                *word ^= 1u << kt_below(kt, 32);
                break;
            default:
                *word += kt_below(kt, 0x2000) - 0x1000;
            }
        }
        if (parse(&f, &e) != 0)
            continue;
        accepted++;
        REQUIRE(e.segments > 0 && e.segments <= ELF_PHDRS && e.lo < e.hi && e.hi <= SPACE_HI, "[%x, %x)",
                e.lo, e.hi);
        REQUIRE(!e.has_interp ||
                    (e.interp_size <= ELF_INTERP && e.interp_offset + e.interp_size <= FILE_SIZE),
                "interpreter");
        for (unsigned k = 0; k < e.segments; k++) {
            const struct elf_segment *s = &e.segment[k];

            REQUIRE(!(s->start & PAGE_MASK) && !(s->end & PAGE_MASK) && s->start <= s->file_end &&
                        s->file_end <= s->end && s->start >= e.lo && s->end <= e.hi && s->start < s->end,
                    "segment %u [%x, %x, %x)", k, s->start, s->file_end, s->end);
            REQUIRE(s->file_end == s->start ||
                        ((uint64_t)s->offset << PAGE_SHIFT) + (s->file_end - s->start) <= UINT32_MAX,
                    "segment %u, page %u of file", k, s->offset);
            REQUIRE(!e.fixed || s->start >= SPACE_LO, "segment %u at %x", k, s->start);
        }
    }
    EXPECT(accepted > rounds / 20, "%u of %u accepted", accepted, rounds);
}
