; Change of stacks between two tasks.
;
; void task_switch(uint32_t *save_esp, uint32_t load_esp), in EAX and EDX
;
; Called like any C function, so only the registers that a C function must keep are saved; the rest is dead
; or saved by the caller. The new task returns from its own call of task_switch(), or, when it runs for the
; first time, into the address that task_create() put on its stack. Interrupts are off.

        section .text
        global  task_switch:function

task_switch:
        push    ebp
        push    ebx
        push    esi
        push    edi
        mov     [eax], esp
        mov     esp, edx
        pop     edi
        pop     esi
        pop     ebx
        pop     ebp
        ret
