// The player: what is set, what is shown. All of memory's answers come from Run (run.js), all sentences from explain().

const POLICIES = Core.policies(MODULE);
const RING_MAX = 24;    // frames that a ring is drawn of
const CHIPS_MAX = 24;   // pages of a list that are drawn
const GHOSTS_ASKED = 4000;
const FILE_MAX = 64 << 20; // bytes of a file that are read, unpacked
const REFS_MAX = 200000;   // references that are run

// A sample's numbers, the same each time: a linear congruential generator.
function generator(seed) {
    let x = seed >>> 0;
    return below => {
        x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
        return Math.floor(x / 4294967296 * below);
    };
}

const SAMPLES = {
    belady: {name: "Belady's anomaly", frames: 3, refs: () => "1 2 3 4 1 2 5 1 2 3 4 5"},
    textbook: {name: "A textbook's string", frames: 3, refs: () => "7 0 1 2 0 3 0 4 2 3 0 3 2 1 2 0 1 7 0 1"},
    loop: {name: "A loop, one page too long", frames: 4, refs: () => Array.from({length: 40}, (_, i) => 1 + i % 5).join(" ")},
    eighty20: {name: "80/20", frames: 6, refs: () => {
        const draw = generator(20);
        return Array.from({length: 150}, () => (draw(10) < 8 ? draw(4) : 4 + draw(16)) + (draw(5) === 0 ? "w" : "")).join(" ");
    }},
    scan: {name: "A scan past a hot set", frames: 8, refs: () => {
        const draw = generator(7), refs = [];
        for (let i = 0, page = 100; i < 160; i++)
            refs.push(i >= 40 && i % 2 && i < 120 ? page++ : draw(5));
        return refs.join(" ");
    }},
    writes: {name: "Reading beside writing", frames: 5, refs: () => {
        const draw = generator(3);
        return Array.from({length: 90}, () => draw(3) ? draw(5) : `${10 + draw(4)}w`).join(" ");
    }},
    phases: {name: "A program in phases", frames: 6, refs: () => {
        const draw = generator(11);
        return Array.from({length: 160}, (_, i) => Math.floor(i / 40) * 5 + draw(5) + (draw(6) ? "" : "w")).join(" ");
    }},
};

const DEFAULTS = {sample: "belady", refs: null, frames: 3, a: "clock", b: "lru", at: 0, speed: 2, hit: 100, miss: 100, write: 100, salvage: 1,
    tlb: 0, rss: 0, unused: false, most: 20000};
const set = {...DEFAULTS};
let bytes = null;      // of a file, instead of text; or {page, write} of a program
let recorded = null;   // {bytes, isCut, programs} of a recording
let fileName = "";
// --- the address ---

function link() {
    const p = new URLSearchParams();
    if (bytes)
        p.set("file", fileName);
    else if (set.sample)
        p.set("sample", set.sample);
    else if (set.refs.length <= LINK_MAX)
        p.set("s", set.refs.trim().replace(/[\s,]+/g, "."));
    p.set("f", set.frames);
    p.set("a", set.a);
    p.set("b", set.b || "none");
    p.set("i", at);
    const other = {speed: "v", hit: "ch", miss: "cm", write: "cw", salvage: "cs", tlb: "tlb", rss: "rss", most: "most"};
    for (const k in other)
        if (set[k] !== DEFAULTS[k])
            p.set(other[k], set[k]);
    if (set.unused)
        p.set("u", 1);
    return p;
}

function readLink() {
    const {p, number, whole} = linkSays();
    const known = (name, was) => name !== null && POLICIES.some(q => q.name === name) ? name : was;
    Object.assign(set, DEFAULTS);
    bytes = null;
    if (p.has("s")) {
        set.sample = "";
        set.refs = p.get("s").replace(/[.,]+/g, " ");
    } else {
        set.sample = Object.hasOwn(SAMPLES, p.get("sample")) ? p.get("sample") : DEFAULTS.sample;
        set.refs = SAMPLES[set.sample].refs();
        set.frames = SAMPLES[set.sample].frames;
    }
    set.frames = whole("f", set.frames, 1, 1024);
    set.a = known(p.get("a"), DEFAULTS.a);
    set.b = p.get("b") === "none" ? "" : known(p.get("b"), DEFAULTS.b);
    set.speed = whole("v", DEFAULTS.speed, 0, SPEEDS.length - 1);
    for (const [k, key] of [["hit", "ch"], ["miss", "cm"], ["write", "cw"], ["salvage", "cs"]])
        set[k] = number(key, DEFAULTS[k], 0, 1e12);
    set.tlb = whole("tlb", 0, 0, 64);
    set.rss = whole("rss", 0, 0, 1024);
    set.most = whole("most", DEFAULTS.most, 1, REFS_MAX);
    set.unused = p.get("u") === "1";
    at = whole("i", 0, 0, 1e9);
    return p.has("file") ? p.get("file") : "";
}

