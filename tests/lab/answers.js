// The player's module and what it says of each step, against build/host/replay and against small models.
"use strict";
const fs = require("fs"), path = require("path"), os = require("os");
const {execFileSync} = require("child_process");

const [wasm, replay] = process.argv.slice(2);
const source = ["page/core", "player/run", "player/explain"].map(f => fs.readFileSync(path.join(__dirname, "../../tools/lab", `${f}.js`), "utf8")).join("\n");
const {Run, Core, explain, CAME_TO, LOOK, WHY, ABOUT} = new Function(source + "\nreturn {Run, Core, explain, CAME_TO, LOOK, WHY, ABOUT};")();
const MODULE = new WebAssembly.Module(fs.readFileSync(wasm));
const POLICIES = Core.policies(MODULE);
const dir = fs.mkdtempSync(path.join(os.tmpdir(), "player-"));
process.on("exit", () => fs.rmSync(dir, {recursive: true, force: true}));

let count = 0, failed = 0;
function ok(is, what, found) {
    count++;
    failed += !is;
    console.log(`${is ? "ok" : "not ok"} ${count} - ${what}`);
    if (!is && found !== undefined)
        console.log(String(found).replace(/^/gm, "# "));
    return is;
}
const is = (got, want, what) => ok(got === want, what, `got      ${got}\nexpected ${want}`);

function generator(seed) {
    let x = seed >>> 0;
    return below => {
        x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
        return Math.floor(x / 4294967296 * below);
    };
}

// --- equal to replay ---

const draw = generator(20261129);
const STRINGS = {
    "Belady's": "1 2 3 4 1 2 5 1 2 3 4 5",
    "a textbook's": "7 0 1 2 0 3 0 4 2 3 0 3 2 1 2 0 1 7 0 1",
    "a loop": Array.from({length: 120}, (_, i) => i % 7).join(","),
    "a random one": Array.from({length: 350}, () => Math.floor(draw(100) * draw(100) / 250) + (draw(4) ? "" : "w")).join(" "),
    "a scan past a hot set": Array.from({length: 250}, (_, i) => (i % 3 ? draw(9) : `0x${(100 + i % 90).toString(16)}`) + (i % 7 ? "" : "w")).join("\n"),
};

// As --steps prints it.
function line(run, step) {
    const gone = run.is(step, CAME_TO.evict) ? run.victim[step - 1] : "-";
    return `${run.page[step - 1]} ${run.is(step, CAME_TO.hit) ? "hit" : "miss"} victim ${gone}`;
}

function replayed(file, how, ...more) {
    const text = execFileSync(replay, [file, "--policy", how.policy, "--frames", how.frames, ...(how.tlb ? ["--tlb", how.tlb] : []),
        ...(how.rss ? ["--rss", how.rss] : []), ...(how.unused ? ["--load-unused"] : []), ...more], {encoding: "utf8", maxBuffer: 1 << 26});
    return {steps: text.split("\n").filter(l => / victim /.test(l)), misses: +/misses (\d+)/.exec(text)[1], salvages: +(/^(\d+) salvages/m.exec(text) || [0, 0])[1]};
}

ok(POLICIES.length >= 17 && POLICIES[0].name === "clock" && POLICIES[0].isKernels, "the module has the kernel's policies and the simulator's",
    POLICIES.map(p => p.name).join(" "));
for (const {name} of POLICIES) {
    let compared = 0, back = 0, differs = "";
    for (const s in STRINGS) {
        const file = path.join(dir, "string");
        fs.writeFileSync(file, STRINGS[s]);
        for (const how of [{frames: 3}, {frames: 4, tlb: 3}, {frames: 9, unused: true}, {frames: 24, rss: 5}]) {
            how.policy = name;
            const want = replayed(file, how, "--steps"), run = new Run(MODULE, STRINGS[s], how);
            const sums = run.sums(run.count, {hit: 0, miss: 0, write: 0, salvage: 0});
            for (let i = 1; i <= run.count; i++)
                if (line(run, i) !== want.steps[i - 1].replace(/ memory .*/, ""))
                    differs = differs || `${s}, ${JSON.stringify(how)}, step ${i}: ${line(run, i)}; replay: ${want.steps[i - 1]}`;
            if (sums.misses !== want.misses || sums.salvages !== want.salvages || want.steps.length !== run.count)
                differs = differs || `${s}, ${JSON.stringify(how)}: ${sums.misses} misses, ${sums.salvages} put back; replay: ${want.misses}, ${want.salvages}`;
            compared += run.count;
            // To and fro: the memory is that of the step, whichever way one came.
            for (let k = 0; k < 6; k++) {
                const at = k % 3 ? 1 + draw(run.count) : Math.max(1, run.at - 1);
                run.go(at);
                const said = `${line(run, at)} memory ${run.memory().join(",")}`;
                if (said !== want.steps[at - 1])
                    differs = differs || `${s}, ${JSON.stringify(how)}, back at ${at}: ${said}; replay: ${want.steps[at - 1]}`;
                back++;
            }
        }
    }
    ok(!differs, `${name}: ${compared} steps and ${back} jumps equal replay's`, differs);
}

