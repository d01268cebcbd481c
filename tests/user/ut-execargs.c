/* What execve() takes: how much of arguments and environment, and first lines of scripts. */
#include "tests/user/ut.h"
#include <sys/resource.h>

#define SELF "/proc/self/exe"

static const char *run(const char *file, char **argv, char **envp)
{
    int told[2], status, err = 0;
    pid_t child;

    if (pipe2(told, O_CLOEXEC))
        return "no pipe";
    child = fork();
    if (child == 0) {
        syscall(SYS_execve, file, argv, envp);
        write(told[1], &errno, sizeof errno);
        _exit(1);
    }
    close(told[1]);
    if (read(told[0], &err, sizeof err) != sizeof err)
        err = 0;
    close(told[0]);
    waitpid(child, &status, 0);
    return err ? ut_errno(err) : ut_status(status);
}

/* --- how much --- */

/* n strings of a length, as arguments and as environment, with a limit of the stack; 0: the usual one. */
static void sizes(unsigned args, size_t length, unsigned envs, size_t env_length, rlim_t stack)
{
    char *one = malloc(length + 1), *other = malloc(env_length + 1);
    char **argv = calloc(args + 3, sizeof *argv), **envp = calloc(envs + 1, sizeof *envp);
    pid_t child = fork();

    if (child == 0) {
        if (stack)
            setrlimit(RLIMIT_STACK, &(struct rlimit){stack, RLIM_INFINITY});
        memset(one, 'a', length);
        memset(other, 'e', env_length);
        one[length] = other[env_length] = '\0';
        argv[0] = "ut";
        argv[1] = "exec-count";
        for (unsigned i = 0; i < args; i++)
            argv[i + 2] = one;
        for (unsigned i = 0; i < envs; i++)
            envp[i] = other;
        ut_say("%u of %zu bytes, %u of %zu, stack %lu: %s", args, length, envs, env_length,
               (unsigned long)stack, run(SELF, argv, envp));
        _exit(0);
    }
    waitpid(child, NULL, 0);
    free(argv);
    free(envp);
    free(one);
    free(other);
}

static void amounts(void)
{
    PART("one string");
    sizes(1, 131071, 0, 0, 0);
    sizes(1, 131072, 0, 0, 0);
    sizes(0, 0, 1, 131072, 0);
    PART("all, pointers too");
    sizes(15, 131000, 0, 0, 0);
    sizes(16, 131050, 0, 0, 0);
    sizes(349000, 1, 0, 0, 0);
    sizes(350000, 1, 0, 0, 0);
    sizes(1, 1, 350000, 1, 0);
    sizes(175000, 1, 175000, 1, 0);
    sizes(419000, 0, 0, 0, 0);
    sizes(420000, 0, 0, 0, 0);
    PART("a small stack");
    sizes(1, 50000, 1, 50000, 200000);
    sizes(1, 100000, 0, 0, 100000);
    sizes(1, 131000, 0, 0, 196608);
    sizes(2, 60000, 0, 0, 4096);
}

/* --- vectors --- */

static void vectors(void)
{
    char *program[] = {"ut", "exec-count", NULL}, *bad[] = {"ut", (char *)8, NULL}, *none[] = {NULL};
    char name[5000];
    uint8_t *page = ut_map(2, PROT_READ | PROT_WRITE);
    char **last = (char **)(page + PAGE - 8);

    munmap(page + PAGE, PAGE);
    PART("vectors");
    ut_say("no environment: %s", run(SELF, program, NULL));
    ut_say("bad arguments: %s", run(SELF, (char **)8, none));
    ut_say("a bad argument: %s", run(SELF, bad, none));
    ut_say("a bad environment: %s", run(SELF, program, (char **)8));
    ut_say("a bad string in it: %s", run(SELF, program, bad));
    ut_say("no path: %s", run(NULL, program, none));
    ut_say("a bad path: %s", run((char *)8, program, none));
    ut_say("an empty path: %s", run("", program, none));
    memset(name, 'a', sizeof name);
    name[sizeof name - 1] = '\0';
    ut_say("a long path: %s", run(name, program, none));
    last[0] = "ut";
    last[1] = "exec-count";
    ut_say("a vector without an end: %s", run(SELF, last, none));
    memset(page + PAGE - 4, 'q', 4);
    ut_say("a string without an end: %s", run(SELF, (char *[]){"ut", (char *)page + PAGE - 4, NULL}, none));
}

/* --- scripts --- */

static const char *script(const char *bytes, size_t n)
{
    int fd = open("script", O_CREAT | O_TRUNC | O_WRONLY, 0755);

    write(fd, bytes, n);
    close(fd);
    return run("./script", (char *[]){"ut", NULL}, (char *[]){"A=1", NULL});
}

#define SCRIPT(text) ut_say("%s: %s", #text, script(text, sizeof(text) - 1))

static void scripts(void)
{
    PART("first lines");
    SCRIPT("#!/proc/self/exe exec-count\n");
    SCRIPT("#! \t/proc/self/exe \t exec-count \t \n");
    SCRIPT("#!/proc/self/exe exec-count a b c\n");
    SCRIPT("#!/proc/self/exe exec-count");
    SCRIPT("#!/proc/self/exe exec-count \t ");
    SCRIPT("#!\n");
    SCRIPT("#!");
    SCRIPT("#");
    SCRIPT("#!   \n/proc/self/exe\n");
    SCRIPT("#!   ");
    SCRIPT("#!./none\n");
    SCRIPT("#!.\n");
    SCRIPT("#!/proc/self/exe exec-count\r\n");
    SCRIPT("#!/proc/self/exe\r\n");
    SCRIPT("#!./none\0 exec-count\n");
    SCRIPT("#!/proc/self/exe exec-count\0 more\n");
    SCRIPT("#!\0/proc/self/exe exec-count\n");
    SCRIPT("#! \0\n");
    SCRIPT(" #!/proc/self/exe exec-count\n");
    SCRIPT("#!/proc/self/exe exec-count\n\0");
}

/* Lines that are cut, since 256 bytes are looked at: within the path, at its end, in the argument, in
 * blanks. */
static void long_lines(void)
{
    char text[300];

    PART("long lines");
    for (size_t end = 252; end < 260; end++) {
        memset(text, '/', sizeof text);
        memcpy(text, "#!", 2);
        memcpy(text + end - 14, "/proc/self/exe", 14);
        text[end] = '\n';
        ut_say("the path ends at %zu: %s", end, script(text, end));
        ut_say("in a longer file: %s", script(text, sizeof text));
        text[end] = ' ';
        ut_say("a blank: %s", script(text, end + 1));
        memcpy(text + end + 1, "exec-count\n", 11);
        ut_say("an argument: %s", script(text, sizeof text));
    }
    for (size_t end = 250; end < 260; end += 3) {
        memset(text, ' ', sizeof text);
        memcpy(text, "#!/proc/self/exe exec-count", 27);
        text[end] = '\n';
        ut_say("blanks up to %zu: %s", end, script(text, sizeof text));
        memset(text + 27, 'x', end - 27);
        ut_say("an argument up to there: %s", script(text, sizeof text));
    }
}

UT_PROGRAM(execargs)
{
    ut_workdir();
    amounts();
    vectors();
    scripts();
    long_lines();
}
