/*
 * The filesystem in memory.
 *
 * Purpose. One implementation for the root, tmpfs, devtmpfs and files without a name. Nothing is stored
 * elsewhere: names live in kernel memory, contents in objects, whose pages can be swapped.
 *
 * Data. A node is an inode and what its type needs: a directory has its entries twice, in a list in the order
 * they were made, which readdir follows, and in a hash table once there are more than a few. An entry's
 * position never changes and is never used again, so a directory can be read while it changes: an entry that
 * stays is seen once. A symlink has its target. A regular file has an object.
 *
 * A regular file has an object, which holds the node (ramfs_file.c): whoever drops the last of the two, inode
 * or object (a mapping may outlive its file), frees the node.
 *
 * Locking. One processor: entries change in sections that do not sleep. What sleeps (memory) comes first,
 * then everything is checked, then it is changed; references are dropped last.
 *
 * Limits. A filesystem has as many inodes as nr_inodes= says, by default one for two pages of memory, as on
 * Linux. And since these, names, targets and tables stay in the kernel's memory whoever ends, they count as
 * kept (vfs_keep()), but for those of files without a name, which go with the last process that has them
 * open.
 *
 * Invariants; ramfs_verify.c checks them.
 *   INV-RAMFS-1  an entry is in its directory's list and, if there is a table, in the table
 *   INV-RAMFS-2  an entry holds one reference to its inode, and a directory's inode one to its parent; all
 *                others are counted in filesystem.users
 *   INV-RAMFS-3  nlink of a file is the number of entries that name it, but 1 of what is nothing but an
 *                inode; of a directory 2 + its directories
 *
 * Failure. -ENOMEM and -ENOSPC leave no trace.
 */
#include "kernel/fs/ramfs.h"
#include "kernel/fs/file.h"
#include "kernel/fs/permission.h"
#include "kernel/fs/ramfs_file.h"
#include "kernel/fs/ramfs_parts.h"
#include "kernel/fs/xattr.h"
#include "kernel/lib/number.h"
#include "kernel/vm/memory.h"
#include "kernel/vm/vm_sys.h"
#include "mm/kva_map.h"

#define MAGIC_TMPFS 0x01021994u
#define MAGIC_ANON  0x09041934u
#define TABLE_FROM  8u /* entries, from which on there is a table */

static const struct inode_ops ops;

static struct filesystem anonymous;
struct node *ramfs_nodes;

static struct node *node_of(struct inode *i)
{
    return ramfs_node_of(i);
}

/* --- what is kept --- */

/* Count memory of fs as kept. 0, or -ENOSPC: it was freed. NULL is -ENOMEM. */
static int keep(const struct filesystem *fs, void *p)
{
    int err;

    if (!p)
        return -ENOMEM;
    err = fs == &anonymous ? 0 : vfs_keep(kmalloc_usable(&kmalloc_sys, p));
    if (err)
        kfree(p);
    return err;
}

/* Free what was counted. NULL is fine. */
static void let_go(const struct filesystem *fs, void *p)
{
    if (p && fs != &anonymous)
        vfs_give_back(kmalloc_usable(&kmalloc_sys, p));
    kfree(p);
}

/* Whether fs may have one more inode, or one more name of one. */
static bool has_inode(const struct filesystem *fs)
{
    return !fs->max_inodes || (uint64_t)fs->inodes + fs->links < fs->max_inodes;
}

/* --- nodes --- */

void ramfs_node_free(struct inode *i)
{
    struct node *n = node_of(i);
    const struct filesystem *fs = n->inode.fs;

    if (S_ISREG(i->mode) && fs != &anonymous)
        vfs_give_back(sizeof(struct object));
    if (n->xattrs)
        xattr_drop(i);
    inode_fini(i);
    *n->all_at = n->all_next;
    if (n->all_next)
        n->all_next->all_at = n->all_at;
    kfree(n->inode.gone);
    let_go(fs, n);
}

