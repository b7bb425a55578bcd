# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# dom0 sees its devices; drivers are bound to them, with the kind of interrupt that they ask for.
expect "devices" 'Host bridge' lspci
expect "drivers" 'Kernel driver in use' lspci -k
expect "MSI-X or MSI" 'xen-pirq +-msi|-msi-x|-msi' cat /proc/interrupts
