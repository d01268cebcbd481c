/*
 * The orderly end.
 *
 * Purpose: to stop the machine, and to notice before that what the programs, or the kernel for them, have
 * left.
 *
 * Theory. Everything is counted when the machine is up but has no partition, swap area, mount and program
 * (end_remember()), and again at the end, when the programs have ended and all of these are taken away. The
 * two have to be the same: frames by use, the objects of each slab cache, and what has a name: processes,
 * threads, tasks, spaces, objects, mounts, swap slots, and the tallies (kernel/lib/tally.h) of open files,
 * locks, pipes, timers and so on. Nothing is left out because it "stays by nature": the root's inodes go with
 * the root, like those of any other filesystem, and a filesystem goes only if nobody holds an inode of it
 * beyond its own names.
 *
 * Some things are on their way when the last program has ended: a task that vanishes, a page that is being
 * written. So the count (audit.c) is repeated until it stays the same for a while before the difference is a
 * finding.
 *
 * Data and owner: the first count, written once.
 *
 *   INV-END-1  at the end there is what there was before the first swap area and mount
 *
 * Fails: a difference is logged by name, the audit has failed, and the machine ends with the status of a
 * failure.
 */
#include "kernel/life/end.h"
#include "drivers/power.h"
#include "kernel/dev/disk.h"
#include "kernel/dev/pty.h"
#include "kernel/dev/swapdev.h"
#include "kernel/dev/tty.h"
#include "kernel/fs/epoll.h"
#include "kernel/fs/notify.h"
#include "kernel/fs/pipe.h"
#include "kernel/fs/ramfs.h"
#include "kernel/ipc/mqueue.h"
#include "kernel/ipc/msg.h"
#include "kernel/ipc/sem.h"
#include "kernel/ipc/shm.h"
#include "kernel/life/audit.h"
#include "kernel/life/balance.h"
#include "kernel/lib/param.h"
#include "kernel/net/scm.h"
#include "kernel/net/socket.h"
#include "kernel/net/tcp_wait.h"
#include "kernel/proc/cred.h"
#include "kernel/proc/ports.h"
#include "kernel/proc/process.h"
#include "kernel/sched/expiry.h"
#include "kernel/sched/sched.h"
#include "kernel/vm/memory.h"
#include "kernel/vm/vm_sys.h"
#include "mm/kva_map.h"
#include "mm/reclaim.h"
#include "mm/slab.h"
#include "mm/softtlb.h"
#include "mm/space.h"
#include "mm/x86/paging.h"

#define WAIT_NS 10000000u /* between two counts */
#define WAITS   500u      /* at most */
#define STILL   100u      /* counts without a change, after which nothing is on its way any more */

static struct audit_count first;

void end_remember(void)
{
    /* no reclaim: at the beginning there is nothing yet */
    kfree(kmalloc(1)); /* what the slab allocator makes for itself at the first use stays */
    audit_count(&first);
}

/* --- the end --- */

/* Whether everything is gone that has come since end_remember(). */
static bool nothing_left(void)
{
    static struct audit_count now, before; /* large for the stack */
    unsigned still = 0;
    uint32_t room = vm_sys.softtlb.room;

    sem_clear();
    msg_clear();
    mqueue_clear();
    shm_clear();
    tcp_wait_clear();
    scm_collect(); /* what the last close has left to the next one */
    vm_table_free(softtlb_record(&vm_sys, NULL, 0, false), room,
                  sizeof(struct vm_miss));                /* nobody stopped it */
    reclaim_set_policy(&vm_sys, policies[params.policy]); /* what another one remembers takes memory */
    for (unsigned i = 0;; i++) {
        bool last = i == WAITS || still == STILL;

        swap_finish(&vm_sys, false, true); /* nobody else is there who would take in what the disk has done */
        if (vfs_end(last) == 0 && vm_sys.swap.free == vm_sys.swap.total)
            swapdev_end();
        disk_end();
        audit_count(&now);
        if (audit_compare(&first, &now, last))
            return true;
        if (last)
            return false;
        still = memcmp(&now, &before, sizeof now) == 0 && !vm_sys.swap.io_active ? still + 1 : 0;
        before = now;
        task_sleep_ns(WAIT_NS);
    }
}

static bool all_sound(void)
{
    return vm_verify(&vm_sys) & slab_verify_all(&frame_pool_sys) & kmalloc_verify(&kmalloc_sys) &
           balance_verify() & kva_map_verify(&kva_map_sys) & paging_verify() & window_verify() &
           sched_verify() & expiry_verify() & pipe_verify() & ramfs_verify() & epoll_verify() &
           notify_verify() & socket_verify() & cred_verify() & tty_verify() & pty_verify();
}

/* --- failing on purpose --- */

static void sleep_for_ever(void *arg)
{
    for (;;)
        task_sleep_ns(1000000000);
    (void)arg;
}

static void leak(enum leak_test test)
{
    struct file *reader, *writer;
    struct inode *i;
    struct object *o;
    struct process *p;

    switch (test) {
    case LEAK_NONE:
        return;
    case LEAK_PROCESS:
        p = process_create(9999, NULL);
        if (p)
            process_enter(p, NULL);
        return;
    case LEAK_TASK:
        task_create("leaked", sleep_for_ever, NULL);
        return;
    case LEAK_SPACE:
        space_create(&vm_sys);
        return;
    case LEAK_OBJECT:
        vm_shared_zeroes(PAGE_SIZE, 0, &o);
        return;
    case LEAK_PIPE:
        pipe_create(0, &reader, &writer);
        return;
    case LEAK_INODE:
        path_lookup(NULL, "/tmp", LOOKUP_DIRECTORY, &i);
        return;
    case LEAK_SLAB:
        (void)!vm_alloc(100);
        return;
    case LEAK_BLOCK:
        (void)!vm_alloc(5 * PAGE_SIZE);
        return;
    case LEAK_FRAME:
        vm_frame_alloc(&vm_sys, FRAME_KERNEL, 0);
        return;
    }
}

_Noreturn void machine_end(bool ok)
{
    bool sound;

    leak(params.leak_test);
    sound = sem_verify() & msg_verify() & mqueue_verify() & ports_verify(); /* while they have something */
    sound &= nothing_left();
    sound &= all_sound();
    disk_flush_all();
    /* Also with quiet: its absence is an error. */
    os_log("the end: the audit %s", sound ? "is clean" : "FAILED");
    power_exit(ok && sound);
}
