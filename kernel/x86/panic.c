#include "kernel/x86/panic.h"
#include "drivers/keyboard.h"
#include "drivers/power.h"
#include "kernel/lib/console.h"
#include "kernel/lib/format.h"
#include "kernel/lib/image.h"
#include "kernel/lib/ksyms.h"
#include "kernel/lib/number.h"
#include "kernel/lib/printk.h"
#include "kernel/lib/redframe.h"
#include "kernel/x86/trap.h"
#include "mm/layout.h"
#include "mm/x86/cpu.h"
#include "mm/x86/paging.h"

#define HOOKS     8u
#define BACKTRACE 24u
#define TEXT_MAX  256u

static void (*hooks[HOOKS])(void);
static unsigned hook_count;
static unsigned depth; /* panics that are being reported */

void panic_register(void (*fn)(void))
{
    if (hook_count < HOOKS)
        hooks[hook_count++] = fn;
}

static void print_address(const char *label, uint32_t eip)
{
    uint32_t offset;
    const char *name = ksyms_find(eip, &offset);

    if (name)
        os_log("%s%08x %s+0x%x", label, eip, name, offset);
    else
        os_log("%s%08x", label, eip);
}

static bool readable(uint32_t va)
{
    return va >= KERNEL_BASE && !(va & 3) && paging_mapped(va);
}

/* Frames are linked through EBP: saved EBP, then the return address. Every read is checked first. */
static void backtrace(uint32_t eip, uint32_t ebp)
{
    os_log("backtrace:");
    print_address("  ", eip);
    for (unsigned i = 0; i < BACKTRACE && readable(ebp) && readable(ebp + 4); i++) {
        const uint32_t *frame = (const uint32_t *)ebp;

        if (frame[1] == 0)
            break;
        print_address("  ", frame[1]);
        if (frame[0] <= ebp) /* stacks grow down, so callers lie above */
            break;
        ebp = frame[0];
    }
}

static void print_registers(const struct trap_frame *tf)
{
    print_address("eip ", tf->eip);
    os_log("eax %08x ebx %08x ecx %08x edx %08x", tf->eax, tf->ebx, tf->ecx, tf->edx);
    os_log("esi %08x edi %08x ebp %08x esp %08x", tf->esi, tf->edi, tf->ebp,
           tf->vector == 8 ? tf->user_esp : trap_esp(tf));
    os_log("cs %04x ds %04x es %04x eflags %08x", tf->cs, tf->ds, tf->es, tf->eflags);
    os_log("cr0 %08x cr2 %08x cr3 %08x cr4 %08x", cpu_read_cr0(), cpu_read_cr2(), cpu_read_cr3(),
           cpu_read_cr4());
}

static void print_fault(const struct fault *f)
{
    static const char *const access[] = {"read from", "write to", "execution at"};

    os_log("fault: %s %08x by %s; %s%s", access[f->access], f->va, f->user ? "a program" : "the kernel",
           f->present ? "the entry forbids it" : "nothing is mapped there",
           f->reserved ? "; a reserved bit is set in a table" : "");
}

/* What was kept back. Not through the log: it must not grow while it is read. */
static void print_recent(const char *line, bool shown)
{
    if (shown)
        return;
    console_write(line, strlen(line));
    console_write("\n", 1);
}

/* What is to be said. A panic inside a panic comes when the first one's has been. */
static char text[TEXT_MAX];

static const struct fault *about; /* the fault, if it is one */

bool panic_frame(uint32_t *pfn)
{
    static const char word[] = "frame ";

    for (const char *s = text; *s; s++) {
        uint64_t n;

        if (strncmp(s, word, sizeof word - 1) != 0)
            continue;
        s += sizeof word - 1;
        if (number_digits(&s, 10, &n)) {
            *pfn = (uint32_t)n;
            return true;
        }
        s--;
    }
    return false;
}

bool panic_address(uint32_t *va)
{
    *va = about ? about->va : 0;
    return about;
}

static void compose(const char *where, int line, const char *fmt, va_list ap)
{
    size_t n = where ? format(text, sizeof text, "%s:%d: ", where, line) : 0;

    if (n < sizeof text)
        format_args(text + n, sizeof text - n, fmt, ap);
}

/* The end. Where nothing but a power-off would end the machine, somebody may be reading the screen. */
static _Noreturn void stop(void)
{
    power_debug_exit(false);
    if (keyboard_is_there()) {
        keyboard_poll();
        while (!keyboard_poll())
            ;
    }
    power_exit(false);
}

static const char advice[] = "The kernel has stopped. Above is what was expected and found, and where.\n"
                             "The whole report is on the serial port; docs/debugging.md: how to go on.\n"
                             "Press a key to switch the machine off.";

/* What stops all nonsense: a panic inside a panic says so, a third one just stops. */
static void begin(void)
{
    cpu_irq_off();
    printk_tap = NULL;
    printk_written = NULL;
    depth++;
    if (depth > 2)
        stop();
    if (depth == 1 && printk_is_quiet())
        printk_recent(print_recent);
    if (depth == 1)
        redframe_begin("PANIC", advice);
    os_log("PANIC%s: %s", depth == 2 ? " inside a panic" : "", text);
    if (depth == 2)
        stop();
}

static _Noreturn void end(void)
{
    for (unsigned i = 0; i < hook_count; i++)
        hooks[i]();
    os_log("end of panic");
    stop();
}

static _Noreturn void stop_here(uint32_t eip, uint32_t ebp)
{
    begin();
    os_log("cr0 %08x cr2 %08x cr3 %08x cr4 %08x eflags %08x", cpu_read_cr0(), cpu_read_cr2(), cpu_read_cr3(),
           cpu_read_cr4(), cpu_eflags());
    backtrace(eip, ebp);
    end();
}

_Noreturn void panic(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    compose(NULL, 0, fmt, ap);
    va_end(ap);
    stop_here((uint32_t)__builtin_return_address(0), *(uint32_t *)__builtin_frame_address(0));
}

_Noreturn void os_panic(const char *file, int line, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    compose(file, line, fmt, ap);
    va_end(ap);
    stop_here((uint32_t)__builtin_return_address(0), *(uint32_t *)__builtin_frame_address(0));
}

_Noreturn void panic_trap(const struct trap_frame *tf, const struct fault *f, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    compose(NULL, 0, fmt, ap);
    va_end(ap);
    about = f;
    begin();
    if (f)
        print_fault(f);
    print_registers(tf);
    backtrace(tf->eip, tf->ebp);
    end();
}

_Noreturn void panic_unfit(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    compose(NULL, 0, fmt, ap);
    va_end(ap);
    os_log("quire: %s", text);
    stop();
}
