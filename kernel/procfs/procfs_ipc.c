/* /proc/sysvipc: semaphores, message queues and shared memory segments, one a line, by their indices. */
#include "kernel/ipc/msg.h"
#include "kernel/ipc/sem.h"
#include "kernel/ipc/shm.h"
#include "kernel/procfs/procfs.h"
#include "mm/layout.h"

/* *from: 0, the heading; else an index, and 1. The object to show next, or NULL. */
static const struct ipc_perm *next(const struct ipc_ids *ids, struct text *t, const char *heading,
                                   uint32_t *from)
{
    uint32_t index = *from ? *from - 1 : 0;
    const struct ipc_perm *p;

    if (!*from)
        text_print(t, "%s", heading);
    p = ipc_from(ids, &index);
    *from = index + 2;
    return p;
}

static int next_sem(struct text *t, const struct proc_node *n, uint32_t *from)
{
    bool first = !*from;
    const struct ipc_perm *p =
        next(&sem_ids, t,
             "       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime\n", from);
    struct sem_look s;

    (void)n;
    if (!p)
        return first;
    sem_look(p, &s);
    text_print(t, "%10d %10d  %4o %10u %5u %5u %5u %5u %10llu %10llu\n", (int)p->key, (int)p->id, p->mode,
               s.count, p->uid, p->gid, p->cuid, p->cgid, (unsigned long long)s.operated,
               (unsigned long long)s.changed);
    return 1;
}

static int next_msg(struct text *t, const struct proc_node *n, uint32_t *from)
{
    bool first = !*from;
    const struct ipc_perm *p =
        next(&msg_ids, t,
             "       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid      "
             "stime      rtime      ctime\n",
             from);
    struct msg_look q;

    (void)n;
    if (!p)
        return first;
    msg_look(p, &q);
    text_print(t, "%10d %10d  %4o  %10u %10u %5d %5d %5u %5u %5u %5u ", (int)p->key, (int)p->id, p->mode,
               q.bytes, q.count, q.sender, q.receiver, p->uid, p->gid, p->cuid, p->cgid);
    text_print(t, "%10llu %10llu %10llu\n", (unsigned long long)q.sent, (unsigned long long)q.received,
               (unsigned long long)q.changed);
    return 1;
}

static int next_shm(struct text *t, const struct proc_node *n, uint32_t *from)
{
    bool first = !*from;
    const struct ipc_perm *p =
        next(&shm_ids, t,
             "       key      shmid perms       size  cpid  lpid nattch   uid   gid  cuid  cgid      atime"
             "      dtime      ctime        rss       swap\n",
             from);
    const struct shm_segment *s = (const struct shm_segment *)p;

    (void)n;
    if (!p)
        return first;
    text_print(t, "%10d %10d  %4o %10zu %5d %5d  %5u %5u %5u %5u %5u ", (int)p->key, (int)p->id, shm_mode(s),
               s->size, s->creator, s->last, shm_attachments(s), p->uid, p->gid, p->cuid, p->cgid);
    text_print(t, "%10llu %10llu %10llu %10u %10u\n", (unsigned long long)s->attached,
               (unsigned long long)s->detached, (unsigned long long)s->changed,
               s->object->resident << PAGE_SHIFT, s->object->swapped << PAGE_SHIFT);
    return 1;
}

#define RECORDS(name_, next_)                                                                                \
    {                                                                                                        \
        .name = name_, .mode = S_IFREG | 0444, .show_next = next_                                            \
    }

const struct proc_entry proc_sysvipc_entries[] = {
    RECORDS("msg", next_msg),
    RECORDS("sem", next_sem),
    RECORDS("shm", next_shm),
    {.name = NULL},
};
