/*
 * malloctrace COMMAND: what a program allocates, as a trace for `fits`. The work is done by a library that is
 * loaded into the program (tests/user/preload/malloctrace.c); this sets it up, waits, and tells of the files.
 */
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tests/user/quire/programs.h"

#define LIBRARY "/lib/malloctrace.so"

static int usage(FILE *to, int status)
{
    fputs("usage: malloctrace [-o FILE] [-n MOST] COMMAND [ARGUMENT ...]\n"
          "Records each malloc, calloc, realloc, free and memalign of a program that is linked with glibc, "
          "and of those\n"
          "that it starts: FILE (malloctrace.out), FILE.PID. -n: so many operations of each at most. See "
          "fits.\n",
          to);
    return status;
}

/* Files of an earlier trace would be taken for this one's. */
static void each_file(const char *path, void (*fn)(const char *file))
{
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    char directory[1024], file[2048];
    size_t n = strlen(base);
    struct dirent *e;
    DIR *d;

    snprintf(directory, sizeof directory, "%.*s", slash ? (int)(slash - path + 1) : 2, slash ? path : "./");
    d = opendir(directory);
    if (!d)
        return;
    while ((e = readdir(d)) != NULL) {
        if (strncmp(e->d_name, base, n) != 0 ||
            (e->d_name[n] &&
             (e->d_name[n] != '.' || strspn(e->d_name + n, ".0123456789") != strlen(e->d_name + n))))
            continue;
        snprintf(file, sizeof file, "%s%s", slash ? directory : "", e->d_name);
        fn(file);
    }
    closedir(d);
}

/* Whether the file can be made, which is not there after it. */
static bool can_be_made(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

    if (fd < 0) {
        fprintf(stderr, "malloctrace: %s: %s\n", path, strerror(errno));
        return false;
    }
    close(fd);
    unlink(path);
    return true;
}

static void remove_file(const char *file)
{
    unlink(file);
}

static unsigned told; /* files */

/* Its operations, and whose they are. What lies behind the last line of one that was killed is cut off. */
static void tell(const char *file)
{
    unsigned long operations = 0;
    long end = 0;
    char title[256] = "";
    FILE *f = fopen(file, "r+");
    int c;

    if (!f)
        return;
    told++;
    if (fgets(title, sizeof title, f))
        title[strcspn(title, "\n")] = '\0';
    end = ftell(f);
    while ((c = getc(f)) > 0) {
        operations += c == '\n';
        end++;
    }
    if (c == 0 && ftruncate(fileno(f), end) != 0)
        perror(file);
    fclose(f);
    printf("malloctrace: %s: %lu operations of %s\n", file, operations, *title == '#' ? title + 2 : "?");
}

/* --- a program of which nothing was written down --- */

/* The file that execvp() takes for a name. False: there is none. */
static bool find_program(const char *name, char *file, size_t size)
{
    const char *path = getenv("PATH");

    if (strchr(name, '/')) {
        snprintf(file, size, "%s", name);
        return access(file, X_OK) == 0;
    }
    for (const char *at = path ? path : "/bin:/usr/bin"; *at; at += *at == ':') {
        size_t n = strcspn(at, ":");

        snprintf(file, size, "%.*s%s%s", (int)n, at, n ? "/" : "", name);
        if (access(file, X_OK) == 0)
            return true;
        at += n;
    }
    return false;
}

enum linking { LINKED_SHARED, LINKED_STATIC, LINKED_NOT };

/* Whether a file is a program that a dynamic linker starts. A script is what its interpreter is, whose name
 * takes the place of the file's. */
static enum linking linking_of(char *file, size_t size)
{
    for (unsigned scripts = 0; scripts < 5; scripts++) {
        char head[512] = "";
        FILE *f = fopen(file, "r");
        size_t got = f ? fread(head, 1, sizeof head - 1, f) : 0;
        const Elf32_Ehdr *e = (const Elf32_Ehdr *)head;
        enum linking linking = LINKED_STATIC;
        Elf32_Phdr p;

        if (got >= 2 && memcmp(head, "#!", 2) == 0) {
            char *at = head + 2 + strspn(head + 2, " \t");

            fclose(f);
            at[strcspn(at, " \t\n")] = '\0';
            snprintf(file, size, "%s", at);
            continue;
        }
        if (got < sizeof *e || memcmp(e->e_ident, ELFMAG, SELFMAG) != 0)
            linking = LINKED_NOT;
        for (unsigned i = 0; linking == LINKED_STATIC && i < e->e_phnum; i++) {
            if (fseek(f, (long)(e->e_phoff + i * sizeof p), SEEK_SET) != 0 || fread(&p, sizeof p, 1, f) != 1)
                break;
            if (p.p_type == PT_INTERP)
                linking = LINKED_SHARED;
        }
        if (f)
            fclose(f);
        return linking;
    }
    return LINKED_NOT;
}

/* There is no file. */
static void say_why(const char *command)
{
    char file[1024];

    if (find_program(command, file, sizeof file) && linking_of(file, sizeof file) == LINKED_STATIC)
        fprintf(stderr, "malloctrace: nothing was recorded: %s is static and loads no library (LD_PRELOAD)\n",
                file);
    else
        fprintf(stderr, "malloctrace: nothing was recorded: %s did not load " LIBRARY " (LD_PRELOAD)\n",
                command);
}

/* --- running --- */

static int run(char **command)
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        setenv("LD_PRELOAD", LIBRARY, 1);
        execvp(*command, command);
        fprintf(stderr, "malloctrace: %s: %s\n", *command, strerror(errno));
        _exit(errno == ENOENT ? 127 : 126);
    }
    if (pid < 0) {
        perror("malloctrace");
        return 126;
    }
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return 126;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int malloctrace_main(int argc, char **argv)
{
    char path[1024] = "malloctrace.out", cwd[700];
    int status, option;

    if (argc > 1 && strcmp(argv[1], "--help") == 0)
        return usage(stdout, 0);
    while ((option = getopt(argc, argv, "+o:n:h")) != -1) {
        if (option == 'h')
            return usage(stdout, 0);
        if (option == 'n' && strspn(optarg, "0123456789") == strlen(optarg) && *optarg)
            setenv("MALLOCTRACE_MOST", optarg, 1);
        else if (option == 'o' && *optarg && strlen(optarg) < 300)
            snprintf(path, sizeof path, "%s", optarg);
        else
            return usage(stderr, 2);
    }
    if (optind == argc)
        return usage(stderr, 2);
    if (access(LIBRARY, R_OK) != 0) {
        fputs("malloctrace: there is no " LIBRARY ": the root has no program with a shared glibc\n", stderr);
        return 126;
    }
    /* The program may go elsewhere. */
    if (*path != '/' && getcwd(cwd, sizeof cwd)) {
        char whole[1024];

        snprintf(whole, sizeof whole, "%s/%.300s", strcmp(cwd, "/") == 0 ? "" : cwd, path);
        memcpy(path, whole, sizeof path);
    }
    setenv("MALLOCTRACE", path, 1);
    each_file(path, remove_file);
    if (!can_be_made(path))
        return 125;
    status = run(argv + optind);
    fflush(stdout);
    each_file(path, tell);
    if (told || status == 126 || status == 127)
        return status;
    say_why(argv[optind]);
    return status ? status : 125;
}
