/* What swapon() and swapoff() say of what is no swap area, in Linux's order. */
#include "tests/user/ut.h"
#include <sys/mount.h>
#include <sys/swap.h>

static void each(const char *path)
{
    ut_say("-- %s", path);
    TRY(swapon(path, 0));
    TRY(swapon(path, SWAP_FLAG_PREFER | 5));
    TRY(swapoff(path));
}

static void all(void)
{
    static char long_name[5000];

    each("file");
    each("not-for-users");
    each("empty");
    each("dir");
    each("missing");
    each("missing/file");
    each("file/below");
    each("link");
    each("dangling");
    each("circle");
    each("fifo");
    each("socket");
    each("null");
    each("no-char");
    each("no-block");
    each("ro/file");
    each("/proc/self/status");
    each("/proc/self/mem");
    each("/proc");
    each("/proc/self/exe");
    each("");
    memset(long_name, 'x', sizeof long_name - 1);
    TRY(swapon(long_name, 0));
    TRY(swapoff(long_name));
    TRY(swapon(NULL, 0));
    TRY(swapoff(NULL));
    TRY(swapon((void *)16, 0));
    TRY(swapon((void *)16, 0x80000));
    TRY(swapon("missing", 0x80000));
    TRY(swapon("missing", -1));
    TRY(swapon("file", 0x100000));
    TRY(swapon("file", SWAP_FLAG_DISCARD));
}

static void user(void)
{
    if (setgid(1000) || setuid(1000))
        ut_say("%s", ut_errno(errno));
    all();
}

UT_PROGRAM(swapon)
{
    ut_workdir();
    chmod(".", 0755);
    close(ut_file("file", 40960));
    close(ut_file("not-for-users", 40960));
    chmod("not-for-users", 0);
    close(open("empty", O_RDWR | O_CREAT, 0600));
    mkdir("dir", 0700);
    symlink("file", "link");
    symlink("nowhere", "dangling");
    symlink("circle", "circle");
    TRY(mkfifo("fifo", 0600));
    TRY(mknod("socket", S_IFSOCK | 0600, 0));
    TRY(mknod("null", S_IFCHR | 0600, 0x103));
    TRY(mknod("no-char", S_IFCHR | 0600, 0xf0f0));
    TRY(mknod("no-block", S_IFBLK | 0600, 0xf0f0));
    mkdir("ro", 0700);
    TRY(mount("none", "ro", "tmpfs", 0, NULL));
    close(open("ro/file", O_RDWR | O_CREAT, 0600));
    TRY(mount("none", "ro", "tmpfs", MS_REMOUNT | MS_RDONLY, NULL));
    PART("root");
    all();
    ut_child("a user", user);
    TRY(umount("ro"));
}
