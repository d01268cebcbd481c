/* What tests/boot/programs-trace.t looks into with debuggers: functions, a structure, a loop. With an
 * argument it waits until somebody sets `released`. */
#include <stdio.h>
#include <unistd.h>

struct pair {
    int sum, last;
};

struct pair total = {1, 2};
volatile int released;

static int inner(int n)
{
    total.sum += n;
    return total.sum * 2;
}

int outer(int n)
{
    int twice = inner(n);

    total.last = twice;
    return twice + 1;
}

int main(int argc, char **argv)
{
    int s = 0;

    (void)argv;
    while (argc > 1 && !released)
        sleep(1);
    for (int i = 0; i < 3; i++)
        s += outer(i);
    printf("sum %d\n", s);
    return s & 1;
}
