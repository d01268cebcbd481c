/* Permissions: what a user may do to files, processes and the system. */
#include "tests/user/ut.h"
#include <grp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/swap.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>

static void become(unsigned id)
{
    setgroups(0, NULL);
    if (setresgid(id, id, id) || setresuid(id, id, id))
        ut_say("become %u: %s", id, ut_errno(errno));
}

static void make(const char *name, mode_t mode, unsigned owner, unsigned group)
{
    int fd = open(name, O_CREAT | O_WRONLY | O_EXCL, 0600);

    if (fd < 0 || write(fd, "text", 4) != 4 || fchown(fd, owner, group) || fchmod(fd, mode))
        ut_say("%s: %s", name, ut_errno(errno));
    close(fd);
}

static void make_dir(const char *name, mode_t mode, unsigned owner)
{
    if (mkdir(name, 0700) || chown(name, owner, owner) || chmod(name, mode))
        ut_say("%s: %s", name, ut_errno(errno));
}

static void show(const char *name)
{
    struct stat st;

    if (lstat(name, &st))
        ut_say("%s: %s", name, ut_errno(errno));
    else
        ut_say("%s: %o of %u:%u, %u links", name, st.st_mode, st.st_uid, st.st_gid, (unsigned)st.st_nlink);
}

/* --- modes --- */

static const mode_t modes[] = {0,    0777, 0700, 0070, 0007, 0077, 0707,
                               0444, 0222, 0111, 0440, 0044, 0600, 0755};

static void try_modes(const char *who)
{
    char name[16], line[200];

    for (unsigned g = 0; g < 3; g++) {
        size_t n = 0;

        for (unsigned i = 0; i < sizeof modes / sizeof *modes; i++) {
            int r, w, rw, x;

            snprintf(name, sizeof name, "m%u-%u", g, i);
            r = open(name, O_RDONLY);
            w = open(name, O_WRONLY);
            rw = open(name, O_RDWR);
            x = access(name, X_OK);
            n += (size_t)snprintf(line + n, sizeof line - n, " %s%s%s%s", r < 0 ? "-" : "r",
                                  w < 0 ? "-" : "w", rw < 0 ? "-" : "+", x < 0 ? "-" : "x");
            close(r);
            close(w);
            close(rw);
        }
        ut_say("%s, files of kind %u:%s", who, g, line);
    }
}

static void modes_user(void)
{
    const gid_t two[] = {7, 500};

    setgroups(2, two);
    setresgid(1000, 1000, 1000);
    setresuid(1000, 1000, 1000);
    try_modes("1000 in 7 and 500");
}

static void modes_other(void)
{
    become(1001);
    try_modes("1001");
}

static void modes_files_only(void)
{
    syscall(SYS_setfsuid32, 1001);
    try_modes("root, files of 1001");
}

/* --- directories --- */

static void directories_user(void)
{
    become(1000);
    TRY(open("closed/file", O_RDONLY));
    TRY(open("closed/none", O_RDONLY));
    TRY(open("closed", O_RDONLY | O_DIRECTORY));
    TRY(chdir("closed"));
    TRY(open("search/file", O_RDONLY) >= 0 ? 0 : -1);
    TRY(open("search", O_RDONLY | O_DIRECTORY));
    TRY(chdir("search") || chdir(".."));
    TRY(open("list", O_RDONLY | O_DIRECTORY) >= 0 ? 0 : -1);
    TRY(open("list/file", O_RDONLY));
    TRY(chdir("list"));
    TRY(access("list/file", F_OK));
    TRY(access("closed/..", F_OK));
    TRY(open("search/new", O_CREAT | O_RDWR, 0600));
    TRY(open("search/file", O_CREAT | O_RDONLY, 0600) >= 0 ? 0 : -1);
    TRY(open("search/file", O_CREAT | O_RDWR, 0600));
    TRY(mkdir("search/new", 0700));
    TRY(mkdir("search/file", 0700));
    TRY(mknod("search/new", S_IFIFO | 0600, 0));
    TRY(symlink("x", "search/new"));
    TRY(unlink("search/file"));
    TRY(unlink("search/none"));
    TRY(rmdir("search/dir"));
    TRY(rename("search/file", "search/other"));
    TRY(rename("search/none", "search/other"));
    TRY(link("search/file", "search/other"));
    TRY(open("search", O_TMPFILE | O_RDWR, 0600));
    TRY(truncate("search/file", 1));
    TRY(truncate("search", 1));
    TRY(open("search/file", O_RDONLY | O_TRUNC));
    TRY(open("search/file", O_RDONLY | O_NOATIME));
    TRY(chroot("search"));
    TRY(chroot("closed"));
}

