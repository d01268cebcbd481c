/* Reference strings. */
#include "tests/host/replay/replay.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void trace_add(struct trace *t, uint32_t page, bool write)
{
    if ((t->count & (t->count - 1)) == 0) {
        size_t room = t->count ? 2 * t->count : 1;

        t->page = realloc(t->page, room * sizeof *t->page);
        t->write = realloc(t->write, room * sizeof *t->write);
        if (!t->page || !t->write)
            abort();
    }
    t->page[t->count] = page;
    t->write[t->count++] = write;
}

static bool is_between(int c)
{
    return isspace(c) || c == ',';
}

/* Numbers between blanks or commas, decimal or 0x; one that has a w before or behind it is written to. From
 * # on a line is a comment. */
bool trace_parse(struct trace *t, const char *where, const char *text, size_t size)
{
    const char *end = text + size;

    *t = (struct trace){0};
    for (const char *s = text; s < end;) {
        bool write = *s == 'w' || *s == 'W';
        unsigned base = 10, digits = 0;
        uint64_t page = 0;

        if (*s == '#') {
            while (s < end && *s != '\n')
                s++;
            continue;
        }
        if (is_between(*s)) {
            s++;
            continue;
        }
        s += write;
        if (s + 1 < end && s[0] == '0' && (s[1] | 32) == 'x') {
            base = 16;
            s += 2;
        }
        for (; s < end && isxdigit(*s) && (base == 16 || isdigit(*s)) && page <= UINT32_MAX; s++, digits++)
            page = page * base + (unsigned)(isdigit(*s) ? *s - '0' : (*s | 32) - 'a' + 10);
        if (s < end && (*s | 32) == 'w' && !write) {
            write = true;
            s++;
        }
        if (!digits || page > UINT32_MAX || (s < end && !is_between(*s) && *s != '#')) {
            fprintf(stderr, "replay: %s: reference %zu is not a page number\n", where, t->count + 1);
            trace_free(t);
            return false;
        }
        trace_add(t, (uint32_t)page, write);
    }
    if (!t->count)
        fprintf(stderr, "replay: %s: there are no references\n", where);
    return t->count != 0;
}

/* All that gzip makes of a file, which may be one that is not compressed. NULL: it could not. */
static char *read_all(const char *path, size_t *size)
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
        execlp("gzip", "gzip", "-dcf", "--", path, (char *)NULL);
        _exit(127);
    }
    close(fd[1]);
    do {
        if (*size == room) {
            room = room ? 2 * room : 65536;
            text = realloc(text, room);
            if (!text)
                abort();
        }
        got = read(fd[0], text + *size, room - *size);
        *size += got > 0 ? (size_t)got : 0;
    } while (got > 0);
    close(fd[0]);
    if (pid < 0 || waitpid(pid, &status, 0) < 0 || status != 0) {
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

bool trace_load(struct trace *t, const char *path)
{
    size_t size;
    char *text = read_all(path, &size);
    bool ok = text != NULL;

    *t = (struct trace){0};
    if (!ok)
        return false;
    if (is_text(text, size)) {
        ok = trace_parse(t, path, text, size);
    } else if (size % 4) {
        fprintf(stderr, "replay: %s: %zu bytes are not a number of 32-bit words\n", path, size);
        ok = false;
    } else {
        for (size_t i = 0; i < size; i += 4) {
            const unsigned char *b = (const unsigned char *)text + i;

            trace_add(t, b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24, false);
        }
    }
    free(text);
    return ok;
}

void trace_free(struct trace *t)
{
    free(t->page);
    free(t->write);
    *t = (struct trace){0};
}
