/* /proc/sys: what the operator may look at and turn. Every value that can be written is obeyed. */
#include "kernel/dev/disk.h"
#include "kernel/dev/pty.h"
#include "kernel/dev/random.h"
#include "kernel/fs/dnotify.h"
#include "kernel/fs/epoll.h"
#include "kernel/fs/file.h"
#include "kernel/fs/inotify.h"
#include "kernel/fs/permission.h"
#include "kernel/fs/pipe.h"
#include "kernel/ipc/mqueue.h"
#include "kernel/ipc/msg.h"
#include "kernel/ipc/sem.h"
#include "kernel/ipc/shm.h"
#include "kernel/lib/format.h"
#include "kernel/life/balance.h"
#include "kernel/life/core.h"
#include "kernel/net/inet.h"
#include "kernel/net/multicast.h"
#include "kernel/net/scm.h"
#include "kernel/net/tcp_wait.h"
#include "kernel/net/unix.h"
#include "kernel/proc/capability.h"
#include "kernel/proc/oom.h"
#include "kernel/proc/process.h"
#include "kernel/proc/uts.h"
#include "kernel/procfs/procfs.h"
#include "kernel/sched/runq.h"
#include "kernel/sched/sched.h"
#include "kernel/vm/vm_sys.h"
#include "mm/reclaim.h"
#include "mm/space.h"

/* What Linux takes for a number, by the type that it keeps it in. */
enum number_kind {
    NUMBER_INT,   /* a sign is possible; what follows the number is not taken */
    NUMBER_UINT,  /* no sign; what follows is taken, and ignored */
    NUMBER_ULONG, /* no sign; what follows is not taken */
};

/* A number: where it is kept (32 bits, with a sign if it may be negative), or how it is read and set. */
struct control {
    enum number_kind kind;
    uint32_t *value;
    int64_t (*get)(void);
    int (*set)(uint32_t value); /* sleeps */
    int64_t min, max;
};

