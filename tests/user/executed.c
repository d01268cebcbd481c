/* What the test programs do when they have executed themselves anew. */
#include "tests/user/ut.h"
#include <sys/personality.h>
#include <sys/prctl.h>
#include <elf.h>
#include <sys/auxv.h>

extern char **environ;

static void say_vector(const char *name, char **v)
{
    for (unsigned i = 0; v[i]; i++)
        ut_say("%s[%u] = %.60s%s (%zu)", name, i, v[i], strlen(v[i]) > 60 ? "..." : "", strlen(v[i]));
}

static void say_auxiliary(void)
{
    const Elf32_Phdr *phdr = (const Elf32_Phdr *)getauxval(AT_PHDR);
    const uint8_t *random = (const uint8_t *)getauxval(AT_RANDOM);
    unsigned loads = 0;

    for (unsigned i = 0; i < getauxval(AT_PHNUM); i++)
        loads += phdr[i].p_type == PT_LOAD;
    SHOW(loads > 1);
    SHOW(getauxval(AT_PHENT));
    SHOW(getauxval(AT_PAGESZ));
    SHOW(getauxval(AT_CLKTCK));
    SHOW(getauxval(AT_SECURE));
    SHOW(getauxval(AT_FLAGS));
    SHOW(getauxval(AT_UID) == getuid());
    SHOW(getauxval(AT_EGID) == getegid());
    SHOW(getauxval(AT_ENTRY) != 0);
    SHOW(random && !ut_all(random, 16, random[0]));
    ut_say("platform %s", (const char *)getauxval(AT_PLATFORM));
    ut_say("executed as %s", (const char *)getauxval(AT_EXECFN));
}

static void say_stack(char **argv)
{
    uintptr_t end = 0;

    for (char **p = argv; *p; p++)
        end = (uintptr_t)*p + strlen(*p) + 1;
    SHOW(end == (uintptr_t)environ[0] || !environ[0]);
    SHOW((uintptr_t)argv % 4);
    SHOW((char *)environ == (char *)argv || environ[-1] == NULL);
}

static void say_comm(void)
{
    char name[16];
    int fd = open("/proc/self/comm", O_RDONLY);
    ssize_t n = read(fd, name, sizeof name - 1);

    name[n > 0 ? n : 0] = '\0';
    /* Linked alone a program is called ut-NAME. */
    ut_say("comm %s", strncmp(name, "ut-", 3) == 0 ? "ut" : strtok(name, "\n"));
}

static void say_survivors(void)
{
    struct sigaction a;
    sigset_t mask;

    for (int fd = 10; fd < 14; fd++)
        ut_say("descriptor %d: %s", fd, fcntl(fd, F_GETFD) >= 0 ? "open" : ut_errno(errno));
    sigaction(SIGUSR1, NULL, &a);
    SHOW(a.sa_handler == SIG_DFL);
    sigaction(SIGUSR2, NULL, &a);
    SHOW(a.sa_handler == SIG_IGN);
    sigprocmask(SIG_SETMASK, NULL, &mask);
    SHOW(sigismember(&mask, SIGHUP));
    sigpending(&mask);
    SHOW(sigismember(&mask, SIGHUP));
    stack_t s;
    sigaltstack(NULL, &s);
    SHOW(s.ss_flags == SS_DISABLE);
    say_comm();
}

/* What a program was told before that is still so. */
static void say_settings(void)
{
    SHOW(personality(0xffffffff));
    SHOW(prctl(PR_GET_TIMERSLACK));
    SHOW(prctl(PR_GET_KEEPCAPS));
    SHOW(prctl(PR_GET_DUMPABLE));
    SHOW(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    SHOW(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
    ut_say("%s", ut_maps(ut_map(1, PROT_READ), PAGE));
}

/* Of ut-life.c: waits, or says whether SIGUSR2 is pending. */
static int live(const char *how)
{
    sigset_t set;

    if (strcmp(how, "exec-life-pause") == 0)
        pause();
    sigpending(&set);
    return sigismember(&set, SIGUSR2) ? 18 : 17;
}

static int say_thread(void)
{
    ut_say("executed: tid is pid: %d", syscall(SYS_gettid) == getpid());
    return 17;
}

/* From the linker, if there is any: the table that UT_EXECUTED makes. */
extern const struct ut_execution *const __start_ut_executions[] __attribute__((weak)),
    *const __stop_ut_executions[] __attribute__((weak));

int ut_executed(int argc, char **argv)
{
    const char *how = argv[1];
    int mode = 0;

    if (strcmp(how, "exec-thread") == 0)
        return say_thread();
    for (const struct ut_execution *const *e = __start_ut_executions; e < __stop_ut_executions; e++)
        if (strcmp(how, (*e)->name) == 0)
            return (*e)->run(argc, argv);
    if (strncmp(how, "exec-life", 9) == 0)
        return live(how);
    if (strcmp(how, "exec-counter") == 0)
        return prctl(PR_GET_TSC, &mode) == 0 ? mode : 93;

    /* "exec-count", of whatever bytes a script's line has behind it, says this alone; so does "exec-idle". */
    SHOW(argc);
    if (strcmp(how, "exec-say") == 0) {
        say_vector("argv", argv + 1);
        say_vector("envp", environ);
        say_stack(argv);
    } else if (strcmp(how, "exec-named") == 0) {
        ut_say("executed as %s", (const char *)getauxval(AT_EXECFN));
        say_vector("argv", argv + 1);
        say_comm();
    } else if (strcmp(how, "exec-auxiliary") == 0) {
        say_auxiliary();
    } else if (strcmp(how, "exec-survivors") == 0) {
        say_survivors();
    } else if (strcmp(how, "exec-settings") == 0) {
        say_settings();
    } else if (strcmp(how, "exec-script") == 0) {
        say_vector("argv", argv + 1);
        say_comm();
    }
    return 17;
}
