/* /proc/quire: what Linux does not have. */
#include "kernel/lib/format.h"
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

const struct proc_entry proc_quire_entries[] = {
    {.name = "latency", .mode = S_IFREG | 0644, .show = show_latency, .store = store_latency},
    {.name = NULL},
};
