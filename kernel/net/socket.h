/*
 * Sockets: what all families share. A socket is a file with an inode of its own; what it does is said by its
 * family (unix.c), which has struct socket_ops for each type and builds on the queues of queue.h. See
 * socket.c.
 *
 * What guards a field, by the letter in its comment:
 *   (c)  constant after creation
 *   (n)  nosleep sections, or at least a stretch between two sleeps, in task context
 */
#ifndef KERNEL_NET_SOCKET_H
#define KERNEL_NET_SOCKET_H

#include "kernel/fs/file.h"
#include "mm/os.h"

enum { AF_UNSPEC, AF_UNIX, AF_INET, AF_INET6 = 10, AF_NETLINK = 16, AF_MAX = 46 };
enum { SOCK_STREAM = 1, SOCK_DGRAM, SOCK_RAW, SOCK_RDM, SOCK_SEQPACKET, SOCK_MAX = 11 };
/* Beside the type, in its upper bits. */
#define SOCK_FLAGS (O_CLOEXEC | O_NONBLOCK)

enum {
    MSG_OOB = 1,
    MSG_PEEK = 2,
    MSG_DONTROUTE = 4,
    MSG_CTRUNC = 8,
    MSG_PROBE = 0x10,
    MSG_TRUNC = 0x20,
    MSG_DONTWAIT = 0x40,
    MSG_EOR = 0x80,
    MSG_WAITALL = 0x100,
    MSG_ERRQUEUE = 0x2000,
    MSG_NOSIGNAL = 0x4000,
    MSG_MORE = 0x8000,
    MSG_WAITFORONE = 0x10000,
    MSG_CMSG_CLOEXEC = 0x40000000
};

/* What is shut down, and both. shutdown(2) counts from 0. */
enum { SHUT_RECEIVE = 1, SHUT_SEND = 2, SHUT_BOTH = 3 };

/* An address in kernel memory, of any family. */
#define SOCKET_ADDRESS_MAX 128u
struct socket_address {
    uint32_t size; /* bytes that count; 0: none */
    union {
        uint16_t family;
        uint8_t bytes[SOCKET_ADDRESS_MAX];
    };
};
/* Whether it has a family, and that is none. */
static inline bool socket_address_is_none(const struct socket_address *a)
{
    return a->size >= sizeof a->family && a->family == AF_UNSPEC;
}

/* struct ucred, as programs have it. */
struct socket_creds {
    int32_t pid;
    uint32_t uid, gid;
};
#define SOCKET_NOBODY ((struct socket_creds){.uid = UINT32_MAX, .gid = UINT32_MAX})
/* Of the running thread, by its effective ids, for who connects; and by its real ones, for who sends. */
struct socket_creds socket_creds_current(void);
struct socket_creds socket_creds_real(void);

/* Options of SOL_SOCKET. */
enum { SOL_SOCKET = 1 };
enum {
    SO_DEBUG = 1,
    SO_REUSEADDR,
    SO_TYPE,
    SO_ERROR,
    SO_DONTROUTE,
    SO_BROADCAST,
    SO_SNDBUF,
    SO_RCVBUF,
    SO_KEEPALIVE,
    SO_OOBINLINE,
    SO_NO_CHECK,
    SO_PRIORITY,
    SO_LINGER,
    SO_BSDCOMPAT,
    SO_REUSEPORT,
    SO_PASSCRED,
    SO_PEERCRED,
    SO_RCVLOWAT,
    SO_SNDLOWAT,
    SO_RCVTIMEO,
    SO_SNDTIMEO,
    SO_BINDTODEVICE = 25,
    SO_DETACH_FILTER = 27,
    SO_PEERNAME = 28,
    SO_TIMESTAMP,
    SO_ACCEPTCONN,
    SO_PEERSEC,
    SO_SNDBUFFORCE,
    SO_RCVBUFFORCE,
    SO_PASSSEC,
    SO_TIMESTAMPNS,
    SO_MARK,
    SO_PROTOCOL = 38,
    SO_DOMAIN,
    SO_RXQ_OVFL,
    SO_PEEK_OFF = 42,
    SO_COOKIE = 57,
    SO_PEERGROUPS = 59,
    SO_TIMESTAMP_NEW = 63, /* as an option that is on: times have 64 bits */
    SO_TIMESTAMPNS_NEW,
    SO_RCVTIMEO_NEW = 66,
    SO_SNDTIMEO_NEW
};

