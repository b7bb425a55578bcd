# SPDX-License-Identifier: GPL-2.0-or-later
"""Rows of two domains beside each other, of domains that come and go, and of the boot."""
import re
import subprocess
import sys

import boot_count
import machine
from machine import BUILD

BOOT_ROW = "boot: hypervisor's entry to dom0's first instruction"
BYTES_PREFIX = "memory of "
NOSPEC = "spec-ctrl=no"


NOTES = [
    "Two domains: the figure is a whole turn, seen by the one that begins: both domains' hypercalls, two switches of context, and, for",
    "events, two upcalls with their handlers. Their TSCs are native. A domain's creation: all hypercalls from `createdomain` to",
    "`setvcpucontext` (one vCPU, 2 MiB extents unless the row says otherwise, 16 MiB of page tables to pin), without what the builder does",
    "in between. Its end: from `destroydomain` until `getdomaininfo` does not find it and its memory is free. Both hypervisors clear pages",
    "when they are handed out again or while the CPU idles; it never does here, so that clearing is a part of the creation on both.",
    "Memory of the hypervisor: what the firmware's map calls RAM, less what is free and what dom0 has, on a machine of 2 GiB; of an",
    "idle domain: what 20 with one vCPU cost, their own pages apart. Boot: Debian's kernel as dom0, 2 GiB.",
]


def names(image):
    """What a bare-metal guest may print as a name: its constant strings but for formats and checked expressions."""
    text = subprocess.run(["readelf", "-p", ".rodata", BUILD / "bench" / image], check=True, capture_output=True, text=True, errors="replace").stdout
    return [s for s in re.findall(r"^ +\[ *[0-9a-f]+\]  (.*)$", text, re.M) if not re.search(r"[&?\[%=]|HC\d", s)]


def is_wanted(image, wanted):
    return any(wanted(name) for name in names(image))


def guest_rows(image, command, zendo, xen, boot):
    on_zendo = boot(f"{image}-zendo", lambda log: command(log, zendo))
    on_xen = boot(f"{image}-xen", lambda log: command(log, xen))
    nospec = boot(f"{image}-xen-nospec", lambda log: command(log, xen, NOSPEC))
    for name, value in on_zendo.items():
        yield name, "bytes" if name.startswith(BYTES_PREFIX) else "instructions", value, on_xen.get(name), nospec.get(name)


def boot_rows(zendo, xen):
    dom0 = BUILD / "demo/dom0"
    if not (dom0 / "initrd.img").exists():
        print(f"bench: SKIP boot: there is no {dom0}/initrd.img: make demo-images", file=sys.stderr)
        return []
    counts = boot_count.measure(zendo, dom0), boot_count.measure(xen, dom0), boot_count.measure(xen, dom0, NOSPEC)
    return [(BOOT_ROW, "instructions", *counts)]


def rows(zendo, xen, boot, wanted):
    """(name, unit, zendo, xen, xen_nospec) of those parts of which something is wanted. boot: a machine to its end, {name: value}."""
    found = []
    if is_wanted("pair", wanted):
        found += guest_rows("pair", machine.pair, zendo, xen, boot)
    if is_wanted("life", wanted):
        found += guest_rows("life", machine.life, zendo, xen, boot)
    if wanted(BOOT_ROW):
        found += boot_rows(zendo, xen)
    return found
