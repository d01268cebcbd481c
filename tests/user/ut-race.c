/*
 * What one thread does to descriptors, segments and positions while another is in the middle of a call. A
 * buffer that was sent to swap makes the kernel sleep where it copies; where nothing is swapped these are
 * ordinary calls.
 */
#include "tests/user/ut.h"
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ipc.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/shm.h>

#define RW            (PROT_READ | PROT_WRITE)
#define PAGEOUT       21 /* MADV_PAGEOUT */
#define CLOSE_RANGE   436
#define CLOSE_UNSHARE 2

static int pipe_a[2], pipe_b[2], pipe_c[2];
static volatile int started, result;

static pthread_t start(void *(*fn)(void *), void *arg)
{
    pthread_t t;

    started = 0;
    pthread_create(&t, NULL, fn, arg);
    while (!started)
        usleep(1000);
    return t;
}

/* Send a page to swap, where there is one, and give its write the time that it needs. */
static void page_out(void *p, size_t size)
{
    madvise(p, size, PAGEOUT);
}

/* --- poll and select --- */

static struct pollfd polled[2];

static void *poll_both(void *arg)
{
    started = 1;
    result = poll(polled, 2, 5000);
    return arg;
}

static void fill(int fd)
{
    static char block[PAGE];

    fcntl(fd, F_SETFL, O_NONBLOCK);
    while (write(fd, block, sizeof block) > 0)
        ;
}

/* A poller that is woken for nothing asks again, and by then the number is another file's, which then goes.
 * */
static void poll_replaced(void)
{
    char c;
    pthread_t t;

    PART("poll: a descriptor names another file when the poller looks again");
    if (pipe(pipe_a) || pipe(pipe_b) || pipe(pipe_c))
        return;
    fill(pipe_b[1]);
    polled[0] = (struct pollfd){.fd = pipe_a[0], .events = POLLIN};
    polled[1] = (struct pollfd){.fd = pipe_b[1], .events = POLLOUT};
    t = start(poll_both, NULL);
    usleep(50000);
    TRY(dup2(pipe_c[0], pipe_a[0]) == pipe_a[0]);
    close(pipe_c[0]);
    TRY(read(pipe_b[0], &c, 1)); /* wakes, and there is no room yet */
    usleep(50000);
    close(pipe_c[1]);
    close(pipe_a[0]); /* the last of c */
    for (unsigned i = 0; i < 32; i++) {
        int p[2];

        if (pipe(p))
            return;
        if (write(p[1], "x", 1) != 1 || read(p[0], &c, 1) != 1)
            ut_say("a pipe does not work");
        close(p[0]);
        close(p[1]);
    }
    for (unsigned i = 0; i < 4; i++) {
        static char block[PAGE];

        if (read(pipe_b[0], block, sizeof block) < 0)
            break;
    }
    pthread_join(t, NULL);
    SHOW(result > 0);
    close(pipe_a[1]);
    close(pipe_b[0]);
    close(pipe_b[1]);
}

static void poll_follows(void)
{
    pthread_t t;

    PART("poll: the file that the number names is told about, not the one that it named");
    if (pipe(pipe_a) || pipe(pipe_b) || pipe(pipe_c))
        return;
    polled[0] = (struct pollfd){.fd = pipe_a[0], .events = POLLIN};
    polled[1] = (struct pollfd){.fd = pipe_b[0], .events = POLLIN};
    t = start(poll_both, NULL);
    usleep(50000);
    TRY(write(pipe_c[1], "x", 1));
    TRY(dup2(pipe_c[0], pipe_a[0]) == pipe_a[0]);
    TRY(write(pipe_b[1], "x", 1));
    pthread_join(t, NULL);
    SHOW(result);
    SHOW(polled[0].revents);
    SHOW(polled[1].revents);
    for (unsigned i = 0; i < 2; i++) {
        close(pipe_a[i]);
        close(pipe_b[i]);
        close(pipe_c[i]);
    }
}

/* --- descriptors --- */

static void *unshare_and_close(void *arg)
{
    result = (int)syscall(CLOSE_RANGE, 3u, ~0u, CLOSE_UNSHARE);
    started = 1;
    ut_result("its own", fcntl((int)(uintptr_t)arg, F_GETFD));
    return NULL;
}

static void unshared(void)
{
    int fd = open("unshared", O_RDWR | O_CREAT, 0600);
    pthread_t t;

    PART("a thread that leaves the shared table closes its own descriptors only");
    t = start(unshare_and_close, (void *)(uintptr_t)fd);
    pthread_join(t, NULL);
    SHOW(result);
    ut_result("the others'", fcntl(fd, F_GETFD));
    TRY(write(fd, "x", 1));
    close(fd);
}

static volatile bool stop;

