/* Two processes, one code segment. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tests/user/quire/segments.h"

/* Procedures of a code segment. */
extern const uint8_t segments_peek[], segments_peek_end[];
__asm__(".pushsection .rodata\n"
        "segments_peek:\n" /* the word at ECX of the data segment that is in EBX */
        "mov %ebx, %fs\n"
        "mov %fs:(%ecx), %eax\n"
        "lret\n"
        "segments_peek_end:\n"
        ".popsection");

/* The frame of a page, from pagemap; 0: not known. */
static uint64_t frame_of(const void *p)
{
    uint64_t e = 0;
    int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return 0;
    if (pread(fd, &e, sizeof e, (off_t)((uintptr_t)p / PAGE * 8)) != sizeof e)
        e = 0;
    close(fd);
    return e & ((1ull << 55) - 1);
}

struct report {
    uint32_t result, after;
    uint64_t code_frame, data_frame;
    struct touched written;
};

int segments_share(void)
{
    uint8_t *code = map_pages(1, PROT_READ | PROT_WRITE, MAP_SHARED), *data;
    struct report *r = map_pages(1, PROT_READ | PROT_WRITE, MAP_SHARED);
    unsigned before = segments_failed;
    int status = 0;
    pid_t pid;

    puts("\n-- Sharing: two processes, one code segment");
    about_limits();
    memcpy(code, segments_peek, (size_t)(segments_peek_end - segments_peek));
    mprotect(code, PAGE, PROT_READ | PROT_EXEC);
    data = map_pages(1, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    *(uint32_t *)data = 1000;
    define(CODE, number(code), (uint32_t)(segments_peek_end - segments_peek) - 1,
           SEG_32BIT | SEG_CODE | SEG_READ_ONLY);
    define(DATA, number(data), PAGE - 1, SEG_32BIT);
    for (unsigned i = 0; i < 2; i++) {
        pid = fork();
        if (pid == 0) {
            /* The table is a copy, and so is the data; the code is the same. */
            *(uint32_t *)data += i + 1;
            r[i].result = segment_call(SEG(CODE), 0, SEG(DATA), 0).value;
            r[i].code_frame = frame_of(code);
            r[i].data_frame = frame_of(data);
            r[i].written = segment_write(SEG(CODE), 0, 0x90);
            r[i].after = segment_call(SEG(CODE), 0, SEG(DATA), 0).value;
            define(DATA, number(data), 0, SEG_32BIT); /* of this process's table alone */
            _exit(segments_failed ? 1 : 0);
        }
        waitpid(pid, &status, 0);
        check(WIFEXITED(status) && WEXITSTATUS(status) == 0, "process %u ends well", i);
        sentence(
            "process %u: the code, frame %llu, finds %u in its data, frame %llu; writing to the code: %s",
            i + 1, (unsigned long long)r[i].code_frame, r[i].result, (unsigned long long)r[i].data_frame,
            segment_outcome(&r[i].written));
        check(r[i].result == 1001 + i && r[i].after == r[i].result, "its own data");
        check(r[i].written.signo == SIGSEGV, "code cannot be written");
    }
    check(r[0].code_frame == r[1].code_frame, "one frame of code");
    sentence("The code is one frame: %s. As data it cannot be read (verr: %d) nor written (verw: %d).",
             r[0].code_frame == r[1].code_frame ? "yes" : "no", segment_readable(SEG(CODE)),
             segment_writable(SEG(CODE)));
    check(!segment_readable(SEG(CODE)) && !segment_writable(SEG(CODE)), "execute-only");
    {
        uint32_t limit = 0;

        check(segment_limit(SEG(DATA), &limit) && limit == PAGE - 1, "a child's table is its own");
    }
    munmap(code, PAGE);
    munmap(data, PAGE);
    munmap(r, PAGE);
    return (int)(segments_failed - before);
}
