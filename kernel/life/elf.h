/* Executable files: what their headers say, checked. See elf.c. */
#ifndef KERNEL_LIFE_ELF_H
#define KERNEL_LIFE_ELF_H

#include "mm/types.h"

#define ELF_HEADER   52u   /* bytes of the file's header */
#define ELF_PHDR     32u   /* of a program header */
#define ELF_PHDRS    128u  /* a page of them, as on Linux */
#define ELF_SEGMENTS 16u   /* that an image has room for itself */
#define ELF_INTERP   4096u /* PATH_MAX */

/* A part of memory to make from a part of the file. Addresses are the file's, to be moved by the load bias.
 */
struct elf_segment {
    vaddr_t start;    /* page aligned */
    vaddr_t file_end; /* up to here bytes come from the file: [start, file_end), from page `offset` on */
    vaddr_t end;      /* page aligned; from file_end to here zeroes */
    uint32_t offset;  /* page of the file */
    unsigned prot;    /* REGION_READ | WRITE | EXEC */
    bool clears_tail; /* what the last page has of the file beyond file_end is not seen */
};

struct elf_image {
    bool fixed; /* ET_EXEC: at the addresses that it says */
    bool exec_stack;
    bool reads_exec; /* an old one, which says nothing of its stack: what it may read it may execute */
    vaddr_t entry;
    vaddr_t phdr; /* where the program headers will be in memory; 0: nowhere */
    uint32_t phnum;
    uint32_t phdr_offset;
    bool has_interp;
    uint32_t interp_offset,
        interp_size; /* of the interpreter's path in the file, with its 0; see elf_interp() */
    vaddr_t lo, hi;  /* of all segments, page aligned */
    unsigned segments;
    struct elf_segment *segment;          /* so many: in `few`, or where the caller has room */
    struct elf_segment few[ELF_SEGMENTS]; /* the others are not set */
};

/*
 * Check a file's header (its first ELF_HEADER bytes) and say where the program headers are: phdr_offset,
 * phnum. -ENOEXEC when this is not a program for this machine.
 */
int elf_header(struct elf_image *e, const void *header, uint64_t file_size);
/* How many segments the program headers speak of. If that is more than ELF_SEGMENTS, e->segment is to be
 * room for so many before elf_segments(). */
unsigned elf_count_segments(const struct elf_image *e, const void *phdrs);
/* Then check the program headers. 0; -ENOEXEC when they contradict themselves or the machine. What a
 * segment has beyond the file's end is SIGBUS for who touches it. */
int elf_segments(struct elf_image *e, const void *phdrs);
/*
 * Check where the interpreter's path lies, which matters only in a program that is run, not in its
 * interpreter.
 * 0: it can be read, or there is none; -ENOEXEC: no path has this size; -EIO: it is beyond the file's end.
 */
int elf_interp(const struct elf_image *e, uint64_t file_size);

#endif
