/*
 * System calls at random, from many processes and threads, from a seed.
 *
 *     sysfuzz [-v] SEED CALLS [WORKERS]
 *
 * No result is compared: the kernel passes when it is still there at the end, its audit is clean, and what
 * was in use before the workers (objects of each cache, memory of each kind) is in use after them. A
 * supervisor starts workers, each of which makes a batch of calls and ends, or dies of what it did to itself,
 * or is killed because it sleeps. What a batch leaves behind goes before the next one, so that a long
 * run does not end in a full /tmp, where no batch can begin. Batch b of seed s makes the same calls
 * again, as far as those depend on it alone.
 *
 * A call's arguments are of the kinds that it takes, three times in four: descriptors that are open, memory
 * of every sort (good, never touched, read-only, without access, unmapped, straddling an end, behind the end
 * of a file, the kernel's, wrapping), flags, sizes about powers of two. Else they are anything. What would
 * end the machine by design is left out; see forbidden().
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#define PAGE       4096u
#define NUMBERS    470u /* beyond the last one */
#define BATCH      300u
#define WORKERS    16u
#define ARENA      ((uint8_t *)0x30000000)
#define ARENA_SIZE (64 * PAGE)
#define STUCK_MS   250 /* without a call, a worker sleeps for good */
#define FDS        40u
#define IDLE_MAX   1000 /* batches in a row that could not begin: something is wrong */

/* What the supervisor and a worker share, who may write anything there. */
struct slot {
    volatile uint32_t calls;    /* made in this batch */
    volatile uint32_t children; /* that it may still make */
    volatile uint32_t nr;       /* the call in progress */
};

/* What the supervisor knows of a worker. */
struct worker {
    pid_t pid; /* 0: none */
    uint32_t seen;
    uint64_t since;
};

static struct slot *slots;
static struct worker worker[WORKERS];
enum { SET_UP_FAILED = 77 }; /* how a batch ends that cannot begin */
static bool verbose;
static uint64_t seed;

/* --- random --- */

struct rng {
    uint64_t s;
};

static uint32_t next(struct rng *r)
{
    uint64_t z = (r->s += 0x9e3779b97f4a7c15ull);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return (uint32_t)(z ^ (z >> 31));
}

static uint32_t below(struct rng *r, uint32_t n)
{
    return next(r) % n;
}

/* --- what each call takes --- */

/*
 * One letter for each argument: f descriptor, p path, b memory, n size, v iovec, k how many of them, F flags,
 * t a time, T a time that is small, s signal, a address in the arena, l length in pages, P protection, M
 * flags of mmap, w a process, o offset, i small number, r array of strings, m signal mask, g a signal action,
 * u futex word, x several of them, y how to open, A address of a local socket, e its size, h a message to
 * send or receive, ? anything.
 */
static const struct {
    uint16_t nr;
    const char *args;
} shapes[] = {
    {3, "fbn"},      {4, "fbn"},      {5, "pFi"},      {6, "f"},        {7, "wbF"},      {8, "pi"},
    {9, "pp"},       {10, "p"},       {12, "p"},       {14, "pi?"},     {15, "pi"},      {19, "foi"},
    {27, "i"},       {30, "pt"},      {33, "pi"},      {37, "ws"},      {38, "pp"},      {39, "pi"},
    {40, "p"},       {41, "f"},       {42, "b"},       {43, "b"},       {45, "a"},       {54, "f?b"},
    {55, "fib"},     {63, "ff"},      {67, "sgb"},     {72, "??i"},     {75, "ib"},      {76, "ib"},
    {77, "ib"},      {82, "b"},       {83, "pp"},      {85, "pbn"},     {90, "b"},       {91, "al"},
    {92, "po"},      {93, "fo"},      {94, "fi"},      {99, "pb"},      {100, "fb"},     {104, "itb"},
    {105, "ib"},     {106, "pb"},     {107, "pb"},     {108, "fb"},     {114, "wbFb"},   {117, "ii?ib?"},
    {118, "f"},      {123, "ibn"},    {125, "alP"},    {126, "ibb"},    {140, "f?obi"},  {141, "fbn"},
    {142, "ibbbT"},  {143, "fi"},     {144, "alF"},    {145, "fvk"},    {146, "fvk"},    {150, "al"},
    {151, "al"},     {152, "i"},      {162, "Tb"},     {163, "allFa"},  {168, "bkT"},    {172, "i???"},
    {174, "sgbi"},   {175, "ibbi"},   {176, "bi"},     {177, "mbTi"},   {178, "wsb"},    {179, "mi"},
    {180, "fbno"},   {181, "fbno"},   {182, "pii"},    {183, "bn"},     {186, "bb"},     {187, "ffbn"},
    {192, "alPMfi"}, {193, "poi"},    {194, "foi"},    {195, "pb"},     {196, "pb"},     {197, "fb"},
    {205, "ib"},     {206, "ib"},     {209, "bbb"},    {218, "alb"},    {219, "ali"},    {220, "fbn"},
    {221, "fib"},    {225, "fon"},    {238, "ws"},     {239, "ffbn"},   {240, "uiiTui"}, {241, "wnb"},
    {242, "wnb"},    {243, "b"},      {244, "b"},      {250, "foni"},   {257, "alPiF"},  {258, "b"},
    {265, "ib"},     {266, "ib"},     {267, "iiTb"},   {268, "pnb"},    {269, "fnb"},    {270, "wws"},
    {271, "pt"},     {272, "fo?ni"},  {284, "iwbFb"},  {295, "fpFi"},   {296, "fpi"},    {297, "fpi?"},
    {299, "fpt"},    {300, "fpbF"},   {301, "fpF"},    {302, "fpfp"},   {303, "fpfpF"},  {304, "pfp"},
    {305, "fpbn"},   {306, "fpi"},    {307, "fpi"},    {308, "ibbbTb"}, {309, "bkTmi"},  {311, "bi"},
    {312, "wbb"},    {313, "fbfbnF"}, {315, "ffnF"},   {316, "fvkF"},   {320, "fptF"},   {324, "fion"},
    {330, "ffF"},    {331, "bF"},     {333, "fvko?"},  {334, "fvko?"},  {335, "wwsb"},   {340, "wibb"},
    {347, "wvkvkF"}, {348, "wvkvkF"}, {353, "fpfpF"},  {355, "bnF"},    {356, "pF"},     {376, "ali"},
    {377, "fbfbnF"}, {378, "fvko?F"}, {379, "fvko?F"}, {383, "fpFib"},  {384, "i?"},     {386, "biF?"},
    {395, "inF"},    {396, "iib"},    {397, "iaF"},    {398, "a"},      {403, "ib"},     {407, "iiTb"},
    {412, "fptF"},   {413, "ibbbTb"}, {414, "bkTmi"},  {421, "mbTi"},   {422, "uiiTui"}, {436, "ffF"},
    {437, "fpyn"},   {439, "fpiF"},   {11, "prr"},     {120, "F?bb?"},  {435, "bn"},     {2, ""},
    {190, ""},       {13, "b"},       {78, "bb"},      {116, "b"},      {122, "b"},      {153, ""},
    {158, ""},       {259, "ibb"},    {260, "iitb"},   {261, "ib"},     {262, "i"},      {263, "i"},
    {254, "i"},      {255, "fifb"},   {256, "fbii"},   {319, "fbiimi"}, {321, "fmi"},    {322, "iF"},
    {325, "fitb"},   {326, "fb"},     {327, "fmiF"},   {329, "F"},      {410, "fb"},     {411, "fitb"},
    {441, "fbiTmi"}, {328, "iF"},     {434, "wF"},     {375, "iFi"},    {18, "pb"},      {28, "fb"},
    {84, "pb"},      {59, "b"},       {62, "ib"},      {109, "b"},      {135, "ipb"},    {438, "ffF"},
    {217, "pp"},     {318, "bb"},     {358, "fprrF"},  {102, "ib"},     {337, "fhiFT"},  {345, "fhiF"},
    {359, "iii"},    {360, "iiib"},   {361, "fAe"},    {362, "fAe"},    {363, "fi"},     {364, "fbbF"},
    {365, "fiibb"},  {366, "fiibi"},  {367, "fbb"},    {368, "fbb"},    {369, "fbnFAe"}, {370, "fhF"},
    {371, "fbnFbb"}, {372, "fhF"},    {373, "fi"},     {417, "fhiFT"},  {291, ""},       {292, "fpF"},
    {293, "fi"},     {332, "F"},      {226, "ppbnF"},  {227, "ppbnF"},  {228, "fpbnF"},  {229, "ppbn"},
    {230, "ppbn"},   {231, "fpbn"},   {232, "pbn"},    {233, "pbn"},    {234, "fbn"},    {235, "pp"},
    {236, "pp"},     {237, "fp"},     {277, "pFib"},   {278, "p"},      {279, "fbniT"},  {280, "fbnbT"},
    {281, "fb"},     {282, "fbb"},    {418, "fbniT"},  {419, "fbnbT"},  {393, "iiF"},    {394, "iiib"},
    {399, "iF"},     {400, "ibnF"},   {401, "ibniF"},  {402, "iib"},    {420, "ibiT"},   {310, "F"},
    {349, "wwiff"},  {449, "xkFTi"},
};

