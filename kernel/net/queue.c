/*
 * Messages between sockets, and what all families do with them: streams that take bytes out of them, and
 * receivers that take them whole.
 *
 * Data. A message is one piece of memory with its bytes, a page at most, and a list of further pages when it
 * is larger. It belongs to the queue of who is to receive it, but is charged to who sent it, for as long as
 * it exists, as SO_SNDBUF limits it: so a sender waits for itself only. Who
 * receives datagrams of AF_INET pays for them instead (message_give()). As on Linux, a sender may begin a
 * message as long as it is charged less than its limit, and poll() says that there is room when no more than
 * a quarter is used. All messages together may take an eighth of memory: nobody who could be ended for it
 * may have them.
 *
 * Receivers of a stream take turns by socket.lock, and leave the message in the queue until its last byte is
 * copied; whoever receives messages whole takes one out first.
 *
 * Locking. Queues change between sleeps. A message that was made is not seen by anybody else until it is
 * appended.
 *
 * Failure. See message_create(). What a program's buffer does not take of a message that was taken out is
 * lost, as on Linux; of a stream it is not.
 */
#include "kernel/net/queue.h"
#include "kernel/lib/tally.h"
#include "kernel/net/scm.h"
#include "kernel/proc/thread.h"
#include "kernel/sched/sync.h"
#include "kernel/vm/memory.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/usercopy.h"
#include "mm/slab.h"

TALLY(messages, "messages in sockets");

/* What Linux charges on 32 bits, so that programs find about the same room: a head, and bytes with their tail
 * in a block of a power of two; of larger ones, which it has in pages, the bytes. */
#define CHARGE_HEAD 192u
#define CHARGE_TAIL 256u
#define CHARGE_MIN  512u

/* Of all messages. */
static size_t charged_all;

static size_t charge_limit(void)
{
    const struct frame_pool *pool = &frame_pool_sys;

    return (size_t)(pool->managed[ZONE_LOW] + pool->managed[ZONE_HIGH]) / 8 << PAGE_SHIFT;
}

static uint32_t charge_of(size_t n)
{
    uint32_t need = (uint32_t)n + CHARGE_TAIL, block = CHARGE_MIN;

    while (block < need && block < PAGE_SIZE)
        block *= 2;
    return (block < need ? need : block) + CHARGE_HEAD;
}

/* --- memory --- */

static void free_pieces(struct piece *p)
{
    while (p) {
        struct piece *next = p->next;

        kfree(p);
        p = next;
    }
}

/* The memory of a message of n bytes, not charged. Sleeps. */
static struct message *message_alloc(size_t n)
{
    uint32_t room = n < MESSAGE_PAGE ? (uint32_t)n : MESSAGE_PAGE;
    struct message *m = vm_alloc(sizeof *m + room);
    struct piece **last;

    if (!m)
        return NULL;
    *m = (struct message){.refs = 1, .size = (uint32_t)n, .room = room};
    last = &m->more;
    for (size_t done = room; done < n; done += sizeof(*last)->bytes) {
        struct piece *p = vm_alloc(sizeof *p);

        if (!p) {
            free_pieces(m->more);
            kfree(m);
            return NULL;
        }
        p->next = NULL;
        *last = p;
        last = &p->next;
    }
    return m;
}

static int copy_in(struct message *m, vaddr_t buf)
{
    uint32_t done = m->room;

    if (user_copy_in(m->bytes, buf, m->room))
        return -EFAULT;
    for (struct piece *p = m->more; p; p = p->next) {
        uint32_t part = m->size - done < sizeof p->bytes ? m->size - done : sizeof p->bytes;

        if (user_copy_in(p->bytes, buf + done, part))
            return -EFAULT;
        done += part;
    }
    return 0;
}

