# SPDX-License-Identifier: GPL-2.0-or-later
"""Kernels, disks and hypervisor images other than the ones that the build makes."""
import gzip
import lzma
import random
import struct
import subprocess

SECTOR = 512
MULTIBOOT1_MAGIC = struct.pack("<I", 0x1badb002)
PARTITION_SECTOR = 2048
LINUX_PARTITION = 0x83


def corrupt(data):
    third = len(data) // 3
    return data[:third] + b"\xa5" * third + data[2 * third:]


def elf(bits, notes):
    """An ELF file with one page of code and Xen notes {number: text or address}."""
    word, header, entry = ("<Q", 64, 56) if bits == 64 else ("<I", 52, 32)
    number = struct.Struct(word).pack
    note = b"".join(struct.pack("<III4s", 4, len(v), n, b"Xen") + v.ljust(-len(v) % 4 + len(v), b"\0") for n, v in
                    ((n, v.encode() + b"\0" if isinstance(v, str) else number(v)) for n, v in notes.items()))
    at = header + 2 * entry
    ident = b"\x7fELF" + bytes([2 if bits == 64 else 1, 1, 1]) + bytes(9)
    start = struct.pack("<HHI", 2, 62 if bits == 64 else 3, 1) + number(0x100000) + number(header) + number(0)
    start += struct.pack("<IHHHHHH", 0, header, entry, 2, 0, 0, 0)

    def segment(kind, offset, address, size):
        places = b"".join(map(number, [offset, address, address, size, size]))
        flags = struct.pack("<I", 7)
        if bits == 64:
            return struct.pack("<I", kind) + flags + places + number(4)
        return struct.pack("<I", kind) + places + flags + number(4)

    code = at + len(note)
    return ident + start + segment(1, code, 0x100000, 4096) + segment(4, at, 0, len(note)) + note + b"\xf4" * 4096


def payload_of(bzimage):
    """Where the packed kernel is in a bzImage: first byte, size (Linux boot protocol 2.08)."""
    at, = struct.unpack_from("<I", bzimage, 0x248)
    return (bzimage[0x1f1] + 1) * SECTOR + at, struct.unpack_from("<I", bzimage, 0x24c)[0]


def unpacked(bzimage):
    """The ELF file in Debian's kernel, which is packed with xz and followed by its size."""
    start, size = payload_of(bzimage)
    return lzma.decompress(bzimage[start:start + size - 4])


def packed_by(*command):
    def pack(data):
        return subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout
    return pack


def repacked(pack, has_size=False):
    """A function that makes a bzImage with its kernel in another format. As in the kernel's own
    build, the unpacked size follows, unless the format ends with it."""
    def convert(bzimage):
        start, _ = payload_of(bzimage)
        kernel = unpacked(bzimage)
        payload = pack(kernel) + (b"" if has_size else struct.pack("<I", len(kernel)))
        head = bytearray(bzimage[:start])
        struct.pack_into("<I", head, 0x24c, len(payload))
        return bytes(head) + payload
    return convert


# What a file in [machine] may be instead of the real one, made from its contents.
KINDS = {
    "unpacked": unpacked,
    "gzip": repacked(lambda data: gzip.compress(data, 1), has_size=True),
    "zstd": repacked(packed_by("zstd", "-q", "-3", "-c")),
    "lz4": repacked(packed_by("lz4", "-q", "-l", "-c")),
    "corrupt": corrupt,
    "truncated": lambda data: data[:len(data) // 2],
    "random": lambda data: random.Random(1).randbytes(len(data)),
    "plain": lambda data: elf(64, {}),
    "32-bit": lambda data: elf(32, {5: "xen-3.0", 6: "linux", 8: "generic", 1: 0x100000, 3: 0, 9: "yes"}),
}


def without_multiboot(image):
    """The hypervisor for loaders that know PVH: QEMU would take the multiboot header."""
    at = image.index(MULTIBOOT1_MAGIC)
    return image[:at] + bytes(4) + image[at + 4:]


def partitioned(source, target):
    """The guest's disk as an installer leaves it: a partition table, the file system in the first
    partition, GRUB's configuration with the root's label in place of a device."""
    start, size = PARTITION_SECTOR * SECTOR, source.stat().st_size
    entry = struct.pack("<B3sB3sII", 0x80, b"\xfe\xff\xff", LINUX_PARTITION, b"\xfe\xff\xff",
                        PARTITION_SECTOR, size // SECTOR)
    target.unlink(missing_ok=True)
    subprocess.run(["dd", f"if={source}", f"of={target}", "bs=1M", f"seek={start >> 20}",
                    "conv=sparse", "status=none"], check=True)
    with open(target, "r+b") as disk:
        disk.truncate(start + size)
        disk.seek(446)
        disk.write(entry + bytes(48) + b"\x55\xaa")
    config = target.with_suffix(".cfg")
    config.write_text('''set timeout=0
search --no-floppy --label --set=root zendo-part
menuentry "Debian" {
    linux /boot/vmlinuz root=LABEL=zendo-part rw console=hvc0
    initrd /boot/initrd.img
}
''')
    subprocess.run(["debugfs", "-w", "-f", "-", f"{target}?offset={start}"], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, input=f"ssv volume_name zendo-part\nrm /boot/grub/grub.cfg\nwrite {config} /boot/grub/grub.cfg\n".encode())
