/* execve: arguments, environment, the auxiliary vector, scripts, and what survives. */
#include "tests/user/ut.h"
#include <elf.h>

#define SELF "/proc/self/exe"

static void run(const char *what, const char *file, char **argv, char **envp)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        execve(file, argv, envp);
        ut_say("execve: %s", ut_errno(errno));
        _exit(1);
    }
    waitpid(pid, &status, 0);
    ut_say("%s: %s", what, ut_status(status));
}

static void write_file(const char *name, const void *bytes, size_t n, mode_t mode)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, mode);

    if (fd < 0 || write(fd, bytes, n) != (ssize_t)n)
        ut_say("%s: %s", name, ut_errno(errno));
    fchmod(fd, mode);
    close(fd);
}

static void arguments(void)
{
    static char big[100000];
    char *many[2000], *none[] = {NULL};
    unsigned n = 0;

    PART("arguments and environment");
    run("two", SELF, (char *[]){"ut", "exec-say", "", "a b", NULL}, (char *[]){"X=1", "Y=", NULL});
    run("no environment", SELF, (char *[]){"ut", "exec-say", NULL}, none);
    memset(big, 'x', sizeof big - 1);
    run("100,000 bytes in one", SELF, (char *[]){"ut", "exec-say", big, NULL}, none);
    many[n++] = "ut";
    many[n++] = "exec-count";
    while (n < 1999)
        many[n++] = "argument";
    many[n] = NULL;
    run("2,000 arguments", SELF, many, none);
    static char too_big[200000];
    memset(too_big, 'y', sizeof too_big - 1);
    run("more than 128 KiB in one", SELF, (char *[]){"ut", "exec-say", too_big, NULL}, none);
    for (n = 2; n < 150; n++)
        many[n] = big;
    many[n] = NULL;
    run("15 MB in all", SELF, many, none);
    PART("the auxiliary vector");
    run("auxiliary", SELF, (char *[]){"ut", "exec-auxiliary", NULL}, none);
}

static void refused(void)
{
    static char truncated[52];
    char *argv[] = {"x", NULL}, *envp[] = {NULL};
    Elf32_Ehdr header;
    int fd = open(SELF, O_RDONLY);

    PART("what is no program");
    run("nothing there", "nothing", argv, envp);
    run("a directory", ".", argv, envp);
    run("an empty name", "", argv, envp);
    write_file("plain", "hello\n", 6, 0755);
    run("text", "plain", argv, envp);
    write_file("empty", "", 0, 0755);
    run("empty", "empty", argv, envp);
    write_file("forbidden", "#!/bin/sh\n", 10, 0644);
    run("not executable", "forbidden", argv, envp);
    run("a file as a directory", "plain/x", argv, envp);
    read(fd, &header, sizeof header);
    close(fd);
    memcpy(truncated, &header, sizeof truncated);
    write_file("truncated", truncated, sizeof truncated, 0755);
    run("only a header", "truncated", argv, envp);
    write_file("stub", truncated, 20, 0755);
    run("half a header", "stub", argv, envp);
    header.e_machine = EM_SPARC;
    write_file("foreign", &header, sizeof header, 0755);
    run("another machine", "foreign", argv, envp);
    write_file("loop", "#!loop\n", 7, 0755);
    run("a script that is its own interpreter", "./loop", argv, envp);
    write_file("lost", "#!/nonexistent/interpreter\n", 27, 0755);
    run("a script without an interpreter", "lost", argv, envp);
    write_file("none", "#!\n", 3, 0755);
    run("a script that names none", "none", argv, envp);
    char deep[5000];
    memset(deep, 'n', sizeof deep - 1);
    deep[sizeof deep - 1] = '\0';
    run("a name that is too long", deep, argv, envp);
}