/* A directory's table of so many buckets; large ones need no block. NULL: none, for whatever reason. Does not
 * sleep. */
static struct entry **table_alloc(const struct filesystem *fs, uint32_t buckets)
{
    size_t bytes = buckets * sizeof(struct entry *);
    struct entry **table;

    if (fs != &anonymous && vfs_keep(bytes))
        return NULL;
    /* no reclaim: a table that does not grow has longer chains */
    table = bytes <= PAGE_SIZE ? kzalloc(bytes) : kva_table_alloc(&kva_map_sys, bytes);
    if (!table && fs != &anonymous)
        vfs_give_back(bytes);
    return table;
}

static void let_go_table(const struct filesystem *fs, struct entry **table, uint32_t buckets)
{
    size_t bytes = buckets * sizeof *table;

    if (!table)
        return;
    if (fs != &anonymous)
        vfs_give_back(bytes);
    if (bytes <= PAGE_SIZE)
        kfree(table);
    else
        kva_table_free(&kva_map_sys, table, bytes);
}

static void release(struct inode *i)
{
    struct node *n = node_of(i);

    if (S_ISDIR(i->mode))
        let_go_table(i->fs, n->dir.table, n->dir.buckets);
    if (S_ISLNK(i->mode))
        let_go(i->fs, n->target);
    if (i->object)
        object_put(i->object); /* frees the node, now or with the last mapping */
    else
        ramfs_node_free(i);
}

/* A node without a name, and without links. umask is the caller's business. */
static int make(struct filesystem *fs, uint32_t mode, uint32_t rdev, struct node **out)
{
    struct node *n = vm_zalloc(sizeof *n);
    int err = keep(fs, n);

    if (err)
        return err;
    if (!has_inode(fs) || (S_ISREG(mode) && fs != &anonymous && vfs_keep(sizeof(struct object)))) {
        let_go(fs, n);
        return -ENOSPC;
    }
    inode_init(&n->inode, fs, mode);
    n->all_at = &ramfs_nodes;
    n->all_next = ramfs_nodes;
    if (n->all_next)
        n->all_next->all_at = &n->all_next;
    ramfs_nodes = n;
    n->inode.ops = &ops;
    n->inode.nlink = 0;
    n->inode.rdev = rdev;
    if (S_ISDIR(mode)) {
        n->dir.next_pos = 2;
        n->inode.size = 2 * RAMFS_ENTRY_SIZE;
    }
    if (S_ISREG(mode) && ramfs_file_init(&n->inode)) {
        inode_put(&n->inode);
        return -ENOMEM;
    }
    *out = n;
    return 0;
}

/* --- directories --- */

uint32_t ramfs_hash(const char *name)
{
    uint32_t h = 2166136261u; /* FNV-1a */

    while (*name)
        h = (h ^ (uint8_t)*name++) * 16777619u;
    return h;
}

static struct entry *find(struct node *d, const char *name)
{
    uint32_t h = ramfs_hash(name);
    struct entry *e;

    if (d->dir.table)
        for (e = d->dir.table[h & (d->dir.buckets - 1)]; e; e = e->hash_next) {
            if (e->hash == h && strcmp(e->name, name) == 0)
                return e;
        }
    else
        for (e = d->dir.first; e; e = e->next)
            if (e->hash == h && strcmp(e->name, name) == 0)
                return e;
    return NULL;
}

/* 0, -ENOMEM or -ENOSPC. */
static int entry_alloc(const struct filesystem *fs, const char *name, struct entry **out)
{
    size_t n = strlen(name);
    struct entry *e = vm_alloc(sizeof *e + n + 1);
    int err = keep(fs, e);

    if (err)
        return err;
    *e = (struct entry){.hash = ramfs_hash(name)};
    memcpy(e->name, name, n + 1);
    *out = e;
    return 0;
}

