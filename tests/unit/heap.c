/* The heap against a table of what is in it. */
#include "kernel/lib/heap.h"
#include "tests/kt.h"

#define NODES 256u

struct model {
    struct heap heap;
    struct heap_node node[NODES];
    bool in[NODES];
    uint32_t since[NODES]; /* the operation that put it in */
    uint32_t count;
};

/* The one in the table with the least key, of several the one that has been there longest; NULL: none. */
static const struct heap_node *least(const struct model *m)
{
    uint32_t best = NODES;

    for (uint32_t i = 0; i < NODES; i++)
        if (m->in[i] && (best == NODES || m->node[i].key < m->node[best].key ||
                         (m->node[i].key == m->node[best].key && m->since[i] < m->since[best])))
            best = i;
    return best < NODES ? &m->node[best] : NULL;
}

static void count_node(const struct heap_node *n, void *arg)
{
    (void)n;
    ++*(uint32_t *)arg;
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
            m->since[i] = n;
            m->count++;
        } else if (m->in[i] && kt_below(kt, 2)) {
            leave(m, i);
        } else if (m->heap.root) {
            leave(m, (uint32_t)(m->heap.root - m->node));
        }
        EXPECT(m->heap.root == least(m), "operation %u", n);
        if (n % 64 == 0) {
            uint32_t seen = 0;

            EXPECT(heap_verify(&m->heap), "after operation %u", n);
            heap_each(&m->heap, count_node, &seen);
            EXPECT(seen == m->count, "%u of %u are visited", seen, m->count);
        }
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
    n[2].parent = NULL;
    EXPECT(!heap_verify(&h), "a link that leads nowhere");
    n[2].parent = &n[0];
    h.root->rank++;
    EXPECT(!heap_verify(&h), "a rank that is another");
    EXPECT(kt_captured("broken INV-HEAP-1:") && kt_captured("broken INV-HEAP-2:") &&
               kt_captured("broken INV-HEAP-3:"),
           "all are named");
    kt_capture_end();
}