// --- the fields ---

const FIELDS = {frames: "frames", "cost-hit": "hit", "cost-miss": "miss", "cost-write": "write", "cost-salvage": "salvage", tlb: "tlb", rss: "rss", most: "most"};

function showFields() {
    for (const id in FIELDS)
        $(id).value = set[FIELDS[id]];
    $("unused").checked = set.unused;
    $("policy-a").value = set.a;
    $("policy-b").value = set.b;
    $("sample").value = bytes ? "" : set.sample;
    $("refs").value = bytes ? `# ${fileName}: choose a sample, or write here, to leave it` : set.refs;
    showSpeed();
    $("programs").hidden = !bytes || !recorded;
    if (bytes && recorded) {
        $("program").replaceChildren(...recorded.programs.map((p, i) => Object.assign(document.createElement("option"),
            {value: i, textContent: `${p.name}, ${p.pid}: ${p.references} references`})).filter((_, i) => recorded.programs[i].references));
        $("program").value = recorded.chosen;
    }
}

const cost = () => ({hit: set.hit, miss: set.miss * 1000, write: set.write * 1000, salvage: set.salvage * 1000});

function howOf(policy) {
    return {policy, frames: set.frames, tlb: set.tlb, rss: set.rss, unused: set.unused, most: bytes ? set.most : REFS_MAX};
}

// --- running ---

// Whether there is something to run.
function restart() {
    stop();
    if (!makeRuns(() => [set.a, set.b].filter(Boolean).map(p => new Run(MODULE, bytes || set.refs, howOf(p)))))
        return false;
    buildPanes("Policy", r => r.how.policy, r => (ABOUT[r.how.policy] || {says: ""}).says,
        () => el("ol", {className: "frames" + (set.frames > 48 ? " many" : ""), "aria-label": "Frames"}),
        () => el("div", {className: "ring-place"}), () => el("div", {className: "lists"}));
    showTotals([]);
    go(at);
    return true;
}

const nextMiss = () => Math.min(...runs.map(r => r.missAfter(at) || Infinity));
const prevMiss = () => Math.max(...runs.map(r => r.missBefore(at)));
const toNextMiss = () => go(isFinite(nextMiss()) ? nextMiss() : runs[0].count);

// --- showing ---

function duration(ns) {
    for (const [unit, size] of [["s", 1e9], ["ms", 1e6], ["µs", 1e3]])
        if (ns >= size)
            return `${(ns / size).toPrecision(3)} ${unit}`;
    return `${+ns.toPrecision(3)} ns`;
}

const percent = x => (100 * x).toFixed(1) + " %";

function showAll() {
    runs.forEach(showPane);
    showTape();
    showLine();
    showPosition(runs[0].whole > runs[0].count ? ` (${runs[0].whole} there)` : "");
    $("prev-miss").disabled = prevMiss() <= 0;
}

function showPane(run, i) {
    const sums = run.sums(at, cost());
    const stats = [["Hits", sums.hits], ["Misses", sums.misses], ["Hit rate", at ? percent(sums.rate) : "–"], ["Written", sums.writes],
        ["AMAT", at ? duration(sums.amat) : "–"]];
    if (run.how.policy === "vms")
        stats.splice(2, 0, ["Put back", sums.salvages]);
    const pane = fillPane(i, stats, explain(run));
    showFrames(run, pane.querySelector(".frames"));
    showRing(run, pane.querySelector(".ring-place"));
    showLists(run, pane.querySelector(".lists"));
}

