/*
 * Every pointer that a system call takes, for ut-pointer.c: X(CALL, ARGUMENT, ...), with the names of
 * kernel/sys/syscall.c and of the function's arguments there. tools/check-pointers sees to it that none is
 * left out. ARGUMENT__MORE is one more thing behind an argument: a field that is a pointer again, another
 * command.
 *
 * Nothing here changes anything outside the work directory, whoever runs it and whatever is at the pointer,
 * bytes of zero included: see OWN_CALLS.
 */
#ifndef TESTS_USER_POINTER_CALLS_H
#define TESTS_USER_POINTER_CALLS_H

#include "tests/user/ut.h"
#include <grp.h>
#include <linux/capability.h>
#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <termios.h>
#include <time.h>

static int data_fd, other_fd, dir_fd, pipe_fd[2], null_fd, console_fd, segment_id, news_fd, set_id, queue_id,
    mq_fd;

/* --- what arguments point to --- */

static const char dot[] = ".", missing[] = "missing-name", attribute[] = "attribute",
                  text[64] = "some bytes, more than half of anything.";
static const uint32_t zero[32], one_processor[32] = {1}, watch_event[3] = {1, 0, 0};
static const struct timespec moment = {0, 1000}, moments[2] = {{5, 0}, {6, 0}};
static const int64_t moment64[2] = {0, 1000}, moments64[4] = {5, 0, 6, 0}, long_time64[2] = {1, 0};
static const struct timespec long_time = {1, 0};
/* A futex, a thing that a set watches, how to open, and no adjusting of the clock. */
static const struct {
    uint64_t value;
    const void *uaddr;
    uint32_t high, flags, reserved;
} one_futex = {.uaddr = zero, .flags = 2 | FUTEX_PRIVATE_FLAG};
static const uint32_t no_slot[3] = {0, 0, 0};
static const uint64_t plain_how[3] = {0, 0, 0}, no_modes[26] = {0}, plain_clone[8] = {[4] = SIGCHLD};
static const struct itimerval timer_off;
/* Linux for 64 bits reads less of it than Linux for 32: half of this is all of it. */
static const struct {
    struct sigevent event;
    char behind[sizeof(struct sigevent)];
} no_event = {.event = {.sigev_notify = SIGEV_NONE}};
static struct timeval no_time;
static const struct timeval bad_time = {0, 2000000};
static const int32_t bad_second = -1, bad_second32[2] = {-1, 0};
static const int64_t bad_second64[2] = {-1, 0};
static const struct timezone bad_zone = {10000, 0};
static const struct rlimit core_limit = {0, 0};
static const uint64_t core_limit64[2] = {0, 0};
/* Of struct flock and flock64, as i386 has them: type, whence, start, size, process. */
static const uint32_t no_records[32], no_segment[4] = {6, 0, 0, 0};
static uint32_t registers_of_others[17];
static struct iovec of_registers = {registers_of_others, sizeof registers_of_others};
static const int32_t no_owner[2] = {0, 0}; /* F_OWNER_TID */
static const int32_t read_lock[5] = {F_RDLCK}, read_lock64[6] = {F_RDLCK};
static const uint32_t kernel_action[5] = {1, 0, 0, 0, 0}, old_action[4] = {1, 0, 0, 0}; /* SIG_IGN */
static const uint64_t usr2_mask = 1u << (SIGUSR2 - 1), no_signals;
static const uint32_t usr2_word = 1u << (SIGUSR2 - 1);
static const uint32_t empty_mask[2] = {(uintptr_t)0, 8};
/* The beginning of a siginfo: how much behind it is read differs. */
static const int32_t queued[4] = {0, 0, SI_QUEUE};
static const stack_t no_stack = {.ss_flags = SS_DISABLE};
/* Two semaphores, and an operation on the first; a message; a queue of messages. */
static const uint16_t two_values[2] = {0, 7};
static const struct sembuf wait_for_zero = {0, 0, IPC_NOWAIT};
static const struct {
    uint32_t type;
    char bytes[8];
} posted = {3, "message"};
#define QUEUE "ut-pointer"
static const char queue_name[] = QUEUE;
static const uint32_t queue_attr[8] = {0, 4, 16}, nonblocking[8] = {O_NONBLOCK};
static uint8_t buffer[512], two_pages[2 * PAGE] __attribute__((aligned(PAGE)));

/* So that there is more of it than a buffer takes. */
static void fill_log(void)
{
    int fd = open("/dev/kmsg", O_WRONLY);

    for (unsigned i = 0; i < 16; i++)
        if (write(fd, text, sizeof text - 1) < 0)
            break;
    close(fd);
}
static const struct iovec vector[2] = {{buffer, 8}, {buffer + 8, 8}};
static const struct iovec from_text[2] = {{(void *)(uintptr_t)text, 8}, {(void *)(uintptr_t)(text + 8), 8}};
static const char *const arguments[2] = {"x", NULL};
static struct pollfd polled;
static const struct {
    uint16_t family;
    char path[30];
} nobody = {AF_UNIX, "missing-name"}, new_name = {AF_UNIX, "new-name"};
static const uint32_t socket_words[3] = {AF_UNIX, SOCK_STREAM, 77}, one = 1, room8 = 8;
static const struct mmsghdr to_receive = {.msg_hdr = {.msg_iov = (struct iovec *)(uintptr_t)vector,
                                                      .msg_iovlen = 2}},
                            to_send = {.msg_hdr = {.msg_iov = (struct iovec *)(uintptr_t)from_text,
                                                   .msg_iovlen = 2}};
static struct mmsghdr got_message = {
    .msg_hdr = {.msg_iov = (struct iovec *)(uintptr_t)vector, .msg_iovlen = 2}};
static uint32_t room4 = 4;
static const struct {
    struct cmsghdr head;
    int32_t fd;
} rights = {{16, SOL_SOCKET, SCM_RIGHTS}, 0};
static const uint32_t old_map[6] = {0, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, (uint32_t)-1, 0};
static const uint32_t select_words[5] = {0, 0, 0, 0, 0};
static const uint32_t new_segment[4] = {(uint32_t)-1, 0, 0xfffff, 0x51};
static uint32_t own_segment[4]; /* as the thread has it */
static const uint32_t local_segment[4] = {3, 0, 0xfffff, 0x51};
static const uint64_t file_offset = 3;
static const uint32_t file_offset32 = 3;
static const struct sched_param no_priority = {0};
static const uint32_t no_attributes[12] = {48};
static const struct __user_cap_header_struct cap_header = {_LINUX_CAPABILITY_VERSION_3, 0};
static struct __user_cap_data_struct cap_data[2];
static const gid_t two_groups[2] = {4, 5};
static struct termios console_settings;
static struct winsize console_size;

/* --- calls that need something around them; errno stays the call's --- */

static long drained(long rc)
{
    int err = errno;

    while (read(pipe_fd[0], buffer, sizeof buffer) > 0)
        ;
    errno = err;
    return rc;
}

static void fill_pipe(void)
{
    drained(0);
    write(pipe_fd[1], text, sizeof text);
}

static long closing(long rc)
{
    int err = errno;

    if (rc >= 3)
        close((int)rc);
    errno = err;
    return rc >= 3 ? 0 : rc;
}

static long closing_pair(int *p, long rc)
{
    if (rc == 0) {
        close(p[0]);
        close(p[1]);
    }
    return rc;
}

/* A message that is received as it was sent. */
static long received(void *p)
{
    msgsnd(queue_id, &posted, sizeof posted.bytes, IPC_NOWAIT);
    return syscall(SYS_msgrcv, queue_id, p, sizeof posted.bytes, 0, IPC_NOWAIT);
}

static long sent(const void *p)
{
    long rc = syscall(SYS_msgsnd, queue_id, p, sizeof posted.bytes, IPC_NOWAIT);
    int err = errno;

    while (msgrcv(queue_id, buffer, 64, 0, IPC_NOWAIT) >= 0)
        ;
    errno = err;
    return rc;
}

/* The same of a queue of POSIX's: what it does not have any more is nobody's. */
static long emptied(long rc)
{
    int err = errno;

    while (syscall(SYS_mq_timedreceive, mq_fd, buffer, 16, NULL, NULL) >= 0)
        ;
    errno = err;
    return rc;
}

static long mq_received(long call, void *p, void *priority, const void *limit)
{
    syscall(SYS_mq_timedsend, mq_fd, text, 16, 5, NULL);
    return emptied(syscall(call, mq_fd, p ? p : buffer, 16, priority, limit));
}

static long mq_made(const void *name, const void *attr)
{
    syscall(SYS_mq_unlink, QUEUE);
    return closing(syscall(SYS_mq_open, name, O_RDWR | O_CREAT, 0600, attr));
}

static long mq_removed(const void *name)
{
    mq_made(QUEUE, NULL);
    return syscall(SYS_mq_unlink, name);
}

static long mq_asked(const void *event)
{
    long rc = syscall(SYS_mq_notify, mq_fd, event);
    int err = errno;

    syscall(SYS_mq_notify, mq_fd, NULL);
    errno = err;
    return rc;
}

/* A number that says nothing: an address, a clock's value, a size. */
static long positive(long rc)
{
    return rc == -1 ? -1 : 0;
}

static long mapping(long rc)
{
    if (rc == -1)
        return -1;
    munmap((void *)rc, PAGE);
    return 0;
}

