#include "kernel/lib/ksyms.h"

static bool has_selftest;

void ksyms_keep_selftest(void)
{
    has_selftest = true;
}

static const char *find_in(const struct ksyms_table *t, uint32_t address, uint32_t *offset)
{
    uint32_t low = 0, high = t->count;

    if (address < t->start || address >= t->end)
        return NULL;
    while (low < high) { /* the first name above the address */
        uint32_t mid = low + (high - low) / 2;

        if (t->address[mid] <= address)
            low = mid + 1;
        else
            high = mid;
    }
    if (low == 0)
        return NULL;
    *offset = address - t->address[low - 1];
    return t->names + t->offset[low - 1];
}

const char *ksyms_find(uint32_t address, uint32_t *offset)
{
    const char *name = find_in(&ksyms_kernel, address, offset);

    return name || !has_selftest ? name : find_in(&ksyms_selftest, address, offset);
}
