// Sentences about a step, made of what the policy was seen to do (Run.log) and of what it left (then, now). Nothing here
// decides anything: a page is named as passed because the policy asked for its bits and went on.

// Names of each policy's lists; `hand`: the policy looks at the first of it; `ring`: what it passes goes behind the last.
const ABOUT = {
    "fifo": {says: "The page that was loaded first goes first.", lists: {0: ["queue", "next to go"]}, ring: 0},
    "random": {says: "Any page goes.", lists: {0: ["pages", ""]}},
    "clock": {says: "Second chance: a page that was used since the hand last came by is passed over.", lists: {0: ["clock", "hand"]}, ring: 0},
    "clock-dirty": {says: "Enhanced second chance: what is neither used nor modified goes before what must be written.",
        lists: {0: ["clock", "hand"]}, ring: 0},
    "aging": {says: "A counter of eight bits a page, shifted at each turn of the hand; the lowest goes.", lists: {1: ["clock", "hand"]}, ring: 1,
        byte: "counter", hex: true},
    "two-list": {says: "New pages are inactive, and go first; those used again become active.",
        lists: {0: ["inactive", "next to go"], 1: ["active", "looked at if inactive is short"]}},
    "clock-pro": {says: "How soon a page is used again decides: cold pages go, and rise in a test period.",
        lists: {1: ["cold", "cold hand"], 2: ["hot", "hot hand"]}, marks: true,
        called: name => `the ${name} pages`},
    "vms": {says: "Each program has a set with a limit; what it replaces is parked, and salvaged if it is touched in time.",
        lists: {2: ["set of the program", "next to be parked"], 0: ["clean list", "next to go"], 1: ["modified list", "after the clean ones"]}},
    "sieve": {says: "A clock that leaves what it spares in its place: new pages go soon.", lists: {1: ["queue", "oldest"]}, hand: true},
    "clock2": {says: "A page gets as many chances as it was used, three at most.", lists: {1: ["clock", "hand"]}, ring: 1, byte: "count"},
    "lru": {says: "The page goes that was used longest ago. No processor can tell; a simulator can.", lists: {0: ["by use", "longest ago"]}},
    "mru": {says: "The page goes that was used last: right for loops, and for little else.", lists: {0: ["by use", "longest ago"]}, fromTail: true},
    "2q": {says: "New pages wait in a FIFO; those that come back soon after it enter a queue by use.",
        lists: {1: ["A1in, new", "next to go"], 2: ["Am, by use", "longest ago"]}, called: name => name},
    "s3-fifo": {says: "A small queue for new pages, a main one for those used twice, and ghosts.",
        lists: {1: ["small", "next"], 2: ["main", "next"]}, byte: "count",
        called: name => `the ${name} queue`},
    "generations": {says: "Pages by when they were last seen to be used; the oldest generation goes.",
        lists: {0: ["generation", "next"], 1: ["generation", "next"], 2: ["generation", "next"]}, generations: true},
    "opt": {says: "Belady's optimum: the page goes whose next use is farthest away. It needs the future.", lists: {0: ["pages", ""]}, future: true},
    "unopt": {says: "The worst choice: the page goes that is needed soonest.", lists: {0: ["pages", ""]}, future: true},
};
const FATES_MAX = 6;
const CLOCKPRO_TEST = 1, CLOCKPRO_FRESH = 2, CLOCKPRO_RISES = 4;

const hex2 = n => "0x" + n.toString(16).padStart(2, "0");
const plural = (n, one, many) => `${n} ${n === 1 ? one : many || one + "s"}`;

function listPages(pages) {
    const p = pages.map(String);
    if (p.length > 8)
        return `${p.slice(0, 6).join(", ")} and ${p.length - 6} more`;
    return p.length > 1 ? `${p.slice(0, -1).join(", ")} and ${p[p.length - 1]}` : p[0] || "";
}

// Without repetitions, in order.
const distinct = pages => [...new Set(pages)];

function listName(run, list, state) {
    const about = ABOUT[run.how.policy];
    if (about && about.generations)
        return generationName(state, list);
    if (!about || !about.lists[list])
        return "no list";
    const name = about.lists[list][0].replace(/,.*/, "");
    return about.called ? about.called(name) : `the ${name} list`;
}

// Generation n is list n % 3; `lowest` is the oldest, `level` the youngest.
function generationName(state, list) {
    for (let g = state.lowest; g <= state.level; g++)
        if (g % 3 === list)
            return g === state.lowest ? "the oldest generation" : g === state.level ? "the youngest generation" : "the middle generation";
    return "a generation to come";
}

