/*
 * The tree of /proc.
 *
 * Fixed names are tables of struct proc_entry; processes, threads and descriptors are names that a directory
 * makes up. An inode lives as long as somebody holds it and says by numbers what it belongs to, so nothing
 * has to be told when a process ends: its files find nobody and say -ESRCH.
 *
 * A file's text is made at the first read, and made anew by any read from its beginning, as programs that
 * rewind expect; reads in between go on in the text that is there. It is made without sleeping, so it shows
 * one moment. Only of long files is each part made when it is read.
 *
 * Locking: an open file's text by its mutex; what is shown, by not sleeping.
 */
#include "kernel/procfs/procfs.h"
#include "kernel/fs/file.h"
#include "kernel/fs/pidfd.h"
#include "kernel/fs/poll.h"
#include "kernel/lib/format.h"
#include "kernel/proc/cred.h"
#include "kernel/proc/process.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/usercopy.h"
#include "mm/slab.h"

#define PROC_MAGIC   0x9FA0u
#define SYSFS_MAGIC  0x62656572u
#define FIRST_MADE   256u /* position of names that are made up: this and the number */
#define STORE_MAX    PAGE_SIZE
#define RENDER_TRIES 8u

const char *proc_cmdline;

/* An inode, made at each look-up. */
struct proc_inode {
    struct inode inode;
    struct proc_inode *parent; /* referenced; NULL: the root */
    struct proc_node node;
    char number[12]; /* the name, once it was asked for, if it is a number */
};

static const struct inode_ops inode_ops;
static struct filesystem_type sysfs_type;
static const struct file_ops text_ops, sys_ops, pid_text_ops, pid_number_ops, raw_ops;
static bool is_sys(const struct inode *i);

static struct proc_inode *made(struct inode *i)
{
    return container_of(i, struct proc_inode, inode);
}

const struct proc_node *proc_node_of(const struct inode *i)
{
    return &container_of(i, const struct proc_inode, inode)->node;
}

bool proc_number(const char *s, int *value)
{
    uint32_t v = 0;

    if (!*s || (s[0] == '0' && s[1]))
        return false;
    for (; *s; s++) {
        if (*s < '0' || *s > '9' || v > (INT32_MAX - 9) / 10)
            return false;
        v = v * 10 + (uint32_t)(*s - '0');
    }
    *value = (int)v;
    return true;
}

struct process *proc_process(const struct proc_node *n)
{
    struct process *p = process_find(n->pid);

    return p && p->start_ns == n->born ? p : NULL;
}

struct thread *proc_thread(const struct proc_node *n)
{
    struct process *p = proc_process(n);
    struct thread *t = n->tid ? thread_find(n->tid) : NULL;

    if (!p)
        return NULL;
    if (n->tid)
        return t && t->process == p ? t : NULL;
    for (t = p->threads; t && t->tid != p->pid; t = t->next)
        ;
    return t;
}

struct memory *proc_memory(const struct proc_node *n)
{
    const struct process *p = proc_process(n);

    return p && (!p->threads || proc_thread(n)) ? p->memory : NULL;
}

/* --- inodes --- */

/* Equal for equal names, and hardly ever for others. */
static uint32_t number_of(const struct proc_node *n)
{
    const uint32_t word[] = {(uint32_t)n->entry, (uint32_t)n->pid, (uint32_t)n->tid, (uint32_t)n->fd};
    uint32_t h = 2166136261u;

    for (unsigned i = 0; i < ARRAY_LEN(word); i++)
        h = (h ^ word[i]) * 16777619u ^ h >> 15;
    return h | 2; /* 0 and 1 are the root's and nobody's */
}

int proc_may_look(const struct proc_node *n)
{
    const struct process *p = n->entry->guarded ? proc_process(n) : NULL;
    const struct thread *t = p ? proc_thread(n) : NULL;

    return p && cred_may_trace(p, t ? t->cred : cred_of_process(p), true) ? -EACCES : 0;
}

