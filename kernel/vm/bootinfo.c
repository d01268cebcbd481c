#include "kernel/vm/bootinfo.h"
#include "kernel/lib/image.h"
#include "kernel/lib/printk.h"
#include "kernel/x86/panic.h"
#include "mm/layout.h"

#define MULTIBOOT_MAGIC 0x2BADB002u

/* Multiboot 0.6.96, 3.3. */
struct multiboot_info {
    uint32_t flags;
    uint32_t mem_lower, mem_upper; /* KiB */
    uint32_t boot_device;
    uint32_t cmdline;
    uint32_t mods_count, mods_addr;
    uint32_t syms[4];
    uint32_t mmap_length, mmap_addr;
    uint32_t drives[2];
    uint32_t config_table;
    uint32_t boot_loader_name;
};

enum {
    HAS_MEM = 1 << 0,
    HAS_CMDLINE = 1 << 2,
    HAS_MODULES = 1 << 3,
    HAS_MMAP = 1 << 6,
    HAS_LOADER_NAME = 1 << 9,
};

struct __attribute__((packed)) multiboot_mmap {
    uint32_t size; /* of what follows */
    uint64_t addr, len;
    uint32_t type; /* 1: usable */
};

struct multiboot_module {
    uint32_t start, end, string, reserved;
};

_Static_assert(offsetof(struct multiboot_info, boot_loader_name) == 64, "multiboot 3.3");
_Static_assert(sizeof(struct multiboot_mmap) == 24, "multiboot 3.3");

/* The loader's memory through entry.asm's mapping. NULL when it lies outside: it is then treated as absent.
 */
static const void *loader_data(paddr_t at, size_t size)
{
    if (at == 0 || at >= DIRECT_MAX || size > DIRECT_MAX - at)
        return NULL;
    return (const void *)(KERNEL_BASE + at);
}

/* Copies a string, cut off if need be. skip_word: leave out the first word. False: it was cut off. */
static bool copy_string(char *to, size_t size, paddr_t at, bool skip_word)
{
    const char *s = loader_data(at, 1);
    size_t n = 0;

    to[0] = '\0';
    if (!s)
        return true;
    if (skip_word) {
        while (*s && *s != ' ')
            s++;
        while (*s == ' ')
            s++;
    }
    while (s[n] && n + 1 < size) {
        to[n] = s[n];
        n++;
    }
    to[n] = '\0';
    return !s[n];
}

/* The same for what names things and orders nothing. */
static void copy_name(char *to, size_t size, paddr_t at, bool skip_word, const char *what)
{
    if (!copy_string(to, size, at, skip_word))
        os_log("boot: %s is longer than %u characters, the rest is ignored", what, (unsigned)size - 1);
}

/* First all that is usable, then without all that some entry says is not: entries may overlap and come in any
 * order. */
static void read_map(struct bootinfo *b, const struct multiboot_info *mb)
{
    for (unsigned pass = 0; pass < 2; pass++) {
        uint32_t at = mb->mmap_addr, end = mb->mmap_addr + mb->mmap_length;

        while (at + sizeof(struct multiboot_mmap) <= end) {
            const struct multiboot_mmap *e = loader_data(at, sizeof *e);

            if (!e || e->size < sizeof *e - sizeof e->size || e->size > end - at - sizeof e->size)
                break;
            bool usable = e->type == 1;
            struct ram_range r = ram_frames(e->addr, e->len, usable);

            if (usable && pass == 0 && !ram_add(&b->ram, r.start, r.end))
                os_log("boot: more than %u ranges of RAM, frames %x to %x are not used", RAM_RANGES, r.start,
                       r.end);
            if (!usable && pass == 1 && !ram_remove(&b->ram, r.start, r.end))
                os_log("boot: more than %u ranges of RAM, those above frame %x are not used", RAM_RANGES,
                       r.end);
            at += e->size + sizeof e->size;
        }
    }
}

static void read_modules(struct bootinfo *b, const struct multiboot_info *mb, bool qemu)
{
    for (unsigned i = 0; i < mb->mods_count; i++) {
        const struct multiboot_module *m = loader_data(mb->mods_addr + i * sizeof *m, sizeof *m);

        if (!m || b->modules == BOOT_MODULES) {
            os_log("boot: module %u of %u is ignored: at most %u", i + 1, mb->mods_count, BOOT_MODULES);
            continue;
        }
        if (m->start >= m->end) {
            os_log("boot: module %u is empty, ignored", i + 1);
            continue;
        }
        struct boot_module *to = &b->module[b->modules++];

        to->start = m->start;
        to->end = m->end;
        copy_name(to->string, sizeof to->string, m->string, qemu, "the string of a module");
    }
}

const struct bootinfo *bootinfo_sys;

void bootinfo_init(struct bootinfo *b, uint32_t magic, paddr_t info)
{
    const struct multiboot_info *mb = loader_data(info, sizeof *mb);
    pfn_t image_first = ((uintptr_t)image_start - KERNEL_BASE) >> PAGE_SHIFT;
    pfn_t image_last = ((uintptr_t)image_end - KERNEL_BASE) >> PAGE_SHIFT;

    bootinfo_sys = b;
    if (magic != MULTIBOOT_MAGIC || !mb)
        panic_unfit("not started by a multiboot loader: magic %08x, information at %08x", magic, info);

    if (mb->flags & HAS_LOADER_NAME)
        copy_name(b->loader, sizeof b->loader, mb->boot_loader_name, false, "the loader's name");
    /* QEMU's -kernel and -initrd put the file's name in front; GRUB leaves it out. */
    bool qemu = strcmp(b->loader, "qemu") == 0;

    if (mb->flags & HAS_CMDLINE && !copy_string(b->cmdline, sizeof b->cmdline, mb->cmdline, qemu))
        panic_unfit("the command line is longer than %u characters, and nothing of it was done",
                    (unsigned)sizeof b->cmdline - 1);
    if (mb->flags & HAS_MODULES)
        read_modules(b, mb, qemu);
    if (mb->flags & HAS_MMAP) {
        read_map(b, mb);
    } else if (mb->flags & HAS_MEM) {
        struct ram_range low = ram_frames(0, (uint64_t)mb->mem_lower << 10, true);
        struct ram_range high = ram_frames(1 << 20, (uint64_t)mb->mem_upper << 10, true);

        ram_add(&b->ram, low.start, low.end);
        ram_add(&b->ram, high.start, high.end);
    }
    if (!ram_contains(&b->ram, image_first, image_last))
        panic_unfit("too little memory: the kernel image needs RAM up to %u KiB", image_last << 2);
}
