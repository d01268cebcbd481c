/*
 * Names of local sockets.
 *
 * A path leads to an inode of type socket, and a table from the inode to the socket that was bound there: the
 * inode is held, so its address is nobody else's. An abstract name is bytes that begin with 0, of any length;
 * as on Linux, sockets of different types may have the same one. Both kinds are in one table. A socket is in
 * it from bind() to its end, though the file of a path may be removed before.
 *
 * Locking. Between sleeps.
 *
 * Failure. -EADDRINUSE; and nothing was made.
 */
#include "kernel/fs/permission.h"
#include "kernel/lib/format.h"
#include "kernel/lib/tally.h"
#include "kernel/net/unix.h"
#include "kernel/vm/vm_sys.h"
#include "mm/slab.h"

TALLY(addresses, "names of local sockets");

#define PATH_AT   2u /* behind the family */
#define NAME_SIZE (PATH_AT + 108)
#define BUCKETS   64u

static struct unix_socket *table[BUCKETS];

int unix_check_address(const struct socket_address *a)
{
    return a->size <= PATH_AT || a->size > NAME_SIZE || a->family != AF_UNIX ? -EINVAL : 0;
}

static struct unix_address *address_create(const uint8_t *bytes, uint32_t size)
{
    struct unix_address *a = vm_alloc(sizeof *a + size);

    if (!a)
        return NULL;
    a->refs = 1;
    a->size = size;
    memcpy(a->bytes, bytes, size);
    addresses.count++;
    return a;
}

void unix_address_put(struct unix_address *a)
{
    if (!a || --a->refs)
        return;
    kfree(a);
    addresses.count--;
}

/* --- the table --- */

static struct unix_socket **bucket_of(const struct inode *path, const uint8_t *bytes, uint32_t size)
{
    uint32_t hash = (uint32_t)(uintptr_t)path >> 5;

    for (uint32_t i = PATH_AT; !path && i < size; i++)
        hash = hash * 31 + bytes[i];
    return &table[(hash ^ hash >> 8) % BUCKETS];
}

static struct unix_socket **bucket(const struct unix_socket *u)
{
    return bucket_of(u->path, u->name->bytes, u->name->size);
}

static void enter(struct unix_socket *u)
{
    struct unix_socket **at = bucket(u);

    u->hash_next = *at;
    *at = u;
    u->found = true;
}

static struct unix_socket *find_path(const struct inode *path)
{
    struct unix_socket *u = *bucket_of(path, NULL, 0);

    while (u && u->path != path)
        u = u->hash_next;
    return u;
}

static struct unix_socket *find_abstract(const uint8_t *bytes, uint32_t size, unsigned type)
{
    struct unix_socket *u = *bucket_of(NULL, bytes, size);

    while (u &&
           (u->path || u->s.type != type || u->name->size != size || memcmp(u->name->bytes, bytes, size)))
        u = u->hash_next;
    return u;
}

void unix_hide(struct unix_socket *u)
{
    struct inode *path = u->path;

    if (u->found) {
        struct unix_socket **at = bucket(u);

        while (*at != u)
            at = &(*at)->hash_next;
        *at = u->hash_next;
        u->found = false;
    }
    u->path = NULL;
    inode_put(path);
}

void unix_share_name(struct unix_socket *u, const struct unix_socket *listener)
{
    u->name = listener->name;
    u->name->refs++;
    u->path = listener->path ? inode_get(listener->path) : NULL;
}

void unix_tell_name(const struct unix_socket *u, struct socket_address *out)
{
    out->size = PATH_AT;
    out->family = AF_UNIX;
    if (u->name) {
        out->size = u->name->size;
        memcpy(out->bytes, u->name->bytes, u->name->size);
    }
}

/* --- making names --- */

/* The path of an address, which ends at its first 0 or with the address. Its length with the 0. */
static uint32_t path_of_address(const struct socket_address *a, char *path)
{
    uint32_t n = a->size - PATH_AT;

    memcpy(path, a->bytes + PATH_AT, n);
    path[n] = '\0';
    return (uint32_t)strlen(path) + 1;
}

static int bind_path(struct unix_socket *u, const struct socket_address *a)
{
    char path[NAME_SIZE - PATH_AT + 1];
    uint32_t n = path_of_address(a, path);
    struct socket_address full = {.family = AF_UNIX};
    struct unix_address *name;
    struct inode *i;
    int err;

    memcpy(full.bytes + PATH_AT, path, n);
    name = address_create(full.bytes, PATH_AT + n);
    if (!name)
        return -ENOMEM;
    err =
        vfs_mknod_get(NULL, path, S_IFSOCK | (u->s.inode.mode & 07777 & ~fs_context_current()->umask), 0, &i);
    if (err) {
        unix_address_put(name);
        return err == -EEXIST ? -EADDRINUSE : err;
    }
    if (u->name) {
        vfs_unlink(NULL, path, false);
        inode_put(i);
        unix_address_put(name);
        return -EINVAL;
    }
    u->name = name;
    u->path = i;
    enter(u);
    return 0;
}

static int bind_abstract(struct unix_socket *u, const uint8_t *bytes, uint32_t size)
{
    struct unix_address *name = address_create(bytes, size);
    int err = !name ? -ENOMEM : u->name ? -EINVAL : find_abstract(bytes, size, u->s.type) ? -EADDRINUSE : 0;

    if (err) {
        unix_address_put(name);
        return err;
    }
    u->name = name;
    enter(u);
    return 0;
}

int unix_autobind(struct unix_socket *u)
{
    static uint32_t next;
    int err = 0;

    for (uint32_t tries = 0; !u->name && tries <= 0xFFFFF; tries++) {
        struct socket_address a = {.family = AF_UNIX};

        format((char *)a.bytes + PATH_AT + 1, 6, "%05x", next);
        next = (next + 1) & 0xFFFFF;
        err = bind_abstract(u, a.bytes, PATH_AT + 6);
        if (err != -EADDRINUSE)
            return u->name ? 0 : err;
    }
    return u->name ? 0 : -ENOSPC;
}

int unix_bind(struct unix_socket *u, const struct socket_address *a)
{
    int err;

    if (a->size == PATH_AT && a->family == AF_UNIX)
        return unix_autobind(u);
    err = unix_check_address(a);
    if (err)
        return err;
    return a->bytes[PATH_AT] ? bind_path(u, a) : bind_abstract(u, a->bytes, a->size);
}

/* --- finding --- */

static int find_by_path(const struct socket_address *a, unsigned type, struct socket **out)
{
    char path[NAME_SIZE - PATH_AT + 1];
    struct unix_socket *u = NULL;
    struct inode *i;
    int err;

    path_of_address(a, path);
    err = path_lookup(NULL, path, 0, &i);
    if (err)
        return err;
    err = inode_permission(i, MAY_WRITE);
    if (!err && (i->mode & S_IFMT) != S_IFSOCK)
        err = -ECONNREFUSED;
    if (!err)
        u = find_path(i);
    if (!err && !u)
        err = -ECONNREFUSED;
    if (!err && u->s.type != type)
        err = -EPROTOTYPE;
    if (!err) {
        inode_accessed(i);
        *out = socket_get(&u->s);
    }
    inode_put(i);
    return err;
}

int unix_find(const struct socket_address *a, unsigned type, struct socket **out)
{
    struct unix_socket *u;

    if (a->bytes[PATH_AT])
        return find_by_path(a, type, out);
    u = find_abstract(a->bytes, a->size, type);
    if (!u)
        return -ECONNREFUSED;
    *out = socket_get(&u->s);
    return 0;
}
