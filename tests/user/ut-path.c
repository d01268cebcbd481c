/* Every kind of path in every call that takes one: results only, so that a difference of one errno shows. */
#include "tests/user/ut.h"
#include <dirent.h>
#include <limits.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/syscall.h>

/* What there is before each call. */
static void build(void)
{
    mkdir("dir", 0755);
    mkdir("dir/sub", 0755);
    mkdir("empty", 0755);
    close(open("file", O_CREAT | O_RDWR, 0644));
    close(open("dir/in", O_CREAT | O_RDWR, 0755));
    symlink("file", "to-file");
    symlink("dir", "to-dir");
    symlink("nothing", "dangling");
    symlink("self", "self");
    symlink("dir/", "to-dir-slash");
    symlink("file/", "to-file-slash");
    symlink("dangling/x", "through-dangling");
    symlink(".", "here");
    mkfifo("fifo", 0644);
}

static void remove_tree(const char *path)
{
    struct dirent *e;
    DIR *d = opendir(path);

    while (d && (e = readdir(d))) {
        char name[600];

        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
            continue;
        snprintf(name, sizeof name, "%s/%s", path, e->d_name);
        if (unlink(name) && (errno == EISDIR || errno == EPERM)) {
            remove_tree(name);
            rmdir(name);
        }
    }
    if (d)
        closedir(d);
}

/* Back to nothing. The program ends rather than clean up a directory that is not its own. */
static void clean(void)
{
    char here[PATH_MAX];

    if (!getcwd(here, sizeof here) || strncmp(here, "/tmp/ut-", 8) != 0 || strchr(here + 8, '/')) {
        ut_say("lost the way home");
        _exit(97);
    }
    remove_tree(".");
}

static char too_long[300], just_right[256];

/* All of them stay in the directory, since most calls change what they name. */
static const char *const paths[] = {
    "",
    ".",
    "file",
    "file/",
    "file/.",
    "file/..",
    "file/x",
    "dir",
    "dir/",
    "dir//",
    "dir/.",
    "dir/sub",
    "dir/sub/..",
    "dir/sub/../in",
    "dir/in/",
    "empty",
    "empty/",
    "empty/.",
    "./empty/..",
    "to-file",
    "to-file/",
    "to-file/x",
    "to-dir",
    "to-dir/",
    "to-dir/.",
    "to-dir/in",
    "to-dir/..",
    "dangling",
    "dangling/",
    "dangling/x",
    "self",
    "self/x",
    "self/",
    "to-dir-slash",
    "to-dir-slash/in",
    "to-file-slash",
    "through-dangling",
    "here",
    "here/here/here/file",
    "nothing",
    "nothing/",
    "nothing/.",
    "nothing/x",
    "dir/nothing",
    "dir/nothing/",
    "dir/nothing/x",
    "fifo/x",
    too_long,
    just_right,
};
#define PATHS (sizeof paths / sizeof paths[0])

static const char *name(const char *path)
{
    return path == too_long ? "256 n" : path == just_right ? "255 n" : path;
}

static void say(const char *call, const char *path, long rc)
{
    ut_say("%s(%s): %s", call, name(path), rc < 0 ? ut_errno(errno) : "ok");
}

/* Run a call in a fresh tree for every path. */
#define FOR_EACH(call, expression)                                                                           \
    for (unsigned n = 0; n < PATHS; n++) {                                                                   \
        const char *p = paths[n];                                                                            \
                                                                                                             \
        build();                                                                                             \
        say(call, p, (expression));                                                                          \
        clean();                                                                                             \
    }

static long open_and_close(const char *path, int flags)
{
    int fd = open(path, flags | O_NONBLOCK, 0600), saved = errno;

    if (fd >= 0)
        close(fd);
    errno = saved;
    return fd;
}

static long stat_kind(const char *path, bool follow)
{
    struct stat s;

    return follow ? stat(path, &s) : lstat(path, &s);
}

static long read_link(const char *path)
{
    char buf[PATH_MAX];

    return readlink(path, buf, sizeof buf);
}

static long go_and_come_back(const char *path)
{
    int here = open(".", O_RDONLY), rc = chdir(path), saved = errno;

    fchdir(here);
    close(here);
    errno = saved;
    return rc;
}

