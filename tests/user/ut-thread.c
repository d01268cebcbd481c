/* Threads: one memory, many stacks; TLS, futexes, and how threads and their process end. */
#include "tests/user/ut.h"
#include <dirent.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <time.h>

#define RW      (PROT_READ | PROT_WRITE)
#define THREADS 8u

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static volatile unsigned counter, ready;
static __thread unsigned mine = 5;
static uint8_t *area;

static void *adding(void *arg)
{
    unsigned n = (unsigned)(uintptr_t)arg;

    for (unsigned i = 0; i < 2000; i++) {
        pthread_mutex_lock(&mutex);
        counter++;
        pthread_mutex_unlock(&mutex);
        if (i % 500 == 0)
            sched_yield();
    }
    mine += n;
    area[n * PAGE] = (uint8_t)mine;
    return (void *)(uintptr_t)(n * 10);
}

static void together(void)
{
    pthread_t t[THREADS];
    unsigned sum = 0;

    PART("threads share memory, and have their own stacks and thread-local data");
    area = ut_map(THREADS, RW);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_create(&t[i], NULL, adding, (void *)(uintptr_t)i);
    for (unsigned i = 0; i < THREADS; i++) {
        void *result;

        pthread_join(t[i], &result);
        sum += (unsigned)(uintptr_t)result;
    }
    SHOW(counter);
    SHOW(sum);
    SHOW(mine);
    ut_say("%s", ut_bytes(area, THREADS));
    munmap(area, THREADS * PAGE);
}

static void *turns(void *arg)
{
    unsigned me = (unsigned)(uintptr_t)arg;

    pthread_mutex_lock(&mutex);
    for (unsigned i = 0; i < 100; i++) {
        while (ready % 2 != me)
            pthread_cond_wait(&cond, &mutex);
        ready++;
        pthread_cond_broadcast(&cond);
    }
    pthread_mutex_unlock(&mutex);
    return NULL;
}

static void conditions(void)
{
    struct timespec past = {1, 0};
    pthread_t t[2];
    sem_t s;

    PART("condition variables and semaphores");
    for (unsigned i = 0; i < 2; i++)
        pthread_create(&t[i], NULL, turns, (void *)(uintptr_t)i);
    for (unsigned i = 0; i < 2; i++)
        pthread_join(t[i], NULL);
    SHOW(ready);
    pthread_mutex_lock(&mutex);
    SHOW(pthread_cond_timedwait(&cond, &mutex, &past) == ETIMEDOUT);
    SHOW(pthread_mutex_trylock(&mutex) == EBUSY);
    pthread_mutex_unlock(&mutex);
    sem_init(&s, 0, 1);
    TRY(sem_wait(&s));
    TRY(sem_trywait(&s));
    TRY(sem_timedwait(&s, &past));
}

/* --- waiters that go from one word to another --- */

#define MOVED 4

static uint32_t queue_from, queue_to;

