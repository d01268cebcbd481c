/*
 * Forms of page tables: the ways in which textbooks and machines keep translations, behind one interface. See
 * form.c for the theory, and the files beside it for each form.
 *
 * A form answers what frame a page has. It counts what an answer costs in reads of memory, and says how much
 * memory it takes. It knows nothing of spaces and frames but their numbers, and takes memory from a source
 * that its creator supplies, so that the same code runs in the kernel and on the host.
 *
 * What guards a field, by the letter in its comment:
 *   (c)  constant after creation
 *   (o)  its owner only: one task at a time works with a form and its memory, and does not sleep meanwhile
 */
#ifndef MM_FORMS_FORM_H
#define MM_FORMS_FORM_H

#include "mm/errno.h"
#include "mm/os.h"

enum form_kind {
    FORM_LINEAR,      /* one table by page number */
    FORM_HYBRID,      /* a linear table with limits for each segment of the space */
    FORM_TWO_LEVEL,   /* a directory of tables */
    FORM_THREE_LEVEL, /* a directory of directories of tables */
    FORM_INVERTED,    /* an entry for each frame, found through a hash anchor and a chain */
    FORM_HASHED,      /* chains of translations below hash anchors */
    FORM_CLUSTERED,   /* the same; an element has the translations of a block of pages */
    FORM_KINDS
};

/* What an entry says, whatever its width in the table: FORM_VALID and a value below, or 0. */
#define FORM_VALID (1u << 31)
#define FORM_VALUE (FORM_VALID - 1)

/* The value where entries have 4 bytes: a frame, and 11 bits of whoever put it in. Any other value will do
 * too, but an inverted table takes the low 20 bits for the frame. */
#define FORM_FRAME_BITS 20u
#define FORM_FRAME      ((1u << FORM_FRAME_BITS) - 1)
static inline uint32_t form_value(pfn_t frame, uint32_t bits)
{
    return frame | bits << FORM_FRAME_BITS;
}
static inline pfn_t form_frame(uint32_t entry)
{
    return entry & FORM_FRAME;
}
static inline uint32_t form_bits(uint32_t entry)
{
    return (entry & FORM_VALUE) >> FORM_FRAME_BITS;
}

/*
 * Where tables lie. What is taken has a name, a number below 2^31 that an entry can hold: in the kernel a
 * part of its address, in a textbook's machine the number of a page. The three functions do not sleep. The
 * rest is form.c's.
 */
struct form_memory {
    /* Zeroed memory, and its name, which is not 0; NULL: there is none. */
    void *(*take_table)(struct form_memory *m, uint32_t bytes, uint32_t *name); /* (c) */
    void (*give_table)(struct form_memory *m, uint32_t name, uint32_t bytes);   /* (c) */
    void *(*table_at)(const struct form_memory *m, uint32_t name);              /* (c) */
    uint32_t limit;   /* (o) bytes that may be taken at one time; 0: as many as there are */
    uint32_t used;    /* (o) bytes that are taken */
    uint32_t most;    /* (o) that were taken at one time */
    uint32_t refused; /* (o) bytes that were asked for last and not there, within the limit; 0: beyond it */
};

#define FORM_LEVELS 3u

/* The size of things. form_shape_of() fills it for this machine. */
struct form_shape {
    uint8_t address_bits; /* (c) */
    uint8_t page_bits;    /* (c) of an address are the byte within its page */
    uint8_t entry_bytes;  /* (c) 1, 2 or 4: the top bit is valid, the others the value */
    uint8_t levels;       /* (c) of tables */
    uint8_t
        level_bits[FORM_LEVELS]; /* (c) of the page number choose the entry, at the root first. Hybrid: the
                                            first of them chooses the segment */
    uint8_t cluster_bits;        /* (c) of the page number choose in an element; hashed: 0 */
    uint32_t pages;              /* (c) numbers of pages are below this; 0: below what the bits allow */
    uint32_t anchors;            /* (c) a power of two */
    pfn_t first_frame;           /* (c) inverted: of those that have an entry of their own */
    uint32_t frames;             /* (c) inverted: how many do */
};

