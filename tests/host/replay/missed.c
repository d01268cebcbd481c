/* Records of software TLBs' misses. */
#include "tests/host/replay/missed.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define PAGES (1u << 20)

struct line {
    uint32_t space, page;
    char kind; /* x, r, w: a miss; k: the kernel put it in, which is no use by itself; u: used */
};

struct text {
    const char *at, *end;
    size_t line; /* its number, from 1 */
};

static bool take_number(struct text *t, unsigned base, uint32_t *value)
{
    const char *from = t->at;
    uint64_t v = 0;

    for (; t->at < t->end && isxdigit((unsigned char)*t->at) && v <= UINT32_MAX; t->at++) {
        unsigned digit =
            isdigit((unsigned char)*t->at) ? (unsigned)(*t->at - '0') : (unsigned)((*t->at | 32) - 'a' + 10);

        if (digit >= base)
            return false;
        v = v * base + digit;
    }
    *value = (uint32_t)v;
    return t->at > from && v <= UINT32_MAX && t->at < t->end && *t->at++ == ' ';
}

/* The next line. 1; 0: there is none; -1: it is damaged. */
static int take_line(struct text *t, struct line *l)
{
    uint32_t out;

    while (t->at < t->end && *t->at == '#') {
        while (t->at < t->end && *t->at++ != '\n')
            continue;
        t->line++;
    }
    if (t->at >= t->end)
        return 0;
    if (!take_number(t, 10, &l->space) || !take_number(t, 16, &l->page) || l->page >= PAGES ||
        t->end - t->at < 3 || !strchr("xrwku", t->at[0]) || t->at[1] != ' ')
        return -1;
    l->kind = t->at[0];
    t->at += 2;
    if (*t->at == '-')
        t->at++;
    else
        for (out = 0; t->at < t->end && isxdigit((unsigned char)*t->at); out++)
            t->at++;
    if (t->at < t->end && *t->at == '\r')
        t->at++;
    if (t->at < t->end && *t->at++ != '\n')
        return -1;
    t->line++;
    return 1;
}

bool missed_is(const char *text, size_t size)
{
    struct text t = {text, text + size, 1};
    struct line l;

    return take_line(&t, &l) == 1;
}

/* The space with the most lines. 0: there is none. */
static uint32_t busiest(const char *text, size_t size)
{
    struct text t = {text, text + size, 1};
    uint32_t *count = NULL, spaces = 0, best = 0;
    struct line l;

    while (take_line(&t, &l) == 1) {
        if (l.space >= PAGES)
            continue;
        if (l.space >= spaces) {
            count = realloc(count, (l.space + 1) * sizeof *count);
            if (!count)
                abort();
            memset(count + spaces, 0, (l.space + 1 - spaces) * sizeof *count);
            spaces = l.space + 1;
        }
        if (++count[l.space] > count[best])
            best = l.space;
    }
    free(count);
    return best;
}

static void add(struct trace *t, uint32_t page, bool write)
{
    t->page[t->count] = page;
    t->write[t->count++] = write;
}

/* A stretch: what came, and what was used then. */
struct stretch {
    struct line miss;
    const struct line *use;
    size_t uses;
};

/*
 * Add a stretch, which is number n, to the references. before: what was used in the stretch before it, too,
 * and is not used again while its entry is there, counts as used before the miss: by the instruction that
 * missed, which has begun anew. used[]: the last stretch in which a page was used. again[]: whether that of
 * a use in this stretch is followed by another one.
 */
static void add_stretch(struct trace *t, const struct stretch *s, uint32_t n, bool before, uint32_t *used,
                        const bool *again)
{
    for (unsigned pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < s->uses; i++) {
            bool early = before && !again[i] && n > 1 && used[s->use[i].page] == n - 1;

            if (early == !pass)
                add(t, s->use[i].page, false);
        }
        if (!pass && s->miss.kind && s->miss.kind != 'k')
            add(t, s->miss.page, s->miss.kind == 'w');
    }
    for (size_t i = 0; i < s->uses; i++)
        used[s->use[i].page] = n;
}

/* The lines of a space, from malloc(). */
static struct line *lines_of(const char *text, size_t size, uint32_t space, size_t *lines, size_t *bad)
{
    struct text t = {text, text + size, 1};
    struct line *all = NULL, l;
    size_t room = 0;
    int got;