static void hash_in(struct node *d, struct entry *e)
{
    struct entry **bucket = &d->dir.table[e->hash & (d->dir.buckets - 1)];

    e->hash_next = *bucket;
    *bucket = e;
}

/* Double the table, if it is full and there is memory; else the chains grow. */
static void grow_table(struct node *d)
{
    uint32_t buckets = d->dir.table ? 2 * d->dir.buckets : 2 * TABLE_FROM;
    struct entry **table;

    if (d->dir.count < (d->dir.table ? d->dir.buckets : TABLE_FROM))
        return;
    table = table_alloc(d->inode.fs, buckets);
    if (!table)
        return;
    let_go_table(d->inode.fs, d->dir.table, d->dir.buckets);
    d->dir.table = table;
    d->dir.buckets = buckets;
    for (struct entry *e = d->dir.first; e; e = e->next)
        hash_in(d, e);
}

static void touch(struct inode *dir)
{
    dir->mtime_ns = dir->ctime_ns = inode_now();
}

/* The inode is called by its first name: a file lies where that is. */
static void call_by_first(struct node *n)
{
    if (!S_ISDIR(n->inode.mode))
        n->inode.parent = n->entry ? n->entry->dir : NULL;
}

static void name_first(struct node *n, struct entry *e)
{
    e->also = n->entry;
    e->also_at = &n->entry;
    if (e->also)
        e->also->also_at = &e->also;
    n->entry = e;
    call_by_first(n);
}

static void name_no_more(struct node *n, struct entry *e)
{
    *e->also_at = e->also;
    if (e->also)
        e->also->also_at = e->also_at;
    call_by_first(n);
}

/* Put an entry for inode into d; one of the tree's references becomes the entry's. */
static void enter(struct node *d, struct entry *e, struct inode *i)
{
    grow_table(d);
    e->inode = i;
    e->dir = &d->inode;
    e->pos = d->dir.next_pos++;
    e->next = NULL;
    e->prev = d->dir.last;
    if (e->prev)
        e->prev->next = e;
    else
        d->dir.first = e;
    d->dir.last = e;
    d->dir.count++;
    d->inode.size += RAMFS_ENTRY_SIZE;
    if (d->dir.table)
        hash_in(d, e);
    name_first(node_of(i), e);
    if (S_ISDIR(i->mode)) {
        i->parent = inode_tree_get(&d->inode);
        d->inode.nlink++;
    }
    touch(&d->inode);
}

/* Take an entry out of d. It keeps the reference to its inode, and a directory's inode that to its parent. */
static void leave(struct node *d, struct entry *e)
{
    struct node *n = node_of(e->inode);

    if (d->dir.table) {
        struct entry **at = &d->dir.table[e->hash & (d->dir.buckets - 1)];

        while (*at != e)
            at = &(*at)->hash_next;
        *at = e->hash_next;
    }
    if (d->dir.cursor == e)
        d->dir.cursor = e->next;
    if (e->prev)
        e->prev->next = e->next;
    else
        d->dir.first = e->next;
    if (e->next)
        e->next->prev = e->prev;
    else
        d->dir.last = e->prev;
    d->dir.count--;
    name_no_more(n, e);
    if (S_ISDIR(n->inode.mode))
        d->inode.nlink--;
    d->inode.size -= RAMFS_ENTRY_SIZE;
    touch(&d->inode);
}

static int lookup(struct inode *dir, const char *name, struct inode **out)
{
    struct entry *e = find(node_of(dir), name);

    if (!e)
        return -ENOENT;
    *out = inode_get(e->inode);
    return 0;
}

/* Whether a name can be made in dir now. */
static int can_enter(struct inode *dir, const char *name)
{
    if (!dir->nlink)
        return -ENOENT; /* removed meanwhile */
    return find(node_of(dir), name) ? -EEXIST : 0;
}

