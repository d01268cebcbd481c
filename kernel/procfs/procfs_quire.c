/* /proc/quire: what Linux does not have. */
#include "kernel/lib/format.h"
#include "kernel/life/balance.h"
#include "kernel/proc/process.h"
#include "kernel/procfs/procfs.h"
#include "kernel/sched/latency.h"
#include "mm/errno.h"

static const char *latency_name(const struct latency_record *r)
{
    if (r->index == LATENCY_FAULT)
        return "page-fault";
    if (r->index == LATENCY_RETURN)
        return "return-to-user";
    if (r->index == LATENCY_INTERRUPT)
        return "interrupt";
    return proc_call_name(r->index);
}

/* A line for each that was measured: its name, the worst time in ns, how many there were; the worst first. */
static int show_latency(struct text *t, const struct proc_node *n __attribute__((unused)))
{
    struct latency_record r = {0};

    while (latency_next(&r))
        if (r.index >= LATENCY_KINDS)
            text_print(t, "task:%s %llu %u\n", r.task, (unsigned long long)r.worst_ns, r.count);
        else
            text_print(t, "%s %llu %u\n", latency_name(&r), (unsigned long long)r.worst_ns, r.count);
    return 0;
}

/* 1: measure from now on, from scratch; 0: stop. */
static int store_latency(const struct proc_node *n __attribute__((unused)), char *s)
{
    if (strcmp(s, "1") == 0)
        return latency_start();
    if (strcmp(s, "0") != 0)
        return -EINVAL;
    latency_stop();
    return 0;
}

/* Each memory that takes turns: by the oldest process that has it. */
static void show_party(struct text *t, uint64_t now)
{
    for (const struct process *p = process_all; p; p = p->all_next) {
        const struct balance *b = p->memory ? &p->memory->balance : NULL;
        const struct process *first = process_all;

        if (!b || !b->party)
            continue;
        while (first->memory != p->memory)
            first = first->all_next;
        if (first == p) {
            text_print(t, "%s %d %s for %llu ms", b->out ? "out" : "in", p->pid,
                       p->threads ? p->threads->comm : p->comm,
                       (unsigned long long)((now - b->since) / 1000000));
            if (b->out && b->set.pages)
                text_print(t, ", %u page%s will be brought back", b->set.pages, b->set.pages == 1 ? "" : "s");
            text_print(t, "\n");
        }
    }
}

/* What load control sees, who takes turns, and what it did last. */
static int show_load(struct text *t, const struct proc_node *n __attribute__((unused)))
{
    struct balance_state s;
    uint64_t now = os_now_ns();

    balance_read(&s);
    text_print(t, "control %s\n", balance_is_on() ? "on" : "off");
    text_print(t, "look full %u%% user %u%% in %u out %u%s\n", s.full, s.user, s.came, s.went,
               s.hold ? " hold" : "");
    if (s.turn_length_ns)
        text_print(t, "turn %llu of %llu ms\n", (unsigned long long)(s.turn_ns / 1000000),
                   (unsigned long long)(s.turn_length_ns / 1000000));
    text_print(t, "total out %llu in %llu pages_out %llu pages_in %llu\n", (unsigned long long)s.outs,
               (unsigned long long)s.ins, (unsigned long long)s.pages_out, (unsigned long long)s.pages_in);
    show_party(t, now);
    for (uint32_t k = s.events > BALANCE_EVENTS ? s.events - BALANCE_EVENTS : 0; k < s.events; k++) {
        const struct balance_event *e = balance_event(k);

        text_print(t, "at %llu ms %d %s %s after %llu ms", (unsigned long long)(e->at_ns / 1000000), e->pid,
                   e->comm, e->out ? "out" : "in", (unsigned long long)(e->before_ns / 1000000));
        if (e->pages)
            text_print(t, ", %u page%s in %llu ms", e->pages, e->pages == 1 ? "" : "s",
                       (unsigned long long)(e->took_ns / 1000000));
        text_print(t, ": %s\n", e->why);
    }
    return 0;
}

const struct proc_entry proc_quire_entries[] = {
    {.name = "counters", .mode = S_IFREG | 0444, .show = proc_show_counters},
    {.name = "trial", .mode = S_IFDIR | 0555, .children = proc_trial_entries},
    {.name = "events", .mode = S_IFREG | 0600, .file_ops = &proc_events_ops},
    {.name = "forms", .mode = S_IFREG | 0444, .count = proc_show_forms_machine},
    {.name = "load", .mode = S_IFREG | 0444, .show = show_load},
    {.name = "latency", .mode = S_IFREG | 0644, .show = show_latency, .store = store_latency},
    {.name = "tlb", .mode = S_IFREG | 0444, .show = proc_show_all_tlbs},
    {.name = "misses", .mode = S_IFREG | 0600, .show_next = proc_next_misses, .store = proc_store_misses},
    {.name = "map", .mode = S_IFREG | 0600, .file_ops = &proc_map_ops},
    {.name = "swap", .mode = S_IFREG | 0600, .file_ops = &proc_swap_ops},
    {.name = NULL},
};
