# SPDX-License-Identifier: GPL-2.0-or-later
"""The machine of all figures, and what is booted on it: bench/run and bench/where.

QEMU counts instructions (-icount shift=0): one executed instruction is one tick of the guest's TSC.
"""
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = Path(os.environ.get("BUILD") or ROOT / "build")
LINUX_PREFIX = "Linux: "
MACHINE = ["qemu-system-x86_64", "-icount", "shift=0,sleep=off", "-rtc", "base=2024-01-01T00:00:00,clock=vm", "-M", "q35",
           "-cpu", "qemu64,+svm,+npt,+smep", "-smp", "1", "-m", "512", "-display", "none", "-no-reboot", "-net", "none"]
HYPERVISOR_OPTIONS = "console=com1 com1=115200,8n1 noreboot"
# Addresses that do not change between boots: page tables come and go at the same places.
LINUX_OPTIONS = "norandmaps quiet"


def machine(console, *options):
    return [*MACHINE, "-serial", f"file:{console}", *options]


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


def command_line(name, hypervisor, console, trace=False):
    if name.startswith(LINUX_PREFIX):
        operation = name[len(LINUX_PREFIX):].replace(",", ",,")
        return linux(console, hypervisor, linux_options=f'trace="{operation}"' if trace else "")
    return guest(console, hypervisor, guest_options=f"trace={name}".replace(",", ",,") if trace else "")
