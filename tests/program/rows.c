/* Tables of others' answers, as text. See rows.h. */
#include "tests/program/rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static unsigned split(char *line, char **field)
{
    unsigned n = 0;

    line[strcspn(line, "\r\n")] = '\0';
    for (char *f = line; f && n < ROWS_COLUMNS; n++) {
        field[n] = f;
        f = strchr(f, '\t');
        if (f)
            *f++ = '\0';
    }
    return n;
}

bool rows_line(FILE *f, char **text, size_t *room)
{
    size_t n = 0;
    int c = 0;

    while (c != '\n' && (c = getc(f)) > 0) {
        if (n + 1 >= *room) {
            size_t more = *room ? 2 * *room : 256;
            char *at = realloc(*text, more);

            if (!at)
                return false;
            *text = at;
            *room = more;
        }
        (*text)[n++] = (char)c;
    }
    if (n)
        (*text)[n] = '\0';
    return n > 0;
}

/* The next line that has something. */
static bool next_line(struct rows *r)
{
    while (rows_line(r->file, &r->text, &r->room)) {
        r->line++;
        if (*r->text != '#' && r->text[strspn(r->text, " \t\r\n")])
            return true;
    }
    return false;
}

bool rows_open(struct rows *r, const char *path)
{
    *r = (struct rows){.path = path, .file = fopen(path, "r")};
    if (!r->file)
        return false;
    if (next_line(r)) {
        r->names = r->text;
        r->text = NULL;
        r->room = 0;
        r->columns = split(r->names, r->name);
    }
    return true;
}

bool rows_next(struct rows *r)
{
    memset(r->value, 0, sizeof r->value);
    r->values = 0;
    if (!r->columns || !next_line(r))
        return false;
    r->values = split(r->text, r->value);
    return true;
}

const char *rows_column(const struct rows *r, const char *name)
{
    for (unsigned i = 0; i < r->columns; i++)
        if (strcmp(r->name[i], name) == 0)
            return r->value[i] ? r->value[i] : "";
    return NULL;
}

bool rows_have(const struct rows *r, const char *names)
{
    while (*names) {
        size_t n = strcspn(names, " ");
        bool is_there = false;

        for (unsigned i = 0; i < r->columns; i++)
            is_there |= strlen(r->name[i]) == n && memcmp(r->name[i], names, n) == 0;
        if (!is_there)
            return false;
        names += n + strspn(names + n, " ");
    }
    return true;
}

bool rows_size(const char *text, uint64_t *out)
{
    const char *units = "kmg", *unit;
    unsigned shift = 0;
    char *end;

    errno = 0;
    *out = strtoull(text, &end, 10);
    unit = *end ? strchr(units, *end | 0x20) : NULL;
    if (unit) {
        shift = 10 * (unsigned)(unit - units + 1);
        end++;
    }
    if (*text < '0' || *text > '9' || *end || errno || *out > UINT64_MAX >> shift)
        return false;
    *out <<= shift;
    return true;
}

void rows_close(struct rows *r)
{
    if (r->file)
        fclose(r->file);
    free(r->text);
    free(r->names);
    r->file = NULL;
    r->text = r->names = NULL;
}
