/*
 * PCI configuration space. Buses are found by walking the bridges from bus 0;
 * a bridge is followed only to a higher bus number, so that a broken one cannot
 * send the scan round in circles.
 */
#include "drivers/pci.h"
#include "drivers/io.h"

#define CONFIG_ADDRESS 0xCF8
#define CONFIG_DATA    0xCFC
#define CONFIG_ENABLE  0x80000000u

enum {
    REG_ID = 0x00,
    REG_COMMAND = 0x04, /* status in the upper half */
    REG_CLASS = 0x08,
    REG_HEADER = 0x0C, /* header type in bits 16 to 23 */
    REG_BAR = 0x10,
    REG_BUSES = 0x18, /* of a bridge: primary, secondary, subordinate */
};

#define HEADER_MULTI  0x80u
#define HEADER_BRIDGE 0x01u
#define NO_DEVICE     0xFFFFu

static uint32_t address(const struct pci_device *d, unsigned offset)
{
    return CONFIG_ENABLE | (uint32_t)d->bus << 16 | (uint32_t)d->slot << 11 | (uint32_t)d->function << 8 |
           offset;
}

uint32_t pci_read(const struct pci_device *d, unsigned offset)
{
    outl(CONFIG_ADDRESS, address(d, offset));
    return inl(CONFIG_DATA);
}

void pci_write(const struct pci_device *d, unsigned offset, uint32_t value)
{
    outl(CONFIG_ADDRESS, address(d, offset));
    outl(CONFIG_DATA, value);
}

uint32_t pci_bar(const struct pci_device *d, unsigned n)
{
    return pci_read(d, REG_BAR + 4 * n);
}

void pci_enable(const struct pci_device *d, unsigned bits)
{
    /* Status bits are cleared by writing ones, so their half is written as zero. */
    pci_write(d, REG_COMMAND, (pci_read(d, REG_COMMAND) & 0xFFFFu) | bits);
}

static void scan_bus(unsigned bus, void (*fn)(const struct pci_device *, void *), void *arg)
{
    for (unsigned slot = 0; slot < 32; slot++) {
        unsigned functions = 1;

        for (unsigned function = 0; function < functions; function++) {
            struct pci_device d = {.bus = (uint8_t)bus, .slot = (uint8_t)slot, .function = (uint8_t)function};
            uint32_t id = pci_read(&d, REG_ID);

            if ((id & 0xFFFFu) == NO_DEVICE)
                continue;
            uint32_t class = pci_read(&d, REG_CLASS);
            unsigned header = pci_read(&d, REG_HEADER) >> 16 & 0xFFu;

            d.vendor = (uint16_t)id;
            d.device = (uint16_t)(id >> 16);
            d.class = (uint8_t)(class >> 24);
            d.subclass = (uint8_t)(class >> 16);
            d.prog_if = (uint8_t)(class >> 8);
            if (header & HEADER_MULTI)
                functions = 8;
            fn(&d, arg);
            if ((header & ~HEADER_MULTI) == HEADER_BRIDGE) {
                unsigned secondary = pci_read(&d, REG_BUSES) >> 8 & 0xFFu;

                if (secondary > bus)
                    scan_bus(secondary, fn, arg);
            }
        }
    }
}

bool pci_scan(void (*fn)(const struct pci_device *, void *), void *arg)
{
    outl(CONFIG_ADDRESS, CONFIG_ENABLE);
    if (inl(CONFIG_ADDRESS) != CONFIG_ENABLE)
        return false;
    scan_bus(0, fn, arg);
    return true;
}

struct search {
    uint8_t class, subclass;
    unsigned left; /* matches to pass over */
    bool found;
    struct pci_device *out;
};

static void match(const struct pci_device *d, void *arg)
{
    struct search *s = arg;

    if (s->found || d->class != s->class || d->subclass != s->subclass)
        return;
    if (s->left-- > 0)
        return;
    s->found = true;
    *s->out = *d;
}

bool pci_find_class(uint8_t class, uint8_t subclass, unsigned nth, struct pci_device *out)
{
    struct search s = {.class = class, .subclass = subclass, .left = nth, .out = out};

    return pci_scan(match, &s) && s.found;
}
