/*
 * The first program. Without arguments: greets, and runs a login shell on the console; with arguments: they
 * are one command for a shell. When that has ended, what is left of its processes is ended too, the status is
 * said in a line of its own, and init ends, which ends the machine.
 *
 * As the parent of every orphan, init also collects what others leave behind.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tests/user/quire/programs.h"

#define COMMAND_MAX 4096

static char *const environment[] = {
    "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME=/root",
    "USER=root",
    "LOGNAME=root",
    "SHELL=/bin/sh",
    "TERM=vt102",
    NULL,
};

/* The arguments as one line. tools/run writes \xHH for what the kernel's command line cannot carry. */
static void join_command(char *line, size_t size, int argc, char **argv)
{
    size_t used = 0;

    for (int i = 1; i < argc; i++) {
        const char *p = argv[i];

        if (i > 1 && used + 1 < size)
            line[used++] = ' ';
        while (*p && used + 1 < size) {
            unsigned code;

            if (sscanf(p, "\\x%2x", &code) == 1 && strspn(p + 2, "0123456789abcdefABCDEF") >= 2) {
                line[used++] = (char)code;
                p += 4;
            } else {
                line[used++] = *p++;
            }
        }
    }
    line[used] = '\0';
}

static void show_file(const char *path)
{
    char buf[512];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n;

    if (fd < 0)
        return;
    while ((n = read(fd, buf, sizeof buf)) > 0)
        if (write(STDOUT_FILENO, buf, (size_t)n) != n)
            break;
    close(fd);
}

/* The shell is the leader of a session that owns the console, so that Ctrl-C reaches what it runs. */
static pid_t start_shell(char *command)
{
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    setsid();
    ioctl(STDIN_FILENO, TIOCSCTTY, 0);
    if (command)
        execve("/bin/sh", (char *[]){"sh", "-c", command, NULL}, environment);
    else
        execve("/bin/sh", (char *[]){"-sh", NULL}, environment);
    fprintf(stderr, "init: /bin/sh: %s\n", strerror(errno));
    _exit(127);
}

/* As a shell would say it: the code, or 128 and the signal. */
static int exit_code(int status)
{
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int wait_for(pid_t shell)
{
    for (;;) {
        int status;
        pid_t pid = waitpid(-1, &status, 0);

        if (pid == shell)
            return exit_code(status);
        if (pid < 0 && errno != EINTR)
            return 127;
    }
}

static void end_the_rest(void)
{
    if (kill(-1, SIGKILL) != 0)
        return;
    while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
        ;
}

int init_main(int argc, char **argv)
{
    char command[COMMAND_MAX];
    pid_t shell;
    int code;

    if (getpid() != 1) {
        fputs("init: only the first process is init\n", stderr);
        return 1;
    }
    join_command(command, sizeof command, argc, argv);
    if (chdir("/root") != 0)
        fprintf(stderr, "init: /root: %s\n", strerror(errno));
    if (!*command)
        show_file("/etc/motd");
    shell = start_shell(*command ? command : NULL);
    if (shell < 0) {
        fprintf(stderr, "init: fork: %s\n", strerror(errno));
        return 1;
    }
    code = wait_for(shell);
    end_the_rest();
    printf("init: status %d\n", code);
    return 0;
}