int message_grow(struct message *m, vaddr_t buf, uint32_t n)
{
    uint32_t charge = charge_of(m->size + n) - m->charge, start = m->room;
    const uint32_t most = sizeof m->more->bytes;
    struct piece **at = &m->more;

    if (charged_all + charge > charge_limit())
        return -ENOBUFS;
    m->charge += charge;
    m->from->charged += charge;
    charged_all += charge;
    while (n) {
        uint32_t used = m->size - start, part = most - used;

        if (used >= most) { /* this one is full */
            start += most;
            at = &(*at)->next;
            continue;
        }
        if (!*at) {
            *at = vm_alloc(sizeof **at);
            if (!*at)
                return -ENOBUFS;
            (*at)->next = NULL;
        }
        part = part < n ? part : n;
        if (user_copy_in((*at)->bytes + used, buf, part))
            return -EFAULT;
        m->size += part;
        buf += part;
        n -= part;
    }
    return 0;
}

int message_copy_out(const struct message *m, uint32_t from, vaddr_t buf, uint32_t n)
{
    const struct piece *p = m->more;
    uint32_t start = m->room, done = 0;

    if (from < m->room) {
        done = m->room - from < n ? m->room - from : n;
        if (user_copy_out(buf, m->bytes + from, done))
            return -EFAULT;
    }
    for (; p && done < n; p = p->next, start += sizeof p->bytes) {
        uint32_t at = from + done - start, part;

        if (at >= sizeof p->bytes)
            continue;
        part = sizeof p->bytes - at < n - done ? sizeof p->bytes - at : n - done;
        if (user_copy_out(buf + done, p->bytes + at, part))
            return -EFAULT;
        done += part;
    }
    return 0;
}

bool message_pressure(void)
{
    return charged_all > charge_limit() / 2;
}

static bool has_room(const struct socket *s)
{
    return s->charged <= (s->sndbuf + s->beyond) / 4;
}

bool message_room(struct socket *s)
{
    if (likely(has_room(s)))
        return true;
    s->no_room = true;
    return false;
}

/* Until s may send. */
static int wait_charge(struct socket *s, uint64_t deadline)
{
    for (;;) {
        int err = 0;

        if (unlikely(s->error))
            return socket_error(s);
        if (unlikely(s->shut & SHUT_SEND))
            return -EPIPE;
        if (likely(s->charged < s->sndbuf + s->beyond))
            return 0;
        s->no_room = true;
        err = socket_wait(&s->writable, deadline);
        if (err)
            return err;
    }
}

/* A message that has its memory, and no bytes in it yet, charged to s: 0 or -ENOBUFS. Sleeps. */
static int make(struct socket *s, size_t n, struct message **out)
{
    uint32_t charge = charge_of(n);
    struct message *m;

    if (charged_all + charge > charge_limit())
        return -ENOBUFS;
    s->charged += charge; /* before anything sleeps, so that the limit holds */
    charged_all += charge;
    m = message_alloc(n);
    if (!m) {
        s->charged -= charge;
        charged_all -= charge;
        return -ENOBUFS;
    }
    m->charge = charge;
    m->from = socket_get(s);
    messages.count++;
    *out = m;
    return 0;
}

int message_of_kernel(struct socket *s, const void *bytes, uint32_t n, struct message **out)
{
    int err = make(s, n, out);

    if (!err)
        memcpy((*out)->bytes, bytes, n);
    return err;
}

int message_create(struct socket *s, vaddr_t buf, size_t n, uint64_t deadline, struct message **out)
{
    struct message *m;
    int err = wait_charge(s, deadline);

    if (!err)
        err = make(s, n, &m);
    if (err)
        return err;
    if (copy_in(m, buf)) {
        message_put(m);
        return -EFAULT;
    }
    *out = m;
    return 0;
}

/* The bytes of m from one on that lie together, and how many. */
static const uint8_t *bytes_from(const struct message *m, uint32_t at, uint32_t *n)
{
    const struct piece *p = m->more;
    uint32_t start = m->room;

    if (at < m->room) {
        *n = m->room - at;
        return m->bytes + at;
    }
    for (; at - start >= sizeof p->bytes; p = p->next)
        start += sizeof p->bytes;
    *n = sizeof p->bytes - (at - start) < m->size - at ? (uint32_t)sizeof p->bytes - (at - start)
                                                       : m->size - at;
    return p->bytes + (at - start);
}

