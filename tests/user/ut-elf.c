/*
 * Executables that are damaged, hostile or odd: what execve() says of each. A file here is a header, a few
 * program headers and a few instructions that exit with 42; each case spoils one thing.
 *
 * Linux looks at segments only after the old program is gone, and kills then; other kernels, this one too,
 * look before. Such cases, tried with LATE, say "refused" for both.
 */
#include "tests/user/ut.h"
#include <elf.h>

#define BASE 0x08048000u
#define CODE 0x200u /* where the code is in the file */

struct image {
    Elf32_Ehdr e;
    Elf32_Phdr p[8];
    char interp[64];
    uint8_t rest[3 * PAGE];
};

static struct image good;
static size_t good_size = 2 * PAGE;

static void make_good(void)
{
    /* mov $1, %eax; mov $42, %ebx; int $0x80 */
    static const uint8_t code[] = {0xb8, 1, 0, 0, 0, 0xbb, 42, 0, 0, 0, 0xcd, 0x80};

    memcpy(good.e.e_ident, "\177ELF\1\1\1", 7);
    good.e.e_type = ET_EXEC;
    good.e.e_machine = EM_386;
    good.e.e_version = 1;
    good.e.e_entry = BASE + CODE;
    good.e.e_phoff = offsetof(struct image, p);
    good.e.e_ehsize = sizeof good.e;
    good.e.e_phentsize = sizeof good.p[0];
    good.e.e_phnum = 3;
    good.p[0] = (Elf32_Phdr){PT_LOAD, 0, BASE, BASE, PAGE, PAGE, PF_R | PF_X, PAGE};
    good.p[1] = (Elf32_Phdr){PT_LOAD, PAGE, BASE + 2 * PAGE, 0, PAGE, 3 * PAGE, PF_R | PF_W, PAGE};
    good.p[2] = (Elf32_Phdr){PT_GNU_STACK, 0, 0, 0, 0, 0, PF_R | PF_W, 16};
    memcpy((uint8_t *)&good + CODE, code, sizeof code);
}

/* With an interpreter: another file of the directory. */
static struct image with_interp(const char *path)
{
    struct image f = good;

    f.e.e_phnum = 4;
    strcpy(f.interp, path);
    f.p[3] = (Elf32_Phdr){
        PT_INTERP, offsetof(struct image, interp), 0, 0, strlen(path) + 1, strlen(path) + 1, PF_R, 1};
    return f;
}

/* The program headers lie elsewhere in the file. */
static void move_headers(struct image *f, size_t to)
{
    memmove((uint8_t *)f + to, f->p, f->e.e_phnum * sizeof f->p[0]);
    memset(f->p, 0xff, sizeof f->p);
    f->e.e_phoff = to;
}

/* A program header of which only the type may be looked at. */
static Elf32_Phdr nonsense(uint32_t type)
{
    Elf32_Phdr p;

    memset(&p, 0xff, sizeof p);
    p.p_type = type;
    return p;
}

static void write_file(const char *name, const void *bytes, size_t n)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0755);

    write(fd, bytes, n);
    close(fd);
}

/* How it ends: an error of execve(), or a status. */
static const char *run(const char *name)
{
    int pipes[2], status, err = 0;
    pid_t pid;

    pipe2(pipes, O_CLOEXEC);
    pid = fork();
    if (pid == 0) {
        execl(name, name, NULL);
        write(pipes[1], &errno, sizeof errno);
        _exit(1);
    }
    close(pipes[1]);
    if (read(pipes[0], &err, sizeof err) != sizeof err)
        err = 0;
    close(pipes[0]);
    waitpid(pid, &status, 0);
    return err ? ut_errno(err) : ut_status(status);
}

static const char *run_image(const struct image *f, size_t size)
{
    write_file("file", f, size);
    return run("./file");
}