    *lines = 0;
    while ((got = take_line(&t, &l)) == 1) {
        if (l.space != space)
            continue;
        if (*lines == room) {
            room = room ? 2 * room : 1024;
            all = realloc(all, room * sizeof *all);
            if (!all)
                abort();
        }
        all[(*lines)++] = l;
    }
    *bad = got < 0 ? t.line : 0;
    return all;
}

bool missed_trace(struct trace *tr, const char *text, size_t size, uint32_t space, bool before, size_t *bad)
{
    size_t lines;
    struct line *all = lines_of(text, size, space ? space : busiest(text, size), &lines, bad);
    bool *again = malloc(lines + 1), *pending = calloc(PAGES, 1);
    uint32_t *used = calloc(PAGES, sizeof *used), n = 0;

    *tr = (struct trace){.page = malloc((lines + 1) * sizeof *tr->page),
                         .write = malloc((lines + 1) * sizeof *tr->write)};
    if (!again || !pending || !used || !tr->page || !tr->write)
        abort();
    for (size_t i = lines; i--;) {
        again[i] = pending[all[i].page];
        pending[all[i].page] = all[i].kind == 'u';
    }
    for (size_t i = 0; i < lines && !*bad;) {
        struct stretch s = {0};

        if (all[i].kind != 'u')
            s.miss = all[i++];
        s.use = all + i;
        while (i < lines && all[i].kind == 'u') {
            s.uses++;
            i++;
        }
        add_stretch(tr, &s, ++n, before, used, again + (s.use - all));
    }
    free(all);
    free(again);
    free(pending);
    free(used);
    if (*bad || !tr->count) {
        trace_free(tr);
        return false;
    }
    return true;
}

/* Pages by the stretch between two misses in which they were last used: a tree of sums (Fenwick 1994). */
struct last {
    uint32_t *sum, stretches;
    uint32_t *of; /* [PAGES]; 0: never */
};

static void count_at(struct last *a, uint32_t stretch, uint32_t more)
{
    for (uint32_t i = stretch; i <= a->stretches; i += i & -i)
        a->sum[i] += more;
}

static uint32_t up_to(const struct last *a, uint32_t stretch)
{
    uint32_t n = 0;

    for (uint32_t i = stretch; i; i -= i & -i)
        n += a->sum[i];
    return n;
}

/* A use in stretch `now`, in which there are `others` more pages whose turn may have been before. */
static void use(struct last *a, uint32_t page, uint32_t now, uint32_t others, uint32_t frames,
                uint64_t *least, uint64_t *most)
{
    uint32_t was = a->of[page];

    if (was == now)
        return;
    if (was) {
        uint32_t later = up_to(a, now - 1) - up_to(a, was), tied = up_to(a, was) - up_to(a, was - 1) - 1;

        *least += later >= frames;
        *most += later + tied + others >= frames;
        count_at(a, was, -1u);
    } else {
        ++*least;
        ++*most;
    }
    a->of[page] = now;
    count_at(a, now, 1);
}

bool missed_bounds(const char *text, size_t size, uint32_t space, uint32_t frames, uint64_t *least,
                   uint64_t *most, size_t *bad)
{
    struct text t = {text, text + size, 1};
    struct last a = {.stretches = 1};
    uint32_t *used = malloc(PAGES * sizeof *used), uses = 0, now = 1;
    bool any = false;
    struct line l;
    int got;

    *least = *most = *bad = 0;
    space = space ? space : busiest(text, size);
    for (size_t i = 0; i < size; i++)
        a.stretches += text[i] == '\n';
    a.sum = calloc(a.stretches + 2, sizeof *a.sum);
    a.of = calloc(PAGES, sizeof *a.of);
    if (!used || !a.sum || !a.of)
        abort();
    do {
        got = take_line(&t, &l);
        if (got == 1 && l.space != space)
            continue;
        if (got == 1 && l.kind == 'u' && uses < PAGES) {
            used[uses++] = l.page;
            continue;
        }
        /* What was used in the stretch that ends here, behind the miss that it began with. */
        for (uint32_t i = 0; i < uses; i++)
            use(&a, used[i], now, uses - 1, frames, least, most);
        any |= uses;
        uses = 0;
        if (got != 1)
            break;
        any = true;
        now++;
        if (l.kind != 'k')
            use(&a, l.page, now, 0, frames, least, most);
    } while (true);
    *bad = got < 0 ? t.line : 0;
    free(used);
    free(a.sum);
    free(a.of);
    return got == 0 && any;
}