int message_duplicate(const struct message *m, struct message **out)
{
    uint32_t room, left;
    int err = make(m->from, m->size, out);

    for (uint32_t at = 0; !err && at < m->size;) {
        const uint8_t *from = bytes_from(m, at, &left);
        uint8_t *to = (uint8_t *)bytes_from(*out, at, &room); /* which is ours */
        uint32_t n = left < room ? left : room;

        memcpy(to, from, n);
        at += n;
    }
    if (!err)
        (*out)->way = m->way;
    return err;
}

/* Of one without descriptors, to which nobody refers. */
static void message_free(struct message *m)
{
    struct socket *s = m->from;

    charged_all -= m->charge;
    if (s) {
        s->charged -= m->charge;
        if (!s->dead && has_room(s))
            socket_wake_writers(s);
        socket_put(s);
    }
    free_pieces(m->more);
    kfree(m);
    messages.count--;
}

void message_put(struct message *m)
{
    if (--m->refs)
        return;
    if (m->rights) {
        rights_land(m->rights);
        rights_put(m->rights);
    }
    message_free(m);
}

void message_drop(struct message *m)
{
    mm_assert(m->refs == 1 && !m->rights, "a message of %u bytes", m->size);
    message_free(m);
}

/* --- queues --- */

void message_give(struct message *m, struct socket *to)
{
    struct socket *s = m->from;

    m->from = NULL;
    to->kept += m->charge;
    s->charged -= m->charge;
    if (has_room(s))
        socket_wake_writers(s);
    socket_put(s);
}

void message_append(struct socket *to, struct message *m)
{
    m->next = NULL;
    if (to->last)
        to->last->next = m;
    else
        to->first = m;
    to->last = m;
    to->messages++;
}

struct message *message_take(struct socket *s)
{
    struct message *m = s->first;

    s->first = m->next;
    if (!s->first)
        s->last = NULL;
    if (s->urgent == m)
        s->urgent = NULL;
    s->messages--;
    if (!m->from)
        s->kept -= m->charge;
    m->next = NULL;
    return m;
}

struct message *message_take_empty(struct socket *s, const struct message *before)
{
    struct message **at = &s->first, *m;

    if (*at == before)
        return NULL;
    while ((*at)->next != before)
        at = &(*at)->next;
    m = *at;
    if (!message_is_empty(m))
        return NULL;
    *at = m->next;
    s->messages--;
    if (!m->from)
        s->kept -= m->charge;
    m->next = NULL;
    return m;
}

void message_purge(struct socket *s)
{
    while (s->first)
        message_put(message_take(s));
}

uint32_t message_bytes(const struct socket *s)
{
    uint32_t n = 0;

    for (const struct message *m = s->first; m; m = m->next)
        n += m->size - m->at;
    return n;
}

uint32_t message_bytes_to_mark(const struct socket *s)
{
    uint32_t n = 0;

    for (const struct message *m = s->first; m && m != s->urgent; m = m->next)
        n += m->size - m->at;
    return s->urgent ? n + s->urgent_at - s->urgent->at : n;
}

struct message *message_mark(struct socket *to, struct message *m)
{
    /* Nobody is copying from it: an urgent byte is the last of its message, and this one is passed over. */
    struct message *over = message_at_hole(to) ? message_take(to) : NULL;

    to->urgent = m;
    to->urgent_at = m->size - 1;
    to->urgent_read = false;
    return over;
}

size_t message_memory(const struct socket *s)
{
    size_t n = s->held ? s->held->size + sizeof *s->held : 0;

    for (const struct message *m = s->first; m; m = m->next)
        n += m->size + sizeof *m;
    return n;
}