/* One thing of the file is not as it should be. */
#define TRY_WITH(change)                                                                                     \
    do {                                                                                                     \
        struct image f = good;                                                                               \
        change;                                                                                              \
        ut_say(#change ": %s", run_image(&f, good_size));                                                    \
    } while (0)

/* Nothing of the program may run, whichever way it is refused. */
static const char *refused(const char *how)
{
    static const char *const ways[] = {"ENOEXEC",        "ENOMEM",        "EINVAL",
                                       "killed SIGSEGV", "killed SIGBUS", "killed SIGKILL"};

    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        if (strcmp(how, ways[i]) == 0)
            return "refused";
    return how;
}

#define LATE(change)                                                                                         \
    do {                                                                                                     \
        struct image f = good;                                                                               \
        change;                                                                                              \
        ut_say(#change ": %s", refused(run_image(&f, good_size)));                                           \
    } while (0)

static void headers(void)
{
    PART("the header");
    TRY_WITH(f.e.e_entry += 0);
    TRY_WITH(f.e.e_ident[0] = 0);
    TRY_WITH(f.e.e_ident[3] = 'G');
    TRY_WITH(f.e.e_type = ET_REL);
    TRY_WITH(f.e.e_type = ET_CORE);
    TRY_WITH(f.e.e_type = 0xffff);
    TRY_WITH(f.e.e_machine = EM_X86_64; f.e.e_ident[4] = ELFCLASS64);
    TRY_WITH(f.e.e_machine = EM_ARM);
    TRY_WITH(f.e.e_machine = 0);
    TRY_WITH(f.e.e_phnum = 0);
    TRY_WITH(f.e.e_phnum = 128);
    TRY_WITH(f.e.e_phnum = 0x7fff);
    TRY_WITH(f.e.e_phnum = 0xffff);
    TRY_WITH(f.e.e_phentsize = 0);
    TRY_WITH(f.e.e_phentsize = 31);
    TRY_WITH(f.e.e_phentsize = 56);
    TRY_WITH(f.e.e_phoff = good_size);
    TRY_WITH(f.e.e_phoff = good_size - 64);
    TRY_WITH(f.e.e_phoff = 0xffffffe0);
    TRY_WITH(f.e.e_phoff = 0x7fffffff);
    TRY_WITH(move_headers(&f, CODE - 96));
    TRY_WITH(move_headers(&f, CODE + 25));
    TRY_WITH(move_headers(&f, PAGE - 50));
    TRY_WITH(move_headers(&f, good_size - 96));
    TRY_WITH(move_headers(&f, good_size - 95));
    PART("what nobody reads");
    TRY_WITH(f.e.e_shoff = 0xffffffff; f.e.e_shnum = 0xffff; f.e.e_shstrndx = 0xffff);
    TRY_WITH(f.e.e_ehsize = 0);
    TRY_WITH(f.e.e_flags = 0xffffffff);
    TRY_WITH(f.p[0].p_paddr = 0xffffffff);
    TRY_WITH(f.p[0].p_align = 3);
    TRY_WITH(f.p[0].p_align = 0x80000000);
    TRY_WITH(f.p[0].p_align = 0xffffffff);
    TRY_WITH(f.p[0].p_align = 0; f.p[1].p_align = 0);
    TRY_WITH(f.p[2] = nonsense(0x12345678));
    TRY_WITH(f.p[2] = nonsense(PT_NOTE));
    TRY_WITH(f.p[2] = nonsense(PT_DYNAMIC));
}

static void segments(void)
{
    PART("segments");
    LATE(f.p[0].p_filesz = PAGE + 1);
    LATE(f.p[0].p_memsz = PAGE - 1);
    LATE(f.p[0].p_offset = 1);
    LATE(f.p[0].p_vaddr += 1);
    LATE(f.p[1].p_vaddr = 0xfffff000);
    LATE(f.p[1].p_vaddr = 0xfffff800; f.p[1].p_offset = 0x1800; f.p[1].p_filesz = 16);
    LATE(f.p[1].p_memsz = 0xffffffff);
    LATE(f.p[1].p_memsz = 0xf8000000);
    LATE(f.p[1].p_filesz = f.p[1].p_memsz = 0xf8000000);
    LATE(f.p[1].p_filesz = 0xffffffff; f.p[1].p_memsz = 0xffffffff);
    LATE(f.p[0].p_offset = 0x10000000);
    LATE(f.p[0].p_offset = 0xfffff000);
    LATE(f.e.e_phnum = 1; f.p[0].p_type = PT_NULL);
    LATE(f.p[0].p_flags = 0);
    PART("segments that lie over each other");
    TRY_WITH(f.p[1] = f.p[0]);
    TRY_WITH(f.p[1].p_vaddr = BASE; f.p[1].p_offset = 0; f.p[1].p_flags = PF_R | PF_W | PF_X);
    LATE(f.p[1].p_vaddr = BASE; f.p[1].p_offset = PAGE);
    PART("in another order");
    TRY_WITH(f.p[0] = good.p[1]; f.p[1] = good.p[0]);
    PART("the entry");
    TRY_WITH(f.e.e_entry = 0);
    TRY_WITH(f.e.e_entry = BASE + 64 * PAGE);
    TRY_WITH(f.e.e_entry = BASE - 1);
    TRY_WITH(f.e.e_entry = 0xfffffff0);
    TRY_WITH(f.e.e_entry = 0xc0100000);
}

static void short_files(void)
{
    static const size_t sizes[] = {1, 2, 3, 4, 16, 51, 52, 53, 84, 147};
    struct image f = good;

    PART("files that end early");
    write_file("file", &f, 0);
    ut_say("0 bytes: %s", run("./file"));
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        ut_say("%zu bytes: %s", sizes[i], run_image(&f, sizes[i]));
    /* The headers are whole, the code is not there. */
    f.e.e_entry = BASE + PAGE - 16;
    ut_say("half of a segment: %s", refused(run_image(&f, 200)));
    f = good;
    f.p[0].p_filesz = f.p[0].p_memsz = 2 * PAGE;
    f.e.e_entry = BASE + PAGE + 16;
    f.e.e_phnum = 1;
    ut_say("a page of a segment: %s", refused(run_image(&f, PAGE)));
}

static void interpreters(void)
{
    struct image f, i = good;

    PART("interpreters");
    i.e.e_type = ET_DYN;
    i.p[0].p_vaddr = 0;
    i.p[1].p_vaddr = 2 * PAGE;
    i.e.e_entry = CODE;
    write_file("interp", &i, good_size);
    f = with_interp("./interp");
    f.e.e_entry = 0;
    ut_say("a good one: %s", run_image(&f, good_size));
    f = with_interp("./missing");
    ut_say("missing: %s", run_image(&f, good_size));
    f = with_interp("./file/x");
    ut_say("below a file: %s", run_image(&f, good_size));
    f = with_interp(".");
    ut_say("a directory: %s", run_image(&f, good_size));
    f = with_interp("./interp");
    f.p[3].p_filesz--;
    ut_say("not terminated: %s", run_image(&f, good_size));
    f.p[3].p_filesz = 0;
    ut_say("no path: %s", run_image(&f, good_size));
    f.p[3].p_filesz = 1;
    ut_say("an empty path: %s", run_image(&f, good_size));
    f.p[3].p_filesz = 4097;
    ut_say("a long path: %s", run_image(&f, good_size));
    f.p[3].p_filesz = 0xffffffff;
    ut_say("a path of 4 GiB: %s", run_image(&f, good_size));
    f = with_interp("./interp");
    f.p[3].p_offset = good_size - 4;
    ut_say("beyond the end: %s", run_image(&f, good_size));
    f.p[3].p_offset = 0xfffffff0;
    ut_say("far beyond the end: %s", run_image(&f, good_size));
    f = with_interp("./interp");
    f.e.e_phnum = 5;
    f.p[4] = f.p[3];
    f.p[4].p_filesz = 0;
    ut_say("two: %s", run_image(&f, good_size));

    PART("interpreters that are spoilt");
    f = with_interp("./spoilt");
    write_file("spoilt", &i, 0);
    ut_say("empty: %s", run_image(&f, good_size));
    write_file("spoilt", &i, 51);
    ut_say("cut in the header: %s", run_image(&f, good_size));
    write_file("spoilt", &i, 60);
    ut_say("cut in the program headers: %s", run_image(&f, good_size));
    write_file("spoilt", "#!/bin/sh\nexit 0\n# a script that is long enough to have a header\n", 66);
    ut_say("a script: %s", run_image(&f, good_size));
    i.e.e_machine = EM_ARM;
    write_file("spoilt", &i, good_size);
    ut_say("for another machine: %s", run_image(&f, good_size));
    i.e.e_machine = EM_386;
    i.e.e_phnum = 0x7fff;
    write_file("spoilt", &i, good_size);
    ut_say("too many program headers: %s", run_image(&f, good_size));
    i.e.e_phnum = 3;
    i.e.e_phentsize = 30;
    write_file("spoilt", &i, good_size);
    ut_say("program headers of another size: %s", run_image(&f, good_size));
    i.e.e_phentsize = 32;
    chmod("spoilt", 0644);
    write_file("spoilt", &i, good_size);
    ut_say("not executable: %s", run_image(&f, good_size));
    /* Which program it interprets does not matter. */
    f = with_interp("./interp");
    f.e.e_type = ET_DYN;
    f.p[0].p_vaddr = 0;
    f.p[1].p_vaddr = 2 * PAGE;
    ut_say("of a program that may lie anywhere: %s", run_image(&f, good_size));
}

/* A program that ends with the byte at an address of its data, which the file has at PAGE and after it. */
static struct image reader(uint32_t offset)
{
    static const uint8_t rest[] = {0x0f, 0xb6, 0xd8, 0xb8, 1,
                                   0,    0,    0,    0xcd, 0x80}; /* movzx %al, %ebx; exit */
    struct image f = good;
    uint32_t at = BASE + 2 * PAGE + offset;
    uint8_t *code = (uint8_t *)&f + CODE;

    code[0] = 0xa0; /* mov at, %al */
    memcpy(code + 1, &at, 4);
    memcpy(code + 5, rest, sizeof rest);
    for (size_t i = 0; i < 2 * PAGE; i++)
        ((uint8_t *)&f)[PAGE + i] = (uint8_t)(i / 256 + 1);
    return f;
}

#define READS(offset, change)                                                                                \
    do {                                                                                                     \
        struct image f = reader(offset);                                                                     \
        change;                                                                                              \
        ut_say("byte " #offset " with " #change ": %s", run_image(&f, size));                                \
    } while (0)

static void contents(void)
{
    size_t size = 3 * PAGE;

    PART("what the program sees");
    READS(0, (void)0);
    READS(0xfff, (void)0);
    READS(0x1000, (void)0);
    READS(0x800, f.p[1].p_filesz = f.p[1].p_memsz = 0x700);
    READS(0xfff, f.p[1].p_filesz = f.p[1].p_memsz = 0x700);
    READS(0x800, f.p[1].p_filesz = 0x700; f.p[1].p_memsz = 0x701);
    READS(0xfff, f.p[1].p_filesz = 0x700; f.p[1].p_memsz = 0x701);
    READS(0x6ff, f.p[1].p_filesz = 0x700; f.p[1].p_memsz = 0x701);
    READS(0x800, f.p[1].p_filesz = 0x700; f.p[1].p_memsz = 0x1700);
    READS(0x800, f.p[1].p_filesz = f.p[1].p_memsz = 0x700; f.p[1].p_flags = PF_R);
    READS(0x900, f.p[1].p_vaddr += 0x800; f.p[1].p_offset += 0x800; f.p[1].p_filesz = 0x100;
          f.p[1].p_memsz = 0x200);
    READS(0x100, f.p[1].p_vaddr += 0x800; f.p[1].p_offset += 0x800; f.p[1].p_filesz = 0x100;
          f.p[1].p_memsz = 0x200);
    PART("segments without bytes of the file");
    READS(0, f.p[1].p_filesz = 0);
    READS(0, f.p[1].p_filesz = 0; f.p[1].p_offset = 0x123);
    READS(0, f.p[1].p_filesz = 0; f.p[1].p_offset = 0x7ffff123);
    READS(0x900, f.p[1].p_filesz = 0; f.p[1].p_vaddr += 0x800; f.p[1].p_offset += 0x800);
    READS(0x100, f.p[1].p_filesz = 0; f.p[1].p_vaddr += 0x800; f.p[1].p_offset += 0x800);
    READS(0, f.p[1].p_memsz = f.p[1].p_filesz = 0);
    PART("a file that ends before its segment does");
    size = PAGE + 0x800;
    READS(0x7ff, (void)0);
    READS(0x800, f.p[1].p_memsz = PAGE);
    READS(0xfff, f.p[1].p_memsz = PAGE);
    READS(0, f.p[1].p_filesz = f.p[1].p_memsz = 4 * PAGE);
    READS(0xfff, f.p[1].p_filesz = f.p[1].p_memsz = 4 * PAGE);
    READS(0x1000, f.p[1].p_filesz = f.p[1].p_memsz = 4 * PAGE);
    READS(0x3fff, f.p[1].p_filesz = f.p[1].p_memsz = 4 * PAGE);
    READS(0x4000, f.p[1].p_filesz = f.p[1].p_memsz = 4 * PAGE);
    READS(0, f.p[1].p_filesz = 4 * PAGE; f.p[1].p_memsz = 5 * PAGE);
    READS(0x4000, f.p[1].p_filesz = 4 * PAGE; f.p[1].p_memsz = 5 * PAGE);
    size = 3 * PAGE;
    PART("odd headers");
    READS(0, f.e.e_ident[4] = ELFCLASS64);
    READS(0, f.e.e_ident[4] = 77);
    READS(0, f.e.e_ident[5] = ELFDATA2MSB);
    READS(0, f.e.e_ident[6] = 9);
    READS(0, memset(f.e.e_ident + 7, 0xff, 9));
    READS(0, f.e.e_version = 0);
    READS(0, f.e.e_version = 0x12345678);
    READS(0, f.e.e_machine = 6 /* 486 */);
    READS(0, f.e.e_machine = EM_860);
    READS(0, f.e.e_machine = 6 /* 486 */; f.e.e_ident[4] = ELFCLASS64);
}

/* A program of n headers, nearly all of them segments; it touches the last one. */
static void many(unsigned n)
{
    static struct {
        Elf32_Ehdr e;
        Elf32_Phdr p[130];
        uint8_t rest[2 * PAGE];
    } f;
    const uint32_t last = BASE + (16 + 2 * n) * PAGE;
    /* mov $1, %eax; movzbl LAST, %ebx; add $42, %ebx; int $0x80 */
    uint8_t code[] = {0xb8, 1, 0, 0, 0, 0x0f, 0xb6, 0x1d, 0, 0, 0, 0, 0x83, 0xc3, 42, 0xcd, 0x80};

    memset(&f, 0, sizeof f);
    memcpy(code + 8, &last, sizeof last);
    memcpy((uint8_t *)&f + 2 * PAGE, code, sizeof code);
    f.e = good.e;
    f.e.e_phoff = offsetof(typeof(f), p);
    f.e.e_phnum = n;
    f.e.e_entry = BASE;
    f.p[0] = (Elf32_Phdr){PT_LOAD, 2 * PAGE, BASE, BASE, 64, 64, PF_R | PF_X, PAGE};
    f.p[1] = good.p[2];
    for (unsigned i = 2; i < n; i++)
        f.p[i] = (Elf32_Phdr){PT_LOAD, 0, BASE + (17 + 2 * i) * PAGE, 0, 0, PAGE, PF_R | PF_W, PAGE};
    f.p[n - 1].p_vaddr = last;
    write_file("file", &f, sizeof f);
    ut_say("%u headers: %s", n, refused(run("./file")));
}

UT_PROGRAM(elf)
{
    static const unsigned counts[] = {15, 16, 17, 18, 19, 33, 34, 35, 64, 127, 128, 129, 130};

    ut_workdir();
    make_good();
    headers();
    segments();
    short_files();
    interpreters();
    contents();
    PART("many segments");
    for (unsigned i = 0; i < sizeof counts / sizeof *counts; i++)
        many(counts[i]);
}
