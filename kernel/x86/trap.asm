; Entry and exit of exceptions and interrupts.
;
; The processor pushes EFLAGS, CS, EIP and for some exceptions an error code; from ring 3 also SS and ESP. A stub adds
; what is missing to make a struct trap_frame (trap.h), calls C with its address in EAX, and undoes it all.
;
; The kernel runs with DS = ES = the user's flat data segment. So the two are saved as one double word,
; and need loading only if the program had changed them, both on the way in and on the way out.

bits 32

USER_DATA    equ 0x23                   ; SEL_USER_DATA
PROGRAM_EFLAGS equ 0x00254FD7           ; all but IOPL, VM, VIF, VIP and what is reserved
KERNEL_EFLAGS equ 0x00240ED7            ; nor TF, NT, RF
FLAT         equ USER_DATA << 16 | USER_DATA
VECTOR_PF    equ 14
VECTOR_IRQ   equ 32                     ; IRQ_VECTOR
IRQS         equ 32                     ; the PIC's 16, then the local APIC's
; Exceptions that push an error code: 8, 10 to 14, 17, 21, 29, 30.
ERROR_CODES  equ 1 << 8 | 0x1F << 10 | 1 << 17 | 1 << 21 | 1 << 29 | 1 << 30

VECTOR_CALL  equ 0x80                   ; TRAP_SYSCALL
VECTOR_IRET  equ 0x81                   ; TRAP_IRET
SYSCALLS     equ 451
ENOSYS       equ 38
TASK_USER_WORK equ 4                    ; offset in struct task
TASK_HAS_LDT equ 1 << 4                 ; a bit of it
KERNEL_DATA  equ 0x10                   ; SEL_KERNEL_DATA
ESPFIX       equ 0x50                   ; SEL_ESPFIX
FRAME_EAX    equ 32                     ; offsets in struct trap_frame
FRAME_VECTOR equ 36
FRAME_ERROR  equ 40
FRAME_EIP    equ 44
FRAME_CS     equ 48
FRAME_EFLAGS equ 52
FRAME_ESP    equ 56
FRAME_SS     equ 60

extern trap_dispatch, trap_interrupt, trap_page_fault
extern latency_page_fault, latency_interrupt, syscall_metered, syscall_watched
extern os_current, thread_return_to_user, syscall_table, syscall_unknown, cpu_espfix

; With SMAP the kernel must not run with the AC flag of whoever it interrupted. Processors without it do not know
; the instruction, so it stands here as a no-op of the same length, and cpu_init() puts it in.
%macro CLAC 0
%%here:
    db 0x0F, 0x1F, 0x00                 ; nop dword [eax]
[section .rodata]
    dd %%here
__?SECT?__
%endmacro

; A place in the exception table (trap.h): when the instruction after it faults, go on at %1.
%macro MAY_FAULT 1
%%at:
[section extable progbits alloc noexec nowrite align=4]
    dd %%at, %1
__?SECT?__
%endmacro

; The last steps of every way out: the frame is at ESP.
%macro RESTORE 0
    cmp dword [esp], FLAT
    jne unload
    add esp, 4
    popa
    add esp, 8
    MAY_FAULT bad_frame
    iret
%endmacro

; Save registers. EAX is kept.
%macro SAVE 0
    pusha
    o16 push es
    o16 push ds
    cmp dword [esp], FLAT
    je %%flat
    push USER_DATA
    pop ds
    push USER_DATA
    pop es
%%flat:
    cld
    CLAC
%endmacro

; Go back to ring 3. Interrupts are off from the question whether there is work to do until IRET turns them on.
; QEMU can leave anything in the image of EFLAGS that a trap pushes (tests/user/flags.c), also the privilege of
; doing I/O: IRET gets what a program may have.
%macro TO_USER 0
    and dword [esp + FRAME_EFLAGS], PROGRAM_EFLAGS
    cli
    mov ecx, [os_current]
    cmp dword [ecx + TASK_USER_WORK], 0
    jne user_work
    RESTORE
%endmacro

; Go back to the kernel, which was interrupted, maybe before it had flags of its own.
%macro TO_KERNEL 0
    and dword [esp + FRAME_EFLAGS], KERNEL_EFLAGS
    RESTORE
%endmacro

; Save registers, call %1(frame), restore, return. The vector and the error code are on the stack.
%macro HANDLE 1
    SAVE
    mov eax, esp
    call %1
    test byte [esp + FRAME_CS], 3
    jz %%kernel
    TO_USER
%%kernel:
    TO_KERNEL
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

; System calls. The number stays in the frame's error code, since the result replaces it in EAX. The six
; registers become the arguments of a C function: three in registers, three on the stack.
align 16
system_call:
    push eax
    push dword VECTOR_CALL
    SAVE
    cmp eax, SYSCALLS
    jae .unknown
    push ebp
    push edi
    push esi
    mov esi, [syscall_table + eax * 8]
    test esi, esi
    jz .empty
    mov eax, ebx
    xchg ecx, edx
    call esi
    add esp, 12
