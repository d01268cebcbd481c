/* System V message queues: what is sent and received, by types, who waits, what is told. */
#include "tests/user/ut.h"
#include <sys/ipc.h>
#include <sys/msg.h>
#include <time.h>

#ifndef MSG_COPY
#define MSG_COPY 040000
#endif
#ifndef MSG_EXCEPT
#define MSG_EXCEPT 020000
#endif
#ifndef MSG_STAT_ANY
#define MSG_STAT_ANY 13
#endif
#ifndef MSG_STAT
#define MSG_STAT 11
#define MSG_INFO 12
#endif
#define KEY     0x3e55a6
#define SIXTY4  0x100
#define FAR_OUT 32768 /* of a number: the same index, another sequence */
#define LARGE   8192

struct letter {
    long type;
    char text[LARGE];
};
static struct letter letter;

/* Linux's, for i386. */
struct info {
    int pool, map, max, mnb, mni, ssz, tql;
    unsigned short seg;
};

static int post(int id, long type, const char *text, int flags)
{
    letter.type = type;
    strcpy(letter.text, text);
    return msgsnd(id, &letter, strlen(text), flags);
}

static void fetch(int id, size_t size, long type, int flags)
{
    memset(&letter, 0, sizeof letter);
    int n = (int)msgrcv(id, &letter, size, type, flags);

    if (n < 0)
        ut_result("msgrcv", n);
    else
        ut_say("%d bytes, type %ld: %.*s", n, letter.type, n < 40 ? n : 40, letter.text);
}

static void state(int id)
{
    struct msqid_ds ds;

    if (msgctl(id, IPC_STAT, &ds) == 0)
        ut_say("%lu bytes in %lu messages of %lu", (unsigned long)ds.__msg_cbytes, (unsigned long)ds.msg_qnum,
               (unsigned long)ds.msg_qbytes);
    else
        ut_result("IPC_STAT", -1);
}

static void getting(void)
{
    PART("getting");
    TRY(msgget(KEY, 0600));
    int id = msgget(KEY, IPC_CREAT | 0640);
    SHOW(id >= 0);
    SHOW(msgget(KEY, 0) == id);
    SHOW(msgget(KEY, IPC_CREAT | 0600) == id);
    TRY(msgget(KEY, IPC_CREAT | IPC_EXCL));
    TRY(post(id + FAR_OUT, 1, "x", 0));
    TRY(post(-1, 1, "x", 0));
    TRY(post(id + 5000, 1, "x", 0));
    TRY(msgctl(id, 77, NULL));
    TRY(msgctl(id, -1, NULL));
    TRY(msgctl(-1, IPC_STAT, NULL));
    TRY(msgctl(id, IPC_RMID, NULL));
    TRY(msgctl(id, IPC_RMID, NULL));
    TRY(post(id, 1, "x", 0));
    TRY(msgget(KEY, 0600));
}

static void types(void)
{
    int id = msgget(IPC_PRIVATE, 0600);

    PART("types");
    TRY(post(id, 0, "none", 0));
    TRY(post(id, -1, "less", 0));
    for (int i = 0; i < 2; i++) {
        post(id, 3, "third", 0);
        post(id, 1, "first", 0);
        post(id, 2, "second", 0);
        post(id, 0x7fffffff, "last", 0);
    }
    state(id);
    fetch(id, 100, 2, 0);
    fetch(id, 100, 2, 0);
    fetch(id, 100, 2, IPC_NOWAIT);
    fetch(id, 100, 0, 0);
    fetch(id, 100, 3, MSG_EXCEPT);
    fetch(id, 100, -3, 0);
    fetch(id, 100, -3, 0);
    fetch(id, 100, -3, IPC_NOWAIT);
    fetch(id, 100, -1, IPC_NOWAIT);
    fetch(id, 100, 0x7fffffff, MSG_EXCEPT | IPC_NOWAIT);
    fetch(id, 100, -0x7fffffff, 0);
    fetch(id, 100, (long)-0x80000000, 0);
    fetch(id, 100, 0, IPC_NOWAIT);
    state(id);
    msgctl(id, IPC_RMID, NULL);
}

