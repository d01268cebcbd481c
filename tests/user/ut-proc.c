/* /proc about oneself: formats that programs parse, and figures that can be known beforehand. */
#include "tests/user/ut.h"
#include <dirent.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#define RW (PROT_READ | PROT_WRITE)

static char text[65536];

static const char *slurp(const char *path)
{
    size_t used = 0;
    int fd = open(path, O_RDONLY);

    if (fd < 0)
        return NULL;
    for (ssize_t n; used + 1 < sizeof text && (n = read(fd, text + used, sizeof text - 1 - used)) > 0;)
        used += (size_t)n;
    close(fd);
    text[used] = '\0';
    return text;
}

/* The number after "Name:" in a file of such lines; -1: there is none. */
static long field(const char *path, const char *name)
{
    const char *all = slurp(path), *at = all;
    size_t n = strlen(name);

    for (; at && *at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL)
        if (strncmp(at, name, n) == 0 && at[n] == ':')
            return strtol(at + n + 1, NULL, 10);
    return -1;
}

/* Whether every line matches: a name, a colon, blanks, a number, maybe " kB". */
static bool like_meminfo(const char *all)
{
    char name[64], unit[8];
    unsigned lines = 0;

    for (const char *at = all; at && *at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL) {
        unsigned long v;
        int n = sscanf(at, "%63[^:]: %lu%7[^\n]", name, &v, unit);

        if (n < 2 || (n == 3 && strcmp(unit, " kB") != 0))
            return false;
        lines++;
    }
    return lines > 20;
}

static void maps_format(void)
{
    int fd = ut_file("mapped", 2 * PAGE);
    uint8_t *p = mmap(NULL, 2 * PAGE, PROT_READ, MAP_PRIVATE, fd, PAGE);
    const char *all = slurp("/proc/self/maps"), *line;
    char key[32];

    PART("maps");
    snprintf(key, sizeof key, "%08lx-%08lx ", (unsigned long)p, (unsigned long)p + 2 * PAGE);
    line = all ? strstr(all, key) : NULL;
    SHOW(line != NULL);
    if (line) {
        unsigned offset, major, minor;
        unsigned long ino;
        char perms[8], path[128];

        SHOW(sscanf(line, "%*x-%*x %7s %x %x:%x %lu %127[^\n]", perms, &offset, &major, &minor, &ino, path));
        ut_say("%s %08x %s", perms, offset, strrchr(path, '/') ? strrchr(path, '/') : path);
        SHOW(strchr(line, '/') - line >= 49 || strchr(line, '/') - line == 73);
    }
    SHOW(strstr(all, "[stack]") != NULL);
    SHOW(unlink("mapped"));
    all = slurp("/proc/self/maps");
    SHOW(strstr(all, "mapped (deleted)") != NULL);
    munmap(p, 2 * PAGE);
    close(fd);
    /* In order, without overlap. */
    unsigned long last = 0, start, end, bad = 0;
    for (const char *at = slurp("/proc/self/maps"); at && *at;
         at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL) {
        if (sscanf(at, "%lx-%lx", &start, &end) != 2 || start < last || end <= start || start % PAGE ||
            end % PAGE)
            bad++;
        last = end;
    }
    SHOW(bad);
}

/* The smaps entry of the mapping that begins at p. */
static long smaps(const void *p, const char *name)
{
    char key[32];
    const char *all = slurp("/proc/self/smaps"), *at;

    snprintf(key, sizeof key, "%08lx-", (unsigned long)p);
    at = all ? strstr(all, key) : NULL;
    if (!at)
        return -1;
    snprintf(key, sizeof key, "\n%s:", name);
    at = strstr(at, key);
    return at ? strtol(at + strlen(key), NULL, 10) : -2;
}

