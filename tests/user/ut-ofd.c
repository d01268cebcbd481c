/* Locks of open files (F_OFD_SETLK): who has them after fork() and dup(), who waits, and those of
 * processes beside them. */
#define _FILE_OFFSET_BITS 64
#include "tests/user/ut.h"
#include <pthread.h>
#include <sys/file.h>

static long lock(int fd, int cmd, int type, off_t start, off_t size)
{
    struct flock l = {.l_type = (short)type, .l_whence = SEEK_SET, .l_start = start, .l_len = size};

    return fcntl(fd, cmd, &l);
}

/* What stands in the way of a lock of all bytes by this way of asking. */
static void ask(const char *what, int fd, int cmd)
{
    struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    long rc = fcntl(fd, cmd, &l);

    if (rc || l.l_type == F_UNLCK)
        ut_say("%s: %s", what, rc ? ut_errno(errno) : "nothing");
    else
        ut_say("%s: %s [%lld, +%lld) of %s", what, l.l_type == F_RDLCK ? "read" : "write",
               (long long)l.l_start, (long long)l.l_len,
               l.l_pid == -1         ? "an open file"
               : l.l_pid == getpid() ? "this process"
                                     : "another");
}

static int again(void)
{
    return open("f", O_RDWR);
}

static void wrong(void)
{
    int fd = again(), r = open("f", O_RDONLY), w = open("f", O_WRONLY), path = open("f", O_PATH);
    struct flock l = {.l_type = F_WRLCK, .l_pid = getpid()};

    PART("what is refused");
    TRY(fcntl(fd, F_OFD_SETLK, &l));
    TRY(fcntl(fd, F_OFD_SETLKW, &l));
    TRY(fcntl(fd, F_OFD_GETLK, &l));
    l = (struct flock){.l_type = F_UNLCK};
    TRY(fcntl(fd, F_OFD_GETLK, &l));
    l.l_type = 9;
    TRY(fcntl(fd, F_OFD_SETLK, &l));
    l = (struct flock){.l_type = F_RDLCK, .l_whence = 7};
    TRY(fcntl(fd, F_OFD_SETLK, &l));
    TRY(lock(r, F_OFD_SETLK, F_WRLCK, 0, 1));
    TRY(lock(r, F_OFD_SETLK, F_RDLCK, 0, 1));
    TRY(lock(w, F_OFD_SETLK, F_RDLCK, 2, 1));
    TRY(lock(w, F_OFD_SETLK, F_WRLCK, 2, 1));
    TRY(lock(path, F_OFD_SETLK, F_RDLCK, 0, 1));
    TRY(lock(77, F_OFD_SETLK, F_RDLCK, 0, 1));
    TRY(fcntl(fd, F_OFD_SETLK, NULL));
    TRY(lock(fd, F_OFD_SETLK, F_RDLCK, -1, 1));
    TRY(lock(fd, F_OFD_SETLK, F_RDLCK, 10, -5));
    TRY(lock(fd, F_OFD_SETLK, F_RDLCK, INT64_MAX, 1));
    TRY(lock(fd, F_OFD_SETLK, F_RDLCK, INT64_MAX, 2));
    ask("all of it", r, F_OFD_GETLK);
    close(fd);
    close(r);
    close(w);
    close(path);
}

/* A lock is the open file's, however many descriptors and processes have it. */
static void inherited(void)
{
    int a = again(), b = again(), copy = dup(a), status;

    PART("inherited, and given back with the last descriptor");
    TRY(lock(a, F_OFD_SETLK, F_WRLCK, 10, 10));
    ask("the file itself", a, F_OFD_GETLK);
    ask("its copy", copy, F_OFD_GETLK);
    ask("opened again", b, F_OFD_GETLK);
    pid_t pid = fork();
    if (pid == 0) {
        ask("a child", a, F_OFD_GETLK);
        ask("a child, opened again", b, F_OFD_GETLK);
        TRY(lock(a, F_OFD_SETLK, F_RDLCK, 10, 5));
        TRY(lock(copy, F_OFD_SETLK, F_UNLCK, 19, 1));
        _exit(0);
    }
    waitpid(pid, &status, 0);
    ask("after what the child did", b, F_OFD_GETLK);
    TRY(lock(b, F_OFD_SETLK, F_RDLCK, 10, 5));
    TRY(lock(b, F_OFD_SETLK, F_WRLCK, 19, 1));
    TRY(lock(b, F_OFD_SETLK, F_UNLCK, 0, 0));
    close(a);
    ask("one descriptor closed", b, F_OFD_GETLK);
    pid = fork();
    if (pid == 0) {
        pause();
        _exit(0);
    }
    close(copy);
    ask("a child has it yet", b, F_OFD_GETLK);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    ask("nobody has it", b, F_OFD_GETLK);
    close(b);
}

