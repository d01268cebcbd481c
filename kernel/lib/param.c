#include "kernel/lib/param.h"
#include "kernel/lib/console.h"
#include "kernel/lib/format.h"
#include "kernel/lib/number.h"
#include "kernel/lib/screen.h"
#include "mm/kva.h"
#include "mm/os.h"
#include "mm/policy.h"
#include "mm/softtlb_config.h"

struct params params = {.events = EVENTS_DEFAULT,
                        .kva = KVA_INSTANT,
                        .policy = POLICY_CLOCK_DIRTY,
                        .loadcontrol = 1,
                        .ktest_limit = 60,
                        .torture_seed = 20261120,
                        .init_args = ""};

static const struct param_choice consoles[] = {
    {"ttyS0", CONSOLE_SERIAL}, {"ttyS0,115200", CONSOLE_SERIAL}, {"ttyS0,115200n8", CONSOLE_SERIAL},
    {"tty0", CONSOLE_SCREEN},  {"tty1", CONSOLE_SCREEN},         {0},
};
static const struct param_choice fits[] = {
    {"best", KVA_BEST},   {"first", KVA_FIRST},     {"next", KVA_NEXT},
    {"worst", KVA_WORST}, {"instant", KVA_INSTANT}, {0},
};
static const struct param_choice replacements[] = {
    {"clock", POLICY_CLOCK},
    {"fifo", POLICY_FIFO},
    {"random", POLICY_RANDOM},
    {"clock-dirty", POLICY_CLOCK_DIRTY},
    {"aging", POLICY_AGING},
    {"two-list", POLICY_TWO_LIST},
    {"clock-pro", POLICY_CLOCKPRO},
    {"vms", POLICY_VMS},
#ifdef POLICY_CANDIDATES
    {"sieve", POLICY_SIEVE},
    {"clock2", POLICY_CLOCK2},
    {"s3-fifo", POLICY_S3FIFO},
    {"generations", POLICY_GENERATIONS},
#endif
    {0},
};
static const struct param_choice screens[] = {{"console", SCREEN_CONSOLE}, {"map", SCREEN_MAP}, {0}};
static const struct param_choice nothing[] = {{"off", 0}, {0}};
static const struct param_choice switches[] = {{"on", 1}, {"off", 0}, {0}};
static const struct param_choice transfers[] = {{"dma", 0}, {"pio", 1}, {0}};
static const struct param_choice tortures[] = {{"sleep", 1}, {0}};
static const struct param_choice panic_tests[] = {
    {"panic", PANIC_TEST_PANIC},   {"assert", PANIC_TEST_ASSERT},
    {"null", PANIC_TEST_NULL},     {"text", PANIC_TEST_TEXT},
    {"low", PANIC_TEST_LOW},       {"stack", PANIC_TEST_STACK},
    {"task", PANIC_TEST_TASK},     {"divide", PANIC_TEST_DIVIDE},
    {"mapped", PANIC_TEST_MAPPED}, {"sleep", PANIC_TEST_SLEEP},
    {"nested", PANIC_TEST_NESTED}, {"hang", PANIC_TEST_HANG},
    {"reset", PANIC_TEST_RESET},   {0},
};

static const struct param_choice leak_tests[] = {
    {"process", LEAK_PROCESS}, {"task", LEAK_TASK},
    {"space", LEAK_SPACE},     {"object", LEAK_OBJECT},
    {"pipe", LEAK_PIPE},       {"inode", LEAK_INODE},
    {"slab", LEAK_SLAB},       {"block", LEAK_BLOCK},
    {"frame", LEAK_FRAME},     {0},
};

static bool judge_softtlb(const char *value, char *text, size_t size)
{
    struct softtlb_config c;
    struct softtlb_wrong wrong;
    size_t n = 0;

    if (softtlb_parse(value, &c, &wrong) == 0)
        return true;
    if (wrong.word)
        n = format(text, size, ": `%.*s`", (int)wrong.length, wrong.word);
    if (n < size)
        n += format(text + n, size - n, "; possible: ");
    if (n < size)
        softtlb_possible(&wrong, text + n, size - n);
    return false;
}

#define MIB (1u << 20)
#define GIB ((uint64_t)1 << 30)

