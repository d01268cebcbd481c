/*
 * /proc/PID/quire/tlb: the software TLB of a process's memory, as the words that set it and then a line for
 * each thing counted. A write of such words sets it for the memory as it is, for what the process executes
 * and for its children.
 *
 * /proc/quire/tlb: the same counts of all software TLBs since the start, those that are no more included.
 *
 * /proc/quire/misses: a write of N lets the next N misses of all software TLBs be recorded, 0 ends that. A
 * line for each: space, page, what it was (x fetch, r read, w write, k a touch by the kernel), and the page
 * whose entry left for it, or -. After "N uses" there is also a line with u for each page that was used since
 * the space's line before that is not u; all are counted.
 */
#include "kernel/life/memory.h"
#include "kernel/proc/process.h"
#include "kernel/procfs/procfs.h"
#include "kernel/vm/vm_sys.h"
#include "mm/errno.h"
#include "mm/softtlb.h"

static const char *form_name(const struct softtlb_config *c)
{
    return c->form < FORM_KINDS ? form_kind_name(c->form) : "own";
}

static void print_counts(struct text *t, const struct vm_tlb_counts *n)
{
    const struct {
        const char *name;
        uint64_t value;
    } row[] = {
        {"fetch-misses", n->misses[ACCESS_EXEC]},
        {"read-misses", n->misses[ACCESS_READ]},
        {"write-misses", n->misses[ACCESS_WRITE]},
        {"refills", n->refills},
        {"kernel-refills", n->touched},
        {"walks", n->walks},
        {"accesses", n->accesses},
        {"not-in-form", n->unfound},
        {"form-full", n->unheld},
        {"evictions", n->evictions},
        {"stale", n->stale},
        {"switches", n->switches},
        {"flushes", n->flushes},
        {"flushed", n->flushed},
        {"misses-after-switch", n->after_switch},
    };

    for (size_t i = 0; i < ARRAY_LEN(row); i++)
        text_print(t, "%s %llu\n", row[i].name, (unsigned long long)row[i].value);
}

int proc_show_tlb(struct text *t, const struct proc_node *n)
{
    const struct process *p = proc_process(n);
    const struct softtlb *tlb;

    if (!p)
        return -ESRCH;
    tlb = p->memory ? p->memory->space->tlb : NULL;
    if (!tlb) {
        text_print(t, "off\n");
        return 0;
    }
    text_print(t, "%u %u %s %s %s%s\n", tlb->config.entries, tlb->config.ways,
               assoc_policy_name(tlb->config.policy), tlb->config.asid ? "asid" : "noasid",
               form_name(&tlb->config), tlb->config.few ? " few" : "");
    text_print(t, "entries %u\nlongest-walk %u\nform-bytes %u\n", tlb->assoc.count, tlb->longest,
               tlb->form ? tlb->form->bytes : 0);
    print_counts(t, &tlb->n);
    return 0;
}

int proc_show_all_tlbs(struct text *t, const struct proc_node *n __attribute__((unused)))
{
    struct vm_tlb_counts sum = vm_sys.softtlb.ended;

    for (const struct space *s = vm_sys.spaces; s; s = s->all_next)
        if (s->tlb)
            softtlb_add_counts(&sum, &s->tlb->n);
    print_counts(t, &sum);
    return 0;
}

int proc_store_tlb(const struct proc_node *n, char *s)
{
    struct process *p = proc_process(n);
    struct softtlb_config c;
    struct memory *m;
    int err;

    if (!p)
        return -ESRCH;
    err = softtlb_parse(s, &c, NULL);
    if (err || !p->memory)
        return err ? err : -ESRCH;
    m = memory_get(p->memory); /* it may end meanwhile */
    err = softtlb_set(m->space, &c);
    memory_put(m);
    return err;
}

/* --- the record --- */

static struct mutex record_lock; /* who changes the buffer */

#define RECORD_MOST (1u << 20)

/* Take the word "uses" off the end of what was written. */
static bool take_uses(char *s)
{
    static const char word[] = " uses";
    size_t n = strlen(s);

    while (n && (s[n - 1] == '\n' || s[n - 1] == ' '))
        n--;
    if (n < sizeof word - 1 || memcmp(s + n - (sizeof word - 1), word, sizeof word - 1) != 0)
        return false;
    s[n - (sizeof word - 1)] = 0;
    return true;
}

int proc_store_misses(const struct proc_node *n __attribute__((unused)), char *s)
{
    bool uses = take_uses(s);
    uint32_t room = vm_sys.softtlb.room;
    struct vm_miss *buf = NULL;
    int want;

    if (!proc_number(s, &want) || (uint32_t)want > RECORD_MOST)
        return -EINVAL;
    if (want) {
        buf = vm_table_alloc((size_t)want, sizeof *buf);
        if (!buf)
            return -ENOMEM;
    }
    mutex_lock(&record_lock);
    room = vm_sys.softtlb.room;
    buf = softtlb_record(&vm_sys, buf, (uint32_t)want, uses);
    mutex_unlock(&record_lock);
    vm_table_free(buf, room, sizeof *buf);
    return 0;
}

int proc_next_misses(struct text *t, const struct proc_node *n __attribute__((unused)), uint32_t *from)
{
    const struct vm_softtlb *all = &vm_sys.softtlb;
    static const char letter[] = {[ACCESS_READ] = 'r',
                                  [ACCESS_WRITE] = 'w',
                                  [ACCESS_EXEC] = 'x',
                                  [VM_MISS_TOUCH] = 'k',
                                  [VM_MISS_USE] = 'u'};
    const struct vm_miss *m;

    if (*from == all->misses && all->lost) {
        ++*from;
        text_print(t, "# %u were lost\n", all->lost);
        return 1;
    }
    if (*from >= all->misses)
        return 0;
    m = &all->miss[(*from)++];
    text_print(t, "%u %05x %c ", m->space, m->page, letter[m->kind]);
    if (m->out == ASSOC_NONE)
        text_print(t, "-\n");
    else
        text_print(t, "%05x\n", m->out);
    return 1;
}
