/*
 * What somebody asks for of a translation cache that the kernel fills, and the words for it. The kernel reads
 * them, and so does the program that has to say which of them is wrong. See softtlb_config.c.
 *
 * What guards a field, by the letter in its comment:
 *   (c)  constant after creation, or after it was told
 */
#ifndef MM_SOFTTLB_CONFIG_H
#define MM_SOFTTLB_CONFIG_H

#include "mm/assoc.h"
#include "mm/forms/form.h"

struct softtlb_config { /* (c) */
    uint32_t entries;   /* 0: no software TLB */
    uint32_t ways;      /* places of a set; as many as entries: one set */
    enum assoc_policy policy;
    bool asid;           /* entries have identifiers: they survive a switch to another space */
    bool few;            /* fewer entries or ways than SOFTTLB_LEAST are allowed: a program may never go on */
    enum form_kind form; /* that a miss looks into; FORM_KINDS: the processor's own tables */
};

#define SOFTTLB_MOST 1024u
/*
 * The least that is sure to let every instruction end: as many pages as one can need at the same time.
 *
 *     the instruction, at most 15 bytes                                          2
 *     an operand that is read (a memory operand, ESI, what `enter` copies from)  2
 *     one that is written (EDI, what is pushed; 128 bytes of `enter`)            2
 *     where the stack pointer of `enter` is at its end: may it be written?       2
 *
 * An instruction names two operands in memory at most. Those that take or fill more than a page's part of
 * one place (pusha, iret, fnsave, xsave) have one, of less than a page; those of many places (rep, gather)
 * keep what is done when they trap. Tables of descriptors and tasks are the kernel's and always translate;
 * where a call goes to is fetched after it. With several sets, four of the eight share a set at most, since
 * two neighbours never do.
 */
#define SOFTTLB_LEAST      8u
#define SOFTTLB_LEAST_WAYS 4u
/* What `few` allows at least: one access of the kernel's may lie across two pages, and the kernel is not
 * ended when it does not go on. */
#define SOFTTLB_FEW 2u

/* What a word is. */
enum softtlb_word {
    SOFTTLB_UNKNOWN,
    SOFTTLB_NUMBER, /* the first: entries; the second: ways */
    SOFTTLB_POLICY, /* lru, fifo, random */
    SOFTTLB_ASID,   /* asid, noasid */
    SOFTTLB_FORM,   /* the name of a form, or own */
    SOFTTLB_LESS,   /* few */
    SOFTTLB_OFF,    /* off: no software TLB */
};
enum softtlb_word softtlb_word(const char *word, size_t n);

/* What cannot be. */
enum softtlb_why {
    SOFTTLB_BAD_WORD,
    SOFTTLB_BAD_ENTRIES, /* fewer or more than there can be */
    SOFTTLB_BAD_WAYS,    /* not so many of these entries */
    SOFTTLB_BAD_NUMBER,  /* a third one */
    SOFTTLB_BAD_OFF,     /* off, beside others */
    SOFTTLB_NO_ENTRIES,  /* nothing says how many */
};
struct softtlb_wrong { /* (c) */
    enum softtlb_why why;
    const char *word; /* in the text that was read; NULL: none is wrong, one is lacking */
    size_t length;
    struct softtlb_config config; /* as far as it was read */
};

/*
 * Read words, separated by commas or blanks: the number of entries, lru, fifo or random, the number of ways,
 * asid or noasid, the name of a form or own, few; or off. What is not said is: lru, one set, noasid, own. 0;
 * -EINVAL, and *wrong says why, unless it is NULL.
 */
int softtlb_parse(const char *text, struct softtlb_config *c, struct softtlb_wrong *wrong);
/* Whether there can be such a cache: 0 or -EINVAL. */
int softtlb_check(const struct softtlb_config *c);
/* What would have been possible in the place of what is wrong, as text, which is cut at its size. Returns
 * it. */
const char *softtlb_possible(const struct softtlb_wrong *wrong, char *text, size_t size);

#endif
