/* Traces of allocations: reading them, and making random ones. */
#include "tests/fits/trace.h"

#include <stdlib.h>
#include <string.h>

/* --- live blocks by the name that the trace gives them --- */

struct name {
    uint64_t key; /* + 1; 0: nothing */
    uint32_t block, size;
    bool gone;    /* keeps chains whole */
    bool is_left; /* to mmap */
};

struct names {
    struct name *name;
    size_t room, used; /* room: a power of two */
};

static size_t hash_of(uint64_t key, size_t room)
{
    return (size_t)((key * 0x9E3779B97F4A7C15ULL) >> 20) & (room - 1);
}

static struct name *find_name(const struct names *n, uint64_t key)
{
    size_t i = hash_of(key, n->room);

    while (n->name[i].key && n->name[i].key != key + 1)
        i = (i + 1) & (n->room - 1);
    return &n->name[i];
}

static struct name *live_name(const struct names *n, uint64_t key)
{
    struct name *m = find_name(n, key);

    return m->key && !m->gone ? m : NULL;
}

static bool grow_names(struct names *n)
{
    struct names more = {.room = n->room * 2};

    more.name = calloc(more.room, sizeof *more.name);
    if (!more.name)
        return false;
    for (size_t i = 0; i < n->room; i++) {
        if (!n->name[i].key || n->name[i].gone)
            continue;
        *find_name(&more, n->name[i].key - 1) = n->name[i];
        more.used++;
    }
    free(n->name);
    *n = more;
    return true;
}

/* NULL: no memory. */
static struct name *add_name(struct names *n, uint64_t key)
{
    struct name *m;

    if (n->used * 2 >= n->room && !grow_names(n))
        return NULL;
    m = find_name(n, key);
    n->used += m->key == 0;
    *m = (struct name){.key = key + 1};
    return m;
}

/* --- reading --- */

struct reader {
    struct fit_trace *t;
    const char *at, *end; /* of the line */
    struct names names;
    uint32_t room, large;
    uint64_t numbered; /* allocations that were written as +SIZE */
    uint32_t live;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == ',' || c == '\r';
}

static void skip_blanks(struct reader *r)
{
    while (r->at < r->end && is_blank(*r->at))
        r->at++;
}

/* Decimal, or 0x. False: there is no number. */
static bool number(struct reader *r, uint64_t most, uint64_t *out)
{
    unsigned base = 10;
    const char *from;

    skip_blanks(r);
    if (r->end - r->at > 2 && r->at[0] == '0' && r->at[1] == 'x') {
        base = 16;
        r->at += 2;
    }
    from = r->at;
    *out = 0;
    for (; r->at < r->end; r->at++) {
        char c = *r->at;
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
                                                : 16;

        if (digit >= base)
            break;
        if (*out > (most - digit) / base)
            return false;
        *out = *out * base + digit;
    }
    return r->at > from && (r->at == r->end || is_blank(*r->at));
}

#define SIZE_MOST 0x3fffffffu

static bool add_op(struct reader *r, enum fit_what what, uint32_t block, uint32_t size, uint32_t align)
{
    struct fit_trace *t = r->t;

    if (t->ops == r->room) {
        uint32_t room = r->room ? 2 * r->room : 1024;
        struct fit_op *op = realloc(t->op, room * sizeof *op);

        if (!op)
            return false;
        t->op = op;
        r->room = room;
    }
    t->op[t->ops++] = (struct fit_op){.block = block, .size = size, .align = align, .what = (uint8_t)what};
    if (what != FIT_FREE && size > t->largest)
        t->largest = size;
    if (r->live > t->peak) {
        t->peak = r->live;
        t->peak_ops = t->ops;
    }
    return true;
}

static bool allocate(struct reader *r, uint64_t key, uint32_t size, uint32_t align)
{
    struct name *m;

    /* A program whose free was not seen. */
    if (live_name(&r->names, key))
        return false;
    m = add_name(&r->names, key);
    if (!m)
        return false;
    m->size = size;
    m->is_left = r->large && size >= r->large;
    if (m->is_left) {
        r->t->large++;
        return true;
    }
    m->block = r->t->blocks++;
    r->t->allocs++;
    r->t->asked += size;
    r->live += size;
    return add_op(r, FIT_ALLOC, m->block, size, align);
}

static bool release(struct reader *r, uint64_t key)
{
    struct name *m = live_name(&r->names, key);

    if (!m) {
        r->t->unknown++;
        return true;
    }
    m->gone = true;
    if (m->is_left)
        return true;
    r->t->frees++;
    r->live -= m->size;
    return add_op(r, FIT_FREE, m->block, 0, 0);
}

