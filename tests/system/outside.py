# SPDX-License-Identifier: GPL-2.0-or-later
"""Looks at a stopped machine's memory from outside and says what is mapped that must not be.

Nothing is asked of the hypervisor: page tables are walked here, in physical memory as the emulator shows it. Whose a
page is stands in the hypervisor's frame table (docs/pv-mmu.md); where its fields are, in build/include/asm-offsets.h.

O1  Nothing in the hypervisor's slots is writable and executable; what is executable there is writable nowhere.
O2  Guests reach, of the hypervisor's slots, the machine-to-physical table alone, read-only.
O3  Every page table that a processor uses, and every validated L4 table, has the hypervisor's slots, unchanged; the
    machine-to-physical table may be left out (VMASST_TYPE_m2p_strict).
O4  Outside of them, a guest's tables map its own memory, device memory, what is shown to it as DOMID_XEN's (the control
    domain), other domains' memory (the control domain, or by a grant that says so).
O5  What a guest can write is, and can only be, a writable page: no page table, no descriptor table, nothing read-only.
O6  A processor that runs a guest with XPTI is at a copy of an L4 table: the guest's slots are that table's; of the hypervisor's
    there are the machine-to-physical table as in that one, one processor's window, and a few pages of the image, none writable.
"""
import re
import struct
import sys
from array import array

PRESENT, WRITE, USER, ACCESSED, LARGE, NX = 1, 2, 4, 1 << 5, 1 << 7, 1 << 63
ADDRESS = 0x000ffffffffff000
FIRST_SLOT, LAST_SLOT = 256, 271           # the PV ABI's hypervisor area
M2P_SLOT = 256                             # the guests' window to the machine-to-physical table
FRAME_TABLE = 0xffff810000000000           # arch/layout.h
WINDOW_SLOT, WINDOW_BYTES, IMAGE_SLOT = 260, 0x200000, 261
STACK_TOP_PAGE = 0x2f000                   # of the window; struct cpu_info ends it
MAX_IMAGE_PAGES = 14
CONTROL_DOMAIN = 0
DOMID_FIRST_RESERVED, DOMID_IO, DOMID_XEN = 0x7ff0, 0x7ff1, 0x7ff2
GTF_TYPE_MASK, GTF_PERMIT_ACCESS, GTF_READONLY = 3, 1, 4
MAX_FINDINGS = 20


def layout(path):
    """The numbers of asm-offsets.h."""
    return {name: int(value) for name, value in re.findall(r"#define (\w+) (-?\d+)", path.read_text())}


class Memory:
    """Physical memory by a function read(address, bytes), kept in blocks."""
    BLOCK = 1 << 18

    def __init__(self, read):
        self.read_block = read
        self.blocks = {}

    def read(self, address, size):
        out = b""
        while size:
            base, offset = address & -self.BLOCK, address & (self.BLOCK - 1)
            if base not in self.blocks:
                self.blocks[base] = self.read_block(base, self.BLOCK)
            part = self.blocks[base][offset:offset + min(size, self.BLOCK - offset)]
            if not part:
                raise ValueError(f"no memory at {address:#x}")
            out, address, size = out + part, address + len(part), size - len(part)
        return out

    def table(self, mfn):
        return array("Q", self.read(mfn << 12, 4096))


def leaves(memory, entry, level, address, rights=(True, True, False)):
    """Yields (address, level, frame, writable, user, nx) of each page that a table's entry shows."""
    writable, user, nx = rights
    writable, user, nx = writable and bool(entry & WRITE), user and bool(entry & USER), nx or bool(entry & NX)
    if level == 1 or (level in (2, 3) and entry & LARGE):
        yield address, level, (entry & ADDRESS & -(1 << (12 + 9 * (level - 1)))) >> 12, writable, user, nx
        return
    for i, e in enumerate(memory.table((entry & ADDRESS) >> 12)):
        if e & PRESENT:
            yield from leaves(memory, e, level - 1, address + (i << (12 + 9 * (level - 2))), (writable, user, nx))


def canonical(slot):
    return slot << 39 | (0xffff << 48 if slot >= 256 else 0)


