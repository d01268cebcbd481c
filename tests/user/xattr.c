/*
 * Extended attributes of files in memory.
 *
 *     xattr DIRECTORY [mount]    where to make files; mount: and where to mount a small tmpfs
 *
 * Linux's tmpfs has those of programs since 6.6, later than the kernel that others of these programs are
 * compared with, so this one judges by itself. All but what a mount is for holds on Linux's other filesystems
 * too. Says "xattr: ok: ..." or "xattr: FAILED: ..." for each thing, and exits with the number that failed.
 */
#include "tests/user/check.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#ifndef ENOATTR
#define ENOATTR ENODATA
#endif

static char value[70000], large[70000];

/* The call failed with this error. */
static bool fails(long got, int err)
{
    return got == -1 && errno == err;
}

static bool is(const char *path, const char *name, const char *want)
{
    ssize_t n = getxattr(path, name, value, sizeof value);

    return n == (ssize_t)strlen(want) && memcmp(value, want, (size_t)n) == 0;
}

/* Whether a list has a name. */
static bool lists(const char *list, ssize_t n, const char *name)
{
    for (const char *at = list; at < list + n; at += strlen(at) + 1)
        if (strcmp(at, name) == 0)
            return true;
    return false;
}

static void set_and_get(void)
{
    int fd = open("f", O_RDWR | O_CREAT, 0644);
    char list[100], longest[300];

    check(setxattr("f", "user.a", "one", 3, 0) == 0, "one is set");
    check(is("f", "user.a", "one"), "and is there");
    check(getxattr("f", "user.a", NULL, 0) == 3, "its size is told");
    check(fails(getxattr("f", "user.a", value, 2), ERANGE), "too small a buffer is ERANGE");
    check(getxattr("f", "user.a", value, 3) == 3, "one that is just right is not");
    check(fails(getxattr("f", "user.b", value, 3), ENODATA), "another one is not there");
    check(setxattr("f", "user.a", "other", 5, 0) == 0 && is("f", "user.a", "other"), "it is replaced");
    check(fails(setxattr("f", "user.a", "x", 1, XATTR_CREATE), EEXIST), "not made anew");
    check(fails(setxattr("f", "user.b", "x", 1, XATTR_REPLACE), ENODATA),
          "what is not there is not replaced");
    check(setxattr("f", "user.a", "x", 1, XATTR_REPLACE) == 0 && is("f", "user.a", "x"), "what is there is");
    check(setxattr("f", "user.b", "", 0, XATTR_CREATE) == 0 && is("f", "user.b", ""), "one may be empty");
    check(fails(setxattr("f", "user.a", "x", 1, 4), EINVAL), "unknown flags are EINVAL");
    check(fails(setxattr("f", "user.", "x", 1, 0), EINVAL), "a name of nothing is EINVAL");
    check(fails(setxattr("f", "", "x", 1, 0), ERANGE), "an empty name is ERANGE");
    memset(longest, 'n', sizeof longest);
    memcpy(longest, "user.", 5);
    longest[256] = '\0';
    check(fails(setxattr("f", longest, "x", 1, 0), ERANGE), "a name of 256 characters is ERANGE");
    longest[255] = '\0';
    check(setxattr("f", longest, "x", 1, 0) == 0 && is("f", longest, "x"), "one of 255 is a name");
    check(removexattr("f", longest) == 0, "and goes");
    check(fails(setxattr("f", "user.c", large, 65537, 0), E2BIG), "65537 bytes are E2BIG");
    check(fails(setxattr("f", "nonsense.c", "x", 1, 0), EOPNOTSUPP), "an unknown namespace is EOPNOTSUPP");
    check(fails(setxattr("none", "user.c", "x", 1, 0), ENOENT), "no file, no attribute");
    check(listxattr("f", NULL, 0) == 14, "the list's size is told");
    check(fails(listxattr("f", list, 13), ERANGE), "too small a list is ERANGE");
    check(listxattr("f", list, sizeof list) == 14 && lists(list, 14, "user.a") && lists(list, 14, "user.b"),
          "both are listed");
    check(fsetxattr(fd, "user.f", "d", 1, 0) == 0 && is("f", "user.f", "d"), "by descriptor");
    check(fgetxattr(fd, "user.f", value, 9) == 1 && value[0] == 'd', "and got");
    check(flistxattr(fd, list, sizeof list) == 21, "and listed");
    check(fremovexattr(fd, "user.f") == 0 && fails(getxattr("f", "user.f", NULL, 0), ENODATA), "and removed");
    check(fails(removexattr("f", "user.f"), ENODATA), "once");
    check(fails(fsetxattr(open("f", O_PATH), "user.f", "d", 1, 0), EBADF), "not by a path's descriptor");
    check(link("f", "g") == 0 && is("g", "user.a", "x"), "another name has them too");
    check(rename("f", "h") == 0 && is("h", "user.a", "x"), "and a new one");
    unlink("g");
    unlink("h");
    check(fgetxattr(fd, "user.a", value, 9) == 1, "a file without a name has them");
    close(fd);
}

