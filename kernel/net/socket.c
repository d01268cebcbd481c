/*
 * Sockets: their files, their beginning and their end.
 *
 * Purpose. What a descriptor of a socket does is the same for all families up to here: read() and write() are
 * receive and send without an address, poll() asks the family, close() releases. Families are kernel/net's
 * own files; all that goes from one socket to another is in queues (queue.c).
 *
 * Data. A socket lies in one piece with its inode, which has no other use. socket.refs counts who may still
 * look at the memory: the inode, peers, messages that are charged to it, the one that it pends at. The file
 * ends first: then the socket is released and dead, and its inode may stay a while (/proc/PID/fd). A dead
 * socket holds nothing: no peer, no message, no name.
 *
 *     socket_alloc()  ->  socket_file()  ->  [ the last file_put() ]  ->  released, dead  ->  refs 0: freed
 *                     ->  pending, accepted  ->  socket_file()
 *
 * Locking. One processor: states, queues and peers change between sleeps. Whoever sleeps looks again.
 * Sleepers are in queues of a socket that their file or a reference keeps. socket.lock orders the receivers
 * of a stream, since copying to a program sleeps.
 *
 * INV-SOCKET-1  every socket has references; a dead one has no file, peer, messages, and nobody pends at it
 * INV-SOCKET-2  messages and pending say what is in the lists
 * INV-SOCKET-3  the charges of all messages in queues add up: at most what their senders are charged, and
 *               what their receivers keep
 * INV-SOCKET-4  only a listening one has pending sockets; these have no file, and are connected
 *
 * Failure. -errno as Linux; what cannot be had leaves nothing behind. There may be twice as many sockets as
 * files (-ENFILE).
 */
#include "kernel/net/socket.h"
#include "kernel/fs/async.h"
#include "kernel/fs/permission.h"
#include "kernel/lib/format.h"
#include "kernel/lib/tally.h"
#include "kernel/net/inet.h"
#include "kernel/net/interface.h"
#include "kernel/net/netlink.h"
#include "kernel/net/queue.h"
#include "kernel/net/scm.h"
#include "kernel/net/unix.h"
#include "kernel/proc/cred.h"
#include "kernel/proc/process.h"
#include "kernel/sched/sync.h"
#include "kernel/sched/usertime.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/usercopy.h"
#include "mm/slab.h"

TALLY(sockets, "sockets");

struct socket *socket_all;
/* As Linux on 32 bits begins. */
uint32_t socket_backlog_max = 4096, socket_sndbuf_default = 180224, socket_rcvbuf_default = 180224,
         socket_sndbuf_max = 180224, socket_rcvbuf_max = 180224;

static const struct filesystem_type sockfs_type = {.name = "sockfs", .magic = 0x534F434B};
static struct filesystem sockfs = {.type = &sockfs_type, .dev = 0xF1, .users = 1};

static const struct socket_family *families[AF_MAX];

void socket_register(unsigned family, const struct socket_family *f)
{
    families[family] = f;
}

struct socket_creds socket_creds_current(void)
{
    const struct thread *t = thread_current();

    return (struct socket_creds){
        .pid = t ? t->process->pid : 0, .uid = cred_current()->euid, .gid = cred_current()->egid};
}

struct socket_creds socket_creds_real(void)
{
    const struct thread *t = thread_current();

    return (struct socket_creds){
        .pid = t ? t->process->pid : 0, .uid = cred_current()->uid, .gid = cred_current()->gid};
}

static void set_peer(struct socket *s, struct socket_creds creds, struct groups *groups)
{
    struct groups *before = s->peer_groups;

    s->peer_cred = creds;
    s->peer_groups = groups ? groups_get(groups) : NULL;
    groups_put(before);
}

void socket_peer_is_current(struct socket *s)
{
    set_peer(s, socket_creds_current(), cred_current()->groups);
}

void socket_peer_is_of(struct socket *s, const struct socket *other)
{
    set_peer(s, other->peer_cred, other->peer_groups);
}

/* --- beginning and end --- */

/* The inode's last reference is gone. */
static void release_inode(struct inode *i)
{
    struct socket *s = (struct socket *)i;

    inode_fini(i);
    socket_put(s);
}

