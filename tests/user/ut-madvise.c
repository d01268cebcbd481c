/* madvise, mincore, mlock and msync: what they do to pages, and what they refuse. */
#include "tests/user/ut.h"
#include <pthread.h>

#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define RW   (PROT_READ | PROT_WRITE)

static void fill(uint8_t *p, unsigned pages)
{
    for (unsigned i = 0; i < pages; i++)
        memset(p + i * PAGE, (int)(0x10 + i), PAGE);
}

/* One digit a page. */
static const char *resident(uint8_t *p, unsigned pages)
{
    static char text[128];
    unsigned char vec[64];

    if (mincore(p, pages * PAGE, vec) != 0)
        return ut_errno(errno);
    for (unsigned i = 0; i < pages; i++)
        text[i] = vec[i] & 1 ? '1' : '0';
    text[pages] = '\0';
    return text;
}

static void dontneed(void)
{
    uint8_t *p = ut_map(8, RW);
    int fd = ut_file("file", 4 * PAGE);

    PART("MADV_DONTNEED throws private memory away");
    fill(p, 8);
    TRY(madvise(p + 2 * PAGE, 3 * PAGE, MADV_DONTNEED));
    ut_say("%s", ut_bytes(p, 8));
    ut_say("%s", ut_maps(p, 8 * PAGE));
    WRITE(p + 2 * PAGE, 0x77);
    SHOW(ut_all(p + 2 * PAGE + 1, PAGE - 1, 0));
    TRY(madvise(p, 1, MADV_DONTNEED));
    ut_say("%s", ut_bytes(p, 8));
    munmap(p, 8 * PAGE);

    PART("but not shared memory");
    p = mmap(NULL, 4 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    fill(p, 4);
    TRY(madvise(p, 4 * PAGE, MADV_DONTNEED));
    ut_say("%s", ut_bytes(p, 4));
    munmap(p, 4 * PAGE);

    PART("and of a private file mapping it throws the copies away");
    p = mmap(NULL, 4 * PAGE, RW, MAP_PRIVATE, fd, 0);
    fill(p, 4);
    TRY(madvise(p + PAGE, PAGE, MADV_DONTNEED));
    SHOW(p[PAGE + 9] == ut_pattern(PAGE + 9));
    SHOW(p[0]);
    munmap(p, 4 * PAGE);
    close(fd);
}

static void refused(void)
{
    uint8_t *p = ut_map(8, RW);

    PART("madvise: what is refused");
    munmap(p + 4 * PAGE, PAGE);
    TRY(madvise(p + 1, PAGE, MADV_DONTNEED));
    TRY(madvise(p, 0, MADV_DONTNEED));
    TRY(madvise(p, PAGE, 77));
    TRY(madvise(p, 0, 77));
    fill(p, 4);
    fill(p + 5 * PAGE, 3);
    /* A hole is told, after everything else is done. */
    TRY(madvise(p + 3 * PAGE, 3 * PAGE, MADV_DONTNEED));
    ut_say("%s", ut_bytes(p, 8));
    TRY(madvise(p + 4 * PAGE, PAGE, MADV_NORMAL));
    TRY(madvise(p, 4 * PAGE, MADV_REMOVE));
    munmap(p, 8 * PAGE);
}

static void harmless(void)
{
    static const struct {
        const char *name;
        int advice;
    } all[] = {
        {"NORMAL", MADV_NORMAL},
        {"RANDOM", MADV_RANDOM},
        {"SEQUENTIAL", MADV_SEQUENTIAL},
        {"WILLNEED", MADV_WILLNEED},
        {"DOFORK", MADV_DOFORK},
        {"DONTDUMP", MADV_DONTDUMP},
        {"DODUMP", MADV_DODUMP},
        {"COLD", MADV_COLD},
        {"PAGEOUT", MADV_PAGEOUT},
        {"POPULATE_READ", MADV_POPULATE_READ},
        {"POPULATE_WRITE", MADV_POPULATE_WRITE},
        {"KEEPONFORK", MADV_KEEPONFORK},
    };
    uint8_t *p = ut_map(4, RW), *shared = mmap(NULL, 4 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    PART("advice that changes no data");
    fill(p, 3);
    fill(shared, 3);
    for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++) {
        int rc = madvise(p, 4 * PAGE, all[i].advice);

        ut_say("private, %s: %s, %s", all[i].name, rc ? ut_errno(errno) : "ok", ut_bytes(p, 4));
        rc = madvise(shared, 4 * PAGE, all[i].advice);
        ut_say("shared, %s: %s, %s", all[i].name, rc ? ut_errno(errno) : "ok", ut_bytes(shared, 4));
    }
    munmap(p, 4 * PAGE);
    munmap(shared, 4 * PAGE);

    PART("populating what may not be");
    p = ut_map(4, PROT_READ);
    TRY(madvise(p, 4 * PAGE, MADV_POPULATE_READ));
    TRY(madvise(p, 4 * PAGE, MADV_POPULATE_WRITE));
    mprotect(p, PAGE, PROT_NONE);
    TRY(madvise(p, PAGE, MADV_POPULATE_READ));
    munmap(p, PAGE);
    TRY(madvise(p, PAGE, MADV_POPULATE_READ));
    munmap(p, 4 * PAGE);
}

static void lazily_freed(void)
{
    uint8_t *p = ut_map(4, RW);
    bool sound = true;

    PART("MADV_FREE: old data or zeroes, never anything else, and a write stays");
    fill(p, 4);
    TRY(madvise(p, 4 * PAGE, MADV_FREE));
    p[PAGE] = 0x99;
    for (unsigned i = 0; i < 4; i++)
        sound = sound && (ut_all(p + i * PAGE + 1, PAGE - 1, 0) ||
                          ut_all(p + i * PAGE + 1, PAGE - 1, (uint8_t)(0x10 + i)));
    SHOW(sound);
    SHOW(p[PAGE]);
    munmap(p, 4 * PAGE);
    PART("only of private anonymous memory");
    p = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    TRY(madvise(p, PAGE, MADV_FREE));
    munmap(p, PAGE);
}

static uint8_t *forked;

static void in_the_child(void)
{
    ut_say("child: %s", ut_bytes(forked, 6));
    ut_say("child: %s", ut_maps(forked, 6 * PAGE));
}

static void across_fork(void)
{
    PART("DONTFORK and WIPEONFORK");
    forked = ut_map(6, RW);
    fill(forked, 6);
    TRY(madvise(forked + PAGE, PAGE, MADV_DONTFORK));
    TRY(madvise(forked + 3 * PAGE, 2 * PAGE, MADV_WIPEONFORK));
    TRY(madvise(forked + 4 * PAGE, PAGE, MADV_KEEPONFORK));
    ut_child("child", in_the_child);
    ut_say("parent: %s", ut_bytes(forked, 6));
    TRY(madvise(forked, 6 * PAGE, MADV_DOFORK));
    ut_child("child", in_the_child);
    munmap(forked, 6 * PAGE);
    forked = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    TRY(madvise(forked, PAGE, MADV_WIPEONFORK));
    munmap(forked, PAGE);
}

static void which_are_there(void)
{
    uint8_t *p = ut_map(8, RW);
    unsigned char vec[8];

    PART("mincore");
    madvise(p, 8 * PAGE, MADV_NOHUGEPAGE);
    ut_say("%s", resident(p, 8));
    p[PAGE] = 1, p[4 * PAGE] = 1;
    ut_say("%s", resident(p, 8));
    TRY(madvise(p + PAGE, PAGE, MADV_DONTNEED));
    ut_say("%s", resident(p, 8));
    TRY(madvise(p, 8 * PAGE, MADV_POPULATE_WRITE));
    ut_say("%s", resident(p, 8));
    TRY(mincore(p + 1, PAGE, vec));
    TRY(mincore(p, 0, vec));
    TRY(mincore(p, PAGE, NULL));
    munmap(p + 2 * PAGE, PAGE);
    TRY(mincore(p, 4 * PAGE, vec));
    TRY(mincore(p + 2 * PAGE, PAGE, vec));
    TRY(mincore(p, 2 * PAGE, vec));
    munmap(p, 8 * PAGE);
}

static void locked(void)
{
    uint8_t *p = ut_map(8, RW);

    PART("mlock");
    madvise(p, 8 * PAGE, MADV_NOHUGEPAGE);
    TRY(mlock(p + PAGE, 2 * PAGE));
    ut_say("%s", resident(p, 8));
    TRY(madvise(p + PAGE, PAGE, MADV_DONTNEED));
    TRY(madvise(p, 8 * PAGE, MADV_DONTNEED));
    TRY(munlock(p + PAGE, PAGE));
    TRY(madvise(p + PAGE, PAGE, MADV_DONTNEED));
    TRY(mlock(p + 4 * PAGE + 100, PAGE));
    ut_say("%s", resident(p, 8));
    TRY(munlock(p, 8 * PAGE));
    TRY(mlock(p, 0));
    TRY(mlock(p, (size_t)-1)); /* as whole pages that is nothing, too */
    TRY(munlock(p, (size_t)-1));
    TRY(munlock(p + 1, (size_t)-2));
    TRY(munlock((void *)0xfffff000, PAGE));
    TRY(munlock((void *)0xffffe000, PAGE));
    TRY(munlock((void *)0xffffffff, 10));
    munmap(p + 6 * PAGE, PAGE);
    TRY(mlock(p + 5 * PAGE, 3 * PAGE));
    TRY(munlock(p + 5 * PAGE, 3 * PAGE));
    TRY(mlock(p + 6 * PAGE, PAGE));
    TRY(mlock2(p, PAGE, MLOCK_ONFAULT));
    TRY(mlock2(p, PAGE, 8));
    TRY(munlock(p, PAGE));
    mprotect(p, PAGE, PROT_NONE);
    TRY(mlock(p, PAGE));
    TRY(mlockall(0));
    TRY(mlockall(8));
    TRY(mlockall(MCL_ONFAULT));
    TRY(munlockall());
    munmap(p, 8 * PAGE);
}

static void locked_copies(void)
{
    int fd = ut_file("locked", 4 * PAGE);
    uint8_t *p = mmap(NULL, 4 * PAGE, PROT_READ, MAP_PRIVATE, fd, 0), b = 0xee;

    PART("mprotect copies what is locked and becomes writable");
    TRY(mlock(p, 2 * PAGE));
    TRY(mlock2(p + 2 * PAGE, PAGE, MLOCK_ONFAULT));
    TRY(mprotect(p, 4 * PAGE, RW));
    for (unsigned i = 0; i < 4; i++)
        pwrite(fd, &b, 1, (off_t)(i * PAGE));
    ut_say("%s", ut_bytes(p, 4));
    PART("but not what is writable already");
    TRY(madvise(p, 2 * PAGE, MADV_DONTNEED_LOCKED));
    TRY(mprotect(p, 4 * PAGE, RW));
    b = 0xdd;
    TRY(pwrite(fd, &b, 1, 0));
    ut_say("%s", ut_bytes(p, 4));
    munmap(p, 4 * PAGE);
    close(fd);
}

static void synced(void)
{
    int fd = ut_file("sync", 4 * PAGE);
    uint8_t *p = mmap(NULL, 4 * PAGE, RW, MAP_SHARED, fd, 0), byte = 0;

    PART("msync");
    p[0] = 0x5a;
    TRY(msync(p, 4 * PAGE, MS_SYNC));
    TRY(msync(p, 4 * PAGE, MS_ASYNC));
    TRY(msync(p, 4 * PAGE, MS_INVALIDATE));
    TRY(msync(p, 4 * PAGE, 0));
    TRY(msync(p, 0, MS_SYNC));
    TRY(msync(p, (size_t)-1, MS_SYNC));
    TRY(msync(p, (size_t)-PAGE, MS_SYNC));
    TRY(msync((void *)0xfffff000, PAGE, MS_SYNC));
    TRY(msync(p, 4 * PAGE, MS_SYNC | MS_ASYNC));
    TRY(msync(p, 4 * PAGE, 64));
    TRY(msync(p + 1, PAGE, MS_SYNC));
    TRY(mlock(p, PAGE));
    TRY(msync(p, 4 * PAGE, MS_INVALIDATE | MS_SYNC));
    TRY(munlock(p, PAGE));
    munmap(p + PAGE, PAGE);
    TRY(msync(p, 4 * PAGE, MS_SYNC));
    TRY(msync(p + PAGE, PAGE, MS_ASYNC));
    TRY(pread(fd, &byte, 1, 0));
    SHOW(byte);
    munmap(p, 4 * PAGE);
    close(fd);
}

/* Private, it is anonymous memory, but Linux remembers the file. */
static void zero_device(void)
{
    int fd = open("/dev/zero", O_RDWR);
    uint8_t *p = mmap(NULL, 4 * PAGE, RW, MAP_PRIVATE, fd, 0), *q;

    PART("a private mapping of /dev/zero");
    memset(p, 1, 4 * PAGE);
    TRY(madvise(p, 2 * PAGE, MADV_FREE));
    TRY(madvise(p, PAGE, MADV_REMOVE));
    TRY(madvise(p, PAGE, MADV_WIPEONFORK));
    TRY(madvise(p + 2 * PAGE, PAGE, MADV_DONTNEED));
    READ(p + 2 * PAGE);
    READ(p + 3 * PAGE);
    q = mremap(p, 4 * PAGE, 8 * PAGE, MREMAP_MAYMOVE);
    ut_say("%s", ut_bytes(q + 2 * PAGE, 6));
    munmap(q, 8 * PAGE);
    p = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 0);
    TRY(madvise(p, PAGE, MADV_FREE));
    q = mremap(p, 2 * PAGE, 3 * PAGE, MREMAP_MAYMOVE);
    ut_say("%s", ut_bytes(q, 3));
    munmap(q, 3 * PAGE);
    close(fd);
}