// The entries of the log between two moments; up to its end if the second never came.
function between(log, from, to) {
    const start = from === null ? 0 : log.findIndex(e => e.what === from) + 1;
    const stop = log.findIndex(e => e.what === to);
    return log.slice(start, stop < 0 ? log.length : stop);
}

// --- why that page ---

function clear(passed, victim, name) {
    const whose = passed.length === 1 ? "whose referenced bit" : "whose referenced bits";
    if (!passed.length)
        return `${name} was at ${victim}, whose referenced bit was clear, and took it`;
    if (passed.includes(victim))
        return `${name} went all the way round, clearing the referenced bits of ${listPages(passed)}, and took ${victim}, ` +
            "where it had begun, since that was not used meanwhile";
    return `${name} passed ${listPages(passed)}, ${whose} it cleared, and took ${victim}, whose bit was clear: not used since`;
}

// What became of the pages that were asked about, in that order: neighbours of one fate together, or, where that takes long, all of one.
function told(looks, fateOf, last) {
    let parts = [];
    for (const e of looks) {
        const fate = fateOf(e), before = parts[parts.length - 1];
        if (fate && before && before.fate === fate)
            before.pages.push(e.page);
        else if (fate)
            parts.push({fate, pages: [e.page]});
    }
    if (parts.length > FATES_MAX)
        parts = distinct(parts.map(p => p.fate)).map(fate => ({fate, pages: parts.filter(p => p.fate === fate).flatMap(p => p.pages)}));
    return [...parts.map(p => `${listPages(distinct(p.pages))}, ${p.fate}`), last].join("; ");
}