static void kinds(void)
{
    int fd = open("f", O_RDWR | O_CREAT, 0644);
    struct stat before, after;

    mkdir("d", 0755);
    symlink("d", "s");
    symlink("none", "dangling");
    mkfifo("p", 0644);
    check(setxattr("d", "user.a", "dir", 3, 0) == 0 && is("d", "user.a", "dir"), "a directory has some");
    check(is("s", "user.a", "dir"), "and is found by a link");
    check(fails(lsetxattr("s", "user.a", "x", 1, 0), EPERM), "a link has none");
    check(fails(lgetxattr("s", "user.a", value, 1), ENODATA), "to read");
    check(fails(lremovexattr("s", "user.a"), EPERM), "or to remove");
    check(llistxattr("s", value, 10) == 0, "and lists none");
    check(lsetxattr("d", "user.l", "x", 1, 0) == 0 && lgetxattr("d", "user.l", value, 1) == 1,
          "not followed is the same");
    check(fails(setxattr("p", "user.a", "x", 1, 0), EPERM), "a FIFO has none");
    check(fails(setxattr("dangling", "user.a", "x", 1, 0), ENOENT), "a link to nothing leads nowhere");
    fstat(fd, &before);
    usleep(20000);
    check(fsetxattr(fd, "user.a", "x", 1, 0) == 0 && fstat(fd, &after) == 0 &&
              (after.st_ctim.tv_sec != before.st_ctim.tv_sec ||
               after.st_ctim.tv_nsec != before.st_ctim.tv_nsec),
          "the time of change moves");
    check(after.st_mtim.tv_nsec == before.st_mtim.tv_nsec && after.st_size == 0, "and no other");
    rmdir("d");
    unlink("s");
    unlink("dangling");
    unlink("p");
    unlink("f");
    close(fd);
}

/* As another user. */
static void others(void)
{
    int status;

    if (geteuid() != 0)
        return;
    close(open("mine", O_RDWR | O_CREAT, 0644));
    close(open("ours", O_RDWR | O_CREAT, 0666));
    close(open("secret", O_RDWR | O_CREAT, 0600));
    chmod("ours", 0666);
    mkdir("sticky", 0777);
    chmod("sticky", 01777);
    chmod(".", 0777);
    setxattr("mine", "user.a", "root", 4, 0);
    setxattr("secret", "user.a", "root", 4, 0);
    if (fork() == 0) {
        failed = 0;
        if (setgid(1000) != 0 || setuid(1000) != 0)
            _exit(99);
        check(is("mine", "user.a", "root"), "another user reads them");
        check(fails(setxattr("mine", "user.b", "x", 1, 0), EACCES), "and sets none");
        check(fails(removexattr("mine", "user.a"), EACCES), "and removes none");
        check(fails(getxattr("secret", "user.a", value, 9), EACCES), "or reads none, as the mode says");
        check(listxattr("secret", value, 20) == 7, "but sees their names");
        check(setxattr("ours", "user.b", "x", 1, 0) == 0, "or sets some");
        check(fails(setxattr("sticky", "user.b", "x", 1, 0), EPERM), "not of a sticky directory");
        check(fails(setxattr("ours", "trusted.b", "x", 1, 0), EPERM), "trusted ones are not his");
        check(fails(getxattr("ours", "trusted.b", value, 1), ENODATA), "or there");
        _exit((int)failed);
    }
    wait(&status);
    failed += WIFEXITED(status) ? (unsigned)WEXITSTATUS(status) : 1;
    unlink("mine");
    unlink("ours");
    unlink("secret");
    rmdir("sticky");
}

