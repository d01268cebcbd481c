/*
 * What a program allocates, written down: loaded before its other libraries (LD_PRELOAD) by `malloctrace`.
 *
 * Purpose: traces for `fits` (docs/freespace.md): one line for each malloc, calloc, realloc, free, memalign
 * and their kin. A block is named by its address.
 *
 * The file is mapped shared and lines are written into it, so that they are there whatever ends the
 * program: an exec, a signal, _exit(). Behind the last line there are zeroes, which end a trace. A new
 * process begins a file of its own: FILE for the first one, else FILE.PID, FILE.PID.1 and so on, since what
 * execs keeps its number.
 *
 * Order. A free is written down before it is done, an allocation after, so between the two nobody else can
 * have the address. A realloc does both, so it is done under the lock.
 *
 * Locking: one spin lock, which names the thread that has it. A thread that comes here while it has it is the
 * allocator itself, or a signal's handler: what it does is passed on and not written down. A fork takes the
 * lock, so that the child's copy is whole.
 *
 * Before the next library's functions are known (finding them allocates), memory comes from a small buffer,
 * which is never given back and not written down.
 *
 * Failure: a file that cannot be made, or grown, is done without; the program runs on.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
/* Of the file are mapped at once; it grows by as much. */
#define WINDOW (1u << 20)
#define LINE   96u
#define EARLY  16384u

static struct {
    void *(*malloc)(size_t);
    void (*free)(void *);
    void *(*calloc)(size_t, size_t);
    void *(*realloc)(void *, size_t);
    void *(*memalign)(size_t, size_t);
} real;

static struct {
    char path[1024];
    char *window;        /* NULL: nothing is written down */
    size_t used, before; /* in the window; in the file before it */
    uint64_t left;       /* operations that are still written down */
    int fd;
    pid_t pid;
} out = {.fd = -1};

static int holder; /* of the lock: a thread's number, 0: nobody */
static bool is_finding;
static char early[EARLY] __attribute__((aligned(16)));
static size_t early_used;

/* --- the lock --- */

static int me(void)
{
    return (int)syscall(SYS_gettid);
}

