/* System calls: how programs share the processor, by policies and priorities, which are kernel/sched/'s. One
 * processor. */
#include "kernel/sys/sys_sched.h"
#include "kernel/proc/capability.h"
#include "kernel/proc/process.h"
#include "kernel/sched/sched.h"
#include "kernel/sys/sys.h"
#include "kernel/sys/syscall.h"
#include "mm/errno.h"

enum {
    SCHED_DEADLINE = 6, /* known by its limits only */
    SCHED_RESET_ON_FORK = 0x40000000,
    PRIORITY_MOST = RUN_PRIORITIES,
};

bool sharer_find(uint32_t tid, struct sharer *s)
{
    struct thread *t = tid ? thread_find((int)tid) : thread_current();
    struct process *p = t ? t->process : process_find((int)tid);

    *s = (struct sharer){.process = p, .thread = t};
    if (p)
        s->how = t ? &t->task->how : &p->how;
    return p;
}

void sharer_set(const struct sharer *s, const struct sched_how *how)
{
    if (s->thread)
        sched_set(s->thread->task, how);
    else
        *s->how = *how;
}

bool sharer_may_be_nice(const struct sharer *s, int nice)
{
    return (uint64_t)(NICE_MOST + 1 - nice) <= s->process->rlimit[RLIMIT_NICE].soft;
}

int32_t sys_sched_yield(SYSCALL_NO_ARGS)
{
    os_yield();
    return 0;
}

/* --- which processor: there is one --- */

int32_t sys_sched_getaffinity(SYSCALL_3_ARGS(pid, size, mask))
{
    static const uint32_t first = 1;

    struct sharer s;

    if (size < sizeof first || size & 3)
        return -EINVAL;
    if (!sharer_find(pid, &s))
        return -ESRCH;
    int err = user_copy_out(mask, &first, sizeof first);

    return err ? err : (int32_t)sizeof first;
}

int32_t sys_sched_setaffinity(SYSCALL_3_ARGS(pid, size, mask))
{
    uint8_t first = 0;
    int err = size ? user_copy_in(&first, mask, 1) : 0;
    struct sharer s;

    if (err)
        return err;
    if (!sharer_find(pid, &s))
        return -ESRCH;
    if (!sharer_is_own(&s))
        return -EPERM;
    return first & 1 ? 0 : -EINVAL;
}

const struct cred *sharer_cred(const struct sharer *s)
{
    return s->thread ? s->thread->cred : cred_of_process(s->process);
}

bool sharer_is_own(const struct sharer *s)
{
    return cred_is_owner(sharer_cred(s), CAP_SYS_NICE);
}

/* --- policies --- */

static bool realtime(uint32_t policy)
{
    return policy == SCHED_FIFO || policy == SCHED_RR;
}

static bool known(uint32_t policy)
{
    return policy == SCHED_OTHER || realtime(policy) || policy == SCHED_BATCH || policy == SCHED_IDLE;
}

static bool valid(const struct sched_how *how)
{
    return known(how->policy) && (realtime(how->policy) ? how->priority >= 1 && how->priority <= PRIORITY_MOST
                                                        : how->priority == 0);
}

/* Whether the running thread may set this, having no right to set anything. */
static bool allowed(const struct sharer *s, const struct sched_how *how)
{
    const struct sched_how *old = s->how;
    uint64_t most = s->process->rlimit[RLIMIT_RTPRIO].soft;

    if (!realtime(how->policy) && how->nice < old->nice && !sharer_may_be_nice(s, how->nice))
        return false;
    if (realtime(how->policy) &&
        ((how->policy != old->policy && !most) || (how->priority > old->priority && how->priority > most)))
        return false;
    /* SCHED_IDLE is as good as a nice value of 20. */
    if (old->policy == SCHED_IDLE && how->policy != SCHED_IDLE && !sharer_may_be_nice(s, old->nice))
        return false;
    return !old->reset || how->reset;
}