/* One element, whose base is the pointer. */
static long with_vector(void *p, int call, int fd)
{
    struct iovec v = {p, 64};

    lseek(data_fd, 0, SEEK_SET);
    return syscall(call, fd, &v, 1, 0, 0, 0);
}

static long with_vector_of_other(void *p, int call)
{
    struct iovec own = {buffer, 64}, other = {p, 64};

    return syscall(call, getpid(), &own, 1, &other, 1, 0);
}

/* A call on a timer that tells nobody: gettime with what it tells, settime with both. */
static long with_timer(long call, const void *new, void *old)
{
    struct sigevent none = {.sigev_notify = SIGEV_NONE};
    bool reads = call == SYS_timer_gettime || call == SYS_timer_gettime64;
    long rc;
    int id, err;

    if (syscall(SYS_timer_create, CLOCK_MONOTONIC, &none, &id) != 0)
        return -1;
    rc = reads ? syscall(call, id, old) : syscall(call, id, 0, new, old);
    err = errno;
    syscall(SYS_timer_delete, id);
    errno = err;
    return rc;
}

/* A call on a set that watches a file which is ready: ctl with an event, wait with where events go, and what
 * is special about the other waits. */
static long with_epoll(long call, const void *event, void *to, const void *limit, const void *mask)
{
    struct {
        uint32_t events, data[2];
    } in = {1, {0, 0}};
    int fd = (int)syscall(SYS_epoll_create1, 0), err;
    long rc;

    fill_pipe();
    if (call == SYS_epoll_ctl) {
        rc = syscall(call, fd, 1, pipe_fd[0], event);
    } else {
        syscall(SYS_epoll_ctl, fd, 1, pipe_fd[0], &in);
        rc = syscall(call, fd, to, 1, limit, mask, 8);
    }
    err = errno;
    close(fd);
    errno = err;
    return drained(rc);
}

/* A call on one end of a pair, the other of which has written; its words, 0 standing for the descriptor. */
static long with_socket(int type, long call, long b, long c, long d, long e, long f)
{
    int fd[2], err;
    long rc;

    if (socketpair(AF_UNIX, type, 0, fd) != 0)
        return -1;
    send(fd[1], text, sizeof text, 0);
    rc = syscall(call, fd[0], b, c, d, e, f);
    err = errno;
    close(fd[0]);
    close(fd[1]);
    errno = err;
    return rc;
}
#define WITH_PAIR(call, ...) with_socket(SOCK_DGRAM, SYS_##call, __VA_ARGS__)
#define WORD(p)              ((long)(intptr_t)(p))

/* A message whose parts are what they are. */
static long with_message(long call, void *name, uint32_t name_size, const void *parts, void *control,
                         uint32_t control_size)
{
    struct msghdr m = {.msg_name = name,
                       .msg_namelen = name_size,
                       .msg_iov = (struct iovec *)(uintptr_t)parts,
                       .msg_iovlen = 2,
                       .msg_control = control,
                       .msg_controllen = control_size};

    return with_socket(SOCK_DGRAM, call, (long)(intptr_t)&m, MSG_DONTWAIT, 0, 0, 0);
}

/* ustat(2) of /proc. */
static long device_of_proc(void *p)
{
    struct stat s;

    return stat("/proc", &s) ? -1 : syscall(62, (unsigned)s.st_dev, p);
}

/* A fresh socket for a name. */
static long with_new_socket(long call, const void *p, uint32_t size)
{
    int fd = socket(AF_UNIX, SOCK_STREAM, 0), err;
    long rc = syscall(call, fd, p, size);

    err = errno;
    close(fd);
    unlink("new-name");
    errno = err;
    return rc;
}

/* Somebody is at the door. */
static long accepted(void *address, void *size)
{
    int s = socket(AF_UNIX, SOCK_STREAM, 0), t = socket(AF_UNIX, SOCK_STREAM, 0), err;
    uint32_t room = 8;
    long rc;

    bind(s, (const struct sockaddr *)&new_name, sizeof new_name);
    listen(s, 1);
    connect(t, (const struct sockaddr *)&new_name, sizeof new_name);
    rc = closing(syscall(SYS_accept4, s, address, size ? size : &room, 0));
    err = errno;
    close(s);
    close(t);
    unlink("new-name");
    errno = err;
    return rc;
}

/* The same on a timer that is a file. */
static long with_timerfd(long call, const void *new, void *old)
{
    bool reads = call == SYS_timerfd_gettime || call == SYS_timerfd_gettime64;
    int fd = (int)syscall(SYS_timerfd_create, CLOCK_MONOTONIC, 0), err;
    long rc = reads ? syscall(call, fd, old) : syscall(call, fd, 0, new, old);

    err = errno;
    close(fd);
    errno = err;
    return rc;
}

static long timer_made(const void *event)
{
    int id = -1;
    long rc = syscall(SYS_timer_create, CLOCK_MONOTONIC, event, &id);

    if (rc == 0)
        syscall(SYS_timer_delete, id);
    return rc;
}

/* A call on a descriptor of the process itself. */
static long with_pidfd(long call, const void *p)
{
    int fd = (int)syscall(SYS_pidfd_open, getpid(), 0), err;
    long rc =
        call == SYS_process_madvise ? syscall(call, fd, p, 2, MADV_COLD, 0) : syscall(call, fd, 0, p, 0);

    err = errno;
    close(fd);
    errno = err;
    return rc;
}

static long with_vector_of_own(void *p, int call, const void *from)
{
    struct iovec own = {p, 64}, other = {(void *)(uintptr_t)from, 64};

    return syscall(call, getpid(), &own, 1, &other, 1, 0);
}

/* In a child, since what it does cannot be undone. */
#define IN_CHILD(call)                                                                                       \
    __extension__({                                                                                          \
        int status_;                                                                                         \
        pid_t pid_ = fork();                                                                                 \
        if (pid_ == 0)                                                                                       \
            _exit((call) == -1 ? errno : 0);                                                                 \
        waitpid(pid_, &status_, 0);                                                                          \
        errno = WIFEXITED(status_) ? WEXITSTATUS(status_) : EINTR;                                           \
        errno ? -1L : 0L;                                                                                    \
    })

/* A dead child each time. */
static long dead_child(int call, void *status, void *usage)
{
    pid_t pid = fork();
    siginfo_t info;
    long rc;
    int err;

    if (pid == 0)
        _exit(0);
    waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
    if (call == SYS_waitid)
        rc = syscall(call, P_PID, pid, status, WEXITED, usage);
    else
        rc = syscall(call, pid, status, 0, usage);
    err = errno;
    waitpid(pid, NULL, 0);
    errno = err;
    return rc > 0 ? 0 : rc;
}

/* Of a child that is traced, and stands. */
static long of_tracee(unsigned request, const void *addr, const void *data)
{
    pid_t pid = fork();
    long rc;
    int err;

    if (pid == 0) {
        syscall(SYS_ptrace, 0, 0, 0, 0);
        raise(SIGSTOP);
        _exit(0);
    }
    waitpid(pid, NULL, __WALL);
    rc = syscall(SYS_ptrace, request, pid, addr, data);
    err = errno;
    kill(pid, SIGKILL);
    waitpid(pid, NULL, __WALL);
    errno = err;
    return rc > 0 ? 0 : rc;
}

/* The registers of a set go to memory, and come from it. */
static long regset_of_tracee(void *base, size_t size)
{
    struct iovec part = {base, size};

    return of_tracee(0x4204, (void *)1, &part);
}

/* clone() as fork(): the child ends, the parent says whether there was one. */
static long cloned(long pid)
{
    int err = errno;

    if (pid == 0)
        syscall(SYS_exit, 0);
    if (pid > 0)
        waitpid((pid_t)pid, NULL, 0);
    errno = err;
    return pid > 0 ? 0 : pid;
}

/*
 * Something that is written or read when a thread ends: the child shares the memory, and may make system
 * calls only.
 */
static int end_with_tid(void *p)
{
    syscall(SYS_set_tid_address, p);
    syscall(SYS_exit, 0);
    return 0;
}

static int end_with_list(void *p)
{
    syscall(SYS_set_robust_list, p, 12);
    syscall(SYS_exit, 0);
    return 0;
}

static long ended(int (*fn)(void *p), void *p, int flags)
{
    static uint8_t stack[4 * PAGE] __attribute__((aligned(16)));
    pid_t pid = clone(fn, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD | flags, p, NULL, NULL, p);
    int status;

    if (pid < 0)
        return -1;
    waitpid(pid, &status, 0);
    return status;
}

static int end_at_once(void *p)
{
    (void)p;
    syscall(SYS_exit, 0);
    return 0;
}

static void on_alarm(int signo)
{
    (void)signo;
}

/* A signal ends the call; one that came too early is followed by others. */
static void start_ticking(void)
{
    struct sigaction action = {.sa_handler = on_alarm};
    struct itimerval often = {{0, 5000}, {0, 5000}};

    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
}

static long ticked(long rc)
{
    int err = errno;

    setitimer(ITIMER_REAL, &timer_off, NULL);
    errno = err;
    return rc;
}
#define TICKING(call) (start_ticking(), ticked(call))
/* Only without a limit does it wait for ever; with one, a tick might come before it. */
#define WITHOUT_LIMIT(call) (p ? (call) : TICKING(call))

