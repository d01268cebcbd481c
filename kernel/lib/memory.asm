; memcpy and memset, for the compiler and for those who call them through mm/os.h. EAX: to; EDX: from, or DL: the byte;
; ECX: bytes, less than 2^31. They return EAX.
;
; They move words in plain loops: under an emulator rep is several times slower, and on silicon the difference is small
; for the short pieces that pass here (whole pages go through page_copy() and page_clear()). What does not fill a
; block at the end is moved as the block that ends there, so that there are no loops for single words and bytes; some
; bytes are moved twice by that. memcpy works upward, and is right too for memmove() if the destination lies before the
; source by SMALL bytes at least: nothing is read then that it has written.
;
; In the loops ECX is what is left, less one block: it says by its sign whether another goes before the last.

bits 32

%define LARGE 64
%define SMALL 16
%define WORD  4

section .text

; PAIR offset: two words from EDX to EAX
%macro PAIR 1
        mov     esi, [edx + %1]
        mov     edi, [edx + %1 + WORD]
        mov     [eax + %1], esi
        mov     [eax + %1 + WORD], edi
%endmacro

; COPY bytes: a block, and behind it
%macro COPY 1
%assign at 0
%rep %1 / (2 * WORD)
        PAIR    at
%assign at at + 2 * WORD
%endrep
        add     eax, %1
        add     edx, %1
%endmacro

; SET bytes: a block of EDX's, and behind it
%macro SET 1
%assign at 0
%rep %1 / WORD
        mov     [eax + at], edx
%assign at at + WORD
%endrep
        add     eax, %1
%endmacro

; BLOCKS macro: all blocks but the last, of which ECX says then how far it begins before what EAX has come to. Less than
; a block is for .few.
%macro BLOCKS 1
        cmp     ecx, SMALL
        jb      .few
        sub     ecx, LARGE
        jle     .less
.large:
        %1      LARGE
        sub     ecx, LARGE
        jg      .large
.less:
        add     ecx, LARGE - SMALL
        jle     .last
.small:
        %1      SMALL
        sub     ecx, SMALL
        jg      .small
.last:
%endmacro

align 16
global memcpy:function
memcpy:
        push    ebp
        mov     ebp, esp
        push    eax
        push    esi
        push    edi
        BLOCKS  COPY
        PAIR    ecx
        PAIR    ecx + 2 * WORD
.done:
        pop     edi
        pop     esi
        pop     eax
        pop     ebp
        ret
.few:
        sub     ecx, WORD
        jl      .bytes
        je      .last_word
.word:
        mov     esi, [edx]
        mov     [eax], esi
        add     eax, WORD
        add     edx, WORD
        sub     ecx, WORD
        jg      .word
.last_word:
        mov     esi, [edx + ecx]
        mov     [eax + ecx], esi
        jmp     .done
.bytes:
        mov     esi, edx
        mov     edi, eax
        add     ecx, WORD
        jz      .done
.byte:
        movsb
        dec     ecx
        jnz     .byte
        jmp     .done

align 16
global memset:function
memset:
        push    ebp
        mov     ebp, esp
        push    eax
        movzx   edx, dl
        imul    edx, edx, 0x01010101
        BLOCKS  SET
%assign at 0
%rep SMALL / WORD
        mov     [eax + ecx + at], edx
%assign at at + WORD
%endrep
.done:
        pop     eax
        pop     ebp
        ret
.few:
        sub     ecx, WORD
        jl      .bytes
        je      .last_word
.word:
        mov     [eax], edx
        add     eax, WORD
        sub     ecx, WORD
        jg      .word
.last_word:
        mov     [eax + ecx], edx
        jmp     .done
.bytes:
        add     ecx, WORD
        jz      .done
.byte:
        mov     [eax], dl
        inc     eax
        dec     ecx
        jnz     .byte
        jmp     .done