const WHY = {
    "fifo": (run, s) => `no bit is looked at: ${s.victim} was loaded ${s.loadedAt} before all others in memory, and is first in the queue`,

    "lru": (run, s) => `${s.victim} was used longest ago of all, ${s.usedAt}`,

    "mru": (run, s) => `${s.victim} was used last of all, ${s.usedAt}`,

    "random": (run, s) => {
        const found = run.log.find(e => e.what === MOMENT.found);
        if (found.answer && found.slot === s.slot)
            return `the generator drew the frame of ${s.victim}` + (found.answer > 1 ? `, after ${plural(found.answer - 1, "number")} that ${found.answer === 2 ? "was" : "were"} no page's` : "");
        return `${plural(found.answer, "number")} drawn met no page, so ${s.victim} goes, which has waited longest`;
    },

    "clock": (run, s) => clear(distinct(s.looks.filter(e => e.answer).map(e => e.page)), s.victim, "the hand"),

    "clock-dirty": (run, s) => {
        const parts = [];
        for (let i = 0; i < s.looks.length;) {
            const leaves = s.looks[i].what === LOOK.used, used = [], dirty = [];
            for (; i < s.looks.length && (s.looks[i].what === LOOK.dirty || (s.looks[i].what === LOOK.used) === leaves); i++) {
                const e = s.looks[i];
                if (e.answer)
                    (e.what === LOOK.dirty ? dirty : used).push(e.page);
            }
            if (!used.length && !dirty.length)
                continue;
            const said = [];
            if (used.length)
                said.push(leaves ? `${listPages(distinct(used))} (used)` : `${listPages(distinct(used))}, whose referenced bit${used.length > 1 ? "s" : ""} it cleared`);
            if (dirty.length)
                said.push(`${listPages(distinct(dirty))} (modified)`);
            parts.push((leaves ? "looking for a page neither used nor modified, the hand passed " : "looking for one that was not used, it passed ") + said.join(" and "));
        }
        const last = s.looks[s.looks.length - 1];
        const took = last && last.what === LOOK.dirty ? `took ${s.victim}, neither used nor modified` :
            `took ${s.victim}, not used` + (s.wasDirty ? ", though it was modified" : "");
        return parts.length ? `${parts.join("; then, ")}; it ${took}` : `the hand ${took}`;
    },

    "aging": (run, s) => {
        const passed = s.looks.filter(e => e.page !== s.victim || e.byteAfter > run.now.level);
        const v = s.looks.filter(e => e.page === s.victim).pop();
        const counter = v ? hex2(v.byteAfter) : "?";
        const over = distinct(passed.map(e => e.page)).map(p => `${p} (${hex2(passed.filter(e => e.page === p).pop().byteAfter)})`);
        return `the hand shifted each counter it came to` + (over.length ? `, passed ${listPages(over)}` : "") +
            ` and took ${s.victim}, whose counter ${counter} is not above ${hex2(run.now.level)}, the lowest of the last turn, shifted`;
    },

    "clock2": (run, s) => {
        const passed = s.looks.filter(e => !(e === s.looks[s.looks.length - 1]));
        const over = distinct(passed.map(e => e.page)).map(p => `${p} (${passed.filter(e => e.page === p).pop().byteAfter} left)`);
        return (over.length ? `the hand took a chance from ${listPages(over)}, and then took ${s.victim}` : `the hand took ${s.victim}`) +
            ", which had none left";
    },

    "sieve": (run, s) => {
        const passed = distinct(s.looks.filter(e => e.answer).map(e => e.page));
        return clear(passed, s.victim, "the hand") + (passed.length ? ". What it spared keeps its place" : "");
    },

    "two-list": (run, s) => told(s.looks, e => e.list === 1 ? e.answer ? "used, stayed active" : "not used, went down to the inactive list" :
        e.answer ? "used while inactive, became active" : "", `${s.victim} was the first inactive page that was not used`),

    "2q": (run, s) => {
        const fresh = run.then.lists[1].length, old = run.then.lists[2].length;
        if (s.from !== 1)
            return `A1in is no longer than a quarter of memory (${fresh} of ${run.then.in_memory}), so ${s.victim} goes, longest unused in Am`;
        return (old ? `A1in is longer than a quarter of memory (${fresh} of ${run.then.in_memory})` : "only A1in has pages") + `, so the oldest there, ${s.victim}, goes`;
    },

    "s3-fifo": (run, s) => told(s.looks.slice(0, -1), e => e.list === 1 ? "used at least twice, went on to the main queue" : "in the main queue, gave a use for staying",
        s.from === 1 ? `${s.victim} is first in the small queue and was used less than twice` : `${s.victim} is first in the main queue and has no use left`),

    "generations": (run, s) => told(s.looks.slice(0, -1), e => e.answer ? "found used, became young" : "not used, stayed",
        `${s.victim} is first of the oldest generation, and was not used`),

    "clock-pro": (run, s) => {
        const parts = [], moves = new Map();
        for (const e of s.search)
            if (e.what === LOOK.take || e.what === MOVED) {
                const m = moves.get(e.page) || {page: e.page, from: e.list, marks: e.byte & 7, used: false};
                m.used = m.used || (e.what === LOOK.take && e.answer > 0);
                m.to = e.listAfter;
                m.after = e.byteAfter & 7;
                moves.set(e.page, m);
            }
        const pick = f => [...moves.values()].filter(m => m.page !== s.victim && f(m)).map(m => m.page);
        const rose = pick(m => m.from === 1 && m.to === 2), fell = pick(m => m.from === 2 && m.to === 1);
        const hot = pick(m => m.from === 2 && m.to === 2 && m.used), may = pick(m => m.from === 1 && m.to === 1 && m.after & CLOCKPRO_RISES && m.used);
        const again = pick(m => m.from === 1 && m.to === 1 && m.used && !(m.after & CLOCKPRO_RISES));
        if (may.length)
            parts.push(`${listPages(may)}, used in the test period, may rise`);
        if (rose.length)
            parts.push(`${listPages(rose)} rose to the hot pages`);
        if (hot.length)
            parts.push(`the hot hand passed ${listPages(hot)}, used`);
        if (fell.length)
            parts.push(`the hot hand made ${listPages(fell)} cold, not used`);
        if (again.length)
            parts.push(`${listPages(again)}, used, begin${again.length === 1 ? "s" : ""} a new test period`);
        parts.push(`the cold hand took ${s.victim}, the oldest cold page, not used`);
        return parts.join("; ");
    },

    "vms": (run, s) => {
        const parked = s.search.filter(e => e.what === LOOK.park);
        if (parked.length)
            return `the clean and the modified list were empty, so the set's oldest page, ${s.victim}, was set aside and goes at once`;
        const waiting = run.then.lists[0].length + run.then.lists[1].length;
        return s.from === 0 ? `${s.victim} is first on the clean list: set aside longest of ${plural(waiting, "page")} there, and not touched since` :
            `the clean list is empty, and ${s.victim} is first on the modified list, not touched since it was set aside`;
    },

    "opt": (run, s) => future(run, s, "farthest away of all", "last"),
    "unopt": (run, s) => future(run, s, "nearest of all", "first"),
};

// Of a policy that nothing is known of here: what it asked, and where the victim stood.
function asked(run, s) {
    const fate = e => (e.what === LOOK.dirty ? e.answer ? "modified" : "not modified" : e.answer ? "used" : "not used") +
        (e.list === e.listAfter ? "" : `, went from list ${e.list} to list ${e.listAfter}`);
    const stood = run.then.lists[s.from] || [], place = stood.indexOf(s.slot);
    return told(s.looks, fate, `${s.victim} goes, of list ${s.from}` + (place === 0 ? ", where it was first" : place > 0 && place === stood.length - 1 ? ", where it was last" : ""));
}

