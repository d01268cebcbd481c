/*
 * Core files: the memory and the registers of a process that died of a signal, for a debugger.
 *
 * The registers of all threads are copied first, in one step, as they stood when one of them died; then the
 * others are held at the beginning of their ends, so that nobody but a stranger who shares the memory
 * changes it while it is written. What goes into the file is decided in one step too, region by region, by
 * coredump_filter and madvise(MADV_DONTDUMP), as Linux does it: what the program wrote, memory that it
 * shares, and the first page of what it mapped of an executable file, which tells a debugger which file that
 * was.
 *
 *     ELF header | program headers | notes | padding to a page | pages, region by region | section header
 *
 * The last is there only if there are more program headers than the ELF header can count: it has the number.
 *
 * Pages that the program never touched, and those of zeroes, are holes of the file, and are not brought into
 * being for it.
 *
 * Failure. RLIMIT_CORE, RLIMIT_FSIZE, a full file system, SIGKILL: the file ends where it got to. As on
 * Linux, wait() says that there is one as soon as it was begun.
 *
 * Locking: the space's lock while its regions are looked at, not while pages are read. What a name is put
 * together from is the process's own.
 *
 * Source: core(5), elf(5); System V ABI, Intel386 supplement; the layout of notes: Linux's linux/elfcore.h.
 */
#include "kernel/life/core.h"
#include "kernel/fs/file.h"
#include "kernel/life/exit.h"
#include "kernel/proc/cred.h"
#include "kernel/proc/process.h"
#include "kernel/proc/regset.h"
#include "kernel/proc/uts.h"
#include "kernel/sched/clock.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/usercopy.h"
#include "mm/errno.h"
#include "mm/slab.h"
#include "mm/table.h"

#define LIMIT_MIN 4096u      /* of RLIMIT_CORE; below it nothing is written */
#define NAMES_MAX (4u << 20) /* bytes of NT_FILE; beyond it there is none */

/* coredump_filter's bits. */
enum {
    FILTER_ANON_PRIVATE = 1 << 0,
    FILTER_ANON_SHARED = 1 << 1,
    FILTER_FILE_PRIVATE = 1 << 2,
    FILTER_FILE_SHARED = 1 << 3,
    FILTER_ELF_HEADERS = 1 << 4,
};

enum {
    NT_PRPSINFO = 3,
    NT_AUXV = 6,
    NT_FILE = 0x46494C45,
    NT_SIGINFO = 0x53494749,
    PT_LOAD = 1,
    PT_NOTE = 4,
};

struct elf_header {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version, entry, phoff, shoff, flags;
    uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};
struct program_header {
    uint32_t type, offset, vaddr, paddr, filesz, memsz, flags, align;
};
struct note_header {
    uint32_t name, size, type;
};
struct section_header {
    uint32_t name, type, flags, addr, offset, size, link, info, align, entsize;
};
#define PHNUM_ELSEWHERE 0xFFFFu /* in an ELF header: the section header has the number */
_Static_assert(sizeof(struct elf_header) == 52 && sizeof(struct program_header) == 32 &&
                   sizeof(struct section_header) == 40,
               "elf.h");

struct seconds {
    uint32_t sec, usec;
};
/* struct elf_prstatus; its registers are REGSET_GENERAL. */
struct prstatus {
    int signo, code, err;
    uint16_t signal;
    uint32_t pending, blocked;
    int pid, ppid, pgrp, sid;
    struct seconds user, system, child_user, child_system;
    uint32_t regs[17];
    uint32_t fp_valid;
};
/* struct elf_prpsinfo */
struct prpsinfo {
    uint8_t state;
    char letter;
    uint8_t zombie;
    int8_t nice;
    uint32_t flags;
    uint16_t uid, gid;
    int pid, ppid, pgrp, sid;
    char name[16], args[80];
};
_Static_assert(sizeof(struct prstatus) == 144 && sizeof(struct prpsinfo) == 124, "sys/procfs.h");

