/*
 * /proc/quire/events: what happened to pages, as lines (kernel/proc/events.h), from the oldest that is left.
 *
 * Each open file is a reader of its own, and has filters of its own: words that are written to it. A record
 * is shown if it fits all of them; of a word with several values, one.
 *
 *   pid=N            a process: its space, its family's pages, and what is said of the process itself
 *   va=ADDRESS       a page's address in whatever space; hexadecimal, with 0x or without
 *   frame=N          decimal, or hexadecimal with 0x
 *   kind=WORD[,..]   kinds (event_kinds[]), what a fault did (fill-zero, copy, ...), or what else its record
 *                    tells (event_parts(): fault-begun, fault-ended, zeroed, mapped)
 *   all              no filter any more
 *   new              go on with what is not recorded yet
 *   follow           wait for more at the end, rather than end
 *
 * A read continues where the last one ended. If records were overwritten before they were read, a line says
 * how many: "lost N". At the end a read gives 0, or waits, if the file follows.
 *
 * Who waits is looked after by the timer: recording wakes nobody, so that it stays cheap.
 *
 * Data: struct reader of each file. Locking: reader.lock, which is held while lines are made and given to the
 * program; the ring is looked at between two sleeps. How it fails: -EINVAL for a word that is none, and
 * nothing is changed; -ENOMEM.
 */
#include "kernel/fs/file.h"
#include "kernel/lib/format.h"
#include "kernel/lib/number.h"
#include "kernel/proc/process.h"
#include "kernel/proc/thread.h"
#include "kernel/procfs/procfs.h"
#include "kernel/sched/time.h"
#include "kernel/proc/events.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/usercopy.h"
#include "mm/errno.h"
#include "mm/fault.h"
#include "mm/slab.h"

#define COMMAND_MAX 256u
#define SPACES      4u        /* spaces that a process had lately, by exec */
#define LOOK_NS     40000000u /* between two looks whether there is something for those who wait */
#define LOOK_MOST   4096u     /* records that are looked at without a chance for others */

_Static_assert(EVENT_KINDS <= 64 && FAULT_ACTIONS <= 32, "sets are words");

struct filter {
    uint64_t kinds;          /* a set; with the next two, all 0: all */
    uint32_t actions, parts; /* sets */
    pfn_t frame;             /* PFN_NONE: any */
    bool has_va;
    vaddr_t va;
    int pid; /* 0: any */
    uint32_t space[SPACES], family;
};

struct reader {
    struct mutex lock;
    struct filter filter;
    uint64_t next; /* number of the record that is looked at next */
    bool follows;
    char line[EVENT_LINE]; /* what was made and not read yet is [at, length) */
    size_t at, length;
};

static struct waitq followers;
static const struct event_record *seen; /* where the ring was when they were woken last */

static uint64_t look_at; /* when to look next */

static void look(uint64_t now)
{
    if (likely(!followers.head) || now < look_at)
        return;
    look_at = now + LOOK_NS;
    if (READ_ONCE(vm_sys.events.next) == seen)
        return;
    seen = vm_sys.events.next;
    os_wake_all(&followers);
}

/* While everybody sleeps nothing is recorded that could be waited for. */
static uint64_t next_look(void)
{
    return followers.head && READ_ONCE(vm_sys.events.next) != seen ? look_at : TIME_NEVER;
}

/* --- filters --- */

/* The process's space, which exec replaces. It is remembered when the process has ended. */
static void refresh(struct filter *f)
{
    const struct process *p = f->pid ? process_find(f->pid) : NULL;
    const struct space *s = p && p->memory ? p->memory->space : NULL;

    if (!s || s->id == f->space[0])
        return;
    memmove(&f->space[1], &f->space[0], sizeof f->space - sizeof f->space[0]);
    f->space[0] = s->id;
    f->family = s->family->id;
}

static bool is_of_process(const struct filter *f, const struct event_record *e)
{
    if (event_kinds[e->kind].has & EVENT_HAS_PID)
        return e->arg == (uint32_t)f->pid;
    if ((e->flags & EVENT_OF) == EVENT_OF_FAMILY)
        return e->who == f->family;
    for (unsigned i = 0; i < SPACES; i++)
        if ((e->flags & EVENT_OF) == EVENT_OF_SPACE && f->space[i] == e->who)
            return true;
    return false;
}

static bool is_of_kind(const struct filter *f, const struct event_record *e)
{
    if (f->kinds >> e->kind & 1 || (f->parts && f->parts & event_parts(e)))
        return true;
    if (e->flags & EVENT_HAD_TABLE && f->actions >> FAULT_OWN_TABLE & 1)
        return true;
    return (e->kind == EVENT_FAULT || e->kind == EVENT_STEP) && e->what < FAULT_ACTIONS &&
           f->actions >> e->what & 1;
}

