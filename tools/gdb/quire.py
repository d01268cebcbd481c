"""gdb helpers for Quire: look at its memory from outside.

Sourced by tools/debug; in any other gdb that talks to qemu-system-i386:

    source tools/gdb/quire.py

The commands only read. They never call a function of the kernel and never
read through the address space that happens to be active: every byte comes from
physical memory (QEMU's Qqemu.PhyMemMode), and addresses are translated here.
So they work wherever the kernel is stopped, before paging and in the middle of
a list operation too, and what they say is a second opinion.

Arguments are expressions, separated by commas. VM is a struct vm or a pointer to
one, for a test that has its own; without it the machine's, vm_sys, is meant.
"""

import contextlib
import struct

import gdb

PAGE_SHIFT = 12
PAGE_SIZE = 1 << PAGE_SHIFT
KERNEL_BASE = 0xC0000000  # the direct map, mm/layout.h
DIRECT_END = 0xF0000000
USER_SPANS = KERNEL_BASE >> 22
PRESENT, WRITE, USER, ACCESSED, DIRTY, LARGE, GLOBAL = 1, 2, 4, 0x20, 0x40, 0x80, 0x100
RADIX_BITS = 6  # mm/radix.c
FRAME = USER  # without PRESENT: the entry names a frame, mm/x86/pte.h
PARKED = 0x200  # of such an entry: the fault puts the page back; otherwise nobody may touch it
SLOT_SHIFT = 3  # of a swap slot in an entry
MASK64 = (1 << 64) - 1
AREA_SHIFT = 24  # of the area in a slot, mm/swap.h
PATH_PARTS = 64  # of a path that is told
SLOT_LOST = 8 << AREA_SHIFT  # the slot of no area that lost pages name


class Problem(gdb.GdbError):
    """What the user is told, without a Python traceback."""


# --- memory ---


@contextlib.contextmanager
def physical():
    """QEMU's stub reads and writes physical memory in here."""

    def mode(on):
        reply = gdb.execute("maint packet Qqemu.PhyMemMode:%d" % on, to_string=True)
        if "OK" not in reply:
            raise Problem("this gdb does not talk to QEMU's stub (%s)" % reply.strip().split("\n")[-1])

    # The frame cache and lazily fetched values hold virtual memory; they are dropped on both sides.
    mode(1)
    try:
        yield
    finally:
        mode(0)


def phys_read(pa, size):
    try:
        return bytes(gdb.selected_inferior().read_memory(pa, size))
    except gdb.MemoryError:
        raise Problem("no memory at physical address 0x%x" % pa)


def id_or_address(n):
    """What was asked for: numbers of spaces and objects are small, and told in decimal as they are counted."""
    return "%d" % n if n < 1 << 20 else "0x%x" % n


def u32(data, offset=0):
    return struct.unpack_from("<I", data, offset)[0]


