/*
 * How large the terminal at the other end of a line is. It is asked: the cursor is sent to a corner that
 * is too far, and says where it got (ECMA-48's DSR). What a person types before and meanwhile is put
 * back as if it came now.
 *
 * resize does it for the terminal that it is started on, and prints what a shell can eval, as xterm's
 * does.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>
#include "tests/user/quire/programs.h"

#define FIRST_ANSWER_MS  300 /* a terminal on this machine answers in a few */
#define NEXT_ANSWER_MS   100
#define LINE_MS          20 /* what comes sooner belongs to what was typed before it */
#define ANSWER_BYTES_MAX 1024

/* Find the last "ESC [ rows ; columns R" and cut it out. Whether there is one. */
static bool take_report(char *text, size_t *n, struct winsize *size)
{
    for (size_t i = *n; i-- > 0;) {
        unsigned rows, columns;
        int used = 0;

        if (text[i] != '\033' || sscanf(text + i, "\033[%3u;%3uR%n", &rows, &columns, &used) != 2 || !used)
            continue;
        memmove(text + i, text + i + used, *n - i - (size_t)used + 1);
        *n -= (size_t)used;
        *size = (struct winsize){.ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};
        return rows > 1 && columns > 1;
    }
    return false;
}

bool size_ask(int fd, struct winsize *size)
{
    static const char ask[] = "\0337\033[999;999H\033[6n\0338";
    char text[ANSWER_BYTES_MAX + 1];
    struct pollfd p = {.fd = fd, .events = POLLIN};
    struct termios usual, raw;
    size_t n = 0;
    bool known = false;

    if (tcgetattr(fd, &usual) != 0)
        return false;
    raw = usual;
    cfmakeraw(&raw);
    raw.c_oflag = usual.c_oflag;
    if (tcsetattr(fd, TCSADRAIN, &raw) != 0)
        return false;
    if (write(fd, ask, sizeof ask - 1) == (ssize_t)(sizeof ask - 1))
        while (n < ANSWER_BYTES_MAX && poll(&p, 1,
                                            known ? LINE_MS
                                            : n   ? NEXT_ANSWER_MS
                                                  : FIRST_ANSWER_MS) > 0) {
            ssize_t got = read(fd, text + n, ANSWER_BYTES_MAX - n);

            if (got <= 0)
                break;
            n += (size_t)got;
            text[n] = '\0';
            known = known || take_report(text, &n, size);
        }
    if (known)
        ioctl(fd, TIOCSWINSZ, size);
    tcsetattr(fd, TCSADRAIN, &usual);
    for (size_t i = 0; i < n; i++) {
        /* An end of the file that was typed while lines counted is read as a zero byte when they do not. */
        if (!text[i] && (usual.c_lflag & ICANON))
            text[i] = (char)usual.c_cc[VEOF];
        ioctl(fd, TIOCSTI, &text[i]);
    }
    return known;
}

int resize_main(int argc, char **argv)
{
    struct winsize size;

    (void)argv;
    if (argc > 1) {
        fputs("usage: resize\n", stderr);
        return 2;
    }
    if (!isatty(STDIN_FILENO)) {
        fputs("resize: standard input is no terminal\n", stderr);
        return 1;
    }
    if (!size_ask(STDIN_FILENO, &size)) {
        fputs("resize: the terminal does not say how large it is; stty rows N cols N tells\n", stderr);
        return 1;
    }
    printf("COLUMNS=%u;LINES=%u;export COLUMNS LINES;\n", size.ws_col, size.ws_row);
    return 0;
}
