/*
 * The processor asks a map behind its TSS for each port that a program in ring 3 names (SDM vol. 1, 19.5.2).
 * The map is there once, 8 KiB, and is filled when a thread comes to run that may reach ports: nearly none
 * may. For all others the TSS says that its map lies behind its end.
 *
 * Locking: interrupts off.
 */
#include "kernel/x86/ports.h"
#include "kernel/x86/cpu.h"
#include "mm/os.h"

static enum { NOTHING, ALL, A_MAP } filled; /* what the processor's map holds, in use or not */
static const struct port_map *filled_from;  /* with A_MAP; NULL: it has changed since */

void ports_load(const struct port_map *map)
{
    if (!map && filled != ALL) {
        memset(cpu_main_tss.closed, 0, PORTS_BYTES);
        filled = ALL;
    } else if (map && (filled != A_MAP || filled_from != map)) {
        memcpy(cpu_main_tss.closed, map->closed, PORTS_BYTES);
        filled = A_MAP;
        filled_from = map;
    }
    cpu_use_port_map(true);
}

void ports_unload(void)
{
    cpu_use_port_map(false);
}

void ports_forget(const struct port_map *map)
{
    if (filled_from == map)
        filled_from = NULL;
}