// What the policy's byte of a page says, if it is for people.
function byteOf(run, slot) {
    const about = ABOUT[run.how.policy];
    if (about && about.marks && slot.list === 1)
        return slot.byte & CLOCKPRO_RISES ? "rises" : slot.byte & CLOCKPRO_TEST ? "test" : "";
    if (!about || !about.byte)
        return "";
    return about.hex ? hex2(slot.byte) : String(slot.byte);
}

function bit(letter, on, what, kind) {
    return el("b", {className: `bit ${on ? "on" : ""} ${kind}`, title: on ? what : `not ${what}`, textContent: letter});
}

function showFrames(run, place) {
    const step = run.at, victim = step && run.is(step, CAME_TO.evict) ? run.victim[step - 1] : null;
    const page = step ? run.page[step - 1] : null, hit = step && run.is(step, CAME_TO.hit);
    const counted = run.now.slots.some(s => s.uses > 1) && (ABOUT[run.how.policy] || {}).byte;
    const cells = [];
    for (let i = 0; i < run.how.frames; i++) {
        const s = run.now.slots[i], is = s && s.page === page;
        if (!s) {
            cells.push(el("li", {"aria-label": `Frame ${i}: free`}, el("span", {className: "no", textContent: `#${i}`}), el("span", {className: "page none", textContent: "free"})));
            continue;
        }
        const byte = byteOf(run, s);
        const said = [`Frame ${i}: page ${s.page}`, is ? hit ? "just used" : "just loaded" : "", s.uses ? "referenced" : "", s.dirty ? "modified" : "", s.isParked ? "set aside" : "",
            s.inTlb ? "in the translation buffer" : "", is && victim !== null ? `${victim} went` : ""];
        cells.push(el("li", {className: `${is ? hit ? "used" : "loaded" : ""} ${s.isParked ? "parked" : ""}`, "aria-label": said.filter(Boolean).join(", ")},
            el("span", {className: "no"}, `#${i}`, byte ? el("span", {textContent: byte, title: "the policy's own byte"}) : null),
            el("span", {className: "page", textContent: s.page}),
            el("span", {className: "bits"}, bit(counted && s.uses > 1 ? s.uses : "R", s.uses, "referenced", "r"), bit("M", s.dirty, "modified", "m"),
                run.how.tlb ? bit("T", s.inTlb, "in the translation buffer", "t") : null),
            el("span", {className: "was", textContent: is && victim !== null ? `${victim} went` : ""})));
    }
    place.replaceChildren(...cells);
}

// A clock, if the list goes round memory as the frames lie there. The hand is the head of the list.
function showRing(run, place) {
    const about = ABOUT[run.how.policy], list = about && about.ring !== undefined ? run.now.lists[about.ring] : [];
    const n = list.length, next = list.every((slot, i) => i === 0 || slot === (list[i - 1] + 1) % n);
    if (about && about.ring !== undefined && run.how.policy !== "fifo" && n >= 2 && n <= RING_MAX && next) {
        const size = 220, mid = size / 2, far = mid - 24, r = Math.min(17, Math.PI * far / n - 2);
        const angle = i => 2 * Math.PI * i / n - Math.PI / 2;
        const page = run.at ? run.page[run.at - 1] : null, hit = run.at && run.is(run.at, CAME_TO.hit);
        const picture = svg("svg", {class: "ring", viewBox: `0 0 ${size} ${size}`, role: "img",
            "aria-label": `A clock of ${n} frames; the hand is at page ${run.now.slots[list[0]].page}`});
        const a = angle(list[0]), tip = far - r - 6;
        const x = mid + tip * Math.cos(a), y = mid + tip * Math.sin(a);
        const wing = (turn, len) => `${x - len * Math.cos(a + turn)},${y - len * Math.sin(a + turn)}`;
        picture.append(svg("line", {class: "pointer", x1: mid, y1: mid, x2: x, y2: y}), svg("polygon", {class: "pointer", points: `${x},${y} ${wing(.5, 9)} ${wing(-.5, 9)}`}),
            svg("circle", {class: "hub", cx: mid, cy: mid, r: 5}));
        for (let i = 0; i < n; i++) {
            const s = run.now.slots[i], cx = mid + far * Math.cos(angle(i)), cy = mid + far * Math.sin(angle(i));
            const text = svg("text", {x: cx, y: cy});
            text.textContent = s.page;
            if (String(s.page).length > 2)
                text.setAttribute("style", `font-size:${Math.max(7, 26 / String(s.page).length + 2)}px`);
            const node = svg("g", {class: s.page === page ? hit ? "is-used" : "is-new" : ""}, svg("circle", {class: "node", cx, cy, r}), text);
            if (s.uses)
                node.append(svg("circle", {class: "r", cx: cx + r * .75, cy: cy - r * .75, r: 4.5}));
            if (s.dirty)
                node.append(svg("circle", {class: "m", cx: cx + r * .75, cy: cy + r * .75, r: 4.5}));
            picture.append(node);
        }
        place.replaceChildren(picture);
    } else {
        place.replaceChildren();
    }
}

