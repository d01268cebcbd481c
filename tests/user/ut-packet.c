/* Pipes slot by slot: what writes and splices of odd sizes take, packets (O_DIRECT), and how they mix. */
#include "tests/user/ut.h"
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/time.h>
#include <sys/uio.h>

static uint8_t bytes[1 << 17] __attribute__((aligned(PAGE)));

static int waiting(int fd)
{
    int n = -1;

    ioctl(fd, FIONREAD, &n);
    return n;
}

/* The sizes of the reads that empty a pipe, which are at most n bytes each. */
static void drain(const char *what, int fd, size_t n)
{
    char text[600] = "";
    ssize_t got;

    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    for (unsigned i = 0; (got = read(fd, bytes, n)) > 0 && i < 60; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), " %zd", got);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
    ut_say("%s:%s", what, text);
}

static int events(int fd, short asked)
{
    struct pollfd p = {fd, asked, 0};

    return poll(&p, 1, 0) == 1 ? p.revents : 0;
}

static unsigned fill(int fd, size_t n)
{
    unsigned times = 0;

    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    while (times < 70000 && write(fd, bytes, n) == (ssize_t)n)
        times++;
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
    return times;
}

/* How many writes of a size a pipe takes. */
static void sizes(void)
{
    static const size_t size[] = {1,    100,  2047, 2048, 2049,  4000,  4095, 4096,
                                  4097, 5000, 8192, 9000, 65535, 65536, 65537};
    int p[2];

    PART("writes of one size until there is no place");
    for (unsigned i = 0; i < sizeof size / sizeof *size; i++) {
        if (pipe(p))
            return;
        unsigned times = fill(p[1], size[i]);

        ut_say("%zu: %u times, %d wait, writable %d", size[i], times, waiting(p[0]), events(p[1], POLLOUT));
        drain("reads of 5000", p[0], 5000);
        close(p[0]);
        close(p[1]);
    }
    PART("what a small read gives back");
    if (pipe(p))
        return;
    SHOW(fill(p[1], 3000));
    for (unsigned i = 0; i < 4; i++) {
        ut_say("read: %zd, writable %d", read(p[0], bytes, 1000), events(p[1], POLLOUT));
        SHOW(fill(p[1], 500));
    }
    PART("joining");
    drain("all", p[0], 1 << 16);
    TRY(write(p[1], bytes, 10));
    TRY(read(p[0], bytes, 9));
    TRY(write(p[1], bytes, 4086));
    TRY(fcntl(p[1], F_SETPIPE_SZ, PAGE));
    TRY(read(p[0], bytes, 1));
    TRY(fcntl(p[1], F_SETPIPE_SZ, 2 * PAGE));
    TRY(write(p[1], bytes, 4096));
    TRY(fcntl(p[1], F_SETPIPE_SZ, PAGE));
    TRY(fcntl(p[1], F_SETPIPE_SZ, 1));
    TRY(fcntl(p[1], F_SETPIPE_SZ, 0));
    TRY(fcntl(p[1], F_SETPIPE_SZ, -1));
    TRY(fcntl(p[1], F_SETPIPE_SZ, 3 * PAGE));
    drain("all", p[0], 1 << 16);
    close(p[0]);
    close(p[1]);
}

static void packets(void)
{
    struct iovec v[3] = {{bytes, 100}, {bytes, 0}, {bytes, 50}}, r[2] = {{bytes, 30}, {bytes + 100, 500}};
    int p[2];

    PART("packets");
    TRY(pipe2(p, O_DIRECT));
    ut_say("%#x %#x", fcntl(p[0], F_GETFL), fcntl(p[1], F_GETFL));
    TRY(write(p[1], "abc", 3));
    TRY(write(p[1], "defghi", 6));
    TRY(write(p[1], "", 0));
    SHOW(waiting(p[0]));
    TRY(read(p[0], bytes, 100));
    TRY(read(p[0], bytes, 2));
    ut_say("%.2s", (char *)bytes);
    SHOW(waiting(p[0]));
    SHOW(events(p[0], POLLIN));
    TRY(write(p[1], bytes, 10000));
    drain("a long one", p[0], 1 << 16);
    TRY(writev(p[1], v, 3));
    TRY(writev(p[1], v, 3));
    TRY(readv(p[0], r, 2));
    TRY(readv(p[0], r, 1));
    SHOW(waiting(p[0]));
    TRY(write(p[1], bytes, 5));
    TRY(read(p[0], bytes, 0));
    TRY(read(p[0], (void *)8, 5));
    TRY(write(p[1], (void *)8, 5));
    SHOW(waiting(p[0]));
    drain("one", p[0], 100);
    SHOW(fill(p[1], 1));
    SHOW(events(p[1], POLLOUT));
    TRY(fcntl(p[1], F_SETPIPE_SZ, 8 * PAGE));
    TRY(fcntl(p[1], F_SETPIPE_SZ, 32 * PAGE));
    SHOW(fill(p[1], 7));
    drain("small ones", p[0], 3);
    close(p[0]);
    close(p[1]);
}