class Frames:
    """The hypervisor's frame table."""

    def __init__(self, memory, l4, names):
        self.names = names
        self.size = names["PAGE_BYTES"]
        self.pieces = {}
        entry = memory.table(l4)[FRAME_TABLE >> 39 & 511]
        if entry & PRESENT:
            for address, level, mfn, *_ in leaves(memory, entry, 4, FRAME_TABLE):
                size = 1 << (12 + 9 * (level - 1))
                self.pieces[(address - FRAME_TABLE) // size] = memory.read(mfn << 12, size)
                self.per_piece = size // self.size
        if not self.pieces:
            raise ValueError("there is no frame table")

    def find(self, mfn):
        """(type_info, refs, owner, flags), or None for what is no RAM."""
        piece = self.pieces.get(mfn // self.per_piece)
        if piece is None:
            return None
        at, n = mfn % self.per_piece * self.size, self.names
        info, = struct.unpack_from("<Q", piece, at + n["PAGE_TYPE_INFO"])
        refs, = struct.unpack_from("<I", piece, at + n["PAGE_REFS"])
        owner, = struct.unpack_from("<H", piece, at + n["PAGE_OWNER"])
        flags, = struct.unpack_from("<H", piece, at + n["PAGE_FLAGS"])
        return None if flags & n["PAGE_IS_IO"] else (info, refs, owner, flags)

    def type_of(self, info):
        return info >> self.names["PAGE_TYPE_SHIFT"] & 0xf if info & self.names["PAGE_COUNT_MASK"] else 0

    def all(self):
        for piece in sorted(self.pieces):
            for i in range(self.per_piece):
                mfn = piece * self.per_piece + i
                found = self.find(mfn)
                if found is not None:
                    yield mfn, found


class Checker:
    """Findings about one moment; roots: the frames that the processors' CR3 name."""

    def __init__(self, read, roots, names):
        self.memory = Memory(read)
        self.names = names
        self.copies = {l4: self.copied_from(l4) for l4 in roots if not self.memory.table(l4)[FRAME_TABLE >> 39 & 511] & PRESENT}
        self.roots = roots = [self.copies.get(l4, l4) for l4 in roots]
        self.frames = Frames(self.memory, roots[0], names)
        self.findings = []
        self.domains = set()
        self.pages = 0       # that guests' tables show
        self.seen = set()
        self.grants = {}     # (granter, grantee, frame) -> may be written
        self.shared_pages = {}  # domain -> hypervisor pages shown to it

    def say(self, text):
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(text)

    def run(self):
        guests = self.survey()
        tables = sorted(set(self.roots) | set(guests))
        slots = self.slots_to_have(tables)
        self.hypervisor(slots)
        for l4 in tables:
            self.slots_are_ours(l4, slots)
        for l4, owner in guests.items():
            self.guest(l4, owner)
        for copy, l4 in self.copies.items():
            self.copy(copy, l4)
        return self.findings

    def window(self, l4):
        """[(address, frame, writable, user, nx)] of what a copy shows of windows."""
        entry = self.memory.table(l4)[WINDOW_SLOT]
        return [(va, mfn, *rights) for va, _, mfn, *rights in leaves(self.memory, entry, 4, canonical(WINDOW_SLOT))] if entry & PRESENT else []

    def copied_from(self, l4):
        """The frame of the table that a processor's copy stands for."""
        top = [mfn for va, mfn, *_ in self.window(l4) if va % WINDOW_BYTES == STACK_TOP_PAGE]
        if len(top) != 1:
            raise ValueError(f"the table in frame {l4:#x} is no processor's")
        at = (top[0] << 12) + 4096 - self.names["CPU_INFO_SIZE"] + self.names["CPU_INFO_FULL_CR3"]
        return struct.unpack("<Q", self.memory.read(at, 8))[0] >> 12

    def copy(self, copy, l4):
        ours, theirs = self.memory.table(copy), self.memory.table(l4)
        for slot, (e, like) in enumerate(zip(ours, theirs)):
            if slot in (WINDOW_SLOT, IMAGE_SLOT):
                continue
            if M2P_SLOT < slot <= LAST_SLOT:
                if e:
                    self.say(f"O6: the copy in frame {copy:#x} has {e:#x} in slot {slot}")
            elif (e ^ like) & ~ACCESSED and (like & ADDRESS) >> 12 != l4:
                self.say(f"O6: the copy in frame {copy:#x} has {e:#x} in slot {slot}, the table {like:#x}")
        if len({va // WINDOW_BYTES for va, *_ in self.window(copy)}) != 1:
            self.say(f"O6: the copy in frame {copy:#x} shows several windows")
        image = list(leaves(self.memory, ours[IMAGE_SLOT], 4, canonical(IMAGE_SLOT))) if ours[IMAGE_SLOT] & PRESENT else []
        if len(image) > MAX_IMAGE_PAGES or any(level > 1 or writable or user for _, level, _, writable, user, _ in image):
            self.say(f"O6: the copy in frame {copy:#x} shows {len(image)} pages of the image, writable or to the guest")

    def survey(self):
        """Validated L4 tables {frame: owner}; notes pages shown to domains, where their grants are."""
        guests = {}
        for mfn, (info, refs, owner, flags) in self.frames.all():
            if refs and flags & self.names["PAGE_IS_HYPERVISOR"] and owner < DOMID_FIRST_RESERVED:
                self.shared_pages.setdefault(owner, []).append(mfn)
            elif self.frames.type_of(info) == self.names["PAGE_L4"] and info & self.names["PAGE_VALIDATED"]:
                guests[mfn] = owner
                self.domains.add(owner)
        return guests

    def hypervisor(self, slots):
        executable, writable = set(), []
        for slot, entry in enumerate(slots, FIRST_SLOT):
            if not entry & PRESENT:
                continue
            for va, level, mfn, may_write, user, nx in leaves(self.memory, entry, 4, canonical(slot)):
                size = 1 << 9 * (level - 1)
                if may_write and not nx:
                    self.say(f"O1: {va:#x} is writable and executable")
                if user and (slot != M2P_SLOT or may_write or not nx):
                    self.say(f"O2: {va:#x} of the hypervisor is open to guests")
                if not nx:
                    executable.update(range(mfn, mfn + size))
                elif may_write:
                    writable.append((mfn, mfn + size, va))
        if not executable:
            self.say("O1: the hypervisor has no code")
        for first, end, va in writable:
            for mfn in executable.intersection(range(first, end)) if end - first < len(executable) else \
                    {m for m in executable if first <= m < end}:
                self.say(f"O1: frame {mfn:#x} is executable, and writable at {va + (mfn - first) * 4096:#x}")

    def slots_to_have(self, tables):
        """A processor's, which may be at the table of a strict guest's user, with the window of whoever has it."""
        slots = list(self.memory.table(self.roots[0])[FIRST_SLOT:LAST_SLOT + 1])
        windows = (self.memory.table(l4)[M2P_SLOT] for l4 in tables)
        slots[M2P_SLOT - FIRST_SLOT] = slots[M2P_SLOT - FIRST_SLOT] or next((w for w in windows if w), 0)
        return slots

    def slots_are_ours(self, l4, slots):
        # The processor sets the accessed bit.
        mine = self.memory.table(l4)[FIRST_SLOT:LAST_SLOT + 1]
        for slot, (e, ours) in enumerate(zip(mine, slots), FIRST_SLOT):
            if (e ^ ours) & ~ACCESSED and not (slot == M2P_SLOT and e == 0):
                self.say(f"O3: the L4 table in frame {l4:#x} has {e:#x} in slot {slot}, not {ours:#x}")
                return

    def guest(self, l4, owner):
        for slot, entry in enumerate(self.memory.table(l4)):
            if entry & PRESENT and entry & USER and not FIRST_SLOT <= slot <= LAST_SLOT:
                self.walk(entry, 4, canonical(slot), owner, bool(entry & WRITE))

    def walk(self, entry, level, va, owner, writable):
        """As leaves(), but a table that was seen with the same rights for the same domain is not looked at again."""
        key = ((entry & ADDRESS) >> 12, level, owner, writable)
        if key in self.seen:
            return
        self.seen.add(key)
        for i, e in enumerate(self.memory.table(key[0])):
            if not e & PRESENT or not e & USER:
                continue
            address, may_write = va + (i << (12 + 9 * (level - 2))), writable and bool(e & WRITE)
            if level == 2:
                self.page((e & ADDRESS) >> 12, address, owner, may_write)
            elif e & LARGE and level in (3, 4):
                self.say(f"O4: domain {owner} has a large page at {address:#x}")
            else:
                self.walk(e, level - 1, address, owner, may_write)

    def page(self, mfn, va, domain, writable):
        self.pages += 1
        found = self.frames.find(mfn)
        if found is None:
            return
        info, refs, owner, flags = found
        kind = self.frames.type_of(info)
        where = f"domain {domain} maps frame {mfn:#x} at {va:#x}"
        if not self.may_map(domain, owner, refs, flags, mfn, writable):
            whose = "nobody's" if owner >= DOMID_FIRST_RESERVED else f"domain {owner}'s"
            self.say(f"O4: {where}: {'hypervisor, ' if flags & self.names['PAGE_IS_HYPERVISOR'] else ''}{whose}, {refs} references")
        elif writable and kind != self.names["PAGE_WRITABLE"] and not flags & self.names["PAGE_IS_RESERVED"]:
            self.say(f"O5: {where}, writable, but it is of type {kind}")

    def may_map(self, domain, owner, refs, flags, mfn, writable):
        if flags & self.names["PAGE_IS_RESERVED"]:
            return domain == CONTROL_DOMAIN and not flags & self.names["PAGE_IS_HYPERVISOR"]
        if refs == 0:
            return False
        if owner == domain:
            return True
        if domain == CONTROL_DOMAIN:
            return owner < DOMID_FIRST_RESERVED or owner in (DOMID_XEN, DOMID_IO)
        return self.is_granted(owner, domain, mfn, writable)

    def is_granted(self, owner, domain, mfn, writable):
        """By an entry of the owner's grant table, which is among the pages shown to it (version 1, xen/grant_table.h)."""
        if owner not in self.grants:
            self.grants[owner] = {}
            for page in self.shared_pages.get(owner, []):
                for flags, grantee, frame in struct.iter_unpack("<HHI", self.memory.read(page << 12, 4096)):
                    if flags & GTF_TYPE_MASK == GTF_PERMIT_ACCESS:
                        key = grantee, frame
                        self.grants[owner][key] = self.grants[owner].get(key, False) or not flags & GTF_READONLY
        may_write = self.grants[owner].get((domain, mfn))
        return may_write is not None and (may_write or not writable)


def check(read, roots, names):
    """(findings, what was looked at)"""
    checker = Checker(read, roots, names)
    findings = checker.run()
    return findings, f"{len(checker.copies)} processors at copies, {len(checker.domains)} domains, {len(checker.seen)} page tables, {checker.pages} pages"


if __name__ == "__main__":
    sys.exit(__doc__)
