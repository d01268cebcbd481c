/* Partition tables: good ones, each kind of damage by name, and random ones against a model that paints
 * sectors. */
#include "kernel/dev/ptable.h"
#include "mm/errno.h"
#include "tests/kt.h"

#define SECTORS 256u

struct rig {
    uint8_t *disk; /* SECTORS of them */
    struct ptable *t;
    struct ptable_source source;
    uint64_t bad; /* sector that cannot be read; 0: none */
    bool bad_first;
    unsigned reads;
};

static bool read_sector(void *arg, uint64_t sector, uint8_t *bytes)
{
    struct rig *r = arg;

    r->reads++;
    if (sector >= SECTORS || (r->bad && sector == r->bad) || (r->bad_first && sector == 0))
        return false;
    memcpy(bytes, r->disk + sector * PTABLE_SECTOR, PTABLE_SECTOR);
    return true;
}

static bool rig_init(struct kt *kt, struct rig *r)
{
    memset(r, 0, sizeof *r);
    r->disk = kt_alloc(SECTORS * PTABLE_SECTOR);
    r->t = kt_alloc(sizeof *r->t);
    if (!r->disk || !r->t) {
        kt_release(r->disk);
        kt_release(r->t);
        kt_skip(kt, "no memory for a disk");
        return false;
    }
    memset(r->disk, 0, SECTORS * PTABLE_SECTOR);
    r->source = (struct ptable_source){.name = "x", .sectors = SECTORS, .read = read_sector, .arg = r};
    return true;
}

static void rig_done(struct rig *r)
{
    kt_release(r->disk);
    kt_release(r->t);
}

/* Read the table; what is told is captured. */
static int look(struct rig *r)
{
    int err;

    r->reads = 0;
    kt_capture_begin();
    err = ptable_read(&r->source, r->t);
    kt_capture_end();
    return err;
}