/* What an operation cost. */
#define FORM_STEPS 4u
struct form_step {
    uint32_t index; /* (o) in its table: of the entry, of the anchor; of an element: its name */
    uint32_t entry; /* (o) what was read, as it lies there; of an element: the page it is for */
};
struct form_walk {
    uint32_t accesses;                 /* (o) reads of an entry, an anchor, or an element of a chain */
    uint32_t bytes;                    /* (o) that were read so */
    uint32_t steps;                    /* (o) of them here, the first ones */
    struct form_step step[FORM_STEPS]; /* (o) */
};

/* The table of one segment: entries for [first, first + count), counted from the segment's first page. */
struct form_segment {
    uint32_t table;        /* (o) its name */
    uint32_t first, count; /* (o) pages; count 0: there is no table */
    uint32_t used;         /* (o) entries that are valid */
};

struct form_type;

struct form {
    const struct form_type *type; /* (c) */
    struct form_memory *memory;   /* (c) */
    struct form_shape shape;      /* (c) */
    bool adopted;                 /* (c) the tables are somebody's: they are read only */
    uint32_t root;                /* (c) name of the table, the directory, the segments, or the anchors */
    uint32_t array;               /* (c) inverted: name of the entries of frames */
    uint32_t count;               /* (o) translations in it */
    uint32_t bytes;               /* (o) of memory that it has */
    uint32_t elements; /* (o) of chains: hashed, clustered: all; inverted: those beside the array */
    uint32_t tables[FORM_LEVELS]; /* (o) tables that there are, by level */
};

const char *form_kind_name(enum form_kind kind);
/* FORM_KINDS when there is no such name. */
enum form_kind form_kind_by_name(const char *name);
/* Whether one form of this kind holds the translations of all spaces. The others are of one space each,
 * and do not look at its identifier. */
bool form_is_shared(enum form_kind kind);

/* The shape that a kind has on this machine: 32-bit addresses, pages of 4 KiB, `pages` of them in a space,
 * `frames` frames from first_frame on. */
void form_shape_of(enum form_kind kind, uint32_t pages, pfn_t first_frame, uint32_t frames,
                   struct form_shape *shape);

/* An empty form over memory, which must outlive it. 0, -EINVAL: no form of that kind has this shape;
 * -ENOMEM. */
int form_create(struct form *f, enum form_kind kind, const struct form_shape *shape, struct form_memory *m);
/* The same over a linear or level table that lies in memory already, below the name root; only form_lookup()
 * and form_destroy() may follow. */
int form_adopt(struct form *f, enum form_kind kind, const struct form_shape *shape, struct form_memory *m,
               uint32_t root);
/* Gives all of its memory back, whatever is still in it. */
void form_destroy(struct form *f);

/*
 * These three do not sleep, and tell in *w what they cost, if it is not NULL. page is below form_pages().
 *
 * Let a page have a translation with this value, instead of the one that it may have. 0; -ENOMEM: nothing has
 * changed; -EINVAL: the page or the value is too large.
 */
int form_insert(struct form *f, uint32_t space, uint32_t page, uint32_t value, struct form_walk *w);
/* Take it away. Returns the entry that there was, or 0. */
uint32_t form_remove(struct form *f, uint32_t space, uint32_t page, struct form_walk *w);
/* The entry of a page, FORM_VALID and the value; 0: it has no translation, or is too large. */
uint32_t form_lookup(const struct form *f, uint32_t space, uint32_t page, struct form_walk *w);

/* Take away all translations of a space. Looks through the whole form. Returns how many there were. */
uint32_t form_remove_space(struct form *f, uint32_t space);

/* Numbers of pages are below this. */
uint32_t form_pages(const struct form *f);
/* The bytes that a form of this shape has at most with so many translations, wherever they lie. */
uint64_t form_bytes_worst(const struct form *f, uint32_t translations);

/* INV-FORM-* and those of its kind. Reads only. */
bool form_verify(const struct form *f);

#endif
