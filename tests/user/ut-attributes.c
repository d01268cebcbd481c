/* Attributes of files, as chattr sets them: what each forbids, to whom, and what takes them over. */
#include "tests/user/ut.h"
#include <dirent.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/xattr.h>

static int get(const char *name)
{
    int fd = open(name, O_RDONLY), flags = 0, rc = fd < 0 ? -1 : ioctl(fd, FS_IOC_GETFLAGS, &flags);

    close(fd);
    return rc ? -errno : flags;
}

static int set(const char *name, int flags)
{
    int fd = open(name, O_RDONLY), rc = fd < 0 ? -1 : ioctl(fd, FS_IOC_SETFLAGS, &flags), err = errno;

    close(fd);
    errno = err;
    return rc;
}

static void say_statx(const char *name)
{
    struct statx s;

    memset(&s, 0, sizeof s);
    syscall(SYS_statx, AT_FDCWD, name, AT_SYMLINK_NOFOLLOW, STATX_ALL, &s);
    ut_say("    statx %s: %llx of %llx", name, (unsigned long long)s.stx_attributes & 0x74,
           (unsigned long long)s.stx_attributes_mask & 0x74);
}

static int make(const char *name, mode_t mode)
{
    int fd = open(name, O_CREAT | O_EXCL | O_WRONLY, mode);

    (void)!write(fd, "contents", 8);
    close(fd);
    return fd < 0 ? -1 : 0;
}

static void say_open(const char *name, int flags, const char *what)
{
    int fd = open(name, flags, 0600);

    ut_say("    open %s: %s", what, fd < 0 ? ut_errno(errno) : "ok");
    close(fd);
}

/* What can be done with a file that has the flags; name and what hangs on it are made anew. */
static void try_file(int flags)
{
    static const struct timespec times[2] = {{1, 0}, {2, 0}};
    int before = open("file", O_RDWR), fd;
    char buf[16];
    void *p;

    TRY(set("file", flags));
    ut_say("    flags %x", get("file"));
    say_statx("file");
    say_open("file", O_RDONLY, "to read");
    say_open("file", O_WRONLY, "to write");
    say_open("file", O_RDWR | O_APPEND, "to append");
    say_open("file", O_WRONLY | O_APPEND | O_TRUNC, "to append and truncate");
    say_open("file", O_RDONLY | O_TRUNC, "to truncate");
    TRY(access("file", W_OK));
    TRY(truncate("file", 2));
    TRY(ftruncate(before, 4));
    TRY(write(before, "x", 1));
    TRY(fallocate(before, 0, 0, 100));
    TRY(fallocate(before, FALLOC_FL_KEEP_SIZE, 0, 8192));
    TRY(fallocate(before, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096));
    TRY(fcntl(before, F_SETFL, O_APPEND));
    TRY(chmod("file", 0640));
    TRY(fchmod(before, 0640));
    TRY(chown("file", 0, 0));
    TRY(chown("file", -1, -1));
    TRY(utimensat(AT_FDCWD, "file", times, 0));
    TRY(utimensat(AT_FDCWD, "file", NULL, 0));
    if (flags) { /* not all kernels keep attributes of programs there */
        TRY(setxattr("file", "user.a", "b", 1, 0));
        TRY(removexattr("file", "user.a"));
    }
    TRY(link("file", "second"));
    TRY(unlink("second"));
    TRY(rename("file", "third"));
    TRY(rename("third", "file"));
    TRY(rename("other", "file"));
    make("other", 0644);
    TRY(renameat2(AT_FDCWD, "file", AT_FDCWD, "other", RENAME_EXCHANGE));
    TRY(renameat2(AT_FDCWD, "file", AT_FDCWD, "other", RENAME_EXCHANGE));
    p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, before, 0);
    ut_say("    shared, to be written: %s", p == MAP_FAILED ? ut_errno(errno) : "ok");
    if (p != MAP_FAILED)
        TRY(madvise(p, PAGE, MADV_REMOVE));
    fd = open("file", O_RDONLY);
    p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
    ut_say("    shared, to be read: %s", p == MAP_FAILED ? ut_errno(errno) : "ok");
    p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    ut_say("    private: %s", p == MAP_FAILED ? ut_errno(errno) : "ok");
    TRY(pread(fd, buf, sizeof buf, 0) > 0);
    TRY(copy_file_range(fd, &(off64_t){0}, before, &(off64_t){100}, 1, 0));
    close(fd);
    fd = open("file", O_WRONLY | O_APPEND);
    if (fd >= 0) {
        TRY(fcntl(fd, F_SETFL, 0));
        TRY(fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK));
        TRY(write(fd, "more", 4));
        TRY(ftruncate(fd, 1));
        close(fd);
    }
    TRY(unlink("file"));
    TRY(set("file", 0));
    close(before);
    unlink("file");
    make("file", 0644);
}

