/* The tour: looking at memory, counting, and other programs that do as they are told. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "tests/user/quire/tour.h"

/* --- files of /proc --- */

/* A whole file into memory that is there already. */
static size_t slurp(const char *file, char *buf, size_t size)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    size_t n = 0;
    ssize_t got;

    buf[0] = 0;
    if (fd < 0)
        return 0;
    while (n < size - 1 && (got = read(fd, buf + n, size - 1 - n)) > 0)
        n += (size_t)got;
    close(fd);
    buf[n] = 0;
    return n;
}

static char text[65536];

const char *line_in(const char *file, const char *begins)
{
    static char line[512];
    size_t n = strlen(begins);

    slurp(file, text, sizeof text);
    for (char *at = text; at && *at; at = strchr(at, '\n')) {
        at += *at == '\n';
        if (strncmp(at, begins, n) == 0) {
            snprintf(line, sizeof line, "%.*s", (int)strcspn(at, "\n"), at);
            return line;
        }
    }
    return "";
}

long number_in(const char *file, const char *name)
{
    size_t n = strlen(name);

    if (!slurp(file, text, sizeof text))
        return -1;
    for (char *at = text; at && *at; at = strchr(at, '\n')) {
        at += *at == '\n';
        if (strncmp(at, name, n) == 0 && (at[n] == ' ' || at[n] == ':'))
            return strtol(at + n + 1, NULL, 10);
    }
    return -1;
}

long number_of_pid(pid_t pid, const char *file, const char *name)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
    return number_in(path, name);
}

void show_file(const char *file)
{
    if (!slurp(file, text, sizeof text))
        claim(false, "%s can be read", file);
    for (char *at = strtok(text, "\n"); at; at = strtok(NULL, "\n")) {
        if (strlen(at) > COLUMNS)
            say("%s", at);
        else
            show("%s", at);
    }
}

uint64_t available(void)
{
    return (uint64_t)number_in("/proc/meminfo", "MemAvailable") * 1024;
}

uint64_t free_swap(void)
{
    return (uint64_t)number_in("/proc/meminfo", "SwapFree") * 1024;
}

double microseconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* --- pages --- */

static struct page page_from(uint64_t e)
{
    if (e >> 62 & 1)
        return (struct page){.state = PAGE_SWAPPED, .number = (uint32_t)(e >> 5), .area = e & 31};
    return (struct page){.state = e >> 63 ? PAGE_PRESENT : PAGE_NOTHING,
                         .sole = e >> 56 & 1,
                         .file = e >> 61 & 1,
                         .number = (uint32_t)e};
}

/* The entries go to the end of what they become: the next of them is never overwritten. */
_Static_assert(sizeof(struct page) >= sizeof(uint64_t), "an entry fits where its page goes");

void pages_of_pid(pid_t pid, const volatile void *p, size_t n, struct page *out)
{
    char path[64];
    char *entries = (char *)(out + n) - n * sizeof(uint64_t);
    ssize_t size = (ssize_t)(n * sizeof(uint64_t));
    int fd;

    snprintf(path, sizeof path, "/proc/%d/pagemap", (int)pid);
    memset(entries, 0, (size_t)size);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || pread(fd, entries, (size_t)size, (off_t)((uintptr_t)p / PAGE * sizeof(uint64_t))) != size)
        claim(false, "%s can be read", path);
    if (fd >= 0)
        close(fd);
    for (size_t i = 0; i < n; i++) {
        uint64_t e;

        memcpy(&e, entries + i * sizeof e, sizeof e);
        out[i] = page_from(e);
    }
}

struct page page_of_pid(pid_t pid, const volatile void *p)
{
    struct page g;

    pages_of_pid(pid, p, 1, &g);
    return g;
}

struct page page_of(const volatile void *p)
{
    return page_of_pid(getpid(), p);
}

const char *describe(const volatile void *p)
{
    static char words[96];
    struct page g = page_of(p);

    if (g.state == PAGE_SWAPPED)
        return place_of(g);
    if (g.state == PAGE_NOTHING)
        return "nothing";
    if (!g.number)
        return "a frame";
    snprintf(words, sizeof words, "frame %u%s", (unsigned)g.number, g.file ? ", the file's" : "");
    return words;
}

