/* Sockets in the running kernel: what is left when memory ends, and that each broken invariant is named. */
#include "kernel/net/queue.h"
#include "kernel/net/scm.h"
#include "kernel/net/unix.h"
#include "kernel/vm/memory.h"
#include "kernel/x86/usercopy.h"
#include "mm/slab.h"
#include "tests/kt.h"

#define NAME "/tmp/kt-socket"

static struct socket_address address_of(const char *path)
{
    struct socket_address a = {.family = AF_UNIX};
    size_t n = strlen(path) + 1;

    memcpy(a.bytes + 2, path, n);
    a.size = (uint32_t)n + 2;
    return a;
}

static int open_one(unsigned type, struct file **out)
{
    struct socket *s;
    int err = socket_create(AF_UNIX, type, 0, &s);

    if (err)
        return err;
    err = socket_file(s, O_NONBLOCK, out);
    if (err)
        socket_discard(s);
    return err;
}

/* Two that are each other's peer. */
static int open_pair(unsigned type, struct file *pair[2])
{
    int err = open_one(type, &pair[0]);

    if (err)
        return err;
    err = open_one(type, &pair[1]);
    if (err)
        file_put(pair[0]);
    else
        unix_pair(socket_of(pair[0]), socket_of(pair[1]));
    return err;
}

static int send_bytes(struct file *f, size_t n, struct scm *scm)
{
    static uint8_t bytes[3 * PAGE_SIZE];
    struct transfer t = {.buf = usercopy_lend(bytes, n), .size = n, .scm = scm};
    int done = socket_send(f, &t);

    usercopy_unlend();
    return done == (int)n ? 0 : done < 0 ? done : -EIO;
}

/* The file itself goes along with a message. */
static int send_file(struct file *f, struct file *what)
{
    struct rights *r = kzalloc(sizeof *r + sizeof *r->file); /* no reclaim: it is for a test of that */
    struct scm scm = {.rights = r};
    int err;

    if (!r)
        return -ENOMEM;
    r->count = 1;
    r->file[0] = file_get(what);
    err = send_bytes(f, 1, &scm);
    scm_drop(&scm);
    return err;
}

static int connect_one(struct file *listener)
{
    struct socket_address a = address_of(NAME);
    struct socket *s = socket_of(listener), *accepted;
    struct file *f;
    int err = unix_bind(unix_of(s), &a);

    if (!err)
        err = unix_listen(s, 1);
    if (!err)
        err = open_one(SOCK_STREAM, &f);
    if (err)
        return err;
    err = unix_connect(socket_of(f), &a, true);
    if (!err)
        err = send_bytes(f, 100, NULL);
    if (!err)
        err = socket_accept(s, true, &accepted);
    if (!err)
        socket_discard(accepted);
    file_put(f);
    return err;
}

/* What programs do with sockets. */
static int everything(void)
{
    struct file *pair[2], *f;
    int err = open_pair(SOCK_DGRAM, pair);

    if (err)
        return err;
    err = send_bytes(pair[0], 3 * PAGE_SIZE, NULL);
    if (!err)
        err = send_file(pair[1], pair[0]);
    if (!err)
        err = unix_autobind(unix_of(socket_of(pair[0])));
    if (!err)
        err = open_one(SOCK_STREAM, &f);
    if (!err) {
        err = connect_one(f);
        file_put(f);
    }
    file_put(pair[0]);
    file_put(pair[1]);
    scm_collect();
    return err;
}

static void clean_up(void)
{
    vfs_unlink(NULL, NAME, false);
    slab_reap_all(&frame_pool_sys);
}

TEST(net, no_memory_anywhere)
{
    uint32_t n = 0, before;
    int err;

    EXPECT(everything() == 0, "with memory");
    clean_up();
    before = frame_free_count(&frame_pool_sys);
    do {
        slab_reap_all(&frame_pool_sys);
        frame_fail_after(&frame_pool_sys, ++n);
        err = everything();
        frame_fail_after(&frame_pool_sys, 0);
        clean_up();
        EXPECT(err == 0 || err == -ENOMEM || err == -ENOBUFS || err == -ENOSPC, "allocation %u fails: %d", n,
               err);
        EXPECT(!socket_all && socket_verify(), "allocation %u fails: something is left", n);
        if (kt->failures)
            break;
    } while (err && n < 1000);
    EXPECT(err == 0 && n > 5, "%u allocations", n);
    EXPECT(frame_free_count(&frame_pool_sys) + 8 >= before, "%u frames free, %u before",
           frame_free_count(&frame_pool_sys), before);
}

TEST(net, damage_is_named)
{
    struct file *pair[2];
    struct socket *s, *listener;
    struct message *m;

    REQUIRE(open_pair(SOCK_STREAM, pair) == 0, "a pair");
    EXPECT(send_bytes(pair[1], 10, NULL) == 0 && send_file(pair[1], pair[0]) == 0, "two messages");
    s = socket_of(pair[0]);
    m = s->first;
    EXPECT(socket_verify(), "before");
    KT_BREAK(socket_verify(), "INV-SOCKET-1", s->refs, 0);
    KT_BREAK(socket_verify(), "INV-SOCKET-1", s->dead, true);
    KT_BREAK(socket_verify(), "INV-SOCKET-2", s->messages, 1);
    KT_BREAK(socket_verify(), "INV-SOCKET-2", s->last, m);
    KT_BREAK(socket_verify(), "INV-SOCKET-2", m->next, NULL);
    KT_BREAK(socket_verify(), "INV-SOCKET-3", m->charge, 100000);
    KT_BREAK(socket_verify(), "INV-SOCKET-3", s->peer->charged, 0);
    KT_BREAK(socket_verify(), "INV-SCM-1", s->flying, 0);
    KT_BREAK(socket_verify(), "INV-SCM-1", s->flying, 2);
    KT_BREAK(socket_verify(), "INV-SCM-1", m->next->rights, NULL);
    KT_BREAK(socket_verify(), "INV-SCM-1", s->file, NULL);
    REQUIRE(socket_create(AF_UNIX, SOCK_STREAM, 0, &listener) == 0, "another");
    listener->state = SOCKET_LISTENING;
    s = s->peer; /* whose file is in no message */
    socket_pend(listener, s);
    s->file = NULL;
    KT_BREAK(socket_verify(), "INV-SOCKET-2", listener->pending, 0);
    KT_BREAK(socket_verify(), "INV-SOCKET-4", listener->state, SOCKET_CONNECTED);
    KT_BREAK(socket_verify(), "INV-SOCKET-4", s->file, pair[1]);
    KT_BREAK(socket_verify(), "INV-SOCKET-4", listener->pending_last, NULL);
    s->file = pair[1];
    socket_unpend(listener);
    socket_discard(listener);
    file_put(pair[0]);
    file_put(pair[1]);
    scm_collect();
    EXPECT(!socket_all, "all are gone");
}
