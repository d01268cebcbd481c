/* Waiting for one of several futexes: futex_waitv(2). */
#include "tests/user/ut.h"
#include <linux/futex.h>
#include <pthread.h>
#include <time.h>

#define WORD_32 2u
#define PRIVATE (WORD_32 | FUTEX_PRIVATE_FLAG)
#define MOST    128u

struct word {
    uint64_t value, uaddr;
    uint32_t flags, reserved;
};

struct wide_time {
    int64_t sec, nsec;
};

static volatile uint32_t words[MOST + 1];
static struct word list[MOST + 1];

static void make_list(volatile uint32_t *word, unsigned n, uint32_t flags)
{
    for (unsigned i = 0; i < n; i++)
        list[i] = (struct word){.value = word[i], .uaddr = (uintptr_t)&word[i], .flags = flags};
}

static long waitv(unsigned n, const struct wide_time *limit, int clock)
{
    return syscall(SYS_futex_waitv, list, n, 0, limit, clock);
}

static long wake(volatile uint32_t *word, int n, uint32_t private)
{
    return syscall(SYS_futex, word, FUTEX_WAKE | private, n, NULL, NULL, 0);
}

/* So much later on a clock. */
static const struct wide_time *later(int clock, long ms)
{
    static struct wide_time t;
    struct timespec now;

    clock_gettime(clock, &now);
    t = (struct wide_time){now.tv_sec, now.tv_nsec + ms * 1000000};
    while (t.nsec >= 1000000000) {
        t.sec++;
        t.nsec -= 1000000000;
    }
    return &t;
}

static void wrong(void)
{
    static const struct wide_time negative = {-1, 0}, too_much = {0, 1000000000}, past = {0, 0};

    PART("what is refused");
    make_list(words, MOST + 1, PRIVATE);
    TRY(syscall(SYS_futex_waitv, list, 1, 1, NULL, 0));
    TRY(syscall(SYS_futex_waitv, list, 0, 0, NULL, 0));
    TRY(syscall(SYS_futex_waitv, list, MOST + 1, 0, NULL, 0));
    TRY(syscall(SYS_futex_waitv, list, -1, 0, NULL, 0));
    TRY(syscall(SYS_futex_waitv, NULL, 1, 0, NULL, 0));
    TRY(syscall(SYS_futex_waitv, 8, 1, 0, NULL, 0));
    TRY(waitv(1, &past, CLOCK_PROCESS_CPUTIME_ID));
    TRY(waitv(1, &past, CLOCK_BOOTTIME));
    TRY(waitv(1, &past, -1));
    TRY(waitv(1, &negative, CLOCK_MONOTONIC));
    TRY(waitv(1, &too_much, CLOCK_REALTIME));
    TRY(waitv(1, (const struct wide_time *)8, CLOCK_REALTIME));
    TRY(waitv(1, (const struct wide_time *)8, 77));
    TRY(waitv(MOST, &past, CLOCK_MONOTONIC));
    TRY(waitv(MOST, &past, CLOCK_REALTIME));
    for (uint32_t flags = 0; flags < 9; flags++) {
        list[1].flags = flags;
        ut_say("flags %x: %s", flags, waitv(2, &past, 0) == -1 ? ut_errno(errno) : "woken");
    }
    list[1].flags = PRIVATE | FUTEX_CLOCK_REALTIME;
    TRY(waitv(2, &past, 0));
    make_list(words, 2, PRIVATE);
    list[1].reserved = 1;
    TRY(waitv(2, &past, 0));
    make_list(words, 2, PRIVATE);
    list[1].uaddr += 2;
    TRY(waitv(2, &past, 0));
    list[1].uaddr = 0;
    TRY(waitv(2, &past, 0));
    list[1].uaddr = 0xfffff000;
    TRY(waitv(2, &past, 0));
    list[1].uaddr = 4096;
    list[1].flags = WORD_32;
    TRY(waitv(2, &past, 0));
    make_list(words, 3, PRIVATE);
    list[2].value = 1;
    TRY(waitv(3, NULL, 0));
    TRY(waitv(2, &past, 0));
    list[2].value = 0x100000000;
    TRY(waitv(3, &past, 0));
    list[0].uaddr |= 0x500000000;
    TRY(waitv(3, &past, 0));
}

