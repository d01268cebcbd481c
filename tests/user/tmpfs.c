/*
 * What files in memory and shared memory may take: the limits of tmpfs, and what is promised to whom.
 *
 *     tmpfs DIRECTORY        where this may mount; made if it is not there
 *
 * It changes mounts and sysctls, so it is for a machine of its own. All of it holds on Linux too (see
 * tools/linux-i386), but what is said to be for the root archive, which counts as a whole there. Says
 * "tmpfs: ok: ..." or "tmpfs: FAILED: ..." for each thing, and exits with the number that failed.
 */
#include "tests/user/check.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE  4096u
#define MIB   (1u << 20)
#define LIMIT 16u /* pages, of the small mount */
#define RW    (PROT_READ | PROT_WRITE)

static const char *where;
static uint8_t block[LIMIT * PAGE];

static struct statfs room_of(const char *path)
{
    struct statfs s = {0};

    statfs(path, &s);
    return s;
}

static long free_pages(void)
{
    return (long)room_of(where).f_bfree;
}

/* A figure of /proc/meminfo in pages. */
static long meminfo(const char *name)
{
    char line[128], found[64];
    long kib = -1, n;
    FILE *f = fopen("/proc/meminfo", "re");

    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "%63[^:]: %ld", found, &n) == 2 && strcmp(found, name) == 0)
            kib = n;
    if (f)
        fclose(f);
    return kib / 4;
}

static long committed(void)
{
    return meminfo("Committed_AS");
}

static bool sysctl(const char *name, int value)
{
    char path[64], text[16];
    int fd, n;

    snprintf(path, sizeof path, "/proc/sys/vm/%s", name);
    n = snprintf(text, sizeof text, "%d", value);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    bool ok = fd >= 0 && write(fd, text, (size_t)n) == n;

    close(fd);
    return ok;
}

static sigjmp_buf back;

static void on_bus(int signo)
{
    siglongjmp(back, signo);
}

/* Write a byte: 0, or the signal. */
static int touch(volatile uint8_t *p, uint8_t value)
{
    int signo = sigsetjmp(back, 1);

    if (signo == 0)
        *p = value;
    return signo;
}

static int new_file(const char *name)
{
    char path[256];

    snprintf(path, sizeof path, "%s/%s", where, name);
    return open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
}

static void remove_file(const char *name)
{
    char path[256];

    snprintf(path, sizeof path, "%s/%s", where, name);
    unlink(path);
}

static bool is_all(const uint8_t *p, size_t n, uint8_t value)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] != value)
            return false;
    return true;
}

static void on_alarm(int signo)
{
    (void)signo;
}

/* What fallocate() had before it was interrupted is given back. */
static void interrupted(void)
{
    int fd = (int)syscall(SYS_memfd_create, "interrupted", 0), err = 0;
    struct sigaction a = {.sa_handler = on_alarm};
    struct stat st = {0};
    struct sysinfo info;

    sysinfo(&info);
    off_t size = (off_t)(info.totalram / 4 & ~(PAGE - 1ul));

    sigaction(SIGALRM, &a, NULL);
    check(ftruncate(fd, size) == 0, "a file of a quarter of memory: %m");
    for (int us = 200; us < 20000 && err != EINTR; us += 200) {
        struct itimerval soon = {.it_value = {0, us}}, off = {{0, 0}, {0, 0}};

        fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, size);
        pwrite(fd, "x", 1, 3 * PAGE);
        setitimer(ITIMER_REAL, &soon, NULL);
        err = fallocate(fd, 0, 0, size) ? errno : 0;
        setitimer(ITIMER_REAL, &off, NULL);
    }
    fstat(fd, &st);
    check(err == EINTR, "an allocation was interrupted: %s", strerror(err));
    check(st.st_blocks == PAGE / 512, "and left what there was: %ld blocks", (long)st.st_blocks);
    check(st.st_size == size, "and the size");
    close(fd);
}

