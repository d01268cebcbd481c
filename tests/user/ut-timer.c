/* Timers that programs make, through the system calls themselves. */
#include "tests/user/ut.h"
#include <pthread.h>
#include <sys/time.h>
#include <time.h>

#define MS 1000000l

static long create(clockid_t clock, struct sigevent *event, int *id)
{
    return syscall(SYS_timer_create, clock, event, id);
}

static long settime(int id, int flags, long value_ms, long interval_ms, struct itimerspec *old)
{
    struct itimerspec new = {.it_value = {value_ms / 1000, value_ms % 1000 * MS},
                             .it_interval = {interval_ms / 1000, interval_ms % 1000 * MS}};

    return syscall(SYS_timer_settime, id, flags, &new, old);
}

static long overrun(int id)
{
    return syscall(SYS_timer_getoverrun, id);
}

static void pause_ms(long ms)
{
    struct timespec rest = {ms / 1000, ms % 1000 * MS};

    while (nanosleep(&rest, &rest) != 0)
        ;
}

static volatile sig_atomic_t count, by_thread, most;
static siginfo_t last;

static void handler(int signo, siginfo_t *info, void *context)
{
    (void)signo;
    (void)context;
    count++;
    by_thread = (sig_atomic_t)syscall(SYS_gettid);
    last = *info;
    most = info->si_overrun > most ? info->si_overrun : most;
}

static void handle(int signo)
{
    struct sigaction act = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_RESTART};

    count = 0;
    sigaction(signo, &act, NULL);
}

static struct sigevent event(int notify, int signo, int value)
{
    struct sigevent e = {.sigev_notify = notify, .sigev_signo = signo};

    e.sigev_value.sival_int = value;
    return e;
}

static void once(void)
{
    struct sigevent e = event(SIGEV_SIGNAL, SIGRTMIN + 3, 77);
    struct itimerspec left;
    int id, other;

    PART("once");
    handle(SIGRTMIN + 3);
    handle(SIGALRM);
    TRY(create(CLOCK_MONOTONIC, &e, &id));
    TRY(create(CLOCK_REALTIME, NULL, &other));
    SHOW(id != other);
    TRY(settime(id, 0, 50, 0, NULL));
    pause_ms(200);
    SHOW(count);
    ut_say("%s %d %d %d", ut_signal(last.si_signo - 3 - SIGRTMIN ? last.si_signo : SIGUSR1), last.si_code,
           last.si_value.sival_int, last.si_overrun);
    SHOW(last.si_timerid == id);
    TRY(syscall(SYS_timer_gettime, id, &left));
    SHOW(left.it_value.tv_sec + left.it_value.tv_nsec);
    TRY(overrun(id));
    TRY(settime(other, 0, 50, 0, NULL));
    pause_ms(200);
    SHOW(count);
    ut_say("%s %d %d", ut_signal(last.si_signo), last.si_code, last.si_value.sival_int == other);
    PART("what is left");
    TRY(settime(id, 0, 100000, 3000, NULL));
    TRY(settime(id, 0, 0, 0, &left));
    SHOW(left.it_value.tv_sec >= 99 && left.it_value.tv_sec <= 100);
    SHOW(left.it_interval.tv_sec);
    TRY(settime(id, 0, 0, 0, &left));
    SHOW(left.it_value.tv_sec + left.it_value.tv_nsec + left.it_interval.tv_sec);
    PART("at a time");
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    TRY(settime(id, TIMER_ABSTIME, now.tv_sec * 1000 + now.tv_nsec / MS + 50, 0, NULL));
    pause_ms(200);
    SHOW(count);
    TRY(settime(id, TIMER_ABSTIME, 1, 0, NULL));
    pause_ms(50);
    SHOW(count);
    TRY(syscall(SYS_timer_delete, id));
    TRY(syscall(SYS_timer_delete, id));
    TRY(settime(id, 0, 1, 0, NULL));
    TRY(syscall(SYS_timer_delete, other));
}

