/*
 * System V semaphores: sets that processes find by a key or a number, and semctl().
 *
 * Data. A set has its semaphores in one piece of memory, lists of those who wait (sem_op.c), and the undos of
 * groups of threads. It is in a table by its number (ids.c).
 *
 * Locking: between sleeps. Who sleeps while he uses a set finds it again by its number; who waits for its
 * semaphores is in a list of it, and is taken out and told when it goes. How it fails: as on Linux.
 *
 * Source: semget(2), semctl(2).
 */
#include "kernel/ipc/sem.h"
#include "kernel/ipc/sem_parts.h"
#include "kernel/lib/tally.h"
#include "kernel/proc/process.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/usercopy.h"
#include "mm/errno.h"

enum {
    GETPID = 11,
    GETVAL = 12,
    GETALL = 13,
    GETNCNT = 14,
    GETZCNT = 15,
    SETVAL = 16,
    SETALL = 17,
    SEM_STAT = 18,
    SEM_INFO = 19,
    SEM_STAT_ANY = 20,
};

#define SEMMNI 32000u
#define SEMMSL 32000u
#define SEMUSZ 20u /* what Linux tells of the size of an undo */

TALLY(sets, "sets of semaphores");

uint32_t sem_set_max = SEMMSL, sem_all_max = SEMMNI * SEMMSL, sem_ops_max = 500;
static uint64_t all_semaphores;

static struct sem_set *set_of(const struct ipc_perm *p)
{
    return (struct sem_set *)(uintptr_t)p;
}

/* --- making and removing --- */

static size_t set_bytes(uint32_t count)
{
    return sizeof(struct sem_set) + count * sizeof(struct semaphore);
}

static void set_free(struct sem_set *s)
{
    size_t bytes = set_bytes(s->count);

    all_semaphores -= s->count;
    vm_table_free(s, 1, bytes);
    ipc_give_back(bytes);
    sets.count--;
}

static void discard(struct ipc_perm *p)
{
    set_free(set_of(p));
}

static int create(uint32_t key, uint32_t count, uint32_t flags, struct ipc_perm **out)
{
    struct sem_set *s;
    int err;

    if (!count)
        return -EINVAL;
    if (all_semaphores + count > sem_all_max)
        return -ENOSPC;
    err = ipc_keep(set_bytes(count));
    if (err)
        return err;
    all_semaphores += count; /* before the sleep */
    s = vm_table_alloc(1, set_bytes(count));
    if (!s) {
        all_semaphores -= count;
        ipc_give_back(set_bytes(count));
        return -ENOMEM;
    }
    sets.count++;
    ipc_perm_init(&s->perm, key, flags);
    s->count = count;
    s->changed = ipc_now();
    *out = &s->perm;
    return 0;
}

static int check(const struct ipc_perm *p, uint32_t count)
{
    return count > set_of(p)->count ? -EINVAL : 0;
}

struct ipc_ids sem_ids = {IPC_IDS(SEMMNI), .create = create, .discard = discard, .check = check};

int sem_get(uint32_t key, uint32_t count, uint32_t flags)
{
    return count > sem_set_max || count > INT32_MAX ? -EINVAL : ipc_get(&sem_ids, key, count, flags);
}

static void remove_set(struct sem_set *s)
{
    ipc_leave(&sem_ids, &s->perm);
    sem_expel(s);
    set_free(s);
}

void sem_clear(void)
{
    struct ipc_perm *p;

    for (uint32_t i = 0; (p = ipc_from(&sem_ids, &i)) != NULL; i++)
        remove_set(set_of(p));
}

bool sem_verify(void)
{
    const struct ipc_perm *p;
    uint64_t n = 0;
    bool ok = true;

    for (uint32_t i = 0; (p = ipc_from(&sem_ids, &i)) != NULL; i++) {
        ok &= sem_verify_set(set_of(p));
        n += set_of(p)->count;
    }
    INV("INV-SEM-3", n == all_semaphores, "%u in sets, counted %u", (uint32_t)n, (uint32_t)all_semaphores);
    return ok;
}

