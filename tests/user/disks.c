/*
 * Disks and partitions as a program sees them: sizes, bounds, who may write where while swap is on, and what
 * comes and goes when a table is written anew.
 *
 *     disks claims       hda is as tests/boot/partitions.t makes it: hda1, hda2 with swap on, an extended
 *                        hda3 with hda5 and with hda6 with swap on
 *     disks rescan       hdb is blank, and gets tables; hda as above loses its own
 *     disks hold DISK    fill free memory and half of the swap, and check it; DISK is unused space that is
 *                        written and read meanwhile
 *
 * Says "disks: ok: ..." or "disks: FAILED: ..." for each thing, and exits with the number that failed.
 */
#include "tests/user/check.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/hdreg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECTOR 512
#define PAGE   4096

static bool fails(long result, int err)
{
    return result == -1 && errno == err;
}

static int open_disk(const char *name, int flags)
{
    int fd = open(name, flags);

    if (fd < 0)
        check(false, "open %s", name);
    return fd;
}

static uint64_t size_of(const char *name)
{
    int fd = open_disk(name, O_RDONLY);
    uint64_t size = 0;

    ioctl(fd, BLKGETSIZE64, &size);
    close(fd);
    return size;
}

/* The priority of an area of /proc/swaps; 0: it is not on. */
static int swap_priority(const char *name)
{
    char line[256], device[64];
    int priority = 0, found;
    FILE *f = fopen("/proc/swaps", "r");

    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "%63s %*s %*d %*d %d", device, &found) == 2 && strcmp(device, name) == 0)
            priority = found;
    if (f)
        fclose(f);
    return priority;
}

/* --- claims --- */

static void check_sizes(void)
{
    static const struct {
        const char *name;
        uint64_t start, sectors;
        unsigned minor;
    } part[] = {{"/dev/hda", 0, 65536, 0},  {"/dev/hda1", 63, 8001, 1},    {"/dev/hda2", 10240, 16384, 2},
                {"/dev/hda3", 30000, 2, 3}, {"/dev/hda5", 30063, 1001, 5}, {"/dev/hda6", 40063, 16384, 6}};

    for (unsigned i = 0; i < sizeof part / sizeof part[0]; i++) {
        int fd = open_disk(part[i].name, O_RDONLY), sector = 0, ro = 1;
        unsigned long n = 0;
        struct hd_geometry g = {0};
        struct stat st;
        char byte;

        check(ioctl(fd, BLKGETSIZE, &n) == 0 && n == part[i].sectors && size_of(part[i].name) == n * SECTOR,
              "%s has %lu sectors", part[i].name, n);
        check(ioctl(fd, BLKSSZGET, &sector) == 0 && sector == SECTOR && ioctl(fd, BLKROGET, &ro) == 0 && !ro,
              "%s can be written, sectors of %d", part[i].name, sector);
        check(ioctl(fd, HDIO_GETGEO, &g) == 0 && g.start == part[i].start && g.heads && g.sectors,
              "%s begins at %lu", part[i].name, g.start);
        check(fstat(fd, &st) == 0 && S_ISBLK(st.st_mode) && st.st_rdev == (dev_t)(3 << 8 | part[i].minor),
              "%s is device %lx", part[i].name, (unsigned long)st.st_rdev);
        check(lseek(fd, 0, SEEK_END) == (off_t)(part[i].sectors * SECTOR) && read(fd, &byte, 1) == 0,
              "%s ends there", part[i].name);
        check(pread(fd, &byte, 1, (off_t)(part[i].sectors * SECTOR) - 1) == 1, "%s has its last byte",
              part[i].name);
        check(fails(lseek(fd, 1, SEEK_END), EINVAL), "%s has none beyond", part[i].name);
        close(fd);
    }
}

