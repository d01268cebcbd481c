/* System calls by file, each with its six words; see syscall.h. Groups and what is in them are sorted.
 * Any of these may sleep. */
#ifndef KERNEL_SYS_SYS_H
#define KERNEL_SYS_SYS_H

#include "mm/types.h"

#define SYSCALL(name) int32_t sys_##name(uint32_t, uint32_t, uint32_t, uint32_t, uint32_t, uint32_t)

/* sys_adjtime.c */
SYSCALL(adjtimex);
SYSCALL(clock_adjtime);
SYSCALL(clock_adjtime64);

/* sys_file.c */
SYSCALL(_llseek);
SYSCALL(close);
SYSCALL(close_range);
SYSCALL(creat);
SYSCALL(dup);
SYSCALL(dup2);
SYSCALL(dup3);
SYSCALL(eventfd);
SYSCALL(eventfd2);
SYSCALL(fadvise64);
SYSCALL(fadvise64_64);
SYSCALL(fallocate);
SYSCALL(fcntl);
SYSCALL(fcntl64);
SYSCALL(fdatasync);
SYSCALL(flock);
SYSCALL(fsync);
SYSCALL(ftruncate);
SYSCALL(ftruncate64);
SYSCALL(getdents);
SYSCALL(getdents64);
SYSCALL(ioctl);
SYSCALL(lseek);
SYSCALL(memfd_create);
SYSCALL(open);
SYSCALL(openat);
SYSCALL(openat2);
SYSCALL(pipe);
SYSCALL(pipe2);
SYSCALL(pread64);
SYSCALL(preadv);
SYSCALL(preadv2);
SYSCALL(pwrite64);
SYSCALL(pwritev);
SYSCALL(pwritev2);
SYSCALL(read);
SYSCALL(readahead);
SYSCALL(readv);
SYSCALL(sync);
SYSCALL(sync_file_range);
SYSCALL(syncfs);
SYSCALL(write);
SYSCALL(write);
SYSCALL(writev);
SYSCALL(writev);

/* sys_futex.c */
SYSCALL(futex);
SYSCALL(futex_time64);
SYSCALL(futex_waitv);

/* sys_inotify.c */
SYSCALL(inotify_add_watch);
SYSCALL(inotify_init);
SYSCALL(inotify_init1);
SYSCALL(inotify_rm_watch);

/* sys_ipc.c */
SYSCALL(ipc);
SYSCALL(msgctl);
SYSCALL(msgget);
SYSCALL(msgrcv);
SYSCALL(msgsnd);
SYSCALL(semctl);
SYSCALL(semget);
SYSCALL(semtimedop_time64);
SYSCALL(shmat);
SYSCALL(shmctl);
SYSCALL(shmdt);
SYSCALL(shmget);

/* sys_kcmp.c */
SYSCALL(kcmp);

/* sys_mem.c */
SYSCALL(brk);
SYSCALL(madvise);
SYSCALL(membarrier);
SYSCALL(mincore);
SYSCALL(mlock);
SYSCALL(mlock2);
SYSCALL(mlockall);
SYSCALL(mmap);
SYSCALL(mmap2);
SYSCALL(mprotect);
SYSCALL(mremap);
SYSCALL(msync);
SYSCALL(munlock);
SYSCALL(munlockall);
SYSCALL(munmap);
SYSCALL(process_madvise);
SYSCALL(process_vm_readv);
SYSCALL(process_vm_writev);
SYSCALL(remap_file_pages);
SYSCALL(swapoff);
SYSCALL(swapon);

/* sys_misc.c */
SYSCALL(capget);
SYSCALL(capset);
SYSCALL(getcpu);
SYSCALL(getrandom);
SYSCALL(oldolduname);
SYSCALL(olduname);
SYSCALL(reboot);
SYSCALL(setdomainname);
SYSCALL(sethostname);
SYSCALL(sysinfo);
SYSCALL(syslog);
SYSCALL(uname);
SYSCALL(vhangup);

/* sys_mqueue.c */
SYSCALL(mq_getsetattr);
SYSCALL(mq_notify);
SYSCALL(mq_open);
SYSCALL(mq_timedreceive);
SYSCALL(mq_timedreceive_time64);
SYSCALL(mq_timedsend);
SYSCALL(mq_timedsend_time64);
SYSCALL(mq_unlink);

