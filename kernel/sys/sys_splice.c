/*
 * System calls that move bytes from file to file: sendfile, splice, copy_file_range, tee, vmsplice.
 *
 * The bytes go through kernel memory, lent to the files' operations (usercopy_lend()): the pipe's own pages
 * if one end is a pipe, else a page of ours. Nothing is lost when the target fails or takes less than it is
 * given. A file with positions is not advanced beyond what was written; a pipe keeps what was not taken from
 * it; and what can only be read once is read only into a pipe that has the room.
 */
#include "kernel/fs/file.h"
#include "kernel/fs/pipe.h"
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

    if (n > INT32_MAX)
        return -EINVAL;
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

    if (n > INT32_MAX)
        return -EINVAL;
    if (n > RW_MAX)
        n = RW_MAX;
    nonblock |= (pipe->flags & O_NONBLOCK) != 0;
    done = fill ? pipe_move_in(pipe, n, PAGE_SIZE - (at & PAGE_MASK), nonblock, from_other, &other)
                : pipe_move_out(pipe, n, nonblock, to_other, &other);
    if (other.locked)
        file_pos_unlock(file);
    return done;
}

/* Both, referenced, or -errno. */
static int get_two(uint32_t in_fd, uint32_t out_fd, struct file **in, struct file **out)
{
    int err = -EBADF;

    *in = fd_get((int)in_fd);
    *out = fd_get((int)out_fd);
    if (*in && *out && file_reads(*in) && file_writes(*out))
        err = (*in)->ops->in_messages || (*out)->ops->in_messages ? -EINVAL : 0;
    if (err) {
        file_put(*in);
        file_put(*out);
    }
    return err;
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

static int32_t send_file(uint32_t out_fd, uint32_t in_fd, vaddr_t user_pos, bool wide, uint32_t n)
{
    struct file *in, *out;
    uint64_t pos = 0;
    int done;

    if (read_position(user_pos, wide, &pos))
        return -EFAULT;
    done = get_two(in_fd, out_fd, &in, &out);
    if (done)
        return done;
    if (user_pos && !file_has_positions(in))
        done = -ESPIPE;
    else if ((int64_t)pos < 0 || S_ISDIR(in->inode->mode) || in->ops == &pipe_ops || in->ops->never_out)
        done = -EINVAL;
    else if (out->ops == &pipe_ops)
        done = move_pipe(out, in, user_pos ? &pos : NULL, n, false, true);
    else if (!file_has_positions(in) || out->flags & O_APPEND)
        done = -EINVAL;
    else
        done = move(in, user_pos ? &pos : NULL, out, NULL, n);
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

enum { SPLICE_F_NONBLOCK = 2, SPLICE_F_ALL = 15 };

/* What splice and tee are asked for. */
struct splice {
    vaddr_t in_pos, out_pos; /* of the program; 0: the file's own */
    uint32_t n;
    bool nonblock;
};

/* One end is a pipe. */
static int splice_files(struct file *in, struct file *out, const struct splice *s)
{
    bool in_pipe = in->ops == &pipe_ops, out_pipe = out->ops == &pipe_ops;
    uint64_t in_pos = 0, out_pos = 0;
    int done;

    if ((s->in_pos && in_pipe) || (s->out_pos && out_pipe))
        return -ESPIPE;
    if (in_pipe && out_pipe)
        return pipe_to_pipe(in, out, s->n, s->nonblock, false);
    if (read_position(s->in_pos, true, &in_pos) || read_position(s->out_pos, true, &out_pos))
        return -EFAULT;
    if ((!in_pipe && !out_pipe) || S_ISDIR(in->inode->mode) || in->ops->never_out)
        return -EINVAL;
    if ((s->in_pos && !file_has_positions(in)) || (s->out_pos && !file_has_positions(out)))
        return -EINVAL;
    if ((int64_t)in_pos < 0 || (int64_t)out_pos < 0 || (in_pipe && out->flags & O_APPEND))
        return -EINVAL;
    done = in_pipe ? move_pipe(in, out, s->out_pos ? &out_pos : NULL, s->n, s->nonblock, false)
                   : move_pipe(out, in, s->in_pos ? &in_pos : NULL, s->n, s->nonblock, true);
    if (done >= 0 && (write_position(s->in_pos, true, in_pos) || write_position(s->out_pos, true, out_pos)))
        return -EFAULT;
    return done;
}

static int tee_files(struct file *in, struct file *out, const struct splice *s)
{
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

int32_t sys_copy_file_range(uint32_t in_fd, uint32_t in_user, uint32_t out_fd, uint32_t out_user, uint32_t n,
                            uint32_t flags)
{
    uint64_t in_pos, out_pos;
    struct file *in, *out;
    int done;

    if (flags)
        return -EINVAL;
    done = get_two(in_fd, out_fd, &in, &out);
    if (done)
        return done;
    in_pos = in->pos;
    out_pos = out->pos;
    if (S_ISDIR(in->inode->mode) || S_ISDIR(out->inode->mode))
        done = -EISDIR;
    else if (!S_ISREG(in->inode->mode) || !S_ISREG(out->inode->mode))
        done = -EINVAL;
    else if (out->flags & O_APPEND)
        done = -EBADF;
    else if (read_position(in_user, true, &in_pos) || read_position(out_user, true, &out_pos))
        done = -EFAULT;
    else if ((int64_t)in_pos < 0 || (int64_t)out_pos < 0)
        done = -EINVAL;
    else if (in_pos >= in->inode->size)
        done = 0;
    else if (in->inode == out->inode && in_pos < out_pos + n && out_pos < in_pos + n)
        done = -EINVAL;
    else
        done = move(in, in_user ? &in_pos : NULL, out, out_user ? &out_pos : NULL, n);
    if (done >= 0 && (write_position(in_user, true, in_pos) || write_position(out_user, true, out_pos)))
        done = -EFAULT;
    file_put(in);
    file_put(out);
    return done;
}
