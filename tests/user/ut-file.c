/* Files and directories, as far as programs for memory need them. */
#include "tests/user/ut.h"
#include <dirent.h>
#include <limits.h>
#include <linux/fs.h>
#include <linux/random.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <time.h>

static void open_flags(void)
{
    char deep[300];

    PART("open");
    TRY(open("missing", O_RDONLY));
    TRY(open("", O_RDONLY));
    TRY(open("missing/x", O_RDWR | O_CREAT, 0644));
    SHOW(open("a", O_RDWR | O_CREAT | O_EXCL, 0640) >= 0);
    TRY(open("a", O_RDWR | O_CREAT | O_EXCL, 0640));
    TRY(open("a/x", O_RDONLY));
    TRY(open("a", O_RDONLY | O_DIRECTORY));
    TRY(open(".", O_RDWR));
    TRY(open(".", O_WRONLY | O_CREAT, 0644));
    memset(deep, 'n', sizeof deep - 1);
    deep[sizeof deep - 1] = '\0';
    TRY(open(deep, O_RDWR | O_CREAT, 0644));
    deep[255] = '\0';
    SHOW(open(deep, O_RDWR | O_CREAT, 0644) >= 0);
    TRY(unlink(deep));
    TRY(symlink("a", "link"));
    TRY(open("link", O_RDONLY | O_NOFOLLOW));
    SHOW(open("link", O_RDONLY) >= 0);
    TRY(symlink("loop2", "loop1"));
    TRY(symlink("loop1", "loop2"));
    TRY(open("loop1", O_RDONLY));
    TRY(close(-1));
    TRY(close(1000));
    for (int fd = 3; fd < 20; fd++)
        close(fd);
    PART("flags that do not go together, and unknown ones");
    TRY(open(".", O_RDONLY | O_TRUNC));
    TRY(open("link", O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    TRY(open("link", O_PATH | O_DIRECTORY | O_NOFOLLOW));
    TRY(open("missing", O_RDWR | O_CREAT | O_DIRECTORY, 0600));
    TRY(open(".", O_RDWR | O_CREAT | O_TMPFILE, 0600));
    TRY(open(".", O_RDONLY | O_TMPFILE, 0600));
    TRY(open(".", O_RDWR | (O_TMPFILE & ~O_DIRECTORY), 0600));
    TRY(open(NULL, O_RDWR | O_CREAT | O_DIRECTORY, 0600));
    TRY(open(NULL, O_RDONLY | O_TMPFILE, 0600));
    TRY(open(NULL, O_RDWR | O_TMPFILE, 0600));
    TRY(openat(-1, "a", O_RDWR | O_CREAT | O_DIRECTORY, 0600));
    for (unsigned bit = 23; bit < 32; bit++) {
        int fd = open("a", (int)(O_RDONLY | 1u << bit));

        ut_say("bit %u: %#x", bit, fcntl(fd, F_GETFL) & ~O_LARGEFILE);
        close(fd);
    }
}

/* A descriptor without O_LARGEFILE makes no file of 2 GiB. */
static void beyond_old(void)
{
    int fd = (int)syscall(SYS_open, "long", O_RDWR | O_CREAT, 0600),
        large = (int)syscall(SYS_open, "long", O_RDWR | O_LARGEFILE, 0600);
    struct stat64 st;

    PART("without O_LARGEFILE");
    TRY(syscall(SYS_ftruncate64, fd, 0x7fffffff, 0));
    TRY(syscall(SYS_ftruncate64, fd, 0x80000000, 0));
    TRY(syscall(SYS_ftruncate64, fd, 0, 1));
    TRY(syscall(SYS_pwrite64, fd, "abcd", 4, 0x7ffffffd, 0));
    TRY(syscall(SYS_pwrite64, fd, "abcd", 4, 0x7fffffff, 0));
    TRY(syscall(SYS_pwrite64, fd, "abcd", 4, 0, 1));
    TRY(syscall(SYS_fstat64, fd, &st));
    SHOW(st.st_size);
    TRY(syscall(SYS_pwrite64, large, "abcd", 4, 0x7fffffff, 0));
    TRY(syscall(SYS_ftruncate64, large, 0, 1));
    TRY(syscall(SYS_fstat64, fd, &st));
    SHOW(st.st_size);
    close(fd);
    close(large);
    unlink("long");
}

static void reading_and_writing(void)
{
    int fd = ut_file("data", 10000);
    uint8_t buf[16];
    struct iovec v[3] = {{buf, 4}, {NULL, 0}, {buf + 4, 4}};
    off_t at = 9998;

    PART("read, write, seek");
    SHOW(lseek(fd, 0, SEEK_CUR));
    SHOW(lseek(fd, 4095, SEEK_SET));
    TRY(read(fd, buf, 3));
    ut_say("%02x %02x %02x", buf[0], buf[1], buf[2]);
    SHOW(lseek(fd, 0, SEEK_CUR));
    SHOW(lseek(fd, -2, SEEK_END));
    TRY(read(fd, buf, 10));
    TRY(read(fd, buf, 10));
    TRY(read(fd, buf, 0));
    TRY(lseek(fd, -1, SEEK_SET));
    TRY(lseek(fd, 0, 77));
    SHOW(lseek(fd, 20000, SEEK_SET));
    TRY(read(fd, buf, 1));
    TRY(write(fd, "end", 3));
    SHOW(lseek(fd, 0, SEEK_END));
    TRY(pread(fd, buf, 4, 19998));
    ut_say("%02x %02x %02x %02x", buf[0], buf[1], buf[2], buf[3]);
    TRY(pread(fd, buf, 4, -1));
    TRY(pwrite(fd, "zz", 2, 0));
    TRY(lseek(fd, 0, SEEK_SET));
    TRY(readv(fd, v, 3));
    ut_say("%02x %02x %02x %02x %02x", buf[0], buf[1], buf[2], buf[3], buf[4]);
    TRY(writev(fd, v, 3));
    TRY(readv(fd, v, -1));
    TRY(readv(fd, v, 2000));
    TRY(preadv(fd, v, 3, 4094));
    PART("sendfile");
    int to = open("copy", O_RDWR | O_CREAT | O_TRUNC, 0644);
    TRY(sendfile(to, fd, &at, 100));
    SHOW(at);
    SHOW(lseek(to, 0, SEEK_END));
    TRY(read(to, buf, 1));
    PART("wrong ways");
    int ro = open("data", O_RDONLY), wo = open("data", O_WRONLY), dir = open(".", O_RDONLY);
    TRY(write(ro, "x", 1));
    TRY(read(wo, buf, 1));
    TRY(read(dir, buf, 1));
    TRY(write(dir, buf, 1));
    TRY(read(1000, buf, 1));
    TRY(ftruncate(ro, 0));
    TRY(ftruncate(fd, -1));
    TRY(truncate("data", 5));
    SHOW(lseek(fd, 0, SEEK_END));
    TRY(truncate(".", 5));
    TRY(truncate("missing", 5));
    PART("append and truncate");
    int ap = open("data", O_WRONLY | O_APPEND);
    TRY(lseek(ap, 0, SEEK_SET));
    TRY(write(ap, "++", 2));
    SHOW(lseek(ap, 0, SEEK_CUR));
    SHOW(lseek(fd, 0, SEEK_END));
    int tr = open("data", O_RDWR | O_TRUNC);
    SHOW(lseek(tr, 0, SEEK_END));
    TRY(fallocate(fd, 0, 0, 6000));
    SHOW(lseek(fd, 0, SEEK_END));
    TRY(fallocate(fd, 0, 0, 0));
    TRY(fallocate(fd, 0, -1, 5));
    for (int i = 3; i < 20; i++)
        close(i);
}

static void descriptors(void)
{
    int fd = ut_file("data", 100), pipes[2];

    PART("descriptors");
    SHOW(fd);
    SHOW(dup(fd));
    TRY(dup(1000));
    SHOW(dup2(fd, 9));
    SHOW(dup2(fd, fd));
    TRY(dup2(1000, 9));
    TRY(dup2(fd, -1));
    TRY(dup3(fd, fd, 0));
    SHOW(fcntl(fd, F_DUPFD, 20));
    SHOW(fcntl(fd, F_DUPFD_CLOEXEC, 20));
    SHOW(fcntl(21, F_GETFD));
    SHOW(fcntl(20, F_GETFD));
    TRY(fcntl(20, F_SETFD, FD_CLOEXEC));
    SHOW(fcntl(20, F_GETFD));
    SHOW(fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK));
    TRY(fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK));
    SHOW(fcntl(9, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK));
    TRY(fcntl(fd, 7777));
    TRY(fcntl(1000, F_GETFD));
    TRY(fcntl(fd, F_DUPFD, -1));
    for (int i = 3; i < 30; i++)
        close(i);
    TRY(pipe2(pipes, O_CLOEXEC | O_NONBLOCK));
    SHOW(pipes[0] == 3 && pipes[1] == 4);
    TRY(pipe2(pipes, 0x77777777));
    for (int i = 3; i < 30; i++)
        close(i);
}

