/*
 * Threads of several processes in kernel/fs: descriptors, pipes, polls, sets, locks, segments and mounts, at
 * random and in a seeded order. ASan sees what is used after its end; what is left afterwards, and what
 * the calls say that they may not, is seen here.
 */
#include "kernel/fs/epoll_parts.h"
#include "kernel/fs/eventfd.h"
#include "kernel/fs/fcntl.h"
#include "kernel/fs/pipe.h"
#include "kernel/fs/poll.h"
#include "kernel/ipc/shm.h"
#include "tests/host/rooms/files.h"

#define STEPS 150u

static struct kt *of_kt;

static unsigned draw(unsigned n)
{
    return kt_below(of_kt, n);
}

/* Interrupt somebody now and then, so that nobody waits for ever. */
static void interrupt(void *arg)
{
    struct waitq nobody = {0};

    (void)arg;
    while (rooms_alive()) {
        rooms_interrupt(rooms_any_thread(of_kt));
        os_sleep_until(&nobody, os_now_ns() + 1000 + draw(100000));
    }
}

/* --- descriptors --- */

#define NUMBERS 10u

static int any_fd(void)
{
    return (int)draw(NUMBERS);
}

static void give(struct file *f)
{
    if (draw(2)) {
        if (fd_install(f, 0, false) < 0)
            file_put(f);
    } else if (fd_replace(f, any_fd(), false) < 0) {
        file_put(f);
    }
}

static void open_something(void)
{
    struct file *a, *b;
    int fd;

    switch (draw(5)) {
    case 4:
        epoll_create(0);
        break;
    case 0:
        if (pipe_create(draw(2) ? O_NONBLOCK : 0, &a, &b) == 0) {
            give(a);
            give(b);
        }
        break;
    case 1:
        eventfd_create(draw(2), draw(2) ? O_NONBLOCK : 0);
        break;
    case 2:
        fd = fd_reserve(0, false);
        if (fd < 0)
            break;
        if (file_open(NULL, "/tmp/locked", O_RDWR | O_CREAT, 0600, &a) == 0)
            fd_fill(fd, a);
        else
            fd_unreserve(fd);
        break;
    default:
        if (file_open(NULL, draw(2) ? "/tmp/locked" : "/tmp/other", O_RDWR | O_CREAT, 0600, &a) == 0)
            give(a);
    }
}

static void transfer(void)
{
    struct file *f = fd_get(any_fd());

    if (!f)
        return;
    if (draw(2))
        file_read(f, rooms_user(), draw(2) ? 8 : draw(3000), NULL);
    else
        file_write(f, rooms_user(), draw(2) ? 8 : draw(3000), NULL);
    if (draw(8) == 0)
        pipe_set_size(f, PAGE_SIZE << draw(4));
    file_put(f);
}

static void lock(void)
{
    struct {
        int16_t type, whence;
        int32_t start, size, pid;
    } *l = rooms_memory();
    static const unsigned cmd[] = {F_SETLKW, F_SETLKW, F_SETLK, F_GETLK};
    int fd = any_fd();
    struct file *f = fd_get(fd);

    if (!f)
        return;
    l->type = (int16_t)draw(3);
    l->whence = 0;
    l->start = (int32_t)draw(8);
    l->size = (int32_t)draw(8);
    if (draw(5) == 0)
        flock_lock(f, 1u << draw(2) | (draw(2) ? 4 : 0));
    else
        fcntl_lock(f, fd, cmd[draw(4)], rooms_user());
    file_put(f);
}

static void poll_some(void)
{
    struct pollfd p[POLL_INLINE + 4];
    uint32_t n = 1 + draw(POLL_INLINE + 4);
    int ready;

    for (uint32_t i = 0; i < n; i++)
        p[i] = (struct pollfd){.fd = any_fd(), .events = (int16_t)(1u << 2 * draw(2))};
    ready = poll_all(p, n, draw(4) ? os_now_ns() + draw(200000) : 1);
    if (ready > (int)n)
        kt_fail(of_kt, __FILE__, __LINE__, "poll", "%d of %u", ready, n);
}