/* The device of a swap area, by its place in /proc/swaps. */
static bool area_device(unsigned area, char *name, size_t size)
{
    unsigned n = 0;

    slurp("/proc/swaps", text, sizeof text);
    for (char *line = strchr(text, '\n'); line && line[1]; line = strchr(line + 1, '\n'))
        if (n++ == area) {
            snprintf(name, size, "%.*s", (int)strcspn(line + 1, " \t"), line + 1);
            return true;
        }
    return false;
}

const char *place_of(struct page g)
{
    static char words[128];
    char device[64];

    if (!area_device(g.area, device, sizeof device))
        snprintf(device, sizeof device, "area %u", g.area);
    snprintf(words, sizeof words, "on the disk: slot %u of %s, byte %llu", (unsigned)g.number, device,
             (unsigned long long)g.number * PAGE);
    return words;
}

bool read_slot(struct page g, void *buf)
{
    char device[64];
    bool ok;
    int fd;

    if (!area_device(g.area, device, sizeof device) || (fd = open(device, O_RDONLY | O_CLOEXEC)) < 0)
        return false;
    ok = pread(fd, buf, PAGE, (off_t)g.number * PAGE) == PAGE;
    close(fd);
    return ok;
}

bool in_core(const volatile void *p)
{
    unsigned char in = 1;

    return mincore((void *)(uintptr_t)p, PAGE, &in) == 0 && in & 1;
}

bool page_out(const volatile void *p, size_t size)
{
    madvise((void *)(uintptr_t)p, size, MADV_PAGEOUT);
    for (size_t at = 0; at < size; at += PAGE)
        for (unsigned tries = 0; in_core((const volatile char *)p + at); tries++) {
            if (tries == 1000)
                return false;
            usleep(1000);
            madvise((void *)((uintptr_t)p + at), PAGE, MADV_PAGEOUT);
        }
    return true;
}

/* --- /proc/sys/vm --- */

static struct {
    char name[32], value[32];
} was[8];
static unsigned changed_settings;

static bool write_setting(const char *name, const char *value)
{
    char path[64];
    size_t n = strlen(value);
    bool ok;
    int fd;

    snprintf(path, sizeof path, "/proc/sys/vm/%s", name);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    ok = fd >= 0 && write(fd, value, n) == (ssize_t)n;
    if (fd >= 0)
        close(fd);
    return ok;
}

/* What a setting is now; of a choice the word in brackets. */
static void read_setting(const char *name, char *value, size_t size)
{
    char path[64], *from, *to;

    snprintf(path, sizeof path, "/proc/sys/vm/%s", name);
    slurp(path, text, sizeof text);
    from = strchr(text, '[');
    from = from ? from + 1 : text;
    to = from + strcspn(from, "]\n");
    snprintf(value, size, "%.*s", (int)(to - from), from);
}

bool set_vm(const char *name, const char *value)
{
    unsigned i = 0;

    while (i < changed_settings && strcmp(was[i].name, name) != 0)
        i++;
    if (i == changed_settings && i < sizeof was / sizeof was[0]) {
        snprintf(was[i].name, sizeof was[i].name, "%s", name);
        read_setting(name, was[i].value, sizeof was[i].value);
        changed_settings++;
    }
    return claim(write_setting(name, value), "/proc/sys/vm/%s takes %s", name, value);
}

bool set_vm_number(const char *name, unsigned value)
{
    char word[16];

    snprintf(word, sizeof word, "%u", value);
    return set_vm(name, word);
}

/* Called by a signal's handler, too. */
void restore_vm(void)
{
    while (changed_settings > 0) {
        changed_settings--;
        write_setting(was[changed_settings].name, was[changed_settings].value);
    }
}

/* --- doing --- */

static uint8_t *map_at(uint8_t *at, size_t size, int flags)
{
    uint8_t *p = mmap(at, size, RW, ANON | flags, -1, 0);

    if (p == MAP_FAILED || (at && p != at)) {
        claim(false, "%zu KiB can be mapped", size >> 10);
        exit(1);
    }
    /* Linux would hand out 2 MiB at a time. */
    madvise(p, size, MADV_NOHUGEPAGE);
    return p;
}

