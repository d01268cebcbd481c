/* kernel/dev/keys.c: what each key means, in each state. */
#include "kernel/dev/keys.h"
#include "tests/kt.h"

/* Send codes; what came of them all together, as text: bytes as they are, {up} {down} {screen N}. */
struct typist {
    struct keys k;
    char said[256];
    size_t n;
};

static void say(struct typist *t, const char *text, size_t n)
{
    for (size_t i = 0; i < n && t->n + 1 < sizeof t->said; i++)
        t->said[t->n++] = text[i];
    t->said[t->n] = '\0';
}

static void code(struct typist *t, uint8_t c)
{
    struct keys_event e;
    char number[] = "{screen N}";

    keys_code(&t->k, c, &e);
    if (e.what == KEYS_BYTES)
        say(t, e.bytes, e.n);
    else if (e.what == KEYS_SCROLL)
        say(t, e.number > 0 ? "{up}" : "{down}", e.number > 0 ? 4 : 6);
    else if (e.what == KEYS_SCREEN) {
        number[8] = (char)('0' + e.number % 10);
        say(t, number, 10);
    }
}

static void codes(struct typist *t, const uint8_t *c, size_t n)
{
    t->n = 0;
    t->said[0] = '\0';
    for (size_t i = 0; i < n; i++)
        code(t, c[i]);
}

#define SAYS(t, text, ...)                                                                                   \
    do {                                                                                                     \
        const uint8_t codes_[] = {__VA_ARGS__};                                                              \
        codes(t, codes_, sizeof codes_);                                                                     \
        EXPECT((t)->n == sizeof(text) - 1 && memcmp((t)->said, text, sizeof(text) - 1) == 0,                 \
               "line %d: said %zu bytes: %s", __LINE__, (t)->n, (t)->said);                                  \
    } while (0)

/* A key that sends one code is pressed and released. */
static void stroke(struct typist *t, uint8_t c)
{
    const uint8_t both[] = {c, c | 0x80};

    codes(t, both, 2);
}

/* The whole keyboard: each row of characters as it is printed on the keys. */
TEST(keys, characters)
{
    static const struct {
        uint8_t first;
        const char *plain, *shifted;
    } rows[] = {{0x02, "1234567890-=", "!@#$%^&*()_+"},
                {0x10, "qwertyuiop[]", "QWERTYUIOP{}"},
                {0x1E, "asdfghjkl;'`", "ASDFGHJKL:\"~"},
                {0x2B, "\\zxcvbnm,./", "|ZXCVBNM<>?"},
                {0x39, " ", " "},
                {0x56, "<", ">"}};
    struct typist t = {0};

    keys_init(&t.k);
    for (unsigned r = 0; r < ARRAY_LEN(rows); r++)
        for (unsigned i = 0; rows[r].plain[i]; i++) {
            uint8_t c = (uint8_t)(rows[r].first + i);
            char lower = rows[r].plain[i], upper = rows[r].shifted[i];
            bool letter = lower >= 'a' && lower <= 'z';

            stroke(&t, c);
            EXPECT(t.n == 1 && t.said[0] == lower, "%x: %s, not %c", c, t.said, lower);
            code(&t, 0x2A);
            stroke(&t, c);
            EXPECT(t.n == 1 && t.said[0] == upper, "shift %x: %s, not %c", c, t.said, upper);
            code(&t, 0xAA);
            code(&t, 0x36);
            stroke(&t, c);
            EXPECT(t.n == 1 && t.said[0] == upper, "right shift %x: %s, not %c", c, t.said, upper);
            code(&t, 0xB6);
            stroke(&t, 0x3A);
            stroke(&t, c);
            EXPECT(t.n == 1 && t.said[0] == (letter ? upper : lower), "caps %x: %s", c, t.said);
            code(&t, 0x2A);
            stroke(&t, c);
            EXPECT(t.n == 1 && t.said[0] == (letter ? lower : upper), "caps and shift %x: %s", c, t.said);
            code(&t, 0xAA);
            stroke(&t, 0x3A);
            code(&t, 0x38);
            stroke(&t, c);
            EXPECT(t.n == 2 && t.said[0] == 27 && t.said[1] == lower, "alt %x: %s", c, t.said);
            code(&t, 0xB8);
            if (letter) {
                code(&t, 0x1D);
                stroke(&t, c);
                EXPECT(t.n == 1 && t.said[0] == lower - 0x60, "ctrl %x: %x", c, t.said[0]);
                code(&t, 0x9D);
            }
        }
    stroke(&t, 0x1E);
    EXPECT(t.n == 1 && t.said[0] == 'a', "nothing is held at the end");
}