/* Whose address: its own, its peer's, or the peer's of one that accept() gives out, though that one may have
 * gone. */
enum socket_name { SOCKET_OWN, SOCKET_PEER, SOCKET_ACCEPTED };

struct groups; /* kernel/proc/cred.h */
struct scm;
struct scm_output;
struct socket;

/* One call that sends or receives. */
struct transfer {
    vaddr_t buf;                 /* the program's, or lent: one range, however many parts it has */
    size_t size;                 /* RW_MAX at most */
    unsigned flags;              /* MSG_*; MSG_DONTWAIT also of a file that does not wait */
    struct socket_address *name; /* sending: to whom, NULL: the peer. Receiving: filled in; NULL: not asked */
    struct scm *scm; /* sending: what goes along, NULL: nothing. Receiving: what came; NULL: not asked */
    unsigned told;   /* receiving: MSG_TRUNC and others, of msg_flags */
};

/*
 * What a family does for a type. A NULL member: -EOPNOTSUPP, of ioctl -ENOTTY. The file is held by the
 * caller, and any number of threads may be inside. All of these sleep, but for those that say that they do
 * not.
 */
struct socket_ops {
    /* The address's first two bytes are there; its family is not checked. */
    int (*bind)(struct socket *s, const struct socket_address *a);
    int (*connect)(struct socket *s, const struct socket_address *a, bool nonblock);
    /* backlog is cut to the system's limit. Does not sleep. */
    int (*listen)(struct socket *s, uint32_t backlog);
    /* A connected socket that has no file yet; the reference is the caller's. */
    int (*accept)(struct socket *s, bool nonblock, struct socket **out);
    /* An address. -ENOTCONN. Does not sleep. */
    int (*address)(struct socket *s, enum socket_name which, struct socket_address *out);
    /* Connect two fresh ones with each other. Does not sleep. */
    int (*pair)(struct socket *a, struct socket *b);
    /* Bytes or -errno. A receive with t->size 0 is no special case. */
    int (*send)(struct socket *s, struct transfer *t);
    int (*receive)(struct socket *s, struct transfer *t);
    int (*shutdown)(struct socket *s, unsigned how); /* SHUT_* */
    /* Of levels other than SOL_SOCKET, as socket_set_option() and socket_get_option() have them. */
    int (*set_option)(struct socket *s, int level, int option, vaddr_t value, uint32_t size);
    int (*get_option)(struct socket *s, int level, int option, vaddr_t value, vaddr_t size);
    int (*ioctl)(struct socket *s, unsigned cmd, vaddr_t arg);
    /* Control data of levels other than SOL_SOCKET, n bytes, for a message that is sent: 0 or -errno. Does
     * not sleep. */
    int (*read_control)(const struct socket *s, struct scm *scm, int level, int type, const void *data,
                        uint32_t n);
    /* What came with one, as far as the program has asked for it: 0 or -EFAULT. */
    int (*write_control)(const struct socket *s, const struct scm *scm, struct scm_output *o);
    /* POLL* that hold. Does not sleep. */
    unsigned (*poll)(struct socket *s);
    /* Nobody has it open any more: tell the peer, give up the name, queued messages and peers. */
    void (*release)(struct socket *s);
    /* The last reference is gone: what release() could not free yet. Does not sleep. */
    void (*forget)(struct socket *s);
    size_t size; /* of the family's structure, which begins with the struct socket */
};

enum socket_state {
    SOCKET_UNCONNECTED, /* or not any more */
    SOCKET_CONNECTING,
    SOCKET_CONNECTED,
    SOCKET_LISTENING
};

struct message;