static void watch_some(void)
{
    struct epoll_event e = {.events = 1u << 2 * draw(2)};

    if (draw(3) == 0)
        e.events |= draw(2) ? EPOLLET : EPOLLONESHOT;
    if (draw(8) == 0)
        e.events |= EPOLLEXCLUSIVE;
    epoll_control(any_fd(), 1 + draw(3), any_fd(), &e);
    if (draw(2))
        epoll_wait(any_fd(), rooms_user(), 1 + draw(20), draw(4) ? os_now_ns() + draw(200000) : 1);
    if (!epoll_verify())
        kt_fail(of_kt, __FILE__, __LINE__, "sets", "are not what they should be");
}

static void leave_table(struct thread *t)
{
    struct fd_table *copy = fd_table_copy(t->files), *old = t->files;

    if (!copy)
        return;
    t->files = copy;
    fd_table_put(old);
}

static void use_descriptors(struct thread *t)
{
    for (unsigned n = 0; n < STEPS; n++) {
        struct file *f;

        rooms_forget();
        switch (draw(16)) {
        case 12:
        case 13:
        case 14:
            watch_some();
            break;
        case 0:
        case 1:
            open_something();
            break;
        case 2:
            fd_close(any_fd());
            break;
        case 3:
            f = fd_get(any_fd());
            if (f)
                give(f);
            break;
        case 4:
        case 5:
        case 6:
            poll_some();
            break;
        case 7:
        case 8:
            lock();
            break;
        case 9:
            if (draw(20) == 0)
                leave_table(t);
            break;
        default:
            transfer();
        }
    }
}

static void no_lock_is_left(struct kt *kt, const char *path)
{
    struct inode *i;

    if (path_lookup(NULL, path, 0, &i))
        return;
    EXPECT(!i->locks, "%s is locked, and nobody is there who could have done it", path);
    EXPECT(!i->writers, "%s has %u writers, and nobody has it open", path, i->writers);
    inode_put(i);
}

static void race(struct kt *kt, void (*fn)(struct thread *t), unsigned processes, unsigned of_each)
{
    of_kt = kt;
    for (unsigned p = 0; p < processes; p++) {
        struct process *owner = rooms_process((int)p + 2);

        for (unsigned n = 0; n < of_each; n++)
            rooms_thread(owner, "racer", fn);
    }
    fiber_start("interrupter", interrupt, NULL);
    EXPECT(fibers_run(kt), "somebody waits for ever");
}

TEST(roomrace, descriptors)
{
    for (unsigned round = 0; round < 60 && !kt->failures; round++) {
        rooms_begin(kt);
        race(kt, use_descriptors, 2, 3);
        no_lock_is_left(kt, "/tmp/locked");
        no_lock_is_left(kt, "/tmp/other");
        rooms_end(kt);
    }
}

/* --- sets --- */

#define TOKENS 40u

/* Threads that share a set, and what it watches: counters that tokens are put into one by one. */
static struct {
    int set, counter[2], stop;
    uint32_t how; /* EPOLLET, EPOLLONESHOT, or neither */
    unsigned put, taken;
    bool ready;
} shared;

static void wait_until_ready(void)
{
    while (!shared.ready)
        os_yield();
}

static void arm(uint32_t op, int fd)
{
    struct epoll_event e = {.events = POLLIN | (fd == shared.stop ? 0 : shared.how), .data = {(uint32_t)fd}};

    while (epoll_control(shared.set, op, fd, &e) == -ENOMEM)
        ;
}

/* Add one to a counter, or take one: whether it has. A copy may fail; what was taken is gone all the same. */
static bool put_one(int fd)
{
    struct file *f = fd_get(fd);
    int done;

    *(uint64_t *)rooms_memory() = 1;
    done = file_write(f, rooms_user(), 8, NULL);
    file_put(f);
    return done == 8;
}

static bool take_one(int fd)
{
    struct file *f = fd_get(fd);
    int done = file_read(f, rooms_user(), 8, NULL);

    file_put(f);
    return done == 8 || done == -EFAULT;
}

