/*
 * What a program is given: arguments and environment, copied before anything else is done; and what a
 * script's first line makes of them.
 *
 * How much that may be is Linux's rule: a quarter of the limit of the stack, but 128 KiB at least and 6 MiB
 * at most, for all pointers, the path and all strings. It is found out before a string is looked at. And all
 * has to fit in the limit of the stack itself.
 */
#include "kernel/life/exec_args.h"
#include "kernel/fs/vfs.h"
#include "kernel/lib/format.h"
#include "kernel/proc/process.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/usercopy.h"
#include "mm/errno.h"
#include "mm/slab.h"

#define STRING_MAX    (128u << 10) /* of one argument, as Linux's MAX_ARG_STRLEN */
#define ALL_MIN       (128u << 10) /* of all together, */
#define ALL_MAX       (6u << 20)   /* as is said above */
#define STRINGS_FIRST 4096u        /* most need less */
#define PATH_PREFIX   24u          /* room for "/dev/fd/-2147483648/" */

void exec_args_free(struct exec_args *a)
{
    kfree(a->path);
    vm_table_free(a->strings, a->strings_size, 1);
}

/* --- of the kernel --- */

int exec_args_from_kernel(struct exec_args *a, const char *path, const char *const *argv,
                          const char *const *envp)
{
    size_t n = 0;
    char *to;

    for (const char *const *s = argv; *s; s++)
        n += strlen(*s) + 1;
    for (const char *const *s = envp; *s; s++)
        n += strlen(*s) + 1;
    *a = (struct exec_args){.path = vm_alloc(strlen(path) + 1),
                            .path_bytes = strlen(path) + 1,
                            .dirfd = AT_FDCWD,
                            .strings = vm_table_alloc(n ? n : 1, 1),
                            .strings_size = n ? n : 1,
                            .limit = ALL_MIN,
                            .bytes = n};
    if (!a->path || !a->strings)
        return -ENOMEM;
    memcpy(a->path, path, a->path_bytes);
    a->from = a->path;
    to = a->strings;
    for (; *argv; argv++, a->argc++) {
        memcpy(to, *argv, strlen(*argv) + 1);
        to += strlen(*argv) + 1;
    }
    a->arg_bytes = (size_t)(to - a->strings);
    for (; *envp; envp++, a->envc++) {
        memcpy(to, *envp, strlen(*envp) + 1);
        to += strlen(*envp) + 1;
    }
    return 0;
}

/* --- of a call --- */

struct strings {
    char *buf;
    size_t used, size, limit;
};

static int grow(struct strings *s)
{
    size_t size = s->size ? s->size * 2 : STRINGS_FIRST;
    char *buf;

    if (s->size >= s->limit)
        return -E2BIG;
    if (size > s->limit)
        size = s->limit;
    /* A page is enough for most, and needs not be cleared for them. */
    buf = size <= PAGE_SIZE ? vm_alloc(size) : vm_table_alloc(size, 1);
    if (!buf)
        return -ENOMEM;
    if (s->buf)
        memcpy(buf, s->buf, s->used);
    vm_table_free(s->buf, s->size, 1);
    s->buf = buf;
    s->size = size;
    return 0;
}

static int add_string(struct strings *s, vaddr_t at)
{
    for (;;) {
        size_t room = s->size - s->used;
        int n = room ? user_copy_string(s->buf + s->used, at, room) : -E2BIG;

        if (n >= 0) {
            s->used += (size_t)n + 1;
            return (size_t)n >= STRING_MAX ? -E2BIG : 0;
        }
        if (n != -E2BIG)
            return n;
        if (room > STRING_MAX)
            return -E2BIG;
        n = grow(s);
        if (n)
            return n;
    }
}

/* How many pointers a vector has before its end; 0 is an empty one. */
static int count_vector(vaddr_t vector, unsigned *count)
{
    uint32_t at = 1;

    for (*count = 0; vector; vector += sizeof at, ++*count) {
        int err = user_read32(&at, vector);

        if (err || !at)
            return err;
        if (thread_current()->exiting)
            return -EINTR;
    }
    return 0;
}

/* The strings that its first n pointers point to. There may be less by now. */
static int add_vector(struct strings *s, vaddr_t vector, unsigned n)
{
    for (; n; n--, vector += 4) {
        uint32_t at;
        int err = user_read32(&at, vector);

        if (!err)
            err = add_string(s, at);
        if (err)
            return err;
        if (thread_current()->exiting)
            return -EINTR;
    }
    return 0;
}

/* What all strings may have. 0: nothing. */
static size_t room_for(const struct exec_args *a)
{
    uint64_t limit = process_current()->rlimit[RLIMIT_STACK].soft / 4;
    uint64_t pointers = ((uint64_t)(a->argc ? a->argc : 1) + a->envc) * sizeof(uint32_t);

    limit = limit < ALL_MIN ? ALL_MIN : limit > ALL_MAX ? ALL_MAX : limit;
    return pointers + a->path_bytes < limit ? (size_t)(limit - pointers - a->path_bytes) : 0;
}