static void sizes(void)
{
    int id = msgget(IPC_PRIVATE, 0600);

    PART("sizes");
    TRY(post(id, 1, "", 0));
    state(id);
    fetch(id, 0, 0, 0);
    post(id, 1, "longer than that", 0);
    fetch(id, 6, 0, 0);
    fetch(id, 6, 0, IPC_NOWAIT);
    state(id);
    fetch(id, 6, 0, MSG_NOERROR);
    state(id);
    letter.type = 1;
    TRY(msgsnd(id, &letter, LARGE + 1, 0));
    TRY(msgsnd(id, &letter, (size_t)-1, 0));
    TRY(msgrcv(id, &letter, (size_t)-1, 0, IPC_NOWAIT));
    for (unsigned i = 0; i < LARGE; i++)
        letter.text[i] = (char)ut_pattern(i);
    TRY(msgsnd(id, &letter, LARGE, 0));
    memset(letter.text, 0, LARGE);
    TRY(msgrcv(id, &letter, LARGE, 0, 0));
    unsigned wrong = 0;
    for (unsigned i = 0; i < LARGE; i++)
        wrong += (uint8_t)letter.text[i] != ut_pattern(i);
    SHOW(wrong);

    PART("full");
    for (int i = 0; i < 3; i++)
        TRY(msgsnd(id, &letter, LARGE, IPC_NOWAIT));
    TRY(msgsnd(id, &letter, 0, IPC_NOWAIT));
    state(id);
    struct msqid_ds ds;
    msgctl(id, IPC_STAT, &ds);
    ds.msg_qbytes = 2;
    TRY(msgctl(id, IPC_SET, &ds));
    state(id);
    fetch(id, LARGE, 0, 0);
    fetch(id, LARGE, 0, 0);
    fetch(id, LARGE, 0, 0);
    TRY(msgsnd(id, &letter, 0, IPC_NOWAIT));
    TRY(msgsnd(id, &letter, 0, IPC_NOWAIT));
    state(id);
    msgctl(id, IPC_RMID, NULL);
}

static void pointers(void)
{
    uint8_t *page = ut_map(2, PROT_READ | PROT_WRITE);
    int id = msgget(IPC_PRIVATE, 0600);

    PART("what is not there");
    munmap(page + PAGE, PAGE);
    *(long *)(page + PAGE - 8) = 1;
    TRY(msgsnd(id, page + PAGE - 8, 4, 0));
    TRY(msgsnd(id, page + PAGE - 8, 5, 0));
    TRY(msgsnd(id, (void *)4, 5, 0));
    TRY(msgsnd(-1, (void *)4, 5, 0));
    state(id);
    TRY(msgrcv(id, page + PAGE - 4, 4, 0, 0));
    state(id);
    post(id, 1, "four", 0);
    TRY(msgrcv(id, page + PAGE - 8, 4, 0, 0));
    TRY(msgrcv(id, (void *)4, 4, 0, IPC_NOWAIT));
    msgctl(id, IPC_RMID, NULL);
}

