/*
 * exec: a new program in the running process.
 *
 * The new space is built beside the old one: the program's and the interpreter's segments are mapped from
 * their files' objects, so that text is in memory once for all who run it, and the stack is written. The old
 * program can go on until all that has worked. Then the other threads end: of several that execute something
 * at once, the first to come so far ends the others. What is shared with other processes is copied, and the
 * change is made in one step, which cannot fail.
 *
 * A file that is read or run as a program is counted (inode.executed) from the moment when it was found not
 * to be open for writing: the program for as long as it runs, scripts and the interpreter until exec is over.
 *
 *     0x00400000  programs that may lie anywhere and name an interpreter
 *     0x08048000  where most others say they must lie; behind the program its heap
 *     map_top     interpreter, libraries and mappings, downward
 *     0xC0000000  the stack, downward
 *
 * On the stack, from the top: the program's path, the environment's and the arguments' strings, 16 random
 * bytes, then aligned to 16 the words that the C library reads: argc, argv, envp, the auxiliary vector.
 *
 * Source: System V ABI, Intel386 supplement, 3-25; Linux's Documentation (auxiliary vector).
 */
#include "kernel/life/exec.h"
#include "kernel/dev/random.h"
#include "kernel/fs/file.h"
#include "kernel/fs/permission.h"
#include "kernel/life/elf.h"
#include "kernel/life/exec_args.h"
#include "kernel/life/exec_cred.h"
#include "kernel/life/exit.h"
#include "kernel/life/memory.h"
#include "kernel/lib/param.h"
#include "kernel/proc/ldt.h"
#include "kernel/proc/process.h"
#include "kernel/proc/ptimer.h"
#include "kernel/proc/ptrace.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/context.h"
#include "kernel/x86/usercopy.h"
#include "mm/errno.h"
#include "mm/slab.h"
#include "mm/softtlb.h"
#include "mm/x86/cpu.h"

#define HEAD_BYTES  512u /* of a file, that say what it is: most have their program headers there */
#define SCRIPTS     5u   /* that may be each other's interpreters */
#define DYN_BASE    0x00400000u
#define STACK_TOP   ((vaddr_t)USER_END)
#define STACK_ROOM  (128u << 10) /* mapped below what exec writes, within the limit */
#define MAP_GAP_MIN (128u << 20) /* kept below the top for the stack */
#define MAP_GAP_MAX (USER_END / 6 * 5)

enum {
    AT_NULL = 0,
    AT_PHDR = 3,
    AT_PHENT = 4,
    AT_PHNUM = 5,
    AT_PAGESZ = 6,
    AT_BASE = 7,
    AT_FLAGS = 8,
    AT_ENTRY = 9,
    AT_UID = 11,
    AT_EUID = 12,
    AT_GID = 13,
    AT_EGID = 14,
    AT_PLATFORM = 15,
    AT_HWCAP = 16,
    AT_CLKTCK = 17,
    AT_SECURE = 23,
    AT_RANDOM = 25,
    AT_EXECFN = 31,
};

/* Too large for the kernel's stack. */
struct exec {
    struct inode *inode, *interp; /* of open_program() */
    struct space *space;
    struct memory *memory;
    struct fd_table *files; /* copies, when others share the process's; else NULL */
    struct signal_actions *actions;
    struct elf_segment *many, *interp_many; /* of the two images, if these have no room for them */
    struct exec_cred cred;
    vaddr_t base, interp_base; /* what is added to the files' addresses */
    vaddr_t sp;
    unsigned personality;
    /* From here on it is not cleared. */
    struct elf_image image, interp_image; /* of inode and interp, if these are there */
    uint8_t head[HEAD_BYTES];
};

/* --- files --- */

