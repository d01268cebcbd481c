/* Reference strings, from text or words. Without a host, as machine.c is. */
#include "tests/host/replay/machine.h"

#include <ctype.h>
#include <stdlib.h>

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

bool parse_text(struct trace *t, const char *text, size_t size, size_t *bad)
{
    const char *end = text + size;

    *t = (struct trace){0};
    *bad = 0;
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
            *bad = t->count + 1;
            trace_free(t);
            return false;
        }
        trace_add(t, (uint32_t)page, write);
    }
    return t->count != 0;
}

bool parse_words(struct trace *t, const unsigned char *b, size_t size)
{
    *t = (struct trace){0};
    for (; size >= 4; size -= 4, b += 4)
        trace_add(t, b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24, false);
    return t->count != 0;
}

void trace_free(struct trace *t)
{
    free(t->page);
    free(t->write);
    *t = (struct trace){0};
}