static void take_tokens(struct thread *t)
{
    (void)t;
    wait_until_ready();
    while (shared.taken < 2 * TOKENS) {
        struct epoll_event *e = (struct epoll_event *)((char *)rooms_memory() + 64);
        int n = epoll_wait(shared.set, rooms_user() + 64, 2, 0);

        for (int i = 0; i < n; i++) {
            int fd = (int)e[i].data[0];

            if (fd == shared.stop)
                continue;
            while (take_one(fd) && ++shared.taken && shared.how & EPOLLET)
                ;
            if (shared.how & EPOLLONESHOT)
                arm(EPOLL_CTL_MOD, fd);
        }
    }
    while (!put_one(shared.stop))
        ;
}

static void put_tokens(struct thread *t)
{
    (void)t;
    wait_until_ready();
    for (unsigned n = 0; n < TOKENS;)
        n += put_one(shared.counter[shared.put++ % 2]);
}

static void begin_sets(void)
{
    while ((shared.set = epoll_create(0)) < 0)
        ;
    while ((shared.stop = eventfd_create(0, O_NONBLOCK)) < 0)
        ;
    arm(EPOLL_CTL_ADD, shared.stop);
    for (unsigned i = 0; i < 2; i++) {
        while ((shared.counter[i] = eventfd_create(0, O_NONBLOCK | 1)) < 0)
            ;
        arm(EPOLL_CTL_ADD, shared.counter[i]);
    }
    shared.put = shared.taken = 0;
    shared.ready = true;
}

/* Make the set; then others come and go in it, and what is there is changed to the same. */
static void disturb(struct thread *t)
{
    (void)t;
    begin_sets();
    for (unsigned n = 0; n < TOKENS; n++) {
        int fd = eventfd_create(1, O_NONBLOCK);

        if (fd >= 0) {
            struct epoll_event e = {.events = POLLIN | EPOLLET, .data = {(uint32_t)shared.stop}};

            epoll_control(shared.set, EPOLL_CTL_ADD, fd, &e);
            if (draw(2))
                epoll_control(shared.set, EPOLL_CTL_DEL, fd, &e);
            fd_close(fd);
        }
        arm(EPOLL_CTL_MOD, shared.counter[draw(2)]);
    }
}

/* Nobody is interrupted: if an event is lost somebody waits for ever. */
TEST(roomrace, sets)
{
    static const uint32_t how[] = {0, EPOLLET, EPOLLONESHOT, EPOLLET | EPOLLONESHOT};
    static void (*const fn[])(struct thread *) = {take_tokens, take_tokens, take_tokens,
                                                  put_tokens,  put_tokens,  disturb};

    of_kt = kt;
    for (unsigned round = 0; round < 80 && !kt->failures; round++) {
        struct process *owner;

        rooms_begin(kt);
        shared.how = how[round % 4];
        shared.ready = false;
        owner = rooms_process(2);
        for (unsigned i = 0; i < 6; i++)
            rooms_thread(owner, "racer", fn[i]);
        EXPECT(fibers_run(kt), "round %u: somebody waits for ever", round);
        EXPECT(shared.taken == 2 * TOKENS, "%u of %u were taken", shared.taken, 2 * TOKENS);
        rooms_end(kt);
    }
}

/* A set with three items, one of which is a set and one ready, and each of its invariants broken in turn. */
static void break_sets(struct thread *t)
{
    struct kt *kt = of_kt;
    struct epoll *s;
    struct epoll_item *it;

    int inner;

    (void)t;
    begin_sets();
    s = epoll_all;
    while (!put_one(shared.counter[0]))
        ;
    while ((inner = epoll_create(0)) < 0)
        ;
    arm(EPOLL_CTL_ADD, inner);
    EXPECT(epoll_verify(), "sets that nobody has broken");
    KT_BREAK(epoll_verify(), "INV-EPOLL-1", s->count, s->count + 1);
    it = s->ready_first;
    KT_BREAK(epoll_verify(), "INV-EPOLL-1", it->fd, it->fd + 1);
    KT_BREAK(epoll_verify(), "INV-EPOLL-1", it->file->watches, NULL);
    KT_BREAK(epoll_verify(), "INV-EPOLL-2", it->ready, false);
    KT_BREAK(epoll_verify(), "INV-EPOLL-2", s->ready_last, NULL);
    KT_BREAK(epoll_verify(), "INV-EPOLL-3", it->place[0].item, NULL);
    KT_BREAK(epoll_verify(), "INV-EPOLL-3", it->places, EPOLL_PLACES + 1);
    KT_BREAK(epoll_verify(), "INV-EPOLL-4", s->nested, NULL);
    KT_BREAK(epoll_verify(), "INV-EPOLL-5", epoll_all, NULL);
}

