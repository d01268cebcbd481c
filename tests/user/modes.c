/*
 * A terminal that goes from lines to bytes and back while somebody types: a line that was ended is not lost.
 *
 *     modes LINES        says "modes: ready", reads "keep" so many times, or until nothing comes any more
 *
 * Between them whatever is typed may be erased or arrive. Says "modes: N of LINES came".
 */
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define PATIENCE_MS 10000
#define REST_US     5000

static void change_modes(void)
{
    struct termios m;

    for (;;) {
        if (tcgetattr(0, &m) != 0)
            _exit(1);
        m.c_lflag ^= ICANON;
        if (tcsetattr(0, TCSANOW, &m) != 0)
            _exit(1);
        sched_yield();
    }
}

int main(int argc, char **argv)
{
    static const char word[] = "keep";
    unsigned lines = argc > 1 ? (unsigned)atoi(argv[1]) : 1, came = 0, at = 0;
    struct pollfd p = {.fd = 0, .events = POLLIN};
    struct termios before;
    pid_t child;

    if (tcgetattr(0, &before) != 0 || (child = fork()) < 0)
        return 1;
    if (child == 0)
        change_modes();
    printf("modes: ready\n");
    fflush(stdout);
    while (came < lines && poll(&p, 1, PATIENCE_MS) == 1) {
        char text[256];
        ssize_t n;

        usleep(REST_US); /* so that lines wait while others are erased */
        n = read(0, text, sizeof text);

        for (ssize_t i = 0; i < n; i++) {
            at = text[i] == word[at] ? at + 1 : text[i] == word[0];
            if (!word[at]) {
                came++;
                at = 0;
            }
        }
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    before.c_lflag &= ~(tcflag_t)ECHO; /* what is still typed would come between what is said */
    tcsetattr(0, TCSAFLUSH, &before);
    printf("\nmodes: %u of %u came\n", came, lines);
    return came != lines;
}