struct socket {
    struct inode inode; /* its last reference takes one of the socket along */
    uint32_t refs; /* (n) inode, messages of its, peers, who is pending; each with a right to the memory */
    const struct socket_ops *ops;  /* (c) */
    struct file *file;             /* (n) that names it; NULL: none yet, or closed. Not referenced */
    uint16_t family, type;         /* (c) */
    int protocol;                  /* (c) */
    enum socket_state state;       /* (n) */
    bool opened;                   /* (n) it had a file once */
    bool no_room;                  /* (n) somebody has found that it cannot send now */
    bool dead;                     /* (n) closed, or never opened and given up */
    uint8_t shut;                  /* (n) SHUT_* */
    int error;                     /* (n) errno that the next call is to tell, or 0 */
    struct socket *peer;           /* (n) referenced; its own peer may be another, or it may be dead */
    struct socket_creds peer_cred; /* (n) SO_PEERCRED: of the other end; of a listening one its own */
    struct groups *peer_groups;    /* (n) SO_PEERGROUPS, referenced; NULL: none */

    /* What is sent to it and not received yet, in order. */
    struct message *first, *last; /* (n) */
    uint32_t messages;            /* (n) how many */
    /* A datagram that several calls put together, as far as it is there; NULL: none. */
    struct message *held; /* (n) it grows under lock */
    struct mutex lock;    /* one receiver of a stream takes bytes */
    uint32_t charged;     /* (n) bytes that messages of its take, in whatever queue they are */
    uint32_t kept;        /* (n) bytes of messages in its queue that it pays for itself */
    /* Of a stream: the byte that was last sent as urgent (MSG_OOB), until the stream was received past it; of
     * a local one until it is received at all. */
    struct message *urgent; /* (n) it lies in; NULL: there is none */
    uint32_t urgent_at;     /* (n) which of its bytes */
    bool urgent_read;       /* (n) it was received out of band */

    /* Of a listening one: who has connected and is not accepted yet, oldest first, through `after`. */
    struct socket *pending_first, *pending_last; /* (n) referenced */
    struct socket *after;                        /* (n) */
    uint32_t pending, backlog;                   /* (n) */

    struct waitq readable; /* receivers, accept(), pollers */
    struct waitq writable; /* senders for memory, pollers */
    struct waitq room;     /* those who want to be in its queue, or pending, and it is full */
    struct async *async;

    /* Options. Times in ns, 0: no limit. */
    uint32_t sndbuf, rcvbuf; /* bytes of charge */
    uint32_t beyond;         /* (n) and so many more that it may be charged: its peer has room for them */
    uint32_t lowat;          /* bytes that a receiver of a stream waits for */
    uint64_t send_timeout, receive_timeout;
    int linger;       /* seconds; -1: off */
    uint64_t options; /* bits of SO_* that are only on or off, see socket_has() */
    uint32_t priority, mark;
    int peek_off;           /* SO_PEEK_OFF; -1: off */
    uint32_t options_bytes; /* (n) of memory that options have taken */

    /* For scm.c. */
    uint32_t flying;             /* (n) references to its file that are in messages */
    bool reached;                /* (n) while it collects */
    struct socket *reached_next; /* (n) */

    struct socket *all_next, *all_prev; /* (n) of all sockets, newest first */
};

/* Options that are on or off, by their SO_* number. */
static inline bool socket_has(const struct socket *s, unsigned option)
{
    return s->options >> option & 1;
}

extern const struct file_ops socket_ops;
extern struct socket *socket_all;
/* /proc/sys/net/core: how many may wait to be accepted; what SO_SNDBUF and SO_RCVBUF begin with and may be
 * set to without CAP_NET_ADMIN. */
#define SOCKET_SNDBUF_MIN 4480u /* as Linux on 32 bits has them */
#define SOCKET_RCVBUF_MIN 2240u
extern uint32_t socket_backlog_max, socket_sndbuf_default, socket_rcvbuf_default, socket_sndbuf_max,
    socket_rcvbuf_max;

static inline struct socket *socket_of(const struct file *f)
{
    return f->data;
}

struct socket_family {
    /* Make the socket of a type and a protocol. 0, -ESOCKTNOSUPPORT, -EPROTONOSUPPORT, -EPERM, -ENOMEM.
     * Sleeps. */
    int (*create)(uint32_t type, int protocol, struct socket **out);
};
/* Know a family. At start-up; f stays where it is. */
void socket_register(unsigned family, const struct socket_family *f);