static void written(void)
{
    struct statfs s = room_of(where);
    int fd = new_file("a"), other = new_file("b");

    check(s.f_blocks == LIMIT && s.f_bfree == LIMIT && s.f_bavail == LIMIT && s.f_bsize == (int)PAGE,
          "size= is the limit: %lu blocks, %lu free", (long)s.f_blocks, (long)s.f_bfree);
    memset(block, 1, sizeof block);
    check(write(fd, block, 12 * PAGE) == 12 * PAGE && free_pages() == 4, "12 pages are written");
    check(write(other, block, 8 * PAGE) == 4 * PAGE && free_pages() == 0, "4 of 8 pages fit");
    check(write(other, block, 1) == -1 && errno == ENOSPC, "then not a byte: %m");
    check(pwrite(fd, block, PAGE, 3 * PAGE) == PAGE, "what is there may be written over");
    check(fallocate(fd, 0, 0, 12 * PAGE) == 0, "and allocated again");
    check(lseek(other, 0, SEEK_END) == 4 * PAGE, "the size is what fitted");
    check(ftruncate(fd, 5 * PAGE + 1) == 0 && free_pages() == 6, "truncation frees 6 pages");
    close(other);
    remove_file("b");
    check(free_pages() == 10, "and removing the other file its 4");
    check(fallocate(fd, 0, 0, 17 * PAGE) == -1 && errno == ENOSPC && free_pages() == 10 &&
              lseek(fd, 0, SEEK_END) == 5 * PAGE + 1,
          "17 pages cannot be allocated, and none of them is: %ld free", free_pages());
    check(fallocate(fd, 0, 0, 16 * PAGE) == 0 && free_pages() == 0, "16 can");
    check(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, PAGE, 2 * PAGE) == 0 && free_pages() == 2,
          "a hole frees 2 pages");
    check(pread(fd, block, 3 * PAGE, 0) == 3 * PAGE && is_all(block, PAGE, 1) &&
              is_all(block + PAGE, 2 * PAGE, 0) && free_pages() == 2,
          "and reads as zeroes");
    close(fd);
}

static void mapped(void)
{
    int fd = new_file("a"), signo;
    uint8_t *p;

    check(ftruncate(fd, MIB) == 0 && free_pages() == LIMIT, "a large size takes nothing");
    p = mmap(NULL, MIB, RW, MAP_SHARED, fd, 0);
    for (unsigned i = 0; i < LIMIT; i++)
        p[2 * i * PAGE] = (uint8_t)(i + 1);
    check(free_pages() == 0, "16 pages are touched");
    signo = touch(p + 40 * PAGE, 1);
    check(signo == SIGBUS, "the 17th touch: %s", signo ? strsignal(signo) : "nothing");
    check(touch(p + 2 * PAGE, 7) == 0, "what is there may be touched");
    check(madvise(p, 4 * PAGE, MADV_REMOVE) == 0 && free_pages() == 2, "MADV_REMOVE frees 2 pages");
    check(touch(p + 40 * PAGE, 1) == 0 && p[0] == 0 && p[4 * PAGE] == 3, "then the touch succeeds");
    munmap(p, MIB);
    close(fd);
    fd = new_file("a");
    check(fd >= 0 && free_pages() == LIMIT, "truncated on opening: all is free");
    close(fd);
}

static void remounted(void)
{
    int fd = new_file("a");

    check(write(fd, block, 10 * PAGE) == 10 * PAGE, "10 pages are written");
    check(mount("none", where, "tmpfs", MS_REMOUNT, "size=32k") == -1 && errno == EINVAL,
          "8 are too few for them");
    check(mount("none", where, "tmpfs", MS_REMOUNT, "size=48k") == 0 && free_pages() == 2, "12 are not");
    check(mount("none", where, "tmpfs", MS_REMOUNT, "nr_blocks=100") == 0 && free_pages() == 90,
          "100 either");
    close(fd);
}

static void defaults(void)
{
    struct sysinfo info;
    struct statfs root;
    struct stat self = {0};
    long half, blocks, archive;

    sysinfo(&info);
    half = (long)((uint64_t)info.totalram * info.mem_unit / PAGE / 2);
    blocks = (long)room_of(where).f_blocks;
    check(blocks == half, "the default is half of memory: %ld of %ld", blocks, half);
    root = room_of("/");
    archive = (long)root.f_blocks - half;
    stat("/proc/self/exe", &self);
    check(archive >= self.st_size / (long)PAGE, "also of the root, beside the boot archive: %ld pages",
          archive);
    check((long)root.f_bfree <= half && (long)root.f_bfree > half - 100, "of which none are free: %ld",
          (long)root.f_bfree);
    check(mount("none", where, "tmpfs", MS_REMOUNT, "size=25%") == 0 &&
              (long)room_of(where).f_blocks == half / 2,
          "a quarter is a quarter");
}