TEST(keys, control)
{
    struct typist t = {0};

    keys_init(&t.k);
    SAYS(&t, "\3\32\4", 0x1D, 0x2E, 0xAE, 0x2C, 0xAC, 0x20, 0xA0, 0x9D);
    SAYS(&t, "\3c", 0xE0, 0x1D, 0x2E, 0xE0, 0x9D, 0x2E);
    /* 2 to 8, minus, the brackets, backslash, slash, backquote, space. */
    SAYS(&t, "\0\33\34\35\36\37\177\37\33\35\34\177\0\0", 0x1D, 3, 4, 5, 6, 7, 8, 9, 0x0C, 0x1A, 0x1B, 0x2B,
         0x35, 0x29, 0x39, 0x9D);
    SAYS(&t, "", 0x1D, 2, 0x0A, 0x0B, 0x0D, 0x27, 0x33, 0x34, 0x9D);
    SAYS(&t, "\33\33", 0x01, 0x81, 0x1D, 0x1A, 0x9A, 0x9D);
    SAYS(&t, "\177\b\r\t\33\t", 0x0E, 0x1D, 0x0E, 0x9D, 0x1C, 0x0F, 0x2A, 0x0F, 0xAA);
    SAYS(&t, "\33\3", 0x38, 0x1D, 0x2E, 0xAE, 0x9D, 0xB8);
    SAYS(&t, "\33x\33\r", 0xE0, 0x38, 0x2D, 0x1C, 0xE0, 0xB8);
    t.k.newline = true;
    SAYS(&t, "\r\n", 0x1C, 0x9C);
}

TEST(keys, moving)
{
    static const struct {
        uint8_t code;
        const char *sends;
    } keys[] = {{0x47, "\33[1~"}, {0x48, "\33[A"}, {0x49, "\33[5~"}, {0x4B, "\33[D"},  {0x4D, "\33[C"},
                {0x4F, "\33[4~"}, {0x50, "\33[B"}, {0x51, "\33[6~"}, {0x52, "\33[2~"}, {0x53, "\33[3~"}};
    struct typist t = {0};

    keys_init(&t.k);
    for (unsigned i = 0; i < ARRAY_LEN(keys); i++) {
        const uint8_t grey[] = {0xE0, keys[i].code, 0xE0, keys[i].code | 0x80};
        /* With NumLock on, the keyboard says that shift is held, and with shift held, that it is not. */
        const uint8_t wrapped[] = {0xE0, 0x2A, 0xE0, keys[i].code, 0xE0, keys[i].code | 0x80, 0xE0, 0xAA};

        codes(&t, grey, sizeof grey);
        EXPECT(strcmp(t.said, keys[i].sends) == 0, "%x: %s", keys[i].code, t.said);
        codes(&t, wrapped, sizeof wrapped);
        EXPECT(strcmp(t.said, keys[i].sends) == 0, "wrapped %x: %s", keys[i].code, t.said);
        stroke(&t, keys[i].code);
        EXPECT(strcmp(t.said, keys[i].sends) == 0, "keypad %x: %s", keys[i].code, t.said);
    }
    SAYS(&t, "a", 0x1E, 0x9E);
    /* A shift that is held through it is still held. */
    SAYS(&t, "{up}A", 0x2A, 0xE0, 0xAA, 0xE0, 0x49, 0xE0, 0xC9, 0xE0, 0x2A, 0x1E, 0x9E, 0xAA);
    SAYS(&t, "{up}{down}{down}", 0x2A, 0xE0, 0x49, 0xE0, 0x51, 0x51, 0xAA);
    SAYS(&t, "\33[5~", 0xE0, 0x49);
    t.k.cursor_keys = true;
    SAYS(&t, "\33OA\33OB\33OC\33OD\33[1~", 0xE0, 0x48, 0xE0, 0x50, 0xE0, 0x4D, 0xE0, 0x4B, 0xE0, 0x47);
}

TEST(keys, keypad)
{
    struct typist t = {0};

    keys_init(&t.k);
    SAYS(&t, "\33[G-+*/\r", 0x4C, 0x4A, 0x4E, 0x37, 0xE0, 0x35, 0xE0, 0x1C);
    SAYS(&t, "", 0x45, 0xC5);
    SAYS(&t, "789-456+1230.", 0x47, 0x48, 0x49, 0x4A, 0x4B, 0x4C, 0x4D, 0x4E, 0x4F, 0x50, 0x51, 0x52, 0x53);
    SAYS(&t, "\33[A", 0xE0, 0x48);
    t.k.keypad = true;
    SAYS(&t, "\33Ow\33Op\33OM\33OR\33OQ\33OS\33Ol", 0x47, 0x52, 0xE0, 0x1C, 0x37, 0xE0, 0x35, 0x4A, 0x4E);
    SAYS(&t, "7", 0x2A, 0x47, 0xAA);
}