/* What tells more of a process than that it is there is root's if nobody may look into it. */
static void take_owner(struct inode *i, const struct proc_node *n)
{
    const struct process *p = proc_process(n);
    const struct thread *t = p ? proc_thread(n) : NULL;
    const struct cred *c;

    if (!p)
        return;
    c = t ? t->cred : cred_of_process(p);
    if (i->mode == (S_IFDIR | 0555) || (p->memory && p->dumpable == DUMPABLE_USER)) {
        i->uid = c->euid;
        i->gid = c->egid;
    } else if (S_ISDIR(i->mode) && p == process_current()) { /* /dev/stdin and such */
        i->uid = c->fsuid;
    }
}

static bool is_text(const struct proc_entry *e)
{
    return e->show || e->show_next || e->count || e->count_next;
}

/* What can be done with what is neither read as it is nor has operations of its own. */
static const struct file_ops *text_ops_of(const struct proc_node *n, struct proc_inode *parent)
{
    if (is_sys(&parent->inode))
        return &sys_ops;
    if (!n->pid || parent->node.entry->children == proc_net_entries)
        return &text_ops;
    return is_text(n->entry) && !n->entry->counts_from_end ? &pid_text_ops : &pid_number_ops;
}

/* An inode from a description; takes a reference to its parent. */
static int make(const struct proc_node *from, struct proc_inode *parent, struct filesystem *fs,
                struct inode **out)
{
    struct proc_inode *n = vm_alloc(sizeof *n);
    const struct proc_entry *e = from->entry;

    if (!n)
        return -ENOMEM;
    inode_init(&n->inode, fs, e->mode);
    n->parent = parent;
    n->node = *from;
    n->inode.ino = parent ? number_of(from) : 1;
    n->inode.ops = &inode_ops;
    if (S_ISREG(e->mode))
        n->inode.file_ops = e->file_ops ? e->file_ops : e->read ? &raw_ops : text_ops_of(from, parent);
    n->inode.nlink = S_ISDIR(e->mode) ? 2 : 1;
    if (from->pid)
        take_owner(&n->inode, from);
    if (S_ISREG(e->mode) && fs->type == &sysfs_type)
        n->inode.size = PAGE_SIZE; /* as Linux says of each: they have no more */
    if (parent)
        n->inode.parent = inode_tree_get(&parent->inode);
    *out = &n->inode;
    return 0;
}

static void release(struct inode *i)
{
    struct proc_inode *n = made(i);
    struct inode *parent = S_ISDIR(i->mode) ? NULL : i->parent; /* a directory's is inode_put()'s business */

    inode_fini(i);
    kfree(n);
    inode_tree_put(parent);
}

/* Describe what is called so in a directory. */
static int find(const struct proc_node *dir, const char *name, struct proc_node *found)
{
    bool is_number = *name >= '0' && *name <= '9'; /* no fixed name begins like this */
    const struct proc_entry *e = is_number ? NULL : dir->entry->children;

    if (dir->pid && !proc_process(dir)) /* the directory of a process or a thread says so */
        return dir->entry->names ? -ENOENT : -ESRCH;
    if (proc_may_look(dir))
        return -EACCES;
    while (e && e->name && (e->name[0] != name[0] || strcmp(e->name, name) != 0))
        e++;
    if (!e || !e->name)
        return dir->entry->names ? dir->entry->names->lookup(dir, name, found) : -ENOENT;
    *found = *dir;
    found->entry = e;
    found->number = -1;
    return 0;
}

static int lookup(struct inode *i, const char *name, struct inode **out)
{
    struct proc_node found;
    int err = find(proc_node_of(i), name, &found);

    return err ? err : make(&found, made(i), i->fs, out);
}

static int lookup_through(struct inode *i, const char *name, struct inode **out)
{
    struct proc_node found;
    int err = find(proc_node_of(i), name, &found);
    bool leads = !err && found.entry->leads;

    if (leads)
        err = found.entry->leads(&found);
    if (err)
        return err;
    if (proc_may_look(&found))
        return -EACCES;
    if (!found.entry->follow)
        err = make(&found, made(i), i->fs, out);
    else
        err = found.entry->follow(&found, out);
    return err ? err : leads ? LOOKUP_LED : found.entry->follow ? LOOKUP_JUMPED : 0;
}

