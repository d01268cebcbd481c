/*
 * Calls that wait for a page while others change what they have looked at: threads and processes that are
 * made or that execute something while their process ends, stops or is sent a signal.
 *
 * On Quire with a swap disk the page really is on disk (MADV_PAGEOUT), so a call sleeps where it touches it
 * and the others run; elsewhere nobody can say who is first. What is said is true in every order.
 */
#include "tests/user/ut.h"
#include <asm/ldt.h>
#include <pthread.h>
#include <sched.h>
#include <sys/sysinfo.h>
#include <sys/uio.h>
#include <time.h>

#define RW     (PROT_READ | PROT_WRITE)
#define SELF   "/proc/self/exe"
#define THREAD (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM)
#define TRIALS 3

/* What processes tell each other. */
struct shared {
    volatile int go, done, seen, tid;
    volatile unsigned count;
};
static struct shared *shared;

static volatile int flag;
static uint8_t *page; /* a page that a call will wait for */
static uint8_t stack[2][16384] __attribute__((aligned(16)));

static void *top(unsigned i)
{
    return stack[i] + sizeof stack[i];
}

static void wait_until(const volatile int *word)
{
    while (!*word)
        sched_yield();
}

static void sleep_ms(unsigned ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

/* Have the page on disk, so that whoever touches it next waits; where there is one for it. */
static void page_out_at(uint8_t *p, size_t pages)
{
    unsigned char resident[4] = {1};
    struct sysinfo info;

    if (sysinfo(&info) != 0 || !info.freeswap)
        return;
    for (unsigned i = 0; i < 300 && memchr(resident, 1, pages); i++) {
        madvise(p, pages * PAGE, MADV_PAGEOUT);
        sleep_ms(1);
        mincore(p, pages * PAGE, resident);
    }
}

static void page_out(void)
{
    page_out_at(page, 1);
}

/* How a child ends, if it does within some seconds; it is killed after the first of them. */
static const char *end_of(pid_t pid)
{
    int status;

    for (unsigned i = 0; i < 400; i++) {
        pid_t got = waitpid(pid, &status, WNOHANG);

        if (got == pid)
            return i < 200 ? ut_status(status) : "only when it was killed";
        if (i == 200)
            kill(pid, SIGKILL);
        sleep_ms(10);
    }
    return "never";
}

static const char *trial(void (*fn)(void))
{
    const char *end;
    pid_t pid;

    memset(shared, 0, sizeof *shared);
    flag = 0;
    page = ut_map(1, RW);
    page[0] = 1;
    pid = fork();
    if (pid == 0) {
        page[0] = 2; /* its own */
        fn();
        _exit(0);
    }
    end = end_of(pid);
    munmap(page, PAGE);
    return end;
}

/* Run fn in a child and say how that ended, several times. */
static void trials(const char *what, void (*fn)(void))
{
    for (unsigned i = 0; i < TRIALS; i++)
        ut_say("%s: %s", what, trial(fn));
}

/* Until it ends well. For what Linux does nearly always. */
static void trials_any(const char *what, void (*fn)(void))
{
    const char *end = "";

    for (unsigned i = 0; i < TRIALS && strcmp(end, "exit 0") != 0; i++)
        end = trial(fn);
    ut_say("%s: %s", what, end);
}

/* --- a thread is made while another one ends the process, or takes it over --- */

static int then_exit_group(void *arg)
{
    (void)arg;
    wait_until(&flag);
    syscall(SYS_exit_group, 5);
    return 0;
}

static int then_exec(void *arg)
{
    (void)arg;
    wait_until(&flag);
    execv(SELF, (char *[]){"ut", "exec-life", NULL});
    return 0;
}

static int forever(void *arg)
{
    (void)arg;
    for (;;)
        shared->count++;
    return 0;
}

static void clone_against(int (*fn)(void *))
{
    clone(fn, top(0), THREAD, NULL);
    sched_yield();
    page_out();
    flag = 1;
    clone(forever, top(1), THREAD | CLONE_PARENT_SETTID, NULL, page, NULL, NULL);
    for (;;)
        pause();
}

static void clone_against_exit_group(void)
{
    clone_against(then_exit_group);
}

static void clone_against_exec(void)
{
    clone_against(then_exec);
}

/* A descriptor for thread-local storage like the present one, in the page. */
static void put_tls(void)
{
    struct user_desc *u = (struct user_desc *)page;
    uint32_t gs;

    __asm__("mov %%gs, %0" : "=r"(gs));
    memset(u, 0, sizeof *u);
    u->entry_number = (gs & 0xFFFF) >> 3;
    syscall(SYS_get_thread_area, u);
}

static void clone_tls_against_exit_group(void)
{
    clone(then_exit_group, top(0), THREAD, NULL);
    sched_yield();
    put_tls();
    page_out();
    flag = 1;
    clone(forever, top(1), THREAD | CLONE_SETTLS, NULL, NULL, page, NULL);
    for (;;)
        pause();
}

/* A fork whose child must not outlive the call: it would be nobody's. */
static void fork_against_exit_group(void)
{
    clone(then_exit_group, top(0), THREAD, NULL);
    sched_yield();
    put_tls();
    page_out();
    flag = 1;
    if (syscall(SYS_clone, CLONE_SETTLS | SIGCHLD, NULL, NULL, page, NULL) == 0)
        _exit(0);
    for (;;)
        pause();
}

static void makers(void)
{
    PART("a thread is made while another calls exit_group()");
    trials("its number goes to a page on disk", clone_against_exit_group);
    trials("its storage is described in a page on disk", clone_tls_against_exit_group);
    PART("a process is made while another thread calls exit_group()");
    trials("fork", fork_against_exit_group);
    PART("a thread is made while another calls execve()");
    trials("execve", clone_against_exec);
}

/* --- two at once execute something --- */

static int exec_page(void *arg)
{
    (void)arg;
    flag = 1;
    execv((char *)page, (char *[]){"ut", "exec-life", NULL});
    for (;;)
        pause();
    return 0;
}

static void two_execs(void)
{
    strcpy((char *)page, SELF);
    page_out();
    clone(exec_page, top(0), THREAD, NULL);
    wait_until(&flag);
    execv(SELF, (char *[]){"ut", "exec-life", NULL});
    for (;;)
        pause();
}

static void three_execs(void)
{
    strcpy((char *)page, SELF);
    page_out();
    clone(exec_page, top(0), THREAD, NULL);
    clone(exec_page, top(1), THREAD, NULL);
    wait_until(&flag);
    execv(SELF, (char *[]){"ut", "exec-life", NULL});
    for (;;)
        pause();
}

static void *forking(void *arg)
{
    (void)arg;
    for (;;) {
        pid_t pid = fork();

        if (pid == 0)
            _exit(0);
        waitpid(pid, NULL, 0);
    }
    return NULL;
}

static void fork_while_exec(void)
{
    pthread_t t[2];

    for (unsigned i = 0; i < 2; i++)
        pthread_create(&t[i], NULL, forking, NULL);
    sleep_ms(20);
    execv(SELF, (char *[]){"ut", "exec-life", NULL});
    _exit(1);
}

static void exec_while_killed(void)
{
    pid_t pid = getpid();

    strcpy((char *)page, SELF);
    if (fork() == 0) {
        wait_until(&shared->go);
        kill(pid, SIGTERM);
        _exit(0);
    }
    page[PAGE - 1] = 1; /* not shared with the other process any more */
    page_out();
    shared->go = 1;
    execv((char *)page, (char *[]){"ut", "exec-life-pause", NULL});
    _exit(1);
}

static void vfork_while_killed(void)
{
    pid_t pid = getpid();

    if (fork() == 0) {
        while (!shared->go)
            sched_yield();
        kill(pid, SIGKILL);
        _exit(0);
    }
    if (vfork() == 0) {
        shared->go = 1;
        usleep(20000); /* the parent is killed meanwhile */
        shared->done = 1;
        _exit(0);
    }
    _exit(1);
}

static void executors(void)
{
    PART("several threads execute something at once: one of them does");
    trials("two", two_execs);
    trials("three", three_execs);
    PART("execve() while other threads fork, and while the process is killed");
    trials("forks", fork_while_exec);
    trials("SIGTERM", exec_while_killed);
    trials("the parent in vfork() is killed", vfork_while_killed);
}

/* --- signals while a process forks or makes a thread --- */

static void got(int signo)
{
    (void)signo;
    shared->seen |= 1 << 30;
    flag = 1;
}

/* fork() that waits for a page: where it stores the number, or where it finds the storage. */
static pid_t slow_fork(bool number)
{
    if (number)
        page[0] = 3; /* not shared with the sender any more */
    else
        put_tls();
    page_out();
    shared->go = 1;
    return (pid_t)syscall(SYS_clone, (number ? CLONE_PARENT_SETTID : CLONE_SETTLS) | SIGCHLD, NULL, page,
                          page, NULL);
}

/* A process of a group forks while somebody sends a signal to the group: the child gets it too, itself or by
 * what the handler did before it was made. */
static void group_signal(bool number)
{
    pid_t sender, child;
    int status;

    setpgid(0, 0);
    signal(SIGUSR1, got);
    sender = fork();
    if (sender == 0) {
        signal(SIGUSR1, SIG_IGN);
        shared->tid = 1;
        wait_until(&shared->go);
        kill(0, SIGUSR1);
        shared->done = 1;
        _exit(0);
    }
    wait_until(&shared->tid);
    child = slow_fork(number);
    if (child == 0) {
        wait_until(&shared->done);
        for (unsigned i = 0; i < 100 && !flag; i++)
            sched_yield();
        _exit(flag ? 0 : 1);
    }
    wait_until(&shared->done);
    while (waitpid(child, &status, 0) < 0)
        ;
    while (waitpid(sender, NULL, 0) < 0)
        ;
    _exit(!flag ? 2 : WIFEXITED(status) ? WEXITSTATUS(status) : 3);
}

static void group_signal_number(void)
{
    group_signal(true);
}

static void group_signal_tls(void)
{
    group_signal(false);
}

static int spin(void *arg)
{
    (void)arg;
    shared->tid = (int)syscall(SYS_gettid);
    for (;;)
        ;
    return 0;
}

/* A process whose other thread takes a stop while the first makes a third one. */
static void stopped_while_cloning(void)
{
    pid_t pid = fork();
    unsigned before;
    int status;

    if (pid == 0) {
        clone(spin, top(0), THREAD, NULL);
        wait_until(&shared->tid);
        page[0] = 3;
        page_out();
        shared->go = 1;
        clone(forever, top(1), THREAD | CLONE_PARENT_SETTID, NULL, page, NULL, NULL);
        for (;;)
            pause();
    }
    wait_until(&shared->go);
    syscall(SYS_tgkill, pid, shared->tid, SIGSTOP);
    if (waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status))
        _exit(1);
    sleep_ms(30);
    before = shared->count;
    sleep_ms(30);
    if (shared->count != before)
        _exit(2);
    kill(pid, SIGCONT);
    for (unsigned i = 0; i < 300 && shared->count == before; i++)
        sleep_ms(10);
    if (shared->count == before)
        _exit(3);
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    _exit(0);
}

