/* The kernel's log: what syslog(2) shows, takes and clears. */
#include "tests/user/ut.h"
#include <sys/klog.h>

enum {
    CLOSE,
    OPEN,
    READ_LOG,
    READ_ALL,
    READ_CLEAR,
    CLEAR,
    CONSOLE_OFF,
    CONSOLE_ON,
    CONSOLE_LEVEL,
    UNREAD,
    SIZE
};

static char log_text[1 << 18];

/* Whether what a call shows has the line in it. */
static int shows(int type, const char *line)
{
    int n = klogctl(type, log_text, sizeof log_text - 1);

    log_text[n > 0 ? n : 0] = '\0';
    return n < 0 ? n : strstr(log_text, line) != NULL;
}

static void say(const char *line)
{
    int fd = open("/dev/kmsg", O_WRONLY);

    SHOW(write(fd, line, strlen(line)) == (ssize_t)strlen(line));
    close(fd);
}

static void taking(void)
{
    int before;

    PART("taking");
    SHOW(klogctl(UNREAD, NULL, 0) > 0);
    while (klogctl(UNREAD, NULL, 0) > 0)
        if (klogctl(READ_LOG, log_text, sizeof log_text) <= 0)
            break;
    SHOW(klogctl(UNREAD, NULL, 0));
    say("a line that is taken\n");
    before = klogctl(UNREAD, NULL, 0);
    SHOW(before >= 20);
    SHOW(klogctl(READ_LOG, log_text, 7));
    SHOW(before - klogctl(UNREAD, NULL, 0));
    SHOW(klogctl(READ_LOG, log_text, sizeof log_text) == before - 7);
    SHOW(klogctl(UNREAD, NULL, 0));
    SHOW(shows(READ_ALL, "a line that is taken"));
    TRY(klogctl(READ_LOG, log_text, 0));
}

/* One who waits for a line gets it; a signal ends the wait. */
static void waiting(void)
{
    int to[2], status;
    char c = 0;
    pid_t pid;

    PART("waiting");
    if (pipe(to) != 0 || (pid = fork()) < 0)
        return;
    if (pid == 0) {
        c = shows(READ_LOG, "a line that somebody waits for") == 1 ? 'y' : 'n';
        write(to[1], &c, 1);
        _exit(0);
    }
    usleep(100000);
    say("a line that somebody waits for\n");
    read(to[0], &c, 1);
    waitpid(pid, &status, 0);
    ut_say("%c", c);
    pid = fork();
    if (pid == 0)
        _exit(klogctl(READ_LOG, log_text, sizeof log_text) < 0);
    usleep(100000);
    kill(pid, SIGTERM);
    waitpid(pid, &status, 0);
    SHOW(WIFSIGNALED(status) ? WTERMSIG(status) : -1);
    close(to[0]);
    close(to[1]);
}

UT_PROGRAM(log)
{
    PART("clearing");
    say("the first line\n");
    SHOW(shows(READ_ALL, "the first line"));
    SHOW(shows(READ_ALL, "the first line"));
    TRY(klogctl(CLEAR, NULL, 0));
    TRY(klogctl(READ_ALL, log_text, sizeof log_text));
    say("the second line\n");
    SHOW(shows(READ_ALL, "the first line"));
    SHOW(shows(READ_CLEAR, "the second line"));
    SHOW(shows(READ_ALL, "the second line"));
    TRY(klogctl(READ_CLEAR, log_text, sizeof log_text));
    taking();
    waiting();
    PART("errors");
    TRY(klogctl(READ_LOG, NULL, 5));
    TRY(klogctl(READ_ALL, NULL, 5));
    TRY(klogctl(READ_CLEAR, log_text, -1));
    TRY(klogctl(READ_ALL, log_text, 0));
    TRY(klogctl(CONSOLE_LEVEL, NULL, 0));
    TRY(klogctl(CONSOLE_LEVEL, NULL, 9));
    TRY(klogctl(11, NULL, 0));
    TRY(klogctl(-1, NULL, 0));
    TRY(klogctl(OPEN, NULL, 0));
    TRY(klogctl(CLOSE, NULL, 0));
}
