/*
 * PCI configuration space through ports 0xCF8 and 0xCFC (mechanism 1, PCI
 * Local Bus Specification 3.0, 3.2.2.3.2). Task context only: the two ports
 * are one register pair, and nothing else in the kernel uses them.
 */
#ifndef DRIVERS_PCI_H
#define DRIVERS_PCI_H

#include "mm/types.h"

struct pci_device {
    uint8_t bus, slot, function;
    uint16_t vendor, device;
    uint8_t class, subclass, prog_if;
};

/* What pci_enable() turns on. */
enum {
    PCI_IO = 1 << 0,
    PCI_MEMORY = 1 << 1,
    PCI_BUS_MASTER = 1 << 2,
};

uint32_t pci_read(const struct pci_device *d, unsigned offset); /* offset: multiple of 4 */
void pci_write(const struct pci_device *d, unsigned offset, uint32_t value);
/* Base address register n as it stands, flag bits included. */
uint32_t pci_bar(const struct pci_device *d, unsigned n);
/* Set bits of the command register. */
void pci_enable(const struct pci_device *d, unsigned bits);
/* Visit every function of every bus that a bridge leads to. False when the machine has no PCI. */
bool pci_scan(void (*fn)(const struct pci_device *d, void *arg), void *arg);
/* The nth function of a class, in scan order. */
bool pci_find_class(uint8_t class, uint8_t subclass, unsigned nth, struct pci_device *out);

#endif
