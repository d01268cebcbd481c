/*
 * What a program finds that is linked with musl's C library instead of glibc: its start-up code, threads,
 * malloc, stdio and signals use other system calls. The same executable says the same on Linux and on Quire,
 * so nothing here may differ between two runs.
 *
 *     musl ARGUMENT ...
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096u

extern char **environ;

/* --- what the stack brought --- */

static void beginning(int argc, char **argv)
{
    const uint8_t *random = (const uint8_t *)(uintptr_t)getauxval(AT_RANDOM);
    unsigned sum = 0;

    printf("-- the beginning\n");
    for (int i = 1; i < argc; i++)
        printf("argument %d: %s\n", i, argv[i]);
    printf("argv ends: %d\n", argv[argc] == NULL);
    for (char **e = environ; *e; e++)
        printf("environment: %s\n", *e);
    printf("environment follows the arguments: %d\n", environ == argv + argc + 1);
    for (int i = 0; i < 16; i++)
        sum |= random[i];
    printf("random bytes: %d, page size: %lu, clock: %lu, secure: %lu\n", sum != 0, getauxval(AT_PAGESZ),
           getauxval(AT_CLKTCK), getauxval(AT_SECURE));
    printf("program headers: %d of %lu bytes, at %s place\n", getauxval(AT_PHNUM) > 3, getauxval(AT_PHENT),
           getauxval(AT_PHDR) % PAGE == 52 ? "their" : "another");
    printf("interpreter: %d\n", getauxval(AT_BASE) != 0);
    printf("file: %s\n", strrchr((const char *)(uintptr_t)getauxval(AT_EXECFN), '/') + 1);
    setenv("NEW", "value", 1);
    unsetenv("OLD");
    printf("NEW=%s OLD=%s\n", getenv("NEW"), getenv("OLD") ? getenv("OLD") : "(none)");
}

/* --- memory: small sizes from the heap, large ones from mmap --- */

static void memory(void)
{
    enum { MANY = 500 };
    static char *p[MANY];
    unsigned bad = 0, seed = 1;
    volatile size_t too_much = 0xf0000000u;
    char *large;

    printf("-- memory\n");
    for (unsigned round = 0; round < 20; round++)
        for (unsigned i = 0; i < MANY; i++) {
            size_t size;

            seed = seed * 1103515245 + 12345;
            size = (seed >> 16) % 2000 + 1;
            if (p[i] && (unsigned char)p[i][0] != i % 251)
                bad++;
            free(p[i]);
            p[i] = malloc(size);
            if (p[i])
                memset(p[i], (int)(i % 251), size);
        }
    for (unsigned i = 0; i < MANY; i++)
        free(p[i]);
    printf("small: %u bad\n", bad);
    large = malloc(3u << 20);
    memset(large, 7, 3u << 20);
    large = realloc(large, 8u << 20);
    printf("large: %d %d\n", large[0], large[(3u << 20) - 1]);
    large = realloc(large, 1u << 20);
    printf("smaller: %d\n", large[(1u << 20) - 1]);
    free(large);
    large = calloc(1u << 10, 1u << 10);
    for (unsigned i = 0; i < 1u << 20; i++)
        bad += large[i] != 0;
    free(large);
    printf("zeroed: %u bad\n", bad);
    large = aligned_alloc(65536, 65536);
    printf("aligned: %d\n", (uintptr_t)large % 65536 == 0);
    free(large);
    errno = 0;
    large = malloc(too_much);
    printf("too large: %d %s\n", large != NULL, strerror(errno));
}

/* --- stdio --- */

static void files(void)
{
    char line[64], text[] = "some words 42 0x2a 3.5", a[16], b[16];
    int n, x, y;
    double d;
    FILE *f = tmpfile();

    printf("-- files\n");
    for (int i = 0; i < 1000; i++)
        fprintf(f, "line %d of %s\n", i, "a thousand");
    rewind(f);
    for (n = 0; fgets(line, sizeof line, f); n++)
        ;
    printf("%d lines, the last: %s", n, line);
    fseek(f, -10, SEEK_END);
    printf("near the end: %s", fgets(line, sizeof line, f));
    fclose(f);
    n = sscanf(text, "%15s %15s %d %x %lf", a, b, &x, &y, &d);
    printf("%d fields: %s %s %d %d %.2f\n", n, a, b, x, y, d);
    printf("%08.3f %e %g %a %lld %-6d|%+d\n", 3.14159, 12345.678, 1e-7, 0.5, 1234567890123ll, 42, 7);
    f = fopen("/missing/file", "r");
    printf("missing: %d %s\n", f != NULL, strerror(errno));
}

/* --- threads --- */

enum { THREADS = 6, ROUNDS = 2000 };
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turn_changed = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;
static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static sem_t semaphore;
static unsigned counter, turn, destroyed, initialized;
static __thread unsigned own = 5;

