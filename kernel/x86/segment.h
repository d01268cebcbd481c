/* FS and GS, which are the program's: for who switches programs, and for cpu.c, which has them for everybody
 * else. Loading a bad selector loads 0. */
#ifndef KERNEL_X86_SEGMENT_H
#define KERNEL_X86_SEGMENT_H

#include "mm/types.h"

#define SEGMENT_READ(reg)                                                                                    \
    ({                                                                                                       \
        uint32_t v_;                                                                                         \
        __asm__ volatile("mov %%" reg ", %0" : "=r"(v_));                                                    \
        (uint16_t) v_;                                                                                       \
    })
#define SEGMENT_LOAD(reg, selector)                                                                          \
    __asm__ volatile("1: mov %0, %%" reg "\n"                                                                \
                     "2:\n\t"                                                                                \
                     ".subsection 1\n"                                                                       \
                     "3: mov %1, %%" reg "\n\t"                                                              \
                     "jmp 2b\n\t"                                                                            \
                     ".previous\n\t"                                                                         \
                     ".pushsection extable, \"a\"; .long 1b, 3b; .popsection"                                \
                     :                                                                                       \
                     : "r"((uint32_t)(selector)), "r"(0))

static inline uint16_t segment_fs(void)
{
    return SEGMENT_READ("fs");
}

static inline uint16_t segment_gs(void)
{
    return SEGMENT_READ("gs");
}

static inline void segment_set_fs(uint16_t selector)
{
    SEGMENT_LOAD("fs", selector);
}

static inline void segment_set_gs(uint16_t selector)
{
    SEGMENT_LOAD("gs", selector);
}

#endif