static void copies(void)
{
    int id = msgget(IPC_PRIVATE, 0600);

    PART("copies");
    fetch(id, 100, 0, MSG_COPY);
    fetch(id, 100, 0, MSG_COPY | IPC_NOWAIT | MSG_EXCEPT);
    fetch(id, 100, 0, MSG_COPY | IPC_NOWAIT);
    post(id, 7, "number none", 0);
    post(id, 5, "number one", 0);
    fetch(id, 100, 0, MSG_COPY | IPC_NOWAIT);
    fetch(id, 100, 1, MSG_COPY | IPC_NOWAIT);
    fetch(id, 100, 2, MSG_COPY | IPC_NOWAIT);
    fetch(id, 100, -1, MSG_COPY | IPC_NOWAIT);
    fetch(id, 4, 1, MSG_COPY | IPC_NOWAIT);
    fetch(id, 4, 1, MSG_COPY | IPC_NOWAIT | MSG_NOERROR);
    TRY(msgrcv(id, (void *)4, 4, 1, MSG_COPY | IPC_NOWAIT));
    state(id);
    memset(letter.text, 'y', LARGE);
    letter.type = 1;
    msgsnd(id, &letter, LARGE, 0);
    fetch(id, LARGE, 2, MSG_COPY | IPC_NOWAIT);
    SHOW(ut_all((uint8_t *)letter.text, LARGE, 'y'));
    state(id);
    msgctl(id, IPC_RMID, NULL);
}

/* --- waiting --- */

static int report[2];

static void say_ended(const char *who, pid_t pid)
{
    int status;

    waitpid(pid, &status, 0);
    ut_say("%s: %s%s", who, ut_status(status),
           WIFEXITED(status) && WEXITSTATUS(status) ? ut_errno(WEXITSTATUS(status)) : "");
}

/* A child that receives and says what it got; it sleeps by the time that this returns. */
static pid_t receiver(int id, size_t size, long type, int flags)
{
    pid_t pid = fork();

    if (pid == 0) {
        struct letter got;
        ssize_t n = msgrcv(id, &got, size, type, flags);

        if (n < 0)
            _exit(errno);
        write(report[1], got.text, 1);
        _exit(0);
    }
    ut_wait_state(pid, 'S');
    return pid;
}

static pid_t sender(int id, long type, const char *text)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(post(id, type, text, 0) ? errno : 0);
    ut_wait_state(pid, 'S');
    return pid;
}

static char reported(void)
{
    char c = '?';

    read(report[0], &c, 1);
    return c;
}

static void on_signal(int signo)
{
    (void)signo;
}

static void waiting(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    int id = msgget(IPC_PRIVATE, 0600);
    struct msqid_ds ds;
    pid_t pid[3];

    pipe(report);
    PART("who waits to receive");
    pid[0] = receiver(id, 10, 5, 0);
    pid[1] = receiver(id, 10, 0, 0);
    pid[2] = receiver(id, 10, -4, 0);
    post(id, 6, "any", 0);
    ut_say("%c", reported());
    say_ended("any", pid[1]);
    state(id);
    msgctl(id, IPC_STAT, &ds);
    SHOW(ds.msg_lrpid == pid[1]);
    SHOW(ds.msg_lspid == getpid());
    post(id, 6, "nobody's", 0);
    post(id, 4, "low", 0);
    ut_say("%c", reported());
    say_ended("low", pid[2]);
    post(id, 5, "five", 0);
    ut_say("%c", reported());
    say_ended("five", pid[0]);
    state(id);
    fetch(id, 10, 0, 0);

    PART("whose buffer is too small");
    pid[0] = receiver(id, 2, 0, 0);
    pid[1] = receiver(id, 2, 0, MSG_NOERROR);
    post(id, 1, "long", 0);
    say_ended("small", pid[0]);
    ut_say("%c", reported());
    say_ended("cut", pid[1]);
    state(id);

    PART("set while one waits");
    pid[0] = receiver(id, 10, 0, 0);
    msgctl(id, IPC_STAT, &ds);
    TRY(msgctl(id, IPC_SET, &ds));
    ut_wait_state(pid[0], 'S');
    post(id, 1, "still", 0);
    ut_say("%c", reported());
    say_ended("still", pid[0]);

    PART("who waits to send");
    ds.msg_qbytes = 4;
    TRY(msgctl(id, IPC_SET, &ds));
    post(id, 1, "full", 0);
    pid[0] = sender(id, 2, "two");
    fetch(id, 10, 0, 0);
    say_ended("two", pid[0]);
    state(id);
    pid[0] = sender(id, 3, "four");
    ds.msg_qbytes = 7;
    TRY(msgctl(id, IPC_SET, &ds));
    say_ended("four", pid[0]);
    state(id);

    PART("interrupted");
    sigaction(SIGUSR1, &action, NULL);
    pid[0] = sender(id, 3, "more");
    pid[1] = receiver(id, 10, 9, 0);
    kill(pid[0], SIGUSR1);
    kill(pid[1], SIGUSR1);
    say_ended("sender", pid[0]);
    say_ended("receiver", pid[1]);
    pid[0] = sender(id, 3, "more");
    kill(pid[0], SIGSTOP);
    ut_wait_state(pid[0], 'T');
    kill(pid[0], SIGCONT);
    ut_wait_state(pid[0], 'S');

    PART("removed");
    pid[1] = receiver(id, 10, 9, 0);
    TRY(msgctl(id, IPC_RMID, NULL));
    say_ended("sender", pid[0]);
    say_ended("receiver", pid[1]);
}