/* As Linux names them. */
static const char *protocol_of(const struct inode *i)
{
    const struct socket *s = (const struct socket *)i;
    bool six = s->family == AF_INET6;

    switch (s->family) {
    case AF_UNIX:
        return s->type == SOCK_STREAM ? "UNIX-STREAM" : "UNIX";
    case AF_NETLINK:
        return "NETLINK";
    default:
        if (s->type == SOCK_STREAM)
            return six ? "TCPv6" : "TCP";
        if (s->protocol == IPPROTO_UDPLITE)
            return six ? "UDPLITEv6" : "UDP-Lite";
        return six ? "UDPv6" : "UDP";
    }
}

static const struct inode_ops inode_ops = {.protocol = protocol_of, .release = release_inode};

int socket_alloc(const struct socket_ops *ops, unsigned family, unsigned type, int protocol,
                 struct socket **out)
{
    struct socket *s;

    if (sockets.count / 2 >= file_max) /* as Linux: those that pend have no file that is counted */
        return -ENFILE;
    s = vm_zalloc(ops->size);
    if (!s)
        return -ENOMEM;
    inode_init(&s->inode, &sockfs, S_IFSOCK | 0777);
    inode_take_owner(&s->inode, NULL);
    s->inode.ops = &inode_ops;
    s->inode.uid = cred_current()->fsuid;
    s->inode.gid = cred_current()->fsgid;
    s->refs = 1;
    s->ops = ops;
    s->family = (uint16_t)family;
    s->type = (uint16_t)type;
    s->protocol = protocol;
    s->peer_cred = SOCKET_NOBODY;
    s->sndbuf = socket_sndbuf_default;
    s->rcvbuf = socket_rcvbuf_default;
    s->lowat = 1;
    s->linger = -1;
    s->peek_off = -1;
    s->all_next = socket_all;
    if (socket_all)
        socket_all->all_prev = s;
    socket_all = s;
    sockets.count++;
    *out = s;
    return 0;
}

void socket_put(struct socket *s)
{
    if (!s)
        return;
    mm_assert(s->refs > 0, "socket %u", s->inode.ino);
    if (--s->refs)
        return;
    mm_assert(s->dead && !s->charged, "socket %u is charged %u bytes", s->inode.ino, s->charged);
    if (s->ops->forget)
        s->ops->forget(s);
    groups_put(s->peer_groups);
    if (s->all_next)
        s->all_next->all_prev = s->all_prev;
    if (s->all_prev)
        s->all_prev->all_next = s->all_next;
    else
        socket_all = s->all_next;
    kfree(s);
    sockets.count--;
}

/* What the family does not do at the end. Sleeps. */
static void end(struct socket *s)
{
    struct socket *pending;

    s->dead = true;
    s->file = NULL;
    s->ops->release(s);
    while ((pending = socket_unpend(s)) != NULL)
        socket_discard(pending);
    message_purge(s);
    socket_put(s->peer);
    s->peer = NULL;
    sync_close(&s->readable);
    sync_close(&s->writable);
    sync_close(&s->room);
}

void socket_discard(struct socket *s)
{
    end(s);
    inode_put(&s->inode);
}

static void release_file(struct file *f)
{
    end(socket_of(f));
    scm_collect();
}

int socket_file(struct socket *s, uint32_t flags, struct file **out)
{
    char name[24];
    int err;

    format(name, sizeof name, "socket:[%u]", s->inode.ino);
    err = file_open_own(&s->inode, &socket_ops, s, name, O_RDWR | (flags & O_NONBLOCK), out);
    if (err)
        return err;
    inode_put(&s->inode); /* the file has one */
    s->file = *out;
    s->opened = true;
    return 0;
}

int socket_create(unsigned family, unsigned type, int protocol, struct socket **out)
{
    if (family >= AF_MAX)
        return -EAFNOSUPPORT;
    if (type >= SOCK_MAX)
        return -EINVAL;
    if (!families[family])
        return -EAFNOSUPPORT;
    return families[family]->create(type, protocol, out);
}

int socket_fd(int fd, struct file **out)
{
    struct file *f = fd_get_open(fd);

    if (!f)
        return -EBADF;
    if (f->ops != &socket_ops) {
        file_put(f);
        return -ENOTSOCK;
    }
    *out = f;
    return 0;
}

/* --- waiting --- */

uint64_t socket_deadline(bool nonblock, uint64_t timeout)
{
    if (nonblock)
        return 1;
    return timeout ? usertime_after(timeout) : 0;
}