static void sticky_user(void)
{
    become(1000);
    TRY(unlink("sticky/of-root"));
    TRY(rename("sticky/of-root", "sticky/x"));
    TRY(unlink("sticky/of-1001"));
    TRY(unlink("sticky/of-1000"));
    TRY(open("sticky/mine", O_CREAT | O_RDWR, 0600) >= 0 ? 0 : -1);
    TRY(rename("sticky/mine", "sticky/of-root"));
    TRY(rename("sticky/mine", "sticky/own"));
    TRY(rmdir("sticky/dir"));
    TRY(open("sticky/link-root", O_RDONLY) >= 0 ? 0 : -1);
    TRY(open("sticky/link-1001", O_RDONLY));
    TRY(open("sticky/link-1000", O_RDONLY) >= 0 ? 0 : -1);
    TRY(link("sticky/secret", "sticky/hard"));
    TRY(link("sticky/readable", "sticky/hard"));
    TRY(link("sticky/open", "sticky/hard"));
    TRY(link("sticky/set-uid", "sticky/hard2"));
    TRY(rename("dir-of-1000/moved", "sticky/moved"));
    TRY(rename("dir-of-1000/own", "sticky/own-dir"));
    show("sticky/own");
}

static void owner_of_sticky(void)
{
    become(1001);
    TRY(unlink("sticky-1001/of-root"));
    TRY(unlink("sticky-1001/of-1000"));
}

/* --- owners --- */

static void owners_user(void)
{
    const gid_t two[] = {7, 500};
    struct timespec t[2] = {{1, 0}, {2, 0}};

    setgroups(2, two);
    setresgid(1000, 1000, 1000);
    setresuid(1000, 1000, 1000);
    umask(0);
    close(open("own", O_CREAT | O_RDWR, 06777));
    show("own");
    TRY(chown("own", 1001, -1));
    TRY(chown("own", 1000, -1));
    TRY(chown("own", -1, 500));
    TRY(chown("own", -1, 501));
    TRY(chmod("own", 06755));
    show("own");
    TRY(chown("own", -1, 1000));
    show("own");
    TRY(chown("own", -1, 7));
    TRY(chmod("own", 02755));
    show("own");
    TRY(chmod("of-root", 0777));
    TRY(chown("of-root", -1, 7));
    TRY(chown("of-root", -1, -1));
    TRY(utimensat(AT_FDCWD, "of-root", NULL, 0));
    TRY(utimensat(AT_FDCWD, "of-root", t, 0));
    TRY(utimensat(AT_FDCWD, "writable", NULL, 0));
    TRY(utimensat(AT_FDCWD, "writable", t, 0));
    t[0].tv_nsec = UTIME_OMIT;
    t[1].tv_nsec = UTIME_OMIT;
    TRY(utimensat(AT_FDCWD, "of-root", t, 0));
    TRY(chmod("group-0", 02777));
    show("group-0");
    /* Made in a set-gid directory. */
    close(open("of-gid/file", O_CREAT | O_RDWR, 02755));
    show("of-gid/file");
    TRY(mkdir("of-gid/dir", 0755));
    show("of-gid/dir");
    TRY(mknod("null", S_IFCHR | 0666, 0x103));
    TRY(mknod("fifo", S_IFIFO | 0666, 0));
    show("fifo");
}

static void clearing_user(void)
{
    int fd;

    become(1000);
    fd = open("written", O_WRONLY);
    TRY(write(fd, "", 0));
    show("written");
    TRY(write(fd, "x", 1));
    show("written");
    fd = open("cut", O_WRONLY);
    TRY(ftruncate(fd, 2));
    show("cut");
    TRY(truncate("cut2", 1));
    show("cut2");
    close(open("cut3", O_WRONLY | O_TRUNC));
    show("cut3");
    fd = open("set-gid-only", O_WRONLY);
    TRY(write(fd, "x", 1));
    show("set-gid-only");
}