static void single(void)
{
    struct statfs fs;

    PART("one path");
    FOR_EACH("stat", stat_kind(p, true));
    FOR_EACH("lstat", stat_kind(p, false));
    FOR_EACH("access", access(p, R_OK));
    FOR_EACH("access x", access(p, X_OK));
    FOR_EACH("open", open_and_close(p, O_RDONLY));
    FOR_EACH("open w", open_and_close(p, O_RDWR));
    FOR_EACH("open creat", open_and_close(p, O_CREAT | O_RDWR));
    FOR_EACH("open creat r", open_and_close(p, O_CREAT | O_RDONLY));
    FOR_EACH("open excl", open_and_close(p, O_CREAT | O_EXCL | O_RDWR));
    FOR_EACH("open nofollow", open_and_close(p, O_NOFOLLOW | O_RDONLY));
    FOR_EACH("open creat nofollow", open_and_close(p, O_CREAT | O_NOFOLLOW | O_RDWR));
    FOR_EACH("open directory", open_and_close(p, O_DIRECTORY | O_RDONLY));
    FOR_EACH("open trunc", open_and_close(p, O_TRUNC | O_WRONLY));
    FOR_EACH("open path", open_and_close(p, O_PATH));
    FOR_EACH("open path nofollow", open_and_close(p, O_PATH | O_NOFOLLOW));
    FOR_EACH("open tmpfile", open_and_close(p, O_TMPFILE | O_RDWR));
    FOR_EACH("mkdir", mkdir(p, 0755));
    FOR_EACH("rmdir", rmdir(p));
    FOR_EACH("unlink", unlink(p));
    FOR_EACH("mkfifo", mkfifo(p, 0644));
    FOR_EACH("mknod", mknod(p, S_IFREG | 0644, 0));
    FOR_EACH("readlink", read_link(p));
    FOR_EACH("chmod", chmod(p, 0700));
    FOR_EACH("chown", chown(p, 0, 0));
    FOR_EACH("lchown", lchown(p, 0, 0));
    FOR_EACH("truncate", truncate(p, 10));
    FOR_EACH("chdir", go_and_come_back(p));
    FOR_EACH("statfs", statfs(p, &fs));
    FOR_EACH("utimensat", utimensat(AT_FDCWD, p, NULL, 0));
    FOR_EACH("symlink to", symlink("x", p));
    FOR_EACH("symlink from", symlink(p, "new"));
}

/* Two paths: each with each of a smaller set. */
static void pairs(void)
{
    static const char *const few[] = {
        "",         ".",      "file",      "file/",   "dir",         "dir/",     "dir/sub", "dir/in",
        "empty",    "empty/", "to-file",   "to-dir",  "to-dir/",     "dangling", "self",    "nothing",
        "nothing/", "file/x", "nothing/x", "dir/new", "dir/sub/new", "fifo",     "dir/.",   "dir/sub/..",
    };
    static const struct {
        const char *name;
        unsigned flags;
    } ways[] = {{"rename", 0}, {"noreplace", 1}, {"exchange", 2}, {"both", 3}};
    unsigned n = sizeof few / sizeof few[0];

    PART("two paths");
    for (unsigned a = 0; a < n; a++)
        for (unsigned b = 0; b < n; b++) {
            char line[512];
            int used = snprintf(line, sizeof line, "%s, %s:", few[a], few[b]);

            for (unsigned w = 0; w < 4; w++) {
                build();
                long rc = syscall(SYS_renameat2, AT_FDCWD, few[a], AT_FDCWD, few[b], ways[w].flags);

                used += snprintf(line + used, sizeof line - (size_t)used, " %s %s", ways[w].name,
                                 rc ? ut_errno(errno) : "ok");
                clean();
            }
            build();
            used += snprintf(line + used, sizeof line - (size_t)used, " link %s",
                             link(few[a], few[b]) ? ut_errno(errno) : "ok");
            clean();
            build();
            used += snprintf(line + used, sizeof line - (size_t)used, " follow %s",
                             linkat(AT_FDCWD, few[a], AT_FDCWD, few[b], AT_SYMLINK_FOLLOW) ? ut_errno(errno)
                                                                                           : "ok");
            clean();
            ut_say("%s", line);
        }
}

static void chains(void)
{
    char from[16], to[16];

    PART("chains of links");
    close(open("l0", O_CREAT | O_RDWR, 0644));
    for (unsigned i = 1; i <= 41; i++) {
        snprintf(from, sizeof from, "l%u", i - 1);
        snprintf(to, sizeof to, "l%u", i);
        symlink(from, to);
    }
    TRY(access("l39", F_OK));
    TRY(access("l40", F_OK));
    TRY(access("l41", F_OK));
    clean();
}

static void links_counted(void)
{
    struct stat s;

    int home = open(".", O_RDONLY);

    PART("link counts");
    build();
    stat("dir", &s);
    ut_say("dir has %u links", (unsigned)s.st_nlink);
    mkdir("dir/more", 0700);
    stat("dir", &s);
    ut_say("then %u", (unsigned)s.st_nlink);
    TRY(rename("dir/more", "empty"));
    stat("dir", &s);
    ut_say("then %u", (unsigned)s.st_nlink);
    TRY(rename("dir/sub", "moved"));
    stat("dir", &s);
    ut_say("then %u", (unsigned)s.st_nlink);
    TRY(link("file", "second"));
    stat("file", &s);
    ut_say("file has %u", (unsigned)s.st_nlink);
    int fd = open("second", O_RDWR);
    TRY(unlink("file"));
    TRY(unlink("second"));
    fstat(fd, &s);
    ut_say("open, it has %u", (unsigned)s.st_nlink);
    TRY(write(fd, "abc", 3));
    fstat(fd, &s);
    ut_say("and %d bytes", (int)s.st_size);
    close(fd);
    fd = open("empty", O_RDONLY);
    TRY(rmdir("empty"));
    fstat(fd, &s);
    ut_say("a removed directory has %u", (unsigned)s.st_nlink);
    TRY(openat(fd, "x", O_CREAT | O_RDWR, 0600));
    TRY(mkdirat(fd, "x", 0700));
    TRY(symlinkat("x", fd, "x"));
    TRY(linkat(AT_FDCWD, "dir/in", fd, "x", 0));
    TRY(renameat(AT_FDCWD, "dir/in", fd, "x"));
    char names[100];
    TRY(syscall(SYS_getdents64, fd, names, sizeof names));
    TRY(fchdir(fd));
    ut_say("getcwd: %s", getcwd(names, sizeof names) ? "ok" : ut_errno(errno));
    TRY(access("..", F_OK));
    TRY(fchdir(home));
    close(home);
    close(fd);
    clean();
}

