// The page of heaps: what is set, what is shown. All that is said of memory comes from an instance of core.c.

const CHIPS_MAX = 60;      // free pieces that are written out
const FILE_MAX = 32 << 20; // bytes of a file that are read, unpacked
const LARGE = 131072;      // from here on malloc maps
const ALLOC = 0, FREE = 1, RESIZE = 2;
const STATE = ["done", "refused", "fails", "live", "needed", "given", "asked", "free", "largest", "external", "internal", "searched", "allocs", "moved",
    "freeCount", "blockCount"];

const textBytes = text => new TextEncoder().encode(text);

const KINDS = (() => {
    const core = new Instance(MODULE), names = [];
    for (let i = 0, at; (at = core.x.heap_name(i) >>> 0); i++)
        names.push(core.text(at));
    return names;
})();

function random(seed, sizes, ops, live) {
    const core = new Instance(MODULE), at = core.x.heap_random(seed, core.put("heap_room", textBytes(sizes + "\0")), ops, live) >>> 0;
    return core.text(at, core.x.heap_random_size());
}

const SAMPLES = {
    book: {name: "The textbook's ten", heap: 256, text: () => "+20 +20 +20 +20 -1 -3 +10 +15 -0 -2 +40"},
    holes: {name: "Best fit leaves splinters", heap: 512, text: () => "+60 +8 +40 +8 +56 +8 +100 +8 -0 -2 -4 -6 +36 +50 +30 +40 +40 +8 +10"},
    checker: {name: "A checkerboard", heap: 512, text: () => "+24 ".repeat(16) + Array.from({length: 8}, (_, i) => `-${2 * i}`).join(" ") + " +56"},
    buddy: {name: "One more than a power of two", heap: 2048, text: () => "+65 +129 +33 +17 +65 -1 +129 -0 -3 +257"},
    uniform: {name: "Random, sizes alike", heap: 0, text: () => random(1, "uniform:8-120", 300, 20)},
    small: {name: "Random, mostly small", heap: 0, text: () => random(2, "exp:60", 400, 30)},
    two: {name: "Random, two sizes", heap: 0, text: () => random(3, "two:24-200", 400, 30)},
    program: {name: "Random, as programs ask", heap: 0, text: () => random(4, "program", 600, 50)},
};

// --- one allocator over one trace ---

class Run {
    constructor(kind, how) {
        this.kind = kind;
        this.how = how;
        this.#begin();
        // What each step came to, for refusals.
        this.refused = [];
        for (let i = 1, fails = 0; i <= this.count; i++) {
            this.core.x.heap_go(i);
            const now = this.#quick();
            this.refused.push(now.fails > fails);
            fails = now.fails;
        }
        this.total = this.#quick();
        this.at = this.count;
    }
    #begin() {
        const {core, count} = load(this.how);
        this.core = core;
        this.count = count;
        this.ops = core.array(core.x.heap_ops() >>> 0, 4 * count);
        core.x.heap_rules(this.how.heap, this.how.header, this.how.guard);
        if (!core.x.heap_start(KINDS.indexOf(this.kind), !this.how.heap))
            throw new Error(`${this.kind} cannot be run with that.`);
        this.at = 0;
    }
    #quick() {
        const w = this.core.array(this.core.x.heap_state() >>> 0, STATE.length);
        return Object.fromEntries(STATE.map((name, i) => [name, w[i]]));
    }
    #look() {
        const s = this.#quick();
        const free = this.core.array(this.core.x.heap_free_ranges() >>> 0, 2 * s.freeCount);
        const block = this.core.array(this.core.x.heap_blocks() >>> 0, 4 * s.blockCount);
        s.freeRanges = Array.from({length: s.freeCount}, (_, i) => ({at: free[2 * i], size: free[2 * i + 1]}));
        s.blocks = Array.from({length: s.blockCount}, (_, i) => ({at: block[4 * i], given: block[4 * i + 1], asked: block[4 * i + 2], number: block[4 * i + 3]}));
        return s;
    }
    op(i) {
        const [block, size, align, what] = this.ops.subarray(4 * i - 4, 4 * i);
        return {block, size, align, what: what & 255};
    }
    go(to) {
        if (to <= this.at)
            this.#begin();
        if (to > 0)
            this.core.x.heap_go(to - 1);
        this.before = this.#look();
        if (to > 0)
            this.core.x.heap_go(to);
        this.now = this.#look();
        this.at = to;
        if (!this.core.x.heap_sound())
            throw new Error(`${this.kind}: an invariant is broken.`);
    }
}

