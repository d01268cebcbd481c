/*
 * System calls that move bytes from file to file: sendfile, splice, copy_file_range, tee, vmsplice.
 *
 * The bytes go through kernel memory, lent to the files' operations (usercopy_lend()): the pipe's own pages
 * if one end is a pipe, else a page of ours. Nothing is lost when the target fails or takes less than it is
 * given. A file with positions is not advanced beyond what was written; a pipe keeps what was not taken from
 * it; and what can only be read once is read only into a pipe that has the room.
 */
#include "kernel/fs/attributes.h"
#include "kernel/fs/file.h"
#include "kernel/fs/pipe.h"
#include "kernel/fs/regular.h"
#include "kernel/proc/thread.h"
#include "kernel/sys/sys.h"
#include "kernel/sys/syscall.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/usercopy.h"
#include "mm/slab.h"

static int lent_read(struct file *f, void *buf, size_t n, uint64_t *pos)
{
    int done = file_read(f, usercopy_lend(buf, n), n, pos);

    usercopy_unlend();
    return done;
}

static int lent_write(struct file *f, void *buf, size_t n, uint64_t *pos)
{
    int done = file_write(f, usercopy_lend(buf, n), n, pos);

    usercopy_unlend();
    return done;
}

/* Move up to n bytes; in has positions. Positions NULL: the files' own. Bytes or -errno. */
static int move(struct file *in, uint64_t *in_pos, struct file *out, uint64_t *out_pos, size_t n)
{
    size_t total = 0;
    uint8_t *buf;
    int err = 0;

    if (n > RW_MAX)
        n = RW_MAX;
    buf = vm_alloc(PAGE_SIZE);
    if (!buf)
        return -ENOMEM;
    while (total < n) {
        uint64_t *from = in_pos ? in_pos : &in->pos;
        uint64_t at = *from;
        size_t part = n - total < PAGE_SIZE ? n - total : PAGE_SIZE;

        err = lent_read(in, buf, part, &at);
        if (err > 0)
            err = lent_write(out, buf, (size_t)err, out_pos);
        if (err <= 0)
            break;
        *from += (uint32_t)err;
        total += (size_t)err;
        if ((size_t)err < part || thread_breathe())
            break;
    }
    kfree(buf);
    return total ? (int)total : err;
}

/* The end of a splice that is no pipe. Its own position is ours from the first byte on. */
struct other_end {
    struct file *file;
    uint64_t *pos; /* NULL: the file's own */
    bool locked;
};

static uint64_t *other_pos(struct other_end *e)
{
    if (!e->pos) {
        file_pos_lock(e->file);
        e->locked = true;
        e->pos = &e->file->pos;
    }
    return e->pos;
}

static int to_other(void *arg, void *bytes, size_t n)
{
    struct other_end *e = arg;

    return lent_write(e->file, bytes, n, other_pos(e));
}

static int from_other(void *arg, void *bytes, size_t n)
{
    struct other_end *e = arg;

    return lent_read(e->file, bytes, n, other_pos(e));
}

/* Between a pipe and another file; fill: into the pipe. pos NULL: the file's own. Bytes or -errno. */
static int move_pipe(struct file *pipe, struct file *file, uint64_t *pos, size_t n, bool nonblock, bool fill)
{
    struct other_end other = {.file = file, .pos = pos};
    uint64_t at = S_ISREG(file->inode->mode) ? pos ? *pos : file->pos : 0;
    int done;

    if (n > RW_MAX)
        n = RW_MAX;
    nonblock |= (pipe->flags & O_NONBLOCK) != 0;
    done = fill ? pipe_move_in(pipe, n, PAGE_SIZE - (at & PAGE_MASK), nonblock, from_other, &other)
                : pipe_move_out(pipe, n, nonblock, to_other, &other);
    if (other.locked)
        file_pos_unlock(file);
    return done;
}

/* --- what is wrong, in Linux's order --- */

/* Both, referenced, or -EBADF. */
static int get_two(uint32_t in_fd, uint32_t out_fd, struct file **in, struct file **out)
{
    *in = fd_get_open((int)in_fd);
    *out = *in ? fd_get_open((int)out_fd) : NULL;
    if (*out)
        return 0;
    file_put(*in);
    return -EBADF;
}