static void real_ids(void)
{
    setresuid(1000, 0, 0);
    TRY(access("of-root", W_OK));
    TRY(faccessat(AT_FDCWD, "of-root", W_OK, AT_EACCESS));
    TRY(access("closed/file", F_OK));
    TRY(open("of-root", O_RDWR) >= 0 ? 0 : -1);
    setresuid(0, 1000, 0);
    TRY(access("of-root", W_OK));
    TRY(syscall(SYS_faccessat2, AT_FDCWD, "of-root", W_OK, AT_EACCESS));
    TRY(open("of-root", O_RDWR));
}

/* --- processes --- */

static pid_t start(unsigned id)
{
    pid_t pid = fork();

    if (pid == 0) {
        if (id)
            become(id);
        prctl(PR_SET_DUMPABLE, 1);
        for (;;)
            pause();
    }
    ut_wait_state(pid, 'S');
    return pid;
}

static pid_t others[3]; /* root's, 1001's, 1000's */

static void proc_file(pid_t pid, const char *name)
{
    char path[64], buf[16];
    int fd;
    ssize_t n;

    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    fd = open(path, O_RDONLY);
    if (fd < 0) {
        ut_say("  %s: open %s", name, ut_errno(errno));
        return;
    }
    n = read(fd, buf, 1);
    ut_say("  %s: %s", name, n < 0 ? ut_errno(errno) : "read");
    close(fd);
}

static void processes_user(void)
{
    static const char *const files[] = {"status",        "stat", "cmdline", "comm",    "limits",  "mounts",
                                        "oom_score_adj", "maps", "smaps",   "environ", "auxv",    "fd",
                                        "fd/0",          "exe",  "root",    "cwd",     "pagemap", "io",
                                        "personality"};
    struct rlimit limit;
    char own[8], path[64];
    struct iovec mine = {own, sizeof own}, theirs = {(void *)(uintptr_t)processes_user, sizeof own};
    struct sched_param none = {0};

    become(1000);
    for (unsigned i = 0; i < 3; i++) {
        ut_say("process %u", i);
        TRY(kill(others[i], 0));
        TRY(kill(others[i], SIGCONT));
        TRY(syscall(SYS_tkill, others[i], 0));
        TRY(syscall(SYS_tgkill, others[i], others[i], SIGCONT));
        TRY(setpriority(PRIO_PROCESS, (id_t)others[i], 1));
        TRY(setpriority(PRIO_PROCESS, (id_t)others[i], -1));
        TRY(sched_setscheduler(others[i], SCHED_BATCH, &none));
        TRY(syscall(SYS_ioprio_set, 1, others[i], 2 << 13 | 3));
        TRY(prlimit(others[i], RLIMIT_CORE, NULL, &limit));
        TRY(process_vm_readv(others[i], &mine, 1, &theirs, 1, 0));
        TRY(getpgid(others[i]) >= 0 ? 0 : -1);
        for (unsigned f = 0; f < sizeof files / sizeof *files; f++)
            proc_file(others[i], files[f]);
        snprintf(path, sizeof path, "/proc/%d/mem", others[i]);
        TRY(open(path, O_RDWR) >= 0 ? 0 : -1);
        snprintf(path, sizeof path, "/proc/%d/exe", others[i]);
        TRY(readlink(path, own, sizeof own) > 0 ? 0 : -1);
        snprintf(path, sizeof path, "/proc/%d/oom_score_adj", others[i]);
        TRY(open(path, O_RDWR) >= 0 ? 0 : -1);
    }
    TRY(kill(1, 0));
    TRY(kill(-others[0], 0));
    TRY(kill(-others[2], 0));
    TRY(setpriority(PRIO_USER, 0, 2));
    SHOW(getpriority(PRIO_USER, 1000));
    TRY(setpriority(PRIO_USER, 1001, 2));
    TRY(setpriority(PRIO_USER, 4444, 2));
    TRY(setpriority(PRIO_PROCESS, 0, -5));
    TRY(nice(-1));
    TRY(setpriority(PRIO_PROCESS, 0, 5));
    ut_say("my own");
    proc_file(getpid(), "maps");
    proc_file(getpid(), "fd");
    proc_file(getpid(), "environ");
    TRY(prctl(PR_SET_DUMPABLE, 1));
    proc_file(getpid(), "environ");
}

static volatile sig_atomic_t from = -1, number;

static void note_sender(int signo, siginfo_t *info, void *context)
{
    (void)context;
    from = (sig_atomic_t)info->si_uid;
    number = signo;
}

