/* execveat(): programs by a directory's descriptor, by their own, and what they are told of that. */
#include "tests/user/ut.h"
#include <limits.h>
#include <sys/sendfile.h>

#define SELF "/proc/self/exe"

static char *no_strings[] = {NULL};

static void at(int fd, const char *path, char **argv, char **envp, int flags)
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        syscall(SYS_execveat, fd, path, argv, envp, flags);
        ut_say("execveat: %s", ut_errno(errno));
        _exit(1);
    }
    waitpid(child, &status, 0);
    ut_say("%s", ut_status(status));
}

/* A program that says what it was given, and as what it was executed. */
static void say(const char *what, int fd, const char *path, int flags)
{
    ut_say("%s:", what);
    at(fd, path, (char *[]){"ut", "exec-named", "argument", NULL}, (char *[]){"X=1", NULL}, flags);
}

static void write_file(const char *name, const char *text, mode_t mode)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, mode);

    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        ut_say("%s: %s", name, ut_errno(errno));
    fchmod(fd, mode);
    close(fd);
}

/* Number n, so that what is said does not depend on what else is open. */
static int as(int n, int fd)
{
    if (fd < 0)
        ut_say("cannot open: %s", ut_errno(errno));
    dup2(fd, n);
    close(fd);
    return n;
}

static void paths(void)
{
    int dir = as(40, open(".", O_RDONLY | O_DIRECTORY)), path = as(41, open(".", O_PATH));

    PART("by a path");
    say("a path from the root", dir, SELF, 0);
    say("the same, no descriptor", -1, SELF, 0);
    say("from the directory", dir, "me", 0);
    say("from one that is only named", path, "sub/../me", 0);
    say("from the current one", AT_FDCWD, "me", 0);
    say("no descriptor", -1, "me", 0);
    say("one that is not open", 77, "me", 0);
    say("not there", dir, "nothing", 0);
    say("a directory", dir, "sub", 0);
    say("below a file", dir, "plain/x", 0);
    say("not executable", dir, "plain", 0);
    say("a symlink that is not followed", dir, "me", AT_SYMLINK_NOFOLLOW);
    say("one on the way", dir, "here/copy", AT_SYMLINK_NOFOLLOW);
    say("no path", dir, "", 0);
    say("flags", dir, "me", 1);
    say("flags and nothing there", dir, "nothing", AT_SYMLINK_FOLLOW);
    say("flags and no descriptor", 77, "me", 1);
    close(dir);
    close(path);
}

/* Fill a file with this program. */
static void copy_self(int to)
{
    int from = open(SELF, O_RDONLY);

    while (sendfile(to, from, NULL, 1 << 20) > 0)
        continue;
    fchmod(to, 0755);
    close(from);
}

/* For reading only, and close the other. */
static int open_again(int fd)
{
    char path[32];
    int again;

    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    again = open(path, O_RDONLY);
    close(fd);
    return again;
}

static void descriptors(void)
{
    int fd;

    PART("by the program's descriptor");
    fd = as(42, open(SELF, O_RDONLY));
    say("open", fd, "", AT_EMPTY_PATH);
    say("with both flags", fd, "", AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW);
    say("a path and a file", fd, "me", AT_EMPTY_PATH);
    say("without the flag", fd, "", 0);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    say("that is closed", fd, "", AT_EMPTY_PATH);
    close(fd);
    fd = as(43, open(SELF, O_PATH));
    say("only named", fd, "", AT_EMPTY_PATH);
    close(fd);
    fd = as(44, open("me", O_PATH | O_NOFOLLOW));
    say("a symlink", fd, "", AT_EMPTY_PATH);
    close(fd);
    fd = as(45, open("plain", O_RDONLY));
    say("not executable", fd, "", AT_EMPTY_PATH);
    close(fd);
    fd = as(46, open("copy", O_RDWR));
    say("open for writing", fd, "", AT_EMPTY_PATH);
    close(fd);
    fd = as(47, open(".", O_RDONLY));
    say("a directory", fd, "", AT_EMPTY_PATH);
    close(fd);
    say("the current directory", AT_FDCWD, "", AT_EMPTY_PATH);
    say("not open", 77, "", AT_EMPTY_PATH);
    say("none", -1, "", AT_EMPTY_PATH);
    fd = as(48, open("/dev/null", O_RDONLY));
    say("a device", fd, "", AT_EMPTY_PATH);
    close(fd);
    PART("one without a name");
    fd = open("image", O_RDWR | O_CREAT, 0755);
    copy_self(fd);
    close(fd);
    fd = as(49, open("image", O_RDONLY));
    unlink("image");
    say("that was removed", fd, "", AT_EMPTY_PATH);
    close(fd);
    fd = (int)syscall(SYS_memfd_create, "prepared", 0);
    copy_self(fd);
    fd = as(52, open_again(fd));
    say("in memory", fd, "", AT_EMPTY_PATH);
    close(fd);
}

static void scripts(void)
{
    char *argv[] = {"zero", "one", NULL};
    int dir = as(50, open(".", O_RDONLY | O_DIRECTORY)), fd = as(51, open("script", O_RDONLY));

    PART("scripts");
    at(dir, "script", argv, no_strings, 0);
    at(AT_FDCWD, "script", argv, no_strings, 0);
    at(fd, "", argv, no_strings, AT_EMPTY_PATH);
    at(fd, "", no_strings, no_strings, AT_EMPTY_PATH);
    fcntl(dir, F_SETFD, FD_CLOEXEC);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    at(dir, "script", argv, no_strings, 0);
    at(fd, "", argv, no_strings, AT_EMPTY_PATH);
    at(dir, "lost", argv, no_strings, 0);
    close(dir);
    close(fd);
}

static void order(void)
{
    char **bad = (char **)8, *good[] = {"ut", "exec-say", NULL}, name[5000];

    PART("what is looked at first");
    at(77, NULL, bad, no_strings, 1);
    at(77, "", bad, no_strings, 1);
    at(77, "me", bad, no_strings, 1);
    at(77, "me", good, bad, 1);
    at(77, "me", good, no_strings, 1);
    at(77, "me", good, no_strings, 0);
    memset(name, 'a', sizeof name);
    name[sizeof name - 1] = '\0';
    at(77, name, bad, no_strings, 1);
    name[PATH_MAX - 1] = '\0';
    at(AT_FDCWD, name, good, no_strings, 0);
    at(50, name, good, no_strings, 0);
}

UT_PROGRAM(execveat)
{
    char path[256];
    ssize_t n;

    ut_workdir();
    n = readlink(SELF, path, sizeof path - 1);
    path[n > 0 ? n : 0] = '\0';
    symlink(path, "me");
    mkdir("sub", 0755);
    symlink(".", "here");
    write_file("plain", "hello\n", 0644);
    write_file("copy", "#!./me exec-script\n", 0755);
    write_file("script", "#!./me exec-script\n", 0755);
    write_file("lost", "#!/nonexistent/interpreter\n", 0755);
    paths();
    descriptors();
    scripts();
    order();
}