/* A thread as it stood: its sets, whose bits say which could be read, lie behind it at multiples of 4. */
struct stand {
    struct prstatus status;
    uint32_t sets;
};

/* What is in the file of a region. */
struct part {
    vaddr_t start, end;
    uint32_t size;  /* bytes from start on */
    uint32_t flags; /* REGION_* */
    bool own;       /* it has no pages but those of its own; others are zeroes */
    bool if_elf;    /* only if it begins like an ELF file */
};

struct core {
    struct thread *self;
    struct process *p;
    struct space *space;
    const struct siginfo *info;
    uint8_t *stands;        /* a struct stand with its sets for each thread, the dying one first */
    uint32_t threads, room; /* that there are; that there is room for */
    struct part *part;
    uint32_t parts, part_room;
    char args[80];
    uint8_t *notes; /* NULL: they are only measured */
    size_t notes_size, notes_room;
    /* The file. */
    struct file *file;
    uint8_t *page;
    uint64_t limit, written, pos;
    bool hole; /* pos is behind the last byte */
};

char core_pattern[CORE_PATTERN_MAX + 1] = "core";
uint32_t core_uses_pid;

/* --- threads --- */

static uint32_t set_room(enum regset set)
{
    return (regset_size(set) + 3) & ~3u;
}

static size_t stand_size(void)
{
    size_t size = sizeof(struct stand);

    for (unsigned set = 0; set < REGSETS; set++)
        size += set_room((enum regset)set);
    return size;
}

static struct stand *stand_at(const struct core *c, uint32_t i)
{
    return (struct stand *)(c->stands + i * stand_size());
}

static struct seconds seconds_of(uint64_t ns)
{
    return (struct seconds){(uint32_t)(ns / 1000000000), (uint32_t)(ns / 1000 % 1000000)};
}

static bool has_tls(const struct thread *t)
{
    for (unsigned i = 0; i < CPU_TLS; i++)
        if (t->context.tls[i])
            return true;
    return false;
}

static void stand_of(const struct core *c, struct thread *t, struct stand *s)
{
    const struct process *p = c->p;
    uint8_t *set_at = (uint8_t *)(s + 1);
    uint64_t user, system;

    if (t->tid == p->pid)
        process_times(p, &user, &system);
    else
        thread_times(t, &user, &system);
    s->sets = 0;
    for (unsigned set = 0; set < REGSETS; set++) {
        uint32_t size = regset_size((enum regset)set);

        if (size && (set != REGSET_TLS || has_tls(t)) && !regset_read(t, (enum regset)set, set_at))
            s->sets |= 1u << set;
        set_at += set_room((enum regset)set);
    }
    s->status = (struct prstatus){
        .signo = c->info->signo,
        .signal = (uint16_t)c->info->signo,
        .pending = (uint32_t)t->sig.pending.set,
        .blocked = (uint32_t)t->sig.blocked,
        .pid = t->tid,
        .ppid = p->parent ? p->parent->pid : 0,
        .pgrp = p->pgid,
        .sid = p->sid,
        .user = seconds_of(user),
        .system = seconds_of(system),
        .child_user = seconds_of(p->child_user_ns),
        .child_system = seconds_of(p->child_system_ns),
        .fp_valid = 1,
    };
    memcpy(s->status.regs, s + 1, sizeof s->status.regs);
}

/* Copy the registers of all threads, in one step. 0 or -ENOMEM. Sleeps before. */
static int take_stands(struct core *c)
{
    uint32_t n = 0;

    while (c->room < c->p->nthreads) {
        uint32_t room = c->p->nthreads;

        vm_table_free(c->stands, c->room, stand_size());
        c->room = 0;
        c->stands = vm_table_alloc(room, stand_size());
        if (!c->stands)
            return -ENOMEM;
        c->room = room;
    }
    context_store(&c->self->context);
    stand_of(c, c->self, stand_at(c, n++));
    for (struct thread *t = c->p->threads; t; t = t->next)
        if (t != c->self)
            stand_of(c, t, stand_at(c, n++));
    c->threads = n;
    return 0;
}

