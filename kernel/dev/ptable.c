/*
 * Partition tables.
 *
 * Purpose. Tell what a disk is divided into, and whether anything but swap could claim it. The answer decides
 * whether a disk is written, so all that is odd counts against writing.
 *
 * MBR. Sector 0 ends with 55 AA and has four entries of 16 bytes from byte 446. One of type 05, 0F or 85 is
 * extended: its first sector has a table of the same form, of which one entry names a logical partition
 * relative to that sector and another the next table relative to the first one. Logical partitions are
 * numbered from 5 in the order of the chain. A chain ends where a table was seen before, lies outside of the
 * extended partition or the disk, has no signature or cannot be read, or when the numbers are used up. All of
 * 55 AA without a single byte in the four entries is a boot sector and no table.
 *
 * GPT. It is used if the MBR has an entry of type EE that begins at sector 1, alone (protective) or among
 * others (hybrid). The header in sector 1 counts if its checksum, its own place, its bounds and the checksum
 * of its entries are right, else the one in the last sector. A header without a protective MBR divides
 * nothing, but the disk is not ours.
 *
 * Doubt. A partition that overlaps another one or the tables, or does not fit into what holds it, is there as
 * the table says, cut at the end of the disk; it carries the reason why nothing is written there unasked.
 *
 * Locking. None: everything is the caller's.
 *
 * Source. Linux 6.1's block/partitions/msdos.c and efi.c, whose answers these are; UEFI 2.10, chapter 5; and
 * util-linux's libblkid for the places of signatures.
 */
#include "kernel/dev/ptable.h"
#include "mm/errno.h"
#include "mm/os.h"

enum {
    MBR_ENTRIES = 446,
    MBR_ENTRY = 16,
    MBR_MAGIC = 510,

    TYPE_EXTENDED = 0x05,
    TYPE_EXTENDED_LBA = 0x0F,
    TYPE_EXTENDED_LINUX = 0x85,
    TYPE_SWAP = 0x82,
    TYPE_GPT = 0xEE,
};

#define FIRST_LOGICAL    5u
#define EXTENDED_SECTORS 2u /* of the device that an extended partition becomes */
#define CHAIN_MAX        PTABLE_MAX

static uint32_t get16(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8;
}

static uint32_t get32(const uint8_t *p)
{
    return get16(p) | get16(p + 2) << 16;
}

static uint64_t get64(const uint8_t *p)
{
    return get32(p) | (uint64_t)get32(p + 4) << 32;
}

static bool read_sector(const struct ptable_source *s, uint64_t sector, uint8_t *bytes)
{
    return sector < s->sectors && s->read(s->arg, sector, bytes);
}

static bool overlap(uint64_t a, uint64_t a_sectors, uint64_t b, uint64_t b_sectors)
{
    return a < b + b_sectors && b < a + a_sectors;
}

/* The first doubt is the one that is kept. */
static void set_doubt(struct ptable_entry *e, const char *doubt)
{
    if (!e->doubt)
        e->doubt = doubt;
}

/* Add a partition as the table says it. NULL: it has no sector on the disk, or no number is left; that is
 * told. */
static struct ptable_entry *add(const struct ptable_source *s, struct ptable *t, uint32_t number,
                                uint64_t start, uint64_t sectors)
{
    struct ptable_entry *e = &t->entry[t->n];

    if (number > PTABLE_MAX || t->n == PTABLE_MAX) {
        os_log("%s: partition %u and those after it are not used: %u is the last that has a device", s->name,
               number, PTABLE_MAX);
        return NULL;
    }
    if (start >= s->sectors) {
        os_log("%s%u: begins at sector %llu, beyond the end of the disk; not used", s->name, number,
               (unsigned long long)start);
        return NULL;
    }
    *e = (struct ptable_entry){.number = number, .start = start, .sectors = sectors, .span = sectors};
    if (sectors > s->sectors - start) {
        e->sectors = e->span = s->sectors - start;
        os_log("%s%u: %llu sectors from %llu extend beyond the end of the disk, cut", s->name, number,
               (unsigned long long)sectors, (unsigned long long)start);
        set_doubt(e, "a part beyond the end of the disk");
    }
    t->n++;
    return e;
}

