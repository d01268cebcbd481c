/*
 * The words for a translation cache that the kernel fills.
 *
 * Purpose. /proc/PID/quire/tlb, the parameter softtlb= and the command `tlb` take the same words, so there is
 * one reader, which also says which word cannot be, and what can. It needs neither a space nor an allocator:
 * the command has it too, because a write to a file can only be refused as a whole.
 *
 * Order. The first number is the entries, the second the ways; all else may stand anywhere, and of two words
 * of a kind the last one counts.
 *
 * Data: none. Locking: none is needed.
 *
 * Invariants: it keeps no state, so there are none.
 *
 * How it fails: -EINVAL, with the reason.
 *
 * Source: none.
 */
#include "mm/softtlb_config.h"
#include "mm/errno.h"
#include "mm/os.h"

static bool is_separator(char c)
{
    return c == ',' || c == ' ' || c == '\t' || c == '\n';
}

static bool word_is(const char *word, size_t n, const char *name)
{
    return strlen(name) == n && memcmp(word, name, n) == 0;
}

/* ASSOC_POLICIES: it is none. */
static unsigned policy_of(const char *word, size_t n)
{
    unsigned p = 0;

    while (p < ASSOC_POLICIES && !word_is(word, n, assoc_policy_name((enum assoc_policy)p)))
        p++;
    return p;
}

/* FORM_KINDS: it is none, or own. */
static unsigned form_of(const char *word, size_t n)
{
    unsigned f = 0;

    while (f < FORM_KINDS && !word_is(word, n, form_kind_name((enum form_kind)f)))
        f++;
    return f;
}

static bool is_number(const char *word, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (word[i] < '0' || word[i] > '9')
            return false;
    return n;
}

/* Its value, or one that is too large. */
static uint32_t value_of(const char *word, size_t n)
{
    uint32_t v = 0;

    for (size_t i = 0; i < n && v <= SOFTTLB_MOST; i++)
        v = v * 10 + (uint32_t)(word[i] - '0');
    return v;
}

enum softtlb_word softtlb_word(const char *word, size_t n)
{
    if (is_number(word, n))
        return SOFTTLB_NUMBER;
    if (policy_of(word, n) < ASSOC_POLICIES)
        return SOFTTLB_POLICY;
    if (form_of(word, n) < FORM_KINDS || word_is(word, n, "own"))
        return SOFTTLB_FORM;
    if (word_is(word, n, "asid") || word_is(word, n, "noasid"))
        return SOFTTLB_ASID;
    if (word_is(word, n, "few"))
        return SOFTTLB_LESS;
    return word_is(word, n, "off") ? SOFTTLB_OFF : SOFTTLB_UNKNOWN;
}

/* Where what was read stands in the text. */
struct words {
    const char *entries, *ways, *off; /* NULL: it was not said */
    size_t entries_n, ways_n;
    unsigned all;
};

/* False: it cannot be, for *why. */
static bool take_word(const char *word, size_t n, struct softtlb_config *c, struct words *w,
                      enum softtlb_why *why)
{
    switch (softtlb_word(word, n)) {
    case SOFTTLB_NUMBER:
        *why = SOFTTLB_BAD_NUMBER;
        if (w->ways)
            return false;
        if (w->entries) {
            w->ways = word;
            w->ways_n = n;
            c->ways = value_of(word, n);
        } else {
            w->entries = word;
            w->entries_n = n;
            c->entries = value_of(word, n);
        }
        return true;
    case SOFTTLB_POLICY:
        c->policy = (enum assoc_policy)policy_of(word, n);
        return true;
    case SOFTTLB_FORM:
        c->form = (enum form_kind)form_of(word, n);
        return true;
    case SOFTTLB_ASID:
        c->asid = n == 4;
        return true;
    case SOFTTLB_LESS:
        c->few = true;
        return true;
    case SOFTTLB_OFF:
        w->off = word;
        return true;
    default:
        *why = SOFTTLB_BAD_WORD;
        return false;
    }
}

static int refuse(struct softtlb_wrong *out, enum softtlb_why why, const char *word, size_t n,
                  const struct softtlb_config *c)
{
    if (out)
        *out = (struct softtlb_wrong){.why = why, .word = word, .length = n, .config = *c};
    return -EINVAL;
}

static uint32_t least_entries(const struct softtlb_config *c)
{
    return c->few ? SOFTTLB_FEW : SOFTTLB_LEAST;
}

static bool ways_can_be(const struct softtlb_config *c, uint32_t ways)
{
    return ways && ways <= c->entries && c->entries % ways == 0 &&
           (c->few || ways == c->entries || ways >= SOFTTLB_LEAST_WAYS);
}

