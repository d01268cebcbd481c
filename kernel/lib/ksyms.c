#include "kernel/lib/ksyms.h"
#include "kernel/lib/image.h"

const char *ksyms_find(uint32_t address, uint32_t *offset)
{
    uint32_t low = 0, high = ksyms_count;

    if (address < (uint32_t)text_start || address >= (uint32_t)text_end)
        return NULL;
    while (low < high) { /* the first name above the address */
        uint32_t mid = low + (high - low) / 2;

        if (ksyms_address[mid] <= address)
            low = mid + 1;
        else
            high = mid;
    }
    if (low == 0)
        return NULL;
    *offset = address - ksyms_address[low - 1];
    return ksyms_names + ksyms_offset[low - 1];
}
