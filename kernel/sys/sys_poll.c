/* System calls that wait for files: poll, ppoll, select, pselect6, epoll. */
#include "kernel/fs/epoll.h"
#include "kernel/fs/poll.h"
#include "kernel/proc/process.h"
#include "kernel/sched/usertime.h"
#include "kernel/sys/sys.h"
#include "kernel/sys/syscall.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/usercopy.h"
#include "mm/slab.h"

#define MICROSECONDS 1000000 /* in a second */

/* What a limit in ns from now is, for poll_all(). */
static uint64_t deadline_in(uint64_t ns)
{
    return ns == 0 ? 1 : usertime_after(ns);
}

static int32_t poll_user(vaddr_t user, uint32_t n, uint64_t deadline)
{
    struct pollfd few[POLL_INLINE], *p = few;
    int ready;

    if (n > process_current()->rlimit[RLIMIT_NOFILE].soft)
        return -EINVAL;
    if (n > POLL_INLINE) {
        p = vm_table_alloc(n, sizeof *p);
        if (!p)
            return -ENOMEM;
    }
    ready = user_copy_in(p, user, n * sizeof *p);
    if (!ready)
        ready = poll_all(p, n, deadline);
    if (ready >= 0)
        for (uint32_t i = 0; i < n; i++)
            if (user_copy_out(user + i * sizeof *p + offsetof(struct pollfd, revents), &p[i].revents,
                              sizeof p[i].revents)) {
                ready = -EFAULT;
                break;
            }
    if (p != few)
        vm_table_free(p, n, sizeof *p);
    return ready;
}

enum { ARG_USER, ARG_N }; /* in the restart block */

/* poll() that goes on until its first deadline when a signal without a handler interrupts it. */
static int32_t poll_until(vaddr_t user, uint32_t n, uint64_t deadline);

static int32_t restart_poll(struct restart_block *r)
{
    return poll_until(r->arg[ARG_USER], r->arg[ARG_N], r->deadline_ns);
}

static int32_t poll_until(vaddr_t user, uint32_t n, uint64_t deadline)
{
    int32_t ready = poll_user(user, n, deadline);

    if (ready != -EINTR)
        return ready;
    thread_current()->sig.restart = (struct restart_block){
        .fn = restart_poll, .deadline_ns = deadline, .arg = {[ARG_USER] = user, [ARG_N] = n}};
    return -ERESTART_RESTARTBLOCK;
}

int32_t sys_poll(SYSCALL_3_ARGS(user, n, ms))
{
    return poll_until(user, n, (int32_t)ms < 0 ? 0 : deadline_in((uint64_t)ms * 1000000u));
}

/* --- limits and masks of ppoll, pselect6 and epoll_pwait --- */

/* A struct timespec of 32 or 64 bits, or none. */
static int read_limit(vaddr_t user, bool wide, uint64_t *deadline)
{
    uint64_t ns;
    int err;

    *deadline = 0;
    if (!user)
        return 0;
    err = usertime_read(user, USERTIME_SPEC(wide), &ns);
    if (!err)
        *deadline = deadline_in(ns);
    return err;
}

static uint64_t rest_of(uint64_t deadline)
{
    uint64_t now = os_now_ns();

    return deadline > now ? deadline - now : 0;
}

/* Whether the program wants its limits left as they are. */
static bool is_sticky(void)
{
    return thread_current()->personality & PERSONALITY_STICKY;
}

/* Tell what is left of the limit. False: it was not told, so the call cannot go on with it. */
static bool write_rest(vaddr_t user, bool wide, uint64_t deadline)
{
    if (!user || !deadline)
        return true;
    return !is_sticky() && usertime_write(user, USERTIME_SPEC(wide), rest_of(deadline)) == 0;
}

/* Run under a program's mask of blocked signals, if it gives one, until end_mask(). */
static int begin_mask(vaddr_t mask, uint32_t size)
{
    sigset_t blocked;
    int err;

    if (!mask)
        return 0;
    err = signal_read_set(&blocked, mask, size);
    if (!err)
        signal_mask_begin(blocked);
    return err;
}

/* The call's result. Started again, it finds in the limit what write_rest() has told. */
static int32_t end_mask(vaddr_t mask, int32_t result, bool told)
{
    if (mask)
        signal_mask_end(result == -EINTR);
    return result == -EINTR && told ? -ERESTARTNOHAND : result;
}

static int32_t ppoll(vaddr_t user, uint32_t n, vaddr_t limit, bool wide, vaddr_t mask, uint32_t size)
{
    uint64_t deadline;
    int32_t result = read_limit(limit, wide, &deadline);

    if (!result)
        result = begin_mask(mask, size);
    if (result)
        return result;
    result = poll_user(user, n, deadline);
    return end_mask(mask, result, write_rest(limit, wide, deadline));
}

