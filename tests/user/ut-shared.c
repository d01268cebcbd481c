/* Memory that several processes have: shared anonymous memory, files, and files that change under a mapping.
 */
#include "tests/user/ut.h"
#include <linux/futex.h>
#include <sys/ipc.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <time.h>

#define RW (PROT_READ | PROT_WRITE)

static uint8_t *area;

static void child_writes(void)
{
    ut_say("child: %s", ut_bytes(area, 4));
    area[PAGE] = 0xc1;
    area[2 * PAGE] = 0xc2;
}

static void anonymous(void)
{
    PART("shared anonymous memory");
    area = mmap(NULL, 4 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    SHOW(ut_all(area, 4 * PAGE, 0));
    area[0] = 1;
    ut_child("child", child_writes);
    ut_say("parent: %s", ut_bytes(area, 4));
    TRY(madvise(area, 4 * PAGE, MADV_PAGEOUT));
    ut_say("parent: %s", ut_bytes(area, 4));
    ut_say("%s", ut_maps(area, 4 * PAGE));
    munmap(area, 4 * PAGE);
}

static void turns(void)
{
    enum { ROUNDS = 200 };
    volatile uint32_t *turn = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    PART("taking turns through a futex in shared memory");
    pid_t pid = fork();
    unsigned me = pid == 0;
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint32_t now;

        while ((now = turn[0]) % 2 != me)
            syscall(SYS_futex, turn, FUTEX_WAIT, now, NULL, NULL, 0);
        turn[1 + me]++;
        turn[0] = now + 1;
        syscall(SYS_futex, turn, FUTEX_WAKE, 1, NULL, NULL, 0);
    }
    if (me)
        _exit(0);
    waitpid(pid, NULL, 0);
    ut_say("%u %u %u", turn[0], turn[1], turn[2]);
    munmap((void *)(uintptr_t)turn, PAGE);
}

static const char *file_bytes(int fd, unsigned pages)
{
    static char text[256];
    size_t used = 0;

    for (unsigned i = 0; i < pages; i++) {
        uint8_t b = 0;
        ssize_t n = pread(fd, &b, 1, (off_t)i * PAGE);

        used +=
            (size_t)snprintf(text + used, sizeof text - used, n == 1 ? "%s%02x" : "%szz", i ? " " : "", b);
    }
    return text;
}

static void files(void)
{
    int fd = ut_file("file", 4 * PAGE), other = open("file", O_RDWR);
    uint8_t *shared = mmap(NULL, 4 * PAGE, RW, MAP_SHARED, fd, 0);
    uint8_t *same = mmap(NULL, 4 * PAGE, PROT_READ, MAP_SHARED, other, 0);
    uint8_t *own = mmap(NULL, 4 * PAGE, RW, MAP_PRIVATE, fd, 0), b = 0x77;

    PART("a file, two shared mappings, a private one, and read and write");
    SHOW(memcmp(shared, own, 4 * PAGE));
    shared[0] = 0x11;
    own[PAGE] = 0x22;
    TRY(pwrite(other, &b, 1, 2 * PAGE));
    ut_say("shared:  %s", ut_bytes(shared, 4));
    ut_say("same:    %s", ut_bytes(same, 4));
    ut_say("private: %s", ut_bytes(own, 4));
    ut_say("file:    %s", file_bytes(fd, 4));
    b = 0x78;
    TRY(pwrite(other, &b, 1, PAGE));
    ut_say("private: %s", ut_bytes(own, 4));
    PART("in a child");
    pid_t pid = fork();
    if (pid == 0) {
        own[2 * PAGE] = 0x33;
        own[PAGE] = 0x34;
        shared[3 * PAGE] = 0x35;
        ut_say("child, private: %s", ut_bytes(own, 4));
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    ut_say("shared:  %s", ut_bytes(shared, 4));
    ut_say("private: %s", ut_bytes(own, 4));
    PART("unlinked, closed, still there");
    TRY(unlink("file"));
    close(fd);
    close(other);
    shared[0] = 0x99;
    ut_say("same:    %s", ut_bytes(same, 4));
    munmap(shared, 4 * PAGE);
    munmap(same, 4 * PAGE);
    munmap(own, 4 * PAGE);
}

static void sizes(void)
{
    int fd = ut_file("grow", PAGE + 100);
    uint8_t *p = mmap(NULL, 4 * PAGE, RW, MAP_SHARED, fd, 0),
            *own = mmap(NULL, 4 * PAGE, RW, MAP_PRIVATE, fd, 0);

    PART("past the end of a file");
    ut_say("%s", ut_bytes(p, 4));
    READ(p + PAGE + 99);
    READ(p + PAGE + 100);
    p[PAGE + 200] = 0xee;
    SHOW(lseek(fd, 0, SEEK_END));
    PART("grown under the mapping; what was written past the end is not in the file");
    TRY(ftruncate(fd, 3 * PAGE));
    ut_say("%s", ut_bytes(p, 4));
    WRITE(p + 2 * PAGE, 0x2a);
    ut_say("%s", file_bytes(fd, 4));
    PART("written from where the mapping has no page yet");
    TRY(pwrite(fd, p + 3 * PAGE, PAGE, 3 * PAGE));
    SHOW(lseek(fd, 0, SEEK_END) - 3 * PAGE);
    PART("shrunk under the mapping");
    own[2 * PAGE] = 0x55;
    TRY(ftruncate(fd, 50));
    ut_say("shared:  %s", ut_bytes(p, 4));
    ut_say("private: %s", ut_bytes(own, 4));
    SHOW(p[49] == ut_pattern(49));
    READ(p + 50);
    PART("and grown again: zeroes");
    TRY(ftruncate(fd, 4 * PAGE));
    ut_say("shared:  %s", ut_bytes(p, 4));
    READ(p + 50);
    READ(p + 2 * PAGE);
    SHOW(ut_all(p + 50, 4 * PAGE - 50, 0));
    munmap(p, 4 * PAGE);
    munmap(own, 4 * PAGE);
    close(fd);
}

static void private_cow(void)
{
    int fd = ut_file("cow", 2 * PAGE);
    uint8_t *p = mmap(NULL, 2 * PAGE, RW, MAP_PRIVATE, fd, 0);

    PART("a private mapping of a file is copied at fork too");
    p[0] = 0x41;
    pid_t pid = fork();
    if (pid == 0) {
        p[0] = 0x42, p[PAGE] = 0x43;
        ut_say("child: %s", ut_bytes(p, 2));
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    ut_say("parent: %s", ut_bytes(p, 2));
    p[PAGE] = 0x44;
    ut_say("parent: %s", ut_bytes(p, 2));
    ut_say("file: %s", file_bytes(fd, 2));
    munmap(p, 2 * PAGE);
    close(fd);
}

static void memory_file(void)
{
    int fd = memfd_create("ut", MFD_CLOEXEC);

    PART("memfd");
    SHOW(fd >= 0);
    TRY(ftruncate(fd, 2 * PAGE));
    uint8_t *p = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 0);
    p[PAGE] = 0x61;
    ut_say("%s", file_bytes(fd, 3));
    uint8_t *q = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, PAGE);
    READ(q);
    munmap(p, 2 * PAGE);
    close(fd);
    READ(q);
    munmap(q, PAGE);
    TRY(memfd_create("ut", 0x4000));
}