static int create(struct inode *dir, const char *name, uint32_t mode, uint32_t rdev, struct inode **out)
{
    struct node *n;
    struct entry *e = NULL;
    int err = make(dir->fs, mode, rdev, &n);

    if (err)
        return err;
    inode_take_owner(&n->inode, dir);
    if (name) {
        err = entry_alloc(dir->fs, name, &e);
        if (!err)
            err = can_enter(dir, name);
        if (err) {
            let_go(dir->fs, e);
            inode_put(&n->inode);
            return err;
        }
        n->inode.nlink = S_ISDIR(mode) ? 2 : 1;
        enter(node_of(dir), e, &n->inode);
        inode_to_tree(&n->inode);
        if (out)
            *out = inode_get(&n->inode);
    } else {
        *out = &n->inode;
    }
    return 0;
}

static int symlink(struct inode *dir, const char *name, const char *target)
{
    size_t size = strlen(target);
    struct entry *e = NULL;
    struct node *n;
    char *copy;
    int err = entry_alloc(dir->fs, name, &e);

    if (!err)
        err = make(dir->fs, S_IFLNK | 0777, 0, &n);
    if (err) {
        let_go(dir->fs, e);
        return err;
    }
    copy = vm_alloc(size + 1);
    err = keep(dir->fs, copy);
    if (!err) {
        n->target = copy;
        err = can_enter(dir, name);
    }
    if (err) {
        let_go(dir->fs, e);
        inode_put(&n->inode);
        return err;
    }
    memcpy(n->target, target, size + 1);
    n->inode.size = size;
    n->inode.nlink = 1;
    inode_take_owner(&n->inode, dir);
    enter(node_of(dir), e, &n->inode);
    inode_to_tree(&n->inode);
    return 0;
}

static int readlink(struct inode *i, char *buf, size_t size)
{
    if (!S_ISLNK(i->mode))
        return -EINVAL;
    size_t n = i->size < size ? (size_t)i->size : size;

    memcpy(buf, node_of(i)->target, n);
    return (int)n;
}

static int link(struct inode *dir, const char *name, struct inode *target)
{
    struct entry *e = NULL;
    int err = entry_alloc(dir->fs, name, &e);

    if (!err)
        err = can_enter(dir, name);
    if (!err && !target->nlink && !target->linkable)
        err = -ENOENT; /* its last name is gone */
    if (!err && target->nlink && !has_inode(dir->fs))
        err = -ENOSPC;
    if (err) {
        let_go(dir->fs, e);
        return err;
    }
    dir->fs->links += !!target->nlink;
    target->nlink++;
    target->linkable = false;
    kfree(target->gone); /* what it was called without a name */
    target->gone = NULL;
    target->ctime_ns = inode_now();
    enter(node_of(dir), e, inode_tree_get(target));
    return 0;
}

/* Free what leave() took out. The inode loses its name. */
static void discard(struct entry *e)
{
    struct inode *i = e->inode;

    if (!S_ISDIR(i->mode) && i->nlink > 1)
        i->fs->links--;
    i->nlink -= S_ISDIR(i->mode) ? 2 : 1;
    i->ctime_ns = inode_now();
    let_go(i->fs, e);
    inode_tree_put(i);
}

/* Whether e may be removed as a directory, or as a file. */
static int can_remove(const struct entry *e, bool directory)
{
    struct inode *i = e->inode;

    if (i->covered_by)
        return -EBUSY;
    if (!S_ISDIR(i->mode))
        return directory ? -ENOTDIR : 0;
    if (!directory)
        return -EISDIR;
    return node_of(i)->dir.count ? -ENOTEMPTY : 0;
}

static int unlink(struct inode *dir, const char *name, bool directory)
{
    struct entry *e = find(node_of(dir), name);
    int err = e ? can_remove(e, directory) : -ENOENT;

    if (err)
        return err;
    leave(node_of(dir), e);
    discard(e);
    return 0;
}

/* Whether dir is i or lies below it. */
static bool lies_in(const struct inode *dir, const struct inode *i)
{
    for (; dir; dir = dir->parent)
        if (dir == i)
            return true;
    return false;
}