static bool resize(struct reader *r, uint64_t key, uint32_t size, uint64_t new_key)
{
    struct name *m = live_name(&r->names, key);
    bool is_left = r->large && size >= r->large;
    struct name was;

    /* What becomes large, or was, comes and goes; so does what was there before the recording began. */
    if (!m || m->is_left || is_left)
        return release(r, key) && allocate(r, new_key, size, 0);
    was = *m;
    m->gone = true;
    if (live_name(&r->names, new_key))
        return false;
    m = add_name(&r->names, new_key);
    if (!m)
        return false;
    m->block = was.block;
    m->size = size;
    r->t->resizes++;
    r->t->asked += size;
    r->live += size - was.size;
    return add_op(r, FIT_RESIZE, m->block, size, 0);
}

/* One operation; false: it cannot be. */
static bool operation(struct reader *r)
{
    char what = *r->at++;
    uint64_t key = 0, size = 0, other = 0;

    if (what == '+')
        return number(r, SIZE_MOST, &size) && size && allocate(r, r->numbered++, (uint32_t)size, 0);
    if (what == '-')
        return number(r, UINT64_MAX - 1, &key) && key < r->numbered && release(r, key);
    if (r->at == r->end || !is_blank(*r->at) || !number(r, UINT64_MAX - 1, &key))
        return false;
    if (what == 'f')
        return release(r, key);
    if (!number(r, SIZE_MOST, &size) || !size)
        return false;
    skip_blanks(r);
    other = what == 'r' ? key : 0;
    if (r->at < r->end && *r->at != '#' && *r->at != '+' && *r->at != '-' &&
        !number(r, what == 'r' ? UINT64_MAX - 1 : SIZE_MOST, &other))
        return false;
    if (what == 'r')
        return resize(r, key, (uint32_t)size, other);
    return what == 'a' && !(other & (other - 1)) && allocate(r, key, (uint32_t)size, (uint32_t)other);
}

static bool read_line(struct reader *r)
{
    for (;;) {
        skip_blanks(r);
        if (r->at == r->end || *r->at == '#')
            return true;
        if (!operation(r))
            return false;
    }
}

bool fit_parse(struct fit_trace *t, const char *text, size_t size, uint32_t large, uint32_t *bad)
{
    struct reader r = {.t = t, .names.room = 1024, .large = large};
    const char *all = text + size;
    bool ok = true;

    *t = (struct fit_trace){0};
    *bad = 0;
    r.names.name = calloc(r.names.room, sizeof *r.names.name);
    ok = r.names.name != NULL;
    for (uint32_t line = 1; ok && text < all && *text; line++) {
        const char *end = text;

        while (end < all && *end && *end != '\n')
            end++;
        r.at = text;
        r.end = end;
        ok = read_line(&r);
        if (!ok)
            *bad = line;
        text = end < all && *end ? end + 1 : end;
    }
    free(r.names.name);
    if (ok && t->ops)
        return true;
    fit_trace_free(t);
    return false;
}

void fit_trace_free(struct fit_trace *t)
{
    free(t->op);
    *t = (struct fit_trace){0};
}

/* A heap sort: the browser has no qsort(). */
static void sift(uint32_t *a, size_t i, size_t n)
{
    for (size_t k; (k = 2 * i + 1) < n; i = k) {
        uint32_t swap = a[i];

        k += k + 1 < n && a[k] < a[k + 1];
        if (a[i] >= a[k])
            return;
        a[i] = a[k];
        a[k] = swap;
    }
}

static void sort(uint32_t *a, size_t n)
{
    for (size_t i = n / 2; i-- > 0;)
        sift(a, i, n);
    while (n > 1) {
        uint32_t swap = a[0];

        a[0] = a[--n];
        a[n] = swap;
        sift(a, 0, n);
    }
}

uint32_t *fit_sizes(const struct fit_trace *t, unsigned *n)
{
    uint32_t *size = malloc((t->ops + 1) * sizeof *size);
    size_t count = 0;

    *n = 0;
    if (!size)
        return NULL;
    for (uint32_t i = 0; i < t->ops; i++)
        if (t->op[i].what != FIT_FREE)
            size[count++] = (t->op[i].size + 7) & ~7u;
    sort(size, count);
    for (size_t i = 0; i < count; i++)
        if (!*n || size[*n - 1] != size[i])
            size[(*n)++] = size[i];
    return size;
}

/* --- random ones --- */