/* policy UINT32_MAX: as it is. */
static int set_scheduler(uint32_t pid, uint32_t policy, vaddr_t param)
{
    uint32_t priority;
    struct sched_how how;
    struct sharer s;
    int err;

    if ((int)pid < 0 || !param)
        return -EINVAL;
    err = user_read32(&priority, param);
    if (err)
        return err;
    if (!sharer_find(pid, &s))
        return -ESRCH;
    how = *s.how;
    if (policy != UINT32_MAX) {
        if (!known(policy & ~(uint32_t)SCHED_RESET_ON_FORK))
            return -EINVAL;
        how.policy = (uint8_t)(policy & ~(uint32_t)SCHED_RESET_ON_FORK);
        how.reset = policy & SCHED_RESET_ON_FORK;
    }
    if (priority > PRIORITY_MOST)
        return -EINVAL;
    how.priority = (uint8_t)priority;
    if (!valid(&how))
        return -EINVAL;
    if (!(allowed(&s, &how) && sharer_is_own(&s)) && !capable(CAP_SYS_NICE))
        return -EPERM;
    sharer_set(&s, &how);
    return 0;
}

int32_t sys_sched_setscheduler(SYSCALL_3_ARGS(pid, policy, param))
{
    return (int)policy < 0 ? -EINVAL : set_scheduler(pid, policy, param);
}

int32_t sys_sched_setparam(SYSCALL_2_ARGS(pid, param))
{
    return set_scheduler(pid, UINT32_MAX, param);
}

int32_t sys_sched_getscheduler(SYSCALL_1_ARG(pid))
{
    struct sharer s;

    if ((int)pid < 0)
        return -EINVAL;
    if (!sharer_find(pid, &s))
        return -ESRCH;
    return s.how->policy | (s.how->reset ? SCHED_RESET_ON_FORK : 0);
}

int32_t sys_sched_getparam(SYSCALL_2_ARGS(pid, param))
{
    struct sharer s;

    if ((int)pid < 0 || !param)
        return -EINVAL;
    return sharer_find(pid, &s) ? user_write32(param, s.how->priority) : -ESRCH;
}

int32_t sys_sched_get_priority_max(SYSCALL_1_ARG(policy))
{
    if (realtime(policy))
        return PRIORITY_MOST;
    return known(policy) || policy == SCHED_DEADLINE ? 0 : -EINVAL;
}

int32_t sys_sched_get_priority_min(SYSCALL_1_ARG(policy))
{
    if (realtime(policy))
        return 1;
    return known(policy) || policy == SCHED_DEADLINE ? 0 : -EINVAL;
}

/* 0, with the slice, or -errno. */
static int slice_of(uint32_t pid, uint64_t *ns)
{
    struct sharer s;

    if ((int)pid < 0)
        return -EINVAL;
    if (!sharer_find(pid, &s))
        return -ESRCH;
    *ns = sched_slice_ns(s.how);
    return 0;
}

#define NS_A_SECOND 1000000000u

int32_t sys_sched_rr_get_interval(SYSCALL_2_ARGS(pid, at))
{
    uint64_t ns;
    int err = slice_of(pid, &ns);
    int32_t spec[2];

    if (err)
        return err;
    spec[0] = (int32_t)(ns / NS_A_SECOND);
    spec[1] = (int32_t)(ns % NS_A_SECOND);
    return user_copy_out(at, spec, sizeof spec);
}

int32_t sys_sched_rr_get_interval_time64(SYSCALL_2_ARGS(pid, at))
{
    uint64_t ns;
    int err = slice_of(pid, &ns);
    int64_t spec[2];

    if (err)
        return err;
    spec[0] = (int64_t)(ns / NS_A_SECOND);
    spec[1] = (int64_t)(ns % NS_A_SECOND);
    return user_copy_out(at, spec, sizeof spec);
}

/* --- all of it in a structure --- */

struct sched_attr {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
    uint32_t least_use, most_use;
};