static int can_rename(struct inode *dir, struct inode *to_dir, const struct entry *from,
                      const struct entry *to, unsigned flags)
{
    const struct inode *i = from->inode;

    if (to && flags & RENAME_NOREPLACE)
        return -EEXIST;
    if (S_ISDIR(i->mode) && lies_in(to_dir, i))
        return -EINVAL;
    if (to && S_ISDIR(to->inode->mode) && lies_in(dir, to->inode))
        return flags & RENAME_EXCHANGE ? -EINVAL : -ENOTEMPTY;
    if (i->covered_by || (to && to->inode->covered_by))
        return -EBUSY;
    if (!to_dir->nlink)
        return -ENOENT;
    if (!to)
        return flags & RENAME_EXCHANGE ? -ENOENT : 0;
    if (flags & RENAME_EXCHANGE || to->inode == i)
        return 0;
    return can_remove(to, S_ISDIR(i->mode));
}

/* The reference that a directory has to its parent; none for others. */
static struct inode *parent_ref(const struct inode *i)
{
    return S_ISDIR(i->mode) ? i->parent : NULL;
}

/* Let two entries change their inodes. */
static void exchange(struct node *d1, struct entry *e1, struct node *d2, struct entry *e2)
{
    struct inode *i1 = e1->inode, *i2 = e2->inode;
    struct inode *p1 = parent_ref(i1), *p2 = parent_ref(i2);

    leave(d1, e1);
    leave(d2, e2);
    enter(d1, e1, i2);
    enter(d2, e2, i1);
    i1->ctime_ns = i2->ctime_ns = inode_now();
    inode_tree_put(p1);
    inode_tree_put(p2);
}

static int rename(struct inode *dir, const char *name, struct inode *to_dir, const char *to_name,
                  unsigned flags)
{
    struct entry *fresh;
    struct node *d1 = node_of(dir), *d2 = node_of(to_dir);
    int err = entry_alloc(dir->fs, to_name, &fresh);

    if (err)
        return err;

    struct entry *from = find(d1, name), *to = find(d2, to_name);

    err = from ? can_rename(dir, to_dir, from, to, flags) : -ENOENT;

    if (err || (to && to->inode == from->inode)) { /* two names of one file: nothing happens */
        let_go(dir->fs, fresh);
        return err;
    }
    if (flags & RENAME_EXCHANGE) {
        let_go(dir->fs, fresh);
        exchange(d1, from, d2, to);
        return 0;
    }
    struct inode *i = from->inode, *old = parent_ref(i);

    if (to)
        leave(d2, to);
    leave(d1, from);
    enter(d2, fresh, i);
    i->ctime_ns = inode_now();
    let_go(dir->fs, from);
    inode_tree_put(old);
    if (to)
        discard(to);
    return 0;
}

static int readdir(struct inode *dir, uint64_t *pos,
                   bool (*emit)(void *arg, const char *name, uint32_t ino, uint32_t type), void *arg)
{
    struct node *d = node_of(dir);
    struct entry *e = d->dir.cursor;

    /* The hint serves the reader that goes on where it stopped. */
    if (!e || e->pos > *pos || *pos < 3)
        e = d->dir.first;
    while (e && e->pos < *pos)
        e = e->next;
    for (; e; e = e->next) {
        *pos = e->pos;
        if (!emit(arg, e->name, e->inode->ino, MODE_DTYPE(e->inode->mode)))
            break;
    }
    d->dir.cursor = e;
    if (!e)
        *pos = d->dir.next_pos;
    return 0;
}

static const char *name_of(struct inode *i)
{
    const struct entry *e = node_of(i)->entry;

    return e ? e->name : NULL;
}

static void opened_as(struct inode *dir, const char *name, struct inode *i)
{
    struct entry *e = find(node_of(dir), name);

    if (e && e->inode == i) {
        name_no_more(node_of(i), e);
        name_first(node_of(i), e);
    }
}

