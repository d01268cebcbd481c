/* openat2(2): flags that are checked, and paths that may not lead everywhere. */
#include "tests/user/ut.h"
#include <linux/openat2.h>
#include <sys/mount.h>

#ifndef RESOLVE_CACHED
#define RESOLVE_CACHED 0x20
#endif

static int top; /* the directory that walks start from */

static long how_at(int dir, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve)
{
    struct open_how how = {.flags = flags, .mode = mode, .resolve = resolve};
    long fd = syscall(SYS_openat2, dir, path, &how, sizeof how);

    if (fd >= 0)
        close((int)fd);
    return fd >= 0 ? 0 : -1;
}

static void size_of_it(void)
{
    union {
        struct open_how how;
        char bytes[8192];
    } big;

    PART("sizes");
    memset(&big, 0, sizeof big);
    for (unsigned size = 0; size < 4096; size = size < 32 ? size + 8 : size * 2) {
        long fd = syscall(SYS_openat2, AT_FDCWD, ".", &big, size);

        ut_say("%u: %s", size, fd >= 0 ? "opened" : ut_errno(errno));
        if (fd >= 0)
            close((int)fd);
    }
    TRY(syscall(SYS_openat2, AT_FDCWD, ".", &big, 23));
    for (unsigned at = sizeof big.how; at < 200; at += 25) {
        big.bytes[at] = 1;
        ut_say("a byte at %u: %s", at,
               syscall(SYS_openat2, AT_FDCWD, ".", &big, 200) >= 0 ? "opened" : ut_errno(errno));
        big.bytes[at] = 0;
    }
    big.bytes[25] = 1;
    TRY(syscall(SYS_openat2, AT_FDCWD, ".", &big, 25) >= 0 ? 0 : -1);
    TRY(syscall(SYS_openat2, AT_FDCWD, ".", NULL, 24));
    TRY(syscall(SYS_openat2, AT_FDCWD, ".", NULL, 8));
    TRY(syscall(SYS_openat2, AT_FDCWD, NULL, &big, 24));
    TRY(syscall(SYS_openat2, AT_FDCWD, "", &big, 24));
    TRY(syscall(SYS_openat2, 77, ".", &big, 24));
}

static void flags(void)
{
    PART("every bit of the flags");
    for (unsigned bit = 0; bit < 64; bit++) {
        uint64_t flag = 1ull << bit;

        if (flag == O_DIRECT) /* depends on the file system */
            continue;
        ut_say("bit %u: %s; with O_PATH: %s", bit,
               how_at(top, "file", O_RDWR | flag, 0, 0) == 0 ? "ok" : ut_errno(errno),
               how_at(top, "d", O_PATH | flag, 0, 0) == 0 ? "ok" : ut_errno(errno));
    }
    PART("every bit of resolve");
    for (unsigned bit = 0; bit < 64; bit++)
        ut_say("bit %u: %s", bit, how_at(top, "file", 0, 0, 1ull << bit) == 0 ? "ok" : ut_errno(errno));
    PART("modes, and what does not go together");
    TRY(how_at(top, "file", O_RDONLY, 0644, 0));
    TRY(how_at(top, "file", O_CREAT, 0644, 0));
    TRY(how_at(top, "file", O_CREAT, 010644, 0));
    TRY(how_at(top, "file", O_CREAT, 1ull << 40, 0));
    TRY(how_at(top, "file", O_CREAT | O_EXCL, 0644, 0));
    TRY(how_at(top, "file", O_CREAT | O_DIRECTORY, 0644, 0));
    TRY(how_at(top, ".", O_TMPFILE, 0644, 0));
    TRY(how_at(top, ".", O_TMPFILE | O_WRONLY, 0644, 0));
    TRY(how_at(top, ".", (O_TMPFILE & ~O_DIRECTORY) | O_WRONLY, 0644, 0));
    TRY(how_at(top, ".", O_TMPFILE | O_RDWR, 0, 0));
    TRY(how_at(top, "d", O_TMPFILE | O_RDWR, 0600, RESOLVE_BENEATH));
    TRY(how_at(top, "..", O_TMPFILE | O_RDWR, 0600, RESOLVE_BENEATH));
    TRY(how_at(top, "new", O_CREAT | O_RDWR, 0600, RESOLVE_BENEATH));
    TRY(how_at(top, "d/../new", O_CREAT | O_RDWR, 0600, RESOLVE_BENEATH));
    TRY(how_at(top, "../new", O_CREAT | O_RDWR, 0600, RESOLVE_BENEATH));
    TRY(how_at(top, "file", O_RDONLY, 0, RESOLVE_BENEATH | RESOLVE_IN_ROOT));
    TRY(how_at(top, "file", O_RDONLY | 0x80000000, 0, 0));
    TRY(how_at(top, "file", O_ACCMODE, 0, 0));
    TRY(how_at(top, "missing", O_RDONLY | 1ull << 33, 0, 0));
    TRY(how_at(77, NULL, O_RDONLY, 1, 0));
    TRY(how_at(top, "", O_RDONLY, 0, RESOLVE_BENEATH));
}

