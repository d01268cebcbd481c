/*
 * The words for what records of events say: see event.c.
 *
 * Data: none. Locking: none. How it fails: "?" for what is none of the values.
 */
#include "mm/event.h"
#include "mm/fault.h"
#include "mm/policy.h"
#include "mm/space.h"

static const char *policy_name(unsigned number)
{
    return number == EVENT_HELD ? "hold" : number < POLICIES ? policies[number]->name : "?";
}

static const char *advice_name(unsigned advice)
{
    switch (advice) {
    case ADVISE_FREE:
        return "free";
    case ADVISE_DONTNEED:
        return "dontneed";
    case ADVISE_COLD:
        return "cold";
    case ADVISE_PAGEOUT:
        return "pageout";
    default:
        return "remove";
    }
}

unsigned event_parts(const struct event_record *e)
{
    bool ends = e->kind == EVENT_FAULT;
    unsigned parts = ends ? 1u << EVENT_BEGUN | 1u << EVENT_ENDED : 0;

    if (e->kind == EVENT_MAPPED_AHEAD)
        return 1u << EVENT_MAPPED;
    if ((!ends && e->kind != EVENT_STEP) || e->why != FAULT_RESUME)
        return parts;
    switch (e->what) {
    case FAULT_FILL_ZERO:
        return parts | 1u << EVENT_ZEROED | 1u << EVENT_MAPPED;
    case FAULT_MAP_ZERO:
    case FAULT_COPY:
        return parts | 1u << EVENT_MAPPED;
    case FAULT_OBJECT_IN:
    case FAULT_SWAP_IN:
    case FAULT_UNPARK:
        return e->frame != PFN_NONE ? parts | 1u << EVENT_MAPPED : parts;
    default:
        return parts;
    }
}

const char *event_part_name(enum event_part part)
{
    static const char *const names[EVENT_PARTS] = {"fault-begun", "fault-ended", "zeroed", "mapped"};

    return (unsigned)part < EVENT_PARTS ? names[part] : "?";
}

const char *event_what_name(const struct event_record *e)
{
    static const char *const ways[] = {"stays", "to its slot", "dropped", "dropped with its names",
                                       "?",     "?",           "?",       "given up"};
    static const char *const freed[] = {"last name went", "dropped"};

    switch (e->kind) {
    case EVENT_FAULT:
    case EVENT_STEP:
    case EVENT_WAIT:
        if (e->what >= EVENT_FOR_MEMORY)
            return e->what == EVENT_DONE ? "done" : "memory";
        return fault_action_name(e->what);
    case EVENT_EVICTED:
        return e->what < ARRAY_LEN(ways) ? ways[e->what] : "?";
    case EVENT_RECLAIMED:
        return e->what ? "direct" : "daemon";
    case EVENT_PARKED:
    case EVENT_SALVAGED:
        return e->what ? "dirty" : "clean";
    case EVENT_WRITTEN:
        return e->what ? "and it stays" : "";
    case EVENT_GIVEN_UP:
        return advice_name(e->what);
    case EVENT_WRITE_ENDED:
    case EVENT_READ:
        return e->what ? "failed" : "";
    case EVENT_FREED:
        return e->what < ARRAY_LEN(freed) ? freed[e->what] : "?";
    default:
        return "";
    }
}

const char *event_why_name(const struct event_record *e)
{
    switch (e->kind) {
    case EVENT_FAULT:
    case EVENT_STEP:
        return e->why == FAULT_RESUME ? "" : fault_verdict_name(e->why);
    case EVENT_LOOKED:
    case EVENT_REACTIVATED:
    case EVENT_VICTIM:
    case EVENT_PARKED:
        return policy_name(e->why);
    default:
        return "";
    }
}