.done:
    mov [esp + FRAME_EAX], eax
    TO_USER
.empty:
    add esp, 12
.unknown:
    call syscall_unknown
    jmp .done

; void trap_to_user(void): where a new thread's task begins, with its frame at ESP. Interrupts are off.
align 16
global trap_to_user:function
trap_to_user:
    TO_USER

; _Noreturn void trap_enter_user(struct trap_frame *tf)
global trap_enter_user:function
trap_enter_user:
    mov esp, eax
    TO_USER

user_work:
    test dword [ecx + TASK_USER_WORK], ~TASK_HAS_LDT
    jz local_stack
    sti
    mov eax, esp                        ; the frame
    call thread_return_to_user
    TO_USER

; The program's own data segments. A selector that is not valid any more becomes 0.
unload:
    MAY_FAULT .bad_ds
    o16 pop ds
.es:
    MAY_FAULT .bad_es
    o16 pop es
    popa
    add esp, 8
    MAY_FAULT bad_frame
    iret
.bad_ds:
    mov word [esp], 0
    jmp unload
.bad_es:
    mov word [esp], 0
    jmp .es

; A program that has local descriptors may have a stack segment of 16 bits. IRET then loads only the low half of
; ESP, so that the high half of the kernel's stack pointer would stay in it: the program would lose its own, and
; learn where the kernel's stack is. So the last step is made with an ESP whose high half is the program's, in a
; segment whose base makes up for the difference. The two words above the registers, which nobody needs any more,
; hold the pointer to it.
local_stack:
    test byte [esp + FRAME_SS], 4       ; a selector of the local table
    jnz .apply
    RESTORE
.apply:
    lea edx, [esp + FRAME_EIP]
    mov eax, [esp + FRAME_ESP]
    mov ax, dx                          ; the program's high half, the kernel's low half
    sub edx, eax
    shr edx, 16                         ; the base, whose low half is 0
    mov ecx, [cpu_espfix]
    mov [ecx + 4], dl
    mov [ecx + 7], dh
    mov [esp + FRAME_VECTOR], eax
    mov dword [esp + FRAME_ERROR], ESPFIX
.ds:
    MAY_FAULT .bad_ds
    o16 pop ds
.es:
    MAY_FAULT .bad_es
    o16 pop es
    popa
    lss esp, [esp]
    MAY_FAULT bad_frame
    iret
.bad_ds:
    mov word [esp], 0
    jmp .ds
.bad_es:
    mov word [esp], 0
    jmp .es

; The program's CS, SS or EIP cannot be loaded: the program's fault.
bad_frame:
    push dword 0
    push dword VECTOR_IRET

align 16
exception:
    SAVE
    mov eax, ss
    cmp ax, KERNEL_DATA
    jne espfix_exception
exception_saved:
    mov eax, esp
    call trap_dispatch
    test byte [esp + FRAME_CS], 3
    jz .kernel
    TO_USER
.kernel:
    TO_KERNEL

; IRET itself has failed at the end of local_stack: back from its segment to the kernel's stack.
espfix_exception:
    mov ecx, [cpu_espfix]
    movzx eax, byte [ecx + 4]
    mov ah, [ecx + 7]
    shl eax, 16
    add eax, esp
    mov ecx, KERNEL_DATA
    mov ss, ecx
    mov esp, eax
    jmp exception_saved

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

; The ways in that measure (kernel/sched/latency.c), for cpu_set_metered().
metered_fault:
    push dword VECTOR_PF
    HANDLE latency_page_fault

metered_call:
    push eax
    push dword VECTOR_CALL
    HANDLE syscall_metered

metered_irq:
    HANDLE latency_interrupt

; The way in of calls that a tracer is to be told of, for cpu_set_watched().
watched_call:
    push eax
    push dword VECTOR_CALL
    HANDLE syscall_watched

%assign irq 0
%rep IRQS
metered_irq_ %+ irq:
    push dword 0
    push dword VECTOR_IRQ + irq
    jmp metered_irq
%assign irq irq + 1
%endrep

section .rodata
    dd 0                                ; ends trap_clac_sites

global trap_watched_call
trap_watched_call:
    dd watched_call

global trap_metered_page_fault, trap_metered_call, trap_metered_irqs
trap_metered_page_fault:
    dd metered_fault
trap_metered_call:
    dd metered_call
trap_metered_irqs:
%assign irq 0
%rep IRQS
    dd metered_irq_ %+ irq
%assign irq irq + 1
%endrep

global trap_stubs
trap_stubs:
%assign vector 0
%rep 256
%if vector == VECTOR_PF
    dd page_fault
%elif vector == VECTOR_CALL
    dd system_call
%else
    dd stub_ %+ vector
%endif
%assign vector vector + 1
%endrep