static int readdir(struct inode *i, uint64_t *pos,
                   bool (*emit)(void *arg, const char *name, uint32_t ino, uint32_t type), void *arg)
{
    const struct proc_node *dir = proc_node_of(i);
    const struct proc_entry *children = dir->entry->children;
    const struct proc_names *names = dir->entry->names;
    struct proc_node n = {.pid = dir->pid, .tid = dir->tid, .number = -1, .born = dir->born};
    uint64_t index = 0;

    if (dir->pid && !proc_process(dir))
        return -ENOENT;
    if (proc_may_look(dir))
        return -EACCES;
    for (; *pos < FIRST_MADE && children && children[index].name; index++) {
        if (index < *pos - 2)
            continue;
        n.entry = &children[index];
        if (!emit(arg, n.entry->name, number_of(&n), MODE_DTYPE(n.entry->mode)))
            return 0;
        ++*pos;
    }
    if (*pos < FIRST_MADE)
        *pos = FIRST_MADE;
    while (names && *pos - FIRST_MADE <= INT32_MAX) {
        int number = names->next(dir, (int)(*pos - FIRST_MADE));
        struct proc_node found;
        char text[12];

        if (number < 0)
            break;
        *pos = FIRST_MADE + (uint64_t)number;
        format(text, sizeof text, "%d", number);
        if (names->lookup(dir, text, &found) == 0 &&
            !emit(arg, text, number_of(&found), MODE_DTYPE(found.entry->mode)))
            return 0;
        ++*pos;
    }
    return 0;
}

static int readlink(struct inode *i, char *buf, size_t size)
{
    const struct proc_node *n = proc_node_of(i);

    if (proc_may_look(n))
        return -EACCES;
    return n->entry->readlink ? n->entry->readlink(n, buf, size) : -EINVAL;
}

static const char *name(struct inode *i)
{
    struct proc_inode *n = made(i);

    if (n->node.number < 0)
        return n->node.entry->name;
    format(n->number, sizeof n->number, "%d", n->node.number);
    return n->number;
}

/* /proc/PID itself, and nothing in it. */
static bool process(struct inode *i, struct pidfd_name *out)
{
    const struct proc_inode *n = made(i);

    *out = (struct pidfd_name){.pid = n->node.pid, .born = n->node.born};
    return S_ISDIR(i->mode) && n->node.pid && n->parent && !n->parent->node.pid;
}

/* Whether it is the directory of a process, or of a thread below task/. */
static bool is_process(const struct inode *i)
{
    const struct proc_node *n = proc_node_of(i);

    return S_ISDIR(i->mode) && n->number >= 0 && n->pid;
}

/* Whether it is /proc/sys, or lies below it. */
static bool is_sys(const struct inode *i)
{
    for (; i; i = i->parent)
        if (proc_node_of(i)->entry->children == proc_sys_entries)
            return true;
    return false;
}

/* As on Linux, the directory of a process or thread is never changed, and below sys the mode counts for root
 * too. */
static int refuse_write(const struct inode *i)
{
    if (is_process(i))
        return -EPERM;
    return !(i->mode & 0222) && is_sys(i) ? -EACCES : 0;
}

/* An inode that is made at the next look-up has the mode of its entry again, so it can have no other. */
static int refuse_mode(const struct inode *i, uint32_t mode)
{
    return proc_node_of(i)->pid || mode != (i->mode & 07777) || is_sys(i) ? -EPERM : 0;
}

static int refuse_change(const struct inode *i, bool times)
{
    return is_process(i) || (!times && is_sys(i)) ? -EPERM : 0;
}

static const struct inode_ops inode_ops = {
    .refuse_write = refuse_write,
    .refuse_mode = refuse_mode,
    .refuse_change = refuse_change,
    .lookup = lookup,
    .lookup_through = lookup_through,
    .readdir = readdir,
    .readlink = readlink,
    .name = name,
    .process = process,
    .release = release,
};

/* --- open files --- */

struct proc_file {
    struct mutex lock;
    struct text text;
    bool made;      /* text is the whole */
    bool in_parts;  /* text is what begins at `begin`; the record after it is at or above `from` */
    uint64_t begin; /* position in the file */
    uint32_t from;
    uint32_t mounts; /* the version of them that was told of */
};

/* Whether nobody may open it for writing if it takes nothing. */
static bool keeps_to_mode(const struct inode *i)
{
    return i->fs->type == &sysfs_type || is_sys(i) ||
           (i->parent && proc_node_of(i->parent)->entry->children == proc_net_entries);
}