static const struct inode_ops ops = {
    .lookup = lookup,
    .opened_as = opened_as,
    .create = create,
    .link = link,
    .unlink = unlink,
    .rename = rename,
    .symlink = symlink,
    .readlink = readlink,
    .readdir = readdir,
    .name = name_of,
    .truncate = ramfs_truncate,
    .fallocate = ramfs_fallocate,
    .release = release,
};

/* --- filesystems --- */

#define PAGES_MAX ((uint64_t)INT64_MAX >> PAGE_SHIFT) /* so that it can be said in bytes */

/* How many pages there may be: as bytes with a unit, percent of `total`, or (blocks) as pages with a unit. */
static int parse_pages(const char **s, bool blocks, uint64_t total, uint64_t *pages)
{
    uint64_t n;

    if (!number_any(s, &n))
        return -EINVAL;
    if (!blocks && **s == '%') {
        ++*s;
        if (n > UINT64_MAX / total)
            return -EINVAL;
        n = n * total / 100;
    } else if (!number_unit(s, &n)) {
        return -EINVAL;
    } else if (!blocks) {
        n = n / PAGE_SIZE + (n % PAGE_SIZE != 0);
    }
    if (n > PAGES_MAX)
        return -EINVAL;
    *pages = n;
    return 0;
}

/* A word of n characters that every filesystem knows, with a value that nobody looks at, and that is one
 * of mount(2)'s flags: or one that asks tmpfs for what it does anyhow. */
static bool known_word(struct filesystem *fs, const char *s, size_t n)
{
    static const struct {
        const char *word;
        unsigned set, clear;
    } flag[] = {
        {"ro", MOUNT_RDONLY, 0},         {"rw", 0, MOUNT_RDONLY},         {"sync", MOUNT_SYNCHRONOUS, 0},
        {"async", 0, MOUNT_SYNCHRONOUS}, {"dirsync", MOUNT_DIRSYNC, 0},   {"mand", MOUNT_MANDLOCK, 0},
        {"nomand", 0, MOUNT_MANDLOCK},   {"lazytime", MOUNT_LAZYTIME, 0}, {"nolazytime", 0, MOUNT_LAZYTIME},
    };
    static const char *const other[] = {"huge=never", "inode32"};
    size_t key = 0;

    while (key < n && s[key] != '=')
        key++;
    for (unsigned w = 0; w < ARRAY_LEN(flag); w++)
        if (strlen(flag[w].word) == key && strncmp(s, flag[w].word, key) == 0) {
            fs->flags = (fs->flags & ~flag[w].clear) | flag[w].set;
            return true;
        }
    for (unsigned w = 0; w < ARRAY_LEN(other); w++)
        if (strlen(other[w]) == n && strncmp(s, other[w], n) == 0)
            return true;
    return false;
}

/* NAME=NUMBER of at most 32 bits, in a base or (0) as it is written. Whether it was that name; *err: 0 or
 * -EINVAL. */
static bool parse_number(const char **s, const char *name, unsigned base, uint32_t *value, int *err)
{
    size_t length = strlen(name);
    uint64_t n;

    if (strncmp(*s, name, length) != 0)
        return false;
    *s += length;
    *err = (base ? number_digits(s, base, &n) : number_any(s, &n)) && n <= UINT32_MAX ? 0 : -EINVAL;
    if (!*err)
        *value = (uint32_t)n;
    return true;
}

