/* System V semaphores: sets, operations, who waits and in which order, what is undone, what is told. */
#include "tests/user/ut.h"
#include <sched.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <time.h>

#ifndef SEM_STAT_ANY
#define SEM_STAT_ANY 20
#endif
#ifndef CLONE_SYSVSEM
#define CLONE_SYSVSEM 0x00040000
#endif
#define KEY     0x5e3a11
#define SIXTY4  0x100
#define FAR_OUT 32768 /* of a number: the same index, another sequence */

union argument {
    int val;
    void *buf;
    unsigned short *array;
};

static int ctl(int id, int number, int command, union argument a)
{
    return semctl(id, number, command, a);
}

static int set(int id, int number, int value)
{
    return ctl(id, number, SETVAL, (union argument){.val = value});
}

static int get(int id, int number)
{
    return semctl(id, number, GETVAL);
}

static int op1(int id, int number, int change, int flags)
{
    struct sembuf op = {(unsigned short)number, (short)change, (short)flags};

    return semop(id, &op, 1);
}

static int op2(int id, struct sembuf a, struct sembuf b)
{
    struct sembuf op[2] = {a, b};

    return semop(id, op, 2);
}

static void values(int id, unsigned n)
{
    unsigned short v[8] = {0};
    char text[64] = "";
    size_t at = 0;

    ut_result("GETALL", ctl(id, 0, GETALL, (union argument){.array = v}));
    for (unsigned i = 0; i < n; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, " %u", v[i]);
    ut_say("values%s", text);
}

/* Until so many wait for a semaphore. */
static void await(int id, int number, int command, int n)
{
    struct timespec moment = {0, 2000000};

    for (int i = 0; i < 2000 && semctl(id, number, command) != n; i++)
        nanosleep(&moment, NULL);
    ut_number(command == GETNCNT ? "wait for more" : "wait for zero", semctl(id, number, command));
}

static void getting(void)
{
    PART("getting");
    TRY(semget(IPC_PRIVATE, 0, 0600));
    TRY(semget(IPC_PRIVATE, -1, 0600));
    TRY(semget(IPC_PRIVATE, 32001, 0600));
    TRY(semget(KEY, 1, 0600));
    int id = semget(KEY, 3, IPC_CREAT | 0640);
    SHOW(id >= 0);
    SHOW(semget(KEY, 0, 0) == id);
    SHOW(semget(KEY, 3, IPC_CREAT) == id);
    TRY(semget(KEY, 4, 0));
    TRY(semget(KEY, 4, IPC_CREAT | IPC_EXCL));
    TRY(get(id + FAR_OUT, 0));
    TRY(get(-1, 0));
    TRY(get(id + 5000, 0));
    TRY(op1(id + FAR_OUT, 0, 1, 0));
    TRY(op1(-1, 0, 1, 0));
    TRY(op1(id + 5000, 0, 1, SEM_UNDO));
    TRY(get(id, 3));
    TRY(get(id, -1));
    TRY(set(id, 3, 1));
    TRY(set(id, 0, -1));
    TRY(set(id, 0, 32768));
    TRY(set(id + 5000, 0, 32768));
    TRY(set(id, 0, 32767));
    TRY(semctl(id, 0, 77));
    TRY(semctl(id, 9, IPC_RMID));
    TRY(semctl(id, 9, IPC_RMID));
    TRY(semget(KEY, 1, 0600));
}

static void changing(void)
{
    unsigned short some[3] = {5, 6, 7}, large[3] = {1, 2, 32768};
    static struct sembuf many[501];
    int id = semget(IPC_PRIVATE, 3, 0600);

    PART("changing");
    TRY(ctl(id, 99, SETALL, (union argument){.array = some}));
    values(id, 3);
    TRY(ctl(id, 0, SETALL, (union argument){.array = large}));
    TRY(syscall(SYS_semctl, id, 0, SETALL, 4));
    TRY(syscall(SYS_semctl, id, 0, GETALL, 4));
    values(id, 3);
    TRY(semop(id, many, 0));
    TRY(semop(id, many, 501));
    TRY(semop(id, (struct sembuf *)4, 1));
    TRY(semop(id, (struct sembuf *)4, 501));
    for (int i = 0; i < 500; i++)
        many[i].sem_flg = IPC_NOWAIT;
    TRY(semop(id, many, 500));
    values(id, 3);
}

