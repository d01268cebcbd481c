/* Clocks and sleeping: no figures, but what must hold between them. */
#include "tests/user/ut.h"
#include <sched.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/utsname.h>
#include <time.h>

static double now(clockid_t clock)
{
    struct timespec t;

    if (clock_gettime(clock, &t) != 0)
        return -1;
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void clocks(void)
{
    static const clockid_t all[] = {CLOCK_REALTIME,          CLOCK_MONOTONIC,     CLOCK_PROCESS_CPUTIME_ID,
                                    CLOCK_THREAD_CPUTIME_ID, CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE,
                                    CLOCK_MONOTONIC_COARSE,  CLOCK_BOOTTIME};
    struct timespec t;
    struct timeval tv;
    unsigned backwards = 0;

    PART("clocks");
    for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++)
        TRY(clock_gettime(all[i], &t));
    TRY(clock_gettime(77, &t));
    TRY(clock_getres(CLOCK_MONOTONIC, &t));
    PART("clocks of a process or a thread");
    for (int clock = -8; clock < 0; clock++) {
        struct timespec bad = {.tv_nsec = -1};

        SHOW(clock);
        t.tv_nsec = -1;
        TRY(syscall(SYS_clock_getres, clock, &t));
        SHOW(t.tv_nsec);
        TRY(syscall(SYS_clock_settime, clock, &t));
        TRY(syscall(SYS_clock_settime, clock, &bad));
        TRY(syscall(SYS_clock_settime, clock, NULL));
    }
    TRY(syscall(SYS_clock_settime, CLOCK_PROCESS_CPUTIME_ID, NULL));
    PART("they go on");
    double last = now(CLOCK_MONOTONIC);
    for (unsigned i = 0; i < 2000; i++) {
        double next = now(CLOCK_MONOTONIC);

        backwards += next < last;
        last = next;
    }
    SHOW(backwards);
    gettimeofday(&tv, NULL);
    time_t seconds = time(NULL);
    SHOW(seconds - tv.tv_sec <= 1);
    SHOW(now(CLOCK_REALTIME) - (double)seconds < 2);
    SHOW(seconds > 1000000000);
}

/* Clocks of the processor that a process, or one of its threads, has had. */
static void of_the_processor(void)
{
    struct timespec t = {1, 0}, bad = {0, -1};
    pid_t none = 0x3ffffff;

    PART("clocks of the processor");
    for (int kind = 0; kind < 8; kind++) {
        clockid_t own = (clockid_t)(~(unsigned)getpid() << 3 | (unsigned)kind),
                  nobody = (clockid_t)(~(unsigned)none << 3 | (unsigned)kind);

        if ((kind & 3) == 3) /* that is no clock, but a descriptor */
            continue;
        ut_say("kind %d", kind);
        TRY(syscall(SYS_clock_getres, own, &t));
        SHOW(t.tv_nsec);
        TRY(syscall(SYS_clock_settime, own, &t));
        TRY(syscall(SYS_clock_settime, own, &bad));
        TRY(syscall(SYS_clock_settime, own, NULL));
        TRY(syscall(SYS_clock_settime, nobody, &t));
        TRY(syscall(SYS_clock_settime, nobody, NULL));
    }
    TRY(syscall(SYS_clock_settime, CLOCK_PROCESS_CPUTIME_ID, &t));
    TRY(syscall(SYS_clock_settime, CLOCK_MONOTONIC, NULL));
}

static void sleeping(void)
{
    struct timespec at;
    double before = now(CLOCK_MONOTONIC);

    PART("sleeping");
    TRY(nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL));
    SHOW(now(CLOCK_MONOTONIC) - before >= 0.05);
    TRY(nanosleep(&(struct timespec){.tv_nsec = 1000000000}, NULL));
    TRY(nanosleep(&(struct timespec){.tv_sec = -1}, NULL));
    TRY(nanosleep(&(struct timespec){0}, NULL));
    before = now(CLOCK_MONOTONIC);
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec++;
    SHOW(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL));
    SHOW(now(CLOCK_MONOTONIC) - before >= 1);
    SHOW(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &(struct timespec){1, 0}, NULL));
    SHOW(clock_nanosleep(77, 0, &at, NULL) == EINVAL);
}

