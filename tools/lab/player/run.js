// One policy over one string: an instance of the simulator's core (core.c), with which one can go back. Without a page.
"use strict";

const CHUNK = 256;   // words that steps back share as long as they are the same
const STACK = 65536; // bytes: wasm-ld's -z stack-size
const CAME_TO = {hit: 1, evict: 2, dirty: 4, salvage: 8, write: 16};
const LOOK = {take: 0, used: 1, dirty: 2, park: 3};
const MOMENT = {search: 16, found: 17, gone: 18, entered: 19, mapped: 20, used: 21};
const MOVED = 32;
const NO_LIST = 4; // a page that is on none
const IN_SET = 2;  // the list where the sets of vms are shown
const PARKED = 1 << 10;
const NEVER = 0xFFFFFFFF;

// The order of struct state's first words.
const STATE = ["done", "in_memory", "frames", "log_count", "log_lost", "hand", "turn", "level", "lowest", "looks", "in_sets", "set_limit",
    "ghosts", "ghost_limit", "ghost_max", "promoted", "demoted", "parked", "salvaged_clean", "salvaged_dirty", "refaults", "tlb_count"];
const SLOT_WORDS = 12, ENTRY_WORDS = 8, LISTS = 4, TLB_MAX = 64;

class Core extends Instance {
    #put(array) { return this.put("player_room", array); }
    // A string of references: text, bytes of 32-bit words, or {page, write} as program() gives it. An error says which one is none.
    load(string) {
        if (string.page) {
            this.x.player_given(this.#put(string.page), this.#put(string.write), string.page.length);
            return string.page.length;
        }
        const isText = typeof string === "string";
        const bytes = isText ? new TextEncoder().encode(string) : string;
        const at = this.#put(bytes);
        const count = this.x[isText ? "player_text" : "player_words"](at, bytes.length) >>> 0;
        const bad = this.x.player_bad() >>> 0;
        if (!count)
            throw new Error(bad ? `Reference ${bad} is not a page number.` : "There are no references.");
        return count;
    }
    // What is in a recording of the plugin's (docs/lab.md): [{name, pid, references, isBusiest}]; null: it is none. isCut: there is more.
    recording(bytes, isCut) {
        const at = this.put("player_room", bytes, this.x.player_recording_room());
        if (!this.x.player_is_recording(at, bytes.length))
            return null;
        const n = this.x.player_recording(at, bytes.length, isCut ? 1 : 0) >>> 0, all = [];
        if (!n)
            throw new Error("it is damaged, or not complete");
        const busiest = this.x.player_busiest() >>> 0;
        for (let i = 0; i < n; i++)
            all.push({name: this.text(this.x.player_program_name(i) >>> 0), pid: this.x.player_program_pid(i) >>> 0,
                references: this.x.player_program_references(i) >>> 0, isBusiest: i === busiest});
        return all;
    }
    // The first references of one of its programs. Once in an instance.
    program(i, most) {
        const n = Math.min(most, this.x.player_program(i) >>> 0), pages = this.x.player_pages() >>> 2, writes = this.x.player_writes() >>> 0;
        return {page: this.words.slice(pages, pages + n), write: this.bytes.slice(writes, writes + n)};
    }
    // [{name, isKernels}], as the module numbers them.
    static policies(module) {
        if (Core.#known.has(module))
            return Core.#known.get(module);
        const core = new Core(module), all = [], kernels = core.x.player_kernel_policies();
        for (let i = 0, at; (at = core.x.player_policy(i)) !== 0; i++)
            all.push({name: core.text(at), isKernels: i < kernels});
        Core.#known.set(module, all);
        return all;
    }
    static #known = new WeakMap();
}

// How often the whole of memory is kept, so that a step back is a short run from there.
const keepEvery = count => Math.max(32, Math.ceil(count / 256));

class Run {
    // how: {policy, frames, tlb, rss, unused, most}, as replay's options; most: references, or 0 for all.
    constructor(module, string, how) {
        const number = Core.policies(module).findIndex(p => p.name === how.policy);
        this.how = how;
        this.core = new Core(module);
        this.x = this.core.x;
        this.whole = this.core.load(string);
        this.count = how.most ? Math.min(this.whole, how.most) : this.whole;
        this.x.player_cut(this.count);
        if (number < 0 || !this.x.player_begin(number, how.frames, how.tlb || 0, how.rss || 0, how.unused ? 1 : 0))
            throw new Error(`${how.policy} cannot run with ${how.frames} frames.`);
        const pages = this.x.player_pages() >>> 2, writes = this.x.player_writes() >>> 0;
        this.page = this.core.words.slice(pages, pages + this.count);
        this.write = this.core.bytes.slice(writes, writes + this.count);
        this.#runAll();
        this.go(0);
    }

    // Once through, for what each step comes to, keeping copies.
    #runAll() {
        const every = this.every = keepEvery(this.count);
        const came = this.x.player_room(every) >>> 0, victims = this.x.player_room(4 * every) >>> 0;
        this.memoryRoom = this.x.player_room(4 * this.how.frames) >>> 0;
        const x = this.x, n = this.count;
        this.cameTo = new Uint8Array(n);
        this.victim = new Uint32Array(n);
        this.heapEnd = x.player_heap_end() >>> 0;
        this.kept = [this.#copy(null)];
        for (let done = 0; done < n;) {
            const some = x.player_run(every, came, victims);
            this.cameTo.set(this.core.bytes.subarray(came, came + some), done);
            this.victim.set(this.core.words.subarray(victims >>> 2, (victims >>> 2) + some), done);
            done += some;
            this.kept.push(this.#copy(this.kept[this.kept.length - 1]));
        }
        if (!x.player_verify())
            throw new Error(`${this.how.policy} is not sound: ${this.core.said.join("; ")}`);
        // Sums up to each step.
        const sum = bit => {
            const s = new Uint32Array(n + 1);
            for (let i = 0; i < n; i++)
                s[i + 1] = s[i] + (this.cameTo[i] & bit ? 1 : 0);
            return s;
        };
        this.hits = sum(CAME_TO.hit);
        this.evictions = sum(CAME_TO.evict);
        this.writes = sum(CAME_TO.dirty);
        this.salvages = sum(CAME_TO.salvage);
    }

    // What of memory can differ between two steps: [start, end) in bytes. Not the stack, which is empty between calls and lies first,
    // nor the frames' contents, but for ghosts.
    #ranges() {
        const x = this.x, far = x.player_far_start() >>> 0, farEnd = x.player_far_end() >>> 0, ghosts = x.player_ghosts() >>> 0;
        const all = [[STACK, x.player_scratch_start() >>> 0], [x.player_scratch_end() >>> 0, far], [farEnd, this.heapEnd]];
        if (ghosts)
            all.push([ghosts, ghosts + (x.player_ghosts_size() >>> 0)]);
        return all.map(([start, end]) => [start >>> 2, end + 3 >>> 2]);
    }
    // A copy of memory that shares with the one before what has not changed.
    #copy(before) {
        const words = this.core.words, chunks = [];
        for (const [start, end] of this.#ranges())
            for (let at = start; at < end; at += CHUNK) {
                const old = before && before[chunks.length];
                chunks.push(old && this.#isSame(words, at, old.words) ? old : {at, words: words.slice(at, Math.min(end, at + CHUNK))});
            }
        return chunks;
    }
    #isSame(words, at, old) {
        for (let i = 0; i < old.length; i++)
            if (words[at + i] !== old[i])
                return false;
        return true;
    }
    #restore(chunks) {
        const words = this.core.words;
        for (const c of chunks)
            words.set(c.words, c.at);
    }

    // To after `at` references: what was there before the last of them (then), after it (now), and what it did (log).
    go(at) {
        at = Math.max(0, Math.min(this.count, at));
        if (this.now && at === this.at)
            return;
        if (this.now && at === this.at + 1) {
            this.then = this.now;
        } else {
            const from = Math.floor(Math.max(0, at - 1) / this.every);
            this.#restore(this.kept[from]);
            const more = Math.max(0, at - 1) - from * this.every;
            if (more)
                this.x.player_run(more, 0, 0);
            this.then = this.#state();
        }
        this.log = [];
        if (at > 0) {
            this.recalled = this.x.player_ghost(this.page[at - 1]) >>> 0; // its age + 1, if the page is remembered
            this.x.player_step();
            this.now = this.#state();
            this.log = this.#log();
        } else {
            this.now = this.then;
        }
        this.at = at;
    }

    #state() {
        const at = this.x.player_state() >>> 2, w = this.core.words, state = {};
        STATE.forEach((name, i) => state[name] = w[at + i]);
        const max = this.x.player_frames_max();
        let list = at + STATE.length + LISTS;
        state.lists = [];
        for (let i = 0; i < LISTS; i++) {
            const n = w[at + STATE.length + i];
            state.lists.push(Array.from(w.subarray(list, list + n)));
            list += n;
        }
        const tlb = at + STATE.length + LISTS + max;
        state.tlb = Array.from(w.subarray(tlb, tlb + state.tlb_count));
        state.slots = [];
        for (let i = 0; i < state.in_memory; i++) {
            const [page, uses, dirty, inTlb, flags, onList, byte, number, loaded, nextUse, knowsFuture] =
                w.subarray(tlb + TLB_MAX + i * SLOT_WORDS, tlb + TLB_MAX + (i + 1) * SLOT_WORDS);
            state.slots.push({page, uses, dirty: !!dirty, inTlb: !!inTlb, isParked: !!(flags & PARKED), list: onList, byte, number, loaded,
                nextUse: knowsFuture ? nextUse : undefined});
        }
        return state;
    }