static int open_text(struct file *f)
{
    const struct proc_entry *entry = proc_node_of(f->inode)->entry;
    struct proc_file *p;

    if (proc_may_look(proc_node_of(f->inode)))
        return -EACCES;
    /* Linux's rule below /proc/sys, also for root: what cannot be read or written cannot be opened for it. So
     * it is for writing with /sys and /proc/net. */
    if (file_reads(f) && entry->store_raw && !(entry->mode & 0400))
        return -EACCES;
    if (file_writes(f) && !entry->store && !entry->store_raw && keeps_to_mode(f->inode))
        return -EACCES;
    p = vm_zalloc(sizeof *p);
    if (!p)
        return -ENOMEM;
    f->data = p;
    return 0;
}

static void release_text(struct file *f)
{
    struct proc_file *p = f->data;

    text_free(&p->text);
    kfree(p);
}

/* The whole file, and as much of it as can be at one moment. Sleeps. */
static int show(struct text *t, const struct proc_node *n)
{
    const struct proc_entry *e = n->entry;
    uint32_t from = 0;
    int got;

    if (e->count)
        return e->count(t, n);
    if (e->count_next) {
        do
            got = e->count_next(t, n, &from);
        while (got > 0);
        return got;
    }
    nosleep_enter("what the text is about");
    if (e->show)
        got = e->show(t, n);
    else
        do
            got = e->show_next(t, n, &from);
        while (got > 0);
    nosleep_exit();
    return got;
}

static int render(const struct proc_node *n, struct proc_file *p)
{
    for (unsigned i = 0; i < RENDER_TRIES; i++) {
        int err;

        text_rewind(&p->text);
        err = show(&p->text, n);
        if (err || text_complete(&p->text))
            return err;
        err = text_extend(&p->text);
        if (err)
            return err;
    }
    return -ENOMEM;
}

/* The next record of a file that is made in parts. Sleeps. */
static int next_record(struct text *t, const struct proc_node *n, uint32_t *from)
{
    int got;

    if (n->entry->count_next)
        return n->entry->count_next(t, n, from);
    nosleep_enter("what the record is about");
    got = n->entry->show_next(t, n, from);
    nosleep_exit();
    return got;
}

/* The records after the text: one, and as many more as are wanted and fit into a page. Sleeps. */
static void add_records(const struct proc_node *n, struct proc_file *p, size_t want, uint32_t *from, int *err)
{
    size_t before;
    uint32_t here;

    do {
        before = p->text.size;
        here = *from;
        *err = next_record(&p->text, n, from);
    } while (*err > 0 && p->text.size < want && p->text.size < PAGE_SIZE);
    if (before && p->text.size > PAGE_SIZE) {
        text_cut(&p->text, before);
        *from = here;
    }
}

/* Let the text be what comes after it, about as much as is wanted. */
static int render_part(const struct proc_node *n, struct proc_file *p, size_t want)
{
    p->begin += p->text.size;
    text_rewind(&p->text);
    for (unsigned i = 0; i < RENDER_TRIES; i++) {
        uint32_t from = p->from;
        int err;

        add_records(n, p, want, &from, &err);
        if (err < 0)
            return err;
        if (text_complete(&p->text)) {
            p->from = from;
            return 0;
        }
        err = text_extend(&p->text);
        text_rewind(&p->text);
        if (err)
            return err;
    }
    return -ENOMEM;
}

/*
 * Long files are made in parts, as they are read: a read gives what is left of the last part, then whole
 * records up to a page, as Linux's do. So a program that looks at the beginning does not wait for all of it.
 */
static int read_parts(const struct proc_node *n, struct proc_file *p, uint64_t pos, vaddr_t buf, size_t size)
{
    int left = text_read(&p->text, pos - p->begin, buf, size), got;

    if (left < 0 || (size_t)left == size)
        return left;
    got = render_part(n, p, size - (size_t)left);
    if (got == 0)
        got = text_read(&p->text, 0, buf + (vaddr_t)left, size - (size_t)left);
    return got < 0 ? left ? left : got : left + got;
}

static int read_whole(const struct proc_node *n, struct proc_file *p, uint64_t pos, vaddr_t buf, size_t size)
{
    if (!p->made || pos == 0) {
        int err = render(n, p);

        p->made = err == 0;
        if (err)
            return err;
    }
    return text_read(&p->text, pos, buf, size);
}