static void senders(void)
{
    struct sigaction a = {.sa_sigaction = note_sender, .sa_flags = SA_SIGINFO};
    siginfo_t info;
    pid_t pid;

    sigaction(SIGUSR1, &a, NULL);
    sigaction(SIGCHLD, &a, NULL);
    setresuid(1000, 0, 0);
    kill(getpid(), SIGUSR1);
    ut_say("from %d", (int)from);
    pid = fork();
    if (pid == 0) {
        setresuid(1003, 1003, 1003);
        _exit(3);
    }
    memset(&info, 0, sizeof info);
    while (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT))
        ;
    ut_say("ended: of %d, told by a signal: %d", (int)info.si_uid, (int)from);
    setresuid(1000, 1000, 1000);
    SHOW(waitpid(pid, NULL, 0) == pid);
}

/* --- the system --- */

static void system_user(void)
{
    const struct rlimit more = {RLIM_INFINITY, RLIM_INFINITY}, less = {PAGE, 2 * PAGE};
    struct timeval now = {0, 0};
    struct timespec then = {0, 0};
    uint8_t *p;
    char buf[8];

    gettimeofday(&now, NULL);
    become(1000);
    TRY(mount("none", ".", "tmpfs", 0, NULL));
    TRY(mount("none", "missing", "tmpfs", 0, NULL));
    TRY(umount2(".", 0));
    TRY(umount2(".", 0x100));
    TRY(swapon("of-root", 0));
    TRY(swapoff("missing"));
    TRY(sethostname("x", 1));
    TRY(setdomainname("x", 1000));
    TRY(settimeofday(&now, NULL));
    TRY(clock_settime(CLOCK_REALTIME, &then));
    TRY(syscall(SYS_stime, &now.tv_sec));
    TRY(reboot(0));
    TRY(syscall(SYS_syslog, 3, buf, sizeof buf));
    TRY(syscall(SYS_syslog, 10, NULL, 0));
    TRY(setrlimit(RLIMIT_NOFILE, &more));
    TRY(setrlimit(RLIMIT_MEMLOCK, &less));
    p = ut_map(4, PROT_READ | PROT_WRITE);
    TRY(mlock(p, PAGE));
    TRY(mlock(p, 2 * PAGE));
    TRY(munlock(p, PAGE));
    TRY(mlockall(MCL_FUTURE));
    TRY_AT(mmap(NULL, 2 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    TRY(munlockall());
    TRY(open("/proc/sys/vm/overcommit_memory", O_WRONLY));
    TRY(open("/proc/sys/kernel/pid_max", O_RDONLY) >= 0 ? 0 : -1);
    TRY(open("/proc/sys/vm/drop_caches", O_RDONLY));
    TRY(open("/proc/kmsg", O_RDONLY));
    TRY(open("/dev/console", O_RDWR));
    TRY(open("/dev/null", O_RDWR) >= 0 ? 0 : -1);
    TRY(open("/dev/zero", O_RDWR) >= 0 ? 0 : -1);
    TRY(prctl(PR_SET_NAME, "x"));
}

static int segment[3];

static void shm_user(void)
{
    struct shmid_ds ds;

    become(1000);
    for (unsigned i = 0; i < 3; i++) {
        ut_say("segment %u", i);
        TRY_AT(shmat(segment[i], NULL, 0));
        TRY_AT(shmat(segment[i], NULL, SHM_RDONLY));
        TRY(shmctl(segment[i], IPC_STAT, &ds));
        TRY(shmget(0x5157 + (int)i, PAGE, 0600) >= 0 ? 0 : -1);
        TRY(shmget(0x5157 + (int)i, PAGE, 0) >= 0 ? 0 : -1);
        TRY(shmctl(segment[i], IPC_SET, &ds));
        TRY(shmctl(segment[i], IPC_RMID, NULL));
    }
}

static void sockets_user(void)
{
    struct sockaddr_un a = {AF_UNIX, "socket"};
    struct ucred c;
    socklen_t size = sizeof c;
    int two[2], s = socket(AF_UNIX, SOCK_STREAM, 0);

    become(1000);
    TRY(connect(s, (struct sockaddr *)&a, sizeof a));
    strcpy(a.sun_path, "search/new");
    TRY(bind(s, (struct sockaddr *)&a, sizeof a));
    socketpair(AF_UNIX, SOCK_STREAM, 0, two);
    TRY(getsockopt(two[0], SOL_SOCKET, SO_PEERCRED, &c, &size));
    ut_say("peer %u:%u", c.uid, c.gid);
}

UT_PROGRAM(permit)
{
    static const unsigned owners[3][2] = {{1000, 1000}, {0, 7}, {0, 0}};
    char name[16];
    int s;

    ut_workdir();
    chmod(".", 0777);
    PART("modes");
    for (unsigned g = 0; g < 3; g++)
        for (unsigned i = 0; i < sizeof modes / sizeof *modes; i++) {
            snprintf(name, sizeof name, "m%u-%u", g, i);
            make(name, modes[i], owners[g][0], owners[g][1]);
        }
    ut_child("a user", modes_user);
    ut_child("another", modes_other);
    ut_child("files only", modes_files_only);
    try_modes("root");
    PART("directories");
    make_dir("closed", 0700, 0);
    make_dir("search", 0711, 0);
    make_dir("list", 0744, 0);
    make("closed/file", 0666, 0, 0);
    make("search/file", 0644, 0, 0);
    make_dir("search/dir", 0777, 0);
    make("list/file", 0666, 0, 0);
    ut_child("a user", directories_user);
    make_dir("sticky", 01777, 0);
    make("sticky/of-root", 0666, 0, 0);
    make("sticky/of-1001", 0666, 1001, 1001);
    make("sticky/of-1000", 0666, 1000, 1000);
    make("sticky/secret", 0600, 0, 0);
    make("sticky/readable", 0644, 0, 0);
    make("sticky/open", 0666, 0, 0);
    make("sticky/set-uid", 04666, 0, 0);
    make_dir("sticky/dir", 0777, 0);
    make_dir("dir-of-1000", 0755, 1000);
    make_dir("dir-of-1000/moved", 0755, 0);
    make_dir("dir-of-1000/own", 0755, 1000);
    make_dir("sticky-1001", 01777, 1001);
    make("sticky-1001/of-root", 0600, 0, 0);
    make("sticky-1001/of-1000", 0600, 1000, 1000);
    for (unsigned i = 0; i < 3; i++) {
        static const char *const link[] = {"sticky/link-root", "sticky/link-1000", "sticky/link-1001"};
        static const unsigned of[] = {0, 1000, 1001};

        if (symlink("readable", link[i]) || lchown(link[i], of[i], of[i]))
            ut_say("%s: %s", link[i], ut_errno(errno));
    }
    ut_child("sticky", sticky_user);
    ut_child("the owner", owner_of_sticky);
    PART("owners");
    make("of-root", 0644, 0, 0);
    make("writable", 0666, 0, 0);
    make("group-0", 0666, 1000, 0);
    make_dir("of-gid", 0777, 0);
    if (chown("of-gid", 0, 600) || chmod("of-gid", 02777))
        ut_say("of-gid");
    ut_child("owners", owners_user);
    make("written", 06777, 0, 0);
    make("cut", 06777, 0, 0);
    make("cut2", 06777, 0, 0);
    make("cut3", 06777, 0, 0);
    make("set-gid-only", 02666, 0, 0);
    ut_child("clearing", clearing_user);
    ut_child("real ids", real_ids);
    PART("processes");
    for (unsigned i = 0; i < 3; i++) {
        static const unsigned of[] = {0, 1001, 1000};

        others[i] = start(of[i]);
    }
    ut_child("processes", processes_user);
    for (unsigned i = 0; i < 3; i++)
        kill(others[i], SIGKILL);
    while (wait(NULL) > 0)
        ;
    ut_child("senders", senders);
    PART("the system");
    ut_child("system", system_user);
    for (int i = 0; i < 3; i++)
        segment[i] = shmget(0x5157 + i, PAGE, IPC_CREAT | IPC_EXCL | (i == 0 ? 0600 : i == 1 ? 0604 : 0606));
    ut_child("shared memory", shm_user);
    for (int i = 0; i < 3; i++)
        TRY(shmctl(segment[i], IPC_RMID, NULL));
    s = socket(AF_UNIX, SOCK_STREAM, 0);
    bind(s, (struct sockaddr *)&(struct sockaddr_un){AF_UNIX, "socket"}, sizeof(struct sockaddr_un));
    chmod("socket", 0755);
    ut_child("sockets", sockets_user);
    close(s);
}
