/* Pipes, poll, select. */
#include "tests/user/ut.h"
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <pthread.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <time.h>

static uint8_t block[1 << 16];

static void ends(void)
{
    int p[2];
    char buf[16];

    PART("ends");
    TRY(pipe(p));
    TRY(write(p[1], "hello", 5));
    TRY(read(p[0], buf, 2));
    TRY(read(p[0], buf, 16));
    TRY(write(p[0], "x", 1));
    TRY(read(p[1], buf, 1));
    TRY(lseek(p[0], 0, SEEK_SET));
    TRY(write(p[1], "ab", 2));
    int n = 0;
    TRY(ioctl(p[0], FIONREAD, &n));
    SHOW(n);
    TRY(close(p[1]));
    TRY(read(p[0], buf, 16));
    TRY(read(p[0], buf, 16));
    close(p[0]);
    PART("nobody reads");
    TRY(pipe(p));
    close(p[0]);
    signal(SIGPIPE, SIG_IGN);
    TRY(write(p[1], "x", 1));
    signal(SIGPIPE, SIG_DFL);
    close(p[1]);
}

static void full(void)
{
    int p[2];
    long total = 0, n;

    PART("full");
    TRY(pipe2(p, O_NONBLOCK));
    TRY(read(p[0], block, 1));
    while ((n = write(p[1], block, PAGE)) > 0)
        total += n;
    TRY(n);
    SHOW(total);
    TRY(write(p[1], block, 1));
    TRY(read(p[0], block, 100));
    TRY(write(p[1], block, PAGE));
    TRY(read(p[0], block, PAGE));
    TRY(write(p[1], block, PAGE));
    SHOW(fcntl(p[1], F_GETPIPE_SZ));
    close(p[0]);
    close(p[1]);
}

/* More than a pipe holds, checked byte by byte at the other end. */
static void stream(void)
{
    enum { ALL = 1 << 20 };
    int p[2];
    unsigned got = 0, bad = 0;

    PART("a megabyte through a pipe");
    TRY(pipe(p));
    pid_t pid = fork();
    if (pid == 0) {
        close(p[0]);
        for (unsigned done = 0; done < ALL;) {
            unsigned chunk = 1 + done % 9973;

            if (chunk > ALL - done)
                chunk = ALL - done;
            for (unsigned i = 0; i < chunk; i++)
                block[i] = ut_pattern(done + i);
            if (write(p[1], block, chunk) != (ssize_t)chunk)
                _exit(1);
            done += chunk;
        }
        _exit(0);
    }
    close(p[1]);
    for (ssize_t n; (n = read(p[0], block, 7001)) > 0; got += (unsigned)n)
        for (ssize_t i = 0; i < n; i++)
            bad += block[i] != ut_pattern(got + (unsigned)i);
    SHOW(got);
    SHOW(bad);
    int status;
    waitpid(pid, &status, 0);
    ut_say("%s", ut_status(status));
    close(p[0]);
}

static void say_events(const char *what, int rc, const struct pollfd *f, unsigned n)
{
    char text[64] = "";

    for (unsigned i = 0; i < n; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), " %x", f[i].revents & 0x3f);
    ut_say("%s: %d,%s", what, rc, text);
}

/* More than a few, in memory that was used for something else just before. */
static void polling_many(void)
{
    enum { MOST = 200, MANY = 30 };
    static struct pollfd f[MOST];
    int p[2];

    PART("poll of many");
    TRY(pipe(p));
    for (unsigned i = 0; i < MOST; i++)
        f[i] = (struct pollfd){-1, 0x6262, 0x6262};
    for (unsigned round = 0; round < 3; round++) {
        ut_say("none: %d", poll(f, MOST, 0));
        for (unsigned i = 0; i < MANY; i++)
            f[i] = (struct pollfd){p[0], POLLIN, 0};
        ut_say("nothing to read: %d", poll(f, MANY, 10));
        for (unsigned i = 0; i < MANY; i++)
            f[i] = (struct pollfd){-1, 0x6262, 0x6262};
    }
    close(p[0]);
    close(p[1]);
}

static void polling(void)
{
    int p[2], q[2];
    struct pollfd f[4];

    PART("poll");
    TRY(pipe(p));
    TRY(pipe(q));
    f[0] = (struct pollfd){p[0], POLLIN, 0};
    f[1] = (struct pollfd){p[1], POLLOUT, 0};
    f[2] = (struct pollfd){-1, POLLIN, 0};
    f[3] = (struct pollfd){1000, POLLIN, 0};
    say_events("empty", poll(f, 2, 0), f, 2);
    write(p[1], "x", 1);
    say_events("filled", poll(f, 4, -1), f, 4);
    f[0].events = 0;
    say_events("not asked", poll(f, 1, 0), f, 1);
    close(p[1]);
    f[0].events = POLLIN;
    say_events("other end closed", poll(f, 1, -1), f, 1);
    close(q[0]);
    f[0] = (struct pollfd){q[1], POLLOUT, 0};
    say_events("nobody reads", poll(f, 1, -1), f, 1);
    int fd = ut_file("f", 10);
    f[0] = (struct pollfd){fd, POLLIN | POLLOUT, 0};
    say_events("a file", poll(f, 1, -1), f, 1);
    TRY(poll(NULL, 0, 20));
    TRY(poll(NULL, 1, 0));
    close(p[0]);
    close(q[1]);
    close(fd);

    PART("woken by another process");
    TRY(pipe(p));
    pid_t pid = fork();
    if (pid == 0) {
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
        write(p[1], "y", 1);
        _exit(0);
    }
    close(p[1]);
    f[0] = (struct pollfd){p[0], POLLIN, 0};
    int rc = poll(f, 1, 20000);
    ut_say("%d %x", rc, f[0].revents & POLLIN);
    waitpid(pid, NULL, 0);
    close(p[0]);
}

