; Entry and exit of exceptions and interrupts.
;
; The processor pushes EFLAGS, CS, EIP and for some exceptions an error code; from ring 3 also SS and ESP. A stub adds
; what is missing to make a struct trap_frame (trap.h), calls C with its address in EAX, and undoes it all.
;
; The kernel runs with DS = ES = the user's flat data segment. So the two are saved as one double word,
; and need loading only if the program had changed them, both on the way in and on the way out.

bits 32

USER_DATA    equ 0x23                   ; SEL_USER_DATA
FLAT         equ USER_DATA << 16 | USER_DATA
VECTOR_PF    equ 14
VECTOR_IRQ   equ 32                     ; IRQ_VECTOR
IRQS         equ 16
; Exceptions that push an error code: 8, 10 to 14, 17, 21, 29, 30.
ERROR_CODES  equ 1 << 8 | 0x1F << 10 | 1 << 17 | 1 << 21 | 1 << 29 | 1 << 30

extern trap_dispatch, trap_interrupt, trap_page_fault

; With SMAP the kernel must not run with the AC flag of whoever it interrupted. Processors without it do not know
; the instruction, so it stands here as a no-op of the same length, and cpu_init() puts it in.
%macro CLAC 0
%%here:
    db 0x0F, 0x1F, 0x00                 ; nop dword [eax]
[section .rodata]
    dd %%here
__?SECT?__
%endmacro

; Save registers, call %1(frame), restore, return. The vector and the error code are on the stack.
%macro HANDLE 1
    pusha
    o16 push es
    o16 push ds
    cmp dword [esp], FLAT
    jne %%load
%%flat:
    cld
    CLAC
    mov eax, esp
    call %1
    cmp dword [esp], FLAT
    jne %%unload
    add esp, 4
    popa
    add esp, 8
    iret
%%load:
    mov eax, USER_DATA
    mov ds, eax
    mov es, eax
    jmp %%flat
%%unload:
    o16 pop ds
    o16 pop es
    popa
    add esp, 8
    iret
%endmacro

section .rodata align=4
global trap_clac_sites
trap_clac_sites:

section .text

; Page faults have a way of their own: they are what the kernel is about.
align 16
page_fault:
    push dword VECTOR_PF
    HANDLE trap_page_fault

align 16
exception:
    HANDLE trap_dispatch

align 16
interrupt:
    HANDLE trap_interrupt

%assign vector 0
%rep 256
stub_ %+ vector:
%if vector >= 32 || (ERROR_CODES >> vector & 1) == 0
    push dword 0
%endif
    push dword vector
%if vector >= VECTOR_IRQ && vector < VECTOR_IRQ + IRQS
    jmp interrupt
%else
    jmp exception
%endif
%assign vector vector + 1
%endrep

section .rodata
    dd 0                                ; ends trap_clac_sites

global trap_stubs
trap_stubs:
%assign vector 0
%rep 256
%if vector == VECTOR_PF
    dd page_fault
%else
    dd stub_ %+ vector
%endif
%assign vector vector + 1
%endrep
