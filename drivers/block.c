/* The registry of block devices: a list in order of registration, guarded by being changed at boot only. */
#include "drivers/block.h"

static struct block_device *devices;

void block_register(struct block_device *d)
{
    struct block_device **end = &devices;

    while (*end)
        end = &(*end)->next;
    d->next = NULL;
    *end = d;
}

struct block_device *block_first(void)
{
    return devices;
}

struct block_device *block_find(const char *name)
{
    for (struct block_device *d = devices; d; d = d->next)
        if (strcmp(d->name, name) == 0)
            return d;
    return NULL;
}
