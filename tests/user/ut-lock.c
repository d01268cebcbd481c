/* Locks on files: fcntl()'s and flock()'s, who has them, who waits, and what a close does to a waiter. */
#include "tests/user/ut.h"
#include <pthread.h>
#include <sys/file.h>
#include <sys/stat.h>

#ifndef F_OFD_GETLK
#define F_OFD_GETLK  36
#define F_OFD_SETLK  37
#define F_OFD_SETLKW 38
#endif

static const char *type_name(int type)
{
    return type == F_RDLCK ? "read" : type == F_WRLCK ? "write" : "none";
}

static int lock(int fd, int cmd, int type, off_t start, off_t size)
{
    struct flock l = {.l_type = (short)type, .l_whence = SEEK_SET, .l_start = start, .l_len = size};

    return fcntl(fd, cmd, &l);
}

/* What another process is told of a lock that is in its way. */
static void show_first(int fd, int type, off_t start, off_t size)
{
    pid_t owner = getpid(), child = fork();

    if (child == 0) {
        struct flock l = {.l_type = (short)type, .l_whence = SEEK_SET, .l_start = start, .l_len = size};
        int rc = fcntl(fd, F_GETLK, &l);

        ut_say("%s [%d, +%d): %d %s [%d, +%d) %s", type_name(type), (int)start, (int)size, rc,
               type_name(l.l_type), (int)l.l_start, (int)l.l_len,
               l.l_type == F_UNLCK    ? ""
               : l.l_pid == owner     ? "its parent's"
               : l.l_pid == (pid_t)-1 ? "an open file's"
                                      : "somebody's");
        _exit(0);
    }
    waitpid(child, NULL, 0);
}

static void ranges(void)
{
    int fd = open("ranges", O_RDWR | O_CREAT, 0600);
    struct flock64 wide = {.l_type = F_RDLCK};

    PART("the first lock in the way is told, and neighbours are one");
    TRY(lock(fd, F_SETLK, F_WRLCK, 30, 5));
    TRY(lock(fd, F_SETLK, F_WRLCK, 10, 5));
    TRY(lock(fd, F_SETLK, F_RDLCK, 13, 5));
    show_first(fd, F_WRLCK, 0, 0);
    show_first(fd, F_RDLCK, 12, 100);
    show_first(fd, F_RDLCK, 13, 5);
    show_first(fd, F_RDLCK, 14, 0);
    TRY(lock(fd, F_SETLK, F_WRLCK, 15, 15));
    show_first(fd, F_RDLCK, 15, 1);
    TRY(lock(fd, F_SETLK, F_UNLCK, 20, 2));
    show_first(fd, F_RDLCK, 15, 1);
    show_first(fd, F_RDLCK, 20, 2);
    show_first(fd, F_RDLCK, 21, 0);
    TRY(lock(fd, F_SETLK, F_UNLCK, 0, 0));
    show_first(fd, F_WRLCK, 0, 0);

    PART("ends of ranges");
    TRY(lock(fd, F_SETLK, F_WRLCK, 20, -5));
    show_first(fd, F_RDLCK, 0, 0);
    TRY(lock(fd, F_SETLK, F_WRLCK, 3, -5));
    TRY(lock(fd, F_SETLK, F_WRLCK, -1, 5));
    TRY(lock(fd, F_SETLK, F_UNLCK, 0, 0));
    PART("struct flock64 is of fcntl64");
    TRY(syscall(SYS_fcntl, fd, F_GETLK64, &wide));
    TRY(syscall(SYS_fcntl, fd, F_OFD_SETLK, &wide));
    TRY(syscall(SYS_fcntl, fd, F_OFD_SETLKW, NULL));
    TRY(syscall(SYS_fcntl, -1, F_SETLK64, &wide));
    TRY(syscall(SYS_fcntl64, fd, F_OFD_SETLK, &wide));
    close(fd);
}

