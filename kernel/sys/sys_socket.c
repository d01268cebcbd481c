/* System calls for sockets, each by its own number and through the old common call socketcall(). */
#include "kernel/net/scm.h"
#include "kernel/net/socket.h"
#include "kernel/proc/thread.h"
#include "kernel/sched/usertime.h"
#include "kernel/sys/sys.h"
#include "kernel/sys/syscall.h"
#include "kernel/x86/usercopy.h"

/* --- addresses --- */

static int read_address(struct socket_address *a, vaddr_t user, uint32_t size)
{
    a->size = size;
    if (size > SOCKET_ADDRESS_MAX)
        return -EINVAL;
    return user_copy_in(a->bytes, user, size) ? -EFAULT : 0;
}

/* As much as the program has room for, and how long it is. */
static int write_address(const struct socket_address *a, vaddr_t user, vaddr_t user_size)
{
    uint32_t room;

    if (user_read32(&room, user_size))
        return -EFAULT;
    if ((int32_t)room < 0)
        return -EINVAL;
    if (room > a->size)
        room = a->size;
    if (user_copy_out(user, a->bytes, room))
        return -EFAULT;
    return user_write32(user_size, a->size);
}

/* --- making sockets --- */

/* A new socket with its file, by socket(2)'s type, whose flags are good. */
static int open_socket(uint32_t family, uint32_t type, uint32_t protocol, struct file **out)
{
    struct socket *s;
    int err = socket_create(family, type & ~(uint32_t)SOCK_FLAGS, (int)protocol, &s);

    if (err)
        return err;
    err = socket_file(s, type & O_NONBLOCK, out);
    if (err)
        socket_discard(s);
    return err;
}

static bool good_type(uint32_t type)
{
    return !(type & ~(uint32_t)(SOCK_FLAGS | 0xF));
}

static int32_t make_socket(uint32_t family, uint32_t type, uint32_t protocol)
{
    struct file *f;
    int err;

    if (!good_type(type))
        return -EINVAL;
    err = open_socket(family, type, protocol, &f);
    if (err)
        return err;
    err = fd_install(f, 0, type & O_CLOEXEC);
    if (err < 0)
        file_put(f);
    return err;
}

/* Both sockets of a pair, connected. */
static int open_pair(uint32_t family, uint32_t type, uint32_t protocol, struct file *pair[2])
{
    int err = open_socket(family, type, protocol, &pair[0]);

    if (err)
        return err;
    err = open_socket(family, type, protocol, &pair[1]);
    if (!err) {
        struct socket *a = socket_of(pair[0]), *b = socket_of(pair[1]);

        err = a->ops->pair ? a->ops->pair(a, b) : -EOPNOTSUPP;
        if (err)
            file_put(pair[1]);
    }
    if (err)
        file_put(pair[0]);
    return err;
}

static int32_t make_pair(uint32_t family, uint32_t type, uint32_t protocol, vaddr_t user)
{
    struct file *pair[2];
    int32_t fd[2];
    int err;

    if (!good_type(type))
        return -EINVAL;
    fd[0] = fd_reserve(0, type & O_CLOEXEC);
    if (fd[0] < 0)
        return fd[0];
    fd[1] = fd_reserve(0, type & O_CLOEXEC);
    err = fd[1] < 0 ? fd[1] : user_copy_out(user, fd, sizeof fd);
    if (!err)
        err = open_pair(family, type, protocol, pair);
    if (!err) {
        fd_fill(fd[0], pair[0]);
        fd_fill(fd[1], pair[1]);
        return 0;
    }
    if (fd[1] >= 0)
        fd_unreserve(fd[1]);
    fd_unreserve(fd[0]);
    return err;
}

/* --- names and connections --- */