/* What is wrong with a call is told in an order: of several things the same one as on Linux. */
static void orders(void)
{
    static char longer[PATH_MAX + 2];
    const int makes_directory = O_RDONLY | O_CREAT | O_DIRECTORY;
    struct timespec bad[2] = {{0, -1}, {0, 0}}, omit[2] = {{0, UTIME_OMIT}, {0, UTIME_OMIT}};
    int fd;

    memset(longer, 'n', sizeof longer - 1);
    mkdir("dir", 0700);
    close(open("plain", O_RDWR | O_CREAT, 0600));
    symlink("gone", "dangling");
    PART("flags of open come before the path");
    TRY(open(NULL, makes_directory, 0600));
    TRY(open("", makes_directory, 0600));
    TRY(open("missing", makes_directory, 0600));
    TRY(open(longer, makes_directory, 0600));
    TRY(open(NULL, O_TMPFILE | O_RDONLY, 0600));
    TRY(open("", (O_TMPFILE & ~O_DIRECTORY) | O_RDWR, 0600));
    TRY(open("missing", O_TMPFILE | O_RDWR | O_CREAT, 0600));
    TRY(open("dir", O_TMPFILE | O_RDWR | O_CREAT, 0600));
    TRY(open("missing", makes_directory | O_PATH, 0600));
    PART("a directory is not truncated");
    TRY(open("dir", O_RDONLY | O_TRUNC));
    TRY(open("dir/.", O_RDONLY | O_TRUNC | O_DIRECTORY));
    fd = open("dir", O_PATH | O_TRUNC);
    SHOW(fd >= 0);
    PART("a link to nothing");
    TRY(symlink("", NULL));
    TRY(symlink("", longer));
    TRY(symlink(longer, ""));
    PART("times");
    TRY(syscall(SYS_utimensat, AT_FDCWD, "missing", bad, 0));
    TRY(syscall(SYS_utimensat, AT_FDCWD, "dangling", bad, 0));
    TRY(syscall(SYS_utimensat, AT_FDCWD, "plain/x", bad, 0));
    TRY(syscall(SYS_utimensat, AT_FDCWD, longer, bad, 0));
    TRY(syscall(SYS_utimensat, AT_FDCWD, "plain", bad, 0));
    TRY(syscall(SYS_utimensat, AT_FDCWD, "missing", NULL, 4));
    TRY(syscall(SYS_utimensat, AT_FDCWD, "missing", omit, 4));
    TRY(syscall(SYS_utimensat, 999, NULL, omit, 0));
    TRY(syscall(SYS_utimensat, 999, NULL, NULL, 0));
    TRY(syscall(SYS_utimensat, 999, NULL, bad, 0));
    TRY(syscall(SYS_utimensat, 999, NULL, NULL, AT_SYMLINK_NOFOLLOW));
    TRY(syscall(SYS_utimensat, fd, NULL, omit, 0));
    TRY(syscall(SYS_utimensat, fd, NULL, NULL, 0));
    close(fd);
    fd = open("plain", O_RDWR);
    TRY(syscall(SYS_utimensat, fd, NULL, NULL, AT_SYMLINK_NOFOLLOW));
    TRY(syscall(SYS_utimensat, fd, NULL, bad, AT_SYMLINK_NOFOLLOW));
    TRY(syscall(SYS_utimensat, fd, NULL, bad, 0));
    close(fd);
    PART("a mount of what is too long");
    TRY(mount(longer, "dir", "ext4", 0, NULL));
    TRY(mount("none", "dir", longer, 0, NULL));
}

/* What is renamed to itself stays, whoever asks. */
static void to_itself(void)
{
    PART("renamed to itself by somebody else");
    chmod(".", 0755);
    link("plain", "same");
    setgid(1000);
    setuid(1000);
    TRY(rename("plain", "plain"));
    TRY(rename("plain", "same"));
    TRY(rename("dir", "dir"));
    TRY(rename("plain", "dir"));
    TRY(rename("plain", "other"));
    TRY(rename("missing", "missing"));
}

UT_PROGRAM(path)
{
    memset(too_long, 'n', 256);
    memset(just_right, 'n', 255);
    ut_workdir();
    single();
    pairs();
    chains();
    links_counted();
    orders();
    ut_child("somebody else", to_itself);
}