static int read_text(struct file *f, vaddr_t buf, size_t n, uint64_t *pos)
{
    const struct proc_node *node = proc_node_of(f->inode);
    struct proc_file *p = f->data;
    int got;

    if (!is_text(node->entry))
        return -EINVAL;
    if (proc_may_look(node))
        return -EACCES;
    if (n == 0)
        return 0;
    mutex_lock(&p->lock);
    if (*pos == 0 && (node->entry->show_next || node->entry->count_next)) {
        text_rewind(&p->text);
        p->in_parts = true;
        p->made = false;
        p->begin = p->from = 0;
    } else if (p->in_parts && (*pos < p->begin || *pos > p->begin + p->text.size)) {
        p->in_parts = false; /* not where the last read ended */
    }
    got = p->in_parts ? read_parts(node, p, *pos, buf, n) : read_whole(node, p, *pos, buf, n);
    if (got > 0)
        *pos += (uint64_t)got;
    mutex_unlock(&p->lock);
    return got;
}

static int write_text(struct file *f, vaddr_t buf, size_t n, uint64_t *pos)
{
    const struct proc_node *node = proc_node_of(f->inode);
    const struct proc_entry *entry = node->entry;
    size_t size = n < STORE_MAX - 1 ? n : STORE_MAX - 1;
    char *s;
    int err;

    if (!entry->store && !entry->store_raw)
        return node->pid ? -EINVAL : -EIO;
    if (proc_may_look(node))
        return -EACCES;
    if (n == 0 && entry->store_raw)
        return 0;
    if (*pos && entry->begins_only)
        return -EINVAL;
    s = vm_alloc(STORE_MAX);
    if (!s)
        return -ENOMEM;
    err = user_copy_in(s, buf, size);
    s[err ? 0 : size] = '\0';
    if (!err && entry->store_raw) {
        int got = entry->store_raw(node, s, size, pos);

        kfree(s);
        return got < 0 ? got : (int)(n - size) + got;
    }
    if (!err) {
        if (size && s[size - 1] == '\n')
            s[size - 1] = '\0';
        err = entry->store(node, s);
    }
    kfree(s);
    if (err)
        return err;
    *pos += n;
    return (int)n;
}

/* As far as the program's memory goes. Bytes. */
static size_t copy_parts(vaddr_t to, const uint8_t *from, size_t n)
{
    size_t done = 0;

    while (done < n) {
        size_t part = user_part(to + done, n - done);

        if (user_copy_out(to + done, from + done, part))
            break;
        done += part;
    }
    return done;
}

static int read_raw(struct file *f, vaddr_t buf, size_t n, uint64_t *pos)
{
    const struct proc_node *node = proc_node_of(f->inode);
    uint8_t *chunk;
    int got = 0;
    size_t done = 0, copied;

    if (proc_may_look(node)) /* it may have become another program since it was opened */
        return -EACCES;
    chunk = vm_alloc(PAGE_SIZE);
    if (!chunk)
        return -ENOMEM;
    while (done < n) {
        got = node->entry->read(node, *pos, chunk, n - done < PAGE_SIZE ? n - done : PAGE_SIZE);
        if (got <= 0)
            break;
        copied = copy_parts(buf + done, chunk, (size_t)got);
        done += copied;
        *pos += copied;
        if (copied < (size_t)got) {
            got = -EFAULT;
            break;
        }
        if (thread_breathe())
            break;
    }
    kfree(chunk);
    return done ? (int)done : got;
}

/* Positions are places in the text, which is not there as a whole: there is no end to count from. */
static int seek_text(struct file *f, int64_t offset, int whence, uint64_t *result)
{
    enum { FROM_START, FROM_HERE, FROM_END, FROM_DATA };
    int64_t at = whence == FROM_HERE ? (int64_t)f->pos : 0;

    if (whence > FROM_HERE && !proc_node_of(f->inode)->entry->counts_from_end && !is_sys(f->inode))
        return -EINVAL;
    if (whence >= FROM_DATA)
        return -ENXIO;
    if (__builtin_add_overflow(at, offset, &at) || at < 0)
        return -EINVAL;
    *result = f->pos = (uint64_t)at;
    return 0;
}