static int32_t bind_socket(uint32_t fd, vaddr_t address, uint32_t size)
{
    struct socket_address a;
    struct socket *s;
    struct file *f;
    int err = socket_fd((int)fd, &f);

    if (err)
        return err;
    s = socket_of(f);
    err = read_address(&a, address, size);
    if (!err)
        err = s->ops->bind ? s->ops->bind(s, &a) : -EOPNOTSUPP;
    file_put(f);
    return err;
}

static int32_t connect_socket(uint32_t fd, vaddr_t address, uint32_t size)
{
    struct file *f = fd_get_open((int)fd);
    struct socket_address a;
    struct socket *s;
    int err;

    if (!f)
        return -EBADF;
    err = read_address(&a, address, size); /* before it is seen that the file is no socket */
    if (!err && f->ops != &socket_ops)
        err = -ENOTSOCK;
    if (!err) {
        s = socket_of(f);
        err = s->ops->connect ? s->ops->connect(s, &a, f->flags & O_NONBLOCK) : -EOPNOTSUPP;
    }
    file_put(f);
    return err;
}

static int32_t listen_socket(uint32_t fd, uint32_t backlog)
{
    struct socket *s;
    struct file *f;
    int err = socket_fd((int)fd, &f);

    if (err)
        return err;
    s = socket_of(f);
    if (backlog > socket_backlog_max)
        backlog = socket_backlog_max;
    err = s->ops->listen ? s->ops->listen(s, backlog) : -EOPNOTSUPP;
    file_put(f);
    return err;
}

/* Take one that pends, and say who it is. The number is there already. */
static int accept_one(struct file *listener, uint32_t flags, vaddr_t address, vaddr_t size, struct file **out)
{
    struct socket *s = socket_of(listener), *new;
    struct socket_address a;
    int err;

    err = s->ops->accept ? s->ops->accept(s, listener->flags & O_NONBLOCK, &new) : -EOPNOTSUPP;
    if (err)
        return err;
    err = socket_file(new, flags & O_NONBLOCK, out);
    if (err)
        socket_pend_again(s, new);
    if (err || !address)
        return err;
    err = new->ops->address(new, SOCKET_ACCEPTED, &a) ? -ECONNABORTED : write_address(&a, address, size);
    if (err)
        file_put(*out);
    return err;
}

static int32_t accept_socket(uint32_t fd, vaddr_t address, vaddr_t size, uint32_t flags)
{
    struct file *listener = fd_get_open((int)fd), *f;
    int err = -EINVAL, number = -1;

    if (!listener)
        return -EBADF;
    if (!(flags & ~(uint32_t)SOCK_FLAGS))
        err = number = fd_reserve(0, flags & O_CLOEXEC);
    if (number >= 0)
        err = listener->ops == &socket_ops ? accept_one(listener, flags, address, size, &f) : -ENOTSOCK;
    file_put(listener);
    if (err && number >= 0)
        fd_unreserve(number);
    if (err)
        return err;
    fd_fill(number, f);
    return number;
}

static int32_t name_of_socket(uint32_t fd, vaddr_t address, vaddr_t size, enum socket_name which)
{
    struct socket_address a;
    struct socket *s;
    struct file *f;
    int err = socket_fd((int)fd, &f);

    if (err)
        return err;
    s = socket_of(f);
    err = s->ops->address(s, which, &a);
    if (!err)
        err = write_address(&a, address, size);
    file_put(f);
    return err;
}

static int32_t shut_socket(uint32_t fd, uint32_t how)
{
    struct socket *s;
    struct file *f;
    int err = socket_fd((int)fd, &f);

    if (err)
        return err;
    s = socket_of(f);
    err = !s->ops->shutdown ? -EOPNOTSUPP : how > 2 ? -EINVAL : s->ops->shutdown(s, how + 1);
    file_put(f);
    return err;
}