/* False: this thread has it already. */
static bool lock(void)
{
    int self = me(), nobody = 0;

    if (__atomic_load_n(&holder, __ATOMIC_RELAXED) == self)
        return false;
    while (!__atomic_compare_exchange_n(&holder, &nobody, self, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
        nobody = 0;
        sched_yield();
    }
    return true;
}

static void unlock(void)
{
    __atomic_store_n(&holder, 0, __ATOMIC_RELEASE);
}

/* --- the file --- */

static char *put_number(char *at, uint64_t n, unsigned base)
{
    char digit[24];
    unsigned count = 0;

    do
        digit[count++] = "0123456789abcdef"[n % base];
    while (n /= base);
    while (count)
        *at++ = digit[--count];
    return at;
}

static char *put_text(char *at, const char *text)
{
    size_t n = strlen(text);

    memcpy(at, text, n);
    return at + n;
}

static void give_up(void)
{
    if (out.window)
        munmap(out.window, WINDOW);
    if (out.fd >= 0)
        close(out.fd);
    out.window = NULL;
    out.fd = -1;
}

/* The next window of the file. */
static bool map_window(void)
{
    void *p;

    if (out.window) {
        munmap(out.window, WINDOW);
        out.window = NULL;
        out.before += WINDOW;
    }
    if (ftruncate(out.fd, (off_t)(out.before + WINDOW)) != 0)
        return false;
    p = mmap(NULL, WINDOW, PROT_READ | PROT_WRITE, MAP_SHARED, out.fd, (off_t)out.before);
    if (p == MAP_FAILED)
        return false;
    out.window = p;
    out.used = 0;
    return true;
}

/* A line goes over the border of two windows. */
static void put_line(const char *line, size_t size)
{
    while (size && out.window) {
        size_t n = size < WINDOW - out.used ? size : WINDOW - out.used;

        memcpy(out.window + out.used, line, n);
        out.used += n;
        line += n;
        size -= n;
        if (out.used == WINDOW && !map_window())
            give_up();
    }
}

/* What the program is, as a comment. */
static void put_title(void)
{
    char line[300] = "# ", *at = line + 2;
    int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? 0 : read(fd, at, 200);

    for (ssize_t i = 0; i < got; i++)
        if (at[i] < ' ')
            at[i] = ' ';
    at += got > 0 ? got : 0;
    if (fd >= 0)
        close(fd);
    at = put_text(at, " pid ");
    at = put_number(at, (uint64_t)getpid(), 10);
    *at++ = '\n';
    put_line(line, (size_t)(at - line));
}

static void begin(const char *path)
{
    char name[sizeof out.path + 40];
    int saved = errno;

    out.pid = getpid();
    out.before = 0;
    out.window = NULL;
    for (unsigned n = 0; n < 1000; n++) {
        char *at = put_text(name, path);

        if (n > 0) {
            *at++ = '.';
            at = put_number(at, (uint64_t)out.pid, 10);
        }
        if (n > 1) {
            *at++ = '.';
            at = put_number(at, n - 1, 10);
        }
        *at = '\0';
        out.fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        if (out.fd >= 0 || errno != EEXIST)
            break;
    }
    if (out.fd >= 0) {
        /* Out of the way of programs that expect the lowest numbers. */
        int high = fcntl(out.fd, F_DUPFD_CLOEXEC, 200);

        if (high >= 0) {
            close(out.fd);
            out.fd = high;
        }
        if (map_window())
            put_title();
        else
            give_up();
    }
    errno = saved;
}

/* One operation; the lock is held. */
static void record(char what, const void *p, bool has_size, uint64_t size, bool has_more, uint64_t more)
{
    char line[LINE], *at = line;

    /* A child that came about without fork(), and has a copy of all this. */
    if (out.window && getpid() != out.pid) {
        give_up();
        begin(out.path);
    }
    if (!out.window || !out.left)
        return;
    out.left--;
    *at++ = what;
    at = put_text(at, " 0x");
    at = put_number(at, (uintptr_t)p, 16);
    if (has_size) {
        *at++ = ' ';
        at = put_number(at, size ? size : 1, 10);
    }
    if (has_more) {
        at = put_text(at, what == 'r' ? " 0x" : " ");
        at = put_number(at, more, what == 'r' ? 16 : 10);
    }
    *at++ = '\n';
    put_line(line, (size_t)(at - line));
}

/* --- fork --- */

static bool fork_has_lock;

static void before_fork(void)
{
    fork_has_lock = lock();
}

static void after_fork(void)
{
    if (fork_has_lock)
        unlock();
}

/* The file is the parent's. */
static void in_child(void)
{
    bool was_on = out.window != NULL;

    holder = me();
    give_up();
    if (was_on)
        begin(out.path);
    unlock();
}

/* --- beginning --- */

static void *find(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

static void find_all(void)
{
    if (real.free || is_finding)
        return;
    is_finding = true;
    real.malloc = (void *(*)(size_t))find("malloc");
    real.calloc = (void *(*)(size_t, size_t))find("calloc");
    real.realloc = (void *(*)(void *, size_t))find("realloc");
    real.memalign = (void *(*)(size_t, size_t))find("memalign");
    __atomic_store_n(&real.free, (void (*)(void *))find("free"), __ATOMIC_RELEASE);
    is_finding = false;
}

static __attribute__((constructor)) void start(void)
{
    const char *path = getenv("MALLOCTRACE"), *most = getenv("MALLOCTRACE_MOST");

    find_all();
    if (!path || strlen(path) >= sizeof out.path || !lock())
        return;
    strcpy(out.path, path);
    out.left = most ? strtoull(most, NULL, 10) : UINT64_MAX;
    begin(out.path);
    unlock();
    pthread_atfork(before_fork, after_fork, in_child);
}

/* The file ends with its last line. Whoever allocates after that is not written down. */
static __attribute__((destructor)) void stop(void)
{
    if (!lock())
        return;
    if (out.window && getpid() == out.pid && ftruncate(out.fd, (off_t)(out.before + out.used)) == 0)
        give_up();
    unlock();
}

/* --- what programs call --- */

/* While the others are not known. */
static void *early_alloc(size_t align, size_t size)
{
    size_t at = (early_used + align - 1) & ~(align - 1);

    if (size > EARLY || at > EARLY - size) {
        errno = ENOMEM;
        return NULL;
    }
    early_used = at + size;
    return early + at;
}

static bool is_early(const void *p)
{
    return (const char *)p >= early && (const char *)p < early + EARLY;
}

static bool is_ready(void)
{
    if (!real.free)
        find_all();
    return real.free != NULL;
}

static void allocated(const void *p, size_t size, size_t align)
{
    int saved = errno;

    if (p && lock()) {
        record('a', p, true, size, align > 0, align);
        unlock();
    }
    errno = saved;
}

EXPORT void *malloc(size_t size)
{
    void *p;

    if (!is_ready())
        return early_alloc(16, size);
    p = real.malloc(size);
    allocated(p, size, 0);
    return p;
}

EXPORT void *calloc(size_t n, size_t size)
{
    void *p;

    if (!is_ready())
        return size && n > SIZE_MAX / size ? NULL : early_alloc(16, n * size);
    p = real.calloc(n, size);
    allocated(p, n * size, 0);
    return p;
}

EXPORT void free(void *p)
{
    int saved = errno;

    if (!p || is_early(p) || !is_ready())
        return;
    if (lock()) {
        record('f', p, false, 0, false, 0);
        unlock();
    }
    real.free(p);
    errno = saved;
}

/* Out of the buffer, into a block. */
static void *realloc_early(void *p, size_t size)
{
    size_t most = (size_t)(early + EARLY - (char *)p);
    void *q = malloc(size);

    if (q)
        memcpy(q, p, size < most ? size : most);
    return q;
}

EXPORT void *realloc(void *p, size_t size)
{
    bool has_lock;
    void *q;

    if (!p)
        return malloc(size);
    if (is_early(p) || !is_ready())
        return realloc_early(p, size);
    has_lock = lock();
    q = real.realloc(p, size);
    if (has_lock) {
        int saved = errno;

        if (q)
            record('r', p, true, size, true, (uintptr_t)q);
        else if (!size)
            record('f', p, false, 0, false, 0);
        unlock();
        errno = saved;
    }
    return q;
}

static void *aligned(size_t align, size_t size)
{
    void *p;

    if (!is_ready())
        return align && !(align & (align - 1)) ? early_alloc(align < 16 ? 16 : align, size) : NULL;
    p = real.memalign(align, size);
    /* Others are rounded up to one, as glibc does. */
    while (align & (align - 1))
        align += align & -align;
    allocated(p, size, align);
    return p;
}

EXPORT void *memalign(size_t align, size_t size);
EXPORT void *memalign(size_t align, size_t size)
{
    return aligned(align, size);
}

EXPORT void *aligned_alloc(size_t align, size_t size)
{
    return aligned(align, size);
}

EXPORT int posix_memalign(void **out_p, size_t align, size_t size)
{
    int saved = errno;
    void *p;

    if (align % sizeof(void *) || !align || (align & (align - 1)))
        return EINVAL;
    p = aligned(align, size);
    errno = saved;
    if (!p)
        return ENOMEM;
    *out_p = p;
    return 0;
}

EXPORT void *valloc(size_t size)
{
    return aligned((size_t)sysconf(_SC_PAGESIZE), size);
}

EXPORT void *pvalloc(size_t size);
EXPORT void *pvalloc(size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    return size > SIZE_MAX - page ? NULL : aligned(page, (size + page - 1) / page * page);
}

EXPORT void *reallocarray(void *p, size_t n, size_t size)
{
    if (size && n > SIZE_MAX / size) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc(p, n * size);
}
