/* The project's own programs in ring 3: one static executable, which is what its name (argv[0]) says. */
#ifndef USER_PROGRAMS_H
#define USER_PROGRAMS_H

#include <stdbool.h>

/* pid 1: starts a shell or one command, and ends when that ends. */
int init_main(int argc, char **argv);
/* What a program allocates, as a trace for fits. */
int malloctrace_main(int argc, char **argv);
/* A small shell, for archives without a real one. */
int sh_main(int argc, char **argv);
/* Memory as a picture in the terminal. */
int map_main(int argc, char **argv);
/* The guided tour. */
int tour_main(int argc, char **argv);
/* An address space as a picture. */
int pages_main(int argc, char **argv);
/* It in each form of page tables. */
int forms_main(int argc, char **argv);
/* Segments of the processor: base and bounds, growth, sharing, protection, compaction; the tour shows its
 * parts. */
int segments_main(int argc, char **argv);
/* One part of it: how many of its checks failed. */
int segments_part(const char *name);
/* All that is known of a page. */
int why_main(int argc, char **argv);
/* A command with a translation cache that the kernel fills. */
int tlb_main(int argc, char **argv);
/* What a switch of programs costs, in time and in misses. */
int tlbcost_main(int argc, char **argv);
/* Ask the terminal how large it is, and let it be so. */
int resize_main(int argc, char **argv);

struct winsize;
/* The same for an open terminal, whose size is set and comes back in *size. False: it does not say. What is
 * typed meanwhile is not lost. */
bool size_ask(int fd, struct winsize *size);

/* What all of them say of a process that is none. need_process() returns 0 if pid, a number or self, is one
 * now; else, and the others always, 1, the status of the program, whose name the message begins with. */
int need_process(const char *program, const char *pid);
int no_process(const char *program, const char *pid);
int no_memory_of(const char *program, const char *pid);
/* Of a file of a process, /proc/PID/..., that cannot be opened or read; errno says why. */
int no_answer(const char *program, const char *path, const char *pid);

#endif