int softtlb_parse(const char *text, struct softtlb_config *c, struct softtlb_wrong *wrong)
{
    struct words w = {0};
    enum softtlb_why why;

    *c = (struct softtlb_config){.form = FORM_KINDS};
    for (;; w.all++) {
        size_t n = 0;

        while (is_separator(*text))
            text++;
        if (!*text)
            break;
        while (text[n] && !is_separator(text[n]))
            n++;
        if (!take_word(text, n, c, &w, &why))
            return refuse(wrong, why, text, n, c);
        text += n;
    }
    if (w.off)
        return w.all == 1 ? 0 : refuse(wrong, SOFTTLB_BAD_OFF, w.off, 3, c);
    if (!w.entries)
        return refuse(wrong, SOFTTLB_NO_ENTRIES, NULL, 0, c);
    if (c->entries < least_entries(c) || c->entries > SOFTTLB_MOST)
        return refuse(wrong, SOFTTLB_BAD_ENTRIES, w.entries, w.entries_n, c);
    if (!w.ways)
        c->ways = c->entries;
    if (!ways_can_be(c, c->ways))
        return refuse(wrong, SOFTTLB_BAD_WAYS, w.ways, w.ways_n, c);
    return 0;
}

int softtlb_check(const struct softtlb_config *c)
{
    if (!c->entries)
        return 0;
    if (c->entries < least_entries(c) || c->entries > SOFTTLB_MOST || !ways_can_be(c, c->ways) ||
        c->policy >= ASSOC_POLICIES || c->form > FORM_KINDS)
        return -EINVAL;
    return 0;
}

/* --- what is possible --- */

struct writer {
    char *text;
    size_t size, used; /* used < size */
};

static void put(struct writer *w, const char *text)
{
    while (*text && w->used + 1 < w->size)
        w->text[w->used++] = *text++;
    w->text[w->used] = 0;
}

static void put_number(struct writer *w, uint32_t n)
{
    char digits[11], *at = digits + sizeof digits - 1;

    *at = 0;
    do
        *--at = (char)('0' + n % 10);
    while (n /= 10);
    put(w, at);
}

static void put_range(struct writer *w, uint32_t least)
{
    put_number(w, least);
    put(w, " to ");
    put_number(w, SOFTTLB_MOST);
}

static void put_entries(struct writer *w, const struct softtlb_config *c)
{
    put_range(w, least_entries(c));
    put(w, " entries");
    if (c->few)
        return;
    put(w, ", with few ");
    put_range(w, SOFTTLB_FEW);
}

/* The ways that so many entries can have, and what more there are with few. */
static void put_ways(struct writer *w, const struct softtlb_config *c)
{
    struct softtlb_config with_few = *c;
    const char *comma = "";

    with_few.few = true;
    for (uint32_t n = 1; n <= c->entries; n++)
        if (ways_can_be(c, n)) {
            put(w, comma);
            put_number(w, n);
            comma = ", ";
        }
    put(w, " ways of ");
    put_number(w, c->entries);
    put(w, " entries");
    comma = ", with few ";
    for (uint32_t n = 1; n <= c->entries; n++)
        if (ways_can_be(&with_few, n) && !ways_can_be(c, n)) {
            put(w, comma);
            put_number(w, n);
            comma = ", ";
        }
}

static void put_words(struct writer *w)
{
    put(w, "entries, ways");
    for (unsigned p = 0; p < ASSOC_POLICIES; p++) {
        put(w, ", ");
        put(w, assoc_policy_name((enum assoc_policy)p));
    }
    put(w, ", asid, noasid, few, own");
    for (unsigned f = 0; f < FORM_KINDS; f++) {
        put(w, ", ");
        put(w, form_kind_name((enum form_kind)f));
    }
    put(w, "; or off");
}

const char *softtlb_possible(const struct softtlb_wrong *wrong, char *text, size_t size)
{
    struct writer w = {.text = text, .size = size};

    put(&w, "");
    switch (wrong->why) {
    case SOFTTLB_BAD_WORD:
        put_words(&w);
        break;
    case SOFTTLB_BAD_ENTRIES:
    case SOFTTLB_NO_ENTRIES:
        put_entries(&w, &wrong->config);
        break;
    case SOFTTLB_BAD_WAYS:
        put_ways(&w, &wrong->config);
        break;
    case SOFTTLB_BAD_NUMBER:
        put(&w, "two numbers, entries and ways");
        break;
    case SOFTTLB_BAD_OFF:
        put(&w, "off alone");
        break;
    }
    return text;
}
