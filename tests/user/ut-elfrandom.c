/*
 * Executables drawn at random, of which several things are odd at once: segments of any place, size and
 * right, over each other or in another order, cut files, interpreters. What execve() says, what is mapped
 * where, what the program finds in memory, how it ends.
 *
 * Linux looks at segments only after the old program is gone, and kills then; Quire looks before. So both say
 * "refused". Where a file is loaded that may lie anywhere, is the kernel's business: what is said of it is
 * relative to that.
 */
#include "tests/user/ut.h"
#include <elf.h>
#include <sys/personality.h>

#define FILES    96u
#define SEED     20261201u
#define BASE     0x08048000u
#define CODE     0x600u /* where the code is in the file */
#define PIECES   (8 * PAGE)
#define SEGMENTS 40u

struct image {
    Elf32_Ehdr e;
    Elf32_Phdr p[SEGMENTS];
    uint8_t rest[PIECES];
};

_Static_assert(offsetof(struct image, p) + SEGMENTS * sizeof(Elf32_Phdr) <= CODE, "code and path have room");

#define INTERP 0x700u /* where its path is */

/* It stops itself, so that others can look at it, and ends with the sum of the bytes at two distances from
 * the label, which are written into it. */
__asm__(".pushsection .rodata\n"
        "elfrandom_code:\n"
        "    movl $20, %eax\n"
        "    int $0x80\n"
        "    movl %eax, %ebx\n"
        "    movl $19, %ecx\n"
        "    movl $37, %eax\n"
        "    int $0x80\n"
        "    call 1f\n"
        "elfrandom_label:\n"
        "1:  popl %esi\n"
        "elfrandom_first:\n"
        "    movzbl 0x11111111(%esi), %ebx\n"
        "elfrandom_second:\n"
        "    movzbl 0x11111111(%esi), %ecx\n"
        "    addl %ecx, %ebx\n"
        "    movl $1, %eax\n"
        "    int $0x80\n"
        "elfrandom_end:\n"
        "    .popsection\n");
extern const uint8_t elfrandom_code[], elfrandom_label[], elfrandom_first[], elfrandom_second[],
    elfrandom_end[];

static uint32_t state;

/* Not rand(): the same everywhere. */
static uint32_t draw(uint32_t below)
{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state % below;
}

#define ONE_OF(...)                                                                                          \
    ({                                                                                                       \
        const uint32_t of[] = {__VA_ARGS__};                                                                 \
        of[draw(sizeof of / sizeof *of)];                                                                    \
    })

static void write_file(const char *name, const void *bytes, size_t n)
{
    int fd;

    unlink(name);
    fd = open(name, O_WRONLY | O_CREAT, 0755);
    write(fd, bytes, n);
    close(fd);
}

/* --- what a file is --- */

/* Text, data, bss; what the code reads is in the data. */
static void make(struct image *f, bool fixed, uint32_t at)
{
    uint32_t code = at + CODE, label = code + (uint32_t)(elfrandom_label - elfrandom_code);

    for (size_t i = 0; i < sizeof *f; i++)
        ((uint8_t *)f)[i] = (uint8_t)(i / 64 + 1);
    memset(&f->e, 0, sizeof f->e);
    memset(f->p, 0, sizeof f->p);
    memcpy(f->e.e_ident, "\177ELF\1\1\1", 7);
    f->e.e_type = fixed ? ET_EXEC : ET_DYN;
    f->e.e_machine = EM_386;
    f->e.e_version = 1;
    f->e.e_entry = code;
    f->e.e_phoff = offsetof(struct image, p);
    f->e.e_ehsize = sizeof f->e;
    f->e.e_phentsize = sizeof f->p[0];
    f->e.e_phnum = 3;
    f->p[0] = (Elf32_Phdr){PT_LOAD, 0, at, at, PAGE, PAGE, PF_R | PF_X, PAGE};
    f->p[1] = (Elf32_Phdr){PT_LOAD, PAGE, at + 4 * PAGE, 0, PAGE + 0x234, 3 * PAGE, PF_R | PF_W, PAGE};
    f->p[2] = (Elf32_Phdr){PT_GNU_STACK, 0, 0, 0, 0, 0, PF_R | PF_W, 16};
    memcpy((uint8_t *)f + CODE, elfrandom_code, (size_t)(elfrandom_end - elfrandom_code));
    for (unsigned i = 0; i < 2; i++) {
        uint8_t *to = (uint8_t *)f + CODE + ((i ? elfrandom_second : elfrandom_first) - elfrandom_code) + 3;
        uint32_t distance = at + 4 * PAGE + draw(4 * PAGE) - label;

        memcpy(to, &distance, 4);
    }
}

