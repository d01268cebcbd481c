/* sendfile, splice, tee, copy_file_range: what is wrong with the two files is told in Linux's order. */
#include "tests/user/ut.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

#define EACH(list, i) (unsigned i = 0; i < sizeof list / sizeof *list; i++)
#define KINDS         20u

static struct {
    const char *name;
    int fd;
} kind[KINDS];
static unsigned kinds;
static int full[2], empty[2];

static void add(const char *name, int fd)
{
    kind[kinds].name = name;
    kind[kinds++].fd = fd;
}

static const char *result(long got)
{
    static char text[32];

    if (got == -1)
        return ut_errno(errno);
    snprintf(text, sizeof text, "%ld", got);
    return text;
}

/* Bytes to read, room to write. */
static void restore(void)
{
    char bytes[4096];

    for (unsigned i = 0; i < kinds; i++)
        if (kind[i].fd >= 0)
            lseek(kind[i].fd, 0, SEEK_SET);
    while (read(empty[0], bytes, sizeof bytes) > 0)
        ;
    while (read(full[0], bytes, sizeof bytes) > 0)
        ;
    write(full[1], "some bytes", 10);
}

static void pairs(void)
{
    for (unsigned a = 0; a < kinds; a++)
        for (unsigned b = 0; b < kinds; b++) {
            int in = kind[a].fd, out = kind[b].fd;
            off64_t at, to, minus, minus_out;
            char line[700];
            size_t n = 0;

#define SAY(what, call)                                                                                      \
    do {                                                                                                     \
        restore();                                                                                           \
        at = to = 2;                                                                                         \
        minus = minus_out = -1;                                                                              \
        n += (size_t)snprintf(line + n, sizeof line - n, " " what " %s,", result((long)(call)));             \
    } while (0)
            SAY("sendfile", sendfile64(out, in, NULL, 3));
            SAY("at", sendfile64(out, in, &at, 3));
            SAY("at -1", sendfile64(out, in, &minus, 3));
            SAY("of none", sendfile64(out, in, NULL, 0));
            SAY("of many", sendfile64(out, in, &minus, (size_t)-1));
            SAY("bad", syscall(SYS_sendfile64, out, in, 16, 3));
            ut_say("%s to %s:%s", kind[a].name, kind[b].name, line);
            n = 0;
            SAY("splice", splice(in, NULL, out, NULL, 3, SPLICE_F_NONBLOCK));
            SAY("in at", splice(in, &at, out, NULL, 3, SPLICE_F_NONBLOCK));
            SAY("out at", splice(in, NULL, out, &to, 3, SPLICE_F_NONBLOCK));
            SAY("both", splice(in, &at, out, &to, 3, SPLICE_F_NONBLOCK));
            SAY("in -1", splice(in, &minus, out, NULL, 3, SPLICE_F_NONBLOCK));
            SAY("out -1", splice(in, NULL, out, &minus_out, 3, SPLICE_F_NONBLOCK));
            SAY("none", splice(in, NULL, out, NULL, 0, 77));
            SAY("flags", splice(in, NULL, out, NULL, 3, 77));
            SAY("bad in", splice(in, (void *)16, out, NULL, 3, SPLICE_F_NONBLOCK));
            SAY("bad out", splice(in, NULL, out, (void *)16, 3, SPLICE_F_NONBLOCK));
            SAY("tee", tee(in, out, 3, SPLICE_F_NONBLOCK));
            ut_say("%s to %s:%s", kind[a].name, kind[b].name, line);
            n = 0;
            SAY("copy", copy_file_range(in, NULL, out, NULL, 3, 0));
            SAY("at", copy_file_range(in, &at, out, &to, 3, 0));
            SAY("in -1", copy_file_range(in, &minus, out, NULL, 3, 0));
            SAY("out -1", copy_file_range(in, NULL, out, &minus_out, 3, 0));
            SAY("none", copy_file_range(in, NULL, out, NULL, 0, 0));
            SAY("flags", copy_file_range(in, NULL, out, NULL, 3, 1));
            SAY("many", copy_file_range(in, NULL, out, NULL, (size_t)-1, 0));
            SAY("bad in", copy_file_range(in, (void *)16, out, NULL, 3, 0));
            SAY("bad out", copy_file_range(in, NULL, out, (void *)16, 3, 0));
            ut_say("%s to %s:%s", kind[a].name, kind[b].name, line);
        }
}

/* Ranges of one file, and beyond ends. */
static void ranges(void)
{
    int fd = ut_file("ranges", 10000), other = open("other-fs/f", O_RDWR | O_CREAT, 0600);
    off64_t in, out;

    PART("ranges");
#define RANGE(from, to, n)                                                                                   \
    do {                                                                                                     \
        in = from;                                                                                           \
        out = to;                                                                                            \
        ut_say(#n " from " #from " to " #to ": %s, then %lld and %lld",                                      \
               result((long)copy_file_range(fd, &in, fd, &out, n, 0)), (long long)in, (long long)out);       \
    } while (0)
    RANGE(0, 5000, 100);
    RANGE(0, 50, 100);
    RANGE(50, 0, 100);
    RANGE(0, 0, 100);
    RANGE(0, 100, 100);
    RANGE(9990, 0, 100);
    RANGE(9990, 9995, 100);
    RANGE(10000, 0, 100);
    RANGE(20000, 0, 100);
    RANGE(20000, 20000, 100);
    RANGE(0, 0, 0);
    RANGE(INT64_MAX - 10, 0, 100);
    RANGE(0, INT64_MAX - 10, 100);
    RANGE(0, 1ll << 60, 100);
    in = out = 0;
    ut_say("to another filesystem: %s", result((long)copy_file_range(fd, &in, other, &out, 100, 0)));
    ut_say("and back: %s", result((long)copy_file_range(other, NULL, fd, NULL, 10, 0)));
    struct stat st;
    fstat(other, &st);
    SHOW(st.st_size);
    close(fd);
    close(other);
}

UT_PROGRAM(moving)
{
    int pair[2];

    ut_workdir();
    mkdir("other-fs", 0700);
    TRY(mount("none", "other-fs", "tmpfs", 0, NULL));
    if (pipe(full) || pipe(empty) || socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
        return;
    fcntl(full[0], F_SETFL, O_NONBLOCK);
    fcntl(empty[0], F_SETFL, O_NONBLOCK);
    fcntl(pair[0], F_SETFL, O_NONBLOCK);
    close(ut_file("file", 100));
    close(ut_file("target", 100));
    add("file", open("file", O_RDWR));
    add("target", open("target", O_RDWR));
    add("read only", open("file", O_RDONLY));
    add("write only", open("target", O_WRONLY));
    add("appended", open("target", O_RDWR | O_APPEND));
    add("neither", open("file", 3));
    add("path", open("file", O_PATH));
    add("directory", open(".", O_RDONLY));
    add("null", open("/dev/null", O_RDWR));
    add("zero", open("/dev/zero", O_RDWR));
    add("full pipe", full[0]);
    add("its other end", full[1]);
    add("empty pipe's end", empty[1]);
    add("eventfd", eventfd(0, EFD_NONBLOCK));
    add("epoll", epoll_create1(0));
    add("status", open("/proc/self/comm", O_RDWR));
    add("elsewhere", open("other-fs/g", O_RDWR | O_CREAT, 0600));
    add("none", -1);
    pairs();
    ranges();
    while (kinds)
        close(kind[--kinds].fd);
    TRY(umount("other-fs"));
}
