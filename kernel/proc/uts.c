/* The names that can be set. */
#include "kernel/proc/uts.h"

char uts_hostname[UTS_NAME_MAX + 1] = "quire", uts_domainname[UTS_NAME_MAX + 1] = "(none)";
