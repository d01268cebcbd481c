/* Signals that tell what happens in directories: fcntl's F_NOTIFY. */
#include "tests/user/ut.h"

#ifndef F_NOTIFY
#define F_NOTIFY 1026
#endif
enum { ACCESS = 1, MODIFY = 2, CREATE = 4, DELETE = 8, RENAME = 16, ATTRIB = 32 };
#define MULTISHOT (1u << 31)

static int dir;
static sigset_t all;

static long ask(int fd, uint32_t what)
{
    return syscall(SYS_fcntl64, fd, F_NOTIFY, what);
}

/* Signals that have come. */
static void come(const char *what)
{
    siginfo_t i;
    char text[300] = "";

    while (sigtimedwait(&all, &i, &(struct timespec){0}) > 0) {
        size_t used = strlen(text);

        if (i.si_code == SI_KERNEL)
            snprintf(text + used, sizeof text - used, " %s/kernel", ut_signal(i.si_signo));
        else if (i.si_signo != SIGCHLD)
            snprintf(text + used, sizeof text - used, " %s/%d/%lx/%s",
                     i.si_signo == SIGRTMIN + 1 ? "RT" : ut_signal(i.si_signo), i.si_code,
                     (long)i.si_band & 0xffff, i.si_fd == dir ? "dir" : "other");
    }
    ut_say("%s:%s", what, text);
}

#define DO(call)                                                                                             \
    do {                                                                                                     \
        TRY(call);                                                                                           \
        come(" signals");                                                                                    \
    } while (0)

static int make(const char *name)
{
    return open(name, O_RDWR | O_CREAT, 0644);
}

UT_PROGRAM(dnotify)
{
    char c;
    int f, other;

    ut_workdir();
    sigfillset(&all);
    sigdelset(&all, SIGALRM);
    sigprocmask(SIG_BLOCK, &all, NULL);
    mkdir("d", 0755);
    mkdir("e", 0755);
    f = make("plain");
    dir = open("d", O_RDONLY);
    PART("arguments");
    TRY(ask(-1, CREATE));
    TRY(ask(f, CREATE));
    TRY(ask(f, 0));
    TRY(ask(f, MULTISHOT));
    TRY(ask(open("d", O_PATH), CREATE));
    TRY(ask(dir, 0));
    TRY(ask(dir, 0x40));
    SHOW(fcntl(dir, F_GETOWN) == getpid());
    close(f);
    PART("once");
    TRY(ask(dir, CREATE));
    SHOW(fcntl(dir, F_GETOWN) == getpid());
    DO((f = make("d/f")) < 0);
    DO(close(make("d/g")));
    PART("more than once");
    TRY(fcntl(dir, F_SETSIG, SIGRTMIN + 1));
    TRY(ask(dir, CREATE | DELETE | MODIFY | ACCESS | ATTRIB | RENAME | MULTISHOT));
    DO(write(f, "xy", 2));
    DO(pread(f, &c, 1, 0));
    DO(fchmod(f, 0600));
    DO(rename("d/g", "d/h"));
    DO(rename("d/h", "e/h"));
    DO(rename("e/h", "d/h"));
    DO(mkdir("d/sub", 0755));
    DO(rmdir("d/sub"));
    DO(unlink("d/h"));
    DO(chmod("d", 0700));
    DO(close(f));
    DO(close(open("d/f", O_RDONLY)));
    PART("what is asked for is added, and taken back");
    TRY(ask(dir, 0));
    DO(close(make("d/i")));
    TRY(ask(dir, RENAME));
    TRY(ask(dir, CREATE | MULTISHOT));
    DO(rename("d/i", "d/j"));
    DO(rename("d/j", "e/j"));
    DO(rename("e/j", "d/j"));
    DO(link("d/j", "d/k"));
    PART("two descriptors");
    other = dup(dir);
    DO(close(make("d/l")));
    TRY(close(other));
    DO(close(make("d/m")));
    PART("another process");
    TRY(ask(dir, DELETE | MULTISHOT));
    if (fork() == 0) {
        unlink("d/m");
        _exit(0);
    }
    wait(NULL);
    come("its");
    if (fork() == 0) {
        close(dir);
        _exit(0);
    }
    wait(NULL);
    come("closed there");
    DO(unlink("d/l"));
    PART("a signal with codes of its own, and another owner");
    TRY(fcntl(dir, F_SETSIG, SIGSEGV));
    DO(unlink("d/k"));
    TRY(fcntl(dir, F_SETSIG, 0));
    DO(unlink("d/j"));
    TRY(fcntl(dir, F_SETOWN, 0));
    TRY(ask(dir, CREATE | MULTISHOT));
    DO(close(make("d/n")));
    close(dir);
    come("closed");
    DO(close(make("d/o")));
    PART("leases");
    f = make("d/n");
    TRY(syscall(SYS_fcntl64, f, 1024, 5));
    close(f);
    unlink("d/n");
    unlink("d/o");
    unlink("d/f");
}