/* Calls that end the machine or the supervisor, or that change what outlives a worker. */
static bool forbidden(uint32_t nr)
{
    static const uint16_t never[] = {
        1,   252,           /* exit: workers end by themselves */
        21,  22,  52,  217, /* mount, umount, pivot_root: what is mounted stays */
        61,                 /* chroot */
        66,                 /* setsid, and out of the reach of the supervisor */
        88,  87,  115,      /* reboot, swapon, swapoff */
        111,                /* vhangup: the terminal is the supervisor's too */
        25,  79,  264, 404, /* setting clocks, */
        124, 343, 405,      /* and their rates */
        74,  121,           /* names of the machine */
    };

    for (size_t i = 0; i < sizeof never / sizeof *never; i++)
        if (never[i] == nr)
            return true;
    return false;
}

static const char *shape_of(uint32_t nr)
{
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        if (shapes[i].nr == nr)
            return shapes[i].args;
    return "??????";
}

/* --- memory of every sort --- */

enum place {
    GOOD,  /* written before */
    FRESH, /* never touched */
    READ_ONLY,
    NO_ACCESS,
    HOLE,      /* nothing mapped */
    FILE_PAGE, /* shared, of a file */
    PAST_FILE, /* behind the end of the file: SIGBUS */
    COPIED,    /* shared with the supervisor since fork, copied on write */
    PLACES
};
#define PLACE_PAGES 4u

static uint8_t *place(enum place p)
{
    return ARENA + p * PLACE_PAGES * PAGE;
}

static void make_places(int fd)
{
    uint32_t size = PLACE_PAGES * PAGE;
    int fixed = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, rw = PROT_READ | PROT_WRITE;

    munmap(ARENA, ARENA_SIZE);
    mmap(place(GOOD), size, rw, fixed, -1, 0);
    mmap(place(FRESH), size, rw, fixed, -1, 0);
    mmap(place(READ_ONLY), size, PROT_READ, fixed, -1, 0);
    mmap(place(NO_ACCESS), size, PROT_NONE, fixed, -1, 0);
    mmap(place(FILE_PAGE), size, rw, MAP_SHARED | MAP_FIXED, fd, 0);
    mmap(place(PAST_FILE), size, rw, MAP_SHARED | MAP_FIXED, fd, 1 << 20);
    mmap(place(COPIED), size, rw, fixed, -1, 0);
    mmap(place(PLACES), ARENA_SIZE - PLACES * size, rw, fixed, -1, 0);
}

