/*
 * Legacy IDE disks: two channels, two drives each, bus-master DMA where the
 * controller and the drive can, else PIO. See ata.c for the theory.
 */
#ifndef DRIVERS_ATA_H
#define DRIVERS_ATA_H

#include "mm/block.h"

struct ata_options {
    bool pio;            /* never use bus-master DMA */
    uint32_t timeout_ms; /* of one command; 0: 10 seconds */
};

/*
 * Find the drives and register them as hda to hdd. Needs kmalloc, interrupts and time; sleeps. A machine
 * without IDE disks is no error. Returns the number of disks.
 */
unsigned ata_init(const struct ata_options *options);

/* Time-outs and resets: do what is due at now, nanoseconds since boot, and when that has to be called next;
 * UINT64_MAX: nothing is to be done. Interrupts off. Once ata_init() has returned. */
void ata_due(uint64_t now);
uint64_t ata_next(void);

/* What a disk is and how it is reached, for people: "QEMU HARDDISK, DMA, LBA48". d must be an ATA disk. */
const char *ata_model(const struct block_device *d);
bool ata_uses_dma(const struct block_device *d);
bool ata_uses_lba48(const struct block_device *d);

/* Commands that ran into the time limit, and resets that it took, over all channels. */
struct ata_stats {
    uint32_t timeouts, resets, lost_interrupts, dead_channels;
};
extern struct ata_stats ata_stats;

#endif