/* --- regions --- */

/* Whether a region begins with a file's first page: that is in the core if the file may be executed or says
 * that it is an ELF file. */
static bool is_head(const struct region *r, bool *executable)
{
    const struct inode *i = r->object ? inode_of_object(r->object) : NULL;

    if (r->offset || !(r->flags & REGION_READ) || !i)
        return false;
    *executable = i->mode & 0111;
    return true;
}

/* Not with the space locked. */
static bool is_elf(const struct core *c, vaddr_t at)
{
    static const uint8_t magic[4] = {0x7F, 'E', 'L', 'F'};
    uint8_t found[4];

    return space_read(c->space, at, found, sizeof found) == sizeof found &&
           memcmp(found, magic, sizeof magic) == 0;
}

/* How much of a region is in the file. */
static struct part part_of(const struct core *c, const struct region *r)
{
    unsigned filter = c->p->core_filter;
    struct part part = {.start = r->start,
                        .end = r->end,
                        .size = r->end - r->start,
                        .flags = r->flags,
                        .own = !r->object && !(r->flags & REGION_SHARED)};

    if (r->flags & REGION_DONTDUMP) {
        part.size = 0;
    } else if (r->flags & REGION_SHARED) {
        const struct inode *i = inode_of_object(r->object);

        if (!(filter & (i && i->nlink ? FILTER_FILE_SHARED : FILTER_ANON_SHARED)))
            part.size = 0;
    } else if (filter & FILTER_ANON_PRIVATE && table_next_private(c->space, r->start, r->end) < r->end) {
        return part;
    } else if (!r->object && !(r->flags & REGION_OF_FILE)) {
        part.size = 0;
    } else if (!(filter & FILTER_FILE_PRIVATE)) {
        bool executable = true;

        part.size = filter & FILTER_ELF_HEADERS && is_head(r, &executable) ? PAGE_SIZE : 0;
        part.if_elf = part.size && !executable;
    }
    return part;
}

static int take_parts(struct core *c)
{
    struct mutex *lock = &c->space->lock;
    const struct region *r;

    mutex_lock(lock);
    while (c->part_room < c->space->regions.count) {
        uint32_t room = c->space->regions.count;

        mutex_unlock(lock);
        vm_table_free(c->part, c->part_room, sizeof *c->part);
        c->part_room = 0;
        c->part = vm_table_alloc(room, sizeof *c->part);
        if (!c->part)
            return -ENOMEM;
        c->part_room = room;
        mutex_lock(lock);
    }
    for (r = c->space->regions.first; r; r = r->next)
        c->part[c->parts++] = part_of(c, r);
    mutex_unlock(lock);
    for (uint32_t i = 0; i < c->parts; i++)
        if (c->part[i].if_elf && !is_elf(c, c->part[i].start))
            c->part[i].size = 0;
    return 0;
}

/* --- notes --- */

static void put(struct core *c, const void *data, size_t n)
{
    if (c->notes && c->notes_size + n <= c->notes_room)
        memcpy(c->notes + c->notes_size, data, n);
    c->notes_size += n;
}

static void pad(struct core *c)
{
    put(c, "\0\0\0", -c->notes_size & 3);
}

static void put_note_header(struct core *c, const char *owner, uint32_t type, size_t size)
{
    struct note_header h = {strlen(owner) + 1, size, type};

    put(c, &h, sizeof h);
    put(c, owner, h.name);
    pad(c);
}

static void put_note(struct core *c, const char *owner, uint32_t type, const void *data, size_t size)
{
    put_note_header(c, owner, type, size);
    put(c, data, size);
    pad(c);
}

/* The program's arguments in one line, as far as there is room. Not with the space locked. */
static void take_args(struct core *c)
{
    const struct memory *m = c->p->memory;
    size_t n = m->arg_end - m->arg_start;

    if (n > sizeof c->args - 1)
        n = sizeof c->args - 1;
    n = space_read_forced(c->space, m->arg_start, c->args, n);
    for (size_t i = 0; i < n; i++)
        if (!c->args[i])
            c->args[i] = ' ';
}

