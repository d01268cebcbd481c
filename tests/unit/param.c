/* kernel/lib/param.c: the parser over a table of our own. */
#include "kernel/lib/param.h"
#include "kernel/lib/format.h"
#include "mm/policy.h"
#include "tests/kt.h"

enum { LINE = 512 };

struct values {
    bool flag;
    uint32_t number;
    uint64_t size;
    const char *string, *judged;
    unsigned choice, set, seeded;
    uint32_t seed;
    const char *rest;
    char line[LINE];
};

static bool starts_with_a(const char *value, char *text, size_t size)
{
    if (value[0] == 'a')
        return true;
    format(text, size, ": `%.1s`; possible: a...", value);
    return false;
}

/* Parse text from a clean state; what is reported is captured. */
static void parse(struct values *v, const char *text)
{
    static const struct param_choice choices[] = {{"one", 1}, {"two", 2}, {"four", 4}, {0}};
    const struct param table[] = {
        {"flag", PARAM_FLAG, &v->flag, .help = ""},
        {"number", PARAM_NUMBER, &v->number, 2, 1000, .help = ""},
        {"size", PARAM_SIZE, &v->size, 4096, 1ull << 32, .help = ""},
        {"string", PARAM_STRING, &v->string, .help = ""},
        {"choice", PARAM_CHOICE, &v->choice, .choices = choices, .help = ""},
        {"seeded", PARAM_CHOICE, &v->seeded, 1, 500, choices, &v->seed, .help = ""},
        {"set", PARAM_SET, &v->set, .choices = choices, .help = ""},
        {"judged", PARAM_STRING, &v->judged, .judge = starts_with_a, .help = "WORD"},
    };

    memset(v, 0, sizeof *v);
    memcpy(v->line, text, strlen(text) + 1);
    kt_capture_begin();
    v->rest = param_parse_table(table, ARRAY_LEN(table), v->line);
    kt_capture_end();
}

TEST(param, values)
{
    struct values v;

    parse(&v, "flag number=42 size=64M string=/bin/sh choice=two set=one set=four");
    EXPECT(v.flag, "flag");
    EXPECT(v.number == 42, "number %u", v.number);
    EXPECT(v.size == 64u << 20, "size %llx", (unsigned long long)v.size);
    EXPECT(v.string && strcmp(v.string, "/bin/sh") == 0, "string");
    EXPECT(v.choice == 2, "choice %u", v.choice);
    EXPECT(v.set == 5, "set %u", v.set);
    EXPECT(v.rest && *v.rest == '\0', "nothing is left");
    EXPECT(!kt_captured("param"), "nothing is reported");
}

TEST(param, choice_with_a_number)
{
    static const char *const bad[] = {
        "seeded=",        "seeded",        "seeded=:7",   "seeded=two:",    "seeded=two:0",
        "seeded=two:501", "seeded=two:7x", "seeded=two7", "seeded=two:7:7", "seeded=three:7",
        "seeded=two:-1",  "choice=two:7",  "set=two:7"};
    struct values v;

    parse(&v, "seeded=two");
    EXPECT(v.seeded == 2 && v.seed == 0, "%u %u", v.seeded, v.seed);
    parse(&v, "seeded=four:500");
    EXPECT(v.seeded == 4 && v.seed == 500, "%u %u", v.seeded, v.seed);
    parse(&v, "seeded=one:0x10");
    EXPECT(v.seeded == 1 && v.seed == 16, "%u %u", v.seeded, v.seed);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        parse(&v, bad[i]);
        EXPECT(v.seeded == 0 && v.seed == 0 && v.choice == 0 && v.set == 0, "%s", bad[i]);
        EXPECT(kt_captured("bad value"), "%s is reported", bad[i]);
    }
}