    #log() {
        const at = this.x.player_log() >>> 2, w = this.core.words, log = [];
        for (let i = 0; i < this.now.log_count; i++) {
            const [what, page, slot, answer, list, listAfter, byte, byteAfter] = w.subarray(at + i * ENTRY_WORDS, at + (i + 1) * ENTRY_WORDS);
            log.push({what, page, slot, answer, list, listAfter, byte, byteAfter});
        }
        return log;
    }

    // The pages of `candidates` that went and are remembered: [{page, age}], the oldest first.
    ghosts(candidates) {
        const all = [];
        for (const page of candidates) {
            const age = this.x.player_ghost(page) >>> 0;
            if (age)
                all.push({page, age: age - 1});
        }
        return all.sort((a, b) => b.age - a.age);
    }

    // The pages in memory, as replay's --steps lists them.
    memory() {
        const n = this.x.player_memory(this.memoryRoom);
        return Array.from(this.core.words.subarray(this.memoryRoom >>> 2, (this.memoryRoom >>> 2) + n));
    }

    is(step, bit) { return !!(this.cameTo[step - 1] & bit); }
    // The next step after `at`, or the last before it, at which a page was missed; 0: there is none.
    missAfter(at) {
        for (let i = at + 1; i <= this.count; i++)
            if (!this.is(i, CAME_TO.hit))
                return i;
        return 0;
    }
    missBefore(at) {
        for (let i = at - 1; i > 0; i--)
            if (!this.is(i, CAME_TO.hit))
                return i;
        return 0;
    }
    // The last step before `step` at which the page was referenced, or loaded; 0: there is none.
    lastUse(page, step) {
        for (let i = step - 1; i > 0; i--)
            if (this.page[i - 1] === page)
                return i;
        return 0;
    }
    lastLoad(page, step) {
        for (let i = step - 1; i > 0; i--)
            if (this.page[i - 1] === page && !this.is(i, CAME_TO.hit))
                return i;
        return 0;
    }

    // Sums after `at` references. cost: {hit, miss, write, salvage} in ns; amat in ns.
    sums(at, cost) {
        const hits = this.hits[at], writes = this.writes[at], salvages = this.salvages[at];
        const misses = at - hits;
        const amat = at ? cost.hit + (misses * cost.miss + writes * cost.write + salvages * cost.salvage) / at : 0;
        return {hits, misses, writes, salvages, evictions: this.evictions[at], rate: at ? hits / at : 0, amat};
    }
}