static void selecting(void)
{
    struct timeval soon = {.tv_usec = 10000};
    fd_set r, w;
    int p[2];

    PART("select");
    TRY(pipe(p));
    FD_ZERO(&r);
    FD_ZERO(&w);
    FD_SET(p[0], &r);
    FD_SET(p[1], &w);
    TRY(select(p[1] + 1, &r, &w, NULL, NULL));
    ut_say("%d %d", FD_ISSET(p[0], &r) != 0, FD_ISSET(p[1], &w) != 0);
    FD_SET(p[0], &r);
    TRY(select(p[0] + 1, &r, NULL, NULL, &soon));
    SHOW(soon.tv_usec);
    SHOW(FD_ISSET(p[0], &r) != 0);
    write(p[1], "x", 1);
    FD_SET(p[0], &r);
    TRY(select(p[0] + 1, &r, NULL, NULL, NULL));
    SHOW(FD_ISSET(p[0], &r) != 0);
    TRY(select(-1, &r, NULL, NULL, NULL));
    FD_SET(900, &r);
    TRY(select(901, &r, NULL, NULL, NULL));
    soon.tv_usec = 1000;
    TRY(select(0, NULL, NULL, NULL, &soon));
    soon.tv_sec = -1;
    TRY(select(0, NULL, NULL, NULL, &soon));
    close(p[0]);
    close(p[1]);
}

static void named(void)
{
    char c = 0;
    int status;

    PART("a named pipe");
    TRY(mkfifo("fifo", 0600));
    TRY(open("fifo", O_WRONLY | O_NONBLOCK));
    int fd = open("fifo", O_RDONLY | O_NONBLOCK);
    SHOW(fd >= 0);
    TRY(read(fd, &c, 1));
    close(fd);
    pid_t pid = fork();
    if (pid == 0) {
        fd = open("fifo", O_WRONLY);
        _exit(write(fd, "q", 1) == 1 ? 0 : 1);
    }
    fd = open("fifo", O_RDONLY);
    TRY(read(fd, &c, 1));
    SHOW(c);
    waitpid(pid, &status, 0);
    TRY(read(fd, &c, 1));
    ut_say("%s", ut_status(status));
    close(fd);
}

/* --- tee, splice, vmsplice --- */

#define NUMBERS 20000u

static int stream_in[2], stream_out[2];

static void *write_numbers(void *arg)
{
    for (uint32_t i = 0; i < NUMBERS; i++)
        if (write(stream_in[1], &i, sizeof i) != sizeof i)
            break;
    close(stream_in[1]);
    return arg;
}

static void *read_numbers(void *arg)
{
    uint32_t n[64];

    while (read(stream_in[0], n, sizeof n) > 0)
        ;
    return arg;
}

/* Each tee() gives a piece of the stream in order, while others write and read it. */
static void teeing(void)
{
    static uint32_t n[16384];
    pthread_t writer, reader;
    unsigned broken = 0;

    PART("tee of a stream that others write and read");
    if (pipe(stream_in) || pipe(stream_out))
        return;
    pthread_create(&writer, NULL, write_numbers, NULL);
    pthread_create(&reader, NULL, read_numbers, NULL);
    for (;;) {
        ssize_t got = tee(stream_in[0], stream_out[1], sizeof n, 0);

        if (got <= 0)
            break;
        if (read(stream_out[0], n, (size_t)got) != got)
            broken++;
        for (ssize_t i = 1; i < got / 4; i++)
            broken += n[i] != n[i - 1] + 1;
    }
    pthread_join(writer, NULL);
    pthread_join(reader, NULL);
    SHOW(broken);
    close(stream_in[0]);
    close(stream_out[0]);
    close(stream_out[1]);
}

