/* What mount(2)'s flags and tmpfs's options do. */
#include "tests/user/ut.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <utime.h>

#define AT "m"

static int tmpfs(unsigned long flags, const char *options)
{
    return mount("none", AT, "tmpfs", flags, options);
}

/* The options that /proc/mounts shows of ours; Linux for 64 bits says one word more. */
static void show_mount(void)
{
    char line[512], here[256] = "", *options = NULL;
    FILE *f = fopen("/proc/mounts", "r");

    if (getcwd(here, sizeof here - 3))
        strcat(here, "/" AT);
    while (f && fgets(line, sizeof line, f)) {
        char *where = strchr(line, ' ');

        if (where && strncmp(where + 1, here, strlen(here)) == 0 && where[1 + strlen(here)] == ' ')
            options = strdup(where + 1 + strlen(here));
    }
    if (f)
        fclose(f);
    if (options && strstr(options, ",inode64"))
        memmove(strstr(options, ",inode64"), strstr(options, ",inode64") + 8,
                strlen(strstr(options, ",inode64") + 8) + 1);
    ut_say("mounted:%.*s", options ? (int)strcspn(options, "\n") : 5, options ? options : " not");
    free(options);
}

static void show_statfs(void)
{
    struct statfs s;

    if (statfs(AT, &s) == 0)
        ut_say("statfs: flags %#lx, %llu blocks, %llu free, %llu files, %llu free", (unsigned long)s.f_flags,
               (unsigned long long)s.f_blocks, (unsigned long long)s.f_bfree, (unsigned long long)s.f_files,
               (unsigned long long)s.f_ffree);
}

static void show_root(void)
{
    struct stat st;

    if (stat(AT, &st) == 0)
        ut_say("root: mode %o of %u:%u", st.st_mode, st.st_uid, st.st_gid);
}

static void mounted(unsigned long flags, const char *options)
{
    ut_say("mount %#lx %s: %s", flags, options ? options : "-",
           tmpfs(flags, options) == 0 ? "0" : ut_errno(errno));
    show_mount();
}

static void leave(void)
{
    TRY(umount(AT));
}

static void numbers(void)
{
    static const char *const bad[] = {"size=",  "size=x", "size=4x", "size=-1",      "nr_inodes=x", "mode=9",
                                      "mode=x", "uid=x",  "gid=",    "foo",          "foo=1",       "size",
                                      "mode",   "uid=-1", "ro=1",    "size=64k,foo", "=",           "=1"};
    char name[16];
    int fd;

    PART("numbers");
    mounted(0, "size=64k,nr_inodes=10,mode=700,uid=5,gid=6");
    show_root();
    show_statfs();
    fd = open(AT "/file", O_RDWR | O_CREAT, 0600);
    static uint8_t bytes[20 * PAGE];
    SHOW(write(fd, bytes, sizeof bytes));
    TRY(write(fd, bytes, 1));
    show_statfs();
    close(fd);
    unlink(AT "/file");
    for (int i = 0; i < 12; i++) {
        snprintf(name, sizeof name, AT "/%d", i);
        if (mknod(name, S_IFREG | 0600, 0) != 0) {
            ut_say("file %d: %s", i, ut_errno(errno));
            break;
        }
    }
    show_statfs();
    PART("changed");
    mounted(MS_REMOUNT, "size=128k");
    mounted(MS_REMOUNT, "nr_inodes=5");
    mounted(MS_REMOUNT, "nr_inodes=11,mode=755,uid=1,gid=2");
    show_root();
    mounted(MS_REMOUNT, "foo=1");
    mounted(MS_REMOUNT, "size=64k,bar");
    mounted(MS_REMOUNT, NULL);
    mounted(MS_REMOUNT, "");
    leave();
    PART("forms");
    mounted(0, "size=1m");
    leave();
    mounted(0, "size=5000,nr_inodes=1k");
    leave();
    mounted(0, "nr_blocks=7");
    leave();
    mounted(0, ",size=64K,,mode=0,");
    show_root();
    leave();
    mounted(0, "mode=1777,uid=0");
    leave();
    mounted(0, "mode=17777");
    show_root();
    leave();
    mounted(0, "rw,sync,huge=never");
    leave();
    PART("refused");
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        int r = tmpfs(0, bad[i]);

        ut_say("%s: %s", bad[i], r ? ut_errno(errno) : "0");
        if (r == 0)
            umount(AT);
    }
}

