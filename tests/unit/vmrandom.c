/* Random operations on spaces, forks, objects and swap, one task, against the model of vmmodel.h. */
#include "mm/errno.h"
#include "tests/vmmodel.h"

/* One round of the daemon, however long ago the last one was that found nothing. */
static void daemon_round(struct vm *vm)
{
    vm->low_rest_until = 0;
    reclaim_daemon_round(vm);
}

/* Whether all has happened that the test is for; in few rounds no other policy may have had its turn. */
static bool reached(const struct kt *kt, struct vm *vm, uint32_t switches)
{
    struct policy_counts c = pageable_counts(&vm->pageable);

    return c.parked && c.salvaged_clean && c.salvaged_dirty && c.washed && (switches || !kt->hosted);
}

/* With sets that are much too small, so that pages are set aside, put back, written without going and taken
 * away all the time; and with other policies now and then, which find what is set aside. Of what is set aside
 * few pages are asked for again: a few rounds may have none, and then there are more of them. */
TEST(vmrandom, with_pages_set_aside)
{
    struct vt t;
    struct model_world w;
    struct model_actor a;
    struct policy_counts c;
    uint32_t least = kt_rounds(kt, 1000000), i = 0, switches = 0;

    if (!vt_begin(&t, kt, 224, 96, 700))
        return;
    bool begun = model_begin(&w, &t, 1);

    w.caches = w.cycles = true;
    t.vm.rss_limit = 24;
    vt_own_time(&t);
    EXPECT(reclaim_set_policy(&t.vm, &policy_vms) == 0, "vms");
    if (begun && model_actor_begin(&a, &w, 0, NULL)) {
        for (; !kt->failures && (i < least || (i < 16 * least && !reached(kt, &t.vm, switches))); i++) {
            /* Programs that fault often may have more; those of every second stretch do not. */
            vt_pass(i / 512 % 2 ? 100000000 : 1000000);
            model_step(&a);
            if (i % 64 == 0)
                daemon_round(&t.vm);
            if (i % 256 == 0)
                space_set_rss_limit(&t.vm, 4 + kt_below(kt, 60));
            if (i % 2000 == 0) {
                bool other = kt_below(kt, 4) == 0;
                int err = reclaim_set_policy(&t.vm, other ? policies[kt_below(kt, POLICIES)] : &policy_vms);

                EXPECT(err == 0 || err == -ENOMEM, "set policy: %d", err);
                switches += other;
                EXPECT(vm_verify(&t.vm), "verification in round %u", i);
            }
        }
        EXPECT(reached(kt, &t.vm, switches), "reached everything");
        model_actor_end(&a);
    }
    model_end(&w);
    c = pageable_counts(&t.vm.pageable);
    kt_note(kt, "%u rounds: %u pages set aside, %u and %u put back, %u written and kept, %u out; %u switches",
            i, (unsigned)c.parked, (unsigned)c.salvaged_clean, (unsigned)c.salvaged_dirty, (unsigned)c.washed,
            (unsigned)t.vm.swap.pages_out, switches);
    vt_end(&t);
}

/* The disk fails, and is taken off and put on again, with pages that it has lost. */
TEST(vmrandom, with_lost_pages)
{
    enum { DISK = 700 };
    struct vt t;
    struct model_world w;
    struct model_actor a;
    uint32_t rounds = kt_rounds(kt, 300000);
    bool *ever_bad = kt_alloc(DISK);

    REQUIRE(ever_bad, "no memory");
    memset(ever_bad, 0, DISK);
    if (!vt_begin(&t, kt, 512, 96, DISK)) {
        kt_release(ever_bad);
        return;
    }
    bool begun = model_begin(&w, &t, 1);

    w.cycles = true;
    w.ever_bad_read = ever_bad;
    if (begun && model_actor_begin(&a, &w, 0, NULL)) {
        for (uint32_t i = 0; i < rounds && !kt->failures; i++) {
            model_step(&a);
            if (kt_below(kt, 60) == 0)
                model_change_errors(&w);
            if (i % 2000 == 0)
                EXPECT(vm_verify(&t.vm), "verification in round %u", i);
        }
        model_actor_end(&a);
    }
    model_end(&w);
    kt_note(kt,
            "%u rounds: %u errors of reading and %u of writing, %u times without swap, %u pages lost, %u bus "
            "errors",
            rounds, (unsigned)t.vm.swap.read_errors, (unsigned)t.vm.swap.write_errors, w.swapoffs,
            (unsigned)t.vm.swap.pages_lost, w.bus_errors);
    if (kt->hosted)
        EXPECT(w.swapoffs && t.vm.swap.pages_lost && w.bus_errors, "reached everything");
    vt_end(&t);
    kt_release(ever_bad);
}

TEST(vmrandom, against_the_model)
{
    struct vt t;
    struct model_world w;
    struct model_actor a;
    uint32_t rounds = kt_rounds(kt, 1000000);

    if (!vt_begin(&t, kt, 225, 96, 700))
        return;
    bool begun = model_begin(&w, &t, 1);

    w.caches = w.cycles = true;
    if (begun && model_actor_begin(&a, &w, 0, NULL)) {
        for (uint32_t i = 0; i < rounds && !kt->failures; i++) {
            model_step(&a);
            if (i % 2000 == 0)
                EXPECT(vm_verify(&t.vm), "verification in round %u", i);
        }
        model_actor_end(&a);
    }
    model_end(&w);
    kt_note(kt, "%u rounds: %u faults, %u tables shared, %u split, %u claimed, %u pages out, %u in", rounds,
            (unsigned)t.vm.stats.faults, (unsigned)t.vm.stats.tables_shared,
            (unsigned)t.vm.stats.tables_split, (unsigned)t.vm.stats.tables_claimed,
            (unsigned)t.vm.swap.pages_out, (unsigned)t.vm.swap.pages_in);
    /* A random test that does not reach what it is for proves nothing. */
    kt_note(kt, "%u moves, %u pages given up, %u times without swap; %u tables out, %u in, %u lost", w.moves,
            w.given_up, w.swapoffs, (unsigned)t.vm.stats.tables_out, (unsigned)t.vm.stats.tables_in,
            (unsigned)t.vm.stats.tables_lost);
    if (kt->hosted)
        EXPECT(w.moves && w.given_up && w.swapoffs, "reached everything");
    EXPECT(t.vm.stats.tables_split && t.vm.stats.tables_claimed && t.vm.swap.pages_in && t.vm.stats.tables_in,
           "reached everything");
    for (unsigned x = FAULT_SPURIOUS + 1; x < FAULT_ACTIONS; x++)
        EXPECT(t.vm.stats.by_action[x], "never: %s", fault_action_name(x));
    vt_end(&t);
}
