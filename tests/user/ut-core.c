/* Core files: what is in them, how they are called, when there is none. */
#include "tests/user/ut.h"
#include <elf.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/procfs.h>
#include <sys/resource.h>

#define MOST (64u << 20)

static uint8_t *core;
static size_t core_size;

static void limit(rlim_t bytes)
{
    setrlimit(RLIMIT_CORE, &(struct rlimit){bytes, RLIM_INFINITY});
}

/* What the last child left; false: nothing. */
static bool load(const char *name)
{
    int fd = open(name, O_RDONLY);
    struct stat st;

    if (core)
        munmap(core, core_size);
    core = NULL;
    if (fd < 0)
        return false;
    fstat(fd, &st);
    core_size = (size_t)st.st_size;
    core = mmap(NULL, core_size ? core_size : 1, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    return core != MAP_FAILED;
}

static pid_t die(void (*fn)(void))
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        fn();
        _exit(0);
    }
    waitpid(pid, &status, 0);
    ut_say("    %s%s", ut_status(status), WIFSIGNALED(status) && WCOREDUMP(status) ? ", core" : "");
    return pid;
}

static const Elf32_Phdr *headers(void)
{
    return (const Elf32_Phdr *)(core + ((const Elf32_Ehdr *)core)->e_phoff);
}

/* The program header of an address, or NULL. */
static const Elf32_Phdr *segment(const void *p)
{
    for (unsigned i = 0; i < ((const Elf32_Ehdr *)core)->e_phnum; i++) {
        const Elf32_Phdr *h = &headers()[i];

        if (h->p_type == PT_LOAD && (uintptr_t)p - h->p_vaddr < h->p_memsz)
            return h;
    }
    return NULL;
}

/* The first bytes of n pages in the core, "--": not in it. */
static void say_pages(const char *what, const uint8_t *p, unsigned n)
{
    char text[200];
    int used = 0;

    for (unsigned i = 0; i < n; i++) {
        const uint8_t *at = p + i * PAGE;
        const Elf32_Phdr *h = segment(at);
        size_t offset = h ? (uintptr_t)at - h->p_vaddr : 0;

        if (!h || offset >= h->p_filesz)
            used += snprintf(text + used, sizeof text - (size_t)used, " %s", h ? "--" : "none");
        else
            used += snprintf(text + used, sizeof text - (size_t)used, " %02x", core[h->p_offset + offset]);
    }
    ut_say("    %s:%s", what, text);
}

/* The next note at *at, or NULL; its name and contents. */
static const Elf32_Nhdr *next_note(size_t *at, const char **name, const void **desc)
{
    const Elf32_Phdr *h = headers();
    const Elf32_Nhdr *n = (const void *)(core + h->p_offset + *at);

    if (h->p_type != PT_NOTE || *at + sizeof *n > h->p_filesz)
        return NULL;
    *name = (const char *)(n + 1);
    *desc = *name + ((n->n_namesz + 3) & ~3u);
    *at += sizeof *n + ((n->n_namesz + 3) & ~3u) + ((n->n_descsz + 3) & ~3u);
    return n;
}

static const char *note_name(uint32_t type)
{
    switch (type) {
    case NT_PRSTATUS:
        return "PRSTATUS";
    case NT_FPREGSET:
        return "FPREGSET";
    case NT_PRPSINFO:
        return "PRPSINFO";
    case NT_AUXV:
        return "AUXV";
    case NT_SIGINFO:
        return "SIGINFO";
    case NT_FILE:
        return "FILE";
    case NT_PRXFPREG:
        return "PRXFPREG";
    case NT_X86_XSTATE:
        return "X86_XSTATE";
    case NT_386_TLS:
        return "386_TLS";
    default:
        return "?";
    }
}

static void say_status(const struct elf_prstatus *s, pid_t pid)
{
    ut_say("      signal %d (%d), %s, parent %s, group %s, blocked %lx, pending %lx, fp %d", s->pr_cursig,
           s->pr_info.si_signo, s->pr_pid == pid ? "the process" : "another thread",
           s->pr_ppid == getpid() ? "ours" : "not ours", s->pr_pgrp == getpgrp() ? "ours" : "not ours",
           s->pr_sighold, s->pr_sigpend, s->pr_fpvalid);
}

static void say_process(const struct elf_prpsinfo *p, pid_t pid)
{
    ut_say("      %c nice %d uid %u gid %u %s, name %.2s, arguments %s", p->pr_sname, p->pr_nice, p->pr_uid,
           p->pr_gid, p->pr_pid == pid ? "the process" : "?", p->pr_fname,
           strstr(p->pr_psargs, "core") ? "ours" : p->pr_psargs);
}