static volatile int handled;

static void first_handler(int signo)
{
    (void)signo;
    handled = 1;
}

static void second_handler(int signo)
{
    (void)signo;
    handled = 2;
}

static int set_second(void *arg)
{
    struct sigaction a = {.sa_handler = second_handler};

    (void)arg;
    wait_until(&flag);
    sigaction(SIGUSR2, &a, NULL);
    flag = 2;
    for (;;)
        pause();
    return 0;
}

/* A handler that is good for once runs on a stack that is on disk, while another thread sets another one. */
static void handler_once(void)
{
    struct sigaction a = {.sa_handler = first_handler, .sa_flags = SA_RESETHAND | SA_ONSTACK}, now;
    uint8_t *area = ut_map(4, RW);
    stack_t s = {.ss_sp = area, .ss_size = 4 * PAGE};

    memset(area, 1, 4 * PAGE);
    sigaltstack(&s, NULL);
    sigaction(SIGUSR2, &a, NULL);
    clone(set_second, top(0), THREAD, NULL);
    page_out_at(area, 4);
    flag = 1;
    syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR2);
    while (flag != 2)
        sched_yield();
    sigaction(SIGUSR2, NULL, &now);
    _exit(handled && now.sa_handler == second_handler ? 0 : 1);
}

static void senders(void)
{
    PART("a signal to a group while one of it forks: the child does not escape");
    trials_any("the number goes to a page on disk", group_signal_number);
    trials_any("the storage is described in a page on disk", group_signal_tls);
    PART("a thread that is made while its process stops is stopped too");
    trials("SIGSTOP", stopped_while_cloning);
    PART("a handler that is set while another one begins stays");
    trials("SA_RESETHAND", handler_once);
}