static void smaps_figures(void)
{
    static const char *const names[] = {"Size",         "KernelPageSize", "Rss",           "Pss",
                                        "Shared_Clean", "Shared_Dirty",   "Private_Clean", "Private_Dirty",
                                        "Anonymous",    "Swap",           "Locked"};
    uint8_t *p = ut_map(18, RW);

    PART("smaps of 16 pages, 5 of them written, 1 only read");
    /* Guards keep the neighbours away. */
    mprotect(p, PAGE, PROT_NONE);
    mprotect(p + 17 * PAGE, PAGE, PROT_NONE);
    madvise(p, 18 * PAGE, MADV_NOHUGEPAGE);
    for (unsigned i = 0; i < 5; i++)
        p[(2 + 3 * i) * PAGE] = 1;
    (void)*(volatile uint8_t *)(p + PAGE);
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
        ut_say("%s %ld", names[i], smaps(p + PAGE, names[i]));
    mlock(p + PAGE, 16 * PAGE);
    ut_say("locked: %ld of %ld", smaps(p + PAGE, "Locked"), smaps(p + PAGE, "Rss"));
    munlock(p + PAGE, 16 * PAGE);
    munmap(p, 18 * PAGE);
}

static uint64_t pagemap(const void *p)
{
    uint64_t e = 0;
    int fd = open("/proc/self/pagemap", O_RDONLY);

    if (fd < 0 || pread64(fd, &e, 8, (off_t)((uintptr_t)p / PAGE * 8)) != 8)
        e = ~0ull;
    close(fd);
    return e;
}

static void pagemap_bits(void)
{
    uint8_t *p = ut_map(4, RW);

    PART("pagemap: present, swapped");
    madvise(p, 4 * PAGE, MADV_NOHUGEPAGE);
    p[PAGE] = 1;
    for (unsigned i = 0; i < 4; i++)
        ut_say("%d %d", (int)(pagemap(p + i * PAGE) >> 63), (int)(pagemap(p + i * PAGE) >> 62 & 1));
    munmap(p, 4 * PAGE);
    SHOW(pagemap(p + PAGE) >> 62);
}

static void growing_figures(void)
{
    long size = field("/proc/self/status", "VmSize"), rss = field("/proc/self/status", "RssAnon");
    long data = field("/proc/self/status", "VmData"), a, b, c;

    PART("status and statm follow what one does");
    SHOW(size > 0 && rss > 0 && data > 0);
    uint8_t *p = ut_map(256, RW);
    madvise(p, 256 * PAGE, MADV_NOHUGEPAGE);
    SHOW(field("/proc/self/status", "VmSize") - size);
    SHOW(field("/proc/self/status", "VmData") - data);
    memset(p, 1, 256 * PAGE);
    /* A few pages more may be touched on the way, and Linux counts 64 of them later than others. */
    long grown = field("/proc/self/status", "RssAnon") - rss;
    SHOW(grown >= 1024 - 256 && grown <= 1024 + 512);
    SHOW(field("/proc/self/status", "VmHWM") >= field("/proc/self/status", "VmRSS"));
    SHOW(field("/proc/self/status", "VmPeak") >= size + 1024);
    mlock(p, 8 * PAGE);
    SHOW(field("/proc/self/status", "VmLck"));
    munlock(p, 8 * PAGE);
    SHOW(sscanf(slurp("/proc/self/statm"), "%ld %ld %ld", &a, &b, &c));
    SHOW(a * 4 == field("/proc/self/status", "VmSize"));
    munmap(p, 256 * PAGE);
    SHOW(field("/proc/self/status", "VmSize") - size);
}