static uintptr_t any_memory(struct rng *r)
{
    static const uintptr_t odd[] = {0,          1,          PAGE - 1,   PAGE,       0x08048000,
                                    0xbffff000, 0xbfffffff, 0xc0000000, 0xc0100000, 0xe0000000,
                                    0xf0000000, 0xffbfffff, 0xffc00000, 0xfffff000, 0xfffffffc,
                                    0xffffffff, 0x80000000, 0x7fffffff, 0xbfffeffc, 0xc0000ffe};
    uint32_t offset = below(r, 4) ? below(r, PAGE) & ~3u : below(r, PAGE);

    switch (below(r, 16)) {
    case 0 ... 6:
        return (uintptr_t)place(GOOD) + below(r, PLACE_PAGES) * PAGE + offset;
    case 7 ... 11:
        return (uintptr_t)place(below(r, PLACES)) + below(r, PLACE_PAGES) * PAGE + offset;
    /* Over the end of one sort into the next one. */
    case 12 ... 13:
        return (uintptr_t)place(below(r, PLACES)) + PLACE_PAGES * PAGE - below(r, 64);
    case 14:
        return odd[below(r, sizeof odd / sizeof *odd)] + (below(r, 2) ? below(r, 8) : 0);
    default:
        return next(r);
    }
}

/* The ends of what fits: of a word, of its half, of a page, of what a call moves, of the program's half. */
static uint32_t boundary(struct rng *r)
{
    static const uint32_t ends[] = {0,          1,          0x7fffffff, 0x80000000, 0xffffffff, PAGE - 1,
                                    PAGE,       PAGE + 1,   0xfffff000, 0xffffefff, 0xfffff001, 0x7fffefff,
                                    0x7ffff000, 0x7ffff001, 0xbfffffff, 0xc0000000, 0x3fffffff, 0x40000000,
                                    0x20000001, 0x10000000, 1000000000, 999999999,  0xffff,     0x10000};

    return ends[below(r, sizeof ends / sizeof *ends)];
}

static uint32_t any_size(struct rng *r)
{
    switch (below(r, 8)) {
    case 0:
        return below(r, 16);
    case 1 ... 3:
        return below(r, 5000);
    case 4:
        return below(r, 20) * PAGE;
    case 5:
        return (1u << below(r, 32)) + below(r, 3) - 1;
    case 6:
        return 0u - below(r, 2 * PAGE);
    default:
        return below(r, 512) * 4;
    }
}

static uint32_t anything(struct rng *r)
{
    switch (below(r, 10)) {
    case 8 ... 9:
        return boundary(r);
    case 0:
        return below(r, 64);
    case 1:
        return 0u - below(r, 200);
    case 2:
        return (1u << below(r, 32)) + below(r, 3) - 1;
    case 3:
        return next(r) & next(r) & next(r);
    case 4:
        return any_size(r);
    case 5:
        return next(r);
    default:
        return any_memory(r);
    }
}

/* --- arguments --- */

static const char *const paths[] = {
    "a",
    "b",
    "d",
    "d/c",
    "d/d",
    ".",
    "..",
    "",
    "/",
    "loop",
    "link",
    "none/x",
    "a/x",
    "fifo",
    "prog",
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/tty",
    "/dev/ptmx",
    "/dev/pts",
    "/proc/self/maps",
    "/proc/self/exe",
    "/proc/meminfo",
    "/proc/self/fd/3",
    "/dev/shm/sysfuzz",
    "/proc",
    "/proc/self/pagemap",
    "/proc/self/smaps",
    "/proc/self/stat",
    "/proc/self/status",
    "d/./../d/../a",
    "//a//b",
    "/sys/devices/system/cpu/online",
    "user.name",
    "user.other",
};

/* Scratch memory for what arguments point to, in GOOD's last page but one. */
static uint8_t *scratch(struct rng *r)
{
    return place(GOOD) + PAGE + (below(r, PAGE - 512) & ~3u);
}

/* The worker's own good pages may have gone; then anything will do. */
static bool writable(uint8_t *p)
{
    int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    bool ok = read(fd, p, 512) == 512; /* says so without a signal */

    close(fd);
    return ok;
}

static uint32_t words(struct rng *r, const uint32_t *w, unsigned n)
{
    uint8_t *p = scratch(r);

    if (!writable(p))
        return any_memory(r);
    memcpy(p, w, n * sizeof *w);
    return (uintptr_t)p;
}

static pid_t any_process(struct rng *r)
{
    static const int pids[] = {0, 99999, 0x7fffffff, -99999, 1 << 22};

    /* Never init, never everybody, never a number that may be another's. */
    if (below(r, 2))
        return getpid();
    return pids[below(r, sizeof pids / sizeof *pids)];
}

/* What calls of sockets take: an address, or the head of a message with parts, an address and descriptors. */
static uint32_t socket_argument(struct rng *r, char kind)
{
    struct {
        uint32_t head[8], part[8], control[6];
        struct {
            uint16_t family;
            char path[10];
        } name;
    } m;
    uint32_t at = (uintptr_t)place(GOOD) + 2 * PAGE + (below(r, PAGE - 512) & ~3u);

    if (below(r, 6) == 0 || !writable((uint8_t *)(uintptr_t)at))
        return any_memory(r);
    memset(&m, 0, sizeof m);
    m.name.family = (uint16_t)(below(r, 8) ? AF_UNIX : below(r, 12));
    m.name.path[below(r, 2)] = "abds"[below(r, 4)];
    if (below(r, 3) == 0) { /* 127.0.0.1 and a port */
        m.name.family = AF_INET;
        memcpy(m.name.path, below(r, 3) ? "\x9c\x40\x7f\0\0\1" : "\0\0\0\0\0\0", 6);
    }
    for (unsigned i = 0; i < 8; i += 2) {
        m.part[i] = any_memory(r);
        m.part[i + 1] = below(r, 4) ? below(r, 3000) : any_size(r);
    }
    m.control[0] = below(r, 6) ? 12 + 4 * below(r, 4) : anything(r);
    m.control[1] = below(r, 8) ? SOL_SOCKET : anything(r);
    m.control[2] = below(r, 8) ? 1 + below(r, 2) : anything(r);
    for (unsigned i = 3; i < 6; i++)
        m.control[i] = below(r, FDS);
    m.head[0] = below(r, 2) ? 0 : at + offsetof(__typeof__(m), name);
    m.head[1] = below(r, 4) ? m.name.family == AF_INET ? 16 : 12 : below(r, 130);
    m.head[2] = at + offsetof(__typeof__(m), part);
    m.head[3] = below(r, 8) ? below(r, 5) : anything(r);
    m.head[4] = below(r, 2) ? 0 : at + offsetof(__typeof__(m), control);
    m.head[5] = below(r, 6) ? below(r, 25) : anything(r);
    memcpy((void *)(uintptr_t)at, &m, sizeof m);
    return kind == 'A' ? at + offsetof(__typeof__(m), name) : at;
}