/* sys_path.c */
SYSCALL(access);
SYSCALL(chdir);
SYSCALL(chmod);
SYSCALL(chown);
SYSCALL(chown32);
SYSCALL(chroot);
SYSCALL(faccessat);
SYSCALL(faccessat2);
SYSCALL(fchdir);
SYSCALL(fchmod);
SYSCALL(fchmodat);
SYSCALL(fchown);
SYSCALL(fchown32);
SYSCALL(fchownat);
SYSCALL(futimesat);
SYSCALL(getcwd);
SYSCALL(lchown);
SYSCALL(lchown32);
SYSCALL(link);
SYSCALL(linkat);
SYSCALL(mkdir);
SYSCALL(mkdirat);
SYSCALL(mknod);
SYSCALL(mknodat);
SYSCALL(mount);
SYSCALL(readdir);
SYSCALL(readlink);
SYSCALL(readlinkat);
SYSCALL(rename);
SYSCALL(renameat);
SYSCALL(renameat2);
SYSCALL(rmdir);
SYSCALL(symlink);
SYSCALL(symlinkat);
SYSCALL(truncate);
SYSCALL(truncate64);
SYSCALL(umask);
SYSCALL(umount);
SYSCALL(umount2);
SYSCALL(unlink);
SYSCALL(unlinkat);
SYSCALL(utime);
SYSCALL(utimensat);
SYSCALL(utimensat_time64);
SYSCALL(utimes);

/* sys_poll.c */
SYSCALL(_newselect);
SYSCALL(epoll_create);
SYSCALL(epoll_create1);
SYSCALL(epoll_ctl);
SYSCALL(epoll_pwait);
SYSCALL(epoll_pwait2);
SYSCALL(epoll_wait);
SYSCALL(poll);
SYSCALL(ppoll);
SYSCALL(ppoll_time64);
SYSCALL(pselect6);
SYSCALL(pselect6_time64);
SYSCALL(select);

/* sys_process.c */
SYSCALL(clone);
SYSCALL(clone3);
SYSCALL(execve);
SYSCALL(execveat);
SYSCALL(exit);
SYSCALL(exit_group);
SYSCALL(fgetxattr);
SYSCALL(flistxattr);
SYSCALL(fork);
SYSCALL(fremovexattr);
SYSCALL(fsetxattr);
SYSCALL(get_robust_list);
SYSCALL(get_thread_area);
SYSCALL(getegid);
SYSCALL(getegid16);
SYSCALL(geteuid);
SYSCALL(geteuid16);
SYSCALL(getgid);
SYSCALL(getgid16);
SYSCALL(getgroups);
SYSCALL(getgroups16);
SYSCALL(getpgid);
SYSCALL(getpgrp);
SYSCALL(getpid);
SYSCALL(getppid);
SYSCALL(getresgid);
SYSCALL(getresgid16);
SYSCALL(getresuid);
SYSCALL(getresuid16);
SYSCALL(getrlimit);
SYSCALL(getrusage);
SYSCALL(getsid);
SYSCALL(gettid);
SYSCALL(getuid);
SYSCALL(getuid16);
SYSCALL(getxattr);
SYSCALL(lgetxattr);
SYSCALL(listxattr);
SYSCALL(llistxattr);
SYSCALL(lremovexattr);
SYSCALL(lsetxattr);
SYSCALL(modify_ldt);
SYSCALL(ioperm);
SYSCALL(iopl);
SYSCALL(personality);
SYSCALL(pidfd_getfd);
SYSCALL(pidfd_open);
SYSCALL(prctl);
SYSCALL(prlimit64);
SYSCALL(removexattr);
SYSCALL(set_robust_list);
SYSCALL(set_thread_area);
SYSCALL(set_tid_address);
SYSCALL(setfsgid);
SYSCALL(setfsgid16);
SYSCALL(setfsuid);
SYSCALL(setfsuid16);
SYSCALL(setgid);
SYSCALL(setgid16);
SYSCALL(setgroups);
SYSCALL(setgroups16);
SYSCALL(setpgid);
SYSCALL(setregid);
SYSCALL(setregid16);
SYSCALL(setresgid);
SYSCALL(setresgid16);
SYSCALL(setresuid);
SYSCALL(setresuid16);
SYSCALL(setreuid);
SYSCALL(setreuid16);
SYSCALL(setrlimit);
SYSCALL(setsid);
SYSCALL(setuid);
SYSCALL(setuid16);
SYSCALL(setxattr);
SYSCALL(times);
SYSCALL(ugetrlimit);
SYSCALL(unshare);
SYSCALL(vfork);