/* --- several wait for one --- */

static pid_t the_child;

static void *waiting(void *arg)
{
    int status;
    pid_t pid = waitpid(the_child, &status, 0);

    (void)arg;
    return (void *)(intptr_t)(pid == the_child && WEXITSTATUS(status) == 9 ? 1 : errno == ECHILD ? 0 : 100);
}

static void wait_together(void)
{
    enum { WAITERS = 6 };
    pthread_t t[WAITERS];
    int sum = 0, p[2];

    PART("six threads wait for one child");
    if (pipe(p) != 0)
        return;
    the_child = fork();
    if (the_child == 0) {
        char c;

        close(p[1]);
        _exit(read(p[0], &c, 1) == 0 ? 9 : 8);
    }
    for (unsigned i = 0; i < WAITERS; i++)
        pthread_create(&t[i], NULL, waiting, NULL);
    sleep_ms(20);
    close(p[0]);
    close(p[1]);
    for (unsigned i = 0; i < WAITERS; i++) {
        void *result;

        pthread_join(t[i], &result);
        sum += (int)(intptr_t)result;
    }
    SHOW(sum);
}

/* --- a vector that changes while it is used --- */

static struct iovec own[1];

static int enlarge(void *arg)
{
    (void)arg;
    wait_until(&flag);
    own[0].iov_len = (size_t)-1;
    flag = 2;
    for (;;)
        pause();
    return 0;
}

