/*
 * Load control: the balance set.
 *
 * When programs need more pages together than there are, each drives out the others' and all wait for the
 * disk. Then fewer are let run: whole programs, that is, memories with all their threads, are suspended in
 * turn. Their pages leave in large writes and come back in large reads (mm/load.c), and in between the others
 * have room.
 *
 * When. A kernel task sleeps until a program waits for memory, and then looks every 200 ms. Memory thrashes
 * if for a good part of the time nobody could do anything but wait for memory ("full" of pressure.c), while
 * pages came back that had been put out, and about as many had to go for them. With a fast disk and pages
 * that are read ahead nobody waits for long; then memory thrashes if many pages move and programs have little
 * of the processor, since faults and reclaim take it. Two such looks in a row, and
 * at least two programs that read from the disk: half of these are put out, those first that have run
 * longest. After each time the freed memory is filled first; if memory thrashes still, half of what is left
 * goes, until one is.
 *
 * Turns. Who has been out longest comes in when the turn of the others is over; as many of them go out as he
 * needs room for. A change costs time, so the turn that follows lasts twice as long as the change took, and
 * what it waited for memory, and at least a second. A turn ends early if those who run do not want the
 * processor. Who fits beside the others comes in at once.
 *
 * One alone. A program that is larger than memory by itself is not helped by turns. Then reclaim is told to
 * let most of what there is stay (mm/hold.c), which helps programs that go round in what they have.
 * It is tried for a second, and left for a while if the program does not get on better by that. If it helps,
 * that is asked all the time: who begins to use other pages waits for each of them as long as those stay
 * that it does not need any longer.
 *
 * Who is spared. init, and leaders of sessions that have a terminal (shells), are never put out. A program of
 * the terminal's foreground goes last, and is back within two seconds, unless another of its group that takes
 * turns too is in. Somebody who has a signal to take is let in after half a second, and who is to end, at
 * once. Putting somebody out or in is interrupted for these.
 *
 * Where. A thread is suspended on its way back to ring 3 only, so it holds no lock; if it is in a system
 * call, that goes on until it returns.
 *
 * Data: struct balance of each memory, and what is static here. Who is out is on a list, the longest first.
 * The task has a reference to a memory while it works for it. Locking: tasks, between sleeps.
 *
 *     INV-BALANCE-1  exactly the memories that are out are on the list, in order of time
 *     INV-BALANCE-2  the memory of init is not out
 *
 * How it fails: without memory to remember a program's pages, they come back by faults. When swap is full,
 * pages stay, but the program waits all the same.
 *
 * Source: Denning 1968 and 1980; the swapper of VAX/VMS; what a turn costs, as in 4.3BSD's sched().
 */
#include "kernel/life/balance.h"
#include "kernel/dev/tty.h"
#include "kernel/lib/param.h"
#include "kernel/lib/printk.h"
#include "kernel/life/memory.h"
#include "kernel/proc/signal_parts.h"
#include "kernel/sched/pressure.h"
#include "kernel/sched/sched.h"
#include "kernel/sched/stat.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/panic.h"
#include "mm/load.h"

#define MS            1000000ull
#define LOOK_NS       (200 * MS)
#define FULL_PERCENT  25u  /* of the time between two looks */
#define PAGES_A_LOOK  8u   /* that came and that went, at least: a slow disk does 40 requests in that time */
#define WORK_PERCENT  33u  /* a fast disk: little is waited, but programs have less than this in ring 3, */
#define FAST_PAGES    400u /* and more pages come: 8 MB in a second */
#define LOOKS         2u   /* in a row */
#define SMALL         32u  /* of what can be in memory; who needs less takes no turns */
#define SHARE         16u  /* who takes part reads one page of so many */
#define TURN_LEAST_NS (1000 * MS)
#define TURN_MOST_NS  (60000 * MS)
#define TURN_COSTS    2u          /* as many times as its costs lasts a turn */
#define FRONT_NS      (1400 * MS) /* a program of the foreground comes back then; */
#define FRONT_LATE_NS (1800 * MS) /* whatever is being done, then */
#define SIGNAL_NS     (500 * MS)
#define CHECK_NS      (50 * MS)
#define HOLD_AFTER    5u           /* looks of one alone that thrashes, before it is tried; */
#define HOLD_BEFORE   2u           /* looks that say how one alone fares, */
#define HOLD_SETTLE   1u           /* until it shows what holding does, */
#define HOLD_LOOKS    3u           /* and that say it */
#define HOLD_CHECK    3u           /* looks that say whether it helps still */
#define HOLD_PERCENT  5u           /* of the time, in ring 3 */
#define HOLD_REST_NS  (10000 * MS) /* after one that was no use */
#define QUIET_LOOKS   25u          /* without thrashing, and the next time is another case */

