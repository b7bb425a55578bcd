# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The card's line interrupt, through the I/O APIC, arrives.
wait_for 20 ping -c 1 -W 1 10.0.2.2
card=$(basename "$(dirname "$(ls -d /sys/class/net/*/device | head -n 1)")")
expect "line interrupts of $card" "xen-pirq +-ioapic-level +$card" grep -E "^ *[0-9]+:.* [1-9][0-9]* .*$card" /proc/interrupts
