/*
 * The names of core files.
 *
 * Source: core(5), "Naming of core dump files".
 */
#include "kernel/life/core_name.h"
#include "kernel/lib/format.h"
#include "mm/errno.h"
#include "mm/os.h"

struct name {
    char *to;
    size_t used, size;
};

static void put(struct name *n, char c)
{
    if (n->used < n->size)
        n->to[n->used] = c;
    n->used++;
}

static void put_number(struct name *n, uint64_t v)
{
    char digits[24];
    size_t size = format(digits, sizeof digits, "%llu", (unsigned long long)v);

    for (size_t i = 0; i < size; i++)
        put(n, digits[i]);
}

/* A word that stays within its part of the path. */
static void put_word(struct name *n, const char *s)
{
    if (!*s)
        put(n, '!');
    for (bool dots = strcmp(s, ".") == 0 || strcmp(s, "..") == 0; *s; s++, dots = false)
        put(n, dots || *s == '/' ? '!' : *s);
}

static const char *file_of(const char *path)
{
    const char *file = path;

    for (; *path; path++)
        if (*path == '/')
            file = path + 1;
    return file;
}

/* What a letter behind % stands for. */
static void put_fact(struct name *n, char letter, const struct core_facts *f)
{
    switch (letter) {
    case '%':
        return put(n, '%');
    case 'p':
    case 'P':
        return put_number(n, (uint64_t)f->pid);
    case 'i':
    case 'I':
        return put_number(n, (uint64_t)f->tid);
    case 'u':
        return put_number(n, f->uid);
    case 'g':
        return put_number(n, f->gid);
    case 'd':
        return put_number(n, f->dumpable);
    case 's':
        return put_number(n, (uint64_t)f->signo);
    case 't':
        return put_number(n, f->seconds);
    case 'c':
        return put_number(n, f->limit);
    case 'h':
        return put_word(n, f->host);
    case 'e':
        return put_word(n, f->comm);
    case 'f':
        return put_word(n, file_of(f->exe));
    case 'E':
        return put_word(n, f->exe);
    default:
        return;
    }
}

int core_name(char *to, size_t size, const char *pattern, bool with_pid, const struct core_facts *f)
{
    struct name n = {.to = to, .size = size};

    for (; *pattern; pattern++) {
        if (*pattern != '%') {
            put(&n, *pattern);
            continue;
        }
        if (!*++pattern)
            break;
        with_pid &= *pattern != 'p';
        put_fact(&n, *pattern, f);
    }
    if (with_pid) {
        put(&n, '.');
        put_number(&n, (uint64_t)f->pid);
    }
    put(&n, '\0');
    return n.used <= size ? 0 : -ENAMETOOLONG;
}
