/*
 * flags: QEMU's `cmpxchg8b` can leave any value in the flags, since it computes them from operands that are
 * not flags, if the comparison before it has not been finished. So the frame of a trap says that the program
 * has the privilege of doing I/O, has turned interrupts off, or is one for the 8086. Whatever way into the
 * kernel it takes then, it comes back as a program without privileges; or it dies of a signal, since QEMU
 * itself takes some of these bits for true at the next interrupt, and clears GS. Processors do none of this.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum way { CALL, FAULT, INTERRUPT, EXCEPTION, WAYS };

#define IOPL 0x3000u
#define VM   0x20000u
#define IF   0x200u
#define PORT 0x61

static sigjmp_buf back;

static void on_signal(int signo)
{
    siglongjmp(back, signo);
}

/* EFLAGS in the frame that the kernel gets are `flags` and more; afterwards they are what a program begins
 * with. `then` must not touch any flag before it traps. */
#define WITH_FLAGS(flags, then, ...)                                                                         \
    __asm__ volatile("push $2; popf; jmp 1f; 1: mov $20, %%eax; cmp %1, %%eax;"                              \
                     "push %%ebx; lock cmpxchg8b %2; pop %%ebx; mov $20, %%eax;" then "; push $0x202; popf"  \
                     : "=&a"(got)                                                                            \
                     : "r"(flags), "m"(number), "S"(page), "D"(3000000)                                      \
                     : "ecx", "edx", "memory", "cc")

/* 0, or what is wrong. */
static int try(uint32_t flags, enum way way)
{
    static uint64_t number = 5;
    char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint32_t got = 0;
    int signo = sigsetjmp(back, 1);

    if (!signo) {
        switch (way) {
        case CALL:
            WITH_FLAGS(flags, "int $0x80");
            break;
        case FAULT:
            WITH_FLAGS(flags, "movl $7, (%%esi)");
            break;
        case INTERRUPT:
            WITH_FLAGS(flags, "mov %%edi, %%ecx; 2: loop 2b");
            break;
        default:
            WITH_FLAGS(flags, "ud2");
        }
        if (way == CALL && got != (uint32_t)getpid())
            return 1;
        if (way == FAULT && page[0] != 7)
            return 2;
    }
    signo = sigsetjmp(back, 1);
    if (!signo) {
        __asm__ volatile("inb %1, %%al" : "=a"(got) : "i"(PORT));
        return 3; /* the program has a privilege */
    }
    __asm__ volatile("pushf; pop %0" : "=r"(got));
    return got & (IOPL | VM) || !(got & IF) ? 4 : 0;
}

int main(void)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE};
    unsigned tried = 0, wrong = 0, died = 0;

    for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++)
        signal(signals[i], on_signal);
    for (unsigned bit = 0; bit <= 33; bit++) {
        uint32_t flags = bit == 32 ? IOPL : bit == 33 ? UINT32_MAX : 1u << bit;

        for (enum way way = CALL; way < WAYS; way++, tried++) {
            pid_t pid = fork();
            int status;

            if (pid == 0)
                _exit(try(flags, way));
            waitpid(pid, &status, 0);
            died += WIFSIGNALED(status);
            if (WIFEXITED(status) && status != 0) {
                printf("flags: WRONG: %08x, way %d: status %x\n", flags, way, status);
                wrong++;
            }
        }
    }
    printf("flags: %u tried, %u wrong, %u died\n", tried, wrong, died);
    return wrong != 0;
}
