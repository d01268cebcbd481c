/* Users: ids, groups and capabilities, and what changes them. */
#include "tests/user/ut.h"
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>

/* --- saying who one is --- */

static void who(const char *when)
{
    uid_t r, e, s;
    gid_t rg, eg, sg;
    gid_t groups[16];
    int n = getgroups(16, groups);

    getresuid(&r, &e, &s);
    getresgid(&rg, &eg, &sg);
    ut_say("%s: uid %d %d %d %ld gid %d %d %d %ld groups %d", when, (int)r, (int)e, (int)s,
           syscall(SYS_setfsuid32, -1), (int)rg, (int)eg, (int)sg, syscall(SYS_setfsgid32, -1), n);
}

static void caps(const char *when)
{
    struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct d[2] = {0};

    syscall(SYS_capget, &h, d);
    ut_say("%s: effective %08x%08x permitted %08x%08x inheritable %08x%08x dumpable %d", when, d[1].effective,
           d[0].effective, d[1].permitted, d[0].permitted, d[1].inheritable, d[0].inheritable,
           prctl(PR_GET_DUMPABLE));
}

static int set_caps(uint64_t effective, uint64_t permitted, uint64_t inheritable)
{
    struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct d[2];

    for (unsigned i = 0; i < 2; i++)
        d[i] =
            (struct __user_cap_data_struct){(uint32_t)(effective >> 32 * i), (uint32_t)(permitted >> 32 * i),
                                            (uint32_t)(inheritable >> 32 * i)};
    return (int)syscall(SYS_capset, &h, d);
}

/* The lines of /proc/self/status about it. */
static void status(void)
{
    char line[256];
    FILE *f = fopen("/proc/self/status", "r");

    while (f && fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "Uid", 3) == 0 || strncmp(line, "Gid", 3) == 0 || strncmp(line, "Groups", 6) == 0 ||
            strncmp(line, "Cap", 3) == 0)
            ut_say("  %s|", line);
    }
    if (f)
        fclose(f);
}

/* --- set*id --- */

#define UID_CALL(call)                                                                                       \
    do {                                                                                                     \
        long rc = (call);                                                                                    \
        ut_result(#call, rc);                                                                                \
        who("  now");                                                                                        \
    } while (0)

static void as_root(void)
{
    UID_CALL(syscall(SYS_setreuid32, -1, 1000));
    caps("effective 1000");
    UID_CALL(syscall(SYS_setreuid32, -1, 1001));
    UID_CALL(syscall(SYS_setuid32, 1001));
    UID_CALL(syscall(SYS_setuid32, 0));
    caps("effective 0 again");
    UID_CALL(syscall(SYS_setresuid32, 1000, -1, -1));
    UID_CALL(syscall(SYS_setresuid32, -1, -1, 1001));
    UID_CALL(syscall(SYS_setfsuid32, 7));
    caps("files of 7");
    UID_CALL(syscall(SYS_setfsuid32, 0));
    caps("files of 0");
    UID_CALL(syscall(SYS_setresgid32, 5, 6, 7));
    UID_CALL(syscall(SYS_setregid32, -1, 5));
    UID_CALL(syscall(SYS_setfsgid32, 9));
    UID_CALL(syscall(SYS_setgid32, 8));
    UID_CALL(syscall(SYS_setuid32, 1000));
    caps("1000");
}

static void as_user(void)
{
    setgroups(0, NULL);
    setgid(1000);
    UID_CALL(syscall(SYS_setresuid32, 1000, 1001, 1002));
    caps("1001");
    UID_CALL(syscall(SYS_setuid32, 0));
    UID_CALL(syscall(SYS_setuid32, 1003));
    UID_CALL(syscall(SYS_setuid32, 1002));
    UID_CALL(syscall(SYS_setuid32, 1001));
    UID_CALL(syscall(SYS_setreuid32, 1002, -1));
    UID_CALL(syscall(SYS_setreuid32, -1, 1000));
    UID_CALL(syscall(SYS_setreuid32, 1000, 1002));
    UID_CALL(syscall(SYS_setresuid32, 1000, 1000, 1001));
    UID_CALL(syscall(SYS_setresuid32, -1, 1000, -1));
    UID_CALL(syscall(SYS_setresuid32, 1002, 1002, 1000));
    UID_CALL(syscall(SYS_setfsuid32, 1000));
    UID_CALL(syscall(SYS_setfsuid32, 0));
    UID_CALL(syscall(SYS_setreuid32, 1002, 1002));
    UID_CALL(syscall(SYS_setresuid32, 1000, -1, -1));
    UID_CALL(syscall(SYS_setgid32, 0));
    UID_CALL(syscall(SYS_setregid32, -1, 1001));
    UID_CALL(syscall(SYS_setresgid32, -1, -1, 1001));
    UID_CALL(syscall(SYS_setfsgid32, 1001));
    TRY(setgroups(0, NULL));
    TRY(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT, 0, 0, 0));
    TRY(prctl(PR_CAPBSET_DROP, CAP_CHOWN, 0, 0, 0));
    status();
}

