; The instructions that touch user memory for kernel/x86/usercopy.c. Arguments come in EAX, EDX and ECX, a
; fourth on the stack. Each access is marked with MAY_FAULT, which notes its address and the place to go on in
; the exception table. The kernel's end of a copy is not marked: a fault there is a bug, to be reported as one.
;
; There are two kinds of loops. Plain moves, eight to a round, serve everybody and go through faults: under QEMU
; a string instruction costs four times as much, and on silicon the difference is small for what system calls
; copy. Rounds of SSE serve large pieces of pages that are there. Their registers are the program's, so they are
; saved and put back, and no task may run in between: such a loop ends at a fault and says what is left.

bits 32

EFAULT equ 14
ROUND  equ 256                          ; USERCOPY_ROUND

section .text

%macro MAY_FAULT 2+                     ; place to go on, instruction
%%at:
        %2
section extable progbits alloc noexec nowrite align=4
        dd      %%at, %1
section .text
%endmacro

%macro PLAIN 2+                         ; an access of the kernel's own memory
        %2
%endmacro

; COPY name, mark of loads, mark of stores: int name(dst, src, n).
%macro COPY 3
align 16
global %1:function
%1:
        push    ebp                     ; a frame, so that a backtrace from a fault shows the caller
        mov     ebp, esp
        push    ebx
        sub     ecx, 32
        jae     %%rounds
%%rest:
        add     ecx, 32 - 4             ; 0 to 31 bytes are left
        jl      %%bytes
%%word:
        %2      %%fault, mov ebx, [edx]
        %3      %%fault, mov [eax], ebx
        add     edx, 4
        add     eax, 4
        sub     ecx, 4
        jge     %%word
%%bytes:
        add     ecx, 4
        jz      %%done
%%byte:
        %2      %%fault, mov bl, [edx]
        %3      %%fault, mov [eax], bl
        inc     edx
        inc     eax
        dec     ecx
        jnz     %%byte
%%done:
        xor     eax, eax
%%out:
        pop     ebx
        pop     ebp
        ret
%%fault:
        mov     eax, -EFAULT
        jmp     %%out

%%rounds:
        push    esi
%%round:
%assign i 0
%rep 4
        %2      %%round_fault, mov ebx, [edx + i]
        %2      %%round_fault, mov esi, [edx + i + 4]
        %3      %%round_fault, mov [eax + i], ebx
        %3      %%round_fault, mov [eax + i + 4], esi
%assign i i + 8
%endrep
        add     edx, 32
        add     eax, 32
        sub     ecx, 32
        jae     %%round
        pop     esi
        jmp     %%rest
%%round_fault:
        pop     esi
        jmp     %%fault
%endmacro

COPY usercopy_in, MAY_FAULT, PLAIN
COPY usercopy_out, PLAIN, MAY_FAULT

; LARGE name, mark of loads, mark of stores: size_t name(dst, src, n), n at least a round. What is left: less
; than a round, or all from the round on that met a fault.
%macro LARGE 3
align 16
global %1:function
%1:
        push    ebp
        mov     ebp, esp
        push    esi
        push    edi
        sub     esp, 64
        movups  [esp], xmm0
        movups  [esp + 16], xmm1
        movups  [esp + 32], xmm2
        movups  [esp + 48], xmm3
        mov     edi, eax
        mov     esi, edx
        sub     ecx, ROUND
%%round:
%assign i 0
%rep ROUND / 64
        %2      %%end, movups xmm0, [esi + i]
        %2      %%end, movups xmm1, [esi + i + 16]
        %2      %%end, movups xmm2, [esi + i + 32]
        %2      %%end, movups xmm3, [esi + i + 48]
        %3      %%end, movups [edi + i], xmm0
        %3      %%end, movups [edi + i + 16], xmm1
        %3      %%end, movups [edi + i + 32], xmm2
        %3      %%end, movups [edi + i + 48], xmm3
%assign i i + 64
%endrep
        add     esi, ROUND
        add     edi, ROUND
        sub     ecx, ROUND
        jae     %%round
%%end:
        lea     eax, [ecx + ROUND]
        movups  xmm0, [esp]
        movups  xmm1, [esp + 16]
        movups  xmm2, [esp + 32]
        movups  xmm3, [esp + 48]
        add     esp, 64
        pop     edi
        pop     esi
        pop     ebp
        ret
%endmacro

LARGE usercopy_in_large, MAY_FAULT, PLAIN
LARGE usercopy_out_large, PLAIN, MAY_FAULT

; size_t usercopy_clear_large(vaddr_t dst, size_t n), likewise.
global usercopy_clear_large:function
usercopy_clear_large:
        push    ebp
        mov     ebp, esp
        sub     esp, 16
        movups  [esp], xmm0
        xorps   xmm0, xmm0
        sub     edx, ROUND
.round:
%assign i 0
%rep ROUND / 16
        MAY_FAULT .end, movups [eax + i], xmm0
%assign i i + 16
%endrep
        add     eax, ROUND
        sub     edx, ROUND
        jae     .round
.end:
        lea     eax, [edx + ROUND]
        movups  xmm0, [esp]
        add     esp, 16
        pop     ebp
        ret

; int usercopy_clear(vaddr_t dst, size_t n)
global usercopy_clear:function
usercopy_clear:
        push    ebp
        mov     ebp, esp
        mov     ecx, edx
        mov     edx, eax
        xor     eax, eax
        sub     ecx, 32
        jb      .rest
.round:
%assign i 0
%rep 8
        MAY_FAULT fault, mov [edx + i], eax
%assign i i + 4
%endrep
        add     edx, 32
        sub     ecx, 32
        jae     .round
.rest:
        add     ecx, 32
        jz      .out
.byte:
        MAY_FAULT fault, mov [edx], al
        inc     edx
        dec     ecx
        jnz     .byte
.out:
        pop     ebp
        ret

; int usercopy_read32(uint32_t *dst, vaddr_t src)
global usercopy_read32:function
usercopy_read32:
        push    ebp
        mov     ebp, esp
        MAY_FAULT fault, mov edx, [edx]
        mov     [eax], edx
        xor     eax, eax
        pop     ebp
        ret

; int usercopy_write32(vaddr_t dst, uint32_t value)
global usercopy_write32:function
usercopy_write32:
        push    ebp
        mov     ebp, esp
        MAY_FAULT fault, mov [eax], edx
        xor     eax, eax
        pop     ebp
        ret

; int usercopy_exchange32(vaddr_t dst, uint32_t old, uint32_t value, uint32_t *was)
global usercopy_exchange32:function
usercopy_exchange32:
        push    ebp
        mov     ebp, esp
        xchg    eax, edx
        MAY_FAULT fault, lock cmpxchg [edx], ecx
        mov     edx, [ebp + 8]
        mov     [edx], eax
        xor     eax, eax
        pop     ebp
        ret

; Where the four above go on: EBP is all that they have pushed.
fault:
        mov     eax, -EFAULT
        pop     ebp
        ret

; int usercopy_string(char *dst, vaddr_t src, size_t max)
global usercopy_string:function
usercopy_string:
        push    ebp
        mov     ebp, esp
        push    esi
        push    edi
        mov     edi, eax
        mov     esi, edx
        xor     eax, eax                ; length so far
.next:
        cmp     eax, ecx
        je      .out
        MAY_FAULT .fault, mov dl, [esi + eax]
        mov     [edi + eax], dl
        test    dl, dl
        jz      .out
        inc     eax
        jmp     .next
.fault:
        mov     eax, -EFAULT
.out:
        pop     edi
        pop     esi
        pop     ebp
        ret