static void put_process(struct core *c)
{
    const struct process *p = c->p;
    const struct cred *who = c->self->cred;
    struct prpsinfo info = {
        .letter = 'R',
        .nice = c->self->task->how.nice,
        .uid = who->uid > 0xFFFF ? 0xFFFE : (uint16_t)who->uid,
        .gid = who->gid > 0xFFFF ? 0xFFFE : (uint16_t)who->gid,
        .pid = p->pid,
        .ppid = p->parent ? p->parent->pid : 0,
        .pgrp = p->pgid,
        .sid = p->sid,
    };

    memcpy(info.name, c->self->comm, sizeof info.name);
    memcpy(info.args, c->args, sizeof info.args);
    put_note(c, "CORE", NT_PRPSINFO, &info, sizeof info);
}

static void put_signal(struct core *c)
{
    uint8_t info[SIGINFO_SIZE] = {0};

    memcpy(info, c->info, sizeof *c->info);
    put_note(c, "CORE", NT_SIGINFO, info, sizeof info);
}

static void put_auxv(struct core *c)
{
    const struct memory *m = c->p->memory;
    unsigned n = 0;

    while (n < AUXV_MAX - 1 && m->auxv[n][0])
        n++;
    put_note(c, "CORE", NT_AUXV, m->auxv, (n + 1) * sizeof m->auxv[0]);
}

/* Which files are mapped where: their number, the unit of offsets, the places, the names. The space is
 * locked. */
static void put_files(struct core *c)
{
    const struct region *first = c->space->regions.first, *r;
    uint32_t head[2] = {0, PAGE_SIZE};
    size_t names = 0;

    for (r = first; r; r = r->next)
        if (r->object) {
            head[0]++;
            names += strlen(object_path(r->object)) + 1;
        }
    if (!head[0] || names > NAMES_MAX)
        return;
    put_note_header(c, "CORE", NT_FILE, sizeof head + head[0] * 12 + names);
    put(c, head, sizeof head);
    for (r = first; r; r = r->next)
        if (r->object) {
            uint32_t place[3] = {r->start, r->end, r->offset};

            put(c, place, sizeof place);
        }
    for (r = first; r; r = r->next)
        if (r->object) {
            const char *name = object_path(r->object);

            put(c, name, strlen(name) + 1);
        }
    pad(c);
}

static void put_notes(struct core *c)
{
    c->notes_size = 0;
    for (uint32_t i = 0; i < c->threads; i++) {
        const struct stand *s = stand_at(c, i);
        const uint8_t *set_at = (const uint8_t *)(s + 1);

        put_note(c, regset_note[REGSET_GENERAL].owner, regset_note[REGSET_GENERAL].type, &s->status,
                 sizeof s->status);
        if (i == 0) {
            put_process(c);
            put_signal(c);
            put_auxv(c);
            put_files(c);
        }
        for (unsigned set = 0; set < REGSETS; set++) {
            if (set != REGSET_GENERAL && s->sets & 1u << set)
                put_note(c, regset_note[set].owner, regset_note[set].type, set_at,
                         regset_size((enum regset)set));
            set_at += set_room((enum regset)set);
        }
    }
}

/* All notes, of one moment. 0 or -ENOMEM. */
static int take_notes(struct core *c)
{
    struct mutex *lock = &c->space->lock;
    bool fits;

    take_args(c);
    do {
        uint8_t *notes;

        mutex_lock(lock);
        put_notes(c);
        mutex_unlock(lock);
        vm_table_free(c->notes, c->notes_room, 1);
        c->notes = NULL;
        notes = vm_table_alloc(c->notes_size, 1);
        if (!notes)
            return -ENOMEM;
        c->notes = notes;
        c->notes_room = c->notes_size;
        mutex_lock(lock);
        put_notes(c);
        mutex_unlock(lock);
        fits = c->notes_size <= c->notes_room; /* names change while others sleep */
    } while (!fits);
    return 0;
}