static const struct param table[] = {
    {"console", PARAM_SET, &params.console, .choices = consoles, .last = &params.console_last,
     .help = "ttyS0 or tty0: where messages go; may be repeated, and the last is /dev/console"},
    {"quiet", PARAM_FLAG, &params.quiet, .help = "show warnings and errors only"},
    {"mem", PARAM_SIZE, &params.mem, MIB, 4 * GIB, .help = "SIZE: use no RAM above this address"},
    {"lowmem", PARAM_SIZE, &params.lowmem, 4 * MIB, GIB,
     .help = "SIZE: map no RAM above this address directly"},
    {"init", PARAM_STRING, &params.init, .help = "PATH: the first program"},
    {"ktest", PARAM_STRING, &params.ktest, .help = "all or PATTERN: run self-tests"},
    {"ktest_limit", PARAM_NUMBER, &params.ktest_limit, 1, 86400,
     .help = "SECONDS: that one self-test may take"},
    {"seed", PARAM_NUMBER, &params.seed, 1, UINT32_MAX, .help = "N: seed of the self-tests"},
    {"bench", PARAM_FLAG, &params.bench, .help = "run the benchmarks"},
    {"slab_debug", PARAM_FLAG, &params.slab_debug, .help = "red zones, poison and owners in every cache"},
    {"kva", PARAM_CHOICE, &params.kva, .choices = fits,
     .help = "best, first, next, worst, instant: fit of kernel addresses"},
    {"policy", PARAM_CHOICE, &params.policy, .choices = replacements, .help = "NAME: which pages go first"},
    {"screen", PARAM_CHOICE, &params.screen, .choices = screens,
     .help = "console, map: what the display shows at first"},
    {"loadcontrol", PARAM_CHOICE, &params.loadcontrol, .choices = switches,
     .help = "on, off: suspend programs in turn when memory thrashes"},
    {"rss_limit", PARAM_NUMBER, &params.rss_limit, 16, UINT32_MAX,
     .help = "N: pages that a program may have resident at first, under policies that limit that"},
    {"softtlb", PARAM_STRING, &params.softtlb, .judge = judge_softtlb,
     .help = "N[,POLICY][,WAYS][,asid][,FORM][,few]: a translation cache that the kernel fills"},
    {"events", PARAM_SIZE, &params.events, 4096, 4 * MIB, .choices = nothing,
     .help = "SIZE or off: the ring of page events"},
    {"swap", PARAM_STRING, &params.swap, .help = "on, off, or NAME[,NAME...]: what swap uses"},
    {"ata", PARAM_CHOICE, &params.ata_pio, .choices = transfers, .help = "dma, pio: how disks transfer"},
    {"ata_timeout", PARAM_NUMBER, &params.ata_timeout, 10, 600000,
     .help = "MS: time limit of a disk command"},
    {"latency", PARAM_FLAG, &params.latency, .help = "measure how long calls keep the processor"},
    {"trace", PARAM_CHOICE, &params.trace, .choices = switches,
     .help = "on, off: tell a recorder outside of the machine who runs"},
    {"torture", PARAM_CHOICE, &params.torture, 1, UINT32_MAX, tortures, &params.torture_seed,
     .help = "sleep or sleep:SEED: let others run at every possible sleep"},
    {"panic_test", PARAM_CHOICE, &params.panic_test, .choices = panic_tests,
     .help = "fail on purpose after start-up"},
    {"leak_test", PARAM_CHOICE, &params.leak_test, .choices = leak_tests,
     .help = "lose something on purpose before the audit at the end"},
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Decimal or 0x, with a size suffix if allowed. False: not a number, or more than 64 bits. */
static bool number(const char *s, bool suffix, uint64_t *out)
{
    unsigned base = 10;

    if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
        base = 16;
        s += 2;
    }
    return number_digits(&s, base, out) && (!suffix || number_unit(&s, out)) && !*s;
}

/* The choice that value names, alone or, where that is possible, with a number. */
static const struct param_choice *choice(const struct param *p, const char *value)
{
    for (const struct param_choice *c = p->choices; c->name; c++) {
        size_t n = strlen(c->name);
        uint64_t v;

        if (strncmp(c->name, value, n) != 0)
            continue;
        if (!value[n])
            return c;
        if (p->number && value[n] == ':' && number(value + n + 1, false, &v) && v >= p->min && v <= p->max) {
            *p->number = (uint32_t)v;
            return c;
        }
    }
    return NULL;
}

#define POSSIBLE_MAX 280u /* characters */

/* Of two values that cannot be judged here the first does not count, and may be the wrong one. */
static void assign_string(const struct param *p, const char *value)
{
    const char **old = p->value;

    if (!p->judge && *old && strcmp(*old, value) != 0)
        os_log("param: %s: `%s` does not count, since `%s` comes later", p->name, *old, value);
    *old = value;
}

/* value: NULL when the word had no '='. False: bad; text, of POSSIBLE_MAX characters, is what p's judge says,
 * if it was asked. */