/* What can be asked of any file, and what is kept with it. */
static void asked(void)
{
    static const char *const paths[] = {"data", "data", ".", "/dev/null", "/proc/self/status"};
    uint64_t hint = 4, size = 1;
    struct stat st;
    int n;

    close(ut_file("data", 100));
    for (unsigned i = 0; i < sizeof paths / sizeof *paths; i++) {
        int fd = open(paths[i], i == 1 ? O_PATH : O_RDONLY);

        ut_say("-- asked of %s%s", paths[i], i == 1 ? ", which is only named" : "");
        TRY(ioctl(fd, FIGETBSZ, &n));
        TRY(ioctl(fd, FIGETBSZ, NULL));
        SHOW(fstat(fd, &st) == 0 && n == st.st_blksize);
        SHOW(st.st_blksize);
        if (i < 2) {
            TRY(ioctl(fd, FIOQSIZE, &size));
            SHOW(size);
        }
        TRY(ioctl(fd, FIOQSIZE, NULL));
        n = 0;
        TRY(ioctl(fd, FIBMAP, &n));
        TRY(ioctl(fd, FIBMAP, NULL));
        TRY(fcntl(fd, F_SET_RW_HINT, NULL));
        TRY(fcntl(fd, F_GET_RW_HINT, NULL));
        TRY(fcntl(fd, F_GET_RW_HINT, &hint));
        ut_say("hint %u", (unsigned)hint);
        hint = 6;
        TRY(fcntl(fd, F_SET_RW_HINT, &hint));
        hint = 1ull << 32;
        TRY(fcntl(fd, F_SET_RW_HINT, &hint));
        hint = RWH_WRITE_LIFE_LONG;
        if (paths[i][0] == 'd') {
            TRY(fcntl(fd, F_SET_RW_HINT, &hint));
            close(fd);
            fd = open(paths[i], O_RDONLY);
            hint = 0;
            TRY(fcntl(fd, F_GET_RW_HINT, &hint));
            ut_say("hint %u", (unsigned)hint);
        }
        TRY(fcntl(fd, F_GET_FILE_RW_HINT, &hint));
        close(fd);
    }
    n = open("/proc", O_RDONLY); /* which nothing can freeze */
    TRY(ioctl(n, FIFREEZE, 0));
    TRY(ioctl(n, FITHAW, 0));
    close(n);
    PART("what is read is not appended");
    n = open("data", O_RDONLY);
    struct iovec v = {&size, 1};
    TRY(preadv2(n, &v, 1, 0, RWF_APPEND));
    TRY(preadv2(n, &v, 1, -1, RWF_APPEND | RWF_HIPRI));
    TRY(preadv2(n, &v, 1, 0, 0x1000));
    close(n);
}