/* --- writing --- */

/* False: no more of the file is to be written. */
static bool emit(struct core *c, const void *data, size_t n)
{
    uint64_t pos = c->pos;
    int done;

    if (c->self->exiting || c->written + n > c->limit)
        return false;
    done = file_write(c->file, usercopy_lend((void *)(uintptr_t)data, n), n, &pos);
    usercopy_unlend();
    if (done < 0 || (size_t)done != n)
        return false;
    c->written += n;
    c->pos = pos;
    c->hole = false;
    return true;
}

static void skip(struct core *c, size_t n)
{
    if (!n)
        return;
    c->pos += n;
    c->hole = true;
}

static bool is_zero(const uint8_t *page)
{
    const uint32_t *word = (const uint32_t *)page;

    for (size_t i = 0; i < PAGE_SIZE / sizeof *word; i++)
        if (word[i])
            return false;
    return true;
}

static bool has_section(const struct core *c)
{
    return c->parts + 1 >= PHNUM_ELSEWHERE;
}

static bool emit_headers(struct core *c)
{
    size_t headers = sizeof(struct elf_header) + (c->parts + 1) * sizeof(struct program_header);
    uint64_t offset = PAGE_UP(headers + c->notes_size), end = offset;
    struct program_header note = {.type = PT_NOTE, .offset = headers, .filesz = c->notes_size};
    struct elf_header h = {
        .ident = {0x7F, 'E', 'L', 'F', 1, 1, 1},
        .type = 4,
        .machine = 3,
        .version = 1,
        .phoff = sizeof h,
        .ehsize = sizeof h,
        .phentsize = sizeof(struct program_header),
        .phnum = (uint16_t)(c->parts + 1),
    };

    if (has_section(c)) {
        for (uint32_t i = 0; i < c->parts; i++)
            end += c->part[i].size;
        h.phnum = PHNUM_ELSEWHERE;
        h.shoff = (uint32_t)end;
        h.shentsize = sizeof(struct section_header);
        h.shnum = 1;
    }
    if (!emit(c, &h, sizeof h) || !emit(c, &note, sizeof note))
        return false;
    for (uint32_t i = 0; i < c->parts; i++) {
        const struct part *part = &c->part[i];
        struct program_header load = {
            .type = PT_LOAD,
            .offset = (uint32_t)offset,
            .vaddr = part->start,
            .filesz = part->size,
            .memsz = part->end - part->start,
            .flags = (part->flags & REGION_READ ? 4u : 0) | (part->flags & REGION_WRITE ? 2u : 0) |
                     (part->flags & REGION_EXEC ? 1u : 0),
            .align = PAGE_SIZE,
        };

        offset += part->size;
        if (!emit(c, &load, sizeof load))
            return false;
    }
    return true;
}

static bool emit_part(struct core *c, const struct part *part)
{
    vaddr_t end = part->start + part->size;

    for (vaddr_t at = part->start; at < end; at += PAGE_SIZE) {
        if (part->own) {
            vaddr_t next = table_next_private(c->space, at, end);

            skip(c, next - at);
            at = next;
            if (at == end)
                break;
        }
        if (space_read_forced(c->space, at, c->page, PAGE_SIZE) != PAGE_SIZE || is_zero(c->page)) {
            if (c->self->exiting)
                return false;
            skip(c, PAGE_SIZE);
        } else if (!emit(c, c->page, PAGE_SIZE)) {
            return false;
        }
    }
    return true;
}

static bool emit_section(struct core *c)
{
    const struct section_header h = {.size = 1, .info = c->parts + 1};

    return emit(c, &h, sizeof h);
}

static void emit_all(struct core *c)
{
    if (!emit_headers(c) || !emit(c, c->notes, c->notes_size))
        return;
    skip(c, -(size_t)c->pos & PAGE_MASK);
    for (uint32_t i = 0; i < c->parts; i++)
        if (!emit_part(c, &c->part[i]))
            return;
    if (has_section(c) && !emit_section(c))
        return;
    if (c->hole) { /* the file is as long as its last page */
        c->pos--;
        emit(c, "", 1);
    }
}