/* --- telling --- */

static void proc_line(int id)
{
    char line[256];
    int key, number, mode, bytes, count;
    FILE *f = fopen("/proc/sysvipc/msg", "r");

    if (f && fgets(line, sizeof line, f))
        ut_say("%s", strtok(line, "\n"));
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "%d %d %o %d %d", &key, &number, &mode, &bytes, &count) == 5 && number == id)
            ut_say("key %#x, mode %o, %d in %d, %zu bytes", key, mode, bytes, count, strlen(line));
    if (f)
        fclose(f);
}

static void telling(void)
{
    struct msqid_ds ds;
    struct info info;
    int id = msgget(KEY, IPC_CREAT | 0640);

    PART("telling");
    TRY(msgctl(id, IPC_STAT, &ds));
    SHOW(ds.msg_perm.mode);
    SHOW(ds.msg_stime + ds.msg_rtime);
    SHOW(ds.msg_lspid + ds.msg_lrpid);
    SHOW(time(NULL) - ds.msg_ctime <= 2);
    SHOW(ds.msg_perm.__key == KEY);
    SHOW(ds.msg_perm.cuid == geteuid() && ds.msg_perm.gid == getegid());
    post(id, 4, "some text", 0);
    TRY(msgctl(id, IPC_STAT, &ds));
    SHOW(ds.msg_stime > 0);
    SHOW(ds.msg_rtime);
    ds.msg_perm.mode = 07604;
    TRY(msgctl(id, IPC_SET, &ds));
    TRY(msgctl(id, IPC_STAT, &ds));
    SHOW(ds.msg_perm.mode);
    ds.msg_perm.gid = (gid_t)-1;
    ds.msg_qbytes = 99;
    TRY(msgctl(id, IPC_SET, &ds));
    state(id);
    TRY(syscall(SYS_msgctl, id, IPC_SET, 4));
    TRY(syscall(SYS_msgctl, id, IPC_STAT, 4));
    TRY(msgctl(id + FAR_OUT, IPC_STAT, &ds));
    SHOW(msgctl(id % FAR_OUT, MSG_STAT, &ds) == id);
    SHOW(msgctl(id % FAR_OUT, MSG_STAT_ANY, &ds) == id);
    SHOW(ds.msg_qnum);
    TRY(msgctl(30000, MSG_STAT, &ds));
    SHOW(msgctl(0, IPC_INFO, (struct msqid_ds *)&info) >= id % FAR_OUT);
    ut_say("%d %d %d %d %d %d %d %d", info.pool, info.map, info.max, info.mnb, info.mni, info.ssz, info.tql,
           info.seg);
    SHOW(msgctl(0, MSG_INFO, (struct msqid_ds *)&info) >= id % FAR_OUT);
    SHOW(info.pool >= 1 && info.map >= 1 && info.tql >= 9);
    TRY(syscall(SYS_msgctl, 0, IPC_INFO, 4));
    proc_line(id);

    PART("in old and in new words");
    uint32_t words[32] = {0};
    uintptr_t kludge[2] = {(uintptr_t)&letter, 0};
    TRY(syscall(SYS_msgctl, id, IPC_STAT | SIXTY4, words));
    TRY(syscall(SYS_ipc, 14, id, IPC_STAT, 0, words, 0));
    ut_say("%x %x %x %x %x %x", words[0], words[3] & 0xffff, words[9], words[10], words[11],
           words[12] & 0xffff);
    words[3] = 0611;
    words[12] = 50;
    TRY(syscall(SYS_ipc, 14, id, IPC_SET, 0, words, 0));
    state(id);
    words[12] = 0;
    words[10] = 60;
    TRY(syscall(SYS_ipc, 14, id, IPC_SET, 0, words, 0));
    state(id);
    TRY(syscall(SYS_ipc, 14, id, IPC_STAT | SIXTY4, 0, words, 0));
    ut_say("%x %o %u %u %u", words[0], words[5] & 0xffff, words[15], words[16], words[17]);
    letter.type = 8;
    TRY(syscall(SYS_ipc, 11, id, 3, 0, &letter, 0));
    TRY(syscall(SYS_ipc, 12, id, 3, IPC_NOWAIT, kludge, 0));
    TRY(syscall(SYS_ipc, 12, id, 99, IPC_NOWAIT, kludge, 0));
    SHOW(letter.type);
    TRY(syscall(SYS_ipc, 12, id, 99, IPC_NOWAIT, NULL, 0));
    TRY(syscall(SYS_ipc, 12, id, 99, IPC_NOWAIT, 4, 0));
    TRY(syscall(SYS_ipc, 12 | 1 << 16, id, 99, IPC_NOWAIT, &letter, 7));
    TRY(syscall(SYS_ipc, 12 | 1 << 16, id, 99, IPC_NOWAIT, &letter, 8));
    TRY(msgctl(id, IPC_RMID, NULL));
}

