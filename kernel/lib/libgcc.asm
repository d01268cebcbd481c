; libgcc's functions, which take their arguments on the stack, for code that passes the first three words in registers.
; The linker lets each call of NAME come to __wrap_NAME, which calls __real_NAME, libgcc's (LIBGCC_CALLED in the Makefile).
; A 64-bit number is in EDX:EAX if it is the first argument; with it the registers for arguments are used up.

bits 32

section .text

; WRAP name, words of arguments in registers (1: EAX, 2: EDX:EAX), and on the stack
%macro WRAP 3
extern __real_%1
global __wrap_%1:function
__wrap_%1:
%rep %3
        push    dword [esp + 4 * %3]
%endrep
%if %2 == 2
        push    edx
%endif
        push    eax
        call    __real_%1
        add     esp, 4 * (%2 + %3)
        ret
%endmacro

WRAP __divdi3, 2, 2
WRAP __moddi3, 2, 2
WRAP __divmoddi4, 2, 3
WRAP __udivdi3, 2, 2
WRAP __umoddi3, 2, 2
WRAP __udivmoddi4, 2, 3
WRAP __ctzdi2, 2, 0
WRAP __popcountsi2, 1, 0
