# SPDX-License-Identifier: GPL-2.0-or-later
"""The checker of outside.py against a machine's memory made up here: sound first, then with one thing wrong each."""
import struct
import unittest

import outside
from outside import LARGE, NX, PRESENT, USER, WRITE

NAMES = {"PAGE_BYTES": 32, "PAGE_TYPE_INFO": 0, "PAGE_REFS": 8, "PAGE_OWNER": 12, "PAGE_FLAGS": 14, "PAGE_COUNT_MASK": 0xffffffff,
         "PAGE_TYPE_SHIFT": 32, "PAGE_VALIDATED": 1 << 36, "PAGE_L4": 4, "PAGE_WRITABLE": 6, "PAGE_IS_HYPERVISOR": 2,
         "PAGE_IS_IO": 32, "PAGE_IS_RESERVED": 16,
         "CPU_INFO_SIZE": 64, "CPU_INFO_FULL_CR3": 48}
L1, L2, L3, L4, WRITABLE, SHARED = 1, 2, 3, 4, 6, 7
NR_FRAMES = 1024
TABLE_BITS = PRESENT | WRITE | USER


class World:
    """1024 frames. The hypervisor: code in 0x10, data 0x11, frame table 0x200 (2 MiB). Domains 0, 1, 2: one tree each."""

    def __init__(self):
        self.words = {}                       # address -> 64-bit word
        self.frames = {}                      # frame -> (type info, refs, owner, flags)
        self.next = 0x20
        self.hv = self.new(outside.DOMID_IO, 0, 0)
        self.map(self.hv, 0xffff820000000000, 0x10, PRESENT)                   # code
        self.map(self.hv, 0xffff820000001000, 0x11, PRESENT | WRITE | NX)      # data
        self.set(0x10, 0, 1, 0x7ff4, 2)
        self.set(0x11, 0, 1, 0x7ff4, 2)
        self.m2p = self.new(outside.DOMID_XEN, SHARED, 2)
        self.map(self.hv, 0xffff800000000000, self.m2p, PRESENT | USER | NX)
        self.map(self.hv, outside.FRAME_TABLE, 0x200, PRESENT | WRITE | NX | LARGE, leaf=2)
        self.tree, self.page = {}, {}
        for d in range(3):
            self.tree[d] = self.new(d, L4)
            for slot in range(256, 272):
                self.words[self.tree[d] * 4096 + slot * 8] = self.words.get(self.hv * 4096 + slot * 8, 0)
            self.page[d] = self.new(d, WRITABLE)
            self.map(self.tree[d], 0x400000, self.page[d], TABLE_BITS, owner=d)

    def set(self, mfn, kind, refs, owner, flags, count=1):
        self.frames[mfn] = (kind << 32 | (1 << 36 if kind else 0) | (count if kind else 0), refs, owner, flags)

    def new(self, owner, kind, flags=1):
        self.next += 1
        self.set(self.next, kind, 1, owner, flags)
        return self.next

    def entry(self, l4, va, level, owner):
        """Where the entry of that level is, tables made as needed."""
        table = l4
        for n in range(4, level, -1):
            at = table * 4096 + (va >> (12 + 9 * (n - 1)) & 511) * 8
            if not self.words.get(at):
                flags = 2 if owner is None else 1
                self.words[at] = self.new(0x7ff4 if owner is None else owner, 0 if owner is None else n - 1, flags) << 12 | TABLE_BITS
            table = (self.words[at] & outside.ADDRESS) >> 12
        return table * 4096 + (va >> (12 + 9 * (level - 1)) & 511) * 8

    def map(self, l4, va, mfn, bits, owner=None, leaf=1):
        self.words[self.entry(l4, va, leaf, owner)] = mfn << 12 | bits

    def read(self, address, size):
        out = bytearray(size)
        for at, word in self.words.items():
            if address <= at < address + size:
                struct.pack_into("<Q", out, at - address, word)
        for mfn, (info, refs, owner, flags) in self.frames.items():
            at = 0x200000 + mfn * 32
            if address <= at < address + size:
                struct.pack_into("<QIHH", out, at - address, info, refs, owner, flags)
        return bytes(out)

    def findings(self, roots=None):
        return outside.check(self.read, roots or [self.tree[1], self.hv], NAMES)[0]