/* The calls with ids of 16 bits. */
static void small_ids(void)
{
    uint16_t a[4] = {1, 2, 3, 4};

    UID_CALL(syscall(SYS_setresuid32, 70000, -1, -1));
    SHOW(syscall(SYS_getuid));
    SHOW(syscall(SYS_getuid32));
    TRY(syscall(SYS_getresuid, a, a + 1, a + 2));
    ut_say("%u %u %u %u", a[0], a[1], a[2], a[3]);
    UID_CALL(syscall(SYS_setresgid, 70000, 0xFFFF, 3));
    UID_CALL(syscall(SYS_setregid32, 80000, 80001));
    SHOW(syscall(SYS_getgid));
    SHOW(syscall(SYS_getegid));
    UID_CALL(syscall(SYS_setreuid, 0xFFFF, 0x10005));
    UID_CALL(syscall(SYS_setuid, 0xFFFF));
    UID_CALL(syscall(SYS_setfsuid, 0xFFFF));
}

/* --- groups --- */

static void groups(void)
{
    gid_t list[40], got[40] = {0};
    uint16_t small[40] = {0};

    for (unsigned i = 0; i < 40; i++)
        list[i] = (i * 17) % 40 + (i == 3 ? 70000 : 100);
    TRY(setgroups(40, list));
    TRY(getgroups(0, NULL));
    TRY(getgroups(39, got));
    TRY(getgroups(40, got));
    for (unsigned i = 0; i < 40; i += 10)
        ut_say("%u %u %u %u %u %u %u %u %u %u", got[i], got[i + 1], got[i + 2], got[i + 3], got[i + 4],
               got[i + 5], got[i + 6], got[i + 7], got[i + 8], got[i + 9]);
    TRY(syscall(SYS_getgroups, 40, small));
    ut_say("%u %u %u", small[0], small[38], small[39]);
    small[1] = 0xFFFF;
    TRY(syscall(SYS_setgroups, 3, small));
    small[1] = 9;
    TRY(syscall(SYS_setgroups, 3, small));
    TRY(getgroups(40, got));
    ut_say("%u %u %u", got[0], got[1], got[2]);
    list[0] = (gid_t)-1;
    TRY(setgroups(1, list));
    TRY(syscall(SYS_setgroups32, 65537, list));
    TRY(syscall(SYS_setgroups32, 1, 8));
    TRY(getgroups(40, got));
    status();
    TRY(setgroups(0, NULL));
    TRY(getgroups(-1, got));
    status();
}

static void many_groups(void)
{
    enum { MOST = 65536 };
    gid_t *list = malloc(MOST * sizeof *list);
    bool sorted = true;

    for (unsigned i = 0; i < MOST; i++)
        list[i] = (i * 40503u) % MOST;
    TRY(setgroups(MOST, list));
    memset(list, 0, MOST * sizeof *list);
    SHOW(getgroups(MOST, list));
    for (unsigned i = 0; i < MOST; i++)
        sorted &= list[i] == i;
    SHOW(sorted);
    if (fork() == 0)
        _exit(getgroups(0, NULL) != MOST);
    wait(NULL);
    free(list);
}

/* --- capabilities --- */

#define ALL    0x1FFFFFFFFFFull
#define BIT(n) (1ull << (n))

static void keeping(void)
{
    caps("root");
    TRY(prctl(PR_SET_KEEPCAPS, 2, 0, 0, 0));
    TRY(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0));
    SHOW(prctl(PR_GET_KEEPCAPS));
    SHOW(prctl(PR_GET_SECUREBITS));
    TRY(setuid(1000));
    caps("kept");
    TRY(set_caps(BIT(CAP_SETUID) | BIT(CAP_KILL), ALL, BIT(CAP_CHOWN)));
    caps("some");
    TRY(set_caps(BIT(CAP_SETUID), BIT(CAP_SETUID) | BIT(CAP_KILL), BIT(CAP_CHOWN) | BIT(CAP_KILL)));
    caps("fewer");
    TRY(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0));
    TRY(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0));
    TRY(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 0, 0));
    TRY(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_CHOWN, 0, 0));
    TRY(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 41, 0, 0));
    TRY(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 1, 1, 0));
    TRY(prctl(PR_CAP_AMBIENT, 9, 1, 0, 0));
    status();
    TRY(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, CAP_KILL, 0, 0));
    TRY(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 1, 0, 0));
    TRY(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0));
    TRY(setuid(0));
    caps("root once more");
    TRY(setreuid(1000, 1000));
    caps("1000 without keeping");
}

