#include "tests/user/quire/programs.h"
int tour_main(int argc, char **argv)
{
    (void)argc, (void)argv;
    return 0;
}