def words(data):
    return struct.unpack("<%dI" % (len(data) // 4), data)


class Memory:
    """Kernel addresses, translated here. Made anew for each command, so that nothing is stale."""

    def __init__(self, cr0, cr3):
        self.paging = bool(cr0 & 0x80000000)
        self.root = cr3 & ~0xFFF

    def translate(self, va):
        if KERNEL_BASE <= va < DIRECT_END:
            return va - KERNEL_BASE
        if not self.paging:
            raise Problem("0x%x is not in the direct map, and paging is not on yet" % va)
        pa, _ = walk(self.root, va)
        if pa is None:
            raise Problem("kernel address 0x%x is not mapped" % va)
        return pa

    def read(self, va, size):
        out = bytearray()
        while size > 0:
            # The direct map is contiguous; elsewhere a page at a time.
            part = size if KERNEL_BASE <= va < DIRECT_END else min(size, PAGE_SIZE - va % PAGE_SIZE)
            part = min(part, 1 << 20)
            out += phys_read(self.translate(va), part)
            va, size = va + part, size - part
        return bytes(out)

    def load(self, what, va):
        """A gdb.Value of a type (or its name) with the contents of memory at a kernel address."""
        kind = gdb.lookup_type(what) if isinstance(what, str) else what
        if va == 0:
            raise Problem("a null pointer to %s" % kind)
        return gdb.Value(self.read(va, kind.sizeof), kind)

    def string(self, va, limit=64):
        if va == 0:
            return "-"
        out = b""
        while len(out) < limit and b"\0" not in out:  # what is behind its page may be nothing
            out += self.read(va + len(out), min(limit - len(out), PAGE_SIZE - (va + len(out)) % PAGE_SIZE))
        return out.split(b"\0")[0].decode("ascii", "replace")


def walk(root, va):
    """(physical address or None, steps): steps are (level, address of the entry, entry)."""
    steps = []
    at = root + (va >> 22) * 4
    pde = u32(phys_read(at, 4))
    steps.append(("directory", at, pde))
    if not pde & PRESENT:
        return None, steps
    if pde & LARGE:
        return (pde & 0xFFC00000) | (va & 0x3FFFFF), steps
    at = (pde & ~0xFFF) + (va >> 12 & 0x3FF) * 4
    pte = u32(phys_read(at, 4))
    steps.append(("table", at, pte))
    if not pte & PRESENT:
        return None, steps
    return (pte & ~0xFFF) | (va & 0xFFF), steps


def entry_frame(entry):
    """The frame that an entry names, or None."""
    return entry >> PAGE_SHIFT if entry & (PRESENT | FRAME) else None


def entry_slot(entry):
    """The swap slot that an entry names, or None."""
    return entry >> SLOT_SHIFT if entry and not entry & (PRESENT | FRAME) else None


def mix(x):
    """table_mix() of mm/table.h: sums of it tell sets of names apart."""
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & MASK64
    x = (x ^ x >> 27) * 0x94D049BB133111EB & MASK64
    return x ^ x >> 31


def entry_text(entry, directory=False):
    if entry == 0:
        return "empty"
    if directory and not entry & PRESENT:
        return "out, the table is in swap slot 0x%x" % (entry >> SLOT_SHIFT)
    if entry_slot(entry) == SLOT_LOST:
        return "lost: its swap slot could not be read, and its area is off"
    if entry_slot(entry) is not None:
        return "swap slot 0x%x" % entry_slot(entry)
    if not entry & PRESENT and not entry & PARKED:
        return "frame 0x%x held" % (entry >> PAGE_SHIFT)
    names = [(WRITE, "write"), (USER, "user"), (8, "write-through"), (16, "uncached"), (ACCESSED, "accessed"),
             (DIRTY, "dirty"), (LARGE, "large"), (GLOBAL, "global")]
    flags = [n for bit, n in names if entry & bit]
    if not entry & WRITE:
        flags.insert(0, "read-only")
    if not entry & PRESENT:
        flags.insert(0, "parked:")
    return "frame 0x%x %s" % (entry >> 12, " ".join(flags))


def symbol(name):
    """(address, type) of a global or static variable of the kernel."""
    found = gdb.lookup_global_symbol(name) or gdb.lookup_static_symbol(name)
    if found is None:
        raise Problem("no symbol %s: is build/quire.elf loaded?" % name)
    return int(found.value().address), found.type


def enum_names(enum_type, prefix):
    """Value to name, e.g. FRAME_ANON to anon."""
    return {f.enumval: f.name[len(prefix):].lower() for f in gdb.lookup_type(enum_type).fields()}


def flag_text(flags, prefix):
    """Names of set bits from the anonymous enum whose constants begin with prefix."""
    out = []
    for name in FLAG_NAMES[prefix]:
        try:
            bit = int(gdb.parse_and_eval(prefix + name))
        except gdb.error:
            continue
        if flags & bit:
            out.append(name.lower())
    return " ".join(out) or "-"


FLAG_NAMES = {
    "FRAME_F_": ["BUDDY", "HOT", "LISTED", "BUSY", "WRITEBACK", "DIRTY", "REFERENCED",
                 "READAHEAD", "LAZY", "PRECIOUS"],
    "REGION_": ["SHARED", "GROWSDOWN", "LOCKED"],
}


class Layout:
    """Bulk access to an array of one struct type: a tuple of the wanted scalar fields for each element."""

    def __init__(self, kind, fields):
        self.size = kind.sizeof
        offsets = {f.name: (f.bitpos // 8, f.type.strip_typedefs().sizeof) for f in kind.fields()}
        wanted = sorted(fields, key=lambda f: offsets[f][0])
        text, at = "<", 0
        for name in wanted:
            offset, size = offsets[name]
            text += "%dx" % (offset - at) if offset > at else ""
            text += {1: "B", 2: "H", 4: "I", 8: "Q"}[size]
            at = offset + size
        self.format = text + ("%dx" % (self.size - at) if self.size > at else "")
        self.order = {name: i for i, name in enumerate(wanted)}
        self.pick = [self.order[name] for name in fields]

    def all(self, data):
        pick = self.pick
        for row in struct.iter_unpack(self.format, data):
            yield tuple(row[i] for i in pick)


# --- the kernel's own structures ---


def is_struct(kind, tag):
    """By tag: what str() gives depends on the language of the frame where the kernel is stopped."""
    kind = kind.strip_typedefs()
    return kind.code == gdb.TYPE_CODE_STRUCT and kind.tag == tag


class Kernel:
    """What the commands ask of the kernel. Use inside physical()."""

    def __init__(self, cr0, cr3, vm_at=None):
        self.mem = Memory(cr0, cr3)
        self.uses = enum_names("enum frame_use", "FRAME_")
        self.vm = self.mem.load("struct vm", symbol("vm_sys")[0] if vm_at is None else vm_at)
        # The machine's pool is there before its vm.
        self.pool = self.mem.load("struct frame_pool",
                                  symbol("frame_pool_sys")[0] if vm_at is None else int(self.vm["pool"]))
        self.frames_at = int(self.pool["frames"])
        self.start, self.end = int(self.pool["start"]), int(self.pool["end"])
        if not 0 <= self.start <= self.end <= 1 << 20:
            raise Problem("0x%x is no struct vm: its pool would be [0x%x, 0x%x)" %
                          (symbol("vm_sys")[0] if vm_at is None else vm_at, self.start, self.end))

    def need_pool(self):
        if self.frames_at == 0 or self.end == 0:
            raise Problem("the frame pool is not set up yet")

    def has_vm(self):
        return int(self.vm["pool"]) != 0

    def need_vm(self):
        self.need_pool()
        if not self.has_vm():
            raise Problem("the vm is not set up yet")

    def record_at(self, pfn):
        """Address of a record. The table may begin, on paper, below address 0."""
        return (self.frames_at + pfn * gdb.lookup_type("struct frame").sizeof) & 0xFFFFFFFF

    def frame(self, pfn):
        self.need_pool()
        if not self.start <= pfn < self.end:
            raise Problem("frame 0x%x is not in the pool, which is [0x%x, 0x%x)" % (pfn, self.start, self.end))
        return self.mem.load("struct frame", self.record_at(pfn))

    def records(self, *fields):
        """(pfn, field, ...) of every frame of the pool."""
        self.need_pool()
        kind = gdb.lookup_type("struct frame")
        layout = Layout(kind, fields)
        data = self.mem.read(self.record_at(self.start), (self.end - self.start) * kind.sizeof)
        for i, row in enumerate(layout.all(data)):
            yield (self.start + i,) + row

    def use_name(self, use):
        return self.uses.get(use, "use-%d" % use)

    # Spaces, and the tables that they name.

    def linked(self, what, kind, at, link):
        """(address, record) of every record of a list that ends, or of a ring."""
        first, seen = at, set()
        while at:
            if at in seen:
                raise Problem("the list of %s runs in a circle at 0x%x" % (what, at))
            seen.add(at)
            record = self.mem.load(kind, at)
            yield at, record
            at = int(record[link])
            if at == first:
                return

    def spaces(self):
        """(address, struct space) of every space."""
        self.need_vm()
        return self.linked("spaces", "struct space", int(self.vm["spaces"]), "all_next")

    def space(self, wanted):
        """(address, struct space) by address or id."""
        for at, s in self.spaces():
            if wanted in (at, int(s["id"])):
                return at, s
        raise Problem("no space %s; q-spaces lists them" % id_or_address(wanted))

    def directory(self, wanted):
        """The physical address of a directory, given as that, or by the address or id of a space."""
        if self.has_vm() and self.frames_at:
            for at, s in self.spaces():
                if wanted in (at, int(s["id"])):
                    return int(s["pt"]["root"]) << PAGE_SHIFT
        pfn = wanted >> PAGE_SHIFT
        is_known = self.frames_at and self.end
        # CR3 has two bits that say how the directory is cached.
        if pfn == 0 or wanted & PAGE_SIZE - 1 & ~0x18 or is_known and not self.start <= pfn < self.end:
            raise Problem("%s is neither a space (q-spaces lists them) nor the physical address of a directory" %
                          id_or_address(wanted))
        if is_known:
            use = self.use_name(int(self.frame(pfn)["use"]))
            if use not in ("table", "kernel"):
                raise Problem("0x%x is no directory: frame 0x%x is in use for %s" % (wanted, pfn, use))
        return pfn << PAGE_SHIFT

    def policy_sets(self, half):
        """(address, struct policy_set) of every set that has frames under the policy of a half."""
        return self.linked("sets", "struct policy_set", int(half["sets"]), "next")

    def user_tables(self, root):
        """(span address, directory entry) for every non-empty user entry of a root, given as a frame number."""
        directory = words(phys_read(root << PAGE_SHIFT, USER_SPANS * 4))
        for i, pde in enumerate(directory):
            if pde:
                yield i << 22, pde

    def slots_of_tables(self):
        """The slot that each directory entry names which says that its table is out."""
        for _, space in self.spaces():
            for _, pde in self.user_tables(int(space["pt"]["root"])):
                if not pde & PRESENT:
                    yield pde >> SLOT_SHIFT

    def tables(self):
        """{table frame: [(space address, span), ...]} over all spaces, of tables in memory."""
        out = {}
        for at, space in self.spaces():
            for span, pde in self.user_tables(int(space["pt"]["root"])):
                if pde & PRESENT:
                    out.setdefault(pde >> PAGE_SHIFT, []).append((at, span))
        return out

    @staticmethod
    def entries(table):
        """(index, entry) of the non-empty entries of a table frame."""
        for i, entry in enumerate(words(phys_read(table << PAGE_SHIFT, PAGE_SIZE))):
            if entry:
                yield i, entry

    def regions(self, space):
        return self.linked("regions", "struct region", int(space["regions"]["first"]), "next")

    def objects(self):
        self.need_vm()
        return self.linked("objects", "struct object", int(self.vm["objects"]), "next")

    def object_name(self, o):
        """A file's path, as path_of() of kernel/fs/vfs.c makes it, or what else an object is called."""
        name = self.mem.string(int(o["name"]))
        if self.mem.string(int(self.mem.load("struct pager", int(o["pager"]))["name"])) != "file":
            return name
        at = int(o["pager_data"])
        inode = self.mem.load("struct inode", at)
        if int(inode["gone"]):
            return self.mem.string(int(inode["gone"]), 256) + " (deleted)"
        node_type = symbol("ramfs_nodes")[1].target()
        parts = []
        while len(parts) < PATH_PARTS:
            inode = self.mem.load("struct inode", at)
            if int(inode["covers"]):  # the root of a mount: its name is that of the directory below
                at = int(inode["covers"])
                continue
            if at == int(self.mem.load("struct filesystem", int(inode["fs"]))["root"]):
                return "/" + "/".join(reversed(parts))
            entry = self.mem.load(node_type, at)["entry"]
            if not int(entry) or not int(inode["parent"]):
                break
            name_at = next(f for f in entry.type.target().fields() if f.name == "name").bitpos // 8
            parts.append(self.mem.string(int(entry) + name_at, 256))
            at = int(inode["parent"])
        return "inode %d, which has no name" % int(self.mem.load("struct inode", int(o["pager_data"]))["ino"])

    def radix_nodes(self, tree):
        """(address, used, height, first index, words) of every node of a struct radix, from the root down."""
        kind = gdb.lookup_type("struct radix_node")
        words_at = next(f for f in kind.fields() if f.name == "word").bitpos // 8
        used_at = next(f for f in kind.fields() if f.name == "used").bitpos // 8

        def node(at, height, base):
            data = self.mem.read(at, kind.sizeof)
            children = words(data[words_at:])
            yield at, u32(data, used_at), height, base, children
            if height > 1:
                for i, child in enumerate(children):
                    if child:
                        yield from node(child, height - 1, base + (i << RADIX_BITS * (height - 1)))

        if int(tree["height"]) * RADIX_BITS >= 32 + RADIX_BITS:
            raise Problem("a tree of height %d" % int(tree["height"]))
        if int(tree["root"]):
            yield from node(int(tree["root"]), int(tree["height"]), 0)

    def radix(self, tree):
        """(index, word) of every entry of a struct radix."""
        for _, _, height, base, children in self.radix_nodes(tree):
            if height == 1:
                for i, word in enumerate(children):
                    if word:
                        yield base + i, word

    # Swap.

    def areas(self):
        """(number, address, struct swap_area) of every area."""
        self.need_vm()
        first, last = self.vm["swap"]["area"].type.range()
        for i in range(first, last + 1):
            at = int(self.vm["swap"]["area"][i])
            if at:
                yield i, at, self.mem.load("struct swap_area", at)

    def slots(self, area_at, area):
        """(page, frame, count, bad) of every slot of an area, the header included."""
        chunk = gdb.lookup_type("struct swap_chunk")
        per_chunk = PAGE_SIZE // gdb.lookup_type("struct swap_slot").sizeof
        per_dir = PAGE_SIZE // chunk.sizeof
        pages = int(area["pages"])
        for c in range((pages + per_chunk - 1) // per_chunk):
            dir_at = int(area["dir"][c // per_dir])
            slots_at = int(self.mem.load(chunk, dir_at + c % per_dir * chunk.sizeof)["slots"]) if dir_at else 0
            # A chunk that was never used has no slots, which are all free.
            data = words(self.mem.read(slots_at, PAGE_SIZE)) if slots_at else [0] * (2 * per_chunk)
            for i in range(min(per_chunk, pages - c * per_chunk)):
                # The count has 20 bits, 11 are for the entries of a page table; the highest says that the slot is bad.
                yield c * per_chunk + i, data[2 * i], data[2 * i + 1] & 0xFFFFF, data[2 * i + 1] >> 31

    def device_name(self, area):
        return self.mem.load("struct block_device", int(area["dev"]))["name"].string()

    def slot_text(self, slot):
        """What a slot is, in words."""
        if slot == SLOT_LOST:
            return "slot 0x%x: that of lost pages, named by %d" % (slot, int(self.vm["swap"]["lost"]))
        for number, at, area in self.areas():
            if number == slot >> AREA_SHIFT:
                for page, pfn, count, bad in self.slots(at, area):
                    if page == slot & ((1 << AREA_SHIFT) - 1):
                        return "slot 0x%x: page %d of %s, named by %d, %s%s" % (
                            slot, page, self.device_name(area), count,
                            "cached in frame 0x%x" % pfn if pfn else "not in memory", ", bad" if bad else "")
        return "slot 0x%x: no area has it" % slot

    # Caches.

    def caches(self):
        """(address, struct cache) of every cache of the pool."""
        self.need_pool()
        at, seen = int(self.pool["caches"]), set()
        while at:
            if at in seen:
                raise Problem("the list of caches runs in a circle at 0x%x" % at)
            seen.add(at)
            cache = self.mem.load("struct cache", at)
            yield at, cache
            at = int(cache["next_cache"])


# --- checks, used by q-verify ---


class Verify:
    """A recount of everything that the kernel counts. Collects what is wrong."""

    def __init__(self, kernel):
        self.k = kernel
        self.problems = []
        self.done = []

    def expect(self, ok, text):
        if not ok:
            self.problems.append(text)

    def uses(self):
        counts = {}
        for _, use in self.k.records("use"):
            counts[use] = counts.get(use, 0) + 1
        for use, name in sorted(self.k.uses.items()):
            if name == "uses":
                continue
            told = int(self.k.pool["used"][use])
            self.expect(counts.get(use, 0) == told,
                        "uses: %d frames are %s, the pool says %d" % (counts.get(use, 0), name, told))
        self.expect(sum(counts.values()) == self.k.end - self.k.start, "uses: do not add up to the machine")
        self.done.append("%d frames by use" % sum(counts.values()))

    def buddy(self):
        free = 0
        heads = {pfn for pfn, flags in self.k.records("flags")
                 if flags & int(gdb.parse_and_eval("FRAME_F_BUDDY"))}
        listed = set()
        for z in range(2):
            zone = self.k.pool["zone"][z]
            for order, blocks in buddy_lists(self.k, zone):
                told = int(zone["blocks"][order])
                self.expect(len(blocks) == told,
                            "buddy: zone %d order %d has %d blocks, told %d" % (z, order, len(blocks), told))
                for pfn in blocks:
                    self.expect(pfn % (1 << order) == 0, "buddy: block 0x%x is not aligned to order %d" % (pfn, order))
                    self.expect(int(self.k.frame(pfn)["order"]) == order,
                                "buddy: block 0x%x is in the list of order %d" % (pfn, order))
                    self.expect(pfn not in listed, "buddy: block 0x%x is listed twice" % pfn)
                    listed.add(pfn)
                free += len(blocks) << order
            hot = hot_list(self.k, self.k.pool["hot"][z])
            told = int(self.k.pool["hot"][z]["count"])
            self.expect(len(hot) == told, "hot list %d has %d frames, told %d" % (z, len(hot), told))
            free += len(hot)
        self.expect(heads == listed, "buddy: %d frames are marked as heads of free blocks, %d are listed" %
                    (len(heads), len(listed)))
        told = int(self.k.pool["used"][0])
        self.expect(free == told, "buddy: %d frames in lists, %d free" % (free, told))
        self.done.append("%d free frames in lists" % free)

    def tables(self):
        """Every entry of every table: what names a frame is counted there; also slots (returned)."""
        k = self.k
        zero = int(k.vm["zero_pfn"])
        named, slot_names = {}, {}
        family, number_of = {}, {}
        for at, space in k.spaces():
            family[at], number_of[at] = int(space["family"]), int(space["id"])
        records = {pfn: (use, owner) for pfn, use, owner in k.records("use", "owner")}
        tables = k.tables()
        for table, places in tables.items():
            record = k.frame(table)
            self.expect(k.use_name(int(record["use"])) == "table", "table 0x%x has use %s" %
                        (table, k.use_name(int(record["use"]))))
            self.expect(int(record["maps"]) == len(places), "table 0x%x is named by %d roots, maps is %d" %
                        (table, len(places), int(record["maps"])))
            entries = list(k.entries(table))
            self.expect(int(record["used"]) == len(entries), "table 0x%x has %d entries, used is %d" %
                        (table, len(entries), int(record["used"])))
            slots = sum(entry_slot(entry) is not None for _, entry in entries)
            self.expect(int(record["pins"]) == slots, "table 0x%x names %d slots, told %d" %
                        (table, slots, int(record["pins"])))
            for i, entry in entries:
                pfn, slot = entry_frame(entry), entry_slot(entry)
                if slot is not None:
                    slot_names[slot] = slot_names.get(slot, 0) + 1
                elif pfn != zero:
                    named[pfn] = named.get(pfn, 0) + 1
                    use, owner = records.get(pfn, (None, 0))
                    if use is not None and k.use_name(use) == "anon":
                        at, span = places[0]
                        self.expect(owner == family[at], "frame 0x%x at 0x%08x of space %d belongs to another family" %
                                    (pfn, span + (i << PAGE_SHIFT), number_of[at]))
        pageable = {use for use, name in k.uses.items() if name in ("anon", "object")}
        count = 0
        for pfn, use, maps in k.records("use", "maps"):
            names = named.pop(pfn, 0)
            if use in pageable:
                self.expect(maps == names, "frame 0x%x is named by %d entries, maps is %d" % (pfn, names, maps))
                count += 1
            elif names:
                self.expect(False, "frame 0x%x has use %s and is named by %d user entries" %
                            (pfn, k.use_name(use), names))
        for pfn in named:
            self.expect(False, "an entry names frame 0x%x, which is not in the pool" % pfn)
        out = set()
        for slot in k.slots_of_tables():
            slot_names[slot] = slot_names.get(slot, 0) + 1
            out.add(slot)
        told = int(k.vm["tables"]["out"])
        self.expect(len(out) == told, "%d tables are out, told %d" % (len(out), told))
        self.done.append("%d tables, %d out" % (len(tables), len(out)))
        self.done.append("%d pageable frames" % count)
        return slot_names

    def clock(self):
        """The pageable lists hold what is flagged as listed, and nothing else."""
        k = self.k
        listed_flag = int(gdb.parse_and_eval("FRAME_F_LISTED"))
        pageable = {use for use, name in k.uses.items() if name in ("anon", "object")}
        records = list(k.records("use", "flags", "next"))
        links = {pfn: (flags, following) for pfn, use, flags, following in records}
        flagged = {pfn for pfn, use, flags, _ in records if use in pageable and flags & listed_flag}
        walked, told = set(), 0
        for half in range(2):
            state = k.vm["pageable"]["half"][half]
            lists = [state["list"][number] for number in range(4)] + [s["list"] for _, s in k.policy_sets(state)]
            for frames in lists:
                told += int(frames["count"])
                pfn = int(frames["head"])
                while pfn and pfn in links and pfn not in walked:
                    walked.add(pfn)
                    pfn = links[pfn][1]
                self.expect(pfn == 0, "a pageable list leads to frame 0x%x %s" %
                            (pfn, "again" if pfn in walked else "outside the pool"))
            in_sets = sum(int(s["list"]["count"]) for _, s in k.policy_sets(state))
            self.expect(in_sets == int(state["in_sets"]), "%d frames are in sets of programs, told %d" %
                        (in_sets, int(state["in_sets"])))
        self.expect(walked == flagged, "%d frames are on the pageable lists, %d are flagged as listed" %
                    (len(walked), len(flagged)))
        self.expect(len(walked) == told, "%d frames are on the pageable lists, their count is %d" % (len(walked), told))

    def spaces(self):
        """Regions in order, and as many as the tree says."""
        k, spaces, regions = self.k, 0, 0
        for at, space in k.spaces():
            spaces += 1
            count, end = 0, int(space["regions"]["lo"])
            for _, r in k.regions(space):
                self.expect(end <= int(r["start"]) < int(r["end"]), "space %d: region 0x%08x-0x%08x overlaps or is empty" %
                            (int(space["id"]), int(r["start"]), int(r["end"])))
                end = int(r["end"])
                count += 1
                self.expect(int(r["space"]) == at, "space %d: region 0x%08x belongs to another space" %
                            (int(space["id"]), int(r["start"])))
            self.expect(count == int(space["regions"]["count"]), "space %d has %d regions, told %d" %
                        (int(space["id"]), count, int(space["regions"]["count"])))
            regions += count
        self.done.append("%d spaces" % spaces)
        self.done.append("%d regions" % regions)

    def objects(self, slot_names):
        """Every object's index against the frames; its slots are added to slot_names."""
        k = self.k
        records = {pfn: (owner, index) for pfn, use, owner, index in k.records("use", "owner", "index")
                   if k.use_name(use) == "object"}
        count = 0
        for at, o in k.objects():
            name = k.object_name(o)
            resident = swapped = 0
            for _, used, height, _, children in k.radix_nodes(o["index"]):
                told = sum(1 for c in children if c)
                self.expect(told == used, "object %s: a node of height %d has %d words, used is %d" %
                            (name, height, told, used))
            for i, word in k.radix(o["index"]):
                if word & 3 == 1:
                    resident += 1
                    self.expect(records.pop(word >> 2, None) == (at, i),
                                "object %s: page %d is in frame 0x%x, which does not say so" % (name, i, word >> 2))
                else:
                    swapped += word >> 2 != SLOT_LOST
                    slot_names[word >> 2] = slot_names.get(word >> 2, 0) + 1
            for field, found in (("resident", resident), ("swapped", swapped)):
                self.expect(int(o[field]) == found, "object %s: %d pages are %s, told %d" %
                            (name, found, field, int(o[field])))
            count += 1
        for pfn in records:
            self.expect(False, "frame 0x%x is an object's, and no object names it" % pfn)
        self.done.append("%d objects" % count)

    def swap(self, slot_names):
        k = self.k
        cached = {slot: pfn for pfn, use, slot in k.records("use", "slot")
                  if slot and k.use_name(use) in ("anon", "object")}
        used = total_free = 0
        tables = k.vm["tables"]
        told_hidden = int(tables["entries"]) + int(tables["lost"])  # names that are entries of tables on disk
        hidden, hidden_sum = 0, 0
        for number, at, area in k.areas():
            free = bad_slots = 0
            for page, pfn, count, bad in k.slots(at, area):
                slot = number << AREA_SHIFT | page
                names = slot_names.pop(slot, 0)
                self.expect(count == names or (told_hidden and count > names), "slot 0x%x is named %d times, count is %d" % (slot, names, count))
                hidden += count - names
                hidden_sum += (count - names) * mix(slot)
                told = cached.pop(slot, 0)
                self.expect(pfn == told, "slot 0x%x names frame 0x%x, the frame that names it is 0x%x" %
                            (slot, pfn, told))
                used += bool(count or pfn)
                free += not (count or pfn or bad)
                bad_slots += bool(bad and page)
            self.expect(free == int(area["free"]), "area %d has %d free slots, told %d" % (number, free, int(area["free"])))
            self.expect(bad_slots == int(area["bad"]), "area %d has %d bad slots, told %d" %
                        (number, bad_slots, int(area["bad"])))
            total_free += free
        lost, names = int(k.vm["swap"]["lost"]), slot_names.pop(SLOT_LOST, 0)
        self.expect(lost == names or (told_hidden and lost > names), "%d names are of lost pages, told %d" % (names, lost))
        hidden += lost - names
        hidden_sum += (lost - names) * mix(SLOT_LOST)
        if told_hidden:
            self.expect(hidden == told_hidden, "%d names of slots are not in memory, those of tables on disk are %d" %
                        (hidden, told_hidden))
            self.expect(hidden_sum & MASK64 == int(tables["names"]), "names of slots on disk are others than went there")
        told = int(k.vm["swap"]["free"])
        self.expect(total_free == told, "%d slots are free, told %d" % (total_free, told))
        for slot in slot_names:
            self.expect(False, "slot 0x%x is named, and no area has it" % slot)
        for slot, pfn in cached.items():
            self.expect(False, "frame 0x%x names slot 0x%x, which no area has" % (pfn, slot))
        self.done.append("%d slots in use" % used)

    def run(self):
        self.uses()
        self.buddy()
        if self.k.has_vm():
            self.spaces()
            slot_names = self.tables()
            self.clock()
            self.objects(slot_names)
            self.swap(slot_names)


def buddy_lists(k, zone):
    """(order, [first frames]) in list order."""
    for order in range(zone["head"].type.range()[1] + 1):
        blocks, pfn, seen = [], int(zone["head"][order]), set()
        while pfn:
            if pfn in seen:
                raise Problem("the free list of order %d runs in a circle at frame 0x%x" % (order, pfn))
            seen.add(pfn)
            blocks.append(pfn)
            pfn = int(k.frame(pfn)["next"])
        yield order, blocks


def hot_list(k, hot):
    out, pfn = [], int(hot["head"])
    while pfn and len(out) <= int(hot["count"]):
        out.append(pfn)
        pfn = int(k.frame(pfn)["next"])
    return out


# --- commands ---


@contextlib.contextmanager
def no_calls():
    """An expression of the user's must not let the kernel run."""
    before = gdb.parameter("may-call-functions")
    gdb.execute("set may-call-functions off", to_string=True)
    try:
        yield
    finally:
        gdb.execute("set may-call-functions %s" % ("on" if before else "off"), to_string=True)


def number(text):
    """The value of an expression, read now, in the address space where the kernel is stopped; of a structure or an array the address."""
    with no_calls():
        value = gdb.parse_and_eval(text)
    if value.type.strip_typedefs().code in (gdb.TYPE_CODE_FUNC, gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_ARRAY):
        if value.address is None:
            raise Problem("%s is in no place in memory" % text)
        value = value.address
    if value.type.code == gdb.TYPE_CODE_VOID:
        raise Problem("%s has no value" % text)
    whole = int(value)
    if not -(1 << 31) <= whole < 1 << 32:
        raise Problem("%s does not fit into 32 bits" % text)
    return value, whole & 0xFFFFFFFF


def address_of_program(va):
    if va >= KERNEL_BASE:
        raise Problem("0x%x is no address of a program: they are below 0x%x" % (va, KERNEL_BASE))
    return va


def points_to(value, tag):
    kind = value.type.strip_typedefs()
    return kind.code == gdb.TYPE_CODE_PTR and is_struct(kind.target(), tag)


def arguments_of(line):
    """Expressions between commas; commas in brackets or quotes belong to their expression."""
    parts, depth, quote = [""], 0, ""
    for c in line:
        if quote:
            quote = "" if c == quote else quote
        elif c in "\"'":
            quote = c
        elif c in "([{":
            depth += 1
        elif c in ")]}":
            depth -= 1
        elif c == "," and depth == 0:
            parts.append("")
            continue
        parts[-1] += c
    return [p.strip() for p in parts] if line.strip() else []


class Command(gdb.Command):
    """A command: arguments are evaluated first, memory is read physically afterwards."""

    arguments = 0  # beside the VM, which is always the last one and may be left out
    optional = 0  # more of them

    def __init__(self):
        super().__init__(self.name, gdb.COMMAND_DATA)

    def usage(self):
        raise Problem("usage: " + self.__doc__.strip().split(": ")[0])

    def vm_of(self, values):
        """Take the VM off the arguments: its address, or None."""
        if len(values) > self.arguments:
            value, at = values[-1]
            if points_to(value, "vm"):
                values.pop()
                return at
            if len(values) > self.arguments + self.optional:
                self.usage()
        return None

    def no_space(self):
        return Problem("there is no space at 0x%x; q-spaces lists them" % self.given)

    def kernel(self, cr0, cr3, vm_at):
        """What follows a pointer to a space that has ended may be anything: it has to be one of its vm's."""
        if self.given is None:
            return Kernel(cr0, cr3, vm_at)
        try:
            k = Kernel(cr0, cr3, vm_at)
            k.space(self.given)
        except Problem:
            raise self.no_space()
        return k

    def invoke(self, line, from_tty):
        """Whatever is wrong, the user is told in one line."""
        self.dont_repeat()
        try:
            self.obey(arguments_of(line))
        except gdb.GdbError:
            raise
        except gdb.error as e:  # of gdb itself: an expression, a register, a symbol
            raise Problem(str(e).strip().split("\n")[0])
        except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError, struct.error) as e:
            raise Problem("%s: what is in memory there makes no sense: %s" % (self.name, str(e).split("\n")[0]))

    def obey(self, args):
        if not self.arguments <= len(args) <= self.arguments + self.optional + 1 or "" in args:
            self.usage()
        try:
            # A register of the processor itself; gdb gives it a type with flags.
            cr0 = int(gdb.parse_and_eval("(unsigned int)$cr0"))
            cr3 = int(gdb.parse_and_eval("(unsigned int)$cr3"))
        except gdb.error as e:
            raise Problem("no machine: %s" % e)
        values = [number(a) for a in args]
        self.given = None
        vm_at = self.vm_of(values)
        self.later = None
        with physical():
            self.run(self.kernel(cr0, cr3, vm_at), *values)
        if self.later:
            self.later()  # what is no matter of physical memory


class OfSpace(Command):
    """What takes a space, given as a struct space, a pointer to one, or its id; its vm is that of the space."""

    space_at = 0  # which of the arguments

    def vm_of(self, values):
        vm_at = super().vm_of(values)
        if len(values) > self.space_at and points_to(values[self.space_at][0], "space"):
            value, self.given = values[self.space_at]
            if vm_at is None:
                try:
                    vm_at = int(value["vm"])
                except gdb.error:
                    raise self.no_space()
        return vm_at


class Walk(OfSpace):
    """q-walk VA [, ROOT] [, VM]: follow an address through page tables.

ROOT is a struct space, a pointer to one, or its id; a struct pt or a pointer to one; or the physical address of a
directory (as in CR3). The active one by default. $pfn becomes the frame that the last entry names, $slot the swap slot; void if none."""

    name = "q-walk"
    arguments = 1
    optional = 1
    space_at = 1

    def run(self, k, va, root=None):
        va = va[1]
        if root is None:
            if not k.mem.paging:
                raise Problem("paging is not on yet: give a ROOT")
            base = k.mem.root
        elif points_to(root[0], "pt"):
            base = k.directory(int(k.mem.load("struct pt", root[1])["root"]) << PAGE_SHIFT)
        else:
            base = k.directory(root[1])
        print("root 0x%08x" % base)
        pa, steps = walk(base, va)
        for level, at, entry in steps:
            print("%-9s [0x%08x] = 0x%08x  %s" % (level, at, entry, entry_text(entry, level == "directory")))
        last = steps[-1][2]
        if pa is not None:
            print("0x%08x -> physical 0x%08x" % (va, pa))
        else:
            print("0x%08x is not present" % va)
        pfn, slot = (entry_frame(last), entry_slot(last)) if len(steps) == 2 else (None, None)
        if len(steps) == 1 and last and not last & PRESENT:
            slot = last >> SLOT_SHIFT
        gdb.set_convenience_variable("pfn", pfn)
        gdb.set_convenience_variable("slot", slot)
        if slot is not None and k.has_vm():
            print(k.slot_text(slot))
        elif pfn is not None and k.start <= pfn < k.end and k.frames_at:
            f = k.frame(pfn)
            print("frame 0x%x: %s, maps %d" % (pfn, k.use_name(int(f["use"])), int(f["maps"])))


class Frame(Command):
    """q-frame PFN [, VM]: describe a frame, and find by search every entry that names it."""

    name = "q-frame"
    arguments = 1

    def run(self, k, pfn):
        pfn = pfn[1]
        f = k.frame(pfn)
        use = k.use_name(int(f["use"]))
        print("frame 0x%x  physical 0x%08x  %s" %
              (pfn, pfn << PAGE_SHIFT, "low" if pfn < int(k.pool["low_end"]) else "high"))
        print("use %s  flags %s  order %d  maps %d  pins %d  used %d" %
              (use, flag_text(int(f["flags"]), "FRAME_F_"), int(f["order"]), int(f["maps"]), int(f["pins"]),
               int(f["used"])))
        print("owner 0x%08x  index 0x%x  slot %s  next 0x%x  prev 0x%x" %
              (int(f["owner"]), int(f["index"]), "0x%x" % int(f["slot"]) if int(f["slot"]) else "-",
               int(f["next"]), int(f["prev"])))
        if use == "object":
            o = k.mem.load("struct object", int(f["owner"]))
            print("object %s: page %d of %d" % (k.object_name(o), int(f["index"]), int(o["pages"])))
        if not k.has_vm():
            return
        if pfn == int(k.vm["zero_pfn"]):
            print("the shared zero frame")
        if use in ("anon", "object") and int(f["slot"]):
            print(k.slot_text(int(f["slot"])))
        ids = {at: int(space["id"]) for at, space in k.spaces()}
        for at, space in k.spaces():
            if int(space["pt"]["root"]) == pfn:
                print("root of space %d (0x%08x)" % (ids[at], at))
        for table, places in k.tables().items():
            if table == pfn:
                for at, span in places:
                    print("table of space %d at 0x%08x" % (ids[at], span))
                continue
            for i, entry in k.entries(table):
                if entry_frame(entry) == pfn:
                    where = ", ".join("space %d at 0x%08x" % (ids[at], span + (i << PAGE_SHIFT)) for at, span in places)
                    print("mapped in %s: 0x%08x %s" % (where, entry, entry_text(entry)))


class Buddy(Command):
    """q-buddy [VM]: free blocks by zone and order, and the hot lists."""

    name = "q-buddy"

    def run(self, k):
        k.need_pool()
        for z, zone_name in enumerate(("low", "high")):
            zone = k.pool["zone"][z]
            print("zone %s [0x%x, 0x%x): %d frames in lists, %d hot" %
                  (zone_name, int(zone["start"]), int(zone["end"]), int(zone["free"]), int(k.pool["hot"][z]["count"])))
            for order, blocks in buddy_lists(k, zone):
                if blocks:
                    some = " ".join("0x%x" % b for b in blocks[:8]) + (" ..." if len(blocks) > 8 else "")
                    print("  order %2d: %5d  %s" % (order, len(blocks), some))
        marks = k.pool["marks"]
        print("free %d  marks: min %d low %d high %d" %
              (int(k.pool["used"][0]), int(marks["min"]), int(marks["low"]), int(marks["high"])))


class Slabs(Command):
    """q-slabs [VM]: every object cache."""

    name = "q-slabs"

    def run(self, k):
        print("%-20s %6s %6s %6s %6s %6s %8s %8s %6s" %
              ("cache", "size", "stride", "/slab", "slabs", "empty", "live", "allocs", "fails"))
        for _, c in k.caches():
            print("%-20s %6d %6d %6d %6d %6d %8d %8d %6d" %
                  (k.mem.string(int(c["name"])), int(c["size"]), int(c["stride"]), int(c["per_slab"]),
                   int(c["slab_count"]), int(c["empty_slabs"]), int(c["live"]), int(c["allocs"]), int(c["fails"])))


class Spaces(Command):
    """q-spaces [VM]: every address space."""

    name = "q-spaces"

    def run(self, k):
        k.need_vm()
        print("%-12s %4s %-10s %7s %7s %8s %8s %8s" %
              ("space", "id", "root", "regions", "tables", "resident", "swapped", "faults"))
        for at, s in k.spaces():
            resident = swapped = tables = 0
            for _, pde in k.user_tables(int(s["pt"]["root"])):
                if pde & PRESENT:
                    tables += 1
                    for _, entry in k.entries(pde >> PAGE_SHIFT):
                        if entry_slot(entry) is None:
                            resident += 1
                        else:
                            swapped += 1
            print("0x%08x   %4d 0x%08x %7d %7d %8d %8d %8d" %
                  (at, int(s["id"]), int(s["pt"]["root"]) << PAGE_SHIFT, int(s["regions"]["count"]), tables, resident,
                   swapped, int(s["faults"])))


class Regions(OfSpace):
    """q-regions SPACE [, VM]: the regions of a space, given as a struct space, a pointer to one, or its id."""

    name = "q-regions"
    arguments = 1

    def run(self, k, space):
        _, s = k.space(space[1])
        for _, r in k.regions(s):
            flags = int(r["flags"])
            prot = "".join(c if flags & 1 << i else "-" for i, c in enumerate("rwx"))
            name = "anonymous, page 0x%x" % int(r["number"])
            if int(r["object"]):
                o = k.mem.load("struct object", int(r["object"]))
                name = "%s from page %d" % (k.object_name(o), int(r["offset"]))
            print("0x%08x-0x%08x %s %-10s %s" %
                  (int(r["start"]), int(r["end"]), prot, flag_text(flags, "REGION_"), name))


class Swap(Command):
    """q-swap [VM]: areas, and how their slots are used."""

    name = "q-swap"

    def run(self, k):
        k.need_vm()
        none = True
        for n, at, a in k.areas():
            none = False
            named = cached = both = bad_slots = 0
            for page, pfn, count, bad in k.slots(at, a):
                named += bool(count)
                cached += bool(pfn)
                both += bool(count and pfn)
                bad_slots += bool(bad and page)
            print("area %d on %s: %d pages, %d free, %d bad; slots named %d, cached %d, both %d" %
                  (n, k.device_name(a), int(a["pages"]), int(a["free"]), bad_slots, named, cached, both))
        if none:
            print("no swap area")
        s = k.vm["swap"]
        print("slots %d, free %d; in %d out %d pages, %d reads %d writes, errors %d %d" %
              tuple(int(s[f]) for f in ("total", "free", "pages_in", "pages_out", "reads", "writes", "read_errors",
                                        "write_errors")))


class Policy(Command):
    """q-policy [VM]: the replacement policy, its lists from the head on, and its hand."""

    name = "q-policy"
    SHOWN = 8

    # At whose head the hand of its clock is.
    HAND = {"clock": 0, "clock-dirty": 0, "aging": 1, "clock-pro": 1}

    @staticmethod
    def walk(k, frames):
        """The frames of a list, as far as its links lead, and whether they lead to its tail."""
        out, seen, pfn, last = [], set(), int(frames["head"]), 0
        while pfn and pfn not in seen and k.start <= pfn < k.end:
            seen.add(pfn)
            out.append(pfn)
            last, pfn = pfn, int(k.frame(pfn)["next"])
        return out, pfn == 0 and last == int(frames["tail"])

    def some(self, pfns):
        return " ".join("0x%x" % pfn for pfn in pfns[:self.SHOWN]) + (" ..." if len(pfns) > self.SHOWN else "")

    def show_list(self, k, number, name, frames):
        walked, sound = self.walk(k, frames)
        told = int(frames["count"])
        print("  list %d %-9s %6d frames%s%s" %
              (number, name, told, "" if sound and told == len(walked) else ", but its links lead to %d" % len(walked),
               "  " + self.some(walked) if walked else ""))
        return walked

    def show_half(self, k, half, enters):
        policy = k.mem.load("struct policy", int(half["policy"]))
        name = k.mem.string(int(policy["name"]))
        lists = policy["lists"]
        names = {i: k.mem.string(int(lists[i])) for i in range(lists.type.range()[1] + 1) if int(lists[i])}
        hand_list = self.HAND.get(name)
        ghosts = half["ghosts"]
        remembers = ", remembers %d pages of %d" % (int(ghosts["count"]), int(ghosts["limit"])) if int(ghosts["entry"]) else ""
        print("policy %s, %s%s" % (name, "which new pages enter" if enters else "whose pages move to the other", remembers))
        first, kept = int(half["first"]), half["list"].type.range()[1]
        for i in range(kept + 1):
            frames = half["list"][i]
            if i not in names and i != kept and int(frames["count"]) == 0 and int(frames["head"]) == 0:
                continue
            walked = self.show_list(k, first + i, "locked" if i == kept else names.get(i, "-"), frames)
            if i == hand_list:
                print("  hand at %s" % ("frame 0x%x" % walked[0] if walked else "no frame"))
        for at, s in k.policy_sets(half):
            walked, sound = self.walk(k, s["list"])
            print("  set 0x%x: %d frames of %d%s%s%s" %
                  (int(s["number"]), int(s["list"]["count"]), min(int(s["limit"]), int(s["most"])),
                   ", eager" if s["is_eager"] else "",
                   "" if sound and len(walked) == int(s["list"]["count"]) else ", but its links lead to %d" % len(walked),
                   ", oldest " + self.some(walked) if walked else ""))
        if int(half["hand"]):
            print("  hand at frame 0x%x" % int(half["hand"]))
        print("  turn %d level %d lowest %d" % tuple(int(half[f]) for f in ("turn", "level", "lowest")))

    def run(self, k):
        k.need_vm()
        pageable = k.vm["pageable"]
        now = int(pageable["now"])
        for i in (now, 1 - now):
            if int(pageable["half"][i]["policy"]):
                self.show_half(k, pageable["half"][i], i == now)


class Table(OfSpace):
    """q-table SPACE [, VM]: the whole directory of a space and its tables; entries that are alike are one line.

SPACE is a struct space, a pointer to one, or its id."""

    name = "q-table"
    arguments = 1

    @staticmethod
    def alike(entry):
        """What entries of one line have in common."""
        if entry_slot(entry) is not None:
            return "swapped"
        return entry & (PAGE_SIZE - 1)

    @staticmethod
    def names(entries):
        """The frames or slots of a run."""
        if entry_slot(entries[0]) is not None:
            what, numbers = "slot", [entry_slot(e) for e in entries]
        else:
            what, numbers = "frame", [entry_frame(e) for e in entries]
        if len(numbers) == 1:
            return "%s 0x%x" % (what, numbers[0])
        if numbers == list(range(numbers[0], numbers[0] + len(numbers))):
            return "%ss 0x%x to 0x%x" % (what, numbers[0], numbers[-1])
        if len(set(numbers)) == 1:
            return "%s 0x%x each" % (what, numbers[0])
        some = " ".join("0x%x" % n for n in numbers[:4]) + (" ..." if len(numbers) > 4 else "")
        return "%ss %s" % (what, some)

    def show_run(self, span, first, entries):
        start, pages = span + (first << PAGE_SHIFT), len(entries)
        flags = "" if entry_slot(entries[0]) is not None else "  " + entry_text(entries[0]).split(" ", 2)[2]
        print("  0x%08x-0x%08x %4d  %s%s" % (start, start + (pages << PAGE_SHIFT), pages, self.names(entries), flags))

    def show_table(self, k, span, table):
        first, run = 0, []
        for i, entry in k.entries(table):
            if run and (i != first + len(run) or self.alike(entry) != self.alike(run[0])):
                self.show_run(span, first, run)
                run = []
            if not run:
                first = i
            run.append(entry)
        if run:
            self.show_run(span, first, run)

    def run(self, k, space):
        at, s = k.space(space[1])
        print("space %d (0x%08x), root 0x%08x" % (int(s["id"]), at, int(s["pt"]["root"]) << PAGE_SHIFT))
        for span, pde in k.user_tables(int(s["pt"]["root"])):
            where = "[%3d] 0x%08x-0x%08x" % (span >> 22, span, span + (1 << 22))
            if not pde & PRESENT:
                print("%s = 0x%08x  %s" % (where, pde, entry_text(pde, True)))
                continue
            table = pde >> PAGE_SHIFT
            f = k.frame(table)
            print("%s = 0x%08x  table 0x%x %s, named by %d, %d entries" %
                  (where, pde, table, entry_text(pde).split(" ", 2)[2], int(f["maps"]), int(f["used"])))
            self.show_table(k, span, table)


class Object(Command):
    """q-object [OBJECT] [, VM]: all objects, or one (a struct object, a pointer to one, or its id): who maps it, and where its pages are."""

    name = "q-object"
    optional = 1

    @staticmethod
    def line(k, at, o):
        return "0x%08x %4d %-8s %6d %8d %7d %5d  %s" % (
            at, int(o["id"]), k.mem.string(int(k.mem.load("struct pager", int(o["pager"]))["name"])), int(o["pages"]),
            int(o["resident"]), int(o["swapped"]), int(o["refs"]), k.object_name(o))

    def show_pages(self, k, o):
        run = []  # [first index, words]

        def flush():
            if not run:
                return
            first, found = run
            kind = "frame" if found[0] & 3 == 1 else "slot"
            some = " ".join("0x%x" % (w >> 2) for w in found[:8]) + (" ..." if len(found) > 8 else "")
            pages = "page %d" % first if len(found) == 1 else "pages %d to %d" % (first, first + len(found) - 1)
            print("  %s: %s%s %s" % (pages, kind, "s" if len(found) > 1 else "", some))

        for i, word in k.radix(o["index"]):
            if run and (i != run[0] + len(run[1]) or word & 3 != run[1][0] & 3):
                flush()
                run = []
            if run:
                run[1].append(word)
            else:
                run = [i, [word]]
        flush()

    def run(self, k, wanted=None):
        k.need_vm()
        head = "%-10s %4s %-8s %6s %8s %7s %5s  %s" % ("object", "id", "pager", "pages", "resident", "swapped", "refs", "name")
        if wanted is None:
            print(head)
            for at, o in k.objects():
                print(self.line(k, at, o))
            return
        for at, o in k.objects():
            if wanted[1] in (at, int(o["id"])):
                break
        else:
            raise Problem("no object %s; q-object lists them" % id_or_address(wanted[1]))
        print(head)
        print(self.line(k, at, o))
        ids = {space_at: int(s["id"]) for space_at, s in k.spaces()}
        for _, r in k.linked("regions of an object", "struct region", int(o["regions"]), "object_next"):
            print("  mapped in space %s at 0x%08x-0x%08x from page %d" %
                  (ids.get(int(r["space"]), "?"), int(r["start"]), int(r["end"]), int(r["offset"])))
        self.show_pages(k, o)


class Break(OfSpace):
    """q-break VA [, SPACE]: stop at the faults of one page, in every space or in one.

$bpnum is the breakpoint's number; `delete` takes it away. It stops where the fault begins to be resolved; `finish` goes on until it is."""

    name = "q-break"
    arguments = 1
    optional = 1
    space_at = 1

    def run(self, k, va, space=None):
        page = address_of_program(va[1]) >> PAGE_SHIFT
        where = "0x%08x" % (page << PAGE_SHIFT)
        condition = "(f->va >> %d) == 0x%x" % (PAGE_SHIFT, page)
        if space is not None:
            at, s = k.space(space[1])
            condition += " && (unsigned)s == 0x%x" % at
            where += " of space %d" % int(s["id"])
        self.later = lambda: self.set(where, condition)

    @staticmethod
    def set(where, condition):
        b = gdb.Breakpoint("fault_resolve", internal=False)
        b.condition = condition
        print("stops at faults of the page %s" % where)


def function_at(pc):
    """The name of the function of a kernel address, with its line; "" if it is in none."""
    text = gdb.execute("info symbol 0x%x" % pc, to_string=True)
    if text.startswith("No symbol"):
        return ""
    name = text.split(" ")[0]
    if " + " not in text:  # it has not run yet
        block = gdb.block_for_pc(pc)
        while block and not (block.function and block.function.name == name):
            block = block.superblock
        return "%s at %s:%d" % (name, block.function.symtab.filename, block.function.line) if block else name
    line = gdb.find_pc_line(pc - 1)  # what is behind a call may be another line
    where = " at %s:%d" % (line.symtab.filename, line.line) if line.symtab and line.line else ""
    return name + where


def member_at(kind, offset):
    """The path of the member of a struct at an offset: as far down as there are names."""
    kind = kind.strip_typedefs()
    if kind.code == gdb.TYPE_CODE_ARRAY:
        size = kind.target().strip_typedefs().sizeof
        return "[%d]" % (offset // size) + member_at(kind.target(), offset % size) if size else ""
    # What a queue is, is of no interest; that it is one is.
    if kind.code != gdb.TYPE_CODE_STRUCT or kind.tag == "waitq":
        return ""
    for f in kind.fields():
        at = f.bitpos // 8
        if at <= offset < at + f.type.strip_typedefs().sizeof:
            return "." + f.name + member_at(f.type, offset - at)
    return ""


class Tasks(Command):
    """q-tasks: every task: state, the queue in which it sleeps by its name, and where it is."""

    name = "q-tasks"
    DEPTH = 12
    # Caches whose objects are structs with another name.
    STRUCTS = {"task": "task", "process": "process", "thread": "thread", "space": "space", "object": "object"}

    @staticmethod
    def of_symbol(at):
        text = gdb.execute("info symbol 0x%x" % at, to_string=True)
        if text.startswith("No symbol"):
            return None
        name = text.split(" ")[0]
        try:
            address, kind = symbol(name)
        except Problem:
            return name
        return name + member_at(kind, at - address)

    def of_cache(self, k, at):
        """Memory in an object of a cache: which one, and which member if it is known; None: it is no such memory."""
        pfn = at - KERNEL_BASE >> PAGE_SHIFT
        if not KERNEL_BASE <= at < DIRECT_END or not k.start <= pfn < k.end:
            return None
        f = k.frame(pfn)
        if k.use_name(int(f["use"])) != "slab" or not int(f["owner"]):
            return None
        slab = k.mem.load("struct slab", int(f["owner"]))
        cache = k.mem.load("struct cache", int(slab["cache"]))
        name = k.mem.string(int(cache["name"]))
        offset = (at - int(slab["base"])) % int(cache["stride"])
        try:
            return "%s 0x%x%s" % (name, at - offset, member_at(gdb.lookup_type("struct " + self.STRUCTS[name]), offset))
        except (KeyError, gdb.error):
            return "%s 0x%x+%d" % (name, at - offset, offset)

    def queue_name(self, k, t, at):
        """A wait queue: in an object of a cache (which may lie where the image's tests were), in a variable, or on the task's stack."""
        name = self.of_cache(k, at) or self.of_symbol(at)
        if name:
            return name
        stack = int(t["stack"])
        return "a queue on its stack" if stack <= at < stack + int(t["stack_pages"]) * PAGE_SIZE else "0x%x" % at

    def backtrace(self, k, ip, bp):
        """By frame pointers, as the compiler keeps them."""
        n = 0
        while ip and n < self.DEPTH:
            name = function_at(ip)
            if not name:
                break
            print("    #%-2d %s" % (n, name))
            n += 1
            try:
                ip, bp = u32(k.mem.read(bp + 4, 4)), u32(k.mem.read(bp, 4))
            except Problem:
                break

    def run(self, k):
        # The head of the list is a static variable of sched.c.
        try:
            head = u32(k.mem.read(symbol("all_tasks")[0], 4))
        except Problem:
            raise Problem("this image has no list all_tasks: q-tasks is for Quire's own scheduler")
        current = u32(k.mem.read(symbol("os_current")[0], 4))
        states = enum_names("enum task_state", "TASK_")
        for at, t in k.linked("tasks", "struct task", head, "all_next"):
            state = "running" if at == current else states.get(int(t["state"]), "?")
            text = "task %d %s: %s" % (int(t["id"]), t["name"].string(), state)
            if int(t["space"]):
                text += ", space %d" % int(k.mem.load("struct space", int(t["space"]))["id"])
            if int(t["waiter"]):
                w = k.mem.load("struct waiter", int(t["waiter"]))
                text += ", sleeps in %s" % (self.queue_name(k, t, int(w["q"])) if int(w["q"]) else "no queue")
                if int(t["interruptible"]):
                    text += ", a signal ends it"
            if int(t["timer"]["key"]):
                text += ", until %d ns at the latest" % int(t["timer"]["key"])
            print(text)
            if at == current:
                print("    (backtrace shows where)")
                continue
            saved = words(k.mem.read(int(t["cpu"]["esp"]), 20))  # edi esi ebx ebp, and where task_switch() returns to
            self.backtrace(k, saved[4], saved[3])


# --- the ring of events ---


class Events:
    """The ring of a vm, oldest first. Use inside physical()."""

    OF_SPACE, OF_FAMILY, OF_OBJECT = 1, 2, 3

    def __init__(self, k):
        k.need_vm()
        ring = k.vm["events"]
        self.k = k
        self.size = gdb.lookup_type("struct event_record").sizeof
        start, count = int(ring["start"]), int(ring["count"])
        if start == 0 or count == 0:
            raise Problem("no event has been recorded yet")
        used = (int(ring["next"]) - start) // self.size
        self.before = int(ring["before"])
        data = k.mem.read(start, count * self.size)
        fields = ("time", "kind", "what", "why", "flags", "frame", "who", "where", "arg", "cost")
        rows = list(Layout(gdb.lookup_type("struct event_record"), fields).all(data))
        old = rows[used:] if self.before else []
        self.first = self.before - len(old)
        self.records = [(self.first + i, dict(zip(fields, row))) for i, row in enumerate(old + rows[:used])]
        kinds_at, kinds = symbol("event_kinds")
        info = kinds.target()
        self.names, self.has = [], []
        for i in range(kinds.sizeof // info.sizeof):
            entry = k.mem.load(info, kinds_at + i * info.sizeof)
            self.names.append(k.mem.string(int(entry["name"])))
            self.has.append(int(entry["has"]))
        self.actions = enum_names("enum fault_action", "FAULT_")
        self.verdicts = enum_names("enum fault_verdict", "FAULT_")
        # Bits of `has`, in the order of mm/event.h.
        (self.HAS_FRAME, self.HAS_SLOT, self.HAS_COUNT, self.HAS_PID, self.HAS_COST,
         self.HAS_RANGE) = (1 << i for i in range(6))
        for _, e in self.records:  # as event_get() does
            if not self.has_of(e) & self.HAS_FRAME:
                e["frame"] = 0
            if self.has_of(e) & self.HAS_COST:
                e["cost"] = (e["time"] - e["cost"]) & 0xFFFFFFFF if ring["has_cycles"] else 0
        if not self.records:
            raise Problem("no event has been recorded yet")

    def kind(self, e):
        return self.names[e["kind"]] if e["kind"] < len(self.names) else "kind-%d" % e["kind"]

    def has_of(self, e):
        return self.has[e["kind"]] if e["kind"] < len(self.has) else 0

    def of(self, e):
        who = e["flags"] & 3
        if who == self.OF_SPACE:
            return "space %d 0x%08x" % (e["who"], e["where"])
        if who == self.OF_FAMILY:
            return "family %d page 0x%x" % (e["who"], e["where"])
        if who == self.OF_OBJECT:
            return "object %d page %d" % (e["who"], e["where"])
        return "-"

    def details(self, e):
        kind, has, out = self.kind(e), self.has_of(e), []
        if kind in ("fault", "step", "wait"):
            access = "touch" if e["flags"] & 16 else "exec" if e["flags"] & 8 else "write" if e["flags"] & 4 else "read"
            out.append(access)
            other = {0xFF: "done", 0xFE: "memory"}  # EVENT_DONE, EVENT_FOR_MEMORY
            out.append((self.actions.get(e["what"]) or other.get(e["what"], "action-%d" % e["what"])).replace("_", "-"))
            if e["why"] and kind != "wait":
                out.append(self.verdicts.get(e["why"], "verdict-%d" % e["why"]))
            if e["flags"] & 32:
                out.append("major")
            if e["flags"] & 64:
                out.append("own-table")
        elif e["what"] or e["why"]:
            out.append("what %d why %d" % (e["what"], e["why"]))
        if has & self.HAS_FRAME and e["frame"]:
            out.append("frame 0x%x" % e["frame"])
        if has & self.HAS_SLOT and e["arg"]:
            out.append("slot 0x%x" % e["arg"])
        if has & self.HAS_COUNT:
            out.append("count %d" % e["arg"])
        if has & self.HAS_PID:
            out.append("pid %d" % e["arg"])
        if has & self.HAS_RANGE:
            out.append("%d pages" % e["cost"])
        if kind == "shared":
            out.append("child %d" % e["cost"])
        if has & self.HAS_COST:
            out.append("%d cycles" % e["cost"])
        return "  ".join(out)

    def show(self, number, e):
        print(("%8d %16d %-13s %-28s %s" % (number, e["time"], self.kind(e), self.of(e), self.details(e))).rstrip())

    def head(self, count):
        print("%8s %16s %-13s %-28s %d of %d, from %d on" %
              ("number", "cycles", "event", "whose page", count, len(self.records), self.first))


class History(OfSpace):
    """q-history PFN|VA [, SPACE] [, VM]: what the ring of events has of a frame, or of a page of a space.

A number that is that of a frame is one, unless a SPACE follows; other numbers are addresses in the space that is active."""

    name = "q-history"
    arguments = 1
    optional = 1
    space_at = 1

    @staticmethod
    def active(k):
        for at, s in k.spaces():
            if int(s["pt"]["root"]) == k.mem.root >> PAGE_SHIFT:
                return at, s
        raise Problem("no space is active: give a SPACE")

    def of_page(self, k, events, s, va):
        """The records about the page of va in a space: it is followed from frame to slot and back, as mm/history.c does."""
        page = va & ~(PAGE_SIZE - 1)
        space, family = int(s["id"]), int(k.mem.load("struct family", int(s["family"]))["id"])
        number, shown = page >> PAGE_SHIFT, None
        for _, r in k.regions(s):
            if int(r["start"]) <= page < int(r["end"]):
                inside = page - int(r["start"]) >> PAGE_SHIFT
                number = int(r["number"]) + inside
                if int(r["object"]):
                    shown = (int(k.mem.load("struct object", int(r["object"]))["id"]), int(r["offset"]) + inside)
        span, zero = page & ~0x3FFFFF, int(k.vm["zero_pfn"])
        frame = slot = 0
        _, steps = walk(int(s["pt"]["root"]) << PAGE_SHIFT, page)
        is_known = steps[-1][2] != 0  # a fork or a table is of interest to pages that there are

        for n, e in events.records:
            name, who, has = events.kind(e), e["flags"] & 3, events.has_of(e)
            e_slot = e["arg"] if has & events.HAS_SLOT else 0
            there = frame and e["frame"] == frame or slot and e_slot == slot
            of_table = name.startswith("table-") or name in ("split", "claimed")
            if who == Events.OF_SPACE:
                if e["who"] != space:
                    mine = name == "shared" and e["cost"] == space
                elif has & events.HAS_RANGE:
                    mine = e["where"] <= page < e["where"] + (e["cost"] << PAGE_SHIFT)
                else:
                    mine = name == "shared" or e["where"] == (span if of_table else page)
            elif who == Events.OF_FAMILY and of_table:
                mine = e["who"] == family and e["where"] << PAGE_SHIFT & ~0x3FFFFF == span
            elif who == Events.OF_FAMILY:
                mine = e["who"] == family and e["where"] == number and (there or not frame and not slot)
            elif who == Events.OF_OBJECT:
                mine = shown == (e["who"], e["where"]) and (not frame or e["frame"] == frame)
            else:
                mine = there
            if not mine or ((of_table or name == "shared") and not is_known):
                continue
            yield n, e
            if of_table or name == "shared":
                continue
            is_known = True
            if has & events.HAS_FRAME and e["frame"]:
                frame = 0 if e["frame"] == zero else e["frame"]
            slot = e_slot or slot
            if name in ("freed", "unmapped"):
                frame = 0
            if name in ("stolen", "unmapped") or name == "fault" and e["flags"] & 4:
                slot = 0

    def run(self, k, what, space=None):
        is_frame = space is None and k.start <= what[1] < k.end
        if not is_frame:
            address_of_program(what[1])
            _, s = self.active(k) if space is None else k.space(space[1])
        events = Events(k)
        if is_frame:
            found = [(n, e) for n, e in events.records if e["frame"] == what[1]]
            print("frame 0x%x" % what[1])
        else:
            found = list(self.of_page(k, events, s, what[1]))
            print("page 0x%08x of space %d" % (what[1] & ~(PAGE_SIZE - 1), int(s["id"])))
        events.head(len(found))
        for n, e in found:
            events.show(n, e)


class Faults(Command):
    """q-faults [N] [, VM]: the last N faults that the ring of events has; 16 if it is not said."""

    name = "q-faults"
    optional = 1

    def run(self, k, n=None):
        n = 16 if n is None else n[1]
        if not 0 < n < 1 << 31:
            raise Problem("how many faults? a number from 1 on")
        events = Events(k)
        found = [(i, e) for i, e in events.records if events.kind(e) == "fault"]
        events.head(min(n, len(found)))
        for i, e in found[-n:]:
            events.show(i, e)


class Uses(Command):
    """q-uses [VM]: frames by use, as the pool counts them and as a recount finds them."""

    name = "q-uses"

    def run(self, k):
        counts = {}
        for _, use in k.records("use"):
            counts[use] = counts.get(use, 0) + 1
        print("%-10s %8s %8s" % ("use", "told", "counted"))
        for use, name in sorted(k.uses.items()):
            if name != "uses":
                print("%-10s %8d %8d" % (name, int(k.pool["used"][use]), counts.get(use, 0)))
        print("%-10s %8d %8d" % ("all", k.end - k.start, sum(counts.values())))


class VerifyCommand(Command):
    """q-verify [VM]: recount frames by use, free lists, regions, page tables, objects and slots, and compare with what is told."""

    name = "q-verify"

    def run(self, k):
        k.need_pool()
        v = Verify(k)
        v.run()
        for p in v.problems:
            print("broken: " + p)
        print("verify: %s; %d broken" % (", ".join(v.done), len(v.problems)))


for command in (Walk, Frame, Buddy, Slabs, Spaces, Regions, Table, Object, Swap, Policy, Break, Tasks, History,
                Faults, Uses, VerifyCommand):
    command()