static void *waits_to_be_moved(void *arg)
{
    (void)arg;
    return (void *)syscall(SYS_futex, &queue_from, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
}

static long requeue(unsigned wake, unsigned move, uint32_t expected)
{
    return syscall(SYS_futex, &queue_from, FUTEX_CMP_REQUEUE_PRIVATE, wake, (void *)(uintptr_t)move,
                   &queue_to, expected);
}

static void moves(void)
{
    pthread_t t[MOVED];
    long moved = 0, woken = 0;
    void *result;

    PART("waiters of one futex become those of another");
    TRY(requeue(1, INT_MAX, 1));
    TRY(requeue(1, INT_MAX, 0));
    TRY(requeue((unsigned)-1, 1, 0));
    TRY(requeue(1, (unsigned)-1, 0));
    for (int i = 0; i < MOVED; i++)
        pthread_create(&t[i], NULL, waits_to_be_moved, NULL);
    /* Each is counted once, when it has come to wait. */
    while (moved < MOVED) {
        moved += requeue(0, INT_MAX, 0);
        sched_yield();
    }
    SHOW(moved);
    TRY(requeue(MOVED, INT_MAX, 0)); /* nobody waits here any more */
    TRY(syscall(SYS_futex, &queue_to, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
    TRY(syscall(SYS_futex, &queue_to, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0));
    for (int i = 0; i < MOVED; i++) {
        pthread_join(t[i], &result);
        woken += result == NULL;
    }
    SHOW(woken);
}

static void futexes(void)
{
    static uint32_t word = 7;
    struct timespec soon = {.tv_nsec = 10000000};
    uint32_t *shared = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    PART("futexes, by hand");
    TRY(syscall(SYS_futex, &word, FUTEX_WAIT, 8, NULL, NULL, 0));
    TRY(syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 7, &soon, NULL, 0));
    TRY(syscall(SYS_futex, &word, FUTEX_WAKE, 1, NULL, NULL, 0));
    TRY(syscall(SYS_futex, (char *)&word + 1, FUTEX_WAIT, 7, NULL, NULL, 0));
    TRY(syscall(SYS_futex, NULL, FUTEX_WAIT, 7, NULL, NULL, 0));
    TRY(syscall(SYS_futex, 16, FUTEX_WAKE, 1, NULL, NULL, 0));
    TRY(syscall(SYS_futex, &word, 99, 7, NULL, NULL, 0));
    TRY(syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, 7, NULL, NULL, 0));
    TRY(syscall(SYS_futex, &word, FUTEX_WAIT | FUTEX_CLOCK_REALTIME, 7, &soon, NULL, 0));
    TRY(syscall(SYS_futex, &word, FUTEX_WAIT | FUTEX_CLOCK_REALTIME, 8, NULL, NULL, 0));
    TRY(syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE | FUTEX_CLOCK_REALTIME, 1, NULL, NULL, 0));
    soon.tv_nsec = 2000000000;
    TRY(syscall(SYS_futex, &word, FUTEX_WAIT | FUTEX_CLOCK_REALTIME, 8, &soon, NULL, 0));
    TRY(syscall(SYS_futex, &word, FUTEX_WAIT, 7, &soon, NULL, 0));
    PART("between processes, at different addresses, through swap");
    pid_t pid = fork();
    if (pid == 0) {
        uint32_t *here = mremap(shared, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
                                mmap(NULL, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));

        while (here[0] == 0)
            syscall(SYS_futex, here, FUTEX_WAIT, 0, NULL, NULL, 0);
        here[1] = 55;
        syscall(SYS_futex, here + 1, FUTEX_WAKE, 1, NULL, NULL, 0);
        _exit(0);
    }
    SHOW(ut_wait_state(pid, 'S'));
    madvise(shared, PAGE, MADV_PAGEOUT);
    shared[0] = 1;
    TRY(syscall(SYS_futex, shared, FUTEX_WAKE, INT_MAX, NULL, NULL, 0));
    while (shared[1] == 0)
        syscall(SYS_futex, shared + 1, FUTEX_WAIT, 0, NULL, NULL, 0);
    SHOW(shared[1]);
    waitpid(pid, NULL, 0);
    munmap(shared, PAGE);
}

static pid_t main_tid, other_tid, other_pid;

static void *identity(void *arg)
{
    (void)arg;
    other_tid = (pid_t)syscall(SYS_gettid);
    other_pid = getpid();
    return NULL;
}

static volatile sig_atomic_t handled_by;

static void note_thread(int signo)
{
    (void)signo;
    handled_by = (sig_atomic_t)syscall(SYS_gettid);
}

static void *sleeping(void *arg)
{
    *(volatile pid_t *)arg = (pid_t)syscall(SYS_gettid);
    nanosleep(&(struct timespec){.tv_sec = 30}, NULL);
    return (void *)77;
}

static void identities(void)
{
    volatile pid_t tid = 0;
    pthread_t t;
    void *result;

    PART("identities and signals");
    main_tid = (pid_t)syscall(SYS_gettid);
    SHOW(main_tid == getpid());
    pthread_create(&t, NULL, identity, NULL);
    pthread_join(t, NULL);
    SHOW(other_tid != main_tid && other_pid == getpid());
    signal(SIGUSR1, note_thread);
    pthread_create(&t, NULL, sleeping, (void *)&tid);
    while (!tid)
        sched_yield();
    nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    TRY(syscall(SYS_tgkill, getpid(), tid, SIGUSR1));
    pthread_join(t, &result);
    SHOW((uintptr_t)result);
    SHOW(handled_by == tid);
    /* A joined thread may take a moment to be gone. */
    for (unsigned i = 0; i < 100 && syscall(SYS_tgkill, getpid(), tid, 0) == 0; i++)
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    TRY(syscall(SYS_tgkill, getpid(), tid, 0));
    TRY(syscall(SYS_tgkill, getpid(), 0, SIGUSR1));
    TRY(syscall(SYS_tgkill, getpid() + 1, main_tid, SIGUSR1));
    signal(SIGUSR1, SIG_DFL);
}

