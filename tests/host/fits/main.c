/* build/host/fits. */
#include "tests/fits/fits.h"

int main(int argc, char **argv)
{
    return fits_main(argc, argv);
}
