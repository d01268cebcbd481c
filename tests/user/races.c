/*
 * Races of system calls: threads of one process make calls that meet in the kernel, at random, and what
 * must hold afterwards is looked at. On a kernel that makes every possible sleep one (torture=sleep) each
 * round is another order.
 *
 *     races SEED SECONDS [KIND]
 *
 * A round is a process of its own, of one of the kinds in the table at the end. The program ends by
 * itself: a round whose process does not end is a failure. What is lost and not seen from here, the
 * kernel's audit at the end counts.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE          4096u
#define DIR           "/tmp/races"
#define LIMIT_SECONDS 15 /* of one round, most of which take a fraction of a second */
#define PAGEOUT       21 /* MADV_PAGEOUT */
#define CLOSE_RANGE   436
#define PIDFD_OPEN    434
#define PIDFD_SIGNAL  424
#define CLOSE_UNSHARE 2
#define TMPFS_MAGIC   0x01021994
#define EXEC_STATUS   7

/* Shared by all processes, at a file, so that a program that was executed finds it too. */
struct shared {
    atomic_int writing; /* descriptors that are open for writing on the program that is executed */
    unsigned seed;      /* of the round */
    atomic_int failures;
    atomic_int stuck;                    /* a round did not end: others would not say anything new */
    atomic_int executed, denied, opened; /* what was reached */
    atomic_int swaps, cut;               /* swap was put on; writes that it cut short */
};

static struct shared *shared;
static const char *kind_name;
static unsigned round_seed;
static uint8_t *buf; /* pages that may be anywhere */

static void __attribute__((format(printf, 1, 2))) failed(const char *fmt, ...)
{
    char text[256];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    printf("races: FAILED: %s, seed %u: %s\n", kind_name, round_seed, text);
    fflush(stdout);
    shared->failures++;
}

static unsigned draw(unsigned *state, unsigned n)
{
    *state = *state * 1664525u + 1013904223u;
    return (unsigned)(((uint64_t)(*state ^ *state >> 15) * n) >> 32);
}

static void map_shared(void)
{
    int fd = open(DIR "/shared", O_RDWR | O_CREAT, 0600);

    if (fd < 0 || ftruncate(fd, PAGE))
        exit(2);
    shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (shared == MAP_FAILED)
        exit(2);
    close(fd);
}

static void page_out(void *at, size_t n)
{
    madvise(at, n, PAGEOUT);
}

/* --- threads of a round --- */

#define THREADS 4u

struct racer {
    pthread_t thread;
    unsigned seed;
    unsigned number;
    void (*fn)(struct racer *r);
};

static struct racer racer[THREADS];

static void *run_racer(void *arg)
{
    struct racer *r = arg;

    r->fn(r);
    return NULL;
}

static unsigned pick(struct racer *r, unsigned n)
{
    return draw(&r->seed, n);
}

/* n threads, each with a function of its own or the last one given, until all have ended. */
static void race(unsigned n, void (*const *fn)(struct racer *r))
{
    unsigned made = 0;

    for (unsigned i = 0; i < n; i++)
        racer[i] = (struct racer){.seed = round_seed * 31 + i * 7919, .number = i, .fn = fn[i]};
    for (; made < n; made++)
        if (pthread_create(&racer[made].thread, NULL, run_racer, &racer[made]))
            break;
    for (unsigned i = 0; i < made; i++)
        pthread_join(racer[i].thread, NULL);
}

/* --- clone against exit_group, exec and a deadly signal --- */

static void *nothing(void *arg)
{
    return arg;
}

static void *linger(void *arg)
{
    for (;;)
        pause();
    return arg;
}

static void make_threads(struct racer *r)
{
    pthread_attr_t attr;

    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attr, 4 * PAGE);
    for (unsigned n = 0; n < 60; n++) {
        pthread_t t;

        if (pthread_create(&t, &attr, pick(r, 3) ? nothing : linger, NULL))
            usleep(100);
        if (pick(r, 16) == 0)
            page_out(buf, PAGE);
    }
    for (;;)
        pause();
}

