/*
 * /proc: files that are made up when they are read, in Linux's formats (proc(5)). procfs.c has the tree and
 * the operations; what the files say is in procfs_sys.c (the system), procfs_pid.c (processes),
 * procfs_maps.c (their memory), procfs_page.c (their pages one by one), procfs_ctl.c (/proc/sys),
 * procfs_quire.c (/proc/quire), procfs_net.c and procfs_inet.c (/proc/net), procfs_map.c (what pictures are
 * drawn from) and procfs_trial.c (counters and trials). sysfs.c has what /sys says, by the same tree.
 */
#ifndef KERNEL_PROCFS_PROCFS_H
#define KERNEL_PROCFS_PROCFS_H

#include "kernel/fs/vfs.h"
#include "kernel/procfs/text.h"

struct memory;
struct process;
struct region;
struct thread;
struct proc_entry;

/* What an inode of /proc stands for. The same names give the same inode numbers. */
struct proc_node {
    const struct proc_entry *entry;
    int pid;       /* in a process's directory, else 0 */
    int tid;       /* in a thread's below task/, else 0 */
    int fd;        /* of an entry in fd/ or fdinfo/ */
    int number;    /* that is its name; -1: the entry's name is */
    uint64_t born; /* start_ns of the process: numbers are used again */
};

/* What a directory holds beside its fixed entries. */
struct proc_names {
    /* Describe the entry of a name: entry, numbers. Or -ENOENT. Does not sleep. */
    int (*lookup)(const struct proc_node *dir, const char *name, struct proc_node *n);
    /* The next of the numbers that are names, at or above from; -1: none. */
    int (*next)(const struct proc_node *dir, int from);
};

/*
 * One name. Exactly one of children or names (a directory), readlink (a symlink), show, show_next, count,
 * count_next, read, store or file_ops (a file) is there; show may have store or store_raw beside it.
 * Functions get -ESRCH when the process has ended.
 */
struct proc_entry {
    const char *name;
    uint32_t mode;
    const struct proc_entry *children; /* ended by a name of NULL */
    const struct proc_names *names;
    /* Write the file's whole contents. Does not sleep, so that they belong to one moment; called again when
     * memory was short. */
    int (*show)(struct text *t, const struct proc_node *n);
    /* Or, for long files: append one record, the first at or above *from (0 at the beginning), and
     * say where to go on. 1; 0: there is none; -errno. Does not sleep. */
    int (*show_next)(struct text *t, const struct proc_node *n, uint32_t *from);
    /* Or one of the two for contents whose pages have to be counted first. Sleep. */
    int (*count)(struct text *t, const struct proc_node *n);
    int (*count_next)(struct text *t, const struct proc_node *n, uint32_t *from);
    /* Or: up to size bytes of the contents from pos on. Bytes or -errno. Sleeps. */
    int (*read)(const struct proc_node *n, uint64_t pos, uint8_t *buf, size_t size);
    /* A write: a string without its last newline. Sleeps. */
    int (*store)(const struct proc_node *n, char *s);
    /* Or: a write at *pos, as it is. It moves *pos. Bytes taken or -errno. Sleeps. */
    int (*store_raw)(const struct proc_node *n, const char *s, size_t size, uint64_t *pos);
    /* Of a symlink: as struct inode_ops has them. Sleep. */
    int (*readlink)(const struct proc_node *n, char *buf, size_t size);
    /* Of one that leads to an inode whatever its path is. Does not sleep. */
    int (*follow)(const struct proc_node *n, struct inode **out);
    /* Of one that leads to another entry of the same directory: describe that one. 0 or -ENOENT. Does not
     * sleep. */
    int (*leads)(struct proc_node *to);
    /* Only for who may look into the process, see cred_may_trace(): others get -EACCES, also if they opened
     * it before. */
    bool guarded;
    bool begins_only;     /* a write elsewhere than at its beginning is -EINVAL */
    bool counts_from_end; /* seeks may be told from its end, which is 0 */
    const void *arg;      /* the functions' own */
    /* Or: a file with operations of its own; none of the others then. */
    const struct file_ops *file_ops;
};

/* Know the types "proc" and "sysfs". cmdline stays valid. */
void procfs_init(const char *cmdline);