/* Small, or refused: never something that was not looked at. */
static void vector_changes(void)
{
    static uint8_t from[64], to[64];
    struct iovec *other = (struct iovec *)page;
    ssize_t n;

    own[0] = (struct iovec){to, 16};
    *other = (struct iovec){from, sizeof from};
    clone(enlarge, top(0), THREAD, NULL);
    sched_yield();
    page_out();
    flag = 1;
    n = process_vm_readv(getpid(), own, 1, other, 1, 0);
    _exit(n == 16 || (n < 0 && errno == EINVAL) ? 0 : 1);
}

/* --- memory that threads change at once --- */

static int map_one(void *arg)
{
    (void)arg;
    wait_until(&flag);
    shared->tid = (int)(uintptr_t)mmap(NULL, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    shared->done = 1;
    for (;;)
        pause();
    return 0;
}

/* Mapped before or after: it is locked, so its page cannot be dropped. */
static void map_while_locking(void)
{
    clone(map_one, top(0), THREAD, NULL);
    sched_yield();
    page_out();
    flag = 1;
    if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) != 0)
        _exit(0); /* not for everybody; as it is touched, since all of it may be more than there is */
    wait_until(&shared->done);
    _exit(madvise((void *)(uintptr_t)shared->tid, PAGE, MADV_DONTNEED) == -1 && errno == EINVAL ? 0 : 1);
}

static uintptr_t set_brk(uintptr_t to)
{
    return (uintptr_t)syscall(SYS_brk, to);
}

static volatile int brk_rounds;
static uintptr_t brk_base;

static int moving_brk(void *arg)
{
    unsigned by = (unsigned)(uintptr_t)arg;

    for (unsigned i = 0; i < 60; i++) {
        set_brk(brk_base + (i * by % 16) * PAGE);
        if (i % 4 == 0)
            sched_yield();
    }
    __atomic_fetch_add(&brk_rounds, 1, __ATOMIC_SEQ_CST);
    for (;;)
        pause();
    return 0;
}

