/* What this system calls itself: uname(2), /proc/version, /proc/sys/kernel. */
#ifndef KERNEL_PROC_UTS_H
#define KERNEL_PROC_UTS_H

/* Programs and C libraries look at these before they dare to run. */
#define UTS_SYSNAME "Linux"
#define UTS_RELEASE "6.1.0-quire"
#define UTS_VERSION "#1 Quire"
#define UTS_MACHINE "i686"

#define UTS_NAME_MAX 64u

extern char uts_hostname[UTS_NAME_MAX + 1], uts_domainname[UTS_NAME_MAX + 1];

#endif