static uint32_t argument(struct rng *r, char kind)
{
    uint32_t w[16];

    if (kind != 'w' && below(r, 24) == 0)
        return anything(r);
    if (kind != 'w' && below(r, 24) == 0)
        return boundary(r);
    switch (kind) {
    case 'f':
        if (below(r, 16) == 0) /* about the sizes of tables */
            return (32u << below(r, 6)) + below(r, 3) - 1;
        return below(r, 8) ? below(r, FDS) : below(r, 2) ? (uint32_t)AT_FDCWD : anything(r);
    case 'p':
        if (below(r, 10) == 0)
            return any_memory(r);
        if (below(r, 12) == 0) {
            uint8_t *p = scratch(r);
            unsigned n = 1 + below(r, 400);

            if (!writable(p))
                return any_memory(r);
            /* Not up: what is made there would stay. */
            for (unsigned i = 0; i < n; i++)
                p[i] = "abd/.."[below(r, i && p[i - 1] == '.' ? 4 : 6)];
            if (p[0] == '/')
                p[0] = 'a';
            return (uintptr_t)p;
        }
        return (uintptr_t)paths[below(r, sizeof paths / sizeof *paths)];
    case 'b':
        return any_memory(r);
    case 'n':
        return any_size(r);
    case 'v':
        if (below(r, 4) == 0)
            return any_memory(r);
        for (unsigned i = 0; i < 16; i += 2) {
            w[i] = any_memory(r);
            w[i + 1] = below(r, 4) ? below(r, 3000) : below(r, 2) ? any_size(r) : boundary(r);
        }
        return words(r, w, 16);
    case 'k':
        return below(r, 4) ? below(r, 8) : anything(r);
    case 'F':
        return next(r) & next(r) & (below(r, 2) ? next(r) : 0xfff);
    case 't':
    case 'T':
        if (below(r, 8) == 0)
            return any_memory(r);
        if (below(r, 12) == 0 && kind == 't')
            return 0;
        /* Good as either form of a timespec: seconds, nanoseconds, and the same with 64 bits. */
        w[0] = below(r, 16) ? 0 : anything(r);
        w[1] = below(r, 8) ? below(r, 3000000) : anything(r);
        w[2] = below(r, 2) ? w[1] : 0;
        w[3] = below(r, 8) ? 0 : anything(r);
        if (below(r, 3) == 0)
            w[1] = 0;
        return words(r, w, 4);
    case 's':
        return below(r, 6) ? below(r, 66) : anything(r);
    case 'a':
        return (uintptr_t)ARENA + below(r, ARENA_SIZE / PAGE) * PAGE + (below(r, 16) ? 0 : below(r, PAGE));
    case 'l':
        return below(r, 12) ? below(r, 12) * PAGE + (below(r, 8) ? 0 : below(r, PAGE)) : any_size(r);
    case 'P':
        return below(r, 16) ? below(r, 8) : anything(r);
    case 'M':
        w[0] = below(r, 6) ? 1 + below(r, 2) : below(r, 16);
        w[0] |= below(r, 2) ? MAP_ANONYMOUS : 0;
        w[0] |= below(r, 2) ? MAP_FIXED : 0;
        return w[0] | (below(r, 2) ? next(r) & next(r) & 0x1fff00 : 0);
    case 'w':
        return (uint32_t)any_process(r);
    case 'o':
        return below(r, 4) ? below(r, 64 * 1024) : anything(r);
    case 'i':
        return below(r, 4) ? below(r, 24) : anything(r);
    case 'r':
        if (below(r, 3) == 0)
            return below(r, 2) ? 0 : any_memory(r);
        for (unsigned i = 0; i < 7; i++)
            w[i] = below(r, 6) ? (uintptr_t)paths[below(r, 16)] : below(r, 2) ? 0 : any_memory(r);
        w[7] = 0;
        return words(r, w, 8);
    case 'm':
        if (below(r, 8) == 0)
            return any_memory(r);
        w[0] = next(r);
        w[1] = next(r);
        return words(r, w, 2);
    case 'g':
        if (below(r, 3) == 0)
            return below(r, 2) ? 0 : any_memory(r);
        w[0] = below(r, 2) ? below(r, 2) : anything(r);
        w[1] = next(r) & next(r);
        w[2] = any_memory(r);
        w[3] = w[4] = next(r) & next(r);
        return words(r, w, 5);
    case 'A':
    case 'h':
        return socket_argument(r, kind);
    case 'e':
        return below(r, 3) ? 12 : below(r, 130);
    case 'u':
        if (below(r, 4) == 0)
            return any_memory(r) & ~3u;
        return (uintptr_t)place(below(r, 2) ? GOOD : FILE_PAGE) + below(r, 4) * 4;
    case 'x':
        if (below(r, 8) == 0)
            return any_memory(r);
        for (unsigned i = 0; i < 12; i += 6) { /* struct futex_waitv: the value, the word, what it is */
            w[i] = below(r, 3) ? 0 : next(r);
            w[i + 1] = w[i + 3] = 0;
            w[i + 2] = argument(r, 'u');
            w[i + 4] = below(r, 8) ? 2 | (below(r, 2) ? 128 : 0) : anything(r);
            w[i + 5] = below(r, 12) ? 0 : anything(r);
        }
        return words(r, w, 12);
    case 'y':
        if (below(r, 8) == 0)
            return any_memory(r);
        w[0] = argument(r, 'F') & 0xffc3; /* nothing that is made and has to be removed */
        w[1] = below(r, 12) ? 0 : anything(r);
        w[2] = below(r, 4) ? 0 : below(r, 512);
        w[3] = 0;
        w[4] = below(r, 64);
        w[5] = below(r, 12) ? 0 : anything(r);
        return words(r, w, 6);
    default:
        return anything(r);
    }
}

/* Absolute paths are looked at; what changes names is kept to the worker's own directory. */
static bool looks_only(uint32_t nr)
{
    static const uint16_t harmless[] = {5,   11,  12,  33,  85,  99,  106, 107, 195,
                                        196, 268, 295, 300, 305, 307, 383, 437, 439};

    for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++)
        if (harmless[i] == nr)
            return true;
    return false;
}