static void make_children(struct racer *r)
{
    for (unsigned n = 0; n < 10; n++) {
        pid_t pid = fork();

        if (pid == 0)
            _exit(0);
        if (pid > 0 && pick(r, 2))
            waitpid(pid, NULL, 0);
    }
    for (;;)
        pause();
}

static char program[] = DIR "/program";

static void execute(const char *status)
{
    char *argv[] = {program, "--executed", (char *)status, NULL};
    char *envp[] = {NULL};

    execve(program, argv, envp);
}

static void end_all(struct racer *r)
{
    usleep(pick(r, 4000));
    switch (pick(r, 3)) {
    case 0:
        syscall(SYS_exit_group, EXEC_STATUS);
        break;
    case 1:
        execute("7");
        failed("exec: %s", strerror(errno));
        break;
    default:
        syscall(PIDFD_SIGNAL, (int)syscall(PIDFD_OPEN, getpid(), 0), SIGKILL, NULL, 0);
        kill(getpid(), SIGKILL);
    }
    for (;;)
        pause();
}

static void round_clone(void)
{
    race(4, (void (*const[])(struct racer *)){make_threads, make_threads, make_children, end_all});
}

/* --- two threads that execute something at once --- */

static void execute_now(struct racer *r)
{
    while (pick(r, 3))
        sched_yield();
    execute("7");
    if (errno != ENOMEM)
        failed("exec: %s", strerror(errno));
    for (;;)
        pause();
}

static void round_exec(void)
{
    race(3, (void (*const[])(struct racer *)){execute_now, execute_now, execute_now});
}

/* --- a file is not executed while it is open for writing --- */

static void open_for_writing(struct racer *r)
{
    for (unsigned n = 0; n < 120; n++) {
        int fd = open(DIR "/written", O_WRONLY);

        if (fd >= 0) {
            shared->writing++;
            shared->opened++;
            /* Mostly shorter than an exec, sometimes until the program runs. */
            if (pick(r, 4) == 0)
                usleep(pick(r, 8000));
            shared->writing--;
            close(fd);
        } else if (errno != ETXTBSY) {
            failed("open for writing: %s", strerror(errno));
            return;
        } else {
            shared->denied++;
        }
        usleep(pick(r, 2000));
    }
}

static void execute_written(struct racer *r)
{
    (void)r;
    for (unsigned n = 0; n < 12; n++) {
        pid_t pid = vfork();

        if (pid == 0) {
            close_range(3, ~0u, 0); /* what the others have open */
            execl(DIR "/written", "written", "--running", (char *)NULL);
            _exit(errno == ETXTBSY ? 0 : 3);
        }
        if (pid > 0)
            waitpid(pid, NULL, 0);
    }
}

static void round_writer(void)
{
    shared->writing = 0;
    race(3, (void (*const[])(struct racer *)){open_for_writing, execute_written, execute_written});
}

/* --- locks --- */

#define LOCK_FILE DIR "/locked"

static int lock_fd[2];

static void lock_bytes(struct racer *r)
{
    for (unsigned n = 0; n < 30; n++) {
        struct flock *l = (struct flock *)(buf + r->number * PAGE);

        *l = (struct flock){
            .l_type = pick(r, 2) ? F_WRLCK : F_RDLCK, .l_start = pick(r, 16), .l_len = 1 + pick(r, 8)};
        page_out(l, PAGE);
        fcntl(lock_fd[pick(r, 2)], pick(r, 2) ? F_SETLKW : F_SETLK, l);
    }
}

static void close_locked(struct racer *r)
{
    for (unsigned n = 0; n < 60; n++) {
        unsigned which = pick(r, 2);
        int fd = lock_fd[which];

        close(fd);
        for (unsigned i = pick(r, 3); i; i--)
            sched_yield();
        if (pick(r, 3) == 0)
            dup2(open(pick(r, 2) ? LOCK_FILE : DIR "/other", O_RDWR | O_CREAT, 0600), fd);
        else
            lock_fd[which] = open(LOCK_FILE, O_RDWR);
    }
    close_range(3, ~0u, 0);
}

