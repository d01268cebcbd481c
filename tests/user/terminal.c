/*
 * What becomes of a terminal that is open when the leader of its session ends: those who read, also those who
 * wait, find the end, and what they do with it fails; who opens it anew has it again. When the leader only
 * gives it up nothing is cut off.
 *
 *     terminal
 *
 * It takes the serial line from whoever has it as controlling terminal.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define WAIT_US 300000

static struct shared {
    volatile int reads, ended; /* the reader is about to, and has been told the end */
    volatile int hangups, conts;
    volatile pid_t reader;
    volatile int failures;
} * shared;

static void check(int good, const char *what)
{
    if (good)
        return;
    printf("terminal: FAILED: %s, %s\n", what, strerror(errno));
    fflush(stdout);
    shared->failures++;
}

static void on_signal(int signo)
{
    if (signo == SIGHUP)
        shared->hangups++;
    else
        shared->conts++;
}

static void catch (int signo)
{
    struct sigaction a = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

    sigaction(signo, &a, NULL);
}

static void reader(int fd, int console)
{
    struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT};
    struct termios t;
    char c;

    catch (SIGHUP);
    catch (SIGCONT);
    check(tcgetattr(fd, &t) == 0, "it is a terminal");
    check(pread(fd, &c, 1, 0) < 0 && errno == ESPIPE, "it has no positions");
    shared->reads = 1;
    check(read(fd, &c, 1) == 0, "who waits finds the end");
    shared->ended = 1;
    check(read(fd, &c, 1) == 0, "who reads finds it");
    check(write(fd, "x", 1) < 0 && errno == EIO, "a write fails");
    check(tcgetattr(fd, &t) < 0 && errno == EIO, "a control fails");
    check(tcsetpgrp(fd, getpgrp()) < 0 && errno == ENOTTY, "there is no foreground");
    check(poll(&p, 1, 0) == 1 && p.revents & POLLHUP && p.revents & POLLIN, "a poll says so");
    check(open("/dev/tty", O_RDWR) < 0 && errno == ENXIO, "nobody has it");
    check(tcgetattr(console, &t) == 0, "the console is not cut off");
    fd = open("/dev/ttyS0", O_RDWR | O_NOCTTY);
    check(fd >= 0 && tcgetattr(fd, &t) == 0, "it can be opened again");
    _exit(0);
}

/* A session with a reader in the foreground, whose leader ends or gives the terminal up. */
static void leader(int ends)
{
    int console = open("/dev/console", O_RDWR | O_NOCTTY), fd;

    setsid();
    fd = open("/dev/ttyS0", O_RDWR | O_NOCTTY);
    signal(SIGHUP, SIG_IGN);
    check(ioctl(fd, TIOCSCTTY, 1) == 0, "it is taken");
    shared->reader = fork();
    if (shared->reader == 0)
        reader(fd, console);
    while (!shared->reads)
        usleep(1000);
    usleep(WAIT_US);
    if (ends)
        _exit(0);
    check(ioctl(fd, TIOCNOTTY) == 0, "it is given up");
    usleep(WAIT_US);
    check(!shared->ended && waitpid(shared->reader, NULL, WNOHANG) == 0, "nothing is cut off");
    kill(shared->reader, SIGKILL);
    waitpid(shared->reader, NULL, 0);
    _exit(0);
}

static void one_round(int ends)
{
    pid_t pid;

    shared->reads = shared->ended = shared->hangups = shared->conts = 0;
    pid = fork();
    if (pid == 0)
        leader(ends);
    waitpid(pid, NULL, 0);
    for (unsigned i = 0; ends && !shared->ended && i < 20; i++)
        usleep(100000);
    check(shared->hangups == 1, "SIGHUP came");
    check(shared->conts == !ends, "and SIGCONT only if the leader goes on");
    if (!ends)
        return;
    check(shared->ended, "the reader was told");
    if (!shared->ended)
        kill(shared->reader, SIGKILL);
    usleep(WAIT_US);
}

int main(void)
{
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return 2;
    one_round(0);
    one_round(1);
    printf("terminal: done, %d failed\n", shared->failures);
    return shared->failures ? 1 : 0;
}
