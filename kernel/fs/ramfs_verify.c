/*
 * Whether the filesystem in memory is what ramfs.c says of it.
 *
 * It goes through all nodes, of every filesystem in memory, and through the entries of those that are
 * directories; and compares sums, as mm/vm_verify.c does, where counting would need memory: of the names that
 * files have, and of the references that users hold. A difference that cancels out has a chance of 2^-64.
 * When two sums differ it looks for whose fault it is, which takes longer.
 *
 * Locking: one stretch without sleep. Between two sleeps all of this is whole.
 *
 * How it fails: it logs each broken invariant by its number, and says false.
 */
#include "kernel/fs/ramfs.h"
#include "kernel/fs/ramfs_parts.h"
#include "mm/table.h"

static uint64_t mix(const void *p)
{
    return table_mix((uintptr_t)p);
}

/* --- directories --- */

static bool in_table(const struct node *d, const struct entry *e)
{
    const struct entry *at = d->dir.table[e->hash & (d->dir.buckets - 1)];

    while (at && at != e)
        at = at->hash_next;
    return at;
}

static bool entry_verify(const struct node *d, const struct entry *e)
{
    const struct inode *i = e->inode;
    bool ok = true;

    INV("INV-RAMFS-1",
        (e->prev ? e->prev->next : d->dir.first) == e && (e->next ? e->next->prev : d->dir.last) == e,
        "entry %s of inode %u", e->name, d->inode.ino);
    INV("INV-RAMFS-1", e->pos < d->dir.next_pos && (!e->prev || e->prev->pos < e->pos),
        "entry %s of inode %u is at %llu", e->name, d->inode.ino, (unsigned long long)e->pos);
    INV("INV-RAMFS-1", e->hash == ramfs_hash(e->name) && (!d->dir.table || in_table(d, e)),
        "entry %s of inode %u, hash %x", e->name, d->inode.ino, e->hash);
    INV("INV-RAMFS-2", e->dir == &d->inode && *e->also_at == e && (!e->also || e->also->inode == i),
        "entry %s of inode %u, a name of inode %u", e->name, d->inode.ino, i->ino);
    INV("INV-RAMFS-2", i->fs == d->inode.fs && i->refs > 0 && (!S_ISDIR(i->mode) || i->parent == &d->inode),
        "entry %s of inode %u names inode %u, %u references", e->name, d->inode.ino, i->ino, i->refs);
    return ok;
}

/* Entries in the table, which may be in a wrong bucket. */
static uint32_t table_count(const struct node *d)
{
    uint32_t n = 0;

    for (uint32_t b = 0; d->dir.table && b < d->dir.buckets; b++)
        for (const struct entry *e = d->dir.table[b]; e && n <= d->dir.count; e = e->hash_next)
            n++;
    return n;
}

static bool directory_verify(const struct node *d)
{
    uint32_t count = 0, directories = 0;
    bool ok = true;

    for (const struct entry *e = d->dir.first; e && count <= d->dir.count; e = e->next) {
        ok &= entry_verify(d, e);
        count++;
        directories += S_ISDIR(e->inode->mode);
    }
    INV("INV-RAMFS-1", count == d->dir.count && d->inode.size == (count + 2) * RAMFS_ENTRY_SIZE,
        "inode %u has %u entries, not %u, and %llu bytes", d->inode.ino, count, d->dir.count,
        (unsigned long long)d->inode.size);
    INV("INV-RAMFS-1", !d->dir.table || table_count(d) == count, "inode %u has %u entries, %u in its table",
        d->inode.ino, count, table_count(d));
    INV("INV-RAMFS-3", d->inode.nlink == (d->inode.nlink ? 2 + directories : 0),
        "inode %u has %u links, and %u directories in it", d->inode.ino, d->inode.nlink, directories);
    return ok;
}

/* --- files --- */

/* What the names of a file add up to, by its own word and by the entries. */
struct names {
    uint64_t said, found;
};

static void count_names(const struct node *d, struct names *n)
{
    for (const struct entry *e = d->dir.first; e; e = e->next)
        if (!S_ISDIR(e->inode->mode))
            n->found += mix(e->inode);
}

