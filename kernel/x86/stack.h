/* The stack that kmain() runs on, with an unmapped page below it. */
#ifndef KERNEL_X86_STACK_H
#define KERNEL_X86_STACK_H

extern char boot_stack_guard[], boot_stack[], boot_stack_top[];

#endif
