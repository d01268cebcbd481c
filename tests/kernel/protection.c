/* What the processor forbids the kernel itself: SMEP, SMAP and UMIP where it has them, and null pointers. */
#include "kernel/sched/task.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/trap.h"
#include "kernel/x86/usercopy.h"
#include "mm/errno.h"
#include "mm/x86/cpu.h"
#include "tests/kt.h"

#define VA ((vaddr_t)0x00400000)

/* A function that returns at once, for a user's page and for the way back from it. */
#define RET 0xC3C3C3C3u
void protection_return(void);
__asm__(".pushsection .text\nprotection_return: ret\n.popsection");

static struct fault seen;
static unsigned faults;

static bool note(struct trap_frame *tf, const struct fault *f)
{
    seen = *f;
    faults++;
    if (tf->eip != VA)
        return false; /* to the exception table */
    tf->eip = (uint32_t)protection_return;
    return true;
}

/* Read or write VA from the kernel without the user-copy routines; whether that failed. */
static bool read_fails(void)
{
    uint32_t failed = 0;

    __asm__ volatile("1: movl (%1), %%eax\n\t"
                     "jmp 3f\n"
                     "2: movl $1, %0\n"
                     "3:\n\t"
                     ".pushsection extable, \"a\"; .long 1b, 2b; .popsection"
                     : "+r"(failed)
                     : "r"(VA)
                     : "eax", "memory");
    return failed;
}

static bool write_fails(void)
{
    uint32_t failed = 0;

    __asm__ volatile("1: movl $1, (%1)\n\t"
                     "jmp 3f\n"
                     "2: movl $1, %0\n"
                     "3:\n\t"
                     ".pushsection extable, \"a\"; .long 1b, 2b; .popsection"
                     : "+r"(failed)
                     : "r"(VA)
                     : "memory");
    return failed;
}

/* A space with a page of RET at VA, entered. */
static struct space *begin(struct kt *kt)
{
    struct space *s = space_create(&vm_sys);
    vaddr_t va = VA;

    if (!s || space_map(s, &va, PAGE_SIZE, REGION_PROT | MAP_AT, NULL, 0) != 0) {
        if (s)
            space_destroy(s);
        kt_skip(kt, "no memory");
        return NULL;
    }
    task_set_space(s);
    EXPECT(user_write32(VA, RET) == 0, "write");
    return s;
}

static void end(struct space *s)
{
    task_set_space(NULL);
    space_destroy(s);
}

TEST(protection, on_where_the_processor_has_it)
{
    uint32_t r[4] = {0}, cr4 = cpu_read_cr4();

    cpu_cpuid(0, 0, r);
    if (r[0] >= 7)
        cpu_cpuid(7, 0, r);
    else
        r[1] = r[2] = 0;
    EXPECT(!(cr4 & CR4_SMEP) == !(r[1] & 1u << 7), "SMEP: cr4 %x, cpuid %x", cr4, r[1]);
    EXPECT(!(cr4 & CR4_SMAP) == !(r[1] & 1u << 20), "SMAP: cr4 %x, cpuid %x", cr4, r[1]);
    EXPECT(!(cr4 & CR4_UMIP) == !(r[2] & 1u << 2), "UMIP: cr4 %x, cpuid %x", cr4, r[2]);
    EXPECT(cpu_read_cr0() & CR0_WP, "read-only pages are so for the kernel: cr0 %x", cpu_read_cr0());
    EXPECT(!(cpu_eflags() & EFLAGS_AC), "user memory is closed");
}

/* SMAP: a user's page is reached by the user-copy routines only. */
TEST(protection, user_memory_is_closed)
{
    struct space *s;
    uint32_t v = 0;

    if (!cpu_features.smap) {
        kt_skip(kt, "no SMAP");
        return;
    }
    s = begin(kt);
    if (!s)
        return;
    uint64_t before = vm_sys.stats.faults;

    /* The machine's own handler does not take it for a page that has to be brought. */
    EXPECT(read_fails() && write_fails(), "an access past the routines");
    EXPECT(vm_sys.stats.faults == before, "%u faults handed on", (unsigned)(vm_sys.stats.faults - before));

    trap_fault_fn machine = trap_watch_faults(note);

    faults = 0;
    EXPECT(read_fails() && seen.va == VA && seen.access == ACCESS_READ && seen.present && !seen.user,
           "a read: %x, access %d, present %d", seen.va, seen.access, seen.present);
    EXPECT(write_fails() && seen.access == ACCESS_WRITE && seen.present, "a write");
    EXPECT(faults == 2, "%u faults", faults);
    cpu_user_begin();
    EXPECT(!read_fails() && faults == 2, "open");
    cpu_user_end();
    trap_watch_faults(machine);
    EXPECT(user_read32(&v, VA) == 0 && v == RET, "the page is as it was: %x", v);
    end(s);
}

/* SMEP: a jump into a user's page does not run what is there. */
TEST(protection, user_code_is_not_run)
{
    struct space *s;

    if (!cpu_features.smep) {
        kt_skip(kt, "no SMEP");
        return;
    }
    s = begin(kt);
    if (!s)
        return;
    trap_fault_fn machine = trap_watch_faults(note);

    faults = 0;
    __asm__ volatile("call *%0" : : "r"(VA) : "memory");
    trap_watch_faults(machine);
    EXPECT(faults == 1 && seen.va == VA && seen.access == ACCESS_EXEC && seen.present && !seen.user,
           "%u faults at %x, access %d, present %d", faults, seen.va, seen.access, seen.present);
    end(s);
}

/* In a space that maps something the page of the null pointer stays empty, for the kernel's pointers too. */
TEST(protection, null_pointers)
{
    struct space *s = begin(kt);
    vaddr_t va = 0;
    uint32_t v;

    if (!s)
        return;
    EXPECT(space_map(s, &va, PAGE_SIZE, REGION_READ | MAP_AT, NULL, 0) == -EPERM, "mapped at 0");
    EXPECT(user_read32(&v, 0) == -EFAULT && user_write32(0xFFC, 1) == -EFAULT, "a user's");
    EXPECT(user_read32(&v, SPACE_LO - 4) == -EFAULT, "with a large offset");
    end(s);
}