// --- words, as a captured trace has them ---

const words = Uint32Array.from({length: 3000}, () => draw(300)), file = path.join(dir, "trace.u32");
fs.writeFileSync(file, words);
{
    const run = new Run(MODULE, new Uint8Array(words.buffer), {policy: "two-list", frames: 64});
    is(run.count - run.hits[run.count], replayed(file, {policy: "two-list", frames: 64}).misses, "words: the same misses");
    const cut = new Run(MODULE, new Uint8Array(words.buffer), {policy: "two-list", frames: 64, most: 500});
    is(`${cut.count} of ${cut.whole}`, "500 of 3000", "words: the beginning of them");
    is(cut.hits[500], run.hits[500], "the beginning goes as the whole does");
    run.go(2999);
    run.go(1234);
    const all = r => JSON.stringify([{...r.now}, {...r.then, log_count: 0}, r.log]);
    const once = all(run);
    const fresh = new Run(MODULE, new Uint8Array(words.buffer), {policy: "two-list", frames: 64});
    for (let i = 1; i <= 1234; i++)
        fresh.go(i);
    ok(all(fresh) === once, "a step back finds the lists, the bits and the log of going forward");
}

// --- a recording of the plugin's, whole and cut anywhere: the format is in docs/lab.md ---

{
    const note = (value, what) => value << 12 | 3 << 10 | what, name = text => [0, 4, 8, 12].map(i => Buffer.from(text.padEnd(16, "\0")).readUInt32LE(i));
    const refs = Array.from({length: 60}, () => draw(40)), w = [note(0, 3), 7, 70, ...name("one"), note(0, 2)];
    refs.forEach((page, i) => {
        w.push(page << 12 | (i % 3) << 10 | 1);
        if (i === 30)
            w.push(note(1, 3), 8, 80, ...name("two"), note(1, 2), 99 << 12 | 1 << 10 | 5, note(0, 2), note(12, 1));
    });
    w.push(note(0, 4), 0, 0, 0, 0, 0, 0);
    const whole = Buffer.concat([Buffer.from("QUIRETR1"), Buffer.from(Uint32Array.from(w).buffer)]);
    let wrong = "", programs = new Core(MODULE).recording(whole, false);
    is(programs.map(p => `${p.name} ${p.pid} ${p.references} ${p.isBusiest}`).join(", "), "one 7 60 true, two 8 1 false", "a recording's programs");
    for (let size = 44; size < whole.length; size++) {
        const core = new Core(MODULE);
        programs = core.recording(whole.subarray(0, size), true);
        const {page, write} = core.program(0, 1000), whole32 = size - 8 >> 2;
        if (page.some((p, i) => p !== refs[i] || write[i] !== (i % 3 === 2 ? 1 : 0)) || page.length + 17 < whole32 - 8)
            wrong = wrong || `${size} bytes: ${page}`;
    }
    ok(!wrong, "a recording that is cut off gives the references up to there", wrong);
    for (const size of [9, 40, 100, whole.length - 4]) {
        let said = "";
        try {
            new Core(MODULE).recording(whole.subarray(0, size), false);
        } catch (e) {
            said = e.message;
        }
        ok(/damaged/.test(said), `one of ${size} bytes that should be whole is refused`, said);
    }
    const core = new Core(MODULE);
    core.recording(whole, false);
    const string = core.program(0, 50), run = new Run(MODULE, string, {policy: "clock-dirty", frames: 9});
    fs.writeFileSync(file, refs.slice(0, 50).map((p, i) => `${p}${i % 3 === 2 ? "w" : ""}`).join(" "));
    is(`${run.count} ${run.count - run.hits[run.count]}`, `50 ${replayed(file, {policy: "clock-dirty", frames: 9}).misses}`, "its beginning goes as replay does it");
    is(new Core(MODULE).recording(Buffer.from("1 2 3"), false), null, "what is none is none");
}