// A fresh instance with the trace in it. An error says which line cannot be.
function load(how) {
    const core = new Instance(MODULE), bytes = typeof how.text === "string" ? textBytes(how.text) : how.text;
    const count = core.x.heap_trace(core.put("heap_room", bytes), bytes.length, LARGE) >>> 0;
    const bad = core.x.heap_bad() >>> 0;
    if (!count)
        throw new Error(bad ? `Line ${bad} is no operation that can be.` : "There is no operation.");
    return {core, count: Math.min(count, how.most)};
}

// --- what is set ---

const DEFAULTS = {sample: "book", heap: 256, a: "list/best/address", b: "list/worst/address", header: 8, guard: 0, most: 5000, speed: 2};
const set = {...DEFAULTS, text: SAMPLES.book.text()};
let bytes = null, fileName = "";

function link() {
    const p = new URLSearchParams();
    if (bytes)
        p.set("file", fileName);
    else if (set.sample)
        p.set("sample", set.sample);
    else if (set.text.length <= LINK_MAX)
        p.set("s", set.text.trim());
    for (const [key, k] of [["m", "heap"], ["a", "a"], ["b", "b"]])
        p.set(key, set[k] || (k === "b" ? "none" : 0));
    p.set("i", at);
    for (const [key, k] of [["h", "header"], ["g", "guard"], ["most", "most"], ["v", "speed"]])
        if (set[k] !== DEFAULTS[k])
            p.set(key, set[k]);
    return p;
}

function readLink() {
    const {p, whole} = linkSays();
    const known = (name, was) => KINDS.includes(name) ? name : was;
    Object.assign(set, DEFAULTS);
    bytes = null;
    if (p.has("s")) {
        set.sample = "";
        set.text = p.get("s");
        set.heap = 0;
    } else {
        set.sample = Object.hasOwn(SAMPLES, p.get("sample")) ? p.get("sample") : DEFAULTS.sample;
        set.text = SAMPLES[set.sample].text();
        set.heap = SAMPLES[set.sample].heap;
    }
    set.heap = whole("m", set.heap, 0, 1 << 22) & ~7;
    set.header = Math.max(8, whole("h", DEFAULTS.header, 8, 64) & ~7);
    set.guard = whole("g", DEFAULTS.guard, 0, 64);
    set.most = whole("most", DEFAULTS.most, 1, 100000);
    set.speed = whole("v", DEFAULTS.speed, 0, SPEEDS.length - 1);
    set.a = known(p.get("a"), DEFAULTS.a);
    set.b = p.get("b") === "none" ? "" : known(p.get("b"), DEFAULTS.b);
    at = whole("i", 0, 0, 1e9);
    return p.has("file") ? p.get("file") : "";
}

const FIELDS = {heap: "heap", header: "header", guard: "guard", most: "most"};

function showFields() {
    for (const id in FIELDS)
        $(id).value = set[FIELDS[id]];
    $("kind-a").value = set.a;
    $("kind-b").value = set.b;
    $("sample").value = bytes ? "" : set.sample;
    $("trace").value = bytes ? `# ${fileName}: choose a sample, or write here, to leave it` : set.text;
    showSpeed();
}

// --- running ---

const how = () => ({text: bytes || set.text, heap: set.heap, header: set.header, guard: set.guard, most: set.most});

// Whether there is something to run.
function restart() {
    stop();
    if (!makeRuns(() => [set.a, set.b].filter(Boolean).map(kind => new Run(kind, how()))))
        return false;
    buildPanes("Allocator", run => run.kind, run => about(run.kind), () => el("div", {className: "picture"}), () => el("div", {className: "lists"}));
    $("totals").tHead.replaceChildren();
    $("totals").tBodies[0].replaceChildren();
    go(at);
    return true;
}

