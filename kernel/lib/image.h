/* Addresses that linker.ld defines. */
#ifndef KERNEL_LIB_IMAGE_H
#define KERNEL_LIB_IMAGE_H

extern char image_start[], boot_end[]; /* [image_start, boot_end): start-up only */
extern char text_start[], text_end[];  /* code */
extern char rodata_end[];              /* [boot_end, rodata_end) is read-only */
/*
 * [selftest_start, image_end): kernel/selftest/ and tests/, of which [selftest_start, selftest_text_end) is
 * code and [selftest_start, selftest_ro_end) read-only. They are the image's only while memory_has_selftest.
 */
extern char selftest_start[], selftest_text_end[], selftest_ro_end[];
extern char image_end[];

#endif