// --- bad strings ---

for (const [text, like] of [["1 2 three", /Reference 3 is not/], ["", /no references/], ["4294967296", /Reference 1 is not/], ["# 1", /no references/]]) {
    let said = "";
    try {
        new Run(MODULE, text, {policy: "fifo", frames: 3});
    } catch (e) {
        said = e.message;
    }
    ok(like.test(said), `"${text}" is refused`, said);
}
for (const frames of [0, 1025]) {
    let said = "";
    try {
        new Run(MODULE, "1 2", {policy: "fifo", frames});
    } catch (e) {
        said = e.message;
    }
    ok(/cannot run/.test(said), `${frames} frames are refused`, said);
}

// --- sentences: each victim is named, with what a small model of its own says of it ---

function numbersIn(text) {
    return (text.match(/\d+/g) || []).map(Number);
}

// Second chance over a list, written from the textbook: whom the hand passes, and whom it takes.
function clockModel(refs, frames) {
    const queue = [], used = new Set(), steps = [];
    for (const page of refs) {
        const passed = [];
        let victim = null;
        if (!queue.includes(page)) {
            if (queue.length === frames) {
                while (used.has(queue[0])) {
                    passed.push(queue[0]);
                    used.delete(queue[0]);
                    queue.push(queue.shift());
                }
                victim = queue.shift();
            }
            queue.push(page);
        }
        used.add(page);
        steps.push({victim, passed});
    }
    return steps;
}

{
    const refs = Array.from({length: 400}, () => Math.floor(draw(20) * draw(20) / 20)), run = new Run(MODULE, refs.join(" "), {policy: "clock", frames: 6});
    let wrong = "", evictions = 0, most = 0;
    clockModel(refs, 6).forEach(({victim, passed}, i) => {
        if (victim === null)
            return;
        run.go(i + 1);
        if (!run.is(i + 1, CAME_TO.evict)) {
            wrong = wrong || `step ${i + 1}: nothing goes`;
            return;
        }
        const said = explain(run), text = said.text.replace(/^clock: /, "").replace(/ (enters|was modified).*/, "");
        const want = passed.length ? [...passed, victim] : [victim];
        evictions++;
        most = Math.max(most, passed.length);
        if (JSON.stringify(numbersIn(text)) !== JSON.stringify(want) || said.kind !== "evict")
            wrong = wrong || `step ${i + 1}: "${said.text}", the model: passed ${passed}, took ${victim}`;
    });
    ok(!wrong && evictions > 50 && most === 6, `clock: ${evictions} sentences name whom a model of it passes and takes, ${most} passed at most`, wrong);
}
{
    const text = "7 0w 1 2 0 3 0 4 2 3w 0 3 2 1 2 0 1 7 0 1", run = new Run(MODULE, text, {policy: "lru", frames: 3});
    const refs = Array.from(run.page);
    let wrong = "";
    for (let i = 1; i <= run.count; i++) {
        run.go(i);
        if (!run.is(i, CAME_TO.evict))
            continue;
        const victim = run.victim[i - 1], when = refs.lastIndexOf(victim, i - 2) + 1;
        if (!explain(run).text.startsWith(`lru: ${victim} was used longest ago of all, at step ${when}.`))
            wrong = wrong || `step ${i}: ${explain(run).text}`;
    }
    ok(!wrong, "lru: the step of the last use is right", wrong);
    const best = new Run(MODULE, text, {policy: "opt", frames: 3});
    for (let i = 1; i <= best.count; i++) {
        best.go(i);
        if (!best.is(i, CAME_TO.evict))
            continue;
        const victim = best.victim[i - 1], next = refs.indexOf(victim, i - 1) + 1;
        if (!explain(best).text.includes(next ? `the next use of ${victim} is at step ${next}, farthest` : `${victim} is not used again`))
            wrong = wrong || `step ${i}: ${explain(best).text}`;
    }
    ok(!wrong, "opt: the step of the next use is right", wrong);
}
for (const {name} of POLICIES) {
    let wrong = "", said = 0;
    for (const s in STRINGS)
        for (const frames of [5]) {
            const run = new Run(MODULE, STRINGS[s], {policy: name, frames});
            for (let i = 1; i <= Math.min(run.count, 150); i++) {
                run.go(i);
                const e = explain(run);
                const asked = run.log.filter(x => x.what === LOOK.take && x.answer).map(x => x.page);
                const good = run.is(i, CAME_TO.evict) ? e.kind === "evict" && e.text.startsWith(`${name}: `) && numbersIn(e.text).includes(run.victim[i - 1]) :
                    run.is(i, CAME_TO.hit) ? ["hit", "salvage"].includes(e.kind) : e.kind === "free";
                if (!good || /undefined|NaN|null|  /.test(e.text) || !/[.]$/.test(e.text) || run.now.log_lost)
                    wrong = wrong || `${s}, ${frames} frames, step ${i}: ${e.kind}: ${e.text} (asked: ${asked})`;
                said++;
            }
        }
    ok(!wrong, `${name}: ${said} steps are told, each victim by its name`, wrong);
}

