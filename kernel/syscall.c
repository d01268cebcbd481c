/*
 * The table of system calls, and what happens to calls that are not in it. The way in and out is in trap.asm.
 * Numbers are Linux's for i386.
 */
#include "kernel/syscall.h"
#include "kernel/printk.h"
#include "kernel/process.h"
#include "kernel/sys.h"
#include "mm/errno.h"

/* Calls that C libraries try and do well without; not worth a line. */
static int32_t absent(SYSCALL_NO_ARGS)
{
    return -ENOSYS;
}

const struct syscall syscall_table[SYSCALLS] = {
    [0] = {sys_restart_syscall, "restart_syscall"},
    [1] = {sys_exit, "exit"},
    [2] = {sys_fork, "fork"},
    [4] = {sys_write, "write"},
    [7] = {sys_waitpid, "waitpid"},
    [11] = {sys_execve, "execve"},
    [17] = {NULL, "break"},
    [20] = {sys_getpid, "getpid"},
    [23] = {sys_setid, "setuid"},
    [24] = {sys_getid, "getuid"},
    [26] = {NULL, "ptrace"},
    [27] = {sys_alarm, "alarm"},
    [29] = {sys_pause, "pause"},
    [34] = {sys_nice, "nice"},
    [37] = {sys_kill, "kill"},
    [43] = {sys_times, "times"},
    [45] = {sys_brk, "brk"},
    [46] = {sys_setid, "setgid"},
    [47] = {sys_getid, "getgid"},
    [48] = {sys_signal, "signal"},
    [49] = {sys_getid, "geteuid"},
    [50] = {sys_getid, "getegid"},
    [57] = {sys_setpgid, "setpgid"},
    [64] = {sys_getppid, "getppid"},
    [65] = {sys_getpgrp, "getpgrp"},
    [66] = {sys_setsid, "setsid"},
    [67] = {sys_sigaction, "sigaction"},
    [68] = {sys_sgetmask, "sgetmask"},
    [69] = {sys_ssetmask, "ssetmask"},
    [70] = {sys_setid, "setreuid"},
    [71] = {sys_setid, "setregid"},
    [72] = {sys_sigsuspend, "sigsuspend"},
    [73] = {sys_sigpending, "sigpending"},
    [75] = {sys_setrlimit, "setrlimit"},
    [76] = {sys_getrlimit, "getrlimit"},
    [77] = {sys_getrusage, "getrusage"},
    [80] = {sys_getgroups, "getgroups"},
    [81] = {sys_setgroups, "setgroups"},
    [91] = {sys_munmap, "munmap"},
    [96] = {sys_getpriority, "getpriority"},
    [97] = {sys_setpriority, "setpriority"},
    [104] = {sys_setitimer, "setitimer"},
    [105] = {sys_getitimer, "getitimer"},
    [114] = {sys_wait4, "wait4"},
    [119] = {sys_sigreturn, "sigreturn"},
    [120] = {sys_clone, "clone"},
    [123] = {sys_modify_ldt, "modify_ldt"},
    [125] = {sys_mprotect, "mprotect"},
    [126] = {sys_sigprocmask, "sigprocmask"},
    [132] = {sys_getpgid, "getpgid"},
    [136] = {sys_personality, "personality"},
    [138] = {sys_setid, "setfsuid"},
    [139] = {sys_setid, "setfsgid"},
    [146] = {sys_writev, "writev"},
    [147] = {sys_getsid, "getsid"},
    [154] = {sys_sched_setparam, "sched_setparam"},
    [155] = {sys_sched_getparam, "sched_getparam"},
    [156] = {sys_sched_setscheduler, "sched_setscheduler"},
    [157] = {sys_sched_getscheduler, "sched_getscheduler"},
    [158] = {sys_sched_yield, "sched_yield"},
    [159] = {sys_sched_get_priority_max, "sched_get_priority_max"},
    [160] = {sys_sched_get_priority_min, "sched_get_priority_min"},
    [164] = {sys_setid, "setresuid"},
    [165] = {sys_getresid16, "getresuid"},
    [170] = {sys_setid, "setresgid"},
    [171] = {sys_getresid16, "getresgid"},
    [172] = {sys_prctl, "prctl"},
    [173] = {sys_rt_sigreturn, "rt_sigreturn"},
    [174] = {sys_rt_sigaction, "rt_sigaction"},
    [175] = {sys_rt_sigprocmask, "rt_sigprocmask"},
    [176] = {sys_rt_sigpending, "rt_sigpending"},
    [177] = {sys_rt_sigtimedwait, "rt_sigtimedwait"},
    [178] = {sys_rt_sigqueueinfo, "rt_sigqueueinfo"},
    [179] = {sys_rt_sigsuspend, "rt_sigsuspend"},
    [186] = {sys_sigaltstack, "sigaltstack"},
    [190] = {sys_vfork, "vfork"},
    [191] = {sys_ugetrlimit, "ugetrlimit"},
    [192] = {sys_mmap2, "mmap2"},
    [199] = {sys_getid, "getuid32"},
    [200] = {sys_getid, "getgid32"},
    [201] = {sys_getid, "geteuid32"},
    [202] = {sys_getid, "getegid32"},
    [203] = {sys_setid, "setreuid32"},
    [204] = {sys_setid, "setregid32"},
    [205] = {sys_getgroups, "getgroups32"},
    [206] = {sys_setgroups, "setgroups32"},
    [208] = {sys_setid, "setresuid32"},
    [209] = {sys_getresid, "getresuid32"},
    [210] = {sys_setid, "setresgid32"},
    [211] = {sys_getresid, "getresgid32"},
    [213] = {sys_setid, "setuid32"},
    [214] = {sys_setid, "setgid32"},
    [215] = {sys_setid, "setfsuid32"},
    [216] = {sys_setid, "setfsgid32"},
    [224] = {sys_gettid, "gettid"},
    [238] = {sys_tkill, "tkill"},
    [240] = {sys_futex, "futex"},
    [241] = {sys_sched_setaffinity, "sched_setaffinity"},
    [242] = {sys_sched_getaffinity, "sched_getaffinity"},
    [243] = {sys_set_thread_area, "set_thread_area"},
    [244] = {sys_get_thread_area, "get_thread_area"},
    [252] = {sys_exit_group, "exit_group"},
    [258] = {sys_set_tid_address, "set_tid_address"},
    [270] = {sys_tgkill, "tgkill"},
    [284] = {sys_waitid, "waitid"},
    [311] = {sys_set_robust_list, "set_robust_list"},
    [312] = {sys_get_robust_list, "get_robust_list"},
    [335] = {sys_rt_tgsigqueueinfo, "rt_tgsigqueueinfo"},
    [340] = {sys_prlimit64, "prlimit64"},
    [384] = {absent, "arch_prctl"},
    [386] = {absent, "rseq"},
    [421] = {sys_rt_sigtimedwait_time64, "rt_sigtimedwait_time64"},
    [422] = {sys_futex_time64, "futex_time64"},
    [435] = {absent, "clone3"},
};

struct trap_frame *syscall_frame(void)
{
    return thread_frame(thread_current());
}

__attribute__((regparm(1))) int32_t syscall_unknown(uint32_t nr)
{
    static uint32_t logged[(SYSCALLS + 31) / 32 + 1]; /* the last bit is for all numbers beyond the table */
    uint32_t bit = nr < SYSCALLS ? nr : SYSCALLS;

    if (!(logged[bit / 32] & 1u << bit % 32)) {
        logged[bit / 32] |= 1u << bit % 32;
        printk(LOG_INFO, "system call %u (%s) is not implemented; first called by %s, process %d", nr,
               nr < SYSCALLS && syscall_table[nr].name ? syscall_table[nr].name : "unknown",
               thread_current()->comm, process_current()->pid);
    }
    return -ENOSYS;
}