static void identity(void)
{
    char name[64], state;
    int pid, ppid, pgrp, sid;

    PART("stat, comm, cmdline, exe, fd");
    prctl(PR_SET_NAME, "a (name) x");
    const char *all = slurp("/proc/self/stat"), *after = strrchr(all, ')');
    SHOW(sscanf(all, "%d (%63[^\n]", &pid, name));
    SHOW(pid == getpid());
    ut_say("%.10s", name);
    SHOW(sscanf(after, ") %c %d %d %d", &state, &ppid, &pgrp, &sid));
    SHOW(state);
    SHOW(ppid == getppid() && pgrp == getpgrp() && sid == getsid(0));
    unsigned blanks = 0;
    for (const char *c = after; *c; c++)
        blanks += *c == ' ';
    SHOW(blanks + 2);
    ut_say("%s", strtok((char *)(uintptr_t)slurp("/proc/self/comm"), "\n"));
    slurp("/proc/self/status");
    ut_say("%s", strtok(text, "\n"));
    SHOW(field("/proc/self/status", "Pid") == getpid());
    SHOW(field("/proc/self/status", "Threads"));
    ssize_t n = readlink("/proc/self", name, sizeof name - 1);
    name[n > 0 ? n : 0] = '\0';
    SHOW(atoi(name) == getpid());
    int fd = open("/dev/null", O_RDONLY);
    snprintf(text, sizeof text, "/proc/self/fd/%d", fd);
    n = readlink(text, name, sizeof name - 1);
    name[n > 0 ? n : 0] = '\0';
    ut_say("%s", name);
    close(fd);
    n = readlink("/proc/self/cwd", text, sizeof text - 1);
    SHOW(n > 0 && strncmp(text, "/tmp/ut-", 8) == 0);
    DIR *d = opendir("/proc/self/fd");
    unsigned open_now = 0;
    for (struct dirent *e; d && (e = readdir(d));)
        open_now += e->d_name[0] != '.';
    closedir(d);
    SHOW(open_now);
    d = opendir("/proc");
    bool found = false;
    for (struct dirent *e; d && (e = readdir(d));)
        found = found || atoi(e->d_name) == getpid();
    closedir(d);
    SHOW(found);
    TRY(open("/proc/self/missing", O_RDONLY));
    TRY(open("/proc/999999999/stat", O_RDONLY));
}

static void machine(void)
{
    static const char *const files[] = {"/proc/stat",    "/proc/uptime", "/proc/loadavg",     "/proc/cpuinfo",
                                        "/proc/version", "/proc/mounts", "/proc/filesystems", "/proc/swaps",
                                        "/proc/vmstat",  "/proc/cmdline"};
    long total, free_now;

    PART("the machine");
    for (unsigned i = 0; i < sizeof files / sizeof files[0]; i++)
        ut_say("%s: %s", files[i], slurp(files[i]) ? "there" : ut_errno(errno));
    SHOW(like_meminfo(slurp("/proc/meminfo")));
    total = field("/proc/meminfo", "MemTotal");
    free_now = field("/proc/meminfo", "MemFree");
    SHOW(total > 0 && free_now > 0 && free_now < total);
    SHOW(field("/proc/meminfo", "MemAvailable") <= total);
    SHOW(field("/proc/meminfo", "Nothing"));
    SHOW(strstr(slurp("/proc/vmstat"), "pgfault ") != NULL);
    SHOW(strncmp(slurp("/proc/stat"), "cpu  ", 5));
    SHOW(strstr(slurp("/proc/filesystems"), "nodev\tproc\n") != NULL);
    SHOW(strncmp(slurp("/proc/swaps"), "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n", 39));
    double up, idle;
    SHOW(sscanf(slurp("/proc/uptime"), "%lf %lf", &up, &idle));
    PART("read again from the start, and in small pieces");
    int fd = open("/proc/self/statm", O_RDONLY);
    char one[64], again[64];
    ssize_t n = read(fd, one, sizeof one);
    lseek64(fd, 0, SEEK_SET);
    SHOW(n == read(fd, again, sizeof again));
    lseek64(fd, 0, SEEK_SET);
    ssize_t m = 0;
    while (read(fd, again, 1) == 1)
        m++;
    SHOW(m == n);
    close(fd);
}

/* The kilobytes of a field of smaps, of the region that begins at p; -1: there is none. */
static long usage(const void *p, const char *name)
{
    const char *all = slurp("/proc/self/smaps"), *at;
    char key[16];

    snprintf(key, sizeof key, "%08lx-", (unsigned long)p);
    at = all ? strstr(all, key) : NULL;
    at = at ? strstr(at, name) : NULL;
    return at ? strtol(at + strlen(name), NULL, 10) : -1;
}

/* Linux leaves the processor's stale translations, which know that the page was used. */
static void forget_translations(void *p, size_t size)
{
    mprotect(p, size, PROT_READ);
    mprotect(p, size, RW);
}