static void operations(void)
{
    int id = semget(IPC_PRIVATE, 3, 0600);

    PART("operations");
    TRY(op1(id, 3, 1, 0));
    TRY(op1(id, 0, 2, 0));
    TRY(op1(id, 0, -3, IPC_NOWAIT));
    TRY(op1(id, 0, 0, IPC_NOWAIT));
    TRY(op1(id, 1, 0, 0));
    TRY(op1(id, 0, 32766, 0));
    TRY(op1(id, 0, 32765, 0));
    TRY(op1(id, 0, 1, 0));
    values(id, 3);
    TRY(set(id, 0, 1));
    TRY(op2(id, (struct sembuf){0, -1, 0}, (struct sembuf){1, -1, IPC_NOWAIT}));
    values(id, 3);
    TRY(op2(id, (struct sembuf){1, 1, 0}, (struct sembuf){1, -1, IPC_NOWAIT}));
    TRY(op2(id, (struct sembuf){1, 4, 0}, (struct sembuf){1, 0, IPC_NOWAIT}));
    TRY(op2(id, (struct sembuf){1, 32767, 0}, (struct sembuf){1, 1, IPC_NOWAIT}));
    TRY(op2(id, (struct sembuf){0, -1, 0}, (struct sembuf){0, 0, IPC_NOWAIT}));
    values(id, 3);
    TRY(op2(id, (struct sembuf){2, 7, 0}, (struct sembuf){9, 1, 0}));
    values(id, 3);
    SHOW(semctl(id, 0, GETPID) == getpid());
    SHOW(semctl(id, 2, GETPID));
    TRY(semctl(id, 0, IPC_RMID));
}

static void limited(void)
{
    struct sembuf take = {0, -1, 0};
    struct timespec soon = {0, 20000000}, never = {0, 0}, bad = {0, 1000000000}, past = {-1, 0};
    int id = semget(IPC_PRIVATE, 1, 0600);

    PART("with a limit");
    TRY(semtimedop(id, &take, 1, &soon));
    TRY(semtimedop(id, &take, 1, &never));
    TRY(semtimedop(id, &take, 1, &bad));
    TRY(semtimedop(id, &take, 1, &past));
    TRY(syscall(SYS_ipc, 4, id, 1, 0, &take, 4));
    TRY(syscall(SYS_ipc, 4, id, 0, 0, &take, 4));
    TRY(semtimedop(id, &take, 0, &bad));
    TRY(semtimedop(id, &take, 501, &bad));
    TRY(semtimedop(-1, (struct sembuf *)4, 1, &bad));
    int64_t soon64[2] = {0, 20000000}, bad64[2] = {0, -1};
    TRY(syscall(SYS_semtimedop_time64, id, &take, 1, soon64));
    TRY(syscall(SYS_semtimedop_time64, id, &take, 1, bad64));
}

/* --- waiting --- */

static int report[2];

/* A child that makes operations and then says its name; or how it failed. */
static pid_t waiter(int id, struct sembuf *op, unsigned n, char name)
{
    pid_t pid = fork();

    if (pid)
        return pid;
    if (semop(id, op, n) == 0) {
        write(report[1], &name, 1);
        _exit(0);
    }
    _exit(errno);
}

static char reported(void)
{
    char c = '?';

    read(report[0], &c, 1);
    return c;
}

static void ended(const char *who, pid_t pid)
{
    int status;

    waitpid(pid, &status, 0);
    ut_say("%s: %s%s", who, ut_status(status),
           WIFEXITED(status) && WEXITSTATUS(status) ? ut_errno(WEXITSTATUS(status)) : "");
}