static void *exiting(void *arg)
{
    (void)arg;
    _exit(21);
}

static void *dying(void *arg)
{
    (void)arg;
    return (void *)(uintptr_t) * (volatile int *)8;
}

static void *executing(void *arg)
{
    char *argv[] = {"ut", "exec-thread", NULL}, *envp[] = {NULL};

    (void)arg;
    execve("/proc/self/exe", argv, envp);
    _exit(1);
}

static void with_thread(void *(*fn)(void *))
{
    pthread_t t;

    pthread_create(&t, NULL, fn, NULL);
    for (;;)
        pause();
}

static void one_exits(void)
{
    with_thread(exiting);
}

static void one_dies(void)
{
    with_thread(dying);
}

static void one_executes(void)
{
    with_thread(executing);
}

static unsigned names_in(const char *path)
{
    struct dirent *e;
    DIR *d = opendir(path);
    unsigned n = 0;

    while (d && (e = readdir(d)))
        n += e->d_name[0] != '.';
    if (d)
        closedir(d);
    return n;
}

/* A first thread that has ended stays, as one that is dead, until the others have ended. */
static void show_dead_first(void)
{
    static const char *const shown[] = {"Name:", "State:", "Threads:"};
    char line[256], path[64];
    FILE *f;

    snprintf(path, sizeof path, "/proc/%d/status", getpid());
    f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f))
        for (unsigned i = 0; i < 3; i++)
            if (strncmp(line, shown[i], strlen(shown[i])) == 0)
                ut_say("%s", strtok(line, "\n"));
    if (f)
        fclose(f);
    SHOW(names_in("/proc/self/task"));
    SHOW(names_in("/proc/thread-self/fd") > 0);
    SHOW(names_in("/proc/self/fd"));
    TRY(kill(getpid(), 0));
    TRY(syscall(SYS_tgkill, getpid(), getpid(), 0));
    snprintf(path, sizeof path, "/proc/self/task/%d/comm", getpid());
    f = fopen(path, "r");
    ut_say("%s", f && fgets(line, sizeof line, f) ? strtok(line, "\n") : "none");
    if (f)
        fclose(f);
    TRY(waitpid(-1, NULL, WNOHANG));
}

/* What /proc has of the thread that has ended, and of this one. */
static void show_files(const char *where)
{
    static const char *const file[] = {"cmdline", "environ", "maps", "smaps", "auxv",
                                       "mem",     "statm",   "comm", "limits"};
    static const char *const link[] = {"exe", "cwd", "root", "fd/1"};
    char path[64], text[512];

    ut_say("%s", where);
    for (unsigned i = 0; i < sizeof file / sizeof *file; i++) {
        snprintf(path, sizeof path, "%s/%s", where, file[i]);
        int fd = open(path, O_RDONLY);
        ssize_t n = fd < 0 ? -1 : pread64(fd, text, sizeof text - 1, i == 5 ? (off64_t)(uintptr_t)path : 0);

        ut_say("%s: %s", file[i], n < 0 ? ut_errno(errno) : n > 0 ? "something" : "nothing");
        text[n > 0 ? n : 0] = '\0';
        if (i == 6)
            ut_say("all zeroes: %s", strcmp(text, "0 0 0 0 0 0 0\n") == 0 ? "yes" : "no");
        close(fd);
    }
    for (unsigned i = 0; i < sizeof link / sizeof *link; i++) {
        snprintf(path, sizeof path, "%s/%s", where, link[i]);
        ut_say("%s: %s", link[i], readlink(path, text, sizeof text) > 0 ? "somewhere" : ut_errno(errno));
        TRY(open(path, O_PATH) < 0 ? -1 : 0);
    }
    snprintf(path, sizeof path, "%s/stat", where);
    FILE *f = fopen(path, "r");
    const char *after = f && fgets(text, sizeof text, f) ? strrchr(text, ')') : NULL;

    for (unsigned i = 2; after && i < 23; i++)
        after = strchr(after + 1, ' ');
    ut_say("has memory: %s", after && strtoul(after, NULL, 10) ? "yes" : "no");
    if (f)
        fclose(f);
    snprintf(path, sizeof path, "%s/status", where);
    f = fopen(path, "r");
    bool sizes = false;

    while (f && fgets(text, sizeof text, f))
        sizes |= strncmp(text, "VmSize", 6) == 0;
    ut_say("tells sizes: %s", sizes ? "yes" : "no");
    if (f)
        fclose(f);
}

