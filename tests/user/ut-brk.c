/* brk and the stack: memory that grows. */
#include "tests/user/ut.h"
#include <sys/resource.h>

static uintptr_t brk_to(uintptr_t to)
{
    return (uintptr_t)syscall(SYS_brk, to);
}

static void heap(void)
{
    uintptr_t now = brk_to(0), base = (now + PAGE - 1) / PAGE * PAGE;
    uint8_t *p = (uint8_t *)base;

    PART("brk");
    SHOW(brk_to(base) == base);
    SHOW(brk_to(base + 4 * PAGE) == base + 4 * PAGE);
    SHOW(ut_all(p, 4 * PAGE, 0));
    memset(p, 0xbb, 4 * PAGE);
    ut_say("%s", ut_bytes(p, 5));
    SHOW(brk_to(base + PAGE + 1) == base + PAGE + 1);
    ut_say("%s", ut_bytes(p, 5));
    SHOW(brk_to(base + 4 * PAGE) == base + 4 * PAGE);
    ut_say("%s", ut_bytes(p, 5));
    SHOW(p[PAGE + 5]);
    SHOW(ut_all(p + 2 * PAGE, 2 * PAGE, 0));
    ut_say("%s", ut_maps(p, 5 * PAGE));
    /* What cannot be leaves it as it is. */
    SHOW(brk_to(1) == base + 4 * PAGE);
    PART("an obstacle above");
    uint8_t *wall =
        mmap(p + 8 * PAGE, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    SHOW(wall == p + 8 * PAGE);
    SHOW(brk_to(base + 9 * PAGE) == base + 4 * PAGE);
    SHOW(brk_to(base + 6 * PAGE) == base + 6 * PAGE);
    munmap(wall, PAGE);
    PART("the heap is an ordinary mapping");
    TRY(munmap(p + PAGE, PAGE));
    TRY(mprotect(p + 2 * PAGE, PAGE, PROT_READ));
    ut_say("%s", ut_bytes(p, 6));
    WRITE(p + 2 * PAGE, 1);
    ut_say("%s", ut_maps(p, 6 * PAGE));
    SHOW(brk_to(base) == base);
    ut_say("%s", ut_maps(p, 6 * PAGE));
    SHOW(brk_to(now) == now);
}

/* Uses about `bytes` of stack, all of it. */
static __attribute__((noinline)) unsigned deep(size_t bytes)
{
    volatile uint8_t room[2 * PAGE];
    unsigned sum = 0;

    for (unsigned i = 0; i < sizeof room; i += 512)
        sum += room[i] = 1;
    if (bytes > sizeof room)
        sum += deep(bytes - sizeof room);
    /* The room must still be there after the call. */
    return sum + room[0];
}

static void stack(void)
{
    struct rlimit limit;
    volatile uintptr_t here = (uintptr_t)__builtin_frame_address(0);

    PART("the stack grows by being used");
    SHOW(deep(2u << 20) > 0);
    /* A big jump down is still the stack. */
    SHOW(ut_all((uint8_t *)(here - (4u << 20)), 16, 0));
    PART("as far as RLIMIT_STACK");
    TRY(getrlimit(RLIMIT_STACK, &limit));
    limit.rlim_cur = 6u << 20;
    TRY(setrlimit(RLIMIT_STACK, &limit));
    ut_say("read 64 MiB below: %s", ut_read((uint8_t *)(here - (64u << 20))));
}

static stack_t alternate;

static void overflow(void)
{
    static uint8_t own[64 << 10];

    alternate = (stack_t){.ss_sp = own, .ss_size = sizeof own};
    sigaltstack(&alternate, NULL);
    setrlimit(RLIMIT_STACK, &(struct rlimit){1 << 20, 1 << 20});
    deep(1u << 30);
}

static void on_overflow(int signo)
{
    ut_say("caught %s on the other stack", ut_signal(signo));
    _exit(7);
}

static void overflow_caught(void)
{
    struct sigaction action = {.sa_handler = on_overflow, .sa_flags = SA_ONSTACK};

    sigaction(SIGSEGV, &action, NULL);
    overflow();
}

static void grows_down(void)
{
    uint8_t *p = ut_map(300, PROT_READ | PROT_WRITE), *top = p + 299 * PAGE;
    unsigned grown = 0;

    PART("MAP_GROWSDOWN");
    munmap(p, 300 * PAGE);
    uint8_t *q = mmap(top, PAGE, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED, -1, 0);
    SHOW(q == top);
    for (unsigned i = 0; i < 8; i++)
        grown += *ut_write(top - i * PAGE, (uint8_t)i) == '0';
    SHOW(grown);
    ut_say("%s", ut_bytes(top - 7 * PAGE, 8));
    PART("not closer than 256 pages to what is below");
    mmap(p, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    ut_say("at 257: %s", ut_write(p + 257 * PAGE, 1));
    ut_say("at 256: %s", ut_write(p + 256 * PAGE, 1));
    ut_say("at 100: %s", ut_write(p + 100 * PAGE, 1));
    munmap(p, 300 * PAGE);
}

UT_PROGRAM(brk)
{
    heap();
    ut_child("deep recursion", overflow);
    ut_child("deep recursion, caught", overflow_caught);
    ut_child("stack", stack);
    grows_down();
}
