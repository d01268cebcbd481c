/* Traces that QEMU's plugin recorded. */
#include "tests/host/replay/recorded.h"

#include <stdlib.h>
#include <string.h>

#define MAGIC      "QUIRETR1"
#define MAGIC_SIZE 8u
#define NAME_WORDS 6u
#define END_WORDS  6u
#define PAGES      (1u << 20)

enum { KIND_NOTE = 3 };
enum { NOTE_TIME = 1, NOTE_SWITCH, NOTE_NAME, NOTE_END };

bool recording_is(const char *text, size_t size)
{
    return size >= MAGIC_SIZE && memcmp(text, MAGIC, MAGIC_SIZE) == 0;
}

static struct recorded_program *program_at(struct recording *r, uint32_t i)
{
    if (i >= r->programs) {
        r->program = realloc(r->program, (i + 1) * sizeof *r->program);
        if (!r->program)
            abort();
        memset(r->program + r->programs, 0, (i + 1 - r->programs) * sizeof *r->program);
        r->programs = i + 1;
    }
    return &r->program[i];
}

/* Walk over all words, count, and see whether they make sense up to the end. */
static bool look_through(struct recording *r)
{
    struct recorded_program *now = NULL;

    for (size_t i = 0; i < r->words; i++) {
        uint32_t w = r->word[i], value = w >> 12, low = w & 1023;

        if ((w >> 10 & 3) != KIND_NOTE) {
            if (!now || !low)
                return false;
            now->accesses += low;
            now->references++;
        } else if (low == NOTE_TIME && now) {
            now->accesses += value;
        } else if (low == NOTE_SWITCH && value < r->programs) {
            now = &r->program[value];
        } else if (low == NOTE_NAME && value < 1u << 16 && r->words - i > NAME_WORDS) {
            uint32_t before = now ? (uint32_t)(now - r->program) : 0;
            struct recorded_program *p = program_at(r, value);

            p->pid = r->word[i + 1];
            memcpy(p->name, r->word + i + 3, 16);
            for (char *c = p->name; *c; c++)
                if ((unsigned char)*c < ' ')
                    *c = '?'; /* names stand in lines and between tabs */
            now = now ? &r->program[before] : NULL;
            i += NAME_WORDS;
        } else if (low == NOTE_END && r->words - i == END_WORDS + 1) {
            for (unsigned k = 0; k < RECORDED_KINDS; k++)
                r->kinds[k] = r->word[i + 1 + 2 * k] | (uint64_t)r->word[i + 2 + 2 * k] << 32;
            return true;
        } else {
            return false;
        }
    }
    return false;
}

bool recording_take(struct recording *r, char *text, size_t size)
{
    *r = (struct recording){0};
    if (!recording_is(text, size) || size % 4)
        return false;
    r->words = (size - MAGIC_SIZE) / 4;
    memmove(text, text + MAGIC_SIZE, 4 * r->words);
    r->word = (void *)text;
    if (look_through(r))
        return true;
    memmove(text + MAGIC_SIZE, text, 4 * r->words);
    memcpy(text, MAGIC, MAGIC_SIZE);
    free(r->program);
    *r = (struct recording){0};
    return false;
}

void recording_keep(struct recording *r, uint32_t first, uint32_t last)
{
    struct recorded_program *now = NULL;
    size_t kept = 0;

    if (!first && last >= PAGES - 1)
        return;
    for (uint32_t i = 0; i < r->programs; i++)
        r->program[i].accesses = r->program[i].references = 0;
    for (size_t i = 0; i < r->words; i++) {
        uint32_t w = r->word[i], value = w >> 12, low = w & 1023;
        size_t more = 0;

        if ((w >> 10 & 3) != KIND_NOTE) {
            if (value < first || value > last)
                continue;
            now->accesses += low;
            now->references++;
        } else if (low == NOTE_SWITCH) {
            now = &r->program[value];
        } else if (low == NOTE_TIME) {
            continue;
        } else {
            more = low == NOTE_NAME ? NAME_WORDS : END_WORDS;
        }
        memmove(r->word + kept, r->word + i, (more + 1) * sizeof *r->word);
        kept += more + 1;
        i += more;
    }
    r->words = kept;
}

void recording_free(struct recording *r)
{
    free(r->word);
    free(r->program);
    *r = (struct recording){0};
}

uint32_t recording_find(const struct recording *r, uint32_t pid, const char *name)
{
    uint32_t best = r->programs;

    for (uint32_t i = 0; i < r->programs; i++) {
        const struct recorded_program *p = &r->program[i];

        if ((!pid || p->pid == pid) && (!name || strcmp(p->name, name) == 0) && p->references &&
            (best == r->programs || p->accesses > r->program[best].accesses))
            best = i;
    }
    return best;
}

void recording_each(const struct recording *r, uint32_t program,
                    void (*fn)(void *arg, uint32_t page, enum recorded_kind kind, uint64_t time), void *arg)
{
    uint32_t now = r->programs;
    uint64_t time = 0;

    for (size_t i = 0; i < r->words; i++) {
        uint32_t w = r->word[i], value = w >> 12, low = w & 1023, kind = w >> 10 & 3;

        if (kind != KIND_NOTE) {
            if (now == program)
                fn(arg, value, (enum recorded_kind)kind, time += low);
        } else if (low == NOTE_SWITCH) {
            now = value;
        } else if (low == NOTE_TIME) {
            time += now == program ? value : 0;
        } else {
            i += low == NOTE_NAME ? NAME_WORDS : END_WORDS;
        }
    }
}

static void add(void *arg, uint32_t page, enum recorded_kind kind, uint64_t time)
{
    struct trace *t = arg;

    (void)time;
    t->page[t->count] = page;
    t->write[t->count++] = kind == RECORDED_WRITE;
}

void recording_trace(const struct recording *r, uint32_t program, struct trace *t)
{
    size_t n = r->program[program].references;

    *t = (struct trace){.page = malloc(n * sizeof *t->page), .write = malloc(n * sizeof *t->write)};
    if (!t->page || !t->write)
        abort();
    recording_each(r, program, add, t);
}

static void mark(void *arg, uint32_t page, enum recorded_kind kind, uint64_t time)
{
    bool *seen = arg;

    (void)kind;
    (void)time;
    seen[page] = true;
}

uint32_t recording_pages(const struct recording *r, uint32_t program)
{
    bool *seen = calloc(PAGES, sizeof *seen);
    uint32_t n = 0;

    if (!seen)
        abort();
    recording_each(r, program, mark, seen);
    for (uint32_t i = 0; i < PAGES; i++)
        n += seen[i];
    free(seen);
    return n;
}
