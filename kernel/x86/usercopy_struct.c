/* Structures in user memory that grow from one version of Linux to the next. */
#include "kernel/x86/usercopy.h"
#include "mm/errno.h"
#include "mm/os.h"

int user_copy_struct(void *to, size_t size, vaddr_t user, size_t given)
{
    uint8_t more[64], said = 0;
    int err = 0;

    if (given > PAGE_SIZE)
        return -E2BIG;
    for (size_t at = size; !err && at < given; at += sizeof more) {
        size_t n = given - at < sizeof more ? given - at : sizeof more;

        err = user_copy_in(more, user + at, n);
        for (size_t i = 0; !err && i < n; i++)
            said |= more[i];
    }
    if (err || said)
        return err ? err : -E2BIG;
    memset(to, 0, size);
    return user_copy_in(to, user, given < size ? given : size);
}
