/* Where entry.asm goes. */
#ifndef KERNEL_MAIN_H
#define KERNEL_MAIN_H

#include "mm/types.h"

_Noreturn void kmain(uint32_t magic, paddr_t info);

#endif
