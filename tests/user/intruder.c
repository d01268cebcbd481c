/*
 * A user who tries to harm root: thousands of calls with what is root's, chosen by chance, as user 1000 and
 * from set-id programs' halves (other real and effective ids). Root looks before and after: its files, its
 * processes, its memory, the system's names, mounts, swap and settings have to be the same.
 *
 *     intruder [SEED [ROUNDS]]
 *
 * Says "intruder: WRONG: ..." of what has changed, and at the end "intruder: ROUNDS tries, N were let".
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

static uint32_t state;
static int wrong;

static uint32_t chance(uint32_t n)
{
    state = state * 1664525 + 1013904223;
    return (state >> 8) % n;
}

static void complain(const char *what)
{
    printf("intruder: WRONG: %s\n", what);
    wrong++;
}

/* --- what is root's --- */

#define SECRET "what nobody else may see"

static char *secret; /* in memory of root's process, at the same place here */
static pid_t victim;
static int segment, set, queue;

static const char *const paths[] = {
    "/tmp/root/open",
    "/tmp/root/closed",
    "/tmp/root/dir",
    "/tmp/root",
    "/tmp/sticky-file",
    "/etc",
    "/bin",
    "/dev/null",
    "/dev/console",
    "/proc/sys/vm/swappiness",
    "/dev/sda",
    "/proc/sysrq",
    "/dev/kmsg",
    "/proc/sys/kernel/pid_max",
    "/proc/1/mem",
    "/tmp/root/link",
    "/tmp/root/tool",
    "/proc/sys/fs/file-max",
};
#define PATHS (sizeof paths / sizeof *paths)

static void make(const char *path, mode_t mode)
{
    int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);

    if (fd < 0 || write(fd, SECRET, sizeof SECRET) != sizeof SECRET || fchmod(fd, mode))
        complain(path);
    close(fd);
}

static void watch(void)
{
    mkdir("/tmp/root", 0755);
    mkdir("/tmp/root/dir", 0700);
    make("/tmp/root/open", 0644);
    make("/tmp/root/closed", 0600);
    make("/tmp/root/tool", 04755);
    make("/tmp/sticky-file", 0644);
    if (setxattr("/tmp/root/open", "user.root", "x", 1, 0))
        complain("attribute");
    if (symlink("/tmp/root/closed", "/tmp/root/link"))
        complain("link");
    segment = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);
    set = semget(IPC_PRIVATE, 1, IPC_CREAT | 0600);
    queue = msgget(IPC_PRIVATE, IPC_CREAT | 0600);
    close((int)syscall(SYS_mq_open, "root-queue", O_RDWR | O_CREAT, 0600, NULL));
    secret = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    strcpy(secret, SECRET);
    victim = fork();
    if (victim == 0)
        for (;;)
            pause();
}

/* All of the system that can be told in text, which has to stay as it is. */
static void tell(char *to, size_t size)
{
    static const char *const files[] = {"/proc/mounts",
                                        "/proc/swaps",
                                        "/proc/sys/vm/swappiness",
                                        "/proc/sys/vm/overcommit_memory",
                                        "/proc/sys/kernel/pid_max",
                                        "/proc/sys/fs/file-max",
                                        "/proc/sys/kernel/hostname",
                                        "/tmp/root/open",
                                        "/tmp/root/closed",
                                        "/tmp/sticky-file"};
    static const char *const nodes[] = {
        "/tmp/root", "/tmp/root/dir", "/tmp/root/open", "/tmp/root/closed", "/tmp/root/tool",  "/etc", "/bin",
        "/dev/null", "/dev/console",  "/tmp",           "/tmp/root/link",   "/tmp/sticky-file"};
    char path[64];
    struct rlimit limit = {0, 0};
    size_t n = 0;

    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        int fd = open(files[i], O_RDONLY);
        ssize_t got = fd < 0 ? -1 : read(fd, to + n, size - n - 1);

        n += got > 0 ? (size_t)got : 0;
        close(fd);
    }
    for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++) {
        struct stat st = {0};

        lstat(nodes[i], &st);
        n += (size_t)snprintf(to + n, size - n, "%s %o %u %u %lld %lld\n", nodes[i], st.st_mode, st.st_uid,
                              st.st_gid, S_ISDIR(st.st_mode) ? 0 : (long long)st.st_size,
                              S_ISREG(st.st_mode) ? (long long)st.st_mtime : 0);
    }
    snprintf(path, sizeof path, "/proc/%d/oom_score_adj", victim);

    int fd = open(path, O_RDONLY);
    ssize_t got = fd < 0 ? -1 : read(fd, to + n, size - n - 1);

    n += got > 0 ? (size_t)got : 0;
    close(fd);
    prlimit(victim, RLIMIT_NOFILE, NULL, &limit);
    snprintf(to + n, size - n, "%d %d %llu\n", getpriority(PRIO_PROCESS, (id_t)victim),
             sched_getscheduler(victim), (unsigned long long)limit.rlim_cur);
}