/* SIGUSR2 is pending and blocked. */
static void block_usr2(void)
{
    struct sigaction action = {.sa_handler = on_alarm};
    sigset_t set;

    sigaction(SIGUSR2, &action, NULL);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, NULL);
    raise(SIGUSR2);
}

static long unblock_usr2(long rc)
{
    int err = errno;
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    errno = err;
    return rc;
}
#define WITH_USR2(call) (block_usr2(), unblock_usr2(call))

static long attached(void *result)
{
    return syscall(SYS_ipc, 21, segment_id, SHM_RDONLY, result, NULL, 0);
}

/* What a clock was set to does not stay. */
static long clock_kept(long rc)
{
    static struct timespec before;
    int err = errno;

    if (before.tv_sec)
        clock_settime(CLOCK_REALTIME, &before);
    clock_gettime(CLOCK_REALTIME, &before);
    errno = err;
    return rc;
}
#define KEEPING_CLOCK(call) (clock_kept(0), clock_kept(call))

static long name_kept(long rc)
{
    int err = errno;

    sethostname("quire", 5);
    setdomainname("(none)", 6);
    errno = err;
    return rc;
}

static long console_kept(long rc)
{
    int err = errno;

    tcsetattr(console_fd, TCSANOW, &console_settings);
    ioctl(console_fd, TIOCSWINSZ, &console_size);
    errno = err;
    return rc;
}

/* --- the lists. p is the pointer --- */

#define FUTEX(call, ...)  syscall(SYS_##call, __VA_ARGS__)
#define CHILD_TID(flag)   cloned(syscall(SYS_clone, SIGCHLD | (flag), 0, p, 0, p))
#define AT(call, ...)     syscall(SYS_##call, dir_fd, __VA_ARGS__)
#define DATA_OFFSET(call) (lseek(data_fd, 0, SEEK_SET), call)

