/*
 * Files from within the kernel: what system calls on Linux cannot show (tests/user/ut-*.c compare those). Out
 * of memory at every allocation, names by chance against a model, pages that go to swap, pipes that go
 * around.
 */
#include "kernel/fs/file.h"
#include "kernel/fs/notify.h"
#include "kernel/fs/pipe.h"
#include "kernel/fs/pipe_parts.h"
#include "kernel/fs/ramfs.h"
#include "kernel/fs/ramfs_parts.h"
#include "kernel/lib/format.h"
#include "kernel/vm/memory.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/usercopy.h"
#include "mm/machine.h"
#include "mm/reclaim.h"
#include "mm/slab.h"
#include "tests/kt.h"

#define DIR "/tmp/ktest"

static int write_all(struct file *f, const void *bytes, size_t n, uint64_t pos)
{
    int done = file_write(f, usercopy_lend((void *)(uintptr_t)bytes, n), n, &pos);

    usercopy_unlend();
    return done;
}

static int read_all(struct file *f, void *bytes, size_t n, uint64_t pos)
{
    int done = file_read(f, usercopy_lend(bytes, n), n, &pos);

    usercopy_unlend();
    return done;
}

static bool exists(const char *path)
{
    struct inode *i;

    if (path_lookup(NULL, path, LOOKUP_NOFOLLOW, &i) != 0)
        return false;
    inode_put(i);
    return true;
}

/* One of each, and away with it. 0, or what failed; then nothing is left to clean but names. */
static int everything(void)
{
    struct file *f = NULL, *end[2];
    static const char text[] = "some bytes";
    int err = vfs_mknod(NULL, DIR "/d", S_IFDIR | 0755, 0);

    if (!err)
        err = file_open(NULL, DIR "/d/file", O_RDWR | O_CREAT | O_LARGEFILE, 0644, &f);
    if (!err) {
        int n = write_all(f, text, sizeof text, 3 * PAGE_SIZE - 4);

        err = n == (int)sizeof text ? 0 : n < 0 ? n : -ENOSPC;
        if (!err)
            err = inode_truncate(f->inode, PAGE_SIZE + 5);
        file_put(f);
    }
    if (!err)
        err = vfs_symlink(NULL, DIR "/d/link", "file");
    if (!err)
        err = vfs_rename(NULL, DIR "/d/link", NULL, DIR "/d/other", 0);
    if (!err)
        err = pipe_create(0, &end[0], &end[1]);
    if (!err) {
        err = write_all(end[1], text, sizeof text, 0);
        err = err == (int)sizeof text ? 0 : err < 0 ? err : -EIO;
        file_put(end[0]);
        file_put(end[1]);
    }
    if (!err)
        err = file_open_memory("/memfd:test", O_RDWR, &f);
    if (!err)
        file_put(f);
    return err;
}

static void clean_up(void)
{
    vfs_unlink(NULL, DIR "/d/file", false);
    vfs_unlink(NULL, DIR "/d/link", false);
    vfs_unlink(NULL, DIR "/d/other", false);
    vfs_unlink(NULL, DIR "/d", true);
    slab_reap_all(&frame_pool_sys);
}

TEST(vfs, no_memory_anywhere)
{
    uint32_t n = 0, before;
    int err;

    EXPECT(vfs_mknod(NULL, DIR, S_IFDIR | 0755, 0) == 0, "mkdir");
    EXPECT(everything() == 0, "with memory");
    clean_up();
    before = frame_free_count(&frame_pool_sys);
    do {
        slab_reap_all(&frame_pool_sys);
        frame_fail_after(&frame_pool_sys, ++n);
        err = everything();
        frame_fail_after(&frame_pool_sys, 0);
        clean_up();
        EXPECT(err == 0 || err == -ENOMEM || err == -ENOSPC, "allocation %u fails: %d", n, err);
        EXPECT(!exists(DIR "/d"), "allocation %u fails: something is left", n);
        if (kt->failures)
            break;
    } while (err && n < 2000);
    EXPECT(err == 0 && n > 5, "%u allocations", n);
    EXPECT(frame_free_count(&frame_pool_sys) + 8 >= before, "%u frames free, %u before",
           frame_free_count(&frame_pool_sys), before);
    EXPECT(vm_verify(&vm_sys), "at the end");
    vfs_unlink(NULL, DIR, true);
}

#define NAMES 40u