static void *open_and_close(void *arg)
{
    (void)arg;
    started = 1;
    while (!stop) {
        int fd = open("unshared", O_RDWR);

        if (fd < 0 || fcntl(fd, F_GETFD) < 0 || close(fd) < 0) {
            ut_result("a descriptor that nobody else touches", -1);
            break;
        }
    }
    return NULL;
}

static void *unshare_repeatedly(void *arg)
{
    for (unsigned i = 0; i < 50; i++)
        if (syscall(CLOSE_RANGE, 3u, ~0u, CLOSE_UNSHARE))
            ut_result("close_range", -1);
    return arg;
}

static void unshared_race(void)
{
    pthread_t opener, closer;

    PART("opening while other threads leave the table");
    stop = false;
    opener = start(open_and_close, NULL);
    for (unsigned i = 0; i < 20; i++) {
        pthread_create(&closer, NULL, unshare_repeatedly, NULL);
        pthread_join(closer, NULL);
    }
    stop = true;
    pthread_join(opener, NULL);
}

static void *open_fifo(void *arg)
{
    started = 1;
    result = open("fifo", O_RDONLY);
    return arg;
}

static void reserved(void)
{
    int next, writer;
    pthread_t t;

    PART("a number that is being opened is taken, and cannot be replaced");
    mkfifo("fifo", 0600);
    next = dup(STDOUT_FILENO);
    close(next);
    t = start(open_fifo, NULL);
    usleep(50000);
    ut_result("close", close(next));
    ut_result("dup2", dup2(STDOUT_FILENO, next));
    ut_result("dup3", syscall(SYS_dup3, STDOUT_FILENO, next, O_CLOEXEC));
    ut_result("fcntl", fcntl(next, F_GETFD));
    ut_say("the next one: %d more", dup(STDOUT_FILENO) - next);
    close(next + 1);
    writer = open("fifo", O_WRONLY);
    pthread_join(t, NULL);
    ut_say("the open: %s", result == next ? "that number" : "another number");
    close(writer);
    close(next);

    PART("without a number a call has no effect");
    struct rlimit old, few = {(rlim_t)next, 0};
    int p[2] = {-7, -7};

    getrlimit(RLIMIT_NOFILE, &old);
    few.rlim_max = old.rlim_max;
    setrlimit(RLIMIT_NOFILE, &few);
    TRY(open("never", O_RDWR | O_CREAT, 0600));
    TRY(open("unshared", O_RDWR | O_TRUNC));
    TRY(access("never", F_OK));
    few.rlim_cur = (rlim_t)next + 1;
    setrlimit(RLIMIT_NOFILE, &few);
    TRY(pipe(p));
    ut_say("%d %d", p[0], p[1]);
    setrlimit(RLIMIT_NOFILE, &old);
    struct stat s;
    TRY(stat("unshared", &s));
    SHOW(s.st_size);
    TRY(pipe((int *)8));
    ut_say("the next one: %d more", dup(STDOUT_FILENO) - next);
    close(next);
}

/* --- one position for two --- */

#define PIECES 256u

static void piece_names(int fd)
{
    static uint32_t block[PAGE / 4];

    for (unsigned i = 0; i < PIECES; i++) {
        for (unsigned k = 0; k < PAGE / 4; k++)
            block[k] = i;
        if (write(fd, block, sizeof block) != sizeof block)
            exit(1);
    }
    lseek(fd, 0, SEEK_SET);
}

/* Count the pieces that this process gets. */
static void take_pieces(int fd, volatile uint8_t *seen)
{
    uint32_t *buf = (uint32_t *)ut_map(1, RW);

    buf[0] = 1;
    for (;;) {
        page_out(buf, PAGE);
        if (read(fd, buf, PAGE) != (ssize_t)PAGE)
            break;
        if (buf[0] < PIECES && buf[0] == buf[PAGE / 4 - 1])
            seen[buf[0]]++;
        else
            ut_say("half a piece");
    }
}

