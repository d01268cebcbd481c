/*
 * What keys mean.
 *
 * A key sends its code when it is pressed, the same again while it is held, and the code with bit 7 set
 * when it is released. Keys that the first PC did not have send 0xE0 before. Those of them that share
 * their code with the keypad may also send a shift key that nobody pressed or released (0xE0 0x2A, 0xE0
 * 0xAA, 0xE0 0x36, 0xE0 0xB6) for the sake of programs that know the keypad only: these are ignored. The
 * pause key sends 0xE1 0x1D 0x45 0xE1 0x9D 0xC5 when it is pressed, and nothing else. 0x00 and 0xFF say
 * that codes were lost: then nothing is held.
 *
 * What programs get is what Linux's console gives them: see terminfo's entry "linux", and its default key
 * map. Alt puts an escape in front.
 *
 * Source: "Keyboard Scan Code Specification", Microsoft, 2000; Linux's drivers/tty/vt/defkeymap.map and
 * keyboard.c.
 */
#include "kernel/dev/keys.h"
#include "mm/os.h"

enum {
    SHIFT_LEFT = 1 << 0,
    SHIFT_RIGHT = 1 << 1,
    CTRL_LEFT = 1 << 2,
    CTRL_RIGHT = 1 << 3,
    ALT_LEFT = 1 << 4,
    ALT_RIGHT = 1 << 5,
    SHIFT = SHIFT_LEFT | SHIFT_RIGHT,
    CTRL = CTRL_LEFT | CTRL_RIGHT,
    ALT = ALT_LEFT | ALT_RIGHT,
};

enum {
    RELEASED = 0x80,
    EXTENDED = 0xE0,
    PAUSE = 0xE1,
    ESC = 0x1B,
    DEL = 0x7F,
    KEY_BACKSPACE = 0x0E,
    KEY_TAB = 0x0F,
    KEY_ENTER = 0x1C,
    KEY_CTRL = 0x1D,
    KEY_SHIFT_LEFT = 0x2A,
    KEY_SLASH = 0x35,
    KEY_SHIFT_RIGHT = 0x36,
    KEY_STAR = 0x37, /* of the keypad; with 0xE0 it is PrintScreen */
    KEY_ALT = 0x38,
    KEY_SPACE = 0x39,
    KEY_CAPS = 0x3A,
    KEY_F1 = 0x3B, /* to F10 */
    KEY_F10 = 0x44,
    KEY_NUM = 0x45,
    KEY_PAD = 0x47, /* to 0x53 */
    KEY_PAGE_UP = 0x49,
    KEY_MINUS = 0x4A,
    KEY_PLUS = 0x4E,
    KEY_PAGE_DOWN = 0x51,
    KEY_PAD_END = 0x53,
    KEY_LESS = 0x56, /* beside the left shift key, where there is one */
    KEY_F11 = 0x57,
    KEY_F12 = 0x58,
};

/* By code, from 0x02 on. 0: not a character. */
static const char plain[] = "1234567890-=\0\0qwertyuiop[]\0\0asdfghjkl;'`\0\\zxcvbnm,./\0\0\0 ";
static const char shifted[] = "!@#$%^&*()_+\0\0QWERTYUIOP{}\0\0ASDFGHJKL:\"~\0|ZXCVBNM<>?\0\0\0 ";

/* What control makes of characters that are no letters. */
static const struct {
    char key, byte;
} controls[] = {{'2', 0},     {'3', ESC},  {'4', 0x1C}, {'5', 0x1D}, {'6', 0x1E},
                {'7', 0x1F},  {'8', DEL},  {'-', 0x1F}, {'/', DEL},  {'[', ESC},
                {'\\', 0x1C}, {']', 0x1D}, {'\'', 7},   {'`', 0},    {' ', 0}};

void keys_init(struct keys *k)
{
    *k = (struct keys){0};
}

