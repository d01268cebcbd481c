// What the pages share: elements, the address, light and dark, steps and playing, files, keys. A page says what it has in PAGE (below) and
// has in `runs` what is shown: each has a count of steps and go(step).
//
// Of the page: showAll() draws, showFields() fills the fields from `set`, restart() makes the runs anew.

const $ = id => document.getElementById(id);
const MODULE = new WebAssembly.Module(Uint8Array.from(atob(WASM), c => c.charCodeAt(0)));
const SPEEDS = [0.5, 1, 2, 4, 8, 20, 60]; // steps a second
const LINK_MAX = 6000;                    // characters of a text that an address takes

let runs = [];
let at = 0;
let timer = 0;
let theme = "";
let linkTimer = 0;

// --- elements ---

function el(tag, props, ...children) {
    const e = document.createElement(tag);
    for (const k in props || {})
        k in e ? e[k] = props[k] : e.setAttribute(k, props[k]);
    e.append(...children.filter(c => c !== null && c !== undefined));
    return e;
}

function svg(tag, attributes, ...children) {
    const e = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const k in attributes)
        e.setAttribute(k, attributes[k]);
    e.append(...children);
    return e;
}

// Two lists to choose from, the second with "none"; groups: [label, names].
function fillChoices(first, second, groups, samples) {
    const option = (value, textContent) => el("option", {value, textContent});
    for (const id of [first, second]) {
        if (id === second)
            $(id).append(option("", "none"));
        $(id).append(...groups.map(([label, names]) => el("optgroup", {label}, ...names.map(n => option(n, n)))));
    }
    $("sample").append(option("", "of your own"), ...Object.keys(samples).map(id => option(id, samples[id].name)));
}

// A pane for each run: its name, what it is, figures, a sentence, and what the page has besides.
function buildPanes(what, nameOf, aboutOf, ...places) {
    $("panes").replaceChildren(...runs.map((run, i) => el("article", {className: "pane", id: `pane-${i}`, "aria-label": `${what} ${nameOf(run)}`},
        el("header", {}, el("h2", {textContent: nameOf(run)}), el("p", {className: "lead hint", textContent: aboutOf(run)})),
        el("dl", {className: "stats"}), el("p", {className: "why", "aria-live": "polite"}), ...places.map(place => place()))));
}

// stats: [name, value]; why: {kind, title, text}.
function fillPane(i, stats, why) {
    const pane = $(`pane-${i}`), place = pane.querySelector(".why");
    pane.querySelector(".stats").replaceChildren(...stats.map(([k, v]) => el("div", {}, el("dt", {textContent: k}), el("dd", {textContent: v}))));
    place.className = `why ${why.kind}`;
    place.replaceChildren(el("strong", {textContent: why.title}), why.text);
    return pane;
}

function showPosition(more) {
    const n = runs[0].count;
    $("position").textContent = `Step ${at} of ${n}${more || ""}`;
    $("seek").value = at;
    $("seek").setAttribute("aria-valuetext", `Step ${at} of ${n}`);
    for (const id of ["first", "prev"])
        $(id).disabled = at === 0;
    for (const id of ["last", "next", PAGE.nextId])
        $(id).disabled = at === n;
}

function tell(text) {
    $("said").textContent = text;
}

// What came of a file: how many steps it has, or what is wrong with it, which stands beside the text too.
function tellOpened(file, isRun, steps) {
    tell(`${file.name}: ${isRun ? `${runs[0].count} ${steps}.` : $(`${PAGE.text}-error`).textContent}`);
}

// Make the runs, or say beside the text what is wrong with it. Whether they are there.
function makeRuns(make) {
    const error = $(`${PAGE.text}-error`);
    try {
        runs = make();
        error.hidden = true;
        $(PAGE.text).removeAttribute("aria-invalid");
        $("seek").max = runs[0].count;
        return true;
    } catch (e) {
        error.textContent = `${e.message}${/\.$/.test(e.message) ? "" : "."}`;
        error.hidden = false;
        $(PAGE.text).setAttribute("aria-invalid", "true");
        return false;
    }
}

// --- the address ---

// A browser takes only so many changes of the address a second.
function writeLink() {
    if (!linkTimer)
        linkTimer = setTimeout(flushLink, 100);
}

function flushLink() {
    clearTimeout(linkTimer);
    linkTimer = 0;
    const p = PAGE.link();
    if (theme)
        p.set("t", theme);
    if (location.hash !== "#" + p)
        history.replaceState(null, "", "#" + p);
}

// What the address says; number(key, was, least, most) and whole() take what can be.
function linkSays() {
    clearTimeout(linkTimer);
    linkTimer = 0;
    const p = new URLSearchParams(location.hash.slice(1));
    const number = (key, was, least, most) => {
        const n = p.get(key);
        return n === null || n === "" || !isFinite(n) ? was : Math.min(most, Math.max(least, +n));
    };
    setTheme(["light", "dark"].includes(p.get("t")) ? p.get("t") : "");
    return {p, number, whole: (...args) => Math.floor(number(...args))};
}

function begin() {
    const file = PAGE.readLink();
    showFields();
    restart();
    if (file)
        tell(`This link was made with the file ${file}: choose it again.`);
}

// --- light and dark ---

const prefersDark = matchMedia("(prefers-color-scheme: dark)");

function setTheme(name) {
    theme = name;
    const shown = theme || (prefersDark.matches ? "dark" : "light");
    document.documentElement.dataset.theme = shown;
    $("theme").textContent = shown === "dark" ? "Light" : "Dark";
}

function switchTheme() {
    setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark");
    PAGE.themed();
    writeLink();
}