static void look_at_memory(void)
{
    char got[sizeof SECRET] = "";
    struct iovec own = {got, sizeof got}, other = {secret, sizeof got};
    struct shmid_ds ds;
    struct msqid_ds messages;
    char buffer[8192];
    int posix;

    if (process_vm_readv(victim, &own, 1, &other, 1, 0) != sizeof got || strcmp(got, SECRET) != 0)
        complain("memory of root's process");
    if (shmctl(segment, IPC_STAT, &ds) || (ds.shm_perm.mode & 0777) != 0600)
        complain("root's segment");
    if (semctl(set, 0, GETVAL) != 0 || msgctl(queue, IPC_STAT, &messages) || messages.msg_qnum)
        complain("root's semaphores and messages");
    posix = (int)syscall(SYS_mq_open, "root-queue", O_RDWR | O_NONBLOCK, 0, NULL);
    if (posix < 0 || syscall(SYS_mq_timedreceive, posix, buffer, sizeof buffer, NULL, NULL) != -1)
        complain("root's queue");
    close(posix);
    if (kill(victim, 0) || waitpid(victim, NULL, WNOHANG))
        complain("root's process");
}

/* --- trying --- */

/* What processes meet at, and is root's. */
static long meet(void)
{
    struct sembuf one = {0, 1, IPC_NOWAIT};
    struct {
        long type;
        char text[8];
    } m = {1, "message"};

    switch (chance(9)) {
    case 0:
        return shmat(segment, NULL, 0) == (void *)-1 ? -1 : 0;
    case 1:
        return semop(set, &one, 1);
    case 2:
        return semctl(set, 0, SETVAL, 3);
    case 3:
        return semctl(set, 0, IPC_RMID);
    case 4:
        return msgsnd(queue, &m, sizeof m.text, IPC_NOWAIT);
    case 5:
        return msgrcv(queue, &m, sizeof m.text, 0, IPC_NOWAIT);
    case 6:
        return msgctl(queue, IPC_RMID, NULL);
    case 7:
        return syscall(SYS_mq_unlink, "root-queue");
    default:
        return syscall(SYS_mq_open, "root-queue", O_WRONLY, 0, NULL);
    }
}

static const char *a_path(void)
{
    static char made[80];
    static const char *const of_process[] = {"mem",        "environ", "maps", "oom_score_adj",
                                             "clear_refs", "fd/0",    "comm"};

    if (chance(4))
        return paths[chance(PATHS)];
    snprintf(made, sizeof made, "/proc/%d/%s", chance(2) ? victim : 1,
             of_process[chance(sizeof of_process / sizeof *of_process)]);
    return made;
}

/* What a descriptor that was opened lets one do. */
static void use(int fd, const char *path)
{
    char buf[64] = "harm";

    if (fd < 0)
        return;
    if (strstr(path, "closed") || strstr(path, "mem") || strstr(path, "environ"))
        if (read(fd, buf, sizeof buf) > 0 && strstr(buf, SECRET))
            complain("a secret was read");
    if (strncmp(path, "/dev/", 5) != 0 && pwrite(fd, "harm", 4, (off_t)(uintptr_t)secret % 7) == 4)
        complain(path);
    if (fchmod(fd, 0777) == 0 || fchown(fd, 1000, 1000) == 0)
        complain(path);
    if (ftruncate(fd, 1) == 0)
        complain(path);
    close(fd);
}