static void *child_locks(void *arg)
{
    pid_t pid = fork();

    if (pid == 0) {
        struct racer r = {.seed = round_seed + 5};

        for (unsigned n = 0; n < 30; n++) {
            struct flock l = {.l_type = F_WRLCK, .l_start = pick(&r, 16), .l_len = 1 + pick(&r, 8)};

            fcntl(lock_fd[0], F_SETLKW, &l);
            sched_yield();
            l.l_type = F_UNLCK;
            l.l_start = l.l_len = 0;
            fcntl(lock_fd[0], F_SETLK, &l);
        }
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    return arg;
}

static void fork_and_lock(struct racer *r)
{
    child_locks(r);
}

static void round_locks(void)
{
    lock_fd[0] = open(LOCK_FILE, O_RDWR | O_CREAT, 0600);
    lock_fd[1] = open(LOCK_FILE, O_RDWR);
    race(4, (void (*const[])(struct racer *)){lock_bytes, lock_bytes, close_locked, fork_and_lock});
}

/* Nobody is left who could have one. */
static void check_locks(void)
{
    int fd = open(LOCK_FILE, O_RDWR | O_CREAT, 0600);
    struct flock l = {.l_type = F_WRLCK};

    if (fcntl(fd, F_GETLK, &l) == 0 && l.l_type != F_UNLCK) {
        failed("a lock on %d+%d is left, of process %d, which has ended", (int)l.l_start, (int)l.l_len,
               (int)l.l_pid);
        unlink(LOCK_FILE);
    }
    close(fd);
}

/* --- the heap's end --- */

static uintptr_t raw_brk(uintptr_t at)
{
    return (uintptr_t)syscall(SYS_brk, at);
}

static uintptr_t heap_low;

/* The heap ends where brk() says. On Linux that may be wrong of a child, which has the end from before its
 * regions are copied. */
static void check_heap(const char *whose)
{
    static char text[16384];
    uintptr_t end = (raw_brk(0) + PAGE - 1) & ~(uintptr_t)(PAGE - 1), found = 0;
    int fd = open("/proc/self/maps", O_RDONLY);
    ssize_t n, all = 0;

    while ((n = read(fd, text + all, sizeof text - 1 - (size_t)all)) > 0)
        all += n;
    close(fd);
    text[all] = '\0';
    for (char *line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        unsigned long low = 0, high = 0;

        if (sscanf(line, "%lx-%lx", &low, &high) == 2 &&
            (low == found || (low < heap_low && high >= heap_low)))
            found = high;
    }
    if (found != end)
        failed("%s heap ends at %lx, and its region at %lx", whose, (unsigned long)end, (unsigned long)found);
}

static void move_brk(struct racer *r)
{
    for (unsigned n = 0; n < 80; n++) {
        uintptr_t at = heap_low + pick(r, 32) * PAGE + pick(r, 2) * 100;
        uintptr_t is = raw_brk(at);

        if (is > heap_low && pick(r, 4) == 0)
            page_out((void *)heap_low, is - heap_low);
    }
}

static void fork_heap(struct racer *r)
{
    for (unsigned n = 0; n < 6; n++) {
        pid_t pid = fork();

        if (pid == 0) {
            check_heap("a child's");
            _exit(0);
        }
        if (pid > 0)
            waitpid(pid, NULL, 0);
        sched_yield();
    }
    (void)r;
}

static void round_brk(void)
{
    /* The C library's own use of it comes first, and needs no more. */
    mallopt(M_TOP_PAD, 64 * PAGE);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
    free(malloc(64 * PAGE));
    heap_low = (raw_brk(0) + PAGE - 1) & ~(uintptr_t)(PAGE - 1);
    raw_brk(heap_low);
    race(4, (void (*const[])(struct racer *)){move_brk, move_brk, move_brk, fork_heap});
    check_heap("the");
}

/* --- segments of shared memory --- */

#define KEY 0x52414345

static atomic_int segment;

static void control_segments(struct racer *r)
{
    struct shmid_ds *ds = (struct shmid_ds *)(buf + r->number * PAGE);

    for (unsigned n = 0; n < 60; n++) {
        int id = segment;

        switch (pick(r, 4)) {
        case 0:
            ds->shm_perm.mode = 0600;
            page_out(ds, PAGE);
            shmctl(id, IPC_SET, ds);
            break;
        case 1:
            page_out(ds, PAGE);
            if (shmctl(id, IPC_STAT, ds) == 0 && ds->shm_segsz != PAGE)
                failed("a segment of %u bytes", (unsigned)ds->shm_segsz);
            break;
        case 2: {
            void *at = shmat(id, NULL, 0);

            if (at != (void *)-1) {
                *(volatile int *)at = id;
                shmdt(at);
            }
            break;
        }
        default:
            shmctl(id, IPC_RMID, NULL);
        }
    }
}

static void make_segments(struct racer *r)
{
    for (unsigned n = 0; n < 60; n++) {
        int id = shmget(KEY, PAGE, IPC_CREAT | 0600), again;

        if (id < 0)
            continue;
        segment = id;
        again = shmget(KEY, PAGE, 0);
        if (again >= 0 && again != id &&
            shmctl(id, IPC_STAT, (struct shmid_ds *)(buf + r->number * PAGE)) == 0 &&
            ((struct shmid_ds *)(buf + r->number * PAGE))->shm_perm.__key == KEY &&
            shmget(KEY, PAGE, 0) == again)
            failed("two segments with one key: %d and %d", id, again);
    }
}

static void round_shm(void)
{
    segment = shmget(KEY, PAGE, IPC_CREAT | 0600);
    race(4,
         (void (*const[])(struct racer *)){make_segments, make_segments, control_segments, control_segments});
    shmctl(shmget(KEY, PAGE, 0), IPC_RMID, NULL);
}

/* --- mounts --- */

#define MOUNT DIR "/mount"

static struct statfs below;

static void mount_and_not(struct racer *r)
{
    for (unsigned n = 0; n < 25; n++) {
        mount("none", MOUNT, "tmpfs", 0, NULL);
        mkdir(MOUNT "/a", 0700);
        mkdir(MOUNT "/a/b", 0700);
        close(open(MOUNT "/a/b/file", O_RDWR | O_CREAT, 0600));
        for (unsigned i = pick(r, 5); i; i--)
            sched_yield();
        umount2(MOUNT, pick(r, 3) ? 0 : MNT_DETACH);
    }
}

static void walk_in(struct racer *r)
{
    struct statfs *st = (struct statfs *)(buf + r->number * PAGE);

    for (unsigned n = 0; n < 80; n++) {
        int fd = open(pick(r, 2) ? MOUNT "/a/b" : MOUNT "/a/b/file", O_RDONLY);

        if (fd < 0)
            fd = open(MOUNT, O_RDONLY);
        if (fd < 0)
            continue;
        for (unsigned i = pick(r, 6); i; i--)
            sched_yield();
        page_out(st, PAGE);
        if (fstatfs(fd, st))
            failed("fstatfs: %s", strerror(errno));
        else if ((st->f_type != TMPFS_MAGIC && st->f_type != below.f_type) || (unsigned)st->f_bsize != PAGE)
            failed("fstatfs tells of a filesystem %lx, blocks of %ld", (unsigned long)st->f_type,
                   (long)st->f_bsize);
        close(openat(fd, "new", O_RDWR | O_CREAT, 0600));
        close(fd);
    }
}

static void round_mount(void)
{
    mkdir(MOUNT, 0700);
    statfs(DIR, &below);
    race(4, (void (*const[])(struct racer *)){mount_and_not, mount_and_not, walk_in, walk_in});
    while (umount2(MOUNT, MNT_DETACH) == 0)
        ;
}

/* --- descriptors --- */

#define FDS 6u

static int fds[FDS];

static void poll_them(struct racer *r)
{
    for (unsigned n = 0; n < 40; n++) {
        struct pollfd *p = (struct pollfd *)(buf + r->number * PAGE);

        for (unsigned i = 0; i < FDS; i++)
            p[i] = (struct pollfd){.fd = fds[i], .events = pick(r, 2) ? POLLIN : POLLOUT};
        if (pick(r, 4) == 0)
            page_out(p, PAGE);
        poll(p, FDS, (int)pick(r, 8));
    }
}

static void change_them(struct racer *r)
{
    uint64_t word = 1;

    for (unsigned n = 0; n < 150; n++) {
        int fd = fds[pick(r, FDS)], p[2];

        switch (pick(r, 8)) {
        case 0:
            if (pipe2(p, O_NONBLOCK) == 0) {
                dup2(p[pick(r, 2)], fd);
                close(p[0]);
                close(p[1]);
            }
            break;
        case 1:
            close(fd);
            break;
        case 2:
            dup2(fds[pick(r, FDS)], fd);
            break;
        case 3: {
            int e = eventfd(pick(r, 2), EFD_NONBLOCK);

            dup2(e, fd);
            close(e);
            break;
        }
        case 4:
            if (pick(r, 8) == 0) {
                syscall(CLOSE_RANGE, 3 + pick(r, 8), ~0u, CLOSE_UNSHARE);
                break;
            }
            /* fall through */
        case 5:
            fcntl(fd, F_SETFL, O_NONBLOCK);
            if (read(fd, buf + r->number * PAGE, 8) < 0)
                sched_yield();
            break;
        default:
            fcntl(fd, F_SETFL, O_NONBLOCK);
            if (write(fd, &word, sizeof word) < 0)
                sched_yield();
        }
    }
}

static void round_fds(void)
{
    signal(SIGPIPE, SIG_IGN);
    for (unsigned i = 0; i < FDS; i++)
        fds[i] = eventfd(0, EFD_NONBLOCK);
    race(4, (void (*const[])(struct racer *)){poll_them, change_them, change_them, poll_them});
}

/* --- any two of many --- */

static void on_signal(int signo)
{
    (void)signo;
}

static void any_call(struct racer *r)
{
    for (unsigned n = 0; n < 50; n++) {
        uint8_t *page = buf + r->number * PAGE;
        timer_t timer;
        pid_t pid;
        int fd;

        if (pick(r, 4) == 0)
            page_out(page, PAGE);
        switch (pick(r, 12)) {
        case 0:
            pid = fork();
            if (pid == 0) {
                if (pick(r, 2))
                    execute("0");
                _exit(0);
            }
            if (pid > 0 && pick(r, 2))
                kill(pid, pick(r, 2) ? SIGKILL : SIGSTOP);
            if (pid > 0)
                kill(pid, SIGCONT);
            break;
        case 1:
            waitpid(-1, (int *)page, pick(r, 2) ? 0 : WNOHANG);
            break;
        case 2:
            kill(0, SIGUSR1);
            break;
        case 3:
            if (timer_create(CLOCK_MONOTONIC, &(struct sigevent){.sigev_signo = SIGUSR1}, &timer) == 0) {
                timer_settime(timer, 0,
                              &(struct itimerspec){.it_value = {0, 50000}, .it_interval = {0, 300000}}, NULL);
                if (pick(r, 2))
                    timer_delete(timer);
            }
            break;
        case 4:
            fd = open(DIR "/some", O_RDWR | O_CREAT, 0600);
            if (fd < 0)
                break;
            if (pwrite(fd, page, PAGE, pick(r, 8) * PAGE) < 0 || ftruncate(fd, pick(r, 8) * PAGE))
                sched_yield();
            flock(fd, pick(r, 2) ? LOCK_EX | LOCK_NB : LOCK_SH);
            close(fd);
            break;
        case 5:
            fd = (int)syscall(PIDFD_OPEN, getpid(), 0);
            poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 0);
            close(fd);
            break;
        case 6:
            raw_brk(raw_brk(0) + (pick(r, 2) ? PAGE : -PAGE));
            break;
        case 7:
            link(DIR "/some", DIR "/linked");
            rename(DIR "/linked", DIR "/some");
            unlink(DIR "/linked");
            break;
        case 8:
            sigaction(SIGUSR1,
                      &(struct sigaction){.sa_handler = on_signal, .sa_flags = pick(r, 2) ? SA_RESTART : 0},
                      NULL);
            break;
        case 9:
            setitimer(ITIMER_REAL, &(struct itimerval){.it_value = {0, 300}}, NULL);
            break;
        case 10: {
            void *at = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

            if (at != MAP_FAILED) {
                *(volatile char *)at = 1;
                munmap(at, 4 * PAGE);
            }
            break;
        }
        default:
            getcwd((char *)page, PAGE);
        }
    }
}

