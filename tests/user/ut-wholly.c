/* Calls of which a part is easily left out: what statx() knows, flags of preadv2(), what getrusage() counts.
 */
#include "tests/user/ut.h"
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/uio.h>

static void show_statx(const char *path, int flags, unsigned mask)
{
    struct statx s;

    memset(&s, 0x55, sizeof s);
    if (statx(AT_FDCWD, path, flags, mask, &s) != 0) {
        ut_say("%s, mask %x: %s", path, mask, ut_errno(errno));
        return;
    }
    ut_say("%s, mask %x: has %x, attributes %llx, birth %s, mount %s", path, mask, s.stx_mask,
           (unsigned long long)s.stx_attributes, s.stx_btime.tv_sec ? "known" : "unknown",
           s.stx_mnt_id ? "known" : "unknown");
}

static void statxs(void)
{
    static const unsigned masks[] = {0,      1,          0x7ff,      0xfff, 0x1fff,
                                     0x3fff, 0x7fffffff, 0x80000000, 0x800, 0x2000};
    struct statx before, after;

    PART("statx");
    close(ut_file("f", 100));
    for (unsigned i = 0; i < sizeof masks / sizeof *masks; i++)
        show_statx("f", 0, masks[i]);
    show_statx(".", 0, 0xfff);
    show_statx("/tmp", 0, 0xfff);
    show_statx("/proc", 0, 0xfff);
    show_statx("/proc/self/status", 0, 0xfff);
    show_statx("/dev/null", 0, 0xfff);
    show_statx("f", 0x2000, 0xfff);
    show_statx("f", 0x4000, 0xfff);
    show_statx("f", 0x6000, 0xfff);
    show_statx("f", 0x10000, 0xfff);
    statx(AT_FDCWD, "f", 0, 0xfff, &before);
    usleep(20000);
    chmod("f", 0600);
    utimensat(AT_FDCWD, "f", (struct timespec[]){{5, 0}, {6, 0}}, 0);
    statx(AT_FDCWD, "f", 0, 0xfff, &after);
    SHOW(before.stx_btime.tv_sec == after.stx_btime.tv_sec &&
         before.stx_btime.tv_nsec == after.stx_btime.tv_nsec);
    SHOW(after.stx_btime.tv_sec > 6);
    rename("f", "g");
    statx(AT_FDCWD, "g", 0, 0xfff, &after);
    SHOW(before.stx_btime.tv_nsec == after.stx_btime.tv_nsec);
    unlink("g");
}

static void flags(void)
{
    static const int flag[] = {0, 1, 2, 4, 2 | 4, 1 | 2 | 4, 32, 64, 0x40000000};
    char text[8] = "abcdefg";
    struct iovec v = {text, 2};
    int fds[2], kind[4];

    if (pipe(fds) != 0)
        return;
    kind[0] = ut_file("f", 100);
    kind[1] = fds[0];
    kind[2] = fds[1];
    kind[3] = open("/dev/null", O_RDWR);
    fcntl(fds[0], F_SETFL, O_NONBLOCK);
    PART("preadv2 and pwritev2");
    for (unsigned k = 0; k < 4; k++)
        for (unsigned i = 0; i < sizeof flag / sizeof *flag; i++) {
            long in, out;
            int in_err, out_err;

            errno = 0;
            out = pwritev2(kind[k], &v, 1, k == 0 || k == 3 ? 3 : -1, flag[i]);
            out_err = errno;
            errno = 0;
            in = preadv2(kind[k], &v, 1, k == 0 || k == 3 ? 5 : -1, flag[i]);
            in_err = errno;
            ut_say("kind %u, flags %x: written %ld %s, read %ld %s, size %ld", k, flag[i], out,
                   out < 0 ? ut_errno(out_err) : "", in, in < 0 ? ut_errno(in_err) : "",
                   k ? 0 : (long)lseek(kind[0], 0, SEEK_END));
        }
}

static void *touch(void *arg)
{
    uint8_t *p = ut_map(200, PROT_READ | PROT_WRITE);

    for (unsigned i = 0; i < 200; i++)
        p[i * PAGE] = 1;
    for (unsigned i = 0; i < 20; i++)
        usleep(5000);
    return arg;
}

static long status_number(const char *name)
{
    char line[256];
    FILE *f = fopen("/proc/thread-self/status", "r");
    long value = -1;

    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ':')
            value = strtol(line + strlen(name) + 1, NULL, 10);
    if (f)
        fclose(f);
    return value;
}

static void usage(void)
{
    struct rusage a, b, child;
    pthread_t t;
    long voluntary, involuntary;

    PART("getrusage");
    getrusage(RUSAGE_THREAD, &a);
    voluntary = status_number("voluntary_ctxt_switches");
    /* On a busy host some are over before the processor has been given away. */
    for (unsigned i = 0; i < 10; i++)
        usleep(10000);
    getrusage(RUSAGE_THREAD, &b);
    SHOW(b.ru_nvcsw - a.ru_nvcsw >= 5);
    SHOW(b.ru_nvcsw - a.ru_nvcsw < 40);
    SHOW(status_number("voluntary_ctxt_switches") - voluntary >= 5);
    getrusage(RUSAGE_SELF, &a);
    pthread_create(&t, NULL, touch, NULL);
    pthread_join(t, NULL);
    getrusage(RUSAGE_SELF, &b);
    SHOW(b.ru_nvcsw - a.ru_nvcsw >= 10);
    SHOW(b.ru_minflt - a.ru_minflt >= 200);
    /* Two that compute take the processor from each other. */
    involuntary = status_number("nonvoluntary_ctxt_switches");
    getrusage(RUSAGE_THREAD, &a);
    pid_t pid = fork();
    if (pid == 0)
        for (volatile unsigned i = 0;; i++)
            ;
    struct timespec start, now;
    clock_gettime(CLOCK_MONOTONIC, &start);
    do
        clock_gettime(CLOCK_MONOTONIC, &now);
    while ((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000 < 600);
    getrusage(RUSAGE_THREAD, &b);
    SHOW(b.ru_nivcsw - a.ru_nivcsw >= 2);
    SHOW(status_number("nonvoluntary_ctxt_switches") - involuntary >= 2);
    SHOW(b.ru_nvcsw - a.ru_nvcsw < 3);
    kill(pid, SIGKILL);
    memset(&child, 0, sizeof child);
    TRY(wait4(pid, NULL, 0, &child) == pid);
    SHOW(child.ru_nivcsw >= 2);
    getrusage(RUSAGE_CHILDREN, &b);
    SHOW(b.ru_nivcsw >= 2);
    sched_yield();
}

UT_PROGRAM(wholly)
{
    ut_workdir();
    statxs();
    flags();
    usage();
}
