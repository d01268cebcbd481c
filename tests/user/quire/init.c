/*
 * The first program. Without arguments: greets, and runs a login shell on the console; with arguments:
 * they are one command for a shell. When that has ended, what is left of its processes is ended too, the
 * status is said in a line of its own, and init ends, which ends the machine.
 *
 * Without arguments the other terminal, the screen or the serial port, gets a shell too, as soon as
 * somebody types a line there, and another one when it has ended. Until then that costs no process.
 *
 * As the parent of every orphan, init also collects what others leave behind.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include "tests/user/quire/programs.h"

static char *environment[] = {
    "TERM=vt102", /* the first: see set_term() */
    "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME=/root",
    "USER=root",
    "LOGNAME=root",
    "SHELL=/bin/sh",
    NULL,
};

/* A terminal beside the console. */
static struct terminal {
    const char *path;
    int fd;    /* while a line is waited for, else -1 */
    pid_t pid; /* its shell, or 0 */
    bool known;
    struct termios usual; /* as it was at first, if that is known */
} terminals[] = {{.path = "/dev/tty1", .fd = -1}, {.path = "/dev/ttyS0", .fd = -1}};

#define TERMINALS (sizeof terminals / sizeof terminals[0])

/* The arguments as one line; NULL: there is no memory. tools/run writes \xHH for what the kernel's command
 * line cannot carry. */
static char *join_command(int argc, char **argv)
{
    size_t size = 1, used = 0;
    char *line;

    for (int i = 1; i < argc; i++)
        size += strlen(argv[i]) + 1;
    line = malloc(size);
    for (int i = 1; line && i < argc; i++) {
        const char *p = argv[i];

        if (i > 1)
            line[used++] = ' ';
        while (*p) {
            unsigned code;

            if (sscanf(p, "\\x%2x", &code) == 1 && strspn(p + 2, "0123456789abcdefABCDEF") >= 2) {
                line[used++] = (char)code;
                p += 4;
            } else {
                line[used++] = *p++;
            }
        }
    }
    if (line)
        line[used] = '\0';
    return line;
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

/* What the terminal is really, also of /dev/console; 0: none. */
static unsigned device_of(int fd)
{
    unsigned device = 0;

    return ioctl(fd, TIOCGDEV, &device) == 0 ? device : 0;
}

/* The screen is a terminal like Linux's own; behind a serial line there may be anything. */
static void set_term(void)
{
    if (device_of(STDIN_FILENO) == (4 << 8 | 1))
        environment[0] = "TERM=linux";
}

#define SERIAL_DEVICE (4 << 8 | 64)

/* A serial line does not tell how large the terminal at its other end is. */
static void ask_size(int fd)
{
    struct winsize size;

    if (device_of(fd) == SERIAL_DEVICE)
        size_ask(fd, &size);
}

/* In a child: the shell is the leader of a session that owns the terminal of its standard input, so that
 * Ctrl-C reaches what it runs. Does not return. */
static void be_shell(char *command)
{
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid();
    ioctl(STDIN_FILENO, TIOCSCTTY, 0);
    set_term();
    if (command)
        execve("/bin/sh", (char *[]){"sh", "-c", command, NULL}, environment);
    else
        execve("/bin/sh", (char *[]){"-sh", NULL}, environment);
    fprintf(stderr, "init: /bin/sh: %s\n", strerror(errno));
    _exit(127);
}

static pid_t start_shell(char *command)
{
    pid_t pid = fork();

    if (pid == 0)
        be_shell(command);
    return pid;
}

/* --- the other terminals --- */

static void say(int fd, const char *text)
{
    if (write(fd, text, strlen(text)) < 0)
        return; /* nobody can be told */
}

/* Say that a line is waited for. A terminal that cannot be opened gets no shell. */
static void invite(struct terminal *t)
{
    t->pid = 0;
    t->fd = open(t->path, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (t->fd < 0)
        return;
    if (t->known)
        tcsetattr(t->fd, TCSAFLUSH, &t->usual);
    else
        t->known = tcgetattr(t->fd, &t->usual) == 0;
    say(t->fd, "\nPress Enter for a shell here.\n");
}

static void invite_others(void)
{
    unsigned console = device_of(STDIN_FILENO);

    for (unsigned i = 0; i < TERMINALS; i++) {
        struct stat st;

        if (stat(terminals[i].path, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev != console)
            invite(&terminals[i]);
    }
}

/* A line has come: that is all it is for. */
static void answer(struct terminal *t)
{
    char line[256];
    ssize_t n = read(t->fd, line, sizeof line);

    if (n > 0) {
        t->pid = fork();
        if (t->pid == 0) {
            dup2(t->fd, STDIN_FILENO);
            dup2(t->fd, STDOUT_FILENO);
            dup2(t->fd, STDERR_FILENO);
            ask_size(STDIN_FILENO);
            show_file("/etc/motd");
            be_shell(NULL);
        }
    }
    if (n <= 0 || t->pid < 0)
        say(t->fd, "init: a shell cannot be started now.\n");
    close(t->fd);
    t->fd = -1;
    if (n <= 0 || t->pid < 0)
        invite(t);
}

static void nothing(int signo)
{
    (void)signo;
}

/* Until a child has ended. */
static void wait_for_lines(const sigset_t *unblocked)
{
    struct pollfd p[TERMINALS];

    for (unsigned i = 0; i < TERMINALS; i++)
        p[i] = (struct pollfd){.fd = terminals[i].fd, .events = POLLIN};
    if (ppoll(p, TERMINALS, NULL, unblocked) <= 0)
        return;
    for (unsigned i = 0; i < TERMINALS; i++)
        if (p[i].fd >= 0 && p[i].revents)
            answer(&terminals[i]);
}

/* --- the end --- */

/* As a shell would say it: the code, or 128 and the signal. */
static int exit_code(int status)
{
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Wait for the shell's end; meanwhile collect what ends, and give shells to the other terminals. */
static int wait_for(pid_t shell)
{
    sigset_t child, before;

    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    signal(SIGCHLD, nothing);
    sigprocmask(SIG_BLOCK, &child, &before);
    for (;;) {
        int status;
        pid_t pid = waitpid(-1, &status, WNOHANG);

        if (pid == shell)
            return exit_code(status);
        if (pid < 0 && errno != EINTR)
            return 127;
        for (unsigned i = 0; pid > 0 && i < TERMINALS; i++)
            if (terminals[i].pid == pid)
                invite(&terminals[i]);
        if (pid == 0)
            wait_for_lines(&before);
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
    char *command;
    pid_t shell;
    int code;

    if (getpid() != 1) {
        fputs("init: only the first process is init\n", stderr);
        return 1;
    }
    command = join_command(argc, argv);
    if (!command) {
        fputs("init: no memory for the command\n", stderr);
        return 1;
    }
    if (chdir("/root") != 0)
        fprintf(stderr, "init: /root: %s\n", strerror(errno));
    if (!*command) {
        invite_others();
        ask_size(STDIN_FILENO);
        show_file("/etc/motd");
    }
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