static void initialize(void)
{
    initialized++;
}

static void destroy(void *value)
{
    pthread_mutex_lock(&mutex);
    destroyed += *(unsigned *)value;
    pthread_mutex_unlock(&mutex);
    free(value);
}

static void *work(void *arg)
{
    unsigned self = (unsigned)(uintptr_t)arg, *mine = malloc(sizeof *mine);

    *mine = self + 1;
    pthread_setspecific(key, mine);
    pthread_once(&once, initialize);
    own += self;
    for (unsigned i = 0; i < ROUNDS; i++) {
        pthread_mutex_lock(&mutex);
        counter++;
        pthread_mutex_unlock(&mutex);
    }
    pthread_barrier_wait(&barrier);
    /* One after the other. */
    pthread_mutex_lock(&mutex);
    while (turn != self)
        pthread_cond_wait(&turn_changed, &mutex);
    turn++;
    pthread_cond_broadcast(&turn_changed);
    pthread_mutex_unlock(&mutex);
    sem_post(&semaphore);
    return (void *)(uintptr_t)own;
}

static void *wait_for_ever(void *arg)
{
    (void)arg;
    for (;;)
        pause();
    return NULL;
}

static void threads(void)
{
    pthread_t id[THREADS];
    unsigned sum = 0;
    void *result;
    struct timespec past = {1, 0};

    printf("-- threads\n");
    pthread_barrier_init(&barrier, NULL, THREADS);
    pthread_key_create(&key, destroy);
    sem_init(&semaphore, 0, 0);
    for (unsigned i = 0; i < THREADS; i++)
        printf("create: %d\n", pthread_create(&id[i], NULL, work, (void *)(uintptr_t)i));
    for (unsigned i = 0; i < THREADS; i++)
        sem_wait(&semaphore);
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(id[i], &result);
        sum += (unsigned)(uintptr_t)result;
    }
    printf("counter %u, turn %u, sum %u, own %u, destroyed %u, initialized %u\n", counter, turn, sum, own,
           destroyed, initialized);
    int rc = sem_timedwait(&semaphore, &past);
    printf("no more posts: %d %s\n", rc, strerror(errno));
    pthread_create(&id[0], NULL, wait_for_ever, NULL);
    printf("cancel: %d, ", pthread_cancel(id[0]));
    pthread_join(id[0], &result);
    printf("cancelled: %d\n", result == PTHREAD_CANCELED);
}

/* --- signals and processes --- */

static volatile sig_atomic_t caught, faults;
static uint8_t *volatile bad_page;

static void on_signal(int signo)
{
    caught = signo;
}

static void on_fault(int signo, siginfo_t *info, void *context)
{
    (void)signo, (void)context;
    faults += info->si_addr == bad_page && info->si_code == SEGV_ACCERR;
    mprotect(bad_page, PAGE, PROT_READ | PROT_WRITE);
}

static void signals(void)
{
    struct sigaction act = {.sa_handler = on_signal}, old;
    struct sigaction fault = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    static char stack[16384];
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
    sigset_t set, before;
    int status;
    pid_t pid;

    printf("-- signals\n");
    sigaction(SIGUSR1, &act, &old);
    printf("before: %d\n", old.sa_handler == SIG_DFL);
    raise(SIGUSR1);
    printf("caught %d\n", caught == SIGUSR1);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, &before);
    caught = 0;
    raise(SIGUSR1);
    printf("blocked: %d, ", caught);
    sigprocmask(SIG_SETMASK, &before, NULL);
    printf("then caught %d\n", caught == SIGUSR1);
    sigaltstack(&alternate, NULL);
    sigaction(SIGSEGV, &fault, NULL);
    bad_page = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    *(volatile uint8_t *)bad_page = 9;
    printf("a fault, mended: %d %d\n", faults, *bad_page);
    alarm(1);
    sigaction(SIGALRM, &act, NULL);
    pause();
    printf("alarm: %d\n", caught == SIGALRM);
    fflush(stdout);
    pid = fork();
    if (pid == 0)
        abort();
    waitpid(pid, &status, 0);
    printf("abort: %d %d\n", WIFSIGNALED(status), WTERMSIG(status));
    fflush(stdout);
    printf("spawn: %d\n",
           posix_spawn(&pid, "/proc/self/exe", NULL, NULL, (char *[]){"musl", "--child", NULL}, environ));
    waitpid(pid, &status, 0);
    printf("its end: %d\n", WEXITSTATUS(status));
    printf("spawn of nothing: %s\n",
           strerror(posix_spawn(&pid, "/missing", NULL, NULL, (char *[]){"x", NULL}, environ)));
}

static void at_end(void)
{
    printf("the end\n");
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--child") == 0)
        return 17;
    setvbuf(stdout, NULL, _IOLBF, 0);
    atexit(at_end);
    beginning(argc, argv);
    memory();
    files();
    threads();
    signals();
    return 3;
}