/* Names in two directories: which of NAMES is there. Enough of them that the tables grow. */
TEST(vfs, names_by_chance)
{
    bool model[2][NAMES] = {0};
    uint32_t seen = 0, expected = 0;
    struct path_end dir = {0};

    vfs_mknod(NULL, DIR, S_IFDIR | 0755, 0);
    vfs_mknod(NULL, DIR "/0", S_IFDIR | 0755, 0);
    vfs_mknod(NULL, DIR "/1", S_IFDIR | 0755, 0);
    for (uint32_t round = 0; round < kt_rounds(kt, 1000000); round++) {
        uint32_t d = kt_below(kt, 2), n = kt_below(kt, NAMES), d2 = kt_below(kt, 2), n2 = kt_below(kt, NAMES);
        char path[32], path2[32];
        int err, want;

        format(path, sizeof path, DIR "/%u/%u", d, n);
        format(path2, sizeof path2, DIR "/%u/%u", d2, n2);
        switch (kt_below(kt, 4)) {
        case 0:
            err = vfs_mknod(NULL, path, S_IFREG | 0600, 0);
            want = model[d][n] ? -EEXIST : 0;
            model[d][n] = true;
            break;
        case 1:
            err = vfs_unlink(NULL, path, false);
            want = model[d][n] ? 0 : -ENOENT;
            model[d][n] = false;
            break;
        case 2:
            err = vfs_rename(NULL, path, NULL, path2, 0);
            want = model[d][n] ? 0 : -ENOENT;
            if (model[d][n]) {
                model[d][n] = false;
                model[d2][n2] = true;
            }
            break;
        default:
            err = exists(path);
            want = model[d][n];
            break;
        }
        REQUIRE(err == want, "round %u: %s, %s: %d, not %d", round, path, path2, err, want);
    }
    for (uint32_t d = 0; d < 2; d++)
        for (uint32_t n = 0; n < NAMES; n++) {
            char path[32];

            format(path, sizeof path, DIR "/%u/%u", d, n);
            expected += model[d][n];
            seen += exists(path);
            vfs_unlink(NULL, path, false);
        }
    EXPECT(seen == expected, "%u names, not %u", seen, expected);
    EXPECT(path_walk(NULL, DIR "/0", 0, &dir) == 0 && dir.inode->size == 2 * RAMFS_ENTRY_SIZE,
           "a directory is not empty");
    path_put(&dir);
    EXPECT(vfs_unlink(NULL, DIR "/0", true) == 0 && vfs_unlink(NULL, DIR "/1", true) == 0 &&
               vfs_unlink(NULL, DIR, true) == 0,
           "directories stay");
}

/* A file's pages go to swap and come back; a hole reads as zeroes without a page. */
TEST(vfs, contents_in_swap)
{
    enum { FILE_PAGES = 40 };
    uint32_t word;
    struct file *f;

    REQUIRE(file_open_memory("/memfd:swap", O_RDWR | O_LARGEFILE, &f) == 0, "no file");
    for (uint32_t i = 0; i < FILE_PAGES; i++) {
        word = i * 0x01010101u;
        EXPECT(write_all(f, &word, 4, (uint64_t)2 * i * PAGE_SIZE + i) == 4, "page %u", i);
    }
    struct object *o = f->inode->object;

    EXPECT(o->resident + o->swapped == FILE_PAGES, "%u pages for %u", o->resident + o->swapped, FILE_PAGES);
    for (uint32_t i = 0; i < FILE_PAGES; i++) {
        struct frame *page = object_resident(o, 2 * i);

        if (page)
            reclaim_evict(&vm_sys, page);
    }
    if (vm_sys.swap.total == 0)
        kt_note(kt, "without swap");
    else
        EXPECT(o->swapped > 0, "nothing went to swap");
    for (uint32_t i = 0; i < FILE_PAGES; i++) {
        EXPECT(read_all(f, &word, 4, (uint64_t)2 * i * PAGE_SIZE + i) == 4 && word == i * 0x01010101u,
               "page %u: %x", i, word);
        if (i + 1 < FILE_PAGES)
            EXPECT(read_all(f, &word, 4, (uint64_t)(2 * i + 1) * PAGE_SIZE + 8) == 4 && word == 0, "hole %u",
                   i);
    }
    EXPECT(o->resident + o->swapped == FILE_PAGES, "reading made pages: %u", o->resident + o->swapped);
    EXPECT(inode_truncate(f->inode, PAGE_SIZE / 2) == 0 && o->resident + o->swapped == 1, "%u pages left",
           o->resident + o->swapped);
    file_put(f);
    EXPECT(vm_verify(&vm_sys), "at the end");
}

