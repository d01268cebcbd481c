/*
 * Groups of the loopback interface: memberships of sockets, and filters of who sends.
 *
 * Data. A socket has a list of its memberships, and each group, in a table, a list of its own: a datagram to
 * it comes up to the sockets if any of them wants it, whichever socket that is of, and then each decides for
 * itself (multicast_allows()), as on Linux. Groups of IPv6 can be joined, but there is no route to them on
 * this interface, as on Linux, and nothing is sent. The group of all hosts is joined by the interface.
 *
 * The socket is charged for its memberships: its owner's kernel memory, and Linux's limit of it (optmem_max).
 *
 * Locking. Between sleeps; memory is taken before anything is looked up.
 *
 * INV-GROUP-1  every membership is of a socket that is not dead and has it in its list; a group has as many
 *              as it counts, and one at least
 *
 * Failure. -EINVAL (no group), -ENODEV (not this interface), -EADDRINUSE (it is a member), -EADDRNOTAVAIL (it
 * is not), -ENOBUFS (as many as it may have, or no memory), -ENOMEM the same of IPv6.
 */
#include "kernel/net/multicast.h"
#include "kernel/lib/tally.h"
#include "kernel/net/inet_option.h"
#include "kernel/net/interface.h"
#include "kernel/net/scm.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/usercopy.h"
#include "mm/slab.h"

enum {
    IP_ADD_MEMBERSHIP = 35,
    IP_DROP_MEMBERSHIP,
    IP_UNBLOCK_SOURCE,
    IP_BLOCK_SOURCE,
    IP_ADD_SOURCE_MEMBERSHIP,
    IP_DROP_SOURCE_MEMBERSHIP,
    IPV6_JOIN_GROUP = 20,
    IPV6_LEAVE_GROUP,
    MCAST_JOIN_GROUP = 42,
    MCAST_BLOCK_SOURCE,
    MCAST_UNBLOCK_SOURCE,
    MCAST_LEAVE_GROUP,
    MCAST_JOIN_SOURCE_GROUP,
    MCAST_LEAVE_SOURCE_GROUP
};

/* As programs have them. */
struct ip_mreqn {
    uint8_t group[4], address[4];
    int32_t interface;
};
#define IP_MREQ_SIZE 8u /* without the last */
struct ip_mreq_source {
    uint8_t group[4], address[4], source[4];
};
struct ipv6_mreq {
    uint8_t group[16];
    int32_t interface;
};
struct any_address {
    uint16_t family;
    uint8_t bytes[126];
};
struct group_source_req {
    uint32_t interface;
    struct any_address group, source;
};
#define GROUP_REQ_SIZE (sizeof(uint32_t) + sizeof(struct any_address)) /* without the source */

/* What a call is about. */
struct request {
    bool six;
    uint8_t group[16], source[16];
    uint32_t address; /* IPv4: of the interface; 0: not said */
    int32_t interface;
};

#define BUCKETS     64u
#define SOURCES6    64u /* as many sources has a group of IPv6 at most */
#define SOURCES_ONE 10u /* as many more are there room for at once */
static struct group *table[BUCKETS];

TALLY(memberships, "memberships of groups");

uint32_t multicast_groups_max = 20, multicast_sources_max = 10;

/* What Linux charges on 32 bits. */
#define CHARGE4        32u
#define CHARGE6        40u
#define CHARGE_SOURCE4 4u
#define CHARGE_SOURCE6 128u

static uint32_t charge_of(const struct membership *m)
{
    bool six = m->group->six;

    return (six ? CHARGE6 : CHARGE4) + m->room * (six ? CHARGE_SOURCE6 : CHARGE_SOURCE4);
}

static bool may_charge(const struct inet_socket *i, uint32_t n)
{
    return n <= scm_control_max && i->s.options_bytes + n < scm_control_max;
}

static bool same(const uint8_t *a, const uint8_t *b)
{
    return !memcmp(a, b, 16);
}

static unsigned bucket(const uint8_t *address)
{
    return (address[2] ^ address[3] ^ address[14] ^ address[15]) % BUCKETS;
}

/* Where a group is in the table, or would be. */
static struct group **find_group(bool six, const uint8_t *address)
{
    struct group **at = &table[bucket(address)];

    while (*at && ((*at)->six != six || !same((*at)->address, address)))
        at = &(*at)->next;
    return at;
}

/* --- joining and leaving --- */

