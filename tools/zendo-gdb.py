# SPDX-License-Identifier: GPL-2.0-or-later
"""gdb commands for a hypervisor that runs in QEMU: gdb -x tools/zendo-gdb.py build/zendo.elf (docs/debugging.md)"""
import gdb

STACK_BYTES = 0x8000           # arch/layout.h
FRAME_TABLE = 0xffff810000000000


def symbol(name):
    return gdb.parse_and_eval(name)


def command(function):
    """Makes a gdb command of a function of the command's argument."""
    class Command(gdb.Command):
        __doc__ = function.__doc__

        def __init__(self):
            super().__init__(function.__name__, gdb.COMMAND_DATA)

        def invoke(self, argument, from_tty):
            function(argument)

    Command()
    return function


@command
def cpu(argument):
    """Which CPU this is and what it runs; sets $cpu_info and $current. In the hypervisor only."""
    top = (int(symbol("$rsp")) & ~(STACK_BYTES - 1)) + STACK_BYTES
    info = gdb.Value(top).cast(gdb.lookup_type("struct cpu_info").pointer()) - 1
    current = info["current_vcpu"]
    gdb.set_convenience_variable("cpu_info", info)
    gdb.set_convenience_variable("current", current)
    print(f"CPU{int(info['cpu'])} runs d{int(current['domain']['id'])}v{int(current['id'])}, "
          f"guest at {int(info['guest']['rip']):#x}, stack {int(info['guest']['rsp']):#x}")


@command
def percpu(argument):
    """percpu NAME [CPU]: a variable made by DEFINE_PER_CPU(type, NAME)."""
    name, _, number = argument.partition(" ")
    address = symbol(f"&percpu_{name}")
    offset = symbol("percpu_offset")[int(number or 0)]
    print((address.cast(gdb.lookup_type("unsigned long")) + offset).cast(address.type).dereference())


@command
def domains(argument):
    """All domains."""
    chunks = symbol("'hv/domain/domain.c'::chunk")
    for chunk in (chunks[i] for i in range(chunks.type.range()[1] + 1)):
        for d in (chunk[i] for i in range(512) if chunk):
            if d:
                print(f"d{int(d['id'])} at {int(d):#x}: {int(d['nr_pages'])} pages, up to {int(d['max_vcpus'])} vCPUs, {int(d['refs'])} references")


@command
def page(argument):
    """page MFN: its entry in the frame table."""
    print(symbol(f"((struct frame *){FRAME_TABLE:#x})[{argument}]"))