/* The call writes there: how many bytes. */
#define OUT_CALLS(X)                                                                                         \
    X(read, buf__file, 64, DATA_OFFSET(syscall(SYS_read, data_fd, p, 64)))                                   \
    X(read, buf__zero, 64, syscall(SYS_read, null_fd, p, 64))                                                \
    X(read, buf__pipe, 64, (fill_pipe(), drained(syscall(SYS_read, pipe_fd[0], p, 64))))                     \
    X(pread64, buf, 64, syscall(SYS_pread64, data_fd, p, 64, 0, 0))                                          \
    X(readv, vector__base, 64, with_vector(p, SYS_readv, data_fd))                                           \
    X(preadv, vector__base, 64, with_vector(p, SYS_preadv, data_fd))                                         \
    X(preadv2, vector__base, 64, with_vector(p, SYS_preadv2, data_fd))                                       \
    X(process_vm_readv, own__base, 64, with_vector_of_own(p, SYS_process_vm_readv, text))                    \
    X(process_vm_writev, other__base, 64, with_vector_of_other(p, SYS_process_vm_writev))                    \
    X(stat, user, 64, syscall(SYS_stat, "/dev/zero", p))                                                     \
    X(oldstat, user, 32, syscall(18, "/dev/zero", p))                                                        \
    X(oldlstat, user, 32, syscall(84, "/dev/zero", p))                                                       \
    X(oldfstat, user, 32, syscall(28, null_fd, p))                                                           \
    X(ustat, user, 20, device_of_proc(p))                                                                    \
    X(sysfs, user, 5, syscall(135, 2, syscall(135, 1, "proc"), p))                                           \
    X(olduname, va, 325, syscall(109, p))                                                                    \
    X(oldolduname, va, 45, syscall(59, p))                                                                   \
    X(lstat, user, 64, syscall(SYS_lstat, "/dev/zero", p))                                                   \
    X(fstat, user, 64, syscall(SYS_fstat, null_fd, p))                                                       \
    X(stat64, user, 96, syscall(SYS_stat64, ".", p))                                                         \
    X(lstat64, user, 96, syscall(SYS_lstat64, ".", p))                                                       \
    X(fstat64, user, 96, syscall(SYS_fstat64, data_fd, p))                                                   \
    X(fstatat64, user, 96, AT(fstatat64, ".", p, 0))                                                         \
    X(statx, user, 256, AT(statx, ".", 0, 0x7ff, p))                                                         \
    X(statfs, user, 64, syscall(SYS_statfs, "/proc", p))                                                     \
    X(fstatfs, user, 64, syscall(SYS_fstatfs, pipe_fd[0], p))                                                \
    X(statfs64, user, 84, syscall(SYS_statfs64, ".", 84, p))                                                 \
    X(fstatfs64, user, 84, syscall(SYS_fstatfs64, data_fd, 84, p))                                           \
    X(uname, va, 390, syscall(SYS_uname, p))                                                                 \
    X(sysinfo, va, 64, syscall(SYS_sysinfo, p))                                                              \
    X(time, va, 4, positive(syscall(SYS_time, p)))                                                           \
    X(gettimeofday, tv, 8, syscall(SYS_gettimeofday, p, NULL))                                               \
    X(gettimeofday, tz, 8, syscall(SYS_gettimeofday, NULL, p))                                               \
    X(clock_gettime, va, 8, syscall(SYS_clock_gettime, CLOCK_MONOTONIC, p))                                  \
    X(clock_gettime64, va, 16, syscall(SYS_clock_gettime64, CLOCK_REALTIME, p))                              \
    X(timer_gettime, va, 16, with_timer(SYS_timer_gettime, NULL, p))                                         \
    X(timer_gettime64, va, 32, with_timer(SYS_timer_gettime64, NULL, p))                                     \
    X(timer_settime, old, 16, with_timer(SYS_timer_settime, zero, p))                                        \
    X(timer_settime64, old, 32, with_timer(SYS_timer_settime64, zero, p))                                    \
    X(epoll_wait, user, 12, with_epoll(SYS_epoll_wait, NULL, p, NULL, NULL))                                 \
    X(epoll_pwait, user, 12, with_epoll(SYS_epoll_pwait, NULL, p, NULL, NULL))                               \
    X(epoll_pwait2, user, 12, with_epoll(SYS_epoll_pwait2, NULL, p, moment64, NULL))                         \
    X(timerfd_gettime, va, 16, with_timerfd(SYS_timerfd_gettime, NULL, p))                                   \
    X(timerfd_gettime64, va, 32, with_timerfd(SYS_timerfd_gettime64, NULL, p))                               \
    X(timerfd_settime, old, 16, with_timerfd(SYS_timerfd_settime, zero, p))                                  \
    X(timerfd_settime64, old, 32, with_timerfd(SYS_timerfd_settime64, zero, p))                              \
    X(clock_getres, va, 8, syscall(SYS_clock_getres, CLOCK_MONOTONIC, p))                                    \
    X(clock_getres_time64, va, 16, syscall(SYS_clock_getres_time64, CLOCK_MONOTONIC, p))                     \
    X(times, to, 16, positive(syscall(SYS_times, p)))                                                        \
    X(getitimer, value, 16, syscall(SYS_getitimer, ITIMER_REAL, p))                                          \
    X(setitimer, old, 16, syscall(SYS_setitimer, ITIMER_REAL, &timer_off, p))                                \
    X(nanosleep, rem, 8, TICKING(syscall(SYS_nanosleep, &long_time, p)))                                     \
    X(clock_nanosleep, rem, 8, TICKING(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &long_time, p)))     \
    X(clock_nanosleep_time64, rem, 16,                                                                       \
      TICKING(syscall(SYS_clock_nanosleep_time64, CLOCK_MONOTONIC, 0, long_time64, p)))                      \
    X(getrusage, to, 72, syscall(SYS_getrusage, RUSAGE_SELF, p))                                             \
    X(getrlimit, to, 8, syscall(SYS_getrlimit, RLIMIT_CORE, p))                                              \
    X(ugetrlimit, to, 8, syscall(SYS_ugetrlimit, RLIMIT_CORE, p))                                            \
    X(prlimit64, old, 16, syscall(SYS_prlimit64, 0, RLIMIT_CORE, NULL, p))                                   \
    X(getcwd, user, 64, positive(syscall(SYS_getcwd, p, 64)))                                                \
    X(readlink, user, 16, syscall(SYS_readlink, "link", p, 16))                                              \
    X(readlinkat, user, 16, AT(readlinkat, "link", p, 16))                                                   \
    X(getdents, buf, 512, positive((lseek(dir_fd, 0, SEEK_SET), syscall(SYS_getdents, dir_fd, p, 512))))     \
    X(readdir, entry, 12, positive((lseek(dir_fd, 0, SEEK_SET), syscall(SYS_readdir, dir_fd, p, 1))))        \
    X(getdents64, buf, 512, positive((lseek(dir_fd, 0, SEEK_SET), syscall(SYS_getdents64, dir_fd, p, 512)))) \
    X(pipe, user_fds, 8, closing_pair(p, syscall(SYS_pipe, p)))                                              \
    X(pipe2, user_fds, 8, closing_pair(p, syscall(SYS_pipe2, p, O_CLOEXEC)))                                 \
    X(_llseek, user_result, 8, syscall(SYS__llseek, data_fd, 0, 0, p, SEEK_SET))                             \
    X(sigaction, old, 16, syscall(SYS_sigaction, SIGUSR1, NULL, p))                                          \
    X(rt_sigaction, old, 20, syscall(SYS_rt_sigaction, SIGUSR1, NULL, p, 8))                                 \
    X(sigprocmask, old, 4, syscall(SYS_sigprocmask, SIG_BLOCK, NULL, p))                                     \
    X(rt_sigprocmask, old, 8, syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, p, 8))                            \
    X(sigpending, va, 4, syscall(SYS_sigpending, p))                                                         \
    X(modify_ldt, at__read, 64,                                                                              \
      IN_CHILD(syscall(SYS_modify_ldt, 0x11, local_segment, 16) ? -1 : syscall(SYS_modify_ldt, 0, p, 64)))   \
    X(modify_ldt, at__default, 16, syscall(SYS_modify_ldt, 2, p, 16))                                        \
    X(rt_sigpending, va, 8, syscall(SYS_rt_sigpending, p, 8))                                                \
    X(rt_sigtimedwait, info, 128, WITH_USR2(syscall(SYS_rt_sigtimedwait, &usr2_mask, p, &moment, 8)))        \
    X(rt_sigtimedwait_time64, info, 128,                                                                     \
      WITH_USR2(syscall(SYS_rt_sigtimedwait_time64, &usr2_mask, p, moment64, 8)))                            \
    X(sigaltstack, old, 12, syscall(SYS_sigaltstack, NULL, p))                                               \
    X(getrandom, va, 32, syscall(SYS_getrandom, p, 32, 0))                                                   \
    X(mincore, vec, 2, syscall(SYS_mincore, two_pages, PAGE * 2, p))                                         \
    X(getresuid, a, 2, syscall(SYS_getresuid, p, buffer, buffer))                                            \
    X(getresuid, b, 2, syscall(SYS_getresuid, buffer, p, buffer))                                            \
    X(getresuid, c, 2, syscall(SYS_getresuid, buffer, buffer, p))                                            \
    X(getresgid, a, 2, syscall(SYS_getresgid, p, buffer, buffer))                                            \
    X(getresgid, b, 2, syscall(SYS_getresgid, buffer, p, buffer))                                            \
    X(getresgid, c, 2, syscall(SYS_getresgid, buffer, buffer, p))                                            \
    X(getresuid32, a, 4, syscall(SYS_getresuid32, p, buffer, buffer))                                        \
    X(getresuid32, b, 4, syscall(SYS_getresuid32, buffer, p, buffer))                                        \
    X(getresuid32, c, 4, syscall(SYS_getresuid32, buffer, buffer, p))                                        \
    X(getresgid32, a, 4, syscall(SYS_getresgid32, p, buffer, buffer))                                        \
    X(getresgid32, b, 4, syscall(SYS_getresgid32, buffer, p, buffer))                                        \
    X(getresgid32, c, 4, syscall(SYS_getresgid32, buffer, buffer, p))                                        \
    X(getgroups, list, 4, IN_CHILD(setgroups(2, two_groups) ? -1 : syscall(SYS_getgroups, 2, p)))            \
    X(getgroups32, list, 8, IN_CHILD(setgroups(2, two_groups) ? -1 : syscall(SYS_getgroups32, 2, p)))        \
    X(prctl, arg__get_name, 16, syscall(SYS_prctl, PR_GET_NAME, p))                                          \
    X(prctl, arg__get_pdeathsig, 4, syscall(SYS_prctl, PR_GET_PDEATHSIG, p))                                 \
    X(getcpu, cpu, 4, syscall(SYS_getcpu, p, NULL, NULL))                                                    \
    X(getcpu, node, 4, syscall(SYS_getcpu, NULL, p, NULL))                                                   \
    X(capget, data, 24, syscall(SYS_capget, &cap_header, p))                                                 \
    X(sched_getparam, param, 4, syscall(SYS_sched_getparam, 0, p))                                           \
    X(sched_rr_get_interval, at, 8, syscall(SYS_sched_rr_get_interval, 0, p))                                \
    X(sched_rr_get_interval_time64, at, 16, syscall(SYS_sched_rr_get_interval_time64, 0, p))                 \
    X(sched_getattr, at, 48, syscall(SYS_sched_getattr, 0, p, 48, 0))                                        \
    X(sched_getaffinity, mask, 128, positive(syscall(SYS_sched_getaffinity, 0, 128, p)))                     \
    X(get_robust_list, head, 4, syscall(SYS_get_robust_list, 0, p, buffer))                                  \
    X(get_robust_list, size, 4, syscall(SYS_get_robust_list, 0, buffer, p))                                  \
    X(clone, parent_tid, 4, cloned(syscall(SYS_clone, SIGCHLD | CLONE_PARENT_SETTID, 0, p, 0, 0)))           \
    X(clone, child_tid__set, 4, cloned(syscall(SYS_clone, SIGCHLD | CLONE_CHILD_SETTID, 0, 0, 0, p)))        \
    X(clone, child_tid__clear, 4, ended(end_at_once, p, CLONE_CHILD_CLEARTID))                               \
    X(set_tid_address, at, 4, ended(end_with_tid, p, 0))                                                     \
    X(shmctl, buf, 84, syscall(SYS_shmctl, segment_id, IPC_STAT, p))                                         \
    X(ipc, ptr__shmctl, 84, syscall(SYS_ipc, 24, segment_id, IPC_STAT | 0x100, 0, p, 0))                     \
    X(semctl, arg__stat, 64, syscall(SYS_semctl, set_id, 0, IPC_STAT, p))                                    \
    X(semctl, arg__getall, 4, syscall(SYS_semctl, set_id, 0, GETALL, p))                                     \
    X(msgctl, buf, 88, syscall(SYS_msgctl, queue_id, IPC_STAT, p))                                           \
    X(msgrcv, buf, 12, received(p))                                                                          \
    X(mq_timedreceive, to, 16, mq_received(SYS_mq_timedreceive, p, NULL, NULL))                              \
    X(mq_timedreceive, priority, 4, mq_received(SYS_mq_timedreceive, NULL, p, NULL))                         \
    X(mq_timedreceive_time64, to, 16, mq_received(SYS_mq_timedreceive_time64, p, NULL, NULL))                \
    X(mq_timedreceive_time64, priority, 4, mq_received(SYS_mq_timedreceive_time64, NULL, p, NULL))           \
    X(mq_getsetattr, was, 32, syscall(SYS_mq_getsetattr, mq_fd, NULL, p))                                    \
    X(ipc, third__shmat, 4, IN_CHILD(attached(p)))                                                           \
    X(ioctl, arg__fionread, 4, syscall(SYS_ioctl, pipe_fd[0], FIONREAD, p))                                  \
    X(ioctl, arg__news, 4, syscall(SYS_ioctl, news_fd, FIONREAD, p))                                         \
    X(socketpair, pair, 8, closing_pair(p, syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, p)))             \
    X(accept4, address, 2, accepted(p, NULL))                                                                \
    X(getsockopt, value, 4, WITH_PAIR(getsockopt, SOL_SOCKET, SO_TYPE, WORD(p), WORD(&room4), 0))            \
    X(getsockname, address, 2, WITH_PAIR(getsockname, WORD(p), WORD(&room4), 0, 0, 0))                       \
    X(getpeername, address, 2, WITH_PAIR(getpeername, WORD(p), WORD(&room4), 0, 0, 0))                       \
    X(recvfrom, buf, 64, WITH_PAIR(recvfrom, WORD(p), 64, 0, 0, 0))                                          \
    X(recvmsg, message__base, 16,                                                                            \
      with_message(SYS_recvmsg, NULL, 0, ((struct iovec[]){{p, 8}, {p, 8}}), NULL, 0))                       \
    X(ioctl, arg__socket, 4, WITH_PAIR(ioctl, FIONREAD, WORD(p), 0, 0, 0))                                   \
    X(fcntl, arg__getown_ex, 8, syscall(SYS_fcntl, pipe_fd[0], 16, p))                                       \
    X(waitpid, status, 4, dead_child(SYS_waitpid, p, NULL))                                                  \
    X(wait4, status, 4, dead_child(SYS_wait4, p, NULL))                                                      \
    X(wait4, rusage, 72, dead_child(SYS_wait4, buffer, p))                                                   \
    X(waitid, info, 128, dead_child(SYS_waitid, p, NULL))                                                    \
    X(waitid, rusage, 72, dead_child(SYS_waitid, buffer, p))                                                 \
    X(ptrace, data__peekdata, 4, of_tracee(1, text, p))                                                      \
    X(ptrace, data__peekuser, 4, of_tracee(3, NULL, p))                                                      \
    X(ptrace, data__getregs, 68, of_tracee(12, NULL, p))                                                     \
    X(ptrace, data__getfpregs, 108, of_tracee(14, NULL, p))                                                  \
    X(ptrace, data__get_thread_area, 16, of_tracee(25, (void *)6, p))                                        \
    X(ptrace, data__geteventmsg, 4, of_tracee(0x4201, NULL, p))                                              \
    X(ptrace, data__getsiginfo, 128, of_tracee(0x4202, NULL, p))                                             \
    X(ptrace, data__getregset_base, 68, regset_of_tracee(p, 68))                                             \
    X(ptrace, data__getsigmask, 8, of_tracee(0x420A, (void *)8, p))                                          \
    X(ptrace, data__get_syscall_info, 24, of_tracee(0x420E, (void *)24, p))