static void switched(void)
{
    int p[2], q[2], fd = ut_file("file", 20000);

    PART("set and cleared");
    if (pipe(p) || pipe2(q, O_DIRECT | O_CLOEXEC))
        return;
    TRY(fcntl(p[1], F_SETFL, O_DIRECT));
    ut_say("%#x %#x", fcntl(p[0], F_GETFL), fcntl(p[1], F_GETFL));
    TRY(write(p[1], bytes, 10));
    TRY(write(p[1], bytes, 10));
    TRY(fcntl(p[1], F_SETFL, 0));
    TRY(write(p[1], bytes, 10));
    TRY(write(p[1], bytes, 10));
    TRY(fcntl(p[1], F_SETFL, O_DIRECT));
    TRY(write(p[1], bytes, 10));
    TRY(write(p[1], bytes, 4090));
    TRY(fcntl(p[1], F_SETFL, 0));
    TRY(write(p[1], bytes, 5000));
    drain("mixed", p[0], 1 << 16);
    TRY(fcntl(p[0], F_SETFL, O_DIRECT));
    TRY(write(p[1], bytes, 10));
    TRY(read(p[0], bytes, 3));
    SHOW(waiting(p[0]));
    TRY(read(p[0], bytes, 10));

    PART("packets that are spliced and copied");
    for (unsigned i = 1; i < 5; i++)
        write(q[1], bytes, 100 * i);
    TRY(tee(q[0], p[1], 250, 0));
    drain("the copy", p[0], 80);
    TRY(splice(q[0], NULL, p[1], NULL, 150, 0));
    TRY(write(p[1], bytes, 10));
    SHOW(waiting(q[0]));
    drain("moved", p[0], 1000);
    drain("the rest", q[0], 1000);
    TRY(write(q[1], bytes, 100));
    TRY(vmsplice(q[0], &(struct iovec){bytes, 30}, 1, 0));
    TRY(vmsplice(q[0], &(struct iovec){bytes, 3000}, 1, 0));
    TRY(vmsplice(q[1], &(struct iovec){bytes + 100, 5000}, 1, 0));
    TRY(vmsplice(q[1], &(struct iovec){bytes, 10}, 1, 0));
    TRY(write(q[1], bytes, 10));
    drain("of memory", q[0], 1 << 16);
    TRY(write(q[1], bytes, 10));
    TRY(write(q[1], bytes, 10));
    TRY(splice(q[0], NULL, fd, NULL, 15, 0));
    SHOW(waiting(q[0]));
    drain("to a file", q[0], 1 << 16);

    PART("files in pipes");
    TRY(lseek(fd, 100, SEEK_SET));
    TRY(splice(fd, NULL, q[1], NULL, 10000, 0));
    TRY(write(q[1], bytes, 1));
    drain("packets", q[0], 1 << 16);
    TRY(lseek(fd, 100, SEEK_SET));
    TRY(sendfile(p[1], fd, NULL, 10000));
    TRY(write(p[1], bytes, 1));
    TRY(fcntl(p[1], F_SETPIPE_SZ, 4 * PAGE));
    TRY(fcntl(p[1], F_SETPIPE_SZ, 2 * PAGE));
    drain("bytes", p[0], 1 << 16);
    loff_t at = 4095;
    TRY(fcntl(p[1], F_SETPIPE_SZ, 4 * PAGE));
    TRY(splice(fd, &at, p[1], NULL, 20000, 0));
    SHOW(at);
    TRY(splice(fd, &at, p[1], NULL, 20000, SPLICE_F_NONBLOCK));
    drain("full", p[0], 1 << 16);
    close(fd);
    close(p[0]);
    close(p[1]);
    close(q[0]);
    close(q[1]);
}