static int clear_refs(const char *what)
{
    int fd = open("/proc/self/clear_refs", O_WRONLY), err;

    err = write(fd, what, strlen(what)) == (ssize_t)strlen(what) ? 0 : errno;
    close(fd);
    return err;
}

static void referenced(void)
{
    int fd = ut_file("r", 4 * PAGE);
    uint8_t *p, *q;

    PART("clear_refs");
    p = ut_map(9, RW) + PAGE; /* apart from others that look the same */
    munmap(p - PAGE, PAGE);
    munmap(p + 7 * PAGE, PAGE);
    q = mmap(NULL, 4 * PAGE, RW, MAP_SHARED, fd, 0);
    memset(p, 1, 7 * PAGE);
    memset(q, 1, 4 * PAGE);
    SHOW(usage(p, "Referenced:"));
    SHOW(usage(q, "Referenced:"));
    SHOW(clear_refs("3"));
    SHOW(usage(p, "Referenced:"));
    SHOW(usage(q, "Referenced:"));
    SHOW(clear_refs("2\n"));
    SHOW(usage(p, "Referenced:"));
    SHOW(usage(p, "Rss:"));
    forget_translations(p, 7 * PAGE);
    p[2 * PAGE] = 2;
    q[0] = 1;
    SHOW(usage(p, "Referenced:"));
    SHOW(clear_refs("1"));
    SHOW(usage(p, "Referenced:"));
    SHOW(usage(q, "Referenced:"));
    SHOW(ut_all(p + 3 * PAGE, 4 * PAGE, 1));
    SHOW(clear_refs("4"));
    SHOW(clear_refs("5"));
    SHOW(clear_refs("0") == EINVAL);
    SHOW(clear_refs("6") == EINVAL);
    SHOW(clear_refs("x") == EINVAL);
    munmap(p, 7 * PAGE);
    munmap(q, 4 * PAGE);
    close(fd);
    /* The peak of what was resident begins anew. */
    p = ut_map(512, RW);
    memset(p, 1, 512 * PAGE);
    long before = field("/proc/self/status", "VmHWM");
    munmap(p, 512 * PAGE);
    SHOW(clear_refs("5"));
    SHOW(field("/proc/self/status", "VmHWM") <= before - 1024);
}

/* A child that runs fn: the most that it had resident, in KiB, as wait4() tells it. */
static long most_of_child(void (*fn)(void))
{
    struct rusage u = {0};
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        fn();
        _exit(0);
    }
    wait4(pid, &status, 0, &u);
    return u.ru_maxrss;
}

static void child_idle(void)
{
}

static void child_writes(void)
{
    void *p = ut_map(1024, RW);

    memset(p, 1, 1024 * PAGE);
    munmap(p, 1024 * PAGE);
}

static void child_drops(void)
{
    uint8_t *p = ut_map(1024, RW);

    for (unsigned i = 0; i < 4; i++) {
        memset(p + i * 256 * PAGE, 1, 256 * PAGE);
        madvise(p + i * 256 * PAGE, 256 * PAGE, MADV_DONTNEED);
    }
}

static void child_reads(void)
{
    volatile uint8_t *p = ut_map(1024, RW);

    madvise((void *)p, 1024 * PAGE, MADV_NOHUGEPAGE); /* Linux may have a huge zero page, which counts */
    for (unsigned i = 0; i < 1024; i++)
        (void)p[i * PAGE];
}

