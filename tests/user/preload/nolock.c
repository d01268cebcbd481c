/*
 * Loaded before a program's libraries: locking memory is refused, as it is for a user without the right to.
 * memtester then goes on with memory that may be swapped, instead of asking for more locked memory than there
 * is.
 */
#include <errno.h>
#include <sys/mman.h>

int mlock(const void *start, size_t size)
{
    (void)start, (void)size;
    errno = EPERM;
    return -1;
}