/* A pattern across the end of a partition, seen through the disk; the bytes around it stay. */
static void check_bounds(const char *name, uint64_t start, uint64_t sectors)
{
    int part = open_disk(name, O_RDWR), disk = open_disk("/dev/hda", O_RDONLY);
    char out[3 * PAGE], before[5 * PAGE], after[5 * PAGE];
    off_t end = (off_t)(sectors * SECTOR), at = end - 1000;
    off_t view = (off_t)(start * SECTOR) + end - 2 * PAGE;

    memset(out, 0xA5, sizeof out);
    check(pread(disk, before, sizeof before, view) == sizeof before, "the end of %s through the disk", name);
    check(pwrite(part, out, sizeof out, at) == 1000, "a write across the end of %s is cut", name);
    check(fails(pwrite(part, out, 1, end), ENOSPC), "behind the end of %s is no space", name);
    check(pread(disk, after, sizeof after, view) == sizeof after &&
              memcmp(before, after, 2 * PAGE - 1000) == 0 &&
              memcmp(after + 2 * PAGE - 1000, out, 1000) == 0 &&
              memcmp(before + 2 * PAGE, after + 2 * PAGE, 3 * PAGE) == 0,
          "and has changed nothing else");
    check(pread(part, after, sizeof after, at) == 1000 && memcmp(after, out, 1000) == 0,
          "it can be read back");
    close(part);
    close(disk);
}

static void check_swap_claims(const char *name, uint64_t start, uint64_t sectors)
{
    int part = open_disk(name, O_RDWR), disk = open_disk("/dev/hda", O_RDWR);
    char page[PAGE];
    off_t first = (off_t)(start * SECTOR), last = first + (off_t)(sectors * SECTOR) - 1;

    check(swap_priority(name) < 0, "%s is on", name);
    check(pread(part, page, PAGE, 0) == PAGE && memcmp(page + PAGE - 10, "SWAPSPACE2", 10) == 0,
          "%s can be read", name);
    check(fails(pwrite(part, page, PAGE, 0), ETXTBSY), "%s cannot be written", name);
    check(fails(pwrite(part, page, 1, 100000), ETXTBSY), "nor a byte in it");
    check(pread(disk, page, PAGE, first) == PAGE && fails(pwrite(disk, page, PAGE, first), ETXTBSY),
          "nor its first page through the disk");
    check(fails(pwrite(disk, page, 1, first), ETXTBSY) && fails(pwrite(disk, page, 1, last), ETXTBSY) &&
              fails(pwrite(disk, page, 1, (first + last) / 2), ETXTBSY),
          "nor a byte, be it the first or the last");
    check(fails(open(name, O_RDWR | O_EXCL), EBUSY) && fails(open("/dev/hda", O_RDONLY | O_EXCL), EBUSY),
          "nor claimed");
    check(fails(swapon(name, 0), EBUSY) && fails(swapon("/dev/hda", 0), EBUSY), "nor put on, nor the disk");
    check(fails(ioctl(disk, BLKRRPART, 0), EBUSY) && fails(ioctl(part, BLKRRPART, 0), EINVAL),
          "nor is the table read again");
    check(pread(disk, page, SECTOR, 0) == SECTOR && pwrite(disk, page, SECTOR, 0) == SECTOR,
          "the disk's first sector can be written");
    close(part);
    close(disk);
}

