/*
 * A reader behind a pipe. A program that reads the tour needs pages and takes faults, and those would be
 * counted as the tour's. So while a part runs, what it says goes to a file in memory, whose pages are there
 * and locked; between two parts it goes to the reader, and the next one begins when the reader has taken all
 * of it and the machine is quiet. A reader that is never quiet gets the rest at the end.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tests/user/quire/tour.h"

#define HELD    (128u * 1024) /* more than all parts say */
#define LOOK_US 10000u
#define LOOKS   300u /* three seconds */
#define QUIET   5u   /* looks that see nothing */

static struct {
    int to; /* the pipe; -1: nothing is held back */
    pid_t owner;
    void *pages;
    bool busy; /* the reader is */
} reader = {.to = -1};

static bool is_pipe(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode));
}

/* Until nobody has taken a fault for a while and the reader, if there is one, has all. False: not in time. */
static bool machine_is_quiet(void)
{
    unsigned quiet_looks = 0;
    int64_t before = 0;

    for (unsigned i = 0; i < LOOKS && quiet_looks < QUIET; i++) {
        int unread = 0;
        int64_t faults = changed(&(struct counts){.value = {0}}, "fault.all");

        if (reader.to >= 0 && ioctl(reader.to, FIONREAD, &unread) != 0)
            unread = 0;
        quiet_looks = unread || faults != before ? 0 : quiet_looks + 1;
        before = faults;
        usleep(LOOK_US);
    }
    return quiet_looks >= QUIET;
}

/* All that was said. In the tour's own process only; async-signal-safe. */
static void deliver(void)
{
    char buf[1024];
    off_t size = reader.to < 0 || getpid() != reader.owner ? 0 : lseek(STDOUT_FILENO, 0, SEEK_CUR);

    for (off_t at = 0; at < size;) {
        size_t want = size - at < (off_t)sizeof buf ? (size_t)(size - at) : sizeof buf;
        ssize_t n = pread(STDOUT_FILENO, buf, want, at);

        for (ssize_t done = 0; done < n;) {
            ssize_t did = write(reader.to, buf + done, (size_t)(n - done));

            if (did < 0 && errno != EINTR)
                return;
            done += did > 0 ? did : 0;
        }
        if (n <= 0)
            break;
        at += n;
    }
    if (size)
        lseek(STDOUT_FILENO, 0, SEEK_SET);
}

static void at_exit(void)
{
    fflush(stdout);
    deliver();
}

void reader_lock(void)
{
    if (reader.to >= 0 && getpid() == reader.owner)
        mlock(reader.pages, HELD);
}

void reader_begin(void)
{
    int fd;

    if (!is_pipe(STDOUT_FILENO)) {
        if (is_pipe(STDIN_FILENO) && access("/proc/quire/counters", R_OK) == 0)
            machine_is_quiet(); /* who writes there fills the pipe first */
        return;
    }
    fflush(stdout);
    fd = memfd_create("tour", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, HELD) != 0)
        return;
    reader.pages = mmap(NULL, HELD, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (reader.pages == MAP_FAILED)
        return;
    memset(reader.pages, 0, HELD);
    reader.to = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 10);
    reader.owner = getpid();
    dup2(fd, STDOUT_FILENO);
    close(fd);
    reader_lock();
    atexit(at_exit);
    reader.busy = access("/proc/quire/counters", R_OK) == 0 && !machine_is_quiet();
}

void reader_take(void)
{
    if (reader.to < 0 || reader.busy)
        return;
    fflush(stdout);
    deliver();
    if (access("/proc/quire/counters", R_OK) != 0 || machine_is_quiet())
        return;
    reader.busy = true;
    fputs("tour: who reads it takes page faults all the time: the rest comes at the end\n", stderr);
}

void reader_interrupted(void)
{
    deliver();
}
