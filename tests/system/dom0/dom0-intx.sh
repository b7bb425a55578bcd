# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The card's line interrupt, through the I/O APIC, arrives.
wait_for 20 ping -c 1 -W 1 10.0.2.2
expect "line interrupts of the card" 'xen-pirq +-ioapic-level +eth0' grep -E '^ *[0-9]+:.* [1-9][0-9]* .*eth0' /proc/interrupts