/* The call reads there, or reads and writes: the object that is put there. */
#define IN_CALLS(X)                                                                                          \
    X(futex_waitv, words, one_futex, syscall(SYS_futex_waitv, p, 1, 0, moment64, CLOCK_MONOTONIC))           \
    X(futex_waitv, limit, moment64,                                                                          \
      WITHOUT_LIMIT(syscall(SYS_futex_waitv, &one_futex, 1, 0, p, CLOCK_MONOTONIC)))                         \
    X(kcmp, second, no_slot, syscall(SYS_kcmp, getpid(), getpid(), 7, pipe_fd[0], p))                        \
    X(openat2, path, dot, closing(AT(openat2, p, plain_how, sizeof plain_how)))                              \
    X(openat2, how, plain_how, closing(AT(openat2, ".", p, sizeof plain_how)))                               \
    X(clone3, args, plain_clone, cloned(syscall(SYS_clone3, p, sizeof plain_clone)))                         \
    X(adjtimex, at, no_modes, positive(syscall(SYS_adjtimex, p)))                                            \
    X(clock_adjtime, at, no_modes, positive(syscall(SYS_clock_adjtime, CLOCK_REALTIME, p)))                  \
    X(clock_adjtime64, at, no_modes, positive(syscall(SYS_clock_adjtime64, CLOCK_REALTIME, p)))              \
    X(semctl, arg__setall, two_values, syscall(SYS_semctl, set_id, 0, SETALL, p))                            \
    X(semtimedop_time64, ops, wait_for_zero, syscall(SYS_semtimedop_time64, set_id, p, 1, NULL))             \
    X(semtimedop_time64, limit, moment64, syscall(SYS_semtimedop_time64, set_id, &wait_for_zero, 1, p))      \
    X(ipc, ptr__semop, wait_for_zero, syscall(SYS_ipc, 1, set_id, 1, 0, p, 0))                               \
    X(ipc, fifth, moment, syscall(SYS_ipc, 4, set_id, 1, 0, &wait_for_zero, p))                              \
    X(msgsnd, buf, posted, sent(p))                                                                          \
    X(mq_open, name, queue_name, mq_made(p, NULL))                                                           \
    X(mq_open, attr, queue_attr, mq_made(QUEUE, p))                                                          \
    X(mq_unlink, name, queue_name, mq_removed(p))                                                            \
    X(mq_timedsend, from, text, emptied(syscall(SYS_mq_timedsend, mq_fd, p, 16, 0, NULL)))                   \
    X(mq_timedsend, limit, moment, emptied(syscall(SYS_mq_timedsend, mq_fd, text, 16, 0, p)))                \
    X(mq_timedsend_time64, from, text, emptied(syscall(SYS_mq_timedsend_time64, mq_fd, p, 16, 0, NULL)))     \
    X(mq_timedsend_time64, limit, moment64,                                                                  \
      emptied(syscall(SYS_mq_timedsend_time64, mq_fd, text, 16, 0, p)))                                      \
    X(mq_timedreceive, limit, moment, mq_received(SYS_mq_timedreceive, NULL, NULL, p))                       \
    X(mq_timedreceive_time64, limit, moment64, mq_received(SYS_mq_timedreceive_time64, NULL, NULL, p))       \
    X(mq_notify, event, no_event, mq_asked(p))                                                               \
    X(mq_getsetattr, set, nonblocking, syscall(SYS_mq_getsetattr, mq_fd, p, NULL))                           \
    X(ptrace, addr__peeksiginfo, no_records, of_tracee(0x4209, p, buffer))                                   \
    X(ptrace, data__setsiginfo, no_records, of_tracee(0x4203, NULL, p))                                      \
    X(ptrace, data__setsigmask, no_signals, of_tracee(0x420B, (void *)8, p))                                 \
    X(ptrace, data__set_thread_area, no_segment, of_tracee(26, (void *)6, p))                                \
    X(ptrace, data__getregset, of_registers, of_tracee(0x4204, (void *)1, p))                                \
    X(bind, address, new_name, with_new_socket(SYS_bind, p, sizeof new_name))                                \
    X(connect, address, nobody, with_new_socket(SYS_connect, p, sizeof nobody))                              \
    X(accept4, user_size, room8, accepted(buffer, p))                                                        \
    X(getsockopt, user_size, room8, WITH_PAIR(getsockopt, SOL_SOCKET, SO_TYPE, WORD(buffer), WORD(p), 0))    \
    X(setsockopt, value, one, WITH_PAIR(setsockopt, SOL_SOCKET, SO_PASSCRED, WORD(p), 4, 0))                 \
    X(getsockname, user_size, room8, WITH_PAIR(getsockname, WORD(buffer), WORD(p), 0, 0, 0))                 \
    X(getpeername, user_size, room8, WITH_PAIR(getpeername, WORD(buffer), WORD(p), 0, 0, 0))                 \
    X(sendto, buf, text, WITH_PAIR(sendto, WORD(p), 64, 0, 0, 0))                                            \
    X(sendto, address, nobody, WITH_PAIR(sendto, WORD(text), 8, 0, WORD(p), sizeof nobody))                  \
    X(recvfrom, address, room8, WITH_PAIR(recvfrom, WORD(buffer), 64, 0, WORD(p), WORD(&room8)))             \
    X(recvfrom, user_size, room8, WITH_PAIR(recvfrom, WORD(buffer), 64, 0, WORD(buffer + 64), WORD(p)))      \
    X(sendmsg, message, to_send, WITH_PAIR(sendmsg, WORD(p), 0, 0, 0, 0))                                    \
    X(sendmsg, message__name, nobody, with_message(SYS_sendmsg, p, sizeof nobody, from_text, NULL, 0))       \
    X(sendmsg, message__vector, from_text, with_message(SYS_sendmsg, NULL, 0, p, NULL, 0))                   \
    X(sendmsg, message__control, rights, with_message(SYS_sendmsg, NULL, 0, from_text, p, 16))               \
    X(recvmsg, message, to_receive, WITH_PAIR(recvmsg, WORD(p), 0, 0, 0, 0))                                 \
    X(recvmsg, message__vector, vector, with_message(SYS_recvmsg, NULL, 0, p, NULL, 0))                      \
    X(recvmsg, message__name, room8, with_message(SYS_recvmsg, p, 4, vector, NULL, 0))                       \
    X(recvmsg, message__control, room8, with_message(SYS_recvmsg, NULL, 0, vector, p, 4))                    \
    X(sendmmsg, messages, to_send, WITH_PAIR(sendmmsg, WORD(p), 1, 0, 0, 0))                                 \
    X(recvmmsg, messages, to_receive, WITH_PAIR(recvmmsg, WORD(p), 1, 0, 0, 0))                              \
    X(recvmmsg, limit, moment, WITH_PAIR(recvmmsg, WORD(&got_message), 1, 0, WORD(p), 0))                    \
    X(recvmmsg_time64, messages, to_receive, WITH_PAIR(recvmmsg_time64, WORD(p), 1, 0, 0, 0))                \
    X(recvmmsg_time64, limit, moment64, WITH_PAIR(recvmmsg_time64, WORD(&got_message), 1, 0, WORD(p), 0))    \
    X(socketcall, words, socket_words, syscall(SYS_socketcall, 1, p))                                        \
    X(fcntl, arg__getlk, read_lock, syscall(SYS_fcntl, data_fd, F_GETLK, p))                                 \
    X(fcntl, arg__setown_ex, no_owner, syscall(SYS_fcntl, data_fd, 15, p))                                   \
    X(ioctl, arg__fioasync, no_owner, syscall(SYS_ioctl, data_fd, 0x5452, p))                                \
    X(fcntl, arg__setlk, read_lock, syscall(SYS_fcntl, data_fd, F_SETLK, p))                                 \
    X(fcntl64, arg__getlk64, read_lock64, syscall(SYS_fcntl64, data_fd, 12, p))                              \
    X(fcntl64, arg__setlk64, read_lock64, syscall(SYS_fcntl64, data_fd, 13, p))                              \
    X(open, path, dot, closing(syscall(SYS_open, p, O_RDONLY)))                                              \
    X(openat, path, dot, closing(AT(openat, p, O_RDONLY)))                                                   \
    X(creat, path, dot, closing(syscall(SYS_creat, p, 0644)))                                                \
    X(access, path, dot, syscall(SYS_access, p, F_OK))                                                       \
    X(faccessat, path, dot, AT(faccessat, p, F_OK))                                                          \
    X(faccessat2, path, dot, AT(faccessat2, p, F_OK, 0))                                                     \
    X(chdir, path, dot, syscall(SYS_chdir, p))                                                               \
    X(stat, path, missing, syscall(SYS_stat, p, buffer))                                                     \
    X(oldstat, path, missing, syscall(18, p, buffer))                                                        \
    X(oldlstat, path, missing, syscall(84, p, buffer))                                                       \
    X(sysfs, name, missing, syscall(135, 1, p))                                                              \
    X(lstat, path, missing, syscall(SYS_lstat, p, buffer))                                                   \
    X(stat64, path, dot, syscall(SYS_stat64, p, buffer))                                                     \
    X(lstat64, path, dot, syscall(SYS_lstat64, p, buffer))                                                   \
    X(fstatat64, path, dot, AT(fstatat64, p, buffer, 0))                                                     \
    X(statx, path, dot, AT(statx, p, 0, 0x7ff, buffer))                                                      \
    X(statfs, path, missing, syscall(SYS_statfs, p, buffer))                                                 \
    X(statfs64, path, dot, syscall(SYS_statfs64, p, 84, buffer))                                             \
    X(inotify_add_watch, path, missing, syscall(SYS_inotify_add_watch, news_fd, p, 2))                       \
    X(setxattr, path, missing, syscall(SYS_setxattr, p, attribute, text, 4, 0))                              \
    X(setxattr, name, attribute, syscall(SYS_setxattr, dot, p, text, 4, 0))                                  \
    X(setxattr, value, text, syscall(SYS_setxattr, dot, attribute, p, sizeof text, 0))                       \
    X(lsetxattr, path, missing, syscall(SYS_lsetxattr, p, attribute, text, 4, 0))                            \
    X(lsetxattr, name, attribute, syscall(SYS_lsetxattr, dot, p, text, 4, 0))                                \
    X(lsetxattr, value, text, syscall(SYS_lsetxattr, dot, attribute, p, sizeof text, 0))                     \
    X(fsetxattr, name, attribute, syscall(SYS_fsetxattr, data_fd, p, text, 4, 0))                            \
    X(fsetxattr, value, text, syscall(SYS_fsetxattr, data_fd, attribute, p, sizeof text, 0))                 \
    X(getxattr, path, missing, syscall(SYS_getxattr, p, attribute, buffer, 4))                               \
    X(getxattr, name, attribute, syscall(SYS_getxattr, dot, p, buffer, 4))                                   \
    X(getxattr, value, buffer, syscall(SYS_getxattr, dot, attribute, p, 4))                                  \
    X(lgetxattr, path, missing, syscall(SYS_lgetxattr, p, attribute, buffer, 4))                             \
    X(lgetxattr, name, attribute, syscall(SYS_lgetxattr, dot, p, buffer, 4))                                 \
    X(lgetxattr, value, buffer, syscall(SYS_lgetxattr, dot, attribute, p, 4))                                \
    X(fgetxattr, name, attribute, syscall(SYS_fgetxattr, data_fd, p, buffer, 4))                             \
    X(fgetxattr, value, buffer, syscall(SYS_fgetxattr, data_fd, attribute, p, 4))                            \
    X(listxattr, path, missing, syscall(SYS_listxattr, p, buffer, 4))                                        \
    X(listxattr, names, buffer, syscall(SYS_listxattr, dot, p, 4))                                           \
    X(llistxattr, names, buffer, syscall(SYS_llistxattr, dot, p, 4))                                         \
    X(flistxattr, names, buffer, syscall(SYS_flistxattr, data_fd, p, 4))                                     \
    X(llistxattr, path, missing, syscall(SYS_llistxattr, p, buffer, 4))                                      \
    X(removexattr, path, missing, syscall(SYS_removexattr, p, attribute))                                    \
    X(removexattr, name, attribute, syscall(SYS_removexattr, dot, p))                                        \
    X(lremovexattr, path, missing, syscall(SYS_lremovexattr, p, attribute))                                  \
    X(lremovexattr, name, attribute, syscall(SYS_lremovexattr, dot, p))                                      \
    X(fremovexattr, name, attribute, syscall(SYS_fremovexattr, data_fd, p))                                  \
    X(readlink, path, missing, syscall(SYS_readlink, p, buffer, 16))                                         \
    X(readlinkat, path, missing, AT(readlinkat, p, buffer, 16))                                              \
    X(unlink, path, missing, syscall(SYS_unlink, p))                                                         \
    X(unlinkat, path, missing, AT(unlinkat, p, 0))                                                           \
    X(rmdir, path, missing, syscall(SYS_rmdir, p))                                                           \
    X(mkdir, path, dot, syscall(SYS_mkdir, p, 0755))                                                         \
    X(mkdirat, path, dot, AT(mkdirat, p, 0755))                                                              \
    X(mknod, path, dot, syscall(SYS_mknod, p, S_IFREG | 0644, 0))                                            \
    X(mknodat, path, dot, AT(mknodat, p, S_IFREG | 0644, 0))                                                 \
    X(chmod, path, missing, syscall(SYS_chmod, p, 0755))                                                     \
    X(fchmodat, path, missing, AT(fchmodat, p, 0755))                                                        \
    X(chown, path, missing, syscall(SYS_chown, p, -1, -1))                                                   \
    X(lchown, path, missing, syscall(SYS_lchown, p, -1, -1))                                                 \
    X(chown32, path, missing, syscall(SYS_chown32, p, -1, -1))                                               \
    X(lchown32, path, missing, syscall(SYS_lchown32, p, -1, -1))                                             \
    X(fchownat, path, missing, AT(fchownat, p, -1, -1, 0))                                                   \
    X(truncate, path, missing, syscall(SYS_truncate, p, 0))                                                  \
    X(truncate64, path, missing, syscall(SYS_truncate64, p, 0, 0))                                           \
    X(rename, path, missing, syscall(SYS_rename, p, "other"))                                                \
    X(rename, to_path, dot, syscall(SYS_rename, "missing-too", p))                                           \
    X(renameat, path, missing, AT(renameat, p, dir_fd, "other"))                                             \
    X(renameat, to_path, dot, AT(renameat, "missing-too", dir_fd, p))                                        \
    X(renameat2, path, missing, AT(renameat2, p, dir_fd, "other", 0))                                        \
    X(renameat2, to_path, dot, AT(renameat2, "missing-too", dir_fd, p, 0))                                   \
    X(link, path, missing, syscall(SYS_link, p, "other"))                                                    \
    X(link, to_path, dot, syscall(SYS_link, "data", p))                                                      \
    X(linkat, path, missing, AT(linkat, p, dir_fd, "other", 0))                                              \
    X(linkat, to_path, dot, AT(linkat, "data", dir_fd, p, 0))                                                \
    X(symlink, target, dot, syscall(SYS_symlink, p, "link"))                                                 \
    X(symlink, path, dot, syscall(SYS_symlink, "target", p))                                                 \
    X(symlinkat, target, dot, syscall(SYS_symlinkat, p, dir_fd, "link"))                                     \
    X(symlinkat, path, dot, syscall(SYS_symlinkat, "target", dir_fd, p))                                     \
    X(mount, source, missing, syscall(SYS_mount, p, "missing-too", "tmpfs", 0, NULL))                        \
    X(mount, target, missing, syscall(SYS_mount, "none", p, "tmpfs", 0, NULL))                               \
    X(mount, type, missing, syscall(SYS_mount, "none", "missing-too", p, 0, NULL))                           \
    X(mount, options, text, syscall(SYS_mount, "none", "missing-too", "tmpfs", 0, p))                        \
    X(umount, target, missing, syscall(SYS_umount, p))                                                       \
    X(umount2, target, missing, syscall(SYS_umount2, p, 0))                                                  \
    X(chroot, path, missing, syscall(SYS_chroot, p))                                                         \
    X(execve, path, missing, syscall(SYS_execve, p, arguments, NULL))                                        \
    X(execve, argv, arguments, syscall(SYS_execve, "no-program", p, NULL))                                   \
    X(execve, envp, arguments, syscall(SYS_execve, "no-program", arguments, p))                              \
    X(execve, argv__string, text, syscall(SYS_execve, "no-program", ((void *[]){p, NULL}), NULL))            \
    X(execve, envp__string, text, syscall(SYS_execve, "no-program", NULL, ((void *[]){p, NULL})))            \
    X(execveat, path, missing, syscall(SYS_execveat, dir_fd, p, arguments, NULL, 0))                         \
    X(execveat, argv, arguments, syscall(SYS_execveat, dir_fd, "no-program", p, NULL, 0))                    \
    X(execveat, envp, arguments, syscall(SYS_execveat, dir_fd, "no-program", arguments, p, 0))               \
    X(execveat, argv__string, text,                                                                          \
      syscall(SYS_execveat, dir_fd, "no-program", ((void *[]){p, NULL}), NULL, 0))                           \
    X(execveat, envp__string, text,                                                                          \
      syscall(SYS_execveat, dir_fd, "no-program", NULL, ((void *[]){p, NULL}), 0))                           \
    X(utime, path, missing, syscall(SYS_utime, p, NULL))                                                     \
    X(utime, user_times, no_time, syscall(SYS_utime, "data", p))                                             \
    X(utimes, path, missing, syscall(SYS_utimes, p, NULL))                                                   \
    X(utimes, user_times, moments, syscall(SYS_utimes, "data", p))                                           \
    X(futimesat, path, missing, AT(futimesat, p, NULL))                                                      \
    X(futimesat, user_times, moments, AT(futimesat, "data", p))                                              \
    X(utimensat, path, missing, AT(utimensat, p, NULL, 0))                                                   \
    X(utimensat, user_times, moments, AT(utimensat, "data", p, 0))                                           \
    X(utimensat_time64, path, missing, AT(utimensat_time64, p, NULL, 0))                                     \
    X(utimensat_time64, user_times, moments64, AT(utimensat_time64, "data", p, 0))                           \
    X(memfd_create, user_name, missing, closing(syscall(SYS_memfd_create, p, 0)))                            \
    X(write, buf__file, text, DATA_OFFSET(syscall(SYS_write, data_fd, p, 64)))                               \
    X(write, buf__pipe, text, drained(syscall(SYS_write, pipe_fd[1], p, 64)))                                \
    X(pwrite64, buf, text, syscall(SYS_pwrite64, data_fd, p, 64, 0, 0))                                      \
    X(writev, vector, vector, syscall(SYS_writev, null_fd, p, 2))                                            \
    X(writev, vector__base, text, with_vector(p, SYS_writev, data_fd))                                       \
    X(readv, vector, vector, syscall(SYS_readv, null_fd, p, 2))                                              \
    X(preadv, vector, vector, syscall(SYS_preadv, data_fd, p, 2, 0, 0))                                      \
    X(pwritev, vector, vector, syscall(SYS_pwritev, data_fd, p, 2, 0, 0))                                    \
    X(pwritev, vector__base, text, with_vector(p, SYS_pwritev, data_fd))                                     \
    X(preadv2, vector, vector, syscall(SYS_preadv2, data_fd, p, 2, 0, 0, 0))                                 \
    X(pwritev2, vector, vector, syscall(SYS_pwritev2, data_fd, p, 2, 0, 0, 0))                               \
    X(pwritev2, vector__base, text, with_vector(p, SYS_pwritev2, data_fd))                                   \
    X(vmsplice, vector, from_text, drained(syscall(SYS_vmsplice, pipe_fd[1], p, 2, 0)))                      \
    X(vmsplice, vector__base, text, drained(with_vector(p, SYS_vmsplice, pipe_fd[1])))                       \
    X(process_vm_readv, own, vector, syscall(SYS_process_vm_readv, getpid(), p, 2, from_text, 2, 0))         \
    X(process_vm_readv, other, from_text, syscall(SYS_process_vm_readv, getpid(), vector, 2, p, 2, 0))       \
    X(process_vm_readv, other__base, text, with_vector_of_other(p, SYS_process_vm_readv))                    \
    X(process_madvise, vector, vector, with_pidfd(SYS_process_madvise, p))                                   \
    X(pidfd_send_signal, va, queued, with_pidfd(SYS_pidfd_send_signal, p))                                   \
    X(timer_settime, new, zero, with_timer(SYS_timer_settime, p, buffer))                                    \
    X(timer_settime64, new, zero, with_timer(SYS_timer_settime64, p, buffer))                                \
    X(epoll_ctl, user, watch_event, with_epoll(SYS_epoll_ctl, p, NULL, NULL, NULL))                          \
    X(epoll_pwait, mask, no_signals, with_epoll(SYS_epoll_pwait, NULL, buffer, NULL, p))                     \
    X(epoll_pwait2, limit, moment64, with_epoll(SYS_epoll_pwait2, NULL, buffer, p, NULL))                    \
    X(epoll_pwait2, mask, no_signals, with_epoll(SYS_epoll_pwait2, NULL, buffer, moment64, p))               \
    X(timerfd_settime, new, zero, with_timerfd(SYS_timerfd_settime, p, buffer))                              \
    X(timerfd_settime64, new, zero, with_timerfd(SYS_timerfd_settime64, p, buffer))                          \
    X(timer_create, event, no_event, timer_made(p))                                                          \
    X(process_vm_writev, own, from_text, syscall(SYS_process_vm_writev, getpid(), p, 2, vector, 2, 0))       \
    X(process_vm_writev, own__base, text, with_vector_of_own(p, SYS_process_vm_writev, buffer))              \
    X(process_vm_writev, other, vector, syscall(SYS_process_vm_writev, getpid(), from_text, 2, p, 2, 0))     \
    X(sendfile, user_pos, file_offset32, syscall(SYS_sendfile, null_fd, data_fd, p, 0))                      \
    X(sendfile64, user_pos, file_offset, syscall(SYS_sendfile64, null_fd, data_fd, p, 0))                    \
    X(splice, in_pos, file_offset, drained(syscall(SYS_splice, data_fd, p, pipe_fd[1], NULL, 8, 0)))         \
    X(splice, out_pos, file_offset,                                                                          \
      (fill_pipe(), drained(syscall(SYS_splice, pipe_fd[0], NULL, other_fd, p, 8, 0))))                      \
    X(copy_file_range, in_user, file_offset, syscall(SYS_copy_file_range, data_fd, p, other_fd, NULL, 8, 0)) \
    X(copy_file_range, out_user, file_offset,                                                                \
      DATA_OFFSET(syscall(SYS_copy_file_range, data_fd, NULL, other_fd, p, 8, 0)))                           \
    X(sigaction, new, old_action, syscall(SYS_sigaction, SIGUSR1, p, NULL))                                  \
    X(rt_sigaction, new, kernel_action, syscall(SYS_rt_sigaction, SIGUSR1, p, NULL, 8))                      \
    X(sigprocmask, new, usr2_word, syscall(SYS_sigprocmask, SIG_UNBLOCK, p, NULL))                           \
    X(rt_sigprocmask, new, usr2_mask, syscall(SYS_rt_sigprocmask, SIG_UNBLOCK, p, NULL, 8))                  \
    X(signalfd, set, usr2_mask, closing(syscall(SYS_signalfd, -1, p, 8)))                                    \
    X(signalfd4, set, usr2_mask, closing(syscall(SYS_signalfd4, -1, p, 8, 0)))                               \
    X(rt_sigsuspend, va, no_signals, WITH_USR2(syscall(SYS_rt_sigsuspend, p, 8)))                            \
    X(rt_sigtimedwait, set, no_signals, syscall(SYS_rt_sigtimedwait, p, NULL, &moment, 8))                   \
    X(rt_sigtimedwait, timeout, moment,                                                                      \
      WITHOUT_LIMIT(syscall(SYS_rt_sigtimedwait, &no_signals, NULL, p, 8)))                                  \
    X(rt_sigtimedwait_time64, set, no_signals, syscall(SYS_rt_sigtimedwait_time64, p, NULL, moment64, 8))    \
    X(rt_sigtimedwait_time64, timeout, moment64,                                                             \
      WITHOUT_LIMIT(syscall(SYS_rt_sigtimedwait_time64, &no_signals, NULL, p, 8)))                           \
    X(rt_sigqueueinfo, va, queued, syscall(SYS_rt_sigqueueinfo, getpid(), 0, p))                             \
    X(rt_tgsigqueueinfo, va, queued, syscall(SYS_rt_tgsigqueueinfo, getpid(), getpid(), 0, p))               \
    X(sigaltstack, new, no_stack, syscall(SYS_sigaltstack, p, NULL))                                         \
    X(setitimer, value, timer_off, syscall(SYS_setitimer, ITIMER_REAL, p, NULL))                             \
    X(nanosleep, req, moment, syscall(SYS_nanosleep, p, NULL))                                               \
    X(clock_nanosleep, req, moment, syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, p, NULL))               \
    X(clock_nanosleep_time64, req, moment64,                                                                 \
      syscall(SYS_clock_nanosleep_time64, CLOCK_MONOTONIC, 0, p, NULL))                                      \
    X(setrlimit, from, core_limit, syscall(SYS_setrlimit, RLIMIT_CORE, p))                                   \
    X(prlimit64, new, core_limit64, syscall(SYS_prlimit64, 0, RLIMIT_CORE, p, NULL))                         \
    X(prctl, arg__set_name, missing, syscall(SYS_prctl, PR_SET_NAME, p))                                     \
    X(poll, user, polled, syscall(SYS_poll, p, 1, 0))                                                        \
    X(ppoll, user, polled, syscall(SYS_ppoll, p, 1, &moment, NULL, 8))                                       \
    X(ppoll, limit, moment, WITHOUT_LIMIT(syscall(SYS_ppoll, NULL, 0, p, NULL, 8)))                          \
    X(ppoll, mask, no_signals, syscall(SYS_ppoll, NULL, 0, &moment, p, 8))                                   \
    X(ppoll_time64, user, polled, syscall(SYS_ppoll_time64, p, 1, moment64, NULL, 8))                        \
    X(ppoll_time64, limit, moment64, WITHOUT_LIMIT(syscall(SYS_ppoll_time64, NULL, 0, p, NULL, 8)))          \
    X(ppoll_time64, mask, no_signals, syscall(SYS_ppoll_time64, NULL, 0, moment64, p, 8))                    \
    X(select, user, select_words, TICKING(syscall(SYS_select, p)))                                           \
    X(_newselect, in, zero, syscall(SYS__newselect, 3, p, NULL, NULL, &no_time))                             \
    X(_newselect, out, zero, syscall(SYS__newselect, 3, NULL, p, NULL, &no_time))                            \
    X(_newselect, except, zero, syscall(SYS__newselect, 3, NULL, NULL, p, &no_time))                         \
    X(_newselect, limit, no_time, WITHOUT_LIMIT(syscall(SYS__newselect, 0, NULL, NULL, NULL, p)))            \
    X(pselect6, in, zero, syscall(SYS_pselect6, 3, p, NULL, NULL, &moment, NULL))                            \
    X(pselect6, out, zero, syscall(SYS_pselect6, 3, NULL, p, NULL, &moment, NULL))                           \
    X(pselect6, except, zero, syscall(SYS_pselect6, 3, NULL, NULL, p, &moment, NULL))                        \
    X(pselect6, limit, moment, WITHOUT_LIMIT(syscall(SYS_pselect6, 0, NULL, NULL, NULL, p, NULL)))           \
    X(pselect6, mask, empty_mask, syscall(SYS_pselect6, 0, NULL, NULL, NULL, &moment, p))                    \
    X(pselect6, mask__set, no_signals,                                                                       \
      syscall(SYS_pselect6, 0, NULL, NULL, NULL, &moment, ((uint32_t[]){(uintptr_t)p, 8})))                  \
    X(pselect6_time64, in, zero, syscall(SYS_pselect6_time64, 3, p, NULL, NULL, moment64, NULL))             \
    X(pselect6_time64, out, zero, syscall(SYS_pselect6_time64, 3, NULL, p, NULL, moment64, NULL))            \
    X(pselect6_time64, except, zero, syscall(SYS_pselect6_time64, 3, NULL, NULL, p, moment64, NULL))         \
    X(pselect6_time64, limit, moment64,                                                                      \
      WITHOUT_LIMIT(syscall(SYS_pselect6_time64, 0, NULL, NULL, NULL, p, NULL)))                             \
    X(pselect6_time64, mask, empty_mask, syscall(SYS_pselect6_time64, 0, NULL, NULL, NULL, moment64, p))     \
    X(futex, uaddr__wait, zero, syscall(SYS_futex, p, FUTEX_WAIT_PRIVATE, 1, NULL, NULL, 0))                 \
    X(futex, uaddr__wait_shared, zero, syscall(SYS_futex, p, FUTEX_WAIT, 1, NULL, NULL, 0))                  \
    X(futex, uaddr__wake, zero, syscall(SYS_futex, p, FUTEX_WAKE, 1, NULL, NULL, 0))                         \
    X(futex, uaddr__requeue, zero, syscall(SYS_futex, p, FUTEX_CMP_REQUEUE, 1, 1, buffer, 0))                \
    X(futex, arg, moment, WITHOUT_LIMIT(syscall(SYS_futex, zero, FUTEX_WAIT, 0, p, NULL, 0)))                \
    X(futex, uaddr2__wake_op, zero, syscall(SYS_futex, buffer, FUTEX_WAKE_OP, 1, 1, p, 0))                   \
    X(futex, uaddr2__requeue, zero, syscall(SYS_futex, zero, FUTEX_REQUEUE, 1, 1, p, 0))                     \
    X(futex_time64, uaddr, zero, syscall(SYS_futex_time64, p, FUTEX_WAIT_PRIVATE, 1, NULL, NULL, 0))         \
    X(futex_time64, arg, moment64,                                                                           \
      WITHOUT_LIMIT(syscall(SYS_futex_time64, zero, FUTEX_WAIT, 0, p, NULL, 0)))                             \
    X(futex_time64, uaddr2, zero, syscall(SYS_futex_time64, buffer, FUTEX_WAKE_OP, 1, 1, p, 0))              \
    X(mmap, args, old_map, mapping(syscall(SYS_mmap, p)))                                                    \
    X(set_thread_area, at, new_segment, IN_CHILD(syscall(SYS_set_thread_area, p)))                           \
    X(get_thread_area, at, own_segment, syscall(SYS_get_thread_area, p))                                     \
    X(modify_ldt, at, local_segment, IN_CHILD(syscall(SYS_modify_ldt, 0x11, p, 16)))                         \
    X(modify_ldt, at__old, local_segment, IN_CHILD(syscall(SYS_modify_ldt, 1, p, 16)))                       \
    X(clone, tls, own_segment, cloned(syscall(SYS_clone, SIGCHLD | CLONE_SETTLS, 0, 0, p, 0)))               \
    X(set_robust_list, head, zero, ended(end_with_list, p, 0))                                               \
    X(sched_setparam, param, no_priority, syscall(SYS_sched_setparam, 0, p))                                 \
    X(sched_setscheduler, param, no_priority, syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, p))            \
    X(sched_setattr, at, no_attributes, syscall(SYS_sched_setattr, 0, p, 0))                                 \
    X(sched_setaffinity, mask, one_processor, IN_CHILD(syscall(SYS_sched_setaffinity, 0, 128, p)))           \
    X(capget, header, cap_header, syscall(SYS_capget, p, buffer))                                            \
    X(capset, header, cap_header, IN_CHILD(syscall(SYS_capset, p, cap_data)))                                \
    X(setgroups, list, two_groups, IN_CHILD(syscall(SYS_setgroups, 2, p)))                                   \
    X(setgroups32, list, two_groups, IN_CHILD(syscall(SYS_setgroups32, 2, p)))                               \
    X(capset, data, cap_data, IN_CHILD(syscall(SYS_capset, &cap_header, p)))