function chip(run, slot, marks) {
    const s = run.now.slots[slot], step = run.at;
    const isNew = step && s.page === run.page[step - 1] && !run.is(step, CAME_TO.hit);
    const c = el("span", {className: `chip ${isNew ? "new" : ""} ${s.isParked ? "parked" : ""}`}, String(s.page), s.uses ? el("span", {className: "dot", title: "referenced", textContent: " R"}) : null,
        s.dirty ? el("span", {className: "dirty", title: "modified", textContent: " M"}) : null);
    const byte = byteOf(run, s);
    if (byte)
        c.append(el("small", {textContent: ` ${byte}`}));
    return el("li", {className: "chip-with-hand"}, marks ? el("span", {className: "hand", textContent: "▼", title: marks}) : null, c);
}

function chips(items) {
    const drawn = items.length > CHIPS_MAX ? [...items.slice(0, CHIPS_MAX - 6), null, ...items.slice(-5)] : items;
    return drawn.map(x => x || el("li", {className: "none", textContent: `… ${items.length - CHIPS_MAX + 1} more …`}));
}

function listTitle(run, number, about) {
    const n = run.now.lists[number].length;
    let name = about.generations ? generationName(run.now, number).replace("the ", "") : about.lists[number][0];
    if (run.how.policy === "vms" && number === IN_SET)
        name += `, limit ${run.now.set_limit}`;
    return `${name[0].toUpperCase()}${name.slice(1)} (${n})`;
}

function showLists(run, place) {
    const about = ABOUT[run.how.policy] || {lists: {0: ["list 0", ""], 1: ["list 1", ""], 2: ["list 2", ""]}};
    let order = Object.keys(about.lists).map(Number);
    if (run.how.policy === "vms")
        order = [IN_SET, 0, 1];
    if (about.generations)
        order = [0, 1, 2].map(i => (run.now.lowest + i) % 3);
    const sections = [];
    for (const number of order) {
        const slots = run.now.lists[number];
        const hand = about.hand ? run.now.hand ? run.now.hand - 1 : slots[0] : about.future || run.how.policy === "random" ? -1 : about.fromTail ? slots[slots.length - 1] : slots[0];
        const what = about.hand ? "the hand" : about.fromTail ? "next to go" : about.generations ? "next" : about.lists[number][1];
        const items = slots.map(slot => chip(run, slot, slot === hand ? what || "first" : ""));
        sections.push(el("section", {className: "list", "aria-label": listTitle(run, number, about)}, el("h3", {textContent: listTitle(run, number, about)}),
            slots.length ? el("ol", {className: "chips"}, ...chips(items)) : el("span", {className: "none", textContent: "empty"})));
    }
    if (run.now.ghost_max) {
        const ghosts = run.now.ghosts ? run.ghosts(seenAndGone(run)) : [];
        sections.push(el("section", {className: "list ghosts", "aria-label": "Ghosts"}, el("h3", {textContent: `Ghosts, oldest first (${run.now.ghosts})`}),
            ghosts.length ? el("ol", {className: "chips"}, ...chips(ghosts.map(g => el("li", {}, el("span", {className: "chip ghost", title: `age ${g.age}`, textContent: g.page}))))) :
                el("span", {className: "none", textContent: "none"})));
    }
    place.replaceChildren(...sections);
}