static void system_v(void)
{
    struct shmid_ds ds;
    int id = shmget(IPC_PRIVATE, 3 * PAGE, IPC_CREAT | 0600);

    PART("System V shared memory");
    SHOW(id >= 0);
    TRY(shmget(IPC_PRIVATE, 0, IPC_CREAT | 0600));
    TRY(shmget(0x7e57ab1e, PAGE, 0600));
    uint8_t *p = shmat(id, NULL, 0), *q = shmat(id, NULL, SHM_RDONLY);
    SHOW(p != q);
    p[2 * PAGE] = 0x2b;
    READ(q + 2 * PAGE);
    WRITE(q, 1);
    TRY_AT(shmat(id, p + 1, 0));
    TRY_AT(shmat(-1, NULL, 0));
    pid_t pid = fork();
    if (pid == 0) {
        p[PAGE] = 0x1b;
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    ut_say("%s", ut_bytes(p, 3));
    TRY(shmctl(id, IPC_STAT, &ds));
    SHOW(ds.shm_segsz);
    SHOW(ds.shm_nattch);
    TRY(shmctl(id, IPC_RMID, NULL));
    READ(p + PAGE);
    TRY(shmdt(q));
    TRY(shmdt(q));
    READ(q);
    TRY(shmdt(p));
    TRY(shmctl(id, IPC_STAT, &ds));
}

/* remap_file_pages() takes a mapping away before it makes the new one: that may be the end of a segment. */
static void remap_removed(void)
{
    int id = shmget(IPC_PRIVATE, 3 * PAGE, IPC_CREAT | 0600);
    uint8_t *p = shmat(id, NULL, 0), *q = shmat(id, NULL, 0);
    struct shmid_ds ds;

    PART("a removed segment mapped again");
    for (int i = 0; i < 3; i++)
        p[i * PAGE] = (uint8_t)('a' + i);
    TRY(shmctl(id, IPC_RMID, NULL));
    TRY(syscall(SYS_remap_file_pages, p, PAGE, 0, 2, 0));
    SHOW(p[0]);
    TRY(shmdt(q));
    TRY(syscall(SYS_remap_file_pages, p, PAGE, 0, 1, 0)); /* the rest of it is still mapped */
    SHOW(p[0]);
    TRY(shmctl(id, IPC_STAT, &ds));
    TRY(munmap(p + PAGE, 2 * PAGE));
    TRY(syscall(SYS_remap_file_pages, p, PAGE, 0, 0, 0));
    READ(p);
    TRY(syscall(SYS_remap_file_pages, p, PAGE, 0, 0, 0));
    TRY(shmctl(id, IPC_STAT, &ds));
}

/* What was opened for reading only is not shared enough for it. */
static void remap_read_only(void)
{
    static const struct {
        const char *name;
        int open, prot, flags;
    } how[] = {{"read and written", O_RDWR, PROT_READ | PROT_WRITE, MAP_SHARED},
               {"read only", O_RDWR, PROT_READ, MAP_SHARED},
               {"neither", O_RDWR, PROT_NONE, MAP_SHARED},
               {"opened to be read", O_RDONLY, PROT_READ, MAP_SHARED},
               {"private", O_RDWR, PROT_READ, MAP_PRIVATE}};
    int id = shmget(IPC_PRIVATE, 3 * PAGE, IPC_CREAT | 0600);
    uint8_t *p = shmat(id, NULL, SHM_RDONLY);

    PART("mapped again, of what is read only");
    close(ut_file("again", 3 * PAGE));
    TRY(syscall(SYS_remap_file_pages, p, PAGE, 0, 2, 0));
    shmdt(p);
    shmctl(id, IPC_RMID, NULL);
    for (unsigned i = 0; i < sizeof how / sizeof *how; i++) {
        int fd = open("again", how[i].open);

        ut_say("%s", how[i].name);
        p = mmap(NULL, 3 * PAGE, how[i].prot, how[i].flags, fd, 0);
        close(fd);
        TRY(syscall(SYS_remap_file_pages, p, PAGE, 0, 2, 0));
        ut_say("%s, %s", ut_bytes(p, 3), ut_maps(p, 3 * PAGE));
        munmap(p, 3 * PAGE);
    }
}

/* What is written comes from a mapping of the file that it is written to. */
static void from_itself(void)
{
    int fd = open("self", O_RDWR | O_CREAT | O_TRUNC, 0600);
    uint8_t *p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    PART("written from its own mapping");
    TRY(pwrite(fd, p, PAGE, 0));
    SHOW(lseek(fd, 0, SEEK_END));
    ftruncate(fd, PAGE);
    memset(p, 3, PAGE);
    SHOW(pwrite(fd, p + PAGE - 10, 20, PAGE));
    SHOW(lseek(fd, 0, SEEK_END));
    SHOW(pwrite(fd, p, PAGE + 10, PAGE));
    SHOW(lseek(fd, 0, SEEK_END));
    TRY(pwrite(fd, p + 3 * PAGE, 1, 3 * PAGE));
    ut_say("%s", ut_bytes(p, 4));
    munmap(p, 4 * PAGE);
    close(fd);
}

static long major_faults(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return u.ru_majflt;
}

static void touch_all(const char *what, volatile uint8_t *p, unsigned pages, bool write)
{
    long before = major_faults();
    unsigned sum = 0;

    for (unsigned i = 0; i < pages; i++)
        if (write)
            p[i * PAGE] = 1;
        else
            sum += p[i * PAGE];
    ut_say("%s: %ld major faults, sum %u", what, major_faults() - before, sum);
}

/* Nothing is read from a disk at a first touch. */
static void first_touches(void)
{
    enum { PAGES = 64 };
    int fd = ut_file("touched", PAGES * PAGE), hole = memfd_create("hole", 0);
    int id = shmget(IPC_PRIVATE, PAGES * PAGE, IPC_CREAT | 0600);
    uint8_t *p;

    PART("first touches are no major faults");
    TRY(ftruncate(hole, PAGES * PAGE));
    p = mmap(NULL, PAGES * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    touch_all("shared memory, read", p, PAGES / 2, false);
    touch_all("shared memory, written", p, PAGES, true);
    munmap(p, PAGES * PAGE);
    p = shmat(id, NULL, 0);
    touch_all("System V", p, PAGES, true);
    shmdt(p);
    shmctl(id, IPC_RMID, NULL);
    p = mmap(NULL, PAGES * PAGE, RW, MAP_SHARED, fd, 0);
    touch_all("a file that was written", p, PAGES, true);
    munmap(p, PAGES * PAGE);
    p = mmap(NULL, PAGES * PAGE, RW, MAP_SHARED, hole, 0);
    touch_all("a hole, written", p, PAGES / 2, true);
    touch_all("a hole, read", p + PAGES / 2 * PAGE, PAGES / 2, false);
    munmap(p, PAGES * PAGE);
    p = mmap(NULL, PAGES * PAGE, RW, MAP_PRIVATE, hole, 0);
    touch_all("a private mapping", p, PAGES, true);
    munmap(p, PAGES * PAGE);
    p = mmap(NULL, PAGES * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    long before = major_faults();

    TRY(mlock(p, PAGES * PAGE));
    ut_say("locked: %ld major faults", major_faults() - before);
    munmap(p, PAGES * PAGE);
    close(fd);
    close(hole);
}

UT_PROGRAM(shared)
{
    ut_workdir();
    anonymous();
    turns();
    files();
    sizes();
    private_cow();
    memory_file();
    system_v();
    remap_removed();
    remap_read_only();
    from_itself();
    first_touches();
}