TEST(param, sizes)
{
    static const struct {
        const char *text;
        uint64_t size;
    } good[] = {
        {"size=4096", 4096},      {"size=4K", 4096},       {"size=4k", 4096},       {"size=0x1000", 4096},
        {"size=0x10k", 16 << 10}, {"size=3g", 3ull << 30}, {"size=4G", 1ull << 32}, {"size=512m", 512u << 20},
    };
    static const char *const bad[] = {
        "12Q",
        "",
        "K",
        "0x",
        "-4K",
        "4KK",
        "4 K",
        "5G",
        "4095",
        "99999999999999999999",
        "0x1000000000000000G",
        "x",
    };
    struct values v;

    for (unsigned i = 0; i < ARRAY_LEN(good); i++) {
        parse(&v, good[i].text);
        EXPECT(v.size == good[i].size, "%s gave %llx", good[i].text, (unsigned long long)v.size);
    }
    for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
        char text[64] = "size=";

        memcpy(text + 5, bad[i], strlen(bad[i]) + 1);
        parse(&v, text);
        EXPECT(v.size == 0 || strcmp(bad[i], "4 K") == 0, "%s gave %llx", text, (unsigned long long)v.size);
        EXPECT(kt_captured("param: "), "%s was not reported", text);
    }
}

TEST(param, reports)
{
    struct values v;

    parse(&v, "foo number=7");
    EXPECT(kt_captured(
               "param: unknown parameter `foo`, ignored; possible are flag, number, size, string, choice, "
               "seeded, set, judged"),
           "unknown word");
    EXPECT(v.number == 7, "what follows still counts: %u", v.number);
    parse(&v, "size=12Q");
    EXPECT(kt_captured("param: size: bad value `12Q`, ignored; possible: 4K to 4G"), "bad size");
    parse(&v, "choice=three");
    EXPECT(kt_captured("param: choice: bad value `three`, ignored; possible: one, two, four") &&
               v.choice == 0,
           "bad choice %u", v.choice);
    parse(&v, "flag=1");
    EXPECT(kt_captured("param: flag: bad value `1`, ignored; possible: it alone, without a value") && !v.flag,
           "a flag has no value");
    parse(&v, "number");
    EXPECT(kt_captured("param: number: bad value ``, ignored; possible: 2 to 1000"),
           "a number needs a value");
    parse(&v, "number=1001 number=1");
    EXPECT(v.number == 0 && kt_captured("`1001`") && kt_captured("`1`"), "out of range: %u", v.number);
    parse(&v, "string=");
    EXPECT(v.string == NULL && kt_captured("param: string: bad value"), "empty string");
    parse(&v, "fla flagg Flag");
    EXPECT(!v.flag && kt_captured("`fla`") && kt_captured("`flagg`") && kt_captured("`Flag`"),
           "names are exact");
}

/* What is wrong is named wherever it stands. */
TEST(param, repeated)
{
    struct values v;

    parse(&v, "judged=by judged=ab");
    EXPECT(kt_captured("param: judged: bad value `by`, ignored: `b`; possible: a..."), "an earlier one");
    EXPECT(v.judged && strcmp(v.judged, "ab") == 0, "the good one counts");
    parse(&v, "judged=ab judged=by");
    EXPECT(kt_captured("`by`") && v.judged && strcmp(v.judged, "ab") == 0, "also if it is the earlier one");
    parse(&v, "judged=ab judged=ac");
    EXPECT(!kt_captured("param") && v.judged && strcmp(v.judged, "ac") == 0, "of two good ones the last");
    parse(&v, "judged=");
    EXPECT(kt_captured("param: judged: bad value ``, ignored; possible: WORD"), "no value");
    parse(&v, "string=a string=b");
    EXPECT(kt_captured("param: string: `a` does not count, since `b` comes later"), "nobody knows about `a`");
    EXPECT(v.string && strcmp(v.string, "b") == 0, "the last one counts");
    parse(&v, "string=a string=a number=5 number=6");
    EXPECT(!kt_captured("param"), "the same again, and what was judged");
}