/* What is known of random numbers, and who may say something about them. */
static void random_ones(void)
{
    static const struct {
        const char *name;
        unsigned long cmd;
    } all[] = {
        {"RNDGETENTCNT", RNDGETENTCNT}, {"RNDADDTOENTCNT", RNDADDTOENTCNT}, {"RNDADDENTROPY", RNDADDENTROPY}};
    int fd = open("/dev/urandom", O_RDONLY), info[3] = {0, 4, 1}, none[3] = {-1, 4, 1};

    for (unsigned i = 0; i < sizeof all / sizeof *all; i++) {
        ut_result(all[i].name, ioctl(fd, all[i].cmd, info));
        ut_result(all[i].name, ioctl(fd, all[i].cmd, none));
        ut_result(all[i].name, ioctl(fd, all[i].cmd, NULL));
        SHOW(info[0] >= 0 && info[0] <= 4096);
        info[0] = 0;
        none[0] = -1;
    }
    info[1] = 0x7fffffff;
    TRY(ioctl(fd, RNDADDENTROPY, info));
    TRY(ioctl(fd, RNDZAPENTCNT, NULL));
    TRY(ioctl(fd, RNDCLEARPOOL, NULL));
    TRY(ioctl(fd, TIOCGWINSZ, info));
    TRY(ioctl(fd, FIONREAD, info));
    close(fd);
}