static bool absolute_path(uint32_t pointer)
{
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        if ((uintptr_t)paths[i] == pointer)
            return paths[i][0] == '/' || paths[i][0] == '.';
    return false;
}

static void handler(int signo)
{
    (void)signo;
}

/* --- one call --- */

static long call(uint32_t nr, const uint32_t a[6])
{
    long rc;

    /* libc's own syscall() needs its memory of errno, which may be gone. */
    __asm__ volatile("push %%ebp\n\t"
                     "mov 20(%%eax), %%ebp\n\t"
                     "mov 16(%%eax), %%edi\n\t"
                     "mov 12(%%eax), %%esi\n\t"
                     "mov 8(%%eax), %%edx\n\t"
                     "mov 4(%%eax), %%ecx\n\t"
                     "push (%%eax)\n\t"
                     "mov %%ebx, %%eax\n\t"
                     "pop %%ebx\n\t"
                     "int $0x80\n\t"
                     "pop %%ebp"
                     : "=a"(rc), "+b"(nr)
                     : "a"(a)
                     : "ecx", "edx", "esi", "edi", "memory");
    return rc;
}

static bool makes_child(uint32_t nr)
{
    return nr == SYS_fork || nr == SYS_vfork || nr == SYS_clone || nr == 435;
}

static void calls(struct rng *r, struct slot *s, uint32_t n, unsigned depth);

/* A child of its own, which makes calls, is traced by requests at random, and always ends. Nobody else is
 * traced: a tracee that its tracer forgets would wait for the supervisor. */
static void trace_some(struct rng *r, struct slot *s, unsigned depth)
{
    static const uint16_t requests[] = {
        1,      2,      3,      4,      5,      6,      7,      7,      9,      12,     13,    14,     15,
        16,     17,     18,     19,     21,     24,     24,     25,     26,     31,     32,    0x4200, 0x4201,
        0x4202, 0x4203, 0x4204, 0x4205, 0x4206, 0x4207, 0x4208, 0x4209, 0x420a, 0x420b, 0x420e};
    uint32_t none[6] = {0}, a[6];
    pid_t child;
    int status;

    if (depth > 0 || s->children == 0)
        return;
    s->children--;
    child = (pid_t)call(SYS_fork, none);
    if (child == 0) {
        if (below(r, 4))
            call(SYS_ptrace, none);
        none[0] = (uint32_t)getpid();
        none[1] = SIGSTOP;
        call(SYS_kill, none);
        calls(r, s, 12, depth + 1);
        for (;;)
            syscall(SYS_exit, 0);
    }
    for (unsigned i = 0; child > 0 && i < 60; i++) {
        a[0] = requests[below(r, sizeof requests / sizeof *requests)];
        a[1] = (uint32_t)child;
        a[2] = below(r, 3) == 0 ? any_memory(r) : below(r, 2) ? below(r, 80) * 4 : anything(r);
        a[3] = below(r, 3) ? any_memory(r) : below(r, 2) ? below(r, 70) : anything(r);
        if (a[0] == 0x4204 || a[0] == 0x4205)
            a[2] = below(r, 4) ? 1 + below(r, 2) : 0x200 + below(r, 3);
        call(SYS_ptrace, a);
        if (below(r, 2))
            waitpid(child, &status, WNOHANG | __WALL);
        if (below(r, 8) == 0)
            sched_yield();
    }
    if (child > 0) {
        kill(child, SIGKILL);
        while (waitpid(child, &status, __WALL) == child && WIFSTOPPED(status))
            ;
    }
}

/* Wake from whatever sleeps, and have signals end nothing, now and then: else most batches end in a few
 * calls. */
static void recover(struct slot *s)
{
    struct sigaction act = {.sa_handler = handler};
    struct itimerval often = {{0, 20000}, {0, 20000}};
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    sigaction(SIGALRM, &act, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    for (int i = SIGRTMIN; i < SIGRTMIN + 3; i++)
        sigaction(i, &act, NULL);
    sigaction(SIGHUP, &act, NULL);
    sigaction(SIGPIPE, &act, NULL);
    sigaction(SIGXFSZ, &act, NULL);
    (void)s;
}

static void calls(struct rng *r, struct slot *s, uint32_t n, unsigned depth)
{
    for (uint32_t i = 0; i < n; i++) {
        uint32_t nr = below(r, 4) ? shapes[below(r, sizeof shapes / sizeof *shapes)].nr : below(r, NUMBERS),
                 a[6] = {0};
        const char *shape = shape_of(nr);
        long rc;

        if (below(r, 200) == 0)
            nr = next(r); /* no such call */
        if (forbidden(nr))
            continue;
        for (unsigned k = 0; k < 6; k++)
            a[k] = shape[0] == '?' || (k < strlen(shape) && below(r, 12))
                       ? argument(r, k < strlen(shape) ? shape[k] : '?')
                       : anything(r);
        /* Processes are named by the arguments of few calls, and those never have another's. */
        for (unsigned k = 0; k < strlen(shape); k++)
            if (shape[k] == 'w')
                a[k] = (uint32_t)any_process(r);
        for (unsigned k = 0; k < strlen(shape); k++)
            if (shape[k] == 'p' && absolute_path(a[k]) && !looks_only(nr))
                a[k] = (uintptr_t)paths[below(r, 4)];
        if (makes_child(nr)) {
            if (depth > 1 || s->children == 0)
                continue;
            s->children--;
            if (nr == SYS_clone) {
                a[0] = below(r, 2) ? SIGCHLD | (next(r) & next(r) & 0x03f0ff00) : anything(r);
                a[1] = below(r, 3) ? 0 : (uintptr_t)any_memory(r);
            }
        }
        if (nr == SYS_ptrace) {
            s->nr = nr;
            trace_some(r, s, depth);
            continue;
        }
        if (nr == 57) /* setpgid: stay in the group that the supervisor kills */
            continue;
        s->nr = nr;
        if (verbose)
            dprintf(2, "sf| %d %u(%x %x %x %x %x %x)\n", (int)getpid(), nr, a[0], a[1], a[2], a[3], a[4],
                    a[5]);
        rc = call(nr, a);
        if (makes_child(nr) && rc == 0) {
            calls(r, s, 4, depth + 1);
            for (;;)
                syscall(SYS_exit, 0);
        }
        s->calls++;
        if (i % 16 == 15)
            recover(s);
    }
}

/* --- a batch --- */

struct thread_arg {
    struct rng r;
    struct slot *s;
};

static void *thread_main(void *arg)
{
    struct thread_arg *t = arg;

    calls(&t->r, t->s, BATCH / 4, 1);
    return NULL;
}

/* A set that watches what can be watched, sets in sets included. */
static void watch_some(const int pipes[2])
{
    sigset_t set;
    int inner = epoll_create1(0), outer = epoll_create1(0);
    int fd[] = {pipes[0], pipes[1], timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK), -1, inner};

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    fd[3] = signalfd(-1, &set, SFD_NONBLOCK);
    for (unsigned i = 0; i < sizeof fd / sizeof *fd; i++)
        epoll_ctl(fd[i] == inner ? outer : inner, EPOLL_CTL_ADD, fd[i],
                  &(struct epoll_event){.events = EPOLLIN | EPOLLOUT | (i % 2 ? EPOLLET : 0)});
}

