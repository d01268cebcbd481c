/* Calls that are to be remembered: what they set is there when it is asked for, and does what it says. */
#include "tests/user/ut.h"
#include <dirent.h>
#include <pthread.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sched.h>
#include <time.h>

static void neither(void)
{
    struct flock l = {.l_type = F_RDLCK};
    char text[4] = "abc";
    int fd = ut_file("file", 100), out = open("out", O_RDWR | O_CREAT, 0600), fds[2];
    struct stat st;

    close(fd);
    PART("access mode 3");
    fd = open("file", 3);
    SHOW(fd >= 0);
    SHOW(fcntl(fd, F_GETFL) & O_ACCMODE);
    TRY(read(fd, text, 1));
    TRY(write(fd, text, 1));
    TRY(pread(fd, text, 1, 0));
    TRY(pwrite(fd, text, 1, 0));
    SHOW(lseek(fd, 0, SEEK_END));
    TRY(ftruncate(fd, 5));
    TRY(fallocate(fd, 0, 0, 5));
    TRY(fsync(fd));
    TRY(fstat(fd, &st));
    TRY(fchmod(fd, 0644));
    TRY(fcntl(fd, F_SETLK, &l));
    l.l_type = F_WRLCK;
    TRY(fcntl(fd, F_SETLK, &l));
    l.l_type = F_UNLCK;
    TRY(fcntl(fd, F_SETLK, &l));
    TRY_AT(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0));
    TRY_AT(mmap(NULL, PAGE, PROT_NONE, MAP_SHARED, fd, 0));
    TRY(sendfile(out, fd, NULL, 1));
    TRY(sendfile(fd, out, NULL, 1));
    TRY(ioctl(fd, FIONREAD, &out));
    TRY(readahead(fd, 0, 10));
    close(fd);
    fd = open("file", 3 | O_TRUNC);
    SHOW(fd >= 0);
    fstat(fd, &st);
    SHOW(st.st_size);
    close(fd);
    TRY(open(".", 3));
    fd = open("/dev/null", 3);
    SHOW(fd >= 0);
    TRY(write(fd, text, 1));
    close(fd);
    mkfifo("fifo", 0600);
    TRY(open("fifo", 3 | O_NONBLOCK));
    if (pipe(fds) == 0) {
        char name[32];

        snprintf(name, sizeof name, "/proc/self/fd/%d", fds[0]);
        TRY(open(name, 3));
        close(fds[0]);
        close(fds[1]);
    }
    close(out);
}

static void no_name(void)
{
    char name[32];
    struct stat st;
    int fd = open("gone", O_RDWR | O_CREAT, 0600);

    PART("a file whose last name is gone");
    unlink("gone");
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    TRY(linkat(AT_FDCWD, name, AT_FDCWD, "again", AT_SYMLINK_FOLLOW));
    TRY(linkat(fd, "", AT_FDCWD, "again", AT_EMPTY_PATH));
    TRY(access("again", F_OK));
    close(fd);
    fd = open(".", O_RDWR | O_TMPFILE, 0600);
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    TRY(linkat(AT_FDCWD, name, AT_FDCWD, "first", AT_SYMLINK_FOLLOW));
    TRY(linkat(AT_FDCWD, name, AT_FDCWD, "second", AT_SYMLINK_FOLLOW));
    TRY(unlink("first"));
    TRY(unlink("second"));
    TRY(linkat(AT_FDCWD, name, AT_FDCWD, "third", AT_SYMLINK_FOLLOW));
    close(fd);
    fd = open(".", O_RDWR | O_TMPFILE | O_EXCL, 0600);
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    TRY(linkat(AT_FDCWD, name, AT_FDCWD, "fourth", AT_SYMLINK_FOLLOW));
    fstat(fd, &st);
    SHOW(st.st_nlink);
    close(fd);
    fd = memfd_create("m", 0);
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    TRY(linkat(AT_FDCWD, name, AT_FDCWD, "fifth", AT_SYMLINK_FOLLOW));
    close(fd);
}