static void scripts(void)
{
    char path[256], text[600], *envp[] = {NULL};
    ssize_t n = readlink(SELF, path, sizeof path - 1);

    PART("scripts");
    path[n > 0 ? n : 0] = '\0';
    symlink(path, "me");
    write_file("script", "#!./me exec-script\nnothing\n", 27, 0755);
    run("without even a name", "./script", (char *[]){NULL}, envp);
    run("with an argument", "./script", (char *[]){"zero", "one", "two", NULL}, envp);
    snprintf(text, sizeof text, "#!  ./me   exec-script and all this is one argument  \n");
    write_file("spaces", text, strlen(text), 0755);
    run("blanks", "./spaces", (char *[]){"zero", NULL}, envp);
    for (int i = 1; i <= 6; i++) {
        snprintf(text, sizeof text, "#!./deep%d\n", i - 1);
        char name[16];

        snprintf(name, sizeof name, "./deep%d", i);
        write_file(name, i == 1 ? "#!./me exec-script\n" : text, i == 1 ? 19 : strlen(text), 0755);
        run(name, name, (char *[]){"zero", NULL}, envp);
    }
    static char long_line[400] = "#!/";
    memset(long_line + 3, 'x', sizeof long_line - 4);
    write_file("cut", long_line, sizeof long_line - 1, 0755);
    run("a path that is cut off", "./cut", (char *[]){"zero", NULL}, envp);
    memcpy(long_line, "#!./me exec-script", 18);
    long_line[18] = ' ';
    write_file("cut", long_line, sizeof long_line - 1, 0755);
    run("an argument that is cut off", "./cut", (char *[]){"zero", NULL}, envp);
    memset(long_line + 2, ' ', 250);
    write_file("cut", long_line, sizeof long_line - 1, 0755);
    run("a path that begins late", "./cut", (char *[]){"zero", NULL}, envp);
    memset(long_line + 2, ' ', 260);
    write_file("cut", long_line, sizeof long_line - 1, 0755);
    run("a path that begins too late", "./cut", (char *[]){"zero", NULL}, envp);
    write_file("second", "#!./script\n", 11, 0755);
    run("a script's script", "./second", (char *[]){"zero", "more", NULL}, envp);
}

static void handler(int signo)
{
    (void)signo;
}

static void survivors(void)
{
    static uint8_t stack[16384];
    sigset_t hup;
    int fd = open("/dev/null", O_RDONLY);

    PART("what survives");
    dup2(fd, 10);
    dup3(fd, 11, O_CLOEXEC);
    dup2(fd, 12);
    fcntl(12, F_SETFD, FD_CLOEXEC);
    dup2(fd, 13);
    signal(SIGUSR1, handler);
    signal(SIGUSR2, SIG_IGN);
    sigemptyset(&hup);
    sigaddset(&hup, SIGHUP);
    sigprocmask(SIG_BLOCK, &hup, NULL);
    raise(SIGHUP);
    sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof stack}, NULL);
    symlink(SELF, "a-rather-long-name");
    char path[256];
    ssize_t n = readlink(SELF, path, sizeof path - 1);
    path[n > 0 ? n : 0] = '\0';
    unlink("a-rather-long-name");
    symlink(path, "a-rather-long-name");
    char *argv[] = {"ut", "exec-survivors", NULL}, *envp[] = {NULL};
    execve("./a-rather-long-name", argv, envp);
    ut_say("%s", ut_errno(errno));
}

/* A file that is no program: only one that is open for writing is refused before that is seen. */
static void try_junk(const char *when)
{
    char *argv[] = {"junk", NULL};

    ut_result(when, execv("junk", argv));
}

static uint8_t *map_junk(int how, int prot, int flags)
{
    int fd = open("junk", how);
    uint8_t *p = mmap(NULL, 2 * PAGE, prot, flags, fd, 0);

    close(fd);
    return p;
}

/* A mapping has the file open as its descriptor had. */
static void mapped(void)
{
    enum { RW = PROT_READ | PROT_WRITE };
    int fd = (int)syscall(SYS_memfd_create, "junk", 0), status;
    char path[32], *argv[] = {"junk", NULL};
    uint8_t *p;
    pid_t pid;

    PART("a file that is mapped for writing");
    write_file("junk", "junk", 4, 0755);
    try_junk("closed");
    p = map_junk(O_RDWR, RW, MAP_SHARED);
    try_junk("mapped");
    munmap(p + PAGE, PAGE);
    try_junk("half of it");
    TRY(syscall(SYS_remap_file_pages, p, PAGE, 0, 1, 0));
    try_junk("mapped again");
    p = mremap(p, PAGE, 4 * PAGE, MREMAP_MAYMOVE);
    try_junk("moved");
    TRY(mprotect(p, PAGE, PROT_READ));
    try_junk("in two regions");
    pid = fork();
    if (pid == 0) {
        pause();
        _exit(0);
    }
    munmap(p, 4 * PAGE);
    try_junk("in a child");
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    try_junk("no more");
    p = map_junk(O_RDWR, PROT_READ, MAP_PRIVATE);
    try_junk("privately, through a file open for writing");
    munmap(p, 2 * PAGE);
    p = map_junk(O_RDONLY, RW, MAP_PRIVATE);
    try_junk("through one that is not");
    munmap(p, 2 * PAGE);
    unlink("junk");
    PART("a file without a name may be executed while it is open");
    write(fd, "junk", 4);
    p = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    TRY(execv(path, argv));
    munmap(p, PAGE);
    close(fd);
}

UT_PROGRAM(exec)
{
    ut_workdir();
    arguments();
    refused();
    scripts();
    ut_child("survivors", survivors);
    mapped();
}