/* Numbers in other bases, ids that are none, and what means no limit. */
static void more_numbers(void)
{
    static const char *const options[] = {
        "uid=65536,gid=0x10", "uid=010,gid=0X1f", "uid=4294967294", "uid=4294967295", "gid=0xffffffff",
        "gid=4294967296",     "mode=0x1ff",       "mpol=default",   "size=0",         "nr_inodes=0",
        "nr_blocks=0",        "size=0x2000",      "size=010000",    "source=abc",     "noexec"};

    PART("more numbers");
    for (unsigned i = 0; i < sizeof options / sizeof *options; i++) {
        mounted(0, options[i]);
        show_root();
        umount(AT);
    }
    PART("what has no limit gets none");
    mounted(0, "size=0,nr_inodes=0");
    mounted(MS_REMOUNT, "size=8k");
    mounted(MS_REMOUNT, "nr_inodes=8");
    mounted(MS_REMOUNT, "size=0");
    leave();
    mounted(0, "size=8k");
    mounted(MS_REMOUNT, "size=0");
    mounted(MS_REMOUNT, "size=8k");
    leave();
}

static void show_line(const char *what, const char *source)
{
    char line[1024];
    FILE *f = fopen("/proc/mounts", "r");
    bool seen = false;

    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, source, strlen(source)) == 0) {
            char *at = strstr(line, "/ut-"), *end = at ? strstr(at, " tmpfs ") : NULL;

            ut_say("%s: %.*s ... %.*s", what, (int)strcspn(line, "/") - 1, line,
                   end ? (int)(end - at - 10) : 0, at ? at + 10 : "");
            seen = true;
        }
    if (f)
        fclose(f);
    if (!seen)
        ut_say("%s: no such line", what);
}

