// An instance of a module of WebAssembly, as both pages and their tests without a page use it.
"use strict";

class Instance {
    constructor(module) {
        this.said = [];
        const say = (at, size) => this.said.push(new TextDecoder().decode(new Uint8Array(this.x.memory.buffer, at, size).slice()));
        this.x = new WebAssembly.Instance(module, {player: {say}}).exports;
    }
    get bytes() { return new Uint8Array(this.x.memory.buffer); }
    get words() { return new Uint32Array(this.x.memory.buffer); }
    array(at, n) { return this.words.slice(at >>> 2, (at >>> 2) + n); }
    // So many bytes, or all up to a 0.
    text(at, size) {
        const b = this.bytes;
        let end = size === undefined ? at : at + size;
        while (size === undefined && b[end])
            end++;
        return new TextDecoder().decode(b.slice(at, end));
    }
    // A copy of an array in memory that `room`, one of its functions, gives. Where it is.
    put(room, array, more = 0) {
        const at = this.x[room](array.byteLength + more) >>> 0;
        if (!at)
            throw new Error("There is not enough memory for so much");
        this.bytes.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), at);
        return at;
    }
}