static void end_or_not(struct racer *r)
{
    any_call(r);
    if (pick(r, 3) == 0)
        end_all(r);
}

static void round_any(void)
{
    setpgid(0, 0);
    signal(SIGUSR1, on_signal);
    signal(SIGALRM, on_signal);
    race(4, (void (*const[])(struct racer *)){any_call, any_call, any_call, end_or_not});
    kill(0, SIGKILL);
}

/* --- a write to a disk that swap claims meanwhile --- */

#define DISK       "/dev/hdb" /* with a swap header; another disk has swap enough, so this one stays unused */
#define DISK_PAGES 64u
#define LABEL_AT   1052u /* of the header: a text that may be anything */

static uint8_t *disk_image[THREADS]; /* of each thread: what it writes; the last one's, what it has read */
static uint8_t disk_before[DISK_PAGES * PAGE];
static atomic_int swap_is_on, swap_done;

static void write_disk(struct racer *r)
{
    uint8_t *image = disk_image[r->number];
    int fd = open(DISK, O_RDWR);

    for (unsigned n = 0; fd >= 0 && !swap_done; n++) {
        bool on = swap_is_on;
        ssize_t done;

        memset(image + PAGE, (int)(r->number * 64 + n % 64), (DISK_PAGES - 1) * PAGE);
        image[LABEL_AT] = 'a' + n % 26;
        done = pwrite(fd, image, DISK_PAGES * PAGE, 0);
        shared->cut += done > 0 && done < (ssize_t)(DISK_PAGES * PAGE);
        if (done < 0 && errno != ETXTBSY)
            failed("a write to the disk: %s", strerror(errno));
        if (on && swap_is_on && done > 0)
            failed("%zd bytes written to a disk with swap", done);
        sched_yield();
    }
    close(fd);
}

