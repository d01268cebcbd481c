/* /proc/net/unix. */
#include "kernel/net/unix.h"
#include "kernel/procfs/procfs.h"

/* As Linux numbers the states of a socket, and whether it is accepted yet. */
static unsigned state_of(const struct socket *s)
{
    bool connected = s->state == SOCKET_CONNECTED;

    if (s->file)
        return connected ? 3 : 1;
    return connected ? 2 : 4;
}

static void show_name(struct text *t, const struct unix_address *a)
{
    const uint8_t *path = a->bytes + sizeof(uint16_t);
    uint32_t n = a->size - sizeof(uint16_t);

    text_print(t, " ");
    if (path[0])
        n--; /* its 0 */
    for (uint32_t i = 0; i < n; i++)
        text_print(t, "%c", path[i] ? path[i] : '@');
}

int proc_show_unix(struct text *t, const struct proc_node *n)
{
    (void)n;
    text_print(t, "Num       RefCount Protocol Flags    Type St Inode Path\n");
    for (struct socket *s = socket_all; s; s = s->all_next) {
        if (s->family != AF_UNIX || s->dead)
            continue;
        text_print(t, "00000000: %08X %08X %08X %04X %02X %5u", s->refs + 1, 0,
                   s->state == SOCKET_LISTENING ? 0x10000 : 0, s->type, state_of(s), s->inode.ino);
        if (unix_of(s)->name)
            show_name(t, unix_of(s)->name);
        text_print(t, "\n");
    }
    return 0;
}