/* What only our kernel says, or a tmpfs of so many pages. */
static void limits(void)
{
    struct statfs s, empty;
    unsigned made = 0;
    char name[32];
    int fd;

    mkdir("m", 0755);
    if (!check(mount("none", "m", "tmpfs", 0, "size=256k") == 0, "a small tmpfs is mounted"))
        return;
    statfs("m", &empty);
    fd = open("m/f", O_RDWR | O_CREAT, 0644);
    check(setxattr("m/f", "user.large", large, 65536, 0) == 0, "65536 bytes are kept");
    check(getxattr("m/f", "user.large", value, sizeof value) == 65536 && memcmp(value, large, 65536) == 0,
          "and are there");
    statfs("m", &s);
    check(empty.f_bfree - s.f_bfree >= 16, "they count for its size: %ld pages",
          (long)(empty.f_bfree - s.f_bfree));
    for (; made < 64; made++) {
        snprintf(name, sizeof name, "user.%u", made);
        if (fsetxattr(fd, name, large, 30000, 0) != 0)
            break;
    }
    check(errno == ENOSPC && made && made < 8, "when it is full there is ENOSPC: %u more", made);
    check(ftruncate(fd, 0) == 0 && fsetxattr(fd, "user.large", "x", 1, XATTR_REPLACE) == 0,
          "a shorter one takes its place");
    check(fsetxattr(fd, "user.last", large, 30000, 0) == 0, "and there is room again");
    check(fails(setxattr("m/f", "security.capability", "x", 1, 0), EOPNOTSUPP), "capabilities cannot be set");
    check(fails(setxattr("m/f", "trusted.a", "x", 1, 0), EOPNOTSUPP), "trusted ones cannot");
    check(fails(setxattr("m/f", "system.posix_acl_access", "x", 1, 0), EOPNOTSUPP), "lists of access cannot");
    unlink("m/f");
    close(fd);
    statfs("m", &s);
    check(s.f_bfree == empty.f_bfree, "with the file goes what they took");
    fd = open("m/g", O_RDWR | O_CREAT, 0644);
    fsetxattr(fd, "user.kept", large, 5000, 0);
    close(fd);
    check(mount("none", "m", "tmpfs", MS_REMOUNT | MS_RDONLY, NULL) == 0, "it becomes read-only");
    check(fails(setxattr("m/g", "user.a", "x", 1, 0), EROFS), "then none can be set");
    check(fails(removexattr("m/g", "user.kept"), EROFS), "or removed");
    check(getxattr("m/g", "user.kept", value, sizeof value) == 5000, "but read");
    check(umount("m") == 0, "and it goes with what it has");
    check(fails(setxattr("/proc/version", "user.a", "x", 1, 0), EACCES) || errno == EOPNOTSUPP,
          "/proc keeps none");
    rmdir("m");
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    mkdir(argv[1], 0777);
    if (chdir(argv[1]) != 0)
        return 2;
    for (unsigned i = 0; i < sizeof large; i++)
        large[i] = (char)(i * 7);
    set_and_get();
    kinds();
    others();
    if (argc > 2)
        limits();
    printf("xattr: done, %u failed\n", failed);
    return failed != 0;
}