/* What a pipe has to do, as a list of slots of bytes that are numbered as they are written. */
struct model_slot {
    uint32_t byte, from, size;
    bool packet;
};
#define MODEL_SLOTS 32u

struct model {
    struct model_slot slot[MODEL_SLOTS];
    uint32_t count, most;
    uint32_t written;
};

static void model_add(struct model *m, uint32_t n, bool packet)
{
    m->slot[m->count++] = (struct model_slot){m->written, 0, n, packet};
    m->written += n;
}

static int model_write(struct model *m, uint32_t n, bool packet)
{
    struct model_slot *last = &m->slot[m->count - 1];
    uint32_t done = 0, odd = n % PAGE_SIZE;

    if (m->count && odd && !last->packet && last->from + last->size + odd <= PAGE_SIZE) {
        last->size += odd;
        m->written += odd;
        done = odd;
    }
    for (uint32_t part; done < n && m->count < m->most; done += part) {
        part = n - done < PAGE_SIZE ? n - done : PAGE_SIZE;
        model_add(m, part, packet);
    }
    return done ? (int)done : -EAGAIN;
}

/* Also whether the bytes are those that it gives. */
static int model_read(struct model *m, const uint8_t *bytes, uint32_t n, bool *right)
{
    uint32_t done = 0;
    bool packet = false;

    *right = true;
    while (done < n && m->count && !packet) {
        struct model_slot *s = m->slot;
        uint32_t part = s->size < n - done ? s->size : n - done;

        for (uint32_t i = 0; i < part; i++, done++)
            *right &= bytes[done] == (uint8_t)((s->byte + i) * 7 + ((s->byte + i) >> 8));
        packet = s->packet;
        s->byte += part;
        s->from += part;
        s->size -= packet ? s->size : part;
        if (!s->size)
            memmove(s, s + 1, --m->count * sizeof *s);
    }
    return done ? (int)done : -EAGAIN;
}

static uint32_t model_bytes(const struct model *m)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < m->count; i++)
        n += m->slot[i].size;
    return n;
}

/* Writes and reads of every size, so that the ring goes around in every position, at several capacities, in
 * packets and without. */
TEST(vfs, pipe_goes_around)
{
    static uint8_t bytes[3 * PAGE_SIZE];
    struct model m = {.most = PIPE_SIZE / PAGE_SIZE};
    struct file *end[2];
    bool right;

    REQUIRE(pipe_create(O_NONBLOCK, &end[0], &end[1]) == 0, "no pipe");
    for (uint32_t round = 0; round < kt_rounds(kt, 400000); round++) {
        uint32_t n = 1 + kt_below(kt, kt_below(kt, 2) ? sizeof bytes : 2000), change = kt_below(kt, 100);

        if (change == 0) {
            uint32_t slots = 1u << kt_below(kt, 6);
            int err = pipe_set_size(end[0], slots * PAGE_SIZE);

            REQUIRE(err == (slots < m.count ? -EBUSY : (int)(slots * PAGE_SIZE)), "to %u: %d", slots, err);
            if (err > 0)
                m.most = slots;
        } else if (change == 1) {
            end[1]->flags ^= O_DIRECT;
        } else if (kt_below(kt, 2)) {
            for (uint32_t i = 0; i < n; i++)
                bytes[i] = (uint8_t)((m.written + i) * 7 + ((m.written + i) >> 8));
            int done = write_all(end[1], bytes, n, 0);

            REQUIRE(done == model_write(&m, n, end[1]->flags & O_DIRECT), "round %u: wrote %d of %u", round,
                    done, n);
        } else {
            int done = read_all(end[0], bytes, n, 0);

            REQUIRE(done == model_read(&m, bytes, n, &right), "round %u: read %d of %u", round, done, n);
            REQUIRE(right, "round %u: other bytes", round);
        }
        if (round % 16 == 0)
            REQUIRE(pipe_fill(end[0]) == model_bytes(&m), "round %u: %u bytes", round, pipe_fill(end[0]));
    }
    EXPECT(pipe_verify(), "at the end");
    file_put(end[0]);
    file_put(end[1]);
}

/* --- verification --- */

static struct node *node_at(const char *path)
{
    struct inode *i;

    if (path_lookup(NULL, path, LOOKUP_NOFOLLOW, &i) != 0)
        return NULL;
    inode_put(i); /* it stays: nobody else is here */
    return ramfs_node_of(i);
}