static bool assign(const struct param *p, const char *value, char *text)
{
    const struct param_choice *c;
    uint64_t v;

    if ((p->type == PARAM_FLAG) != (value == NULL))
        return false;
    switch (p->type) {
    case PARAM_FLAG:
        *(bool *)p->value = true;
        return true;
    case PARAM_NUMBER:
    case PARAM_SIZE:
        c = p->choices ? choice(p, value) : NULL;
        if (c) {
            *(uint64_t *)p->value = c->value;
            return true;
        }
        if (!number(value, p->type == PARAM_SIZE, &v) || v < p->min || v > p->max)
            return false;
        if (p->type == PARAM_SIZE)
            *(uint64_t *)p->value = v;
        else
            *(uint32_t *)p->value = (uint32_t)v;
        return true;
    case PARAM_STRING:
        if (!*value || (p->judge && !p->judge(value, text, POSSIBLE_MAX)))
            return false;
        assign_string(p, value);
        return true;
    case PARAM_CHOICE:
    case PARAM_SET:
        c = choice(p, value);
        if (!c)
            return false;
        *(unsigned *)p->value = c->value | (p->type == PARAM_SET ? *(unsigned *)p->value : 0);
        if (p->last)
            *p->last = c->value;
        return true;
    }
    return false;
}

static size_t size_text(char *text, size_t size, uint64_t n)
{
    static const char units[] = "KMG";
    unsigned unit = 0;

    while (unit < 3 && n && n % 1024 == 0) {
        n /= 1024;
        unit++;
    }
    return format(text, size, "%llu%.1s", (unsigned long long)n, unit ? &units[unit - 1] : "");
}

/* What a parameter can be. Text that does not fit is cut. */
static void possible(const struct param *p, char *text)
{
    size_t n = 0;

    switch (p->type) {
    case PARAM_FLAG:
        format(text, POSSIBLE_MAX, "it alone, without a value");
        break;
    case PARAM_STRING:
        format(text, POSSIBLE_MAX, "%s", p->help);
        break;
    case PARAM_NUMBER:
        format(text, POSSIBLE_MAX, "%llu to %llu", (unsigned long long)p->min, (unsigned long long)p->max);
        break;
    case PARAM_SIZE:
        n = size_text(text, POSSIBLE_MAX, p->min);
        n += format(text + n, POSSIBLE_MAX - n, " to ");
        n += size_text(text + n, POSSIBLE_MAX - n, p->max);
        for (const struct param_choice *c = p->choices; c && c->name && n < POSSIBLE_MAX; c++)
            n += format(text + n, POSSIBLE_MAX - n, ", %s", c->name);
        break;
    case PARAM_CHOICE:
    case PARAM_SET:
        for (const struct param_choice *c = p->choices; c->name && n < POSSIBLE_MAX; c++) {
            n += format(text + n, POSSIBLE_MAX - n, "%s%s", c == p->choices ? "" : ", ", c->name);
            if (p->number && n < POSSIBLE_MAX)
                n += format(text + n, POSSIBLE_MAX - n, ", %s:%llu to %s:%llu", c->name,
                            (unsigned long long)p->min, c->name, (unsigned long long)p->max);
        }
        break;
    }
}

static void report_unknown(const struct param *known, unsigned n, const char *word)
{
    char text[POSSIBLE_MAX];
    size_t used = 0;

    text[0] = '\0';
    for (unsigned i = 0; i < n && used < sizeof text; i++)
        used += format(text + used, sizeof text - used, "%s%s", i ? ", " : "", known[i].name);
    os_log("param: unknown parameter `%s`, ignored; possible are %s", word, text);
}

static void try_assign(const struct param *p, const char *value)
{
    char text[POSSIBLE_MAX];

    text[0] = '\0';
    if (assign(p, value, text))
        return;
    if (!value)
        value = "";
    if (text[0]) {
        os_log("param: %s: bad value `%s`, ignored%s", p->name, value, text);
        return;
    }
    possible(p, text);
    os_log("param: %s: bad value `%s`, ignored; possible: %s", p->name, value, text);
}

static void apply(const struct param *known, unsigned n, char *word)
{
    char *value = word;

    while (*value && *value != '=')
        value++;
    if (*value == '=')
        *value++ = '\0';
    else
        value = NULL;
    for (unsigned i = 0; i < n; i++) {
        if (strcmp(known[i].name, word) != 0)
            continue;
        try_assign(&known[i], value);
        return;
    }
    report_unknown(known, n, word);
}

const char *param_parse_table(const struct param *known, unsigned n, char *line)
{
    for (;;) {
        bool quoted = false;
        char *word, *out;

        while (is_blank(*line))
            line++;
        if (!*line)
            return line;
        /* The word is moved over its own quotes. */
        word = out = line;
        for (; *line && (quoted || !is_blank(*line)); line++) {
            if (*line == '"')
                quoted = !quoted;
            else
                *out++ = *line;
        }
        bool last = !*line;

        *out = '\0';
        if (!last)
            line++;
        if (quoted)
            os_log("param: a closing quote is missing, and taken to be at the end: `%s`", word);
        if (strcmp(word, "--") == 0) {
            while (is_blank(*line))
                line++;
            return line;
        }
        apply(known, n, word);
    }
}

void param_parse(char *line)
{
    params.init_args = param_parse_table(table, ARRAY_LEN(table), line);
}

void param_help(void (*line)(const char *name, const char *help))
{
    for (unsigned i = 0; i < ARRAY_LEN(table); i++)
        line(table[i].name, table[i].help);
}
