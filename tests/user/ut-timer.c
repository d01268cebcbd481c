/* Timers that programs make, through the system calls themselves. */
#include "tests/user/ut.h"
#include <pthread.h>
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
    struct sigaction act = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};

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
    int id;

    PART("refused");
    TRY(create(77, &e, &id));
    TRY(create(CLOCK_MONOTONIC_RAW, &e, &id));
    TRY(create(CLOCK_MONOTONIC_COARSE, &e, &id));
    e.sigev_signo = 0;
    TRY(create(CLOCK_MONOTONIC, &e, &id));
    e.sigev_signo = 65;
    TRY(create(CLOCK_MONOTONIC, &e, &id));
    e = event(17, SIGUSR1, 0);
    TRY(create(CLOCK_MONOTONIC, &e, &id));
    e = event(SIGEV_THREAD_ID, SIGUSR1, 0);
    e._sigev_un._tid = 1;
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

UT_PROGRAM(timer)
{
    once();
    often();
    threads();
    not_inherited();
    refused();
}