/* --- the file --- */

static int make_name(const struct core *c, char *name, char *exe)
{
    const struct process *p = c->p;
    uint64_t limit = p->rlimit[RLIMIT_CORE].soft;
    const struct core_facts f = {
        .pid = p->pid,
        .tid = c->self->tid,
        .signo = c->info->signo,
        .uid = c->self->cred->uid,
        .gid = c->self->cred->gid,
        .dumpable = p->dumpable,
        .seconds = clock_realtime_ns() / 1000000000,
        .limit = limit > UINT32_MAX ? UINT32_MAX : (uint32_t)limit,
        .host = uts_hostname,
        .comm = c->self->comm,
        .exe = exe,
    };

    if (!p->memory->exe || path_of(p->memory->exe, exe, PATH_MAX) < 0)
        exe[0] = '\0';
    return core_name(name, PATH_MAX, core_pattern, core_uses_pid, &f);
}

/* A new file. What only root may look at is where the operator says, whatever the process takes for the root:
 * the first process's root is meant. */
static int create_file(struct core *c, const char *name)
{
    enum { FLAGS = O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW | O_LARGEFILE };
    struct inode *root;
    int err;

    if (c->p->dumpable != DUMPABLE_ROOT) {
        (void)vfs_unlink(NULL, name, false);
        return file_open(NULL, name, FLAGS, 0600, &c->file);
    }
    if (name[0] != '/' || !process_init->fs)
        return -EPERM;
    root = inode_get(process_init->fs->root);
    err = file_open_within(root, name, FLAGS, 0600, LOOKUP_IN_ROOT, &c->file);
    inode_put(root);
    return err;
}

/* A file of the process's own that nobody else has or had. */
static int open_file(struct core *c, const char *name)
{
    struct inode *i;
    int err = create_file(c, name);

    if (err)
        return err;
    i = c->file->inode;
    return S_ISREG(i->mode) && i->nlink == 1 && i->uid == cred_current()->fsuid && (i->mode & 0677) == 0600
               ? 0
               : -EPERM;
}

/* Only root may look at what the process opens from here to cred_act_again(). 0 or -ENOMEM. */
static int act_as_root(void)
{
    struct cred *root = cred_prepare();

    if (!root)
        return -ENOMEM;
    root->fsuid = 0;
    cred_act(root);
    return 0;
}

static int open_core(struct core *c)
{
    char *name = vm_alloc(PATH_MAX), *exe = vm_alloc(PATH_MAX);
    int err = name && exe ? make_name(c, name, exe) : -ENOMEM;

    if (!err && c->p->dumpable == DUMPABLE_ROOT)
        err = act_as_root();
    if (!err)
        err = open_file(c, name);
    cred_act_again();
    kfree(name);
    kfree(exe);
    return err;
}

static bool may_write(const struct process *p)
{
    return p->memory && p->dumpable != DUMPABLE_NOBODY && p->rlimit[RLIMIT_CORE].soft >= LIMIT_MIN;
}

bool core_write(const struct siginfo *info)
{
    struct thread *self = thread_current();
    struct process *p = self->process;
    struct core c = {.self = self, .p = p, .info = info};
    bool begun = false, held = false;

    if (!may_write(p))
        return false;
    c.space = p->memory->space;
    c.limit = p->rlimit[RLIMIT_CORE].soft;
    c.page = vm_alloc(PAGE_SIZE);
    if (c.page && !take_stands(&c) && !self->exiting) {
        held = true;
        begun = !process_hold() && !open_core(&c) && !take_parts(&c) && !take_notes(&c);
    }
    if (begun)
        emit_all(&c);
    if (held)
        process_let_go();
    file_put(c.file);
    vm_table_free(c.stands, c.room, stand_size());
    vm_table_free(c.part, c.part_room, sizeof *c.part);
    vm_table_free(c.notes, c.notes_room, 1);
    kfree(c.page);
    return begun;
}