int32_t sys_ppoll(SYSCALL_5_ARGS(user, n, limit, mask, size))
{
    return ppoll(user, n, limit, false, mask, size);
}

int32_t sys_ppoll_time64(SYSCALL_5_ARGS(user, n, limit, mask, size))
{
    return ppoll(user, n, limit, true, mask, size);
}

/* --- select --- */

/* A descriptor that was closed meanwhile is ready for everything, as on Linux. */
#define SELECT_IN     (POLLIN | POLLRDNORM | POLLHUP | POLLERR | POLLNVAL)
#define SELECT_OUT    (POLLOUT | POLLWRNORM | POLLERR | POLLNVAL)
#define SELECT_EXCEPT (POLLPRI | POLLNVAL)

/* The three sets as one list of pollfd. */
struct selection {
    uint32_t words;   /* of each set */
    uint32_t *set[3]; /* read, write, except: as given, then as found */
    vaddr_t user[3];
    uint32_t storage[]; /* three sets */
};

static bool in_set(const uint32_t *set, uint32_t fd)
{
    return set[fd / 32] & 1u << fd % 32;
}

/* Others may run after some steps of a loop that a program can make long. */
static inline void breathe(uint32_t step)
{
    if (step % 1024 == 1023)
        might_sleep();
}

static uint32_t count_wanted(const struct selection *s, uint32_t n)
{
    uint32_t count = 0;

    for (uint32_t fd = 0; fd < n; fd++) {
        breathe(fd);
        count += in_set(s->set[0], fd) || in_set(s->set[1], fd) || in_set(s->set[2], fd);
    }
    return count;
}

static int fill_list(const struct selection *s, uint32_t n, struct pollfd *p)
{
    for (uint32_t fd = 0; fd < n; fd++) {
        bool in = in_set(s->set[0], fd), out = in_set(s->set[1], fd), ex = in_set(s->set[2], fd);
        struct file *f;

        breathe(fd);
        if (!in && !out && !ex)
            continue;
        f = fd_get((int)fd);
        if (!f)
            return -EBADF;
        file_put(f);
        *p++ = (struct pollfd){
            .fd = (int32_t)fd,
            .events = (int16_t)((in ? SELECT_IN : 0) | (out ? SELECT_OUT : 0) | (ex ? SELECT_EXCEPT : 0))};
    }
    return 0;
}

/* Bits that are set, and the sets themselves. */
static int tell_sets(struct selection *s, const struct pollfd *p, uint32_t count)
{
    static const unsigned events[3] = {SELECT_IN, SELECT_OUT, SELECT_EXCEPT};
    int ready = 0;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t fd = (uint32_t)p[i].fd, bit = 1u << fd % 32;

        breathe(i);
        for (unsigned k = 0; k < 3; k++) {
            if (!in_set(s->set[k], fd))
                continue;
            if ((uint16_t)p[i].revents & events[k])
                ready++;
            else
                s->set[k][fd / 32] &= ~bit;
        }
    }
    return ready;
}

static int32_t select_sets(struct selection *s, uint32_t n, uint64_t deadline)
{
    uint32_t count;
    struct pollfd *p;
    int err = 0;

    for (unsigned k = 0; k < 3; k++)
        if (s->user[k] && user_copy_in(s->set[k], s->user[k], s->words * 4))
            return -EFAULT;
    count = count_wanted(s, n);
    p = vm_table_alloc(count ? count : 1, sizeof *p);
    if (!p)
        return -ENOMEM;
    err = fill_list(s, n, p);
    if (!err)
        err = poll_all(p, count, deadline);
    if (err >= 0) {
        err = tell_sets(s, p, count);
        for (unsigned k = 0; k < 3; k++)
            if (s->user[k] && user_copy_out(s->user[k], s->set[k], s->words * 4))
                err = -EFAULT;
    }
    vm_table_free(p, count ? count : 1, sizeof *p);
    return err;
}

static int32_t select_user(uint32_t n, const vaddr_t user[3], uint64_t deadline)
{
    uint32_t limit = thread_current()->files->size, words;
    struct selection *s;
    int32_t result;

    if ((int32_t)n < 0)
        return -EINVAL;
    if (n > limit)
        n = limit; /* as Linux does */
    words = (n + 31) / 32;
    s = vm_table_alloc(sizeof *s + 3 * (size_t)words * sizeof *s->storage, 1);
    if (!s)
        return -ENOMEM;
    s->words = words;
    for (unsigned k = 0; k < 3; k++) {
        s->set[k] = s->storage + k * words;
        s->user[k] = user[k];
    }
    result = select_sets(s, n, deadline);
    vm_table_free(s, sizeof *s + 3 * (size_t)words * sizeof *s->storage, 1);
    return result;
}