static void names(void)
{
    char deep[200];

    PART("names that would end a word, and long ones");
    TRY(mount("a b\tc\\d\ne#f", AT, "tmpfs", 0, "size=4k"));
    show_line("escaped", "a");
    leave();
    TRY(mount("", AT, "tmpfs", 0, "size=4k"));
    show_line("empty", " ");
    leave();
    memset(deep, 'x', sizeof deep);
    deep[199] = '\0';
    TRY(mkdir(deep, 0700));
    TRY(mkdir("a b", 0700));
    TRY(mount(deep, deep, "tmpfs", 0, "size=4k"));
    show_line("long", "xxx");
    TRY(umount(deep));
    TRY(mkdir("a b/c#\nd", 0700));
    TRY(mount("odd", "a b/c#\nd", "tmpfs", 0, "size=4k"));
    show_line("odd", "odd");
    TRY(rename("a b", "other"));
    show_line("moved", "odd");
    pid_t pid = fork();
    if (pid == 0) {
        mkdir("other/proc", 0700);
        TRY(mount("none", "other/proc", "proc", 0, NULL));
        TRY(chroot("other"));
        FILE *f = fopen("/proc/mounts", "r");
        char line[512];
        while (f && fgets(line, sizeof line, f))
            if (strstr(line, " tmpfs "))
                ut_say("below its root: %.*s", (int)(strstr(line, " tmpfs ") - line), line);
        fclose(f);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    TRY(umount("other/proc"));
    TRY(umount("other/c#\nd"));
}

static void ends(void)
{
    int file = open("outside", O_RDWR | O_CREAT, 0600), nameless = open(".", O_RDWR | O_TMPFILE, 0600);
    int memory = memfd_create("m", 0), removed = open("removed", O_RDWR | O_CREAT, 0600);
    char name[4][32];

    PART("what nothing can be mounted on");
    unlink("removed");
    snprintf(name[0], sizeof name[0], "/proc/self/fd/%d", file);
    snprintf(name[1], sizeof name[1], "/proc/self/fd/%d", nameless);
    snprintf(name[2], sizeof name[2], "/proc/self/fd/%d", memory);
    snprintf(name[3], sizeof name[3], "/proc/self/fd/%d", removed);
    for (unsigned i = 0; i < 4; i++) {
        TRY(mount("none", name[i], "tmpfs", 0, NULL));
        TRY(mount("none", name[i], "tmpfs", 0, "foo=1"));
        TRY(mount("none", name[i], "nosuch", 0, NULL));
    }
    TRY(mount("none", "outside", "tmpfs", 0, NULL));
    TRY(mount("none", "/proc/self/stat", "tmpfs", 0, NULL));
    TRY(mount("none", AT, "tmpfs", 1ul << 31, NULL));
    TRY(mount("none", AT, "tmpfs", 0xc0ed0000, "size=4k"));
    leave();
    close(file);
    close(nameless);
    close(memory);
    close(removed);
}

#ifndef MS_NOSYMFOLLOW
#define MS_NOSYMFOLLOW 256
#endif

static void no_links(void)
{
    PART("links are not followed");
    mounted(MS_NOSYMFOLLOW, "size=64k,nr_inodes=50");
    show_statfs();
    close(open(AT "/file", O_RDWR | O_CREAT, 0600));
    mkdir(AT "/dir", 0700);
    TRY(symlink("file", AT "/link"));
    TRY(symlink("dir", AT "/way"));
    TRY(access(AT "/link", F_OK));
    TRY(access(AT "/way/..", F_OK));
    TRY(access(AT "/file", F_OK));
    TRY(open(AT "/link", O_RDONLY | O_NOFOLLOW));
    TRY(open(AT "/link", O_RDWR | O_CREAT, 0600));
    TRY(readlink(AT "/link", (char[8]){0}, 8));
    TRY(lchown(AT "/link", 0, 0));
    TRY(unlink(AT "/link"));
    TRY(symlink(AT "/file", "outer"));
    TRY(access("outer", F_OK));
    mounted(MS_REMOUNT, NULL);
    TRY(access(AT "/way/..", F_OK));
    leave();
}

static void show_open(const char *name, int flags)
{
    int fd = open(name, flags, 0600);

    ut_say("open %s %#x: %s", name, flags, fd < 0 ? ut_errno(errno) : "done");
    if (fd >= 0)
        close(fd);
}

static void changes(void)
{
    struct utimbuf t = {1, 2};
    int fd = open(AT "/file", O_RDONLY);
    char text[8];

    show_open(AT "/file", O_RDONLY);
    show_open(AT "/file", O_WRONLY);
    show_open(AT "/file", O_RDWR);
    show_open(AT "/file", 3);
    show_open(AT "/file", O_RDONLY | O_TRUNC);
    show_open(AT "/file", O_RDONLY | O_CREAT);
    show_open(AT "/file", O_RDWR | O_CREAT | O_EXCL);
    show_open(AT "/none", O_RDWR | O_CREAT);
    show_open(AT "/none", O_RDWR);
    show_open(AT "/fifo", O_RDWR);
    show_open(AT "/dev", O_RDWR);
    show_open(AT "/dir", O_RDONLY | O_DIRECTORY);
    show_open(AT "/dir", O_RDWR);
    show_open(AT "/dir", O_RDWR | O_TMPFILE);
    TRY(mkdir(AT "/new", 0700));
    TRY(mkdir(AT "/dir", 0700));
    TRY(mknod(AT "/new", S_IFIFO | 0600, 0));
    TRY(symlink("x", AT "/new"));
    TRY(symlink("x", AT "/file"));
    TRY(link(AT "/file", AT "/new"));
    TRY(link("outside", AT "/new"));
    TRY(link(AT "/file", "inside"));
    TRY(unlink(AT "/file"));
    TRY(unlink(AT "/none"));
    TRY(unlink(AT "/dir"));
    TRY(rmdir(AT "/dir"));
    TRY(rmdir(AT "/none"));
    TRY(rename(AT "/file", AT "/new"));
    TRY(rename(AT "/none", AT "/new"));
    TRY(rename(AT "/file", "elsewhere"));
    TRY(rename("outside", AT "/new"));
    TRY(chmod(AT "/file", 0600));
    TRY(fchmod(fd, 0600));
    TRY(chown(AT "/file", 0, 0));
    TRY(chown(AT "/file", -1, -1));
    TRY(fchown(fd, 0, 0));
    TRY(utime(AT "/file", &t));
    TRY(utimensat(AT_FDCWD, AT "/file", (struct timespec[]){{0, UTIME_OMIT}, {0, UTIME_OMIT}}, 0));
    TRY(truncate(AT "/file", 0));
    TRY(truncate(AT "/dir", 0));
    TRY(access(AT "/file", R_OK));
    TRY(access(AT "/file", W_OK));
    TRY(access(AT "/file", X_OK));
    TRY(access(AT "/dir", W_OK));
    TRY(access(AT "/fifo", W_OK));
    TRY(access(AT "/dev", W_OK));
    SHOW(read(fd, text, 4));
    TRY_AT(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    TRY_AT(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
    close(fd);
}

static void read_only(void)
{
    uint8_t *p;
    int fd, status;

    PART("read-only");
    close(open("outside", O_RDWR | O_CREAT, 0600));
    mounted(0, "size=64k,nr_inodes=100");
    fd = open(AT "/file", O_RDWR | O_CREAT, 0755);
    SHOW(write(fd, "text", 4));
    close(fd);
    mkdir(AT "/dir", 0755);
    mkfifo(AT "/fifo", 0600);
    mknod(AT "/dev", S_IFCHR | 0600, makedev(1, 3));
    mounted(MS_REMOUNT | MS_RDONLY, NULL);
    show_statfs();
    changes();
    PART("writers keep it so");
    mounted(MS_REMOUNT, NULL);
    fd = open(AT "/file", O_RDWR);
    mounted(MS_REMOUNT | MS_RDONLY, NULL);
    p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    mounted(MS_REMOUNT | MS_RDONLY, NULL);
    munmap(p, PAGE);
    fd = open(AT "/file", O_RDONLY);
    mounted(MS_REMOUNT | MS_RDONLY, NULL);
    close(fd);
    mounted(MS_REMOUNT, NULL);
    fd = open(AT "/gone", O_RDWR | O_CREAT, 0600);
    unlink(AT "/gone");
    mounted(MS_REMOUNT | MS_RDONLY, NULL);
    close(fd);
    fd = open(AT "/gone", O_RDONLY | O_CREAT, 0600);
    unlink(AT "/gone");
    mounted(MS_REMOUNT | MS_RDONLY, NULL);
    close(fd);
    fd = open(AT "/dev", O_RDWR);
    mounted(MS_REMOUNT | MS_RDONLY, NULL);
    close(fd);
    PART("by a word, or by a flag");
    mounted(MS_REMOUNT, "rw");
    fd = open(AT "/file", O_RDWR);
    mounted(MS_REMOUNT, "ro");
    close(fd);
    mounted(MS_REMOUNT, "ro");
    show_statfs();
    show_open(AT "/file", O_RDWR);
    mounted(MS_REMOUNT | MS_RDONLY, "rw");
    show_open(AT "/file", O_RDWR);
    mounted(MS_REMOUNT | MS_BIND, NULL);
    show_open(AT "/file", O_RDWR);
    mounted(MS_REMOUNT, "ro");
    mounted(MS_REMOUNT | MS_BIND, NULL);
    show_open(AT "/file", O_RDWR);
    mounted(MS_REMOUNT, NULL);
    mounted(MS_REMOUNT | MS_BIND | MS_RDONLY, NULL);
    show_open(AT "/file", O_RDWR);
    mounted(MS_REMOUNT | MS_RDONLY, NULL);
    pid_t pid = fork();
    if (pid == 0)
        _exit(execl(AT "/file", "file", NULL) != 0 && errno == ENOEXEC);
    waitpid(pid, &status, 0);
    ut_say("%s", ut_status(status));
    leave();
    mounted(MS_RDONLY, "size=64k");
    show_open(AT "/new", O_RDWR | O_CREAT);
    leave();
    mounted(0, "ro,dirsync");
    mounted(MS_REMOUNT, "rw,sync");
    mounted(MS_REMOUNT, "ro=0");
    mounted(MS_REMOUNT, "async");
    leave();
}

static void copy_self(const char *to)
{
    int in = open("/proc/self/exe", O_RDONLY), out = open(to, O_WRONLY | O_CREAT, 0755);
    static char part[1 << 16];
    ssize_t n;

    while ((n = read(in, part, sizeof part)) > 0)
        write(out, part, (size_t)n);
    close(in);
    close(out);
}

/* What becomes of executing it: it ends with 17, if it is executed. */
static void run(const char *path)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        close(1);
        close(2);
        open("/dev/null", O_WRONLY);
        open("/dev/null", O_WRONLY);
        execl(path, path, "exec-thread", NULL);
        _exit(errno == EACCES ? 100 : 101);
    }
    waitpid(pid, &status, 0);
    ut_say("%s: %s", path, ut_status(status));
}

static void no_exec(void)
{
    uint8_t *p;
    int fd;

    PART("nothing executed, no devices, no set-id");
    mounted(MS_NOEXEC | MS_NODEV | MS_NOSUID, "size=8m,nr_inodes=50");
    show_statfs();
    copy_self(AT "/self");
    fd = open(AT "/script", O_WRONLY | O_CREAT, 0755);
    SHOW(write(fd, "#!" AT "/self\n", 9));
    close(fd);
    run(AT "/self");
    run(AT "/script");
    TRY(access(AT "/self", X_OK));
    TRY(access(AT, X_OK));
    fd = open(AT "/self", O_RDONLY);
    TRY_AT(mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0));
    TRY_AT(mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0));
    p = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
    TRY(mprotect(p, PAGE, PROT_READ | PROT_EXEC));
    TRY(mprotect(p, PAGE, PROT_READ | PROT_WRITE));
    TRY(mprotect(p, PAGE, PROT_READ));
    ut_say("%s", ut_maps(p, PAGE));
    munmap(p, PAGE);
    close(fd);
    TRY(mknod(AT "/null", S_IFCHR | 0600, makedev(1, 3)));
    show_open(AT "/null", O_RDONLY);
    show_open(AT "/null", O_RDWR);
    show_open(AT "/null", O_PATH);
    mounted(MS_REMOUNT, NULL);
    show_open(AT "/null", O_RDWR);
    run(AT "/self");
    mounted(MS_REMOUNT | MS_NOEXEC | MS_NOATIME, NULL);
    mounted(MS_REMOUNT | MS_NODIRATIME, NULL);
    mounted(MS_REMOUNT | MS_STRICTATIME, NULL);
    mounted(MS_REMOUNT | MS_NODEV, NULL);
    mounted(MS_REMOUNT | MS_RELATIME, NULL);
    mounted(MS_REMOUNT | MS_SYNCHRONOUS | MS_DIRSYNC, NULL);
    mounted(MS_REMOUNT | MS_BIND | MS_RDONLY, "size=1x");
    show_open(AT "/new", O_RDWR | O_CREAT);
    leave();
}

