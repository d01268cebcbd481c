/*
 * A shell of last resort: what an archive has when no real one could be fetched. Words separated by blanks,
 * quotes of both kinds, `;` and `&&`, < > >> redirections, $? and a dozen built-in commands. No pipes, no
 * variables, no patterns: busybox is the shell to use.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tests/user/quire/programs.h"

struct command {
    char **word; /* the last is NULL */
    int words;
    char *in, *out;
    int append;
};

static int last_status;

static int complain(const char *what)
{
    fprintf(stderr, "sh: %s: %s\n", what, strerror(errno));
    return 1;
}

/* --- built in --- */

static int do_cat(int argc, char **argv)
{
    char buf[4096];
    int status = 0;

    for (int i = argc > 1 ? 1 : 0; i < argc; i++) {
        int fd = i ? open(argv[i], O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
        ssize_t n;

        if (fd < 0) {
            status = complain(argv[i]);
            continue;
        }
        while ((n = read(fd, buf, sizeof buf)) > 0)
            if (write(STDOUT_FILENO, buf, (size_t)n) != n)
                break;
        if (n < 0)
            status = complain(argv[i]);
        if (fd != STDIN_FILENO)
            close(fd);
    }
    return status;
}

static int do_cd(int argc, char **argv)
{
    const char *to = argc > 1 ? argv[1] : "/root";

    return chdir(to) == 0 ? 0 : complain(to);
}

static int do_echo(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        printf("%s%s", i > 1 ? " " : "", argv[i]);
    putchar('\n');
    return 0;
}

static int do_exit(int argc, char **argv)
{
    fflush(stdout);
    exit(argc > 1 ? atoi(argv[1]) : last_status);
}

static int do_help(int argc, char **argv);

static int do_ls(int argc, char **argv)
{
    const char *where = argc > 1 ? argv[1] : ".";
    struct dirent **entry;
    int n = scandir(where, &entry, NULL, alphasort);

    if (n < 0)
        return complain(where);
    for (int i = 0; i < n; i++) {
        struct stat st;
        char path[PATH_MAX];

        snprintf(path, sizeof path, "%s/%s", where, entry[i]->d_name);
        if (entry[i]->d_name[0] != '.' && lstat(path, &st) == 0)
            printf("%06o %10lld %s\n", (unsigned)st.st_mode, (long long)st.st_size, entry[i]->d_name);
        free(entry[i]);
    }
    free(entry);
    return 0;
}

static int do_pwd(int argc, char **argv)
{
    char path[PATH_MAX];

    (void)argc, (void)argv;
    if (!getcwd(path, sizeof path))
        return complain("getcwd");
    puts(path);
    return 0;
}

static const struct {
    const char *name, *help;
    int (*run)(int argc, char **argv);
} built_in[] = {
    {"cat", "FILE ...: show files", do_cat},
    {"cd", "[DIRECTORY]", do_cd},
    {"echo", "WORD ...", do_echo},
    {"exit", "[STATUS]: audit and power off", do_exit},
    {"help", "this list", do_help},
    {"ls", "[DIRECTORY]: mode, size, name", do_ls},
    {"pwd", "the current directory", do_pwd},
};
#define BUILT_IN (sizeof built_in / sizeof built_in[0])

static int do_help(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (unsigned i = 0; i < BUILT_IN; i++)
        printf("%-6s %s\n", built_in[i].name, built_in[i].help);
    puts("else a program, with < FILE, > FILE, >> FILE; several with ; or &&");
    return 0;
}

/* --- running --- */

static int redirect(const char *path, int flags, int fd)
{
    int from = open(path, flags, 0666);

    if (from < 0)
        return -1;
    if (dup2(from, fd) < 0)
        return -1;
    return close(from);
}

static int apply_redirections(const struct command *c)
{
    if (c->in && redirect(c->in, O_RDONLY, STDIN_FILENO) != 0)
        return complain(c->in);
    if (c->out && redirect(c->out, O_WRONLY | O_CREAT | (c->append ? O_APPEND : O_TRUNC), STDOUT_FILENO) != 0)
        return complain(c->out);
    return 0;
}

static int collect(pid_t pid)
{
    int status;

    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return complain("wait");
    if (WIFEXITED(status))
        return WEXITSTATUS(status);
    printf("%s\n", strsignal(WTERMSIG(status)));
    return 128 + WTERMSIG(status);
}

static int spawn(struct command *c, int (*inside)(int argc, char **argv))
{
    pid_t pid;

    fflush(stdout);
    pid = fork();
    if (pid < 0)
        return complain("fork");
    if (pid > 0)
        return collect(pid);
    if (apply_redirections(c) != 0)
        _exit(1);
    if (inside)
        exit(inside(c->words, c->word));
    execvp(c->word[0], c->word);
    complain(c->word[0]);
    _exit(errno == ENOENT ? 127 : 126);
}

static int run_command(struct command *c)
{
    for (unsigned i = 0; i < BUILT_IN; i++)
        if (strcmp(c->word[0], built_in[i].name) == 0)
            return c->in || c->out ? spawn(c, built_in[i].run) : built_in[i].run(c->words, c->word);
    return spawn(c, NULL);
}

/* --- reading --- */

/* The next word from *p into *to, quotes taken off; NULL at the end of the command. */
static char *next_word(char **p, char **to)
{
    char *word = *to, quote = 0;

    while (isblank((unsigned char)**p))
        ++*p;
    if (!**p || **p == ';' || **p == '&' || **p == '#')
        return NULL;
    if (**p == '<' || **p == '>') {
        do
            *(*to)++ = *(*p)++;
        while (**p == '>');
    } else {
        for (; **p && (quote || !strchr(" \t;&<>", **p)); ++*p) {
            if (**p == quote)
                quote = 0;
            else if (!quote && (**p == '\'' || **p == '"'))
                quote = **p;
            else if (quote != '\'' && (*p)[0] == '$' && (*p)[1] == '?')
                *to += sprintf(*to, "%d", last_status), ++*p;
            else
                *(*to)++ = **p;
        }
    }
    *(*to)++ = '\0';
    return word;
}

/* Commands of a line, with room for their words, of which each has a character at least, and for what they
 * become: twice as long at most, with their ends. */
static void run_commands(char *line, char **word, char *text)
{
    char *to = text, *p = line;
    int skip = 0;

    for (;;) {
        struct command c = {.word = word};
        char *w;

        while ((w = next_word(&p, &to))) {
            if (strcmp(w, "<") == 0)
                c.in = next_word(&p, &to);
            else if (w[0] == '>' && (w[1] == '\0' || strcmp(w, ">>") == 0))
                c.append = w[1], c.out = next_word(&p, &to);
            else
                word[c.words++] = w;
        }
        word[c.words] = NULL;
        if (c.words > 0 && !skip)
            last_status = run_command(&c);
        skip = p[0] == '&' && p[1] == '&' && last_status != 0;
        if (!*p || *p == '#')
            return;
        p += p[0] == '&' && p[1] == '&' ? 2 : 1;
    }
}

/* All of a line or, without memory for it, nothing. */
static void run_line(char *line)
{
    size_t length = strlen(line);
    char **word = calloc(length + 1, sizeof *word), *text = malloc(2 * length + 1);

    if (word && text)
        run_commands(line, word, text);
    else
        last_status = complain("this line");
    free(word);
    free(text);
}

int sh_main(int argc, char **argv)
{
    char *line = NULL;
    size_t room = 0;
    int asks = isatty(STDIN_FILENO);

    if (argc > 2 && strcmp(argv[1], "-c") == 0) {
        run_line(argv[2]);
        fflush(stdout);
        return last_status;
    }
    for (;;) {
        if (asks)
            fputs("# ", stdout);
        fflush(stdout);
        if (getline(&line, &room, stdin) < 0)
            break;
        line[strcspn(line, "\n")] = '\0';
        run_line(line);
    }
    free(line);
    return last_status;
}