static int show_number(struct text *t, const struct proc_node *n)
{
    const struct control *c = n->entry->arg;
    int64_t v = c->get ? c->get() : (int64_t)*c->value;

    text_print(t, "%lld\n", (long long)(c->min < 0 ? (int32_t)v : v));
    return 0;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static unsigned digit(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    c |= 32;
    return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : 99;
}

#define NUMBER_MAX 20u /* characters; more are refused */

/* The first number of what is written, as Linux takes it: spaces around it, decimal, 0x or 0 for octal. Bytes
 * that were taken, or -EINVAL: no number, or none of 32 bits. */
static int parse(enum number_kind kind, const char *text, size_t size, int64_t *out)
{
    const char *s = text, *end = text + size, *first;
    bool negative;
    unsigned base = 10;
    uint64_t v = 0;

    while (s < end && is_space(*s))
        s++;
    first = s;
    negative = end - s > 1 && *s == '-';
    s += negative;
    if (s == end || digit(*s) > 9 || (negative && kind != NUMBER_INT))
        return -EINVAL;
    if (*s == '0') {
        base = end - s > 2 && (s[1] | 32) == 'x' && digit(s[2]) < 16 ? 16 : 8;
        s += base == 16 ? 2 : 0;
    }
    for (; s < end && digit(*s) < base; s++) {
        v = v * base + digit(*s);
        if (v > UINT32_MAX)
            return -EINVAL;
    }
    if (s - first > (ptrdiff_t)NUMBER_MAX || (s < end && *s != ' ' && *s != '\t' && *s != '\n'))
        return -EINVAL;
    while (s < end && is_space(*s))
        s++;
    *out = negative ? -(int64_t)v : (int64_t)v;
    return kind == NUMBER_UINT ? (int)size : s - text;
}

/* A write elsewhere than at the beginning is taken and ignored; an unsigned int's file has no position. */
static int store_number(const struct proc_node *n, const char *s, size_t size, uint64_t *pos)
{
    const struct control *c = n->entry->arg;
    int64_t v;
    int taken = (int)size, err = 0;

    if (!*pos) {
        taken = parse(c->kind, s, size, &v);
        if (taken < 0)
            return taken;
        if (v < c->min || v > c->max)
            return -EINVAL;
        if (c->set)
            err = c->set((uint32_t)v);
        else
            *c->value = (uint32_t)v;
        if (err)
            return err;
    }
    if (c->kind != NUMBER_UINT)
        *pos += (uint64_t)taken;
    return taken;
}

/* --- vm --- */

static int64_t get_overcommit(void)
{
    return vm_sys.overcommit;
}

static int set_overcommit(uint32_t mode)
{
    vm_sys.overcommit = (enum commit_mode)mode;
    return 0;
}

/* Either of the two takes the other away. */
static int set_ratio(uint32_t percent)
{
    vm_sys.overcommit_ratio = percent;
    vm_sys.overcommit_kib = 0;
    return 0;
}

static int set_kbytes(uint32_t kib)
{
    vm_sys.overcommit_kib = kib;
    vm_sys.overcommit_ratio = 0;
    return 0;
}

static int64_t get_min_free(void)
{
    return (int64_t)vm_sys.pool->marks.min << (PAGE_SHIFT - 10);
}

static int set_min_free(uint32_t kib)
{
    return frame_set_min(vm_sys.pool, kib >> (PAGE_SHIFT - 10));
}

enum { DROP_PAGES = 1, DROP_SLAB = 2 };
static uint32_t last_drop;

/* 1: pages of files that can be had again; 2: empty slabs; 3: both; 4: say no more of it in the log, where
 * nothing is said. */
static int drop_caches(uint32_t what)
{
    last_drop = what;
    if (what & DROP_PAGES) {
        vm_drop_caches(&vm_sys);
        vm_sys.stats.cache_drops++;
    }
    if (what & DROP_SLAB) {
        slab_reap_all(vm_sys.pool);
        vm_sys.stats.slab_drops++;
    }
    return 0;
}

static int64_t get_cluster(void)
{
    return vm_sys.swap.clustering ? __builtin_ctz(SWAP_CLUSTER) : 0;
}

static int set_cluster(uint32_t shift)
{
    vm_sys.swap.clustering = shift > 0;
    return 0;
}

static uint32_t lowest_address = SPACE_LO;

static int64_t get_exact(void)
{
    return vm_sys.exact;
}

static int set_exact(uint32_t on)
{
    vm_sys.exact = on;
    return 0;
}

static int set_pageable_max(uint32_t pages)
{
    vm_set_pageable_max(&vm_sys, pages);
    return 0;
}

static int set_rss_limit(uint32_t pages)
{
    space_set_rss_limit(&vm_sys, pages);
    return 0;
}

static int64_t get_rss_limit(void)
{
    return vm_sys.rss_limit;
}

static const struct control overcommit = {.get = get_overcommit, .set = set_overcommit, .max = COMMIT_STRICT},
                            overcommit_ratio = {.value = &vm_sys.overcommit_ratio,
                                                .set = set_ratio,
                                                .max = INT32_MAX},
                            overcommit_kbytes = {.kind = NUMBER_ULONG,
                                                 .value = &vm_sys.overcommit_kib,
                                                 .set = set_kbytes,
                                                 .max = UINT32_MAX},
                            oom_self = {.value = &oom_kills_asking, .min = INT32_MIN, .max = INT32_MAX},
                            oom_tasks = {.value = &oom_lists_tasks, .min = INT32_MIN, .max = INT32_MAX},
                            oom_panic = {.value = &oom_panics, .max = 2},
                            max_map_count = {.value = &vm_sys.max_regions, .max = INT32_MAX},
                            min_free = {.get = get_min_free, .set = set_min_free, .max = INT32_MAX},
                            swappiness = {.value = &vm_sys.swappiness, .max = 2 * VM_SWAPPINESS_EQUAL},
                            drop = {.value = &last_drop, .set = drop_caches, .min = 1, .max = 4},
                            page_cluster = {.get = get_cluster, .set = set_cluster, .max = 31},
                            exact_control = {.get = get_exact, .set = set_exact, .max = 1},
                            pageable_max = {.value = &vm_sys.pageable_max,
                                            .set = set_pageable_max,
                                            .max = INT32_MAX},
                            rss_limit = {.get = get_rss_limit, .set = set_rss_limit, .max = INT32_MAX},
                            mmap_min_addr = {.value = &lowest_address};

#define NUMBER(name_, control_)                                                                              \
    {                                                                                                        \
        .name = name_, .mode = S_IFREG | 0644, .show = show_number, .store_raw = store_number,               \
        .arg = &control_                                                                                     \
    }
#define SECRET_NUMBER(name_, control_)                                                                       \
    {                                                                                                        \
        .name = name_, .mode = S_IFREG | 0600, .show = show_number, .store_raw = store_number,               \
        .arg = &control_                                                                                     \
    }
#define FIXED(name_, control_)                                                                               \
    {                                                                                                        \
        .name = name_, .mode = S_IFREG | 0444, .show = show_number, .arg = &control_                         \
    }
#define DIRECTORY(name_, children_)                                                                          \
    {                                                                                                        \
        .name = name_, .mode = S_IFDIR | 0555, .children = children_                                         \
    }

/* All names, the one in use in brackets. */
static int show_policy(struct text *t, const struct proc_node *n)
{
    (void)n;
    for (unsigned i = 0; i < POLICIES; i++)
        text_print(t, policies[i] == pageable_now(&vm_sys.pageable)->policy ? "%s[%s]" : "%s%s", i ? " " : "",
                   policies[i]->name);
    text_print(t, "\n");
    return 0;
}

static int store_policy(const struct proc_node *n, char *s)
{
    const struct policy *policy = policy_find(s);

    (void)n;
    return policy ? reclaim_set_policy(&vm_sys, policy) : -EINVAL;
}

static int show_loadcontrol(struct text *t, const struct proc_node *n)
{
    (void)n;
    text_print(t, "%d\n", balance_is_on());
    return 0;
}

/* 1 or on, 0 or off. */
static int store_loadcontrol(const struct proc_node *n, char *s)
{
    bool on = strcmp(s, "1") == 0 || strcmp(s, "on") == 0;

    (void)n;
    if (!on && strcmp(s, "0") != 0 && strcmp(s, "off") != 0)
        return -EINVAL;
    balance_set(on);
    return 0;
}

static const struct proc_entry vm_entries[] = {
    {.name = "drop_caches",
     .mode = S_IFREG | 0200,
     .show = show_number,
     .store_raw = store_number,
     .arg = &drop},
    NUMBER("exact", exact_control),
    {.name = "loadcontrol", .mode = S_IFREG | 0644, .show = show_loadcontrol, .store = store_loadcontrol},
    NUMBER("max_map_count", max_map_count),
    NUMBER("min_free_kbytes", min_free),
    FIXED("mmap_min_addr", mmap_min_addr),
    NUMBER("oom_dump_tasks", oom_tasks),
    NUMBER("oom_kill_allocating_task", oom_self),
    NUMBER("overcommit_kbytes", overcommit_kbytes),
    NUMBER("overcommit_memory", overcommit),
    NUMBER("overcommit_ratio", overcommit_ratio),
    NUMBER("page-cluster", page_cluster),
    NUMBER("pageable_max", pageable_max),
    NUMBER("panic_on_oom", oom_panic),
    {.name = "policy", .mode = S_IFREG | 0644, .show = show_policy, .store = store_policy},
    NUMBER("rss_limit", rss_limit),
    NUMBER("swappiness", swappiness),
    {.name = NULL},
};

/* --- kernel --- */

static int show_string(struct text *t, const struct proc_node *n)
{
    text_print(t, "%s\n", (const char *)n->entry->arg);
    return 0;
}

/* uts_hostname and uts_domainname. */
static int store_string(const struct proc_node *n, char *s)
{
    char *name = n->entry->arg == uts_hostname ? uts_hostname : uts_domainname;
    size_t len = 0;

    while (s[len] && s[len] != '\n' && len < UTS_NAME_MAX)
        len++;
    memset(name, 0, UTS_NAME_MAX + 1);
    memcpy(name, s, len);
    return 0;
}

static void uuid_text(const uint8_t b[16], char text[37])
{
    format(text, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2],
           b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

static void uuid_make(uint8_t b[16])
{
    random_bytes(b, 16);
    b[6] = (uint8_t)((b[6] & 0x0F) | 0x40); /* RFC 4122: version 4 */
    b[8] = (uint8_t)((b[8] & 0x3F) | 0x80);
}

static int show_uuid(struct text *t, const struct proc_node *n)
{
    uint8_t b[16];
    char text[37];

    (void)n;
    uuid_make(b);
    uuid_text(b, text);
    text_print(t, "%s\n", text);
    return 0;
}

static int show_boot_id(struct text *t, const struct proc_node *n)
{
    static uint8_t id[16];
    static bool made;
    char text[37];

    (void)n;
    if (!made)
        uuid_make(id);
    made = true;
    uuid_text(id, text);
    text_print(t, "%s\n", text);
    return 0;
}

/* The number that the next object is to have; -1: any. */
#define NEXT_ID(kind)                                                                                        \
    static int64_t get_##kind##_next(void)                                                                   \
    {                                                                                                        \
        return kind##_ids.next_id;                                                                           \
    }                                                                                                        \
                                                                                                             \
    static int set_##kind##_next(uint32_t id)                                                                \
    {                                                                                                        \
        kind##_ids.next_id = (int32_t)id;                                                                    \
        return 0;                                                                                            \
    }
NEXT_ID(msg)
NEXT_ID(sem)
NEXT_ID(shm)

static uint32_t entropy = 256, cap_last = CAP_LAST, groups_max = 65536, nobody = 65534, zero;

static const struct control pid_max_control = {.value = &pid_max, .min = 301, .max = PID_MAX_DEFAULT},
                            threads_max_control = {.value = &threads_max, .min = 1, .max = 0x3FFFFFFF},
                            entropy_control = {.value = &entropy}, cap_control = {.value = &cap_last},
                            groups_control = {.value = &groups_max}, nobody_control = {.value = &nobody},
                            zero_control = {.value = &zero},
                            shmmax_control = {.kind = NUMBER_ULONG, .value = &shm_max, .max = UINT32_MAX},
                            shmall_control = {.kind = NUMBER_ULONG, .value = &shm_all, .max = UINT32_MAX},
                            shmmni_control = {.value = &shm_ids.most, .max = IPC_SEQUENCE},
                            msgmax_control = {.value = &msg_max, .max = INT32_MAX},
                            msgmnb_control = {.value = &msg_queue_max, .max = INT32_MAX},
                            msgmni_control = {.value = &msg_ids.most, .max = IPC_SEQUENCE},
                            msg_next_control = {.get = get_msg_next, .set = set_msg_next, .max = INT32_MAX},
                            sem_next_control = {.get = get_sem_next, .set = set_sem_next, .max = INT32_MAX},
                            shm_next_control = {.get = get_shm_next, .set = set_shm_next, .max = INT32_MAX};

/* What a set may have, all may have, a call may do, and how many sets there may be. */
static uint32_t *const sem_limits[] = {&sem_set_max, &sem_all_max, &sem_ops_max, &sem_ids.most};

static int show_sem(struct text *t, const struct proc_node *n)
{
    (void)n;
    for (unsigned i = 0; i < ARRAY_LEN(sem_limits); i++)
        text_print(t, "%s%u", i ? "\t" : "", *sem_limits[i]);
    text_print(t, "\n");
    return 0;
}

/* As many of them as are written. */
static int store_sem(const struct proc_node *n, char *s)
{
    size_t size = strlen(s);
    int64_t value[ARRAY_LEN(sem_limits)];
    unsigned count = 0;

    (void)n;
    for (; count < ARRAY_LEN(sem_limits) && size; count++) {
        int taken = parse(NUMBER_INT, s, size, &value[count]);

        if (taken < 0 || value[count] < 0 || value[count] > INT32_MAX)
            return -EINVAL;
        s += taken;
        size -= (size_t)taken;
    }
    if (count == ARRAY_LEN(sem_limits) && value[count - 1] > IPC_SEQUENCE)
        return -ERANGE;
    for (unsigned i = 0; i < count; i++)
        *sem_limits[i] = (uint32_t)value[i];
    return 0;
}

static const struct control pty_max_control = {.value = &pty_max, .max = INT32_MAX},
                            pty_reserve_control = {.value = &pty_reserve, .max = INT32_MAX},
                            pty_count_control = {.value = &pty_count};

static const struct proc_entry pty_entries[] = {
    NUMBER("max", pty_max_control),
    FIXED("nr", pty_count_control),
    NUMBER("reserve", pty_reserve_control),
    {.name = NULL},
};

static const struct proc_entry random_entries[] = {
    {.name = "boot_id", .mode = S_IFREG | 0444, .show = show_boot_id},
    FIXED("entropy_avail", entropy_control),
    FIXED("poolsize", entropy_control),
    {.name = "uuid", .mode = S_IFREG | 0444, .show = show_uuid},
    {.name = NULL},
};

#define STRING(name_, mode_, text_)                                                                          \
    {                                                                                                        \
        .name = name_, .mode = S_IFREG | mode_, .show = show_string, .arg = text_                            \
    }
#define NAME(name_, text_)                                                                                   \
    {                                                                                                        \
        .name = name_, .mode = S_IFREG | 0644, .show = show_string, .store = store_string, .arg = text_      \
    }

static int store_core_pattern(const struct proc_node *n, char *s)
{
    size_t len = 0;

    (void)n;
    while (s[len] && s[len] != '\n' && len < CORE_PATTERN_MAX)
        len++;
    if (s[0] == '|') /* no program is given one */
        return -EINVAL;
    memcpy(core_pattern, s, len);
    core_pattern[len] = '\0';
    return 0;
}

/* 0 or less: as it was at first. */
static int set_rr(uint32_t ms)
{
    sched_set_rr((int32_t)ms > 0 ? ms : SCHED_RR_MS);
    return 0;
}

static int set_rt_period(uint32_t us)
{
    if (run_share_us != UINT32_MAX && us < run_share_us)
        return -EINVAL;
    run_share_period_us = us;
    return 0;
}

/* -1: all of it. */
static int set_rt_share(uint32_t us)
{
    if (us != UINT32_MAX && us > run_share_period_us)
        return -EINVAL;
    run_share_us = us;
    return 0;
}

static int64_t get_rt_share(void)
{
    return (int32_t)run_share_us;
}

static const struct control
    core_pid_control = {.value = &core_uses_pid, .min = INT32_MIN, .max = INT32_MAX},
    rr_control = {.value = &sched_rr_ms, .set = set_rr, .min = INT32_MIN, .max = INT32_MAX},
    rt_period_control = {.value = &run_share_period_us, .set = set_rt_period, .min = 1, .max = INT32_MAX},
    rt_share_control = {.get = get_rt_share, .set = set_rt_share, .min = -1, .max = INT32_MAX};

static const struct proc_entry kernel_entries[] = {
    STRING("arch", 0444, UTS_MACHINE),
    FIXED("cap_last_cap", cap_control),
    {.name = "core_pattern",
     .mode = S_IFREG | 0644,
     .show = show_string,
     .store = store_core_pattern,
     .arg = core_pattern},
    NUMBER("core_uses_pid", core_pid_control),
    NAME("domainname", uts_domainname),
    NAME("hostname", uts_hostname),
    NUMBER("msg_next_id", msg_next_control),
    NUMBER("msgmax", msgmax_control),
    NUMBER("msgmnb", msgmnb_control),
    NUMBER("msgmni", msgmni_control),
    FIXED("ngroups_max", groups_control),
    STRING("osrelease", 0444, UTS_RELEASE),
    STRING("ostype", 0444, UTS_SYSNAME),
    FIXED("overflowgid", nobody_control),
    FIXED("overflowuid", nobody_control),
    FIXED("panic", zero_control),
    NUMBER("pid_max", pid_max_control),
    DIRECTORY("pty", pty_entries),
    DIRECTORY("random", random_entries),
    NUMBER("sched_rr_timeslice_ms", rr_control),
    NUMBER("sched_rt_period_us", rt_period_control),
    NUMBER("sched_rt_runtime_us", rt_share_control),
    {.name = "sem", .mode = S_IFREG | 0644, .show = show_sem, .store = store_sem},
    NUMBER("sem_next_id", sem_next_control),
    NUMBER("shm_next_id", shm_next_control),
    NUMBER("shmall", shmall_control),
    NUMBER("shmmax", shmmax_control),
    NUMBER("shmmni", shmmni_control),
    FIXED("tainted", zero_control), /* nothing comes into the kernel from outside */
    NUMBER("threads-max", threads_max_control),
    STRING("version", 0444, UTS_VERSION),
    {.name = NULL},
};

/* --- fs --- */

static const struct control nr_open_control = {
    .kind = NUMBER_UINT, .value = &fd_nr_open, .min = FD_NR_OPEN_MIN, .max = FD_NR_OPEN_MAX};

static int show_file_nr(struct text *t, const struct proc_node *n)
{
    (void)n;
    text_print(t, "%u\t0\t%u\n", file_count(), file_max);
    return 0;
}

static int set_pipe_max(uint32_t size)
{
    uint32_t bytes = pipe_round(size);

    if (!bytes)
        return -EINVAL;
    pipe_max_size = bytes;
    return 0;
}

static const struct control
    file_max_control = {.kind = NUMBER_ULONG, .value = &file_max, .max = INT32_MAX},
    watches_control = {.kind = NUMBER_ULONG, .value = &epoll_max_watches, .max = INT32_MAX},
    fifos_control = {.kind = NUMBER_INT, .value = &protected_fifos, .max = 2},
    hardlinks_control = {.kind = NUMBER_INT, .value = &protected_hardlinks, .max = 1},
    regular_control = {.kind = NUMBER_INT, .value = &protected_regular, .max = 2},
    symlinks_control = {.kind = NUMBER_INT, .value = &protected_symlinks, .max = 1},
    changed_control = {.kind = NUMBER_INT, .value = &dumpable_changed, .max = DUMPABLE_ROOT},
    pipe_max_control = {.kind = NUMBER_UINT, .value = &pipe_max_size, .set = set_pipe_max, .max = UINT32_MAX},
    pipe_soft_control = {.kind = NUMBER_ULONG, .value = &pipe_pages_soft, .max = UINT32_MAX},
    pipe_hard_control = {.kind = NUMBER_ULONG, .value = &pipe_pages_hard, .max = UINT32_MAX};

static const struct proc_entry epoll_entries[] = {
    NUMBER("max_user_watches", watches_control),
    {.name = NULL},
};

static const struct control news_control = {.value = &inotify_max_events, .max = INT32_MAX},
                            instances_control = {.value = &inotify_max_instances, .max = INT32_MAX},
                            marks_control = {.value = &inotify_max_watches, .max = INT32_MAX},
                            directories_control = {
                                .value = &dnotify_enable, .min = INT32_MIN, .max = INT32_MAX};

static const struct proc_entry inotify_entries[] = {
    NUMBER("max_queued_events", news_control),
    NUMBER("max_user_instances", instances_control),
    NUMBER("max_user_watches", marks_control),
    {.name = NULL},
};

static const struct control queues_max_control = {.value = &mqueue_queues_max, .max = INT32_MAX},
                            msg_max_control = {.value = &mqueue_msg_max, .min = 1, .max = MQUEUE_MSG_HARD},
                            msg_default_control = {.value = &mqueue_msg_default,
                                                   .min = 1,
                                                   .max = MQUEUE_MSG_HARD},
                            msgsize_max_control = {.value = &mqueue_msgsize_max,
                                                   .min = MQUEUE_MSGSIZE_MIN,
                                                   .max = MQUEUE_MSGSIZE_HARD},
                            msgsize_default_control = {.value = &mqueue_msgsize_default,
                                                       .min = MQUEUE_MSGSIZE_MIN,
                                                       .max = MQUEUE_MSGSIZE_HARD};

static const struct proc_entry mqueue_entries[] = {
    NUMBER("msg_default", msg_default_control),         NUMBER("msg_max", msg_max_control),
    NUMBER("msgsize_default", msgsize_default_control), NUMBER("msgsize_max", msgsize_max_control),
    NUMBER("queues_max", queues_max_control),           {.name = NULL},
};

static const struct proc_entry fs_entries[] = {
    NUMBER("dir-notify-enable", directories_control),
    DIRECTORY("epoll", epoll_entries),
    NUMBER("file-max", file_max_control),
    {.name = "file-nr", .mode = S_IFREG | 0444, .show = show_file_nr},
    DIRECTORY("inotify", inotify_entries),
    DIRECTORY("mqueue", mqueue_entries),
    NUMBER("nr_open", nr_open_control),
    NUMBER("pipe-max-size", pipe_max_control),
    NUMBER("pipe-user-pages-hard", pipe_hard_control),
    NUMBER("pipe-user-pages-soft", pipe_soft_control),
    SECRET_NUMBER("protected_fifos", fifos_control),
    SECRET_NUMBER("protected_hardlinks", hardlinks_control),
    SECRET_NUMBER("protected_regular", regular_control),
    SECRET_NUMBER("protected_symlinks", symlinks_control),
    NUMBER("suid_dumpable", changed_control),
    {.name = NULL},
};

/* --- net --- */

#define SOCKET_MEMORY(variable, min_)                                                                        \
    {                                                                                                        \
        .value = &variable, .min = min_, .max = INT32_MAX                                                    \
    }
static const struct control backlog_control = {.value = &socket_backlog_max, .max = INT32_MAX},
                            sndbuf_control = SOCKET_MEMORY(socket_sndbuf_default, SOCKET_SNDBUF_MIN),
                            sndbuf_max_control = SOCKET_MEMORY(socket_sndbuf_max, SOCKET_SNDBUF_MIN),
                            rcvbuf_control = SOCKET_MEMORY(socket_rcvbuf_default, SOCKET_RCVBUF_MIN),
                            rcvbuf_max_control = SOCKET_MEMORY(socket_rcvbuf_max, SOCKET_RCVBUF_MIN),
                            optmem_control = {.value = &scm_control_max, .max = INT32_MAX},
                            queue_control = {.value = &unix_queue_max, .max = INT32_MAX};

static const struct proc_entry core_entries[] = {
    NUMBER("optmem_max", optmem_control),
    NUMBER("rmem_default", rcvbuf_control),
    NUMBER("rmem_max", rcvbuf_max_control),
    NUMBER("somaxconn", backlog_control),
    NUMBER("wmem_default", sndbuf_control),
    NUMBER("wmem_max", sndbuf_max_control),
    {.name = NULL},
};

static const struct proc_entry unix_entries[] = {
    NUMBER("max_dgram_qlen", queue_control),
    {.name = NULL},
};

/* Two numbers, the first not above the second. */
static int show_ports(struct text *t, const struct proc_node *n)
{
    (void)n;
    text_print(t, "%u\t%u\n", inet_port_low, inet_port_high);
    return 0;
}

static int store_ports(const struct proc_node *n, char *s)
{
    size_t size = strlen(s);
    int64_t low, high;
    int taken = parse(NUMBER_INT, s, size, &low);

    (void)n;
    if (taken < 0 || parse(NUMBER_INT, s + taken, size - (size_t)taken, &high) < 0 || low < 1 || high < low ||
        high > UINT16_MAX)
        return -EINVAL;
    inet_port_low = (uint32_t)low;
    inet_port_high = (uint32_t)high;
    return 0;
}

static const struct control memberships_control = {.value = &multicast_groups_max, .max = INT32_MAX},
                            sources_control = {.value = &multicast_sources_max, .max = INT32_MAX},
                            fin_control = {.value = &tcp_wait_fin_seconds, .max = 3600},
                            waits_control = {.value = &tcp_wait_max, .max = 65536},
                            reuse_control = {.value = &tcp_wait_reuse, .max = 2};
static const struct control privileged_control = {.value = &inet_port_unprivileged, .max = UINT16_MAX};

static const struct proc_entry ipv4_entries[] = {
    NUMBER("igmp_max_memberships", memberships_control),
    NUMBER("igmp_max_msf", sources_control),
    {.name = "ip_local_port_range", .mode = S_IFREG | 0644, .show = show_ports, .store = store_ports},
    NUMBER("ip_unprivileged_port_start", privileged_control),
    NUMBER("tcp_fin_timeout", fin_control),
    NUMBER("tcp_max_tw_buckets", waits_control),
    NUMBER("tcp_tw_reuse", reuse_control),
    {.name = NULL},
};

static const struct proc_entry net_entries[] = {
    DIRECTORY("core", core_entries),
    DIRECTORY("ipv4", ipv4_entries),
    DIRECTORY("unix", unix_entries),
    {.name = NULL},
};

const struct proc_entry proc_sys_entries[] = {
    DIRECTORY("fs", fs_entries),
    DIRECTORY("kernel", kernel_entries),
    DIRECTORY("net", net_entries),
    DIRECTORY("vm", vm_entries),
    {.name = NULL},
};