static long one_try(void)
{
    const char *path = a_path();
    pid_t pid = chance(2) ? victim : 1;
    char buf[64];
    struct iovec own = {buf, sizeof SECRET}, other = {secret, sizeof SECRET};
    const struct rlimit few = {1, 1};
    const struct sched_param none = {0};
    const struct timespec then = {1000000000, 0};
    int fd;

    switch (chance(38)) {
    case 0:
        fd = open(path, (int)chance(4) | (chance(4) ? 0 : O_TRUNC) | O_NONBLOCK | O_NOCTTY);
        use(fd, path);
        return fd;
    case 1:
        return unlink(path);
    case 2:
        return rename(path, "/tmp/mine");
    case 3:
        return chmod(path, 0777);
    case 4:
        return chown(path, 1000, 1000);
    case 5:
        return truncate(path, 1);
    case 6:
        return link(path, "/tmp/linked") ? -1 : unlink("/tmp/linked");
    case 7:
        return kill(pid, SIGKILL);
    case 8:
        return (long)syscall(SYS_tkill, pid, SIGTERM);
    case 9:
        return kill(-1, SIGUSR1) ? -1 : -2; /* to nobody */
    case 10:
        return process_vm_readv(victim, &own, 1, &other, 1, 0);
    case 11:
        return process_vm_writev(victim, &own, 1, &other, 1, 0);
    case 12:
        return setpriority(PRIO_PROCESS, (id_t)pid, 19);
    case 13:
        return setpriority(PRIO_USER, 0, 19) ? -1 : -2; /* oneself */
    case 14:
        return sched_setscheduler(pid, SCHED_IDLE, &none);
    case 15:
        return prlimit(pid, RLIMIT_NOFILE, &few, NULL);
    case 16:
        return mount("none", chance(2) ? "/tmp" : "/tmp/root", "tmpfs", chance(2) ? 0 : MS_REMOUNT, NULL);
    case 17:
        return umount2(chance(2) ? "/tmp" : "/proc", chance(2) ? MNT_DETACH : 0);
    case 18:
        return swapon("/dev/sda", 0);
    case 19:
        return swapoff("/dev/sda");
    case 20:
        return sethostname("mine", 4);
    case 21:
        return (long)syscall(SYS_reboot, 0xfee1dead, 672274793, 0x4321fedc, 0);
    case 22:
        return clock_settime(CLOCK_REALTIME, &then);
    case 23:
        return shmctl(segment, chance(2) ? IPC_RMID : SHM_LOCK, NULL);
    case 24:
        return meet();
    case 25:
        return setuid(0);
    case 26:
        return setresuid((uid_t)-1, 0, (uid_t)-1);
    case 27:
        return setgroups(0, NULL);
    case 28:
        return setgid(0);
    case 29:
        return chroot("/tmp");
    case 30:
        return mknod("/tmp/device", S_IFBLK | 0666, 0x800);
    case 31:
        return prctl(PR_SET_SECUREBITS, 1);
    case 32:
        return mkdir("/tmp/root/dir/new", 0777);
    case 33:
        return setxattr(path, "user.mine", "x", 1, 0);
    case 34:
        return removexattr(path, "user.root");
    case 35:
        fd = inotify_init1(IN_NONBLOCK);
        if (fd >= 0 && inotify_add_watch(fd, "/tmp/root/closed", IN_ALL_EVENTS) >= 0)
            complain("watches a secret");
        close(fd);
        return -1;
    case 36:
        if (syscall(SYS_ptrace, chance(2) ? PTRACE_ATTACH : PTRACE_SEIZE, pid, 0, 0) == 0)
            complain("it was traced");
        return -1;
    default:
        return utimensat(AT_FDCWD, path, (struct timespec[]){then, then}, 0);
    }
}

/* Become 1000, half or wholly; of the halves the rest of root must not be left to go back to. */
static long intrude(unsigned rounds)
{
    long let = 0;

    if (setgroups(0, NULL) || setresgid(1000, 1000, 1000) ||
        setresuid(chance(2) ? 1000 : 1001, 1000, chance(2) ? 1000 : 1001))
        complain("cannot become 1000");
    for (unsigned i = 0; i < rounds; i++)
        if (one_try() >= 0)
            let++;
    if (getuid() == 0 || geteuid() == 0)
        complain("root again");
    return let;
}

int main(int argc, char **argv)
{
    enum { CHILDREN = 4 };
    unsigned rounds = argc > 2 ? (unsigned)atoi(argv[2]) : 4000;
    static char before[16384], after[16384];
    int report[2];
    long let = 0, one;

    state = argc > 1 ? (uint32_t)atoi(argv[1]) : 1;
    setvbuf(stdout, NULL, _IOLBF, 512);
    signal(SIGUSR1, SIG_IGN);
    watch();
    tell(before, sizeof before);
    pipe(report);
    for (unsigned i = 0; i < CHILDREN; i++) {
        state += i;
        if (fork() == 0) {
            one = intrude(rounds / CHILDREN);
            write(report[1], &one, sizeof one);
            _exit(wrong != 0);
        }
    }
    for (unsigned i = 0; i < CHILDREN; i++) {
        int status;

        wait(&status);
        wrong += status != 0;
        if (read(report[0], &one, sizeof one) == sizeof one)
            let += one;
    }
    tell(after, sizeof after);
    if (strcmp(before, after) != 0) {
        complain("the system is another one:");
        printf("%s--- now:\n%s", before, after);
    }
    look_at_memory();
    kill(victim, SIGKILL);
    waitpid(victim, NULL, 0);
    shmctl(segment, IPC_RMID, NULL);
    semctl(set, 0, IPC_RMID);
    msgctl(queue, IPC_RMID, NULL);
    if (syscall(SYS_mq_unlink, "root-queue"))
        complain("the name of root's queue");
    printf("intruder: %u tries, %ld were let\n", rounds, let);
    return wrong != 0;
}