void sem_look(const struct ipc_perm *p, struct sem_look *out)
{
    const struct sem_set *s = set_of(p);

    *out = (struct sem_look){.count = s->count, .operated = s->operated, .changed = s->changed};
}

/* --- semctl: what is told --- */

/* Linux's struct semid64_ds for i386, and the old one. */
struct semid64_ds {
    struct ipc_perm64 perm;
    uint64_t otime, ctime;
    uint32_t nsems, unused[2];
} __attribute__((packed, aligned(4)));
_Static_assert(sizeof(struct semid64_ds) == 64, "Linux's");

struct semid_ds {
    struct ipc_perm16 perm;
    int32_t otime, ctime;
    uint32_t pointers[4];
    uint16_t nsems, pad;
};
_Static_assert(sizeof(struct semid_ds) == 44, "Linux's");

struct seminfo {
    uint32_t map, mni, mns, mnu, msl, opm, ume, usz, vmx, aem;
};

static int info(uint32_t command, vaddr_t to)
{
    struct seminfo i = {.map = SEMMNI * SEMMSL,
                        .mni = sem_ids.most,
                        .mns = sem_all_max,
                        .mnu = SEMMNI * SEMMSL,
                        .msl = sem_set_max,
                        .opm = sem_ops_max,
                        .ume = 500,
                        .usz = SEMUSZ,
                        .vmx = SEM_VALUE_MAX,
                        .aem = SEM_VALUE_MAX};
    int highest = ipc_highest(&sem_ids);

    if (command == SEM_INFO) {
        i.usz = sem_ids.used;
        i.aem = (uint32_t)all_semaphores;
    }
    return user_copy_out(to, &i, sizeof i) ? -EFAULT : highest;
}

static int stat_set(uint32_t id, uint32_t command, vaddr_t to, bool old)
{
    struct semid64_ds ds;
    struct semid_ds ds16;
    struct ipc_perm *p;
    const struct sem_set *s;
    int err = command == IPC_STAT ? ipc_find(&sem_ids, id, &p) : ipc_find_index(&sem_ids, id, &p);
    int number;

    if (!err && command != SEM_STAT_ANY)
        err = ipc_may(p, 0444);
    if (err)
        return err;
    s = set_of(p);
    number = command == IPC_STAT ? 0 : (int)p->id;
    ds = (struct semid64_ds){.otime = s->operated, .ctime = s->changed, .nsems = s->count};
    ipc_tell(p, &ds.perm);
    if (!old)
        return user_copy_out(to, &ds, sizeof ds) ? -EFAULT : number;
    ds16 = (struct semid_ds){
        .otime = (int32_t)ds.otime, .ctime = (int32_t)ds.ctime, .nsems = (uint16_t)ds.nsems};
    ipc_narrow(&ds.perm, &ds16.perm);
    return user_copy_out(to, &ds16, sizeof ds16) ? -EFAULT : number;
}

/* The set that p was, after a sleep. */
static int find_again(uint32_t id, const struct sem_set *before)
{
    struct ipc_perm *p;

    return ipc_find(&sem_ids, id, &p) == 0 && set_of(p) == before ? 0 : -EIDRM;
}

static int get_all(struct sem_set *s, vaddr_t to)
{
    uint32_t id = s->perm.id, count = s->count;
    uint16_t *value = vm_table_alloc(count, sizeof *value);
    int err;

    if (!value)
        return -ENOMEM;
    err = find_again(id, s);
    if (!err) {
        for (uint32_t i = 0; i < count; i++)
            value[i] = (uint16_t)s->sem[i].value;
        err = user_copy_out(to, value, count * sizeof *value) ? -EFAULT : 0;
    }
    vm_table_free(value, count, sizeof *value);
    return err;
}

/* --- semctl: what is changed --- */