/* Of both kinds, none passes the other. */
static void with_others(void)
{
    int a = again(), b = again(), c = again();

    PART("beside the locks of processes, and of whole files");
    TRY(lock(a, F_OFD_SETLK, F_WRLCK, 0, 10));
    TRY(lock(a, F_SETLK, F_RDLCK, 5, 10));
    TRY(lock(a, F_SETLK, F_RDLCK, 10, 10));
    TRY(lock(b, F_OFD_SETLK, F_WRLCK, 15, 1));
    TRY(lock(a, F_OFD_SETLK, F_WRLCK, 15, 1));
    TRY(lock(b, F_OFD_SETLK, F_RDLCK, 15, 1));
    ask("a process", c, F_GETLK);
    ask("an open file", c, F_OFD_GETLK);
    ask("the one that has a lock", a, F_OFD_GETLK);
    TRY(flock(c, LOCK_EX | LOCK_NB));
    /* A process loses its locks when it closes any descriptor of the file; open files keep theirs. */
    close(c);
    c = again();
    ask("after a close", c, F_OFD_GETLK);
    TRY(lock(a, F_OFD_SETLK, F_UNLCK, 0, 0));
    ask("one has given back", c, F_OFD_GETLK);
    TRY(lock(b, F_SETLK, F_UNLCK, 0, 0));
    ask("a process has nothing to give back", c, F_OFD_GETLK);
    close(a);
    close(b);
    close(c);
}

static volatile int thread_rc;

static void *take(void *fd)
{
    thread_rc = lock((int)(intptr_t)fd, F_OFD_SETLKW, F_WRLCK, 0, 1) ? errno : 0;
    return NULL;
}

static void nothing(int signo)
{
    (void)signo;
}

static void waiting(void)
{
    struct sigaction action = {.sa_handler = nothing};
    int a = again(), b = again(), status;
    pthread_t t;
    pid_t pid;

    PART("who waits");
    TRY(lock(a, F_OFD_SETLK, F_WRLCK, 0, 1));
    thread_rc = -1;
    pthread_create(&t, NULL, take, (void *)(intptr_t)b);
    usleep(50000);
    SHOW(thread_rc);
    TRY(lock(a, F_OFD_SETLK, F_UNLCK, 0, 1));
    pthread_join(t, NULL);
    SHOW(thread_rc);
    PART("two that wait for each other are not told: a signal ends it");
    TRY(lock(a, F_OFD_SETLK, F_WRLCK, 5, 1));
    pid = fork();
    if (pid == 0) {
        sigaction(SIGUSR1, &action, NULL);
        _exit(lock(b, F_OFD_SETLKW, F_WRLCK, 5, 1) ? errno : 0);
    }
    SHOW(ut_wait_state(pid, 'S'));
    int second = fork();
    if (second == 0)
        _exit(lock(a, F_OFD_SETLKW, F_WRLCK, 0, 1) ? errno : 0);
    SHOW(ut_wait_state(second, 'S'));
    kill(pid, SIGUSR1);
    waitpid(pid, &status, 0);
    ut_say("%s", WIFEXITED(status) ? ut_errno(WEXITSTATUS(status)) : ut_status(status));
    TRY(lock(b, F_OFD_SETLK, F_UNLCK, 0, 0));
    waitpid(second, &status, 0);
    ut_say("%s", ut_status(status));
    PART("a lock of a process is waited for, too");
    TRY(lock(a, F_OFD_SETLK, F_UNLCK, 0, 0));
    TRY(lock(a, F_SETLK, F_WRLCK, 0, 1));
    pid = fork();
    if (pid == 0)
        _exit(lock(b, F_OFD_SETLKW, F_RDLCK, 0, 1) ? errno : 0);
    SHOW(ut_wait_state(pid, 'S'));
    close(again());
    waitpid(pid, &status, 0);
    ut_say("%s", ut_status(status));
    close(a);
    close(b);
}

UT_PROGRAM(ofd)
{
    ut_workdir();
    close(ut_file("f", 30));
    wrong();
    inherited();
    with_others();
    waiting();
}