static int32_t option_of_socket(uint32_t fd, uint32_t level, uint32_t option, vaddr_t value, uint32_t size,
                                bool set)
{
    struct file *f;
    int err;

    if (set && (int32_t)size < 0)
        return -EINVAL;
    err = socket_fd((int)fd, &f);
    if (err)
        return err;
    err = set ? socket_set_option(socket_of(f), (int)level, (int)option, value, size)
              : socket_get_option(socket_of(f), (int)level, (int)option, value, size);
    file_put(f);
    return err;
}

/* --- one buffer --- */

static uint32_t cut(uint32_t n)
{
    return n < RW_MAX ? n : RW_MAX;
}

static int32_t send_buffer(uint32_t fd, vaddr_t buf, uint32_t n, uint32_t flags, vaddr_t address,
                           uint32_t address_size)
{
    struct transfer t = {.buf = buf, .size = cut(n), .flags = flags};
    struct socket_address a;
    unsigned family;
    struct file *f;
    int done;

    if (!user_range_ok(buf, t.size))
        return -EFAULT;
    done = socket_fd((int)fd, &f);
    if (done)
        return done;
    family = socket_of(f)->family;
    /* An address without bytes is one that is too short for those two, and none for others. */
    if (address && (address_size || family == AF_INET || family == AF_INET6)) {
        t.name = &a;
        done = read_address(&a, address, address_size);
    }
    if (!done)
        done = socket_send(f, &t);
    file_put(f);
    return done;
}

static int32_t receive_buffer(uint32_t fd, vaddr_t buf, uint32_t n, uint32_t flags, vaddr_t address,
                              vaddr_t address_size)
{
    struct transfer t = {.buf = buf, .size = cut(n), .flags = flags};
    struct socket_address a = {.size = 0};
    struct file *f;
    int done, err;

    if (!user_range_ok(buf, t.size))
        return -EFAULT;
    done = socket_fd((int)fd, &f);
    if (done)
        return done;
    if (address)
        t.name = &a;
    done = socket_receive(f, &t);
    if (done >= 0 && address) {
        err = write_address(&a, address, address_size);
        if (err)
            done = err;
    }
    file_put(f);
    return done;
}

/* --- messages --- */

/* As programs have it. */
struct msghdr {
    vaddr_t name;
    uint32_t name_size;
    vaddr_t vector;
    uint32_t count;
    vaddr_t control;
    uint32_t control_size;
    uint32_t flags;
};
/* In a vector of them: behind each, how many bytes it was. */
#define MMSGHDR_SIZE (sizeof(struct msghdr) + 4)

/* A message's parts, for one operation that moves them all. */
struct parts {
    struct io_vector v;
    struct lent_vector lent;
    bool is_lent;
};

/* Read a message's head and its vector. 0 or -errno. */
static int read_head(struct msghdr *h, vaddr_t user, struct parts *p)
{
    int err;

    if (user_copy_in(h, user, sizeof *h))
        return -EFAULT;
    if (!h->name)
        h->name_size = 0;
    if ((int32_t)h->name_size < 0)
        return -EINVAL;
    if (h->name_size > SOCKET_ADDRESS_MAX)
        h->name_size = SOCKET_ADDRESS_MAX;
    if (h->count > IOVECS_MAX)
        return -EMSGSIZE;
    err = io_vector_get(&p->v, h->vector, h->count, true);
    p->is_lent = false;
    return err;
}

/* The parts as one range, until lending_ends(). */
static void lend_parts(struct parts *p, struct transfer *t)
{
    t->size = p->v.total < LENT_VECTOR_MAX ? p->v.total : LENT_VECTOR_MAX;
    if (p->v.count <= 1) {
        t->buf = p->v.count ? p->v.part[0].base : 0;
        return;
    }
    p->lent = (struct lent_vector){.part = p->v.part};
    p->is_lent = t->size;
    t->buf = p->is_lent ? usercopy_lend_vector(&p->lent, 0, t->size) : 0;
}

static void lending_ends(struct parts *p)
{
    if (p->is_lent)
        usercopy_unlend();
    io_vector_put(&p->v);
}

