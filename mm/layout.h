/*
 * The kernel's half of every address space.
 *
 *   0x00000000  user                                  (per space)
 *   0xC0000000  direct map of low frames, 4 MiB global pages; the kernel image
 *               lies in it at 1 MiB and is mapped with 4 KiB pages by section
 *   0xF0000000  kernel address arena (kva): stacks, large tables, device windows
 *   0xFF800000  hole, never mapped
 *   0xFFC00000  windows: short-lived mappings of single frames
 */
#ifndef MM_LAYOUT_H
#define MM_LAYOUT_H

#define USER_END     0xC0000000u
#define KERNEL_BASE  0xC0000000u
#define DIRECT_MAX   0x30000000u /* bytes of RAM that the direct map can hold */
#define KVA_START    0xF0000000u
#define KVA_END      0xFF800000u
#define WINDOW_START 0xFFC00000u
#define WINDOW_COUNT 16u /* nesting depth of windows, interrupts included */

#endif