static const struct {
    const char *name;
    uint64_t bits;
} resolves[] = {
    {"anywhere", 0},
    {"no other mount", RESOLVE_NO_XDEV},
    {"no magic links", RESOLVE_NO_MAGICLINKS},
    {"no links", RESOLVE_NO_SYMLINKS},
    {"beneath", RESOLVE_BENEATH},
    {"in root", RESOLVE_IN_ROOT},
    {"in root, no other mount", RESOLVE_IN_ROOT | RESOLVE_NO_XDEV},
    {"beneath, no links", RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS},
};

/* What a path leads to: the name of it, as /proc tells, from the work directory on. */
static const char *target_of(int dir, const char *path, uint64_t open_flags, uint64_t resolve)
{
    static char text[300];
    struct open_how how = {.flags = O_PATH | open_flags, .resolve = resolve};
    long fd = syscall(SYS_openat2, dir, path, &how, sizeof how);
    char name[64], base[200], *at = text;
    ssize_t n;

    if (fd < 0)
        return ut_errno(errno);
    snprintf(name, sizeof name, "/proc/self/fd/%ld", fd);
    n = readlink(name, text, sizeof text - 1);
    text[n < 0 ? 0 : n] = '\0';
    close((int)fd);
    if (getcwd(base, sizeof base) && strncmp(text, base, strlen(base)) == 0) {
        at += strlen(base) - 1;
        *at = '*';
    } else if (strncmp(text, "/proc/", 6) == 0) {
        return "/proc/...";
    }
    return at;
}

static void lead(int dir, const char *path)
{
    ut_say("to %s", path);
    for (unsigned i = 0; i < sizeof resolves / sizeof *resolves; i++)
        ut_say("  %s: %s", resolves[i].name, target_of(dir, path, 0, resolves[i].bits));
}

static void paths(void)
{
    static const char *const all[] = {"file",
                                      "d/e",
                                      "d/./e/../e",
                                      "d/../d/e",
                                      "..",
                                      "d/../..",
                                      "d/../../top/d",
                                      "/",
                                      "/d",
                                      "/..",
                                      "/../d/e",
                                      "/file/..",
                                      "link",
                                      "d/up",
                                      "d/out",
                                      "d/out/top",
                                      "absolute",
                                      "absolute/d",
                                      "loop",
                                      "dangling",
                                      "to-root",
                                      "to-root/proc",
                                      "m",
                                      "m/f",
                                      "m/..",
                                      "m/../file",
                                      "m/d/../../d",
                                      "m/link",
                                      "m/absolute",
                                      "/proc",
                                      "/proc/self/.",
                                      "to-proc/net",
                                      "missing",
                                      "missing/..",
                                      "file/",
                                      "link/",
                                      "d/",
                                      "d/e/up2",
                                      "d/e/up3",
                                      "d/e/up3/file",
                                      "long/long/d/e"};

    PART("where paths lead");
    for (unsigned i = 0; i < sizeof all / sizeof *all; i++)
        lead(top, all[i]);
    PART("from inside the mount");
    int m = openat(top, "m/d", O_RDONLY | O_DIRECTORY);

    lead(m, "..");
    lead(m, "../..");
    lead(m, "../f");
    close(m);
    PART("from the current directory");
    lead(AT_FDCWD, "top/d/..");
    lead(AT_FDCWD, "/top/d");
    lead(AT_FDCWD, "..");
    PART("from a file, and from nowhere");
    int file = openat(top, "file", O_RDONLY);

    lead(file, "x");
    lead(file, "/d");
    lead(-1, "/d");
    lead(-1, "d");
    close(file);
}