/*
 * Addresses of pages: nothing is copied there, but they are looked up. Each is tried in a child, on a range
 * of two pages. Who may map page 0 depends.
 */
#define ADDRESS_CALLS(X)                                                                                     \
    X(munmap, addr, syscall(SYS_munmap, p, 2 * PAGE))                                                        \
    X(mprotect, addr, syscall(SYS_mprotect, p, 2 * PAGE, PROT_READ))                                         \
    X(mremap, addr, positive(syscall(SYS_mremap, p, 2 * PAGE, 3 * PAGE, MREMAP_MAYMOVE, 0)))                 \
    X(mremap, to,                                                                                            \
      !p ? 0 : positive(syscall(SYS_mremap, two_pages, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p)))       \
    X(mmap2, addr, positive(syscall(SYS_mmap2, p, 2 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))) \
    X(brk, to, positive(syscall(SYS_brk, p)))                                                                \
    X(madvise, addr__dontneed, syscall(SYS_madvise, p, 2 * PAGE, MADV_DONTNEED))                             \
    X(madvise, addr__willneed, syscall(SYS_madvise, p, 2 * PAGE, MADV_WILLNEED))                             \
    X(mincore, addr, syscall(SYS_mincore, p, 2 * PAGE, buffer))                                              \
    X(msync, addr, syscall(SYS_msync, p, 2 * PAGE, MS_ASYNC))                                                \
    X(mlock, addr, syscall(SYS_mlock, p, 2 * PAGE))                                                          \
    X(mlock2, addr, syscall(SYS_mlock2, p, 2 * PAGE, 0))                                                     \
    X(munlock, addr, syscall(SYS_munlock, p, 2 * PAGE))                                                      \
    X(remap_file_pages, addr, syscall(SYS_remap_file_pages, p, 2 * PAGE, 0, 0, 0))                           \
    X(shmat, addr, positive(syscall(SYS_shmat, segment_id, p, SHM_RDONLY)))                                  \
    X(shmdt, addr, syscall(SYS_shmdt, p))