static void often(void)
{
    struct sigevent e = event(SIGEV_SIGNAL, SIGUSR1, 1);
    sigset_t set;
    int id;

    PART("again and again, and too often for who does not look");
    handle(SIGUSR1);
    create(CLOCK_MONOTONIC, &e, &id);
    TRY(settime(id, 0, 20, 20, NULL));
    while (count < 5)
        pause_ms(5);
    TRY(settime(id, 0, 0, 0, NULL));
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    pause_ms(50);
    count = most = 0;
    TRY(settime(id, 0, 20, 20, NULL));
    pause_ms(500);
    SHOW(count);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    SHOW(count >= 1);
    SHOW(most >= 10);
    settime(id, 0, 0, 0, NULL);
    syscall(SYS_timer_delete, id);
    PART("of processor time");
    count = 0;
    TRY(create(CLOCK_PROCESS_CPUTIME_ID, &e, &id));
    settime(id, 0, 100, 0, NULL);
    pause_ms(300);
    SHOW(count);
    while (!count)
        ;
    SHOW(count);
    syscall(SYS_timer_delete, id);
}

static int main_id;
static volatile bool done;

static void *waiting(void *arg)
{
    struct sigevent e = event(SIGEV_THREAD_ID, SIGUSR2, 9);

    (void)arg;
    e._sigev_un._tid = (pid_t)syscall(SYS_gettid);
    main_id = -1;
    create(CLOCK_MONOTONIC, &e, &main_id);
    settime(main_id, 0, 30, 0, NULL);
    while (!count)
        pause_ms(5);
    SHOW(by_thread == syscall(SYS_gettid));
    done = true;
    return NULL;
}

static void threads(void)
{
    pthread_t t;

    PART("a thread of its own");
    handle(SIGUSR2);
    pthread_create(&t, NULL, waiting, NULL);
    pthread_join(t, NULL);
    SHOW(done);
    TRY(settime(main_id, 0, 10, 0, NULL));
    count = 0;
    pause_ms(50);
    SHOW(count); /* the thread has ended */
    syscall(SYS_timer_delete, main_id);
}

static void not_inherited(void)
{
    struct sigevent e = event(SIGEV_NONE, 0, 0);
    struct itimerspec left;
    int id, status;

    PART("nobody is told, and children have none");
    TRY(create(CLOCK_MONOTONIC, &e, &id));
    settime(id, 0, 20, 0, NULL);
    pid_t pid = fork();
    if (pid == 0)
        _exit(syscall(SYS_timer_gettime, id, &left) == -1 && errno == EINVAL ? 0 : 1);
    waitpid(pid, &status, 0);
    ut_say("%s", ut_status(status));
    pause_ms(60);
    TRY(syscall(SYS_timer_gettime, id, &left));
    SHOW(left.it_value.tv_sec + left.it_value.tv_nsec);
    syscall(SYS_timer_delete, id);
}

static void refused(void)
{
    struct sigevent e = event(SIGEV_SIGNAL, SIGUSR1, 0);
    struct itimerspec bad = {.it_value.tv_nsec = 1000000000};
    pid_t other = fork();
    int id;

    if (other == 0)
        for (;;)
            pause();
    PART("refused");
    TRY(create(77, &e, &id));
    TRY(create(CLOCK_MONOTONIC_RAW, &e, &id));
    TRY(create(CLOCK_MONOTONIC_COARSE, &e, &id));
    for (int clock = CLOCK_REALTIME_ALARM; clock <= CLOCK_BOOTTIME_ALARM; clock++) {
        struct itimerspec soon = {.it_value.tv_nsec = 1000000};
        sigset_t usr1;

        sigemptyset(&usr1);
        sigaddset(&usr1, SIGUSR1);
        sigprocmask(SIG_BLOCK, &usr1, NULL);
        TRY(create(clock, &e, &id));
        TRY(timer_settime((timer_t)id, 0, &soon, NULL));
        SHOW(sigwaitinfo(&usr1, NULL) == SIGUSR1);
        TRY(timer_delete((timer_t)id));
        sigprocmask(SIG_UNBLOCK, &usr1, NULL);
    }
    e.sigev_signo = 0;
    TRY(create(CLOCK_MONOTONIC, &e, &id));
    e.sigev_signo = 65;
    TRY(create(CLOCK_MONOTONIC, &e, &id));
    e = event(17, SIGUSR1, 0);
    TRY(create(CLOCK_MONOTONIC, &e, &id));
    e = event(SIGEV_THREAD_ID, SIGUSR1, 0);
    e._sigev_un._tid = other; /* a thread, and not of this process */
    TRY(create(CLOCK_MONOTONIC, &e, &id));
    kill(other, SIGKILL);
    waitpid(other, NULL, 0);
    TRY(create(CLOCK_MONOTONIC, &e, &id)); /* none any more */
    e._sigev_un._tid = 0;
    TRY(create(CLOCK_MONOTONIC, &e, &id));
    e = event(SIGEV_THREAD_ID | SIGEV_NONE, SIGUSR1, 0);
    e._sigev_un._tid = getpid();
    TRY(create(CLOCK_MONOTONIC, &e, &id));
    e = event(SIGEV_THREAD_ID | SIGEV_THREAD, SIGUSR1, 0);
    TRY(create(CLOCK_MONOTONIC, &e, &id));
    e = event(SIGEV_SIGNAL, SIGUSR1, 0);
    TRY(create(CLOCK_MONOTONIC, &e, NULL));
    TRY(create(CLOCK_MONOTONIC, (struct sigevent *)16, &id));
    TRY(create(CLOCK_MONOTONIC, &e, &id));
    TRY(syscall(SYS_timer_settime, id, 0, &bad, NULL));
    bad.it_value = (struct timespec){-1, 0};
    TRY(syscall(SYS_timer_settime, id, 0, &bad, NULL));
    TRY(syscall(SYS_timer_settime, id, 0, NULL, NULL));
    TRY(syscall(SYS_timer_settime, id, 0, 16, NULL));
    TRY(syscall(SYS_timer_gettime, id, NULL));
    TRY(syscall(SYS_timer_gettime, 12345, &bad));
    TRY(overrun(12345));
    syscall(SYS_timer_delete, id);
}

