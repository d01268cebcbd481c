/* Programs in ring 3, made of a few bytes each; what needs more is in tests/user. */
#include "kernel/fs/vfs.h"
#include "kernel/life/elf.h"
#include "kernel/life/init.h"
#include "kernel/proc/process.h"
#include "kernel/vm/vm_sys.h"
#include "mm/errno.h"
#include "mm/machine.h"
#include "mm/object.h"
#include "mm/vm.h"
#include "tests/kt.h"

#define PATH  "/tmp/test-program"
#define BASE  0x08048000u
#define CODE  0x100u /* where code begins in the file */
#define IMAGE 0x200u /* bytes of the file */

/* The smallest executable: header, one program header, code. What is left is breakpoints. */
struct image {
    uint32_t header[ELF_HEADER / 4];
    uint32_t phdr[ELF_PHDR / 4];
    uint8_t pad[CODE - ELF_HEADER - ELF_PHDR];
    uint8_t code[IMAGE - CODE];
};
_Static_assert(sizeof(struct image) == IMAGE, "no gaps");

static void make_image(struct image *i, const uint8_t *code, size_t n)
{
    memset(i, 0xCC, sizeof *i);
    const uint32_t header[] = {0x464C457F,
                               0x00010101,
                               0,
                               0,
                               3u << 16 | 2,
                               1,
                               BASE + CODE,
                               ELF_HEADER,
                               0,
                               0,
                               ELF_PHDR << 16 | ELF_HEADER,
                               1,
                               0};
    const uint32_t phdr[] = {1, 0, BASE, 0, IMAGE, 0x2000, 7, PAGE_SIZE};

    memcpy(i->header, header, sizeof header);
    memcpy(i->phdr, phdr, sizeof phdr);
    memcpy(i->code, code, n);
}

/* Put n bytes into the file, from its start. */
static int write_file(const void *data, size_t n)
{
    struct inode *i;
    struct frame *f;
    int err;

    vfs_unlink(NULL, PATH, false);
    err = vfs_mknod(NULL, PATH, S_IFREG | 0755, 0);
    if (!err)
        err = path_lookup(NULL, PATH, 0, &i);
    if (err)
        return err;
    err = inode_truncate(i, n);
    if (!err && n > 0)
        err = object_page(i->object, 0, &f);
    if (!err && n > 0)
        err = object_make_precious(i->object, f);
    if (!err && n > 0) {
        void *page = window_open(vm_sys.pool, frame_pfn(vm_sys.pool, f));

        memcpy(page, data, n);
        window_close(vm_sys.pool, page);
        f->flags |= FRAME_F_DIRTY;
        frame_unpin(f);
    }
    inode_put(i);
    return err;
}

/* Run the file as the first program: its wait status, or -errno of starting it. */
static int run(void)
{
    static const char *const paths[] = {PATH, NULL}, *const envp[] = {"A=1", NULL};
    const char *argv[] = {NULL, "argument", NULL};
    int err = process_start_init(paths, argv, envp);
    int status = process_wait_init();

    return err ? err : status;
}

static int run_code(const uint8_t *code, size_t n)
{
    struct image i;
    int err;

    make_image(&i, code, n);
    err = write_file(&i, sizeof i);
    return err ? err : run();
}

static void finish(void)
{
    vfs_unlink(NULL, PATH, false);
}

#define RUN(...) run_code((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

TEST(process, exits)
{
    /* mov eax, 1; mov ebx, 42; int 0x80 */
    int status = RUN(0xB8, 1, 0, 0, 0, 0xBB, 42, 0, 0, 0, 0xCD, 0x80);

    EXPECT(status == 42 << 8, "status %x", status);
    EXPECT(!process_all && !process_init && process_count == 0 && thread_count == 0 && thread_slots() == 0 &&
               signal_queued == 0,
           "%u processes, %u threads, %u slots, %u signals", process_count, thread_count, thread_slots(),
           signal_queued);
    finish();
}

TEST(process, unknown_calls)
{
    /* mov eax, 0x0FFFFFFF; int 0x80; neg eax; mov ebx, eax; mov eax, 1; int 0x80 */
    kt_capture_begin();
    int status =
        RUN(0xB8, 0xFF, 0xFF, 0xFF, 0x0F, 0xCD, 0x80, 0xF7, 0xD8, 0x89, 0xC3, 0xB8, 1, 0, 0, 0, 0xCD, 0x80);
    kt_capture_end();

    EXPECT(status == ENOSYS << 8, "status %x", status);
    finish();
}

/* The stack is as the C library wants it: argc at an address that 16 divides, then argv[0]. */
TEST(process, stack)
{
    /* mov ebx, esp; and ebx, 15; shl ebx, 4; or ebx, [esp]; mov eax, 1; int 0x80 */
    int status =
        RUN(0x89, 0xE3, 0x83, 0xE3, 0x0F, 0xC1, 0xE3, 4, 0x0B, 0x1C, 0x24, 0xB8, 1, 0, 0, 0, 0xCD, 0x80);

    EXPECT(status == 2 << 8, "status %x: low bits of the stack pointer, argc", status);
    finish();
}