static void child_shares(void)
{
    void *p = mmap(NULL, 1024 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    memset(p, 1, 1024 * PAGE);
    munmap(p, 1024 * PAGE);
}

static void child_executes(void)
{
    child_writes();
    execl("/proc/self/exe", "ut", "exec-idle", NULL);
}

/* The parent's pages are in tables that both name; it gives them up in whole tables, and by pieces. */
static uint8_t *of_parent;

static void child_gives_up(void)
{
    munmap(of_parent, 2560 * PAGE);
    memset(ut_map(1024, RW), 1, 1024 * PAGE);
}

static void most_resident(void)
{
    PART("the most that was resident, though nobody looked");
    long idle = most_of_child(child_idle), hwm, rss, grown;
    struct rusage u;

    /* Linux counts up to 64 pages of each kind later than others. */
    grown = most_of_child(child_writes) - idle;
    SHOW(grown >= 4096 - 512 && grown <= 4096 + 512);
    grown = most_of_child(child_drops) - idle;
    SHOW(grown >= 1024 - 512 && grown <= 1024 + 512);
    SHOW(most_of_child(child_reads) - idle < 512);
    grown = most_of_child(child_shares) - idle;
    SHOW(grown >= 4096 - 512 && grown <= 4096 + 512);
    SHOW(most_of_child(child_executes) - idle >= 4096 - 512);

    hwm = field("/proc/self/status", "VmHWM");
    rss = field("/proc/self/status", "VmRSS");
    SHOW(clear_refs("5"));
    SHOW(hwm >= rss);
    of_parent = ut_map(2560, RW);
    memset(of_parent, 1, 2560 * PAGE);
    grown = most_of_child(child_gives_up) - rss;
    SHOW(grown >= 8192 && grown <= 10240 + 2048);
    munmap(of_parent, 2560 * PAGE);
    grown = field("/proc/self/status", "VmHWM") - rss;
    SHOW(grown >= 8192 && grown <= 10240 + 2048);
    getrusage(RUSAGE_SELF, &u);
    grown = u.ru_maxrss - field("/proc/self/status", "VmHWM");
    SHOW(grown >= 0); /* what other programs of the process had counts, too */
    getrusage(RUSAGE_CHILDREN, &u);
    SHOW(u.ru_maxrss >= rss + 8192);
}

/* Lines of a file that begin with a word, read in pieces of a size. */
static unsigned count_lines(const char *path, const char *word, size_t piece)
{
    static char all[1u << 20];
    size_t used = 0;
    unsigned lines = 0;
    int fd = open(path, O_RDONLY);

    for (ssize_t n; used + piece < sizeof all && (n = read(fd, all + used, piece)) > 0;)
        used += (size_t)n;
    close(fd);
    all[used] = '\0';
    for (const char *at = all; at && *at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL)
        lines += strncmp(at, word, strlen(word)) == 0;
    return lines;
}

/* Long files come record by record. */
static void records(void)
{
    static const size_t pieces[] = {1, 333, 4096, 65536};
    static char page[2 * PAGE];
    uint8_t *p = ut_map(400, RW);

    PART("maps and smaps in pieces");
    for (unsigned i = 0; i < 400; i += 2)
        mprotect(p + i * PAGE, PAGE, PROT_READ);
    unsigned regions = count_lines("/proc/self/maps", "", 65536);
    SHOW(regions > 400);
    for (unsigned i = 0; i < 4; i++) {
        SHOW(count_lines("/proc/self/maps", "", pieces[i]) == regions);
        SHOW(count_lines("/proc/self/smaps", "VmFlags:", pieces[i]) == regions);
        SHOW(count_lines("/proc/self/smaps", "Size:", pieces[i]) == regions);
    }
    int fd = open("/proc/self/smaps", O_RDONLY);
    ssize_t n = read(fd, page, sizeof page), m;
    SHOW(n > 2000 && n <= 4096 && page[n - 1] == '\n');
    m = read(fd, page, 100);
    SHOW(m);
    SHOW(strncmp(page + 8, "-", 1));
    m = read(fd, page, 2 * PAGE);
    SHOW(m > 0 && page[m - 1] == '\n');
    SHOW(pread(fd, page, 50, n) == 50 && page[8] == '-');
    close(fd);
    munmap(p, 400 * PAGE);
}

static void vector(void)
{
    const char *all = slurp("/proc/self/auxv");
    unsigned long *v = (unsigned long *)(uintptr_t)all;
    unsigned n = 0, same = 0;

    PART("auxv");
    for (; v[2 * n]; n++)
        /* Of these the C library has figures of its own. */
        same += v[2 * n] == AT_SYSINFO || v[2 * n] == AT_HWCAP || v[2 * n] == AT_PLATFORM ||
                getauxval(v[2 * n]) == v[2 * n + 1];
    SHOW(n > 10 && same == n);
    for (n = 0; v[2 * n] && v[2 * n] != AT_PAGESZ; n++)
        ;
    SHOW(v[2 * n + 1]);
}

static void memory_file(void)
{
    static const char told[] = "told by the parent";
    char *p = (char *)ut_map(4, RW), got[32] = "";
    int fd = open("/proc/self/mem", O_RDWR), status;
    char path[64];

    PART("mem");
    strcpy(p, "first");
    TRY(pread64(fd, got, 6, (off64_t)(uintptr_t)p));
    ut_say("%s", got);
    TRY(pwrite64(fd, "second", 7, (off64_t)(uintptr_t)(p + 2 * PAGE - 3)));
    ut_say("%s", p + 2 * PAGE - 3);
    munmap(p + 3 * PAGE, PAGE);
    SHOW(pread64(fd, got, 32, (off64_t)(uintptr_t)(p + 3 * PAGE - 8)));
    TRY(pread64(fd, got, 32, (off64_t)(uintptr_t)(p + 3 * PAGE)));
    TRY(pwrite64(fd, got, 32, (off64_t)(uintptr_t)(p + 3 * PAGE)));
    TRY(pread64(fd, got, 1, 0));
    TRY(pread64(fd, NULL, 1, (off64_t)(uintptr_t)p));
    SHOW(lseek64(fd, (off64_t)(uintptr_t)p, SEEK_SET) == (off64_t)(uintptr_t)p);
    TRY(read(fd, got, 3));
    SHOW(lseek64(fd, 0, SEEK_CUR) == (off64_t)(uintptr_t)p + 3);
    TRY(lseek64(fd, 0, SEEK_END));
    close(fd);
    pid_t pid = fork();
    if (pid == 0) {
        for (unsigned i = 0; i < 5000 && strcmp(p, told) != 0; i++)
            usleep(1000);
        _exit(strcmp(p, told) == 0 ? 0 : 1);
    }
    snprintf(path, sizeof path, "/proc/%d/mem", pid);
    fd = open(path, O_RDWR);
    TRY(pwrite64(fd, told, sizeof told, (off64_t)(uintptr_t)p));
    waitpid(pid, &status, 0);
    ut_say("%s, %s here", ut_status(status), p);
    TRY(pread64(fd, got, 1, (off64_t)(uintptr_t)p));
    close(fd);
}

/* Lines of a number or a word, one count for each processor, and what it is. */
static void interrupts(void)
{
    const char *at = slurp("/proc/interrupts");
    unsigned processors = 0, lines = 0, odd = 0, numbers = 0;
    unsigned long long timer = 0;

    PART("/proc/interrupts");
    for (const char *p = at; p && *p && *p != '\n'; p++)
        processors += strncmp(p, "CPU", 3) == 0;
    SHOW(processors == (unsigned)sysconf(_SC_NPROCESSORS_ONLN));
    for (at = at ? strchr(at, '\n') : NULL; at && at[1]; at = strchr(at + 1, '\n')) {
        char name[16];
        unsigned long long n;

        lines++;
        if (sscanf(at + 1, " %15[0-9A-Z]: %llu", name, &n) != 2)
            odd++;
        else if (name[0] >= '0' && name[0] <= '9')
            numbers++;
        if (strcmp(name, "0") == 0 || strcmp(name, "LOC") == 0)
            timer += n;
    }
    SHOW(lines > 2);
    SHOW(odd);
    SHOW(numbers > 0);
    SHOW(timer > 0);
    SHOW(strstr(text, "Local timer interrupts\n") != NULL);
    SHOW(strstr(text, "\nERR: ") != NULL);
}

UT_PROGRAM(proc)
{
    ut_workdir();
    maps_format();
    smaps_figures();
    pagemap_bits();
    growing_figures();
    identity();
    machine();
    referenced();
    most_resident();
    vector();
    memory_file();
    records();
    interrupts();
}