static void put32(uint8_t *p, uint32_t v)
{
    for (unsigned i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

static void put64(uint8_t *p, uint64_t v)
{
    put32(p, (uint32_t)v);
    put32(p + 4, (uint32_t)(v >> 32));
}

/* Entry i of the table in a sector, which gets its mark. */
static void put_entry(struct rig *r, uint32_t sector, unsigned i, uint8_t type, uint32_t start, uint32_t n)
{
    uint8_t *s = r->disk + sector * PTABLE_SECTOR, *p = s + 446 + 16 * i;

    memset(p, 0, 16);
    p[4] = type;
    put32(p + 8, start);
    put32(p + 12, n);
    s[510] = 0x55;
    s[511] = 0xAA;
}

static const struct ptable_entry *entry(const struct rig *r, uint32_t number)
{
    for (uint32_t i = 0; i < r->t->n; i++)
        if (r->t->entry[i].number == number)
            return &r->t->entry[i];
    return NULL;
}

static void expect_entry(struct kt *kt, const struct rig *r, uint32_t number, uint64_t start,
                         uint64_t sectors, bool swap, bool doubt)
{
    const struct ptable_entry *e = entry(r, number);

    EXPECT(e && e->start == start && e->sectors == sectors && e->swap == swap && !!e->doubt == doubt,
           "partition %u: %llu sectors from %llu, swap %d, %s", number,
           e ? (unsigned long long)e->sectors : 0, e ? (unsigned long long)e->start : 0, e && e->swap,
           e ? (e->doubt ? e->doubt : "sound") : "missing");
}

/* --- MBR --- */

/* hda1 10+20 swap, hda2 extended 40+100 with logical ones 41+9 swap, 61+20, 91+30 swap, hda4 200+56 */
static void put_good(struct rig *r)
{
    memset(r->disk, 0, SECTORS * PTABLE_SECTOR);
    put_entry(r, 0, 0, 0x82, 10, 20);
    put_entry(r, 0, 1, 0x05, 40, 100);
    put_entry(r, 0, 3, 0x83, 200, 56);
    put_entry(r, 40, 0, 0x82, 1, 9);
    put_entry(r, 40, 1, 0x05, 20, 21);
    put_entry(r, 60, 0, 0x83, 1, 20);
    put_entry(r, 60, 1, 0x85, 50, 31);
    put_entry(r, 90, 0, 0x82, 1, 30);
}

static void expect_good(struct kt *kt, const struct rig *r)
{
    EXPECT(r->t->kind == PTABLE_MBR && r->t->n == 6, "kind %d, %u partitions", (int)r->t->kind, r->t->n);
    expect_entry(kt, r, 1, 10, 20, true, false);
    expect_entry(kt, r, 2, 40, 2, false, false);
    expect_entry(kt, r, 4, 200, 56, false, false);
    expect_entry(kt, r, 5, 41, 9, true, false);
    expect_entry(kt, r, 6, 61, 20, false, false);
    expect_entry(kt, r, 7, 91, 30, true, false);
}

TEST(ptable, mbr)
{
    struct rig r;

    if (!rig_init(kt, &r))
        return;
    put_good(&r);
    EXPECT(look(&r) == 0 && !kt_captured("x"), "a good table is told of");
    expect_good(kt, &r);
    EXPECT(entry(&r, 2)->extended && entry(&r, 2)->span == 100, "the extended one");
    put_entry(&r, 0, 1, 0x0F, 40, 100);
    look(&r);
    expect_good(kt, &r);
    r.bad_first = true;
    EXPECT(look(&r) == -EIO, "the first sector cannot be read");
    rig_done(&r);
}

TEST(ptable, mbr_damage)
{
    struct rig r;

    if (!rig_init(kt, &r))
        return;
    /* The chain comes back. */
    put_good(&r);
    put_entry(&r, 90, 1, 0x05, 20, 10);
    look(&r);
    expect_good(kt, &r);
    EXPECT(kt_captured("comes back to where it was at sector 60"), "a loop");
    put_entry(&r, 40, 1, 0x05, 0, 10);
    look(&r);
    EXPECT(r.t->n == 4 && kt_captured("comes back to where it was at sector 40"), "a loop of one");
    /* It leaves the partition; it is no table; it cannot be read. */
    put_good(&r);
    put_entry(&r, 60, 1, 0x05, 110, 10);
    look(&r);
    EXPECT(r.t->n == 5 && kt_captured("leaves the extended partition at sector 150"), "outside");
    put_entry(&r, 60, 1, 0x05, 4000000000u, 10);
    look(&r);
    EXPECT(r.t->n == 5 && kt_captured("leaves the extended partition"), "far outside");
    put_entry(&r, 60, 1, 0x05, 70, 10);
    look(&r);
    EXPECT(r.t->n == 5 && kt_captured("meets a sector that is no table at sector 110"), "no table");
    put_good(&r);
    r.bad = 60;
    look(&r);
    EXPECT(r.t->n == 4 && kt_captured("cannot be read at sector 60"), "unreadable");
    r.bad = 0;
    /* Beyond the end, at the end, nothing. */
    put_entry(&r, 0, 0, 0x82, SECTORS, 1);
    put_entry(&r, 0, 3, 0x82, 200, 57);
    put_entry(&r, 60, 0, 0x82, 1, 0);
    look(&r);
    EXPECT(!entry(&r, 1) && kt_captured("x1: begins at sector 256, beyond the end"), "beyond the end");
    expect_entry(kt, &r, 4, 200, 56, true, true);
    expect_entry(kt, &r, 5, 41, 9, true, false);
    expect_entry(kt, &r, 6, 91, 30, true, false);
    put_entry(&r, 0, 0, 0x82, 4294967295u, 4294967295u);
    put_entry(&r, 0, 3, 0x82, 200, 4294967295u);
    look(&r);
    EXPECT(!entry(&r, 1), "sector 4294967295");
    expect_entry(kt, &r, 4, 200, 56, true, true);
    /* On each other, and on tables. */
    put_good(&r);
    put_entry(&r, 0, 0, 0x82, 10, 40); /* reaches into the extended one and hda5 */
    put_entry(&r, 90, 0, 0x82, 1, 60); /* outside of the extended one */
    look(&r);
    expect_entry(kt, &r, 1, 10, 40, true, true);
    expect_entry(kt, &r, 5, 41, 9, true, true);
    expect_entry(kt, &r, 6, 61, 20, false, false);
    expect_entry(kt, &r, 7, 91, 60, true, true);
    put_good(&r);
    put_entry(&r, 0, 0, 0x82, 0, 20);
    put_entry(&r, 40, 0, 0x82, 1, 20); /* the next table is its last sector */
    look(&r);
    expect_entry(kt, &r, 1, 0, 20, true, true);
    expect_entry(kt, &r, 5, 41, 20, true, true);
    /* A byte that no table has there. */
    put_good(&r);
    r.disk[446] = 0x12;
    look(&r);
    EXPECT(r.t->kind == PTABLE_OTHER && r.t->n == 0 && kt_captured("damaged"), "kind %d", (int)r.t->kind);
    rig_done(&r);
}

TEST(ptable, mbr_too_long)
{
    struct rig r;

    if (!rig_init(kt, &r))
        return;
    put_entry(&r, 0, 0, 0x05, 2, 250);
    for (uint32_t i = 0; i < 100; i++) {
        put_entry(&r, 2 + 2 * i, 0, 0x82, 1, 1);
        put_entry(&r, 2 + 2 * i, 1, 0x05, 2 + 2 * i, 2);
    }
    look(&r);
    EXPECT(r.t->n == 60 && entry(&r, 63) && entry(&r, 63)->start == 3 + 2 * 58, "%u partitions", r.t->n);
    EXPECT(kt_captured("partition 64 and those after it are not used"), "told");
    /* Without logical ones it has no end but the sectors. */
    for (uint32_t i = 0; i < 100; i++)
        put_entry(&r, 2 + 2 * i, 0, 0, 0, 0);
    look(&r);
    EXPECT(r.t->n == 1 && kt_captured("is too long") && r.reads < 80, "%u reads", r.reads);
    rig_done(&r);
}

/* What is a table, and what only looks like one. */
TEST(ptable, kinds)
{
    struct rig r;

    if (!rig_init(kt, &r))
        return;
    EXPECT(look(&r) == 0 && r.t->kind == PTABLE_NONE && r.t->n == 0, "zeroes");
    r.disk[510] = 0x55;
    r.disk[511] = 0xAA;
    memset(r.disk, 0xEB, 446);
    look(&r);
    EXPECT(r.t->kind == PTABLE_NONE, "a boot loader without a table: %d", (int)r.t->kind);
    put_entry(&r, 0, 2, 0x83, 0, 0);
    look(&r);
    EXPECT(r.t->kind == PTABLE_MBR && r.t->n == 0, "a type without sectors: %d", (int)r.t->kind);
    put_entry(&r, 0, 2, 0, 20, 5);
    look(&r);
    EXPECT(r.t->kind == PTABLE_MBR && r.t->n == 1, "sectors without a type: %d", (int)r.t->kind);
    put_good(&r);
    r.disk[510] = 0x54;
    look(&r);
    EXPECT(r.t->kind == PTABLE_NONE, "no mark at the end: %d", (int)r.t->kind);
    /* A FAT boot sector whose code lies where a table would. */
    memset(r.disk, 0x41, PTABLE_SECTOR);
    memcpy(r.disk, "\xEB\x3C\x90MSDOS5.0\x00\x02\x04\x01\x00\x02\x00\x02\x00\x10\xF8", 22);
    r.disk[510] = 0x55;
    r.disk[511] = 0xAA;
    look(&r);
    EXPECT(r.t->kind == PTABLE_OTHER && r.t->n == 0 && strcmp(r.t->what, "a FAT file system") == 0, "%s",
           r.t->what);
    rig_done(&r);
}

/* --- GPT --- */

static const uint8_t type_swap[16] = {0x6D, 0xFD, 0x57, 0x06, 0xAB, 0xA4, 0xC4, 0x43,
                                      0x84, 0xE5, 0x09, 0x33, 0xC8, 0x4B, 0x4F, 0x4F};

/* By the definition: division by the polynomial, bit after bit from the lowest. */
static uint32_t crc(const uint8_t *p, size_t n)
{
    uint32_t c = 0xFFFFFFFFu;

    for (size_t bit = 0; bit < 8 * n; bit++) {
        uint32_t in = (uint32_t)(p[bit / 8] >> bit % 8 & 1) ^ (c & 1);

        c = (c >> 1) ^ (in ? 0xEDB88320u : 0);
    }
    return ~c;
}

#define ENTRIES 128u

static void seal(struct rig *r, uint32_t at)
{
    uint8_t *h = r->disk + at * PTABLE_SECTOR;

    uint32_t table = h[72] | (uint32_t)h[73] << 8;

    put32(h + 88, crc(r->disk + table * PTABLE_SECTOR, ENTRIES * 128));
    put32(h + 16, 0);
    put32(h + 16, crc(h, 92));
}

static void put_header(struct rig *r, uint32_t at, uint32_t other, uint32_t table)
{
    uint8_t *h = r->disk + at * PTABLE_SECTOR;

    memset(h, 0, PTABLE_SECTOR);
    memcpy(h, "EFI PART\0\0\1\0", 12);
    put32(h + 12, 92);
    put64(h + 24, at);
    put64(h + 32, other);
    put64(h + 40, 34);
    put64(h + 48, SECTORS - 34);
    put64(h + 72, table);
    put32(h + 80, ENTRIES);
    put32(h + 84, 128);
    seal(r, at);
}

static void put_gpt_entry(struct rig *r, unsigned number, const uint8_t *type, uint64_t first, uint64_t last)
{
    for (unsigned copy = 0; copy < 2; copy++) {
        uint8_t *p = r->disk + (copy ? SECTORS - 33 : 2u) * PTABLE_SECTOR + (size_t)(number - 1) * 128;

        memcpy(p, type, 16);
        p[16] = (uint8_t)number;
        put64(p + 32, first);
        put64(p + 40, last);
    }
}

static void put_gpt(struct rig *r)
{
    static const uint8_t data[16] = {0xAF, 0x3D, 0xC6, 0x0F};

    memset(r->disk, 0, SECTORS * PTABLE_SECTOR);
    put_entry(r, 0, 0, 0xEE, 1, SECTORS - 1);
    put_gpt_entry(r, 1, data, 34, 49);
    put_gpt_entry(r, 2, type_swap, 50, 99);
    put_gpt_entry(r, 7, type_swap, 200, 222);
    put_header(r, 1, SECTORS - 1, 2);
    put_header(r, SECTORS - 1, 1, SECTORS - 33);
}

static void expect_gpt(struct kt *kt, const struct rig *r)
{
    EXPECT(r->t->kind == PTABLE_GPT && r->t->n == 3, "kind %d, %u partitions", (int)r->t->kind, r->t->n);
    expect_entry(kt, r, 1, 34, 16, false, false);
    expect_entry(kt, r, 2, 50, 50, true, false);
    expect_entry(kt, r, 7, 200, 23, true, false);
}

TEST(ptable, gpt)
{
    struct rig r;

    if (!rig_init(kt, &r))
        return;
    put_gpt(&r);
    EXPECT(look(&r) == 0 && !kt_captured("x"), "a good table is told of");
    expect_gpt(kt, &r);
    put_entry(&r, 0, 1, 0x82, 100, 50); /* hybrid */
    look(&r);
    expect_gpt(kt, &r);
    /* Each byte of either header, and one of the entries: the other copy is there. */
    for (uint32_t i = 0; i < 94 && !kt->failures; i++) {
        put_gpt(&r);
        r.disk[i < 92 ? PTABLE_SECTOR + i : i == 92 ? 3 * PTABLE_SECTOR : 30 * PTABLE_SECTOR] ^= 0x21;
        look(&r);
        expect_gpt(kt, &r);
        EXPECT(kt_captured("x: the GPT ") && kt_captured("the other one is used"), "byte %u", i);
        put_gpt(&r);
        r.disk[i < 92 ? (SECTORS - 1) * PTABLE_SECTOR + i : (SECTORS - 2) * PTABLE_SECTOR] ^= 0x21;
        look(&r);
        expect_gpt(kt, &r);
        EXPECT(kt_captured("copy at the end"), "byte %u", i);
    }
    put_gpt(&r);
    r.bad = 1;
    look(&r);
    expect_gpt(kt, &r);
    r.bad = SECTORS - 1;
    look(&r);
    expect_gpt(kt, &r);
    r.bad = 0;
    rig_done(&r);
}

TEST(ptable, gpt_damage)
{
    struct rig r;

    if (!rig_init(kt, &r))
        return;
    put_gpt(&r);
    r.disk[PTABLE_SECTOR + 20] ^= 1;
    r.disk[(SECTORS - 1) * PTABLE_SECTOR] = 'e';
    look(&r);
    EXPECT(r.t->kind == PTABLE_OTHER && r.t->n == 0 && kt_captured("no partition is used"), "both damaged");
    /* Without the protective MBR the headers divide nothing, but each of them says that the disk is not ours.
     * */
    for (unsigned which = 1; which < 4; which++) {
        put_gpt(&r);
        memset(r.disk, 0, PTABLE_SECTOR);
        if (!(which & 1))
            memset(r.disk + PTABLE_SECTOR, 0, PTABLE_SECTOR);
        if (!(which & 2))
            memset(r.disk + (SECTORS - 1) * PTABLE_SECTOR, 0, PTABLE_SECTOR);
        look(&r);
        EXPECT(r.t->kind == PTABLE_OTHER && r.t->n == 0 && kt_captured("no protective MBR"), "headers %u",
               which);
    }
    /* An MBR without a protective entry counts, and an old GPT does not. */
    put_gpt(&r);
    put_entry(&r, 0, 0, 0x82, 60, 100);
    look(&r);
    EXPECT(r.t->kind == PTABLE_MBR && r.t->n == 1, "kind %d", (int)r.t->kind);
    /* Places that cannot be. */
    put_gpt(&r);
    put_gpt_entry(&r, 1, type_swap, 99, 60);
    put_gpt_entry(&r, 2, type_swap, 60, SECTORS);
    put_gpt_entry(&r, 3, type_swap, 60, UINT64_MAX);
    put_gpt_entry(&r, 4, type_swap, 33, 40);
    put_gpt_entry(&r, 5, type_swap, 100, 120);
    put_gpt_entry(&r, 6, type_swap, 120, 130);
    put_gpt_entry(&r, 8, type_swap, 140, 150);
    put_gpt_entry(&r, 63, type_swap, 160, 160);
    put_gpt_entry(&r, 64, type_swap, 170, 171);
    seal(&r, 1);
    seal(&r, SECTORS - 1);
    look(&r);
    EXPECT(r.t->kind == PTABLE_GPT && r.t->n == 6, "%u partitions", r.t->n);
    EXPECT(!entry(&r, 1) && !entry(&r, 2) && !entry(&r, 3), "not on the disk");
    expect_entry(kt, &r, 4, 33, 8, true, true);
    expect_entry(kt, &r, 5, 100, 21, true, true);
    expect_entry(kt, &r, 6, 120, 11, true, true);
    expect_entry(kt, &r, 8, 140, 11, true, false);
    expect_entry(kt, &r, 63, 160, 1, true, false);
    EXPECT(kt_captured("partition 64 and those after it"), "too many");
    /* A header that is right in itself and says what cannot be. */
    static const struct {
        uint32_t at, value;
    } odd[] = {{12, 91},      {12, 513},          {24, 2},     {40, 255},
               {48, SECTORS}, {72, SECTORS - 10}, {80, 32769}, {84, 256}};

    for (unsigned i = 0; i < ARRAY_LEN(odd); i++) {
        put_gpt(&r);
        memset(r.disk + (SECTORS - 1) * PTABLE_SECTOR, 0, PTABLE_SECTOR);
        put32(r.disk + PTABLE_SECTOR + odd[i].at, odd[i].value);
        put32(r.disk + PTABLE_SECTOR + 16, 0);
        put32(r.disk + PTABLE_SECTOR + 16, crc(r.disk + PTABLE_SECTOR, odd[i].at == 12 ? odd[i].value : 92));
        look(&r);
        EXPECT(r.t->kind == PTABLE_OTHER && r.t->n == 0, "%u at %u: kind %d", odd[i].value, odd[i].at,
               (int)r.t->kind);
    }
    rig_done(&r);
}

/* --- signatures --- */

TEST(ptable, signatures)
{
    static const struct {
        uint32_t at;
        const char *bytes;
        uint32_t n;
        const char *name;
    } known[] = {
        {1080, "\x53\xEF", 2, "an ext2, ext3 or ext4 file system"},
        {0, "XFSB", 4, "an XFS file system"},
        {65600, "_BHRfS_M", 8, "a btrfs file system"},
        {3, "NTFS    ", 8, "an NTFS file system"},
        {54, "FAT16   ", 8, "a FAT file system"},
        {82, "FAT32   ", 8, "a FAT file system"},
        {32769, "CD001", 5, "an ISO 9660 file system"},
        {512, "LABELONE", 8, "an LVM physical volume"},
        {1536, "LABELONE", 8, "an LVM physical volume"},
        {4096, "\xFC\x4E\x2B\xA9", 4, "a RAID member"},
        {0, "LUKS\xBA\xBE", 6, "a LUKS volume"},
        {512, "\x57\x45\x56\x82", 4, "a BSD disk label"},
    };
    struct rig r;
    uint8_t scratch[PTABLE_SECTOR];

    if (!rig_init(kt, &r))
        return;
    EXPECT(!ptable_has_swap(&r.source, scratch), "zeroes");
    memcpy(r.disk + 4086, "SWAPSPACE2", 10);
    EXPECT(ptable_has_swap(&r.source, scratch) && !ptable_signature(&r.source, scratch),
           "a swap header alone");
    for (unsigned i = 0; i < ARRAY_LEN(known); i++) {
        const char *name;

        memcpy(r.disk + known[i].at, known[i].bytes, known[i].n);
        name = ptable_signature(&r.source, scratch);
        EXPECT(name && strcmp(name, known[i].name) == 0, "%s: %s", known[i].name, name ? name : "nothing");
        memset(r.disk + known[i].at, 0, known[i].n);
    }
    r.source.sectors = 8; /* nothing beyond the end is looked at */
    r.reads = 0;
    EXPECT(!ptable_signature(&r.source, scratch) && r.reads <= 8, "%u reads", r.reads);
    r.source.sectors = 7;
    EXPECT(!ptable_has_swap(&r.source, scratch), "smaller than a page");
    rig_done(&r);
}

/* --- random tables --- */

/* What a table of four says, as a slow and simple reader finds it. */
struct model {
    struct {
        uint64_t start, sectors, span;
        bool there, swap, doubt, extended;
        unsigned outer;
    } part[PTABLE_MAX + 2];
    bool table[SECTORS]; /* sectors that are tables */
    unsigned next;
};

static uint32_t field(const struct rig *r, uint64_t sector, unsigned i, unsigned at)
{
    const uint8_t *p = r->disk + sector * PTABLE_SECTOR + 446 + 16 * i + at;

    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static bool model_extended(const struct rig *r, uint64_t sector, unsigned i)
{
    uint8_t type = (uint8_t)field(r, sector, i, 4);

    return field(r, sector, i, 12) && (type == 5 || type == 15 || type == 0x85);
}

static void model_add(struct model *m, const struct rig *r, uint64_t sector, unsigned i, uint64_t base,
                      unsigned number)
{
    uint64_t start = base + field(r, sector, i, 8), n = field(r, sector, i, 12);

    if (start >= SECTORS)
        return;
    m->part[number].there = true;
    m->part[number].start = start;
    m->part[number].swap = (field(r, sector, i, 4) & 0xFF) == 0x82;
    m->part[number].doubt = start + n > SECTORS;
    m->part[number].sectors = m->part[number].span = start + n > SECTORS ? SECTORS - start : n;
}

static void model_chain(struct model *m, const struct rig *r, unsigned outer)
{
    uint64_t first = m->part[outer].start, end = first + m->part[outer].span, at = first;

    while (at >= first && at < end && !m->table[at] && r->disk[at * PTABLE_SECTOR + 510] == 0x55 &&
           r->disk[at * PTABLE_SECTOR + 511] == 0xAA) {
        unsigned link = 4;

        m->table[at] = true;
        for (unsigned i = 0; i < 4; i++) {
            uint64_t start = at + field(r, at, i, 8), n = field(r, at, i, 12);
            bool inside = start >= first && start + n <= end;

            if (model_extended(r, at, i)) {
                link = link == 4 ? i : link;
            } else if (n && (i < 2 || inside)) {
                model_add(m, r, at, i, at, m->next);
                m->part[m->next].outer = outer;
                m->part[m->next].doubt |= !inside;
                m->next++;
            }
        }
        if (link == 4)
            return;
        at = first + field(r, at, link, 8);
    }
}

static bool model_overlap(const struct model *m, unsigned a, unsigned b)
{
    for (uint64_t s = m->part[a].start; s < m->part[a].start + m->part[a].span; s++)
        if (s >= m->part[b].start && s < m->part[b].start + m->part[b].span)
            return true;
    return false;
}

static void model_read(struct model *m, const struct rig *r)
{
    memset(m, 0, sizeof *m);
    m->next = 5;
    m->table[0] = true;
    for (unsigned i = 0; i < 4; i++)
        if (field(r, 0, i, 12)) {
            model_add(m, r, 0, i, 0, i + 1);
            m->part[i + 1].extended = m->part[i + 1].there && model_extended(r, 0, i);
        }
    for (unsigned i = 1; i <= 4; i++)
        if (m->part[i].extended)
            model_chain(m, r, i);
    for (unsigned a = 1; a < m->next; a++) {
        if (!m->part[a].there)
            continue;
        for (unsigned b = a + 1; b < m->next; b++)
            if (m->part[b].there && m->part[b].outer != a && model_overlap(m, a, b))
                m->part[a].doubt = m->part[b].doubt = true;
        for (unsigned s = 0; s < SECTORS; s++)
            if (m->table[s] && s >= m->part[a].start && s < m->part[a].start + m->part[a].span &&
                (!m->part[a].extended || s == 0))
                m->part[a].doubt = true;
        if (m->part[a].extended && m->part[a].sectors > 2)
            m->part[a].sectors = 2;
    }
}

static void random_table(struct kt *kt, struct rig *r, uint32_t sector, bool chain)
{
    static const uint8_t types[] = {0x82, 0x83, 0x05, 0x0F, 0x85, 0};

    for (unsigned i = 0; i < (chain && kt_below(kt, 4) ? 2 : 4); i++) {
        uint32_t start = kt_below(kt, 30) ? kt_below(kt, chain ? 60 : SECTORS) : kt_random(kt);
        uint32_t n = kt_below(kt, 30) ? kt_below(kt, 40) : kt_random(kt);

        put_entry(r, sector, i, types[chain && i == 1 ? 2 : kt_below(kt, ARRAY_LEN(types))], start, n);
    }
    if (kt_below(kt, 20) == 0)
        r->disk[sector * PTABLE_SECTOR + 510] = 0;
}

/* Tables with all kinds of damage, many of them on each other's sectors. */
TEST(ptable, random)
{
    struct rig r;
    struct model *m;
    unsigned logical = 0, doubts = 0, loops = 0;

    if (!rig_init(kt, &r))
        return;
    m = kt_alloc(sizeof *m);
    for (uint32_t round = 0; m && round < kt_rounds(kt, 20000); round++) {
        memset(r.disk, 0, SECTORS * PTABLE_SECTOR);
        for (uint32_t s = 1; s < SECTORS; s++)
            if (kt_below(kt, 2))
                random_table(kt, &r, s, true);
        random_table(kt, &r, 0, false);
        if (!kt_below(kt, 2))
            put_entry(&r, 0, kt_below(kt, 4), 0x05, 1 + kt_below(kt, 100), 100 + kt_below(kt, 60));
        r.disk[510] = 0x55;
        EXPECT(look(&r) == 0 && r.reads <= 200, "%u reads", r.reads);
        model_read(m, &r);
        if (r.t->kind != PTABLE_MBR || m->next > PTABLE_MAX)
            continue;
        loops += kt_captured("comes back");
        for (unsigned n = 1; n < m->next; n++) {
            const struct ptable_entry *e = entry(&r, n);

            EXPECT(!!e == m->part[n].there, "partition %u is%s there", n, e ? "" : " not");
            if (!e || !m->part[n].there)
                continue;
            EXPECT(e->start == m->part[n].start && e->sectors == m->part[n].sectors &&
                       e->swap == m->part[n].swap && e->extended == m->part[n].extended,
                   "partition %u: %llu sectors from %llu, model %llu from %llu", n,
                   (unsigned long long)e->sectors, (unsigned long long)e->start,
                   (unsigned long long)m->part[n].sectors, (unsigned long long)m->part[n].start);
            EXPECT(!!e->doubt == m->part[n].doubt, "partition %u: %s", n, e->doubt ? e->doubt : "sound");
            logical += n > 4;
            doubts += m->part[n].doubt;
        }
        EXPECT(r.t->n < m->next && (!r.t->n || r.t->entry[r.t->n - 1].number < m->next), "%u partitions",
               r.t->n);
        if (kt->failures)
            break;
    }
    EXPECT(!m || (logical && doubts && loops), "%u logical, %u doubts, %u loops", logical, doubts, loops);
    kt_release(m);
    rig_done(&r);
}

/* A GPT with random bytes changed, some of them behind correct checksums: what is used lies on the disk, and
 * what is not doubted lies on nothing else. */
TEST(ptable, gpt_random)
{
    struct rig r;
    unsigned used = 0;

    if (!rig_init(kt, &r))
        return;
    for (uint32_t round = 0; round < kt_rounds(kt, 3000) && !kt->failures; round++) {
        put_gpt(&r);
        for (unsigned i = kt_below(kt, 20); i > 0; i--)
            put_gpt_entry(&r, 1 + kt_below(kt, 70), type_swap, kt_below(kt, SECTORS + 10),
                          kt_below(kt, SECTORS + 10));
        for (unsigned i = kt_below(kt, 3); i > 0; i--)
            r.disk[PTABLE_SECTOR + kt_below(kt, 92)] ^= (uint8_t)(1 << kt_below(kt, 8));
        if (kt_below(kt, 4))
            seal(&r, SECTORS - 1);
        if (kt_below(kt, 4) && r.disk[PTABLE_SECTOR + 72] == 2 && !r.disk[PTABLE_SECTOR + 73])
            seal(&r, 1);
        look(&r);
        used += r.t->kind == PTABLE_GPT;
        EXPECT(r.t->kind == PTABLE_GPT || r.t->n == 0, "kind %d with partitions", (int)r.t->kind);
        for (uint32_t i = 0; i < r.t->n; i++) {
            const struct ptable_entry *e = &r.t->entry[i];

            EXPECT(e->number >= 1 && e->number <= PTABLE_MAX && (i == 0 || e->number > e[-1].number),
                   "number %u", e->number);
            EXPECT(e->sectors && e->start + e->sectors <= SECTORS, "partition %u leaves the disk", e->number);
            EXPECT(e->doubt || (e->start >= 34 && e->start + e->sectors <= SECTORS - 33) ||
                       r.disk[PTABLE_SECTOR + 40] != 34 || r.disk[PTABLE_SECTOR + 48] != SECTORS - 34,
                   "partition %u lies on a table", e->number);
            for (uint32_t k = 0; k < i; k++) {
                const struct ptable_entry *o = &r.t->entry[k];

                EXPECT(e->doubt || e->start >= o->start + o->sectors || o->start >= e->start + e->sectors,
                       "partition %u overlaps %u", e->number, o->number);
            }
        }
    }
    EXPECT(used, "no table was used");
    rig_done(&r);
}
