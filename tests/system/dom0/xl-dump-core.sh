# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# xl dump-core: a core in Xen's format with the guest's registers and pages, and the guest goes on.
# seconds: 90
start_tiny one memory=96
guest_run one 'echo a-word-to-be-found-$((6*7)) >/tmp/word'
xl dump-core one /tmp/core >/dev/null
python3 - /tmp/core <<'PYTHON' || fail "the core is not right"
import struct, sys
core = open(sys.argv[1], "rb").read()
assert core[:6] == b"\x7fELF\2\1", "not a 64-bit ELF file"
sections, = struct.unpack_from("<Q", core, 40)
size, count, names = struct.unpack_from("<HHH", core, 58)
table = [struct.unpack_from("<IIQQQQIIQQ", core, sections + i * size) for i in range(count)]
text = table[names][4]
parts = {core[text + s[0]:core.index(b"\0", text + s[0])].decode(): core[s[4]:s[4] + s[5]] for s in table}
pages, p2m = parts[".xen_pages"], parts[".xen_p2m"]
assert len(pages) == 4096 * (len(p2m) // 16) >= 90 << 20, f"{len(pages)} bytes of pages, {len(p2m) // 16} places"
assert parts[".xen_prstatus"], "no registers"
assert b"a-word-to-be-found-42" in pages, "the guest's memory is not in it"
PYTHON
rm /tmp/core
guest_run one true 20 || fail "the guest does not answer after the dump"
