/* fault_classify() over its whole input, against properties that are written down independently of its code.
 */
#include "mm/fault.h"
#include "tests/kt.h"

struct input {
    struct region region;
    bool mapped, can_grow, readonly;
    enum entry_state state;
    enum pt_span table;
    enum access access;
};

/* Combinations that the page tables cannot show. */
static bool impossible(const struct input *in)
{
    if (in->table == PT_NONE)
        return in->state != ENTRY_EMPTY || in->readonly;
    return in->table == PT_SHARED && !in->readonly;
}

static bool permitted(const struct input *in)
{
    if (in->access == ACCESS_WRITE)
        return in->region.flags & REGION_WRITE;
    return in->region.flags & (REGION_READ | REGION_WRITE | REGION_EXEC);
}

/* What must come out, as one rule after the other. */
static enum fault_action wanted(const struct input *in)
{
    bool write = in->access == ACCESS_WRITE;
    bool object = in->region.object != NULL;

    if (!in->mapped)
        return in->can_grow ? FAULT_GROW : FAULT_BAD_ADDRESS;
    if (!permitted(in))
        return FAULT_BAD_ACCESS;
    /* Nothing is written through a read-only directory entry. */
    if (write && in->readonly)
        return FAULT_OWN_TABLE;
    /* Nothing new appears in a table that others see. */
    if (in->table == PT_SHARED && in->state == ENTRY_EMPTY)
        return FAULT_OWN_TABLE;
    if (in->state == ENTRY_SWAP)
        return FAULT_SWAP_IN;
    if (in->state == ENTRY_PARKED)
        return FAULT_UNPARK;
    if (in->state == ENTRY_EMPTY)
        return object ? FAULT_OBJECT_IN : write ? FAULT_FILL_ZERO : FAULT_MAP_ZERO;
    /* What is there can be read. */
    if (!write || in->state == ENTRY_WRITABLE)
        return FAULT_SPURIOUS;
    if (in->state == ENTRY_ZERO)
        return FAULT_FILL_ZERO;
    if (in->state == ENTRY_SOLE)
        return FAULT_TAKE_OVER;
    if (in->state == ENTRY_OBJECT && in->region.flags & REGION_SHARED)
        return FAULT_UPGRADE;
    return FAULT_COPY;
}

TEST(fault, classify_whole_input)
{
    static struct object *const an_object = (struct object *)16;
    uint32_t cases = 0, skipped = 0;

    for (uint32_t flags = 0; flags <= (REGION_PROT | REGION_SHARED | REGION_GROWSDOWN); flags++)
        for (uint32_t bits = 0; bits < 16; bits++)
            for (unsigned state = 0; state < ENTRY_STATES; state++)
                for (unsigned table = PT_NONE; table <= PT_SHARED; table++)
                    for (unsigned access = ACCESS_READ; access <= ACCESS_EXEC; access++) {
                        struct input in = {
                            .region = {.start = 0x10000, .end = 0x20000, .flags = flags},
                            .mapped = bits & 1,
                            .can_grow = bits & 2,
                            .readonly = bits & 4,
                            .state = state,
                            .table = table,
                            .access = access,
                        };

                        in.region.object = bits & 8 ? an_object : NULL;
                        if (impossible(&in)) {
                            skipped++;
                            continue;
                        }
                        enum fault_action got = fault_classify(in.mapped ? &in.region : NULL, in.can_grow,
                                                               state, table, in.readonly, access);

                        cases++;
                        EXPECT(got == wanted(&in),
                               "got %s, wanted %s: flags %x bits %x state %u table %u access %u",
                               fault_action_name(got), fault_action_name(wanted(&in)), flags, bits, state,
                               table, access);
                    }
    kt_note(kt, "%u cases, %u that tables cannot show", cases, skipped);
    EXPECT(cases + skipped == 32u * 16 * ENTRY_STATES * 3 * 3, "%u cases", cases + skipped);
}

TEST(fault, names)
{
    for (unsigned a = 0; a < FAULT_ACTIONS; a++)
        EXPECT(fault_action_name(a)[0] != '?', "action %u", a);
    for (unsigned v = FAULT_RESUME; v <= FAULT_NO_MEMORY; v++)
        EXPECT(fault_verdict_name(v)[0] != '?', "verdict %u", v);
}
