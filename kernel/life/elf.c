/*
 * Reading ELF headers. The file may be anybody's, so nothing in it is believed: every sum is made in 64 bits
 * and compared with the file's size or the address space before it is used. Touches no memory but its
 * arguments.
 *
 * A program's segments may share a page of the file, as linkers that save space let them; then the later one
 * has the page, as on Linux.
 *
 * Source: Tool Interface Standard, ELF 1.2.
 */
#include "kernel/life/elf.h"
#include "mm/errno.h"
#include "mm/os.h"
#include "mm/space.h"

struct ehdr {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version, entry, phoff, shoff, flags;
    uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct __attribute__((packed)) phdr { /* wherever it lies */
    uint32_t type, offset, vaddr, paddr, filesz, memsz, flags, align;
};

_Static_assert(sizeof(struct ehdr) == ELF_HEADER && sizeof(struct phdr) == ELF_PHDR, "ELF 1.2");

enum { ET_EXEC = 2, ET_DYN = 3, EM_386 = 3, EM_486 = 6 };
enum { PT_LOAD = 1, PT_INTERP = 3, PT_PHDR = 6, PT_GNU_STACK = 0x6474E551 };
enum { PF_X = 1, PF_W = 2, PF_R = 4 };

int elf_header(struct elf_image *e, const void *header, uint64_t file_size)
{
    struct ehdr h;

    if (file_size < sizeof h)
        return -ENOEXEC;
    memcpy(&h, header, sizeof h);
    /* Class, byte order and versions are not looked at, as Linux does. */
    if (memcmp(h.ident, "\177ELF", 4) != 0 || (h.type != ET_EXEC && h.type != ET_DYN) ||
        (h.machine != EM_386 && h.machine != EM_486) || h.phentsize != ELF_PHDR || h.phnum == 0 ||
        h.phnum > ELF_PHDRS || (uint64_t)h.phoff + h.phnum * ELF_PHDR > file_size)
        return -ENOEXEC;
    memset(e, 0, offsetof(struct elf_image, few));
    e->segment = e->few;
    e->fixed = h.type == ET_EXEC;
    e->reads_exec = true;
    e->entry = h.entry;
    e->phnum = h.phnum;
    e->phdr_offset = h.phoff;
    e->lo = SPACE_HI;
    return 0;
}

static int add_segment(struct elf_image *e, const struct phdr *p)
{
    struct elf_segment *s = &e->segment[e->segments];
    uint64_t end = (uint64_t)p->vaddr + p->memsz;

    if (p->filesz > p->memsz || (uint64_t)p->offset + p->filesz > UINT32_MAX || end > SPACE_HI ||
        (p->filesz && (p->offset & PAGE_MASK) != (p->vaddr & PAGE_MASK)) || (e->fixed && p->vaddr < SPACE_LO))
        return -ENOEXEC;
    if (p->memsz == 0)
        return 0;
    *s = (struct elf_segment){
        .start = PAGE_DOWN(p->vaddr),
        .file_end = p->filesz ? p->vaddr + p->filesz : PAGE_DOWN(p->vaddr),
        .end = (vaddr_t)PAGE_UP(end),
        .offset = p->offset >> PAGE_SHIFT,
        .prot = (p->flags & PF_R ? REGION_READ : 0u) | (p->flags & PF_W ? REGION_WRITE : 0u) |
                (p->flags & PF_X ? REGION_EXEC : 0u),
        .clears_tail = p->memsz > p->filesz,
    };
    e->segments++;
    if (s->start < e->lo)
        e->lo = s->start;
    if (s->end > e->hi)
        e->hi = s->end;
    if (!e->phdr && p->offset <= e->phdr_offset && e->phdr_offset - p->offset < p->filesz)
        e->phdr = p->vaddr + (e->phdr_offset - p->offset);
    return 0;
}

unsigned elf_count_segments(const struct elf_image *e, const void *phdrs)
{
    const struct phdr *p = phdrs;
    unsigned n = 0;

    for (uint32_t i = 0; i < e->phnum; i++)
        n += p[i].type == PT_LOAD;
    return n;
}

int elf_segments(struct elf_image *e, const void *phdrs)
{
    const struct phdr *p = phdrs;

    for (const struct phdr *end = p + e->phnum; p < end; p++) {
        switch (p->type) {
        case PT_LOAD: {
            int err = add_segment(e, p);

            if (err)
                return err;
            break;
        }
        case PT_INTERP:
            if (e->has_interp) /* the first one counts */
                break;
            e->has_interp = true;
            e->interp_offset = p->offset;
            e->interp_size = p->filesz;
            break;
        case PT_PHDR:
            e->phdr = p->vaddr;
            break;
        case PT_GNU_STACK:
            e->exec_stack = p->flags & PF_X;
            e->reads_exec = false;
            break;
        }
    }
    return e->segments ? 0 : -ENOEXEC;
}

int elf_interp(const struct elf_image *e, uint64_t file_size)
{
    if (!e->has_interp)
        return 0;
    if (e->interp_size < 2 || e->interp_size > ELF_INTERP)
        return -ENOEXEC;
    return (uint64_t)e->interp_offset + e->interp_size > file_size ? -EIO : 0;
}