struct maker {
    uint64_t state;
    enum { UNIFORM, EXPONENTIAL, POWER, TWO, PROGRAM } kind;
    uint32_t a, b;
    void (*put)(void *arg, const char *text, size_t size);
    void *arg;
};

static uint32_t draw(struct maker *m)
{
    m->state ^= m->state >> 12;
    m->state ^= m->state << 25;
    m->state ^= m->state >> 27;
    return (uint32_t)((m->state * 0x2545F4914F6CDD1DULL) >> 32);
}

static uint32_t below(struct maker *m, uint32_t n)
{
    return (uint32_t)(((uint64_t)draw(m) * n) >> 32);
}

/* ln 2 times a number of heads in a row, and in between evenly. */
static uint32_t exponential(struct maker *m, uint32_t mean)
{
    uint32_t coins = draw(m), heads = coins ? (uint32_t)__builtin_ctz(coins) : 32;

    return 1 + (uint32_t)(((uint64_t)mean * 45426 * ((heads << 8) + below(m, 256))) >> 24);
}

static uint32_t program_size(struct maker *m)
{
    static const uint16_t often[] = {16, 24, 24, 32, 32, 32, 40, 48, 64, 88, 120, 520};
    uint32_t chance = below(m, 100);

    if (chance < 70)
        return often[below(m, sizeof often / sizeof *often)];
    return chance < 97 ? exponential(m, 100) : exponential(m, 4000);
}

static uint32_t make_size(struct maker *m)
{
    switch (m->kind) {
    case UNIFORM:
        return m->a + below(m, m->b - m->a + 1);
    case EXPONENTIAL:
        return exponential(m, m->a);
    case POWER: {
        unsigned low = 31 - (unsigned)__builtin_clz(m->a), high = 31 - (unsigned)__builtin_clz(m->b);

        return 1u << (low + below(m, high - low + 1));
    }
    case TWO:
        return below(m, 10) ? m->a : m->b;
    default:
        return program_size(m);
    }
}

static bool starts(const char **text, const char *with)
{
    size_t n = strlen(with);

    if (strncmp(*text, with, n) != 0)
        return false;
    *text += n;
    return true;
}

static bool small_number(const char **text, uint32_t *out)
{
    const char *from = *text;

    for (*out = 0; **text >= '0' && **text <= '9' && *out < 1000000; ++*text)
        *out = *out * 10 + (uint32_t)(**text - '0');
    return *text > from && *out > 0 && *out <= 1000000;
}

static bool sizes_from(struct maker *m, const char *text)
{
    if (strcmp(text, "program") == 0) {
        m->kind = PROGRAM;
        return true;
    }
    if (starts(&text, "exp:")) {
        m->kind = EXPONENTIAL;
        return small_number(&text, &m->a) && !*text;
    }
    if (starts(&text, "uniform:"))
        m->kind = UNIFORM;
    else if (starts(&text, "power:"))
        m->kind = POWER;
    else if (starts(&text, "two:"))
        m->kind = TWO;
    else
        return false;
    return small_number(&text, &m->a) && starts(&text, "-") && small_number(&text, &m->b) && !*text &&
           m->a <= m->b;
}

static void put_number(struct maker *m, char before, uint32_t n)
{
    char text[12];
    size_t at = sizeof text;

    do
        text[--at] = (char)('0' + n % 10);
    while (n /= 10);
    text[--at] = before;
    m->put(m->arg, text + at, sizeof text - at);
}

bool fit_random(uint32_t seed, const char *sizes, uint32_t ops, uint32_t live,
                void (*put)(void *arg, const char *text, size_t size), void *arg)
{
    struct maker m = {.state = seed * 0x9E3779B97F4A7C15ULL + 1, .put = put, .arg = arg};
    uint32_t *held, held_n = 0, next = 0;

    if (!sizes_from(&m, sizes) || !live)
        return false;
    held = malloc(2 * (size_t)live * sizeof *held);
    if (!held)
        return false;
    /* The fewer there are the likelier is one more, so that there are about as many as wanted. */
    for (uint32_t i = 0; i < ops; i++) {
        if (below(&m, 2 * live) >= held_n) {
            held[held_n++] = next;
            put(arg, "a", 1);
            put_number(&m, ' ', next++);
            put_number(&m, ' ', make_size(&m));
        } else {
            uint32_t k = below(&m, held_n);

            put(arg, "f", 1);
            put_number(&m, ' ', held[k]);
            held[k] = held[--held_n];
        }
        put(arg, "\n", 1);
    }
    free(held);
    return true;
}
