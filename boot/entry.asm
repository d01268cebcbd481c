; The first instructions of the kernel.
;
; The loader (GRUB, or QEMU's -kernel) leaves the processor in 32-bit protected
; mode without paging, with EAX = multiboot magic and EBX = physical address of
; the multiboot information, and promises nothing about the stack, the GDT or
; the registers. The image is linked at 0xC0100000 and loaded at 0x00100000, so
; until paging is on, an address of ours is written PHYS(symbol).
;
;   1. check what we are about to rely on; without it, say so and stop
;   2. our own GDT, and a far jump to load CS from it
;   3. a page directory that maps low RAM twice: at 0, where we run, and at
;      0xC0000000, where we are linked
;   4. turn paging on, jump to the high half, take the boot stack, call kmain()
;
; The sections named .boot.* lie at the very front of the image. Nothing there
; is used once kmain() has set up its own tables, and the memory is given back.

KERNEL_BASE equ 0xC0000000
%define PHYS(x) ((x) - KERNEL_BASE)

; --- The multiboot header: its own first section, so that it lies in the first 8 KiB of the file. ---

MB_MAGIC      equ 0x1BADB002
MB_PAGE_ALIGN equ 1 << 0                ; modules on page boundaries
MB_MEMINFO    equ 1 << 1                ; memory sizes and map
MB_FLAGS      equ MB_PAGE_ALIGN | MB_MEMINFO
MB_BOOT_MAGIC equ 0x2BADB002            ; what the loader leaves in EAX

section .multiboot progbits alloc noexec nowrite align=4
    dd MB_MAGIC, MB_FLAGS, -(MB_MAGIC + MB_FLAGS)

section .boot.text progbits alloc exec nowrite align=16
bits 32

extern kmain, image_end, boot_stack_top

; The entry in the ELF header is this virtual address: GRUB insists that it lies in a segment by its virtual
; address, and both loaders jump to where it was loaded.
global boot_entry
boot_entry:
    cli
    cld
    mov esp, PHYS(scratch_end)          ; a few words; the real stack may not even be in RAM yet
    mov edi, eax                        ; kept until kmain: EDI magic, ESI information
    mov esi, ebx

    ; 1. Is all of the image in RAM? Loaders do not check, and what is not RAM reads as ones.
    cmp edi, MB_BOOT_MAGIC
    jne .fits                           ; kmain() explains a wrong loader
    test dword [esi], 1                 ; mem_upper is valid: KiB above 1 MiB
    jz .fits
    mov eax, PHYS(image_end) - 0x100000
    shr eax, 10
    cmp eax, [esi + 8]
    mov edx, PHYS(no_room)
    jae fail
.fits:
    ; Is there CPUID? Then bit 21 of EFLAGS can be changed.
    pushf
    pop eax
    mov ecx, eax
    xor eax, 1 << 21
    push eax
    popf
    pushf
    pop eax
    cmp eax, ecx
    mov edx, PHYS(no_cpuid)
    je fail
    ; Are there 4 MiB pages (PSE, bit 3) and global pages (PGE, bit 13)?
    mov eax, 1
    cpuid
    and edx, 1 << 3 | 1 << 13
    cmp edx, 1 << 3 | 1 << 13
    mov edx, PHYS(no_pages)
    jne fail

    ; 2. The far jump makes the processor read CS anew, from our table.
    lgdt [PHYS(gdt_pointer)]
    jmp 0x08:PHYS(.own_code)
.own_code:
    mov eax, 0x10
    mov ds, eax
    mov es, eax
    mov fs, eax
    mov gs, eax
    mov ss, eax

    ; 3 and 4. CR4.PSE before CR3, so that large pages mean what they say; CR0.WP so that the kernel obeys
    ; read-only pages too. The instruction after the write of CR0 is fetched through the identity map.
    mov eax, cr4
    or eax, 1 << 4
    mov cr4, eax
    mov eax, PHYS(directory)
    mov cr3, eax
    mov eax, cr0
    or eax, 1 << 31 | 1 << 16
    mov cr0, eax
    mov eax, .high
    jmp eax
.high:
    mov esp, boot_stack_top
    xor ebp, ebp                        ; ends every backtrace
    mov eax, edi
    mov edx, esi
    push ebp                            ; where a return address would be
    jmp kmain                           ; does not return

; EDX: physical address of a message. Prints it on the first serial port and on the text screen, then ends the
; emulator (or stops). Uses no memory but the message.
fail:
    mov esi, edx
    mov edi, 0xB8000
    mov ebx, serial_setup - KERNEL_BASE
.setup:                                 ; pairs of port offset and value
    movzx edx, byte [ebx]
    cmp dl, 0xFF
    je .next
    add edx, 0x3F8
    mov al, [ebx + 1]
    out dx, al
    add ebx, 2
    jmp .setup
.next:
    lodsb
    test al, al
    jz .end
    cmp al, ' '
    jb .serial
    mov ah, 0x4F                        ; white on red
    mov [edi], ax
    add edi, 2
.serial:
    mov ah, al
    mov edx, 0x3FD
    mov ecx, 100000                     ; a port that is not there must not hang us
.wait:
    in al, dx
    test al, 1 << 5
    loopz .wait
    mov al, ah
    mov edx, 0x3F8
    out dx, al
    jmp .next
.end:
    mov al, 0x11                        ; QEMU's isa-debug-exit: status 35
    out 0xF4, al
    mov edx, 0x604                      ; without it, ACPI power-off on QEMU's pc
    mov eax, 0x2000
    out dx, ax
.halt:
    hlt
    jmp .halt

align 4
scratch:
    times 16 dd 0
scratch_end:

serial_setup:                           ; no interrupts; divisor 1 (115200); 8N1; FIFO on
    db 1, 0x00, 3, 0x80, 0, 0x01, 1, 0x00, 3, 0x03, 2, 0x07, 0xFF
no_room:
    db "quire: too little memory: the kernel image does not fit into this machine's RAM", 13, 10, 0
no_cpuid:
    db "quire: this processor is too old: it has no CPUID instruction", 13, 10, 0
no_pages:
    db "quire: this processor is too old: 4 MiB pages (PSE) and global pages (PGE) are needed", 13, 10, 0

align 8
gdt:                                    ; flat: base 0, limit 4 GiB
    dq 0
    dq 0x00CF9A000000FFFF               ; 0x08 code
    dq 0x00CF92000000FFFF               ; 0x10 data
gdt_pointer:
    dw gdt_pointer - gdt - 1
    dd PHYS(gdt)

; The first page directory, made of 4 MiB pages (present, writable, large): the first 4 MiB at 0 for the
; jump, and the 768 MiB of the direct map at 0xC0000000, so that kmain() can read all that the loader left.
section .boot.data progbits alloc noexec write align=4096
directory:
    dd 0x83
    times 767 dd 0
%assign page 0
%rep 192
    dd page << 22 | 0x83
%assign page page + 1
%endrep
    times 64 dd 0
