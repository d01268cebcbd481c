/* The first process. See init.c. */
#ifndef KERNEL_LIFE_INIT_H
#define KERNEL_LIFE_INIT_H

/* Caches, and what wants to know of ends. After process_start(). */
void life_start(void);
/*
 * Start pid 1 with arguments (each list ends with NULL; argv[0] is replaced by the path): the first of the
 * paths that can be executed, standard streams on the console. Why one cannot be is said there. Sleeps. 0
 * or -errno.
 */
int process_start_init(const char *const *paths, const char **argv, const char *const *envp);
/* Wait in the kernel until pid 1 has ended, and end everybody else; its wait status. Sleeps. */
int process_wait_init(void);
/* Kill every process, the running one too, as an orderly end: process_wait_init() says 0 then. Does not
 * sleep. */
void process_end_all(void);

#endif