/* What happens to the files here is told twice, in words and by a signal that nobody minds. */
static void watch_files(void)
{
    int fd = inotify_init1(IN_NONBLOCK), dir = open(".", O_RDONLY | O_DIRECTORY);

    inotify_add_watch(fd, ".", IN_ALL_EVENTS);
    inotify_add_watch(fd, "a", IN_ALL_EVENTS);
    inotify_add_watch(fd, "d", IN_ALL_EVENTS | IN_ONESHOT);
    fcntl(dir, F_SETSIG, SIGURG);
    fcntl(dir, 1026 /* F_NOTIFY */, 0x8000003f);
}

/* Pairs of each type, and one that listens. */
static void open_sockets(void)
{
    static const int type[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
    struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "s"};
    int p[2], fd;

    for (unsigned i = 0; i < 3; i++)
        if (socketpair(AF_UNIX, type[i] | SOCK_NONBLOCK, 0, p) < 0)
            return;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    unlink("s");
    if (bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || listen(fd, 2) < 0)
        return;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    connect(fd, (struct sockaddr *)&a, sizeof a);
}

/* A pseudo-terminal, with bytes on the way in both directions. */
static void open_pty(void)
{
    int zero = 0, fd = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK), slave;

    if (fd < 0)
        return;
    ioctl(fd, TIOCSPTLCK, &zero);
    slave = ioctl(fd, 0x5441 /* TIOCGPTPEER */, O_RDWR | O_NOCTTY | O_NONBLOCK);
    if (write(fd, "typed\n", 6) != 6 || write(slave, "said\n", 5) != 5)
        return;
    ioctl(fd, TIOCPKT, &zero);
}

/* One that listens at a port of 127.0.0.1, two that connect to it, and one for datagrams. */
static void open_inet(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(40000)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;

    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || listen(fd, 0) < 0)
        return;
    for (int i = 0; i < 2; i++) {
        fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(fd, (struct sockaddr *)&a, sizeof a);
    }
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    bind(fd, (struct sockaddr *)&a, sizeof a);
}

static void open_descriptors(void)
{
    int p[2], fd;

    /* From 3 on; 0 to 2 are the null device, except where calls are shown. */
    fd = open("a", O_RDWR | O_CREAT, 0644);
    if (ftruncate(fd, 3 * PAGE + 100) < 0 || write(fd, "abc", 3) < 0)
        _exit(SET_UP_FAILED);
    open("b", O_RDWR | O_CREAT | O_APPEND, 0644);
    open(".", O_RDONLY | O_DIRECTORY);
    open("/dev/zero", O_RDWR);
    open("/dev/full", O_RDWR);
    open("/dev/urandom", O_RDONLY);
    if (pipe(p) < 0 || pipe2(p, O_NONBLOCK) < 0)
        return;
    open("/proc/self/maps", O_RDONLY);
    open("/proc/meminfo", O_RDONLY);
    syscall(356, "memory", 0);
    open("a", O_RDONLY);
    open("/dev/tty", O_RDONLY | O_NOCTTY | O_NONBLOCK);
    dup(4);
    open_sockets();
    open_pty();
    open_inet();
    watch_some(p);
    watch_files();
}

static void __attribute__((noreturn)) batch(struct slot *s, unsigned index, uint64_t number)
{
    struct rng r = {seed * 0x10001 + number * 0x9e3779b9u};
    struct rlimit as = {(24 + below(&r, 40)) << 20, RLIM_INFINITY};
    unsigned threads = below(&r, 4) == 0 ? 1 + below(&r, 2) : 0;
    struct thread_arg args[2];
    pthread_t ids[2];
    char dir[64];
    int null;

    setpgid(0, 0);
    snprintf(dir, sizeof dir, "/tmp/sysfuzz.%u", index);
    mkdir(dir, 0755);
    if (chdir(dir) < 0)
        _exit(SET_UP_FAILED);
    mkdir("d", 0755);
    if (symlink("loop", "loop") < 0 || symlink("a", "link") < 0)
        errno = 0;
    null = open("/dev/null", O_RDWR);
    dup2(null, 0);
    dup2(null, 1);
    if (!verbose)
        dup2(null, 2);
    close(null);
    open_descriptors();
    make_places(3);
    memset(place(GOOD), 0, PLACE_PAGES * PAGE);
    /* The stack may grow, the heap may not eat the machine. */
    setrlimit(RLIMIT_AS, &as);
    s->children = 6;
    recover(s);
    for (unsigned i = 0; i < threads; i++) {
        args[i] = (struct thread_arg){{next(&r)}, s};
        if (pthread_create(&ids[i], NULL, thread_main, &args[i]) != 0)
            break;
    }
    calls(&r, s, BATCH, 0);
    _exit(0);
}

/* --- the supervisor --- */

static uint64_t now_ms(void)
{
    struct timeval tv;

    gettimeofday(&tv, NULL);
    return (uint64_t)tv.tv_sec * 1000 + (unsigned)tv.tv_usec / 1000;
}

