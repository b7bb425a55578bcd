# SPDX-License-Identifier: GPL-2.0-or-later
"""Rows of Linux as a PV guest: its operations, blocks and packets through the back ends, a package compiled; beside native Linux.

A guest measures by bench/linux, as dom0 and native Linux do; dom0 (bench/dom0, made by bench/mkimages) creates it with
`xl create`, waits, and prints what its console said.
"""
import shutil
import subprocess
import sys

import machine
from machine import BUILD, HYPERVISOR_OPTIONS, LINUX_OPTIONS

PREFIX = "Linux guest: "
IMAGES = BUILD / "bench/domu"
# Large pages are for native Linux alone, if it has 512 MiB; a PV guest has none.
COMMON = f"{LINUX_OPTIONS} ipv6.disable=1 transparent_hugepage=never"
# RDTSC is not trapped; with a uuid xl does not wait for random numbers.
CONFIGURATION = """name="{name}"
type="pv"
uuid="00000000-0000-4000-8000-00000000000{number}"
kernel="/bench/vmlinux"
ramdisk="/bench/{name}.img"
memory={memory}
vcpus=1
tsc_mode="native"
on_poweroff="destroy"
on_crash="destroy"
extra='console=hvc0 {options} last=poweroff'
{devices}
"""
DEVICES = '''disk=["format=raw,vdev=xvda,access=rw,script=hotplug,target=/dev/ram0"]
vif=["mac=00:16:3e:00:00:01,script=hotplug"]'''

# For docs/benchmarks.md.
NOTES = [
    "Created by `xl` (`vcpus=1`, `tsc_mode=\"native\"`), beside a dom0 that waits, on one CPU. Natively too Linux has no large pages",
    "(`transparent_hugepage=never`), for a PV guest has none. The goals are ratios to native.",
]
DEVICE_NOTES = [
    "Blocks: O_DIRECT, one at a time, through blkfront and blkback to a RAM disk in dom0; natively the same on the RAM disk. Packets: through",
    "netfront and netback to a process in dom0, no bridge; natively to a process in another network namespace over a veth pair. A stream is 64",
    "datagrams, then an answer, the figure a 64th. Compiler: Debian's make and gcc build bzip2, without optimisation, in the guest's initramfs;",
    "one build. All count what guest, dom0, and hypervisor execute. Nothing waits for a timer in the read and the round trip: `bench/where` counts as",
    "many executed instructions as there are ticks.",
]


class Guest:
    """What one guest measures: the sources that name its rows, images that are joined to its initramfs, options."""

    def __init__(self, name, sources, images=(), memory=256, options="", native="", devices="", native_memory=512):
        self.name, self.sources, self.images, self.memory, self.native_memory = name, sources, images, memory, native_memory
        self.options, self.native, self.devices = options, native, devices

    def has_row_like(self, wanted):
        return any(wanted(PREFIX + name) for name in machine.names_in(*self.sources))

    def lacks(self):
        """Why it cannot run here."""
        missing = [name for name in self.images if not (IMAGES / f"{name}.img").exists()]
        return f"there is no {IMAGES / missing[0]}.img: bench/mkimages" if missing else None

    def initramfs(self):
        return b"".join(path.read_bytes() for path in [BUILD / "bench/linux/initrd", *(IMAGES / f"{name}.img" for name in self.images)])


GUESTS = [
    Guest("operations", machine.OPERATIONS),
    Guest("io", ["io"], ["modules"], options="io=guest", native="io=native", devices=DEVICES),
    Guest("compile", ["compile"], ["compile"], memory=512, options="compile=1", native="compile=1", native_memory=1024),
]


def dom0_initramfs(guests, options=""):
    """dom0's own, followed by one that holds the guests."""
    tree = IMAGES / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    (tree / "bench").mkdir(parents=True)
    shutil.copy(BUILD / "bench/linux/init", tree / "bench/init")
    shutil.copy(BUILD / "bench/linux/vmlinux", tree / "bench/vmlinux")
    for number, g in enumerate(guests):
        (tree / f"bench/{g.name}.img").write_bytes(g.initramfs())
        (tree / f"bench/{g.name}.cfg").write_text(CONFIGURATION.format(name=g.name, number=number, memory=g.memory,
                                                                       options=f"{COMMON} {g.options} {options}", devices=g.devices))
    image = IMAGES / "initrd"
    with open(image, "wb") as out:
        out.write((IMAGES / "dom0.img").read_bytes())
        out.flush()
        subprocess.run("find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0 --reproducible", shell=True, cwd=tree, stdout=out, check=True)
    shutil.rmtree(tree)
    return image


def on_hypervisor(log, hypervisor, guests, options="", linux_options=""):
    kernel, names = BUILD / "bench/linux/vmlinux", ",,".join(g.name for g in guests)
    return machine.machine(log, "-m", "2048", "-kernel", hypervisor, "-append", f"{HYPERVISOR_OPTIONS} dom0_mem=768M,max:768M {options}",
                           "-initrd", f"{kernel} console=hvc0 {COMMON} {linux_options} guests={names},{IMAGES / 'initrd'}")


def tracing(name, hypervisor, log):
    """The machine in which a guest repeats one operation; it says TRACE when it does (bench/where)."""
    guests = runnable(lambda n: n == name)[:1]
    if not guests:
        sys.exit(f"no such row to repeat: {name}")
    dom0_initramfs(guests, f'trace="{name[len(PREFIX):]}"')
    return on_hypervisor(log, hypervisor, guests, linux_options="trace=yes")


def natively(log, g):
    image = IMAGES / f"{g.name}-native.img"
    image.write_bytes(g.initramfs())
    return machine.machine(log, "-m", str(g.native_memory), "-kernel", BUILD / "bench/linux/vmlinux", "-initrd", image,
                           "-append", f"console=ttyS0 {COMMON} {g.native}")


def runnable(wanted):
    if not machine.linux_images():
        return []
    guests = []
    for g in (g for g in GUESTS if g.has_row_like(wanted)):
        if g.lacks():
            print(f"bench: SKIP {PREFIX}{g.name}: {g.lacks()}", file=sys.stderr)
        else:
            guests.append(g)
    if guests and not (IMAGES / "dom0.img").exists():
        print(f"bench: SKIP {PREFIX.strip()} there is no {IMAGES}/dom0.img: bench/mkimages", file=sys.stderr)
        return []
    return guests


def rows(zendo, xen, boot, wanted):
    """What bench/run's row() takes, a tuple each; `boot` and `wanted` are bench/run's too."""
    guests = runnable(wanted)
    if not guests:
        return []
    dom0_initramfs(guests)
    on_zendo = boot("domu-zendo", lambda log: on_hypervisor(log, zendo, guests))
    on_xen = boot("domu-xen", lambda log: on_hypervisor(log, xen, guests))
    nospec = boot("domu-xen-nospec", lambda log: on_hypervisor(log, xen, guests, "spec-ctrl=no"))
    native = {}
    for g in guests:
        native.update(boot(f"domu-native-{g.name}", lambda log, g=g: natively(log, g)))
    return [(PREFIX + n, "instructions", v, on_xen.get(n), nospec.get(n), native.get(n)) for n, v in on_zendo.items()]


def is_operation(name):
    """Of Linux alone: no device, no compiler."""
    return name[len(PREFIX):] in machine.names_in(*machine.OPERATIONS)