static void read_disk(int fd, uint8_t *to)
{
    if (pread(fd, to, DISK_PAGES * PAGE, 0) != (ssize_t)(DISK_PAGES * PAGE))
        failed("reading the disk: %s", strerror(errno));
}

static void put_swap_on(struct racer *r)
{
    uint8_t *now = disk_image[r->number];
    int fd = open(DISK, O_RDONLY);

    for (unsigned n = 0; n < 6; n++) {
        for (unsigned i = pick(r, 40); i; i--)
            sched_yield();
        if (swapon(DISK, 0)) {
            failed("swapon: %s", strerror(errno));
            break;
        }
        read_disk(fd, disk_before);
        swap_is_on = 1;
        shared->swaps++;
        for (unsigned i = pick(r, 20); i; i--)
            sched_yield();
        usleep(2000);
        read_disk(fd, now);
        for (unsigned i = 0; i < DISK_PAGES; i++)
            if (memcmp(disk_before + i * PAGE, now + i * PAGE, PAGE) != 0)
                failed("page %u of the disk was written while it was swap", i);
        swap_is_on = 0;
        swapoff(DISK);
    }
    close(fd);
    swap_done = 1;
}

static void round_swap(void)
{
    int fd = open(DISK, O_RDONLY);

    if (fd < 0)
        return;
    swapoff(DISK); /* from the boot */
    for (unsigned i = 0; i < 3; i++) {
        disk_image[i] = malloc(DISK_PAGES * PAGE);
        read_disk(fd, disk_image[i]);
    }
    close(fd);
    swap_is_on = swap_done = 0;
    race(3, (void (*const[])(struct racer *)){write_disk, write_disk, put_swap_on});
}