/* --- MBR --- */

/* An entry of a table of four. */
struct mbr_entry {
    uint8_t boot, type;
    uint32_t start, sectors;
};

static struct mbr_entry mbr_entry(const uint8_t *sector, unsigned i)
{
    const uint8_t *p = sector + MBR_ENTRIES + MBR_ENTRY * i;

    return (struct mbr_entry){.boot = p[0], .type = p[4], .start = get32(p + 8), .sectors = get32(p + 12)};
}

static bool has_magic(const uint8_t *sector)
{
    return sector[MBR_MAGIC] == 0x55 && sector[MBR_MAGIC + 1] == 0xAA;
}

static bool is_extended(const struct mbr_entry *m)
{
    return m->sectors &&
           (m->type == TYPE_EXTENDED || m->type == TYPE_EXTENDED_LBA || m->type == TYPE_EXTENDED_LINUX);
}

/* Whether the four entries are all zero. */
static bool is_blank(const uint8_t *sector)
{
    uint8_t any = 0;

    for (unsigned i = MBR_ENTRIES; i < MBR_MAGIC; i++)
        any |= sector[i];
    return !any;
}

/* The boot sector of a FAT file system, which ends like an MBR. */
static bool is_fat(const uint8_t *b)
{
    uint32_t media = b[21], cluster = b[13];

    return has_magic(b) && get16(b + 11) >= 512 && get16(b + 11) <= 4096 &&
           !(get16(b + 11) & (get16(b + 11) - 1)) && cluster && !(cluster & (cluster - 1)) && get16(b + 14) &&
           b[16] && (media >= 0xF8 || media == 0xF0);
}

/* Sectors that hold tables of a chain. */
struct chain {
    uint32_t n;
    uint64_t table[CHAIN_MAX];
};

static bool was_seen(const struct chain *c, uint64_t sector)
{
    for (uint32_t i = 0; i < c->n; i++)
        if (c->table[i] == sector)
            return true;
    return false;
}

/* Add what a table of a chain names. False: no number is left. */
static bool add_logical(const struct ptable_source *s, struct ptable *t, const struct ptable_entry *outer,
                        uint64_t table, uint32_t *next)
{
    for (unsigned i = 0; i < 4; i++) {
        struct mbr_entry m = mbr_entry(t->sector, i);
        uint64_t start = table + m.start, end = start + m.sectors;
        bool inside = start >= outer->start && end <= outer->start + outer->span;
        struct ptable_entry *e;

        if (!m.sectors || is_extended(&m) || (i >= 2 && !inside))
            continue;
        if (*next > PTABLE_MAX || t->n == PTABLE_MAX) {
            add(s, t, *next, start, m.sectors);
            return false;
        }
        e = add(s, t, (*next)++, start, m.sectors);
        if (!e)
            continue;
        e->swap = m.type == TYPE_SWAP;
        e->outer = outer->number;
        if (!inside) {
            os_log("%s%u: lies outside of its extended partition", s->name, e->number);
            set_doubt(e, "a place outside of its extended partition");
        }
    }
    return true;
}

/* Follow the chain of an extended partition. */
static void read_chain(const struct ptable_source *s, struct ptable *t, const struct ptable_entry *outer,
                       struct chain *c, uint32_t *next)
{
    uint64_t table = outer->start;
    const char *why = NULL;

    for (;;) {
        struct mbr_entry link = {0};

        if (was_seen(c, table))
            why = "comes back to where it was";
        else if (table < outer->start || table >= outer->start + outer->span)
            why = "leaves the extended partition";
        else if (c->n == CHAIN_MAX)
            why = "is too long";
        else if (!read_sector(s, table, t->sector))
            why = "cannot be read";
        else if (!has_magic(t->sector))
            why = "meets a sector that is no table";
        if (why)
            break;
        c->table[c->n++] = table;
        if (!add_logical(s, t, outer, table, next))
            return;
        for (unsigned i = 0; i < 4 && !is_extended(&link); i++)
            link = mbr_entry(t->sector, i);
        if (!is_extended(&link))
            return;
        table = outer->start + link.start;
    }
    os_log("%s%u: the chain of logical partitions %s at sector %llu, and ends there", s->name, outer->number,
           why, (unsigned long long)table);
}