/* The limit is a struct timeval, and what is left of it is told. */
/* Microseconds may be more than a second, here only. */
static int read_timeval(vaddr_t user, uint64_t *deadline)
{
    struct usertime t;
    uint64_t ns;

    if (usertime_fetch(user, USERTIME_VAL, &t))
        return -EFAULT;
    t.sec += t.part / MICROSECONDS;
    t.part %= MICROSECONDS;
    if (usertime_ns(&t, USERTIME_VAL, &ns))
        return -EINVAL;
    *deadline = deadline_in(ns);
    return 0;
}

static int32_t select_timeval(uint32_t n, const vaddr_t user[3], vaddr_t limit)
{
    uint64_t deadline = 0;
    bool told = true;
    int32_t result;

    if (limit) {
        result = read_timeval(limit, &deadline);
        if (result)
            return result;
    }
    result = select_user(n, user, deadline);
    if (limit)
        told = !is_sticky() && usertime_write(limit, USERTIME_VAL, rest_of(deadline)) == 0;
    return result == -EINTR && told ? -ERESTARTNOHAND : result;
}

int32_t sys__newselect(SYSCALL_5_ARGS(n, in, out, except, limit))
{
    return select_timeval(n, (vaddr_t[]){in, out, except}, limit);
}

/* The old way: the five words are in memory. */
int32_t sys_select(SYSCALL_1_ARG(user))
{
    uint32_t a[5];

    if (user_copy_in(a, user, sizeof a))
        return -EFAULT;
    return select_timeval(a[0], a + 1, a[4]);
}

static int32_t pselect(uint32_t n, const vaddr_t user[3], vaddr_t limit, bool wide, vaddr_t mask_user)
{
    uint32_t mask[2] = {0, 0}; /* address and size */
    uint64_t deadline;
    int32_t result;

    if (mask_user && user_copy_in(mask, mask_user, sizeof mask))
        return -EFAULT;
    result = read_limit(limit, wide, &deadline);
    if (!result)
        result = begin_mask(mask[0], mask[1]);
    if (result)
        return result;
    result = select_user(n, user, deadline);
    return end_mask(mask[0], result, write_rest(limit, wide, deadline));
}

int32_t sys_pselect6(uint32_t n, uint32_t in, uint32_t out, uint32_t except, uint32_t limit, uint32_t mask)
{
    return pselect(n, (vaddr_t[]){in, out, except}, limit, false, mask);
}

int32_t sys_pselect6_time64(uint32_t n, uint32_t in, uint32_t out, uint32_t except, uint32_t limit,
                            uint32_t mask)
{
    return pselect(n, (vaddr_t[]){in, out, except}, limit, true, mask);
}

/* --- epoll --- */

int32_t sys_epoll_create(SYSCALL_1_ARG(size))
{
    return (int32_t)size <= 0 ? -EINVAL : epoll_create(0);
}

int32_t sys_epoll_create1(SYSCALL_1_ARG(flags))
{
    return epoll_create(flags);
}

int32_t sys_epoll_ctl(SYSCALL_4_ARGS(epfd, op, fd, user))
{
    struct epoll_event event = {0};

    if (op != EPOLL_CTL_DEL && user_copy_in(&event, user, sizeof event))
        return -EFAULT;
    return epoll_control((int)epfd, op, (int)fd, &event);
}

static uint64_t deadline_in_ms(uint32_t ms)
{
    return (int32_t)ms < 0 ? 0 : deadline_in((uint64_t)ms * 1000000u);
}

int32_t sys_epoll_wait(SYSCALL_4_ARGS(epfd, user, n, ms))
{
    return epoll_wait((int)epfd, user, n, deadline_in_ms(ms));
}

/* Nothing starts it again, whatever the signal. */
static int32_t epoll_pwait(uint32_t epfd, vaddr_t user, uint32_t n, uint64_t deadline, vaddr_t mask,
                           uint32_t size)
{
    int32_t result = begin_mask(mask, size);

    if (result)
        return result;
    result = epoll_wait((int)epfd, user, n, deadline);
    return end_mask(mask, result, false);
}

int32_t sys_epoll_pwait(SYSCALL_6_ARGS(epfd, user, n, ms, mask, size))
{
    return epoll_pwait(epfd, user, n, deadline_in_ms(ms), mask, size);
}

int32_t sys_epoll_pwait2(SYSCALL_6_ARGS(epfd, user, n, limit, mask, size))
{
    uint64_t deadline;
    int32_t result = read_limit(limit, true, &deadline);

    return result ? result : epoll_pwait(epfd, user, n, deadline, mask, size);
}