static Elf32_Phdr *any_load(struct image *f)
{
    unsigned k;

    do
        k = draw(f->e.e_phnum);
    while (f->p[k].p_type != PT_LOAD);
    return &f->p[k];
}

static Elf32_Phdr *one_more(struct image *f)
{
    return f->e.e_phnum < SEGMENTS ? &f->p[f->e.e_phnum++] : &f->p[1];
}

static const char *const changes[] = {
    "rights", "memsz", "filesz",  "offset", "vaddr",   "both",  "another", "many",  "swapped",  "stack",
    "align",  "entry", "headers", "phdr",   "nothing", "small", "over",    "empty", "nonsense", "text",
};

static void change(struct image *f, unsigned what)
{
    Elf32_Phdr *p = what == 19 ? &f->p[0] : any_load(f), *q, kept;
    uint32_t n;

    switch (what) {
    case 0:
        p->p_flags = draw(8);
        break;
    case 1:
        p->p_memsz = p->p_filesz + ONE_OF(0, 1, 0x100, PAGE - 1, PAGE, 3 * PAGE, 1u << 20);
        break;
    case 2:
        p->p_filesz = ONE_OF(0, 1, 0x7ff, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE, 5 * PAGE);
        if (p->p_memsz < p->p_filesz)
            p->p_memsz = p->p_filesz;
        break;
    case 3:
        p->p_offset = (p->p_offset & (PAGE - 1)) + PAGE * draw(8);
        break;
    case 4:
        p->p_vaddr += PAGE * ONE_OF(1, 2, 3, 16, 300);
        break;
    case 5:
        n = draw(PAGE);
        p->p_vaddr += n;
        p->p_offset += n;
        break;
    case 6:
        q = one_more(f);
        *q = f->p[1];
        q->p_vaddr += PAGE * draw(12);
        q->p_flags = draw(8);
        break;
    case 7:
        for (n = draw(SEGMENTS); n && f->e.e_phnum < SEGMENTS; n--) {
            q = one_more(f);
            *q = f->p[1];
            q->p_filesz = q->p_memsz = PAGE;
            q->p_vaddr = PAGE * (f->e.e_phnum + 20) + (f->e.e_type == ET_EXEC ? BASE : 0);
            q->p_flags = draw(8);
        }
        break;
    case 8:
        kept = f->p[0];
        f->p[0] = f->p[1];
        f->p[1] = kept;
        break;
    case 9:
        f->p[2].p_flags = draw(8);
        break;
    case 10:
        p->p_align = ONE_OF(0, 1, 3, 0x1000, 0x2000, 0x10000, 0x200000, 0x80000000);
        break;
    case 11:
        f->e.e_entry += ONE_OF(1, PAGE, 4 * PAGE, 0x10000000);
        break;
    case 12:
        n = ONE_OF(CODE + 64, PAGE - 17, 2 * PAGE, 8 * PAGE);
        memmove((uint8_t *)f + n, f->p,
                f->e.e_phnum * sizeof f->p[0] < 3 * PAGE / 4 && n != CODE + 64 ? f->e.e_phnum * sizeof f->p[0]
                                                                               : 3 * sizeof f->p[0]);
        f->e.e_phoff = n;
        if (n == CODE + 64)
            f->e.e_phnum = 3;
        break;
    case 13:
        q = one_more(f);
        *q = (Elf32_Phdr){PT_PHDR, 52, f->p[0].p_vaddr + 52 + ONE_OF(0, 0x1000), 0, 96, 96, PF_R, 4};
        break;
    case 14:
        f->p[2].p_type = PT_NULL;
        break;
    case 15:
        p->p_filesz = draw(64);
        break;
    case 16:
        f->p[1].p_vaddr = f->p[0].p_vaddr + draw(2) * PAGE + draw(PAGE);
        f->p[1].p_offset = (f->p[1].p_offset & ~(PAGE - 1)) + (f->p[1].p_vaddr & (PAGE - 1));
        break;
    case 17:
        p->p_filesz = 0;
        break;
    case 18:
        q = one_more(f);
        *q = (Elf32_Phdr){ONE_OF(PT_NOTE, PT_TLS, PT_DYNAMIC, PT_SHLIB, 0x6474e553, 0x70000000),
                          draw(9999),
                          draw(9999),
                          draw(9999),
                          draw(9999),
                          draw(9999),
                          draw(8),
                          draw(9999)};
        break;
    default:
        p->p_memsz += PAGE * draw(3);
        p->p_filesz += draw(2) * PAGE;
        if (p->p_filesz > p->p_memsz)
            p->p_memsz = p->p_filesz;
        break;
    }
}

