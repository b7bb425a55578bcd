# SPDX-License-Identifier: GPL-2.0-or-later
"""The machine of all figures, and what is booted on it: bench/run and bench/where.

QEMU counts instructions (-icount shift=0): one executed instruction is one tick of the guest's TSC.
"""
import lzma
import os
import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = Path(os.environ.get("BUILD") or ROOT / "build")
LINUX_PREFIX = "Linux: "
MACHINE = ["qemu-system-x86_64", "-icount", "shift=0,sleep=off", "-rtc", "base=2024-01-01T00:00:00,clock=vm", "-M", "q35",
           "-cpu", "qemu64,+svm,+npt,+smep", "-smp", "1", "-m", "512", "-display", "none", "-no-reboot", "-net", "none"]
HYPERVISOR_OPTIONS = "console=com1 com1=115200,8n1 noreboot"
# Addresses that do not change between boots: page tables come and go at the same places.
LINUX_OPTIONS = "norandmaps quiet"
# The sources in bench/linux that measure Linux's operations.
OPERATIONS = ["calls", "processes", "mappings"]


def machine(console, *options):
    return [*MACHINE, "-serial", f"file:{console}", *options]


def unpack_kernel(image):
    """The ELF file within a bzImage packed with xz, as Debian's is."""
    start = (image[0x1f1] + 1) * 512 + struct.unpack_from("<I", image, 0x248)[0]
    payload = image[start:start + struct.unpack_from("<I", image, 0x24c)[0]]
    return lzma.LZMADecompressor().decompress(payload)


def names_in(*sources):
    """What may be names of rows: the strings in sources of bench/linux."""
    return re.findall(r'"([^"\n]*)"', "\n".join((ROOT / "bench/linux" / f"{source}.c").read_text() for source in sources))


def linux_images():
    """Debian's kernel, unpacked, and the initramfs: bench/linux and, if there is one, a static busybox as its shell."""
    packed, where = BUILD / "demo/dom0/vmlinuz", BUILD / "bench/linux"
    if not packed.exists():
        print(f"bench: SKIP Linux rows: there is no {packed}: make demo-images", file=sys.stderr)
        return False
    kernel, root = where / "vmlinux", where / "root"
    if not kernel.exists() or kernel.stat().st_mtime < packed.stat().st_mtime:
        kernel.write_bytes(unpack_kernel(packed.read_bytes()))
    shutil.rmtree(root, ignore_errors=True)
    (root / "bin").mkdir(parents=True)
    shutil.copy(where / "init", root / "init")
    busybox = shutil.which("busybox")
    if busybox and b"statically linked" in subprocess.run(["file", "-L", busybox], capture_output=True).stdout:
        shutil.copy(busybox, root / "bin/sh")
    else:
        print("bench: SKIP sh: there is no static busybox (package busybox-static)", file=sys.stderr)
    with open(where / "initrd", "wb") as initrd:
        subprocess.run(["cpio", "--quiet", "-o", "-H", "newc", "--reproducible"], input=b"init\nbin\nbin/sh\n" if (root / "bin/sh").exists() else b"init\n",
                       cwd=root, stdout=initrd, check=True)
    return True


def linux(console, hypervisor, options="", linux_options=""):
    """Linux with bench/linux as its first process: native if hypervisor is None."""
    kernel, initrd = BUILD / "bench/linux/vmlinux", BUILD / "bench/linux/initrd"
    if hypervisor is None:
        return machine(console, "-kernel", kernel, "-initrd", initrd, "-append", f"console=ttyS0 {LINUX_OPTIONS} {linux_options}")
    return machine(console, "-kernel", hypervisor, "-append", f"{HYPERVISOR_OPTIONS} dom0_mem=256M,max:256M {options}",
                   "-initrd", f"{kernel} console=hvc0 {LINUX_OPTIONS} {linux_options},{initrd}")


def guest(console, hypervisor, options="", guest_options=""):
    """The bare-metal guest."""
    image = BUILD / "bench/guest"
    return machine(console, "-kernel", hypervisor, "-append", f"{HYPERVISOR_OPTIONS} dom0_mem=64M,max:64M {options}",
                   "-initrd", f"{image} {guest_options}")


def with_module(console, hypervisor, image, options, guest_options, memory):
    """The control domain `image`, which builds domains from the pair's."""
    module = BUILD / "bench/pair"
    return [*machine(console, "-kernel", hypervisor, "-append", f"{HYPERVISOR_OPTIONS} dom0_mem=64M,max:64M {options}",
                     "-initrd", f"{BUILD / 'bench' / image} {guest_options},{module}"), "-m", memory]


def pair(console, hypervisor, options="", guest_options=""):
    """Two domains that measure each other."""
    return with_module(console, hypervisor, "pair", options, guest_options, "512")


def life(console, hypervisor, options="", guest_options=""):
    """Domains come and go."""
    return with_module(console, hypervisor, "life", options, guest_options, "2048")


def image_of(name):
    """Which of the bare-metal guests has the row."""
    return next((i for i in ("guest", "life") if name.encode() + b"\0" in (BUILD / "bench" / i).read_bytes()), "pair")


def command_line(name, hypervisor, console, trace=False):
    if name.startswith(LINUX_PREFIX):
        operation = name[len(LINUX_PREFIX):].replace(",", ",,")
        return linux(console, hypervisor, linux_options=f'trace="{operation}"' if trace else "")
    boot = {"guest": guest, "pair": pair, "life": life}[image_of(name)]
    return boot(console, hypervisor, guest_options=f"trace={name}".replace(",", ",,") if trace else "")
