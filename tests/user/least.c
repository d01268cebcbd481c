/*
 * least: how many entries of a software TLB an instruction needs to come to its end.
 *
 * A trap lets an instruction begin anew, so all its pages have to translate at once. Each instruction here
 * lies across two pages, and so does each of its operands. A child sets its TLB (with the word `few`, which
 * allows what may not work) by the last system call before the instruction, and ends by the first after it.
 * If it has missed MISSES times and is still there it will never end, and is killed. So the least number of
 * entries is found for each policy, and of ways when the pages fall into the same sets.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE   4096u
#define MISSES 1000
#define MOST   8u /* entries that are tried */
#define SETS   4u

/* Where things lie: all in the same set, however many there are up to 256. */
#define CODE   0x20000000u
#define SOURCE 0x20100000u
#define TARGET 0x20200000u
#define STACK  0x20400000u
#define AROUND (16 * PAGE) /* of each: below; above there are five times as many */
#define WORDS  AROUND      /* what is written to the file: as low as can be */

/* The middle of each: the first byte of the second of two pages. */
#define SPLIT PAGE

enum { GOES_ON, STUCK, REFUSED };

/* Registers, and where the child begins. */
struct start {
    uint32_t ebx, ecx, edx, esi, edi, ebp, esp, eip;
};

struct instruction {
    const char *name;
    unsigned bytes;
    uint8_t code[8];
    unsigned operand; /* offset of a 32-bit address of SOURCE in code; 0: none */
    unsigned pages;   /* that it uses at once, by its description */
    uint32_t esp;     /* from STACK + SPLIT */
};

static const struct instruction instructions[] = {
    {"nop", 2, {0x66, 0x90}, 0, 2, 0},
    {"mov m, %eax", 6, {0x8B, 0x05}, 2, 4, 0},
    {"fnsave m", 6, {0xDD, 0x35}, 2, 4, 0},
    {"rep movsb", 2, {0xF3, 0xA4}, 0, 4, 0},
    {"push m", 6, {0xFF, 0x35}, 2, 6, 2},
    {"pop m", 6, {0x8F, 0x05}, 2, 6, -2u},
    {"call *m", 6, {0xFF, 0x15}, 2, 6, 2},
    {"lcall *m", 6, {0xFF, 0x1D}, 2, 6, 4},
    {"movsl", 2, {0x3E, 0xA5}, 0, 6, 0},
    {"cmpsl", 2, {0x3E, 0xA7}, 0, 6, 0},
    {"enter", 4, {0xC8, 0xC0, 0x2F, 31}, 0, 6, 62}, /* two more where the processor tries the new top */
    {"pusha", 2, {0x3E, 0x60}, 0, 4, 16},
    {"popa", 2, {0x3E, 0x61}, 0, 4, -16u},
    {"lret", 2, {0x3E, 0xCB}, 0, 4, -6u},
    {"iret", 2, {0x3E, 0xCF}, 0, 4, -6u},
    {"cmpxchg8b m", 7, {0x0F, 0xC7, 0x0D}, 3, 4, 0},
    {"bound %eax, m", 6, {0x62, 0x05}, 2, 4, 0},
    {"les m, %eax", 6, {0xC4, 0x05}, 2, 4, 0},
    {"rep movsl", 2, {0xF3, 0xA5}, 0, 6, 0},
};
#define INSTRUCTIONS (sizeof instructions / sizeof *instructions)
#define SEARCHED     11 /* for these the least is looked for; all go on with what is sure to be enough */