/* size=N[kmg%], nr_blocks=N[kmg], nr_inodes=N[kmg], mode=OCTAL, uid=N, gid=N. */
static int parse_options(struct filesystem *fs, const char *s)
{
    uint32_t total = frame_pool_sys.end - frame_pool_sys.used[FRAME_RESERVED];
    uint64_t n;
    int err = 0;

    while (s && *s) {
        bool blocks = strncmp(s, "nr_blocks=", 10) == 0;

        if (blocks || strncmp(s, "size=", 5) == 0) {
            s += blocks ? 10 : 5;
            if (parse_pages(&s, blocks, total, &fs->max_pages))
                return -EINVAL;
        } else if (strncmp(s, "nr_inodes=", 10) == 0) {
            s += 10;
            if (!number_any(&s, &n) || !number_unit(&s, &n))
                return -EINVAL;
            fs->max_inodes = n;
        } else if (!parse_number(&s, "mode=", 8, &fs->mode, &err) &&
                   !parse_number(&s, "uid=", 0, &fs->uid, &err) &&
                   !parse_number(&s, "gid=", 0, &fs->gid, &err)) {
            const char *end = s;

            while (*end && *end != ',')
                end++;
            if (end != s && !known_word(fs, s, (size_t)(end - s)))
                return -EINVAL;
            s = end;
        }
        if (*s == ',')
            s++;
        else if (*s)
            return -EINVAL;
        if (err)
            return err;
    }
    fs->mode &= 07777;
    return fs->uid == UINT32_MAX || fs->gid == UINT32_MAX ? -EINVAL : 0;
}

int ramfs_mount_root(struct filesystem *fs, uint32_t mode)
{
    struct node *n;
    int err = make(fs, S_IFDIR | mode, 0, &n);

    if (err)
        return err;
    n->inode.nlink = 2;
    inode_to_tree(&n->inode);
    fs->root = &n->inode;
    return 0;
}

uint64_t ramfs_default_limit(void)
{
    return (frame_pool_sys.end - frame_pool_sys.used[FRAME_RESERVED]) / 2;
}

uint64_t ramfs_default_inodes(void)
{
    uint64_t low = ramfs_default_limit() * 2 - frame_pool_sys.managed[ZONE_HIGH];

    return low < ramfs_default_limit() ? low : ramfs_default_limit();
}

static int mount_rootfs(struct filesystem *fs, const char *options)
{
    (void)options;
    fs->max_pages = ramfs_default_limit();
    fs->max_inodes = ramfs_default_inodes();
    return ramfs_mount_root(fs, 0755);
}

static int mount_tmpfs(struct filesystem *fs, const char *options)
{
    int err;

    fs->max_pages = ramfs_default_limit();
    fs->max_inodes = ramfs_default_inodes();
    err = parse_options(fs, options);
    if (!err)
        err = ramfs_mount_root(fs, fs->mode);
    if (err)
        return err;
    fs->root->uid = fs->uid;
    fs->root->gid = fs->gid;
    return 0;
}

/* The entry of the tree after e, which is in *d, top-down. */
static struct entry *next_entry(struct node **d, struct entry *e)
{
    struct node *n = node_of(e->inode);

    if (S_ISDIR(n->inode.mode) && n->dir.first) {
        *d = n;
        return n->dir.first;
    }
    while (!e->next) {
        e = (*d)->entry;
        if (!e)
            return NULL;
        *d = node_of((*d)->inode.parent);
    }
    return e->next;
}

/* Whether a file is such; or one is without a name, which somebody has all the same. */
static bool any_file(const struct filesystem *fs, bool (*such)(const struct inode *i))
{
    struct node *d = node_of(fs->root);
    uint32_t seen = 1;

    for (struct entry *e = d->dir.first; e; e = next_entry(&d, e)) {
        struct inode *i = e->inode;

        if (such(i))
            return true;
        seen += node_of(i)->entry == e; /* a file with several names once */
    }
    return seen != fs->inodes;
}

static bool is_mapped(const struct inode *i)
{
    return i->object && i->object->refs > 1;
}

static bool busy(const struct filesystem *fs)
{
    return any_file(fs, is_mapped);
}

static bool is_written(const struct inode *i)
{
    return i->writers || (i->object && i->object->writers);
}