/* *whole: all of it was sent. Bytes or -errno. */
static int send_one(struct file *f, vaddr_t user, uint32_t flags, bool *whole)
{
    struct transfer t = {.flags = flags};
    struct socket_address a;
    struct scm scm = {0};
    struct parts parts;
    struct msghdr h;
    int done = read_head(&h, user, &parts);

    if (done)
        return done;
    if (h.name_size) {
        t.name = &a;
        done = read_address(&a, h.name, h.name_size);
    }
    if (!done && h.control_size > INT32_MAX)
        done = -ENOBUFS;
    if (!done && h.control_size)
        done = scm_read(socket_of(f), &scm, h.control, h.control_size);
    if (done) {
        io_vector_put(&parts.v);
        return done;
    }
    t.scm = &scm;
    lend_parts(&parts, &t);
    done = socket_send(f, &t);
    *whole = done == (int)parts.v.total;
    lending_ends(&parts);
    scm_drop(&scm);
    return done;
}

/* Tell the program what came beside the bytes. 0 or -errno. */
static int write_head(const struct msghdr *h, vaddr_t user, const struct socket_address *a, unsigned told,
                      uint32_t control_size)
{
    int err = 0;

    if (h->name)
        err = write_address(a, h->name, user + offsetof(struct msghdr, name_size));
    if (!err)
        err = user_write32(user + offsetof(struct msghdr, flags), told);
    if (!err)
        err = user_write32(user + offsetof(struct msghdr, control_size), control_size);
    return err;
}

static int receive_one(struct file *f, vaddr_t user, uint32_t flags)
{
    struct socket_address a = {.size = 0};
    struct transfer t = {.flags = flags};
    struct scm scm = {0};
    struct parts parts;
    struct msghdr h;
    int done = read_head(&h, user, &parts), err;

    if (done)
        return done;
    t.name = h.name ? &a : NULL;
    t.scm = &scm;
    lend_parts(&parts, &t);
    done = socket_receive(f, &t);
    lending_ends(&parts);
    if (done < 0) {
        scm_drop(&scm);
        return done;
    }
    t.told |= flags & MSG_CMSG_CLOEXEC;
    err = scm_write(socket_of(f), &scm, flags, h.control, &h.control_size, &t.told);
    if (!err)
        err = write_head(&h, user, &a, t.told, h.control_size);
    return err ? err : done;
}

static int32_t send_message(uint32_t fd, vaddr_t message, uint32_t flags)
{
    struct file *f;
    int done = socket_fd((int)fd, &f);
    bool whole;

    if (done)
        return done;
    done = send_one(f, message, flags, &whole);
    file_put(f);
    return done;
}

static int32_t receive_message(uint32_t fd, vaddr_t message, uint32_t flags)
{
    struct file *f;
    int done = socket_fd((int)fd, &f);

    if (done)
        return done;
    done = receive_one(f, message, flags);
    file_put(f);
    return done;
}

static int32_t send_messages(uint32_t fd, vaddr_t messages, uint32_t n, uint32_t flags)
{
    uint32_t i = 0;
    struct file *f;
    int done = socket_fd((int)fd, &f);
    bool more = true;

    if (done)
        return done;
    for (n = n < IOVECS_MAX ? n : IOVECS_MAX; i < n && more; i++) {
        vaddr_t at = messages + i * MMSGHDR_SIZE;

        done = send_one(f, at, flags, &more);
        if (done >= 0)
            done = user_write32(at + sizeof(struct msghdr), (uint32_t)done);
        if (done < 0)
            break;
        more &= !thread_breathe();
    }
    file_put(f);
    return i ? (int32_t)i : done;
}

