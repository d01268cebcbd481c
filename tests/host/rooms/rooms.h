/*
 * Rooms of kernel/ on the host, with the parts that all of them need: a vm, a root filesystem, and
 * memory of the rooms from the host's malloc(), so that ASan sees each use of what is freed. Every
 * allocation is a possible sleep. files.h has what the rooms of files need beside that, life.h what
 * those of processes need.
 */
#ifndef TESTS_HOST_ROOMS_H
#define TESTS_HOST_ROOMS_H

#include "tests/host/fibers.h"
#include "tests/kt.h"

/* Set up vm_sys; then a root filesystem, of an archive or (NULL) with /tmp only. */
void rooms_set_up(struct kt *kt);
void rooms_mount(struct kt *kt, const void *archive, size_t size);
/* Take it all down, in this order, and expect that nothing is left. */
void rooms_unmount(struct kt *kt);
void rooms_take_down(struct kt *kt);
/* Whether something that happens once in so many times happens. Never outside fibers_run(). */
bool rooms_chance(unsigned one_in);
/* Zeroed memory of the host's, to be freed with kt_release(). */
void *rooms_zeroes(size_t size);
/* Objects that the rooms have allocated and not freed. */
unsigned rooms_allocated(void);

#endif