/* Whatever came last: the heap ends where brk() says, so it can be had anew from there. */
static void brk_at_once(void)
{
    brk_base = (set_brk(0) + 0x100000) & ~0xFFFFu;
    set_brk(brk_base);
    clone(moving_brk, top(0), THREAD, (void *)5);
    clone(moving_brk, top(1), THREAD, (void *)7);
    for (unsigned i = 0; i < 30; i++) {
        if (fork() == 0)
            _exit(0); /* on Linux its heap may end elsewhere than what is mapped */

        int status;

        while (wait(&status) < 0)
            ;
        if (status)
            _exit(2);
    }
    while (brk_rounds < 2)
        sched_yield();

    uintptr_t end = set_brk(0);

    _exit(set_brk(end + 32 * PAGE) == end + 32 * PAGE && set_brk(brk_base) == brk_base ? 0 : 1);
}

static void memory(void)
{
    PART("memory is mapped while all that is mapped is locked");
    trials("mlockall", map_while_locking);
    PART("the heap's end is moved by two threads while a third forks");
    trials("brk", brk_at_once);
}

/* --- exec and what it finds --- */

/* A timer's signal that waits goes with the timer. */
static void exec_with_timer(void)
{
    struct itimerspec t = {.it_value = {.tv_nsec = 1000000}};
    struct sigevent e = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2};
    sigset_t set;
    timer_t id;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, NULL);
    if (timer_create(CLOCK_MONOTONIC, &e, &id) != 0 || timer_settime(id, 0, &t, NULL) != 0)
        _exit(1);
    do {
        sleep_ms(2);
        sigpending(&set);
    } while (!sigismember(&set, SIGUSR2));
    execv(SELF, (char *[]){"ut", "exec-life-pending", NULL});
    _exit(2);
}

/* A copy of this program that is to be executed, with its first page on disk. */
static void copy_self(const char *name)
{
    static char buf[1 << 16];
    int from = open(SELF, O_RDONLY), to = open(name, O_RDWR | O_CREAT | O_TRUNC, 0755);
    uint8_t *p;
    ssize_t n;

    while ((n = read(from, buf, sizeof buf)) > 0)
        if (write(to, buf, (size_t)n) != n)
            _exit(9);
    close(from);
    p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, to, 0);
    *(volatile uint8_t *)p;
    page_out_at(p, 1);
    munmap(p, PAGE);
    close(to);
}

/* Executed and open for writing: one of the two fails, whoever comes first. */
static void write_while_exec(void)
{
    static const char name[] = "program";
    int fd, p[2], status;
    pid_t pid;

    copy_self(name);
    if (pipe(p) != 0)
        _exit(9);
    pid = fork();
    if (pid == 0) {
        shared->go = 1;
        execl(name, "ut", "exec-life-pause", NULL);
        _exit(errno == ETXTBSY ? 3 : 4);
    }
    wait_until(&shared->go);
    fd = open(name, O_RDWR);
    sleep_ms(200);
    if (waitpid(pid, &status, WNOHANG) == pid) {
        unlink(name);
        _exit(fd >= 0 && WIFEXITED(status) && WEXITSTATUS(status) == 3 ? 0 : 1);
    }
    /* It runs. */
    bool both = fd >= 0, cut = truncate(name, 0) == 0;

    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    unlink(name);
    _exit(both || cut ? 2 : 0);
}

static void finders(void)
{
    PART("a timer's signal that waits does not survive execve()");
    trials("timer", exec_with_timer);
    PART("no file is executed and open for writing");
    trials("open", write_while_exec);
}

static void vectors(void)
{
    PART("process_vm_readv() reads its vectors once");
    trials("a size grows", vector_changes);
}

UT_PROGRAM(life)
{
    ut_workdir();
    shared = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    makers();
    executors();
    senders();
    wait_together();
    vectors();
    memory();
    finders();
}