static bool is_on = true;
static struct memory *out_first, *out_last;
static struct waitq look_wait;
static uint32_t rounds;   /* looks since the beginning */
static unsigned thrashed; /* looks in a row */
static bool in_turns;     /* somebody was put out, and not everybody has come in since */
static uint64_t turn_since, turn_thrash,
    turn_change; /* when it began, "thrash" then, and what the change took */
static struct balance_state state;
static struct balance_event events[BALANCE_EVENTS];

/* Whether reclaim lets most stay. */
enum hold_stage { HOLD_OFF, HOLD_TRIED, HOLD_ON, HOLD_NO_USE };
static enum hold_stage hold;
static unsigned hold_looks; /* of a measurement */
static struct fares {
    uint64_t ns, user_ns; /* time, and how much of it was in ring 3 */
    uint32_t came;        /* pages */
} hold_now, hold_before;  /* of this measurement, and without holding */
static uint64_t hold_rest_until;
static unsigned quiet_looks;

/* What a look sees. */
struct look {
    uint64_t at, thrash_ns, idle_ns, user_ns, came, went; /* sums since boot */
};
static struct look last;

/* --- who is who --- */

static struct process *process_of(const struct memory *m)
{
    struct process *p = process_all;

    while (p && p->memory != m)
        p = p->all_next;
    return p;
}

static bool is_shell(const struct process *p)
{
    return p->tty && p->sid == p->pid;
}

/* The number of the foreground's group that a memory has a process in, or 0. */
static int front_group(const struct memory *m)
{
    for (const struct process *p = process_all; p; p = p->all_next)
        if (p->memory == m && p->tty && tty_foreground(p->tty) == p->pgid)
            return p->pgid;
    return 0;
}

/* Since when a foreground's group stands still, of which m is out: the last of its programs that take turns
 * went out then. UINT64_MAX: one of them runs. */
static uint64_t still_since(const struct memory *m, int group)
{
    uint64_t since = m->balance.since;

    for (const struct process *p = process_all; p; p = p->all_next) {
        const struct balance *b = p->memory ? &p->memory->balance : NULL;

        if (!b || p->pgid != group || p->memory == m || !b->party)
            continue;
        if (!b->out)
            return UINT64_MAX;
        if (b->since > since)
            since = b->since;
    }
    return since;
}

static bool may_go(const struct memory *m)
{
    bool any = false;

    for (const struct process *p = process_all; p; p = p->all_next) {
        if (p->memory != m)
            continue;
        if (p == process_init || is_shell(p))
            return false;
        any = true;
    }
    return any && !m->balance.out;
}

/* Whether a thread of it has something to do on its way to ring 3 that should not wait for long. */
static bool has_signal(const struct memory *m)
{
    for (const struct process *p = process_all; p; p = p->all_next)
        for (const struct thread *t = p->memory == m ? p->threads : NULL; t; t = t->next)
            if (signal_takeable(t))
                return true;
    return false;
}

/* Whether one that is out has to come in, after so long out in the foreground. */
static bool is_due(const struct memory *m, uint64_t now, uint64_t front_ns)
{
    uint64_t out = now - m->balance.since;
    uint64_t since;
    int group;

    if (out >= SIGNAL_NS && has_signal(m))
        return true;
    if (out < front_ns)
        return false;
    group = front_group(m);
    since = group ? still_since(m, group) : UINT64_MAX;
    return since <= now && now - since >= front_ns;
}

/* --- the list --- */

static void list_add(struct memory *m)
{
    m->balance.next = NULL;
    m->balance.prev = out_last;
    if (out_last)
        out_last->balance.next = m;
    else
        out_first = m;
    out_last = m;
}

static void list_remove(struct memory *m)
{
    if (m->balance.prev)
        m->balance.prev->balance.next = m->balance.next;
    else
        out_first = m->balance.next;
    if (m->balance.next)
        m->balance.next->balance.prev = m->balance.prev;
    else
        out_last = m->balance.prev;
    m->balance.next = m->balance.prev = NULL;
}