/* For families: a socket with the options that it begins with, in no state, its family's part zeroed, and one
 * reference, which is the inode's: socket_discard() or socket_file() takes it. 0, -ENOMEM or -ENFILE.
 * Sleeps. */
int socket_alloc(const struct socket_ops *ops, unsigned family, unsigned type, int protocol,
                 struct socket **out);
/* One that nobody ever had open: release it and drop the reference. Sleeps. */
void socket_discard(struct socket *s);
/* A reference more, and one less. NULL is fine for the latter. Do not sleep. */
static inline struct socket *socket_get(struct socket *s)
{
    s->refs++;
    return s;
}
void socket_put(struct socket *s);

/* The other end of s is, for SO_PEERCRED and SO_PEERGROUPS, who runs now; or who it is of another socket. Do
 * not sleep. */
void socket_peer_is_current(struct socket *s);
void socket_peer_is_of(struct socket *s, const struct socket *other);

/*
 * Sleep on a queue until it is woken. deadline as poll_all() has it: 0 none, 1 do not sleep. 0, -EAGAIN (the
 * deadline), -ERESTARTSYS or, with a deadline, -EINTR. The caller looks again. Sleeps.
 */
int socket_wait(struct waitq *q, uint64_t deadline);
/* The deadline of a call: of MSG_DONTWAIT and a timeout in ns. */
uint64_t socket_deadline(bool nonblock, uint64_t timeout);
/* The error that waits to be told, once: 0 or -errno. */
int socket_error(struct socket *s);
/* Something has come; there is room to send; anything may have changed: tell those who wait. */
void socket_wake_readers(struct socket *s);
void socket_wake_writers(struct socket *s);
void socket_wake_all(struct socket *s);
/* Something urgent has come: SIGURG to the file's owner. */
void socket_wake_urgent(struct socket *s);
/* Signals to those who want them (O_ASYNC), of a POLL_* event. The first two above send their own. */
void socket_tell(struct socket *s, int event);
/* -EPIPE, and SIGPIPE unless the flags say MSG_NOSIGNAL. */
int socket_broken_pipe(unsigned flags);

/* Of listening sockets. Let one pend, whose reference moves here; the same before all others, for who could
 * not accept it (it is given up if nobody listens any more); and the oldest, whose reference moves to the
 * caller, or NULL. Do not sleep, but for the second. */
void socket_pend(struct socket *listener, struct socket *s);
void socket_pend_again(struct socket *listener, struct socket *s); /* sleeps */
struct socket *socket_unpend(struct socket *listener);
/* The oldest that pends, as accept() wants it: waits. 0, -EAGAIN, -EINVAL (it does not listen, or was shut
 * down), -EINTR. Sleeps. */
int socket_accept(struct socket *listener, bool nonblock, struct socket **out);

/* --- system calls, with what they have read; a file is of a socket --- */

/* A new socket, by socket(2)'s arguments without flags: 0, -EINVAL, -EAFNOSUPPORT, ... Sleeps. */
int socket_create(unsigned family, unsigned type, int protocol, struct socket **out);
/* The file of a socket, which owns the inode's reference from then on. flags: O_NONBLOCK. 0; or -ENOMEM,
 * -ENFILE, and the socket is still the caller's. Sleeps. */
int socket_file(struct socket *s, uint32_t flags, struct file **out);
/* The file of a descriptor, referenced: 0, -EBADF, -ENOTSOCK. Sleeps. */
int socket_fd(int fd, struct file **out);
/* setsockopt(2), getsockopt(2). 0 or -errno. Sleep. */
int socket_set_option(struct socket *s, int level, int option, vaddr_t value, uint32_t size);
int socket_get_option(struct socket *s, int level, int option, vaddr_t value, vaddr_t size);
/* Move a message's worth: the file's O_NONBLOCK is taken into account. Bytes or -errno. Sleep. */
int socket_send(struct file *f, struct transfer *t);
int socket_receive(struct file *f, struct transfer *t);

/* Once, at start-up: all families. */
void net_init(void);
/* Whether all sockets and queues are as they have to be: INV-SOCKET-*, INV-SCM-*. Reads only; logs what is
 * broken. Does not sleep. */
bool socket_verify(void);

#endif