/* The path is looked up from a descriptor: the program is told one that leads there through /dev/fd. */
static int add_prefix(struct exec_args *a)
{
    size_t n = a->path_bytes, prefix;
    char *path = vm_alloc(PATH_PREFIX + n);

    if (!path)
        return -ENOMEM;
    prefix = format(path, PATH_PREFIX, n > 1 ? "/dev/fd/%d/" : "/dev/fd/%d", a->dirfd);
    memcpy(path + prefix, a->path, n);
    kfree(a->path);
    a->path = path;
    a->path_bytes = prefix + n;
    a->from = path + prefix;
    return 0;
}

static int add_path(struct exec_args *a, vaddr_t user)
{
    int n = user_copy_string(a->path, user, PATH_MAX);

    if (n == -E2BIG)
        return -ENAMETOOLONG;
    if (n < 0)
        return n;
    if (!n && !(a->flags & AT_EMPTY_PATH))
        return -ENOENT;
    a->from = a->path;
    a->path_bytes = (size_t)n + 1;
    if (a->path[0] == '/')
        a->dirfd = AT_FDCWD;
    return a->dirfd == AT_FDCWD ? 0 : add_prefix(a);
}

int exec_args_from_user(struct exec_args *a, int dirfd, vaddr_t path, vaddr_t argv, vaddr_t envp,
                        unsigned flags)
{
    struct strings s = {0};
    int err;

    *a = (struct exec_args){.path = vm_alloc(PATH_MAX), .dirfd = dirfd, .flags = flags};
    if (!a->path)
        return -ENOMEM;
    err = add_path(a, path);
    if (err)
        return err;
    err = count_vector(argv, &a->argc);
    if (!err)
        err = count_vector(envp, &a->envc);
    if (!err) {
        s.limit = a->limit = room_for(a);
        err = grow(&s);
    }
    if (!err)
        err = add_vector(&s, argv, a->argc);
    if (!err && !a->argc) { /* no program needs to expect that: its name is empty then */
        s.buf[s.used++] = '\0';
        a->argc = 1;
    }
    a->arg_bytes = s.used;
    if (!err)
        err = add_vector(&s, envp, a->envc);
    a->bytes = s.used;
    a->strings = s.buf;
    a->strings_size = s.size;
    return err;
}

/* --- scripts --- */

/* The first argument makes way for what the script's first line says: interpreter, maybe an argument, and the
 * script's path. */
static int add_script(struct exec_args *a, const char *interp, const char *arg)
{
    size_t first = strlen(a->strings) + 1;
    size_t n1 = strlen(interp) + 1, n2 = arg ? strlen(arg) + 1 : 0, n3 = a->path_bytes;
    size_t size = a->bytes - first + n1 + n2 + n3;
    char *strings, *path;

    if (size > a->limit)
        return -E2BIG;
    strings = vm_table_alloc(size, 1);
    path = vm_alloc(n1);
    if (!strings || !path) {
        vm_table_free(strings, size, 1);
        kfree(path);
        return -ENOMEM;
    }
    memcpy(path, interp, n1);
    memcpy(strings, interp, n1);
    if (arg)
        memcpy(strings + n1, arg, n2);
    memcpy(strings + n1 + n2, a->path, n3);
    memcpy(strings + n1 + n2 + n3, a->strings + first, a->bytes - first);
    exec_args_free(a);
    a->strings = strings;
    a->strings_size = size;
    a->path = path;
    a->path_bytes = n1;
    a->from = path;
    a->dirfd = AT_FDCWD;
    a->flags = AT_EMPTY_PATH; /* an interpreter's path may be empty, which leads to no program */
    a->argc += arg ? 2 : 1;
    a->arg_bytes += n1 + n2 + n3 - first;
    a->bytes = size;
    return 0;
}

static bool blank(char c)
{
    return c == ' ' || c == '\t';
}

/* The first character in [at, last] that is no blank; and the first that is one, or ends a string. NULL:
 * none. */
static char *skip_blanks(char *at, const char *last)
{
    while (at <= last && blank(*at))
        at++;
    return at <= last ? at : NULL;
}

static char *word_end(char *at, const char *last)
{
    while (at <= last && *at && !blank(*at))
        at++;
    return at <= last ? at : NULL;
}

/* The line's end, or where it is cut; NULL: within the interpreter's path, or there is none. */
static char *line_end(char *head)
{
    char *last = head + EXEC_SCRIPT - 1, *name;

    for (char *c = head; c <= last && *c; c++)
        if (*c == '\n')
            return c;
    name = skip_blanks(head + 2, last);
    return name && word_end(name, last) ? last : NULL;
}

int exec_args_script(struct exec_args *a, char *head)
{
    char *end = line_end(head), *interp, *after, *arg = NULL;

    if (!end)
        return -ENOEXEC;
    while (blank(end[-1]))
        end--;
    interp = skip_blanks(head + 2, end);
    if (!interp || interp == end)
        return -ENOEXEC;
    after = word_end(interp, end);
    if (after && *after)
        arg = skip_blanks(after, end);
    *end = '\0';
    if (arg)
        *after = '\0';
    return add_script(a, interp, arg);
}
