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

#include "tests/user/quire/programs.h"

static const char usage[] = "usage: tlb [option ...] [--] COMMAND [argument ...]\n"
                            "\n"
                            "Runs a command in software TLB mode: so many of its pages translate, each\n"
                            "use of another one traps, and the kernel puts it in and takes one out.\n"
                            "  -n N       entries (64); 0: none, the processor's own way\n"
                            "  -w WAYS    places of a set (all)\n"
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

static int copy_record(const char *path)
{
    int in = open("/proc/quire/misses", O_RDONLY | O_CLOEXEC),
        out = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    char buf[16384];
    ssize_t n = -1;

    if (in >= 0 && out >= 0)
        while ((n = read(in, buf, sizeof buf)) > 0)
            if (write(out, buf, (size_t)n) != n) {
                n = -1;
                break;
            }
    if (n < 0)
        fail(path);
    if (in >= 0)
        close(in);
    if (out >= 0)
        close(out);
    return n < 0;
}

static int run(const char *words, char **argv)
{
    if (put("/proc/self/quire/tlb", words))
        return fail(words);
    execvp(argv[0], argv);
    return fail(argv[0]) + 126;
}

int tlb_main(int argc, char **argv)
{
    const char *entries = "64", *ways = "", *policy = "lru", *asid = "asid", *form = "own", *record = NULL;
    static struct counts before, after;
    bool say = false, uses = false;
    char words[128];
    int c, status;
    pid_t pid;

    while ((c = getopt(argc, argv, "+n:w:p:a:t:r:su")) != -1)
        switch (c) {
        case 'n':
            entries = optarg;
            break;
        case 'w':
            ways = optarg;
            break;
        case 'p':
            policy = optarg;
            break;
        case 'a':
            asid = strcmp(optarg, "off") ? strcmp(optarg, "on") ? "?" : "asid" : "noasid";
            break;
        case 't':
            form = optarg;
            break;
        case 'r':
            record = optarg;
            break;
        case 's':
            say = true;
            break;
        case 'u':
            uses = true;
            break;
        default:
            fputs(usage, stderr);
            return 2;
        }
    if (optind == argc) {
        fputs(usage, stderr);
        return 2;
    }
    if (strcmp(entries, "0") == 0)
        strcpy(words, "off");
    else
        snprintf(words, sizeof words, "%s %s %s %s %s", entries, ways, policy, asid, form);
    if (!say && !record)
        return run(words, argv + optind);
    read_counts(&before);
    if (record && put("/proc/quire/misses", uses ? RECORDED " uses" : RECORDED))
        return fail("/proc/quire/misses");
    pid = fork();
    if (pid == 0)
        _exit(run(words, argv + optind));
    if (pid < 0)
        return fail("fork");
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    read_counts(&after);
    for (int i = 0; say && i < after.n; i++)
        fprintf(stderr, "%s %llu\n", after.name[i], after.value[i] - before.value[i]);
    if (record && (copy_record(record) | put("/proc/quire/misses", "0")))
        return 1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
