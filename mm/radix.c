/*
 * A sparse array of words, as a radix tree.
 *
 * Purpose. The index of an object: page number to frame or slot, with memory in proportion to what is there.
 *
 * Data. Nodes of 64 words; a tree of height h holds indices below 64^h. The lowest level holds the words, the
 * levels above hold nodes. The tree is as high as its largest index needed when it was stored; it loses
 * height again when only the first child of the root is left, and a node without entries is freed at once.
 * There are no parent links: removal remembers its path, at most six nodes.
 *
 * Owner and locking. The owner of the struct; nosleep sections. radix_set() takes nodes from a cache, which
 * does not sleep. The nodes it needs are all taken before the tree is touched.
 *
 * Invariants.
 *   INV-RADIX-1  used is the number of non-zero words of a node, and not 0
 *   INV-RADIX-2  the height is at most 6, 0 exactly when there is no root, and the root of a tree higher
 *                than 1 has a child beside the first; last follows from it
 *   INV-RADIX-3  count is the number of stored words
 *   INV-RADIX-4  no word lies at an index beyond 32 bits
 *
 * Failure. radix_set() of a new index returns -ENOMEM with the tree unchanged. radix_missing() tells how many
 * nodes it needs, for a caller who can wait for memory.
 *
 * Source. Morrison's PATRICIA (1968) without path compression, as in Linux's lib/radix-tree.c.
 */
#include "mm/radix.h"
#include "mm/errno.h"

#define BITS       6
#define FAN        RADIX_BLOCK
#define MAX_HEIGHT 6 /* 6 * 6 bits hold 32 */

_Static_assert(FAN == 1u << BITS, "a digit has BITS");

struct radix_node {
    uint32_t used;
    uintptr_t word[FAN]; /* children, or at the lowest level the stored words */
};

static inline uint32_t digit(uint32_t index, uint32_t level)
{
    return (index >> (BITS * level)) & (FAN - 1);
}

static inline struct radix_node *child(const struct radix_node *n, uint32_t i)
{
    return (struct radix_node *)n->word[i];
}

static uint32_t height_for(uint32_t index)
{
    uint32_t h = 1;

    while (h < MAX_HEIGHT && index >> (BITS * h))
        h++;
    return h;
}

/* The last index that a tree of this height has a place for. */
static uint32_t last_of(uint32_t h)
{
    return h == MAX_HEIGHT ? UINT32_MAX : (1u << (BITS * h)) - 1;
}

static void set_height(struct radix *r, uint32_t h)
{
    r->height = h;
    r->last = last_of(h);
}

/* Whether the tree has a place for index. */
static inline bool covers(const struct radix *r, uint32_t index)
{
    return r->root && index <= r->last;
}

size_t radix_node_size(void)
{
    return sizeof(struct radix_node);
}

void radix_init(struct radix *r, struct cache *nodes)
{
    *r = (struct radix){.nodes = nodes};
}

static inline __attribute__((always_inline)) const uintptr_t *find_block(const struct radix *r,
                                                                         uint32_t index)
{
    const struct radix_node *n = r->root;

    if (unlikely(!covers(r, index)))
        return NULL;
    for (uint32_t shift = (r->height - 1) * BITS; shift > 0; shift -= BITS) {
        n = child(n, index >> shift & (FAN - 1));
        if (unlikely(!n))
            return NULL;
    }
    return n->word;
}

const uintptr_t *radix_block(const struct radix *r, uint32_t index)
{
    return find_block(r, index);
}

uintptr_t radix_get(const struct radix *r, uint32_t index)
{
    const uintptr_t *block = find_block(r, index);

    return likely(block) ? block[digit(index, 0)] : 0;
}

uint32_t radix_missing(const struct radix *r, uint32_t index)
{
    const struct radix_node *n = r->root;
    uint32_t level;

    if (!r->height)
        return height_for(index);
    /* It takes new roots above the old one, and below the new root a branch down to the word. */
    if (!covers(r, index))
        return height_for(index) - r->height + height_for(index) - 1;
    for (level = r->height - 1; level > 0; level--) {
        n = child(n, digit(index, level));
        if (!n)
            return level;
    }
    return 0;
}

/* A chain of n zeroed nodes, linked through their first words, or NULL with nothing taken. */
static struct radix_node *take_nodes(struct cache *nodes, uint32_t n)
{
    struct radix_node *chain = NULL;

    while (n-- > 0) {
        struct radix_node *node = cache_alloc(nodes); /* no reclaim: who may sleep stocks the cache before */

        if (!node) {
            while ((node = chain) != NULL) {
                chain = child(node, 0);
                cache_free(nodes, node);
            }
            return NULL;
        }
        memset(node, 0, sizeof *node);
        node->word[0] = (uintptr_t)chain;
        chain = node;
    }
    return chain;
}

static struct radix_node *next_node(struct radix_node **chain)
{
    struct radix_node *n = *chain;

    *chain = child(n, 0);
    n->word[0] = 0;
    return n;
}