static int claims(void)
{
    int fd;
    char page[PAGE];

    check_sizes();
    check_bounds("/dev/hda1", 63, 8001);
    check_bounds("/dev/hda5", 30063, 1001);
    check_swap_claims("/dev/hda2", 10240, 16384);
    check_swap_claims("/dev/hda6", 40063, 16384);
    check(fails(open("/dev/hda4", O_RDONLY), ENOENT) && mknod("/tmp/hda4", S_IFBLK | 0600, 3 << 8 | 4) == 0 &&
              fails(open("/tmp/hda4", O_RDONLY), ENXIO),
          "there is no hda4");
    check(fails(swapon("/dev/hda1", 0), EINVAL) && fails(swapon("/dev/hda3", 0), EINVAL) &&
              fails(swapoff("/dev/hda1"), EINVAL),
          "hda1 and hda3 have no swap header");
    /* Off: it is a partition like others, and the disk with it, but for the one that is still on. */
    check(swapoff("/dev/hda2") == 0 && !swap_priority("/dev/hda2") && swap_priority("/dev/hda6") < 0,
          "hda2 can be taken off");
    fd = open_disk("/dev/hda2", O_RDWR | O_EXCL);
    check(pread(fd, page, PAGE, PAGE) == PAGE && pwrite(fd, page, PAGE, PAGE) == PAGE, "and then be written");
    check(fails(swapon("/dev/hda2", 0), EBUSY) && fails(swapon("/dev/hda", 0), EBUSY),
          "not put on while claimed");
    close(fd);
    fd = open_disk("/dev/hda", O_RDWR);
    check(pread(fd, page, PAGE, 10240 * SECTOR + PAGE) == PAGE &&
              pwrite(fd, page, PAGE, 10240 * SECTOR + PAGE) == PAGE,
          "nor through the disk");
    check(fails(pwrite(fd, page, PAGE, 40063 * SECTOR + PAGE), ETXTBSY), "where hda6 is on, still not");
    close(fd);
    check(swapon("/dev/hda2", SWAP_FLAG_PREFER | 7) == 0 && swap_priority("/dev/hda2") == 7,
          "on again, at 7");
    return 0;
}

/* --- tables --- */

static void put_entry(uint8_t *sector, unsigned i, uint8_t type, uint32_t start, uint32_t n)
{
    uint8_t *p = sector + 446 + 16 * i;

    memset(p, 0, 16);
    p[4] = type;
    memcpy(p + 8, &start, 4);
    memcpy(p + 12, &n, 4);
    sector[510] = 0x55;
    sector[511] = 0xAA;
}

static bool exists(const char *name)
{
    struct stat st;

    return stat(name, &st) == 0;
}

static bool listed(const char *name)
{
    char line[128], device[64];
    bool found = false;
    FILE *f = fopen("/proc/partitions", "r");

    while (f && fgets(line, sizeof line, f))
        found |= sscanf(line, "%*d %*d %*d %63s", device) == 1 && strcmp(device, name) == 0;
    if (f)
        fclose(f);
    return found;
}

