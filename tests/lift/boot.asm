; What C cannot say: the loader's header, the way to the upper half, traps, and the change of stacks.
bits 32

KERNEL_BASE equ 0xC0000000
%define PHYS(x) ((x) - KERNEL_BASE)

KERNEL_DATA equ 0x10

section .multiboot progbits alloc noexec nowrite align=4
    dd 0x1BADB002, 3, -(0x1BADB002 + 3) ; modules on page boundaries, and say how much memory there is

section .boot progbits alloc exec write align=4096
directory:                              ; 4 MiB pages: the first at 0 for the jump, 768 MiB at KERNEL_BASE
    dd 0x83
    times 767 dd 0
%assign page 0
%rep 192
    dd page << 22 | 0x83
%assign page page + 1
%endrep
    times 64 dd 0

extern kernel_main
global boot_entry
boot_entry:                             ; EAX: the loader's magic number, EBX: its information
    mov ecx, cr4
    or ecx, 1 << 4                      ; PSE
    mov cr4, ecx
    mov ecx, PHYS(directory)
    mov cr3, ecx
    mov ecx, cr0
    or ecx, 1 << 31 | 1 << 16           ; PG, WP
    mov cr0, ecx
    mov ecx, .high
    jmp ecx
.high:
    lgdt [gdt_pointer]
    jmp 0x08:.own_code
.own_code:
    mov ecx, KERNEL_DATA
    mov ds, ecx
    mov es, ecx
    mov ss, ecx
    mov esp, boot_stack_end
    push ebx
    push eax
    call kernel_main

section .bss align=16
    resb 8192                           ; the first task's stack
boot_stack_end:

section .data align=8
global gdt
gdt:
    dq 0
    dq 0x00CF9A000000FFFF               ; 0x08 the kernel's code
    dq 0x00CF92000000FFFF               ; 0x10 and data
    dq 0x00CFFA000000FFFF               ; 0x18 programs' code
    dq 0x00CFF2000000FFFF               ; 0x20 and data
    dq 0x0000890000000067               ; 0x28 the task state segment; its base is filled in
gdt_pointer:
    dw gdt_pointer - gdt - 1
    dd gdt

section .text
; void task_switch(uint32_t *save_esp, uint32_t load_esp)
global task_switch
task_switch:
    push ebp
    push ebx
    push esi
    push edi
    mov eax, [esp + 20]
    mov ecx, [esp + 24]
    mov [eax], esp
    mov esp, ecx
    pop edi
    pop esi
    pop ebx
    pop ebp
    ret

; _Noreturn void trap_return(struct frame *frame)
global trap_return
trap_return:
    mov esp, [esp + 4]
    jmp leave_trap

extern trap
enter_trap:                             ; a stub has pushed an error code and the vector
    pusha
    push ds
    push es
    mov eax, KERNEL_DATA
    mov ds, eax
    mov es, eax
    cld
    push esp
    call trap
    add esp, 4
leave_trap:
    pop es
    pop ds
    popa
    add esp, 8
    iret

ERROR_CODES equ 1 << 8 | 0x1F << 10 | 1 << 17 | 1 << 21

%macro STUB 1
stub_%1:
%if %1 >= 32 || (ERROR_CODES >> %1 & 1) == 0
    push dword 0
%endif
    push dword %1
    jmp enter_trap
%endmacro

%assign vector 0
%rep 33                                 ; exceptions, and the timer
    STUB vector
%assign vector vector + 1
%endrep
stub_call:
    push dword 0
    push dword 0x80
    jmp enter_trap

section .rodata
global trap_stubs, trap_call_stub
trap_stubs:
%assign vector 0
%rep 33
    dd stub_ %+ vector
%assign vector vector + 1
%endrep
trap_call_stub:
    dd stub_call