/* Doubt the partitions that overlap a sector of the tables. */
static void doubt_tables(struct ptable *t, const struct chain *c)
{
    for (uint32_t i = 0; i < t->n; i++) {
        struct ptable_entry *e = &t->entry[i];
        bool covers = false;

        for (uint32_t k = 0; k < (e->extended ? 1 : c->n); k++)
            covers |= overlap(e->start, e->sectors, c->table[k], 1);
        if (covers)
            set_doubt(e, "a partition table on its sectors");
    }
}

/* Doubt the partitions that overlap each other, a logical one and that which holds it excepted. */
static void doubt_overlaps(const struct ptable_source *s, struct ptable *t)
{
    for (uint32_t i = 0; i < t->n; i++)
        for (uint32_t k = i + 1; k < t->n; k++) {
            struct ptable_entry *a = &t->entry[i], *b = &t->entry[k];

            if (b->outer == a->number || !overlap(a->start, a->span, b->start, b->span))
                continue;
            if (!a->doubt || !b->doubt)
                os_log("%s%u: overlaps %s%u", s->name, b->number, s->name, a->number);
            set_doubt(a, "another partition on the same sectors");
            set_doubt(b, "another partition on the same sectors");
        }
}

static void sort(struct ptable *t)
{
    for (uint32_t i = 1; i < t->n; i++) {
        struct ptable_entry e = t->entry[i];
        uint32_t k = i;

        for (; k > 0 && t->entry[k - 1].number > e.number; k--)
            t->entry[k] = t->entry[k - 1];
        t->entry[k] = e;
    }
}

static void read_mbr(const struct ptable_source *s, struct ptable *t)
{
    struct mbr_entry m[4];
    struct chain c = {.n = 1}; /* sector 0 is where it all begins */
    uint32_t next = FIRST_LOGICAL, primaries;

    t->kind = PTABLE_MBR;
    t->what = "a partition table";
    for (unsigned i = 0; i < 4; i++) {
        m[i] = mbr_entry(t->sector, i);
        if (m[i].boot & 0x7F) {
            os_log("%s: the partition table is damaged: entry %u begins with %02x; no partition is used",
                   s->name, i + 1, m[i].boot);
            t->kind = PTABLE_OTHER;
            t->what = "a damaged partition table";
            return;
        }
    }
    for (unsigned i = 0; i < 4; i++) {
        struct ptable_entry *e;

        if (!m[i].sectors) {
            if (m[i].type)
                os_log("%s%u: has no sectors, not used", s->name, i + 1);
            continue;
        }
        e = add(s, t, i + 1, m[i].start, m[i].sectors);
        if (!e)
            continue;
        e->swap = m[i].type == TYPE_SWAP;
        e->extended = is_extended(&m[i]);
        if (e->extended && e->sectors > EXTENDED_SECTORS)
            e->sectors = EXTENDED_SECTORS;
    }
    primaries = t->n;
    for (uint32_t i = 0; i < primaries; i++)
        if (t->entry[i].extended)
            read_chain(s, t, &t->entry[i], &c, &next);
    sort(t);
    doubt_tables(t, &c);
    doubt_overlaps(s, t);
}

/* --- GPT --- */

enum {
    GPT_HEADER_SIZE = 12,
    GPT_HEADER_CRC = 16,
    GPT_OWN_PLACE = 24,
    GPT_FIRST_USABLE = 40,
    GPT_LAST_USABLE = 48,
    GPT_TABLE = 72,
    GPT_ENTRIES = 80,
    GPT_ENTRY_SIZE = 84,
    GPT_TABLE_CRC = 88,
    GPT_HEADER_END = 92,

    GPT_ENTRY = 128,
    GPT_ENTRY_FIRST = 32,
    GPT_ENTRY_LAST = 40,
};
#define GPT_ENTRIES_MAX 32768u /* 4 MiB, as much as Linux reads */