/* End all that was started, in whatever group or under whatever parent it is by now. How many there were. */
static unsigned end_all(void)
{
    DIR *d = opendir("/proc");
    struct dirent *e;
    unsigned n = 0;

    while (d && (e = readdir(d))) {
        pid_t pid = atoi(e->d_name);

        if (pid > getpid() && kill(pid, SIGKILL) == 0)
            n++;
    }
    if (d)
        closedir(d);
    return n;
}

/* Where workers can get to and make names, and the names that were there before. */
static struct place_names {
    const char *where;
    unsigned n;
    char name[64][256];
} kept[] = {{.where = "/"}, {.where = "/tmp"}, {.where = "/dev"}, {.where = "/dev/shm"}};

static bool is_kept(const struct place_names *k, const char *name)
{
    for (unsigned i = 0; i < k->n; i++)
        if (strcmp(k->name[i], name) == 0)
            return true;
    return false;
}

/* Without programs and without the heap, whose size is compared too. */
static void remove_at(int dir, const char *name)
{
    char buf[1024];
    int fd;

    if (unlinkat(dir, name, 0) == 0)
        return;
    fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    for (unsigned round = 0; fd >= 0 && round < 100; round++) {
        long n;

        lseek(fd, 0, SEEK_SET);
        n = syscall(SYS_getdents64, fd, buf, sizeof buf);
        for (long at = 0; at < n;) {
            struct dirent64 *e = (struct dirent64 *)(buf + at);

            if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
                remove_at(fd, e->d_name);
            at += e->d_reclen;
        }
        if (unlinkat(dir, name, AT_REMOVEDIR) == 0)
            break;
    }
    close(fd);
    if (faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        printf("sysfuzz: %s stays\n", name);
}

/* As much of the stack as that may take, now. */
static void __attribute__((noinline)) stretch_stack(void)
{
    volatile char room[128 * 1024];

    for (size_t i = 0; i < sizeof room; i += 1024)
        room[i] = 1;
}

/* What was there had no attributes: the places, and this program. */
static void remove_attributes(int fd)
{
    char names[1024];
    ssize_t n = flistxattr(fd, names, sizeof names);

    for (ssize_t at = 0; at < n; at += (ssize_t)strlen(names + at) + 1)
        fremovexattr(fd, names + at);
}

/* Note what is there, or remove what is there now and was not. */
static void each_place(bool remove)
{
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        struct place_names *k = &kept[i];
        DIR *d = opendir(k->where);
        struct dirent *e;

        while (d && (e = readdir(d))) {
            if (!remove && k->n < sizeof k->name / sizeof *k->name)
                snprintf(k->name[k->n++], sizeof *k->name, "%s", e->d_name);
            if (!remove || is_kept(k, e->d_name))
                continue;
            remove_at(dirfd(d), e->d_name);
        }
        if (d && remove)
            remove_attributes(dirfd(d));
        if (d)
            closedir(d);
    }
}

/* A directory's table of names grows, and stays as large as it was once; that of /dev/pts with terminals. */
static void stretch_places(void)
{
    int terminals[200];

    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        for (unsigned n = 0; n < 1000; n++) {
            char name[64];

            snprintf(name, sizeof name, "%s/sysfuzz.%u", kept[i].where, n % 500);
            if (n < 500)
                close(open(name, O_WRONLY | O_CREAT, 0600));
            else
                unlink(name);
        }
    for (size_t i = 0; i < sizeof terminals / sizeof *terminals; i++)
        terminals[i] = open("/dev/ptmx", O_RDWR | O_NOCTTY);
    for (size_t i = 0; i < sizeof terminals / sizeof *terminals; i++)
        close(terminals[i]);
}

/* Segments, sets of semaphores, and queues of both kinds. */
static void remove_segments(void)
{
    for (unsigned i = 0; i < sizeof paths / sizeof *paths; i++)
        syscall(SYS_mq_unlink, paths[i]);
    for (int i = 0; i < 4096; i++) {
        struct semid_ds set;
        struct msqid_ds queue;
        int id = semctl(i, 0, SEM_STAT, &set);

        if (id >= 0)
            semctl(id, 0, IPC_RMID);
        id = msgctl(i, MSG_STAT, &queue);
        if (id >= 0)
            msgctl(id, IPC_RMID, NULL);
    }
    for (int i = 0; i < 4096; i++) {
        struct shmid_ds ds;
        int id = shmctl(i, SHM_STAT, &ds);

        if (id >= 0)
            shmctl(id, IPC_RMID, NULL);
    }
}