/* Enough names in a directory that it has a table. */
#define FEW 12u

static void name_few(char *name, size_t size, uint32_t n)
{
    format(name, size, DIR "/d/file%u", n);
}

TEST(vfs, tree_damage_is_named)
{
    struct node *d, *file, *sub;
    struct entry *e;
    char name[32];

    REQUIRE(vfs_mknod(NULL, DIR, S_IFDIR | 0755, 0) == 0 &&
                vfs_mknod(NULL, DIR "/d", S_IFDIR | 0755, 0) == 0 &&
                vfs_mknod(NULL, DIR "/d/sub", S_IFDIR | 0755, 0) == 0,
            "directories");
    for (uint32_t n = 0; n < FEW; n++) {
        name_few(name, sizeof name, n);
        REQUIRE(vfs_mknod(NULL, name, S_IFREG | 0644, 0) == 0, "%s", name);
    }
    d = node_at(DIR "/d");
    file = node_at(DIR "/d/file0");
    sub = node_at(DIR "/d/sub");
    REQUIRE(d && file && sub && d->dir.table, "nodes");
    REQUIRE(vfs_link(&file->inode, NULL, DIR "/d/second") == 0, "a second name");
    EXPECT(ramfs_verify(), "before");
    e = d->dir.first->next;

    KT_BREAK(ramfs_verify(), "INV-RAMFS-1", e->prev, NULL);
    KT_BREAK(ramfs_verify(), "INV-RAMFS-1", d->dir.last, e);
    KT_BREAK(ramfs_verify(), "INV-RAMFS-1", d->dir.count, FEW);
    KT_BREAK(ramfs_verify(), "INV-RAMFS-1", e->pos, e->next->pos);
    KT_BREAK(ramfs_verify(), "INV-RAMFS-1", e->hash, e->hash + 1);
    KT_BREAK(ramfs_verify(), "INV-RAMFS-1", d->dir.table[e->hash & (d->dir.buckets - 1)], NULL);
    KT_BREAK(ramfs_verify(), "INV-RAMFS-1", d->inode.size, 0);
    KT_BREAK(ramfs_verify(), "INV-RAMFS-2", sub->inode.parent, &sub->inode);
    KT_BREAK(ramfs_verify(), "INV-RAMFS-2", file->inode.refs, 3);
    KT_BREAK(ramfs_verify(), "INV-RAMFS-2", file->inode.refs, 1);
    KT_BREAK(ramfs_verify(), "INV-RAMFS-2", d->inode.fs->users, d->inode.fs->users + 1);
    KT_BREAK(ramfs_verify(), "INV-RAMFS-3", file->inode.nlink, 1);
    KT_BREAK(ramfs_verify(), "INV-RAMFS-3", d->inode.nlink, 2);
    KT_BREAK(ramfs_verify(), "INV-RAMFS-4", file->inode.size, 1);
    KT_BREAK(ramfs_verify(), "INV-RAMFS-5", d->inode.fs->image_pages, d->inode.fs->image_pages + 1);

    for (uint32_t n = 0; n < FEW; n++) {
        name_few(name, sizeof name, n);
        vfs_unlink(NULL, name, false);
    }
    vfs_unlink(NULL, DIR "/d/second", false);
    vfs_unlink(NULL, DIR "/d/sub", true);
    vfs_unlink(NULL, DIR "/d", true);
    vfs_unlink(NULL, DIR, true);
}

/* A mark that counts what it is told. */
struct counting {
    struct notify_mark mark;
    unsigned told, named, gone;
};

static void count_news(struct notify_mark *m, uint32_t event, const char *name, uint32_t cookie)
{
    struct counting *c = container_of(m, struct counting, mark);

    (void)event;
    (void)cookie;
    c->told++;
    c->named += name != NULL;
}

static void count_end(struct notify_mark *m, bool ended)
{
    container_of(m, struct counting, mark)->gone += ended;
}