/* Until the deadline (0: none), which is looked at after each message. */
static int32_t receive_until(struct file *f, vaddr_t messages, uint32_t n, uint32_t flags, uint64_t deadline)
{
    struct socket *s = socket_of(f);
    uint32_t i = 0;
    int done = flags & MSG_ERRQUEUE ? 0 : socket_error(s);

    while (done >= 0 && i < n) {
        vaddr_t at = messages + i * MMSGHDR_SIZE;

        done = receive_one(f, at, flags & ~(uint32_t)MSG_WAITFORONE);
        if (done >= 0)
            done = user_write32(at + sizeof(struct msghdr), (uint32_t)done);
        if (done < 0)
            break;
        i++;
        if (flags & MSG_WAITFORONE)
            flags |= MSG_DONTWAIT;
        if ((deadline && os_now_ns() >= deadline) || thread_breathe())
            break;
    }
    if (i && done < 0 && done != -EAGAIN && done != -ERESTARTSYS && done != -EINTR)
        s->error = -done; /* the next call tells */
    return i ? (int32_t)i : done < 0 ? done : 0;
}

static int32_t receive_messages(uint32_t fd, vaddr_t messages, uint32_t n, uint32_t flags, vaddr_t limit,
                                enum usertime_form form)
{
    uint64_t deadline = 0, ns, now;
    struct file *f;
    int done = 0;

    if (limit)
        done = usertime_read(limit, form, &ns);
    if (!done)
        done = socket_fd((int)fd, &f);
    if (done)
        return done;
    if (limit)
        deadline = usertime_after(ns);
    done = receive_until(f, messages, n < IOVECS_MAX ? n : IOVECS_MAX, flags, deadline);
    file_put(f);
    if (!limit || done <= 0)
        return done;
    now = os_now_ns();
    return usertime_write(limit, form, deadline > now ? deadline - now : 0) ? -EFAULT : done;
}

/* --- the calls --- */

int32_t sys_socket(SYSCALL_3_ARGS(family, type, protocol))
{
    return make_socket(family, type, protocol);
}

int32_t sys_socketpair(SYSCALL_4_ARGS(family, type, protocol, pair))
{
    return make_pair(family, type, protocol, pair);
}

int32_t sys_bind(SYSCALL_3_ARGS(fd, address, size))
{
    return bind_socket(fd, address, size);
}

int32_t sys_connect(SYSCALL_3_ARGS(fd, address, size))
{
    return connect_socket(fd, address, size);
}

int32_t sys_listen(SYSCALL_2_ARGS(fd, backlog))
{
    return listen_socket(fd, backlog);
}

int32_t sys_accept4(SYSCALL_4_ARGS(fd, address, user_size, flags))
{
    return accept_socket(fd, address, user_size, flags);
}

int32_t sys_getsockopt(SYSCALL_5_ARGS(fd, level, option, value, user_size))
{
    return option_of_socket(fd, level, option, value, user_size, false);
}

int32_t sys_setsockopt(SYSCALL_5_ARGS(fd, level, option, value, size))
{
    return option_of_socket(fd, level, option, value, size, true);
}

int32_t sys_getsockname(SYSCALL_3_ARGS(fd, address, user_size))
{
    return name_of_socket(fd, address, user_size, SOCKET_OWN);
}

int32_t sys_getpeername(SYSCALL_3_ARGS(fd, address, user_size))
{
    return name_of_socket(fd, address, user_size, SOCKET_PEER);
}

int32_t sys_sendto(SYSCALL_6_ARGS(fd, buf, n, flags, address, size))
{
    return send_buffer(fd, buf, n, flags, address, size);
}

int32_t sys_sendmsg(SYSCALL_3_ARGS(fd, message, flags))
{
    return send_message(fd, message, flags);
}

int32_t sys_recvfrom(SYSCALL_6_ARGS(fd, buf, n, flags, address, user_size))
{
    return receive_buffer(fd, buf, n, flags, address, user_size);
}

int32_t sys_recvmsg(SYSCALL_3_ARGS(fd, message, flags))
{
    return receive_message(fd, message, flags);
}

int32_t sys_shutdown(SYSCALL_2_ARGS(fd, how))
{
    return shut_socket(fd, how);
}