/* Not everybody's. */
static void asked_by_another(void)
{
    uint64_t hint = 2;
    int n = 0, fd = open("data", O_RDONLY), proc = open("/proc", O_RDONLY);

    setgid(1000);
    setuid(1000);
    TRY(fcntl(fd, F_SET_RW_HINT, &hint));
    TRY(fcntl(fd, F_GET_RW_HINT, &hint));
    TRY(ioctl(fd, FIBMAP, &n));
    TRY(ioctl(proc, FIFREEZE, 0));
    TRY(ioctl(proc, FITHAW, 0));
    random_ones();
}

static const char *kind(mode_t m)
{
    return S_ISREG(m)    ? "file"
           : S_ISDIR(m)  ? "directory"
           : S_ISLNK(m)  ? "link"
           : S_ISCHR(m)  ? "character device"
           : S_ISFIFO(m) ? "pipe"
                         : "other";
}

static void say_stat(const char *path)
{
    struct stat st;

    if (lstat(path, &st) != 0)
        ut_say("%s: %s", path, ut_errno(errno));
    else if (S_ISDIR(st.st_mode))
        ut_say("%s: %s %o", path, kind(st.st_mode), st.st_mode & 07777u);
    else
        ut_say("%s: %s %o, %u links, %lld bytes", path, kind(st.st_mode), st.st_mode & 07777u,
               (unsigned)st.st_nlink, (long long)st.st_size);
}

static void names(void)
{
    char text[PATH_MAX];
    ssize_t n;

    PART("names");
    close(ut_file("a", 10));
    chmod("a", 0640);
    say_stat("a");
    TRY(link("a", "b"));
    say_stat("b");
    TRY(link("a", "b"));
    TRY(link(".", "dir"));
    TRY(link("missing", "c"));
    TRY(unlink("a"));
    say_stat("b");
    say_stat("a");
    TRY(unlink("."));
    TRY(symlink("b", "s"));
    TRY(symlink("b", "s"));
    say_stat("s");
    n = readlink("s", text, sizeof text);
    ut_say("%zd %.*s", n, (int)(n > 0 ? n : 0), text);
    TRY(readlink("s", text, 1));
    TRY(readlink("b", text, sizeof text));
    TRY(readlink("s", text, 0));
    PART("directories");
    TRY(mkdir("d", 0755));
    TRY(mkdir("d", 0755));
    TRY(mkdir("x/y", 0755));
    TRY(mkdir("b/y", 0755));
    TRY(mkdir("d/e", 0700));
    say_stat("d/e");
    TRY(rmdir("d"));
    TRY(rmdir("b"));
    TRY(rmdir("d/."));
    TRY(rmdir("d/e/.."));
    TRY(unlink("d/e"));
    TRY(rmdir("missing"));
    PART("rename");
    TRY(rename("b", "d/b"));
    say_stat("d/b");
    TRY(rename("missing", "x"));
    TRY(rename("d", "d/e/f"));
    TRY(rename("d/b", "d/e"));
    TRY(rename("d/e", "d/b"));
    close(ut_file("other", 20));
    TRY(rename("other", "d/b"));
    say_stat("d/b");
    TRY(rename("d", "d2"));
    say_stat("d2/b");
    TRY(mkdir("d3", 0755));
    TRY(rename("d3", "d2"));
    TRY(rename("d2", "d3"));
    say_stat("d3/b");
    TRY(rename("d3/b", "d3/b"));
    PART("the current directory");
    SHOW(getcwd(text, sizeof text) != NULL);
    size_t base = strlen(text);
    TRY(chdir("d3/e"));
    SHOW(getcwd(text, sizeof text) != NULL);
    ut_say("%s", text + base);
    TRY(chdir("../.."));
    SHOW(getcwd(text, sizeof text) != NULL && strlen(text) == base);
    TRY_AT(getcwd(text, 3) ? text : MAP_FAILED);
    TRY(chdir("d3/b"));
    TRY(chdir("missing"));
    int fd = open("d3/e", O_RDONLY | O_DIRECTORY);
    TRY(fchdir(fd));
    TRY(rmdir("../e"));
    TRY(open("x", O_CREAT | O_RDWR, 0644));
    TRY(chdir(".."));
    TRY(chdir(".."));
    close(fd);
    TRY(access("d3/b", R_OK | W_OK));
    TRY(access("missing", F_OK));
    TRY(access("d3/b", 077));
    TRY(chdir("/../../.."));
    ut_say("%s", getcwd(text, sizeof text));
    TRY(chdir(".."));
}