static bool written(const struct filesystem *fs)
{
    return any_file(fs, is_written);
}

void ramfs_destroy(struct filesystem *fs)
{
    struct node *d = node_of(fs->root);

    /* From the leaves up: a directory goes when it is empty. */
    for (;;) {
        struct entry *e;

        might_sleep(); /* so does the end of an inode */
        e = d->dir.first;

        if (e && S_ISDIR(e->inode->mode) && node_of(e->inode)->dir.first) {
            d = node_of(e->inode);
        } else if (e) {
            leave(d, e);
            discard(e);
        } else if (&d->inode != fs->root) {
            d = node_of(d->inode.parent);
        } else {
            break;
        }
    }
    inode_tree_put(fs->root);
}

static int mount_devtmpfs(struct filesystem *fs, const char *options)
{
    int err;

    (void)options;
    fs->max_pages = ramfs_default_limit();
    fs->max_inodes = ramfs_default_inodes();
    err = ramfs_mount_root(fs, 0755);
    if (err)
        return err;
    err = file_devices ? file_devices->populate(fs->root) : 0;
    if (err)
        ramfs_destroy(fs);
    return err;
}

static int remount(struct filesystem *fs, const char *options)
{
    struct filesystem with = *fs;
    int err = parse_options(&with, options); /* whose the root is remains as it was */

    if (err)
        return err;
    if (with.max_pages != fs->max_pages && with.max_pages &&
        (!fs->max_pages || with.max_pages < fs->pages)) /* what had no limit gets none */
        return -EINVAL;
    if (with.max_inodes != fs->max_inodes && with.max_inodes &&
        (!fs->max_inodes || with.max_inodes < (uint64_t)fs->inodes + fs->links))
        return -EINVAL;
    fs->flags = with.flags;
    fs->max_pages = with.max_pages;
    fs->max_inodes = with.max_inodes;
    return 0;
}

static struct filesystem_type types[] = {
    {.name = "rootfs",
     .magic = MAGIC_TMPFS,
     .mount = mount_rootfs,
     .remount = remount,
     .busy = busy,
     .written = written,
     .destroy = ramfs_destroy,
     .nodes = true},
    {.name = "tmpfs",
     .magic = MAGIC_TMPFS,
     .mount = mount_tmpfs,
     .remount = remount,
     .busy = busy,
     .written = written,
     .destroy = ramfs_destroy,
     .nodes = true},
    {.name = "devtmpfs",
     .magic = MAGIC_TMPFS,
     .mount = mount_devtmpfs,
     .remount = remount,
     .busy = busy,
     .written = written,
     .destroy = ramfs_destroy,
     .nodes = true},
};
/* Of files without a name: not mounted anywhere. Those with contents are tmpfs's, as on Linux; the others are
 * nothing but an inode. */
static struct filesystem anonymous = {.type = &types[1], .users = 1};
static const struct filesystem_type bare_type = {.name = "anon_inodefs", .magic = MAGIC_ANON, .nodes = true};
static struct filesystem bare = {.type = &bare_type, .users = 1};

const struct filesystem *ramfs_unmounted(unsigned n)
{
    return n == 0 ? &anonymous : n == 1 ? &bare : NULL;
}

bool ramfs_is_bare(const struct inode *i)
{
    return i->fs == &bare;
}

bool ramfs_is(const struct filesystem *fs)
{
    return fs->type->nodes;
}

void ramfs_register(void)
{
    for (unsigned t = 0; t < ARRAY_LEN(types); t++)
        filesystem_register(&types[t]);
}

struct inode *ramfs_anonymous(uint32_t mode)
{
    struct node *n;

    if (make(S_ISREG(mode) ? &anonymous : &bare, mode, 0, &n) != 0)
        return NULL;
    if (S_ISREG(mode))
        inode_take_owner(&n->inode, NULL);
    else
        n->inode.nlink = 1; /* as Linux says, though no directory has it */
    return &n->inode;
}