/* --- who may --- */

static int may_id[3];

static void as_nobody(void)
{
    struct msqid_ds ds;

    memset(&ds, 0, sizeof ds);
    if (setgid(12345) || setuid(12345)) {
        ut_say("cannot be somebody else");
        return;
    }
    for (int i = 0; i < 3; i++) {
        TRY(msgget(KEY + i, 0600) == may_id[i] ? 0 : -1);
        TRY(msgget(KEY + i, 0400) == may_id[i] ? 0 : -1);
        TRY(post(may_id[i], 1, "x", IPC_NOWAIT));
        fetch(may_id[i], 10, 0, IPC_NOWAIT);
        TRY(msgctl(may_id[i], IPC_SET, &ds));
        TRY(msgctl(may_id[i], IPC_RMID, NULL));
        TRY(msgctl(may_id[i] % FAR_OUT, MSG_STAT, &ds) < 0 ? -1 : 0);
        SHOW(msgctl(may_id[i] % FAR_OUT, MSG_STAT_ANY, &ds) == may_id[i]);
    }
    int id = msgget(IPC_PRIVATE, 0600);
    TRY(msgctl(id, IPC_STAT, &ds));
    ds.msg_qbytes++;
    TRY(msgctl(id, IPC_SET, &ds));
    ds.msg_qbytes -= 2;
    TRY(msgctl(id, IPC_SET, &ds));
    TRY(msgctl(id, IPC_RMID, NULL));
}

static void permitting(void)
{
    PART("who may");
    if (geteuid() != 0)
        return;
    for (int i = 0; i < 3; i++)
        may_id[i] = msgget(KEY + i, IPC_CREAT | (i == 0 ? 0600 : i == 1 ? 0604 : 0602));
    ut_child("somebody else", as_nobody);
    for (int i = 0; i < 3; i++)
        TRY(msgctl(may_id[i], IPC_RMID, NULL));
}

UT_PROGRAM(msg)
{
    getting();
    types();
    sizes();
    pointers();
    copies();
    waiting();
    telling();
    permitting();
}
