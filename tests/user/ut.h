/*
 * Tests of what programs see. Each tests/user/ut-NAME.c is an ordinary i386 Linux program that does things
 * and says what came of them: results, errno names, data, signals. It knows nothing about what is right: the
 * same executable runs on Linux and on Quire, and the two must say the same, line by line. So it says nothing
 * that may differ between two runs on Linux, or between versions of it: no addresses, times, inode numbers.
 *
 * They also run on the machine that builds, maybe as root: a program changes nothing outside the directory
 * that ut_workdir() makes, not even by a call that ought to fail.
 *
 * Every line begins with "ut| ", since the kernel writes to the same console.
 */
#ifndef TESTS_USER_UT_H
#define TESTS_USER_UT_H

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096u

/* --- programs --- */

struct ut_program {
    const char *name; /* NAME of ut-NAME.c */
    void (*run)(void);
};

/* UT_PROGRAM(mmap) { ... }: the body of ut-mmap.c. */
#define UT_PROGRAM(id)                                                                                       \
    static void ut_body_##id(void);                                                                          \
    static const struct ut_program ut_entry_##id = {#id, ut_body_##id};                                      \
    __attribute__((used, section("ut_programs"))) static const struct ut_program *ut_pointer_##id =          \
        &ut_entry_##id;                                                                                      \
    static void ut_body_##id(void)

/*
 * A program may execute itself anew (/proc/self/exe) with a first argument "exec-NAME": then this runs
 * instead of its body, in the program of all tests and in that of one alike. See executed.c.
 */
int ut_executed(int argc, char **argv);
/* UT_EXECUTED(users) { ... }: what "exec-users" runs, in ut-users.c itself; it has argc and argv. */
struct ut_execution {
    const char *name;
    int (*run)(int argc, char **argv);
};
#define UT_EXECUTED(id)                                                                                      \
    static int ut_executed_##id(int, char **);                                                               \
    static const struct ut_execution ut_execution_##id = {"exec-" #id, ut_executed_##id};                    \
    __attribute__((used, section("ut_executions"))) static const struct ut_execution *ut_executor_##id =     \
        &ut_execution_##id;                                                                                  \
    static int ut_executed_##id(int argc __attribute__((unused)), char **argv __attribute__((unused)))

/* --- saying --- */

void ut_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* What a call returned: the number, or the name of errno for -1. */
void ut_result(const char *what, long rc);
/* The same for a call that returns an address: only that it did. */
void ut_address(const char *what, const void *p);
/* "0x" and digits, or a decimal number. */
void ut_number(const char *what, long long value);
const char *ut_errno(int err);
const char *ut_signal(int signo);

#define TRY(call)    ut_result(#call, (long)(call))
#define TRY_AT(call) ut_address(#call, (const void *)(call))
#define SHOW(value)  ut_number(#value, (long long)(value))
/* A new heading, and a way to find a line again. */
#define PART(title) ut_say("-- %s", title)

/* --- touching memory --- */

/* Access one byte; what happened, as text: "0x2a", "SIGSEGV MAPERR", with " elsewhere" if si_addr is not the
 * address. */
const char *ut_read(const volatile void *p);
const char *ut_write(volatile void *p, uint8_t value);
/* Execute a RET there. */
const char *ut_jump(const void *p);
#define READ(p)     ut_say("read %s: %s", #p, ut_read(p))
#define WRITE(p, v) ut_say("write %s: %s", #p, ut_write(p, v))

/* Anonymous private memory; the program ends if there is none. */
uint8_t *ut_map(size_t pages, int prot);
/* The pages' first bytes as text, "zz" for a fault: "00 2a zz". One static buffer. */
const char *ut_bytes(const uint8_t *p, unsigned pages);
/* Whether all bytes have the value. */
bool ut_all(const uint8_t *p, size_t n, uint8_t value);
/* What /proc/self/maps has inside [p, p + size), as offsets in pages: "0-2 rw-p, 3-4 r--p". One static
 * buffer. */
const char *ut_maps(const void *p, size_t size);

/* --- other processes --- */

/* Run fn in a child; says how it ended. */
void ut_child(const char *what, void (*fn)(void));
/* How a child ended: "exit 3", "killed SIGSEGV". */
const char *ut_status(int status);
/* Poll until the process is in this state (a letter of /proc/PID/stat), for at most some seconds. */
bool ut_wait_state(pid_t pid, char state);

/* An empty directory of one's own to be in; it is removed at the end. */
void ut_workdir(void);
/* A file of n bytes, the i-th being (i * 7 + i / 4096) & 0xff; an open descriptor. */
int ut_file(const char *name, size_t n);
static inline uint8_t ut_pattern(size_t i)
{
    return (uint8_t)(i * 7 + i / PAGE);
}

#endif