/* Its threads run from now on. */
static void release(struct memory *m)
{
    list_remove(m);
    m->balance.out = false;
    m->balance.since = os_now_ns();
    os_wake_all(&m->balance.wait);
}

/* From now on they do not, as soon as they come by. */
static void suspend(struct memory *m)
{
    m->balance.out = true;
    m->balance.since = os_now_ns();
    list_add(m);
    for (const struct process *p = process_all; p; p = p->all_next)
        for (struct thread *t = p->memory == m ? p->threads : NULL; t; t = t->next)
            thread_set_work(t, TASK_WORK_BALANCE);
}

void balance_wait(void)
{
    struct balance *b = &thread_current()->process->memory->balance;
    uint32_t irq = os_irq_save();

    pressure_suspend_enter();
    while (b->out && thread_sleep_killable(&b->wait) == 0)
        ;
    pressure_suspend_leave();
    os_irq_restore(irq);
}

void balance_forget(struct memory *m)
{
    if (m->balance.out)
        list_remove(m);
    m->balance.out = false;
    load_forget(&vm_sys, &m->balance.set);
}

/* --- out and in --- */

static uint64_t checked;

/* For the work that the task has with m, which is to be out or in: whether to stop. Lets in who cannot wait
 * for its end. */
static bool must_stop(const struct memory *m, bool out)
{
    uint64_t now = os_now_ns();

    if (now - checked >= CHECK_NS) {
        checked = now;
        for (struct memory *o = out_first, *next; o; o = next) {
            next = o->balance.next;
            if (is_due(o, now, FRONT_LATE_NS))
                release(o);
        }
        if (!process_of(m))
            return true;
    }
    return !is_on || (out && !m->balance.out);
}

static bool stop_out(void *arg)
{
    return must_stop(arg, true);
}

static bool stop_in(void *arg)
{
    return must_stop(arg, false);
}

static void record(const struct process *p, bool out, uint64_t began, uint64_t before, uint32_t pages,
                   const char *why)
{
    struct balance_event *e = &events[state.events++ % BALANCE_EVENTS];
    uint64_t took = os_now_ns() - began;

    *e = (struct balance_event){.at_ns = began,
                                .took_ns = took,
                                .before_ns = before,
                                .pid = p ? p->pid : 0,
                                .out = out,
                                .pages = pages,
                                .why = why};
    memcpy(e->comm, p && p->threads ? p->threads->comm : "?", p && p->threads ? sizeof e->comm : 2);
    if (p && p->memory)
        event_of_space(p->memory->space, out ? EVENT_SUSPENDED : EVENT_RESUMED, 0)->arg = (uint32_t)p->pid;
    if (out) {
        state.outs++;
        state.pages_out += pages;
    } else {
        state.ins++;
        state.pages_in += pages;
    }
    printk(LOG_INFO, "load: process %d (%s) %s after %llu ms, %u page%s in %llu ms: %s", e->pid, e->comm,
           out ? "is suspended" : "goes on", (unsigned long long)(before / MS), pages, pages == 1 ? "" : "s",
           (unsigned long long)(took / MS), why);
}

/* Pages that all of m needs, so far as they can be in memory at once. */
static uint32_t need(struct memory *m)
{
    const struct frame_pool *pool = vm_sys.pool;
    uint32_t most = (frame_free_count(pool) + pageable_count(&vm_sys.pageable)) / 8 * 7;
    struct space_usage u;

    space_count_usage(m->space, &u);
    return u.anon + u.shmem + u.swapped < most ? u.anon + u.shmem + u.swapped : most;
}

/* Sleeps. */
static void put_out(struct memory *m, const char *why)
{
    uint64_t began = os_now_ns(), before = began - m->balance.since;
    uint32_t pages;

    memory_get(m);
    m->balance.party = true;
    suspend(m);
    pages = load_put_out(m->space, &m->balance.set, stop_out, m);
    m->balance.need = need(m);
    record(process_of(m), true, began, before, pages, why);
    memory_put(m);
}

/* m was out for so long. If it is let in already, its pages follow. Sleeps. */
static void let_in(struct memory *m, uint64_t before, const char *why)
{
    uint64_t began = os_now_ns();
    struct load_set set = m->balance.set;
    uint32_t pages;

    m->balance.set = (struct load_set){0};
    pages = load_bring_back(m->space, &set, stop_in, m);
    if (m->balance.out)
        release(m);
    record(process_of(m), false, began, before, pages, why);
}