/* Whether n bytes may be moved at a position. */
static int check_range(uint64_t pos, uint32_t n)
{
    return n > INT32_MAX || (int64_t)pos < 0 || pos > (uint64_t)INT64_MAX - n ? -EINVAL : 0;
}

/* Whether anything can be spliced from a file that is no pipe, or to it. */
static bool gives(const struct file *f)
{
    return !S_ISDIR(f->inode->mode) && !f->ops->never_out && !f->ops->in_messages;
}

static bool takes(const struct file *f)
{
    return !f->ops->never_in && !f->ops->in_messages;
}

/* A position in user memory: of 32 or 64 bits, or none. */
static int read_position(vaddr_t user, bool wide, uint64_t *pos)
{
    uint32_t low;

    if (!user)
        return 0;
    if (wide)
        return user_copy_in(pos, user, sizeof *pos);
    if (user_read32(&low, user))
        return -EFAULT;
    *pos = (uint64_t)(int64_t)(int32_t)low;
    return 0;
}

static int write_position(vaddr_t user, bool wide, uint64_t pos)
{
    if (!user)
        return 0;
    return wide ? user_copy_out(user, &pos, sizeof pos) : user_write32(user, (uint32_t)pos);
}

/* --- sendfile --- */

/* What sendfile() is asked for. */
struct sending {
    uint64_t *pos; /* where to read; NULL: at the file's own position */
    uint32_t n;
    uint64_t most; /* no byte at or beyond this */
};

/* What is wrong with the source, whatever the target is. */
static int check_source(const struct file *in, const struct sending *s)
{
    if (!in || !file_reads(in))
        return -EBADF;
    if (s->pos && !file_has_positions(in))
        return -ESPIPE;
    return check_range(s->pos ? *s->pos : in->pos, s->n);
}

static int send_to_pipe(struct file *in, struct file *pipe, const struct sending *s)
{
    if (in->ops == &pipe_ops || !gives(in))
        return -EINVAL;
    return move_pipe(pipe, in, s->pos, s->n, false, true);
}

static int send(struct file *in, struct file *out, const struct sending *s)
{
    struct sending cut = *s;
    uint64_t pos = s->pos ? *s->pos : in->pos;
    int err;

    if (pos + s->n > s->most) {
        if (pos >= s->most)
            return -EOVERFLOW;
        cut.n = (uint32_t)(s->most - pos);
    }
    if (out->ops == &pipe_ops)
        return send_to_pipe(in, out, &cut);
    err = check_range(out->pos, cut.n);
    if (err)
        return err;
    if (out->flags & O_APPEND || (!file_has_positions(in) && !in->ops->seek))
        return -EINVAL;
    if (!cut.n)
        return 0;
    return gives(in) && takes(out) ? move(in, s->pos, out, NULL, cut.n) : -EINVAL;
}

static int32_t send_file(uint32_t out_fd, uint32_t in_fd, vaddr_t user_pos, bool wide, uint32_t n)
{
    struct file *in, *out = NULL;
    uint64_t pos = 0;
    struct sending s = {
        .pos = user_pos ? &pos : NULL, .n = n, .most = user_pos && !wide ? INT32_MAX : FILE_SIZE_MAX};
    int done;

    if (read_position(user_pos, wide, &pos))
        return -EFAULT;
    in = fd_get_open((int)in_fd);
    done = check_source(in, &s);
    if (!done) {
        out = fd_get_open((int)out_fd);
        done = out && file_writes(out) ? send(in, out, &s) : -EBADF;
    }
    file_put(in);
    file_put(out);
    if (done >= 0 && write_position(user_pos, wide, pos))
        return -EFAULT;
    return done;
}

int32_t sys_sendfile(SYSCALL_4_ARGS(out, in, user_pos, n))
{
    return send_file(out, in, user_pos, false, n);
}

int32_t sys_sendfile64(SYSCALL_4_ARGS(out, in, user_pos, n))
{
    return send_file(out, in, user_pos, true, n);
}

/* --- splice and tee --- */

enum { SPLICE_F_NONBLOCK = 2, SPLICE_F_ALL = 15 };

/* What splice and tee are asked for. */
struct splice {
    vaddr_t in_pos, out_pos; /* of the program; 0: the file's own */
    uint32_t n;
    bool nonblock;
};