static void old_times(void)
{
    static const long sec[] = {-1, 0, 1, -1000000000, INT32_MIN, INT32_MAX};
    struct stat st;

    PART("times before 1970");
    close(open("old", O_RDWR | O_CREAT, 0600));
    for (unsigned i = 0; i < sizeof sec / sizeof *sec; i++) {
        struct timespec t[2] = {{sec[i], 999999999}, {sec[i], 0}};

        SHOW(sec[i]);
        TRY(utimensat(AT_FDCWD, "old", t, 0));
        stat("old", &st);
        SHOW(st.st_atim.tv_sec);
        SHOW(st.st_atim.tv_nsec);
        SHOW(st.st_mtim.tv_sec);
        SHOW(st.st_mtim.tv_nsec);
    }
    struct timeval v[2] = {{-5, 999999}, {-6, 0}};

    TRY(utimes("old", v));
    stat("old", &st);
    SHOW(st.st_atim.tv_sec);
    SHOW(st.st_atim.tv_nsec);
    v[0].tv_usec = -1;
    TRY(utimes("old", v));
    v[0].tv_usec = 1000000;
    TRY(utimes("old", v));
}

static void modes(void)
{
    static const mode_t mode[] = {01777, 02755, 04755, 06777, 07000, 02644};
    struct stat st;
    int fd;

    PART("bits of modes");
    mkdir("d", 0700);
    close(open("f", O_RDWR | O_CREAT, 0600));
    for (unsigned i = 0; i < sizeof mode / sizeof *mode; i++) {
        ut_say("%o", mode[i]);
        TRY(chmod("d", mode[i]));
        stat("d", &st);
        ut_say("directory %o", st.st_mode);
        TRY(chmod("f", mode[i]));
        stat("f", &st);
        ut_say("file %o", st.st_mode);
    }
    PART("given to another, and written");
    chmod("f", 06777);
    TRY(chown("f", 1, 1));
    stat("f", &st);
    ut_say("file %o of %u:%u", st.st_mode, st.st_uid, st.st_gid);
    chmod("f", 06777);
    fd = open("f", O_WRONLY);
    write(fd, "x", 1);
    close(fd);
    stat("f", &st);
    ut_say("file %o", st.st_mode);
    PART("in a directory of a group");
    TRY(chown("d", 0, 77));
    chmod("d", 02777);
    TRY(mkdir("d/sub", 0700));
    stat("d/sub", &st);
    ut_say("directory %o of %u:%u", st.st_mode, st.st_uid, st.st_gid);
    TRY(mknod("d/node", S_IFREG | 02755, 0));
    stat("d/node", &st);
    ut_say("node %o of %u:%u", st.st_mode, st.st_uid, st.st_gid);
    TRY(mkfifo("d/fifo", 0600));
    stat("d/fifo", &st);
    ut_say("fifo %o of %u:%u", st.st_mode, st.st_uid, st.st_gid);
    close(open("d/file", O_RDWR | O_CREAT, 02755));
    stat("d/file", &st);
    ut_say("file %o of %u:%u", st.st_mode, st.st_uid, st.st_gid);
    TRY(symlink("x", "d/link"));
    lstat("d/link", &st);
    ut_say("link of %u:%u", st.st_uid, st.st_gid);
    fd = open("d", O_RDWR | O_TMPFILE, 0600);
    fstat(fd, &st);
    ut_say("temporary %o of %u:%u", st.st_mode, st.st_uid, st.st_gid);
    close(fd);
}