static bool is_group(const struct request *r)
{
    return r->six ? r->group[0] == 0xFF : r->group[0] >> 4 == 0xE;
}

/* Whether it is of this interface; then r says so, if the call did not. */
static bool has_interface(struct request *r)
{
    const struct inet_end e = {.ip = r->address};

    if (!r->interface && r->address && inet_is_ours(&e))
        r->interface = INTERFACE_INDEX;
    return r->interface == INTERFACE_INDEX;
}

static struct membership **find(struct inet_socket *i, const struct request *r)
{
    struct membership **at = &i->groups;

    while (*at && ((*at)->group->six != r->six || !same((*at)->group->address, r->group)))
        at = &(*at)->next;
    return at;
}

static int may_join(struct inet_socket *i, struct request *r)
{
    uint32_t n = 0;

    if (!is_group(r))
        return -EINVAL;
    if (r->six && *find(i, r) && (!r->interface || r->interface == INTERFACE_INDEX))
        return -EADDRINUSE;
    if (!has_interface(r))
        return -ENODEV;
    if (*find(i, r))
        return -EADDRINUSE;
    for (const struct membership *m = i->groups; m; m = m->next)
        n += !m->group->six;
    if (!r->six && n >= multicast_groups_max)
        return -ENOBUFS;
    return may_charge(i, r->six ? CHARGE6 : CHARGE4) ? 0 : r->six ? -ENOMEM : -ENOBUFS;
}

/* excludes: all that is sent is wanted; else nothing yet. */
static int join(struct inet_socket *i, struct request *r, bool excludes)
{
    struct membership *m = vm_zalloc(sizeof *m);
    struct group *g = vm_zalloc(sizeof *g), **at;
    int err = m && g ? may_join(i, r) : r->six ? -ENOMEM : -ENOBUFS;

    if (err) {
        kfree(m);
        kfree(g);
        return err;
    }
    at = find_group(r->six, r->group);
    if (*at) {
        kfree(g);
    } else {
        *at = g;
        g->six = r->six;
        memcpy(g->address, r->group, sizeof g->address);
    }
    m->group = *at;
    m->group->users++;
    m->all_next = m->group->members;
    m->group->members = m;
    m->socket = i;
    m->address = r->address;
    m->excludes = excludes;
    m->next = i->groups;
    i->groups = m;
    i->s.options_bytes += charge_of(m);
    memberships.count++;
    return 0;
}

static void leave(struct inet_socket *i, struct membership **at)
{
    struct membership *m = *at, **in = &m->group->members;
    struct group *g = m->group, **group_at;

    i->s.options_bytes -= charge_of(m);
    *at = m->next;
    while (*in != m)
        in = &(*in)->all_next;
    *in = m->all_next;
    if (!--g->users) {
        group_at = find_group(g->six, g->address);
        *group_at = g->next;
        kfree(g);
    }
    kfree(m->sources);
    kfree(m);
    memberships.count--;
}

static int leave_one(struct inet_socket *i, struct request *r)
{
    struct membership **at = find(i, r);

    if (r->six && !is_group(r))
        return -EINVAL;
    if (!r->six && !has_interface(r) && !r->interface && !r->address)
        return -ENODEV;
    if (!*at || (r->interface && r->interface != INTERFACE_INDEX) ||
        (!r->interface && r->address && r->address != (*at)->address))
        return -EADDRNOTAVAIL;
    leave(i, at);
    return 0;
}

void multicast_leave_all(struct inet_socket *i)
{
    while (i->groups)
        leave(i, &i->groups);
}

/* --- sources --- */

/* Where a source is in the list of one; its end: it is not. */
static uint32_t source_at(const struct membership *m, const uint8_t *source)
{
    uint32_t k = 0;

    while (k < m->count && !same(m->sources[k], source))
        k++;
    return k;
}

/* Memory for more sources, with room for so many. */
struct more {
    void *memory;
    uint32_t room;
};

static int add_source(struct inet_socket *i, struct membership *m, const uint8_t *source, struct more *more)
{
    bool six = m->group->six;
    uint32_t charge = SOURCES_ONE * (six ? CHARGE_SOURCE6 : CHARGE_SOURCE4);

    if (m->count >= (six ? SOURCES6 : multicast_sources_max))
        return -ENOBUFS;
    if (m->count == m->room) {
        uint8_t(*grown)[16] = more->memory;

        if (!grown || more->room != m->room + SOURCES_ONE || !may_charge(i, charge))
            return -ENOBUFS;
        if (m->count)
            memcpy(grown, m->sources, m->count * sizeof *grown);
        more->memory = m->sources;
        m->sources = grown;
        m->room = more->room;
        i->s.options_bytes += charge;
    }
    m->filtered = true;
    if (source_at(m, source) < m->count)
        return -EADDRNOTAVAIL;
    memcpy(m->sources[m->count++], source, sizeof *m->sources);
    return 0;
}

static int drop_source(struct inet_socket *i, struct membership **at, const uint8_t *source)
{
    struct membership *m = *at;
    uint32_t k = source_at(m, source);

    if (k == m->count)
        return -EADDRNOTAVAIL;
    if (m->count == 1 && !m->excludes) {
        leave(i, at);
        return 0;
    }
    memmove(m->sources[k], m->sources[k + 1], (--m->count - k) * sizeof *m->sources);
    return 0;
}

/* One source more, or less, of a group that wants it, or all others. */
static int change_source(struct inet_socket *i, struct request *r, bool excludes, bool add)
{
    struct membership **at;
    struct more more = {0};
    int err;

    if (!is_group(r))
        return -EINVAL;
    if (!has_interface(r))
        return -ENODEV;
    at = find(i, r);
    if (add && *at && (*at)->count == (*at)->room) {
        more.room = (*at)->room + SOURCES_ONE;
        more.memory = vm_alloc(more.room * sizeof *(*at)->sources);
        at = find(i, r); /* which may have changed */
    }
    if (!*at || ((*at)->filtered && (*at)->excludes != excludes)) {
        err = -EINVAL;
    } else {
        (*at)->excludes = excludes;
        err = add ? add_source(i, *at, r->source, &more) : drop_source(i, at, r->source);
    }
    kfree(more.memory);
    return err;
}

/* --- options --- */

static int membership4(struct inet_socket *i, int option, vaddr_t value, uint32_t size)
{
    struct ip_mreqn q = {0};
    struct request r = {0};

    if (i->s.type == SOCK_STREAM)
        return -EPROTO;
    if (size < IP_MREQ_SIZE)
        return -EINVAL;
    if (user_copy_in(&q, value, size >= sizeof q ? sizeof q : IP_MREQ_SIZE))
        return -EFAULT;
    memcpy(r.group, q.group, sizeof q.group);
    r.address = inet_read_ip4(q.address);
    r.interface = q.interface;
    return option == IP_ADD_MEMBERSHIP ? join(i, &r, true) : leave_one(i, &r);
}

static int membership6(struct inet_socket *i, int option, vaddr_t value, uint32_t size)
{
    struct request r = {.six = true};
    struct ipv6_mreq q;

    if (size < sizeof q)
        return -EINVAL;
    if (i->s.type == SOCK_STREAM)
        return -EPROTO;
    if (user_copy_in(&q, value, sizeof q))
        return -EFAULT;
    memcpy(r.group, q.group, sizeof q.group);
    r.interface = q.interface;
    return option == IPV6_JOIN_GROUP ? join(i, &r, true) : leave_one(i, &r);
}

static int source4(struct inet_socket *i, int option, vaddr_t value, uint32_t size)
{
    struct ip_mreq_source q;
    struct request r = {0};
    bool excludes = option == IP_BLOCK_SOURCE || option == IP_UNBLOCK_SOURCE;
    int err = 0;

    if (size != sizeof q)
        return -EINVAL;
    if (user_copy_in(&q, value, sizeof q))
        return -EFAULT;
    memcpy(r.group, q.group, sizeof q.group);
    memcpy(r.source, q.source, sizeof q.source);
    r.address = inet_read_ip4(q.address);
    if (option == IP_ADD_SOURCE_MEMBERSHIP)
        err = join(i, &r, false);
    if (err && err != -EADDRINUSE)
        return err;
    return change_source(i, &r, excludes, option == IP_BLOCK_SOURCE || option == IP_ADD_SOURCE_MEMBERSHIP);
}

/* The address of a program, of the family that is asked for. */
static bool read_any(const struct any_address *a, bool six, uint8_t *out)
{
    if (a->family != (six ? AF_INET6 : AF_INET))
        return false;
    memcpy(out, a->bytes + (six ? 6 : 2), six ? 16 : 4); /* behind the port, and what flows */
    return true;
}