/* From a pipe to another file. pos NULL: its own. */
static int splice_out(struct file *pipe, struct file *out, uint64_t *pos, const struct splice *s)
{
    int err;

    if (s->in_pos)
        return -ESPIPE;
    if ((pos && !file_has_positions(out)) || out->flags & O_APPEND)
        return -EINVAL;
    err = check_range(pos ? *pos : out->pos, s->n);
    if (err)
        return err;
    return takes(out) ? move_pipe(pipe, out, pos, s->n, s->nonblock, false) : -EINVAL;
}

/* And the other way. */
static int splice_in(struct file *in, struct file *pipe, uint64_t *pos, const struct splice *s)
{
    if (s->out_pos)
        return -ESPIPE;
    if ((pos && (!file_has_positions(in) || (int64_t)*pos < 0)) || !gives(in))
        return -EINVAL;
    return move_pipe(pipe, in, pos, s->n, s->nonblock, true);
}

/* One end is a pipe. */
static int splice_files(struct file *in, struct file *out, const struct splice *s)
{
    bool in_pipe = in->ops == &pipe_ops, out_pipe = out->ops == &pipe_ops;
    uint64_t in_pos = 0, out_pos = 0;
    int done;

    if ((s->in_pos && in_pipe) || (s->out_pos && out_pipe))
        return -ESPIPE;
    if (read_position(s->out_pos, true, &out_pos) || read_position(s->in_pos, true, &in_pos))
        return -EFAULT;
    if (!file_reads(in) || !file_writes(out))
        return -EBADF;
    if (in_pipe && out_pipe)
        return pipe_to_pipe(in, out, s->n, s->nonblock, false);
    done = in_pipe    ? splice_out(in, out, s->out_pos ? &out_pos : NULL, s)
           : out_pipe ? splice_in(in, out, s->in_pos ? &in_pos : NULL, s)
                      : -EINVAL;
    if (done >= 0 && (write_position(s->in_pos, true, in_pos) || write_position(s->out_pos, true, out_pos)))
        return -EFAULT;
    return done;
}

static int tee_files(struct file *in, struct file *out, const struct splice *s)
{
    if (!file_reads(in) || !file_writes(out))
        return -EBADF;
    if (in->ops != &pipe_ops || out->ops != &pipe_ops)
        return -EINVAL;
    return pipe_to_pipe(in, out, s->n, s->nonblock, true);
}

static int32_t with_files(uint32_t in_fd, uint32_t out_fd, struct splice s, uint32_t flags,
                          int (*fn)(struct file *in, struct file *out, const struct splice *s))
{
    struct file *in, *out;
    int done;

    if (flags & ~(uint32_t)SPLICE_F_ALL)
        return -EINVAL;
    if (s.n == 0)
        return 0;
    done = get_two(in_fd, out_fd, &in, &out);
    if (done)
        return done;
    s.nonblock = flags & SPLICE_F_NONBLOCK;
    done = fn(in, out, &s);
    file_put(in);
    file_put(out);
    return done;
}

int32_t sys_splice(uint32_t in_fd, uint32_t in_pos, uint32_t out_fd, uint32_t out_pos, uint32_t n,
                   uint32_t flags)
{
    if (n == 0) /* whatever the flags are, unlike tee() */
        return 0;
    return with_files(in_fd, out_fd, (struct splice){.in_pos = in_pos, .out_pos = out_pos, .n = n}, flags,
                      splice_files);
}

int32_t sys_tee(SYSCALL_4_ARGS(in_fd, out_fd, n, flags))
{
    return with_files(in_fd, out_fd, (struct splice){.n = n}, flags, tee_files);
}

/* Page by page, so that what lies before a bad address is given; it waits for the first byte's place only.
 * Bytes, or -errno if there are none. */
static int32_t give_pages(struct file *f, const struct io_vector *v, bool nonblock)
{
    int32_t done = 0;

    for (uint32_t i = 0; i < v->count; i++) {
        struct iovec part = v->part[i];

        while (part.size) {
            size_t n = user_part(part.base, part.size);
            int32_t got = pipe_give(f, part.base, n, nonblock || done);

            if (got <= 0)
                return done ? done : got;
            done += got;
            part.base += (uint32_t)got;
            part.size -= (uint32_t)got;
        }
    }
    return done;
}