static const uint8_t gpt_magic[8] = {'E', 'F', 'I', ' ', 'P', 'A', 'R', 'T'};
/* 0657FD6D-A4AB-43C4-84E5-0933C84B4F4F, in the order of bytes on disk */
static const uint8_t gpt_swap[16] = {0x6D, 0xFD, 0x57, 0x06, 0xAB, 0xA4, 0xC4, 0x43,
                                     0x84, 0xE5, 0x09, 0x33, 0xC8, 0x4B, 0x4F, 0x4F};

struct gpt {
    uint64_t first_usable, last_usable, table;
    uint32_t entries;
};

static uint32_t crc32(uint32_t crc, const uint8_t *p, size_t n)
{
    while (n--) {
        crc ^= *p++;
        for (unsigned i = 0; i < 8; i++)
            crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
    }
    return crc;
}

static uint64_t gpt_table_sectors(const struct gpt *g)
{
    return ((uint64_t)g->entries * GPT_ENTRY + PTABLE_SECTOR - 1) / PTABLE_SECTOR;
}

static bool has_gpt_magic(const struct ptable_source *s, struct ptable *t, uint64_t at)
{
    return read_sector(s, at, t->sector) && memcmp(t->sector, gpt_magic, sizeof gpt_magic) == 0;
}

/* What is wrong with the header at a sector and its entries, or NULL: then g is filled in. */
static const char *gpt_fault(const struct ptable_source *s, struct ptable *t, uint64_t at, struct gpt *g)
{
    uint8_t *h = t->sector;
    uint32_t size, crc, table_crc;
    uint64_t left;

    if (!read_sector(s, at, h))
        return "cannot be read";
    if (memcmp(h, gpt_magic, sizeof gpt_magic) != 0)
        return "is missing";
    size = get32(h + GPT_HEADER_SIZE);
    if (size < GPT_HEADER_END || size > PTABLE_SECTOR)
        return "has an impossible size";
    crc = get32(h + GPT_HEADER_CRC);
    memset(h + GPT_HEADER_CRC, 0, 4);
    if (~crc32(UINT32_MAX, h, size) != crc)
        return "has a wrong checksum";
    if (get64(h + GPT_OWN_PLACE) != at)
        return "says that it lies elsewhere";
    *g = (struct gpt){.first_usable = get64(h + GPT_FIRST_USABLE),
                      .last_usable = get64(h + GPT_LAST_USABLE),
                      .table = get64(h + GPT_TABLE),
                      .entries = get32(h + GPT_ENTRIES)};
    if (g->last_usable >= s->sectors || g->first_usable > g->last_usable)
        return "has bounds that are not on the disk";
    if (get32(h + GPT_ENTRY_SIZE) != GPT_ENTRY || g->entries > GPT_ENTRIES_MAX)
        return "has entries of an unknown form";
    if (g->table >= s->sectors || gpt_table_sectors(g) > s->sectors - g->table)
        return "has entries beyond the end of the disk";
    table_crc = get32(h + GPT_TABLE_CRC);
    crc = UINT32_MAX;
    left = (uint64_t)g->entries * GPT_ENTRY;
    for (uint64_t sector = g->table; left; sector++) {
        uint32_t n = left < PTABLE_SECTOR ? (uint32_t)left : PTABLE_SECTOR;

        if (!read_sector(s, sector, h))
            return "has entries that cannot be read";
        crc = crc32(crc, h, n);
        left -= n;
    }
    return ~crc == table_crc ? NULL : "has entries with a wrong checksum";
}

static void gpt_add(const struct ptable_source *s, struct ptable *t, const struct gpt *g, uint32_t number,
                    const uint8_t *p)
{
    uint64_t first = get64(p + GPT_ENTRY_FIRST), last = get64(p + GPT_ENTRY_LAST);
    uint8_t any = 0;
    struct ptable_entry *e;

    for (unsigned i = 0; i < sizeof gpt_swap; i++)
        any |= p[i];
    if (!any)
        return;
    if (last < first || last >= s->sectors) {
        os_log("%s%u: sectors %llu to %llu are not on the disk, not used", s->name, number,
               (unsigned long long)first, (unsigned long long)last);
        return;
    }
    e = add(s, t, number, first, last - first + 1);
    if (!e)
        return;
    e->swap = memcmp(p, gpt_swap, sizeof gpt_swap) == 0;
    if (first < 2 || last == s->sectors - 1 || overlap(first, e->sectors, g->table, gpt_table_sectors(g)))
        set_doubt(e, "a partition table on its sectors");
    else if (first < g->first_usable || last > g->last_usable)
        set_doubt(e, "a place that its table calls not usable");
}

