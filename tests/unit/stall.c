/* Totals and averages of states, against a model that takes one period after the other. */
#include "kernel/lib/stall.h"
#include "tests/kt.h"

#define PERIOD STALL_PERIOD_NS

static const uint32_t keep[STALL_AVERAGES] = {1677, 1981, 2034};

/* One state, by the definition: what each period has of it, and the averages by multiplication. */
struct model {
    uint64_t now, total, in_period;
    uint32_t average[STALL_AVERAGES];
};

static void model_advance(struct model *m, uint64_t now, bool on)
{
    while (m->now < now) {
        uint64_t end = (m->now / PERIOD + 1) * PERIOD, until = now < end ? now : end;

        m->total += on ? until - m->now : 0;
        m->in_period += on ? until - m->now : 0;
        m->now = until;
        if (until < end)
            continue;
        for (unsigned i = 0; i < STALL_AVERAGES; i++) {
            uint32_t share = (uint32_t)(m->in_period * 100 / PERIOD) * 2048,
                     sum = m->average[i] * keep[i] + share * (2048 - keep[i]);

            m->average[i] = (sum + (share >= m->average[i] ? 2047 : 0)) / 2048;
        }
        m->in_period = 0;
    }
}

/* Many periods at once are rounded once, and one by one each time. */
static bool is_near(uint32_t a, uint32_t b, uint32_t most)
{
    return a > b ? a - b <= most : b - a <= most;
}

TEST(stall, against_model)
{
    struct model m[STALL_STATES] = {0};
    struct stall s;
    uint64_t now = 0;

    stall_init(&s, 0);
    for (uint32_t n = 0; n < kt_rounds(kt, 200000) && kt->failures == 0; n++) {
        unsigned states = kt_below(kt, 1u << STALL_STATES);

        /* Mostly parts of a period, sometimes exactly to its end, sometimes one or two more. */
        switch (kt_below(kt, 8)) {
        case 0:
            now = (now / PERIOD + 1) * PERIOD;
            break;
        case 1:
            now += PERIOD + kt_below(kt, PERIOD);
            break;
        case 2:
            break;
        default:
            now += kt_below(kt, PERIOD / 4);
        }
        stall_advance(&s, now, states);
        for (unsigned k = 0; k < STALL_STATES; k++) {
            model_advance(&m[k], now, states >> k & 1);
            EXPECT(s.total_ns[k] == m[k].total, "state %u: %llu ns, the model has %llu", k,
                   (unsigned long long)s.total_ns[k], (unsigned long long)m[k].total);
            for (unsigned i = 0; i < STALL_AVERAGES; i++)
                EXPECT(is_near(s.average[k][i], m[k].average[i], 400), "state %u, average %u: %u and %u", k,
                       i, s.average[k][i], m[k].average[i]);
        }
    }
}

/* Linux's figures for a state that holds for ten seconds, period by period: 18.13 after two. */
TEST(stall, rises_and_decays)
{
    struct stall s, late;

    stall_init(&s, 0);
    late = s;
    stall_advance(&s, PERIOD, 1);
    EXPECT(stall_percent(s.average[0][0]) == 18 && stall_hundredths(s.average[0][0]) == 11, "%u.%02u",
           stall_percent(s.average[0][0]), stall_hundredths(s.average[0][0]));
    for (unsigned n = 2; n <= 5; n++)
        stall_advance(&s, (uint64_t)n * PERIOD, 1);
    EXPECT(stall_percent(s.average[0][0]) == 63, "1 - 1/e after ten seconds: %u",
           stall_percent(s.average[0][0]));
    stall_advance(&late, 5ull * PERIOD, 1);
    EXPECT(is_near(late.average[0][0], s.average[0][0], 2048), "looked at late: %u, each time %u",
           late.average[0][0], s.average[0][0]);
    EXPECT(late.total_ns[0] == s.total_ns[0] && s.total_ns[0] == 5ull * PERIOD && s.total_ns[1] == 0,
           "totals");
    /* A day of nothing, in one step. */
    stall_advance(&s, 86400000000000ull, 0);
    for (unsigned i = 0; i < STALL_AVERAGES; i++)
        EXPECT(s.average[0][i] == 0, "average %u: %u", i, s.average[0][i]);
    EXPECT(s.total_ns[0] == 5ull * PERIOD, "the total stays");
    /* A day of it. */
    stall_advance(&s, 2 * 86400000000000ull, 1);
    for (unsigned i = 0; i < STALL_AVERAGES; i++)
        EXPECT(stall_percent(s.average[0][i]) == 100, "average %u: %u", i, s.average[0][i]);
}