static void limits(void)
{
    struct timespec before, after;
    long ms;

    PART("limits");
    make_list(words, 3, PRIVATE);
    for (int clock = CLOCK_REALTIME; clock <= CLOCK_MONOTONIC; clock++) {
        clock_gettime(CLOCK_MONOTONIC, &before);
        TRY(waitv(3, later(clock, 60), clock));
        clock_gettime(CLOCK_MONOTONIC, &after);
        ms = (after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000;
        ut_say("not before: %s", ms >= 59 ? "yes" : "no");
    }
}

/* --- woken by another thread --- */

static pid_t waiter_tid;

static void *wait_for_some(void *n)
{
    waiter_tid = (pid_t)syscall(SYS_gettid);
    return (void *)waitv((unsigned)(uintptr_t)n, NULL, 0);
}

static pthread_t start_waiting(unsigned n)
{
    pthread_t t;

    waiter_tid = 0;
    pthread_create(&t, NULL, wait_for_some, (void *)(uintptr_t)n);
    while (!waiter_tid)
        usleep(1000);
    usleep(1000);
    ut_wait_state(waiter_tid, 'S');
    return t;
}

static long end_of(pthread_t t)
{
    void *result;

    pthread_join(t, &result);
    return (long)(intptr_t)result;
}

static void threads(void)
{
    pthread_t t;

    PART("woken by a thread");
    make_list(words, 5, PRIVATE);
    for (unsigned i = 0; i < 5; i++) {
        t = start_waiting(5);
        TRY(wake(&words[i], 1, FUTEX_PRIVATE_FLAG));
        SHOW(end_of(t));
        TRY(wake(&words[i], 1, FUTEX_PRIVATE_FLAG));
    }
    PART("all that there may be");
    make_list(words, MOST, PRIVATE);
    t = start_waiting(MOST);
    TRY(wake(&words[MOST], 1, FUTEX_PRIVATE_FLAG));
    TRY(wake(&words[MOST - 1], 1, 0));
    TRY(wake(&words[MOST - 1], 1, FUTEX_PRIVATE_FLAG));
    SHOW(end_of(t));
    PART("one word twice");
    make_list(words, 3, PRIVATE);
    list[2] = list[1];
    t = start_waiting(3);
    TRY(wake(&words[1], 8, FUTEX_PRIVATE_FLAG));
    SHOW(end_of(t));
    PART("one that is moved");
    make_list(words, 3, PRIVATE);
    t = start_waiting(3);
    TRY(syscall(SYS_futex, &words[1], FUTEX_REQUEUE_PRIVATE, 0, 9, &words[9], 0));
    TRY(wake(&words[1], 1, FUTEX_PRIVATE_FLAG));
    TRY(wake(&words[9], 1, FUTEX_PRIVATE_FLAG));
    SHOW(end_of(t));
    PART("by bits");
    make_list(words, 3, PRIVATE);
    t = start_waiting(3);
    TRY(syscall(SYS_futex, &words[2], FUTEX_WAKE_BITSET_PRIVATE, 1, NULL, NULL, 0x10));
    SHOW(end_of(t));
}

static void processes(void)
{
    volatile uint32_t *shared =
        mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int status;
    pid_t pid;

    PART("woken by another process, where memory is shared");
    shared[0] = 5;
    shared[1024] = 6;
    list[0] = (struct word){.uaddr = (uintptr_t)&words[0], .flags = PRIVATE};
    list[1] = (struct word){.value = 5, .uaddr = (uintptr_t)&shared[0], .flags = WORD_32};
    list[2] = (struct word){.value = 6, .uaddr = (uintptr_t)&shared[1024], .flags = WORD_32};
    pid = fork();
    if (pid == 0)
        _exit((int)waitv(3, NULL, 0));
    SHOW(ut_wait_state(pid, 'S'));
    TRY(wake(&words[0], 1, FUTEX_PRIVATE_FLAG));
    TRY(wake(&shared[1024], 1, FUTEX_PRIVATE_FLAG));
    TRY(wake(&shared[1024], 1, 0));
    waitpid(pid, &status, 0);
    ut_say("%s", ut_status(status));
    TRY(wake(&shared[0], 1, 0));
}

static void on_signal(int signo)
{
    (void)signo;
}

static void signals(int flags, const struct wide_time *limit)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = flags};
    int status;
    pid_t pid;

    make_list(words, 3, PRIVATE);
    pid = fork();
    if (pid == 0) {
        sigaction(SIGUSR1, &action, NULL);
        _exit(waitv(3, limit, CLOCK_MONOTONIC) == -1 ? errno : 0);
    }
    SHOW(ut_wait_state(pid, 'S'));
    kill(pid, SIGUSR1);
    waitpid(pid, &status, 0);
    ut_say("%s", WIFEXITED(status) ? ut_errno(WEXITSTATUS(status)) : ut_status(status));
}

UT_PROGRAM(waitv)
{
    wrong();
    limits();
    threads();
    processes();
    PART("a signal");
    signals(0, NULL);
    signals(0, later(CLOCK_MONOTONIC, 5000));
    signals(SA_RESTART, later(CLOCK_MONOTONIC, 700));
}
