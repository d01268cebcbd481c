/* Files of reference strings. */
#include "tests/host/replay/replay.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

bool trace_parse(struct trace *t, const char *where, const char *text, size_t size)
{
    size_t bad;

    if (parse_text(t, text, size, &bad))
        return true;
    if (bad)
        fprintf(stderr, "replay: %s: reference %zu is not a page number\n", where, bad);
    else
        fprintf(stderr, "replay: %s: there are no references\n", where);
    return false;
}

/* More room for what is read. NULL: there is none, and the text is gone. */
static char *make_room(char *text, size_t room, const char *path)
{
    char *more = realloc(text, room);

    if (more)
        return more;
    fprintf(stderr, "replay: %s: no memory for more than %zu bytes\n", path, room / 2);
    free(text);
    return NULL;
}

char *trace_read(const char *path, size_t *size)
{
    int fd[2], status = 1;
    char *text = NULL;
    size_t room = 0;
    ssize_t got;
    pid_t pid;

    *size = 0;
    if (access(path, R_OK) != 0 || pipe(fd) != 0) {
        fprintf(stderr, "replay: %s: %s\n", path, strerror(errno));
        return NULL;
    }
    pid = fork();
    if (pid == 0) {
        dup2(fd[1], STDOUT_FILENO);
        close(fd[0]);
        close(fd[1]);
        close(STDERR_FILENO); /* what is wrong is said below */
        execlp("gzip", "gzip", "-dcf", "--", path, (char *)NULL);
        _exit(127);
    }
    close(fd[1]);
    do {
        if (*size == room) {
            room = room ? 2 * room : 65536;
            text = make_room(text, room, path);
            if (!text)
                break;
        }
        got = read(fd[0], text + *size, room - *size);
        *size += got > 0 ? (size_t)got : 0;
    } while (got > 0);
    close(fd[0]); /* gzip ends if there is no room for more */
    if (pid < 0 || waitpid(pid, &status, 0) < 0 || (status != 0 && text)) {
        fprintf(stderr, "replay: %s: gzip cannot read it\n", path);
        free(text);
        return NULL;
    }
    return text;
}

static bool is_text(const char *s, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (s[i] == 0 || (!isprint((unsigned char)s[i]) && !isspace((unsigned char)s[i])))
            return false;
    return true;
}

bool recording_load(struct recording *r, const char *path)
{
    size_t size;
    char *text = trace_read(path, &size);

    if (text && recording_take(r, text, size))
        return true;
    if (text)
        fprintf(stderr, "replay: %s: %s\n", path,
                recording_is(text, size) ? "it is not complete" : "the plugin did not record it");
    free(text);
    return false;
}

#define NAMES_SAID 16u
#define PIDS_SAID  6u

/* The processes that have the name of program i, which is the first one that has it. */
static void say_processes(const struct recording *r, uint32_t i)
{
    uint32_t said = 0, last = 0;

    fprintf(stderr, "%s (pid", r->program[i].name);
    for (uint32_t k = i; k < r->programs; k++) {
        const struct recorded_program *p = &r->program[k];

        if (!p->references || p->pid == last || strcmp(p->name, r->program[i].name) != 0)
            continue;
        last = p->pid;
        if (said == PIDS_SAID)
            fputs(" ...", stderr);
        else if (said < PIDS_SAID)
            fprintf(stderr, " %u", p->pid);
        said++;
    }
    fputc(')', stderr);
}

/* Whether a program with references before it has the same name. */
static bool is_named_before(const struct recording *r, uint32_t i)
{
    for (uint32_t k = 0; k < i; k++)
        if (r->program[k].references && strcmp(r->program[k].name, r->program[i].name) == 0)
            return true;
    return false;
}