static void order(void)
{
    struct sembuf one = {0, -1, 0}, two = {0, -2, 0}, zero = {0, 0, 0}, both[2] = {{0, -1, 0}, {1, -1, 0}};
    int id = semget(IPC_PRIVATE, 2, 0600);
    pid_t pid[4];

    pipe(report);
    PART("who waits longest goes first");
    for (int i = 0; i < 3; i++) {
        pid[i] = waiter(id, &one, 1, (char)('a' + i));
        await(id, 0, GETNCNT, i + 1);
    }
    for (int i = 0; i < 3; i++) {
        TRY(op1(id, 0, 1, 0));
        ut_say("%c", reported());
        SHOW(get(id, 0));
    }
    for (int i = 0; i < 3; i++)
        ended("a waiter", pid[i]);
    SHOW(semctl(id, 0, GETPID) == pid[2]);

    PART("but not who wants too much");
    pid[0] = waiter(id, &two, 1, 'a');
    await(id, 0, GETNCNT, 1);
    pid[1] = waiter(id, &one, 1, 'b');
    await(id, 0, GETNCNT, 2);
    TRY(op1(id, 0, 1, 0));
    ut_say("%c", reported());
    TRY(op1(id, 0, 2, 0));
    ut_say("%c", reported());
    ended("a", pid[0]);
    ended("b", pid[1]);
    values(id, 2);

    PART("several at once");
    pid[0] = waiter(id, both, 2, 'a');
    await(id, 0, GETNCNT, 1);
    SHOW(semctl(id, 1, GETNCNT));
    TRY(op1(id, 0, 1, 0));
    await(id, 1, GETNCNT, 1);
    SHOW(semctl(id, 0, GETNCNT));
    values(id, 2);
    pid[1] = waiter(id, &zero, 1, 'z');
    await(id, 0, GETZCNT, 1);
    TRY(op1(id, 1, 1, 0));
    char first = reported(), second = reported();
    ut_say("%s", first + second == 'a' + 'z' ? "both" : "not both");
    values(id, 2);
    ended("a", pid[0]);
    ended("z", pid[1]);

    PART("set by the operator");
    pid[0] = waiter(id, both, 2, 'a');
    await(id, 0, GETNCNT, 1);
    unsigned short some[2] = {3, 4};
    TRY(ctl(id, 0, SETALL, (union argument){.array = some}));
    ut_say("%c", reported());
    values(id, 2);
    ended("a", pid[0]);
    pid[1] = waiter(id, &zero, 1, 'z');
    await(id, 0, GETZCNT, 1);
    TRY(set(id, 0, 0));
    ut_say("%c", reported());
    ended("z", pid[1]);

    PART("one that fails while it waits");
    struct sembuf fails[2] = {{0, -1, 0}, {1, 32767, 0}};
    pid[0] = waiter(id, fails, 2, 'f');
    await(id, 0, GETNCNT, 1);
    TRY(op1(id, 0, 1, 0));
    ended("f", pid[0]);
    values(id, 2);

    PART("removed");
    TRY(set(id, 0, 1));
    pid[0] = waiter(id, &two, 1, 'a');
    pid[1] = waiter(id, &zero, 1, 'z');
    await(id, 0, GETNCNT, 1);
    await(id, 0, GETZCNT, 1);
    TRY(semctl(id, 0, IPC_RMID));
    ended("a", pid[0]);
    ended("z", pid[1]);
}

static void on_signal(int signo)
{
    (void)signo;
}

static void interrupted(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    struct sembuf one = {0, -1, 0};
    int id = semget(IPC_PRIVATE, 1, 0600);

    PART("interrupted");
    sigaction(SIGUSR1, &action, NULL);
    pid_t pid = waiter(id, &one, 1, 'a');
    await(id, 0, GETNCNT, 1);
    kill(pid, SIGUSR1);
    ended("a", pid);
    pid = waiter(id, &one, 1, 'b');
    await(id, 0, GETNCNT, 1);
    kill(pid, SIGKILL);
    ended("b", pid);
    SHOW(semctl(id, 0, GETNCNT));
    pid = waiter(id, &one, 1, 'c');
    await(id, 0, GETNCNT, 1);
    kill(pid, SIGSTOP);
    ut_wait_state(pid, 'T');
    kill(pid, SIGCONT);
    ended("c", pid);
    semctl(id, 0, IPC_RMID);
}

/* --- undoing --- */

static int undo_id;

static void add_three(void)
{
    op1(undo_id, 0, 3, SEM_UNDO);
    op1(undo_id, 1, -2, SEM_UNDO);
    values(undo_id, 2);
}

static void add_and_reset(void)
{
    add_three();
    TRY(set(undo_id, 0, 9));
    TRY(op1(undo_id, 0, 1, SEM_UNDO));
}

static void too_far(void)
{
    TRY(op1(undo_id, 0, 32000, SEM_UNDO));
    TRY(op1(undo_id, 0, -32000, 0));
    TRY(op1(undo_id, 0, 769, SEM_UNDO));
    TRY(op1(undo_id, 0, 768, SEM_UNDO));
    TRY(op1(undo_id, 0, -700, 0));
    values(undo_id, 2);
}

static void fork_and_end(void)
{
    op1(undo_id, 0, 1, SEM_UNDO);
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    waitpid(pid, NULL, 0);
    values(undo_id, 2);
}

