/* TCP and UDP in the running kernel: what is left when memory ends; each broken invariant is named. */
#include "kernel/net/inet.h"
#include "kernel/net/queue.h"
#include "kernel/vm/memory.h"
#include "kernel/x86/usercopy.h"
#include "mm/slab.h"
#include "tests/kt.h"

/* 127.0.0.1, and a port that no program of a test has. */
static struct socket_address address_of(uint16_t port)
{
    struct socket_address a = {.size = 16};
    const uint8_t bytes[8] = {AF_INET, 0, (uint8_t)(port >> 8), (uint8_t)port, 127, 0, 0, 1};

    memcpy(a.bytes, bytes, sizeof bytes);
    return a;
}
#define PORT 20001u

static int open_one(unsigned type, struct socket **out)
{
    struct file *f;
    int err = socket_create(AF_INET, type, 0, out);

    if (err)
        return err;
    err = socket_file(*out, O_NONBLOCK, &f);
    if (err) {
        socket_discard(*out);
        *out = NULL;
    }
    return err;
}

static int send_bytes(struct socket *s, size_t n, struct socket_address *to)
{
    static uint8_t bytes[2 * PAGE_SIZE];
    struct transfer t = {.buf = usercopy_lend(bytes, n), .size = n, .name = to};
    int done = socket_send(s->file, &t);

    usercopy_unlend();
    return done == (int)n ? 0 : done < 0 ? done : -ENOMEM;
}

/* One that listens, and two that connect to it, of which only one is let in. */
static int open_door(struct socket *s[3])
{
    struct socket_address a = address_of(PORT);
    int err = 0;

    for (unsigned i = 0; i < 3 && !err; i++) {
        err = open_one(SOCK_STREAM, &s[i]);
        if (err)
            break;
        err = i ? s[i]->ops->connect(s[i], &a, true) : s[0]->ops->bind(s[0], &a);
        if (!i && !err)
            err = s[0]->ops->listen(s[0], 0);
        err = err == -EINPROGRESS ? 0 : err;
    }
    return err;
}

static void close_all(struct socket **s, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (s[i] && s[i]->file)
            file_put(s[i]->file);
}

static int everything(void)
{
    struct socket *s[3] = {NULL}, *u = NULL, *accepted;
    struct socket_address a = address_of(PORT);
    int err = open_door(s);

    if (!err)
        err = send_bytes(s[1], 2 * PAGE_SIZE, NULL);
    if (!err)
        err = s[0]->ops->accept(s[0], true, &accepted);
    if (!err)
        socket_discard(accepted);
    if (!err)
        err = open_one(SOCK_DGRAM, &u);
    if (!err)
        err = u->ops->bind(u, &a);
    if (!err)
        err = send_bytes(u, 100, &a);
    close_all(s, 3);
    close_all(&u, 1);
    return err;
}

TEST(inet, no_memory_anywhere)
{
    uint32_t n = 0;
    int err;

    EXPECT(everything() == 0, "with memory");
    do {
        slab_reap_all(&frame_pool_sys);
        frame_fail_after(&frame_pool_sys, ++n);
        err = everything();
        frame_fail_after(&frame_pool_sys, 0);
        EXPECT(err == 0 || err == -ENOMEM || err == -ENOBUFS, "allocation %u fails: %d", n, err);
        EXPECT(!socket_all && socket_verify(), "allocation %u fails: something is left", n);
        if (kt->failures)
            break;
    } while (err && n < 1000);
    EXPECT(err == 0 && n > 2, "%u allocations", n);
}

TEST(inet, damage_is_named)
{
    struct socket_address a = address_of(PORT);
    struct socket *s[3] = {NULL}, *u = NULL;
    struct inet_socket *door, *i;

    REQUIRE(open_door(s) == 0 && send_bytes(s[1], 10, NULL) == 0, "connections");
    REQUIRE(open_one(SOCK_DGRAM, &u) == 0 && u->ops->bind(u, &a) == 0 && send_bytes(u, 10, &a) == 0, "UDP");
    door = inet_of(s[0]);
    i = inet_of(s[1]);
    EXPECT(socket_verify(), "before");
    KT_BREAK(socket_verify(), "INV-PORT-1", door->own.port, PORT + 1);
    KT_BREAK(socket_verify(), "INV-PORT-1", door->in_ports, false);
    KT_BREAK(socket_verify(), "INV-INET-1", door->in_ports, false);
    KT_BREAK(socket_verify(), "INV-INET-2", i->own.port, 0);
    KT_BREAK(socket_verify(), "INV-TCP-1", i->tcp, TCP_FIN_WAIT);
    KT_BREAK(socket_verify(), "INV-TCP-1", i->s.peer, NULL);
    KT_BREAK(socket_verify(), "INV-TCP-2", i->tcp, TCP_SYN_SENT);
    KT_BREAK(socket_verify(), "INV-TCP-2", inet_of(s[2])->half->origin, NULL);
    KT_BREAK(socket_verify(), "INV-UDP-1", u->kept, 0);
    KT_BREAK(socket_verify(), "INV-SOCKET-3", u->kept, 1);
    close_all(s, 3);
    close_all(&u, 1);
    EXPECT(!socket_all, "all are gone");
}
