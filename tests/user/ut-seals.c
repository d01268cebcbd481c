/* Seals of files in memory: F_ADD_SEALS and what they forbid. */
#include "tests/user/ut.h"

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif
#define RW (PROT_READ | PROT_WRITE)

static int sealed(unsigned seals)
{
    int fd = memfd_create("sealed", MFD_ALLOW_SEALING);

    ftruncate(fd, 2 * PAGE);
    pwrite(fd, "text", 4, 0);
    ut_say("with %#x: %s", seals, fcntl(fd, F_ADD_SEALS, seals) == 0 ? "done" : ut_errno(errno));
    return fd;
}

static void tries(int fd)
{
    uint8_t *p, *q;
    char name[32];
    int again;

    SHOW(fcntl(fd, F_GET_SEALS));
    TRY(pwrite(fd, "x", 1, 0));
    TRY(pwrite(fd, "xy", 2, 2 * PAGE - 1));
    TRY(pwrite(fd, "x", 1, 3 * PAGE));
    TRY(pwrite(fd, "", 0, 0));
    TRY(ftruncate(fd, PAGE));
    SHOW(lseek(fd, 0, SEEK_END));
    TRY(ftruncate(fd, 4 * PAGE));
    SHOW(lseek(fd, 0, SEEK_END));
    TRY(ftruncate(fd, lseek(fd, 0, SEEK_END)));
    TRY(fallocate(fd, 0, 0, 5 * PAGE));
    TRY(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 6 * PAGE));
    TRY(fallocate(fd, 0, 0, PAGE));
    TRY(fallocate(fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 0, PAGE));
    TRY_AT(mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0));
    p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
    ut_say("read only: %s", p == MAP_FAILED ? ut_errno(errno) : "done");
    if (p != MAP_FAILED)
        TRY(mprotect(p, PAGE, RW));
    q = mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0);
    ut_say("private: %s", q == MAP_FAILED ? ut_errno(errno) : "done");
    if (q != MAP_FAILED)
        WRITE(q, 5);
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    again = open(name, O_RDONLY);
    p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, again, 0);
    ut_say("of a descriptor for reading: %s", p == MAP_FAILED ? ut_errno(errno) : "done");
    if (p != MAP_FAILED)
        TRY(mprotect(p, PAGE, RW));
    SHOW(fcntl(again, F_GET_SEALS));
    TRY(fcntl(again, F_ADD_SEALS, F_SEAL_SEAL));
    TRY(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL));
    TRY(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
    close(again);
    close(fd);
}

static void mapped(void)
{
    int fd = memfd_create("mapped", MFD_ALLOW_SEALING);
    uint8_t *p, *q;

    PART("mapped when it is sealed");
    ftruncate(fd, PAGE);
    p = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0);
    TRY(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
    TRY(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW));
    SHOW(fcntl(fd, F_GET_SEALS));
    TRY(mprotect(p, PAGE, PROT_READ));
    TRY(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
    TRY(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
    TRY(mprotect(p, PAGE, RW));
    WRITE(p, 1);
    TRY_AT(mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0));
    q = mmap(p, PAGE, RW, MAP_SHARED | MAP_FIXED, fd, 0);
    ut_say("over it: %s", q == MAP_FAILED ? ut_errno(errno) : "done");
    ut_say("%s", ut_maps(p, PAGE));
    munmap(p, PAGE);
    TRY(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
    q = mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0);
    p = mmap(q, PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0);
    ut_say("over a private one: %s", p == MAP_FAILED ? ut_errno(errno) : "done");
    close(fd);
    PART("a private mapping, and a child's");
    fd = memfd_create("private", MFD_ALLOW_SEALING);
    ftruncate(fd, PAGE);
    p = mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0);
    WRITE(p, 1);
    TRY(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
    WRITE(p, 2);
    close(fd);
    fd = memfd_create("child", MFD_ALLOW_SEALING);
    ftruncate(fd, PAGE);
    p = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0);
    pid_t pid = fork();
    if (pid == 0)
        for (;;)
            pause();
    munmap(p, PAGE);
    TRY(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    TRY(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
    close(fd);
}

UT_PROGRAM(seals)
{
    static const unsigned all[] = {0,
                                   F_SEAL_SEAL,
                                   F_SEAL_SHRINK,
                                   F_SEAL_GROW,
                                   F_SEAL_WRITE,
                                   F_SEAL_FUTURE_WRITE,
                                   F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE,
                                   F_SEAL_SHRINK | F_SEAL_GROW,
                                   0x20,
                                   0x80,
                                   ~0u};
    int fd;

    ut_workdir();
    for (unsigned i = 0; i < sizeof all / sizeof *all; i++) {
        PART("seals");
        tries(sealed(all[i]));
    }
    mapped();
    PART("other files");
    fd = memfd_create("plain", 0);
    SHOW(fcntl(fd, F_GET_SEALS));
    TRY(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
    close(fd);
    fd = open(".", O_RDONLY);
    TRY(fcntl(fd, F_GET_SEALS));
    TRY(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
    close(fd);
    fd = open("/dev/zero", O_RDWR);
    TRY(fcntl(fd, F_GET_SEALS));
    TRY(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
    TRY(fcntl(fd, F_ADD_SEALS, 0x20));
    close(fd);
    TRY(fcntl(-1, F_GET_SEALS));
}