static bool fits(const struct filter *f, const struct event_record *e)
{
    if (e->kind >= EVENT_KINDS)
        return false;
    if ((f->kinds | f->actions | f->parts) && !is_of_kind(f, e))
        return false;
    if (f->frame != PFN_NONE && e->frame != f->frame)
        return false;
    if (f->has_va && !event_is_at(e, f->va))
        return false;
    return !f->pid || is_of_process(f, e);
}

/* Whether a name, with dashes for its blanks, is word[0, n). */
static bool is_name(const char *name, const char *word, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (name[i] != word[i] && !(name[i] == ' ' && word[i] == '-'))
            return false;
    return !name[n];
}

static bool add_kind(struct filter *f, const char *word, size_t n)
{
    bool found = false;

    for (unsigned k = EVENT_NOTHING + 1; k < EVENT_KINDS; k++)
        if (is_name(event_kinds[k].name, word, n)) {
            f->kinds |= 1ull << k;
            found = true;
        }
    for (unsigned a = 0; a < FAULT_ACTIONS && !found; a++)
        if (is_name(fault_action_name(a), word, n)) {
            f->actions |= 1u << a;
            found = true;
        }
    for (unsigned p = 0; p < EVENT_PARTS && !found; p++)
        if (is_name(event_part_name(p), word, n)) {
            f->parts |= 1u << p;
            found = true;
        }
    return found;
}

static bool add_kinds(struct filter *f, const char *words)
{
    f->kinds = 0;
    f->actions = f->parts = 0;
    for (;;) {
        size_t n = 0;

        while (words[n] && words[n] != ',')
            n++;
        if (!n || !add_kind(f, words, n))
            return false;
        if (!words[n])
            return true;
        words += n + 1;
    }
}

static bool number_of(const char *s, uint64_t max, uint64_t *n)
{
    bool hexadecimal = s[0] == '0' && (s[1] | 32) == 'x';

    return (hexadecimal ? number_any(&s, n) : number_digits(&s, 10, n)) && !*s && *n <= max;
}

static bool address_of(const char *s, uint64_t *n)
{
    return number_address(&s, n) && !*s && *n < USER_END;
}

/* One word of a command, for a copy of the reader's state. */
static int obey(struct reader *r, const char *word)
{
    struct filter *f = &r->filter;
    uint64_t n;

    if (strcmp(word, "all") == 0) {
        *f = (struct filter){0};
    } else if (strcmp(word, "new") == 0) {
        r->next = event_last(&vm_sys.events);
        r->at = r->length = 0;
    } else if (strcmp(word, "follow") == 0) {
        r->follows = true;
    } else if (strncmp(word, "pid=", 4) == 0 && number_of(word + 4, INT32_MAX, &n) && n) {
        if (!process_find((int)n))
            return -ESRCH;
        f->pid = (int)n;
        memset(f->space, 0, sizeof f->space);
        f->family = 0;
        refresh(f);
    } else if (strncmp(word, "va=", 3) == 0 && address_of(word + 3, &n)) {
        f->has_va = true;
        f->va = (vaddr_t)n;
    } else if (strncmp(word, "frame=", 6) == 0 && number_of(word + 6, UINT32_MAX, &n) && n) {
        f->frame = (pfn_t)n;
    } else if (strncmp(word, "kind=", 5) != 0 || !add_kinds(f, word + 5)) {
        return -EINVAL;
    }
    return 0;
}

static int write_events(struct file *file, vaddr_t buf, size_t n, uint64_t *pos)
{
    struct reader *r = file->data, *copy;
    char *s, *word;
    int err;

    if (n >= COMMAND_MAX)
        return -EINVAL;
    s = vm_alloc(COMMAND_MAX + sizeof *copy);
    if (!s)
        return -ENOMEM;
    copy = (struct reader *)(s + COMMAND_MAX);
    err = user_copy_in(s, buf, n) ? -EFAULT : 0;
    s[err ? 0 : n] = '\0';
    mutex_lock(&r->lock);
    *copy = *r;
    for (word = s; !err && *word;) {
        char *end = word;

        while (*end && *end != ' ' && *end != '\n' && *end != '\t')
            end++;
        bool last = !*end;
        *end = '\0';
        if (end > word)
            err = obey(copy, word);
        word = last ? end : end + 1;
    }
    if (!err) {
        r->filter = copy->filter;
        r->follows = copy->follows;
        r->next = copy->next;
        r->at = copy->at;
        r->length = copy->length;
        *pos += n;
    }
    mutex_unlock(&r->lock);
    kfree(s);
    return err ? err : (int)n;
}

/* --- reading --- */