TEST(keys, functions)
{
    static const char *const sends[] = {"\33[[A",  "\33[[B",  "\33[[C",  "\33[[D",  "\33[[E",
                                        "\33[17~", "\33[18~", "\33[19~", "\33[20~", "\33[21~",
                                        "\33[23~", "\33[24~", "\33[25~", "\33[26~", "\33[28~",
                                        "\33[29~", "\33[31~", "\33[32~", "\33[33~", "\33[34~"};
    struct typist t = {0};

    keys_init(&t.k);
    for (unsigned i = 0; i < 24; i++) {
        uint8_t c = (uint8_t)(i % 12 < 10 ? 0x3B + i % 12 : 0x57 + i % 12 - 10);

        if (i >= 12)
            code(&t, 0x2A);
        stroke(&t, c);
        EXPECT(strcmp(t.said, i < ARRAY_LEN(sends) ? sends[i] : "") == 0, "F%u: %s", i + 1, t.said);
        if (i >= 12)
            code(&t, 0xAA);
    }
    SAYS(&t, "{screen 0}{screen 1}{screen 1}", 0x1D, 0x38, 0x3B, 0xBB, 0x3C, 0xBC, 0x9D, 0x3C, 0xB8);
    SAYS(&t, "", 0x1D, 0x3B, 0xBB, 0x9D);
}

/* What is not a key, or has no meaning, says nothing and leaves no trace. */
TEST(keys, nothing)
{
    struct typist t = {0};

    keys_init(&t.k);
    SAYS(&t, "a", 0xE1, 0x1D, 0x45, 0xE1, 0x9D, 0xC5, 0x1E, 0x9E); /* pause: neither Ctrl nor NumLock */
    SAYS(&t, "", 0x46, 0xC6);                                      /* ScrollLock */
    SAYS(&t, "", 0xE0, 0x46, 0xE0, 0xC6);                          /* Break */
    SAYS(&t, "", 0xE0, 0x2A, 0xE0, 0x37, 0xE0, 0xB7, 0xE0, 0xAA);  /* PrintScreen */
    SAYS(&t, "", 0x54, 0xD4);                                      /* SysRq */
    SAYS(&t, "", 0xE0, 0x5B, 0xE0, 0xDB, 0xE0, 0x5C, 0xE0, 0x5D);  /* Windows, menu */
    SAYS(&t, "", 0xE0, 0x36, 0xE0, 0xB6);                          /* a shift that nobody pressed */
    SAYS(&t, "a", 0x1E, 0x9E);
    SAYS(&t, "7", 0x45, 0xC5, 0x47, 0xC7, 0x45, 0xC5);
    /* Codes were lost: what was held is let go. */
    SAYS(&t, "Aa", 0x2A, 0x1E, 0xFF, 0x1E);
    SAYS(&t, "Aa", 0x2A, 0x1E, 0x00, 0x1E);
    SAYS(&t, "aaa", 0x1E, 0x1E, 0x1E, 0x9E); /* held */
    SAYS(&t, "A", 0x3A, 0x3A, 0xBA, 0x1E, 0x9E);
    SAYS(&t, "a", 0x3A, 0xBA, 0x1E, 0x9E);
}

/* Any bytes at all: no more than 8 bytes come of one, and when all is let go nothing is held. */
TEST(keys, random)
{
    struct keys k;
    struct keys_event e;

    keys_init(&k);
    for (uint32_t i = 0, n = kt_rounds(kt, 1000000); i < n; i++) {
        if (kt_below(kt, 1000) == 0)
            k.cursor_keys = kt_below(kt, 2), k.keypad = kt_below(kt, 2), k.newline = kt_below(kt, 2);
        keys_code(&k, (uint8_t)kt_random(kt), &e);
        EXPECT(e.n <= sizeof e.bytes && (e.what == KEYS_BYTES) == (e.n > 0), "%u bytes, kind %d", e.n,
               e.what);
        EXPECT(e.what != KEYS_SCREEN || (e.number >= 0 && e.number < 12), "screen %d", e.number);
    }
    keys_code(&k, 1, &e); /* whatever has begun ends */
    keys_code(&k, 1, &e);
    keys_code(&k, 0, &e);
    EXPECT(k.held == 0, "%x", k.held);
}
