/* Traps: what the stubs save, what a fault is decoded into, the exception table. */
#include "kernel/lib/image.h"
#include "kernel/x86/trap.h"
#include "mm/kva_map.h"
#include "mm/layout.h"
#include "mm/x86/cpu.h"
#include "mm/x86/paging.h"
#include "tests/kt.h"

/* Addresses that nothing maps. */
#define HOLE     (KVA_END + 0x1000u)
#define IDENTITY 0x100000u /* where the kernel ran before paging */

/* Touch an address; true when it faulted and the exception table took over. */
static bool read_faults(uint32_t va)
{
    uint32_t faulted = 0;

    __asm__ volatile("1: movl (%1), %%eax\n\t"
                     "jmp 3f\n"
                     "2: movl $1, %0\n"
                     "3:\n\t"
                     ".pushsection extable, \"a\"; .long 1b, 2b; .popsection"
                     : "+r"(faulted)
                     : "r"(va)
                     : "eax", "memory");
    return faulted;
}

static bool write_faults(uint32_t va)
{
    uint32_t faulted = 0;

    __asm__ volatile("1: movl $0, (%1)\n\t"
                     "jmp 3f\n"
                     "2: movl $1, %0\n"
                     "3:\n\t"
                     ".pushsection extable, \"a\"; .long 1b, 2b; .popsection"
                     : "+r"(faulted)
                     : "r"(va)
                     : "memory");
    return faulted;
}

static trap_fault_fn machine_handler; /* what watch() took away for a while */
static struct fault seen;
static struct trap_frame seen_frame;
static unsigned faults, seen_eflags;
static pfn_t give; /* mapped at the address by the handler, if set */

static bool note_fault(struct trap_frame *tf, const struct fault *f)
{
    faults++;
    seen = *f;
    seen_frame = *tf;
    seen_eflags = cpu_eflags();
    return give && pt_kernel_map(kva_map_sys.pool, PAGE_DOWN(f->va), give, PT_WRITE) == 0;
}

static void watch(void)
{
    faults = 0;
    give = PFN_NONE;
    machine_handler = trap_watch_faults(note_fault);
}

TEST(trap, text_is_read_only)
{
    uint32_t first = *(volatile uint32_t *)text_start;

    watch();
    EXPECT(write_faults((uint32_t)text_start), "a write to the first instruction");
    EXPECT(seen.va == (uint32_t)text_start && seen.access == ACCESS_WRITE && seen.present && !seen.user &&
               !seen.reserved,
           "decoded: %x, access %d, present %d", seen.va, seen.access, seen.present);
    EXPECT(write_faults((uint32_t)rodata_end - 4), "a write to the last constant");
    EXPECT(!read_faults((uint32_t)rodata_end - 4), "a read of it");
    EXPECT(*(volatile uint32_t *)text_start == first, "the text is as it was");
    trap_watch_faults(machine_handler);
}

TEST(trap, identity_map_is_gone)
{
    watch();
    EXPECT(read_faults(IDENTITY), "a read where the kernel was loaded");
    EXPECT(seen.va == IDENTITY && seen.access == ACCESS_READ && !seen.present,
           "decoded: %x, access %d, present %d", seen.va, seen.access, seen.present);
    EXPECT(read_faults(0), "a read through NULL");
    EXPECT(read_faults(HOLE) && seen.va == HOLE, "the hole below the windows");
    EXPECT(faults == 3, "%u faults", faults);
    trap_watch_faults(machine_handler);
}

/* The handler makes a page appear; the instruction then succeeds, after exactly one fault. */
TEST(trap, resumes)
{
    struct frame_pool *p = kva_map_sys.pool;
    struct frame *f = frame_alloc(p, FRAME_KERNEL, FRAME_LOW_ONLY);
    size_t va;

    REQUIRE(f && kva_alloc(&kva_map_sys.arena, PAGE_SIZE, 0, &va) == 0, "memory for the test");
    *(uint32_t *)frame_ptr(p, frame_pfn(p, f)) = 0x5EED;
    watch();
    give = frame_pfn(p, f);
    EXPECT(!read_faults(va), "the read succeeds");
    EXPECT(faults == 1 && seen.va == va, "%u faults", faults);
    EXPECT(!write_faults(va) && faults == 1, "%u faults: the page stays", faults);
    EXPECT(*(uint32_t *)frame_ptr(p, frame_pfn(p, f)) == 0, "and the write reached the frame");
    trap_watch_faults(machine_handler);
    EXPECT(pt_kernel_unmap(va) == frame_pfn(p, f), "unmapped");
    kva_free(&kva_map_sys.arena, va, PAGE_SIZE);
    frame_free(p, f);
}

