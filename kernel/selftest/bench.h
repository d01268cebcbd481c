/* Benchmarks of the memory subsystem in the booted kernel: the boot parameter `bench`. */
#ifndef KERNEL_SELFTEST_BENCH_H
#define KERNEL_SELFTEST_BENCH_H

/* Call when start-up has ended: what it cost is the first figure. Prints a table on the console, one line
 * that begins with `bench:` for each figure, and leaves no memory taken. Sleeps. */
void bench_main(void);

#endif