static void bits(void)
{
    TRY(prctl(PR_SET_SECUREBITS, 0x100, 0, 0, 0));
    TRY(prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0));
    TRY(setreuid(1000, 1000));
    caps("1000, nothing fixed");
    TRY(prctl(PR_SET_SECUREBITS, SECBIT_KEEP_CAPS_LOCKED, 0, 0, 0));
    TRY(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0));
    TRY(prctl(PR_SET_SECUREBITS, 0, 0, 0, 0));
    TRY(prctl(PR_SET_SECUREBITS, SECBIT_KEEP_CAPS_LOCKED | SECBIT_KEEP_CAPS, 0, 0, 0));
    SHOW(prctl(PR_GET_SECUREBITS));
    TRY(prctl(PR_CAPBSET_READ, CAP_KILL, 0, 0, 0));
    TRY(prctl(PR_CAPBSET_DROP, CAP_KILL, 0, 0, 0));
    TRY(prctl(PR_CAPBSET_DROP, 41, 0, 0, 0));
    TRY(prctl(PR_CAPBSET_READ, CAP_KILL, 0, 0, 0));
    TRY(prctl(PR_CAPBSET_READ, 41, 0, 0, 0));
    TRY(set_caps(ALL, ALL, BIT(CAP_KILL)));
    TRY(set_caps(ALL, ALL, BIT(CAP_CHOWN)));
    status();
}

/* --- executing --- */

/* What runs as "ut exec-users WHAT". */
UT_EXECUTED(users)
{
    int death;

    who(argc > 2 ? argv[2] : "");
    caps("  with");
    prctl(PR_GET_PDEATHSIG, &death);
    ut_say("  auxv %lu %lu %lu %lu secure %lu, death signal %d, keep %d bits %d", getauxval(AT_UID),
           getauxval(AT_EUID), getauxval(AT_GID), getauxval(AT_EGID), getauxval(AT_SECURE), death,
           prctl(PR_GET_KEEPCAPS), prctl(PR_GET_SECUREBITS));
    return 0;
}

static void as_somebody(void)
{
    setgroups(0, NULL);
    setresgid(1000, 1000, 1000);
    setresuid(1000, 1000, 1000);
    prctl(PR_SET_PDEATHSIG, SIGUSR1);
}

static void no_more(void)
{
    as_somebody();
    TRY(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
}

/* Its tracer is root; what counts is who it was itself when that began. */
static void traced(void)
{
    as_somebody();
    TRY(ptrace(PTRACE_TRACEME, 0, 0, 0));
}

static void traced_before(void)
{
    TRY(ptrace(PTRACE_TRACEME, 0, 0, 0));
    as_somebody();
}

static void effective_user(void)
{
    setresuid(0, 1000, 0);
}

static void effective_root(void)
{
    setresuid(1000, 0, 0);
}

static void with_ambient(void)
{
    prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
    as_somebody();
    set_caps(BIT(CAP_KILL) | BIT(CAP_CHOWN), BIT(CAP_KILL) | BIT(CAP_CHOWN), BIT(CAP_KILL) | BIT(CAP_CHOWN));
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0);
}

static void bounded(void)
{
    prctl(PR_CAPBSET_DROP, CAP_KILL, 0, 0, 0);
}

static void no_root(void)
{
    prctl(PR_SET_SECUREBITS, SECBIT_NOROOT, 0, 0, 0);
}

/* Execute a program of a mode and an owner, after `prepare`. */
static void execute(const char *what, mode_t mode, unsigned owner, void (*prepare)(void))
{
    pid_t pid;
    int how = -1;

    if (chown("program", owner, owner) || chmod("program", mode))
        ut_say("program: %s", ut_errno(errno));
    pid = fork();
    if (pid == 0) {
        if (prepare)
            prepare();
        execl("program", "program", "exec-users", what, NULL);
        ut_say("%s: %s", what, ut_errno(errno));
        _exit(1);
    }
    while (waitpid(pid, &how, 0) == pid && WIFSTOPPED(how))
        ptrace(PTRACE_CONT, pid, 0, 0);
    ut_say("%s: %s", what, ut_status(how));
}

