/*
 * Messages: bytes of programs, in a chain of pages, so that a large one needs no neighbours.
 *
 * Locking: a message belongs to who made or took it, or to a queue. Failure: -errno, and there is none.
 */
#include "kernel/ipc/message.h"
#include "kernel/ipc/ids.h"
#include "kernel/lib/tally.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/usercopy.h"
#include "mm/errno.h"
#include "mm/slab.h"

#define FIRST_MAX (PAGE_SIZE - sizeof(struct message))
#define PART_MAX  (PAGE_SIZE - sizeof(struct message_part))

TALLY(messages, "messages in queues");

/* What a message of so many bytes takes. */
static size_t bytes_of(uint32_t size)
{
    uint32_t beyond = size - smaller(size, FIRST_MAX);

    return sizeof(struct message) + size + (beyond + PART_MAX - 1) / PART_MAX * sizeof(struct message_part);
}

static void free_parts(struct message *m)
{
    while (m->more) {
        struct message_part *part = m->more;

        m->more = part->next;
        kfree(part);
    }
    kfree(m);
}

/* Room for size bytes. Sleeps. */
static struct message *make(uint32_t size)
{
    uint32_t first = smaller(size, FIRST_MAX);
    struct message *m = vm_alloc(sizeof *m + first);
    struct message_part **end;

    if (!m)
        return NULL;
    *m = (struct message){.size = size};
    end = &m->more;
    for (uint32_t left = size - first; left;) {
        uint32_t n = smaller(left, PART_MAX);

        *end = vm_alloc(sizeof **end + n);
        if (!*end) {
            free_parts(m);
            return NULL;
        }
        (*end)->next = NULL;
        end = &(*end)->next;
        left -= n;
    }
    return m;
}

int message_load(vaddr_t from, uint32_t size, struct message **out)
{
    uint32_t first = smaller(size, FIRST_MAX), done = first;
    struct message *m;
    int err = ipc_keep(bytes_of(size));

    if (err)
        return err;
    m = make(size);
    if (!m) {
        ipc_give_back(bytes_of(size));
        return -ENOMEM;
    }
    messages.count++;
    err = user_copy_in(m->data, from, first);
    for (struct message_part *part = m->more; part && !err; part = part->next) {
        uint32_t n = smaller(size - done, PART_MAX);

        err = user_copy_in(part->data, from + done, n);
        done += n;
    }
    if (err) {
        message_free(m);
        return -EFAULT;
    }
    *out = m;
    return 0;
}

int message_store(const struct message *m, vaddr_t to, uint32_t n)
{
    uint32_t first = smaller(n, FIRST_MAX), done = first;
    int err = user_copy_out(to, m->data, first);

    for (const struct message_part *part = m->more; done < n && !err; part = part->next) {
        uint32_t some = smaller(n - done, PART_MAX);

        err = user_copy_out(to + done, part->data, some);
        done += some;
    }
    return err ? -EFAULT : 0;
}

/* Make it smaller, and give back what that leaves over. */
static void cut(struct message *m, uint32_t size)
{
    struct message_part **at = &m->more, *rest;

    for (uint32_t has = smaller(size, FIRST_MAX); has < size; has += smaller(size - has, PART_MAX))
        at = &(*at)->next;
    rest = *at;
    *at = NULL;
    while (rest) {
        struct message_part *part = rest;

        rest = part->next;
        kfree(part);
    }
    ipc_give_back(bytes_of(m->size) - bytes_of(size));
    m->size = size;
}

void message_copy(struct message *to, const struct message *from)
{
    uint32_t left = from->size, n = smaller(left, FIRST_MAX);
    struct message_part *part = to->more;

    mm_assert(to->size >= from->size, "%u bytes into %u", from->size, to->size);
    memcpy(to->data, from->data, n);
    left -= n;
    for (const struct message_part *p = from->more; left; p = p->next, part = part->next) {
        n = smaller(left, PART_MAX);
        memcpy(part->data, p->data, n);
        left -= n;
    }
    to->type = from->type;
    cut(to, from->size);
}

void message_free(struct message *m)
{
    if (!m)
        return;
    ipc_give_back(bytes_of(m->size));
    free_parts(m);
    messages.count--;
}