function nextRefusal() {
    for (let i = at + 1; i <= runs[0].count; i++)
        if (runs.some(r => r.refused[i - 1]))
            return i;
    return runs[0].count;
}

// --- words ---

function about(kind) {
    const [family, fit, order, apart] = kind.split("/");
    const fits = {best: "the smallest free block that is large enough", worst: "the largest free block", first: "the first free block that is large enough",
        next: "the next one that is large enough, from where it was last, going round", instant: "any of a list all of which are large enough: no search"};
    if (family === "list") {
        const orders = {address: "in order of address", "size-up": "smallest first", "size-down": "largest first", front: "last freed first", back: "first freed first"};
        return `mm/lab/freelist.c: takes ${fits[fit]}; the list is kept ${orders[order]}; ${apart ? "nothing is joined" : "neighbours in the list are joined"}.`;
    }
    return {arena: `mm/kva.c: takes ${fits[fit]}; its boundary tags lie elsewhere.`, kmalloc: "mm/kmalloc.c: segregated lists, 16 classes of sizes, over slabs.",
        slab: "mm/slab.c: a cache for each size.", buddy: "mm/buddy.c: powers of two, split and merged with their buddies."}[family];
}

const plural = (n, what) => `${n} ${what}${n === 1 ? "" : "s"}`;

// What one step did: {kind, title, text}.
function explain(run) {
    if (!run.at)
        return {kind: "", title: "Nothing was asked for yet", text: run.how.heap ? `The heap has ${run.how.heap} bytes, all free.` : "The heap grows as it has to."};
    const op = run.op(run.at), was = run.before, now = run.now, looked = now.searched - was.searched;
    const old = was.blocks.find(b => b.number === op.block), block = now.blocks.find(b => b.number === op.block);
    const grew = now.needed > was.needed ? ` It had to get ${plural(now.needed - was.needed, "byte")} more of the system.` : "";
    if (op.what === FREE) {
        if (!old)
            return {kind: "free", title: `Block ${op.block} is not freed`, text: "It had been refused."};
        const joined = was.freeCount + 1 - now.freeCount;
        const list = run.kind.startsWith("list/") || run.kind.startsWith("arena/") || run.kind === "buddy";
        const text = !list ? (now.needed < was.needed ? `Its slab was empty: ${was.needed - now.needed} bytes go back to the system.` : "It goes to its cache, ready for the next of its size.")
            : joined > 0 ? `It is joined to ${plural(joined, "neighbour")} that ${joined === 1 ? "is" : "are"} free: ${plural(now.freeCount, "free piece")}.`
                : `Nothing is joined: ${plural(now.freeCount, "free piece")}.`;
        return {kind: "hit", title: `Block ${op.block} is freed: ${old.given} bytes at ${old.at}`, text};
    }
    const asks = op.what === RESIZE && old ? `Block ${op.block} shall have ${op.size} bytes` : `${plural(op.size, "byte")} are asked for`;
    if (now.fails > was.fails) {
        const total = now.free;
        return {kind: "evict", title: `${asks}: refused`,
            text: `${plural(total, "byte")} are free, the largest piece of them has ${now.largest}.${total >= op.size ? " There is enough, but not in one piece." : ""}`};
    }
    if (op.what === RESIZE && old && block.at === old.at && block.given === old.given)
        return {kind: "hit", title: `${asks}: it stays`, text: `It fits into the ${old.given} bytes that it was given.`};
    const taken = was.freeRanges.find(r => block.at >= r.at && block.at < r.at + r.size);
    const over = block.given - block.asked;
    const parts = [];
    if (looked)
        parts.push(`${run.kind.startsWith("list/") || run.kind.startsWith("arena/") ? plural(looked, "free block") + " looked at" : plural(looked, "list") + " looked at"}.`);
    if (taken && taken.size > block.given)
        parts.push(`The piece at ${taken.at} of ${taken.size} bytes is split.`);
    else if (taken)
        parts.push(`The piece at ${taken.at} fits exactly.`);
    if (over)
        parts.push(`${plural(over, "byte")} of ${block.given} ${over === 1 ? "is" : "are"} lost inside.`);
    return {kind: "hit", title: `${asks}: block ${op.block} at ${block.at}`, text: parts.join(" ") + grew};
}