/* The operator's word counts for what others were to undo, too. */
static void set_value(struct sem_set *s, uint32_t number, int32_t value)
{
    for (struct sem_undo *u = s->undos; u; u = u->set_next)
        u->adjust[number] = 0;
    s->sem[number] = (struct semaphore){.value = value, .pid = process_current()->pid};
}

static int fetch_values(uint16_t *value, uint32_t count, vaddr_t from)
{
    if (user_copy_in(value, from, count * sizeof *value))
        return -EFAULT;
    for (uint32_t i = 0; i < count; i++)
        if (value[i] > SEM_VALUE_MAX)
            return -ERANGE;
    return 0;
}

static int set_all(struct sem_set *s, vaddr_t from)
{
    uint32_t id = s->perm.id, count = s->count;
    uint16_t *value = vm_table_alloc(count, sizeof *value);
    int err;

    if (!value)
        return -ENOMEM;
    err = fetch_values(value, count, from);
    if (!err)
        err = find_again(id, s);
    if (!err) {
        for (uint32_t i = 0; i < count; i++)
            set_value(s, i, value[i]);
        s->changed = ipc_now();
        sem_settle(s);
    }
    vm_table_free(value, count, sizeof *value);
    return err;
}

static int set_one(uint32_t id, uint32_t number, int32_t value)
{
    struct ipc_perm *p;
    struct sem_set *s;
    int err;

    if (value < 0 || value > SEM_VALUE_MAX)
        return -ERANGE;
    err = ipc_find(&sem_ids, id, &p);
    if (err)
        return err;
    s = set_of(p);
    if (number >= s->count)
        return -EINVAL;
    err = ipc_may(p, 0222);
    if (err)
        return err;
    set_value(s, number, value);
    s->changed = ipc_now();
    sem_settle(s);
    return 0;
}

/* What concerns semaphores that are there. */
static int control_semaphores(uint32_t id, uint32_t number, uint32_t command, uint32_t arg)
{
    struct ipc_perm *p;
    struct sem_set *s;
    int err = ipc_find(&sem_ids, id, &p);

    if (!err)
        err = ipc_may(p, command == SETALL ? 0222 : 0444);
    if (err)
        return err;
    s = set_of(p);
    if (command == GETALL)
        return get_all(s, arg);
    if (command == SETALL)
        return set_all(s, arg);
    if (number >= s->count)
        return -EINVAL;
    switch (command) {
    case GETVAL:
        return s->sem[number].value;
    case GETPID:
        return s->sem[number].pid;
    default:
        return (int)sem_waiting(s, number, command == GETZCNT);
    }
}

static int set_or_remove(uint32_t id, uint32_t command, vaddr_t buf, bool old)
{
    struct ipc_perm64 with;
    struct ipc_perm *p;
    int err = command == IPC_SET
                  ? ipc_fetch(buf, old ? sizeof(struct semid_ds) : sizeof(struct semid64_ds), old, &with)
                  : 0;

    if (!err)
        err = ipc_find(&sem_ids, id, &p);
    if (!err)
        err = ipc_may_control(p);
    if (err)
        return err;
    if (command == IPC_RMID) {
        remove_set(set_of(p));
        return 0;
    }
    err = ipc_change(p, &with);
    if (!err)
        set_of(p)->changed = ipc_now();
    return err;
}

int sem_control(uint32_t id, uint32_t number, uint32_t command, uint32_t arg, bool old)
{
    if ((int32_t)id < 0)
        return -EINVAL;
    switch (command) {
    case IPC_INFO:
    case SEM_INFO:
        return info(command, arg);
    case IPC_STAT:
    case SEM_STAT:
    case SEM_STAT_ANY:
        return stat_set(id, command, arg, old);
    case GETALL:
    case GETVAL:
    case GETPID:
    case GETNCNT:
    case GETZCNT:
    case SETALL:
        return control_semaphores(id, number, command, arg);
    case SETVAL:
        return set_one(id, number, (int32_t)arg);
    case IPC_SET:
    case IPC_RMID:
        return set_or_remove(id, command, arg, old);
    default:
        return -EINVAL;
    }
}