/* A fault changes nothing in the code that took it: registers, flags, segments. */
TEST(trap, state_is_kept)
{
    uint32_t out[7], ds_es, eflags;

    watch();
    __asm__ volatile("pushl %%ebp\n\t"
                     "pushl %%es\n\t"
                     "pushl %[out]\n\t"
                     "movl $0x11111111, %%eax\n\t"
                     "movl $0x22222222, %%ebx\n\t"
                     "movl $0x33333333, %%ecx\n\t"
                     "movl $0x44444444, %%edx\n\t"
                     "movl $0x55555555, %%esi\n\t"
                     "movl $0x66666666, %%edi\n\t"
                     "movl $0x77777777, %%ebp\n\t"
                     "pushl $0x10\n\t" /* another selector than the kernel's usual one */
                     "popl %%es\n\t"
                     "stc\n\t"
                     "std\n\t"
                     "1: cmpb $0, 0x100000\n"
                     "2:\n\t"
                     "pushfl\n\t"
                     "cld\n\t"
                     "pushl %%es\n\t"
                     "pushl %%ebp\n\t"
                     "movl 12(%%esp), %%ebp\n\t"
                     "movl %%eax, (%%ebp)\n\t"
                     "movl %%ebx, 4(%%ebp)\n\t"
                     "movl %%ecx, 8(%%ebp)\n\t"
                     "movl %%edx, 12(%%ebp)\n\t"
                     "movl %%esi, 16(%%ebp)\n\t"
                     "movl %%edi, 20(%%ebp)\n\t"
                     "popl 24(%%ebp)\n\t"
                     "popl %%edx\n\t"
                     "popl %%ecx\n\t"
                     "popl %%eax\n\t"
                     "popl %%es\n\t"
                     "popl %%ebp\n\t"
                     ".pushsection extable, \"a\"; .long 1b, 2b; .popsection"
                     : "=c"(eflags), "=d"(ds_es)
                     : [out] "a"(out)
                     : "ebx", "esi", "edi", "memory", "cc");
    trap_watch_faults(machine_handler);
    for (unsigned i = 0; i < 7; i++)
        EXPECT(out[i] == 0x11111111u * (i + 1), "register %u is %x", i, out[i]);
    EXPECT((ds_es & 0xFFFF) == 0x10, "es is %x", ds_es & 0xFFFF);
    EXPECT(eflags & 1 << 10, "the direction flag was set: %x", eflags);
    EXPECT(eflags & 1, "the carry flag was set: %x", eflags);
    EXPECT(!(seen_eflags & 1 << 10), "but not in the handler: %x", seen_eflags);
    EXPECT(seen_frame.es == 0x10 && seen_frame.ds == 0x23, "the handler saw es %x ds %x", seen_frame.es,
           seen_frame.ds);
    EXPECT(seen_frame.eax == 0x11111111 && seen_frame.edi == 0x66666666 && seen_frame.ebp == 0x77777777,
           "the handler saw eax %x edi %x ebp %x", seen_frame.eax, seen_frame.edi, seen_frame.ebp);
}

TEST(trap, interrupts_stay_as_they_were)
{
    uint32_t s;

    watch();
    read_faults(HOLE);
    EXPECT(seen_eflags & EFLAGS_IF, "on: %x", seen_eflags);
    s = os_irq_save();
    read_faults(HOLE);
    EXPECT(!(seen_eflags & EFLAGS_IF) && !(cpu_eflags() & EFLAGS_IF), "off: %x", seen_eflags);
    os_irq_restore(s);
    EXPECT(cpu_eflags() & EFLAGS_IF, "on again");
    trap_watch_faults(machine_handler);
}

static unsigned breakpoints;

static bool note_breakpoint(struct trap_frame *tf)
{
    breakpoints++;
    seen_frame = *tf;
    return true;
}

TEST(trap, handlers)
{
    uint32_t here;

    breakpoints = 0;
    trap_set_handler(TRAP_BREAKPOINT, note_breakpoint);
    __asm__ volatile("int3\n1: movl $1b, %0" : "=r"(here));
    trap_set_handler(TRAP_BREAKPOINT, NULL);
    EXPECT(breakpoints == 1, "%u breakpoints", breakpoints);
    EXPECT(seen_frame.vector == 3 && seen_frame.eip == here && seen_frame.cs == 8, "vector %u at %x",
           seen_frame.vector, seen_frame.eip);
}

/* The exception table works for every exception of the kernel's, with and without an error code. */
TEST(trap, fix_up)
{
    uint32_t divided = 0, protected = 0;

    __asm__ volatile("xorl %%edx, %%edx\n\t"
                     "xorl %%ecx, %%ecx\n"
                     "1: divl %%ecx\n\t"
                     "jmp 3f\n"
                     "2: movl $1, %0\n"
                     "3:\n\t"
                     ".pushsection extable, \"a\"; .long 1b, 2b; .popsection"
                     : "+r"(divided)
                     :
                     : "eax", "ecx", "edx", "cc");
    EXPECT(divided, "division by zero");
    __asm__ volatile("movl $0x7F8, %%eax\n" /* a selector beyond the table */
                     "1: movl %%eax, %%fs\n\t"
                     "jmp 3f\n"
                     "2: movl $1, %0\n"
                     "3:\n\t"
                     ".pushsection extable, \"a\"; .long 1b, 2b; .popsection"
                     : "+r"(protected)
                     :
                     : "eax");
    EXPECT(protected, "a bad selector");
    EXPECT(extable_find((uint32_t)text_start) == 0 && extable_find(0) == 0, "no entry");
}
