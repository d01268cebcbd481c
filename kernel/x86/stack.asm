; The boot stack. A stack that overflows hits the guard page, which paging_init() leaves unmapped.

section .bss.stack nobits alloc noexec write align=4096
global boot_stack_guard, boot_stack, boot_stack_top
boot_stack_guard:
    resb 4096
boot_stack:
    resb 8192
boot_stack_top:
