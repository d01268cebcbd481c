/*
 * Sockets of AF_NETLINK that answer questions about the network, NETLINK_ROUTE of rtnetlink(7): which
 * interfaces, addresses and routes there are, as getifaddrs() and if_nameindex() ask. There is one interface
 * and it does not change (interface.c), so the answers are the same always, nothing is ever announced to
 * groups, and what would change something is -EOPNOTSUPP, as it is on Linux for what an interface cannot do.
 *
 * Data. A question is answered by the call that sends it: what it asked for is in the queue of its own
 * socket afterwards, a message for each family and one that says that this was all. The receiver pays for
 * answers, and if they do not fit into SO_RCVBUF some are lost, which the next call is told (-ENOBUFS).
 * netlink_answer.c says what the answers consist of.
 *
 * Notes. What the kernel wants to say to a socket later, when it can neither wait nor fail, is a message that
 * the socket is charged with but that is in no queue yet; it keeps the socket's memory, not its file.
 *
 * Locking. Between sleeps.
 *
 * INV-NETLINK-1  it pays for all that is in its queue, and has no peer; its number is its alone
 *
 * Failure. Questions that nobody can answer are answered with an error number.
 */
#include "kernel/net/netlink.h"
#include "kernel/net/queue.h"
#include "kernel/proc/capability.h"
#include "kernel/proc/process.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/usercopy.h"
#include "mm/slab.h"

enum { NETLINK_ROUTE = 0 };
/* Of sockets that cannot have their process's, downward. */
#define NUMBER_FIRST 0xFFFFEFFFu
#define NUMBER_LAST  0x80000000u

/* As programs have it. */
struct sockaddr_nl {
    uint16_t family, zero;
    uint32_t number, groups;
};

/* Options of the level SOL_NETLINK. */
enum { SOL_NETLINK = 270 };
enum {
    NETLINK_ADD_MEMBERSHIP = 1,
    NETLINK_DROP_MEMBERSHIP,
    NETLINK_PKTINFO,
    NETLINK_BROADCAST_ERROR,
    NETLINK_NO_ENOBUFS,
    NETLINK_LIST_MEMBERSHIPS = 9,
    NETLINK_CAP_ACK,
    NETLINK_EXT_ACK,
    NETLINK_GET_STRICT_CHK = 12
};
#define LINK_GROUPS 36 /* of NETLINK_ROUTE, in Linux 6.1 */

struct netlink_socket {
    struct socket s;  /* first */
    uint32_t number;  /* (n) its address; 0: none yet */
    uint32_t peer;    /* (n) to which number it sends; 0: the kernel */
    uint64_t groups;  /* (n) bit k - 1: of group k */
    uint32_t options; /* (n) bits of NETLINK_* that are on */
};

static struct netlink_socket *netlink_of(struct socket *s)
{
    return (struct netlink_socket *)s;
}

/* --- numbers --- */

static bool is_taken(uint32_t number)
{
    for (struct socket *s = socket_all; s; s = s->all_next)
        if (s->family == AF_NETLINK && !s->dead && netlink_of(s)->number == number)
            return true;
    return false;
}

/* A number of its own: the process's, or one that no process can have. */
static void have_number(struct netlink_socket *n)
{
    static uint32_t next = NUMBER_FIRST;
    uint32_t number = (uint32_t)process_current()->pid;

    if (n->number)
        return;
    while (is_taken(number)) {
        number = next--;
        if (next < NUMBER_LAST)
            next = NUMBER_FIRST;
    }
    n->number = number;
}

static int read_address(const struct socket_address *a, struct sockaddr_nl *out)
{
    if (a->size < sizeof *out)
        return -EINVAL;
    memcpy(out, a->bytes, sizeof *out);
    return out->family == AF_NETLINK ? 0 : -EINVAL;
}

static void tell_address(uint32_t number, uint32_t groups, struct socket_address *out)
{
    const struct sockaddr_nl a = {.family = AF_NETLINK, .number = number, .groups = groups};

    out->size = sizeof a;
    memcpy(out->bytes, &a, sizeof a);
}

static int netlink_bind(struct socket *s, const struct socket_address *a)
{
    struct netlink_socket *n = netlink_of(s);
    struct sockaddr_nl own;
    int err = read_address(a, &own);

    if (err)
        return err;
    if (n->number && own.number != n->number)
        return -EINVAL;
    if (!n->number && own.number && is_taken(own.number))
        return -EADDRINUSE;
    if (own.number)
        n->number = own.number;
    have_number(n);
    n->groups = (n->groups >> 32 << 32) | own.groups;
    return 0;
}

/* Only the kernel is listened to. */
static int may_send_to(const struct sockaddr_nl *to)
{
    return (to->number || to->groups) && !capable(CAP_NET_ADMIN) ? -EPERM : 0;
}

static int netlink_connect(struct socket *s, const struct socket_address *a, bool nonblock)
{
    struct netlink_socket *n = netlink_of(s);
    struct sockaddr_nl to;
    int err;

    (void)nonblock;
    if (a->size < sizeof a->family)
        return -EINVAL;
    if (a->family == AF_UNSPEC) {
        n->peer = 0;
        s->state = SOCKET_UNCONNECTED;
        return 0;
    }
    err = read_address(a, &to);
    if (!err)
        err = may_send_to(&to);
    if (err)
        return err;
    have_number(n);
    n->peer = to.number;
    s->state = SOCKET_CONNECTED;
    return 0;
}

static int netlink_address(struct socket *s, enum socket_name which, struct socket_address *out)
{
    const struct netlink_socket *n = netlink_of(s);

    if (which == SOCKET_OWN)
        tell_address(n->number, (uint32_t)n->groups, out);
    else
        tell_address(n->peer, 0, out);
    return 0;
}

/* --- questions and answers --- */

/* One more answer, in the queue of who asked. Sleeps. */
static void append(struct netlink_socket *n, const struct netlink_answer *a)
{
    struct message *m;

    if (!a->size)
        return;
    if (n->s.kept > n->s.rcvbuf || message_of_kernel(&n->s, a->bytes, a->size, &m)) {
        if (!(n->options >> NETLINK_NO_ENOBUFS & 1))
            n->s.error = ENOBUFS;
        return;
    }
    message_give(m, &n->s);
    message_append(&n->s, m);
    socket_wake_readers(&n->s);
}

/* All that there is of a kind, and that it is all. Sleeps. */
static void answer_all(struct netlink_socket *n, const struct netlink_question *q, struct netlink_answer *a)
{
    for (unsigned part = 0; part < NETLINK_PARTS; part++) {
        netlink_list(a, q, part, n->number);
        append(n, a);
    }
    netlink_done(a, q, n->number);
    append(n, a);
}

/* The answer to one question, which has its head and so many bytes more. Sleeps. */
static void answer(struct netlink_socket *n, const struct netlink_question *q, struct netlink_answer *a)
{
    bool whole = !(n->options >> NETLINK_CAP_ACK & 1);
    bool asks = q->head.flags & NLM_F_REQUEST && q->head.type >= NLMSG_MIN_TYPE;
    int err = asks ? netlink_check(q) : 0;

    if (asks && !err) {
        if (netlink_is_list(q)) {
            answer_all(n, q, a);
            return;
        }
        err = netlink_one(a, q, n->number);
        append(n, a);
    }
    if (!err && !(q->head.flags & NLM_F_ACK))
        return;
    netlink_error(a, q, n->number, err, whole);
    append(n, a);
}

/* --- notes --- */

static struct message *message_of(struct netlink_note *note)
{
    return (struct message *)note;
}

int netlink_note_make(int fd, const void *bytes, uint32_t n, struct netlink_note **out)
{
    int err;

    do {
        struct message *m;
        struct socket *s;
        struct file *f;

        err = socket_fd(fd, &f);
        if (err)
            return err;
        s = socket_get(f->data);
        file_put(f);
        if (s->family != AF_NETLINK) {
            err = -EINVAL;
        } else if (s->charged + s->kept > s->rcvbuf) {
            err = s->dead ? 0 : socket_wait(&s->room, 0);
        } else {
            err = message_of_kernel(s, bytes, n, &m) ? -ENOMEM : 1;
            if (err == 1)
                *out = (struct netlink_note *)m;
        }
        socket_put(s);
    } while (!err);
    return err < 0 ? err : 0;
}

void netlink_note_send(struct netlink_note *note, uint8_t last)
{
    struct message *m = message_of(note);
    struct socket *s = m->from;

    if (s->dead) {
        message_drop(m);
        return;
    }
    m->bytes[m->size - 1] = last;
    message_give(m, s);
    message_append(s, m);
    socket_wake_readers(s);
}

void netlink_note_drop(struct netlink_note *note)
{
    if (note)
        message_drop(message_of(note));
}

/* --- sending and receiving --- */

/* Whether all of a message can be read, also what nothing is made of. */
static bool is_readable(vaddr_t buf, size_t n)
{
    uint8_t byte;

    for (size_t at = 0; at < n; at += PAGE_SIZE)
        if (user_copy_in(&byte, buf + at, 1))
            return false;
    return !n || !user_copy_in(&byte, buf + n - 1, 1);
}

static int netlink_send(struct socket *s, struct transfer *t)
{
    struct netlink_socket *n = netlink_of(s);
    struct sockaddr_nl to = {.number = n->peer};
    struct netlink_question *q;
    struct netlink_answer *a;
    int err = 0;

    if (t->flags & MSG_OOB)
        return -EOPNOTSUPP;
    if (!t->size)
        return -ENODATA;
    if (t->name)
        err = read_address(t->name, &to);
    if (!err && t->name)
        err = may_send_to(&to);
    if (err)
        return err;
    have_number(n);
    if (t->size > s->sndbuf - 32)
        return -EMSGSIZE;
    if (!is_readable(t->buf, t->size))
        return -EFAULT;
    if (to.number)
        return -ECONNREFUSED;
    q = vm_alloc(sizeof *q);
    a = vm_alloc(sizeof *a);
    if (!q || !a)
        err = -ENOBUFS;
    for (size_t at = 0; !err && t->size - at >= sizeof q->head; at += NETLINK_ALIGN(q->head.size)) {
        size_t left = t->size - at, part = left < sizeof *q ? left : sizeof *q;

        if (user_copy_in(q, t->buf + at, part))
            err = -EFAULT;
        else if (q->head.size < sizeof q->head || q->head.size > left)
            break;
        else
            answer(n, q, a);
        if (!err && NETLINK_ALIGN(q->head.size) > left)
            break;
    }
    kfree(a);
    kfree(q);
    return err ? err : (int)t->size;
}

static int netlink_receive(struct socket *s, struct transfer *t)
{
    struct message *m;
    uint32_t skip;
    int n;

    if (t->flags & MSG_OOB)
        return -EOPNOTSUPP;
    n = packet_next(s, t->flags, &skip, &m);
    if (n || !m)
        return n;
    if (t->name)
        tell_address(0, 0, t->name);
    n = packet_receive(m, skip, s, t);
    message_put(m);
    return n;
}

static unsigned netlink_poll(struct socket *s)
{
    unsigned events = POLLOUT | POLLWRNORM | POLLWRBAND;

    if (unlikely(s->error))
        events |= POLLERR;
    if (s->first)
        events |= POLLIN | POLLRDNORM;
    return events;
}

static void netlink_release(struct socket *s)
{
    netlink_of(s)->number = 0;
}

/* --- options --- */

static int set_group(struct netlink_socket *n, int32_t group, bool on)
{
    if (group < 1 || group > LINK_GROUPS)
        return -EINVAL;
    n->groups = on ? n->groups | 1ull << (group - 1) : n->groups & ~(1ull << (group - 1));
    return 0;
}

static int netlink_set_option(struct socket *s, int level, int option, vaddr_t value, uint32_t size)
{
    struct netlink_socket *n = netlink_of(s);
    int32_t number = 0;

    if (level != SOL_NETLINK)
        return -ENOPROTOOPT;
    if (size >= sizeof number && user_copy_in(&number, value, sizeof number))
        return -EFAULT;
    switch (option) {
    case NETLINK_ADD_MEMBERSHIP:
    case NETLINK_DROP_MEMBERSHIP:
        return set_group(n, number, option == NETLINK_ADD_MEMBERSHIP);
    case NETLINK_PKTINFO:
    case NETLINK_BROADCAST_ERROR:
    case NETLINK_NO_ENOBUFS:
    case NETLINK_CAP_ACK:
    case NETLINK_EXT_ACK:
    case NETLINK_GET_STRICT_CHK:
        n->options = number ? n->options | 1u << option : n->options & ~(1u << option);
        return 0;
    default:
        return -ENOPROTOOPT;
    }
}

static int list_groups(const struct netlink_socket *n, vaddr_t value, vaddr_t user_size, uint32_t size)
{
    const uint32_t full = (LINK_GROUPS + 31) / 32 * 4;

    if (user_copy_out(value, &n->groups, size / 4 * 4 < full ? size / 4 * 4 : full))
        return -EFAULT;
    return user_write32(user_size, full) ? -EFAULT : 0;
}

static int netlink_get_option(struct socket *s, int level, int option, vaddr_t value, vaddr_t user_size)
{
    const struct netlink_socket *n = netlink_of(s);
    uint32_t size;

    if (level != SOL_NETLINK)
        return -ENOPROTOOPT;
    if (user_read32(&size, user_size))
        return -EFAULT;
    if ((int32_t)size < 0)
        return -EINVAL;
    switch (option) {
    case NETLINK_LIST_MEMBERSHIPS:
        return list_groups(n, value, user_size, size);
    case NETLINK_PKTINFO:
    case NETLINK_BROADCAST_ERROR:
    case NETLINK_NO_ENOBUFS:
    case NETLINK_CAP_ACK:
    case NETLINK_EXT_ACK:
    case NETLINK_GET_STRICT_CHK:
        if (size < 4)
            return -EINVAL;
        return user_write32(user_size, 4) || user_write32(value, n->options >> option & 1) ? -EFAULT : 0;
    default:
        return -ENOPROTOOPT;
    }
}

static const struct socket_ops netlink_ops = {.bind = netlink_bind,
                                              .connect = netlink_connect,
                                              .address = netlink_address,
                                              .send = netlink_send,
                                              .receive = netlink_receive,
                                              .set_option = netlink_set_option,
                                              .get_option = netlink_get_option,
                                              .poll = netlink_poll,
                                              .release = netlink_release,
                                              .size = sizeof(struct netlink_socket)};

static int create(uint32_t type, int protocol, struct socket **out)
{
    if (type != SOCK_RAW && type != SOCK_DGRAM)
        return -ESOCKTNOSUPPORT;
    if (protocol != NETLINK_ROUTE)
        return -EPROTONOSUPPORT;
    return socket_alloc(&netlink_ops, AF_NETLINK, type, protocol, out);
}

void netlink_init(void)
{
    static const struct socket_family family = {.create = create};

    socket_register(AF_NETLINK, &family);
}

/* --- verification --- */

bool netlink_verify(void)
{
    bool ok = true;

    for (struct socket *s = socket_all; s; s = s->all_next) {
        if (s->family != AF_NETLINK)
            continue;
        INV("INV-NETLINK-1", !s->messages == !s->kept && !s->peer,
            "socket %u keeps %u bytes of %u messages, peer %p", s->inode.ino, s->kept, s->messages, s->peer);
        INV("INV-NETLINK-1", !s->dead || !netlink_of(s)->number, "dead socket %u has number %u", s->inode.ino,
            netlink_of(s)->number);
    }
    return ok;
}
