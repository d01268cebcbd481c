/* Executable files: what their headers say, checked. See elf.c. */
#ifndef KERNEL_ELF_H
#define KERNEL_ELF_H

#include "mm/types.h"

#define ELF_HEADER   52u /* bytes of the file's header */
#define ELF_PHDR     32u /* of a program header */
#define ELF_PHDRS    128u
#define ELF_SEGMENTS 32u
#define ELF_INTERP   256u

/* A part of memory to make from a part of the file. Addresses are the file's, to be moved by the load bias.
 */
struct elf_segment {
    vaddr_t start;    /* page aligned */
    vaddr_t file_end; /* up to here bytes come from the file: [start, file_end), from page `offset` on */
    vaddr_t end;      /* page aligned; from file_end to here zeroes */
    uint32_t offset;  /* page of the file */
    unsigned prot;    /* REGION_READ | WRITE | EXEC */
};

struct elf_image {
    bool fixed; /* ET_EXEC: at the addresses that it says */
    bool exec_stack;
    vaddr_t entry;
    vaddr_t phdr; /* where the program headers will be in memory; 0: nowhere */
    uint32_t phnum;
    uint32_t phdr_offset;
    uint32_t interp_offset, interp_size; /* of the interpreter's name in the file, with its 0; size 0: none */
    vaddr_t lo, hi;                      /* of all segments, page aligned */
    unsigned segments;
    struct elf_segment segment[ELF_SEGMENTS];
};

/*
 * Check a file's header (its first ELF_HEADER bytes) and say where the program headers are: phdr_offset,
 * phnum. -ENOEXEC when this is not a program for this machine.
 */
int elf_header(struct elf_image *e, const void *header, uint64_t file_size);
/* Then check the program headers. 0; -ENOEXEC when they contradict themselves, the file's size, or the
 * machine. */
int elf_segments(struct elf_image *e, const void *phdrs, uint64_t file_size);

#endif