static int rescan(void)
{
    uint8_t sector[SECTOR] = {0};
    int disk = open_disk("/dev/hdb", O_RDWR), part, excl;

    check(ioctl(disk, BLKRRPART, 0) == 0 && !exists("/dev/hdb1") && !listed("hdb1"), "a blank disk has none");
    put_entry(sector, 0, 0x83, 64, 100);
    put_entry(sector, 1, 0x82, 200, 1000);
    check(pwrite(disk, sector, SECTOR, 0) == SECTOR && !exists("/dev/hdb1"), "a table is written");
    check(ioctl(disk, BLKRRPART, 0) == 0 && exists("/dev/hdb1") && exists("/dev/hdb2") && listed("hdb2"),
          "and read: two partitions");
    check(size_of("/dev/hdb1") == 100 * SECTOR && size_of("/dev/hdb2") == 1000 * SECTOR, "of their sizes");
    put_entry(sector, 0, 0, 0, 0);
    put_entry(sector, 1, 0x83, 300, 50);
    put_entry(sector, 2, 0x83, 400, 50);
    pwrite(disk, sector, SECTOR, 0);
    part = open_disk("/dev/hdb1", O_RDONLY);
    check(fails(ioctl(disk, BLKRRPART, 0), EBUSY) && exists("/dev/hdb1"), "not again while one is open");
    close(part);
    excl = open_disk("/dev/hdb", O_RDWR | O_EXCL);
    check(fails(ioctl(disk, BLKRRPART, 0), EBUSY), "nor while another has claimed the disk");
    check(ioctl(excl, BLKRRPART, 0) == 0 && !exists("/dev/hdb1") && exists("/dev/hdb3"),
          "who claimed it may");
    check(size_of("/dev/hdb2") == 50 * SECTOR && !listed("hdb1") && listed("hdb3"),
          "one is gone, one is new");
    close(excl);
    memset(sector, 0, sizeof sector);
    pwrite(disk, sector, SECTOR, 0);
    check(ioctl(disk, BLKRRPART, 0) == 0 && !exists("/dev/hdb2") && !exists("/dev/hdb3"), "all are gone");
    close(disk);
    /* Again and again, by two at once, while others open what comes and goes. */
    for (unsigned who = 0; who < 4; who++)
        if (fork() == 0) {
            disk = open("/dev/hdb", O_RDWR);
            for (unsigned i = 0; i < 100; i++) {
                if (who < 2) {
                    put_entry(sector, 0, i % 2 ? 0x83 : 0, 64, i % 2 ? 100 + i : 0);
                    pwrite(disk, sector, SECTOR, 0);
                    ioctl(disk, BLKRRPART, 0);
                    continue;
                }
                part = open("/dev/hdb1", O_RDWR);
                if (part >= 0) {
                    pread(part, sector, SECTOR, 0);
                    pwrite(part, sector, SECTOR, SECTOR * (off_t)i);
                    close(part);
                }
            }
            _exit(0);
        }
    while (wait(NULL) > 0)
        ;
    check(true, "a race has an end");
    /* What swap was on at the start may go, too. */
    check(swapoff("/dev/hda2") == 0 && swapoff("/dev/hda6") == 0, "swap is off");
    disk = open_disk("/dev/hda", O_RDWR);
    memset(sector, 0, sizeof sector);
    check(pwrite(disk, sector, SECTOR, 0) == SECTOR && ioctl(disk, BLKRRPART, 0) == 0 &&
              !exists("/dev/hda2") && !exists("/dev/hda6"),
          "and its partitions are gone");
    close(disk);
    return 0;
}

/* --- swap in use --- */

static int hold(const char *disk)
{
    struct sysinfo s;
    size_t size, wrong = 0;
    uint32_t *p;
    int fd = open_disk(disk, O_RDWR);
    char page[PAGE];
    off_t end = (off_t)(size_of(disk) & ~(uint64_t)(PAGE - 1));

    sysinfo(&s);
    size = (size_t)(s.freeram + s.freeswap / 2) * s.mem_unit & ~(size_t)(PAGE - 1);
    p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return 1;
    for (unsigned round = 1; round <= 3; round++) {
        for (size_t i = 0; i < size / 4; i += PAGE / 4) {
            p[i] = (uint32_t)i * 2654435761u + round;
            p[i + PAGE / 4 - 1] = (uint32_t)i ^ round;
            if (i % 65536 == 0) {
                off_t at = (off_t)(i * 4) % end;

                memset(page, (int)round, PAGE);
                if (pwrite(fd, page, 700, at) != 700 || pread(fd, page, 700, at) != 700 ||
                    page[699] != (int)round)
                    wrong++;
            }
        }
        for (size_t i = 0; i < size / 4; i += PAGE / 4)
            wrong +=
                p[i] != (uint32_t)i * 2654435761u + round || p[i + PAGE / 4 - 1] != ((uint32_t)i ^ round);
    }
    sysinfo(&s);
    check(!wrong, "%zu KiB held, %zu wrong", size >> 10, wrong);
    check(s.freeswap < s.totalswap / 4 * 3, "%lu of %lu KiB of swap are used",
          (s.totalswap - s.freeswap) * s.mem_unit >> 10, s.totalswap * s.mem_unit >> 10);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "claims") == 0)
        claims();
    else if (argc == 2 && strcmp(argv[1], "rescan") == 0)
        rescan();
    else if (argc == 3 && strcmp(argv[1], "hold") == 0)
        failed += (unsigned)hold(argv[2]);
    else
        return 99;
    printf("disks: done, %u failed\n", failed);
    return failed > 98 ? 98 : (int)failed;
}