static int by_text(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void listing(void)
{
    struct dirent **e;
    char name[32];
    int n;

    PART("listing");
    TRY(mkdir("list", 0755));
    TRY(chdir("list"));
    for (unsigned i = 0; i < 300; i++) {
        snprintf(name, sizeof name, "a-name-to-fill-buffers-%03u", i);
        close(open(name, O_CREAT | O_WRONLY, 0644));
    }
    TRY(mkdir("directory", 0755));
    TRY(symlink("x", "link"));
    n = scandir(".", &e, NULL, by_text);
    SHOW(n);
    for (int i = 0; i<n; i += n> 305 || i < 3 || i > 298 ? 1 : 50)
        ut_say("%s, type %d", e[i]->d_name, e[i]->d_type);
    PART("one at a time");
    struct {
        unsigned long ino, offset;
        unsigned short length;
        char name[256];
    } one;
    int dir = open(".", O_RDONLY);
    unsigned whole = 0;
    long rc;
    n = 0;
    while ((rc = syscall(SYS_readdir, dir, &one, 1)) == 1) {
        n++;
        whole += one.length == strlen(one.name) && one.ino != 0;
    }
    SHOW(rc);
    SHOW(n);
    SHOW(whole);
    lseek(dir, 0, SEEK_SET);
    TRY(syscall(SYS_readdir, dir, &one, 0));
    ut_say("%s at %lu, %u", one.name, one.offset, one.length);
    TRY(syscall(SYS_readdir, dir, NULL, 1));
    TRY(syscall(SYS_readdir, dir, &one, 7));
    ut_say("%s at %lu, %u", one.name, one.offset, one.length);
    close(dir);
    dir = open("link", O_PATH | O_NOFOLLOW);
    TRY(syscall(SYS_readdir, dir, &one, 1));
    close(dir);
    dir = open("/dev/null", O_RDONLY);
    TRY(syscall(SYS_readdir, dir, &one, 1));
    close(dir);
    TRY(syscall(SYS_readdir, -1, &one, 1));
    mkdir("gone", 0700);
    dir = open("gone", O_RDONLY);
    rmdir("gone");
    TRY(syscall(SYS_readdir, dir, &one, 1));
    close(dir);
    PART("while it changes");
    DIR *d = opendir(".");
    unsigned seen = 0;
    for (struct dirent *x; (x = readdir(d));) {
        seen++;
        if (x->d_type == DT_REG)
            unlink(x->d_name);
    }
    SHOW(seen);
    rewinddir(d);
    seen = 0;
    while (readdir(d))
        seen++;
    SHOW(seen);
    closedir(d);
    char buf[8];
    int fd = open(".", O_RDONLY), file = ut_file("f", 1);
    TRY(syscall(SYS_getdents64, fd, buf, sizeof buf));
    TRY(syscall(SYS_getdents64, file, buf, sizeof buf));
    close(fd);
    close(file);
    TRY(chdir(".."));
}

static void times(void)
{
    struct timespec t[2] = {{1000, 5}, {2000, 7}};
    struct stat st;

    PART("times and modes");
    close(ut_file("t", 1));
    TRY(utimensat(AT_FDCWD, "t", t, 0));
    stat("t", &st);
    ut_say("%lld %lld", (long long)st.st_atime, (long long)st.st_mtime);
    t[0].tv_nsec = UTIME_OMIT, t[1].tv_sec = 3000;
    TRY(utimensat(AT_FDCWD, "t", t, 0));
    stat("t", &st);
    ut_say("%lld %lld", (long long)st.st_atime, (long long)st.st_mtime);
    t[1].tv_nsec = 2000000000;
    TRY(utimensat(AT_FDCWD, "t", t, 0));
    int fd = open("t", O_WRONLY);
    write(fd, "x", 1);
    close(fd);
    stat("t", &st);
    SHOW(st.st_mtime > 1000000000);
    TRY(chmod("t", 04711));
    say_stat("t");
    SHOW(umask(077));
    close(open("u", O_CREAT | O_RDWR, 0666));
    say_stat("u");
    SHOW(umask(022));
    TRY(mkdir("m", 0777));
    say_stat("m");
    TRY(mknod("p", S_IFIFO | 0644, 0));
    say_stat("p");
}

static void devices(void)
{
    uint8_t buf[64];
    struct statfs fs;
    struct stat st;

    PART("devices");
    int null = open("/dev/null", O_RDWR), zero = open("/dev/zero", O_RDWR), full = open("/dev/full", O_RDWR);
    {
        int random = open("/dev/random", O_RDONLY), urandom = open("/dev/urandom", O_RDONLY),
            set = epoll_create1(0);
        struct pollfd p[] = {{.fd = random, .events = POLLIN | POLLOUT},
                             {.fd = urandom, .events = POLLIN | POLLOUT}};

        TRY(poll(p, 2, 0));
        /* Where Linux has only just begun it has no good bytes yet, and says that it takes some. */
        ut_say("random %d, urandom %#x", p[0].revents == POLLIN || p[0].revents == POLLOUT, p[1].revents);
        TRY(epoll_ctl(set, EPOLL_CTL_ADD, random, &(struct epoll_event){.events = EPOLLIN}));
        TRY(epoll_ctl(set, EPOLL_CTL_ADD, urandom, &(struct epoll_event){.events = EPOLLIN}));
        close(random);
        close(urandom);
        close(set);
    }
    TRY(read(null, buf, 10));
    TRY(write(null, buf, 10));
    memset(buf, 1, sizeof buf);
    TRY(read(zero, buf, 10));
    SHOW(ut_all(buf, 10, 0) && buf[10] == 1);
    TRY(write(zero, buf, 10));
    TRY(write(full, buf, 10));
    TRY(read(full, buf, 10));
    fstat(zero, &st);
    ut_say("zero is %s %u:%u", kind(st.st_mode), major(st.st_rdev), minor(st.st_rdev));
    uint8_t *p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, zero, 0);
    SHOW(ut_all(p, 2 * PAGE, 0));
    WRITE(p, 3);
    munmap(p, 2 * PAGE);
    p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, zero, 0);
    WRITE(p, 3);
    munmap(p, 2 * PAGE);
    TRY_AT(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, null, 0));
    int random = open("/dev/urandom", O_RDONLY);
    TRY(read(random, buf, 64));
    SHOW(!ut_all(buf, 64, buf[0]));
    TRY(ioctl(null, TIOCGWINSZ, buf));
    TRY(ioctl(1000, TIOCGWINSZ, buf));
    TRY(isatty(null) ? 1 : -1);
    statfs("/proc", &fs);
    SHOW(fs.f_type == 0x9fa0);
    TRY(statfs("/missing", &fs));
    for (int i = 3; i < 20; i++)
        close(i);
}

