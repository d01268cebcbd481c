/*
 * How characters look: from what a program asks for to what the adapter can show. See ansi.c.
 *
 * A cell is as the adapter has it: 16 foregrounds, 16 backgrounds. Bold is a bright foreground. What adapters
 * cannot show is a colour: dim is dark grey, underlined is cyan. Blinking is a bright background. Of 256 and
 * of 16 million colours the nearest is taken.
 */
#include "kernel/lib/ansi_parts.h"

enum { UNDERLINED = 3 }; /* cyan */

/* ANSI counts red as 1 and blue as 4, the adapter the other way round. */
static const uint8_t colours[8] = {0, 4, 2, 6, 1, 5, 3, 7};

uint8_t ansi_attribute(const struct ansi *a)
{
    const struct ansi_pen *p = &a->pen;
    uint8_t f = p->foreground, b = p->background;

    if (p->underline)
        f = UNDERLINED;
    else if (p->dim)
        f = ANSI_BRIGHT;
    if (p->bold)
        f |= ANSI_BRIGHT;
    /* What is bright stays where it is, as on Linux. */
    if (p->reverse != a->inverse) {
        uint8_t swapped = (uint8_t)((b & 7) | (f & ANSI_BRIGHT));

        b = (uint8_t)((f & 7) | (b & ANSI_BRIGHT));
        f = swapped;
    }
    if (p->blink)
        b |= ANSI_BRIGHT;
    return (uint8_t)(b << 4 | f);
}

/* The nearest of 16 colours. */
static uint8_t nearest(unsigned r, unsigned g, unsigned b)
{
    unsigned max = r > g ? r : g, hue;

    max = max > b ? max : b;
    hue = (r > max / 2 ? 4 : 0) | (g > max / 2 ? 2 : 0) | (b > max / 2 ? 1 : 0);
    if (hue == 7 && max <= 0x55)
        return ANSI_BRIGHT; /* dark grey */
    return (uint8_t)(max > 0xAA ? hue | ANSI_BRIGHT : hue);
}

static uint8_t of_256(unsigned n)
{
    if (n < 16)
        return colours[n & 7] | (n & ANSI_BRIGHT);
    if (n < 232)
        return nearest((n - 16) / 36 * 85 / 2, (n - 16) / 6 % 6 * 85 / 2, (n - 16) % 6 * 85 / 2);
    n = (n - 232) * 10 + 8;
    return nearest(n, n, n);
}

/* 38 and 48: 5;N or 2;R;G;B. Sets *colour if it is one; returns how many parameters more it is. */
static unsigned extended(const struct ansi *a, unsigned i, uint8_t *colour)
{
    const unsigned *p = &a->parameter[i + 1];
    unsigned left = a->parameters - i - 1;

    if (left >= 2 && p[0] == 5) {
        *colour = of_256(p[1] & 0xFF);
        return 2;
    }
    if (left >= 4 && p[0] == 2) {
        *colour = nearest(p[1] & 0xFF, p[2] & 0xFF, p[3] & 0xFF);
        return 4;
    }
    return left;
}

/* One parameter of SGR. */
static void look(struct ansi *a, unsigned n)
{
    struct ansi_pen *p = &a->pen;

    switch (n) {
    case 0:
        p->bold = p->dim = p->underline = p->blink = p->reverse = false;
        p->foreground = ANSI_GREY;
        p->background = 0;
        break;
    case 1:
        p->bold = true;
        p->dim = false;
        break;
    case 2:
        p->dim = true;
        p->bold = false;
        break;
    case 4:
    case 21:
        p->underline = true;
        break;
    case 5:
        p->blink = true;
        break;
    case 7:
        p->reverse = true;
        break;
    case 10:
        p->direct = false;
        break;
    case 11:
    case 12:
        p->direct = true;
        break;
    case 22:
        p->bold = p->dim = false;
        break;
    case 24:
        p->underline = false;
        break;
    case 25:
        p->blink = false;
        break;
    case 27:
        p->reverse = false;
        break;
    case 39:
        p->foreground = ANSI_GREY;
        break;
    case 49:
        p->background = 0;
        break;
    default:
        if (n >= 30 && n <= 37)
            p->foreground = colours[n - 30];
        else if (n >= 40 && n <= 47)
            p->background = colours[n - 40];
        else if (n >= 90 && n <= 97)
            p->foreground = colours[n - 90] | ANSI_BRIGHT;
        else if (n >= 100 && n <= 107)
            p->background = colours[n - 100] | ANSI_BRIGHT;
    }
}

void ansi_looks(struct ansi *a)
{
    for (unsigned i = 0; i < a->parameters; i++)
        if (a->parameter[i] == 38)
            i += extended(a, i, &a->pen.foreground);
        else if (a->parameter[i] == 48)
            i += extended(a, i, &a->pen.background);
        else
            look(a, a->parameter[i]);
}
