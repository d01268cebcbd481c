/*
 * The end of a TCP connection that was closed first keeps its ports: until the other end has sent all, a
 * minute at most, and then for a minute more (TIME_WAIT). On Linux old packets are waited for; here there are
 * none, but programs see who may be at a port, and what /proc tells.
 *
 * Data. struct tcp_wait is made with the connection, which may fail, so that its end cannot. It belongs to
 * the socket that was accepted, or to one that met another or itself, until it begins; then it is in a table
 * by port and in a list by time. While the other end lives, the closed socket, whose memory that one keeps,
 * knows it. One timer is for the first of the list.
 *
 * There are so many at most (tcp_max_tw_buckets): beyond that a connection ends without.
 *
 * Locking. Between sleeps.
 *
 * INV-WAIT-1  the list is in order of time, all of it is in the table and counted, and what is not whole and
 *             its socket know each other
 */
#include "kernel/net/tcp_wait.h"
#include "kernel/lib/tally.h"
#include "kernel/sched/expiry.h"
#include "kernel/vm/vm_sys.h"
#include "mm/slab.h"

#define BUCKETS   256u
#define SECOND_NS 1000000000ull
#define MINUTE_NS (60 * SECOND_NS)
#define REUSE_NS  SECOND_NS /* after which a new connection may have its ports */

TALLY(ends, "ends of TCP connections");

uint32_t tcp_wait_max = 1024, tcp_wait_fin_seconds = 60, tcp_wait_reuse = 2;

struct tcp_wait *tcp_wait_first;
static struct tcp_wait *last, *table[BUCKETS];
static uint32_t count;
static struct expiry timer;
static struct cache wait_cache;

void tcp_wait_start(void)
{
    cache_init(&wait_cache, kmalloc_sys.pool, "tcp-wait", sizeof(struct tcp_wait), 0, NULL,
               slab_default_flags);
}

struct tcp_wait *tcp_wait_create(void)
{
    struct tcp_wait *w = vm_cache_alloc(&vm_sys, &wait_cache);

    if (!w)
        return NULL;
    memset(w, 0, sizeof *w);
    ends.count++;
    return w;
}

/* --- the list --- */

static void set_timer(void);

static void on_time(struct expiry *e)
{
    (void)e;
    while (tcp_wait_first && tcp_wait_first->until <= os_now_ns())
        tcp_wait_end(tcp_wait_first);
    set_timer();
}

static void set_timer(void)
{
    timer.fn = on_time;
    if (tcp_wait_first)
        expiry_arm(&timer, tcp_wait_first->until, false);
    else
        expiry_stop(&timer);
}

static void enter_list(struct tcp_wait *w, uint64_t ns)
{
    struct tcp_wait *before = last;

    w->since = os_now_ns();
    w->until = w->since + ns;
    while (before && before->until > w->until)
        before = before->prev;
    w->prev = before;
    w->next = before ? before->next : tcp_wait_first;
    *(before ? &before->next : &tcp_wait_first) = w;
    *(w->next ? &w->next->prev : &last) = w;
    if (!before)
        set_timer();
}

static void leave_list(struct tcp_wait *w)
{
    *(w->prev ? &w->prev->next : &tcp_wait_first) = w->next;
    *(w->next ? &w->next->prev : &last) = w->prev;
}

/* --- beginning and end --- */

static struct tcp_wait **bucket(uint16_t port)
{
    return &table[port % BUCKETS];
}

void tcp_wait_end(struct tcp_wait *w)
{
    struct tcp_wait **at;

    if (!w)
        return;
    if (w->begun) {
        at = bucket(w->own.port);
        while (*at != w)
            at = &(*at)->port_next;
        *at = w->port_next;
        leave_list(w);
        count--;
    }
    if (w->socket)
        w->socket->wait = NULL;
    cache_free(&wait_cache, w);
    ends.count--;
}