// --- steps ---

function go(to) {
    if (!runs.length)
        return;
    at = Math.max(0, Math.min(runs[0].count, to));
    for (const r of runs)
        r.go(at);
    showAll();
    writeLink();
}

function stop() {
    clearTimeout(timer);
    timer = 0;
    $("play").textContent = "▶ Play";
    $("play").setAttribute("aria-pressed", "false");
}

function tick() {
    if (at >= runs[0].count) {
        stop();
        return;
    }
    go(at + 1);
    timer = setTimeout(tick, 1000 / SPEEDS[set.speed]);
}

function play() {
    if (!runs.length)
        return;
    if (timer) {
        stop();
        return;
    }
    if (at >= runs[0].count)
        go(0);
    $("play").textContent = "❚❚ Pause";
    $("play").setAttribute("aria-pressed", "true");
    timer = setTimeout(tick, 1000 / SPEEDS[set.speed]);
}

function setSpeed(to) {
    set.speed = Math.max(0, Math.min(SPEEDS.length - 1, to));
    showSpeed();
    writeLink();
}

function showSpeed() {
    $("speed").value = set.speed;
    $("speed-said").textContent = `${SPEEDS[set.speed]} a second`;
}

function swap() {
    if (!set.b)
        return;
    [set.a, set.b] = [set.b, set.a];
    showFields();
    restart();
}

// --- files ---

async function unpacked(blob) {
    const head = new Uint8Array(await blob.slice(0, 2).arrayBuffer());
    if (head[0] !== 0x1f || head[1] !== 0x8b)
        return blob.stream();
    return blob.stream().pipeThrough(new DecompressionStream("gzip"));
}

// The first `room` bytes of a file, unpacked, and whether there are more.
async function beginning(file, room) {
    const reader = (await unpacked(file)).getReader(), parts = [];
    let size = 0;
    while (size <= room) {
        const {done, value} = await reader.read();
        if (done)
            break;
        parts.push(value);
        size += value.length;
    }
    reader.cancel().catch(() => {});
    const all = new Uint8Array(Math.min(size, room));
    let end = 0;
    for (const p of parts) {
        all.set(p.subarray(0, all.length - end), end);
        end += Math.min(p.length, all.length - end);
    }
    return {all, isCut: size > room};
}

// --- what people do ---

const KEYS = {
    ArrowRight: () => go(at + 1), l: () => go(at + 1), ArrowLeft: () => go(at - 1), h: () => go(at - 1), Home: () => go(0), End: () => go(Infinity),
    " ": play, "+": () => setSpeed(set.speed + 1), "=": () => setSpeed(set.speed + 1), "-": () => setSpeed(set.speed - 1), s: swap, t: switchTheme,
    e: () => $(PAGE.text).focus(), "?": () => $("help").showModal(),
};
const WHILE_PLAYING = [" ", "+", "=", "-", "t", "?"];

function onKey(e) {
    const t = e.target, isField = /^(INPUT|TEXTAREA|SELECT)$/.test(t.tagName);
    if (e.key === "Escape" && isField) {
        t.blur();
        return;
    }
    if (e.ctrlKey || e.altKey || e.metaKey || $("help").open || isField && t.type !== "checkbox")
        return;
    if (e.key === " " && t.tagName !== "BODY" && t.id !== "panes")
        return; // a button's own
    const keys = {...KEYS, ...PAGE.keys}, act = Object.hasOwn(keys, e.key) && keys[e.key];
    if (!act || !runs.length && !["e", "t", "?"].includes(e.key))
        return;
    e.preventDefault();
    if (timer && !WHILE_PLAYING.includes(e.key))
        stop();
    act();
}

function on(id, what, f) {
    $(id).addEventListener(what, f);
}

function listen() {
    on("setup", "submit", e => e.preventDefault());
    on(PAGE.text, "input", () => { PAGE.own($(PAGE.text).value); $("sample").value = ""; at = 0; restart(); });
    on("sample", "change", () => {
        if (!$("sample").value)
            return;
        PAGE.sample($("sample").value);
        at = 0;
        showFields();
        restart();
    });
    on("file-open", "click", () => $("file").click());
    on("file", "change", async () => {
        const file = $("file").files[0];
        try {
            if (file)
                await PAGE.file(file);
        } catch (e) {
            tell(`${file.name} cannot be read: ${e.message.replace(/\.$/, "")}.`);
        }
    });
    const steps = {first: () => go(0), prev: () => go(at - 1), next: () => go(at + 1), last: () => go(Infinity), ...PAGE.steps};
    for (const id in steps)
        on(id, "click", () => { stop(); if (runs.length) steps[id](); });
    on("play", "click", play);
    on("speed", "input", () => setSpeed(+$("speed").value));
    on("seek", "input", () => { stop(); go(+$("seek").value); });
    on("theme", "click", switchTheme);
    on("help-open", "click", () => $("help").showModal());
    on("all", "click", () => runs.length && PAGE.all());
    on("copy", "click", () => {
        flushLink();
        const done = () => tell(PAGE.copied()), not = () => tell("Copy the address above.");
        if (navigator.clipboard)
            navigator.clipboard.writeText(location.href).then(done, not);
        else
            not();
    });
    prefersDark.addEventListener("change", () => { if (!theme) { setTheme(""); PAGE.themed(); } });
    window.addEventListener("resize", () => runs.length && PAGE.resized());
    window.addEventListener("hashchange", begin);
    document.addEventListener("keydown", onKey);
}

function start() {
    listen();
    begin();
    document.documentElement.dataset.ready = "yes";
}