static void magic(void)
{
    char name[64];

    PART("links that lead to what they name");
    snprintf(name, sizeof name, "/proc/self/fd/%d", top);
    ut_say("to a descriptor");
    for (unsigned i = 0; i < 4; i++)
        ut_say("  %s: %s", resolves[i].name, target_of(AT_FDCWD, name, 0, resolves[i].bits));
    strcat(name, "/d");
    ut_say("through a descriptor");
    for (unsigned i = 0; i < 4; i++)
        ut_say("  %s: %s", resolves[i].name, target_of(AT_FDCWD, name, 0, resolves[i].bits));
    ut_say("through the current directory");
    for (unsigned i = 0; i < 4; i++)
        ut_say("  %s: %s", resolves[i].name,
               target_of(AT_FDCWD, "/proc/self/cwd/top/file", 0, resolves[i].bits));
    ut_say("to the link itself");
    for (unsigned i = 0; i < 4; i++)
        ut_say("  %s: %s", resolves[i].name,
               target_of(AT_FDCWD, "/proc/self/exe", O_NOFOLLOW, resolves[i].bits));
    int self = open("/proc/self", O_RDONLY | O_DIRECTORY);

    ut_say("from /proc/self");
    lead(self, "root/");
    lead(self, "cwd/top");
    lead(self, "fd");
    close(self);
    PART("the last one is not followed");
    for (unsigned i = 0; i < sizeof resolves / sizeof *resolves; i++)
        ut_say("  %s: %s", resolves[i].name, target_of(top, "d/out", O_NOFOLLOW, resolves[i].bits));
    ut_say("%s", how_at(top, "d/out", O_RDONLY | O_NOFOLLOW, 0, RESOLVE_BENEATH) ? ut_errno(errno) : "ok");
    ut_say("%s", how_at(top, "link", O_CREAT | O_EXCL, 0600, RESOLVE_NO_SYMLINKS) ? ut_errno(errno) : "ok");
    ut_say("%s", how_at(top, "link", O_CREAT, 0600, RESOLVE_NO_SYMLINKS) ? ut_errno(errno) : "ok");
    ut_say("%s", how_at(top, "dangling", O_CREAT | O_RDWR, 0600, RESOLVE_BENEATH) ? ut_errno(errno) : "ok");
}

static void cached(void)
{
    PART("what is in memory");
    target_of(top, "d/e/f", 0, 0);
    ut_say("%s", target_of(top, "d/e/f", 0, RESOLVE_CACHED));
    ut_say("%s", target_of(top, "d/e/../e/f", 0, RESOLVE_CACHED | RESOLVE_BENEATH));
    ut_say("%s", target_of(top, "d/e/../../..", 0, RESOLVE_CACHED | RESOLVE_BENEATH));
    ut_say("%s", target_of(top, "no-such-name", 0, RESOLVE_CACHED));
    ut_say("%s", target_of(top, "d/e/no-such-name", 0, RESOLVE_CACHED));
    ut_say("%s", target_of(AT_FDCWD, "/proc/self/exe", 0, RESOLVE_CACHED));
    ut_say("%s", target_of(AT_FDCWD, "/proc/meminfo", 0, RESOLVE_CACHED));
    TRY(how_at(top, "d/e/f", O_CREAT, 0600, RESOLVE_CACHED));
    TRY(how_at(top, "d/e/f", O_TRUNC | O_RDWR, 0, RESOLVE_CACHED));
    TRY(how_at(top, "d", O_TMPFILE | O_RDWR, 0600, RESOLVE_CACHED));
    TRY(how_at(top, "d/e/f", O_RDWR, 0, RESOLVE_CACHED));
}

static void make(void)
{
    char absolute[128], base[100];

    getcwd(base, sizeof base);
    mkdir("top", 0755);
    top = open("top", O_RDONLY | O_DIRECTORY);
    mkdirat(top, "d", 0755);
    mkdirat(top, "d/e", 0755);
    mkdirat(top, "m", 0755);
    close(openat(top, "file", O_RDWR | O_CREAT, 0644));
    close(openat(top, "d/e/f", O_RDWR | O_CREAT, 0644));
    symlinkat("d/e", top, "link");
    symlinkat("../file", top, "d/up");
    symlinkat("../..", top, "d/out");
    symlinkat("../..", top, "d/e/up2");
    symlinkat("../../..", top, "d/e/up3");
    symlinkat("loop", top, "loop");
    symlinkat("no-such-name", top, "dangling");
    symlinkat("/", top, "to-root");
    symlinkat("/proc/self", top, "to-proc");
    symlinkat(".", top, "long");
    snprintf(absolute, sizeof absolute, "%s/top/d", base);
    symlinkat(absolute, top, "absolute");
    TRY(mount("none", "top/m", "tmpfs", 0, NULL));
    mkdirat(top, "m/d", 0755);
    close(openat(top, "m/f", O_RDWR | O_CREAT, 0644));
    symlinkat("d", top, "m/link");
    symlinkat(absolute, top, "m/absolute");
}

UT_PROGRAM(openat2)
{
    ut_workdir();
    make();
    size_of_it();
    flags();
    paths();
    magic();
    cached();
    TRY(umount("top/m"));
    close(top);
}
