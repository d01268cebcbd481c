/*
 * tlb: run a command with a translation cache that the kernel fills.
 *
 * The words go to /proc/self/quire/tlb, and what a process has there its programs and children have too.
 * With -s or -r the command runs as a child, so that somebody is left to tell what happened.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mm/softtlb_config.h"
#include "tests/user/quire/programs.h"

static const char usage[] = "usage: tlb [option ...] [--] COMMAND [argument ...]\n"
                            "\n"
                            "Runs a command in software TLB mode: so many of its pages translate, each\n"
                            "use of another one traps, and the kernel puts it in and takes one out.\n"
                            "  -n N       entries (64), 8 to 1024; 0: none, the processor's own way\n"
                            "  -w WAYS    places of a set (all), 4 at least\n"
                            "  -f         fewer: entries from 2 on, ways from 1. An instruction may need\n"
                            "             more, and the command never goes on\n"
                            "  -p POLICY  lru, fifo or random: which one leaves (lru)\n"
                            "  -a on|off  identifiers: entries survive a switch (on)\n"
                            "  -t FORM    page table that a miss looks into: own, linear, hybrid,\n"
                            "             two-level, three-level, inverted, hashed, clustered (own)\n"
                            "  -s         say at the end what was counted\n"
                            "  -r FILE    write the string of misses there\n"
                            "  -u         and what was used between two misses\n";

#define COUNTS   32
#define RECORDED "1000000"

struct counts {
    char name[COUNTS][32];
    unsigned long long value[COUNTS];
    int n;
};

static int fail(const char *what)
{
    fprintf(stderr, "tlb: %s: %s\n", what, strerror(errno));
    return 1;
}

static int put(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    ssize_t n;

    if (fd < 0)
        return -1;
    n = write(fd, text, strlen(text));
    close(fd);
    return n < 0 ? -1 : 0;
}

static void read_counts(struct counts *c)
{
    FILE *f = fopen("/proc/quire/tlb", "re");

    c->n = 0;
    while (f && c->n < COUNTS && fscanf(f, "%31s %llu", c->name[c->n], &c->value[c->n]) == 2)
        c->n++;
    if (f)
        fclose(f);
}

/* Write the record out, and close both. */
static int copy_record(const char *path, int out)
{
    int in = open("/proc/quire/misses", O_RDONLY | O_CLOEXEC);
    char buf[16384];
    ssize_t n = -1;

    if (in >= 0)
        while ((n = read(in, buf, sizeof buf)) > 0)
            if (write(out, buf, (size_t)n) != n) {
                n = -1;
                break;
            }
    if (n < 0)
        fail(path);
    if (in >= 0)
        close(in);
    close(out);
    return n < 0;
}

/* --- options --- */

struct options {
    const char *entries, *ways, *policy, *form, *record; /* NULL: not said */
    bool flush, few, say, uses;
};

/* Which option has a value of a kind, and what it may be. */
static const struct {
    char option;
    enum softtlb_word kind;
    const char *possible;
} kinds[] = {
    {'n', SOFTTLB_NUMBER, "a number of entries"},
    {'w', SOFTTLB_NUMBER, "a number of ways"},
    {'p', SOFTTLB_POLICY, "lru, fifo, random"},
    {'t', SOFTTLB_FORM, "own, linear, hybrid, two-level, three-level, inverted, hashed, clustered"},
};

static int refuse(char option, const char *value, const char *possible)
{
    fprintf(stderr, "tlb: -%c %s is not possible; possible: %s\n", option, value, possible);
    return 2;
}

/* False: it was told what is wrong with the value. */
static bool is_possible(char option, const char *value)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i].option == option && softtlb_word(value, strlen(value)) != kinds[i].kind) {
            refuse(option, value, kinds[i].possible);
            return false;
        }
    return true;
}

