# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The disk controller's single-vector MSI arrives.
head -c 1M /dev/vda >/dev/null 2>&1 || head -c 1M /dev/sda >/dev/null
expect "messages of the controller" 'xen-pirq +-msi +ahci' grep -E '^ *[0-9]+:.* [1-9][0-9]* .*ahci' /proc/interrupts