static void bytes(struct keys_event *e, const char *text, unsigned n)
{
    e->what = KEYS_BYTES;
    e->n = n;
    memcpy(e->bytes, text, n);
}

static void sequence(struct keys_event *e, const char *text)
{
    bytes(e, text, (unsigned)strlen(text));
}

/* A character, with an escape in front if Alt is held. */
static void character(const struct keys *k, struct keys_event *e, char c)
{
    char text[2] = {ESC, c};

    if (k->held & ALT)
        bytes(e, text, 2);
    else
        bytes(e, &c, 1);
}

/* ESC [ or, if the program wants it, ESC O, and a letter. */
static void arrow(const struct keys *k, struct keys_event *e, char letter)
{
    char text[3] = {ESC, k->cursor_keys ? 'O' : '[', letter};

    bytes(e, text, 3);
}

static bool is_letter(char c)
{
    return c >= 'a' && c <= 'z';
}

static void printable(const struct keys *k, struct keys_event *e, char lower, char upper)
{
    bool shift = k->held & SHIFT;

    if (!(k->held & CTRL)) {
        if (is_letter(lower) && k->caps)
            shift = !shift;
        character(k, e, shift ? upper : lower);
    } else if (is_letter(lower)) {
        character(k, e, lower & 0x1F);
    } else {
        for (unsigned i = 0; i < ARRAY_LEN(controls); i++)
            if (controls[i].key == lower)
                character(k, e, controls[i].byte);
    }
}

/* n from 1 to 12. */
static void function_key(const struct keys *k, struct keys_event *e, unsigned n)
{
    /* F1 to F5 are ESC [ [ A to E; the others, and F13 to F20 with shift, are ESC [ NUMBER ~. */
    static const uint8_t numbers[] = {0,  0,  0,  0,  0,  17, 18, 19, 20, 21,
                                      23, 24, 25, 26, 28, 29, 31, 32, 33, 34};
    unsigned i = n - 1 + (k->held & SHIFT ? 12 : 0);
    char text[5] = {ESC, '[', '[', (char)('A' + i), '~'};

    if (k->held & ALT) {
        e->what = KEYS_SCREEN;
        e->number = (int)n - 1;
        return;
    }
    if (k->held & CTRL || i >= ARRAY_LEN(numbers))
        return;
    if (numbers[i]) {
        text[2] = (char)('0' + numbers[i] / 10);
        text[3] = (char)('0' + numbers[i] % 10);
    }
    bytes(e, text, numbers[i] ? 5 : 4);
}

/* The keys for moving, in the order of the keypad from 0x47 on. */
static void moving(const struct keys *k, struct keys_event *e, uint8_t code)
{
    static const char *const sequences[] = {[0] = "\033[1~",  [2] = "\033[5~",  [8] = "\033[4~",
                                            [10] = "\033[6~", [11] = "\033[2~", [12] = "\033[3~"};
    static const char letters[] = "\0A\0\0DGC\0\0B\0\0\0";

    if (k->held & SHIFT && (code == KEY_PAGE_UP || code == KEY_PAGE_DOWN)) {
        e->what = KEYS_SCROLL;
        e->number = code == KEY_PAGE_UP ? 1 : -1;
        return;
    }
    code -= KEY_PAD;
    if (letters[code])
        arrow(k, e, letters[code]);
    else if (sequences[code])
        sequence(e, sequences[code]);
}

/* A key of the keypad that sends one letter in its application mode, else this character. */
static void pad(const struct keys *k, struct keys_event *e, char application, char c)
{
    char text[3] = {ESC, 'O', application};

    if (k->keypad && !(k->held & SHIFT))
        bytes(e, text, 3);
    else
        character(k, e, c);
}

static void enter(const struct keys *k, struct keys_event *e)
{
    if (k->newline)
        sequence(e, "\r\n");
    else
        character(k, e, '\r');
}