static void try_directory(int flags)
{
    mkdir("dir", 0755);
    make("dir/old", 0644);
    mkdir("dir/below", 0755);
    TRY(set("dir", flags));
    say_statx("dir");
    TRY(make("dir/new", 0644));
    TRY(mkdir("dir/newdir", 0755));
    TRY(symlink("to", "dir/link"));
    TRY(link("file", "dir/second"));
    TRY(mknod("dir/fifo", S_IFIFO | 0644, 0));
    TRY(unlink("dir/old"));
    TRY(rmdir("dir/below"));
    TRY(rename("dir/old", "old"));
    TRY(rename("file", "dir/file"));
    TRY(rename("other", "dir/old"));
    say_open("dir/old", O_WRONLY | O_TRUNC, "a file in it");
    TRY(chmod("dir", 0700));
    TRY(rename("dir", "elsewhere"));
    TRY(rename("elsewhere", "dir"));
    TRY(rmdir("dir"));
    say_open("dir", O_TMPFILE | O_RDWR, "a file without a name");
    set("dir", 0);
    for (const char *const *n = (const char *const[]){"dir/new", "dir/link", "dir/second", "dir/fifo",
                                                      "dir/old", "dir/file", "old", NULL};
         *n; n++)
        unlink(*n);
    rmdir("dir/newdir");
    rmdir("dir/below");
    rmdir("dir");
    unlink("file");
    unlink("other");
    make("file", 0644);
    make("other", 0644);
}

static void inherited(void)
{
    PART("what is made in a directory");
    mkdir("dir", 0755);
    make("dir/before", 0644);
    TRY(set("dir", FS_NODUMP_FL | FS_NOATIME_FL | FS_APPEND_FL));
    make("dir/file", 0644);
    mkdir("dir/below", 0755);
    SHOW(get("dir/before"));
    SHOW(get("dir/file"));
    SHOW(get("dir/below"));
    TRY(set("dir", 0));
    SHOW(get("dir/below"));
    unlink("dir/file");
    unlink("dir/before");
    rmdir("dir/below");
    rmdir("dir");
}

static void times(void)
{
    struct timespec old[2] = {{1000, 0}, {2000, 0}};
    struct stat st;
    char c;
    int fd;

    PART("times of reading");
    for (int flags = 0; flags <= FS_NOATIME_FL; flags += FS_NOATIME_FL) {
        TRY(set("file", flags));
        utimensat(AT_FDCWD, "file", old, 0);
        fd = open("file", O_RDONLY);
        (void)!read(fd, &c, 1);
        fstat(fd, &st);
        ut_say("    %x: %s", flags, st.st_atime == 1000 ? "not kept" : "kept");
        close(fd);
    }
    set("file", 0);
}