TEST(roomrace, broken_sets)
{
    of_kt = kt;
    rooms_begin(kt);
    rooms_thread(rooms_process(2), "breaker", break_sets);
    EXPECT(fibers_run(kt), "somebody waits for ever");
    rooms_end(kt);
}

/* --- segments --- */

static uint32_t last_segment;

static void use_segments(struct thread *t)
{
    (void)t;
    for (unsigned n = 0; n < STEPS; n++) {
        vaddr_t at = 0;
        int id;

        rooms_forget();
        switch (draw(6)) {
        case 0:
        case 1:
            id = shm_get(1 + draw(2), PAGE_SIZE, 01000 | 0600);
            if (id >= 0)
                last_segment = (uint32_t)id;
            break;
        case 2:
            if (shm_attach(last_segment, &at, 0) == 0 && draw(4))
                shm_detach(at);
            break;
        default:
            shm_control(last_segment, draw(3), rooms_user(), draw(2));
        }
        const struct ipc_perm *a, *b;

        for (uint32_t i = 0; (a = ipc_from(&shm_ids, &i)) != NULL; i++)
            for (uint32_t j = i + 1; (b = ipc_from(&shm_ids, &j)) != NULL; j++)
                if (a->key && a->key == b->key)
                    kt_fail(of_kt, __FILE__, __LINE__, "one segment", "has key %u", a->key);
    }
}

TEST(roomrace, segments)
{
    for (unsigned round = 0; round < 60 && !kt->failures; round++) {
        rooms_begin(kt);
        race(kt, use_segments, 2, 3);
        rooms_end(kt);
    }
}

/* --- mounts --- */

static void use_mounts(struct thread *t)
{
    (void)t;
    for (unsigned n = 0; n < STEPS; n++) {
        struct inode *i;
        struct file *f;

        rooms_forget();
        switch (draw(6)) {
        case 0:
            if (path_lookup(NULL, "/tmp/m", LOOKUP_DIRECTORY, &i) == 0) {
                vfs_mount(i, "tmpfs", "none", 0, NULL);
                inode_put(i);
            }
            break;
        case 1:
            if (path_lookup(NULL, "/tmp/m", LOOKUP_DIRECTORY, &i) == 0)
                vfs_umount(i, draw(3) ? 0 : UMOUNT_DETACH);
            break;
        case 2:
            vfs_mknod(NULL, draw(2) ? "/tmp/m" : "/tmp/m/a", S_IFDIR | 0700, 0);
            break;
        case 3:
            vfs_unlink(NULL, draw(2) ? "/tmp/m/a/file" : "/tmp/m/a", draw(2));
            vfs_rename(NULL, "/tmp/m/a", NULL, "/tmp/m/b", 0);
            break;
        default:
            if (file_open(NULL, "/tmp/m/a/../a/file", O_RDWR | O_CREAT, 0600, &f) == 0) {
                file_write(f, rooms_user(), 100, NULL);
                if (f->inode->fs->type->magic != 0x01021994)
                    kt_fail(of_kt, __FILE__, __LINE__, "a tmpfs", "is %x", f->inode->fs->type->magic);
                file_put(f);
            }
        }
    }
}

TEST(roomrace, mounts)
{
    for (unsigned round = 0; round < 60 && !kt->failures; round++) {
        rooms_begin(kt);
        vfs_mknod(NULL, "/tmp/m", S_IFDIR | 0700, 0);
        race(kt, use_mounts, 2, 3);
        rooms_end(kt);
    }
}