TEST(vfs, marks)
{
    static const struct notify_ops ops = {.tell = count_news, .gone = count_end};
    struct counting of_dir = {.mark = {.ops = &ops, .mask = NOTIFY_EVERYTHING}}, of_file = of_dir;
    uint32_t before = notify_marks;
    struct node *d, *file;

    REQUIRE(vfs_mknod(NULL, DIR, S_IFDIR | 0755, 0) == 0 && vfs_mknod(NULL, DIR "/f", S_IFREG | 0644, 0) == 0,
            "files");
    d = node_at(DIR);
    file = node_at(DIR "/f");
    REQUIRE(d && file, "nodes");
    notify_attach(&of_dir.mark, &d->inode);
    notify_attach(&of_file.mark, &file->inode);
    EXPECT(inode_truncate(&file->inode, 5) == 0, "truncate");
    EXPECT(of_dir.told == 1 && of_dir.named == 1 && of_file.told == 1 && of_file.named == 0,
           "%u news, %u with names, of the directory, %u, %u of the file", of_dir.told, of_dir.named,
           of_file.told, of_file.named);
    EXPECT(notify_verify(), "two marks");
    KT_BREAK(notify_verify(), "INV-NOTIFY-1", of_file.mark.inode, &d->inode);
    KT_BREAK(notify_verify(), "INV-NOTIFY-1", d->inode.marks, NULL);
    KT_BREAK(notify_verify(), "INV-NOTIFY-2", of_dir.mark.all_at, &of_dir.mark.all_next);
    KT_BREAK(notify_verify(), "INV-NOTIFY-3", notify_marks, before + 1);
    vfs_unlink(NULL, DIR "/f", false);
    EXPECT(of_file.gone == 1 && !of_file.mark.inode && of_file.told == 3, "the file's end: %u, %u news",
           of_file.gone, of_file.told);
    notify_detach(&of_dir.mark);
    EXPECT(of_dir.told == 2 && notify_marks == before, "%u news, %u marks", of_dir.told, notify_marks);
    vfs_unlink(NULL, DIR, true);
}

/* An archive that is not mapped is read through windows, from odd places on. */
TEST(vfs, image_in_high_frames)
{
    struct frame_pool *p = &frame_pool_sys;
    struct frame *a = frame_alloc_block(p, 1, FRAME_KERNEL, FRAME_LOW_ONLY); /* no reclaim: a test may fail */
    uint8_t got[64], *first;
    struct inode *i;
    paddr_t at;

    if (!a) {
        kt_skip(kt, "no two frames in a row");
        return;
    }
    at = (paddr_t)frame_pfn(p, a) << PAGE_SHIFT;
    for (unsigned n = 0; n < 2; n++) {
        first = window_open(p, frame_pfn(p, a) + n);
        for (unsigned b = 0; b < PAGE_SIZE; b++)
            first[b] = (uint8_t)(b * 3 + n);
        window_close(p, first);
    }
    REQUIRE(vfs_mknod_get(NULL, DIR, S_IFREG | 0644, 0, &i) == 0, "a file");
    ramfs_set_image(i, (const void *)(uintptr_t)(at + 101), true, PAGE_SIZE + 50);
    EXPECT(inode_read(i, PAGE_SIZE - 120, got, sizeof got) == 64, "read over the end of a page");
    for (unsigned n = 0; n < sizeof got; n++) {
        unsigned b = PAGE_SIZE - 120 + 101 + n;

        EXPECT(got[n] == (uint8_t)(b % PAGE_SIZE * 3 + b / PAGE_SIZE), "byte %u is %x", n, got[n]);
    }
    inode_put(i);
    vfs_unlink(NULL, DIR, false);
    frame_free_block(p, a);
}

TEST(vfs, pipe_damage_is_named)
{
    static const char text[] = "some bytes";
    struct file *end[2];
    struct pipe *p;

    REQUIRE(pipe_create(0, &end[0], &end[1]) == 0, "a pipe");
    EXPECT(write_all(end[1], text, sizeof text, 0) == sizeof text, "write");
    p = end[0]->inode->pipe;
    EXPECT(pipe_verify(), "before");
    KT_BREAK(pipe_verify(), "INV-PIPE-1", p->tail, p->head + 1);
    KT_BREAK(pipe_verify(), "INV-PIPE-1", p->head, p->tail + p->slots + 1);
    KT_BREAK(pipe_verify(), "INV-PIPE-1", p->slots, 3);
    KT_BREAK(pipe_verify(), "INV-PIPE-2", p->slot[0].page, NULL);
    KT_BREAK(pipe_verify(), "INV-PIPE-2", p->slot[1].page, p->slot[0].page);
    KT_BREAK(pipe_verify(), "INV-PIPE-2", p->slot[0].size, 0);
    KT_BREAK(pipe_verify(), "INV-PIPE-2", p->slot[0].from, PAGE_SIZE);
    KT_BREAK(pipe_verify(), "INV-PIPE-3", p->slots, p->slots / 2);
    file_put(end[0]);
    file_put(end[1]);
}