static void *outliving(void *arg)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, getpid()};
    struct __user_cap_data_struct data[2] = {{0}};
    void *head = &header;
    size_t size = 0;

    (void)arg;
    ut_wait_state(getpid(), 'Z');
    prctl(PR_SET_NAME, "outliving");
    show_dead_first();
    show_files("/proc/self");
    show_files("/proc/thread-self");
    TRY(syscall(SYS_get_robust_list, getpid(), &head, &size));
    SHOW(head == NULL);
    SHOW(size);
    TRY(syscall(SYS_capget, &header, data));
    SHOW(data[0].permitted == UINT32_MAX);
    ut_say("the other thread goes on");
    _exit(31);
}

static void main_leaves(void)
{
    pthread_t t;

    pthread_create(&t, NULL, outliving, NULL);
    pthread_exit(NULL);
}

static void *forking(void *arg)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        mine = 99;
        _exit(syscall(SYS_gettid) == getpid() ? 51 : 52);
    }
    waitpid(pid, &status, 0);
    ut_say("%s, %u", ut_status(status), mine);
    return arg;
}

static void fork_in_thread(void)
{
    pthread_t t;

    PART("fork in a thread");
    pthread_create(&t, NULL, forking, NULL);
    pthread_join(t, NULL);
}

static volatile int stop_unmapping;

static void *unmapping(void *arg)
{
    uint8_t *p = arg;

    while (!stop_unmapping) {
        madvise(p, 16 * PAGE, MADV_DONTNEED);
        mprotect(p, 16 * PAGE, PROT_READ);
        mprotect(p, 16 * PAGE, RW);
        sched_yield();
    }
    return NULL;
}

/* Another thread throws the pages away all the time: reads see zero or what was written, never anything else.
 */
static void racing(void)
{
    uint8_t *p = ut_map(16, RW);
    unsigned bad = 0;
    pthread_t t;

    PART("faults while another thread changes the same memory");
    pthread_create(&t, NULL, unmapping, p);
    for (unsigned i = 0; i < 3000; i++) {
        uint8_t *at = p + (i % 16) * PAGE + i % 4000;
        uint8_t was = *(volatile uint8_t *)at;

        bad += was != 0 && was != 0x5a;
        /* The write may meet the page read-only. */
        const char *said = ut_write(at, 0x5a);
        bad += strcmp(said, "0x5a") != 0 && strcmp(said, "SIGSEGV ACCERR") != 0;
    }
    stop_unmapping = 1;
    pthread_join(t, NULL);
    SHOW(bad);
    munmap(p, 16 * PAGE);
}

/* There are three entries for a thread; the C library has the first. */
static void areas(void)
{
    uint32_t gs, d[4];

    PART("thread areas");
    __asm__("mov %%gs, %0" : "=r"(gs));
    for (int i = -8; i < 8; i++) {
        d[0] = (gs >> 3) + (uint32_t)i;
        errno = 0;
        if (syscall(SYS_get_thread_area, d) == 0)
            ut_say("entry %d: limit %x, flags %x", i, d[2], d[3]);
        else
            ut_say("entry %d: %s", i, ut_errno(errno));
    }
    memset(d, 0, sizeof d);
    for (int i = -2; i < 6; i++) {
        d[0] = (gs >> 3) + (uint32_t)i;
        if (i != 0)
            TRY(syscall(SYS_set_thread_area, d));
    }
    d[0] = 0x7fffffff;
    TRY(syscall(SYS_set_thread_area, d));
    d[0] = 0x80000000;
    TRY(syscall(SYS_get_thread_area, d));
}

UT_PROGRAM(thread)
{
    areas();
    together();
    conditions();
    futexes();
    moves();
    identities();
    fork_in_thread();
    racing();
    PART("ends");
    ut_child("a thread calls _exit", one_exits);
    ut_child("a thread dies of a signal", one_dies);
    ut_child("a thread executes a program", one_executes);
    ut_child("the first thread leaves", main_leaves);
}
