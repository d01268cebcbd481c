/* Where entry.asm goes. */
#ifndef BOOT_ENTRY_H
#define BOOT_ENTRY_H

#include "mm/types.h"

_Noreturn void kmain(uint32_t magic, paddr_t info);

#endif