/* That of a connection, which is nobody's then. */
static struct tcp_wait *take(struct inet_socket *i)
{
    struct inet_socket *owner = i->wait ? i : inet_of(i->s.peer);
    struct tcp_wait *w = owner ? owner->wait : NULL;

    if (!w || w->begun)
        return NULL;
    owner->wait = NULL;
    return w;
}

void tcp_wait_begin(struct inet_socket *i, bool whole)
{
    struct tcp_wait *w = take(i), **at = bucket(i->own.port);

    if (!w || count >= tcp_wait_max) {
        tcp_wait_end(w);
        return;
    }
    w->own = i->own;
    w->other = i->other;
    w->family = i->s.family;
    w->reuse_address = socket_has(&i->s, SO_REUSEADDR);
    w->reuse_port = socket_has(&i->s, SO_REUSEPORT);
    w->begun = true;
    w->whole = whole;
    if (!whole) {
        w->socket = i;
        i->wait = w;
    }
    w->port_next = *at;
    *at = w;
    enter_list(w, whole ? MINUTE_NS : tcp_wait_fin_seconds * SECOND_NS);
    count++;
}

void tcp_wait_for_all(struct inet_socket *i)
{
    struct tcp_wait *w = i->wait;

    if (!w || !w->begun)
        return;
    i->wait = NULL;
    w->socket = NULL;
    w->whole = true;
    leave_list(w);
    enter_list(w, MINUTE_NS);
}

void tcp_wait_reset(struct inet_socket *i)
{
    if (i->wait && i->wait->begun)
        tcp_wait_end(i->wait);
}

void tcp_wait_clear(void)
{
    while (tcp_wait_first)
        tcp_wait_end(tcp_wait_first);
    set_timer();
}

/* --- who is there --- */

uint32_t tcp_wait_count(void)
{
    return count;
}

struct tcp_wait *tcp_wait_find(const struct inet_end *own, const struct inet_end *other)
{
    struct tcp_wait *w = *bucket(own->port);

    while (w && (!inet_same_end(&w->own, own) || !inet_same_end(&w->other, other)))
        w = w->port_next;
    return w;
}

bool tcp_wait_forbids(const struct inet_end *own, const struct inet_end *other)
{
    const struct tcp_wait *w = tcp_wait_find(own, other);

    return w && (!w->whole || !tcp_wait_reuse || os_now_ns() - w->since <= REUSE_NS);
}

/* Whether i takes some of what is sent to the end. */
static bool meets(const struct inet_socket *i, const struct tcp_wait *w)
{
    if (i->own.port != w->own.port)
        return false;
    if (i->own.six == w->own.six)
        return inet_is_any(&i->own) || i->own.ip == w->own.ip;
    return i->own.six && inet_is_any(&i->own) && !inet_v6only(i);
}

bool tcp_wait_conflicts(const struct inet_socket *i)
{
    const struct tcp_wait *w = *bucket(i->own.port);
    bool address = socket_has(&i->s, SO_REUSEADDR), port = socket_has(&i->s, SO_REUSEPORT);

    while (w && (!meets(i, w) || (address && w->reuse_address) || (port && w->reuse_port)))
        w = w->port_next;
    return w;
}

/* --- verification --- */

bool tcp_wait_verify(void)
{
    uint32_t n = 0;
    bool ok = true;

    for (const struct tcp_wait *w = tcp_wait_first; w; w = w->next, n++) {
        const struct tcp_wait *k = *bucket(w->own.port);

        while (k && k != w)
            k = k->port_next;
        INV("INV-WAIT-1", k && w->begun && (!w->next || w->until <= w->next->until), "at port %u",
            w->own.port);
        INV("INV-WAIT-1", w->whole ? !w->socket : w->socket && w->socket->wait == w, "of port %u, socket %p",
            w->own.port, w->socket);
    }
    INV("INV-WAIT-1", n == count, "%u in the list, counted are %u", n, count);
    return ok;
}