/* What a path from a descriptor on leads to. */
static int look_up_from(int dirfd, const char *path, unsigned how, struct inode **out)
{
    struct file *f = fd_get(dirfd);
    int err = !f ? -EBADF : path[0] && !S_ISDIR(f->inode->mode) ? -ENOTDIR : 0;

    if (!err && path[0])
        err = path_lookup(f->inode, path, how, out);
    else if (!err)
        *out = inode_get(f->inode);
    file_put(f);
    return err;
}

/* The file that a call names. */
static int look_up(const struct exec_args *a, struct inode **out)
{
    unsigned how = (a->flags & AT_SYMLINK_NOFOLLOW ? LOOKUP_NOFOLLOW : 0u) |
                   (a->flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0u) | LOOKUP_OPEN;
    int err;

    if (a->flags & ~(unsigned)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    err = a->dirfd == AT_FDCWD ? path_lookup(NULL, a->from, how, out)
                               : look_up_from(a->dirfd, a->from, how, out);
    if (!err && S_ISLNK((*out)->mode)) {
        inode_put(*out);
        err = -ELOOP;
    }
    return err;
}

/* Take a file, whose reference moves, as one to execute, which nobody can open for writing until
 * close_program(). */
static int open_program(struct inode *i, struct inode **out)
{
    int err;

    err = S_ISREG(i->mode) ? inode_permission(i, MAY_EXEC) : -EACCES;
    if (!err && (i->writers || (i->object && i->object->writers)))
        err = -ETXTBSY;
    if (err) {
        inode_put(i);
        return err;
    }
    i->executed++;
    *out = i;
    return 0;
}

/* NULL is fine. */
static void close_program(struct inode *i)
{
    if (!i)
        return;
    i->executed--;
    inode_put(i);
}

/* The first bytes of a file, and zeroes behind its end. How many it has, or -errno. */
static int read_head(struct inode *i, uint8_t *head)
{
    int n = inode_read(i, 0, head, HEAD_BYTES);

    if (n >= 0 && (size_t)n < HEAD_BYTES)
        memset(head + n, 0, HEAD_BYTES - (size_t)n);
    return n;
}

/* Exactly n bytes, or -ENOEXEC. */
static int read_all(struct inode *i, uint64_t pos, void *buf, size_t n)
{
    int got = inode_read(i, pos, buf, n);

    if (got < 0)
        return got;
    return (size_t)got == n ? 0 : -ENOEXEC;
}

/* Check program headers. *many: room for more segments than usual, to be freed. */
static int read_segments(struct elf_image *e, const void *phdrs, struct elf_segment **many)
{
    unsigned n = elf_count_segments(e, phdrs);

    if (unlikely(n > ELF_SEGMENTS)) {
        e->segment = *many = vm_alloc(n * sizeof **many);
        if (!*many)
            return -ENOMEM;
    }
    return elf_segments(e, phdrs);
}

/* What head says, which was read, and the program headers, wherever they are. *many: as above. */
static int read_image(struct inode *i, const uint8_t *head, struct elf_image *e, struct elf_segment **many)
{
    int err = elf_header(e, head, i->size);
    size_t size;
    void *phdrs;

    if (err)
        return err;
    size = e->phnum * ELF_PHDR;
    if (size <= HEAD_BYTES && e->phdr_offset <= HEAD_BYTES - size)
        return read_segments(e, head + e->phdr_offset, many);
    phdrs = vm_alloc(size);
    if (!phdrs)
        return -ENOMEM;
    err = read_all(i, e->phdr_offset, phdrs, size);
    if (!err)
        err = read_segments(e, phdrs, many);
    kfree(phdrs);
    return err;
}

/* Whether the path that the program is told leads nowhere once it runs. */
static bool closes_on_exec(const struct exec_args *a)
{
    const struct fd_table *t = thread_current()->files;

    return a->dirfd >= 0 && (uint32_t)a->dirfd < t->size && t->fd[a->dirfd].cloexec;
}

/* Find the program that runs, through scripts. */
static int find_program(struct exec *x, struct exec_args *a)
{
    for (unsigned depth = 0;; depth++) {
        struct inode *i;
        bool lost = closes_on_exec(a);
        int err = look_up(a, &i), n;

        if (!err)
            err = open_program(i, &x->inode);
        if (err)
            return err;
        n = read_head(x->inode, x->head);
        if (n < 0)
            return n;
        if (x->head[0] != '#' || x->head[1] != '!')
            return 0;
        if (depth == SCRIPTS)
            return -ELOOP;
        if (lost) /* no interpreter would find it by its path */
            return -ENOENT;
        close_program(x->inode);
        x->inode = NULL;
        err = exec_args_script(a, (char *)x->head);
        if (err)
            return err;
    }
}

/* The interpreter's path, to be freed; NULL if there is none. */
static int interp_path(struct exec *x, char **out)
{
    const struct elf_image *e = &x->image;
    int err = elf_interp(e, x->inode->size);

    *out = NULL;
    if (err || !e->has_interp)
        return err;
    *out = vm_alloc(e->interp_size);
    if (!*out)
        return -ENOMEM;
    err = read_all(x->inode, e->interp_offset, *out, e->interp_size);
    return !err && (*out)[e->interp_size - 1] != '\0' ? -ENOEXEC : err;
}

/* What is wrong with the program is -ENOEXEC, with its interpreter -ELIBBAD; -EIO if that has no header. */
static int find_interp(struct exec *x)
{
    struct inode *i;
    char *path;
    int err = interp_path(x, &path);

    if (!err && path)
        err = path_lookup(NULL, path, LOOKUP_EMPTY, &i);
    if (!err && path)
        err = open_program(i, &x->interp);
    kfree(path);
    if (err || !x->interp)
        return err;
    if (x->interp->size < ELF_HEADER)
        return -EIO;
    err = read_head(x->interp, x->head);
    if (err >= 0)
        err = read_image(x->interp, x->head, &x->interp_image, &x->interp_many);
    return err == -ENOEXEC ? -ELIBBAD : err;
}

/* --- the new space --- */

/* Map one part. Nothing may be there; the space is new, so only the file's own parts can be. */
static int map_part(struct exec *x, vaddr_t start, vaddr_t end, unsigned prot, struct object *o,
                    uint32_t offset)
{
    vaddr_t at = start;

    if (start == end)
        return 0;
    return space_map(x->space, &at, end - start, prot | MAP_AT, o, offset);
}

/* Zeroes behind what the file has can be written whatever the segment says, as on Linux. */
static int map_zeroes(struct exec *x, const struct elf_segment *s, vaddr_t base)
{
    unsigned prot = REGION_READ | REGION_WRITE | (s->prot & REGION_EXEC);

    if (s->end <= s->file_end)
        return 0;
    return map_part(x, PAGE_UP(s->file_end + base), s->end + base, personality_prot(x->personality, prot),
                    NULL, 0);
}

static int map_bytes(struct exec *x, struct inode *i, const struct elf_segment *s, vaddr_t base)
{
    unsigned prot = personality_prot(x->personality, s->prot);

    return map_part(x, s->start + base, PAGE_UP(s->file_end + base), prot, i->object, s->offset);
}

/* An interpreter has zeroes only behind all that it has of its file, as on Linux: from file_end to end. */
static struct elf_segment last_zeroes(const struct elf_image *e)
{
    struct elf_segment z = {0};

    for (unsigned k = 0; k < e->segments; k++) {
        const struct elf_segment *s = &e->segment[k];

        if (s->file_end > z.file_end)
            z.file_end = s->file_end;
        if (s->end > z.end) {
            z.end = s->end;
            z.prot = s->prot;
        }
    }
    return z;
}

/* Whether a later segment has the page of an address. */
static bool is_covered(const struct elf_image *e, unsigned segment, vaddr_t page)
{
    for (unsigned k = segment + 1; k < e->segments; k++)
        if (e->segment[k].start <= page && page < e->segment[k].end)
            return true;
    return false;
}

/* Clear from an address on what its page has of a file. The new space is loaded. */
static int clear_tail(vaddr_t at)
{
    return user_clear(at, PAGE_UP(at) - at);
}

/* Clear what the last pages of a program's segments have of the file beyond the segments' ends. Where that
 * cannot be, since the page may not be written or the file ends before it, the program has to live with it,
 * as on Linux. 0 or -ENOMEM. */
static int clear_program(const struct elf_image *e, vaddr_t base)
{
    for (unsigned k = 0; k < e->segments; k++) {
        const struct elf_segment *s = &e->segment[k];

        if (!s->clears_tail || !(s->prot & REGION_WRITE) || is_covered(e, k, PAGE_DOWN(s->file_end)))
            continue;
        if (clear_tail(s->file_end + base) != 0 && task_current()->last_fault == FAULT_NO_MEMORY)
            return -ENOMEM;
    }
    return 0;
}

/* Choose where an image goes, and map it. */
static int map_image(struct exec *x, struct inode *i, const struct elf_image *e, vaddr_t hint, vaddr_t *base)
{
    bool interpreter = e == &x->interp_image;
    size_t size = e->hi - e->lo;
    struct elf_segment zeroes;
    vaddr_t at = hint;
    int err;

    *base = 0;
    if (!i->object)
        return -ENOEXEC;
    if (!e->fixed) {
        /* Take the whole range first, so that all parts fit. */
        err = space_map(x->space, &at, size, 0, NULL, 0);
        if (!err)
            err = space_unmap(x->space, at, size);
        if (err)
            return err;
        *base = at - e->lo; /* may wrap, and wraps back when it is added */
    }
    for (unsigned k = 0; k < e->segments; k++) {
        const struct elf_segment *s = &e->segment[k];

        err = map_bytes(x, i, s, *base);
        if (!err && !interpreter)
            err = map_zeroes(x, s, *base);
        if (err)
            return err;
    }
    if (!interpreter)
        return 0;
    zeroes = last_zeroes(e);
    return map_zeroes(x, &zeroes, *base);
}

static int map_stack(struct exec *x, const struct exec_args *a, const struct process *p)
{
    uint64_t limit = p->rlimit[RLIMIT_STACK].soft, gap = limit;
    size_t words = (a->argc + a->envc + 64) * sizeof(uint32_t);
    size_t size = PAGE_UP(words + a->bytes + a->path_bytes + 64);
    unsigned prot = REGION_READ | REGION_WRITE | REGION_GROWSDOWN;
    vaddr_t at;

    x->space->stack_max = limit > USER_END ? USER_END : PAGE_DOWN((size_t)limit);
    if (size > x->space->stack_max)
        return -E2BIG;
    size = size + STACK_ROOM < x->space->stack_max ? size + STACK_ROOM : x->space->stack_max;
    at = STACK_TOP - size;
    if (gap < MAP_GAP_MIN)
        gap = MAP_GAP_MIN;
    if (gap > MAP_GAP_MAX)
        gap = MAP_GAP_MAX;
    x->space->map_top = STACK_TOP - (vaddr_t)PAGE_UP(gap);
    prot = personality_prot(x->personality, prot);
    if (x->image.exec_stack)
        prot |= REGION_EXEC;
    return space_map(x->space, &at, size, prot | MAP_AT, NULL, 0);
}

/* Push bytes below *sp. */
static int push(vaddr_t *sp, const void *data, size_t n)
{
    *sp -= n;
    return user_copy_out(*sp, data, n);
}

/* A vector of pointers to the strings that lie one behind the other at `at`, and its end. */
static int put_pointers(vaddr_t *to, const char *strings, unsigned n, vaddr_t *at)
{
    int err = 0;

    for (unsigned i = 0; i < n && !err; i++) {
        size_t length = strlen(strings) + 1;

        err = user_write32(*to, *at);
        *to += 4;
        *at += length;
        strings += length;
    }
    if (!err)
        err = user_write32(*to, 0);
    *to += 4;
    return err;
}

/* The stack as the C library expects it. The new space is loaded. */
static int write_stack(struct exec *x, const struct exec_args *a)
{
    static const char platform[] = "i686";
    const struct cred *who = exec_cred_of(&x->cred);
    struct memory *m = x->memory;
    vaddr_t sp = STACK_TOP - 4, path, platform_at, random_at, to, at;
    uint8_t random[16];
    uint32_t r[4];
    int err;

    random_bytes(random, sizeof random);
    err = push(&sp, a->path, a->path_bytes);
    path = sp;
    if (!err)
        err = push(&sp, a->strings, a->bytes);
    m->arg_start = sp;
    m->arg_end = m->env_start = sp + a->arg_bytes;
    m->env_end = sp + a->bytes;
    if (!err)
        err = push(&sp, platform, sizeof platform);
    platform_at = sp;
    sp &= ~15u;
    if (!err)
        err = push(&sp, random, sizeof random);
    random_at = sp;
    if (err)
        return err;

    cpu_cpuid(1, 0, r);
    const uint32_t aux[][2] = {
        {AT_HWCAP, r[3]},
        {AT_PAGESZ, PAGE_SIZE},
        {AT_CLKTCK, 100},
        {AT_PHDR, x->image.phdr ? x->image.phdr + x->base : 0},
        {AT_PHENT, ELF_PHDR},
        {AT_PHNUM, x->image.phnum},
        {AT_BASE, x->interp ? x->interp_base : 0},
        {AT_FLAGS, 0},
        {AT_ENTRY, x->image.entry + x->base},
        {AT_UID, who->uid},
        {AT_EUID, who->euid},
        {AT_GID, who->gid},
        {AT_EGID, who->egid},
        {AT_SECURE, x->cred.secure},
        {AT_RANDOM, random_at},
        {AT_EXECFN, path},
        {AT_PLATFORM, platform_at},
        {AT_NULL, 0},
    };

    _Static_assert(sizeof aux <= sizeof m->auxv, "all of it is kept");
    memcpy(m->auxv, aux, sizeof aux);
    sp -= (1 + a->argc + 1 + a->envc + 1) * 4 + sizeof aux;
    sp &= ~15u;
    x->sp = to = sp;
    err = user_write32(to, a->argc);
    to += 4;
    at = m->arg_start;
    if (!err)
        err = put_pointers(&to, a->strings, a->argc, &at);
    if (!err)
        err = put_pointers(&to, a->strings + a->arg_bytes, a->envc, &at);
    if (!err)
        err = user_copy_out(to, aux, sizeof aux);
    return err;
}

static int fill_space(struct exec *x, const struct exec_args *a)
{
    int err = clear_program(&x->image, x->base);

    if (!err && x->interp)
        err = clear_tail(last_zeroes(&x->interp_image).file_end + x->interp_base);
    if (!err)
        err = write_stack(x, a);
    return err == -EFAULT ? -ENOMEM : err; /* nothing else can be wrong with these addresses */
}

/* A program has the software TLB of the one before it; the first has that of softtlb=. What cannot be read
 * was reported when the kernel started. */
static int inherit_tlb(struct space *s, const struct space *old)
{
    struct softtlb_config c = {.form = FORM_KINDS};
    int err = 0;

    if (old)
        c = softtlb_config(old);
    else if (params.softtlb && softtlb_parse(params.softtlb, &c, NULL))
        return 0;
    if (c.entries)
        err = softtlb_set(s, &c);
    return err;
}

static int build_space(struct exec *x, const struct exec_args *a)
{
    struct task *task = task_current();
    struct process *p = process_current();
    struct space *old = task->space;
    vaddr_t hint = x->image.has_interp ? DYN_BASE : 0;
    int err;

    x->space = space_create(&vm_sys);
    if (!x->space)
        return -ENOMEM;
    x->memory = memory_create(x->space);
    if (!x->memory) {
        space_destroy(x->space);
        return -ENOMEM;
    }
    x->personality = thread_current()->personality & ~PERSONALITY_KIND & ~x->cred.personality_clear;
    if (x->image.reads_exec)
        x->personality |= PERSONALITY_READ_EXEC;
    err = inherit_tlb(x->space, old);
    if (!err)
        err = map_stack(x, a, p);
    if (!err)
        err = map_image(x, x->inode, &x->image, hint, &x->base);
    if (!err && x->interp)
        err = map_image(x, x->interp, &x->interp_image, 0, &x->interp_base);
    if (!err) {
        task_set_space(x->space);
        err = fill_space(x, a);
        if (err || old)
            task_set_space(old);
    }
    if (err) {
        memory_put(x->memory);
        x->memory = NULL;
    }
    return err;
}

/* --- the change --- */

/* The old program's places to stop at mean nothing in the new one. */
static void forget_debug(struct context *c)
{
    uint32_t irq;

    if (likely(!c->debug))
        return;
    irq = os_irq_save();
    context_set_special(c, CONTEXT_DEBUG, false);
    os_irq_restore(irq);
    kfree(c->debug);
    c->debug = NULL;
}

/* call: the number that it was called with, as a tracer sees it, or TRAP_NO_CALL. */
static void set_registers(struct thread *t, vaddr_t entry, vaddr_t sp, uint32_t call)
{
    *thread_frame(t) = (struct trap_frame){
        .ds = SEL_USER_DATA,
        .es = SEL_USER_DATA,
        .error = call,
        .vector = TRAP_SYSCALL,
        .eip = entry,
        .cs = SEL_USER_CODE,
        .eflags = EFLAGS_IF | 2,
        .user_esp = sp,
        .user_ss = SEL_USER_DATA,
    };
    memset(t->context.tls, 0, sizeof t->context.tls);
    t->context.fs = t->context.gs = 0;
    ldt_attach(t, NULL);
    forget_debug(&t->context);
    context_reload(&t->context);
    fpu_begin();
}

static const char *base_name(const char *path)
{
    const char *base = path;

    for (; *path; path++)
        if (path[0] == '/' && path[1])
            base = path + 1;
    return base;
}

/* Copy what other processes share, which they keep: descriptors (CLONE_FILES), signal actions
 * (CLONE_SIGHAND). Only this thread is left, so nobody begins to share more. */
static int own_shared(struct exec *x, const struct thread *self)
{
    const struct process *p = self->process;

    if (self->files->refs > 1) {
        x->files = fd_table_copy(self->files);
        if (!x->files)
            return -ENOMEM;
    }
    if (p->actions->refs > 1) {
        x->actions = signal_actions_copy(p->actions);
        if (!x->actions)
            return -ENOMEM;
    }
    return 0;
}

/* Cannot fail. Up to where things of the old program are given up it is one step, for whoever looks at the
 * process. */
static void commit(struct exec *x, const char *path)
{
    struct thread *self = thread_current();
    struct process *p = self->process;
    struct memory *old = p->memory;
    struct fd_table *files = NULL;
    vaddr_t entry = x->interp ? x->interp_image.entry + x->interp_base : x->image.entry + x->base;

    process_faults(p, &p->past_min_faults, &p->past_maj_faults);
    p->max_resident = process_max_resident(p);
    x->memory->brk_start = x->memory->brk = x->image.hi + x->base;
    x->memory->stack_top = STACK_TOP;
    x->memory->exe = x->inode; /* with its count */
    x->inode = NULL;
    p->memory = x->memory;
    memory_set_limits(p);
    x->memory = NULL;
    p->did_exec = true;
    exec_cred_commit(&x->cred);
    self->personality = x->personality;
    if (unlikely(p->grave))
        ptrace_forget(p->grave); /* its number is this thread's now */
    thread_take_pid(self);
    self->clear_child_tid = 0;
    self->robust_list = 0;
    task_set_space(p->memory->space);
    if (x->files) {
        files = self->files;
        self->files = x->files;
        x->files = NULL;
    }
    if (x->actions) {
        signal_actions_put(p->actions);
        p->actions = x->actions;
        x->actions = NULL;
    }
    ptimer_delete_all(p);
    signal_forget_timers(p);
    signal_exec(p);
    thread_set_comm(self, base_name(path));
    set_registers(self, entry, x->sp, old ? thread_frame(self)->error : TRAP_NO_CALL);
    process_vfork_done(p);

    if (old)
        memory_put(old);
    if (files)
        fd_table_put(files);
    fd_table_close_exec(self->files);
}

/* What an exec that failed has made. */
static void undo(struct exec *x)
{
    if (x->files)
        fd_table_put(x->files);
    if (x->actions)
        signal_actions_put(x->actions);
    if (x->memory)
        memory_put(x->memory);
    exec_cred_undo(&x->cred);
}

/* A thread's name has room for so many characters. */
static void copy_comm(char comm[16], const char *name)
{
    for (size_t i = 0; i + 1 < 16 && name[i]; i++)
        comm[i] = name[i];
}

/* The name of a program that has none in the call: the file's own, or its last. */
static const char *file_name(struct inode *i)
{
    if (i->gone)
        return base_name(i->gone);
    return i->parent ? i->ops->name(i) : "";
}

int exec_program(struct exec_args *a)
{
    struct thread *self = thread_current();
    struct process *p = self->process;
    struct exec *x = vm_alloc(sizeof *x);
    bool named = a->dirfd == AT_FDCWD || a->from[0];
    char comm[16] = {0};
    int err;

    if (!x)
        return -ENOMEM;
    memset(x, 0, offsetof(struct exec, image));
    /* The name is that of the file that was asked for, script or not. */
    if (named)
        copy_comm(comm, base_name(a->path));
    ptrace_begin_exec(p);
    err = find_program(x, a);
    if (!err && !named) /* a script's interpreter gives its own, as on Linux */
        copy_comm(comm, file_name(x->inode));
    if (!err)
        err = read_image(x->inode, x->head, &x->image, &x->many);
    if (!err)
        err = find_interp(x);
    if (!err)
        err = exec_cred_make(&x->cred, x->inode);
    if (!err)
        err = build_space(x, a);
    if (!err) {
        bool alone = p->nthreads == 1;

        err = process_single();
        if (!err) {
            err = own_shared(x, self);
            if (err && !alone)
                process_kill(p, SIGSEGV); /* the program has lost its threads; as on Linux */
        }
    }
    if (!err)
        commit(x, comm);
    else
        undo(x);
    ptrace_end_exec(p);
    close_program(x->inode);
    close_program(x->interp);
    kfree(x->many);
    kfree(x->interp_many);
    kfree(x);
    return err;
}

/* --- the first program --- */

int exec_from_kernel(const char *path, const char *const *argv, const char *const *envp)
{
    struct exec_args a;
    int err = exec_args_from_kernel(&a, path, argv, envp);

    if (!err)
        err = exec_program(&a);
    exec_args_free(&a);
    return err;
}

/* --- another one, for a call --- */

int exec_user(int dirfd, vaddr_t path, vaddr_t argv, vaddr_t envp, unsigned flags)
{
    struct exec_args a;
    int tid = thread_current()->tid;
    int err = exec_args_from_user(&a, dirfd, path, argv, envp, flags);

    if (!err)
        err = exec_program(&a);
    exec_args_free(&a);
    if (!err)
        ptrace_tell_event(PTRACE_EVENT_EXEC, (uint32_t)tid);
    return err;
}