/* Which end is looked at first when neither works. */
static void orders(void)
{
    int p[2], q[2], r[2];

    PART("neither end works");
    if (pipe(p) || pipe(q) || pipe(r))
        return;
    signal(SIGPIPE, SIG_IGN);
    close(q[0]);
    TRY(tee(p[0], q[1], 1, SPLICE_F_NONBLOCK));
    TRY(splice(p[0], NULL, q[1], NULL, 1, SPLICE_F_NONBLOCK));
    close(p[1]);
    TRY(tee(p[0], q[1], 1, SPLICE_F_NONBLOCK));
    TRY(splice(p[0], NULL, q[1], NULL, 1, SPLICE_F_NONBLOCK));
    TRY(tee(p[0], r[1], 1, SPLICE_F_NONBLOCK));
    SHOW(fill(r[1], PAGE));
    TRY(tee(p[0], r[1], 1, SPLICE_F_NONBLOCK));
    TRY(splice(p[0], NULL, r[1], NULL, 1, SPLICE_F_NONBLOCK));
    TRY(vmsplice(r[1], &(struct iovec){bytes, 1}, 1, SPLICE_F_NONBLOCK));
    TRY(vmsplice(r[1], &(struct iovec){bytes, 0}, 1, SPLICE_F_NONBLOCK));
    TRY(vmsplice(r[1], NULL, 0, 0));
    TRY(vmsplice(r[1], NULL, 0, 99));
    TRY(vmsplice(-1, NULL, 0, 99));
    TRY(vmsplice(-1, NULL, 0, 0));
    TRY(vmsplice(0, &(struct iovec){bytes, 0}, 1, 0));
    TRY(vmsplice(r[1], (void *)8, 1, 0));
    TRY(vmsplice(r[1], &(struct iovec){bytes, 10}, 1025, 0));
    fcntl(r[1], F_SETFL, O_NONBLOCK);
    TRY(vmsplice(r[1], &(struct iovec){bytes, 10}, 1, 0));
    drain("it", r[0], 1 << 16);
    fcntl(r[0], F_SETFL, O_NONBLOCK);
    TRY(vmsplice(r[0], &(struct iovec){bytes, 10}, 1, 0));
    TRY(vmsplice(r[1], &(struct iovec){(void *)8, 10}, 1, 0));
    TRY(splice(r[0], NULL, r[1], NULL, 1, 0));
    TRY(tee(r[0], r[1], 1, 0));
    signal(SIGPIPE, SIG_DFL);

    PART("named pipes, and what cannot be direct");
    TRY(mkfifo("fifo", 0600));
    TRY(open("fifo", O_RDWR | O_DIRECT));
    int fd = open("fifo", O_RDWR | O_NONBLOCK), file = open("file", O_RDWR), dir = open(".", O_RDONLY);
    TRY(fcntl(fd, F_SETFL, O_DIRECT | O_NONBLOCK));
    ut_say("%#x", fcntl(fd, F_GETFL));
    TRY(write(fd, "abc", 3));
    TRY(write(fd, "abc", 3));
    drain("named", fd, 100);
    TRY(fcntl(file, F_SETFL, O_DIRECT));
    TRY(fcntl(dir, F_SETFL, O_DIRECT));
    TRY(open("file", O_RDWR | O_DIRECT));
    TRY(open("new", O_RDWR | O_CREAT | O_DIRECT, 0600));
    TRY(access("new", F_OK));
    TRY(open("/dev/null", O_RDWR | O_DIRECT));
    TRY(open("/proc/self/stat", O_RDONLY | O_DIRECT));
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", r[0]);
    TRY(open(path, O_RDONLY | O_DIRECT));
    close(fd);
    close(file);
    close(dir);
}

static void ring(int signo)
{
    (void)signo;
}

UT_PROGRAM(packet)
{
    const struct itimerval often = {{2, 0}, {2, 0}};

    sigaction(SIGALRM, &(struct sigaction){.sa_handler = ring}, NULL);
    setitimer(ITIMER_REAL, &often, NULL); /* instead of waiting for ever */
    ut_workdir();
    sizes();
    packets();
    switched();
    orders();
}
