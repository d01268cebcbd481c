/*
 * Mounts and those who are inside: what keeps one busy, what becomes of users when it goes all the same, and
 * walks while it goes.
 *
 *     mounts DIRECTORY [ROUNDS]        where this may mount; made if it is not there
 *
 * It changes mounts, so it is for a machine of its own. All of it holds on Linux too (see
 * tools/linux-i386). Says "mounts: ok: ..." or "mounts: FAILED: ..." for each thing, and exits with the
 * number that failed.
 */
#include "tests/user/check.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE        4096u
#define TMPFS_MAGIC 0x01021994
#define PAGEOUT     21 /* MADV_PAGEOUT */
#define PAGES       32u
#define RW          (PROT_READ | PROT_WRITE)

static const char *where;

/* A call's result: 0, or this errno. */
static void expect(int want, long rc, const char *what)
{
    int err = rc < 0 ? errno : 0;

    check(err == want, "%s: %s", what, err ? strerror(err) : "done");
}

static const char *in(const char *name)
{
    static char path[2][256];
    static unsigned turn;

    turn = !turn;
    snprintf(path[turn], sizeof path[turn], "%s/%s", where, name);
    return path[turn];
}

static int mount_here(const char *at)
{
    return mount("tmpfs", at, "tmpfs", 0, NULL);
}

static int unmount(unsigned flags)
{
    return umount2(where, (int)flags);
}

static int make_file(const char *name, size_t size)
{
    static char block[PAGE];
    int fd = open(in(name), O_RDWR | O_CREAT, 0600);

    memset(block, 'x', sizeof block);
    for (; size; size -= sizeof block)
        if (write(fd, block, sizeof block) != (ssize_t)sizeof block)
            return -1;
    return fd;
}

/* --- what keeps a mount busy --- */

static void busy(void)
{
    int fd, dir;
    uint8_t *p;
    pid_t child;
    int told[2];

    expect(EINVAL, unmount(0), "unmounting what is no mount");
    expect(0, mount_here(where), "mounting");
    expect(0, unmount(0), "unmounting");
    expect(EINVAL, unmount(0), "and again");

    mount_here(where);
    fd = make_file("file", PAGE);
    expect(EBUSY, unmount(0), "with an open file");
    p = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0);
    close(fd);
    expect(EBUSY, unmount(0), "with a mapped file");
    unlink(in("file"));
    expect(EBUSY, unmount(0), "with a mapped file that has no name");
    munmap(p, PAGE);
    expect(EBUSY, (fd = open(in("other"), O_RDWR | O_CREAT, 0600), unlink(in("other")), unmount(0)),
           "with an open file that has no name");
    close(fd);
    mkdir(in("d"), 0700);
    dir = open(in("d"), O_RDONLY | O_DIRECTORY);
    rmdir(in("d"));
    expect(EBUSY, unmount(0), "with an open directory that is removed");
    close(dir);
    fd = open(where, O_PATH);
    expect(EBUSY, unmount(0), "with a descriptor of O_PATH");
    close(fd);
    mkdir(in("d"), 0700);
    mount_here(in("d"));
    expect(EBUSY, unmount(0), "with a mount inside");
    umount(in("d"));
    mount_here(where);
    expect(0, unmount(0), "the upper one of two");
    expect(0, chdir(where), "going there");
    expect(EBUSY, unmount(0), "with a current directory");
    expect(EBUSY, umount("."), "of the one that is unmounted");
    chdir("/");
    if (pipe(told))
        return;
    child = fork();
    if (child == 0) {
        char c;

        close(told[1]);
        _exit(chroot(where) || chdir("/") || read(told[0], &c, 1) != 0);
    }
    usleep(100000);
    expect(EBUSY, unmount(0), "with a root");
    close(told[1]);
    waitpid(child, NULL, 0);
    close(told[0]);
    expect(0, unmount(0), "with nobody");
}

/* --- a mount that goes with users inside --- */

static void detached(void)
{
    struct statfs s = {0};
    struct stat st;
    char path[64] = "", c = 0;
    int fd, dir;
    uint8_t *p;

    mount_here(where);
    fd = make_file("file", 2 * PAGE);
    p = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 0);
    mkdir(in("d"), 0700);
    mkdir(in("e"), 0700);
    mount_here(in("e"));
    close(open(in("e/inner"), O_RDWR | O_CREAT, 0600));
    dir = open(in("d"), O_RDONLY | O_DIRECTORY);
    expect(0, chdir(in("d")), "going inside");
    expect(0, unmount(MNT_DETACH), "detaching it with users");
    expect(EINVAL, unmount(MNT_DETACH), "and again");
    expect(ENOENT, access(in("file"), F_OK), "its file's path");
    check(lseek(fd, 0, SEEK_SET) == 0 && read(fd, &c, 1) == 1 && c == 'x', "its file can be read");
    check(p[PAGE] == 'x', "its mapping too");
    check(fstatfs(fd, &s) == 0 && s.f_type == TMPFS_MAGIC, "fstatfs: type %lx", (long)s.f_type);
    expect(0, openat(dir, "new", O_RDWR | O_CREAT, 0600) < 0 ? -1 : 0, "making a file in it");
    check(openat(dir, "../file", O_RDONLY) >= 0, "the way up inside it");
    check(openat(dir, "../../file", O_RDONLY) >= 0, "ends at its root");
    expect(ENOENT, openat(dir, "../e/inner", O_RDONLY), "what was mounted on it is not there");
    syscall(SYS_getcwd, path, sizeof path);
    check(strcmp(path, "(unreachable)/d") == 0, "the current directory is %s", path);
    expect(EINVAL, mount_here("."), "mounting inside it");
    expect(0, mkdirat(dir, "g", 0700), "making a directory in it");
    chdir("/");
    for (int n = 3; n < 32; n++) /* all of its files: it ends, but for the mapping */
        close(n);
    check(p[0] == 'x' && p[PAGE] == 'x', "the mapping, when all else has gone");
    p[0] = 'y';
    munmap(p, 2 * PAGE);
    check(stat(where, &st) == 0 && st.st_nlink >= 2, "the directory below is there");

    mount_here(where);
    expect(0, unmount(MNT_DETACH), "detaching it without users");
    expect(EINVAL, unmount(0), "and it is gone");
}

