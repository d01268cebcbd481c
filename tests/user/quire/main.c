#include <stdio.h>
#include <string.h>
#include "tests/fits/fits.h"
#include "tests/user/quire/programs.h"

static const struct {
    const char *name;
    int (*main)(int argc, char **argv);
} programs[] = {
    {"fits", fits_main}, {"forms", forms_main}, {"init", init_main},       {"malloctrace", malloctrace_main},
    {"map", map_main},   {"pages", pages_main}, {"resize", resize_main},   {"segments", segments_main},
    {"sh", sh_main},     {"tlb", tlb_main},     {"tlbcost", tlbcost_main}, {"tour", tour_main},
    {"why", why_main},
};
#define PROGRAMS (sizeof programs / sizeof programs[0])

/* A login shell's name begins with a dash. */
static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;

    return *name == '-' ? name + 1 : name;
}

static int run(const char *name, int argc, char **argv)
{
    for (unsigned i = 0; i < PROGRAMS; i++)
        if (strcmp(programs[i].name, name) == 0)
            return programs[i].main(argc, argv);
    return -1;
}

/* What could not be written is a failure. */
static int after(const char *name, int status)
{
    if ((fflush(stdout) == 0 && !ferror(stdout)) || status)
        return status;
    fprintf(stderr, "%s: not all could be written\n", name);
    return 1;
}

int main(int argc, char **argv)
{
    int status = argc > 0 ? run(base_name(argv[0]), argc, argv) : -1;

    /* `quire tour` is `tour`. */
    if (status == -1 && argc > 1)
        status = run(argv[1], argc - 1, argv + 1);
    if (status != -1)
        return after(base_name(argv[0]), status);
    fputs("usage: quire PROGRAM [argument ...]; programs:", stderr);
    for (unsigned i = 0; i < PROGRAMS; i++)
        fprintf(stderr, " %s", programs[i].name);
    fputc('\n', stderr);
    return 2;
}