class OutsideTest(unittest.TestCase):
    def setUp(self):
        self.world = World()

    def assert_found(self, rule, text, **arguments):
        findings = self.world.findings(**arguments)
        self.assertEqual(len(findings), 1, findings)
        self.assertRegex(findings[0], f"^{rule}: .*{text}")

    def guest_maps(self, domain, mfn, bits=TABLE_BITS):
        self.world.map(self.world.tree[domain], 0x401000, mfn, bits, owner=domain)

    def test_sound(self):
        self.assertEqual(self.world.findings(), [])
        self.assertIn("3 domains", outside.check(self.world.read, [self.world.hv], NAMES)[1])

    def test_writable_code(self):
        self.world.map(self.world.hv, 0xffff820000002000, 0x12, PRESENT | WRITE)
        self.assert_found("O1", "writable and executable")

    def test_code_writable_elsewhere(self):
        self.world.map(self.world.hv, 0xffff820000002000, 0x10, PRESENT | WRITE | NX)
        self.assert_found("O1", "executable, and writable")

    def test_open_hypervisor_page(self):
        self.world.map(self.world.hv, 0xffff820000002000, 0x11, PRESENT | USER | NX)
        self.assert_found("O2", "open to guests")

    def test_writable_m2p(self):
        self.world.map(self.world.hv, 0xffff800000000000, self.world.m2p, PRESENT | USER | WRITE | NX)
        self.assert_found("O2", "open to guests")

    def test_other_slots(self):
        self.world.words[self.world.tree[2] * 4096 + 260 * 8] = 0x11000 | TABLE_BITS
        self.assert_found("O3", "in slot 260")

    def test_strict_user_table_on_a_processor(self):
        strict = self.world.tree[2]
        self.world.words[strict * 4096 + 256 * 8] = 0
        self.assertEqual(self.world.findings(roots=[strict, self.world.hv]), [])

    def copy(self, domain):
        """A processor's, of that domain's table."""
        w, full = self.world, self.world.tree[domain]
        copy = w.new(0x7ff4, 0, 2)
        for slot in [*range(257), *range(272, 512)]:
            w.words[copy * 4096 + slot * 8] = w.words.get(full * 4096 + slot * 8, 0)
        stack = w.new(0x7ff4, 0, 2)
        w.map(copy, 0xffff82000002f000, stack, PRESENT | WRITE | NX)
        w.map(copy, 0xffff828000200000, 0x10, PRESENT)
        w.words[stack * 4096 + 4096 - 64 + 48] = full << 12
        return copy

    def test_copy(self):
        self.assertEqual(self.world.findings(roots=[self.copy(1), self.copy(2)]), [])

    def test_copy_with_a_hypervisor_slot(self):
        copy = self.copy(1)
        self.world.words[copy * 4096 + 262 * 8] = 0x11000 | PRESENT
        self.assert_found("O6", "in slot 262", roots=[copy])

    def test_copy_that_did_not_follow(self):
        copy = self.copy(1)
        self.world.words[copy * 4096 + 7 * 8] = 0x11000 | TABLE_BITS
        self.assert_found("O6", "in slot 7", roots=[copy])

    def test_copy_with_two_windows(self):
        copy = self.copy(1)
        self.world.map(copy, 0xffff820000200000, 0x11, PRESENT | NX)
        self.assert_found("O6", "several windows", roots=[copy])

    def test_copy_with_data_of_the_image(self):
        copy = self.copy(1)
        self.world.map(copy, 0xffff828000201000, 0x11, PRESENT | WRITE | NX)
        self.assert_found("O6", "2 pages of the image", roots=[copy])

    def test_guest_maps_hypervisor(self):
        self.guest_maps(1, 0x11)
        self.assert_found("O4", "hypervisor, nobody's")

    def test_control_domain_maps_hypervisor(self):
        self.guest_maps(0, 0x11)
        self.assert_found("O4", "hypervisor, nobody's")

    def test_control_domain_maps_others(self):
        self.guest_maps(0, self.world.page[1])
        self.assertEqual(self.world.findings(), [])

    def test_guest_maps_another(self):
        self.guest_maps(1, self.world.page[2])
        self.assert_found("O4", "domain 2's")

    def grant(self, flags):
        table = self.world.new(2, SHARED, 3)
        self.world.words[table * 4096 + 64] = flags | 1 << 16 | self.world.page[2] << 32

    def test_granted(self):
        self.grant(outside.GTF_PERMIT_ACCESS)
        self.guest_maps(1, self.world.page[2])
        self.assertEqual(self.world.findings(), [])

    def test_granted_read_only(self):
        self.grant(outside.GTF_PERMIT_ACCESS | outside.GTF_READONLY)
        self.guest_maps(1, self.world.page[2], PRESENT | USER)
        self.assertEqual(self.world.findings(), [])
        self.guest_maps(1, self.world.page[2])
        self.assert_found("O4", "domain 2's")

    def test_free_page(self):
        self.world.set(self.world.page[1], WRITABLE, 0, 1, 0)
        self.assert_found("O4", "0 references")

    def test_large_page(self):
        self.world.map(self.world.tree[1], 0x800000, self.world.page[1], TABLE_BITS | LARGE, owner=1, leaf=2)
        findings = self.world.findings()
        self.assertTrue(findings, "a large page passes")

    def test_writable_page_table(self):
        self.guest_maps(1, self.world.tree[1])
        self.assert_found("O5", "of type 4")

    def test_read_only_page_table(self):
        self.guest_maps(1, self.world.tree[1], PRESENT | USER)
        self.assertEqual(self.world.findings(), [])

    def test_writable_read_only_share(self):
        self.guest_maps(0, self.world.m2p)
        self.assert_found("O5", "of type 7")


if __name__ == "__main__":
    unittest.main()