void recording_say_nobody(const char *me, const struct recording *r, const char *path, uint32_t pid,
                          const char *name)
{
    uint32_t names = 0;

    fprintf(stderr, "%s: %s: no process", me, path);
    if (pid)
        fprintf(stderr, " %u", pid);
    if (name)
        fprintf(stderr, " of the name %s", name);
    fputs(" has touched anything there", stderr);
    for (uint32_t i = 0; i < r->programs; i++) {
        if (!r->program[i].references || is_named_before(r, i))
            continue;
        if (names == NAMES_SAID)
            fputs(", and others", stderr);
        if (names++ >= NAMES_SAID)
            continue;
        fputs(names == 1 ? "; these have: " : ", ", stderr);
        say_processes(r, i);
    }
    fputc('\n', stderr);
}

void say_no_policy(const char *me, const char *name)
{
    fprintf(stderr, "%s: no policy has the name '%s'; there are", me, name);
    for (unsigned i = 0; machine_policy(i); i++)
        fprintf(stderr, "%s %s", i ? "," : "", machine_policy(i));
    fputc('\n', stderr);
}

/* Of the bytes of a recording, which it frees. */
static bool load_recorded(struct trace *t, const char *path, char *text, size_t size, uint32_t pid,
                          const char *name)
{
    struct recording r;
    uint32_t program;

    if (!recording_take(&r, text, size)) {
        fprintf(stderr, "replay: %s: it is not complete\n", path);
        free(text);
        return false;
    }
    program = recording_find(&r, pid, name);
    if (program == r.programs)
        recording_say_nobody("replay", &r, path, pid, name);
    else
        recording_trace(&r, program, t);
    recording_free(&r);
    return t->count != 0;
}

/* Why nothing came of a record of misses. */
static bool say_missed(const char *path, size_t bad)
{
    if (bad)
        fprintf(stderr, "replay: %s: line %zu is no miss\n", path, bad);
    else
        fprintf(stderr, "replay: %s: there is no such space\n", path);
    return false;
}

/* The optimum's, with those uses before the misses of which it is not known, or behind. The freer it is to
 * let pages go, the fewer it has. */
static bool bounds_of_opt(const char *text, size_t size, uint32_t space, const struct setup *how,
                          uint64_t *least, uint64_t *most, size_t *bad)
{
    struct outcome o;
    struct trace t;

    for (unsigned before = 0; before < 2; before++) {
        if (!missed_trace(&t, text, size, space, before, bad))
            return false;
        simulate(&t, how, NULL, &o, false);
        *(before ? least : most) = o.misses;
        outcome_free(&o);
        trace_free(&t);
    }
    return true;
}

bool trace_bounds(const char *path, uint32_t space, const struct setup *how, uint64_t *least, uint64_t *most)
{
    size_t size, bad;
    char *text = trace_read(path, &size);
    bool ok;

    if (!text)
        return false;
    if (!missed_is(text, size)) {
        fprintf(stderr, "replay: %s: no software TLB recorded it\n", path);
        free(text);
        return false;
    }
    if (strcmp(how->policy, "opt") == 0)
        ok = bounds_of_opt(text, size, space, how, least, most, &bad);
    else
        ok = missed_bounds(text, size, space, how->frames, least, most, &bad);
    ok = ok || say_missed(path, bad);
    free(text);
    return ok;
}

bool trace_load(struct trace *t, const char *path, uint32_t pid, const char *name)
{
    size_t size;
    char *text = trace_read(path, &size);
    bool ok = text != NULL;

    *t = (struct trace){0};
    if (!ok)
        return false;
    if (recording_is(text, size))
        return load_recorded(t, path, text, size, pid, name);
    if (name) {
        fprintf(stderr, "replay: %s: it has no names\n", path);
        free(text);
        return false;
    }
    if (is_text(text, size) && missed_is(text, size)) {
        size_t bad;

        ok = missed_trace(t, text, size, pid, false, &bad) || say_missed(path, bad);
    } else if (is_text(text, size)) {
        ok = trace_parse(t, path, text, size);
    } else if (size % 4) {
        fprintf(stderr, "replay: %s: %zu bytes are not a number of 32-bit words\n", path, size);
        ok = false;
    } else {
        ok = parse_words(t, (const unsigned char *)text, size);
    }
    free(text);
    return ok;
}
