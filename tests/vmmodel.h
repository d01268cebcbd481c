/*
 * Random operations on address spaces against a naive model: an array that says
 * for each page of each space what it must hold. An actor owns some spaces; several
 * actors may work on one virtual memory system at once, share page tables by
 * descent and objects by mapping, and are switched wherever the code under test sleeps.
 */
#ifndef TESTS_VMMODEL_H
#define TESTS_VMMODEL_H

#include "tests/vt.h"

#define MODEL_PAGES   72u /* of the window of each space */
#define MODEL_SPACES  4u  /* of an actor */
#define MODEL_OBJECTS 3u  /* two of shared memory, one image */
#define MODEL_ACTORS  4u

struct model_page {
    bool mapped, shared, own; /* own: written since it was mapped */
    bool lazy;                /* given up: may have become zeroes */
    bool locked, wipe, nofork;
    uint8_t prot;
    int8_t object; /* -1: anonymous */
    uint16_t index;
    uint32_t value;
};

struct model_world {
    struct vt *vt;
    struct object *object[MODEL_OBJECTS];
    uint32_t shared_value[MODEL_OBJECTS][MODEL_PAGES];
    uint32_t *image;
    unsigned actors;
    /* For each page of the disk whether it ever could not be read: then a bus error is right. NULL: the disk
     * does not fail. */
    bool *ever_bad_read;
    uint32_t bus_errors;
    bool pressed;                       /* memory is short by itself: evict little by hand */
    bool caches;                        /* spaces may get translation caches, which take memory */
    bool cycles;                        /* swap may be taken off now and then */
    bool off;                           /* an actor is doing that */
    uint32_t moves, given_up, swapoffs; /* done */
};

struct model_actor {
    struct kt *kt;
    struct model_world *world;
    unsigned id;
    struct space *space[MODEL_SPACES];
    struct model_page (*page)[MODEL_PAGES]; /* [MODEL_SPACES] */
};

/* Objects and the image. False when there is no memory. */
bool model_begin(struct model_world *w, struct vt *vt, unsigned actors);
void model_end(struct model_world *w);
/* The actor starts with one space: a fork of one of ancestor's, or a new one. */
bool model_actor_begin(struct model_actor *a, struct model_world *w, unsigned id,
                       struct model_actor *ancestor);
/* Let a sector of the disk, which fails at times, go bad, or all be good again. */
void model_change_errors(struct model_world *w);
/* One random operation and its check. */
void model_step(struct model_actor *a);
/* Read every page of every space once more, and destroy the spaces. */
void model_actor_end(struct model_actor *a);

#endif