static void others(void)
{
    static const int flags[] = {
        FS_SYNC_FL, FS_COMPR_FL, FS_EXTENT_FL, FS_DIRSYNC_FL, FS_IMMUTABLE_FL | FS_SYNC_FL, -1};
    int fd = open("file", O_RDONLY), p[2];
    struct fsxattr x;

    PART("other flags");
    for (unsigned i = 0; i < sizeof flags / sizeof *flags; i++)
        ut_say("    %x: %s", flags[i], set("file", flags[i]) ? ut_errno(errno) : "ok");
    TRY(ioctl(fd, FS_IOC_GETFLAGS, NULL));
    TRY(ioctl(fd, FS_IOC_SETFLAGS, NULL));
    TRY(ioctl(fd, FS_IOC_FSGETXATTR, NULL));
    TRY(ioctl(fd, FS_IOC_FSSETXATTR, NULL));
    PART("the other form");
    for (unsigned bit = 0; bit < 32; bit++) {
        memset(&x, 0, sizeof x);
        x.fsx_xflags = 1u << bit;
        ut_say("    bit %u: %s, %x", bit, ioctl(fd, FS_IOC_FSSETXATTR, &x) ? ut_errno(errno) : "ok",
               get("file"));
        x.fsx_xflags = 0;
        ioctl(fd, FS_IOC_FSSETXATTR, &x);
    }
    x = (struct fsxattr){.fsx_extsize = 4096};
    TRY(ioctl(fd, FS_IOC_FSSETXATTR, &x));
    x = (struct fsxattr){.fsx_cowextsize = 4096};
    TRY(ioctl(fd, FS_IOC_FSSETXATTR, &x));
    x = (struct fsxattr){.fsx_projid = 1};
    TRY(ioctl(fd, FS_IOC_FSSETXATTR, &x));
    x = (struct fsxattr){.fsx_nextents = 7};
    TRY(ioctl(fd, FS_IOC_FSSETXATTR, &x));
    set("file", FS_APPEND_FL | FS_NODUMP_FL | FS_NOATIME_FL | FS_IMMUTABLE_FL);
    memset(&x, 0xFF, sizeof x);
    TRY(ioctl(fd, FS_IOC_FSGETXATTR, &x));
    ut_say("    %x %u %u %u %u %x", x.fsx_xflags, x.fsx_extsize, x.fsx_nextents, x.fsx_projid,
           x.fsx_cowextsize, x.fsx_pad[7]);
    set("file", 0);
    close(fd);
    PART("other files");
    fd = open("/dev/null", O_RDONLY);
    TRY(ioctl(fd, FS_IOC_GETFLAGS, &p));
    close(fd);
    fd = open("/proc/self/stat", O_RDONLY);
    TRY(ioctl(fd, FS_IOC_GETFLAGS, &p));
    TRY(ioctl(fd, FS_IOC_SETFLAGS, &p));
    close(fd);
    (void)!pipe(p);
    TRY(ioctl(p[0], FS_IOC_GETFLAGS, &fd));
    close(p[0]);
    close(p[1]);
    fd = (int)syscall(SYS_memfd_create, "memory", 0);
    p[0] = -1;
    TRY(ioctl(fd, FS_IOC_GETFLAGS, &p));
    SHOW(p[0]);
    p[0] = FS_APPEND_FL;
    TRY(ioctl(fd, FS_IOC_SETFLAGS, &p));
    TRY(ftruncate(fd, 10));
    close(fd);
    mkfifo("fifo", 0600);
    fd = open("fifo", O_RDONLY | O_NONBLOCK);
    TRY(ioctl(fd, FS_IOC_GETFLAGS, &p));
    close(fd);
    unlink("fifo");
}

static void as_user(void)
{
    TRY(setresuid(1000, 1000, 1000));
    TRY(set("file", FS_NODUMP_FL)); /* it is root's */
    TRY(set("own", FS_NODUMP_FL));
    TRY(set("own", FS_NODUMP_FL | FS_IMMUTABLE_FL));
    TRY(set("own", FS_APPEND_FL));
    TRY(set("own", FS_SYNC_FL));
    TRY(set("own", FS_SYNC_FL | FS_APPEND_FL));
    SHOW(get("own"));
}

UT_PROGRAM(attributes)
{
    ut_workdir();
    chmod(".", 0777);
    make("file", 0644);
    make("other", 0644);
    PART("none");
    try_file(0);
    make("file", 0644);
    PART("immutable");
    try_file(FS_IMMUTABLE_FL);
    PART("append-only");
    try_file(FS_APPEND_FL);
    PART("both, and no dump");
    try_file(FS_APPEND_FL | FS_IMMUTABLE_FL | FS_NODUMP_FL);
    PART("an immutable directory");
    try_directory(FS_IMMUTABLE_FL);
    PART("an append-only directory");
    try_directory(FS_APPEND_FL);
    inherited();
    times();
    others();
    make("own", 0644);
    (void)!chown("own", 1000, 1000);
    ut_child("a user", as_user);
}