/* Whether NT_FILE has a file that ends like this, at this place. */
static void say_file(const uint32_t *w, const void *place, const char *end)
{
    const char *name = (const char *)(w + 2 + w[0] * 3);

    for (uint32_t i = 0; i < w[0]; i++, name += strlen(name) + 1)
        if (w[2 + i * 3] == (uintptr_t)place) {
            size_t n = strlen(name), m = strlen(end);

            ut_say("      %u pages from %u of %s", (w[3 + i * 3] - w[2 + i * 3]) / PAGE, w[4 + i * 3],
                   n >= m && strcmp(name + n - m, end) == 0 ? end : name);
            return;
        }
    ut_say("      no %s", end);
}

/* All notes, with what tells one run from another left out. */
static void say_notes(pid_t pid, const void *place, const char *file)
{
    const char *name;
    const void *desc;
    const Elf32_Nhdr *n;
    size_t at = 0;

    while ((n = next_note(&at, &name, &desc))) {
        if (n->n_type == NT_FILE || n->n_type == NT_AUXV || n->n_type == NT_X86_XSTATE)
            ut_say("    %s %s", name, note_name(n->n_type));
        else
            ut_say("    %s %s %u", name, note_name(n->n_type), n->n_descsz);
        if (n->n_type == NT_PRSTATUS)
            say_status(desc, pid);
        else if (n->n_type == NT_PRPSINFO)
            say_process(desc, pid);
        else if (n->n_type == NT_FILE)
            say_file(desc, place, file);
        else if (n->n_type == NT_SIGINFO)
            ut_say("      signal %d code %d error %d", ((const int *)desc)[0], ((const int *)desc)[2],
                   ((const int *)desc)[1]);
        else if (n->n_type == NT_AUXV)
            ut_say("      ends with %u", ((const uint32_t *)desc)[n->n_descsz / 4 - 2]);
    }
}

static const uint32_t *registers(void)
{
    const char *name;
    const void *desc;
    size_t at = 0;

    next_note(&at, &name, &desc);
    return (const uint32_t *)&((const struct elf_prstatus *)desc)->pr_reg;
}

/* --- what is in it --- */

static uint8_t *written, *untouched, *hidden, *shared, *clean, *changed, *closed, *kept;
static int file;

static void trap(void)
{
    __asm__ volatile(
        "mov $0x11111111, %%ebx; mov $0x22222222, %%ecx; mov $0x33333333, %%edx; mov $0x44444444, %%esi\n\t"
        "mov $0x55555555, %%edi; mov $0x66666666, %%eax; push %%ebp; mov $0x77777777, %%ebp; ud2"
        :
        :
        : "memory");
}

/* Pages that no neighbour becomes one with. */
static uint8_t *apart(unsigned pages)
{
    uint8_t *p = ut_map(pages + 2, PROT_READ | PROT_WRITE);

    munmap(p, PAGE);
    munmap(p + (pages + 1) * PAGE, PAGE);
    return p + PAGE;
}

static void make_memory(void)
{
    file = ut_file("data", 4 * PAGE);
    written = apart(4);
    untouched = apart(3);
    hidden = apart(2);
    closed = apart(2);
    kept = apart(2);
    shared = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    clean = mmap(NULL, 4 * PAGE, PROT_READ, MAP_PRIVATE, file, 0);
    changed = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, PAGE);
    written[0] = 0xA0;
    written[2 * PAGE] = 0xA2;
    memset(hidden, 0xB0, 2 * PAGE);
    madvise(hidden, 2 * PAGE, MADV_DONTDUMP);
    memset(kept, 0xB5, 2 * PAGE);
    madvise(kept, 2 * PAGE, MADV_DONTDUMP);
    madvise(kept, 2 * PAGE, MADV_DODUMP);
    memset(closed, 0xC0, PAGE);
    mprotect(closed, 2 * PAGE, PROT_NONE);
    shared[PAGE] = 0xD1;
    changed[PAGE] = 0xE1;
}

static void say_memory(void)
{
    say_pages("written", written, 4);
    say_pages("untouched", untouched, 3);
    say_pages("hidden", hidden, 2);
    say_pages("hidden, and not any more", kept, 2);
    say_pages("closed", closed, 2);
    say_pages("shared", shared, 2);
    say_pages("a file", clean, 4);
    say_pages("a file that was written to", changed, 3);
}