// --- showing ---

const tenths = n => (n / 10).toFixed(1) + " %";

function showAll() {
    runs.forEach((run, i) => {
        const s = run.now;
        const pane = fillPane(i, [["Needs", s.needed], ["In blocks", s.given], ["Asked for", s.asked], ["Blocks", s.live], ["External", tenths(s.external)],
            ["Internal", tenths(s.internal)], ["Looked at", s.searched], ["Refused", s.fails]], explain(run));
        pane.querySelector(".picture").replaceChildren(...picture(run));
        pane.querySelector(".lists").replaceChildren(freeList(run));
    });
    showTape();
    showPosition();
}

// Both pictures have one scale: rows of a power of two of bytes, as many as the largest heap needs.
function extent() {
    const ends = runs.flatMap(r => [r.total.needed, r.now.needed, ...r.now.blocks.map(b => b.at + b.given), ...(r.how.heap ? r.now.freeRanges.map(f => f.at + f.size) : [])]);
    return Math.max(64, ...ends);
}

const WIDTH = 640, ROW = 18, GAP = 4;

function picture(run) {
    const s = run.now, all = extent(), op = run.at ? run.op(run.at) : null;
    let row = 64;
    while (all / row > 24)
        row *= 2;
    const rows = Math.ceil(all / row), px = WIDTH / row;
    const root = svg("svg", {class: "heap", viewBox: `0 0 ${WIDTH} ${rows * (ROW + GAP)}`, role: "img",
        "aria-label": `${s.blockCount} blocks and ${s.freeCount} free pieces in ${s.needed} bytes`});
    const rect = (from, size, kind, title) => {
        for (let end = from + size; from < end;) {
            const y = Math.floor(from / row), to = Math.min(end, (y + 1) * row);
            const r = svg("rect", {x: (from % row) * px, y: y * (ROW + GAP) + GAP / 2, width: Math.max(.4, (to - from) * px), height: ROW, class: kind});
            if (title)
                r.append(svg("title", {}, title));
            root.append(r);
            from = to;
        }
    };
    // What slabs have taken and nobody has: frames that are not free.
    if (run.kind === "kmalloc" || run.kind === "slab") {
        const free = new Set();
        for (const f of s.freeRanges)
            for (let p = f.at; p < f.at + f.size; p += 4096)
                free.add(p);
        for (let p = 0, taken = 0; taken < s.needed && p < 1 << 24; p += 4096)
            if (!free.has(p)) {
                rect(p, 4096, "idle", `a frame of slabs at ${p}`);
                taken += 4096;
            }
    }
    for (const f of s.freeRanges)
        if (f.at < all)
            rect(f.at, Math.min(f.size, all - f.at), "free", `free: ${f.size} bytes at ${f.at}`);
    const header = run.kind.startsWith("list/") ? set.header : 0;
    for (const b of s.blocks) {
        rect(b.at, b.given, "waste", `block ${b.number}: ${b.given} bytes at ${b.at}`);
        rect(b.at + header, b.asked, "block", `block ${b.number}: ${b.asked} bytes asked for, ${b.given} given, at ${b.at}`);
    }
    if (op) {
        const b = s.blocks.find(x => x.number === op.block) || run.before.blocks.find(x => x.number === op.block);
        if (b)
            rect(b.at, b.given, "now");
    }
    return [root, el("p", {className: "scale"}, el("span", {textContent: `${row} bytes a row`}), el("span", {textContent: `${all} bytes`}))];
}

function freeList(run) {
    const s = run.now, name = run.kind.startsWith("list/") ? "The free list, first to last" : run.kind === "buddy" ? "Free blocks, smallest first" : "Free pieces, by address";
    const chips = s.freeRanges.slice(0, CHIPS_MAX).map(f => el("li", {className: "chip", textContent: `${f.at}:${f.size}`}));
    const list = el("div", {className: "list"}, el("h3", {textContent: `${name} (${s.freeCount})`}));
    list.append(chips.length ? el("ul", {className: "chips"}, ...chips) : el("span", {className: "none", textContent: "none"}));
    if (s.freeCount > CHIPS_MAX)
        list.append(el("span", {className: "none", textContent: `and ${s.freeCount - CHIPS_MAX} more`}));
    return list;
}