static int fail(const char *what)
{
    printf("least: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void area(uint32_t at)
{
    void *p = mmap((void *)(uintptr_t)(at - AROUND), 6 * AROUND, PROT_READ | PROT_WRITE | PROT_EXEC,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

    if (p == MAP_FAILED)
        fail("mmap");
    memset(p, 0, 6 * AROUND);
}

static void put(uint32_t at, const void *bytes, unsigned n)
{
    memcpy((void *)(uintptr_t)at, bytes, n);
}

static void put32(uint32_t at, uint32_t value)
{
    put(at, &value, 4);
}

/*
 * mov $4, %eax; int $0x80; test %eax, %eax; js refused; INSTRUCTION, whose second byte is on the next page;
 * mov $1, %eax; xor %ebx, %ebx; int $0x80; and before all that refused: mov $1, %eax; mov $2, %ebx; int
 * $0x80. Returns where it begins; *after is where the instruction ends.
 */
static uint32_t lay_code(const struct instruction *in, uint32_t *after)
{
    static const uint8_t set[] = {0xB8, 4, 0, 0, 0, 0xCD, 0x80, 0x85, 0xC0, 0x78, 0},
                         end[] = {0xB8, 1, 0, 0, 0, 0x31, 0xDB, 0xCD, 0x80},
                         refused[] = {0xB8, 1, 0, 0, 0, 0xBB, 2, 0, 0, 0, 0xCD, 0x80};
    uint32_t at = CODE + SPLIT - 1, begin = at - sizeof set, no = begin - sizeof refused;

    put(no, refused, sizeof refused);
    put(begin, set, sizeof set);
    *(uint8_t *)(uintptr_t)(at - 1) = (uint8_t)(no - at);
    put(at, in->code, in->bytes);
    if (in->operand)
        put32(at + in->operand, SOURCE + SPLIT - 2);
    *after = at + in->bytes;
    put(*after, end, sizeof end);
    return begin;
}

static void lay_operands(const struct instruction *in, uint32_t after)
{
    uint32_t back[3] = {after, 0, 0x202}; /* EIP, CS, EFLAGS */
    uint16_t cs, ds;

    __asm__("movw %%cs, %0\n\tmovw %%ds, %1" : "=r"(cs), "=r"(ds));
    back[1] = cs;
    put32(SOURCE + SPLIT - 2, after); /* what calls go to */
    if (strcmp(in->name, "lcall *m") == 0)
        put(SOURCE + SPLIT + 2, &cs, sizeof cs);
    if (strcmp(in->name, "les m, %eax") == 0)
        put(SOURCE + SPLIT + 2, &ds, sizeof ds);
    if (strcmp(in->name, "bound %eax, m") == 0) {
        put32(SOURCE + SPLIT - 2, 0);
        put32(SOURCE + SPLIT + 2, INT32_MAX);
    }
    if (strcmp(in->name, "lret") == 0 || strcmp(in->name, "iret") == 0)
        put(STACK + SPLIT - 6, back, sizeof back);
}

static _Noreturn void begin(const struct start *s)
{
    __asm__ volatile("movl 0(%%eax), %%ebx\n\t"
                     "movl 4(%%eax), %%ecx\n\t"
                     "movl 8(%%eax), %%edx\n\t"
                     "movl 12(%%eax), %%esi\n\t"
                     "movl 16(%%eax), %%edi\n\t"
                     "movl 20(%%eax), %%ebp\n\t"
                     "movl 24(%%eax), %%esp\n\t"
                     "jmp *28(%%eax)"
                     :
                     : "a"(s)
                     : "memory");
    __builtin_unreachable();
}

static _Noreturn void child(const struct instruction *in, const char *words)
{
    static struct start s;
    int fd = open("/proc/self/quire/tlb", O_WRONLY);
    uint32_t after;

    if (fd < 0)
        _exit(3);
    s.eip = lay_code(in, &after);
    lay_operands(in, after);
    s.ebx = (uint32_t)fd;
    s.edx = (uint32_t)strlen(words);
    put(WORDS, words, s.edx);
    s.ecx = WORDS; /* which is how many bytes rep movsb moves: what lies there is long enough */
    s.esi = SOURCE + SPLIT - 2;
    s.edi = TARGET + SPLIT - 2;
    s.ebp = SOURCE + SPLIT + 62;
    s.esp = STACK + SPLIT + in->esp;
    begin(&s);
}

static long misses_of(pid_t pid)
{
    static const char *const name[] = {"fetch-misses ", "read-misses ", "write-misses "};
    static char text[1024];
    char path[64];
    long sum = 0;
    ssize_t n;
    int fd;

    snprintf(path, sizeof path, "/proc/%d/quire/tlb", pid);
    fd = open(path, O_RDONLY);
    n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = 0;
    for (unsigned i = 0; i < 3; i++) {
        const char *at = strstr(text, name[i]);

        sum += at ? atol(at + strlen(name[i])) : 0;
    }
    return sum;
}

static int try(const struct instruction *in, const char *words)
{
    int status, how = GOES_ON;
    pid_t pid = fork();

    if (pid == 0)
        child(in, words);
    if (pid < 0)
        fail("fork");
    while (waitpid(pid, &status, WNOHANG) == 0) {
        if (how == GOES_ON && misses_of(pid) > MISSES) {
            how = STUCK;
            kill(pid, SIGKILL);
        }
        usleep(500);
    }
    if (how == STUCK)
        return STUCK;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 2)
        return REFUSED;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        printf("least: WRONG: %s with %s: status %x\n", in->name, words, status);
        exit(1);
    }
    return GOES_ON;
}

/* The least n for which the words of a format let it go on; with more it must, too. 0: none does. */
static unsigned least(const struct instruction *in, unsigned sets, const char *policy)
{
    unsigned found = 0;

    for (unsigned n = sets == 1 ? 2 : 1; n <= MOST; n++) {
        char words[64];
        int how;

        snprintf(words, sizeof words, "%u %u %s few", sets * n, n, policy);
        how = try(in, words);
        if (how == GOES_ON && !found)
            found = n;
        if (how == REFUSED || (how == STUCK && found)) {
            printf("least: WRONG: %s with %s: %s\n", in->name, words, how == STUCK ? "stuck" : "refused");
            exit(1);
        }
    }
    return found;
}

int main(void)
{
    static const char *const policy[] = {"lru", "fifo", "random"};
    static const char *const sure[] = {"8", "8 fifo", "8 random", "16 4", "16 4 fifo", "16 4 random", "32 4"};
    static const char *const refused[] = {"7", "7 random", "12 3", "21 3 fifo"};
    static const uint32_t areas[] = {CODE, SOURCE, TARGET, STACK};

    for (unsigned i = 0; i < 4; i++)
        area(areas[i] + SPLIT);
    area(WORDS + AROUND);
    for (unsigned i = 0; i < INSTRUCTIONS; i++) {
        const struct instruction *in = &instructions[i];

        printf("least: %-12s pages %u", in->name, in->pages);
        for (unsigned p = 0; p < 3 && i < SEARCHED; p++)
            printf(" %s %u", policy[p], least(in, 1, policy[p]));
        if (i < SEARCHED)
            printf(" ways %u", least(in, SETS, "lru"));
        for (unsigned k = 0; k < sizeof sure / sizeof *sure; k++)
            if (try(in, sure[k]) != GOES_ON)
                printf(" WRONG with %s", sure[k]);
        printf(" goes on with 8, 4 ways\n");
    }
    for (unsigned k = 0; k < sizeof refused / sizeof *refused; k++)
        if (try(&instructions[0], refused[k]) != REFUSED)
            printf("least: WRONG: %s is not refused\n", refused[k]);
    printf("least: done\n");
    return 0;
}