/* --- rounds --- */

/* How a round's process may end, as bits. SIGNALLED: by a signal whose handler an exec has taken away. */
enum { ENDS_0 = 1, ENDS_7 = 2, ENDS_KILLED = 4, ENDS_SIGNALLED = 8 };

/* --- a number that is given again --- */

#define PIDS        301 /* the fewest that the kernel lets there be */
#define PIDS_BEFORE 32768
#define P_PIDFD_    3

static atomic_int waiting;
static int waited_fd, waited_rc, waited_status;

static void set_pid_max(int n)
{
    FILE *f = fopen("/proc/sys/kernel/pid_max", "w");

    if (f) {
        fprintf(f, "%d\n", n);
        fclose(f);
    }
}

static void *wait_by_descriptor(void *arg)
{
    siginfo_t info = {0};

    while (!waiting)
        usleep(1000);
    usleep(20000);
    waited_rc = (int)syscall(SYS_waitid, P_PIDFD_, waited_fd, &info, WEXITED, NULL);
    waited_status = info.si_status;
    return arg;
}

/* A child that ends a while after a byte came, or after it began. */
static pid_t child_that_ends(int fd, unsigned after_us, int status)
{
    pid_t pid = fork();
    char c;

    if (pid == 0) {
        if (fd >= 0 && read(fd, &c, 1) != 1)
            _exit(2);
        usleep(after_us);
        _exit(status);
    }
    return pid;
}