/* A process that sets a lock, and has it until the other end of *go is closed. */
static pid_t owner_of(int fd, int type, off_t start, off_t size, const int go[2])
{
    int told[2];
    pid_t child;
    char c;

    if (pipe(told))
        exit(1);
    child = fork();
    if (child == 0) {
        close(go[1]);
        if (lock(fd, F_SETLK, type, start, size) || write(told[1], "x", 1) != 1)
            _exit(1);
        _exit(read(go[0], &c, 1) < 0);
    }
    if (read(told[0], &c, 1) != 1)
        exit(1);
    close(told[0]);
    close(told[1]);
    return child;
}

static void show_owner(int fd, int type, off_t start, const pid_t *owner, unsigned owners)
{
    struct flock l = {.l_type = (short)type, .l_whence = SEEK_SET, .l_start = start};
    unsigned who = 0;

    fcntl(fd, F_GETLK, &l);
    while (who < owners && owner[who] != l.l_pid)
        who++;
    ut_say("%s from %d on: %s [%d, +%d) of %u", type_name(type), (int)start, type_name(l.l_type),
           (int)l.l_start, (int)l.l_len, who);
}

static void several_owners(void)
{
    static const struct {
        int type;
        off_t start, size;
    } set[] = {{F_RDLCK, 50, 10}, {F_RDLCK, 20, 10}, {F_WRLCK, 70, 0}, {F_RDLCK, 0, 5}, {F_WRLCK, 40, 2}};
    enum { OWNERS = sizeof set / sizeof *set };
    int fd = open("owners", O_RDWR | O_CREAT, 0600), go[2];
    pid_t owner[OWNERS];

    PART("of several owners, the oldest is told");
    if (pipe(go))
        return;
    for (unsigned i = 0; i < OWNERS; i++)
        owner[i] = owner_of(fd, set[i].type, set[i].start, set[i].size, go);
    for (off_t from = 0; from < 80; from += 6) {
        show_owner(fd, F_WRLCK, from, owner, OWNERS);
        show_owner(fd, F_RDLCK, from, owner, OWNERS);
    }
    close(go[1]);
    while (wait(NULL) > 0)
        continue;
    PART("whose locks change keeps its place");
    if (pipe(go))
        return;
    TRY(lock(fd, F_SETLK, F_RDLCK, 30, 10));
    owner[0] = owner_of(fd, F_RDLCK, 0, 10, go);
    TRY(lock(fd, F_SETLK, F_WRLCK, 25, 20));
    show_first(fd, F_WRLCK, 0, 0);
    TRY(lock(fd, F_SETLK, F_UNLCK, 0, 0));
    TRY(lock(fd, F_SETLK, F_WRLCK, 25, 20));
    show_first(fd, F_WRLCK, 0, 0);
    close(go[1]);
    waitpid(owner[0], NULL, 0);
    close(go[0]);
    close(fd);
}

/* --- waiting --- */

static int shared_fd, waited_errno;
static volatile int started;

static void *wait_for_lock(void *arg)
{
    started = 1;
    waited_errno = lock(shared_fd, F_SETLKW, F_WRLCK, 0, 0) ? errno : 0;
    return arg;
}

/* A process that has the file locked until something is written to *go. */
static pid_t hold(const char *name, int *go)
{
    int told[2], end[2];
    char c;
    pid_t child;

    if (pipe(told) || pipe(end))
        exit(1);
    child = fork();
    if (child == 0) {
        int fd = open(name, O_RDWR);

        close(end[1]);
        lock(fd, F_SETLK, F_WRLCK, 0, 0);
        if (write(told[1], "x", 1) != 1 || read(end[0], &c, 1) < 0)
            _exit(1);
        _exit(0);
    }
    if (read(told[0], &c, 1) != 1)
        exit(1);
    close(told[0]);
    close(told[1]);
    close(end[0]);
    *go = end[1];
    return child;
}