static long long ms_since(const struct timespec *began)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - began->tv_sec) * 1000ll + (now.tv_nsec - began->tv_nsec) / MS;
}

static void spin_ms(long ms)
{
    struct timespec began;

    clock_gettime(CLOCK_MONOTONIC, &began);
    while (ms_since(&began) < ms)
        ;
}

/* Until two signals have come, or for long: a machine under load may have got little of the time. */
static void spin_until_two(void)
{
    for (unsigned i = 0; i < 50 && count < 2; i++)
        spin_ms(100);
}

static long settime_ns(int id, long value_ns, long interval_ns)
{
    struct itimerspec new = {.it_value = {0, value_ns}, .it_interval = {0, interval_ns}};

    return syscall(SYS_timer_settime, id, 0, &new, NULL);
}

/* Intervals that nobody can keep up with: the program still gets to what it does. */
static void shortest(void)
{
    static const long intervals[] = {1, 100, 1000, 100000};
    struct sigevent e = event(SIGEV_SIGNAL, SIGUSR1, 1);
    struct itimerspec left;
    sigset_t set;
    int id;

    PART("the shortest intervals");
    handle(SIGUSR1);
    create(CLOCK_MONOTONIC, &e, &id);
    for (unsigned i = 0; i < sizeof intervals / sizeof *intervals; i++) {
        count = 0;
        settime_ns(id, 1, intervals[i]);
        spin_ms(100);
        settime_ns(id, 0, 0);
        SHOW(count >= 2);
    }
    PART("blocked: one signal, and what it missed");
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    TRY(settime_ns(id, 1, 1));
    pause_ms(100);
    count = most = 0;
    TRY(syscall(SYS_timer_gettime, id, &left));
    SHOW(left.it_interval.tv_nsec);
    SHOW(left.it_value.tv_sec == 0 && left.it_value.tv_nsec == 1);
    TRY(overrun(id));
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    settime_ns(id, 0, 0);
    SHOW(count >= 1);
    SHOW(most >= 10000000);
    PART("more than fits in a number");
    struct itimerspec past = {.it_value = {0, 1}, .it_interval = {0, 1}};
    sigprocmask(SIG_BLOCK, &set, NULL);
    TRY(syscall(SYS_timer_delete, id));
    TRY(create(CLOCK_REALTIME, &e, &id));
    TRY(syscall(SYS_timer_settime, id, TIMER_ABSTIME, &past, NULL));
    pause_ms(50);
    count = most = 0;
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    settime_ns(id, 0, 0);
    SHOW(most);
    syscall(SYS_timer_delete, id);
    PART("ignored: it goes on by itself");
    create(CLOCK_MONOTONIC, &e, &id);
    signal(SIGUSR1, SIG_IGN);
    TRY(settime_ns(id, 1, 1));
    pause_ms(50);
    handle(SIGUSR1);
    spin_ms(100);
    settime_ns(id, 0, 0);
    SHOW(count >= 1);
    syscall(SYS_timer_delete, id);
}