/* sys_ptrace.c */
SYSCALL(ptrace);

/* sys_sched.c */
SYSCALL(getpriority);
SYSCALL(ioprio_get);
SYSCALL(ioprio_set);
SYSCALL(nice);
SYSCALL(sched_get_priority_max);
SYSCALL(sched_get_priority_min);
SYSCALL(sched_getaffinity);
SYSCALL(sched_getattr);
SYSCALL(sched_getparam);
SYSCALL(sched_getscheduler);
SYSCALL(sched_rr_get_interval);
SYSCALL(sched_rr_get_interval_time64);
SYSCALL(sched_setaffinity);
SYSCALL(sched_setattr);
SYSCALL(sched_setparam);
SYSCALL(sched_setscheduler);
SYSCALL(sched_yield);
SYSCALL(setpriority);

/* sys_signal.c */
SYSCALL(kill);
SYSCALL(pause);
SYSCALL(pidfd_send_signal);
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
SYSCALL(signalfd);
SYSCALL(signalfd4);
SYSCALL(sigpending);
SYSCALL(sigprocmask);
SYSCALL(sigreturn);
SYSCALL(sigsuspend);
SYSCALL(ssetmask);
SYSCALL(tgkill);
SYSCALL(tkill);

/* sys_socket.c */
SYSCALL(accept4);
SYSCALL(bind);
SYSCALL(connect);
SYSCALL(getpeername);
SYSCALL(getsockname);
SYSCALL(getsockopt);
SYSCALL(listen);
SYSCALL(recvfrom);
SYSCALL(recvmmsg);
SYSCALL(recvmmsg_time64);
SYSCALL(recvmsg);
SYSCALL(sendmmsg);
SYSCALL(sendmsg);
SYSCALL(sendto);
SYSCALL(setsockopt);
SYSCALL(shutdown);
SYSCALL(socket);
SYSCALL(socketcall);
SYSCALL(socketpair);

/* sys_splice.c */
SYSCALL(copy_file_range);
SYSCALL(sendfile);
SYSCALL(sendfile64);
SYSCALL(splice);
SYSCALL(tee);
SYSCALL(vmsplice);

/* sys_stat.c */
SYSCALL(fstat);
SYSCALL(fstat64);
SYSCALL(fstatat64);
SYSCALL(fstatfs);
SYSCALL(fstatfs64);
SYSCALL(lstat);
SYSCALL(lstat64);
SYSCALL(oldfstat);
SYSCALL(oldlstat);
SYSCALL(oldstat);
SYSCALL(stat);
SYSCALL(stat64);
SYSCALL(statfs);
SYSCALL(statfs64);
SYSCALL(statx);
SYSCALL(sysfs);
SYSCALL(ustat);

/* sys_time.c */
SYSCALL(clock_getres);
SYSCALL(clock_getres_time64);
SYSCALL(clock_gettime);
SYSCALL(clock_gettime64);
SYSCALL(clock_nanosleep);
SYSCALL(clock_nanosleep_time64);
SYSCALL(clock_settime);
SYSCALL(clock_settime64);
SYSCALL(gettimeofday);
SYSCALL(nanosleep);
SYSCALL(settimeofday);
SYSCALL(stime);
SYSCALL(time);

/* sys_timer.c */
SYSCALL(alarm);
SYSCALL(getitimer);
SYSCALL(setitimer);
SYSCALL(timer_create);
SYSCALL(timer_delete);
SYSCALL(timer_getoverrun);
SYSCALL(timer_gettime);
SYSCALL(timer_gettime64);
SYSCALL(timer_settime);
SYSCALL(timer_settime64);
SYSCALL(timerfd_create);
SYSCALL(timerfd_gettime);
SYSCALL(timerfd_gettime64);
SYSCALL(timerfd_settime);
SYSCALL(timerfd_settime64);
/* sys_wait.c */
SYSCALL(wait4);
SYSCALL(waitid);
SYSCALL(waitpid);

#undef SYSCALL

#endif