static bool fits(const struct memory *m)
{
    return frame_free_common(vm_sys.pool) >= m->balance.need + vm_sys.pool->marks.high;
}

/* The one of those that take turns that has run longest; those in the foreground come last. NULL: none. */
static struct memory *longest_in(const struct memory *but)
{
    struct memory *best = NULL;
    bool best_front = false;

    for (const struct process *p = process_all; p; p = p->all_next) {
        struct memory *m = p->memory;
        bool front;

        if (!m || m == but || m == best || !m->balance.party || !may_go(m))
            continue;
        front = front_group(m) != 0;
        if (!best || (best_front && !front) ||
            (front == best_front && m->balance.since < best->balance.since)) {
            best = m;
            best_front = front;
        }
    }
    return best;
}

/* --- looking --- */

static void take_look(struct look *l)
{
    struct stall s;

    pressure_read(&s);
    *l = (struct look){
        .at = s.since,
        .thrash_ns = s.total_ns[PRESSURE_THRASH],
        .idle_ns = sched_idle_ns(),
        .user_ns = stat_user_ns(),
        .came = vm_sys.swap.pages_in,
        .went = vm_sys.stats.evicted,
    };
}

/* Count who read from the disk since the last look; how many take part. */
static unsigned count_readers(uint64_t now)
{
    uint64_t all = 0;
    unsigned n = 0;

    rounds++;
    for (const struct process *p = process_all; p; p = p->all_next) {
        struct memory *m = p->memory;
        struct balance *b = m ? &m->balance : NULL;

        if (!b || b->round == rounds)
            continue;
        b->round = rounds;
        if (!b->since)
            b->since = now;
        b->reads = (uint32_t)(m->space->major - b->major);
        b->major = m->space->major;
        all += b->reads;
    }
    for (const struct process *p = process_all; p; p = p->all_next) {
        struct balance *b = p->memory ? &p->memory->balance : NULL;

        if (!b || b->round != rounds)
            continue;
        b->round = rounds - 1; /* once each */
        b->weighed = false;
        if (b->reads < all / SHARE || !may_go(p->memory))
            b->reads = 0;
        n += b->reads > 0;
    }
    return n;
}

/* Those who read take part from now on; who did before, no longer does if that is over. */
static void name_party(void)
{
    for (const struct process *p = process_all; p; p = p->all_next) {
        struct balance *b = p->memory ? &p->memory->balance : NULL;

        if (b)
            b->party = b->reads || (in_turns && b->party);
    }
}

/* See how much those who read need: to suspend a small one would help nobody. How many are left. Sleeps. */
static unsigned weigh(void)
{
    uint32_t least = (frame_free_count(vm_sys.pool) + pageable_count(&vm_sys.pageable)) / SMALL;
    unsigned n = 0;

    for (unsigned most = process_count; most; most--) {
        const struct process *p = process_all;
        struct memory *m;

        while (p && !(p->memory && p->memory->balance.reads && !p->memory->balance.weighed))
            p = p->all_next;
        if (!p)
            break;
        m = memory_get(p->memory);
        m->balance.weighed = true;
        m->balance.need = need(m);
        if (m->balance.need < least)
            m->balance.reads = 0;
        n += m->balance.reads > 0;
        memory_put(m);
    }
    return n;
}

/* Somebody else reads now: what was measured of a stage of holding says nothing. */
static void measure_again(void)
{
    hold_looks = 0;
    hold_now = (struct fares){0};
}

/* Half of those who read go out, the longest first. Sleeps. */
static void thin_out(unsigned readers)
{
    name_party();
    if (!in_turns) {
        in_turns = true;
        turn_thrash = last.thrash_ns;
        turn_change = 0;
    }
    turn_since = os_now_ns();
    for (unsigned n = readers / 2; n; n--) {
        struct memory *m = longest_in(NULL);

        if (!m || !is_on)
            break;
        put_out(m, "memory thrashes");
    }
    thrashed = 0;
    measure_again();
}

static uint64_t turn_length(const struct look *now)
{
    uint64_t waited = now->thrash_ns - turn_thrash, most = 2 * turn_change + TURN_LEAST_NS, length;

    /* Who is larger than memory waits all the time: that is not what the change cost. */
    length = TURN_LEAST_NS + TURN_COSTS * (turn_change + (waited < most ? waited : most));

    return length < TURN_MOST_NS ? length : TURN_MOST_NS;
}