static void try_in_other(const char *name)
{
    pid_t child = fork();

    if (child == 0) {
        int fd = open(name, O_RDWR);

        ut_result("another process's lock", lock(fd, F_SETLK, F_WRLCK, 0, 0));
        _exit(0);
    }
    waitpid(child, NULL, 0);
}

enum change { CLOSED, REPLACED, SAME_AGAIN, NOTHING };

/* Its descriptor changes while a thread waits for a lock; then the lock is free. */
static void change_meanwhile(enum change what)
{
    int go, other = open("other", O_RDWR | O_CREAT, 0600);
    pthread_t t;
    pid_t holder;

    shared_fd = open("waited", O_RDWR | O_CREAT, 0600);
    holder = hold("waited", &go);
    started = 0;
    pthread_create(&t, NULL, wait_for_lock, NULL);
    while (!started)
        usleep(1000);
    usleep(50000);
    if (what == CLOSED)
        close(shared_fd);
    else if (what == REPLACED)
        dup2(other, shared_fd);
    else if (what == SAME_AGAIN)
        dup2(shared_fd, shared_fd);
    if (write(go, "x", 1) != 1)
        exit(1);
    waitpid(holder, NULL, 0);
    pthread_join(t, NULL);
    ut_say("the waiter: %s", waited_errno ? ut_errno(waited_errno) : "0");
    try_in_other("waited");
    close(go);
    close(other);
    if (what != CLOSED)
        close(shared_fd);
}

static void closed_meanwhile(void)
{
    PART("nothing changes while a thread waits for a lock");
    change_meanwhile(NOTHING);
    change_meanwhile(SAME_AGAIN);
    PART("the descriptor is closed, or names another file by then");
    change_meanwhile(CLOSED);
    change_meanwhile(REPLACED);
}

static void in_circle(void)
{
    int fd = open("circle", O_RDWR | O_CREAT, 0600), told[2], status;
    pid_t child;
    char c;

    PART("who would wait for himself is told");
    lock(fd, F_SETLK, F_WRLCK, 0, 1);
    if (pipe(told))
        return;
    child = fork();
    if (child == 0) {
        lock(fd, F_SETLK, F_WRLCK, 1, 1);
        if (write(told[1], "x", 1) != 1)
            _exit(1);
        _exit(lock(fd, F_SETLKW, F_WRLCK, 0, 1) ? errno : 0);
    }
    if (read(told[0], &c, 1) != 1)
        return;
    ut_wait_state(child, 'S');
    ut_result("the parent's wait", lock(fd, F_SETLKW, F_WRLCK, 1, 1));
    TRY(lock(fd, F_SETLK, F_UNLCK, 0, 0));
    waitpid(child, &status, 0);
    ut_say("the child's wait: %s", ut_status(status));
    ut_result("the parent's wait, with nobody in the way", lock(fd, F_SETLKW, F_WRLCK, 1, 1));
    close(told[0]);
    close(told[1]);
    close(fd);
}

/* Each of many has a byte and waits for the next one's: the last of them would wait for itself. */
static void long_circle(unsigned n)
{
    int fd = open("long", O_RDWR | O_CREAT, 0600), told[2], go[16][2], status;
    pid_t child[16];
    char c;

    if (pipe(told))
        return;
    for (unsigned i = 0; i < n; i++) {
        if (pipe(go[i]))
            return;
        child[i] = fork();
        if (child[i] == 0) {
            if (lock(fd, F_SETLK, F_WRLCK, (off_t)i, 1) || write(told[1], "x", 1) != 1 ||
                read(go[i][0], &c, 1) != 1)
                _exit(1);
            _exit(lock(fd, F_SETLKW, F_WRLCK, (off_t)((i + 1) % n), 1) ? errno : 0);
        }
        if (read(told[0], &c, 1) != 1)
            return;
    }
    for (unsigned i = 0; i < n; i++) {
        write(go[i][1], "x", 1);
        if (i < n - 1)
            ut_wait_state(child[i], 'S');
        usleep(10000);
    }
    usleep(100000);
    pid_t end = waitpid(child[n - 1], &status, WNOHANG);
    ut_say("the last of %u: %s", n, end ? ut_status(status) : "waits");
    for (unsigned i = 0; i < n; i++) {
        kill(child[i], SIGKILL);
        waitpid(child[i], NULL, 0);
        close(go[i][0]);
        close(go[i][1]);
    }
    close(told[0]);
    close(told[1]);
    close(fd);
}