static void remove_before(void)
{
    op1(undo_id, 0, 1, SEM_UNDO);
    TRY(semctl(undo_id, 0, IPC_RMID));
}

static int in_thread(void *arg)
{
    op1(undo_id, 0, 5, SEM_UNDO);
    (void)arg;
    return 0;
}

static uint8_t stack[4 * PAGE] __attribute__((aligned(16)));

static void thread_of(int flags)
{
    pid_t pid = clone(in_thread, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD | flags, NULL);

    waitpid(pid, NULL, 0);
    values(undo_id, 2);
}

static void shares_undo(void)
{
    thread_of(CLONE_SYSVSEM);
}

static void shares_none(void)
{
    thread_of(0);
}

static void leaves(void)
{
    op1(undo_id, 0, 5, SEM_UNDO);
    TRY(unshare(CLONE_SYSVSEM));
    values(undo_id, 2);
    op1(undo_id, 0, 2, SEM_UNDO);
}

static void undoing(void)
{
    struct sembuf lots = {0, -10, 0};

    undo_id = semget(IPC_PRIVATE, 2, 0600);
    PART("undoing");
    TRY(set(undo_id, 1, 2));
    ut_child("adds", add_three);
    values(undo_id, 2);
    ut_child("adds, and is set", add_and_reset);
    values(undo_id, 2);
    ut_child("too far", too_far);
    values(undo_id, 2);
    TRY(set(undo_id, 0, 0));
    ut_child("forks", fork_and_end);
    values(undo_id, 2);
    ut_child("a thread that shares", shares_undo);
    values(undo_id, 2);
    ut_child("a thread that does not", shares_none);
    values(undo_id, 2);
    ut_child("leaves", leaves);
    values(undo_id, 2);

    PART("what is undone lets others go on");
    TRY(set(undo_id, 0, 10));
    pid_t holder = fork();
    if (holder == 0) {
        op1(undo_id, 0, -10, SEM_UNDO);
        pause();
    }
    while (get(undo_id, 0))
        usleep(1000);
    pid_t pid = waiter(undo_id, &lots, 1, 'w');
    await(undo_id, 0, GETNCNT, 1);
    kill(holder, SIGKILL);
    waitpid(holder, NULL, 0);
    ut_say("%c", reported());
    ended("w", pid);
    values(undo_id, 2);
    ut_child("removes", remove_before);
}

/* --- telling --- */

static void proc_line(int id)
{
    char line[256];
    int key, number, mode, count;
    FILE *f = fopen("/proc/sysvipc/sem", "r");

    if (f && fgets(line, sizeof line, f))
        ut_say("%s", strtok(line, "\n"));
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "%d %d %o %d", &key, &number, &mode, &count) == 4 && number == id)
            ut_say("key %#x, mode %o, %d, %zu bytes", key, mode, count, strlen(line));
    if (f)
        fclose(f);
}