static void expiring(void)
{
    mount_here(where);
    expect(EINVAL, unmount(MNT_EXPIRE | MNT_DETACH), "expiring and detaching");
    expect(EINVAL, unmount(MNT_EXPIRE | MNT_FORCE), "expiring by force");
    expect(EAGAIN, unmount(MNT_EXPIRE), "expiring for the first time");
    close(open(in("file"), O_RDWR | O_CREAT, 0600));
    expect(EAGAIN, unmount(MNT_EXPIRE), "after a use");
    expect(0, unmount(MNT_EXPIRE), "for the second time");
    mount_here(where);
    close(3);
    int fd = open(where, O_RDONLY);
    expect(EBUSY, unmount(MNT_EXPIRE), "with a user");
    close(fd);
    unmount(0);
}

static void names(void)
{
    char link_path[64];
    int fd;

    mount_here(where);
    mkdir(in("d"), 0700);
    chdir(in("d"));
    rmdir(in("d"));
    expect(ENOENT, mount_here("."), "mounting on a directory that is removed");
    chdir("/");
    fd = make_file("file", PAGE);
    snprintf(link_path, sizeof link_path, "/proc/self/fd/%d", fd);
    unlink(in("file"));
    expect(ENOENT, linkat(AT_FDCWD, link_path, AT_FDCWD, in("again"), AT_SYMLINK_FOLLOW),
           "a name for a file that has lost its last");
    close(fd);
    fd = open(where, O_TMPFILE | O_RDWR, 0600);
    snprintf(link_path, sizeof link_path, "/proc/self/fd/%d", fd);
    expect(0, linkat(AT_FDCWD, link_path, AT_FDCWD, in("first"), AT_SYMLINK_FOLLOW),
           "a name for a file that never had one");
    close(fd);
    fd = open(where, O_TMPFILE | O_EXCL | O_RDWR, 0600);
    snprintf(link_path, sizeof link_path, "/proc/self/fd/%d", fd);
    expect(ENOENT, linkat(AT_FDCWD, link_path, AT_FDCWD, in("second"), AT_SYMLINK_FOLLOW),
           "a name for one that is to have none");
    close(fd);
    expect(0, unmount(0), "unmounting");
}

/* --- walks while it goes --- */

/* Walk in and look what is there, until *stop. The number of things that cannot be. */
static unsigned walk_in(volatile bool *stop)
{
    unsigned wrong = 0, turn = 0;

    while (!*stop) {
        struct statfs s = {0};
        struct stat st;
        int fd = open(in("file"), O_RDONLY);

        if (fd < 0) {
            wrong += errno != ENOENT;
        } else {
            sched_yield();
            if (fstatfs(fd, &s) || s.f_type != TMPFS_MAGIC || s.f_bsize != (long)PAGE || s.f_namelen != 255)
                wrong++;
            if (fstat(fd, &st) || !S_ISREG(st.st_mode))
                wrong++;
            close(fd);
        }
        wrong += statfs(where, &s) && errno != ENOENT;
        if (++turn % 16 == 0)
            usleep(1000);
    }
    return wrong;
}

static void races(unsigned rounds)
{
    volatile bool *stop = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    unsigned gone = 0, refused = 0;
    pid_t walker[2];

    for (unsigned i = 0; i < 2; i++) {
        walker[i] = fork();
        if (walker[i] == 0)
            _exit(walk_in(stop) != 0);
    }
    for (unsigned i = 0; i < rounds; i++) {
        uint8_t *p;
        int fd;

        if (mount_here(where))
            break;
        fd = make_file("file", PAGES * PAGE);
        p = mmap(NULL, PAGES * PAGE, RW, MAP_SHARED, fd, 0);
        close(fd);
        /* Pages on their way to the disk make the end of their file wait. */
        madvise(p, PAGES * PAGE, PAGEOUT);
        munmap(p, PAGES * PAGE);
        /* Who only ever runs when it is the walkers' turn to wait finds one of them inside for ever. */
        while (unmount(i % 2 ? MNT_DETACH : 0)) {
            if (errno != EBUSY)
                break;
            if (++refused % 64 == 0)
                usleep(300);
        }
        gone++;
    }
    *stop = true;
    for (unsigned i = 0; i < 2; i++) {
        int status = -1;

        waitpid(walker[i], &status, 0);
        check(status == 0, "what walker %u found: status %x", i, status);
    }
    check(gone == rounds, "%u of %u rounds, %u times busy", gone, rounds, refused);
}

int main(int argc, char **argv)
{
    where = argc > 1 ? argv[1] : "/tmp/d";
    mkdir(where, 0755);
    busy();
    detached();
    expiring();
    names();
    races(argc > 2 ? (unsigned)atoi(argv[2]) : 60);
    printf("mounts: done, %u failed\n", failed);
    return (int)failed;
}