/* Whether reading moves the time of access, as old as it is, or the change, now is. */
static void reads(const char *what, const char *path, int flags, bool old_access, bool old_change)
{
    struct timespec t[2] = {{old_access ? 1000 : time(NULL) - 7200, 5},
                            {old_change ? 500 : time(NULL) - 3600, 5}};
    struct stat st;
    char byte;
    int fd;

    utimensat(AT_FDCWD, path, t, 0);
    fd = open(path, flags);
    if (fd >= 0 && flags & O_DIRECTORY) {
        char names[512];

        syscall(SYS_getdents64, fd, names, sizeof names);
    } else if (fd >= 0) {
        read(fd, &byte, 1);
    }
    close(fd);
    stat(path, &st);
    ut_say("%s, read %s, changed %s: %s", what, old_access ? "long ago" : "today",
           old_change ? "long ago" : "after it", st.st_atim.tv_nsec == 5 ? "as it was" : "moved");
}

static void times(void)
{
    static const struct {
        unsigned long flags;
        const char *name;
    } kind[] = {{0, "relatime"},
                {MS_NOATIME, "noatime"},
                {MS_NODIRATIME, "nodiratime"},
                {MS_STRICTATIME, "strictatime"},
                {MS_STRICTATIME | MS_NODIRATIME, "both"}};

    PART("times of access");
    for (unsigned i = 0; i < sizeof kind / sizeof *kind; i++) {
        mounted(kind[i].flags, NULL);
        int fd = open(AT "/file", O_WRONLY | O_CREAT, 0600);
        write(fd, "text", 4);
        close(fd);
        mkdir(AT "/dir", 0700);
        mkdir(AT "/dir/in", 0700);
        for (int old = 0; old < 4; old++) {
            reads(kind[i].name, AT "/file", O_RDONLY, old & 1, old & 2);
            reads("directory", AT "/dir", O_RDONLY | O_DIRECTORY, old & 1, old & 2);
        }
        reads("not to be known", AT "/file", O_RDONLY | O_NOATIME, true, true);
        leave();
    }
}