/* Let m in. room: make room for it first, and a turn begins. early: it runs at once. Sleeps. */
static void begin_turn(struct memory *m, bool room, bool early, const char *why)
{
    uint64_t began = os_now_ns(), before = began - m->balance.since;
    struct memory *v;

    memory_get(m);
    if (early && m->balance.out)
        release(m);
    while (room && is_on && !fits(m) && process_of(m) && (v = longest_in(m)) != NULL)
        put_out(v, "its turn is over");
    let_in(m, before, why);
    memory_put(m);
    thrashed = 0;
    measure_again();
    if (!room)
        return;
    turn_since = os_now_ns();
    turn_change = turn_since - began;
    take_look(&last);
    turn_thrash = last.thrash_ns;
}

static void everybody_in(void)
{
    while (out_first) {
        load_forget(&vm_sys, &out_first->balance.set);
        release(out_first);
    }
}

/* Those who cannot wait any longer. Whether there was one. Sleeps. */
static bool let_due_in(uint64_t now)
{
    for (struct memory *m = out_first; m; m = m->balance.next) {
        if (!is_due(m, now, FRONT_NS))
            continue;
        if (has_signal(m))
            begin_turn(m, false, true, "it has a signal to take");
        else
            begin_turn(m, true, true, "the terminal's foreground");
        return true;
    }
    return false;
}

static void set_hold(enum hold_stage what, uint64_t now)
{
    hold = what;
    measure_again();
    hold_rest_until = now + HOLD_REST_NS;
    hold_set(&vm_sys.hold, what == HOLD_TRIED || what == HOLD_ON);
}

/* Add a look to a measurement, of which the first ones do not count. Whether it is complete. */
static bool measure(unsigned skip, unsigned looks, const struct fares *look)
{
    hold_looks++;
    if (hold_looks > skip) {
        hold_now.ns += look->ns;
        hold_now.user_ns += look->user_ns;
        hold_now.came += look->came;
    }
    return hold_looks == skip + looks;
}

static unsigned a_second(const struct fares *f)
{
    return f->ns ? (unsigned)(f->came * (1000 * MS) / f->ns) : 0;
}

/*
 * Whether the one that reads gets on better. As long as it misses all the time, pages come as fast as they
 * can; if a quarter fewer come, it does something else. If the disk is so slow that they come no less fast
 * even so, more of the time is in ring 3: half as much again, and HOLD_PERCENT at least, since ticks tell it.
 * In microseconds, so that products fit.
 */
static bool is_better(void)
{
    uint64_t ns = hold_now.ns / 1000, ns_before = hold_before.ns / 1000;
    uint64_t user = hold_now.user_ns / 1000, user_before = hold_before.user_ns / 1000;

    return hold_now.came * ns_before * 4 < hold_before.came * ns * 3 ||
           (user * ns_before * 2 > user_before * ns * 3 && user * 100 >= ns * HOLD_PERCENT);
}

/* After each look. alone: memory thrashes, and one program reads. */
static void judge_hold(bool alone, bool thrashes, uint64_t now, const struct fares *look)
{
    quiet_looks = thrashes ? 0 : quiet_looks + 1;
    if (hold != HOLD_NO_USE && hold != HOLD_OFF && quiet_looks >= QUIET_LOOKS) {
        set_hold(HOLD_OFF, now);
        return;
    }
    switch (hold) {
    case HOLD_OFF:
        if (!thrashes)
            set_hold(HOLD_OFF, now);
        else if (alone && measure(0, HOLD_BEFORE, look)) {
            hold_before = hold_now;
            set_hold(HOLD_TRIED, now);
        }
        break;
    case HOLD_TRIED:
        if (measure(HOLD_SETTLE, HOLD_LOOKS, look)) {
            bool better = is_better();

            printk(LOG_INFO, "load: what came last goes first: %s, pages in %u a second, %u before",
                   better ? "it helps" : "no use", a_second(&hold_now), a_second(&hold_before));
            set_hold(better ? HOLD_ON : HOLD_NO_USE, now);
        }
        break;
    case HOLD_ON:
        if (!thrashes || !measure(0, HOLD_CHECK, look))
            break;
        if (is_better()) {
            measure_again();
            break;
        }
        printk(LOG_INFO, "load: what came last goes first: it helps no longer, pages in %u a second",
               a_second(&hold_now));
        set_hold(HOLD_OFF, now);
        break;
    case HOLD_NO_USE:
        if (now >= hold_rest_until)
            set_hold(HOLD_OFF, now);
        break;
    }
}