/* Exceptions and bad segments kill the program and nothing else. */
TEST(process, exceptions)
{
    kt_capture_begin();
    int null = RUN(0xA3, 0, 0, 0, 0);                               /* mov [0], eax */
    int kernel = RUN(0xA1, 0, 0, 0x10, 0xC0);                       /* mov eax, [0xC0100000] */
    int divide = RUN(0x31, 0xC9, 0xF7, 0xF1);                       /* xor ecx, ecx; div ecx */
    int opcode = RUN(0x0F, 0x0B);                                   /* ud2 */
    int port = RUN(0xE6, 0x80);                                     /* out 0x80, al */
    int halt = RUN(0xF4);                                           /* hlt */
    int gate = RUN(0xCD, 0x0E);                                     /* int 14 */
    int stack = RUN(0x31, 0xC0, 0x8E, 0xD0);                        /* xor eax, eax; mov ss, ax */
    int far = RUN(0xEA, 0, 0, 0, 0, 8, 0);                          /* jmp 8:0 */
    int step = RUN(0x9C, 0x80, 0x4C, 0x24, 1, 1, 0x9D, 0x90, 0x90); /* set TF */
    int nested = RUN(0x9C, 0x80, 0x4C, 0x24, 1, 0x40, 0x9D, 0xCF);  /* set NT; iret */
    kt_capture_end();

    EXPECT(null == SIGSEGV, "status %x", null);
    EXPECT(kernel == SIGSEGV, "status %x", kernel);
    EXPECT(divide == SIGFPE, "status %x", divide);
    EXPECT(opcode == SIGILL, "status %x", opcode);
    EXPECT(port == SIGSEGV, "status %x", port);
    EXPECT(halt == SIGSEGV, "status %x", halt);
    EXPECT(gate == SIGSEGV, "status %x", gate);
    EXPECT(stack == SIGSEGV, "status %x", stack);
    EXPECT(far == SIGSEGV, "status %x", far);
    EXPECT(step == SIGTRAP, "status %x", step);
    EXPECT(nested == SIGSEGV, "status %x", nested);
    finish();
}

/* Data segments of the program's own choice survive calls and faults, and the kernel does not use them. */
TEST(process, segments)
{
    /* xor eax, eax; mov es, ax; mov al, 20 (getpid); int 0x80; mov ebx, es; shl ebx, 4; or ebx, eax; mov eax,
     * 1; int 0x80 */
    int status = RUN(0x31, 0xC0, 0x8E, 0xC0, 0xB0, 20, 0xCD, 0x80, 0x8C, 0xC3, 0xC1, 0xE3, 4, 0x09, 0xC3,
                     0xB8, 1, 0, 0, 0, 0xCD, 0x80);

    EXPECT(status == 1 << 8, "status %x: es, pid", status);
    finish();
}

TEST(process, scripts)
{
    static const char none[] = "#!/nonexistent\n", empty[] = "#!\n", self[] = "#!" PATH "\n",
                      text[] = "hello\n";

    kt_capture_begin();
    EXPECT(write_file(none, sizeof none - 1) == 0 && run() == -ENOENT, "an interpreter that is not there");
    EXPECT(write_file(empty, sizeof empty - 1) == 0 && run() == -ENOEXEC, "no interpreter");
    EXPECT(write_file(self, sizeof self - 1) == 0 && run() == -ELOOP, "its own interpreter");
    EXPECT(write_file(text, sizeof text - 1) == 0 && run() == -ENOEXEC, "text");
    EXPECT(write_file(text, 0) == 0 && run() == -ENOEXEC, "an empty file");
    kt_capture_end();
    finish();
}

/* Files with broken headers are refused or die; the kernel and its counts stay sound. */
TEST(process, hostile_files)
{
    static const uint8_t code[] = {0xB8, 1, 0, 0, 0, 0xBB, 7, 0, 0, 0, 0xCD, 0x80};
    unsigned refused = 0, killed = 0, exited = 0;
    struct image i;

    for (unsigned round = 0; round < 400; round++) {
        make_image(&i, code, sizeof code);
        for (unsigned n = 1 + kt_below(kt, 2); n > 0; n--) {
            uint32_t *word = (uint32_t *)&i + 4 + kt_below(kt, (ELF_HEADER + ELF_PHDR) / 4 - 4);

            *word =
                kt_below(kt, 2) ? *word ^ 1u << kt_below(kt, 32) : *word + (kt_below(kt, 0x4000) - 0x2000);
        }
        size_t size = kt_below(kt, 8) ? sizeof i : kt_below(kt, sizeof i);

        kt_capture_begin();
        int err = write_file(&i, size), status = err ? err : run();
        kt_capture_end();
        refused += status < 0;
        killed += status > 0 && (status & 0x7F);
        exited += status > 0 && !(status & 0x7F);
        EXPECT(status != 0 && (status >= 0 || status == -ENOEXEC || status == -ENOMEM || status == -ELIBBAD ||
                               status == -ENOENT || status == -EACCES),
               "round %u: status %d", round, status);
    }
    kt_note(kt, "%u refused, %u killed, %u exited", refused, killed, exited);
    EXPECT(refused > 0 && killed > 0 && exited > 0, "all three happen");
    finish();
}

/* A number that somebody has got and not used yet is nobody else's, however often the numbers wrap. */
TEST(process, numbers_that_are_claimed)
{
    unsigned max = pid_max;
    struct pid_claim mine[3], other;
    unsigned twice = 0;

    pid_max = 301;
    for (unsigned i = 0; i < 3; i++)
        REQUIRE(pid_alloc(&mine[i]) == 0, "no number");
    for (unsigned i = 0; i < 3 * pid_max; i++) {
        REQUIRE(pid_alloc(&other) == 0, "no number");
        for (unsigned k = 0; k < 3; k++)
            twice += other.pid == mine[k].pid;
        pid_free(&other);
    }
    EXPECT(twice == 0, "%u times a number that is taken", twice);
    EXPECT(pid_last() > 1 && (unsigned)pid_last() < pid_max, "the last is %d", pid_last());
    pid_free(&mine[1]);
    pid_free(&mine[0]);
    pid_free(&mine[2]);
    pid_max = max;
}