/* One waits for the child that a descriptor names; another takes that child and makes a new one, for which no
 * number is left but the same. */
static void round_number(void)
{
    pid_t first, other;
    pthread_t t;
    int go[2];

    if (pipe(go))
        return;
    first = child_that_ends(go[0], 60000, 1);
    waited_fd = (int)syscall(PIDFD_OPEN, first, 0);
    pthread_create(&t, NULL, wait_by_descriptor, NULL);
    set_pid_max(PIDS);
    while ((other = fork()) >= 0)
        if (other == 0)
            _exit(0);
    if (write(go[1], "", 1) != 1)
        return;
    waiting = 1;
    if (waitpid(first, NULL, 0) == first)
        child_that_ends(-1, 60000, 9);
    pthread_join(t, NULL);
    if (waited_rc == 0 && waited_status != 1)
        failed("waited for the next one with the same number");
    set_pid_max(PIDS_BEFORE);
    while (wait(NULL) > 0)
        ;
}

static void check_number(void)
{
    set_pid_max(PIDS_BEFORE);
}

static const struct kind {
    const char *name;
    void (*round)(void);
    void (*check)(void);
    unsigned ends;
} kind[] = {
    {"clone and the end", round_clone, NULL, ENDS_7 | ENDS_KILLED},
    {"exec and exec", round_exec, NULL, ENDS_7},
    {"exec and writers", round_writer, NULL, ENDS_0},
    {"locks and close", round_locks, check_locks, ENDS_0},
    {"brk and fork", round_brk, NULL, ENDS_0},
    {"segments", round_shm, NULL, ENDS_0},
    {"mounts", round_mount, NULL, ENDS_0},
    {"poll and descriptors", round_fds, NULL, ENDS_0},
    {"a number again", round_number, check_number, ENDS_0},
    {"any", round_any, NULL, ENDS_0 | ENDS_7 | ENDS_KILLED | ENDS_SIGNALLED},
    {"swap and writes", round_swap, NULL, ENDS_0},
};
#define KINDS (sizeof kind / sizeof kind[0])