static bool is_thrashing(void)
{
    uint32_t pages = state.came < state.went ? state.came : state.went;

    return (state.full >= FULL_PERCENT && pages >= PAGES_A_LOOK) ||
           (state.user < WORK_PERCENT && pages >= FAST_PAGES);
}

static void look(void)
{
    struct look now;
    uint64_t ns, thrash, idle, user;
    unsigned readers;
    bool thrashes;

    take_look(&now);
    ns = now.at - last.at;
    thrash = now.thrash_ns - last.thrash_ns;
    idle = now.idle_ns - last.idle_ns;
    user = now.user_ns - last.user_ns;
    readers = count_readers(now.at);
    state.full = ns ? (unsigned)(thrash * 100 / ns) : 0;
    state.user = ns ? (unsigned)(user * 100 / ns) : 0;
    state.came = (uint32_t)(now.came - last.came);
    state.went = (uint32_t)(now.went - last.went);
    last = now;
    thrashes = is_thrashing();
    thrashed = thrashes ? thrashed + 1 : 0;
    if (thrashed >= LOOKS)
        readers = weigh();
    judge_hold(thrashed >= HOLD_AFTER && readers == 1, thrashes, now.at,
               &(struct fares){.ns = ns, .user_ns = user, .came = state.came});
    if (!is_on || vm_sys.exact) {
        set_hold(HOLD_OFF, now.at);
        everybody_in();
    } else if (!let_due_in(now.at)) {
        if (thrashed >= LOOKS && readers >= 2) {
            thin_out(readers);
        } else if (out_first && fits(out_first)) {
            begin_turn(out_first, false, false, "it fits beside the others");
        } else if (out_first && now.at - turn_since >= turn_length(&now)) {
            begin_turn(out_first, true, false, "its turn has come");
        } else if (out_first && idle * 8 >= ns * 7 && state.full < 10) {
            begin_turn(out_first, false, false, "the others do not want to run");
        } else {
            return;
        }
    }
    in_turns = out_first != NULL;
    take_look(&last);
}

static void watch(void *arg)
{
    (void)arg;
    for (;;) {
        uint32_t irq = os_irq_save();

        if (!out_first && !thrashed && hold == HOLD_OFF && !pressure_counts.stalled) {
            os_sleep(&pressure_wait);
            take_look(&last);
        }
        os_sleep_until(&look_wait, os_now_ns() + LOOK_NS);
        os_irq_restore(irq);
        look();
    }
}

/* --- for others --- */

void balance_init(void)
{
    is_on = params.loadcontrol;
    if (!task_create("loadd", watch, NULL))
        panic_unfit("too little memory: no room for load control");
}

bool balance_is_on(void)
{
    return is_on;
}

void balance_set(bool on)
{
    is_on = on;
    if (!on)
        everybody_in();
}

void balance_read(struct balance_state *s)
{
    struct look now;

    take_look(&now);
    *s = state;
    s->hold = vm_sys.hold.on;
    s->turn_ns = out_first ? now.at - turn_since : 0;
    s->turn_length_ns = out_first ? turn_length(&now) : 0;
}

const struct balance_event *balance_event(uint32_t n)
{
    return &events[n % BALANCE_EVENTS];
}

static bool is_listed(const struct memory *m)
{
    const struct memory *o = out_first;

    while (o && o != m)
        o = o->balance.next;
    return o;
}

bool balance_verify(void)
{
    const struct memory *before = NULL;
    bool ok = true;

    for (const struct memory *m = out_first; m; before = m, m = m->balance.next) {
        INV("INV-BALANCE-1", m->balance.out && m->balance.prev == before, "space %u is on the list",
            m->space->id);
        INV("INV-BALANCE-1", !before || before->balance.since <= m->balance.since, "space %u before space %u",
            before->space->id, m->space->id);
        ok &= load_verify(&m->balance.set);
    }
    INV("INV-BALANCE-1", out_last == before, "the list ends elsewhere");
    for (const struct process *p = process_all; p; p = p->all_next)
        INV("INV-BALANCE-1", !p->memory || p->memory->balance.out == is_listed(p->memory),
            "process %d, out %d", p->pid, p->memory->balance.out);
    INV("INV-BALANCE-2", !process_init || !process_init->memory || !process_init->memory->balance.out,
        "init is out");
    return ok;
}
