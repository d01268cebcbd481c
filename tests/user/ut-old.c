/* Calls that newer ones have taken the place of: old forms of stat(2) and uname(2), ustat(2), sysfs(2). */
#include "tests/user/ut.h"
#include <sys/personality.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <sys/vfs.h>

enum {
    OLDSTAT = 18,
    OLDFSTAT = 28,
    OLDLSTAT = 84,
    OLDOLDUNAME = 59,
    OLDUNAME = 109,
    USTAT = 62,
    SYSFS = 135
};

struct old_stat {
    uint16_t dev, ino, mode, nlink, uid, gid, rdev, unused;
    uint32_t size, atime, mtime, ctime;
};

static void say_stat(const struct old_stat *o, const struct stat *s)
{
    ut_say("%o, %u links, %u:%u, device %x, %u bytes", o->mode, o->nlink, o->uid, o->gid, o->rdev, o->size);
    SHOW(o->ino == s->st_ino);
    SHOW(o->dev == (makedev(major(s->st_dev), minor(s->st_dev)) & 0xffff));
    SHOW(o->atime == (uint32_t)s->st_atime && o->mtime == (uint32_t)s->st_mtime &&
         o->ctime == (uint32_t)s->st_ctime);
}

static void stats(void)
{
    uint16_t words[32];
    struct old_stat o;
    struct stat s;
    int fd = ut_file("file", 5000);

    PART("stat");
    chown("file", 70000, 5);
    symlink("file", "link");
    memset(&o, 0xa5, sizeof o);
    TRY(syscall(OLDSTAT, "link", &o));
    stat("file", &s);
    say_stat(&o, &s);
    SHOW(o.unused);
    TRY(syscall(OLDLSTAT, "link", &o));
    lstat("link", &s);
    say_stat(&o, &s);
    TRY(syscall(OLDFSTAT, fd, &o));
    fstat(fd, &s);
    say_stat(&o, &s);
    TRY(syscall(OLDSTAT, "/dev/null", &o));
    ut_say("%o, device %x", o.mode, o.rdev);
    TRY(syscall(OLDSTAT, "missing", &o));
    TRY(syscall(OLDLSTAT, "missing", &o));
    TRY(syscall(OLDFSTAT, 77, &o));
    TRY(syscall(OLDSTAT, "file", 8));
    TRY(syscall(OLDSTAT, 8, &o));
    TRY(syscall(OLDFSTAT, fd, 8));
    SHOW(syscall(SYS_stat, "file", words));
    ut_say("%u:%u", words[6], words[7]);
    close(fd);
    fd = open("file", O_RDWR | O_LARGEFILE);
    TRY(ftruncate64(fd, 1ll << 31));
    TRY(syscall(OLDFSTAT, fd, &o));
    close(fd);
}

static void names(void)
{
    char older[5][10] = {{0}}, old[5][65], small[45 + 1];
    const char *full[5];
    struct utsname u;

    PART("uname");
    uname(&u);
    full[0] = u.sysname, full[1] = u.nodename, full[2] = u.release, full[3] = u.version, full[4] = u.machine;
    memset(old, 'x', sizeof old);
    memset(small, 'x', sizeof small);
    TRY(syscall(OLDUNAME, old));
    TRY(syscall(OLDOLDUNAME, small));
    SHOW(small[45]);
    for (unsigned i = 0; i < 5; i++) {
        ut_say("%u: %d", i, strcmp(old[i], full[i]));
        memcpy(older[i], small + i * 9, 9);
        ut_say("%u: %d, last %d", i, strncmp(older[i], full[i], 8), older[i][8]);
    }
    personality(0x0020000); /* UNAME26 */
    TRY(syscall(OLDUNAME, old));
    TRY(syscall(OLDOLDUNAME, small));
    ut_say("%.4s %.4s", old[2], small + 18);
    SHOW(strlen(small + 18));
    personality(0);
    TRY(syscall(OLDUNAME, NULL));
    TRY(syscall(OLDOLDUNAME, NULL));
    TRY(syscall(OLDUNAME, 8));
    TRY(syscall(OLDOLDUNAME, 8));
}

struct ustat {
    int32_t free;
    uint32_t inodes;
    char name[6], pack[6];
};

static void filesystems(void)
{
    struct ustat u;
    struct statfs f;
    struct stat s;

    PART("ustat");
    memset(&u, 0xa5, sizeof u);
    stat("/proc", &s);
    TRY(syscall(USTAT, (unsigned)s.st_dev, &u));
    statfs("/proc", &f);
    SHOW((uint32_t)u.free == f.f_bfree);
    SHOW(u.inodes == f.f_ffree);
    SHOW(u.name[0] || u.pack[0]);
    stat(".", &s);
    TRY(syscall(USTAT, (unsigned)s.st_dev, &u));
    TRY(syscall(USTAT, (unsigned)s.st_dev, NULL));
    TRY(syscall(USTAT, 0xabcde, &u));
    TRY(syscall(USTAT, 0xabcde, NULL));
}

static void kinds(void)
{
    char name[64] = "";
    long proc;

    PART("sysfs");
    proc = syscall(SYSFS, 1, "proc");
    SHOW(proc >= 0);
    SHOW(syscall(SYSFS, 3) > proc);
    TRY(syscall(SYSFS, 2, proc, name));
    ut_say("%s", name);
    TRY(syscall(SYSFS, 2, proc, NULL));
    TRY(syscall(SYSFS, 2, 1000, name));
    TRY(syscall(SYSFS, 2, -1, name));
    TRY(syscall(SYSFS, 1, "nothing"));
    TRY(syscall(SYSFS, 1, ""));
    TRY(syscall(SYSFS, 1, NULL));
    TRY(syscall(SYSFS, 0));
    TRY(syscall(SYSFS, 4));
    TRY(syscall(SYSFS, -1));
}

UT_PROGRAM(old)
{
    ut_workdir();
    stats();
    names();
    filesystems();
    kinds();
}
