/*
 * Tests of whole address spaces: a private virtual memory system with a swap
 * disk in memory, and access to its spaces as a program would have it. On the host
 * a model of the processor walks the tables (tests/host/mmu.c); in the kernel
 * the processor does, through the user-copy routines (tests/kernel/vt.c).
 */
#ifndef TESTS_VT_H
#define TESTS_VT_H

#include "mm/fault.h"
#include "mm/reclaim.h"
#include "tests/kt.h"
#include "tests/testdisk.h"

struct vt {
    struct kt *kt;
    struct frame_pool *pool;
    struct vm vm;
    struct testdisk disk;
    void *disk_data;
    struct policy_eyes eyes; /* of vt_own_time() */
};

/* frames as for kt_pool(); swap_pages: of the disk, 0 for none. False: there is no memory, the test is
 * skipped. */
bool vt_begin(struct vt *t, struct kt *kt, uint32_t frames, uint32_t high, uint32_t swap_pages);
/* Verifies, takes everything down, and checks that all frames came back. */
void vt_end(struct vt *t);

/* Read or write the 32-bit word at va as a program in the space. FAULT_RESUME: done. */
enum fault_verdict vt_read(struct space *s, vaddr_t va, uint32_t *value);
enum fault_verdict vt_write(struct space *s, vaddr_t va, uint32_t value);
/* From now on no time goes by for the policy but what vt_pass() says, so that what it does is the same on
 * each machine. For one test at a time. */
void vt_own_time(struct vt *t);
void vt_pass(uint64_t ns);
/* Let no space be loaded. */
void vt_idle(void);

#endif
