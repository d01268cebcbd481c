/* The kernel's log: what syslog(2) shows, takes and clears. */
#include "tests/user/ut.h"
#include <poll.h>
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

/* Read records until one has the line as its text. Its number, or -1 and errno. */
static long long record(int fd, const char *line)
{
    char r[1024], *text;
    long long number;
    ssize_t n;

    while ((n = read(fd, r, sizeof r - 1)) > 0) {
        r[n] = '\0';
        text = strchr(r, ';');
        if (text && sscanf(r, "%*u,%lld,%*u,", &number) == 1 && strncmp(text + 1, line, strlen(line)) == 0)
            return number;
    }
    return n < 0 ? -1 : -2;
}

static int ready(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN | POLLRDNORM | POLLOUT};

    return poll(&p, 1, 0) < 0 ? -1 : p.revents;
}

static void records(void)
{
    int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK), again, status;
    char small[4], cleared[40], c = 0;
    long long number;
    int to[2];

    PART("records");
    /* Those of a process that ran before stay in the log. */
    snprintf(cleared, sizeof cleared, "before it is cleared, by %d\n", getpid());
    say("a record\n");
    SHOW(record(fd, "a record") > 0);
    lseek(fd, 0, SEEK_END);
    TRY(read(fd, small, sizeof small));
    SHOW(ready(fd));
    say("the next record\n");
    say("one more\n");
    SHOW(ready(fd));
    TRY(read(fd, small, sizeof small)); /* it is passed over */
    say("the next record\n");
    say("one more\n");
    SHOW((number = record(fd, "the next record")) > 0);
    SHOW(record(fd, "one more") - number >= 1);
    TRY(record(fd, "nobody says this"));
    TRY(lseek(fd, 1, SEEK_SET));
    TRY(lseek(fd, 0, SEEK_CUR));
    TRY(lseek(fd, 0, SEEK_SET));
    SHOW(record(fd, "the next record") < number); /* what was passed over is there */
    say(cleared);
    *strchr(cleared, '\n') = '\0';
    TRY(klogctl(CLEAR, NULL, 0));
    say("after that\n");
    TRY(lseek(fd, 0, SEEK_DATA));
    TRY(record(fd, cleared));
    TRY(lseek(fd, 0, SEEK_DATA));
    SHOW(record(fd, "after that") > number);
    /* Who opens it anew begins with what is kept, cleared or not. */
    again = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);
    SHOW(record(again, cleared) > number);
    close(again);
    again = open("/dev/kmsg", O_WRONLY);
    TRY(read(again, small, sizeof small));
    SHOW(ready(again));
    close(again);
    close(fd);

    if (pipe(to) != 0)
        return;
    pid_t pid = fork();
    if (pid == 0) {
        fd = open("/dev/kmsg", O_RDONLY);
        lseek(fd, 0, SEEK_END);
        write(to[1], "x", 1);
        c = record(fd, "a record that somebody waits for") > 0 ? 'y' : 'n';
        write(to[1], &c, 1);
        _exit(0);
    }
    read(to[0], &c, 1);
    usleep(100000);
    say("a record that somebody waits for\n");
    read(to[0], &c, 1);
    waitpid(pid, &status, 0);
    ut_say("%c", c);
    close(to[0]);
    close(to[1]);
}

static void file(void)
{
    int fd = open("/proc/kmsg", O_RDONLY | O_NONBLOCK);
    ssize_t n;

    PART("/proc/kmsg");
    while (read(fd, log_text, sizeof log_text) > 0)
        ;
    TRY(read(fd, log_text, sizeof log_text));
    SHOW(ready(fd));
    say("a line for the file\n");
    SHOW(ready(fd));
    n = read(fd, log_text, sizeof log_text - 1);
    log_text[n > 0 ? n : 0] = '\0';
    SHOW(strstr(log_text, "a line for the file") != NULL);
    SHOW(klogctl(UNREAD, NULL, 0));
    SHOW(shows(READ_ALL, "a line for the file"));
    TRY(write(fd, "x", 1));
    close(fd);
    TRY(open("/proc/kmsg", O_WRONLY));
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
    records();
    file();
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
