/* What the loader says, copied out of its memory before anything is allocated. */
#ifndef KERNEL_VM_BOOTINFO_H
#define KERNEL_VM_BOOTINFO_H

#include "kernel/vm/ram.h"

#define BOOT_MODULES     8u
#define BOOT_STRING_MAX  256u
#define BOOT_CMDLINE_MAX 4096u

struct boot_module {
    paddr_t start, end;           /* stays where the loader put it; reserved */
    char string[BOOT_STRING_MAX]; /* its arguments, without the name of a file */
};

struct bootinfo {
    struct ram_map ram; /* usable RAM below 4 GiB, mem= not yet applied */
    struct boot_module module[BOOT_MODULES];
    unsigned modules;
    uint32_t lost_kib;              /* of modules that are not in RAM that is used */
    char cmdline[BOOT_CMDLINE_MAX]; /* without the image's name; param_parse() works on it in place */
    char loader[64];
};

/* The machine's: what bootinfo_init() filled. */
extern const struct bootinfo *bootinfo_sys;

/* Fill b from the multiboot information. Stops the machine, with one line, when the loader is not multiboot
 * or gives no memory map, when the image does not lie in RAM, or when the command line does not fit: what is
 * left of one that is cut may be another order. */
void bootinfo_init(struct bootinfo *b, uint32_t magic, paddr_t info);

#endif