static void contents(void)
{
    const Elf32_Ehdr *h;
    const uint32_t *r;
    pid_t pid;

    PART("what is in it");
    pid = die(trap);
    if (!load("core"))
        return ut_say("no core");
    h = (const Elf32_Ehdr *)core;
    ut_say("    type %u machine %u version %u flags %u sizes %u %u %u entry %u sections %u", h->e_type,
           h->e_machine, h->e_version, h->e_flags, h->e_ehsize, h->e_phentsize, h->e_shentsize, h->e_entry,
           h->e_shnum);
    ut_say("    notes: type %u flags %u align %u address %u size in memory %u", headers()->p_type,
           headers()->p_flags, headers()->p_align, headers()->p_vaddr, headers()->p_memsz);
    r = registers();
    ut_say("    ebx %x ecx %x edx %x esi %x edi %x ebp %x eax %x", r[0], r[1], r[2], r[3], r[4], r[5], r[6]);
    ut_say("    orig_eax %x; rings %u %u %u %u", r[11], r[7] & 3, r[8] & 3, r[13] & 3, r[16] & 3);
    say_pages("code", (const uint8_t *)r[12], 1);
    say_pages("stack", (const uint8_t *)r[15], 1);
    say_notes(pid, clean, "/data");
    say_memory();
    ut_say("    rights %u %u %u", segment(written)->p_flags, segment(clean)->p_flags,
           segment(closed)->p_flags);
    ut_say("    the file is as long as its last segment: %d",
           headers()[h->e_phnum - 1].p_offset + headers()[h->e_phnum - 1].p_filesz == core_size);
}

/* Whether smaps says that a region is left out. */
static void say_hidden(const char *what, const uint8_t *p)
{
    FILE *f = fopen("/proc/self/smaps", "r");
    char line[200], start[16];
    bool here = false;

    snprintf(start, sizeof start, "%08lx-", (unsigned long)(uintptr_t)p);
    while (f && fgets(line, sizeof line, f)) {
        if (strncmp(line, start, 9) == 0)
            here = true;
        if (here && strncmp(line, "VmFlags:", 8) == 0) {
            ut_say("    %s: smaps %s dd", what, strstr(line, " dd") ? "says" : "does not say");
            break;
        }
    }
    fclose(f);
}

static unsigned filter;

static void filtered(void)
{
    char text[16];
    int fd = open("/proc/self/coredump_filter", O_WRONLY);

    (void)!write(fd, text, (size_t)snprintf(text, sizeof text, "%u", filter));
    trap();
}

static void filters(void)
{
    static const unsigned f[] = {0, 1, 2, 4, 8, 16, 0x0F};

    for (unsigned i = 0; i < sizeof f / sizeof *f; i++) {
        filter = f[i];
        ut_say("-- a filter of %x", filter);
        die(filtered);
        if (load("core"))
            say_memory();
    }
}

/* --- threads --- */

static pthread_barrier_t ready;

static void *waits(void *arg)
{
    pthread_barrier_wait(&ready);
    for (;;)
        pause();
    return arg;
}

static void *dies(void *arg)
{
    pthread_barrier_wait(&ready);
    usleep(20000);
    trap();
    return arg;
}

static void threads(void)
{
    pthread_t t;

    pthread_barrier_init(&ready, NULL, 4);
    pthread_create(&t, NULL, waits, NULL);
    pthread_create(&t, NULL, waits, NULL);
    pthread_create(&t, NULL, dies, NULL);
    pthread_barrier_wait(&ready);
    for (;;)
        pause();
}

static void of_threads(void)
{
    const char *name;
    const void *desc;
    const Elf32_Nhdr *n;
    size_t at = 0;
    unsigned counts = 0, first = 0;
    pid_t pid;

    PART("threads");
    pid = die(threads);
    if (!load("core"))
        return ut_say("no core");
    while ((n = next_note(&at, &name, &desc)))
        if (n->n_type == NT_PRSTATUS) {
            const struct elf_prstatus *s = desc;

            ut_say("    a thread: %s", s->pr_reg[12] == registers()[12] ? "it died" : "it waited");
            first += s->pr_pid == pid;
            counts++;
        }
    ut_say("    %u, of which %u the first", counts, first);
}

/* --- when there is none --- */

static void abandon(void)
{
    abort();
}

static void say_core(const char *name)
{
    struct stat st;

    if (lstat(name, &st) < 0)
        return ut_say("    %s: %s", name, ut_errno(errno));
    ut_say("    %s: mode %o, %u links, %s, uid %u", name, st.st_mode, (unsigned)st.st_nlink,
           st.st_size == 0       ? "empty"
           : st.st_size <= 12000 ? "cut short"
                                 : "long",
           st.st_uid);
    unlink(name);
}