TEST(param, words)
{
    struct values v;

    parse(&v, "");
    EXPECT(v.rest && *v.rest == '\0', "empty");
    parse(&v, "  \t number=5 \n flag\t ");
    EXPECT(v.number == 5 && v.flag && *v.rest == '\0', "blanks");
    parse(&v, "number=5 number=6");
    EXPECT(v.number == 6, "the last one counts: %u", v.number);
    parse(&v, "string=\"a b\" flag");
    EXPECT(v.string && strcmp(v.string, "a b") == 0 && v.flag, "quotes");
    parse(&v, "\"string=a b\" string2");
    EXPECT(v.string && strcmp(v.string, "a b") == 0, "quotes around all of it");
    parse(&v, "string=\"never closed flag");
    EXPECT(v.string && strcmp(v.string, "never closed flag") == 0 && !v.flag,
           "an open quote ends with the line");
    EXPECT(kt_captured("param: a closing quote is missing, and taken to be at the end: "
                       "`string=never closed flag`"),
           "which is told");
    parse(&v, "\"number=5");
    EXPECT(v.number == 5 && kt_captured("param: a closing quote is missing"), "also around a word");
    parse(&v, "\"string=a b\" flag judged=\"a\" -- \"x");
    EXPECT(!kt_captured("param"), "closed ones, and one of init's");
    parse(&v, "string=a=b");
    EXPECT(v.string && strcmp(v.string, "a=b") == 0, "the first = counts");
    parse(&v, "=x");
    EXPECT(kt_captured("unknown parameter ``"), "no name");
}

TEST(param, rest)
{
    struct values v;

    parse(&v, "flag -- number=5 \"a b\" -- c ");
    EXPECT(v.flag && v.number == 0, "what follows -- is not ours");
    EXPECT(strcmp(v.rest, "number=5 \"a b\" -- c ") == 0, "rest `%s`", v.rest);
    parse(&v, "flag --");
    EXPECT(v.flag && *v.rest == '\0', "-- at the end");
    parse(&v, "flag --  ");
    EXPECT(v.flag && *v.rest == '\0', "-- and blanks at the end");
    parse(&v, "--flag");
    EXPECT(!v.flag && kt_captured("unknown parameter `--flag`"), "-- is a word of its own");
}

/* Any line of any bytes: it ends, and stays inside the line (the sanitizers watch). */
TEST(param, random)
{
    static const char alphabet[] = "flagnumbersizt=\"  \t-0123456789KMGx";
    struct values v;

    for (uint32_t i = 0; i < kt_rounds(kt, 100000); i++) {
        char text[64];
        unsigned n = kt_below(kt, sizeof text);

        for (unsigned k = 0; k < n; k++)
            text[k] = alphabet[kt_below(kt, sizeof alphabet - 1)];
        text[n] = '\0';
        parse(&v, text);
        REQUIRE(v.rest >= v.line && v.rest <= v.line + n, "the rest lies outside the line");
    }
}

/* The kernel's own table names every parameter once and explains it. */
static unsigned helped;
static const char *previous;

static void count_help(const char *name, const char *help)
{
    if (*name && *help && (!previous || strcmp(name, previous) != 0))
        helped++;
    previous = name;
}

TEST(param, table)
{
    helped = 0;
    previous = NULL;
    param_help(count_help);
    EXPECT(helped >= 10, "%u parameters", helped);
}

/* The choices of policy= are the policies that there are, by the same names and numbers, in their order. */
TEST(param, policies)
{
    const struct params saved = params;
    char line[64], all[LINE];
    size_t n = format(all, sizeof all, "ignored; possible: ");

    for (unsigned i = 0; i < POLICIES; i++) {
        params.policy = POLICIES;
        format(line, sizeof line, "policy=%s", policies[i]->name);
        kt_capture_begin();
        param_parse(line);
        kt_capture_end();
        EXPECT(params.policy == i, "policy=%s is %u, not %u", policies[i]->name, params.policy, i);
        n += format(all + n, sizeof all - n, "%s%s", i ? ", " : "", policies[i]->name);
    }
    /* And no others: a name that is not there is answered with all that are. */
    format(all + n, sizeof all - n, "\n");
    format(line, sizeof line, "policy=none");
    kt_capture_begin();
    param_parse(line);
    EXPECT(kt_captured(all), "not the policies that there are: %s", all);
    kt_capture_end();
    params = saved;
    EXPECT(params.policy < POLICIES, "policy %u", params.policy);
}