function showTape() {
    const run = runs[0], around = innerWidth < 600 ? 3 : 7, chips = [];
    for (let i = Math.max(1, at - around); i <= Math.min(run.count, at + around); i++) {
        const op = run.op(i), refused = runs.some(r => r.refused[i - 1]);
        const chip = el("div", {role: "listitem", className: i > at ? "ahead" : "", title: `Step ${i}`}, op.what === FREE ? `−${op.block}` : op.what === ALLOC ? `+${op.size}` : `${op.block}→${op.size}`,
            el("i", {className: refused ? "miss" : "hit"}));
        if (i === at)
            chip.setAttribute("aria-current", "step");
        chip.addEventListener("click", () => go(i));
        chips.push(chip);
    }
    $("tape").replaceChildren(...chips);
}

// Every allocator, one after the other, so that the page stays alive.
async function everyAllocator() {
    $("all").disabled = true;
    $("totals").tHead.replaceChildren(el("tr", {}, ...["Allocator", "Refused", "Peak", "Mean", "External", "Internal", "Looked at, an allocation"].map(t => el("th", {textContent: t, scope: "col"}))));
    const body = $("totals").tBodies[0];
    body.replaceChildren();
    for (let i = 0; i < KINDS.length; i++) {
        $("said").textContent = KINDS[i];
        await new Promise(done => setTimeout(done, 0));
        try {
            const {core} = load(how());
            core.x.heap_rules(set.heap, set.header, set.guard);
            const out = core.x.heap_measure(i) >>> 0;
            if (!out)
                continue;
            const [fails, external, peak, mean, internal, searched] = core.array(out, 6);
            body.append(el("tr", {}, ...[KINDS[i], fails, peak, mean, tenths(external), tenths(internal), (searched / 100).toFixed(2)].map(t => el("td", {textContent: t}))));
        } catch (e) {
            $("said").textContent = e.message;
            break;
        }
    }
    $("said").textContent = `Refused and external: in a heap of ${set.heap || "5/4 of what is live at most"}; the others: in one that grows.`;
    $("all").disabled = false;
}

// --- what people do ---

async function openFile(file) {
    const {all, isCut} = await beginning(file, FILE_MAX);
    if (isCut)
        throw new Error(`it has more than ${FILE_MAX >> 20} MiB`);
    bytes = all;
    fileName = file.name;
    set.heap = 0;
    at = 0;
    showFields();
    tellOpened(file, restart(), "operations");
}

const PAGE = {
    text: "trace", nextId: "next-fail", link, readLink, themed: () => {}, file: openFile,
    own: text => { set.text = text; set.sample = ""; bytes = null; },
    sample: id => { Object.assign(set, {sample: id, text: SAMPLES[id].text(), heap: SAMPLES[id].heap}); bytes = null; },
    steps: {"next-fail": () => go(nextRefusal())},
    keys: {n: () => go(nextRefusal())},
    all: everyAllocator,
    copied: () => bytes ? "The link is copied; it does not hold the file." :
        !set.sample && set.text.length > LINK_MAX ? "The link is copied; the trace is too long for it." : "The link is copied.",
    resized: showTape,
};

for (const [id, k] of [["kind-a", "a"], ["kind-b", "b"]])
    on(id, "change", () => { set[k] = $(id).value; restart(); });
for (const id in FIELDS)
    on(id, "change", () => {
        const n = Math.floor(+$(id).value) || 0, step = id === "heap" || id === "header" ? 8 : 1;
        set[FIELDS[id]] = Math.max(+$(id).min, Math.min(+$(id).max, n - n % step));
        showFields();
        restart();
    });
fillChoices("kind-a", "kind-b", [["The textbook's list", KINDS.filter(k => k.startsWith("list/") && !k.endsWith("/apart"))],
    ["The kernel's", KINDS.filter(k => !k.startsWith("list/"))], ["Lists that do not coalesce", KINDS.filter(k => k.endsWith("/apart"))]], SAMPLES);
start();