/* What an inode of /proc stands for. */
const struct proc_node *proc_node_of(const struct inode *i);

/* Whether the running task may use what the node stands for: 0 or -EACCES. */
int proc_may_look(const struct proc_node *n);

/* The process or thread that a node belongs to, or NULL. Valid until the caller sleeps. */
struct process *proc_process(const struct proc_node *n);
/* The process that has the space of this number, or -1. */
int proc_pid_of_space(uint32_t id);
/* In a process's directory: its first thread; NULL of a zombie too, which the first thread alone may be. */
struct thread *proc_thread(const struct proc_node *n);
/* Its memory; NULL of one that has ended, and of a first thread that has: who asks for that gets what others
 * have by their own directories below task/. */
struct memory *proc_memory(const struct proc_node *n);
/* A decimal number, all of s, 0 or more. False if it is none, or beyond INT32_MAX. */
bool proc_number(const char *s, int *value);

/* The trees' parts. */
extern const struct proc_entry proc_root_entries[], proc_pid_entries[], proc_sys_entries[],
    proc_quire_entries[], proc_net_entries[], proc_sysvipc_entries[], sysfs_entries[];
extern const struct proc_names proc_pids;
/* proc_entry.leads of a link to the running process. */
int proc_lead_to_self(struct proc_node *to);
extern const char *proc_cmdline;

/* The name of a system call. Called here, defined in kernel/sys/syscall.c. */
const char *proc_call_name(unsigned nr);

/* procfs_sys.c */
int proc_show_mounts(struct text *t, const struct proc_node *n);
int proc_show_mountinfo(struct text *t, const struct proc_node *n);

/* procfs_maps.c. proc_next_smaps() sleeps, proc_show_smaps_rollup() sleeps, proc_read_pagemap() sleeps. */
int proc_next_maps(struct text *t, const struct proc_node *n, uint32_t *from);
int proc_next_smaps(struct text *t, const struct proc_node *n, uint32_t *from);
int proc_show_smaps_rollup(struct text *t, const struct proc_node *n);
int proc_read_pagemap(const struct proc_node *n, uint64_t pos, uint8_t *buf, size_t size);

/* What maps calls a region that it shows as [start, end); NULL: nothing. Valid until the next call, and the
 * caller does not sleep meanwhile. */
const char *proc_region_name(const struct memory *m, const struct region *r, vaddr_t start, vaddr_t end);

/* procfs_forms.c. Sleep. */
int proc_show_forms(struct text *t, const struct proc_node *n);
int proc_show_forms_all(struct text *t, const struct proc_node *n);
int proc_show_forms_machine(struct text *t, const struct proc_node *n);

/* procfs_page.c: /proc/PID/quire. */
extern const struct proc_entry proc_pid_quire_entries[];

/* procfs_tlb.c. proc_store_tlb() sleeps, proc_store_misses() sleeps. */
int proc_show_tlb(struct text *t, const struct proc_node *n);
int proc_show_all_tlbs(struct text *t, const struct proc_node *n);
int proc_store_tlb(const struct proc_node *n, char *s);
int proc_store_misses(const struct proc_node *n, char *s);
int proc_next_misses(struct text *t, const struct proc_node *n, uint32_t *from);

/* procfs_events.c */
extern const struct file_ops proc_events_ops;
/* procfs.c: of what lists the mounts */
extern const struct file_ops proc_mounts_ops;

/* procfs_mem.c. proc_store_clear_refs() sleeps. */
int proc_read_auxv(const struct proc_node *n, uint64_t pos, uint8_t *buf, size_t size);
int proc_store_clear_refs(const struct proc_node *n, char *s);
extern const struct file_ops proc_mem_ops;
/* Of pagemap (procfs.c). */
extern const struct file_ops proc_pagemap_ops;
/* lseek(2) of what is as long as memory: to any position, but not from an end. */
int proc_seek_memory(struct file *f, int64_t offset, int whence, uint64_t *result);

/* procfs_map.c */
extern const struct file_ops proc_map_ops, proc_swap_ops;

/* procfs_net.c */
int proc_show_unix(struct text *t, const struct proc_node *n);

/* procfs_trial.c */
int proc_show_counters(struct text *t, const struct proc_node *n);
extern const struct proc_entry proc_trial_entries[];

#endif