/* Say which files do not have the names that they say. */
static bool find_unnamed(void)
{
    bool ok = true;

    for (const struct node *n = ramfs_nodes; n; n = n->all_next) {
        uint32_t names = 0;

        if (S_ISDIR(n->inode.mode))
            continue;
        for (const struct node *d = ramfs_nodes; d; d = d->all_next)
            for (const struct entry *e = S_ISDIR(d->inode.mode) ? d->dir.first : NULL; e; e = e->next)
                names += e->inode == &n->inode;
        INV("INV-RAMFS-3", names + ramfs_is_bare(&n->inode) == n->inode.nlink,
            "inode %u has %u links, and %u names", n->inode.ino, n->inode.nlink, names);
    }
    return ok;
}

static bool contents_verify(const struct inode *i)
{
    bool ok = true;

    INV("INV-RAMFS-4", !i->object || i->object->pages >= PAGES_OF(i->size), "inode %u: %llu bytes, %u pages",
        i->ino, (unsigned long long)i->size, i->object->pages);
    return ok;
}

/* --- references --- */

/* The tree's references that a node holds or is held by, the root's own included: how many references there
 * are but for users', all nodes taken together. */
static uint32_t tree_refs(const struct node *n)
{
    const struct inode *i = &n->inode;

    if (!S_ISDIR(i->mode))
        return 0;
    return n->dir.count + (i->parent != NULL) + (i->fs->root == i);
}

static uint64_t users_of(const struct filesystem *fs)
{
    return mix(fs) * (fs->users - 1);
}

/* Of a filesystem that is no mount any more nobody knows but its nodes. */
static bool is_known(const struct filesystem *fs)
{
    return !fs->detached;
}

/* What files have in the archive, of all known filesystems together, less what these say. */
static uint64_t image_pages(void)
{
    uint64_t n = 0;
    const struct filesystem *fs;

    for (const struct node *i = ramfs_nodes; i; i = i->all_next)
        if (i->inode.object && is_known(i->inode.fs))
            n += PAGES_OF((uint64_t)i->inode.object->image_size);
    for (fs = vfs_mounts; fs; fs = fs->next)
        n -= fs->image_pages;
    for (unsigned u = 0; (fs = ramfs_unmounted(u)); u++)
        n -= fs->image_pages;
    return n;
}

static bool find_uncounted(const struct filesystem *fs)
{
    uint32_t refs = 0, tree = 0;
    bool ok = true;

    for (const struct node *n = ramfs_nodes; n; n = n->all_next)
        if (n->inode.fs == fs) {
            refs += n->inode.refs;
            tree += tree_refs(n);
        }
    INV("INV-RAMFS-2", refs == tree + fs->users - 1,
        "%s, device %u: inodes have %u references, %u of the tree, %u of users", fs->type->name, fs->dev,
        refs, tree, fs->users - 1);
    return ok;
}

bool ramfs_verify(void)
{
    struct names names = {0};
    uint64_t held = 0;
    const struct filesystem *fs;
    bool ok = true;

    for (const struct node *n = ramfs_nodes; n; n = n->all_next) {
        const struct inode *i = &n->inode;

        if (S_ISDIR(i->mode)) {
            ok &= directory_verify(n);
        } else {
            names.said += (i->nlink - ramfs_is_bare(i)) * mix(i);
            ok &= contents_verify(i);
        }
        if (is_known(i->fs))
            held += mix(i->fs) * ((uint64_t)i->refs - tree_refs(n));
    }
    if (!ok)
        return false; /* lists that are broken are not gone through again */
    for (const struct node *n = ramfs_nodes; n; n = n->all_next)
        if (S_ISDIR(n->inode.mode))
            count_names(n, &names);
    for (fs = vfs_mounts; fs; fs = fs->next)
        if (ramfs_is(fs))
            held -= users_of(fs);
    for (unsigned u = 0; (fs = ramfs_unmounted(u)); u++)
        held -= users_of(fs);
    INV("INV-RAMFS-5", image_pages() == 0, "%lld pages more in the archive than are counted",
        (long long)image_pages());
    if (names.said != names.found)
        ok &= find_unnamed();
    for (fs = vfs_mounts; fs && held; fs = fs->next)
        if (ramfs_is(fs))
            ok &= find_uncounted(fs);
    for (unsigned u = 0; held && (fs = ramfs_unmounted(u)); u++)
        ok &= find_uncounted(fs);
    return ok;
}