static void positions(void)
{
    volatile uint8_t *seen = mmap(NULL, 2 * PIECES, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int fd = open("pieces", O_RDWR | O_CREAT, 0600);
    unsigned once = 0;
    pid_t child;

    PART("two processes with one position read each piece once");
    piece_names(fd);
    child = fork();
    take_pieces(fd, child ? seen : seen + PIECES);
    if (child == 0)
        _exit(0);
    waitpid(child, NULL, 0);
    for (unsigned i = 0; i < PIECES; i++)
        once += seen[i] + seen[PIECES + i] == 1;
    SHOW(once);
    close(fd);
}

/* --- shared memory segments --- */

#define SHMCTL  396
#define DS_MODE 20 /* of the kernel's struct, as two bytes */

static int segment;
static uint8_t *set_to;

static void *set_mode(void *arg)
{
    started = 1;
    result = syscall(SHMCTL, segment, IPC_SET, set_to) ? errno : 0;
    return arg;
}

/* A segment goes while another thread's shmctl() fetches what it is to set. */
static bool set_while_it_goes(uint8_t *more, size_t size)
{
    int other[8];
    bool right = true;
    pthread_t t;

    *(uint16_t *)(set_to + DS_MODE) = 0123;
    segment = shmget(IPC_PRIVATE, PAGE, 0600);
    page_out(set_to, PAGE);
    memset(more, 1, size);
    page_out(more, size); /* by the end of this the first page is written, and its frame free */
    usleep(20000);
    started = 0;
    pthread_create(&t, NULL, set_mode, NULL);
    while (!started)
        sched_yield();
    sched_yield();
    shmctl(segment, IPC_RMID, NULL);
    for (unsigned i = 0; i < 8; i++)
        other[i] = shmget(IPC_PRIVATE, PAGE, 0600);
    pthread_join(t, NULL);
    for (unsigned i = 0; i < 8; i++) {
        struct shmid_ds ds;

        if (shmctl(other[i], IPC_STAT, &ds) || (ds.shm_perm.mode & 0777) != 0600)
            right = false;
        shmctl(other[i], IPC_RMID, NULL);
    }
    return right && (result == 0 || result == EINVAL || result == EIDRM);
}

static void segment_goes(void)
{
    size_t size = 1u << 20;
    uint8_t *more = ut_map(size / PAGE, RW);
    unsigned right = 0;

    PART("IPC_SET of a segment that is removed meanwhile");
    set_to = ut_map(1, RW);
    for (unsigned i = 0; i < 10; i++)
        right += set_while_it_goes(more, size);
    SHOW(right);
    munmap(more, size);
    munmap(set_to, PAGE);
}

static void attributes(void)
{
    int id = shmget(IPC_PRIVATE, 3 * PAGE, 0600);
    uint8_t *at = shmat(id, NULL, 0);
    struct shmid_ds ds;

    PART("a segment that is removed lives as long as it is attached");
    TRY(syscall(SHMCTL, id, IPC_STAT, 8));
    TRY(syscall(SHMCTL, id, IPC_SET, 8));
    TRY(syscall(SHMCTL, id + 1, IPC_SET, 8));
    TRY(shmctl(id, IPC_RMID, NULL));
    TRY(shmctl(id, IPC_STAT, &ds));
    SHOW(ds.shm_perm.mode & 01777);
    SHOW(ds.shm_nattch);
    TRY(munmap(at + PAGE, PAGE));
    TRY(shmdt(at + PAGE));
    TRY(shmdt(at));
    READ(at);
    READ(at + 2 * PAGE);
    TRY(shmdt(at));
    TRY(shmctl(id, IPC_STAT, &ds));
}

#define TURNS 200u

/* Processes that ask for a segment by its key at the same time are given the same. */
static void one_for_a_key(void)
{
    volatile int *said = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    key_t key = 0x51000000 + getpid();
    unsigned same = 0;

    PART("a key leads to one segment");
    for (unsigned turn = 0; turn < TURNS; turn++) {
        pid_t child = fork();

        said[!child] = shmget(key, PAGE, IPC_CREAT | 0600);
        if (child == 0)
            _exit(0);
        waitpid(child, NULL, 0);
        same += said[0] == said[1] && said[0] >= 0;
        shmctl(said[0], IPC_RMID, NULL);
        if (said[0] != said[1])
            shmctl(said[1], IPC_RMID, NULL);
    }
    SHOW(same);
}

/* --- a mapping that another thread replaces --- */

static uint8_t *shared_place;
static volatile int stop_remapping;

static void *remap_always(void *arg)
{
    started = 1;
    while (!stop_remapping) {
        syscall(SYS_remap_file_pages, shared_place, PAGE, 0, 1, 0);
        sched_yield();
    }
    return arg;
}

/* What was shared when remap_file_pages() looked may be somebody's private memory when it acts. */
static void remapped(void)
{
    int fd = (int)syscall(SYS_memfd_create, "remapped", 0);
    unsigned replaced = 0;
    pthread_t t;

    PART("remap_file_pages of what is shared no more");
    ftruncate(fd, 2 * PAGE);
    shared_place = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 0);
    t = start(remap_always, NULL);
    for (unsigned turn = 0; turn < TURNS; turn++) {
        mmap(shared_place, 2 * PAGE, RW, MAP_SHARED | MAP_FIXED, fd, 0);
        sched_yield();
        mmap(shared_place, 2 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        shared_place[0] = 42;
        for (unsigned i = 0; i < 3; i++)
            sched_yield();
        replaced += shared_place[0] != 42;
        shared_place[0] = 0;
    }
    stop_remapping = 1;
    pthread_join(t, NULL);
    SHOW(replaced);
    munmap(shared_place, 2 * PAGE);
    close(fd);
}

UT_PROGRAM(race)
{
    ut_workdir();
    poll_replaced();
    poll_follows();
    unshared();
    unshared_race();
    reserved();
    positions();
    segment_goes();
    attributes();
    one_for_a_key();
    remapped();
}