/* 0x47 to 0x53 without 0xE0. */
static void keypad(const struct keys *k, struct keys_event *e, uint8_t code)
{
    static const char digits[] = "789-456+1230.", application[] = "wxyStuvlqrspn";
    unsigned i = code - KEY_PAD;

    if (code == KEY_MINUS || code == KEY_PLUS || k->num || (k->keypad && !(k->held & SHIFT)))
        pad(k, e, application[i], digits[i]);
    else
        moving(k, e, code);
}

static void extended_key(const struct keys *k, struct keys_event *e, uint8_t code)
{
    if (code == KEY_ENTER && !k->keypad)
        enter(k, e);
    else if (code == KEY_ENTER)
        pad(k, e, 'M', '\r');
    else if (code == KEY_SLASH)
        pad(k, e, 'Q', '/');
    else if (code >= KEY_PAD && code <= KEY_PAD_END && code != KEY_MINUS && code != KEY_PLUS)
        moving(k, e, code);
}

static void key(struct keys *k, struct keys_event *e, uint8_t code)
{
    if (code == 1) {
        character(k, e, ESC);
    } else if (code == KEY_BACKSPACE) {
        character(k, e, k->held & CTRL ? '\b' : DEL);
    } else if (code == KEY_TAB) {
        if (k->held & SHIFT)
            sequence(e, "\033\t");
        else
            character(k, e, '\t');
    } else if (code == KEY_ENTER) {
        enter(k, e);
    } else if (code == KEY_STAR) {
        pad(k, e, 'R', '*');
    } else if (code >= KEY_F1 && code <= KEY_F10) {
        function_key(k, e, code - KEY_F1 + 1u);
    } else if (code == KEY_F11 || code == KEY_F12) {
        function_key(k, e, code - KEY_F11 + 11u);
    } else if (code >= KEY_PAD && code <= KEY_PAD_END) {
        keypad(k, e, code);
    } else if (code == KEY_LESS) {
        printable(k, e, '<', '>');
    } else if (code >= 2 && code < 2 + sizeof plain - 1 && plain[code - 2]) {
        printable(k, e, plain[code - 2], shifted[code - 2]);
    }
}

/* The bit of a key that changes what others mean, or 0. */
static uint32_t modifier(uint8_t code, bool extended)
{
    switch (code) {
    case KEY_CTRL:
        return extended ? CTRL_RIGHT : CTRL_LEFT;
    case KEY_ALT:
        return extended ? ALT_RIGHT : ALT_LEFT;
    case KEY_SHIFT_LEFT:
        return extended ? 0 : SHIFT_LEFT;
    case KEY_SHIFT_RIGHT:
        return extended ? 0 : SHIFT_RIGHT;
    default:
        return 0;
    }
}

/* A key that is switched over each time that it is pressed. */
static void toggle(bool *on, bool *held, bool pressed)
{
    if (pressed && !*held)
        *on = !*on;
    *held = pressed;
}

void keys_code(struct keys *k, uint8_t code, struct keys_event *e)
{
    bool extended = k->extended, pressed = !(code & RELEASED);
    uint8_t base = code & (uint8_t)~RELEASED;
    uint32_t bit;

    *e = (struct keys_event){0};
    k->extended = false;
    if (k->skip > 0) {
        k->skip--;
        return;
    }
    if (code == PAUSE) {
        k->skip = 2;
        return;
    }
    if (code == EXTENDED) {
        k->extended = true;
        return;
    }
    if (code == 0 || code == 0xFF) {
        k->held = 0;
        k->caps_held = k->num_held = false;
        return;
    }
    bit = modifier(base, extended);
    if (bit && pressed)
        k->held |= bit;
    else if (bit)
        k->held &= ~bit;
    else if (extended && pressed)
        extended_key(k, e, base);
    else if (extended)
        return;
    else if (base == KEY_CAPS)
        toggle(&k->caps, &k->caps_held, pressed);
    else if (base == KEY_NUM)
        toggle(&k->num, &k->num_held, pressed);
    else if (pressed)
        key(k, e, base);
}