// Pages that were referenced up to now and are not in memory, the latest first; as many as it is worth asking for.
function seenAndGone(run) {
    const there = new Set(run.now.slots.map(s => s.page)), gone = new Set();
    for (let i = run.at - 1; i >= 0 && gone.size < GHOSTS_ASKED; i--)
        if (!there.has(run.page[i]))
            gone.add(run.page[i]);
    return gone;
}

function showTape() {
    const run = runs[0], room = Math.max(5, Math.floor($("tape").clientWidth / 40)), half = Math.floor(room / 2);
    const first = Math.max(1, Math.min(at - half, run.count - room + 1)), last = Math.min(run.count, first + room - 1);
    const cells = [];
    for (let i = first; i <= last; i++) {
        const page = run.page[i - 1], write = run.write[i - 1];
        const said = runs.map(r => `${r.how.policy} ${r.is(i, CAME_TO.hit) ? "hit" : "miss"}`).join(", ");
        const cell = el("div", {className: i > at ? "ahead" : "", role: "listitem", title: `Step ${i}: ${said}`, "aria-label": `Step ${i}: page ${page}${write ? ", written to" : ""}${i <= at ? ": " + said : ""}`},
            String(page) + (write ? "w" : ""), ...runs.map(r => el("i", {className: i > at ? "" : r.is(i, CAME_TO.hit) ? "hit" : "miss"})));
        if (i === at)
            cell.setAttribute("aria-current", "step");
        cell.addEventListener("click", () => go(i));
        cells.push(cell);
    }
    $("tape").replaceChildren(...cells);
}

// The whole string, a row a policy: each column a step, or the share of misses of some.
function showLine() {
    if (!runs.length)
        return;
    const canvas = $("line"), style = getComputedStyle(document.documentElement), scale = window.devicePixelRatio || 1;
    const width = Math.max(1, Math.round(canvas.clientWidth * scale)), height = Math.round(18 * scale), n = runs[0].count;
    canvas.width = width;
    canvas.height = height;
    const c = canvas.getContext("2d"), color = name => style.getPropertyValue(name).trim();
    c.fillStyle = color("--line");
    c.fillRect(0, 0, width, height);
    runs.forEach((run, k) => {
        const top = Math.round(k * height / runs.length), tall = Math.round(height / runs.length) - 1;
        for (let x = 0; x < width; x++) {
            const from = Math.floor(x * n / width), to = Math.max(from + 1, Math.floor((x + 1) * n / width));
            const misses = to - from - (run.hits[to] - run.hits[from]);
            c.globalAlpha = to <= at ? 1 : 0.4;
            c.fillStyle = color("--hit");
            c.fillRect(x, top, 1, tall);
            const share = Math.round(tall * misses / (to - from));
            c.fillStyle = color("--miss");
            c.fillRect(x, top + tall - share, 1, share);
        }
    });
    c.globalAlpha = 1;
    c.fillStyle = color("--ink");
    c.fillRect(Math.min(width - 2 * scale, Math.round(at * width / n)), 0, 2 * scale, height);
    canvas.setAttribute("aria-label", runs.map(r => `${r.how.policy}: ${n - r.hits[n]} misses of ${n}`).join("; "));
}

// The end of the string, for those that are shown and for `others`.
function showTotals(others) {
    if (!runs.length)
        return;
    const row = (cells, tag) => el("tr", {}, ...cells.map(c => el(tag, {textContent: c})));
    const all = [...runs, ...others].map(r => [r, r.sums(r.count, cost())]);
    $("totals").tHead.replaceChildren(row(["policy", "misses", "hit rate", "written", "put back", "AMAT"], "th"));
    $("totals").tBodies[0].replaceChildren(...all.map(([r, s]) =>
        row([r.how.policy, s.misses, percent(s.rate), s.writes, r.how.policy === "vms" ? s.salvages : "", duration(s.amat)], "td")));
}

// --- files ---

