/* The boot archive becomes the root. */
#ifndef KERNEL_FS_UNPACK_H
#define KERNEL_FS_UNPACK_H

#include "mm/types.h"

/* Unpack a newc cpio archive into /. high: it is not mapped, and `archive` its physical address. NULL, or
 * what is wrong with it; what came before that is there. Regular files keep their bytes in the archive, which
 * must stay. Sleeps. */
const char *unpack(const void *archive, bool high, size_t size);

#endif
