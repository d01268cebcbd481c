/*
 * System calls that move bytes from file to file: sendfile, splice, copy_file_range, tee, vmsplice.
 *
 * The bytes go through a page of kernel memory, lent to the files' operations (usercopy_lend()). What was
 * read from a file with positions and could not be written is given back by not advancing; what was read from
 * a pipe or a terminal is written completely, or lost with an error, so the source is asked for no more than
 * the target can be expected to take.
 */
#include "kernel/fs/file.h"
#include "kernel/fs/pipe.h"
#include "kernel/proc/thread.h"
#include "kernel/sys/sys.h"
#include "kernel/sys/syscall.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/usercopy.h"
#include "mm/slab.h"

static bool has_positions(const struct file *f)
{
    return f->ops->seek || S_ISREG(f->inode->mode);
}

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

/* Move up to n bytes. Positions NULL: the files' own. Bytes or -errno. */
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
        size_t part = n - total < PAGE_SIZE ? n - total : PAGE_SIZE, done = 0;
        int got = lent_read(in, buf, part, &at);

        if (got <= 0) {
            err = got;
            break;
        }
        while (done < (size_t)got) {
            err = lent_write(out, buf + done, (size_t)got - done, out_pos);
            if (err <= 0)
                break;
            done += (size_t)err;
            if (has_positions(in))
                break;
        }
        if (has_positions(in))
            *from += done;
        total += done;
        if (err < 0 || done < part || !has_positions(in) || thread_breathe())
            break;
    }
    kfree(buf);
    return total ? (int)total : err;
}

static int get_two(uint32_t in_fd, uint32_t out_fd, struct file **in, struct file **out)
{
    *in = fd_get((int)in_fd);
    *out = fd_get((int)out_fd);
    if (*in && *out && ((*in)->flags & O_ACCMODE) != O_WRONLY && ((*out)->flags & O_ACCMODE) != O_RDONLY &&
        !(((*in)->flags | (*out)->flags) & O_PATH))
        return 0;
    file_put(*in);
    file_put(*out);
    return -EBADF;
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
    *pos = low;
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
    if ((int64_t)pos < 0)
        return -EINVAL;
    done = get_two(in_fd, out_fd, &in, &out);
    if (done)
        return done;
    if (out->flags & O_APPEND || S_ISDIR(in->inode->mode) || (user_pos && !has_positions(in)))
        done = user_pos && !has_positions(in) ? -ESPIPE : -EINVAL;
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

/* One end is a pipe. */
static int splice_files(struct file *in, vaddr_t in_user, struct file *out, vaddr_t out_user, uint32_t n,
                        uint32_t flags)
{
    bool in_pipe = in->ops == &pipe_ops, out_pipe = out->ops == &pipe_ops;
    uint64_t in_pos = 0, out_pos = 0;
    int done;

    if (!in_pipe && !out_pipe)
        return -EINVAL;
    if ((in_user && !has_positions(in)) || (out_user && !has_positions(out)))
        return -ESPIPE;
    if (in_pipe && out_pipe && in->inode == out->inode)
        return -EINVAL;
    if (out->flags & O_APPEND)
        return -EINVAL;
    if (in_pipe && out_pipe)
        return pipe_to_pipe(in, out, n, flags & SPLICE_F_NONBLOCK, false);
    if (read_position(in_user, true, &in_pos) || read_position(out_user, true, &out_pos))
        return -EFAULT;
    if ((int64_t)in_pos < 0 || (int64_t)out_pos < 0)
        return -EINVAL;
    if (flags & SPLICE_F_NONBLOCK && in_pipe && !pipe_fill(in))
        return -EAGAIN;
    if (out_pipe && n > PIPE_SIZE)
        n = PIPE_SIZE;
    done = move(in, in_user ? &in_pos : NULL, out, out_user ? &out_pos : NULL, n);
    if (done >= 0 && (write_position(in_user, true, in_pos) || write_position(out_user, true, out_pos)))
        return -EFAULT;
    return done;
}

int32_t sys_splice(uint32_t in_fd, uint32_t in_pos, uint32_t out_fd, uint32_t out_pos, uint32_t n,
                   uint32_t flags)
{
    struct file *in, *out;
    int done;

    if (flags & ~(uint32_t)SPLICE_F_ALL)
        return -EINVAL;
    if (n == 0)
        return 0;
    done = get_two(in_fd, out_fd, &in, &out);
    if (done)
        return done;
    done = splice_files(in, in_pos, out, out_pos, n, flags);
    file_put(in);
    file_put(out);
    return done;
}

int32_t sys_tee(SYSCALL_4_ARGS(in_fd, out_fd, n, flags))
{
    struct file *in, *out;
    int done;

    if (flags & ~(uint32_t)SPLICE_F_ALL)
        return -EINVAL;
    if (n == 0)
        return 0;
    done = get_two(in_fd, out_fd, &in, &out);
    if (done)
        return done;
    done = pipe_to_pipe(in, out, n, flags & SPLICE_F_NONBLOCK, true);
    file_put(in);
    file_put(out);
    return done;
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

/* What is there, into one part after the other; it waits for the first byte only. */
static int32_t take_bytes(struct file *f, const struct io_vector *v, bool nonblock)
{
    int32_t done = 0;

    for (uint32_t i = 0; i < v->count; i++) {
        struct iovec part = v->part[i];
        int32_t got;

        if (!part.size)
            continue;
        if (done && !pipe_fill(f))
            break;
        if (nonblock && !file_poll(f, NULL))
            return -EAGAIN;
        got = file_read(f, part.base, part.size, NULL);
        if (got <= 0)
            return done ? done : got;
        done += got;
        if ((uint32_t)got < part.size)
            break;
    }
    return done;
}

/* Bytes are copied. */
int32_t sys_vmsplice(SYSCALL_4_ARGS(fd, vector, count, flags))
{
    struct file *f = fd_get((int)fd);
    bool nonblock = flags & SPLICE_F_NONBLOCK;
    struct io_vector v;
    int32_t done;

    if (!f)
        return -EBADF;
    nonblock |= (f->flags & O_NONBLOCK) != 0;
    if (f->ops != &pipe_ops)
        done = -EBADF;
    else if (flags & ~(uint32_t)SPLICE_F_ALL)
        done = -EINVAL;
    else
        done = io_vector_get(&v, vector, count, true);
    if (!done) {
        done = (f->flags & O_ACCMODE) == O_RDONLY ? take_bytes(f, &v, nonblock) : give_pages(f, &v, nonblock);
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