static void copy_program(void)
{
    char buf[PAGE];
    int from = open("/proc/self/exe", O_RDONLY), to = open("program", O_WRONLY | O_CREAT, 0755);
    ssize_t n;

    while ((n = read(from, buf, sizeof buf)) > 0)
        if (write(to, buf, (size_t)n) != n)
            ut_say("no room for the program");
    close(from);
    close(to);
    chmod(".", 0755);
}

static void executing(void)
{
    copy_program();
    execute("plain", 0755, 0, as_somebody);
    execute("set-uid", 04755, 0, as_somebody);
    execute("set-gid", 02755, 5, as_somebody);
    execute("set-gid without execution by the group", 02745, 5, as_somebody);
    execute("both of 1001", 06755, 1001, as_somebody);
    execute("one's own", 06755, 1000, as_somebody);
    execute("unreadable", 0711, 0, as_somebody);
    execute("of others only", 0701, 0, as_somebody);
    execute("not of others", 0710, 0, as_somebody);
    execute("not of its owner", 0077, 1000, as_somebody);
    execute("set-uid under a tracer", 06755, 1001, traced);
    execute("set-uid under one that may trace everybody", 06755, 1001, traced_before);
    execute("set-uid after no_new_privs", 06755, 1001, no_more);
    execute("set-uid root after no_new_privs", 04755, 0, no_more);
    execute("real 0, effective 1000", 0755, 0, effective_user);
    execute("real 1000, effective 0", 0755, 0, effective_root);
    execute("ambient", 0755, 0, with_ambient);
    execute("ambient, set-uid of 1001", 04755, 1001, with_ambient);
    execute("ambient, set-uid root", 04755, 0, with_ambient);
    execute("bounded", 0755, 0, bounded);
    execute("without root's rights", 0755, 0, no_root);
    execute("set-uid of 1001 by root", 04755, 1001, NULL);
    execute("root, executable for nobody", 0644, 0, NULL);
    execute("root, executable for somebody", 0645, 1, NULL);
}

/* --- how many threads a user has --- */

static unsigned forks(unsigned most)
{
    unsigned n = 0;
    int ready[2];

    pipe(ready);
    while (n < most) {
        pid_t pid = fork();
        char c;

        if (pid == 0) {
            close(ready[1]);
            read(ready[0], &c, 1);
            _exit(0);
        }
        if (pid < 0)
            break;
        n++;
    }
    if (n < most)
        ut_say("  %s", ut_errno(errno));
    close(ready[0]);
    close(ready[1]);
    while (wait(NULL) > 0)
        ;
    return n;
}

static void limited(void)
{
    const struct rlimit five = {5, 5};

    TRY(setrlimit(RLIMIT_NPROC, &five));
    SHOW(forks(8));
    TRY(setresuid(1234, 1234, 0));
    SHOW(forks(8));
    TRY(seteuid(0));
    SHOW(forks(8)); /* capable */
    TRY(setresuid(1234, 1234, 1234));
    SHOW(forks(8));
}

static void beyond(void)
{
    const struct rlimit one = {1, 1};
    int hold[2];
    pid_t pid[2];
    char c;

    pipe(hold);
    for (unsigned i = 0; i < 2; i++) {
        pid[i] = fork();
        if (pid[i] == 0) {
            setresuid(1235, 1235, 1235);
            close(hold[1]);
            read(hold[0], &c, 1);
            _exit(0);
        }
        ut_wait_state(pid[i], 'S');
    }
    TRY(setrlimit(RLIMIT_NPROC, &one));
    TRY(setresuid(1235, 1235, 1235));
    execl("/proc/self/exe", "ut", "exec-users", "beyond", NULL);
    ut_say("exec: %s", ut_errno(errno));
    close(hold[1]);
    while (wait(NULL) > 0)
        ;
    execl("/proc/self/exe", "ut", "exec-users", "no more beyond", NULL);
    ut_say("exec: %s", ut_errno(errno));
}

UT_PROGRAM(users)
{
    ut_workdir();
    PART("root");
    who("at first");
    status();
    ut_child("root", as_root);
    PART("a user");
    ut_child("a user", as_user);
    PART("ids of 16 bits");
    ut_child("small ids", small_ids);
    PART("groups");
    ut_child("groups", groups);
    ut_child("many groups", many_groups);
    PART("capabilities");
    ut_child("keeping", keeping);
    ut_child("bits", bits);
    PART("executing");
    executing();
    PART("limits");
    ut_child("limited", limited);
    ut_child("beyond", beyond);
}
