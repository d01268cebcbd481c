/* A whole run: what it comes to, and each step as a line. */
#include "tests/host/replay/replay.h"

#include <stdlib.h>

static void list_memory(struct machine *m, struct outcome *o)
{
    free(o->memory);
    o->memory = malloc((m->in_memory + 1) * sizeof *o->memory);
    o->in_memory = m->in_memory;
    machine_memory(m, o->memory);
}

static void tell_step(FILE *out, struct machine *m, struct outcome *o, const struct machine_step *did)
{
    fprintf(out, "%u %s victim ", did->page, did->hit ? "hit" : "miss");
    if (did->evicts)
        fprintf(out, "%u", did->victim);
    else
        fputc('-', out);
    list_memory(m, o);
    fputs(" memory", out);
    for (size_t i = 0; i < o->in_memory; i++)
        fprintf(out, "%c%u", i ? ',' : ' ', o->memory[i]);
    fputc('\n', out);
}

void simulate(const struct trace *t, const struct setup *how, FILE *steps, struct outcome *o, bool detail)
{
    struct machine m;
    struct machine_step did;

    machine_begin(&m, t, how);
    *o = (struct outcome){0};
    if (detail) {
        o->hits = calloc(t->count + 1, 1);
        o->victim = malloc((t->count + 1) * sizeof *o->victim);
    }
    while (m.done < t->count) {
        machine_step(&m, &did);
        o->misses += !did.hit;
        o->salvages += did.salvaged;
        o->written += did.evicts && did.was_dirty;
        if (detail) {
            o->hits[m.done - 1] = did.hit ? 'h' : 'M';
            if (did.evicts)
                o->victim[o->victims++] = did.victim;
        }
        if (steps)
            tell_step(steps, &m, o, &did);
    }
    mm_assert(pageable_verify(&m.pageable), "policy %s is not sound", how->policy);
    if (detail)
        list_memory(&m, o);
    machine_end(&m);
}

void outcome_free(struct outcome *o)
{
    free(o->hits);
    free(o->victim);
    free(o->memory);
    *o = (struct outcome){0};
}