static int64_t now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Children of a round that outlive it come to process 1, or here; those here are waited for. */
static void wait_for(pid_t pid, const struct kind *k)
{
    int64_t until = now_ms() + LIMIT_SECONDS * 1000;
    int status = 0;

    while (waitpid(pid, &status, WNOHANG) == 0) {
        if (now_ms() > until) {
            failed("the process does not end");
            kill(pid, SIGKILL);
            usleep(1000000);
            failed("a killed process %s", waitpid(pid, &status, WNOHANG) ? "ends" : "does not end");
            shared->stuck = 1;
            return;
        }
        usleep(2000);
    }
    if (!(WIFEXITED(status) && ((WEXITSTATUS(status) == 0 && k->ends & ENDS_0) ||
                                (WEXITSTATUS(status) == EXEC_STATUS && k->ends & ENDS_7))) &&
        !(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && k->ends & ENDS_KILLED) &&
        !(WIFSIGNALED(status) && (WTERMSIG(status) == SIGALRM || WTERMSIG(status) == SIGUSR1) &&
          k->ends & ENDS_SIGNALLED))
        failed("status %x", (unsigned)status);
}

static void one_round(const struct kind *k)
{
    pid_t pid;

    kind_name = k->name;
    shared->writing = 0;
    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        buf = mmap(NULL, THREADS * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        memset(buf, 1, THREADS * PAGE);
        k->round();
        _exit(0);
    }
    if (pid < 0) {
        failed("fork: %s", strerror(errno));
        return;
    }
    wait_for(pid, k);
    if (k->check)
        k->check();
}

static void copy_self(const char *to)
{
    static char block[16 * PAGE];
    int in = open("/proc/self/exe", O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0700);
    ssize_t n;

    if (in < 0 || out < 0)
        exit(2);
    while ((n = read(in, block, sizeof block)) > 0)
        if (write(out, block, (size_t)n) != n)
            exit(2);
    close(in);
    close(out);
}

/* What DIR/written does: as long as it runs, nobody has it open for writing. */
static int running(void)
{
    kind_name = "exec and writers";
    map_shared();
    round_seed = shared->seed;
    shared->executed++;
    for (unsigned n = 0; n < 30; n++) {
        if (shared->writing > 0) {
            failed("executed while it is open for writing");
            break;
        }
        sched_yield();
    }
    return 0;
}

int main(int argc, char **argv)
{
    unsigned seed, rounds = 0, done[KINDS] = {0};
    int64_t until;

    if (argc == 3 && strcmp(argv[1], "--executed") == 0)
        return atoi(argv[2]);
    if (argc == 2 && strcmp(argv[1], "--running") == 0)
        return running();
    if (argc < 3) {
        fprintf(stderr, "usage: races SEED SECONDS [KIND]\n");
        return 2;
    }
    seed = (unsigned)strtoul(argv[1], NULL, 0);
    mkdir(DIR, 0700);
    map_shared();
    memset(shared, 0, sizeof *shared);
    copy_self(program);
    copy_self(DIR "/written");
    until = now_ms() + atoi(argv[2]) * 1000;
    for (; now_ms() < until && shared->failures < 10 && !shared->stuck; rounds++) {
        unsigned which = argc > 3 ? (unsigned)atoi(argv[3]) : rounds;

        round_seed = seed * 1000003u + rounds;
        shared->seed = round_seed;
        one_round(&kind[which % KINDS]);
        done[which % KINDS]++;
    }
    for (unsigned i = 0; i < KINDS; i++)
        printf("races: %s: %u rounds\n", kind[i].name, done[i]);
    printf("races: executed %d, opened %d, denied %d\n", shared->executed, shared->opened, shared->denied);
    printf("races: swap put on %d times, %d writes cut short\n", shared->swaps, shared->cut);
    printf("races: done, seed %u, %u rounds, %d failed\n", seed, rounds, shared->failures);
    return shared->failures ? 1 : 0;
}