/* --- what becomes of it --- */

static const char *refused(const char *how)
{
    static const char *const ways[] = {"ENOEXEC",        "ENOMEM",        "EINVAL",
                                       "killed SIGSEGV", "killed SIGBUS", "killed SIGKILL"};

    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        if (strcmp(how, ways[i]) == 0)
            return "refused";
    return how;
}

/* What is mapped of the file, or of its interpreter, and behind it: pages from the first one that is shown,
 * rights, page of the file. */
static void say_maps(pid_t pid, const char *of, uint32_t from)
{
    char name[32], line[512];
    uint32_t last = 0;
    FILE *maps;

    snprintf(name, sizeof name, "/proc/%d/maps", pid);
    maps = fopen(name, "r");
    while (maps && fgets(line, sizeof line, maps)) {
        uint32_t start, end, offset;
        char rights[8], path[256] = "";
        bool own;

        if (sscanf(line, "%x-%x %7s %x %*s %*s %255s", &start, &end, rights, &offset, path) < 4)
            continue;
        own = *path == '/' && strcmp(strrchr(path, '/') + 1, of) == 0;
        if (!own && (*path == '/' || (start != last && (from != BASE || start >> 24 != BASE >> 24))))
            continue;
        last = end;
        if (!from)
            from = start;
        ut_say("    %x-%x %s %x%s%s", (start - from) / PAGE, (end - from) / PAGE, rights,
               own ? offset / PAGE : 0, own ? " " : "", own ? of : "");
    }
    if (maps)
        fclose(maps);
}

static void run(struct image *f, size_t size, const char *what)
{
    int told[2], status, err = 0;
    bool fixed = f->e.e_type == ET_EXEC;
    pid_t pid;

    write_file("file", f, size);
    pipe2(told, O_CLOEXEC);
    pid = fork();
    if (pid == 0) {
        personality(ADDR_NO_RANDOMIZE);
        execl("./file", "file", NULL);
        write(told[1], &errno, sizeof errno);
        _exit(1);
    }
    close(told[1]);
    if (read(told[0], &err, sizeof err) != sizeof err)
        err = 0;
    close(told[0]);
    waitpid(pid, &status, WUNTRACED);
    if (err || !WIFSTOPPED(status)) {
        ut_say("%s: %s", what, refused(err ? ut_errno(err) : ut_status(status)));
        return;
    }
    ut_say("%s: runs", what);
    say_maps(pid, "file", fixed ? BASE : 0);
    say_maps(pid, "interp", 0);
    kill(pid, SIGCONT);
    waitpid(pid, &status, 0);
    ut_say("    ends: %s", ut_status(status));
}

static void one(unsigned number)
{
    static struct image f, i;
    char what[128];
    size_t size = sizeof f, n;
    bool fixed = draw(4) != 0;
    unsigned times = draw(4);

    make(&f, fixed, fixed ? BASE : 0);
    n = (size_t)snprintf(what, sizeof what, "%u, %s", number, fixed ? "fixed" : "anywhere");
    for (; times; times--) {
        unsigned k = draw(sizeof changes / sizeof *changes);

        change(&f, k);
        n += (size_t)snprintf(what + n, sizeof what - n, ", %s", changes[k]);
    }
    if (draw(6) == 0) {
        size = draw(sizeof f);
        n += (size_t)snprintf(what + n, sizeof what - n, ", cut");
    }
    if (draw(4) == 0) {
        unsigned k = draw(sizeof changes / sizeof *changes);

        make(&i, false, 0);
        n += (size_t)snprintf(what + n, sizeof what - n, ", interpreter");
        if (draw(2)) {
            change(&i, k);
            n += (size_t)snprintf(what + n, sizeof what - n, " %s", changes[k]);
        }
        write_file("interp", &i, draw(6) ? sizeof i : draw(sizeof i));
        memcpy((uint8_t *)&f + INTERP, "./interp", 9);
        if (f.e.e_phoff == offsetof(struct image, p))
            *one_more(&f) = (Elf32_Phdr){PT_INTERP, INTERP, 0, 0, 9, 9, PF_R, 1};
    }
    run(&f, size, what);
}

UT_PROGRAM(elfrandom)
{
    ut_workdir();
    state = SEED;
    for (unsigned k = 0; k < FILES; k++)
        one(k);
}