/* --- open files' locks --- */

static void of_open_files(void)
{
    int a = open("ofd", O_RDWR | O_CREAT, 0600), b = open("ofd", O_RDWR), c = dup(a);
    struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 5, .l_len = 5};
    pid_t child;

    PART("locks of open files");
    TRY(lock(a, F_OFD_SETLK, F_WRLCK, 5, 5));
    TRY(lock(b, F_OFD_SETLK, F_WRLCK, 9, 1));
    TRY(lock(b, F_OFD_SETLK, F_RDLCK, 10, 1));
    TRY(lock(c, F_OFD_SETLK, F_RDLCK, 5, 1));
    TRY(lock(c, F_OFD_SETLK, F_WRLCK, 5, 1));
    TRY(lock(a, F_SETLK, F_WRLCK, 5, 1));
    TRY(fcntl(b, F_OFD_GETLK, &l));
    ut_say("%s [%d, +%d) %d", type_name(l.l_type), (int)l.l_start, (int)l.l_len, (int)l.l_pid);
    l = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_pid = 7};
    TRY(fcntl(b, F_OFD_SETLK, &l));
    show_first(a, F_WRLCK, 0, 8);
    close(a); /* the process closes the file, but the open file is there yet */
    TRY(lock(b, F_OFD_SETLK, F_WRLCK, 5, 1));
    child = fork();
    if (child == 0) {
        close(c);
        _exit(lock(b, F_OFD_SETLKW, F_WRLCK, 5, 1) ? errno : 0);
    }
    ut_wait_state(child, 'S');
    close(c);
    int status;
    waitpid(child, &status, 0);
    ut_say("the child that waited: %s", ut_status(status));
    TRY(lock(b, F_OFD_SETLK, F_WRLCK, 5, 1));
    close(b);
}

/* --- flock --- */

static void of_whole_files(void)
{
    int a = open("whole", O_RDWR | O_CREAT, 0600), b = open("whole", O_RDWR), status;
    pid_t child;

    PART("flock: another kind is a new lock");
    TRY(flock(a, LOCK_SH));
    TRY(flock(b, LOCK_SH));
    TRY(flock(a, LOCK_EX | LOCK_NB));
    TRY(flock(b, LOCK_EX | LOCK_NB)); /* a has lost its own */
    TRY(flock(a, LOCK_SH | LOCK_NB));
    TRY(flock(b, LOCK_SH | LOCK_NB));
    TRY(flock(a, LOCK_SH | LOCK_NB));
    child = fork();
    if (child == 0) {
        int rc = flock(b, LOCK_EX);

        flock(b, LOCK_UN);
        _exit(rc ? errno : 0);
    }
    ut_wait_state(child, 'S');
    TRY(flock(a, LOCK_EX));
    TRY(flock(a, LOCK_UN));
    waitpid(child, &status, 0);
    ut_say("the child that waited too: %s", ut_status(status));
    close(a);
    close(b);
    a = open("whole", O_PATH);
    TRY(flock(a, LOCK_SH));
    TRY(flock(a, LOCK_SH | LOCK_EX));
    TRY(flock(-1, LOCK_NB));
    TRY(flock(-1, LOCK_UN));
    close(a);
}

UT_PROGRAM(lock)
{
    ut_workdir();
    ranges();
    several_owners();
    closed_meanwhile();
    in_circle();
    PART("a circle is seen up to a length");
    long_circle(12);
    long_circle(13);
    of_open_files();
    of_whole_files();
}