/* A number beyond a table is not another process's. */
static void beyond_the_table(void)
{
    PART("numbers beyond the largest");
    for (int size = 32; size <= 512; size *= 2) {
        pid_t pid[6];
        unsigned open_ones = 0;

        dup2(STDIN_FILENO, size - 1);
        /* Their tables are of the same size, and lie about this one's. */
        for (unsigned i = 0; i < 6; i++) {
            pid[i] = fork();
            if (pid[i] == 0)
                for (;;)
                    pause();
        }
        for (int fd = size; fd < size + 64; fd++)
            open_ones += fcntl(fd, F_GETFD) != -1;
        TRY(fcntl(size - 1, F_GETFD));
        TRY(fcntl(size, F_GETFD));
        SHOW(open_ones);
        for (unsigned i = 0; i < 6; i++) {
            kill(pid[i], SIGKILL);
            waitpid(pid[i], NULL, 0);
        }
        close(size - 1);
    }
    TRY(fcntl(-1, F_GETFD));
    TRY(fcntl(0x7fffffff, F_GETFD));
    TRY(fcntl((int)0x80000000, F_GETFD));
}

/* Files that are to have what others have: no file system here can do that. */
static void sharing(void)
{
    enum { CLONE = 0x40049409, CLONE_RANGE = 0x4020940d };
    const unsigned long dedupe = 0xc0189436;
    struct {
        int64_t fd;
        uint64_t offset, length, to;
    } range = {0, 0, 0, 0};
    struct {
        uint64_t offset, length;
        uint16_t count, reserved;
        uint32_t more;
        uint64_t info[8];
    } same = {0, 4096, 1, 0, 0, {0}};
    int a = ut_file("whole", 5000), b = open("other", O_RDWR | O_CREAT, 0600);
    int reads = open("whole", O_RDONLY), writes = open("other", O_WRONLY);
    int adds = open("other", O_RDWR | O_APPEND), dir = open(".", O_RDONLY), p[2];
    int far = open("/proc/self/stat", O_RDONLY), null = open("/dev/null", O_RDWR),
        path = open("whole", O_PATH);

    PART("files that share");
    pipe(p);
    TRY(ioctl(b, CLONE, a));
    TRY(ioctl(b, CLONE, -1));
    TRY(ioctl(b, CLONE, 77));
    TRY(ioctl(b, CLONE, path));
    TRY(ioctl(b, CLONE, writes));
    TRY(ioctl(b, CLONE, dir));
    TRY(ioctl(b, CLONE, far));
    TRY(ioctl(b, CLONE, p[0]));
    TRY(ioctl(reads, CLONE, b));
    TRY(ioctl(adds, CLONE, a));
    TRY(ioctl(dir, CLONE, a));
    TRY(ioctl(p[1], CLONE, p[0]));
    TRY(ioctl(null, CLONE, null));
    TRY(ioctl(dir, CLONE, dir));
    TRY(ioctl(path, CLONE, a));
    range.fd = a;
    TRY(ioctl(b, CLONE_RANGE, &range));
    range.fd = 77;
    TRY(ioctl(b, CLONE_RANGE, &range));
    TRY(ioctl(b, CLONE_RANGE, 8));
    same.info[0] = (unsigned)b;
    TRY(ioctl(a, dedupe, &same));
    TRY(ioctl(writes, dedupe, &same));
    TRY(ioctl(dir, dedupe, &same));
    TRY(ioctl(p[0], dedupe, &same));
    TRY(ioctl(p[1], dedupe, &same));
    TRY(ioctl(null, dedupe, &same));
    TRY(ioctl(a, dedupe, 8));
    same.count = 127;
    TRY(ioctl(a, dedupe, (uint8_t *)ut_map(1, PROT_READ | PROT_WRITE) + PAGE - 24));
    same.count = 0;
    TRY(ioctl(a, dedupe, &same));
    same.count = 128;
    TRY(ioctl(a, dedupe, &same));
    same.count = 1;
    same.reserved = 1;
    TRY(ioctl(dir, dedupe, &same));
    same.reserved = 0;
    same.more = 1;
    TRY(ioctl(writes, dedupe, &same));
    TRY(ioctl(a, dedupe, &same));
    close(a);
    close(b);
    close(reads);
    close(writes);
    close(adds);
    close(dir);
    close(far);
    close(null);
    close(path);
    close(p[0]);
    close(p[1]);
}

UT_PROGRAM(file)
{
    ut_workdir();
    open_flags();
    beyond_old();
    reading_and_writing();
    descriptors();
    asked();
    PART("random numbers");
    random_ones();
    ut_child("asked by another", asked_by_another);
    listing();
    times();
    sharing();
    devices();
    names();
    beyond_the_table();
}