/* What a batch of one worker left behind, and the segments of all. */
static void tidy_batch(unsigned index)
{
    char dir[64];

    snprintf(dir, sizeof dir, "/tmp/sysfuzz.%u", index);
    if (faccessat(AT_FDCWD, dir, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        remove_at(AT_FDCWD, dir);
    remove_segments();
}

static void tidy(void)
{
    int fd;

    for (unsigned i = 0; i < 200 && end_all() > 0; i++) {
        while (waitpid(-1, NULL, WNOHANG) > 0)
            continue;
        usleep(10000);
    }
    each_place(true);
    fd = open("/proc/self/exe", O_RDONLY);
    remove_attributes(fd);
    close(fd);
    remove_segments();
}

/* --- what is in use, before and after --- */

#define FIGURES 64

struct figures {
    unsigned n;
    struct {
        char name[32];
        long value;
    } f[FIGURES];
};

/* Objects of each cache, and memory by kind: all that has to be as before when the workers and what they made
 * are gone. Not what the allocators have for themselves, or keep for the next one, nor the trees of pages of
 * the programs' files, which come and go, nor what is known of a program whose pages came from swap, nor the
 * ends of connections that keep their ports for a minute, which the kernel counts when it ends. */
static bool counts(const char *name)
{
    static const char *const others[] = {"ahead",        "kva-segment",        "magazine", "radix",
                                         "slab-control", "slab-control-large", "tcp-wait"};

    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(name, others[i]) == 0)
            return false;
    return true;
}

static void add(struct figures *all, const char *name, long value)
{
    if (all->n == FIGURES)
        return;
    snprintf(all->f[all->n].name, sizeof all->f[0].name, "%s", name);
    all->f[all->n++].value = value;
}

static void take(struct figures *all)
{
    static const char *const kinds[] = {"AnonPages", "Shmem", "PageTables", "Mlocked", "Committed_AS"};
    static const char swap[] = "/dev/hda";
    FILE *f = fopen("/proc/sys/vm/drop_caches", "w");
    char line[256], name[64];
    long value;
    /* What is on disk comes back into memory, so that it is counted there. */
    bool swaps = syscall(SYS_swapoff, swap) == 0;

    all->n = 0;
    if (f) {
        fputs("3\n", f);
        fclose(f);
    }
    f = fopen("/proc/slabinfo", "r");
    while (f && fgets(line, sizeof line, f)) {
        /* Names may have blanks in them; the column is 17 wide. */
        if (line[0] != '#' && strlen(line) > 17 && sscanf(line + 17, "%ld", &value) == 1) {
            snprintf(name, sizeof name, "%.17s", line);
            for (char *end = name + strlen(name); end > name && end[-1] == ' ';)
                *--end = '\0';
            if (counts(name))
                add(all, name, value);
        }
    }
    if (f)
        fclose(f);
    f = fopen("/proc/meminfo", "r");
    while (f && fgets(line, sizeof line, f)) {
        if (sscanf(line, "%63[^:]: %ld", name, &value) != 2)
            continue;
        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
            if (strcmp(name, kinds[i]) == 0)
                add(all, name, value);
    }
    if (f)
        fclose(f);
    if (swaps)
        syscall(SYS_swapon, swap, 0);
}

/* A table in which nothing is left goes when memory is short, so there may be fewer than before. */
static bool is_as_before(const char *name, long before, long now)
{
    return now == before || (now < before && strcmp(name, "PageTables") == 0);
}

/* How many figures are not what they were; said, or not yet. */
static unsigned differences(const struct figures *before, const struct figures *now, bool say)
{
    unsigned n = before->n != now->n;

    for (unsigned i = 0; i < now->n && i < before->n; i++)
        if (!is_as_before(now->f[i].name, before->f[i].value, now->f[i].value)) {
            n++;
            if (say)
                printf("sysfuzz: LOST: %s: %ld before, %ld now\n", now->f[i].name, before->f[i].value,
                       now->f[i].value);
        }
    return n;
}

static unsigned killed, died, failed;

/* Make so many calls, from batch number on; the next number. */
static uint64_t supervise(unsigned workers, uint64_t target, uint64_t number, uint64_t *made)
{
    unsigned running = 0, idle = 0;
    uint64_t done = 0;

    while ((done < target && idle < IDLE_MAX) || running > 0) {
        int status;
        pid_t pid;

        for (unsigned i = 0; i < workers && done < target && idle < IDLE_MAX; i++) {
            struct worker *w = &worker[i];

            if (w->pid)
                continue;
            slots[i] = (struct slot){0};
            *w = (struct worker){.since = now_ms()};
            pid = fork();
            if (pid == 0)
                batch(&slots[i], i, number);
            if (pid < 0) {
                failed++;
                break;
            }
            w->pid = pid;
            number++;
            running++;
        }
        pid = waitpid(-1, &status, WNOHANG);
        if (pid <= 0)
            usleep(2000);
        for (unsigned i = 0; i < workers; i++) {
            struct worker *w = &worker[i];
            uint32_t calls = slots[i].calls;

            if (!w->pid)
                continue;
            if (w->pid == pid) {
                died += WIFSIGNALED(status);
                idle = WIFEXITED(status) && WEXITSTATUS(status) == SET_UP_FAILED ? idle + 1 : 0;
                done += calls < 4 * BATCH ? calls : 0;
                kill(-w->pid, SIGKILL); /* what it left behind */
                w->pid = 0;
                running--;
                tidy_batch(i);
            } else if (w->seen != calls) {
                w->seen = calls;
                w->since = now_ms();
            } else if (now_ms() - w->since > STUCK_MS) {
                killed++;
                kill(-w->pid, SIGKILL);
                kill(w->pid, SIGKILL);
                w->since = now_ms();
            }
        }
    }
    if (idle >= IDLE_MAX) {
        printf("sysfuzz: FAILED: no batch can begin any more\n");
        exit(1);
    }
    tidy();
    *made += done;
    return number;
}

int main(int argc, char **argv)
{
    static struct figures before, after;
    uint64_t target, number, made = 0;
    unsigned workers = 4, lost = 0;

    if (argc > 1 && strcmp(argv[1], "-v") == 0) {
        verbose = true;
        argv++;
        argc--;
    }
    if (argc < 3) {
        fprintf(stderr, "sysfuzz [-v] SEED CALLS [WORKERS]\n");
        return 2;
    }
    /* As root on a machine that somebody needs, this would be a mistake. */
    if (access("/bin/quire", X_OK) != 0) {
        fprintf(stderr, "sysfuzz: not on this machine: it has no /bin/quire\n");
        return 2;
    }
    seed = strtoull(argv[1], NULL, 0);
    target = strtoull(argv[2], NULL, 0);
    if (argc > 3)
        workers = (unsigned)atoi(argv[3]);
    if (workers == 0 || workers > WORKERS)
        workers = WORKERS;
    slots = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (slots == MAP_FAILED)
        return 1;
    setvbuf(stdout, NULL, _IOLBF, 256);

    stretch_places();
    stretch_stack();
    each_place(false);
    /* What is made once and stays is made before counting begins. */
    number = supervise(workers, target / 10 + 1, 0, &made);
    take(&before);
    number = supervise(workers, target, number, &made);
    /* What ended last may take a moment to go. */
    for (unsigned i = 0; i < 20; i++) {
        take(&after);
        lost = differences(&before, &after, i == 19);
        if (!lost)
            break;
        usleep(100000);
    }
    if (!lost)
        printf("sysfuzz: all that was in use is free: %u figures\n", after.n);
    printf("sysfuzz: seed %llu: %llu calls in %llu batches; %u died, %u slept and were killed, %u forks "
           "failed\n",
           (unsigned long long)seed, (unsigned long long)made, (unsigned long long)number, died, killed,
           failed);
    return lost ? 1 : 0;
}