static volatile unsigned long work;

static void use(void)
{
    struct rusage u;
    struct tms t;
    int status;

    PART("processor time");
    double cpu = now(CLOCK_PROCESS_CPUTIME_ID);
    while (now(CLOCK_PROCESS_CPUTIME_ID) - cpu < 0.1)
        work++;
    TRY(getrusage(RUSAGE_SELF, &u));
    SHOW(u.ru_utime.tv_sec * 1000000 + u.ru_utime.tv_usec + u.ru_stime.tv_sec * 1000000 +
             u.ru_stime.tv_usec >=
         80000);
    SHOW(u.ru_maxrss > 0);
    SHOW(times(&t) != (clock_t)-1);
    SHOW(t.tms_cutime + t.tms_cstime);
    pid_t pid = fork();
    if (pid == 0) {
        cpu = now(CLOCK_PROCESS_CPUTIME_ID);
        while (now(CLOCK_PROCESS_CPUTIME_ID) - cpu < 0.1)
            work++;
        _exit(0);
    }
    TRY(wait4(pid, &status, 0, &u) == pid ? 0 : -1);
    SHOW(u.ru_utime.tv_sec * 1000000 + u.ru_utime.tv_usec + u.ru_stime.tv_sec * 1000000 +
             u.ru_stime.tv_usec >=
         80000);
    times(&t);
    SHOW(t.tms_cutime + t.tms_cstime >= 8);
    TRY(getrusage(77, &u));
    TRY(sched_yield());
}

/* Sums that never fall, however a time is divided between ring 3 and the kernel. */
static void sums(void)
{
    unsigned long long user, system, last_user = 0, last_system = 0;
    unsigned falls = 0, falls_of_all = 0, asked = 0;
    struct rusage u, last = {.ru_utime = {0}};
    char text[128];

    PART("sums of processor time");
    int fd = open("/proc/stat", O_RDONLY);
    double cpu = now(CLOCK_PROCESS_CPUTIME_ID);
    while (now(CLOCK_PROCESS_CPUTIME_ID) - cpu < 0.2) {
        ssize_t n = pread(fd, text, sizeof text - 1, 0);
        text[n > 0 ? n : 0] = '\0';
        if (sscanf(text, "cpu %llu %*u %llu", &user, &system) == 2 && asked++)
            falls_of_all += user < last_user || system < last_system;
        last_user = user;
        last_system = system;
        getrusage(RUSAGE_SELF, &u);
        falls += timercmp(&u.ru_utime, &last.ru_utime, <) || timercmp(&u.ru_stime, &last.ru_stime, <);
        last = u;
        for (unsigned i = 0; i < 100000; i++)
            work++;
    }
    close(fd);
    SHOW(asked > 1);
    SHOW(falls_of_all);
    SHOW(falls);
}

/* Two that never sleep, and a third that must get its turn. */
static void slices(void)
{
    pid_t pid[2];

    PART("time slices");
    for (unsigned i = 0; i < 2; i++) {
        pid[i] = fork();
        if (pid[i] == 0)
            for (;;)
                work++;
    }
    double before = now(CLOCK_MONOTONIC);
    for (unsigned i = 0; i < 10; i++)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    SHOW(now(CLOCK_MONOTONIC) - before < 5);
    for (unsigned i = 0; i < 2; i++) {
        int status;

        kill(pid[i], SIGKILL);
        waitpid(pid[i], &status, 0);
        ut_say("%s", ut_status(status));
    }
}

static void names(void)
{
    struct utsname u;

    PART("names");
    TRY(uname(&u));
    SHOW(u.release[0] >= '2' && u.release[0] <= '9');
    SHOW(u.nodename[0] != '\0');
    SHOW(sysconf(_SC_PAGESIZE));
    SHOW(sysconf(_SC_NPROCESSORS_ONLN) > 0);
    SHOW(sysconf(_SC_PHYS_PAGES) > 0);
    SHOW(sysconf(_SC_CLK_TCK));
}

UT_PROGRAM(time)
{
    clocks();
    of_the_processor();
    sleeping();
    use();
    sums();
    slices();
    names();
}