/* 0, or the status to end with. */
static int read_options(int argc, char **argv, struct options *o)
{
    int c;

    if (argc > 1 && strcmp(argv[1], "--help") == 0) {
        fputs(usage, stdout);
        exit(0);
    }
    while ((c = getopt(argc, argv, "+n:w:fp:a:t:r:suh")) != -1) {
        if (optarg && !is_possible((char)c, optarg))
            return 2;
        switch (c) {
        case 'n':
            o->entries = optarg;
            break;
        case 'w':
            o->ways = optarg;
            break;
        case 'f':
            o->few = true;
            break;
        case 'p':
            o->policy = optarg;
            break;
        case 'a':
            o->flush = strcmp(optarg, "off") == 0;
            if (!o->flush && strcmp(optarg, "on") != 0)
                return refuse('a', optarg, "on, off");
            break;
        case 't':
            o->form = optarg;
            break;
        case 'r':
            o->record = optarg;
            break;
        case 's':
            o->say = true;
            break;
        case 'u':
            o->uses = true;
            break;
        case 'h':
            fputs(usage, stdout);
            exit(0);
        default:
            fputs(usage, stderr);
            return 2;
        }
    }
    if (o->uses && !o->record) {
        fputs("tlb: -u is for what -r FILE records\n", stderr);
        return 2;
    }
    if (optind == argc) {
        fputs(usage, stderr);
        return 2;
    }
    return 0;
}

/* The words for the kernel. 0, or the status to end with. */
static int make_words(const struct options *o, char **words)
{
    bool off = o->entries && strspn(o->entries, "0") == strlen(o->entries), ways;
    struct softtlb_config config;
    struct softtlb_wrong wrong;
    char possible[300];

    if (off && (o->ways || o->policy || o->form || o->flush || o->few)) {
        fputs("tlb: -n 0 is without a software TLB: nothing else can be said of it\n", stderr);
        return 2;
    }
    if (asprintf(words, "%s %s %s %s %s%s", o->entries ? o->entries : "64", o->ways ? o->ways : "",
                 o->policy ? o->policy : "lru", o->flush ? "noasid" : "asid", o->form ? o->form : "own",
                 o->few ? " few" : "") < 0)
        return fail("words");
    if (off)
        strcpy(*words, "off");
    if (softtlb_parse(*words, &config, &wrong) == 0)
        return 0;
    ways = wrong.why == SOFTTLB_BAD_WAYS;
    return refuse(ways ? 'w' : 'n', ways ? o->ways : o->entries,
                  softtlb_possible(&wrong, possible, sizeof possible));
}

/* --- running --- */

/* Only if it fails. The status, which is also written to `told`, unless that is -1. */
static int run(const char *words, char **argv, int told)
{
    int status;

    if (put("/proc/self/quire/tlb", words)) {
        fprintf(stderr, "tlb: %s: %s\n", words, strerror(errno));
        status = 125;
    } else {
        execvp(argv[0], argv);
        status = errno == ENOENT ? 127 : 126;
        fail(argv[0]);
    }
    if (told >= 0 && write(told, &status, sizeof status) < 0)
        perror("tlb");
    return status;
}

/* Run the command as a child. Its status; *ran: whether it was executed at all. */
static int run_child(const char *words, char **argv, bool *ran)
{
    int told[2], status, failed;
    pid_t pid;

    *ran = false;
    if (pipe2(told, O_CLOEXEC))
        return fail("pipe");
    pid = fork();
    if (pid == 0)
        _exit(run(words, argv, told[1]));
    close(told[1]);
    *ran = pid > 0 && read(told[0], &failed, sizeof failed) == 0;
    close(told[0]);
    if (pid < 0)
        return fail("fork");
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return fail("wait");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int tlb_main(int argc, char **argv)
{
    static struct counts before, after;
    struct options o = {0};
    char *words = NULL;
    int status = read_options(argc, argv, &o), out = -1;
    bool ran;

    if (!status)
        status = make_words(&o, &words);
    if (status)
        return status;
    if (!o.say && !o.record)
        return run(words, argv + optind, -1);
    if (o.record) {
        out = open(o.record, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        if (out < 0)
            return fail(o.record);
        if (put("/proc/quire/misses", o.uses ? RECORDED " uses" : RECORDED))
            return fail("/proc/quire/misses");
    }
    read_counts(&before);
    status = run_child(words, argv + optind, &ran);
    read_counts(&after);
    for (int i = 0; ran && o.say && i < after.n; i++)
        fprintf(stderr, "%s %llu\n", after.name[i], after.value[i] - before.value[i]);
    if (o.record && (copy_record(o.record, out) | put("/proc/quire/misses", "0")) && !status)
        return 1;
    return status;
}