/*
 * Not to be tried on anybody's machine, since what is there may set its clock, or for root only: these are
 * called on Quire, and elsewhere it is said what they would say. Call, argument, what is put there; what it
 * says to null, to a page that is read-only, to what was put there, and to zeroes. To bad pointers, EFAULT.
 */
#define OWN_CALLS(X)                                                                                         \
    X(stime, va, bad_second, "EFAULT", "ok", "ok", "ok", KEEPING_CLOCK(syscall(SYS_stime, p)))               \
    X(settimeofday, tv, bad_time, "ok", "EINVAL", "EINVAL", "EINVAL",                                        \
      KEEPING_CLOCK(syscall(SYS_settimeofday, p, NULL)))                                                     \
    X(settimeofday, tz, bad_zone, "ok", "EINVAL", "EINVAL", "ok", syscall(SYS_settimeofday, NULL, p))        \
    X(clock_settime, va, bad_second32, "EFAULT", "EINVAL", "EINVAL", "EINVAL",                               \
      KEEPING_CLOCK(syscall(SYS_clock_settime, CLOCK_REALTIME, p)))                                          \
    X(clock_settime64, va, bad_second64, "EFAULT", "EINVAL", "EINVAL", "EINVAL",                             \
      KEEPING_CLOCK(syscall(SYS_clock_settime64, CLOCK_REALTIME, p)))                                        \
    X(sethostname, va, text, "EFAULT", "ok", "ok", "ok", name_kept(syscall(SYS_sethostname, p, 64)))         \
    X(setdomainname, va, text, "EFAULT", "ok", "ok", "ok", name_kept(syscall(SYS_setdomainname, p, 64)))     \
    X(swapon, path, missing, "EFAULT", "ENOENT", "ENOENT", "ENOENT", syscall(SYS_swapon, p, 0))              \
    X(swapoff, path, missing, "EFAULT", "ENOENT", "ENOENT", "ENOENT", syscall(SYS_swapoff, p))               \
    X(syslog, va, buffer, "EINVAL", "EFAULT", "ok", "ok",                                                    \
      (fill_log(), positive(syscall(SYS_syslog, 3, p, sizeof buffer))))                                      \
    X(ioctl, arg__tcgets, console_settings, "EFAULT", "EFAULT", "ok", "ok",                                  \
      syscall(SYS_ioctl, console_fd, TCGETS, p))                                                             \
    X(ioctl, arg__tcsets, console_settings, "EFAULT", "ok", "ok", "ok",                                      \
      console_kept(syscall(SYS_ioctl, console_fd, TCSETS, p)))                                               \
    X(ioctl, arg__tiocswinsz, console_size, "EFAULT", "ok", "ok", "ok",                                      \
      console_kept(syscall(SYS_ioctl, console_fd, TIOCSWINSZ, p)))

#endif
