/* The pairing heap against a table of what is in it. */
#include "kernel/lib/heap.h"
#include "tests/kt.h"

#define NODES 256u

struct model {
    struct heap heap;
    struct heap_node node[NODES];
    bool in[NODES];
    uint32_t count;
};

/* The least key in the table; UINT64_MAX: none. */
static uint64_t least(const struct model *m)
{
    uint64_t key = UINT64_MAX;

    for (uint32_t i = 0; i < NODES; i++)
        if (m->in[i] && m->node[i].key < key)
            key = m->node[i].key;
    return key;
}

static void leave(struct model *m, uint32_t i)
{
    heap_remove(&m->heap, &m->node[i]);
    m->in[i] = false;
    m->count--;
}

TEST(heap, random_against_table)
{
    uint32_t rounds = kt_rounds(kt, 200000), limit = NODES;
    struct model *m = kt_alloc(sizeof *m);

    if (!m) {
        kt_skip(kt, "no memory for the model");
        return;
    }
    memset(m, 0, sizeof *m);
    for (uint32_t n = 0; n < rounds && kt->failures == 0; n++) {
        uint32_t i = kt_below(kt, NODES);

        if (n % 1024 == 0)
            limit = 1 + kt_below(kt, NODES);
        if (!m->in[i] && m->count < limit) {
            /* Many are equal, some need all 64 bits. */
            m->node[i].key = kt_below(kt, 4) ? kt_below(kt, 64) : (uint64_t)kt_random(kt) << 32;
            heap_insert(&m->heap, &m->node[i]);
            m->in[i] = true;
            m->count++;
        } else if (m->in[i] && kt_below(kt, 2)) {
            leave(m, i);
        } else if (m->heap.root) {
            leave(m, (uint32_t)(m->heap.root - m->node));
        }
        EXPECT((m->heap.root ? m->heap.root->key : UINT64_MAX) == least(m), "operation %u", n);
        if (n % 64 == 0)
            EXPECT(heap_verify(&m->heap), "after operation %u", n);
    }
    while (m->heap.root)
        leave(m, (uint32_t)(m->heap.root - m->node));
    EXPECT(m->count == 0, "%u are lost", m->count);
    kt_release(m);
}

TEST(heap, broken_is_seen)
{
    struct heap_node n[4] = {{.key = 1}, {.key = 2}, {.key = 3}, {.key = 4}};
    struct heap h = {0};

    for (uint32_t i = 0; i < ARRAY_LEN(n); i++)
        heap_insert(&h, &n[i]);
    EXPECT(heap_verify(&h), "a heap of four");
    kt_capture_begin();
    n[2].key = 0;
    EXPECT(!heap_verify(&h), "a key below its parent's");
    n[2].key = 3;
    n[2].prev = NULL;
    EXPECT(!heap_verify(&h), "a link that leads nowhere");
    EXPECT(kt_captured("broken INV-HEAP-1:") && kt_captured("broken INV-HEAP-2:"), "both are named");
    kt_capture_end();
}