/* In a process that is not the first one, to which all that others leave behind comes. */
static void processes(void)
{
    int value = -1, fds[2], status;
    char c;

    PART("timer slack");
    SHOW(prctl(PR_GET_TIMERSLACK));
    TRY(prctl(PR_SET_TIMERSLACK, 123456));
    SHOW(prctl(PR_GET_TIMERSLACK));
    pid_t pid = fork();
    if (pid == 0) {
        SHOW(prctl(PR_GET_TIMERSLACK));
        prctl(PR_SET_TIMERSLACK, 7);
        prctl(PR_SET_TIMERSLACK, 0);
        SHOW(prctl(PR_GET_TIMERSLACK));
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    TRY(prctl(PR_SET_TIMERSLACK, 0));
    SHOW(prctl(PR_GET_TIMERSLACK));
    PART("subreaper");
    TRY(prctl(PR_GET_CHILD_SUBREAPER, &value));
    SHOW(value);
    TRY(prctl(PR_GET_CHILD_SUBREAPER, 1));
    TRY(prctl(PR_SET_CHILD_SUBREAPER, 5));
    TRY(prctl(PR_GET_CHILD_SUBREAPER, &value));
    SHOW(value);
    if (pipe(fds) != 0)
        return;
    pid = fork();
    if (pid == 0) {
        value = -1;
        prctl(PR_GET_CHILD_SUBREAPER, &value);
        SHOW(value); /* not inherited */
        pid = fork();
        if (pid == 0) {
            read(fds[0], &c, 1);
            _exit(7);
        }
        write(fds[1], &pid, 0);
        _exit(0);
    }
    waitpid(pid, &status, 0);
    write(fds[1], "x", 1);
    ut_say("the grandchild: %s", wait(&status) > 0 ? ut_status(status) : ut_errno(errno));
    TRY(prctl(PR_SET_CHILD_SUBREAPER, 0));
    pid = fork();
    if (pid == 0) {
        if (fork() == 0) {
            read(fds[0], &c, 1);
            _exit(7);
        }
        _exit(0);
    }
    waitpid(pid, &status, 0);
    write(fds[1], "x", 1);
    TRY(wait(&status));
    PART("personality");
    SHOW(personality(0xffffffff));
    SHOW(personality(ADDR_NO_RANDOMIZE | READ_IMPLIES_EXEC));
    SHOW(personality(0xffffffff));
    uint8_t *p = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ut_say("%s", ut_maps(p, PAGE));
    TRY(mprotect(p, PAGE, PROT_READ | PROT_WRITE));
    ut_say("%s", ut_maps(p, PAGE));
    TRY(mprotect(p, PAGE, PROT_NONE));
    ut_say("%s", ut_maps(p, PAGE));
    pid = fork();
    if (pid == 0) {
        SHOW(personality(0xffffffff));
        prctl(PR_SET_KEEPCAPS, 1);
        prctl(PR_SET_DUMPABLE, 0);
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
        execl("/proc/self/exe", "forgot", "exec-settings", NULL);
        _exit(1);
    }
    waitpid(pid, NULL, 0);
    /* A program that knows no release but 2.6.something. */
    struct utsname old;
    SHOW(personality(UNAME26));
    uname(&old);
    SHOW(strncmp(old.release, "2.6.61", 6));
    SHOW(personality(0));
    uname(&old);
    SHOW(strncmp(old.release, "6.1.", 4));
    SHOW(personality(0x12345678));
    SHOW(personality(0));
    SHOW(personality(0xffffffff));
}

static void machine_checks(void)
{
    static const int words[] = {-1, 0, 1, 2, 3};
    int address = 1;

    PART("machine checks");
    for (unsigned how = 0; how < 3; how++)
        for (unsigned i = 0; i < sizeof words / sizeof *words; i++) {
            ut_say("%u %d: %s", how, words[i],
                   prctl(PR_MCE_KILL, how, words[i], 0, 0) ? ut_errno(errno) : "done");
            SHOW(prctl(PR_MCE_KILL_GET, 0, 0, 0, 0));
        }
    TRY(prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 0, 0));
    TRY(prctl(PR_MCE_KILL, PR_MCE_KILL_CLEAR, 0, 0, 0));
    TRY(prctl(PR_MCE_KILL, PR_MCE_KILL_SET, 9, 0, 0));
    SHOW(prctl(PR_MCE_KILL_GET, 0, 0, 0, 0));
    TRY(prctl(PR_MCE_KILL, PR_MCE_KILL_CLEAR, 0, 1, 0));
    TRY(prctl(PR_MCE_KILL, PR_MCE_KILL_CLEAR, 0, 0, 1));
    TRY(prctl(PR_MCE_KILL_GET, 0, 0, 1, 0));
    pid_t pid = fork();
    if (pid == 0) {
        SHOW(prctl(PR_MCE_KILL_GET, 0, 0, 0, 0));
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    TRY(prctl(PR_MCE_KILL, PR_MCE_KILL_CLEAR, 0, 0, 0));
    PART("the word that the end of a thread clears");
    syscall(SYS_set_tid_address, &address);
    int *told = NULL;
    TRY(prctl(PR_GET_TID_ADDRESS, &told));
    SHOW(told == &address);
    TRY(prctl(PR_GET_TID_ADDRESS, 1));
    syscall(SYS_set_tid_address, NULL);
    PART("speculation");
    for (unsigned what = 0; what < 4; what++) {
        ut_say("%u: %d", what, prctl(PR_GET_SPECULATION_CTRL, what, 0, 0, 0));
        for (unsigned how = 1; how <= 32; how *= 2)
            ut_say("%u %u: %s", what, how,
                   prctl(PR_SET_SPECULATION_CTRL, what, how, 0, 0) ? ut_errno(errno) : "done");
    }
    TRY(prctl(PR_GET_SPECULATION_CTRL, 0, 1, 0, 0));
    TRY(prctl(PR_SET_SPECULATION_CTRL, 0, 1, 1, 0));
}

static void junk(void)
{
    int sig = 0;

    PART("prctl with junk");
    TRY(prctl(PR_SET_DUMPABLE, 2));
    TRY(prctl(PR_SET_DUMPABLE, 5));
    TRY(prctl(PR_SET_PDEATHSIG, 65));
    TRY(prctl(PR_SET_PDEATHSIG, 64));
    TRY(prctl(PR_GET_PDEATHSIG, &sig));
    SHOW(sig);
    TRY(prctl(PR_SET_PDEATHSIG, 0));
    TRY(prctl(PR_GET_PDEATHSIG, 1));
    TRY(prctl(PR_SET_KEEPCAPS, 2));
    TRY(prctl(PR_SET_KEEPCAPS, 1));
    SHOW(prctl(PR_GET_KEEPCAPS));
    TRY(prctl(PR_SET_KEEPCAPS, 0));
    TRY(prctl(PR_GET_NO_NEW_PRIVS, 1, 0, 0, 0));
    TRY(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
    TRY(prctl(PR_SET_NO_NEW_PRIVS, 1, 1, 0, 0));
    TRY(prctl(PR_GET_THP_DISABLE, 1, 0, 0, 0));
    TRY(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
    TRY(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
    TRY(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
    TRY(prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0));
    TRY(prctl(PR_SET_THP_DISABLE, 1, 1, 0, 0));
    TRY(prctl(PR_CAPBSET_READ, 40));
    TRY(prctl(PR_CAPBSET_READ, 1000));
    TRY(prctl(PR_SET_NAME, 1));
    TRY(prctl(PR_GET_NAME, 1));
    TRY(prctl(9999));
    TRY(prctl(-1));
    TRY(prctl(PR_GET_TSC, &sig));
    TRY(prctl(PR_GET_SECCOMP));
    TRY(prctl(PR_GET_TIMING));
    TRY(prctl(PR_SET_TIMING, 1));
    TRY(prctl(PR_SET_TIMING, 0));
    TRY(prctl(PR_TASK_PERF_EVENTS_DISABLE));
    TRY(prctl(PR_MCE_KILL_GET, 0, 0, 0, 0));
    TRY(prctl(PR_GET_UNALIGN, &sig));
    TRY(prctl(PR_GET_SECUREBITS));
    TRY(prctl(PR_GET_IO_FLUSHER, 0, 0, 0, 0));
}

static void merging(void)
{
    uint8_t *p = ut_map(2, PROT_READ | PROT_WRITE);

    PART("advice");
    TRY(madvise(p, PAGE, MADV_HUGEPAGE));
    TRY(madvise(p, PAGE, MADV_NOHUGEPAGE));
    TRY(madvise(p, PAGE, 999));
    munmap(p, 2 * PAGE);
}

static void limits(void)
{
    struct rlimit r, now;

    PART("limits");
    pid_t pid = fork();
    if (pid == 0) {
        for (unsigned i = 0; i < 17; i++) {
            if (getrlimit(i, &r) != 0) {
                ut_say("limit %u: %s", i, ut_errno(errno));
                continue;
            }
            struct rlimit lower = {8192, 16384}, bad = {8192, 4096};

            if (i == RLIMIT_NICE || i == RLIMIT_RTPRIO)
                lower = (struct rlimit){5, 10}, bad = (struct rlimit){10, 5};
            ut_say("limit %u lowered: %s", i, setrlimit(i, &lower) == 0 ? "done" : ut_errno(errno));
            ut_say("soft beyond hard: %s", setrlimit(i, &bad) == 0 ? "done" : ut_errno(errno));
            getrlimit(i, &now);
            SHOW(now.rlim_cur);
            SHOW(now.rlim_max);
            ut_say("raised again: %s", setrlimit(i, &r) == 0 ? "done" : ut_errno(errno));
        }
        struct rlimit big = {5000000, 5000000};

        ut_say("descriptors beyond nr_open: %s",
               setrlimit(RLIMIT_NOFILE, &big) == 0 ? "done" : ut_errno(errno));
        _exit(0);
    }
    waitpid(pid, NULL, 0);
}

/* --- the time-stamp counter --- */

static void *read_counter(void *arg)
{
    __asm__ volatile("rdtsc" : : : "eax", "edx");
    return arg;
}

static void say_counter(const char *what)
{
    int mode = 0;

    TRY(prctl(PR_GET_TSC, &mode));
    ut_say("%s: %s", what, mode == PR_TSC_ENABLE ? "allowed" : mode == PR_TSC_SIGSEGV ? "withheld" : "?");
}

static void counter_child(void)
{
    say_counter("a child's");
    read_counter(NULL);
}

static void *counter_thread(void *arg)
{
    say_counter("another thread's");
    prctl(PR_SET_TSC, PR_TSC_ENABLE);
    read_counter(arg);
    return arg;
}

/* exec keeps what was said; the loader of shared libraries reads the counter, and dies of it. */
static void counter_executed(void)
{
    int status;
    pid_t pid = fork();

    if (pid == 0)
        execl("/proc/self/exe", "ut", "exec-counter", NULL);
    waitpid(pid, &status, 0);
    SHOW(getauxval(AT_BASE) ? WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV
                            : WIFEXITED(status) && WEXITSTATUS(status) == PR_TSC_SIGSEGV);
}

static void counter(void)
{
    static const uint8_t rdtsc[] = {0x0f, 0x31, 0xc3};
    uint8_t *code = ut_map(1, PROT_READ | PROT_WRITE | PROT_EXEC);
    pthread_t t;

    PART("the time-stamp counter");
    memcpy(code, rdtsc, sizeof rdtsc);
    say_counter("at first");
    TRY(prctl(PR_SET_TSC, 0));
    TRY(prctl(PR_SET_TSC, 3));
    TRY(prctl(PR_GET_TSC, 8));
    TRY(prctl(PR_SET_TSC, PR_TSC_SIGSEGV, 7, 8, 9));
    say_counter("then");
    ut_say("%s", ut_jump(code));
    sched_yield();
    usleep(1000);
    ut_say("after a sleep: %s", ut_jump(code));
    ut_child("forked", counter_child);
    counter_executed();
    pthread_create(&t, NULL, counter_thread, NULL);
    pthread_join(t, NULL);
    say_counter("this thread's");
    ut_say("%s", ut_jump(code));
    TRY(prctl(PR_SET_TSC, PR_TSC_ENABLE));
    ut_say("%s", ut_jump(code));
}

UT_PROGRAM(forgot)
{
    ut_workdir();
    umask(0);
    neither();
    ut_child("settings", processes);
    no_name();
    old_times();
    modes();
    ut_child("odd settings", junk);
    ut_child("more of them", machine_checks);
    counter();
    merging();
    limits();
}