enum {
    SCHED_ATTR_FIRST = 48, /* bytes of the first form */
    FLAG_RESET = 1 << 0,
    FLAG_KEEP_POLICY = 1 << 3,
    FLAG_KEEP_PARAMS = 1 << 4,
    FLAGS_USE = 3 << 5, /* bounds of how busy it makes the processor, which nobody goes by */
    FLAGS_ALL = 0x7F,
};

/* Copy in one of any length: what this kernel does not know has to be 0. */
static int read_attr(struct sched_attr *a, vaddr_t at)
{
    uint32_t size;
    int err = user_read32(&size, at);

    if (err)
        return err;
    if (!size)
        size = SCHED_ATTR_FIRST;
    if (size < SCHED_ATTR_FIRST)
        goto bad_size;
    err = user_copy_struct(a, sizeof *a, at, size);
    if (err == -E2BIG)
        goto bad_size;
    if (!err && a->flags & FLAGS_USE && size < sizeof *a)
        return -EINVAL;
    return err;
bad_size:
    err = user_write32(at, sizeof *a);
    return err ? err : -E2BIG;
}

/* What a asks for, of one that shares as *how says. 0 or -EINVAL. */
static int apply_attr(const struct sched_attr *a, struct sched_how *how)
{
    bool keeps = a->flags & FLAG_KEEP_PARAMS;

    if (!keeps || !realtime(how->policy)) {
        if (a->priority > PRIORITY_MOST)
            return -EINVAL;
        how->priority = (uint8_t)a->priority;
    }
    if (!(a->flags & FLAG_KEEP_POLICY)) {
        if (!known(a->policy))
            return -EINVAL;
        how->policy = (uint8_t)a->policy;
        how->reset = a->flags & FLAG_RESET;
    }
    if (!keeps && (how->policy == SCHED_OTHER || how->policy == SCHED_BATCH))
        how->nice = (int8_t)nice_within(a->nice);
    return a->flags & ~(uint64_t)FLAGS_ALL || !valid(how) ? -EINVAL : 0;
}

/* Of what is asked for, what is done: as on Linux, who keeps the parameters keeps the policy too. */
static struct sched_how result_of(const struct sched_attr *a, const struct sched_how *old,
                                  const struct sched_how *asked)
{
    struct sched_how how = *asked;

    if (a->flags & FLAG_KEEP_PARAMS) {
        how = *old;
        how.reset = asked->reset;
    }
    return how;
}

int32_t sys_sched_setattr(SYSCALL_3_ARGS(pid, at, flags))
{
    struct sched_attr a;
    struct sched_how how;
    struct sharer s;
    int err;

    if (!at || (int)pid < 0 || flags)
        return -EINVAL;
    err = read_attr(&a, at);
    if (err)
        return err;
    if ((int)a.policy < 0)
        return -EINVAL;
    if (!sharer_find(pid, &s))
        return -ESRCH;
    how = *s.how;
    err = apply_attr(&a, &how);
    if (err)
        return err;
    if (!(allowed(&s, &how) && sharer_is_own(&s)) && !capable(CAP_SYS_NICE))
        return -EPERM;
    if (a.flags & FLAGS_USE)
        return -EOPNOTSUPP;
    how = result_of(&a, s.how, &how);
    sharer_set(&s, &how);
    return 0;
}

int32_t sys_sched_getattr(SYSCALL_4_ARGS(pid, at, size, flags))
{
    struct sched_attr a = {0};
    struct sharer s;

    if (!at || (int)pid < 0 || size > PAGE_SIZE || size < SCHED_ATTR_FIRST || flags)
        return -EINVAL;
    if (!sharer_find(pid, &s))
        return -ESRCH;
    a.size = size < sizeof a ? size : sizeof a;
    a.policy = s.how->policy;
    a.flags = s.how->reset ? FLAG_RESET : 0;
    if (realtime(a.policy))
        a.priority = s.how->priority;
    else
        a.nice = s.how->nice;
    return user_copy_out(at, &a, a.size);
}