/* Where the bytes of a pipe go: on from a place in a part of a vector. */
struct taker {
    const struct io_vector *v;
    uint32_t part, at;
};

/* The pipe has no more than there is place for. n or -EFAULT. */
static int to_vector(void *arg, void *bytes, size_t n)
{
    struct taker *t = arg;

    for (size_t done = 0, part; done < n; done += part) {
        const struct iovec *to = &t->v->part[t->part];

        part = to->size - t->at < n - done ? to->size - t->at : n - done;
        if (user_copy_out(to->base + t->at, (uint8_t *)bytes + done, part))
            return -EFAULT;
        t->at += part;
        if (t->at == to->size) {
            t->part++;
            t->at = 0;
        }
    }
    return (int)n;
}

/* Bytes are copied. As on Linux, it waits for a pipe that is O_NONBLOCK too. */
int32_t sys_vmsplice(SYSCALL_4_ARGS(fd, vector, count, flags))
{
    bool nonblock = flags & SPLICE_F_NONBLOCK;
    struct io_vector v;
    struct file *f;
    int32_t done;

    if (flags & ~(uint32_t)SPLICE_F_ALL)
        return -EINVAL;
    f = fd_get((int)fd);
    if (!f)
        return -EBADF;
    done = file_reads(f) || file_writes(f) ? io_vector_get(&v, vector, count, true) : -EBADF;
    if (!done) {
        struct taker to = {.v = &v};

        if (!v.total)
            done = 0;
        else if (f->ops != &pipe_ops)
            done = -EBADF;
        else
            done = file_writes(f) ? give_pages(f, &v, nonblock)
                                  : pipe_move_out(f, v.total, nonblock, to_vector, &to);
        io_vector_put(&v);
    }
    file_put(f);
    return done;
}

/* --- copy_file_range --- */

/* From where to where. */
struct range {
    uint64_t in, out;
    uint32_t n;
};

/* What is wrong with copying a range, which is cut at the source's end. */
static int check_copy(const struct file *in, const struct file *out, struct range *r)
{
    uint64_t n = r->n;
    size_t most;
    int err;

    if (S_ISDIR(in->inode->mode) || S_ISDIR(out->inode->mode))
        return -EISDIR;
    if (!S_ISREG(in->inode->mode) || !S_ISREG(out->inode->mode))
        return -EINVAL;
    if (!file_reads(in) || !file_writes(out) || out->flags & O_APPEND)
        return -EBADF;
    if (in->inode->fs != out->inode->fs)
        return -EXDEV;
    if (is_immutable(out->inode))
        return -EPERM;
    if (r->in + n < r->in || r->out + n < r->out)
        return -EOVERFLOW;
    if (r->in >= in->inode->size)
        n = 0;
    else if (n > in->inode->size - r->in)
        n = in->inode->size - r->in;
    most = (size_t)n;
    err = regular_check_room(out, r->out, &most);
    if (err)
        return err;
    n = most;
    if (in->inode == out->inode && r->out + n > r->in && r->out < r->in + n)
        return -EINVAL;
    r->n = n < RW_MAX ? (uint32_t)n : RW_MAX;
    err = check_range(r->in, r->n);
    return err ? err : check_range(r->out, r->n);
}

int32_t sys_copy_file_range(uint32_t in_fd, uint32_t in_user, uint32_t out_fd, uint32_t out_user, uint32_t n,
                            uint32_t flags)
{
    struct file *in, *out;
    struct range r = {.n = n};
    int done = get_two(in_fd, out_fd, &in, &out);

    if (done)
        return done;
    r.in = in->pos;
    r.out = out->pos;
    if (read_position(in_user, true, &r.in) || read_position(out_user, true, &r.out))
        done = -EFAULT;
    else if (flags)
        done = -EINVAL;
    else
        done = check_copy(in, out, &r);
    if (!done && r.n)
        done = gives(in) && takes(out) ? move(in, in_user ? &r.in : NULL, out, out_user ? &r.out : NULL, r.n)
                                       : -EINVAL;
    if (done >= 0 && (write_position(in_user, true, r.in) || write_position(out_user, true, r.out)))
        done = -EFAULT;
    file_put(in);
    file_put(out);
    return done;
}
