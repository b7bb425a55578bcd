# SPDX-License-Identifier: GPL-2.0-or-later
"""Counts instructions from a hypervisor's entry to dom0's first: bench/boot-instructions and bench/run.

QEMU counts the instructions that the guest executes (-icount) and its recorder tells the count
whenever the machine stands still; breakpoints stop it at the image's entry and at the address that
the dom0 kernel's notes give as its entry. Waiting in HLT costs nothing, busy waiting does.
The machine is q35, 2 GiB, one CPU of 1 GHz, dom0 with 1 GiB.
"""
import gzip
import json
import lzma
import os
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MACHINE = ["-machine", "q35", "-cpu", "qemu64,+svm,+npt,+smep", "-smp", "1", "-m", "2048",
           "-nic", "none", "-display", "none", "-rtc", "base=2024-01-01T00:00:00,clock=vm"]
OPTIONS = "console=com1 dom0_mem=1024M,max:1024M noreboot"
XEN_NOTE_ENTRY = 1
TIMEOUT = 600


class Elf:
    """The program headers of an ELF image, 32 or 64 bit."""

    def __init__(self, data):
        self.data = data
        wide = data[4] == 2
        if wide:
            self.entry, phoff = struct.unpack_from("<QQ", data, 24)
            size, count = struct.unpack_from("<HH", data, 54)
        else:
            self.entry, phoff = struct.unpack_from("<II", data, 24)
            size, count = struct.unpack_from("<HH", data, 42)
        self.notes = []
        for at in range(phoff, phoff + size * count, size):
            kind, = struct.unpack_from("<I", data, at)
            offset, = struct.unpack_from("<Q" if wide else "<I", data, at + (8 if wide else 4))
            length, = struct.unpack_from("<Q" if wide else "<I", data, at + (32 if wide else 16))
            if kind == 4:
                self.notes += self.read_notes(offset, offset + length)

    def read_notes(self, at, end):
        while at + 12 <= end:
            name_bytes, bytes_, kind = struct.unpack_from("<III", self.data, at)
            name = self.data[at + 12:at + 12 + name_bytes]
            at += 12 + (name_bytes + 3 & ~3)
            yield name, kind, self.data[at:at + bytes_]
            at += bytes_ + 3 & ~3

    def xen_note(self, wanted):
        for name, kind, value in self.notes:
            if name == b"Xen\0" and kind == wanted:
                return int.from_bytes(value, "little")
        sys.exit("the dom0 kernel has no Xen note with its entry point")


def unpack_kernel(image):
    """The ELF file within a bzImage packed with xz or gzip."""
    if image[:4] == b"\x7fELF":
        return image
    start = (image[0x1f1] + 1) * 512 + struct.unpack_from("<I", image, 0x248)[0]
    payload = image[start:start + struct.unpack_from("<I", image, 0x24c)[0]]
    if payload[:6] == b"\xfd7zXZ\0":
        return lzma.LZMADecompressor().decompress(payload)
    if payload[:2] == b"\x1f\x8b":
        return gzip.decompress(payload)
    sys.exit("the dom0 kernel is packed neither with xz nor with gzip")


class Monitor:
    """QEMU's machine protocol, as much as is needed."""

    def __init__(self, connection):
        self.file = connection.makefile("rw")
        self.file.readline()
        self.ask("qmp_capabilities")

    def ask(self, command):
        print(json.dumps({"execute": command}), file=self.file, flush=True)
        while True:
            answer = json.loads(self.file.readline())
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                sys.exit(f"QEMU: {command}: {answer['error']['desc']}")


class Debugger:
    """QEMU's gdb server, as much as is needed."""

    def __init__(self, connection):
        self.connection = connection
        connection.settimeout(TIMEOUT)

    def send(self, text):
        self.connection.sendall(b"$%s#%02x" % (text.encode(), sum(text.encode()) % 256))

    def receive(self):
        data = b""
        while not (data.startswith(b"$") and len(data) > 3 and data[-3:-2] == b"#"):
            c = self.connection.recv(1)
            if not c:
                sys.exit("QEMU has ended before dom0's first instruction")
            if data or c == b"$":
                data += c
        self.connection.sendall(b"+")
        return data[1:-3].decode()

    def run_to(self, address):
        self.send(f"Z1,{address:x},1")
        self.receive()
        self.send("c")
        reason = self.receive()
        if not reason.startswith("T05"):
            sys.exit(f"the machine stopped otherwise than at 0x{address:x}: {reason}")
        self.send(f"z1,{address:x},1")
        self.receive()


def connect(path, process):
    for _ in range(200):
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(str(path))
            return connection
        except OSError:
            connection.close()
            if process.poll() is not None:
                break
            time.sleep(0.1)
    sys.exit("QEMU does not start: " + process.stderr.read().decode())


def measure(hypervisor, dom0, options=""):
    """Instructions between the two entries. dom0: folder with vmlinuz and initrd.img."""
    target = Elf(unpack_kernel((dom0 / "vmlinuz").read_bytes())).xen_note(XEN_NOTE_ENTRY)
    entry = Elf(hypervisor.read_bytes()).entry
    with tempfile.TemporaryDirectory() as where:
        where = Path(where)
        process = subprocess.Popen(
            ["qemu-system-x86_64", *MACHINE, "-S", "-kernel", hypervisor, "-append", f"{OPTIONS} {options}",
             "-initrd", f"{dom0}/vmlinuz console=hvc0,{dom0}/initrd.img",
             "-icount", f"shift=0,sleep=off,rr=record,rrfile={where}/record",
             "-serial", f"file:{where}/console", "-monitor", "none",
             "-qmp", f"unix:{where}/qmp,server=on,wait=off", "-gdb", f"unix:{where}/gdb,server=on,wait=off"],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            monitor = Monitor(connect(where / "qmp", process))
            debugger = Debugger(connect(where / "gdb", process))
            debugger.run_to(entry)
            first = monitor.ask("query-replay")["icount"]
            debugger.run_to(target)
            return monitor.ask("query-replay")["icount"] - first
        finally:
            process.kill()
            process.wait()
            if os.environ.get("CONSOLE"):
                sys.stderr.write((where / "console").read_text(errors="replace"))