int proc_pid_of_space(uint32_t id)
{
    for (const struct process *p = process_all; p; p = p->all_next)
        if (p->memory && p->memory->space->id == id)
            return p->pid;
    return -1;
}

enum found { FOUND, NOT_YET, LOOK_ON };

/* The next record that fits, which stays next. NOT_YET: there is none; LOOK_ON: there may be, and so many
 * were looked at that others may want to run before this is called again. */
static enum found find(struct reader *r, struct event_record *e)
{
    const struct event_ring *ring = &vm_sys.events;

    refresh(&r->filter);
    for (uint32_t n = 0; r->next < event_last(ring); r->next++, n++) {
        if (n == LOOK_MOST)
            return LOOK_ON;
        if (!event_get(ring, r->next, e) || fits(&r->filter, e))
            return FOUND;
    }
    return NOT_YET;
}

/* Have the next line. */
static enum found make_line(struct reader *r)
{
    uint64_t first = event_first(&vm_sys.events);
    struct event_record e;
    enum found found;

    r->at = r->length = 0;
    if (r->next < first) {
        r->length = format(r->line, sizeof r->line, "lost %llu\n", (unsigned long long)(first - r->next));
        r->next = first;
        return FOUND;
    }
    found = find(r, &e);
    if (found != FOUND)
        return found;
    r->length = event_line(r->line, sizeof r->line - 1, &e, r->next, proc_pid_of_space);
    r->line[r->length++] = '\n';
    r->next++;
    return FOUND;
}

/* Wait until there may be more. 0 or -errno. */
static int wait_for_more(const struct file *f)
{
    uint32_t irq;
    int err;

    if (f->flags & O_NONBLOCK)
        return -EAGAIN;
    irq = os_irq_save();
    err = thread_sleep(&followers);
    os_irq_restore(irq);
    return err ? -ERESTARTSYS : 0;
}

static int read_events(struct file *f, vaddr_t buf, size_t n, uint64_t *pos)
{
    struct reader *r = f->data;
    size_t done = 0;
    int err = 0;

    if (!n)
        return 0;
    mutex_lock(&r->lock);
    while (done < n && !err) {
        enum found found = r->at == r->length ? make_line(r) : FOUND;
        size_t part;

        if (found == LOOK_ON) {
            if (thread_breathe())
                err = -ERESTARTSYS;
            continue;
        }
        if (found == NOT_YET) {
            if (done || !r->follows)
                break;
            mutex_unlock(&r->lock);
            err = wait_for_more(f);
            mutex_lock(&r->lock);
            continue;
        }
        part = r->length - r->at < n - done ? r->length - r->at : n - done;
        if (user_copy_out(buf + (vaddr_t)done, r->line + r->at, part)) {
            err = -EFAULT;
            break;
        }
        r->at = r->at + part < r->length ? r->at + part : r->length; /* or somebody has sought meanwhile */
        done += part;
        if (thread_breathe())
            break;
    }
    mutex_unlock(&r->lock);
    *pos += done;
    return done ? (int)done : err;
}

/* If it has to look on, it is asked again after a while, as if there were something new. */
static unsigned poll_events(struct file *f, struct poll_table *table)
{
    struct reader *r = f->data;
    struct event_record e;
    enum found found = FOUND;

    poll_register(table, &followers);
    if (r->at == r->length && r->next >= event_first(&vm_sys.events))
        found = find(r, &e);
    if (found == LOOK_ON)
        seen = NULL;
    return POLLOUT | POLLWRNORM | (found == FOUND ? POLLIN | POLLRDNORM : 0);
}

/* Back to the beginning, that is, to the oldest record that is left; or nowhere. */
static int seek_events(struct file *f, int64_t offset, int whence, uint64_t *result)
{
    struct reader *r = f->data;

    if (offset != 0 || whence > 1)
        return -EINVAL;
    if (whence == 0) {
        r->next = event_first(&vm_sys.events);
        r->at = r->length = 0;
        f->pos = 0;
    }
    *result = f->pos;
    return 0;
}

static int open_events(struct file *f)
{
    static const struct time_hook hook = {.due = look, .next = next_look};
    static bool is_registered;
    struct reader *r = vm_zalloc(sizeof *r);

    if (!r)
        return -ENOMEM;
    if (!is_registered) {
        is_registered = true;
        time_register(&hook);
    }
    r->next = event_first(&vm_sys.events);
    f->data = r;
    return 0;
}

static void release_events(struct file *f)
{
    kfree(f->data);
}

const struct file_ops proc_events_ops = {.open = open_events,
                                         .release = release_events,
                                         .read = read_events,
                                         .write = write_events,
                                         .poll = poll_events,
                                         .seek = seek_events};
