/* The interrupt flag and the running task, for what needs no scheduler. */
#include "mm/os.h"
#include "mm/x86/cpu.h"

void *os_current;
int os_nosleep_depth;

uint32_t os_irq_save(void)
{
    return cpu_irq_save();
}

void os_irq_restore(uint32_t state)
{
    cpu_irq_restore(state);
}
