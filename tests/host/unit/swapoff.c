/*
 * Two disks of equal or other priority that are taken off and put back all the time, while tasks use more
 * pages than there are frames: nobody is refused memory, no value is lost, an area that is put back has its
 * full size, and the last one cannot be taken off.
 */
#include "mm/errno.h"
#include "tests/host/fibers.h"
#include "tests/vtcheck.h"

#define TASKS      3u
#define FRAMES     160u
#define PAGES      90u  /* of each task: 1.7 times the frames in all */
#define DISK_PAGES 700u /* chunks of 512 and 188 slots */
#define BASE       ((vaddr_t)0x400000)

struct rig;

struct user {
    struct rig *rig;
    struct space *s;
    uint32_t value[PAGES];
};

struct rig {
    struct kt *kt;
    struct vt t;
    struct testdisk second;
    struct user user[TASKS];
    uint32_t rounds;
    unsigned working;           /* tasks that use memory and have not ended */
    uint32_t offs, refused, on; /* on: bits of the disks that are */
};

static struct testdisk *disk_of(struct rig *r, unsigned n)
{
    return n ? &r->second : &r->t.disk;
}

static bool disk_event(void *arg)
{
    struct rig *r = arg;
    unsigned first = kt_below(r->kt, 2);

    return testdisk_complete(disk_of(r, first)) || testdisk_complete(disk_of(r, !first));
}

static void daemon(void *arg)
{
    struct rig *r = arg;
    struct vm *vm = &r->t.vm;

    while (r->working) {
        if (!vm->daemon_kicked) {
            os_sleep(&vm->daemon_wait);
            continue;
        }
        vm->daemon_kicked = false;
        reclaim_daemon_round(vm);
        os_yield();
    }
}

/* Read or write one page of the task, or let a child have all of them for a while. */
static void use_memory(struct user *u)
{
    struct kt *kt = u->rig->kt;
    unsigned i = kt_below(kt, PAGES);
    vaddr_t va = BASE + i * (vaddr_t)PAGE_SIZE;
    struct space *child;

    switch (kt_below(kt, 400) ? kt_below(kt, 2) : 2) {
    case 0:
        READ(u->s, va, u->value[i]);
        break;
    case 1:
        u->value[i] = kt_random(kt);
        WRITE(u->s, va, u->value[i]);
        break;
    default:
        child = fork_of(kt, u->s);
        if (!child)
            break;
        WRITE(child, va, ~u->value[i]);
        READ(u->s, va, u->value[i]);
        os_yield();
        READ(child, va, ~u->value[i]);
        space_destroy(child);
    }
}

static void user_task(void *arg)
{
    struct user *u = arg;
    struct rig *r = u->rig;
    struct kt *kt = r->kt;

    for (uint32_t i = 0; i < r->rounds && !kt->failures; i++) {
        use_memory(u);
        if (kt_below(kt, 3) == 0)
            os_yield();
        if (kt_below(kt, 5000) == 0)
            EXPECT(vm_verify(&r->t.vm), "verification in round %u", i);
    }
    if (--r->working == 0)
        os_wake_all(&r->t.vm.daemon_wait);
}

static uint32_t slots_on(const struct rig *r)
{
    return (DISK_PAGES - 1) * (uint32_t)__builtin_popcount(r->on);
}

static void swap_task(void *arg)
{
    struct rig *r = arg;
    struct vm *vm = &r->t.vm;
    struct kt *kt = r->kt;

    while (r->working && !kt->failures) {
        unsigned n = kt_below(kt, 2);
        struct block_device *dev = &disk_of(r, n)->dev;
        int err;

        if (r->on >> n & 1) {
            bool last = r->on == 1u << n;

            err = swap_off(vm, dev, NULL);
            EXPECT(err == -ENOMEM || (!err && !last), "swap_off of %s: %d", last ? "the last" : "one", err);
            r->on &= ~(unsigned)(!err << n);
            r->offs += !err;
            r->refused += err != 0;
        } else {
            err = swap_on_at(vm, dev, (int)kt_below(kt, 2));
            EXPECT(err == 0, "swap_on %d", err);
            r->on |= 1u << n;
        }
        EXPECT(vm->swap.total == slots_on(r), "%u slots, of %u", vm->swap.total, slots_on(r));
        for (unsigned i = kt_below(kt, 30); i; i--)
            os_yield();
    }
}

TEST(swapoff, nobody_misses_memory)
{
    static struct rig rig;
    static const char *const names[TASKS] = {"user 0", "user 1", "user 2"};
    struct rig *r = &rig;

    memset(r, 0, sizeof *r);
    r->kt = kt;
    r->rounds = kt_rounds(kt, 60000);
    if (!vt_begin(&r->t, kt, FRAMES, FRAMES * 2 / 5, DISK_PAGES))
        return;
    void *data = kt_alloc(DISK_PAGES * PAGE_SIZE);

    REQUIRE(data, "memory");
    testdisk_init(&r->second, r->t.pool, data, DISK_PAGES);
    testdisk_mkswap(&r->second, NULL, 0);
    r->on = 1;
    for (unsigned i = 0; i < TASKS; i++) {
        struct user *u = &r->user[i];

        u->rig = r;
        REQUIRE((u->s = space_create(&r->t.vm)) != NULL, "space");
        map_at(kt, u->s, BASE, PAGES, RW);
        for (unsigned k = 0; k < PAGES; k++) {
            u->value[k] = kt_random(kt);
            WRITE(u->s, BASE + k * (vaddr_t)PAGE_SIZE, u->value[k]);
        }
        fiber_start(names[i], user_task, u);
    }
    r->working = TASKS;
    fiber_start("swap", swap_task, r);
    fiber_start("daemon", daemon, r);
    r->t.disk.delayed = r->second.delayed = true;
    fibers_event(disk_event, r);
    kt_capture_begin(); /* each area that comes and goes is logged */
    bool alive = fibers_run(kt);

    kt_capture_end();
    REQUIRE(alive, "a deadlock");
    r->t.disk.delayed = r->second.delayed = false;
    while (testdisk_complete(&r->t.disk) || testdisk_complete(&r->second))
        ;
    kt_note(kt, "%u switches, %u times off, %u times refused; %u pages out, %u in",
            (unsigned)fibers_switches(), r->offs, r->refused, (unsigned)r->t.vm.swap.pages_out,
            (unsigned)r->t.vm.swap.pages_in);
    EXPECT(r->offs && r->refused, "something was never reached");
    for (unsigned i = 0; i < TASKS; i++) {
        for (unsigned k = 0; k < PAGES; k++)
            READ(r->user[i].s, BASE + k * (vaddr_t)PAGE_SIZE, r->user[i].value[k]);
        space_destroy(r->user[i].s);
    }
    vt_end(&r->t);
    kt_release(data);
}
