/* What tests/boot/fits.t lets `malloctrace` record. Built by that test, for it has to be linked with a
 * shared glibc. */
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static void mark(void)
{
    free(malloc(7777));
}

static int calls(void)
{
    void *a, *b, *c, *d, *e, *f;

    mark();
    a = malloc(10);
    b = calloc(3, 20);
    a = realloc(a, 1000);
    free(NULL);
    free(b);
    c = aligned_alloc(64, 100);
    d = memalign(4096, 200);
    if (posix_memalign(&e, 256, 300) != 0 || posix_memalign(&f, 3, 300) == 0)
        return 1;
    f = reallocarray(NULL, 3, 8);
    f = reallocarray(f, 6, 8);
    if (reallocarray(f, SIZE_MAX / 2, 4) || calloc(SIZE_MAX / 2, 4))
        return 1;
    free(a);
    free(c);
    free(d);
    free(e);
    free(f);
    mark();
    return (uintptr_t)c % 64 || (uintptr_t)d % 4096 || (uintptr_t)e % 256;
}

static void *work(void *arg)
{
    uint32_t seed = (uint32_t)(uintptr_t)arg;
    void *held[40] = {NULL};

    for (unsigned i = 0; i < 1500; i++) {
        unsigned k = (seed = seed * 1664525u + 1013904223u) >> 16;
        void **p = &held[k % 40];

        if (*p && k & 64)
            *p = realloc(*p, 1 + k % 3000);
        else if (*p) {
            free(*p);
            *p = NULL;
        } else
            *p = k & 64 ? calloc(1, 1 + k % 700) : malloc(1 + k % 300);
    }
    for (unsigned k = 0; k < 40; k++)
        free(held[k]);
    return NULL;
}

static int threads(void)
{
    pthread_t t[4];

    for (uintptr_t i = 0; i < 4; i++)
        if (pthread_create(&t[i], NULL, work, (void *)(i + 1)) != 0)
            return 1;
    for (unsigned i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    return 0;
}

/* While another thread allocates, so that the lock is taken when it is copied. */
static void *until_done(void *done)
{
    while (!__atomic_load_n((int *)done, __ATOMIC_RELAXED))
        work((void *)(uintptr_t)9);
    return NULL;
}

static int forks(void)
{
    int done = 0, bad = 0;
    pthread_t t;

    pthread_create(&t, NULL, until_done, &done);
    for (unsigned i = 0; i < 3; i++) {
        pid_t pid = fork();
        int status = 1;

        if (pid == 0) {
            work((void *)(uintptr_t)(20 + i));
            _exit(0);
        }
        waitpid(pid, &status, 0);
        bad |= status;
    }
    __atomic_store_n(&done, 1, __ATOMIC_RELAXED);
    pthread_join(t, NULL);
    return bad != 0;
}

static void on_alarm(int signo)
{
    (void)signo;
    /* No program may do this while it allocates; the recorder has to stand it if one does between. */
    write(1, "", 0);
}

static int handler(void)
{
    struct itimerval often = {{0, 500}, {0, 500}};

    signal(SIGALRM, on_alarm);
    setitimer(ITIMER_REAL, &often, NULL);
    work((void *)(uintptr_t)5);
    return 0;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";

    if (strcmp(what, "calls") == 0)
        return calls();
    if (strcmp(what, "threads") == 0)
        return threads();
    if (strcmp(what, "forks") == 0)
        return forks();
    if (strcmp(what, "handler") == 0)
        return handler();
    if (strcmp(what, "killed") == 0) {
        malloc(4321);
        kill(getpid(), SIGKILL);
    }
    return 1;
}
