/* Error numbers that mm/ returns (negated). The values are Linux's, so a system call can pass them on. */
#ifndef MM_ERRNO_H
#define MM_ERRNO_H

#define EPERM      1
#define ENOENT     2
#define EINTR      4
#define EIO        5
#define ENXIO      6
#define E2BIG      7
#define EBADF      9
#define EAGAIN     11
#define ENOMEM     12
#define EACCES     13
#define EFAULT     14
#define EBUSY      16
#define EEXIST     17
#define ENODEV     19
#define EINVAL     22
#define ENOSPC     28
#define EROFS      30
#define ERANGE     34
#define ENOSYS     38
#define EOVERFLOW  75
#define EOPNOTSUPP 95
#define ETIMEDOUT  110

#endif
