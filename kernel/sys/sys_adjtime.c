/*
 * System calls: the rate of the time of day. What adjusting does is kernel/sched/dayclock.c's; here are the
 * two forms of struct timex, who may, and the jump of ADJ_SETOFFSET.
 */
#include "kernel/proc/capability.h"
#include "kernel/sched/clock.h"
#include "kernel/sched/dayclock.h"
#include "kernel/sys/sys.h"
#include "kernel/sys/sys_time.h"
#include "kernel/sys/syscall.h"
#include "kernel/x86/usercopy.h"
#include "mm/errno.h"

#define SECOND 1000000000ll

/* As they lie in user memory. What tells of a signal that comes once a second stays 0: there is none. */
struct timex32 {
    uint32_t modes;
    int32_t offset, freq, maxerror, esterror, status, constant, precision, tolerance, sec, part, tick;
    int32_t pulse[8], tai, spare[11];
};

struct timex64 {
    uint32_t modes, pad;
    int64_t offset, freq, maxerror, esterror;
    int32_t status, pad2;
    int64_t constant, precision, tolerance, sec, part, tick, pulse[3];
    int64_t more_pulse[5];
    int32_t tai, spare[11];
};
_Static_assert(sizeof(struct timex32) == 128 && sizeof(struct timex64) == 208, "as Linux has them");

/* Both. */
struct timex {
    struct dayclock_adjust a;
    int64_t sec, part; /* of a second: us, or ns with ADJ_NANO or STA_NANO */
};

/* What a program gives, of either form; and what it is told, in numbers of one. */
#define GIVEN(from)                                                                                          \
    .modes = (from).modes, .offset = (from).offset, .freq = (from).freq, .maxerror = (from).maxerror,        \
    .esterror = (from).esterror, .status = (from).status, .constant = (from).constant, .tick = (from).tick
#define TOLD(number)                                                                                         \
    .modes = a->modes, .offset = (number)a->offset, .freq = (number)a->freq,                                 \
    .maxerror = (number)a->maxerror, .esterror = (number)a->esterror, .status = a->status,                   \
    .constant = (number)a->constant, .precision = (number)a->precision, .tolerance = (number)a->tolerance,   \
    .sec = (number)t->sec, .part = (number)t->part, .tick = (number)a->tick, .tai = a->tai

static int timex_from_user(struct timex *t, vaddr_t at, bool wide)
{
    struct timex32 n;
    struct timex64 w;

    if (wide ? user_copy_in(&w, at, sizeof w) : user_copy_in(&n, at, sizeof n))
        return -EFAULT;
    *t = wide ? (struct timex){.a = {GIVEN(w)}, .sec = w.sec, .part = w.part}
              : (struct timex){.a = {GIVEN(n)}, .sec = n.sec, .part = n.part};
    return 0;
}

static int timex_to_user(const struct timex *t, vaddr_t at, bool wide)
{
    const struct dayclock_adjust *a = &t->a;
    struct timex32 n = {TOLD(int32_t)};
    struct timex64 w = {TOLD(int64_t)};

    return wide ? user_copy_out(at, &w, sizeof w) : user_copy_out(at, &n, sizeof n);
}

/* Who may ask for it, and whether it makes sense: in the order in which Linux looks. */
static int check(const struct timex *t)
{
    uint32_t modes = t->a.modes;

    if (modes & ADJ_ADJTIME) {
        if (!(modes & ADJ_OFFSET))
            return -EINVAL;
        if (!(modes & ADJ_NANO) && !capable(CAP_SYS_TIME))
            return -EPERM;
    } else {
        if (modes && !capable(CAP_SYS_TIME))
            return -EPERM;
        if (modes & ADJ_TICK && (t->a.tick < 9000 || t->a.tick > 11000))
            return -EINVAL;
    }
    if (modes & ADJ_SETOFFSET) {
        if (!capable(CAP_SYS_TIME))
            return -EPERM;
        if (t->part < 0 || t->part >= (modes & ADJ_NANO ? SECOND : SECOND / 1000))
            return -EINVAL;
    }
    return 0;
}

/* The jump. */
static int set_offset(const struct timex *t)
{
    int64_t by, now = (int64_t)clock_realtime_ns();

    if (__builtin_mul_overflow(t->sec, SECOND, &by) ||
        __builtin_add_overflow(by, t->part * (t->a.modes & ADJ_NANO ? 1 : 1000), &by) ||
        __builtin_add_overflow(now, by, &now) || now < 0)
        return -EINVAL;
    return time_of_day_set((uint64_t)now);
}

static int32_t adjust(struct timex *t)
{
    int32_t state = check(t);
    uint64_t now;

    if (!state && t->a.modes & ADJ_SETOFFSET)
        state = set_offset(t);
    if (state)
        return state;
    now = clock_realtime_ns();
    state = clock_adjust(&t->a);
    if (t->a.modes)
        time_of_day_changed();
    t->sec = (int64_t)(now / SECOND);
    t->part = (int64_t)(now % SECOND) / (t->a.status & STA_NANO ? 1 : 1000);
    return state;
}

/* Of all clocks, the time of day can be adjusted. Clocks of drivers, which are files, are not here. */
static int32_t adjust_clock(int clock, vaddr_t at, bool wide)
{
    enum { KIND = 7, OF_A_FILE = 3 };
    struct timex t;
    int32_t state = timex_from_user(&t, at, wide);

    if (state)
        return state;
    if (clock < 0 ? (clock & KIND) == OF_A_FILE : clock > CLOCK_TAI || clock == CLOCK_TAI - 1)
        return -EINVAL;
    if (clock != CLOCK_REALTIME)
        return -EOPNOTSUPP;
    state = adjust(&t);
    return state >= 0 && timex_to_user(&t, at, wide) ? -EFAULT : state;
}

int32_t sys_adjtimex(SYSCALL_1_ARG(at))
{
    return adjust_clock(CLOCK_REALTIME, at, false);
}

int32_t sys_clock_adjtime(SYSCALL_2_ARGS(clock, at))
{
    return adjust_clock((int)clock, at, false);
}

int32_t sys_clock_adjtime64(SYSCALL_2_ARGS(clock, at))
{
    return adjust_clock((int)clock, at, true);
}
