# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# MSI-X: several vectors of one device, and each that is in use arrives.
vectors=$(grep -Ec 'xen-pirq +-msi-x +nvme[0-9]+q[0-9]' /proc/interrupts)
[ "$vectors" -ge 3 ] || fail "$vectors vectors: $(grep nvme /proc/interrupts)"
expect "messages of a queue" . grep -E '^ *[0-9]+:.* [1-9][0-9]* .*nvme0q[1-9]' /proc/interrupts