static void telling(void)
{
    struct semid_ds ds;
    struct seminfo info;
    struct timespec now;
    int id = semget(KEY, 2, IPC_CREAT | 0640);

    PART("telling");
    TRY(ctl(id, 0, IPC_STAT, (union argument){.buf = &ds}));
    SHOW(ds.sem_perm.mode);
    SHOW(ds.sem_nsems);
    SHOW(ds.sem_otime);
    clock_gettime(CLOCK_REALTIME, &now);
    SHOW(now.tv_sec - ds.sem_ctime <= 2);
    SHOW(ds.sem_perm.__key == KEY);
    SHOW(ds.sem_perm.uid == geteuid() && ds.sem_perm.cgid == getegid());
    TRY(op1(id, 0, 1, 0));
    ds.sem_perm.mode = 07604;
    TRY(ctl(id, 0, IPC_SET, (union argument){.buf = &ds}));
    TRY(ctl(id, 0, IPC_STAT, (union argument){.buf = &ds}));
    SHOW(ds.sem_perm.mode);
    SHOW(ds.sem_otime > 0);
    ds.sem_perm.uid = (uid_t)-1;
    TRY(ctl(id, 0, IPC_SET, (union argument){.buf = &ds}));
    TRY(syscall(SYS_semctl, id, 0, IPC_SET, 4));
    TRY(syscall(SYS_semctl, id, 0, IPC_STAT, 4));
    TRY(ctl(id + FAR_OUT, 0, IPC_STAT, (union argument){.buf = &ds}));
    memset(&ds, 0, sizeof ds);
    SHOW(ctl(id % FAR_OUT, 0, SEM_STAT, (union argument){.buf = &ds}) == id);
    SHOW(ds.sem_nsems);
    SHOW(ctl(id % FAR_OUT, 0, SEM_STAT_ANY, (union argument){.buf = &ds}) == id);
    TRY(ctl(30000, 0, SEM_STAT, (union argument){.buf = &ds}));
    SHOW(ctl(0, 0, IPC_INFO, (union argument){.buf = &info}) >= id % FAR_OUT);
    ut_say("%d %d %d %d %d %d %d %d %d %d", info.semmap, info.semmni, info.semmns, info.semmnu, info.semmsl,
           info.semopm, info.semume, info.semusz, info.semvmx, info.semaem);
    SHOW(ctl(0, 0, SEM_INFO, (union argument){.buf = &info}) >= id % FAR_OUT);
    SHOW(info.semusz >= 1 && info.semaem >= 2);
    TRY(syscall(SYS_semctl, 0, 0, IPC_INFO, 4));
    proc_line(id);

    PART("in old and in new words");
    uint32_t words[32] = {0};
    uintptr_t at = (uintptr_t)words;
    TRY(syscall(SYS_semctl, id, 0, IPC_STAT | SIXTY4, words));
    TRY(syscall(SYS_ipc, 3, id, 0, IPC_STAT, &at, 0));
    ut_say("%x %x %x %x", words[0], words[3] & 0xffff, words[10], words[11]);
    words[3] = 0611;
    TRY(syscall(SYS_ipc, 3, id, 0, IPC_SET, &at, 0));
    memset(words, 0, sizeof words);
    TRY(syscall(SYS_ipc, 3, id, 0, IPC_STAT | SIXTY4, &at, 0));
    ut_say("%x %o %x", words[0], words[5], words[13]);
    TRY(syscall(SYS_ipc, 3, id, 0, IPC_STAT, NULL, 0));
    TRY(syscall(SYS_ipc, 3, id, 0, IPC_STAT, 4, 0));
    struct sembuf one = {0, 1, 0};
    TRY(syscall(SYS_ipc, 1, id, 1, 0, &one, 0));
    TRY(syscall(SYS_ipc, 4, id, 1, 0, &one, 4));
    TRY(syscall(SYS_ipc, 5, id, 1, 0, &one, 4));
    TRY(semctl(id, 0, IPC_RMID));
}

/* --- who may --- */

static int may_id[3];

static void as_nobody(void)
{
    struct semid_ds ds = {.sem_perm.mode = 0666};
    unsigned short v[2];

    if (setgid(12345) || setuid(12345)) {
        ut_say("cannot be somebody else");
        return;
    }
    for (int i = 0; i < 3; i++) {
        TRY(semget(KEY + i, 1, 0600) == may_id[i] ? 0 : -1);
        TRY(semget(KEY + i, 1, 0400) == may_id[i] ? 0 : -1);
        TRY(get(may_id[i], 0));
        TRY(set(may_id[i], 0, 1));
        TRY(op1(may_id[i], 0, 0, IPC_NOWAIT));
        TRY(op1(may_id[i], 0, 1, 0));
        TRY(op1(may_id[i], 7, 1, 0));
        TRY(ctl(may_id[i], 0, GETALL, (union argument){.array = v}));
        TRY(ctl(may_id[i], 0, IPC_SET, (union argument){.buf = &ds}));
        TRY(semctl(may_id[i], 0, IPC_RMID));
        TRY(ctl(may_id[i] % FAR_OUT, 0, SEM_STAT, (union argument){.buf = &ds}) < 0 ? -1 : 0);
        SHOW(ctl(may_id[i] % FAR_OUT, 0, SEM_STAT_ANY, (union argument){.buf = &ds}) == may_id[i]);
    }
}

static void permitting(void)
{
    PART("who may");
    if (geteuid() != 0)
        return;
    for (int i = 0; i < 3; i++)
        may_id[i] = semget(KEY + i, 2, IPC_CREAT | (i == 0 ? 0600 : i == 1 ? 0604 : 0602));
    ut_child("somebody else", as_nobody);
    for (int i = 0; i < 3; i++)
        TRY(semctl(may_id[i], 0, IPC_RMID));
}

UT_PROGRAM(sem)
{
    getting();
    changing();
    operations();
    limited();
    order();
    interrupted();
    undoing();
    telling();
    permitting();
}