static void secret(void)
{
    prctl(PR_SET_DUMPABLE, 0);
    abort();
}

static void masked(void)
{
    umask(0200);
    abort();
}

static void small_files(void)
{
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){8192, 8192});
    abort();
}

static void in_a_directory(void)
{
    mkdir("below", 0755);
    if (chdir("below") == 0)
        abort();
}

static void terminated(void)
{
    raise(SIGTERM);
}

static void quits(void)
{
    raise(SIGQUIT);
}

static void somebody(void)
{
    if (setresgid(1000, 1000, 1000) == 0 && setresuid(1000, 1000, 1000) == 0)
        abort();
}

static void somebody_again(void)
{
    if (setresgid(1000, 1000, 1000) == 0 && setresuid(1000, 1000, 1000) == 0 &&
        prctl(PR_SET_DUMPABLE, 1) == 0)
        abort();
}

static void none(void)
{
    PART("limits");
    limit(0);
    die(abandon);
    say_core("core");
    limit(4095);
    die(abandon);
    say_core("core");
    limit(4096);
    die(abandon);
    say_core("core");
    limit(12000);
    die(abandon);
    say_core("core");
    limit(RLIM_INFINITY);
    die(small_files);
    say_core("core");
    PART("signals");
    die(terminated);
    say_core("core");
    die(quits);
    say_core("core");
    PART("who may not");
    die(secret);
    say_core("core");
    die(somebody);
    say_core("core");
    die(somebody_again); /* the directory is not his */
    say_core("core");
    chmod(".", 0777);
    die(somebody_again);
    say_core("core");
    die(masked);
    say_core("core");
    die(in_a_directory);
    say_core("below/core");
    PART("what is in the way");
    close(open("core", O_CREAT | O_WRONLY, 0644));
    link("core", "other");
    die(abandon);
    say_core("core");
    say_core("other");
    (void)!symlink("target", "core");
    die(abandon);
    say_core("core");
    say_core("target");
    mkdir("core", 0755);
    die(abandon);
    rmdir("core");
}

/* --- for tests/boot/core.t --- */

#define PIECES 66000u /* more than the ELF header can count */

static void in_pieces(void)
{
    uint8_t *p = mmap(NULL, (size_t)PIECES * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    for (size_t i = 0; i < PIECES; i += 2)
        if (mprotect(p + i * PAGE, PAGE, PROT_READ | PROT_WRITE))
            _exit(1);
    p[2 * PAGE] = 0x5A;
    abort();
}

/* Where the number of program headers is that the ELF header cannot count. */
static int say_pieces(void)
{
    const Elf32_Ehdr *h;
    const Elf32_Shdr *s;
    uint32_t loads = 0, used = 0;

    die(in_pieces);
    if (!load("core"))
        return 1;
    h = (const Elf32_Ehdr *)core;
    ut_say("    %x program headers, %u sections of %u bytes, names in %u", h->e_phnum, h->e_shnum,
           h->e_shentsize, h->e_shstrndx);
    if (h->e_phnum != PN_XNUM || h->e_shoff + sizeof *s > core_size)
        return 1;
    s = (const Elf32_Shdr *)(core + h->e_shoff);
    ut_say("    the section: name %u type %u size %u link %u, %s", s->sh_name, s->sh_type, s->sh_size,
           s->sh_link, s->sh_info > PIECES ? "with the number" : "without it");
    ut_say("    it is the end of the file: %d", h->e_shoff + sizeof *s == core_size);
    for (uint32_t i = 1; i < s->sh_info && headers()[i].p_type == PT_LOAD; i++, loads++)
        if (headers()[i].p_filesz == PAGE && core[headers()[i].p_offset] == 0x5A)
            used++;
    ut_say("    all are of memory: %d; in use: %u", loads == s->sh_info - 1, used);
    return 0;
}

/* A program to look at with a debugger: four threads, one of which dies. */
UT_EXECUTED(core)
{
    setrlimit(RLIMIT_CORE, &(struct rlimit){RLIM_INFINITY, RLIM_INFINITY});
    if (argc > 2 && strcmp(argv[2], "in-pieces") == 0)
        return say_pieces();
    make_memory();
    if (argc > 2 && strcmp(argv[2], "somebody") == 0)
        somebody();
    threads();
    return 1;
}

UT_PROGRAM(core)
{
    ut_workdir();
    make_memory();
    limit(RLIM_INFINITY);
    say_hidden("hidden", hidden);
    say_hidden("hidden, and not any more", kept);
    contents();
    filters();
    of_threads();
    none();
}