static void of_process(void)
{
    struct itimerval often = {{0, 1}, {0, 1}}, never = {{0, 0}, {0, 0}}, left;
    sigset_t set;

    PART("an interval timer of a microsecond");
    handle(SIGALRM);
    setitimer(ITIMER_REAL, &often, NULL);
    spin_ms(100);
    setitimer(ITIMER_REAL, &never, NULL);
    SHOW(count >= 2);
    count = 0;
    spin_ms(50);
    SHOW(count <= 1);
    PART("it stands still while its signal is blocked");
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    TRY(setitimer(ITIMER_REAL, &often, NULL));
    pause_ms(50);
    count = 0;
    TRY(getitimer(ITIMER_REAL, &left));
    SHOW(left.it_value.tv_sec + left.it_value.tv_usec);
    SHOW(left.it_interval.tv_usec);
    setitimer(ITIMER_REAL, &never, NULL);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    SHOW(count);
    PART("of processor time");
    handle(SIGVTALRM);
    setitimer(ITIMER_VIRTUAL, &often, NULL);
    spin_until_two();
    setitimer(ITIMER_VIRTUAL, &never, NULL);
    SHOW(count >= 2);
    handle(SIGPROF);
    setitimer(ITIMER_PROF, &often, NULL);
    spin_until_two();
    setitimer(ITIMER_PROF, &never, NULL);
    SHOW(count >= 2);
    PART("refused");
    often.it_value.tv_usec = 1000000;
    TRY(setitimer(ITIMER_REAL, &often, NULL));
    often.it_value.tv_usec = -1;
    TRY(setitimer(ITIMER_REAL, &often, NULL));
    often.it_value = (struct timeval){-1, 0};
    TRY(setitimer(ITIMER_REAL, &often, NULL));
    TRY(syscall(SYS_setitimer, 3, &never, NULL));
    TRY(syscall(SYS_setitimer, -1, &never, NULL));
}

/* Fifteen in each of two processes, which have nothing in common: each is told once. */
static void many(void)
{
    enum { TIMERS = 15 }; /* a small machine allows few */
    struct sigevent e = event(SIGEV_SIGNAL, SIGRTMIN, 0);
    static int id[TIMERS];
    int status;
    pid_t pid = fork();
    long failed = 0;

    if (pid == 0)
        PART("many");
    count = 0;
    handle(SIGRTMIN);
    for (unsigned i = 0; i < TIMERS; i++)
        failed +=
            create(CLOCK_MONOTONIC, &e, &id[i]) != 0 || settime_ns(id[i], 1 + i * 1000000 % 50000000, 0) != 0;
    pause_ms(300);
    if (pid == 0) {
        SHOW(failed);
        SHOW(count);
        _exit(0);
    }
    waitpid(pid, &status, 0);
    SHOW(count);
    for (unsigned i = 0; i < TIMERS; i++)
        failed += syscall(SYS_timer_delete, id[i]) != 0;
    SHOW(failed);
}

/* Clocks that would wake a machine from its sleep. */
static void alarms(void)
{
    struct timespec none = {0};
    int id;

    for (clockid_t clock = CLOCK_REALTIME_ALARM; clock <= CLOCK_BOOTTIME_ALARM; clock++) {
        struct sigevent e = event(SIGEV_NONE, 0, 0);
        struct itimerspec t = {.it_value.tv_sec = 1000};

        ut_say("clock %d", (int)clock);
        TRY(create(clock, &e, NULL));
        TRY(syscall(SYS_clock_nanosleep, clock, 0, &none, NULL));
        TRY(syscall(SYS_clock_nanosleep, clock, TIMER_ABSTIME, &none, NULL));
        TRY(syscall(SYS_clock_nanosleep, clock, 0, &(struct timespec){0, -1}, NULL));
        if (create(clock, &e, &id) != 0) {
            ut_say("no timer: %s", ut_errno(errno));
            continue;
        }
        TRY(syscall(SYS_timer_settime, id, 0, &t, NULL));
        memset(&t, 0, sizeof t);
        TRY(syscall(SYS_timer_gettime, id, &t));
        SHOW(t.it_value.tv_sec > 900 && t.it_value.tv_sec <= 1000);
        TRY(syscall(SYS_timer_delete, id));
    }
}

static void alarms_of_users(void)
{
    setgid(1000);
    setuid(1000);
    alarms();
}

UT_PROGRAM(timer)
{
    shortest();
    of_process();
    many();
    once();
    often();
    threads();
    not_inherited();
    refused();
    PART("alarms");
    alarms();
    ut_child("without CAP_WAKE_ALARM", alarms_of_users);
}