int socket_wait(struct waitq *q, uint64_t deadline)
{
    uint32_t irq;
    int err;

    if (deadline == 1)
        return -EAGAIN;
    irq = os_irq_save();
    err = thread_sleep_until(q, deadline);
    os_irq_restore(irq);
    if (err == -EINTR)
        return deadline ? -EINTR : -ERESTARTSYS;
    return err ? -EAGAIN : 0;
}

int socket_error(struct socket *s)
{
    int err = s->error;

    s->error = 0;
    return -err;
}

void socket_tell(struct socket *s, int event)
{
    if (unlikely(s->async))
        async_tell(s->async, event, ASYNC_ALL);
}

void socket_wake_readers(struct socket *s)
{
    sync_wake(&s->readable, POLLIN | POLLPRI | POLLRDNORM | POLLRDBAND, SYNC_TASKS);
    socket_tell(s, POLL_IN);
}

void socket_wake_urgent(struct socket *s)
{
    if (s->file)
        async_urgent(s->file);
    socket_tell(s, POLL_PRI);
}

void socket_wake_writers(struct socket *s)
{
    sync_wake(&s->writable, POLLOUT | POLLWRNORM | POLLWRBAND, SYNC_TASKS);
    if (unlikely(s->no_room)) /* as Linux has it: who never found it full is not told */
        socket_tell(s, POLL_OUT);
    s->no_room = false;
}

void socket_wake_all(struct socket *s)
{
    os_wake_all(&s->readable);
    os_wake_all(&s->writable);
}

int socket_broken_pipe(unsigned flags)
{
    const struct thread *t = thread_current();
    const struct siginfo info = {
        .signo = SIGPIPE, .code = SI_USER, .pid = t ? t->process->pid : 0, .uid = (int)cred_current()->uid};

    if (t && !(flags & MSG_NOSIGNAL))
        signal_send_thread(thread_current(), &info);
    return -EPIPE;
}

/* --- listening sockets --- */

void socket_pend(struct socket *listener, struct socket *s)
{
    s->after = NULL;
    if (listener->pending_last)
        listener->pending_last->after = s;
    else
        listener->pending_first = s;
    listener->pending_last = s;
    listener->pending++;
}

void socket_pend_again(struct socket *listener, struct socket *s)
{
    if (listener->state != SOCKET_LISTENING) {
        socket_discard(s);
        return;
    }
    s->after = listener->pending_first;
    listener->pending_first = s;
    if (!s->after)
        listener->pending_last = s;
    listener->pending++;
    socket_wake_readers(listener);
}

struct socket *socket_unpend(struct socket *listener)
{
    struct socket *s = listener->pending_first;

    if (!s)
        return NULL;
    listener->pending_first = s->after;
    if (!s->after)
        listener->pending_last = NULL;
    s->after = NULL;
    listener->pending--;
    return s;
}

int socket_accept(struct socket *listener, bool nonblock, struct socket **out)
{
    uint64_t deadline = socket_deadline(nonblock, listener->receive_timeout);
    int err = 0;

    if (listener->state != SOCKET_LISTENING)
        return -EINVAL;
    while (!err && !listener->pending_first) {
        if (listener->shut & SHUT_RECEIVE || listener->state != SOCKET_LISTENING)
            return -EINVAL;
        err = socket_wait(&listener->readable, deadline);
    }
    if (err)
        return err;
    *out = socket_unpend(listener);
    sync_wake(&listener->room, POLLOUT | POLLWRNORM | POLLWRBAND, SYNC_TASKS);
    return 0;
}

/* --- the file --- */

int socket_send(struct file *f, struct transfer *t)
{
    struct socket *s = socket_of(f);

    if (f->flags & O_NONBLOCK)
        t->flags |= MSG_DONTWAIT;
    return s->ops->send ? s->ops->send(s, t) : -EOPNOTSUPP;
}

int socket_receive(struct file *f, struct transfer *t)
{
    struct socket *s = socket_of(f);

    if (f->flags & O_NONBLOCK)
        t->flags |= MSG_DONTWAIT;
    return s->ops->receive ? s->ops->receive(s, t) : -EOPNOTSUPP;
}

static int socket_read(struct file *f, vaddr_t buf, size_t n, uint64_t *pos)
{
    struct transfer t = {.buf = buf, .size = n};

    (void)pos;
    return n ? socket_receive(f, &t) : 0;
}