/* What is no process's says something else than others that it cannot be mapped. */
static int mmap_text(struct file *f, uint32_t page, size_t size, unsigned region_flags, struct object **out)
{
    (void)page;
    (void)size;
    (void)region_flags;
    *out = NULL;
    return is_sys(f->inode) ? -ENODEV : -EIO;
}

/* What is no process's is always ready, and can be watched for that. */
static unsigned poll_text(struct file *f, struct poll_table *table)
{
    (void)f;
    (void)table;
    return POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
}

#define TEXT                                                                                                 \
    .open = open_text, .release = release_text, .read = read_text, .write = write_text, .seek = seek_text
#define NOT_OF_A_PROCESS .poll = poll_text, .mmap = mmap_text
#define OF_A_PROCESS     .never_out = true, .never_in = true
/* As on Linux, what is made line by line is written to at no place. */
static const struct file_ops text_ops = {TEXT, NOT_OF_A_PROCESS, .never_at = true};
static const struct file_ops sys_ops = {TEXT, NOT_OF_A_PROCESS};
static const struct file_ops pid_text_ops = {TEXT, OF_A_PROCESS, .never_at = true};
static const struct file_ops pid_number_ops = {TEXT, OF_A_PROCESS};

/* What is mounted can be watched for changes: who asks is told of each once. */
static int open_mounts(struct file *f)
{
    const struct process *p = proc_process(proc_node_of(f->inode));
    int err = p && p->state == PROCESS_ZOMBIE ? -EINVAL : open_text(f); /* who has ended sees none */

    if (!err)
        ((struct proc_file *)f->data)->mounts = vfs_mounts_version;
    return err;
}

static unsigned poll_mounts(struct file *f, struct poll_table *table)
{
    struct proc_file *p = f->data;
    unsigned ready = POLLIN | POLLRDNORM;

    poll_register(table, &vfs_mounts_watchers);
    if (p->mounts != vfs_mounts_version) {
        p->mounts = vfs_mounts_version;
        ready |= POLLERR | POLLPRI;
    }
    return ready;
}

const struct file_ops proc_mounts_ops = {.open = open_mounts,
                                         .release = release_text,
                                         .read = read_text,
                                         .seek = seek_text,
                                         .poll = poll_mounts,
                                         .never_at = true};

static int open_raw(struct file *f)
{
    return proc_may_look(proc_node_of(f->inode));
}

static const struct file_ops raw_ops = {.open = open_raw, .read = read_raw, .never_out = true};
const struct file_ops proc_pagemap_ops = {
    .open = open_raw, .read = read_raw, .seek = proc_seek_memory, .never_out = true};

/* --- the filesystem --- */

static const struct proc_entry root = {
    .name = "/",
    .mode = S_IFDIR | 0555,
    .children = proc_root_entries,
    .names = &proc_pids,
};

static const struct proc_entry sysfs_root = {
    .name = "/",
    .mode = S_IFDIR | 0555,
    .children = sysfs_entries,
};

static int mount_root(struct filesystem *fs, const struct proc_entry *entry)
{
    struct proc_node n = {.entry = entry, .number = -1};
    int err = make(&n, NULL, fs, &fs->root);

    if (!err)
        inode_to_tree(fs->root);
    return err;
}

static int mount(struct filesystem *fs, const char *options)
{
    (void)options;
    return mount_root(fs, &root);
}

static int mount_sysfs(struct filesystem *fs, const char *options)
{
    (void)options;
    return mount_root(fs, &sysfs_root);
}

static void destroy(struct filesystem *fs)
{
    inode_tree_put(fs->root);
}

static struct filesystem_type type = {.name = "proc",
                                      .magic = PROC_MAGIC,
                                      .block = 1024,
                                      .mount = mount,
                                      .destroy = destroy,
                                      .abstract = true,
                                      .made_up = true};
static struct filesystem_type sysfs_type = {.name = "sysfs",
                                            .magic = SYSFS_MAGIC,
                                            .mount = mount_sysfs,
                                            .destroy = destroy,
                                            .abstract = true,
                                            .made_up = true};

void procfs_init(const char *cmdline)
{
    proc_cmdline = cmdline;
    filesystem_register(&type);
    filesystem_register(&sysfs_type);
}