// Text, words, or what the plugin recorded, whose programs can be chosen from.
async function openFile(file) {
    const {all, isCut} = await beginning(file, FILE_MAX);
    const programs = new Core(MODULE).recording(all, isCut);
    const isText = !programs && all.every(b => b >= 32 && b < 127 || b >= 9 && b <= 13);
    if (programs && !programs.some(p => p.references))
        throw new Error("no program there has touched anything");
    if (!programs && !isText && !isCut && all.length % 4)
        throw new Error(`${all.length} bytes are not a number of 32-bit words`);
    recorded = null;
    if (isText) {
        const text = new TextDecoder().decode(all);
        const words = (isCut ? text.replace(/\S*$/, "") : text).replace(/#.*/g, "").split(/[\s,]+/).filter(Boolean);
        set.refs = words.length > set.most ? words.slice(0, set.most).join(" ") : text.trim();
        set.sample = "";
        bytes = null;
    } else {
        fileName = file.name;
        recorded = programs && {bytes: all, isCut, programs};
        if (recorded)
            takeProgram(programs.findIndex(p => p.isBusiest));
        else
            bytes = all.subarray(0, all.length & ~3);
    }
    at = 0;
    showFields();
    tellOpened(file, restart(), "references");
}

function takeProgram(i) {
    const core = new Core(MODULE);
    core.recording(recorded.bytes, recorded.isCut);
    bytes = core.program(i, set.most);
    recorded.chosen = i;
}

// --- what people do ---

const number = (input, least, most) => {
    const n = parseFloat(input.value);
    return isFinite(n) ? Math.min(most, Math.max(least, n)) : null;
};

function listenHere() {
    for (const id in FIELDS)
        on(id, "change", () => {
            const whole = !id.startsWith("cost"), n = number($(id), +$(id).min, $(id).max === "" ? 1e12 : +$(id).max);
            if (n !== null)
                set[FIELDS[id]] = whole ? Math.floor(n) : n;
            $(id).value = set[FIELDS[id]];
            if (whole) {
                if (id === "most" && bytes && recorded)
                    takeProgram(recorded.chosen);
                restart();
            } else {
                runs.forEach(showPane);
                showTotals([]);
                writeLink();
            }
        });
    on("program", "change", () => { takeProgram(+$("program").value); at = 0; restart(); });
    on("unused", "change", () => { set.unused = $("unused").checked; restart(); });
    on("policy-a", "change", () => { set.a = $("policy-a").value; restart(); });
    on("policy-b", "change", () => { set.b = $("policy-b").value; restart(); });
    on("line", "click", e => runs.length && go(Math.ceil((e.offsetX / $("line").clientWidth) * runs[0].count)));
}

function setFrames(n) {
    set.frames = Math.max(1, Math.min(1024, n));
    showFields();
    restart();
}

const PAGE = {
    text: "refs", nextId: "next-miss", link, readLink, themed: showLine, file: openFile,
    own: text => { set.refs = text; set.sample = ""; bytes = null; },
    sample: id => { Object.assign(set, {sample: id, refs: SAMPLES[id].refs(), frames: SAMPLES[id].frames}); bytes = null; },
    steps: {"next-miss": toNextMiss, "prev-miss": () => go(prevMiss())},
    keys: {n: toNextMiss, p: () => go(Math.max(0, prevMiss())), "]": () => setFrames(set.frames + 1), "[": () => setFrames(set.frames - 1)},
    all: () => showTotals(POLICIES.filter(p => p.name !== set.a && p.name !== set.b).map(p => new Run(MODULE, bytes || set.refs, howOf(p.name)))),
    copied: () => bytes ? "The link is copied; it does not hold the file." :
        !set.sample && set.refs.length > LINK_MAX ? "The link is copied; the string is too long for it." : "The link is copied.",
    resized: () => { showTape(); showLine(); },
};

fillChoices("policy-a", "policy-b", [["The kernel's", POLICIES.filter(p => p.isKernels).map(p => p.name)],
    ["The simulator's", POLICIES.filter(p => !p.isKernels).map(p => p.name)]], SAMPLES);
listenHere();
$("about").textContent = `${POLICIES.filter(p => p.isKernels).length} policies of the kernel (mm/policy/) and ${POLICIES.filter(p => !p.isKernels).length} of its simulator, ` +
    `in ${Math.round(WASM.length * 3 / 4 / 1024)} KiB of WebAssembly. The same steps: build/host/replay TRACE --policy NAME --frames N --steps.`;
start();