// A few, whole.
for (const [policy, frames, text, step, want] of [
    ["clock", 3, "1 2 3 4 2 5", 6, "clock: the hand passed 2, whose referenced bit it cleared, and took 3, whose bit was clear: not used since."],
    ["fifo", 3, "1 2 3 1 4", 5, "fifo: no bit is looked at: 1 was loaded at step 1 before all others in memory, and is first in the queue."],
    ["clock-dirty", 2, "w1 2 3", 3, "clock-dirty: looking for a page neither used nor modified, the hand passed 1 and 2 (used); then, looking for one that was not used, " +
        "it passed 1 and 2, whose referenced bits it cleared; then, looking for a page neither used nor modified, the hand passed 1 (modified); " +
        "it took 2, neither used nor modified."],
    ["sieve", 3, "1 2 3 1 4 1 5", 7, "sieve: the hand was at 3, whose referenced bit was clear, and took it."],
    ["two-list", 3, "1 2 3 4 1", 5, "two-list: 4, used while inactive, became active; 2, not used, went down to the inactive list; 2 was the first inactive page that " +
        "was not used. 1 was still remembered from when it went, and it enters the active list."],
    ["s3-fifo", 3, "1 1 2 3 4", 5, "s3-fifo: 1, used at least twice, went on to the main queue; 2 is first in the small queue and was used less than twice. " +
        "4 enters the small queue."],
    ["aging", 3, "1 2 3 4", 4, "aging: the hand shifted each counter it came to, passed 1 (0xc0), 2 (0xc0) and 3 (0xc0) and took 1, whose counter 0x60 is not above 0x60, " +
        "the lowest of the last turn, shifted."],
    ["2q", 4, "1 2 3 4 5", 5, "2q: only A1in has pages, so the oldest there, 1, goes. 5 enters A1in."],
]) {
    const run = new Run(MODULE, text, {policy, frames});
    run.go(step);
    is(explain(run).text, want, `${policy}: the sentence of step ${step}`);
}
{
    const run = new Run(MODULE, "1 2 3 4 1 5 2", {policy: "vms", frames: 4});
    run.go(4);
    is(explain(run).text, "4 is not in memory. Frame 3 was free, so nothing has to go. The set is above its limit of 3, so its oldest page, 1, is set aside on the clean list.",
        "vms: what a full set sets aside");
    run.go(5);
    is(explain(run).text, "1 had been set aside on the clean list and is still in frame 0: the fault puts it back into the set and reads nothing. " +
        "The set is above its limit of 3, so its oldest page, 2, is set aside on the clean list.", "vms: what comes back");
    is(run.sums(5, {hit: 100, miss: 1000, write: 0, salvage: 10}).amat, 100 + (4 * 1000 + 10) / 5, "the mean time of an access");
}
// A policy that is new here: what it asked is told all the same.
{
    delete WHY.clock;
    delete ABOUT.clock;
    const run = new Run(MODULE, "1 2 3 4 2 5", {policy: "clock", frames: 3});
    run.go(6);
    is(explain(run).text, "clock: 2, used; 3, not used; 3 goes, of list 0.", "a policy without sentences of its own");
}
console.log(`1..${count}`);
process.exitCode = failed ? 1 : 0;