static int socket_write(struct file *f, vaddr_t buf, size_t n, uint64_t *pos)
{
    struct transfer t = {.buf = buf, .size = n};

    (void)pos;
    return socket_send(f, &t);
}

enum { FIOSETOWN = 0x8901, SIOCSPGRP, FIOGETOWN, SIOCGPGRP };

static int socket_ioctl(struct file *f, unsigned cmd, vaddr_t arg)
{
    struct socket *s = socket_of(f);
    uint32_t id;
    int err;

    if (cmd == FIOSETOWN || cmd == SIOCSPGRP)
        return user_read32(&id, arg) ? -EFAULT : async_set_number(f, (int)id);
    if (cmd == FIOGETOWN || cmd == SIOCGPGRP)
        return user_write32(arg, (uint32_t)async_number(f));
    err = s->ops->ioctl ? s->ops->ioctl(s, cmd, arg) : -ENOTTY;
    return err == -ENOTTY ? interface_ioctl(s->family, cmd, arg) : err;
}

static unsigned socket_poll(struct file *f, struct poll_table *table)
{
    struct socket *s = socket_of(f);

    poll_register(table, &s->readable);
    poll_register(table, &s->writable);
    return s->ops->poll(s);
}

static struct async **socket_async(struct file *f)
{
    return &socket_of(f)->async;
}

static size_t socket_bytes(const struct file *f)
{
    const struct socket *s = socket_of(f);

    return (s->pending + 1) * s->ops->size + message_memory(s) + s->options_bytes;
}

const struct file_ops socket_ops = {.release = release_file,
                                    .read = socket_read,
                                    .write = socket_write,
                                    .ioctl = socket_ioctl,
                                    .poll = socket_poll,
                                    .async = socket_async,
                                    .bytes = socket_bytes};

/* --- verification --- */

static bool pending_verify(const struct socket *s)
{
    uint32_t n = 0;
    bool ok = true;

    for (const struct socket *p = s->pending_first; p; p = p->after, n++)
        INV("INV-SOCKET-4", !p->file && p->refs && (p->after || p == s->pending_last),
            "socket %u pends at %u and has file %p", p->inode.ino, s->inode.ino, p->file);
    INV("INV-SOCKET-2", n == s->pending, "%u pend at socket %u, counted are %u", n, s->inode.ino, s->pending);
    INV("INV-SOCKET-4", !n || s->state == SOCKET_LISTENING, "%u pend at socket %u", n, s->inode.ino);
    return ok;
}

bool socket_verify(void)
{
    uint64_t charged = 0, queued = 0;
    bool ok = true;

    for (const struct socket *s = socket_all; s; s = s->all_next) {
        uint32_t n = 0, kept = 0;

        INV("INV-SOCKET-1", s->refs, "socket %u", s->inode.ino);
        INV("INV-SOCKET-1", !s->dead || (!s->file && !s->peer && !s->messages && !s->pending),
            "dead socket %u has file %p, peer %p, %u messages, %u pending", s->inode.ino, s->file, s->peer,
            s->messages, s->pending);
        for (const struct message *m = s->first; m; m = m->next, n++) {
            queued += m->from ? m->charge : 0;
            kept += m->from ? 0 : m->charge;
            INV("INV-SOCKET-3", m->refs && (!m->from || (m->from->refs && m->from->charged >= m->charge)),
                "a message in socket %u of %u bytes, %u charged", s->inode.ino, m->charge,
                m->from ? m->from->charged : 0);
            INV("INV-SOCKET-2", m->next || m == s->last, "last of socket %u", s->inode.ino);
        }
        INV("INV-SOCKET-2", n == s->messages, "%u messages in socket %u, counted are %u", n, s->inode.ino,
            s->messages);
        INV("INV-SOCKET-3", kept == s->kept, "socket %u keeps %u bytes, counted are %u", s->inode.ino, kept,
            s->kept);
        charged += s->charged;
        ok &= pending_verify(s);
    }
    INV("INV-SOCKET-3", queued <= charged, "%llu bytes are in queues, %llu charged",
        (unsigned long long)queued, (unsigned long long)charged);
    return ok & scm_verify() & inet_verify() & netlink_verify();
}

void net_init(void)
{
    unix_init();
    inet_init();
    netlink_init();
}