/* The MBR in t->sector is a protective or hybrid one. */
static void read_gpt(const struct ptable_source *s, struct ptable *t)
{
    uint64_t last = s->sectors - 1;
    struct gpt g;
    const char *fault, *fault2;

    t->kind = PTABLE_OTHER;
    t->what = "a damaged GPT";
    fault2 = gpt_fault(s, t, last, &g);
    fault = gpt_fault(s, t, 1, &g);
    if (fault && fault2) {
        os_log("%s: the GPT %s, and its copy at the end of the disk %s: no partition is used", s->name, fault,
               fault2);
        return;
    }
    if (fault || fault2)
        os_log("%s: the GPT%s %s; the other one is used", s->name,
               fault ? "" : " copy at the end of the disk", fault ? fault : fault2);
    if (fault && gpt_fault(s, t, last, &g))
        return; /* it was good a moment ago */
    t->kind = PTABLE_GPT;
    t->what = "a GPT";
    for (uint32_t i = 0; i < g.entries; i++) {
        if (i % (PTABLE_SECTOR / GPT_ENTRY) == 0 &&
            !read_sector(s, g.table + i / (PTABLE_SECTOR / GPT_ENTRY), t->sector))
            break;
        if (t->n == PTABLE_MAX || i >= PTABLE_MAX) {
            bool any = false;

            for (unsigned k = 0; k < sizeof gpt_swap; k++)
                any |= t->sector[i % (PTABLE_SECTOR / GPT_ENTRY) * GPT_ENTRY + k] != 0;
            if (!any)
                continue;
            add(s, t, i + 1, 0, 1); /* says that it has no device */
            break;
        }
        gpt_add(s, t, &g, i + 1, t->sector + i % (PTABLE_SECTOR / GPT_ENTRY) * GPT_ENTRY);
    }
    doubt_overlaps(s, t);
}

int ptable_read(const struct ptable_source *s, struct ptable *t)
{
    bool protective = false;

    t->kind = PTABLE_NONE;
    t->what = "no partition table";
    t->n = 0;
    if (!read_sector(s, 0, t->sector))
        return -EIO;
    if (has_magic(t->sector) && !is_blank(t->sector)) {
        bool odd = false;

        for (unsigned i = 0; i < 4; i++) {
            struct mbr_entry m = mbr_entry(t->sector, i);

            protective |= m.type == TYPE_GPT && m.start == 1;
            odd |= (m.boot & 0x7F) != 0;
        }
        if (odd && is_fat(t->sector)) {
            t->kind = PTABLE_OTHER;
            t->what = "a FAT file system";
            return 0;
        }
        if (protective)
            read_gpt(s, t);
        else
            read_mbr(s, t);
        return 0;
    }
    if (has_gpt_magic(s, t, 1) || has_gpt_magic(s, t, s->sectors - 1)) {
        t->kind = PTABLE_OTHER;
        t->what = "a GPT without its protective MBR";
        os_log("%s: there is a GPT, but no protective MBR: no partition is used", s->name);
    }
    return 0;
}

/* --- signatures --- */

/* Bytes that say what a device is. Only places that mkswap's own header leaves alone, or that it leaves zero.
 * */
struct signature {
    uint32_t offset; /* bytes */
    uint8_t size;
    const char *bytes;
    const char *name;
};

