/*
 * Which disks and partitions swap uses.
 *
 * A swap header does not say that a disk is free to be written: it stays when the disk is partitioned or gets
 * a file system later. So, unless somebody names it, a device is used at boot only if nothing else can claim
 * it:
 *
 *     a disk        it has a swap header and no partition table of any kind, damaged ones included
 *     a partition   its type is that of swap, it has a swap header, and it overlaps nothing
 *     both          no mark of a file system, array or other label is beside the header
 *
 * swap=NAME[,NAME...] uses those and no others, whatever is on them beside a valid header; swap=off uses
 * none. swapon() names a device, too. What is passed over although it has a header is told on the log.
 */
#include "kernel/dev/swapdev.h"
#include "kernel/lib/format.h"
#include "kernel/lib/param.h"
#include "kernel/vm/vm_sys.h"
#include "mm/errno.h"
#include "mm/swap.h"

int swapdev_on(struct disk_unit *u, int priority)
{
    int err = disk_claim(u, DISK_SWAP);

    if (err)
        return err;
    err = swap_on_at(&vm_sys, u->dev, priority);
    if (err)
        disk_unclaim(u);
    return err;
}

int swapdev_off(struct disk_unit *u, bool (*stop)(void))
{
    int err;

    u->opens++; /* it stays until we are done, even if another task takes it off first */
    err = swap_off(&vm_sys, u->dev, stop);
    if (!err)
        disk_unclaim(u);
    u->opens--;
    return err;
}

static bool do_not_wait(void)
{
    return true;
}

void swapdev_end(void)
{
    uint32_t rdev = 0;

    for (struct disk_unit *u; (u = disk_next(rdev)) != NULL;) {
        rdev = u->rdev;
        if (u->claim == DISK_SWAP)
            swapdev_off(u, do_not_wait);
    }
}

/* Why a device that has a swap header is not used unasked, or NULL. */
static const char *objection(const struct disk_unit *u, struct disk_reader *r)
{
    if (!u->entry.number && u->disk->table != PTABLE_NONE)
        return u->disk->what;
    if (u->entry.number && !u->entry.swap)
        return "a type that is not swap";
    return u->entry.doubt ? u->entry.doubt : ptable_signature(&r->source, r->scratch);
}

/* Why a device is not used unasked, or NULL. *beside: it has a swap header, and this is beside it. */
static const char *why_not(struct disk_unit *u, bool *beside)
{
    struct disk_reader r;
    const char *what;

    *beside = false;
    if (u->disk->unreadable)
        return "it cannot be read";
    if (disk_reader_init(&r, u->dev))
        return "no memory to look at it";
    if (ptable_has_swap(&r.source, r.scratch)) {
        what = objection(u, &r);
        *beside = what != NULL;
    } else {
        what = "no swap header";
    }
    disk_reader_done(&r);
    return what;
}

bool swapdev_is_swap(struct disk_unit *u)
{
    bool beside;

    return !why_not(u, &beside);
}

static void use_unasked(struct disk_unit *u)
{
    const char *name = u->dev->name, *what;
    bool beside;

    what = why_not(u, &beside);
    if (!what)
        swapdev_on(u, SWAP_ANY_PRIORITY);
    else if (beside)
        os_log("swap: %s not used: beside a swap header there is %s; swap=%s uses it", name, what, name);
    else if (u->entry.number ? u->entry.swap : u->disk->table == PTABLE_NONE)
        os_log("swap: %s not used: %s", name, what);
}

/* All that can be named, for people. */
static void list_possible(char *line, size_t size)
{
    size_t n = format(line, size, "on, off");
    const struct disk_unit *u = NULL;

    while ((u = disk_next(u ? u->rdev : 0)) != NULL && n + sizeof u->dev->name + 2 < size)
        if (!u->entry.extended)
            n += format(line + n, size - n, ", %s", u->dev->name);
}

/* Use the device that one word of the parameter names. */
static void use_named(const char *name)
{
    struct disk_unit *u = disk_find_name(strncmp(name, "/dev/", 5) == 0 ? name + 5 : name);
    char possible[160];

    if (!u) {
        list_possible(possible, sizeof possible);
        os_log("param: swap: there is no device `%s`, ignored; possible are %s", name, possible);
    } else if (swapdev_on(u, SWAP_ANY_PRIORITY) == -EBUSY) {
        os_log("swap: %s not used: it, or a part of it, is in use already", u->dev->name);
    }
}

void swapdev_boot(void)
{
    const char *s = params.swap;
    uint32_t rdev = 0;

    if (!s || strcmp(s, "on") == 0) {
        for (struct disk_unit *u; (u = disk_next(rdev)) != NULL; rdev = u->rdev)
            use_unasked(u);
        return;
    }
    if (strcmp(s, "off") == 0)
        return;
    while (*s) {
        char name[32];
        size_t n = 0;

        for (; *s && *s != ','; s++)
            if (n + 1 < sizeof name)
                name[n++] = *s;
        name[n] = '\0';
        if (n)
            use_named(name);
        if (*s)
            s++;
    }
}
