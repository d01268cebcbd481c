/* Addresses that linker.ld defines. */
#ifndef KERNEL_LIB_IMAGE_H
#define KERNEL_LIB_IMAGE_H

extern char image_start[], boot_end[]; /* [image_start, boot_end): start-up only */
extern char text_start[], text_end[];  /* code */
extern char rodata_end[];              /* [boot_end, rodata_end) is read-only */
extern char image_end[];

#endif