static volatile bool written;

static void *remove_always(void *page)
{
    while (!written)
        if (madvise(page, PAGE, MADV_REMOVE) != 0)
            return (void *)(uintptr_t)errno;
    return NULL;
}

/* The writer holds the page while it fetches its buffer, and the other waits for the page. */
static void remove_and_write(void)
{
    uint8_t *buffer = ut_map(1, PROT_READ | PROT_WRITE), *page;
    int fd = memfd_create("f", 0);
    unsigned wrong = 0;
    pthread_t t;
    void *result;

    PART("REMOVE while the page is written to from a buffer that is not there");
    ftruncate(fd, PAGE);
    page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    pthread_create(&t, NULL, remove_always, page);
    for (unsigned i = 0; i < 100; i++) {
        memset(buffer, 7, PAGE);
        madvise(buffer, PAGE, MADV_PAGEOUT);
        wrong += pwrite(fd, buffer, PAGE, 0) != PAGE;
        wrong += page[5] != 7 && page[5] != 0;
    }
    written = true;
    pthread_join(t, &result);
    SHOW(wrong);
    SHOW((uintptr_t)result);
}

UT_PROGRAM(madvise)
{
    ut_workdir();
    dontneed();
    refused();
    harmless();
    lazily_freed();
    across_fork();
    which_are_there();
    locked();
    locked_copies();
    synced();
    remove_and_write();
    zero_device();
}