int radix_set(struct radix *r, uint32_t index, uintptr_t value)
{
    uint32_t need = radix_missing(r, index);
    struct radix_node *spare = NULL, *n;

    mm_assert(value != 0, "index %u", index);
    if (need) {
        spare = take_nodes(r->nodes, need);
        if (!spare)
            return -ENOMEM;
    }
    if (!r->height) {
        r->root = next_node(&spare);
        set_height(r, height_for(index));
    }
    while (!covers(r, index)) {
        n = next_node(&spare);
        n->word[0] = (uintptr_t)r->root;
        n->used = 1;
        r->root = n;
        set_height(r, r->height + 1);
    }

    n = r->root;
    for (uint32_t level = r->height - 1; level > 0; level--) {
        uint32_t d = digit(index, level);

        if (!n->word[d]) {
            n->word[d] = (uintptr_t)next_node(&spare);
            n->used++;
        }
        n = child(n, d);
    }
    if (!n->word[digit(index, 0)]) {
        n->used++;
        r->count++;
    }
    n->word[digit(index, 0)] = value;
    return 0;
}

/* Lose the levels at the top that only lead to the first child. */
static void shrink(struct radix *r)
{
    while (r->height > 1 && r->root->used == 1 && r->root->word[0]) {
        struct radix_node *old = r->root;

        r->root = child(old, 0);
        set_height(r, r->height - 1);
        cache_free(r->nodes, old);
    }
}

uintptr_t radix_clear(struct radix *r, uint32_t index)
{
    struct radix_node *path[MAX_HEIGHT], *n = r->root;
    uintptr_t old;
    uint32_t level;

    if (!covers(r, index))
        return 0;
    for (level = r->height - 1; level > 0; level--) {
        path[level] = n;
        n = child(n, digit(index, level));
        if (!n)
            return 0;
    }
    path[0] = n;
    old = n->word[digit(index, 0)];
    if (!old)
        return 0;
    r->count--;

    for (level = 0; level < r->height; level++) {
        path[level]->word[digit(index, level)] = 0;
        if (--path[level]->used)
            break;
        cache_free(r->nodes, path[level]);
    }
    if (level == r->height) {
        r->root = NULL;
        set_height(r, 0);
    }
    shrink(r);
    return old;
}

uintptr_t radix_next(const struct radix *r, uint32_t *index)
{
    uint32_t i = *index;

    while (covers(r, i)) {
        const struct radix_node *n = r->root;
        uint32_t level = r->height - 1, d;

        for (;; level--) {
            for (d = digit(i, level); d < FAN && !n->word[d]; d++)
                i = ((i >> (BITS * level)) + 1) << (BITS * level);
            if (d == FAN || level == 0)
                break;
            n = child(n, d);
        }
        if (d < FAN) {
            *index = i;
            return n->word[d];
        }
        /* i has become the first index after this node, or 0 when it was the last node of all. */
        if (i <= *index)
            return 0;
    }
    return 0;
}

uint64_t radix_next_gap(const struct radix *r, uint32_t index)
{
    uint64_t i = index;

    while (i <= UINT32_MAX && covers(r, (uint32_t)i)) {
        const struct radix_node *n = r->root;
        uint32_t level = r->height - 1, d = digit((uint32_t)i, level);

        while (level > 0 && n->word[d]) {
            n = child(n, d);
            d = digit((uint32_t)i, --level);
        }
        if (level > 0) /* nothing is below here */
            break;
        if (n->used == FAN)
            d = FAN;
        while (d < FAN && n->word[d])
            d++;
        i = (i & ~(uint64_t)(FAN - 1)) + d;
        if (d < FAN)
            break;
    }
    return i;
}

/* Check a subtree; returns the words it stores. `first` is the index of its first word. */
static uint32_t verify_node(const struct radix_node *n, uint32_t level, uint64_t first, bool *all)
{
    uint32_t used = 0, words = 0;
    bool ok = true;

    for (uint32_t i = 0; i < FAN; i++) {
        uint64_t at = first + ((uint64_t)i << (BITS * level));

        if (!n->word[i])
            continue;
        used++;
        INV("INV-RADIX-4", at <= UINT32_MAX, "entry %u at level %u", i, level);
        words += level ? verify_node(child(n, i), level - 1, at, all) : 1;
    }
    INV("INV-RADIX-1", used == n->used && used > 0, "%u entries, used %u, at level %u", used, n->used, level);
    if (!ok)
        *all = false;
    return words;
}

bool radix_verify(const struct radix *r)
{
    bool ok = true;
    uint32_t words = 0;

    INV("INV-RADIX-2", r->height <= MAX_HEIGHT && !r->root == !r->height && r->last == last_of(r->height),
        "height %u, last index %u", r->height, r->last);
    if (!ok)
        return false;
    if (r->root) {
        INV("INV-RADIX-2", r->height == 1 || r->root->used > 1 || !r->root->word[0],
            "height %u for the first child only", r->height);
        words = verify_node(r->root, r->height - 1, 0, &ok);
    }
    INV("INV-RADIX-3", words == r->count, "%u words, count %u", words, r->count);
    return ok;
}