static int any_group(struct inet_socket *i, bool six, int option, vaddr_t value, uint32_t size)
{
    struct group_source_req q;
    struct request r = {.six = six};
    bool with_source = option != MCAST_JOIN_GROUP && option != MCAST_LEAVE_GROUP;
    bool excludes = option == MCAST_BLOCK_SOURCE || option == MCAST_UNBLOCK_SOURCE;
    bool add = option == MCAST_BLOCK_SOURCE || option == MCAST_JOIN_SOURCE_GROUP;
    int err = 0;

    if (size < (with_source ? sizeof q : GROUP_REQ_SIZE))
        return -EINVAL;
    if (user_copy_in(&q, value, with_source ? sizeof q : GROUP_REQ_SIZE))
        return -EFAULT;
    r.interface = (int32_t)q.interface;
    if (!read_any(&q.group, six, r.group))
        return with_source || six ? -EADDRNOTAVAIL : -EINVAL;
    if (with_source && !read_any(&q.source, six, r.source))
        return -EADDRNOTAVAIL;
    if (option == MCAST_LEAVE_GROUP)
        return leave_one(i, &r);
    if (option == MCAST_JOIN_GROUP || option == MCAST_JOIN_SOURCE_GROUP)
        err = join(i, &r, option == MCAST_JOIN_GROUP);
    if (!with_source || (err && err != -EADDRINUSE))
        return err;
    return change_source(i, &r, excludes, add);
}

int multicast_set_option(struct inet_socket *i, int level, int option, vaddr_t value, uint32_t size)
{
    bool six = level == IPPROTO_IPV6;

    if (level != IPPROTO_IP && (!six || i->s.family != AF_INET6))
        return 1;
    if (option >= MCAST_JOIN_GROUP && option <= MCAST_LEAVE_SOURCE_GROUP)
        return any_group(i, six, option, value, size);
    if (six)
        return option == IPV6_JOIN_GROUP || option == IPV6_LEAVE_GROUP ? membership6(i, option, value, size)
                                                                       : 1;
    if (option == IP_ADD_MEMBERSHIP || option == IP_DROP_MEMBERSHIP)
        return membership4(i, option, value, size);
    return option >= IP_UNBLOCK_SOURCE && option <= IP_DROP_SOURCE_MEMBERSHIP
               ? source4(i, option, value, size)
               : 1;
}

/* --- who gets what --- */

static bool wants(const struct membership *m, const uint8_t *source)
{
    return (source_at(m, source) == m->count) == m->excludes;
}

bool multicast_is_wanted(uint32_t group, uint32_t source)
{
    uint8_t g[16] = {0}, s[16] = {0};
    const struct membership *m;
    struct group **at;

    if (group == IP4_ALL_HOSTS)
        return true;
    inet_write_ip4(g, group);
    inet_write_ip4(s, source);
    at = find_group(false, g);
    m = *at ? (*at)->members : NULL;
    while (m && !wants(m, s))
        m = m->all_next;
    return m;
}

bool multicast_allows(const struct inet_socket *i, uint32_t group, uint32_t source)
{
    uint8_t g[16] = {0}, s[16] = {0};
    const struct membership *m = i->groups;

    if (!m)
        return inet_option_number(i, INET_ALL_GROUPS);
    inet_write_ip4(g, group);
    inet_write_ip4(s, source);
    while (m && (m->group->six || !same(m->group->address, g)))
        m = m->next;
    return m ? wants(m, s) : inet_option_number(i, INET_ALL_GROUPS);
}

const struct group *multicast_next(const struct group *g)
{
    unsigned b = g ? bucket(g->address) + 1 : 0;

    if (g && g->next)
        return g->next;
    while (b < BUCKETS && !table[b])
        b++;
    return b < BUCKETS ? table[b] : NULL;
}

/* --- verification --- */

bool multicast_verify(void)
{
    bool ok = true;

    for (const struct group *g = multicast_next(NULL); g; g = multicast_next(g)) {
        uint32_t n = 0;

        for (const struct membership *m = g->members; m; m = m->all_next, n++) {
            const struct membership *k = m->socket->groups;

            while (k && k != m)
                k = k->next;
            INV("INV-GROUP-1", k && !m->socket->s.dead && m->group == g && m->count <= m->room,
                "of socket %u, %u sources of %u", m->socket->s.inode.ino, m->count, m->room);
        }
        INV("INV-GROUP-1", n && n == g->users, "%u members, counted are %u", n, g->users);
    }
    return ok;
}