/* What a mount stands on cannot be renamed, or renamed to; that it is a directory matters first. */
static void renamed(void)
{
    static const char *const names[] = {"f", "d", AT, "missing"};

    PART("renamed");
    close(open("f", O_RDWR | O_CREAT, 0600));
    mkdir("d", 0700);
    TRY(tmpfs(0, NULL));
    for (unsigned i = 0; i < 4; i++)
        for (unsigned k = 0; k < 4; k++)
            for (unsigned flags = 0; flags <= 2; flags++) {
                if (strcmp(names[i], AT) != 0 && strcmp(names[k], AT) != 0)
                    continue;
                ut_say("%s to %s, flags %u", names[i], names[k], flags);
                TRY(syscall(SYS_renameat2, AT_FDCWD, names[i], AT_FDCWD, names[k], flags));
            }
    TRY(umount(AT));
    unlink("f");
    rmdir("d");
}

/* Who looks at /proc/mounts is told of each change once. */
static void watched(void)
{
    struct pollfd p = {.fd = open("/proc/self/mounts", O_RDONLY), .events = POLLIN | POLLPRI},
                  i = {.fd = open("/proc/self/mountinfo", O_RDONLY), .events = POLLPRI};
    struct epoll_event wanted = {.events = EPOLLPRI}, got = {0};
    int set = epoll_create1(0), status;
    pid_t pid;

    PART("watched");
    TRY(epoll_ctl(set, EPOLL_CTL_ADD, i.fd, &wanted));
    TRY(poll(&p, 1, 0));
    SHOW(p.revents);
    if (tmpfs(0, NULL) != 0) {
        ut_say("mount: %s", ut_errno(errno));
        return;
    }
    TRY(poll(&p, 1, 0));
    SHOW(p.revents);
    TRY(poll(&p, 1, 0));
    SHOW(p.revents);
    TRY(epoll_wait(set, &got, 1, 0));
    SHOW(got.events);
    TRY(epoll_wait(set, &got, 1, 0));
    TRY(mount("none", AT, NULL, MS_REMOUNT | MS_BIND | MS_NOEXEC, NULL));
    TRY(poll(&p, 1, 0));
    SHOW(p.revents);
    pid = fork();
    if (!pid) {
        usleep(50000);
        _exit(umount(AT) != 0);
    }
    p.events = POLLPRI;
    TRY(poll(&p, 1, 10000));
    SHOW(p.revents);
    waitpid(pid, &status, 0);
    ut_say("who took it away: %s", ut_status(status));
    close(set);
    close(p.fd);
    close(i.fd);
}

UT_PROGRAM(mount)
{
    ut_workdir();
    mkdir(AT, 0700);
    numbers();
    more_numbers();
    names();
    ends();
    no_links();
    read_only();
    no_exec();
    times();
    renamed();
    watched();
}