static void moving(void)
{
    static uint8_t bytes[2 * 65536] __attribute__((aligned(PAGE)));
    struct iovec v = {bytes, sizeof bytes}, two[2] = {{bytes, 3}, {bytes + 3, 100}};
    int a[2], b[2];

    PART("between pipes");
    if (pipe(a) || pipe(b))
        return;
    TRY(write(a[1], "abcdefgh", 8));
    TRY(tee(a[0], b[1], 3, 0));
    TRY(splice(a[0], NULL, b[1], NULL, 5, 0));
    TRY(tee(a[0], b[1], 100, 0));
    TRY(read(b[0], bytes, sizeof bytes));
    ut_say("%.11s", (char *)bytes);
    TRY(splice(a[0], NULL, a[1], NULL, 1, 0));
    TRY(read(a[0], bytes, sizeof bytes));
    TRY(tee(a[0], b[1], 1, SPLICE_F_NONBLOCK));
    TRY(splice(a[0], NULL, b[1], NULL, 1, SPLICE_F_NONBLOCK));

    PART("vmsplice: what there is room for, and no more");
    TRY(vmsplice(a[1], &v, 1, 0));
    TRY(vmsplice(a[1], &v, 1, SPLICE_F_NONBLOCK));
    TRY(splice(a[0], NULL, b[1], NULL, sizeof bytes, 0));
    TRY(tee(b[0], a[1], sizeof bytes, 0));
    TRY(tee(b[0], a[1], 1, SPLICE_F_NONBLOCK));
    TRY(read(a[0], bytes, sizeof bytes));
    TRY(read(b[0], bytes, sizeof bytes));
    TRY(write(a[1], "xyz", 3));
    TRY(vmsplice(a[0], two, 2, 0));
    TRY(vmsplice(a[0], two, 2, SPLICE_F_NONBLOCK));
    close(a[1]);
    TRY(vmsplice(a[0], two, 2, SPLICE_F_NONBLOCK));
    TRY(tee(a[0], b[1], 1, 0));
    close(b[0]);
    signal(SIGPIPE, SIG_IGN);
    TRY(vmsplice(b[1], two, 1, 0));
    signal(SIGPIPE, SIG_DFL);
    close(a[0]);
    close(b[1]);
}

static int waiting(int fd)
{
    int n = -1;

    ioctl(fd, FIONREAD, &n);
    return n;
}

/* What a target does not take is still in the pipe. */
static void not_lost(void)
{
    static uint8_t bytes[8000];
    struct rlimit was, small = {5000, RLIM_INFINITY};
    int p[2], file = open("target", O_RDWR | O_CREAT, 0600), more = open("target", O_WRONLY | O_APPEND);
    unsigned wrong = 0;

    PART("splice to a file that takes less");
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = ut_pattern(i);
    TRY(pipe(p));
    TRY(write(p[1], bytes, sizeof bytes));
    getrlimit(RLIMIT_FSIZE, &was);
    small.rlim_max = was.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    TRY(splice(p[0], NULL, file, NULL, sizeof bytes, 0));
    SHOW(waiting(p[0]));
    TRY(lseek(file, 0, SEEK_CUR));
    TRY(splice(p[0], NULL, file, NULL, sizeof bytes, 0));
    SHOW(waiting(p[0]));
    setrlimit(RLIMIT_FSIZE, &was);
    signal(SIGXFSZ, SIG_DFL);
    TRY(splice(p[0], NULL, more, NULL, 10, 0));
    TRY(splice(p[0], NULL, file, (void *)16, 10, 0));
    TRY(splice(p[0], (void *)16, file, NULL, 10, 0));
    TRY(sendfile(file, p[0], NULL, 10));
    SHOW(waiting(p[0]));
    TRY(splice(p[0], NULL, file, NULL, 100, 0));
    TRY(splice(p[0], NULL, file, NULL, 0, 99));
    TRY(tee(p[0], file, 0, 99));
    TRY(splice(p[0], NULL, file, NULL, sizeof bytes, 0));
    TRY(pread(file, block, sizeof bytes, 0));
    for (unsigned i = 0; i < sizeof bytes; i++)
        wrong += block[i] != bytes[i];
    SHOW(wrong);
    TRY(splice(p[0], NULL, file, NULL, 1, SPLICE_F_NONBLOCK));

    PART("to a pipe with little room");
    TRY(fcntl(p[1], F_SETPIPE_SZ, PAGE));
    TRY(fcntl(p[1], F_SETFL, O_NONBLOCK));
    TRY(lseek(file, 0, SEEK_SET));
    TRY(sendfile(p[1], file, NULL, sizeof bytes));
    TRY(lseek(file, 0, SEEK_CUR));
    TRY(sendfile(p[1], file, NULL, sizeof bytes));
    TRY(splice(file, NULL, p[1], NULL, sizeof bytes, 0));
    TRY(lseek(file, 0, SEEK_CUR));
    TRY(read(p[0], block, sizeof block));

    PART("an event's count");
    int event = eventfd(7, 0);
    TRY(splice(event, NULL, p[1], NULL, 8, 0));
    TRY(write(p[1], bytes, 8));
    TRY(splice(p[0], NULL, event, NULL, 8, 0));
    SHOW(waiting(p[0]));
    TRY(read(event, block, 8));
    SHOW(block[0]);
    close(event);
    close(p[0]);
    close(p[1]);
    close(file);
    close(more);
}

UT_PROGRAM(pipe)
{
    ut_workdir();
    teeing();
    moving();
    not_lost();
    ends();
    full();
    stream();
    polling();
    polling_many();
    selecting();
    named();
}
