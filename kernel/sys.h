/* System calls by file, each with its six words; see syscall.h. Groups and what is in them are sorted. */
#ifndef KERNEL_SYS_H
#define KERNEL_SYS_H

#include "mm/types.h"

#define SYSCALL(name) int32_t sys_##name(uint32_t, uint32_t, uint32_t, uint32_t, uint32_t, uint32_t)

/* clone.c */
SYSCALL(clone);
SYSCALL(fork);
SYSCALL(vfork);

/* exec.c */
SYSCALL(execve);

/* futex.c */
SYSCALL(futex);
SYSCALL(futex_time64);

/* itimer.c */
SYSCALL(alarm);
SYSCALL(getitimer);
SYSCALL(setitimer);

/* sys_process.c */
SYSCALL(exit);
SYSCALL(exit_group);
SYSCALL(get_robust_list);
SYSCALL(get_thread_area);
SYSCALL(getgroups);
SYSCALL(getid);
SYSCALL(getpgid);
SYSCALL(getpgrp);
SYSCALL(getpid);
SYSCALL(getppid);
SYSCALL(getpriority);
SYSCALL(getresid);
SYSCALL(getresid16);
SYSCALL(getrlimit);
SYSCALL(getrusage);
SYSCALL(getsid);
SYSCALL(gettid);
SYSCALL(modify_ldt);
SYSCALL(nice);
SYSCALL(personality);
SYSCALL(prctl);
SYSCALL(prlimit64);
SYSCALL(sched_get_priority_max);
SYSCALL(sched_get_priority_min);
SYSCALL(sched_getaffinity);
SYSCALL(sched_getparam);
SYSCALL(sched_getscheduler);
SYSCALL(sched_setaffinity);
SYSCALL(sched_setparam);
SYSCALL(sched_setscheduler);
SYSCALL(sched_yield);
SYSCALL(set_robust_list);
SYSCALL(set_thread_area);
SYSCALL(set_tid_address);
SYSCALL(setgroups);
SYSCALL(setid);
SYSCALL(setpgid);
SYSCALL(setpriority);
SYSCALL(setrlimit);
SYSCALL(setsid);
SYSCALL(times);
SYSCALL(ugetrlimit);
SYSCALL(wait4);
SYSCALL(waitid);
SYSCALL(waitpid);

/* sys_signal.c */
SYSCALL(kill);
SYSCALL(pause);
SYSCALL(restart_syscall);
SYSCALL(rt_sigaction);
SYSCALL(rt_sigpending);
SYSCALL(rt_sigprocmask);
SYSCALL(rt_sigqueueinfo);
SYSCALL(rt_sigreturn);
SYSCALL(rt_sigsuspend);
SYSCALL(rt_sigtimedwait);
SYSCALL(rt_sigtimedwait_time64);
SYSCALL(rt_tgsigqueueinfo);
SYSCALL(sgetmask);
SYSCALL(sigaction);
SYSCALL(sigaltstack);
SYSCALL(signal);
SYSCALL(sigpending);
SYSCALL(sigprocmask);
SYSCALL(sigreturn);
SYSCALL(sigsuspend);
SYSCALL(ssetmask);
SYSCALL(tgkill);
SYSCALL(tkill);

/* not there yet */
SYSCALL(brk);
SYSCALL(mmap2);
SYSCALL(mprotect);
SYSCALL(munmap);
SYSCALL(write);
SYSCALL(writev);

#undef SYSCALL

#endif