function future(run, s, which, ofEqual) {
    const slot = run.then.slots[s.slot], never = run.then.slots.filter(x => x.nextUse === NEVER).length;
    if (slot.nextUse !== NEVER)
        return `the next use of ${s.victim} is at step ${slot.nextUse + 1}, ${which}`;
    return `${s.victim} is not used again` + (never > 1 ? `, like ${plural(never - 1, "other page")}; of these it was loaded ${ofEqual}` : ", and all others are");
}

// --- what came of the page ---

// How it entered: on which list, and whether it was remembered.
function entering(run, page) {
    const about = ABOUT[run.how.policy], parts = [];
    const moved = between(run.log, run.log.some(e => e.what === MOMENT.gone) ? MOMENT.gone : null, MOMENT.mapped)
        .filter(e => e.what === MOVED && e.page === page && e.list === NO_LIST).pop();
    if (!about || !moved)
        return "";
    if (run.recalled)
        parts.push(`${page} was still remembered from when it went`);
    if (Object.keys(about.lists).length > 1 && moved.listAfter < NO_LIST && run.how.policy !== "vms")
        parts.push(`${page} enters ${listName(run, moved.listAfter, run.now)}`);
    return parts.join(", so ").replace(/, so \S+ enters/, ", and it enters");
}

// vms: what a set that is full set aside for a page that came.
function settling(run) {
    const parked = run.log.slice(run.log.findIndex(e => e.what === MOMENT.gone) + 1).filter(e => e.what === LOOK.park);
    return parked.map(e => `the set is above its limit of ${run.now.set_limit}, so its oldest page, ${e.page}, is set aside on the ` +
        `${e.answer ? "modified" : "clean"} list`).join("; ");
}

const sentence = text => text ? text[0].toUpperCase() + text.slice(1) + "." : "";

// {kind: "start" | "hit" | "salvage" | "free" | "evict", title, text} of the step that a run has come to.
function explain(run) {
    const step = run.at, policy = run.how.policy;
    if (!step)
        return {kind: "start", title: "Nothing was referenced yet", text: `Memory has ${plural(run.how.frames, "frame")}, all of them free.`};
    const page = run.page[step - 1], write = !!run.write[step - 1];
    const slot = run.now.slots.findIndex(s => s.page === page);
    const use = write ? "written to" : "read";
    const hidden = run.how.tlb && run.then.slots.some(s => s.page === page && s.inTlb);
    if (run.is(step, CAME_TO.salvage)) {
        const was = run.then.slots[slot].list;
        return {kind: "salvage", title: `${page} is put back`, text: sentence(`${page} had been set aside on the ${was === 1 ? "modified" : "clean"} list and is still in frame ${slot}: ` +
            "the fault puts it back into the set and reads nothing") + " " + sentence(settling(run))};
    }
    if (run.is(step, CAME_TO.hit)) {
        const bit = hidden ? "the translation buffer has it, so no bit is set" : run.then.slots[slot].uses ? "its referenced bit is set already" : "its referenced bit is set";
        return {kind: "hit", title: `${page} is a hit`, text: sentence(`${page} is in frame ${slot} and is ${use}: ${bit}` + (write && !run.then.slots[slot].dirty ? ", and it is modified now" : ""))};
    }
    const after = [entering(run, page), settling(run)].map(sentence).filter(Boolean).join(" ");
    if (!run.is(step, CAME_TO.evict))
        return {kind: "free", title: `${page} is a miss`, text: `${page} is not in memory. Frame ${slot} was free, so nothing has to go.` + (after ? " " + after : "")};
    const victim = run.victim[step - 1];
    const search = between(run.log, MOMENT.search, MOMENT.found), looks = search.filter(e => e.what < MOMENT.search);
    const s = {victim, slot, search, looks, from: run.then.slots[slot].list, wasDirty: run.is(step, CAME_TO.dirty)};
    const found = search.filter(e => e.page === victim).pop();
    if (found)
        s.from = found.listAfter;
    s.loadedAt = `at step ${run.lastLoad(victim, step)}`;
    s.usedAt = `at step ${run.lastUse(victim, step)}`;
    const why = (WHY[policy] || asked)(run, s);
    const written = s.wasDirty ? ` ${victim} was modified, so it has to be written first.` : "";
    return {kind: "evict", title: `${page} is a miss, ${victim} goes`, text: `${policy}: ${why}.${written}` + (after ? " " + after : "")};
}