int32_t sys_sendmmsg(SYSCALL_4_ARGS(fd, messages, n, flags))
{
    return send_messages(fd, messages, n, flags);
}

int32_t sys_recvmmsg(SYSCALL_5_ARGS(fd, messages, n, flags, limit))
{
    return receive_messages(fd, messages, n, flags, limit, USERTIME_32);
}

int32_t sys_recvmmsg_time64(SYSCALL_5_ARGS(fd, messages, n, flags, limit))
{
    return receive_messages(fd, messages, n, flags, limit, USERTIME_64);
}

/* Of socketcall(), by number from 1 on. */
enum {
    CALL_SOCKET = 1,
    CALL_BIND,
    CALL_CONNECT,
    CALL_LISTEN,
    CALL_ACCEPT,
    CALL_GETSOCKNAME,
    CALL_GETPEERNAME,
    CALL_SOCKETPAIR,
    CALL_SEND,
    CALL_RECV,
    CALL_SENDTO,
    CALL_RECVFROM,
    CALL_SHUTDOWN,
    CALL_SETSOCKOPT,
    CALL_GETSOCKOPT,
    CALL_SENDMSG,
    CALL_RECVMSG,
    CALL_ACCEPT4,
    CALL_RECVMMSG,
    CALL_SENDMMSG
};

static const uint8_t words_of_call[] = {0, 3, 3, 3, 2, 3, 3, 3, 4, 4, 4, 6, 6, 2, 5, 5, 3, 3, 4, 5, 4};

int32_t sys_socketcall(SYSCALL_2_ARGS(call, words))
{
    uint32_t a[6];

    if (call < CALL_SOCKET || call > CALL_SENDMMSG)
        return -EINVAL;
    if (user_copy_in(a, words, words_of_call[call] * sizeof *a))
        return -EFAULT;
    switch (call) {
    case CALL_SOCKET:
        return make_socket(a[0], a[1], a[2]);
    case CALL_BIND:
        return bind_socket(a[0], a[1], a[2]);
    case CALL_CONNECT:
        return connect_socket(a[0], a[1], a[2]);
    case CALL_LISTEN:
        return listen_socket(a[0], a[1]);
    case CALL_ACCEPT:
        return accept_socket(a[0], a[1], a[2], 0);
    case CALL_GETSOCKNAME:
        return name_of_socket(a[0], a[1], a[2], SOCKET_OWN);
    case CALL_GETPEERNAME:
        return name_of_socket(a[0], a[1], a[2], SOCKET_PEER);
    case CALL_SOCKETPAIR:
        return make_pair(a[0], a[1], a[2], a[3]);
    case CALL_SEND:
        return send_buffer(a[0], a[1], a[2], a[3], 0, 0);
    case CALL_RECV:
        return receive_buffer(a[0], a[1], a[2], a[3], 0, 0);
    case CALL_SENDTO:
        return send_buffer(a[0], a[1], a[2], a[3], a[4], a[5]);
    case CALL_RECVFROM:
        return receive_buffer(a[0], a[1], a[2], a[3], a[4], a[5]);
    case CALL_SHUTDOWN:
        return shut_socket(a[0], a[1]);
    case CALL_SETSOCKOPT:
        return option_of_socket(a[0], a[1], a[2], a[3], a[4], true);
    case CALL_GETSOCKOPT:
        return option_of_socket(a[0], a[1], a[2], a[3], a[4], false);
    case CALL_SENDMSG:
        return send_message(a[0], a[1], a[2]);
    case CALL_RECVMSG:
        return receive_message(a[0], a[1], a[2]);
    case CALL_ACCEPT4:
        return accept_socket(a[0], a[1], a[2], a[3]);
    case CALL_RECVMMSG:
        return receive_messages(a[0], a[1], a[2], a[3], a[4], USERTIME_32);
    default:
        return send_messages(a[0], a[1], a[2], a[3]);
    }
}