/* By offset, so that a page is read once. */
static const struct signature signatures[] = {
    {0, 4, "XFSB", "an XFS file system"},
    {0, 6, "LUKS\xba\xbe", "a LUKS volume"},
    {0, 4, "hsqs", "a squashfs file system"},
    {0, 4, "\xfc\x4e\x2b\xa9", "a RAID member"},
    {0, 2, "ER", "an Apple partition map"},
    {0, 4, "RDSK", "an Amiga partition table"},
    {0, 4, "\x0b\xe5\xa9\x41", "an SGI disk label"},
    {3, 8, "NTFS    ", "an NTFS file system"},
    {3, 8, "EXFAT   ", "an exFAT file system"},
    {3, 8, "-FVE-FS-", "a BitLocker volume"},
    {54, 5, "FAT12", "a FAT file system"},
    {54, 5, "FAT16", "a FAT file system"},
    {54, 8, "FAT     ", "a FAT file system"},
    {82, 5, "FAT32", "a FAT file system"},
    {508, 2, "\xda\xbe", "a Sun disk label"},
    {512, 4, "\x57\x45\x56\x82", "a BSD disk label"},
    {512, 8, "LABELONE", "an LVM physical volume"},
    {0, 8, "LABELONE", "an LVM physical volume"},
    {1024, 8, "LABELONE", "an LVM physical volume"},
    {1024, 4, "\x10\x20\xf5\xf2", "an F2FS file system"},
    {1024, 2, "H+", "an HFS+ file system"},
    {1024, 2, "BD", "an HFS file system"},
    {1024 + 56, 2, "\x53\xef", "an ext2, ext3 or ext4 file system"},
    {1536, 8, "LABELONE", "an LVM physical volume"},
    {4096, 4, "\xfc\x4e\x2b\xa9", "a RAID member"},
    {4096 + 24, 8, "\xc6\x85\x73\xf6\x4e\x1a\x45\xca", "a bcache device"},
    {8192 + 52, 8, "ReIsErFs", "a ReiserFS file system"},
    {32768, 4, "JFS1", "a JFS file system"},
    {32768 + 1, 5, "CD001", "an ISO 9660 file system"},
    {32768 + 1, 5, "BEA01", "a UDF file system"},
    {65536 + 52, 8, "ReIsErFs", "a ReiserFS file system"},
    {65536 + 52, 6, "ReIsEr", "a ReiserFS file system"},
    {65536 + 64, 8, "_BHRfS_M", "a btrfs file system"},
};

/* Arrays may have their mark at the end: version 0.90 and 1.0 of Linux's. */
static bool is_raid_member(const struct ptable_source *s, uint8_t *scratch)
{
    static const uint8_t magic[4] = {0xFC, 0x4E, 0x2B, 0xA9};
    uint64_t places[2] = {(s->sectors & ~(uint64_t)127) - 128, (s->sectors - 16) & ~(uint64_t)7};

    for (unsigned i = 0; i < ARRAY_LEN(places); i++)
        if (s->sectors > 256 && read_sector(s, places[i], scratch) &&
            memcmp(scratch, magic, sizeof magic) == 0)
            return true;
    return false;
}

const char *ptable_signature(const struct ptable_source *s, uint8_t *scratch)
{
    uint64_t in_scratch = UINT64_MAX;
    bool good = false;

    for (unsigned i = 0; i < ARRAY_LEN(signatures); i++) {
        const struct signature *g = &signatures[i];
        uint64_t sector = g->offset / PTABLE_SECTOR;

        if (sector != in_scratch) {
            good = read_sector(s, sector, scratch);
            in_scratch = sector;
            if (good && sector == 0 && is_fat(scratch))
                return "a FAT file system";
        }
        if (good && memcmp(scratch + g->offset % PTABLE_SECTOR, g->bytes, g->size) == 0)
            return g->name;
    }
    if (is_raid_member(s, scratch))
        return "a RAID member";
    return read_sector(s, 0, scratch) && has_magic(scratch) && !is_blank(scratch) ? "a boot sector" : NULL;
}

#define SWAP_MAGIC_SECTOR 7u
#define SWAP_MAGIC_OFFSET 502u /* the last ten bytes of the page */

bool ptable_has_swap(const struct ptable_source *s, uint8_t *scratch)
{
    return read_sector(s, SWAP_MAGIC_SECTOR, scratch) &&
           (memcmp(scratch + SWAP_MAGIC_OFFSET, "SWAPSPACE2", 10) == 0 ||
            memcmp(scratch + SWAP_MAGIC_OFFSET, "SWAP-SPACE", 10) == 0);
}