uint8_t *map(size_t size)
{
    return map_at(NULL, size, MAP_NORESERVE);
}

uint8_t *map_alone(size_t size)
{
    return map_at(ALONE, size, MAP_FIXED_NOREPLACE);
}

uint32_t mixed(uint32_t n)
{
    n = (n ^ n >> 16) * 0x7feb352du;
    n = (n ^ n >> 15) * 0x846ca68bu;
    return n ^ n >> 16;
}

int wait_for(pid_t pid)
{
    int status = -1;

    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

pid_t split(void)
{
    pid_t pid;

    fflush(stdout);
    pid = fork();
    if (pid == 0)
        in_child();
    else
        claim(pid > 0, "a program can be started");
    return pid;
}

/* Pages of a file, since it is for these that room is made under vm.pageable_max. */
void squeeze(unsigned pages)
{
    int fd = memfd_create("squeeze", MFD_CLOEXEC);
    uint8_t *p = MAP_FAILED;

    if (fd >= 0 && ftruncate(fd, (off_t)pages * PAGE) == 0)
        p = mmap(NULL, pages * PAGE, RW, MAP_SHARED, fd, 0);
    if (!claim(p != MAP_FAILED, "there is room for a file of %u pages", pages))
        return;
    for (unsigned i = 0; i < pages; i++)
        p[i * PAGE] = 1;
    munmap(p, pages * PAGE);
    close(fd);
}

/* --- other programs --- */

struct order {
    enum { DO_READ, DO_WRITE, DO_END } what;
    volatile uint32_t *at;
    uint32_t value;
};

static struct answer act(const struct order *o)
{
    static struct rusage before, after;
    struct answer a = {0};

    getrusage(RUSAGE_SELF, &before);
    if (o->what == DO_WRITE)
        *o->at = o->value;
    else
        a.value = *o->at;
    getrusage(RUSAGE_SELF, &after);
    a.minor = after.ru_minflt - before.ru_minflt;
    a.major = after.ru_majflt - before.ru_majflt;
    a.page = page_of(o->at);
    return a;
}

static void obey(int from, int to)
{
    struct order o;
    struct answer a;

    while (read(from, &o, sizeof o) == sizeof o && o.what != DO_END) {
        a = act(&o);
        if (write(to, &a, sizeof a) != sizeof a)
            break;
    }
    _exit(0);
}

static struct answer tell(struct actor *a, const struct order *o)
{
    struct answer got = {0};

    claim(write(a->to, o, sizeof *o) == sizeof *o && read(a->from, &got, sizeof got) == sizeof got,
          "the other program answers");
    return got;
}

bool actor_start(struct actor *a)
{
    static volatile uint32_t own;
    int there[2], back[2];

    if (!claim(pipe2(there, O_CLOEXEC) == 0 && pipe2(back, O_CLOEXEC) == 0, "there are pipes"))
        return false;
    a->pid = split();
    if (a->pid == 0) {
        close(there[1]);
        close(back[0]);
        obey(there[0], back[1]);
    }
    close(there[0]);
    close(back[1]);
    a->to = there[1];
    a->from = back[0];
    /* Once for itself, so that what it needs to obey is its own by then. */
    for (unsigned i = 0; a->pid > 0 && i < 2; i++)
        actor_write(a, &own, 1);
    return a->pid > 0;
}

void actor_end(struct actor *a)
{
    struct order o = {.what = DO_END};

    if (a->pid <= 0)
        return;
    claim(write(a->to, &o, sizeof o) == sizeof o, "the other program hears");
    close(a->to);
    close(a->from);
    claim(wait_for(a->pid) == 0, "the other program ends well");
    a->pid = 0;
}

struct answer actor_read(struct actor *a, const volatile uint32_t *at)
{
    return tell(a, &(struct order){DO_READ, (volatile uint32_t *)(uintptr_t)at, 0});
}

struct answer actor_write(struct actor *a, volatile uint32_t *at, uint32_t value)
{
    return tell(a, &(struct order){DO_WRITE, at, value});
}

struct answer self_read(const volatile uint32_t *at)
{
    return act(&(struct order){DO_READ, (volatile uint32_t *)(uintptr_t)at, 0});
}

struct answer self_write(volatile uint32_t *at, uint32_t value)
{
    return act(&(struct order){DO_WRITE, at, value});
}

/* --- counting --- */

static const struct {
    const char *name, *words;
} counters[COUNTERS] = {
    {"fault.all", "page faults"},
    {"action.map_zero_frame", "zero frame mapped"},
    {"action.fill_zero", "pages zeroed"},
    {"action.own_table", "tables made own"},
    {"action.copy", "pages copied"},
    {"action.take_over", "pages taken over"},
    {"action.object_in", "file pages mapped"},
    {"action.swap_in", "swap entries resolved"},
    {"action.unpark", "pages put back"},
    {"action.table_in", "tables wanted back"},
    {"action.bad_address", "bad addresses"},
    {"action.bad_access", "bad accesses"},
    {"table.shared", "tables shared"},
    {"table.split", "tables split"},
    {"table.claimed", "tables claimed"},
    {"table.out", "tables put out"},
    {"table.in", "tables brought in"},
    {"page.evicted", "evicted"},
    {"page.evicted_clean", "evicted clean"},
    {"swap.pages_out", "pages written"},
    {"swap.writes", "disk writes"},
    {"swap.pages_in", "pages read"},
    {"swap.reads", "disk reads"},
    {"swap.ahead", "read ahead"},
    {"swap.ahead_used", "read-ahead hits"},
    {"swap.free_slots", "free slots"},
    {"use.anon", "anon frames"},
    {"use.object", "object frames"},
    {"use.table", "table frames"},
};

/* No fault once it has run, so it takes nothing that is not there. */
void count(struct counts *c)
{
    static char said[8192];
    int64_t value;

    slurp("/proc/quire/counters", said, sizeof said);
    memset(c, 0, sizeof *c);
    for (char *at = said; *at;) {
        char *blank = strchr(at, ' '), *end = strchr(at, '\n');

        if (!blank || !end || blank > end)
            break;
        *blank = 0;
        value = strtoll(blank + 1, NULL, 10);
        for (unsigned i = 0; i < COUNTERS && counters[i].name; i++)
            if (strcmp(counters[i].name, at) == 0)
                c->value[i] = value;
        at = end + 1;
    }
}

int64_t between(const struct counts *since, const struct counts *until, const char *name)
{
    for (unsigned i = 0; i < COUNTERS && counters[i].name; i++)
        if (strcmp(counters[i].name, name) == 0)
            return until->value[i] - since->value[i];
    claim(false, "there is a counter %s", name);
    return 0;
}

int64_t changed(const struct counts *since, const char *name)
{
    struct counts now;

    count(&now);
    return between(since, &now, name);
}

static int wanted(const struct change *want, const char *name)
{
    for (; want->name; want++)
        if (strcmp(want->name, name) == 0)
            return want->by;
    return 0;
}

void expect(const struct counts *since, const struct change *want)
{
    struct counts now;
    char line[512] = "";
    size_t used = 0;

    count(&now);
    for (unsigned i = 0; i < COUNTERS && counters[i].name; i++) {
        int by = (int)(now.value[i] - since->value[i]);

        if (by && used < sizeof line)
            used += (size_t)snprintf(line + used, sizeof line - used, "%s%s %+d", used ? ", " : "",
                                     counters[i].words, by);
    }
    say("Changed: %s.", used ? line : "nothing");
    for (unsigned i = 0; i < COUNTERS && counters[i].name; i++) {
        int by = (int)(now.value[i] - since->value[i]);

        claim(by == wanted(want, counters[i].name), "%s changed by %d, not by %d", counters[i].words, by,
              wanted(want, counters[i].name));
    }
}

void settle(void)
{
    volatile char stack[32768];
    static volatile uint32_t own;
    struct counts c;

    for (size_t i = 0; i < sizeof stack; i += PAGE / 2)
        stack[i] = 1;
    for (unsigned i = 0; i < 2; i++)
        count(&c);
    self_write(&own, 1);
}

void quiet(void)
{
    mlockall(MCL_CURRENT);
    settle();
}

void quiet_end(void)
{
    munlockall();
    reader_lock();
}