static void promised(void)
{
    long before = committed();
    int fd = new_file("a"), memfd = memfd_create("b", MFD_CLOEXEC), id;
    uint8_t *p;

    ftruncate(fd, MIB);
    ftruncate(memfd, MIB);
    check(committed() == before, "the size of a file promises nothing");
    write(fd, block, 10 * PAGE);
    check(committed() == before + 10, "10 written pages do: %ld", committed() - before);
    p = mmap(NULL, MIB, RW, MAP_SHARED, memfd, 0);
    check(committed() == before + 10, "a mapping of a file does not");
    p[0] = p[20 * PAGE] = 1;
    check(committed() == before + 12, "2 touched pages do: %ld", committed() - before);
    madvise(p, PAGE, MADV_REMOVE);
    check(committed() == before + 11, "until they are removed: %ld", committed() - before);
    munmap(p, MIB);
    close(memfd);
    check(committed() == before + 10, "or the file is: %ld", committed() - before);
    ftruncate(fd, PAGE);
    check(committed() == before + 1, "or is cut: %ld", committed() - before);
    ftruncate(fd, 0);
    close(fd);
    p = mmap(NULL, MIB, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    check(committed() == before + 256, "shared memory is promised as it is made: %ld", committed() - before);
    munmap(p, MIB);
    p = mmap(NULL, MIB, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    p[0] = p[9 * PAGE] = 1;
    check(committed() == before + 2, "without reserve page by page: %ld", committed() - before);
    munmap(p, MIB);
    fd = open("/dev/zero", O_RDWR | O_CLOEXEC);
    p = mmap(NULL, MIB, RW, MAP_SHARED, fd, 0);
    check(committed() == before + 256, "a shared mapping of /dev/zero is the same: %ld",
          committed() - before);
    munmap(p, MIB);
    close(fd);
    id = shmget(IPC_PRIVATE, MIB, 0600);
    check(committed() == before + 256, "a segment: %ld", committed() - before);
    shmctl(id, IPC_RMID, NULL);
    check(committed() == before, "all is given back: %ld", committed() - before);
}

/* More than memory and swap by itself is refused at once. */
static void too_much(void)
{
    struct sysinfo info;
    uint64_t all;

    sysinfo(&info);
    all = ((uint64_t)info.totalram + info.totalswap) * info.mem_unit + 2 * MIB;
    if (all >= 0xFFFFF000u - (1u << 24)) /* a segment cannot be longer */
        return;
    check(shmget(IPC_PRIVATE, (size_t)all, 0600) == -1 && errno == ENOMEM, "a segment larger than all: %m");
    check(shmget(IPC_PRIVATE, 0xFFFFFFFF, 0600) == -1 && errno == EINVAL, "or than any can be: %m");
    if (all < 0x80000000u)
        check(mmap(NULL, (size_t)all, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0) == MAP_FAILED && errno == ENOMEM,
              "shared memory larger than all: %m");
}

static void strict(void)
{
    int fd = new_file("a"), id = -1, signo = 0;
    long left, got;
    size_t fill;
    uint8_t *p;

    check(sysctl("overcommit_memory", 2), "strict overcommit");
    left = meminfo("CommitLimit") - committed();
    check(left > 1024, "%ld pages may be promised", left);
    check(shmget(IPC_PRIVATE, (size_t)(left + 256) * PAGE, 0600) == -1 && errno == ENOMEM,
          "a segment of more: %m");
    check(mmap(NULL, (size_t)(left + 256) * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) ==
                  MAP_FAILED &&
              errno == ENOMEM,
          "shared memory, even without reserve: %m");
    fill = (size_t)(left - 512) * PAGE;
    id = shmget(IPC_PRIVATE, fill, 0600);
    check(id >= 0, "a segment that leaves 512");
    ftruncate(fd, 4 * MIB);
    for (got = 0; got < 1024; got += LIMIT)
        if (pwrite(fd, block, sizeof block, got * PAGE) != (ssize_t)sizeof block)
            break;
    check(got <= 512 && pwrite(fd, block, PAGE, 900 * PAGE) == -1 && errno == ENOSPC,
          "less than that can be written: %m");
    p = mmap(NULL, 4 * MIB, RW, MAP_SHARED, fd, 0);
    if (check(p != MAP_FAILED, "a file's mapping needs no promise"))
        signo = touch(p + 900 * PAGE, 1);
    check(signo == SIGBUS, "but its pages do: %s", signo ? strsignal(signo) : "nothing");
    check(fallocate(fd, 0, 1000 * PAGE, PAGE) == -1 && errno == ENOSPC, "however they come: %m");
    check(committed() <= meminfo("CommitLimit") + 256, "no more is promised than may be, but for what a "
                                                       "processor keeps back in counting");
    munmap(p, 4 * MIB);
    ftruncate(fd, 0);
    close(fd);
    shmctl(id, IPC_RMID, NULL);
    check(sysctl("overcommit_memory", 0), "and back");
}

/* Files that came with the root archive: what was written to them counts, and holes are holes. */
static void archive(void)
{
    int fd = open("/fuzz/hostile", O_RDWR | O_CLOEXEC);
    long before = committed(), room = (long)room_of("/").f_bfree;
    static uint8_t was[4 * PAGE], is[4 * PAGE];
    uint8_t *p = mmap(NULL, 8 * PAGE, RW, MAP_SHARED, fd, 0);

    if (!check(fd >= 0 && p != MAP_FAILED && pread(fd, was, sizeof was, 0) == sizeof was, "a file"))
        return;
    memcpy(is, p, sizeof is);
    check(memcmp(was, is, sizeof was) == 0 && committed() == before && (long)room_of("/").f_bfree == room,
          "what is only read does not count (the root archive)");
    check(madvise(p + PAGE, PAGE, MADV_REMOVE) == 0, "a page of it is removed: %m");
    memset(was + PAGE, 0, PAGE);
    check(memcmp(was, p, sizeof was) == 0, "and reads as zeroes through the mapping");
    check(pread(fd, is, sizeof is, 0) == sizeof is && memcmp(was, is, sizeof was) == 0, "and by read()");
    is[0] = p[5 * PAGE];
    p[5 * PAGE] = 1; /* it is mapped for reading */
    check(committed() == before + 2 && (long)room_of("/").f_bfree == room - 2,
          "the two pages count now: %ld, %ld (the root archive)", committed() - before,
          room - (long)room_of("/").f_bfree);
    munmap(p, 8 * PAGE);
    ftruncate(fd, 3 * PAGE);
    check(committed() == before + 1 && (long)room_of("/").f_bfree == room - 1,
          "until the file is cut: %ld (the root archive)", committed() - before);
    ftruncate(fd, 0);
    check(committed() == before && (long)room_of("/").f_bfree == room, "(the root archive)");
    close(fd);
}

static void on_mount(const char *options, void (*fn)(void))
{
    if (!check(mount("none", where, "tmpfs", 0, options) == 0, "mount %s",
               options ? options : "without size"))
        return;
    fn();
    if (chdir("/") == 0)
        check(umount(where) == 0, "unmount: %m");
}

/* Options that are no numbers, or none that can be, change nothing; those that can be are what they say. */
static void options(void)
{
    static const char *const bad[] = {"size=",
                                      "size=x",
                                      "size=-1",
                                      "size=4x",
                                      "size=4k4",
                                      "size=4%%",
                                      "size=%",
                                      "size=18446744073709551616",
                                      "size=16777216t",
                                      "size=16e",
                                      "size=99999999999999999999k",
                                      "size=9999999999999999999%",
                                      "nr_blocks=",
                                      "nr_blocks=4%",
                                      "nr_blocks=9223372036854775807",
                                      "nr_blocks=18014398509481984k",
                                      "nr_inodes=",
                                      "nr_inodes=k",
                                      "nr_inodes=-1",
                                      "nr_inodes=18446744073709551617",
                                      "nr_inodes=16e",
                                      "mode=",
                                      "mode=8",
                                      "mode=-1",
                                      "mode=40000000000"};
    static const struct {
        const char *text;
        uint64_t blocks; /* 0: as many as there can be said */
    } good[] = {{"size=4097", 2},     {"size=0x2000", 2},           {"size=020000", 2},
                {"size=12k", 3},      {"size=4294967296", 1 << 20}, {"size=4294967297", (1 << 20) + 1},
                {"size=5g", 5 << 18}, {"nr_blocks=2k", 2048},       {"nr_blocks=07", 7}};
    struct statfs s;

    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        int rc = mount("none", where, "tmpfs", 0, bad[i]);

        check(rc == -1 && errno == EINVAL, "%s is refused", bad[i]);
        if (rc == 0)
            umount(where);
    }
    for (unsigned i = 0; i < sizeof good / sizeof *good; i++) {
        bool ok = mount("none", where, "tmpfs", 0, good[i].text) == 0 && statfs(where, &s) == 0;

        check(ok && s.f_blocks == good[i].blocks, "%s: %lu blocks", good[i].text, ok ? (long)s.f_blocks : 0);
        umount(where);
    }
}

int main(int argc, char **argv)
{
    where = argc > 1 ? argv[1] : "/tmp";
    mkdir(where, 0755);
    signal(SIGBUS, on_bus);
    options();
    on_mount("size=64k", written);
    on_mount("size=65536", mapped);
    on_mount("nr_blocks=16", remounted);
    on_mount(NULL, defaults);
    on_mount(NULL, promised);
    interrupted();
    too_much();
    on_mount("size=0", strict);
    archive();
    printf("tmpfs: done, %u failed\n", failed);
    return failed != 0;
}
